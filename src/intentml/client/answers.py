"""What the service answers, as values: one frozen class an endpoint, tables as pandas DataFrames.

What comes in: what `reading` finds in the bodies of answers. What goes out: values to work with; every
instant in them (`as_of`, and columns whose name ends in `_at`) is a timestamp in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, kw_only=True)
class Answer:
    """What is said of the scores that an answer is from.

    Attributes:
        as_of: Their instant.
        model_version: The model that made them.
    """

    as_of: pd.Timestamp
    model_version: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Forecast(Answer):
    """An answer about a window.

    Attributes:
        horizon_days: The window.
        calibrated: Whether the history could evaluate it.
    """

    horizon_days: int
    calibrated: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class InterestedIn(Forecast):
    """Customers ranked for products.

    Attributes:
        matched_products: product_id and name of the products in question.
        matched_by: How a keyword found them; None without one.
        expected_buyers: How many of the customers listed will buy.
        expected_buyers_interval: Ends between which it lies nine times in ten; None where nobody can tell.
        customers: customer_id, probability, rank.
    """

    matched_products: pd.DataFrame
    matched_by: str | None
    expected_buyers: float
    expected_buyers_interval: tuple[int, int] | None
    customers: pd.DataFrame


@dataclass(frozen=True, eq=False, kw_only=True)
class Recommendation(Forecast):
    """Products ranked for a customer.

    Attributes:
        customer_id: The customer.
        products: product_id, name, category, brand, probability, rank, last_bought_days.
    """

    customer_id: str
    products: pd.DataFrame


@dataclass(frozen=True, eq=False, kw_only=True)
class Customers(Forecast):
    """What is known and predicted of customers.

    Attributes:
        customers: A row each, by customer_id.
        rescored: Who was scored anew since orders came in, and as of when.
        unknown_customer_ids: Those asked about who were not scored.
    """

    customers: pd.DataFrame
    rescored: dict[str, pd.Timestamp]
    unknown_customer_ids: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Lifecycle(Customers):
    """Where customers stand.

    Attributes:
        limits: The boundaries between the stages.
    """

    limits: dict[str, Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Predicted(Forecast):
    """What is to be expected of customers with the histories given.

    Attributes:
        customers: A row each, by customer_id.
        interests: customer_id, kind, target, probability, rank.
        unknown_products: Products of the histories that the catalogue does not have.
    """

    customers: pd.DataFrame
    interests: pd.DataFrame
    unknown_products: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Explained(Forecast):
    """Why a customer is expected to do that.

    Attributes:
        customer_id: The customer.
        kind: Kind of target, or no_order.
        target: The target; None for no_order.
        probability: What `predict` says.
        logit: Its log-odds, the sum of the parts.
        parts: A row each, with what it adds to the logit, in words.
    """

    customer_id: str
    kind: str
    target: str | None
    probability: float
    logit: float
    parts: pd.DataFrame


@dataclass(frozen=True, eq=False, kw_only=True)
class Accepted(Answer):
    """Order lines that the service has written down for good.

    Attributes:
        accepted: How many lines; 0 where they were there already, from an earlier sending.
        repeated: Whether they were.
        customers: Ids of the customers who were scored anew.
        unknown_products: Products of the lines that the catalogue does not have.
        sequence: Number of this writing; answers from now on know it.
    """

    accepted: int
    repeated: bool
    customers: tuple[str, ...]
    unknown_products: tuple[str, ...]
    sequence: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Health(Answer):
    """What is served.

    Attributes:
        status: ok.
        horizons: Those scored; the first is meant where none is named.
        calibrated: Whether the history could evaluate them.
        model: Name of the model.
        customers: How many were scored.
        sequence: Number of the newest writing of orders that is known.
        rescored: How many customers were scored anew.
    """

    status: str
    horizons: tuple[int, ...]
    calibrated: Any
    model: str
    customers: int
    sequence: int
    rescored: int


@dataclass(frozen=True, eq=False, kw_only=True)
class AudienceAnswer:
    """An answer about audiences.

    Attributes:
        as_of: Instant of the scores; None where it is not told.
        model_version: The model that made them; None where it is not told.
        told: The whole body, with whatever has no field of its own.
    """

    as_of: pd.Timestamp | None
    model_version: str | None
    told: dict[str, Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Audiences(AudienceAnswer):
    """The audiences there are.

    Attributes:
        audiences: name, title, customers (None where it cannot be had), problem (why not).
    """

    audiences: pd.DataFrame


@dataclass(frozen=True, eq=False, kw_only=True)
class Preview(AudienceAnswer):
    """An audience at a glance.

    Attributes:
        customers: How many are in.
    """

    customers: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Members(AudienceAnswer):
    """Who is in an audience.

    Attributes:
        customers: customer_id, and the fields that the rule names where they are told.
    """

    customers: pd.DataFrame


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(AudienceAnswer):
    """Audiences side by side.

    Attributes:
        audiences: A row each.
    """

    audiences: pd.DataFrame
