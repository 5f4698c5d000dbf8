"""What a client may ask of the service: one frozen model a question, with the field names of contracts.

What comes in: JSON that was parsed. What goes out: a request, or one `RequestError` that names the field
and the rows at fault; the values themselves stay out of it, they may be somebody's. What a request
means (is the horizon scored? is the category known?) is for who answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from intentml.errors import (
    ConflictError,
    ForbiddenError,
    HorizonError,
    IntentmlError,
    MalformedRequestError,
    MediaTypeError,
    RequestError,
    SlowBodyError,
    TooLargeError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    UnknownAudienceError,
    UnknownCustomerError,
    UnknownTargetError,
    without_address,
)
from intentml.scores.selection import NewProduct
from intentml.tables.contracts import ORDERS

MAX_CUSTOMERS, MAX_NAMES = 1_000, 10_000
# The first that fits; what is left is a question that cannot be answered as it was asked.
_STATUS: tuple[tuple[type[IntentmlError], int], ...] = (
    (MalformedRequestError, 400),
    (UnauthorizedError, 401),
    (ForbiddenError, 403),
    (SlowBodyError, 408),
    (TooLargeError, 413),
    (MediaTypeError, 415),
    (TooManyRequestsError, 429),
    (UnavailableError, 503),
    (UnknownTargetError, 404),
    (UnknownCustomerError, 404),
    (UnknownAudienceError, 404),
    (HorizonError, 409),
    (ConflictError, 409),
    (IntentmlError, 422),
)
_SHOWN_ROWS = 5

Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Names = Text | list[Text]
Rule = Text | dict[str, Any]


class Request(BaseModel):
    """Base of all: unknown fields are refused, ids may be written as numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class InterestedInRequest(Request):
    """Who wants to buy these? What is named is one set; at most one of limit, min_probability, share.

    Attributes:
        product: One or more product ids, at most 10,000.
        category: One or more categories or nodes, likewise.
        brand: One or more brands, likewise.
        keyword: Words that products are searched by.
        new_product: A product that is not in the catalogue.
        audience: Only its members: a name, a rule as text or as a tree.
        limit: At most this many customers; everybody where none of the three is given.
        min_probability: Only customers at least this likely to buy, 0 to 1.
        share: Only this share of the customers, the likeliest, 0 to 1.
        horizon_days: One of the horizons scored; the first where left out.
    """

    product: Names = Field(default_factory=list)
    category: Names = Field(default_factory=list)
    brand: Names = Field(default_factory=list)
    keyword: Text | None = None
    new_product: NewProduct | None = None
    audience: Rule | None = None
    limit: Whole | None = None
    min_probability: Number | None = None
    share: Number | None = None
    horizon_days: Whole | None = None


class CustomersRequest(Request):
    """What is known and predicted of these customers (of `/lifecycle`: where they stand).

    Attributes:
        customer_ids: At most 1,000 ids.
    """

    customer_ids: list[Text]


class OrderLine(Request):
    """One order line, by the contract of the table orders; times are ISO 8601, local without a zone."""

    customer_id: Text
    order_id: Text
    ordered_at: Text
    product_id: str | None = None
    quantity: Number | None = None
    unit_price: Number | None = None
    currency: str | None = None
    status: str | None = None
    discount: Number | None = None
    promo_code: str | None = None
    tax: Number | None = None
    channel: str | None = None
    recorded_at: str | None = None
    returned_at: str | None = None


class HistoriesRequest(Request):
    """A request that brings order lines.

    Attributes:
        orders: Each customer's whole history before as_of.
    """

    orders: list[OrderLine]

    def table(self) -> pa.Table:
        """The lines as the table orders, with the columns that any of them fills."""
        return lines_table([line.model_dump(exclude_unset=True) for line in self.orders])


