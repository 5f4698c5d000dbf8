"""How good are expected orders and expected spend over the horizon.

In: one expected and one actual amount a customer (U,), in orders or in money. Out: size of the errors,
total bias, and how well the amounts order the customers (Gini, Spearman, the decile table).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from intentml.metrics.separation import average_ranks

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ValueMetrics:
    """Metrics of one expected amount; NaN where a metric cannot be had.

    Attributes:
        customers: Customers judged.
        actual_total: Sum of what happened, in the amount's own unit.
        mae: Mean absolute error, same unit.
        rmse: Root of the mean squared error, same unit.
        total_bias: Sum expected over sum actual, minus 1; 0 is right.
        gini: Normalised Gini: 1 orders customers as the truth does, 0 is a random order.
        spearman: Rank correlation, ties at their mean rank.
        decile_error: Mean over tenths of |expected - actual| / actual of the tenth's total.
    """

    customers: int
    actual_total: float
    mae: float
    rmse: float
    total_bias: float
    gini: float
    spearman: float
    decile_error: float

    def summary(self) -> dict[str, float]:
        """The metrics by name."""
        return {name: float(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class DecileTable:
    """Customers by tenths of the expected amount, lowest first, (10,) each.

    Attributes:
        customers: How many (a fraction where equal expectations are split between tenths).
        expected: Mean expected amount.
        actual: Mean actual amount.
    """

    customers: FloatArray
    expected: FloatArray
    actual: FloatArray


def value_metrics(expected: ArrayLike, actual: ArrayLike) -> ValueMetrics:
    """All value metrics over customers, for orders or for spend.

    Args:
        expected: Expected amount over the horizon, (U,).
        actual: Amount that came, not negative, (U,).

    Raises:
        ValueError: Shapes differ or an amount is not a finite number.

    Source: normalised Gini and decile errors, Wang, Liu & Miao 2019.
    """
    e, a = _pair(expected, actual)
    if not e.size:
        return ValueMetrics(0, 0.0, *(math.nan,) * 6)
    table = decile_table(e, a)
    some = table.actual > 0
    off = np.abs(table.expected[some] - table.actual[some]) / table.actual[some]
    total = float(a.sum())
    return ValueMetrics(
        customers=e.size,
        actual_total=total,
        mae=float(np.abs(e - a).mean()),
        rmse=float(np.sqrt(np.mean((e - a) ** 2))),
        total_bias=float(e.sum() / total - 1.0) if total else math.nan,
        gini=normalised_gini(e, a),
        spearman=spearman(e, a),
        decile_error=float(off.mean()) if off.size else math.nan,
    )


def decile_table(expected: ArrayLike, actual: ArrayLike, *, parts: int = 10) -> DecileTable:
    """Mean expected and actual amount by equal parts of the customers, ordered by expectation.

    Equal expectations that straddle an edge are shared out evenly.
    """
    e, a = _pair(expected, actual)
    if not e.size:
        return DecileTable(np.zeros(0), np.zeros(0), np.zeros(0))
    running = _running_totals(e, np.stack([e, a]))
    edges = np.linspace(0.0, e.size, parts + 1)
    size = np.full(parts, e.size / parts)
    means = [np.diff(np.interp(edges, running[0], total)) / size for total in running[1:]]
    return DecileTable(size, means[0], means[1])


def normalised_gini(expected: ArrayLike, actual: ArrayLike) -> float:
    """Gini of the actual amounts ordered by expectation, over their Gini in their own order.

    NaN where all actual amounts are equal. Equal expectations count as in random order.
    """
    e, a = _pair(expected, actual)
    if not e.size or a.sum() <= 0:
        return math.nan
    best = _gini(a, a)
    return _gini(e, a) / best if best > 1e-12 else math.nan


def spearman(expected: ArrayLike, actual: ArrayLike) -> float:
    """Rank correlation with ties at their mean rank; NaN where either is constant."""
    e, a = _pair(expected, actual)
    if e.size < 2:
        return math.nan
    x, y = average_ranks(e), average_ranks(a)
    x, y = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale > 0 else math.nan


def _gini(order: FloatArray, amount: FloatArray) -> float:
    """1 - 2 x area under the Lorenz curve of `amount`, customers by ascending `order`."""
    people, total = _running_totals(order, amount[None, :])
    return 1.0 - 2.0 * float(np.trapezoid(total / total[-1], people / people[-1]))


def _running_totals(order: FloatArray, amounts: FloatArray) -> FloatArray:
    """Customers so far and amounts so far after each distinct value of `order`, from 0, (1 + A, G + 1)."""
    _, group, counts = np.unique(order, return_inverse=True, return_counts=True)
    sums = [np.bincount(group, weights=amount, minlength=counts.size) for amount in amounts]
    totals = np.cumsum(np.stack([counts.astype(np.float64), *sums]), axis=1)
    return np.concatenate([np.zeros((totals.shape[0], 1)), totals], axis=1)


def _pair(expected: ArrayLike, actual: ArrayLike) -> tuple[FloatArray, FloatArray]:
    e, a = np.asarray(expected, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if e.shape != a.shape or e.ndim != 1:
        raise ValueError(f"one amount a customer expected twice, got shapes {e.shape} and {a.shape}")
    if not (np.isfinite(e).all() and np.isfinite(a).all()):
        raise ValueError("an amount is not a finite number")
    return e, a
