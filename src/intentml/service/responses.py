"""What the service answers: one model a body, for the OpenAPI document and for tests.

What comes in: nothing at run time; answers are built by `shop`, `audiences` and `live`, and are not checked
again on their way out. What goes out: the names, types and meanings that clients may rely on. Rows of
customers are open: a shop has the columns that its tables and horizons give it.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from intentml.audiences.explain import Clause, Reason
from intentml.scores.keyword import Mode
from intentml.scores.stages import LifecycleLimits


class Part(BaseModel):
    """Something inside an answer: its fields and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(Part):
    """What every answer says of the scores it is from.

    Attributes:
        as_of: Instant of the scores, ISO 8601.
        horizon_days: The window.
        calibrated: Whether the history could evaluate this horizon.
        model_version: Which model.
    """

    as_of: str
    horizon_days: int
    calibrated: bool
    model_version: str


class MatchedProduct(Part):
    """A product in question; without an id where it is not in the catalogue."""

    product_id: str | None
    name: str | None


class RankedCustomer(Part):
    """A customer with the probability to buy within the horizon."""

    customer_id: str
    probability: float
    rank: int


class InterestedInAnswer(Answer):
    """Customers, ranked.

    Attributes:
        matched_products: The products in question.
        matched_by: How a keyword found them.
        expected_buyers: How many of the customers listed will buy.
        expected_buyers_interval: Ends between which it lies nine times in ten.
        customers: The customers.
    """

    matched_products: list[MatchedProduct]
    matched_by: Mode | None
    expected_buyers: float
    expected_buyers_interval: tuple[int, int] | None
    customers: list[RankedCustomer]


class RankedProduct(Part):
    """A product with the customer's probability to buy it; never bought, it has no last_bought_days."""

    product_id: str
    name: str | None
    category: str | None
    brand: str | None
    probability: float
    rank: int
    last_bought_days: float | None


class RecommendAnswer(Answer):
    """Products, ranked for a customer."""

    customer_id: str
    products: list[RankedProduct]


class CustomerRow(BaseModel):
    """A row of customers.parquet; the columns named here are always there."""

    model_config = ConfigDict(frozen=True, extra="allow")

    customer_id: str
    orders: int
    recency_days: float | None
    churn_probability: float
    expected_orders: float
    expected_next_order_at: str | None
    return_probability: float | None
    lifecycle: str
    importance: str | None


class Customers(Answer):
    """Of whom the answer tells.

    Attributes:
        rescored: Who has been scored anew since their orders came in, and as of when.
        unknown_customer_ids: Who was not scored.
    """

    rescored: dict[str, str]
    unknown_customer_ids: list[str]


class CustomersAnswer(Customers):
    """All that is known and predicted of customers, by id."""

    customers: list[CustomerRow]


class LifecycleRow(Part):
    """Where a customer stands."""

    customer_id: str
    lifecycle: str
    return_probability: float | None
    lifecycle_disagrees: bool | None
    orders: int
    recency_days: float | None
    rhythm_days: float | None


class LifecycleAnswer(Customers):
    """Where customers stand, and the boundaries between the stages."""

    limits: LifecycleLimits
    customers: list[LifecycleRow]


class Interest(Part):
    """One of a customer's best targets; ranks count within each kind."""

    kind: str
    target: str
    probability: float
    rank: int


class PredictedCustomer(CustomerRow):
    """A row of customers.parquet, with the best targets."""

    interests: list[Interest]


class PredictAnswer(Answer):
    """What is to be expected of customers with the histories sent, by id.

    Attributes:
        unknown_products: Ids on the lines that the catalogue does not have.
        customers: The customers.
    """

    unknown_products: list[str]
    customers: list[PredictedCustomer]


class ExplainedPart(Part):
    """One part of a logit, in words."""

    name: str
    words: str
    logit: float


class ExplainAnswer(Answer):
    """The probability and the parts of its logit.

    Attributes:
        customer_id: About whom.
        kind: Kind of target, or no_order.
        target: The target; null of no_order.
        probability: Of it.
        logit: The sum of the parts.
        parts: The base rate first.
    """

    customer_id: str
    kind: str
    target: str | None
    probability: float
    logit: float
    parts: list[ExplainedPart]


class OrdersAnswer(Answer):
    """What became of order lines.

    Attributes:
        accepted: How many were kept now; 0 where they had been told before under the same key.
        repeated: Whether they had.
        sequence: The number of their batch.
        rescored: Who was scored anew, and as of when.
        unknown_products: Ids on the lines that the catalogue does not have.
    """

    accepted: int
    repeated: bool
    sequence: int
    rescored: dict[str, str]
    unknown_products: list[str]


class ListedAudience(Part):
    """An audience: how many are in, or the problem why this shop cannot have it.

    Of a file that is broken it has the name and the problem alone.
    """

    name: str
    title: str | None
    rule: str | None
    customers: int | None
    problem: str | None


class AudiencesAnswer(Answer):
    """Every audience."""

    audiences: list[ListedAudience]


class PreviewAnswer(Answer):
    """An audience at a glance, as `intentml audience preview --json`.

    Attributes:
        audience: Its name; `unnamed` where a rule was sent.
        rule: In one line.
        customers: How many are in.
        share: Of all customers.
        sample: Ids of a few.
        reach: How many members can be reached in each way that the shop knows.
        funnel: How many fit each part of the rule.
        notes: What the shop lacks for this rule.
    """

    audience: str
    rule: str
    customers: int
    share: float
    sample: list[str]
    reach: dict[str, int]
    funnel: Clause
    notes: list[str]


class MemberRow(BaseModel):
    """A member, with the fields asked for."""

    model_config = ConfigDict(frozen=True, extra="allow")

    customer_id: str


class MembersAnswer(Answer):
    """A page of members, by id.

    Attributes:
        audience: Its name; `unnamed` where a rule was sent.
        total: How many are in.
        customers: Those of this page.
        next_cursor: Asks for the next page; null on the last.
    """

    audience: str
    total: int
    customers: list[MemberRow]
    next_cursor: str | None


class ReasonAnswer(Answer):
    """Why a customer is in an audience, or not."""

    audience: str
    customer_id: str
    reason: Reason


class ComparedAudience(BaseModel):
    """An audience in numbers."""

    model_config = ConfigDict(frozen=True, extra="allow")

    audience: str
    customers: int
    share: float


class CompareAnswer(Answer):
    """Audiences side by side.

    Attributes:
        audiences: Each in numbers.
        overlap: Of each, the share of its members who are in each other one; null where nobody is in it.
    """

    audiences: list[ComparedAudience]
    overlap: dict[str, dict[str, float | None]]


class HealthAnswer(Part):
    """What is served.

    Attributes:
        status: `ok`.
        as_of: Instant of the scores.
        horizons: Those scored; the first is the default.
        calibrated: Whether the history could evaluate them all.
        model: Its name.
        model_version: Its version.
        customers: How many are scored.
        sequence: Number of the newest batch of order lines that is known.
        rescored: How many customers were scored anew.
    """

    status: str
    as_of: str
    horizons: list[int]
    calibrated: bool
    model: str
    model_version: str
    customers: int
    sequence: int
    rescored: int


class ReloadAnswer(HealthAnswer):
    """What is served now.

    Attributes:
        renewed: Whether it is other scores than before.
    """

    renewed: bool


class ReadyAnswer(Part):
    """That requests are answered."""

    status: str


class VersionAnswer(Part):
    """Which package, scores and model answer."""

    intentml: str
    as_of: str
    model: str
    model_version: str
    registered: str | None
