"""What the scores answer: ranked customers for products, ranked products for a customer.

What comes in: scores and a selection. What goes out: values with the field names of contracts, as
DataFrames for people and as JSON for machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from intentml.priors.explaining import Explanation
    from intentml.scores.keyword import Mode
    from intentml.scores.scores import Scores


@dataclass(frozen=True, eq=False)
class InterestedIn:
    """Customers ranked by their probability to buy at least one of the products within the horizon.

    Attributes:
        as_of: Instant of the scores.
        horizon_days: The window.
        calibrated: Whether the history could evaluate this horizon; of several targets, also whether sets
            of their number came true on validation, and hardly any of them is too rare to have been judged.
        model_version: Which model.
        matched_products: product_id and name of the products in question.
        matched_by: How a keyword found them, as `Match.mode`: all, beginning, any, meaning; None without one.
        expected_buyers: How many of the customers listed will buy: the sum of their probabilities.
        expected_buyers_interval: Ends between which it lies nine times in ten; None where no past window
            could tell.
        customers: customer_id, probability, rank; ties by customer_id.
    """

    as_of: str
    horizon_days: int
    calibrated: bool
    model_version: str
    matched_products: tuple[dict[str, str | None], ...]
    matched_by: Mode | None
    expected_buyers: float
    expected_buyers_interval: tuple[int, int] | None
    customers: pd.DataFrame

    def heading(self) -> dict[str, Any]:
        """All but the customers, with the names of contracts."""
        return {
            "as_of": self.as_of,
            "horizon_days": self.horizon_days,
            "calibrated": self.calibrated,
            "model_version": self.model_version,
            "matched_products": list(self.matched_products),
            "matched_by": self.matched_by,
            "expected_buyers": self.expected_buyers,
            "expected_buyers_interval": self.expected_buyers_interval and list(self.expected_buyers_interval),
        }

    def to_dict(self) -> dict[str, Any]:
        """The JSON body of contracts."""
        return {**self.heading(), "customers": self.customers.to_dict("records")}

    def __len__(self) -> int:
        return len(self.customers)


def about(scores: Scores, horizon_days: int | None = None) -> dict[str, Any]:
    """What every answer says of the scores it is from: as_of, horizon_days, calibrated, model_version."""
    days, manifest = scores.horizon(horizon_days), scores.manifest
    return {
        "as_of": manifest.as_of,
        "horizon_days": days,
        "calibrated": days in manifest.calibrated_horizons,
        "model_version": manifest.model.version,
    }


def explanation(as_of: str, model_version: str, found: Explanation) -> dict[str, Any]:
    """The JSON body of `explain`.

    Args:
        as_of: Instant of the question.
        model_version: Which model.
        found: What the model answered.
    """
    told = found.to_dict()
    first = {name: told.pop(name) for name in ("horizon_days", "calibrated")}
    return {"as_of": as_of, **first, "model_version": model_version, **told}


def recommendation(
    scores: Scores, customer_id: str, products: pd.DataFrame, horizon_days: int | None = None
) -> dict[str, Any]:
    """The JSON body of `recommend`; a product never bought before has no last_bought_days.

    Args:
        scores: What was asked.
        customer_id: About whom.
        products: What `Scores.recommend` answered.
        horizon_days: The horizon asked about.
    """
    told = products.astype(object).where(products.notna(), None)
    return {
        **about(scores, horizon_days),
        "customer_id": customer_id,
        "products": told.to_dict("records"),
    }
