"""How popular a target is expected to be: its own buyers, and its siblings' where it has few or none.

What comes in: buyers per target and what they have in common. What goes out: log-odds of the share of
active customers who buy. Newcomers lean on category, brand and price.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from intentml.prediction import F64, logit

I64 = npt.NDArray[np.int64]

# Shape of the Gamma that buyers per target are drawn from: how much siblings say beside own buyers.
SIBLING_SHAPE = 1.0
# Siblings' worth of belief in the wider group (all brands of the category, all categories).
SHRINK_SIBLINGS = 3.0
# Most newcomers sell less than what has already proved itself.
NEWCOMER_PACE = 0.5
# Prices a factor e^0.7 = 2 apart count as neighbours still.
PRICE_BANDWIDTH = 0.7


def popularity_logit(buyers: F64, expected: F64, sold: npt.NDArray[np.bool_], active: int) -> F64:
    """Log-odds of the share of active customers who buy. Shape: (J,).

    Buyers of a target ever sold are drawn toward what its siblings have (Gamma-Poisson posterior
    mean); a target never sold has not been on offer as far as anybody knows, and is expected to
    have what `expected` says.
    """
    mean = np.maximum(expected, 1e-3)
    posterior = (buyers + SIBLING_SHAPE) / (1 + SIBLING_SHAPE / mean)
    return logit(np.where(sold, posterior, mean) / (max(1, active) + 1.0), 1e-6)


def expected_buyers(buyers: F64, sold: npt.NDArray[np.bool_], category: I64, brand: I64) -> F64:
    """Buyers a target would have by its siblings: of category and brand, shrunk to category, to all.

    Args:
        buyers: Buyers inside a window. Shape: (J,), like the others.
        sold: Whether the target was ever bought; only those speak for their siblings.
        category: Group of each target, 0 for none.
        brand: Group of each target, 0 for none.
    """
    mean = float(buyers[sold].mean()) if sold.any() else 0.0
    by_category = _group_mean(buyers, sold, category, np.full(len(buyers), mean))
    both = category * (int(brand.max(initial=0)) + 1) + brand
    _, group = np.unique(both, return_inverse=True)
    expected = np.where(brand > 0, _group_mean(buyers, sold, group + 1, by_category), by_category)
    return np.where(sold, expected, NEWCOMER_PACE * expected)


def expected_of_newcomer(
    buyers: F64,
    sold: npt.NDArray[np.bool_],
    same_category: npt.NDArray[np.bool_],
    same_brand: npt.NDArray[np.bool_],
    price: F64,
    newcomer_price: float | None,
) -> float:
    """Buyers a product not in the catalogue would have: sold siblings, the nearer in price the heavier.

    Shape: all (P,).
    """
    if newcomer_price is not None and newcomer_price > 0:
        apart = np.log(np.where(price > 0, price, np.nan) / newcomer_price)
        near = np.exp(-0.5 * (apart / PRICE_BANDWIDTH) ** 2)
        weight = np.where(np.isfinite(near), near, 0.1)
    else:
        weight = np.ones(len(buyers))
    expected = float(buyers[sold].mean()) if sold.any() else 0.0
    for group in (same_category, same_category & same_brand):
        chosen = weight * (group & sold)
        total = float(chosen.sum())
        expected = (float((chosen * buyers).sum()) + SHRINK_SIBLINGS * expected) / (total + SHRINK_SIBLINGS)
    return NEWCOMER_PACE * expected


def _group_mean(buyers: F64, sold: npt.NDArray[np.bool_], group: I64, prior: F64) -> F64:
    """Mean buyers of the sold members of each target's group, shrunk to `prior`; group 0 stays there."""
    total = np.bincount(group, weights=np.where(sold, buyers, 0.0))[group]
    count = np.bincount(group, weights=sold)[group]
    shrunk: F64 = (total + SHRINK_SIBLINGS * prior) / (count + SHRINK_SIBLINGS)
    return np.where(group > 0, shrunk, prior)
