"""One number with everything needed to read it: whose, when, of what, on whom, how sure.

What comes in: values and replicates as metrics give them. What goes out: `Measurement`, `Difference`,
`Reliability` and `Deciles`, and `METRICS`: what each metric is called and which way is better. It computes no
metric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from intentml.metrics import DecileTable, ReliabilityTable, interval

FloatArray = npt.NDArray[np.float64]

USERS_FOR_TARGET = "users for a target"
TARGETS_FOR_USER = "targets for a user"
CALIBRATION = "calibration"
NO_ORDER = "no order"
ORDERS = "orders"
SPEND = "spend"
EXPECTED_BUYERS = "expected buyers"
SETS = "product sets"
SETS_INDEPENDENT = "product sets, as if independent"

ALL, REPEAT, EXPLORE, HEAD, TAIL = "all", "repeat", "explore", "head", "tail"

NEW_PRODUCT = "new_product"
"""The head of products that nobody could buy before: a kind of target, measured in a log of its own."""

MEAN = "mean"
"""Stands in `as_of` where a number is the mean over windows."""

Best = Literal["high", "low", "one", "nine tenths", "zero"]


@dataclass(frozen=True)
class Metric:
    """How a metric is written and which way is better.

    Attributes:
        label: For people.
        best: high, low, or the value that it should have.
        digits: Decimals of a value below 10.
    """

    label: str
    best: Best
    digits: int = 4

    def merit(self, value: float) -> float:
        """A number that is larger the better the value; NaN stays NaN."""
        if self.best == "high":
            return value
        return -abs(value - {"low": 0.0, "zero": 0.0, "one": 1.0, "nine tenths": 0.9}[self.best])

    def decimals(self, value: float) -> int:
        """Decimals worth printing of a value: fewer of amounts that are large in their unit."""
        large = math.floor(math.log10(abs(value))) if math.isfinite(value) and abs(value) >= 10.0 else 0
        return max(self.digits - large, 0)


METRICS = {
    "map": Metric("mAP", "high"),
    "map_by_buyers": Metric("mAP weighted by buyers", "high"),
    "auroc": Metric("AUROC", "high"),
    "lift_1": Metric("lift in the best 1 %", "high", 2),
    "lift_5": Metric("lift in the best 5 %", "high", 2),
    "recall_100": Metric("recall at 100 customers", "high"),
    "ap_lift": Metric("AP lift", "high", 2),
    "precision_10": Metric("precision at 10", "high"),
    "recall_10": Metric("recall at 10", "high"),
    "ndcg_10": Metric("nDCG at 10", "high"),
    "hit_10": Metric("hit at 10", "high"),
    "log_loss": Metric("log-loss", "low"),
    "brier": Metric("Brier", "low"),
    "ece": Metric("ECE", "low"),
    "predicted_over_actual": Metric("predicted / actual", "one", 3),
    "interval_coverage": Metric("buyers inside the 90 % interval", "nine tenths", 3),
    "calibration_intercept": Metric("calibration intercept", "zero", 3),
    "calibration_slope": Metric("calibration slope", "one", 3),
    "mae": Metric("MAE", "low"),
    "rmse": Metric("RMSE", "low"),
    "total_bias": Metric("total bias", "zero", 3),
    "gini": Metric("normalised Gini", "high"),
    "spearman": Metric("Spearman", "high"),
    "decile_error": Metric("decile error", "low", 3),
}
"""Metrics of predictors. `base_rate` and `ap_lift_by_chance` beside them belong to the window alone."""


@dataclass(frozen=True)
class MetricKey:
    """What a number is about, whoever it belongs to."""

    head: str
    question: str
    metric: str
    stratum: str = ALL


@dataclass(frozen=True)
class Measurement:
    """One metric of one predictor in one window, or its mean over windows.

    Attributes:
        predictor: Name.
        as_of: Start of the window, ISO 8601; `MEAN` for a mean over windows.
        horizon_days: Length of the window.
        head: A kind of target, new_product, no_order, orders, spend or sets.
        question: What was asked of the head.
        metric: Name; its sense is in `METRICS`.
        stratum: all; repeat or explore (bought the target before, or never); head or tail (popular
            targets or not); 1, 2-4, 5+ (orders before); 2-3, 4-7, 8-19, 20+ (products of a set).
        value: The number; NaN where the metric cannot be had.
        low: Lower end of the 95 % bootstrap interval over customers; NaN where none was made.
        high: Upper end.
        customers: Customers it was measured on.
        targets: Targets it was measured on, 0 where there are none.
        windows: Windows it is the mean of.
    """

    predictor: str
    as_of: str
    horizon_days: int
    head: str
    question: str
    metric: str
    stratum: str
    value: float
    low: float
    high: float
    customers: int
    targets: int
    windows: int = 1

    @property
    def key(self) -> MetricKey:
        """What the number is about."""
        return MetricKey(self.head, self.question, self.metric, self.stratum)


@dataclass(frozen=True)
class Difference:
    """The recipe minus another predictor, on the same resamples of the same customers.

    Attributes:
        predictor: The recipe.
        against: The other one.
        as_of: Start of the window; `MEAN` for a mean over windows.
        horizon_days: Length of the window.
        head: As of a measurement, like question, metric and stratum.
        question: What was asked of the head.
        metric: Name.
        stratum: Part of the customers or targets.
        value: Recipe minus other, in the metric's own unit.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end.
        against_best: Whether the other one is the best baseline by this metric.
        windows: Windows it is the mean of.
    """

    predictor: str
    against: str
    as_of: str
    horizon_days: int
    head: str
    question: str
    metric: str
    stratum: str
    value: float
    low: float
    high: float
    against_best: bool
    windows: int = 1

    @property
    def key(self) -> MetricKey:
        """What the number is about."""
        return MetricKey(self.head, self.question, self.metric, self.stratum)

    @property
    def verdict(self) -> str:
        """Better or worse where the interval leaves out zero, else level; unknown without an interval.

        A difference that the metric's decimals do not show is level, however sure.
        """
        metric = METRICS[self.metric]
        if round(self.value, metric.digits) == 0.0:
            return "level"
        if math.isnan(self.low) or math.isnan(self.high):
            return "unknown"
        if self.low <= 0.0 <= self.high:
            return "level"
        return "better" if (self.value > 0) == (metric.best == "high") else "worse"


@dataclass(frozen=True)
class Reliability:
    """How often probabilities of one predictor came true in one window, bin by bin.

    Attributes:
        predictor: Name.
        as_of: Start of the window.
        horizon_days: Length of the window.
        head: A kind of target, or no_order.
        table: The bins, 20 for targets, 15 for no_order.
    """

    predictor: str
    as_of: str
    horizon_days: int
    head: str
    table: ReliabilityTable


@dataclass(frozen=True)
class Deciles:
    """Expected and actual amounts of one predictor in one window, by tenths of its customers.

    Attributes:
        predictor: Name.
        as_of: Start of the window.
        horizon_days: Length of the window.
        head: orders or spend.
        table: The tenths, the lowest expectations first.
    """

    predictor: str
    as_of: str
    horizon_days: int
    head: str
    table: DecileTable


class Sheet:
    """Collects what is measured of one predictor in one window.

    Attributes:
        measurements: What was noted, in order.
        replicates: The metric on each resample, (R,), of those that have an interval.
        reliability: Tables of the heads that give probabilities.
        deciles: Tables of the heads that give amounts.
    """

    def __init__(self, predictor: str, as_of: str, horizon_days: int) -> None:
        self.predictor, self.as_of, self.horizon_days = predictor, as_of, horizon_days
        self.measurements: list[Measurement] = []
        self.replicates: dict[MetricKey, FloatArray] = {}
        self.reliability: list[Reliability] = []
        self.deciles: list[Deciles] = []

    def note(
        self,
        key: MetricKey,
        value: float,
        *,
        customers: int,
        targets: int = 0,
        replicates: FloatArray | None = None,
    ) -> None:
        """Keep one number, with its interval where there are replicates."""
        low = high = math.nan
        if replicates is not None:
            self.replicates[key] = replicates
            ends = interval(value, replicates)
            low, high = ends.low, ends.high
        self.measurements.append(
            Measurement(
                self.predictor,
                self.as_of,
                self.horizon_days,
                key.head,
                key.question,
                key.metric,
                key.stratum,
                float(value),
                low,
                high,
                int(customers),
                int(targets),
            )
        )

    def note_reliability(self, head: str, table: ReliabilityTable) -> None:
        """Keep the reliability table of a head."""
        self.reliability.append(Reliability(self.predictor, self.as_of, self.horizon_days, head, table))

    def note_deciles(self, head: str, table: DecileTable) -> None:
        """Keep the tenths of a head."""
        self.deciles.append(Deciles(self.predictor, self.as_of, self.horizon_days, head, table))
