"""What the scores answer: ranked customers for products, ranked products for a customer.

What comes in: scores and a selection. What goes out: values with the field names of contracts, as
DataFrames for people and as JSON for machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class InterestedIn:
    """Customers ranked by their probability to buy at least one of the products within the horizon.

    Attributes:
        as_of: Instant of the scores.
        horizon_days: The window.
        calibrated: Whether the history could evaluate this horizon, and one target was asked about: a
            set's ranking is good, its level is not calibrated yet.
        model_version: Which model.
        matched_products: product_id and name of the products in question.
        expected_buyers: How many of the customers listed will buy: the sum of their probabilities.
        customers: customer_id, probability, rank; ties by customer_id.
    """

    as_of: str
    horizon_days: int
    calibrated: bool
    model_version: str
    matched_products: tuple[dict[str, str | None], ...]
    expected_buyers: float
    customers: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """The JSON body of contracts."""
        return {
            "as_of": self.as_of,
            "horizon_days": self.horizon_days,
            "calibrated": self.calibrated,
            "model_version": self.model_version,
            "matched_products": list(self.matched_products),
            "expected_buyers": self.expected_buyers,
            "customers": self.customers.to_dict("records"),
        }

    def __len__(self) -> int:
        return len(self.customers)
