"""Target priors: each named score is a weighing of a few of the design's columns, fitted to be true.

What comes in: designs and labels of past windows. What goes out: `LinearPrior`, one set of weights a
kind, prior and horizon, whose logits decompose into `TargetScores`. With one history column the
order of customers for a target is that of the plain score, so baselines rank as the field knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.prediction import F64, Newcomer, ParentTerm, TargetScores
from intentml.priors.designs import POPULARITY_WINDOWS, Design

_POPULARITY = tuple(POPULARITY_WINDOWS.values())
_ALL_PAIR = (
    "seen", "count", "order_decay", "last", "since", "share", "repeated", "overdue", "late", "rate",
    "decay_14", "decay_30", "decay_90", "decay_365", "seen_order", "seen_popularity", "near", "neighbours",
)  # fmt: skip
_ALL_PARENT = tuple(f"{parent}_{name}" for parent in ("category", "brand", "root") for name in ("decay", "seen"))

# What each prior weighs. `logistic` weighs everything; the others are the field's plain scores.
TARGET_PRIORS: Mapping[str, tuple[str, ...]] = {
    "popular": _POPULARITY,
    "counts": (*_POPULARITY, "count"),
    "decayed_counts": (*_POPULARITY, "decay_90"),
    "gamma_poisson": (*_POPULARITY, "seen", "rate", "repeated", "overdue"),
    "neighbours": (*_POPULARITY, "neighbours"),
    "logistic": (
        *_POPULARITY, "order", "orders_28", "orders_90", "orders_ever", "breadth", "variety", *_ALL_PAIR, *_ALL_PARENT,
    ),
}  # fmt: skip

# Pairs without history or neighbours are the most and the dullest: this many stand for all of them.
SAMPLE_PER_WINDOW = 120_000


@dataclass(frozen=True)
class PairSample:
    """Customer x target pairs of one window that stand for all of them. Shapes: (n,).

    Attributes:
        columns: Feature names. Length F.
        values: Features. Shape: (n, F).
        bought: Whether the target was bought in the window.
        weight: How many pairs each stands for.
        seen: Whether the customer had bought it before.
    """

    columns: tuple[str, ...]
    values: F64
    bought: npt.NDArray[np.bool_]
    weight: F64
    seen: npt.NDArray[np.bool_]

    def select(self, rows: npt.NDArray[np.bool_]) -> PairSample:
        """Some of the pairs."""
        return PairSample(
            self.columns, self.values[rows], self.bought[rows], self.weight[rows], self.seen[rows]
        )


@dataclass(frozen=True)
class Calibration:
    """Intercept and slope of the logit, for pairs with history (repeat) and without (explore)."""

    repeat: tuple[float, float] = (0.0, 1.0)
    explore: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class LinearPrior:
    """Weights of one prior for one kind and horizon.

    Attributes:
        name: Key of `TARGET_PRIORS`.
        intercept: Constant of the logit.
        weights: Weight of each column; columns absent weigh nothing.
        calibration: Correction on top, identity unless fitted.
    """

    name: str
    intercept: float
    weights: Mapping[str, float]
    calibration: Calibration = field(default_factory=Calibration)

    def logits(self, sample: PairSample) -> F64:
        """Calibrated logits of sampled pairs. Shape: (n,)."""
        weights = np.array([self.weights.get(name, 0.0) for name in sample.columns])
        raw = self.intercept + sample.values @ weights
        (a, b), (c, d) = self.calibration.repeat, self.calibration.explore
        return np.where(sample.seen, a + b * raw, c + d * raw)

    def score(self, design: Design) -> TargetScores:
        """Logits of every customer and target of a design, in parts."""
        users, targets = design.shape
        by_customer = _weighed(design.customer, self.weights, users)
        by_target = self.intercept + _weighed(design.target, self.weights, targets)
        on_pair = _weighed(design.pair, self.weights, len(design.pair_target))
        (a, b), (c, d) = self.calibration.repeat, self.calibration.explore
        # The dot product and the parents carry the explore calibration everywhere; pairs with history
        # get what turns it into the repeat calibration.
        below = by_customer[design.pair_customer] + by_target[design.pair_target]
        parents = []
        for parent in design.parents:
            total = _weighed_sparse(parent.features, self.weights)
            if total is not None:
                values = (d * total).astype(np.float32)
                parents.append(ParentTerm(parent.kind, values, parent.parent_of))
                below += _lookup(total, design.pair_customer, parent.parent_of[design.pair_target])
        additions = np.where(design.seen, (a - c) + (b - d) * below + b * on_pair, d * on_pair)
        return TargetScores(
            kind=design.kind,
            targets=design.targets,
            customer_vectors=np.stack([d * by_customer, np.ones(users)], axis=1).astype(np.float32),
            target_vectors=np.stack([np.ones(targets), c + d * by_target], axis=1).astype(np.float32),
            pairs=sparse.csr_array(
                (additions.astype(np.float32), design.pair_target, design.indptr), shape=design.shape
            ),
            parents=tuple(parents),
            newcomer=Newcomer(
                intercept=c + d * self.intercept,
                popularity={
                    days: d * self.weights.get(name, 0.0) for days, name in POPULARITY_WINDOWS.items()
                },
            ),
        )


def sample_pairs(
    design: Design,
    bought: sparse.csr_array,
    eligible: npt.NDArray[np.int64],
    generator: np.random.Generator,
    per_window: int = SAMPLE_PER_WINDOW,
) -> PairSample:
    """Pairs of customers with an order and eligible targets: all purchases, a weighted share of the rest.

    Args:
        design: Features at the window's start.
        bought: What was bought in the window. Shape: (U, J), sparse booleans.
        eligible: Targets to learn from. Shape: (e,), sorted.
        generator: Source of randomness.
        per_window: About how many unbought pairs to keep of each sort (with features of their own, without).
    """
    users, targets = design.shape
    is_eligible = np.zeros(targets, bool)
    is_eligible[eligible] = True
    buyers = np.flatnonzero(design.customer["orders_ever"] > 0)
    keys_pair = design.pair_customer * targets + design.pair_target
    chosen = is_eligible[design.pair_target]
    positives = np.repeat(np.arange(users), np.diff(bought.indptr)) * targets + bought.indices
    positives = positives[is_eligible[positives % targets]]

    supported = keys_pair[chosen]
    supported = supported[~np.isin(supported, positives, assume_unique=True)]
    supported, supported_weight = _thin(supported, per_window, generator)
    drawn = generator.choice(buyers, per_window) * targets + generator.choice(eligible, per_window)
    drawn = np.unique(drawn)
    explained = np.isin(drawn, keys_pair, assume_unique=False) | np.isin(drawn, positives)
    others = drawn[~explained]
    n_supported = int(chosen.sum())
    n_positive_alone = int((~np.isin(positives, keys_pair)).sum())
    n_others = max(0, len(buyers) * len(eligible) - n_supported - n_positive_alone)
    others_weight = n_others / max(1, len(others))

    keys = np.concatenate([positives, supported, others])
    weight = np.concatenate(
        [np.ones(len(positives)), np.full(len(supported), supported_weight), np.full(len(others), others_weight)]
    )
    columns, values, seen = _columns(design, keys // targets, keys % targets, keys_pair)
    was_bought = np.arange(len(keys)) < len(positives)
    return PairSample(columns, values, was_bought, weight, seen)


def fit_linear(name: str, samples: Sequence[PairSample]) -> LinearPrior:
    """Weights that maximise the likelihood of what was bought, over all sampled pairs."""
    from sklearn.linear_model import LogisticRegression

    wanted = [column for column in samples[0].columns if column in TARGET_PRIORS[name]]
    at = [samples[0].columns.index(column) for column in wanted]
    values = np.concatenate([sample.values[:, at] for sample in samples])
    bought = np.concatenate([sample.bought for sample in samples])
    weight = np.concatenate([sample.weight for sample in samples])
    if not bought.any() or bought.all():
        rate = float(np.clip(np.average(bought, weights=weight), 1e-6, 1 - 1e-6)) if len(bought) else 1e-6
        return LinearPrior(name, float(np.log(rate / (1 - rate))), {})
    mean = np.average(values, axis=0, weights=weight)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    used = spread > 1e-9
    scaled = (values[:, used] - mean[used]) / spread[used]
    # Weak shrinkage: there are thousands of pairs for each weight; it only tames twin columns.
    model = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=100)
    model.fit(scaled, bought, sample_weight=weight)
    coefficients = model.coef_[0] / spread[used]
    intercept = float(model.intercept_[0] - coefficients @ mean[used])
    names = [column for column, keep in zip(wanted, used, strict=True) if keep]
    return LinearPrior(name, intercept, dict(zip(names, map(float, coefficients), strict=True)))


def fit_calibration(prior: LinearPrior, sample: PairSample) -> Calibration:
    """Intercept and slope per stratum on one window, drawn toward identity where few buy."""
    raw = LinearPrior(prior.name, prior.intercept, prior.weights).logits(sample)
    return Calibration(
        repeat=platt(raw[sample.seen], sample.bought[sample.seen], sample.weight[sample.seen]),
        explore=platt(raw[~sample.seen], sample.bought[~sample.seen], sample.weight[~sample.seen]),
    )


def platt(logits: F64, happened: npt.NDArray[np.bool_], weight: F64, trust: float = 20.0) -> tuple[float, float]:
    """Intercept and slope that maximise the likelihood, with a Gaussian prior around (0, 1).

    `trust` is the prior's strength in events: with far fewer, the identity stands.
    Newton's method on two numbers. Source: Platt 1999, with a prior on the parameters.
    """
    a, b = 0.0, 1.0
    if not len(logits):
        return a, b
    for _ in range(50):
        probability = 1 / (1 + np.exp(-np.clip(a + b * logits, -35, 35)))
        error, curve = weight * (probability - happened), weight * probability * (1 - probability)
        gradient = np.array([error.sum() + trust * a, (error * logits).sum() + trust * (b - 1)])
        cross = (curve * logits).sum()
        hessian = np.array([[curve.sum() + trust, cross], [cross, (curve * logits**2).sum() + trust]])
        step = np.linalg.solve(hessian, gradient)
        a, b = a - float(step[0]), float(np.clip(b - step[1], 0.05, 5.0))
        if np.abs(step).max() < 1e-8:
            break
    return a, b


def weighted_log_loss(logits: F64, sample: PairSample) -> float:
    """Mean log-loss over all pairs that the sample stands for."""
    signed = np.where(sample.bought, -logits, logits)
    return float(np.average(np.logaddexp(0.0, signed), weights=sample.weight))


def interpolate(knots: Mapping[int, LinearPrior], horizon_days: int) -> LinearPrior:
    """The weights at a horizon: linear in log-days between the horizons fitted, the end ones outside."""
    days = np.array(sorted(knots))
    if horizon_days in knots or len(days) == 1:
        return knots.get(horizon_days) or knots[int(days[0])]
    place = float(np.interp(np.log(horizon_days), np.log(days), np.arange(len(days))))
    low, share = int(place), place - int(place)
    left, right = knots[int(days[low])], knots[int(days[min(low + 1, len(days) - 1)])]

    def mix(one: float, other: float) -> float:
        return (1 - share) * one + share * other

    def mix_pair(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
        return mix(one[0], other[0]), mix(one[1], other[1])

    names = dict.fromkeys([*left.weights, *right.weights])
    return LinearPrior(
        left.name,
        mix(left.intercept, right.intercept),
        {name: mix(left.weights.get(name, 0.0), right.weights.get(name, 0.0)) for name in names},
        Calibration(
            mix_pair(left.calibration.repeat, right.calibration.repeat),
            mix_pair(left.calibration.explore, right.calibration.explore),
        ),
    )


def _thin(
    keys: npt.NDArray[np.int64], keep: int, generator: np.random.Generator
) -> tuple[npt.NDArray[np.int64], float]:
    """At most `keep` of the keys, and how many each stands for."""
    if len(keys) <= keep:
        return keys, 1.0
    return np.sort(generator.choice(keys, keep, replace=False)), len(keys) / keep


def _columns(
    design: Design, customer: npt.NDArray[np.int64], target: npt.NDArray[np.int64], keys_pair: npt.NDArray[np.int64]
) -> tuple[tuple[str, ...], F64, npt.NDArray[np.bool_]]:
    """All features of some pairs: names, values (n, F), and whether each pair has history."""
    keys = customer * design.shape[1] + target
    at = np.minimum(np.searchsorted(keys_pair, keys), max(0, len(keys_pair) - 1))
    supported = keys_pair[at] == keys if len(keys_pair) else np.zeros(len(keys), bool)
    named: dict[str, F64] = {name: values[customer] for name, values in design.customer.items()}
    named |= {name: values[target] for name, values in design.target.items()}
    for name, values in design.pair.items():
        named[name] = np.where(supported, values[at], 0.0) if len(values) else np.zeros(len(keys))
    for parent in design.parents:
        of = parent.parent_of[target]
        named |= {name: _lookup(values, customer, of) for name, values in parent.features.items()}
    seen = supported & design.seen[at] if len(keys_pair) else supported
    return tuple(named), np.stack(list(named.values()), axis=1), seen


def _lookup(matrix: sparse.csr_array, row: npt.NDArray[np.int64], column: npt.NDArray[np.int32]) -> F64:
    """matrix[row, column] for sorted-index CSR; 0 where the column is -1."""
    keys = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * matrix.shape[1] + matrix.indices
    wanted = row * matrix.shape[1] + column
    at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
    if not len(keys):
        return np.zeros(len(row))
    return np.where((keys[at] == wanted) & (column >= 0), matrix.data[at], 0.0)


def _weighed(columns: Mapping[str, F64], weights: Mapping[str, float], n: int) -> F64:
    """Sum of weight x column over the columns that weigh something."""
    total = np.zeros(n)
    for name, values in columns.items():
        if name in weights:
            total += weights[name] * values
    return total


def _weighed_sparse(
    columns: Mapping[str, sparse.csr_array], weights: Mapping[str, float]
) -> sparse.csr_array | None:
    """The same for sparse columns that share their places; None where nothing weighs."""
    used = [name for name in columns if weights.get(name)]
    if not used:
        return None
    total = columns[used[0]].copy()
    total.data = np.sum([weights[name] * columns[name].data for name in used], axis=0)
    return total
