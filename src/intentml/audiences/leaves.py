"""Leaves of a rule: one question about a customer each, answered true or false.

What comes in: JSON, YAML or text, through `rule`. What goes out: frozen values that say what is asked, and
compute nothing. A question about something unknown of a customer is answered false.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

Operator = Literal[
    "=", "!=", ">", ">=", "<", "<=", "in", "not in", "between", "not between", "is null", "is not null",
    "contains", "not contains", "starts with", "not starts with", "ends with", "not ends with",
    "matches", "not matches",
]  # fmt: skip
OPERATORS: tuple[str, ...] = get_args(Operator)
WITHOUT_VALUE = ("is null", "is not null")
OF_LISTS = ("in", "not in")
OF_PAIRS = ("between", "not between")

Scalar = StrictBool | StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)] | StrictStr
# A flag and a number in quotes are none.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]
Names = tuple[Annotated[str, Field(min_length=1)], ...]
Days = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(gt=0, le=1)]


class Frozen(BaseModel):
    """Frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Comparison(Frozen):
    """A field against a value; a customer whose field is null fits `is null` and nothing else.

    Attributes:
        field: A trait, a column of the scores, or a column of the customers table.
        op: How.
        value: A number, word or flag; several for `in`, two for `between`, both ends inside; none for
            `is null`. Instants are written as dates: midnight in the shop's time zone.
    """

    field: str = Field(min_length=1)
    op: Operator
    value: Scalar | tuple[Scalar, ...] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Comparison:
        several = self.value if isinstance(self.value, tuple) else None
        if self.op in WITHOUT_VALUE:
            good, wanted = self.value is None, "takes no value"
        elif self.op in OF_LISTS:
            good, wanted = bool(several), "takes a list of values, at least one"
        elif self.op in OF_PAIRS:
            good, wanted = several is not None and len(several) == 2, "takes two values"
        else:
            good, wanted = self.value is not None and several is None, "takes one value"
        if not good:
            raise ValueError(f"`{self.op}` {wanted}")
        return self


class Bounds(Frozen):
    """What a number has to reach and must not pass, both ends inside."""

    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _some(self) -> Bounds:
        if self.at_least is None and self.at_most is None:
            raise ValueError("bounds need at_least, at_most or both")
        return self

    def holds(self, number: float) -> bool:
        """Whether the number lies inside."""
        return (self.at_least is None or number >= self.at_least) and (
            self.at_most is None or number <= self.at_most
        )


class _Products(Frozen):
    """Products by name: in any of the sets named.

    Attributes:
        product: Product ids.
        category: Categories, or nodes of the category tree.
        brand: Brands.
        keyword: Words that products are searched by.
    """

    product: Names = ()
    category: Names = ()
    brand: Names = ()
    keyword: str | None = Field(None, min_length=1)

    @property
    def names_products(self) -> bool:
        """Whether any product is named; none means all."""
        return bool(self.product or self.category or self.brand or self.keyword)


class _Windowed(Frozen):
    """`as_of - last_days <= t < as_of - before_last_days`; without either, all that is known.

    Attributes:
        last_days: Nothing older.
        before_last_days: Nothing newer.
    """

    last_days: Days | None = None
    before_last_days: Days | None = None

    @model_validator(mode="after")
    def _opens(self) -> _Windowed:
        if self.last_days and self.before_last_days and self.before_last_days >= self.last_days:
            raise ValueError("the window is empty: before_last_days must be less than last_days")
        return self


class Purchases(_Products, _Windowed):
    """Purchase lines of some products within a window; without bounds, at least one order.

    Attributes:
        orders: How many orders hold such a line.
        quantity: How many pieces.
        spend: How much was paid for them, in the shop's currency; lines without a price count as 0.
    """

    orders: Bounds | None = None
    quantity: Bounds | None = None
    spend: Bounds | None = None


class Events(_Products, _Windowed):
    """Events of some types within a window; without a bound, at least one.

    Attributes:
        type: Event types.
        count: How many of them.
        value: Each event's own value; one without a value lies in no bounds.
        page_type: Of these pages alone.
        source: From these sources alone.
        campaign_id: Of these campaigns alone.
    """

    type: Names = Field(min_length=1)
    count: Bounds | None = None
    value: Bounds | None = None
    page_type: Names = ()
    source: Names = ()
    campaign_id: Names = ()


class _Best(Frozen):
    """The best of a ranking: exactly one of a share, a number, a least probability.

    Attributes:
        top_share: Of all customers, rounded up.
        top: How many.
    """

    top_share: Share | None = None
    top: Whole | None = Field(None, gt=0)


class Interest(_Products, _Best):
    """Likely to buy at least one of some products within the horizon.

    Attributes:
        min_probability: At least this likely.
        horizon_days: One of the horizons scored; the first if left out.
    """

    min_probability: Share | None = None
    horizon_days: Whole | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _asks(self) -> Interest:
        if not self.names_products:
            raise ValueError("name a product, category, brand or keyword")
        if sum(cut is not None for cut in (self.top_share, self.top, self.min_probability)) != 1:
            raise ValueError("needs exactly one of top_share, top and min_probability")
        return self


class Likeness(_Best):
    """Most like the members of another audience, who are left out themselves."""

    audience: str = Field(min_length=1)

    @model_validator(mode="after")
    def _asks(self) -> Likeness:
        if (self.top_share is None) == (self.top is None):
            raise ValueError("needs exactly one of top_share and top")
        return self


class Circle(Frozen):
    """Around a point on the map, the edge inside; great-circle distance."""

    latitude: Number = Field(ge=-90, le=90)
    longitude: Number = Field(ge=-180, le=180)
    km: Number = Field(gt=0)


class Bucket(Frozen):
    """A share of the customers that is the same on every engine and day: `start <= hash(salt + id) < end`."""

    salt: str = Field(min_length=1)
    start: Number = Field(0.0, ge=0, lt=1)
    end: Number = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _opens(self) -> Bucket:
        if self.start >= self.end:
            raise ValueError("the bucket is empty: start must be less than end")
        return self


class Purchased(Frozen):
    """The customer's purchases fit."""

    purchased: Purchases


class Happened(Frozen):
    """The customer's events fit."""

    event: Events


class InterestedIn(Frozen):
    """The customer is among the likeliest to buy."""

    interested_in: Interest


class SimilarTo(Frozen):
    """The customer is among those most like an audience."""

    similar_to: Likeness


class WithinKm(Frozen):
    """The customer lives around a point."""

    within_km: Circle


class InBucket(Frozen):
    """The customer's hashed id falls into a range."""

    bucket: Bucket


class InAudience(Frozen):
    """The customer is a member of another audience."""

    audience: str = Field(min_length=1)


Leaf = Comparison | Purchased | Happened | InterestedIn | SimilarTo | WithinKm | InBucket | InAudience
