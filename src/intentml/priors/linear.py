"""Target priors: each named score is a weighing of a few of the design's columns, fitted to be true.

What comes in: designs and labels of past windows. What goes out: `LinearPrior`, one set of weights a
kind, prior and horizon, whose logits decompose into `TargetScores`. With one history column the
order of customers for a target is that of the plain score, so baselines rank as the field knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.prediction import F64, LikenessTerm, Newcomer, ParentTerm, TargetScores, at_places, sigmoid
from intentml.priors.designs import FEW_BUYERS, POPULARITY_WINDOWS, Design
from intentml.priors.sampling import LIKE_TEXT, PairSample, joined

_POPULARITY = tuple(POPULARITY_WINDOWS.values())
_ALL_PAIR = (
    "seen", "count", "order_decay", "last", "since", "share", "repeated", "overdue", "late", "rate",
    "decay_14", "decay_30", "decay_90", "decay_365", "near", "neighbours", "ease",
)  # fmt: skip
_ALL_PARENT = tuple(
    f"{parent}_{name}" for parent in ("category", "brand", "root") for name in ("decay", "seen")
)

# What each prior weighs. `logistic` weighs everything; the others are the field's plain scores.
TARGET_PRIORS: Mapping[str, tuple[str, ...]] = {
    "popular": _POPULARITY,
    "counts": (*_POPULARITY, "count"),
    "decayed_counts": (*_POPULARITY, "decay_90"),
    "gamma_poisson": (*_POPULARITY, "seen", "rate", "repeated", "overdue"),
    "neighbours": (*_POPULARITY, "neighbours"),
    "logistic": (
        *_POPULARITY, "order", "orders_28", "orders_90", "orders_ever", "breadth", "variety",
        *_ALL_PAIR, *_ALL_PARENT,
    ),
}  # fmt: skip

# What speaks for a target that nobody has bought: how its like sell, who orders at all, and what they buy of
# its like.
NEW_TARGETS = (
    *_POPULARITY, "order", "orders_28", "orders_90", "orders_ever", "breadth", "variety",
    *_ALL_PARENT, LIKE_TEXT,
)  # fmt: skip

# Priors that weigh pairs with and without history apart.
BY_STRATUM = ("logistic",)
# Strength of the pull of standardised weights toward zero, in pairs: it tames twin columns, whose
# difference would not survive the step to the next window.
SHRINKAGE = 30.0
# A column that hardly varied gets no weight: on the day it does, that weight would carry it away. By range,
# not by spread: the history of a rare product is zero for nearly everybody, and tells all.
_LEAST_RANGE = 0.05
# How firmly a level is believed before it is mended, in events.
TRUST = 20.0
# Fewer purchases say less of new targets than what is known of all others.
_FEWEST_BOUGHT = 50


@dataclass(frozen=True)
class Weights:
    """A weighing of columns: logit = intercept + sum of weight x column.

    Attributes:
        intercept: Constant.
        by_column: Weight of each column; columns absent weigh nothing.
    """

    intercept: float
    by_column: Mapping[str, float]

    def of(self, sample: PairSample) -> F64:
        """Logits of sampled pairs. Shape: (n,)."""
        weights = np.array([self.by_column.get(name, 0.0) for name in sample.columns])
        logits: F64 = self.intercept + sample.values @ weights
        return logits

    def corrected(self, intercept: float, slope: float) -> Weights:
        """The weighing whose logit is intercept + slope x this one's."""
        return Weights(
            intercept + slope * self.intercept,
            {name: slope * weight for name, weight in self.by_column.items()},
        )

    def mixed(self, other: Weights, share: float) -> Weights:
        """The weighing between this one (share 0) and another (share 1)."""
        names = dict.fromkeys([*self.by_column, *other.by_column])
        return Weights(
            (1 - share) * self.intercept + share * other.intercept,
            {
                name: (1 - share) * self.by_column.get(name, 0.0) + share * other.by_column.get(name, 0.0)
                for name in names
            },
        )


