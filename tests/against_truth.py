"""Predictions of the simulated shop against its truth and against what happened.

What comes in: a log, its truth, as_of. What goes out: pairs of customers with an order (times
categories) with the probability predicted, the true one, and the outcome; tables of bins of them; and
the ranking quality of predictors. Run as a script it prints the figures of a shop.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from intentml.datasets.simulated import Truth, true_probabilities
from intentml.evaluation.measure import Judge
from intentml.evaluation.measurement import USERS_FOR_TARGET, MetricKey
from intentml.evaluation.settings import BacktestConfig
from intentml.fitting.priors import FittedPriors, PriorsConfig, fit_priors
from intentml.metrics import Interval, interval
from intentml.prediction import Predictions, logit, sigmoid
from intentml.tasks import labels_of
from intentml.timeline import OrderLog, Snapshot
from simulated_log import simulated

HORIZON_DAYS = 28
MAP = MetricKey("category", USERS_FOR_TARGET, "map")


@dataclass(frozen=True)
class Pairs:
    """Probabilities predicted and true, and what happened, of one head. Shapes: (n,)."""

    predicted: np.ndarray
    true: np.ndarray
    happened: np.ndarray

    def select(self, rows: np.ndarray) -> Pairs:
        """Some of them."""
        return Pairs(self.predicted[rows], self.true[rows], self.happened[rows])

    def bins(self, count: int) -> np.ndarray:
        """Mean predicted, mean true, share happened and pairs of equal-mass bins. Shape: (count, 4)."""
        order = np.argsort(self.predicted, kind="stable")
        return np.array(
            [
                (self.predicted[part].mean(), self.true[part].mean(), self.happened[part].mean(), len(part))
                for part in np.array_split(order, count)
            ]
        )

    @property
    def error(self) -> float:
        """Mean distance from the true probability."""
        return float(np.abs(self.predicted - self.true).mean())

    @property
    def bin_error(self) -> float:
        """The same of the means of 20 bins: what is left of it after the luck of knowing too little."""
        table = self.bins(20)
        return float(np.average(np.abs(table[:, 0] - table[:, 1]), weights=table[:, 3]))

    def log_loss(self, probability: np.ndarray) -> float:
        """Mean log-loss of some probabilities."""
        kept = np.clip(probability, 1e-9, 1 - 1e-9)
        return float(-np.where(self.happened, np.log(kept), np.log1p(-kept)).mean())


@dataclass(frozen=True)
class Shop:
    """A simulated shop at as_of, with every prior fitted."""

    log: OrderLog
    truth: Truth
    snapshot: Snapshot
    fitted: FittedPriors

    @property
    def buyers(self) -> np.ndarray:
        """Customers with an order."""
        return np.flatnonzero(self.snapshot.n_orders > 0)

    def judge(self, resamples: int) -> Judge:
        """The ground of the window."""
        labels = labels_of(self.snapshot, self.log.outcomes(self.snapshot, HORIZON_DAYS))
        return Judge(self.snapshot, labels, BacktestConfig(kinds=("category",), resamples=resamples))

    def pairs(self, head: str) -> Pairs:
        """The recipe's pairs of `category` or `no_order`."""
        rows = self.buyers
        labels = labels_of(self.snapshot, self.log.outcomes(self.snapshot, HORIZON_DAYS))
        truth = true_probabilities(self.truth, str(self.snapshot.as_of.datetime.date()), HORIZON_DAYS)
        assert list(truth.customer_ids) == list(self.snapshot.customer_ids)
        answer = self.fitted.best.predict(self.snapshot, HORIZON_DAYS)
        if head == "no_order":
            return Pairs(answer.no_order[rows], truth.p_no_order[rows], labels.no_order[rows])
        scores = answer.targets["category"]
        columns = [truth.categories.index(target) for target in scores.targets]
        predicted = sigmoid(scores.rows(rows).astype(np.float64))
        bought = labels.bought["category"].toarray()[rows]
        return Pairs(predicted.ravel(), truth.p_bought[rows][:, columns].ravel(), bought.ravel())

    def answers(self) -> dict[str, Predictions]:
        """Everybody's ranking of customers for a category, popularity and activity alone among them."""
        predictors = {"priors": self.fitted.best, **self.fitted.each}
        answers = {
            name: predictor.predict(self.snapshot, HORIZON_DAYS, kinds=("category",))
            for name, predictor in predictors.items()
        }
        answers = {name: answer for name, answer in answers.items() if answer.targets}
        ordering = logit(1.0 - self.fitted.best.predict(self.snapshot, HORIZON_DAYS, kinds=()).no_order)
        return {**answers, "activity alone": _by_activity(answers["popular"], ordering)}

    def gains(self, over: str, resamples: int) -> tuple[dict[str, float], dict[str, Interval]]:
        """mAP of users for a category by predictor, and each one's gain over another with its interval."""
        judge = self.judge(resamples)
        measured = {name: judge.measure(name, answer) for name, answer in self.answers().items()}
        value = {
            name: next(one.value for one in sheet.measurements if one.key == MAP)
            for name, sheet in measured.items()
        }
        base = measured[over].replicates[MAP]
        return value, {
            name: interval(value[name] - value[over], sheet.replicates[MAP] - base)
            for name, sheet in measured.items()
            if name != over
        }


