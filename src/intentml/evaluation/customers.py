"""One predictor's numbers a customer: P(no order), expected orders, expected spend.

What comes in: predictions and outcomes of the judged customers, (U,) each. What goes out: notes on a
`Sheet`. A pooled number hides the one-time buyers, usually the majority, so no-order is also told by
how many orders customers had.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from intentml.evaluation.measurement import ALL, NO_ORDER, FloatArray, MetricKey, Sheet
from intentml.metrics import (
    Resamples,
    auroc_replicates,
    churn_by_orders,
    churn_metrics,
    decile_table,
    log_loss,
    ratio_replicates,
    reliability_table,
    value_metrics,
)
from intentml.metrics.churn import CHURN_BINS

_CHURN = (
    "auroc",
    "log_loss",
    "brier",
    "ece",
    "calibration_intercept",
    "calibration_slope",
    "predicted_over_actual",
    "base_rate",
)
_VALUE = ("mae", "rmse", "total_bias", "gini", "spearman", "decile_error")


def measure_no_order(
    probability: FloatArray,
    no_order: npt.NDArray[np.bool_],
    orders_before: npt.NDArray[np.int64],
    resamples: Resamples,
    sheet: Sheet,
) -> None:
    """P(no order in the window), for all judged customers and by their orders before as_of."""
    loss, square = log_loss(probability, no_order), (probability - no_order) ** 2
    means = ratio_replicates(np.column_stack([loss, square]), resamples)
    replicates = {
        "auroc": auroc_replicates(no_order, probability, resamples),
        "log_loss": means[:, 0],
        "brier": means[:, 1],
        "predicted_over_actual": ratio_replicates(probability, resamples, no_order),
    }
    groups = {ALL: churn_metrics(probability, no_order)}
    groups |= churn_by_orders(probability, no_order, orders_before)
    for stratum, found in groups.items():
        values = found.summary()
        for metric in _CHURN:
            sheet.note(
                MetricKey("no_order", NO_ORDER, metric, stratum),
                values[metric],
                customers=found.customers,
                replicates=replicates.get(metric) if stratum == ALL else None,
            )
    sheet.note_reliability("no_order", reliability_table(probability, no_order, bins=CHURN_BINS))


def measure_amount(
    head: str, expected: FloatArray, actual: FloatArray, resamples: Resamples, sheet: Sheet
) -> None:
    """Expected orders or spend against what came."""
    values = value_metrics(expected, actual).summary()
    replicates = {
        "mae": ratio_replicates(np.abs(expected - actual), resamples),
        "total_bias": ratio_replicates(expected, resamples, actual) - 1.0,
    }
    for metric in _VALUE:
        sheet.note(
            MetricKey(head, head, metric, ALL),
            values[metric],
            customers=len(actual),
            replicates=replicates.get(metric),
        )
    sheet.note_deciles(head, decile_table(expected, actual))
