"""The rule: a tree of `all`, `any` and `none` over leaves, each true or false of one customer.

What comes in: JSON, YAML or text (`text`, `parse`). What goes out: frozen values that say who, and compute
nothing. A leaf about something unknown of a customer is false; only `none` turns it round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from intentml.errors import RuleError

MAX_DEPTH, MAX_LEAVES = 32, 500

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
Names = tuple[Annotated[str, Field(min_length=1)], ...]
Days = Annotated[FiniteFloat, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Comparison(_Frozen):
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


class Bounds(_Frozen):
    """What a number has to reach and must not pass, both ends inside."""

    at_least: FiniteFloat | None = None
    at_most: FiniteFloat | None = None

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


class _Products(_Frozen):
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


class _Windowed(_Frozen):
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


class _Best(_Frozen):
    """The best of a ranking: exactly one of a share, a number, a least probability.

    Attributes:
        top_share: Of all customers, rounded up.
        top: How many.
    """

    top_share: Share | None = None
    top: int | None = Field(None, gt=0)


class Interest(_Products, _Best):
    """Likely to buy at least one of some products within the horizon.

    Attributes:
        min_probability: At least this likely.
        horizon_days: One of the horizons scored; the first if left out.
    """

    min_probability: Share | None = None
    horizon_days: int | None = Field(None, gt=0)

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


class Circle(_Frozen):
    """Around a point on the map, the edge inside; great-circle distance."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    km: FiniteFloat = Field(gt=0)


class Bucket(_Frozen):
    """A share of the customers that is the same on every engine and day: `start <= hash(salt + id) < end`."""

    salt: str = Field(min_length=1)
    start: float = Field(0.0, ge=0, lt=1)
    end: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _opens(self) -> Bucket:
        if self.start >= self.end:
            raise ValueError("the bucket is empty: start must be less than end")
        return self


class Purchased(_Frozen):
    """The customer's purchases fit."""

    purchased: Purchases


class Happened(_Frozen):
    """The customer's events fit."""

    event: Events


class InterestedIn(_Frozen):
    """The customer is among the likeliest to buy."""

    interested_in: Interest


class SimilarTo(_Frozen):
    """The customer is among those most like an audience."""

    similar_to: Likeness


class WithinKm(_Frozen):
    """The customer lives around a point."""

    within_km: Circle


class InBucket(_Frozen):
    """The customer's hashed id falls into a range."""

    bucket: Bucket


class InAudience(_Frozen):
    """The customer is a member of another audience."""

    audience: str = Field(min_length=1)


class All(_Frozen):
    """Every part holds."""

    all: tuple[Rule, ...] = Field(min_length=1)


class AnyOf(_Frozen):
    """At least one part holds."""

    any: tuple[Rule, ...] = Field(min_length=1)


class NoneOf(_Frozen):
    """No part holds."""

    none: tuple[Rule, ...] = Field(min_length=1)


Group = All | AnyOf | NoneOf
Leaf = Comparison | Purchased | Happened | InterestedIn | SimilarTo | WithinKm | InBucket | InAudience

_BY_KEY: Mapping[str, type[BaseModel]] = {
    "all": All, "any": AnyOf, "none": NoneOf, "field": Comparison, "purchased": Purchased, "event": Happened,
    "interested_in": InterestedIn, "similar_to": SimilarTo, "within_km": WithinKm, "bucket": InBucket,
    "audience": InAudience,
}  # fmt: skip


def _key(node: Any) -> str | None:
    """Which kind of node it is, by its first telling key; None where it is none."""
    if isinstance(node, Mapping):
        return next((key for key in _BY_KEY if key in node), None)
    return next((key for key, kind in _BY_KEY.items() if isinstance(node, kind)), None)


Rule = Annotated[
    Annotated[All, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[NoneOf, Tag("none")]
    | Annotated[Comparison, Tag("field")]
    | Annotated[Purchased, Tag("purchased")]
    | Annotated[Happened, Tag("event")]
    | Annotated[InterestedIn, Tag("interested_in")]
    | Annotated[SimilarTo, Tag("similar_to")]
    | Annotated[WithinKm, Tag("within_km")]
    | Annotated[InBucket, Tag("bucket")]
    | Annotated[InAudience, Tag("audience")],
    Discriminator(
        _key,
        custom_error_type="rule",
        custom_error_message=f"a rule has one of the keys {', '.join(_BY_KEY)}",
    ),
]

for _group in (All, AnyOf, NoneOf):
    _group.model_rebuild()
_RULES: TypeAdapter[Rule] = TypeAdapter(Rule)


def rule_of(told: Any) -> Rule:
    """A rule from what JSON or YAML gave.

    Raises:
        RuleError: It is none; every mistake is told with its place.
    """
    depth = _depth(told)
    if depth > MAX_DEPTH:
        raise RuleError(f"the rule nests deeper than {MAX_DEPTH} levels", hint="write it flatter")
    try:
        rule = _RULES.validate_python(told)
    except ValidationError as problem:
        raise RuleError(f"the rule cannot be used: {'; '.join(_mistakes(problem))}") from None
    count = sum(1 for _ in leaves(rule))
    if count > MAX_LEAVES:
        raise RuleError(
            f"the rule has {count} leaves, more than {MAX_LEAVES}", hint="use `in`, or audiences of audiences"
        )
    return rule


def told(rule: Rule) -> dict[str, Any]:
    """The rule as plain JSON, without what was left out."""
    found: dict[str, Any] = _RULES.dump_python(rule, mode="json", exclude_none=True, exclude_defaults=True)
    return found


def parts_of(rule: Rule) -> tuple[Rule, ...]:
    """The parts of a group; of a leaf, none."""
    match rule:
        case All():
            return rule.all
        case AnyOf():
            return rule.any
        case NoneOf():
            return rule.none
    return ()


def leaves(rule: Rule) -> Iterator[Leaf]:
    """Every leaf, in order."""
    if isinstance(rule, Group):
        for part in parts_of(rule):
            yield from leaves(part)
    else:
        yield rule


def _depth(node: Any) -> int:
    """Levels of lists and mappings, counted without recursion: what comes may be hostile."""
    deepest, waiting = 0, [(node, 0)]
    while waiting:
        here, depth = waiting.pop()
        inside = (
            here.values() if isinstance(here, Mapping) else here if isinstance(here, list | tuple) else ()
        )
        # A group is a mapping and a list.
        deepest = max(deepest, (depth + 1) // 2)
        if deepest > MAX_DEPTH:
            return deepest
        waiting.extend((one, depth + 1) for one in inside)
    return deepest


def _mistakes(problem: ValidationError) -> Iterator[str]:
    """Each mistake in a few words, with the path of keys that leads there."""
    found = problem.errors(include_url=False)
    # A part that cannot be read leaves its group too short: the part is the mistake.
    for one in [one for one in found if one["type"] != "too_short"] or found:
        place = ".".join(map(str, _without_tags(one["loc"])))
        message = one["msg"].removeprefix("Value error, ")
        yield f"{place}: {message}" if place else message


def _without_tags(path: tuple[int | str, ...]) -> Iterator[int | str]:
    """The path as the author wrote it: the library names each part's kind before its keys."""
    key: int | str | None = None
    steps = iter(path)
    while next(steps, None) is not None:  # the kind of a rule
        for step in steps:
            yield step
            if isinstance(step, int) and key in ("all", "any", "none"):
                break
            key = step