@dataclass(frozen=True)
class LinearPrior:
    """One prior for one kind and horizon.

    Attributes:
        name: Key of `TARGET_PRIORS`.
        repeat: Weights for pairs with history.
        explore: Weights for pairs without.
        average: Mean of each column over the pairs of the newest window learned from: what explanations
            compare with. No score reads it.
        new: Weights for pairs with a target that nobody has bought; as `explore` where None.
    """

    name: str
    repeat: Weights
    explore: Weights
    average: Mapping[str, float] = field(default_factory=dict)
    new: Weights | None = None

    def logits(self, sample: PairSample) -> F64:
        """Logits of sampled pairs. Shape: (n,)."""
        return np.where(sample.seen, self.repeat.of(sample), self.explore.of(sample))

    def score(self, design: Design) -> TargetScores:
        """Logits of every customer and target of a design, in parts.

        The dot product and the parents carry the explore weights to every pair, or those of new targets;
        pairs with history get the difference to their own weights.
        """
        users, targets = design.shape
        repeat, strata = self.repeat.by_column, self._strata(design)
        by_customer = [_weighed(design.customer, weights.by_column, users) for weights, _ in strata]
        by_target = np.zeros(targets)
        for weights, inside in strata:
            by_target[inside] = (weights.intercept + _weighed(design.target, weights.by_column, targets))[
                inside
            ]
        seen = np.flatnonzero(design.seen)
        who, what = design.pair_customer[seen], design.pair_target[seen]
        additions = _weighed(design.pair, self.explore.by_column, len(design.pair_target))
        own = self.repeat.intercept + _weighed(design.pair, repeat, len(design.pair_target))[seen]
        own += _weighed(design.customer, repeat, users)[who] + _weighed(design.target, repeat, targets)[what]
        everywhere = by_target[what]
        for numbers, (_, inside) in zip(by_customer, strata, strict=True):
            everywhere += np.where(inside[what], numbers[who], 0.0)
        parents: list[ParentTerm] = []
        of_newcomer = []
        for parent in design.parents:
            place, count = parent.places(who, what), len(parent.history)
            own += at_places(_weighed(parent.features, repeat, count), place)
            for weights, inside in strata:
                if any(weights.by_column.get(name) for name in parent.features):
                    to_all = _weighed(parent.features, weights.by_column, count)
                    everywhere += np.where(inside[what], at_places(to_all, place), 0.0)
                    if weights is strata[-1][0]:
                        of_newcomer.append(len(parents))
                    parent_of = np.where(inside, parent.parent_of, -1).astype(np.int32)
                    values = parent.matrix(to_all.astype(np.float32))
                    parents.append(ParentTerm(parent.kind, values, parent_of))
        alike = self._alike(design)
        if alike is not None:
            everywhere += alike.at(who, what)
        additions[seen] = own - everywhere
        to_customers = [by_customer[0], np.ones(users), *by_customer[1:]]
        to_targets = [strata[0][1], by_target, *(inside for _, inside in strata[1:])]
        newest = strata[-1][0]
        return TargetScores(
            kind=design.kind,
            targets=design.targets,
            customer_vectors=np.stack(to_customers, axis=1).astype(np.float32),
            target_vectors=np.stack(to_targets, axis=1).astype(np.float32),
            pairs=sparse.csr_array(
                (additions.astype(np.float32), design.pair_target, design.indptr), shape=design.shape
            ),
            parents=tuple(parents),
            alike=alike,
            newcomer=Newcomer(
                intercept=newest.intercept,
                popularity={
                    days: newest.by_column.get(name, 0.0) for days, name in POPULARITY_WINDOWS.items()
                },
                start=(1.0, 0.0) if self.new is None else (0.0, 0.0, 1.0),
                parents=tuple(of_newcomer),
            ),
        )

    def _strata(self, design: Design) -> list[tuple[Weights, npt.NDArray[np.bool_]]]:
        """What weighs pairs without history, and which targets each weighs; of new ones last."""
        if self.new is None:
            return [(self.explore, np.ones(len(design.targets), bool))]
        return [(self.explore, ~design.new), (self.new, design.new)]

    def _alike(self, design: Design) -> LikenessTerm | None:
        """What is bought of targets like the new ones, weighed."""
        weight = 0.0 if self.new is None else self.new.by_column.get(LIKE_TEXT, 0.0)
        return None if design.alike is None or not weight else replace(design.alike, weight=weight)


def fit_linear(name: str, samples: Sequence[PairSample]) -> LinearPrior:
    """Weights that maximise the likelihood of what was bought, over all sampled pairs.

    Args:
        name: Key of `TARGET_PRIORS`. A plain score has one weighing for all pairs, so that customers
            keep its order; those in `BY_STRATUM` weigh pairs with and without history apart, because
            a busy customer is likelier to try something new, not to buy the old thing again.
        samples: One for each window, the newest first; each older one counts half.
    """
    wanted = TARGET_PRIORS[name]
    average = samples[0].average()
    sample = joined([replace(part, weight=part.weight * 0.5**age) for age, part in enumerate(samples)])
    if name not in BY_STRATUM:
        weights = _fit_weights(wanted, sample)
        return LinearPrior(name, weights, weights, average)
    repeat = _fit_weights(wanted, sample.select(sample.seen))
    return LinearPrior(name, repeat, _fit_weights(wanted, sample.select(~sample.seen)), average)


