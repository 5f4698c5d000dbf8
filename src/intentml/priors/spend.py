"""What an order is worth: Gamma-Gamma mean spend per order, wrapped for snapshots.

What comes in: a snapshot. What goes out: expected money per order of each customer; times expected
orders it is expected spend, gross of returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from intentml.prediction import F64
from intentml.priors.gamma_gamma import GammaGamma, expected_mean_spend, fit_gamma_gamma
from intentml.timeline import Snapshot

SPEND_PRIORS = ("shop_mean", "own_mean", "gamma_gamma")


@dataclass(frozen=True)
class SpendPrior:
    """Expected money per order.

    Attributes:
        name: One of `SPEND_PRIORS`.
        shop_mean: Mean money per order over the shop.
        gamma_gamma: The fitted model, for `gamma_gamma`.
    """

    name: str
    shop_mean: float
    gamma_gamma: GammaGamma | None = None

    def per_order(self, snapshot: Snapshot) -> F64:
        """Expected money per order. Shape: (U,)."""
        mean = mean_spend(snapshot)
        if self.gamma_gamma is not None:
            return expected_mean_spend(self.gamma_gamma, snapshot.n_orders.astype(np.float64), mean)
        if self.name == "own_mean":
            return np.where(np.isfinite(mean), mean, self.shop_mean)
        return np.full(len(snapshot), self.shop_mean)

    def to_dict(self) -> dict[str, Any]:
        """The prior as JSON values."""
        model = self.gamma_gamma.to_dict() if self.gamma_gamma else None
        return {"name": self.name, "shop_mean": self.shop_mean, "gamma_gamma": model}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SpendPrior:
        """The prior that `to_dict` wrote."""
        model = GammaGamma.from_dict(values["gamma_gamma"]) if values["gamma_gamma"] else None
        return cls(values["name"], values["shop_mean"], model)


def mean_spend(snapshot: Snapshot) -> F64:
    """Mean money per order of each customer, NaN without an order. Shape: (U,)."""
    total = np.bincount(snapshot.orders.customer, weights=snapshot.orders.spend, minlength=len(snapshot))
    with np.errstate(invalid="ignore"):
        return np.where(snapshot.n_orders > 0, total / np.maximum(snapshot.n_orders, 1), np.nan)


def fit_spend(name: str, snapshot: Snapshot) -> SpendPrior | None:
    """Fit one spend prior on a whole snapshot; None where no line has a price."""
    spend = snapshot.orders.spend
    if not (spend > 0).any():
        return None
    model = None
    if name == "gamma_gamma":
        model = fit_gamma_gamma(snapshot.n_orders.astype(np.float64), mean_spend(snapshot))
    return SpendPrior(name, float(spend.mean()), model)
