"""Sets of products in a backtest: drawn from what was known, measured against a plain reading."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from intentml.evaluation import BacktestConfig
from intentml.evaluation.measure import Judge
from intentml.evaluation.measurement import ALL, SETS, SETS_INDEPENDENT, Measurement
from intentml.evaluation.sets import judge_sets
from intentml.metrics import average_precision
from intentml.prediction import sigmoid
from intentml.priors.union import SetUnion, size_band
from intentml.tasks import labels_of
from scored_shop import log, model

AS_OF, DAYS = "2024-03-03", 28  # four weeks before the shop's last lines
SETTINGS = BacktestConfig(min_buyers_in_window=2, resamples=20)


@cache
def judge() -> Judge:
    snapshot = log().as_of(AS_OF)
    return Judge(snapshot, labels_of(snapshot, log().outcomes(snapshot, DAYS)), SETTINGS)


def measured(union: SetUnion | None = None) -> dict[tuple[str, str, str], Measurement]:
    answer = model().predict(judge().snapshot, DAYS)
    found = judge().measure("model", answer, union).measurements
    return {(one.question, one.metric, one.stratum): one for one in found if one.head == "sets"}


def test_sets_are_of_known_products_and_their_band():
    ground = judge()
    sets = judge_sets(ground.snapshot, ground.labels, ground.customers, SETTINGS).sets
    buyers = ground.snapshot.shop.popularity["product"][0]
    category = ground.snapshot.catalogue.targets("category").of_products()
    assert {drawn.sort for drawn in sets} == {"anywhere", "category"}
    for drawn in sets:
        assert len(set(drawn.columns)) == len(drawn.columns) >= 2
        assert (buyers[drawn.columns] >= 5).all()
        assert drawn.band == size_band(len(drawn.columns))
        if drawn.sort == "category":
            assert len(set(category[drawn.columns])) == 1


def test_independent_sets_are_those_of_a_plain_reading():
    ground, answer = judge(), model().predict(judge().snapshot, DAYS)
    judged = judge_sets(ground.snapshot, ground.labels, ground.customers, SETTINGS)
    single = sigmoid(answer.targets["product"].rows(ground.customers).astype(np.float64))
    bought = ground.labels.bought["product"][ground.customers].toarray()
    told = np.stack([1 - np.prod(1 - single[:, drawn.columns], axis=1) for drawn in judged.sets], axis=1)
    came = np.stack([bought[:, drawn.columns].any(axis=1) for drawn in judged.sets], axis=1)
    assert (came == judged.came).all()
    found = measured(SetUnion())
    ratio = found[SETS_INDEPENDENT, "predicted_over_actual", ALL]
    assert ratio.value == pytest.approx(told.sum() / came.sum())
    assert ratio.low < ratio.value < ratio.high
    small = np.array([drawn.band == "2-3" for drawn in judged.sets])
    told_small = found[SETS_INDEPENDENT, "predicted_over_actual", "2-3"].value
    assert told_small == pytest.approx(told[:, small].sum() / came[:, small].sum())
    ranked = np.flatnonzero(came.sum(axis=0) >= 2)
    precision = np.mean([average_precision(came[:, one], told[:, one]) for one in ranked])
    assert found[SETS_INDEPENDENT, "map", ALL].value == pytest.approx(precision, abs=0.02)  # ties


def test_the_recipes_way_of_joining_is_what_is_measured():
    plain = measured(SetUnion())[SETS, "predicted_over_actual", ALL].value
    tied = measured(SetUnion(frailty={DAYS: 2.0}))
    assert tied[SETS, "predicted_over_actual", ALL].value < 0.95 * plain
    assert tied[SETS_INDEPENDENT, "log_loss", ALL] == measured(SetUnion())[SETS_INDEPENDENT, "log_loss", ALL]


def test_who_does_not_say_how_it_joins_is_not_measured_on_sets():
    assert not measured(None)