def lines_table(lines: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Order lines as the table orders, with the columns that any of them fills."""
    filled = set(ORDERS.required).union(*lines)
    return pa.table(
        {
            column.name: pa.array(
                [line.get(column.name) for line in lines],
                pa.float64() if column.kind == "number" else pa.string(),
            )
            for column in ORDERS.columns
            if column.name in filled
        }
    )


class PredictRequest(HistoriesRequest):
    """What is to be expected of customers with these histories? They need not be known to the shop.

    Attributes:
        orders: Each customer's whole history before as_of: the lines of at most 1,000 customers.
        horizon_days: One of the horizons scored; the first where left out.
        interests: How many targets of each kind are answered per customer.
    """

    horizon_days: Whole | None = None
    interests: Annotated[Whole, Field(ge=0, le=100)] = 10


class RecommendRequest(HistoriesRequest):
    """What does this customer want?

    Attributes:
        customer_id: The customer, whom the shop knows.
        orders: Or one customer's whole history before as_of.
        keyword: Only products that match.
        exclude_bought_days: Leave out what was bought within so many days before as_of.
        limit: At most so many products.
        horizon_days: One of the horizons scored; the first where left out.
    """

    orders: list[OrderLine] = Field(default_factory=list)
    customer_id: Text | None = None
    keyword: Text | None = None
    exclude_bought_days: Annotated[Number, Field(ge=0)] | None = None
    limit: Whole = 10
    horizon_days: Whole | None = None


class AudienceRequest(Request):
    """One audience.

    Attributes:
        audience: Its name, a rule as text, or a rule as a tree.
    """

    audience: Rule


class MembersRequest(AudienceRequest):
    """Who is in an audience, some at a time.

    Attributes:
        limit: At most so many.
        cursor: `next_cursor` of the page before; the first page where left out.
        fields: Fields of the members that are told beside their ids.
    """

    limit: Annotated[Whole, Field(ge=1, le=10_000)] = 1_000
    cursor: Annotated[Text, Field(max_length=20_000)] | None = None
    fields: Annotated[list[Text], Field(max_length=50)] = Field(default_factory=list)


class ReasonRequest(AudienceRequest):
    """Why is a customer in an audience, or not?

    Attributes:
        customer_id: The customer.
    """

    customer_id: Text


class CompareRequest(Request):
    """Audiences side by side.

    Attributes:
        audiences: Names; all that the shop can have where left out.
    """

    audiences: Annotated[list[Text], Field(max_length=100)] = Field(default_factory=list)


class OrdersRequest(Request):
    """Order lines that came in since the scores were made.

    Attributes:
        orders: New lines alone, of at most 1,000 customers; the shop knows what came before.
    """

    orders: list[OrderLine]

    def lines(self) -> list[dict[str, Any]]:
        """The lines as they were sent, without what was left out."""
        return [line.model_dump(exclude_unset=True, exclude_none=True) for line in self.orders]


class ExplainRequest(HistoriesRequest):
    """Why is a customer with this history expected to buy this, or not to order? One target is named.

    Attributes:
        orders: One customer's whole history before as_of.
        customer_id: Or the customer, whose history the shop knows, with what came in since.
        product: A product id.
        category: A category or node.
        brand: A brand.
        no_order: Whether it is asked why the customer may not order at all.
        horizon_days: One of the horizons scored; the first where left out.
    """

    orders: list[OrderLine] = Field(default_factory=list)
    customer_id: Text | None = None
    product: Text | None = None
    category: Text | None = None
    brand: Text | None = None
    no_order: Annotated[bool, Field(strict=True)] = False
    horizon_days: Whole | None = None


class Problem(BaseModel):
    """What went wrong, where, and what to do about it."""

    model_config = ConfigDict(extra="forbid")

    code: str
    message: str
    table: str | None
    column: str | None
    rows: list[int]
    hint: str | None
    request_id: str | None


class ErrorAnswer(BaseModel):
    """The body of every error."""

    model_config = ConfigDict(extra="forbid")

    error: Problem


def error_body(problem: IntentmlError, request_id: str) -> dict[str, Any]:
    """The error body of contracts."""
    return {"error": {**problem.to_dict(), "request_id": request_id}}


def http_status(problem: IntentmlError) -> int:
    """The status of an error; 422 of one that says nothing else (the table stands in serving/README)."""
    return next(status for kind, status in _STATUS if isinstance(problem, kind))


def http_headers(problem: IntentmlError) -> dict[str, str]:
    """What the headers of an error tell: how to come in, when to come again, that the line is closed."""
    if isinstance(problem, UnauthorizedError):
        return {"www-authenticate": 'Bearer realm="intentml"'}
    if isinstance(problem, UnavailableError):
        return {"retry-after": str(problem.retry_after_s)}
    return {"connection": "close"} if isinstance(problem, SlowBodyError) else {}


def check_customers(count: int, column: str) -> None:
    """Refuse more customers than one request may ask about.

    Raises:
        TooLargeError: There are more than 1,000.
    """
    if count > MAX_CUSTOMERS:
        raise TooLargeError(
            f"{count:,} customers are more than the {MAX_CUSTOMERS:,} that one request may ask about",
            column=column,
            hint="ask in several requests; for the whole shop read the scores folder",
        )


def check_names(count: int, column: str) -> None:
    """Refuse more products, categories or brands than one request may name.

    Raises:
        TooLargeError: There are more than 10,000.
    """
    if count > MAX_NAMES:
        raise TooLargeError(
            f"{count:,} names are more than the {MAX_NAMES:,} that one request may have",
            column=column,
            hint="name a category, a brand or a keyword that has them all",
        )


def request_error(complaints: Sequence[Mapping[str, Any]]) -> RequestError:
    """One error for all that a request's model complains about: the first field, told with its rows.

    Args:
        complaints: pydantic's errors, `loc` counted from the body.
    """
    first = complaints[0]
    table, column, _ = _place(first["loc"])
    if first["type"] == "json_invalid" or (column is None and table is None):
        return MalformedRequestError(
            "the body is not a JSON object", hint="send one, with Content-Type: application/json"
        )
    alike = [one for one in complaints if _place(one["loc"])[:2] == (table, column)]
    rows = list(dict.fromkeys(row for one in alike if (row := _place(one["loc"])[2]) is not None))
    name = ".".join(filter(None, (table, column)))
    others = len({_place(one["loc"])[:2] for one in complaints}) - 1
    return RequestError(
        f"{name}: {_sentence(first)}"
        + (f" (in {len(rows):,} rows)" if len(rows) > 1 else "")
        + (f"; other fields that are wrong: {others}" if others else ""),
        table=table,
        column=column,
        rows=rows[:_SHOWN_ROWS],
        hint="see /docs.json for the fields of every request",
    )


def _place(loc: Sequence[str | int]) -> tuple[str | None, str | None, int | None]:
    """Table, column and row of a complaint."""
    names = [without_address(part) for part in loc if isinstance(part, str)]
    row = next((part for part in loc if isinstance(part, int)), None)
    if names[:1] == ["orders"]:
        return "orders", names[1] if len(names) > 1 else None, row
    return None, names[0] if names else None, row


def _sentence(complaint: Mapping[str, Any]) -> str:
    """What is wrong with the value, without the value."""
    if complaint["type"] == "extra_forbidden":
        return "there is no such field"
    if complaint["type"] == "missing":
        return "it is required"
    told = str(complaint["msg"])
    return told[:1].lower() + told[1:]