def _fit_weights(columns: Sequence[str], sample: PairSample) -> Weights:
    """Logistic regression on standardised columns; columns that hardly vary weigh nothing."""
    from sklearn.linear_model import LogisticRegression

    wanted = [column for column in sample.columns if column in columns]
    values = sample.values[:, [sample.columns.index(column) for column in wanted]]
    bought, weight = sample.bought, sample.weight
    if not bought.any() or bought.all():
        return Weights(_smoothed_rate(sample), {})
    mean = np.average(values, axis=0, weights=weight)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    used = np.flatnonzero(np.ptp(values, axis=0) > _LEAST_RANGE)
    if not len(used):
        return Weights(_smoothed_rate(sample), {})
    scaled = (values[:, used] - mean[used]) / spread[used]
    model = LogisticRegression(C=1 / SHRINKAGE, solver="newton-cholesky", max_iter=100)
    model.fit(scaled, bought, sample_weight=weight)
    coefficients = model.coef_[0] / spread[used]
    intercept = float(model.intercept_[0] - coefficients @ mean[used])
    return Weights(
        intercept, {wanted[at]: float(value) for at, value in zip(used, coefficients, strict=True)}
    )


def _smoothed_rate(sample: PairSample) -> float:
    """Log-odds of the share bought, half a pair added on either side: as sure as there are pairs."""
    yes = float(sample.weight[sample.bought].sum())
    return float(np.log((yes + 0.5) / (float(sample.weight.sum()) - yes + 0.5)))


def calibrated(prior: LinearPrior, sample: PairSample) -> LinearPrior:
    """The prior with intercept and slope mended per stratum on one window."""
    logits = prior.logits(sample)

    def mend(weights: Weights, rows: npt.NDArray[np.bool_]) -> Weights:
        return weights.corrected(*platt(logits[rows], sample.bought[rows], sample.weight[rows]))

    return replace(prior, repeat=mend(prior.repeat, sample.seen), explore=mend(prior.explore, ~sample.seen))


def platt(
    logits: F64, happened: npt.NDArray[np.bool_] | F64, weight: F64, trust: float = TRUST
) -> tuple[float, float]:
    """Intercept and slope that maximise the likelihood, with a Gaussian prior around (0, 1).

    `happened` may be a share, where a row stands for several events. `trust` is the prior's strength in
    events: with far fewer, the identity stands.
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


def levelled(weights: Weights, columns: Sequence[str], sample: PairSample) -> Weights:
    """The weighing with some columns added, all others held: the level of targets not learned from.

    Args:
        weights: As they are.
        columns: Numbers of targets, all zero where the level is right.
        sample: Pairs of one window.
    """
    from scipy.optimize import minimize

    told = sample.values[:, [sample.columns.index(name) for name in columns]]
    here = told.any(axis=1)
    told, bought, weight = told[here], sample.bought[here], sample.weight[here]
    start = weights.of(sample)[here]

    def loss(added: F64) -> tuple[float, F64]:
        logits = start + told @ added
        total = weight @ np.logaddexp(0.0, np.where(bought, -logits, logits))
        slope = told.T @ (weight * (sigmoid(logits) - bought))
        return float(total + TRUST * added @ added / 2), slope + TRUST * added

    added = minimize(loss, np.zeros(len(columns)), jac=True, method="L-BFGS-B").x
    level = {name: float(value) for name, value in zip(columns, added, strict=True)}
    return Weights(weights.intercept, {**weights.by_column, **level})


def with_rare(prior: LinearPrior, sample: PairSample) -> LinearPrior:
    """The prior at the level of targets with few buyers, too many and too rare to learn all weights from.

    Without, it goes on beyond the popular ones in a straight line, and promises several times the buyers
    (experiments/0015-rare-products).
    """
    columns = tuple(FEW_BUYERS.values())
    return replace(
        prior,
        repeat=levelled(prior.repeat, columns, sample.select(sample.seen)),
        explore=levelled(prior.explore, columns, sample.select(~sample.seen)),
    )


def fit_new(sample: PairSample) -> Weights | None:
    """Weights for targets that nobody has bought.

    Args:
        sample: Pairs of such targets.

    Returns:
        None where too little of them was bought to learn from.
    """
    bought = int(sample.bought.sum())
    return _fit_weights(NEW_TARGETS, sample) if bought >= _FEWEST_BOUGHT else None


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
    average = Weights(0.0, left.average).mixed(Weights(0.0, right.average), share)
    return LinearPrior(
        left.name,
        left.repeat.mixed(right.repeat, share),
        left.explore.mixed(right.explore, share),
        average.by_column,
        # A horizon too long to tell of new targets leans on the other one.
        left.new.mixed(right.new, share) if left.new and right.new else left.new or right.new,
    )


def _weighed(columns: Mapping[str, F64], weights: Mapping[str, float], n: int) -> F64:
    """Sum of weight x column over the columns that weigh something."""
    total = np.zeros(n)
    for name, values in columns.items():
        if name in weights:
            total += weights[name] * values
    return total