def shop_at(as_of: str, customers: int, dial: float = 0.0, seed: int = 0) -> Shop:
    """Simulate, fit every prior, and stand at as_of."""
    log, truth = simulated(customers, dial, seed)
    config = PriorsConfig(horizons_days=(HORIZON_DAYS,), kinds=("category",))
    return Shop(log, truth, log.as_of(as_of), fit_priors(log, log.instant(as_of), config))


def _by_activity(popular: Predictions, ordering: np.ndarray) -> Predictions:
    """The answer that ranks customers for every target by their chance of an order."""
    scores = popular.targets["category"]
    users = len(ordering)
    vectors = np.stack([ordering, np.ones(users)], axis=1).astype(np.float32)
    alone = replace(scores, customer_vectors=vectors, pairs=scores.pairs * 0, _columns={})
    return replace(popular, targets={"category": alone})


def _table(title: str, pairs: Pairs, count: int) -> list[str]:
    lines = [
        f"{title}: mean predicted {pairs.predicted.mean():.5f}, true {pairs.true.mean():.5f}, "
        f"observed {pairs.happened.mean():.5f}",
        f"  log-loss {pairs.log_loss(pairs.predicted):.5f}, of the truth {pairs.log_loss(pairs.true):.5f}, "
        f"mean |p - true| {pairs.error:.5f}, by bins {pairs.bin_error:.5f}",
        "  predicted      true  observed         n",
    ]
    return lines + [f"  {p:9.5f} {t:9.5f} {y:9.5f} {n:9.0f}" for p, t, y, n in pairs.bins(count)]


def main(as_of: str, customers: int, dial: float) -> list[str]:
    """The figures of one shop."""
    shop = shop_at(as_of, customers, dial)
    lines = [f"{customers:,} customers, dial {dial}, {HORIZON_DAYS} days from {as_of}"]
    lines += _table("no order", shop.pairs("no_order"), 15)
    lines += _table("categories", shop.pairs("category"), 20)
    return lines + _ranking(*shop.gains("popular", resamples=200))


def _ranking(value: Mapping[str, float], gains: Mapping[str, Interval]) -> list[str]:
    lines = [f"mAP of users for a category: popular {value['popular']:.4f}"]
    return lines + [
        f"  {name:15s} {value[name]:.4f}, gain {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
        for name, gain in gains.items()
    ]


if __name__ == "__main__":
    sys.stdout.write("\n".join(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))) + "\n")
