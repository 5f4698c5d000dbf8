"""All questions to one predictor in one window, by the definitions of contracts.md.

What comes in: a snapshot, its labels, and predictions for that snapshot. What goes out: measurements
with intervals, reliability tables, and the replicates that paired differences need. Metrics are over
customers with at least one order before as_of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from intentml.errors import TimeError
from intentml.evaluation.buyers import measure_buyers
from intentml.evaluation.customers import measure_amount, measure_no_order
from intentml.evaluation.judged import JudgedTargets, judge_targets
from intentml.evaluation.measurement import (
    Deciles,
    FloatArray,
    Measurement,
    MetricKey,
    Reliability,
    Sheet,
)
from intentml.evaluation.sets import judge_sets, measure_sets
from intentml.evaluation.settings import BacktestConfig
from intentml.evaluation.targets import measure_targets
from intentml.metrics import Resamples
from intentml.prediction import Predictions
from intentml.priors.buyers import BuyersSpread
from intentml.priors.union import SetUnion
from intentml.tasks import Labels
from intentml.timeline import Snapshot
from intentml.timeline.catalogue import KINDS


@dataclass(frozen=True)
class Population:
    """Who and what is judged in a window.

    Attributes:
        as_of: Start of the window, ISO 8601.
        horizon_days: Length of the window.
        head: A kind of target, or no_order.
        customers: Customers with an order before as_of.
        targets: Targets judged; 0 for no_order, or where no target has enough buyers.
        base_rate: Share of the customer x target pairs bought, or of customers without an order.
    """

    as_of: str
    horizon_days: int
    head: str
    customers: int
    targets: int
    base_rate: float


@dataclass(frozen=True)
class Measured:
    """What was measured of one predictor in one window.

    Attributes:
        measurements: The numbers.
        reliability: One table for each head with probabilities.
        replicates: The metric on each resample, (R,), where it has an interval; the same resamples for
            every predictor of the window.
        deciles: One table for each head with amounts.
    """

    measurements: tuple[Measurement, ...]
    reliability: tuple[Reliability, ...]
    replicates: Mapping[MetricKey, FloatArray] = field(repr=False)
    deciles: tuple[Deciles, ...] = ()


class Judge:
    """The ground of one window, made once, on which predictors are measured one after another.

    Args:
        snapshot: What was known.
        labels: What happened after.
        settings: Of the backtest.

    Raises:
        TimeError: No customer had an order before as_of.
    """

    def __init__(self, snapshot: Snapshot, labels: Labels, settings: BacktestConfig) -> None:
        self.snapshot, self.labels, self.settings = snapshot, labels, settings
        self.customers = np.flatnonzero(snapshot.n_orders > 0)
        if not len(self.customers):
            raise TimeError(
                f"no customer has an order before {snapshot.as_of.iso}: there is nobody to measure",
                table="orders",
                hint="choose a later as_of",
            )
        self._resamples = Resamples(len(self.customers), settings.resamples, settings.seed)
        kinds = [kind for kind in settings.kinds if kind in labels.bought]
        self._kinds: dict[str, JudgedTargets] = {
            kind: judge_targets(snapshot, labels, kind, self.customers, settings) for kind in kinds
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds with at least one judged target."""
        return tuple(kind for kind, judged in self._kinds.items() if len(judged.targets))

    def population(self) -> tuple[Population, ...]:
        """Who and what is judged, kind by kind, then customers alone."""
        window = self.snapshot.as_of.iso, self.labels.horizon_days
        count = len(self.customers)
        gone = float(self.labels.no_order[self.customers].mean())
        return (
            *(
                Population(*window, kind, count, len(judged.targets), judged.base_rate)
                for kind, judged in self._kinds.items()
            ),
            Population(*window, "no_order", count, 0, gone),
        )

    def measure(
        self,
        predictor: str,
        predictions: Predictions,
        sets: SetUnion | None = None,
        buyers: BuyersSpread | None = None,
    ) -> Measured:
        """Everything about one predictor; heads that it lacks are left out.

        Args:
            predictor: What measurements call it.
            predictions: For every customer of the snapshot, at the labels' horizon.
            sets: How the predictor joins products asked about together; None: its sets are not measured.
            buyers: How far it lets buyers stray from what it expects; None: its intervals are not measured.

        Raises:
            ValueError: The predictions are for other customers or another horizon, or a judged target
                has no score.
        """
        self._check(predictor, predictions)
        sheet = Sheet(predictor, self.snapshot.as_of.iso, self.labels.horizon_days)
        for kind in self.kinds:
            if kind in predictions.targets:
                measure_targets(predictions.targets[kind], self._kinds[kind], sheet)
        who = self.customers
        if predictions.no_order is not None:
            measure_no_order(
                predictions.no_order[who],
                self.labels.no_order[who],
                self.snapshot.n_orders[who],
                self._resamples,
                sheet,
            )
        if predictions.orders is not None:
            measure_amount("orders", predictions.orders[who], self.labels.orders[who], self._resamples, sheet)
        if predictions.spend is not None:
            measure_amount("spend", predictions.spend[who], self.labels.spend[who], self._resamples, sheet)
        if buyers is not None:
            measure_buyers(predictions, buyers, self.snapshot, self.labels, who, sheet)
        if sets is not None:
            judged = judge_sets(self.snapshot, self.labels, self.customers, self.settings)
            measure_sets(predictions, sets, judged, sheet, buyers)
        return Measured(
            tuple(sheet.measurements), tuple(sheet.reliability), sheet.replicates, tuple(sheet.deciles)
        )

    def _check(self, predictor: str, predictions: Predictions) -> None:
        """Refuse predictions for something else."""
        if predictions.horizon_days != self.labels.horizon_days:
            raise ValueError(
                f"{predictor} predicts {predictions.horizon_days} days, "
                f"the outcomes are of {self.labels.horizon_days}"
            )
        if not np.array_equal(predictions.customer_ids, self.snapshot.customer_ids):
            raise ValueError(
                f"{predictor} predicts {len(predictions.customer_ids)} customers, which are not the "
                f"{len(self.snapshot)} of the snapshot in their order"
            )


def measure(
    predictions: Mapping[str, Predictions],
    snapshot: Snapshot,
    labels: Labels,
    *,
    min_in_window: int = 20,
    resamples: int = 200,
    seed: int = 0,
    kinds: Sequence[str] = KINDS,
) -> list[Measurement]:
    """Measure some predictors' predictions of one window.

    Args:
        predictions: By predictor, all for `snapshot` and the labels' horizon.
        snapshot: What was known.
        labels: What happened after.
        min_in_window: Fewest buyers in the window for a target to be judged.
        resamples: Of the bootstrap over customers, at most.
        seed: Of resamples and tie-breaking.
        kinds: Kinds of targets measured.
    """
    settings = BacktestConfig(
        min_buyers_in_window=min_in_window, resamples=resamples, seed=seed, kinds=tuple(kinds)
    )
    judge = Judge(snapshot, labels, settings)
    return [
        measurement
        for name, answer in predictions.items()
        for measurement in judge.measure(name, answer).measurements
    ]
