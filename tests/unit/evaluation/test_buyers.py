"""Expected buyers in a backtest: as many as came, and inside their interval, by a plain reading."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.evaluation import BacktestConfig
from intentml.evaluation.measure import Judge
from intentml.evaluation.measurement import ALL, EXPECTED_BUYERS, SETS, Measurement
from intentml.prediction import sigmoid
from intentml.priors.buyers import BuyersSpread, Spread
from intentml.priors.union import SetUnion
from intentml.tasks import labels_of
from scored_shop import log, model

AS_OF, DAYS = "2024-03-03", 28  # four weeks before the shop's last lines


def measured(spread: BuyersSpread | None) -> dict[tuple[str, str], Measurement]:
    """Of products and sets, whatever is not by popularity."""
    snapshot = log().as_of(AS_OF)
    settings = BacktestConfig(min_buyers_in_window=5, resamples=0)
    judge = Judge(snapshot, labels_of(snapshot, log().outcomes(snapshot, DAYS)), settings)
    found = judge.measure("model", model().predict(snapshot, DAYS), SetUnion(), spread).measurements
    return {
        (one.question, one.metric): one
        for one in found
        if one.head in ("product", "sets") and one.stratum == ALL and one.question in (EXPECTED_BUYERS, SETS)
    }


def spread(target: float) -> BuyersSpread:
    return BuyersSpread(spreads={DAYS: {"product": Spread(single=0.0, target=target, level=0.0)}})


def test_every_target_known_before_counts_also_one_that_nobody_bought():
    snapshot = log().as_of(AS_OF)
    customers = np.flatnonzero(snapshot.n_orders > 0)
    known = np.flatnonzero(snapshot.shop.popularity["product"][0] >= 5)
    logits = model().predict(snapshot, DAYS).targets["product"].rows(customers)
    single = sigmoid(logits.astype(np.float64))[:, known]
    bought = labels_of(snapshot, log().outcomes(snapshot, DAYS)).bought["product"].toarray()
    came = bought[customers][:, known].sum(axis=0)
    found = measured(spread(0.05))
    assert found[EXPECTED_BUYERS, "predicted_over_actual"].value == pytest.approx(single.sum() / came.sum())
    assert found[EXPECTED_BUYERS, "predicted_over_actual"].targets == len(known)
    low, high = spread(0.05).interval(
        ["product"], DAYS, single.sum(axis=0), (single * (1 - single)).sum(axis=0)
    )
    inside = np.mean([low[one] <= came[one] <= high[one] for one in range(len(known))])
    assert found[EXPECTED_BUYERS, "interval_coverage"].value == pytest.approx(inside)


def test_wide_intervals_hold_every_number_of_products_and_of_sets():
    found = measured(spread(9.0))
    assert found[EXPECTED_BUYERS, "interval_coverage"].value == 1.0
    assert found[SETS, "interval_coverage"].value == 1.0


def test_who_tells_no_interval_is_not_measured_on_it():
    assert not [key for key in measured(None) if EXPECTED_BUYERS in key or "interval_coverage" in key]
