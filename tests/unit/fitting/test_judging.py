"""The model beside every prior on validation: same customers, same minutes, the model never below them."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest

from intentml.fitting import judging
from intentml.fitting.judging import Court, Judged
from intentml.fitting.priors import FittedPriors, PriorsConfig, fit_priors_on
from intentml.fitting.slices import Past
from intentml.metrics.ranking import users_for_target
from intentml.model.correction import Correction
from intentml.model.timing_network import TimingGates
from intentml.prediction import Mend
from intentml.priors.activity import ACTIVITY_PRIORS
from intentml.priors.linear import TARGET_PRIORS
from intentml.survival import SURVIVAL_DAYS
from intentml.workflows import train
from networks import perturbed
from simulated_log import simulated

AS_OF, DAYS = "2024-10-01", 28
SETTINGS = ["priors.horizons_days=[28]", 'priors.kinds=["category"]', "training.epochs=1"]


@cache
def fitted() -> tuple[Past, FittedPriors]:
    past = Past(simulated(800)[0].before(AS_OF))
    config = PriorsConfig(horizons_days=(DAYS,), kinds=("category",), sample_per_window=5000)
    return past, fit_priors_on(past, config, lambda step, done, total: None)


def court(correction: Correction | None = None) -> Court:
    past, priors = fitted()
    cutoff = past.log.until.plus_days(-DAYS)
    everybody = {DAYS: cutoff}
    return Court(past, priors, everybody, lambda ids: np.ones(len(ids), bool), priors.targets, correction)


@cache
def judged() -> list[Judged]:
    return court().judge()[0]


@cache
def correction() -> Correction:
    """Of a network that speaks; its gates are set by each test."""
    model = train(simulated(800)[0], as_of=AS_OF, recipe="smoke", settings=SETTINGS)
    trained = model.predictor.correction
    return replace(trained, network=perturbed(trained.network))


def gated(repeat: Mend, explore: Mend, timing: float) -> Correction:
    return replace(
        correction(), gates={"category": {DAYS: (repeat, explore)}}, timing=TimingGates(timing, timing)
    )


def rows_of(found: list[Judged], head: str) -> dict[str, Judged]:
    return {one.predictor: one for one in found if one.head == head}


def test_every_head_has_the_model_first_and_every_prior_after_it():
    heads = [(one.head, one.horizon_days, one.predictor) for one in judged()]
    assert heads == [
        *(("no_order", DAYS, name) for name in ("model", *ACTIVITY_PRIORS)),
        *(("category", DAYS, name) for name in ("model", *TARGET_PRIORS)),
    ]
    assert {one.predictor: one.role for one in judged()} == {
        "model": "model",
        **dict.fromkeys((*ACTIVITY_PRIORS, *TARGET_PRIORS), "prior"),
    }


def test_without_a_network_the_model_is_the_best_prior():
    for head, best in (("category", fitted()[1].targets["category"][DAYS].best), ("no_order", None)):
        rows = rows_of(judged(), head)
        best = best or fitted()[1].best.no_order.name
        assert rows["model"].log_loss == rows[best].log_loss
        assert rows["model"].map == rows[best].map
        assert rows[best].log_loss_se == rows["model"].log_loss_se == 0.0
        assert all(rows[name].log_loss_se > 0 for name in rows if name not in ("model", best))


def test_no_order_has_no_ranking():
    assert all(one.map is one.map_se is None for one in rows_of(judged(), "no_order").values())
    assert all(one.map is not None for one in rows_of(judged(), "category").values())


def test_the_numbers_are_those_of_a_plain_reading():
    past, priors = fitted()
    part = past.at(past.log.until.plus_days(-DAYS))
    buyers = np.flatnonzero(part.snapshot.n_orders > 0)
    silent = part.labels(DAYS).no_order[buyers]
    losses = {}
    for name in ("base_rate", priors.best.no_order.name):
        chance = part.activity(name).no_order(part.snapshot.take(buyers), DAYS)[:, 0]
        losses[name] = -np.log(np.where(silent, chance, 1 - chance))
    told, model = rows_of(judged(), "no_order")["base_rate"], priors.best.no_order.name
    difference = losses["base_rate"] - losses[model]
    assert told.log_loss == pytest.approx(losses["base_rate"].mean(), rel=1e-6)
    assert told.log_loss_se == pytest.approx(difference.std() / np.sqrt(len(buyers)), rel=1e-6)


def test_every_prior_is_calibrated_on_the_window_alike():
    # A prior's line through its own logits is the best there is: no other one has less loss.
    rows = rows_of(judged(), "category")
    rate = court_labels().mean()
    base = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    assert all(one.log_loss < base for one in rows.values())
    assert rows["logistic"].log_loss < rows["popular"].log_loss
    assert rows["logistic"].map > rows["popular"].map


def court_labels() -> np.ndarray:
    past, _ = fitted()
    part = past.at(past.log.until.plus_days(-DAYS))
    buyers = np.flatnonzero(part.snapshot.n_orders > 0)
    return part.labels(DAYS).bought["category"].toarray()[buyers][:, part.eligible("category")]


def test_a_closed_correction_is_judged_as_the_prior_is():
    assert [asdict(one) for one in court(gated(Mend(), Mend(), 0.0)).judge()[0]] == [
        asdict(one) for one in judged()
    ]


def test_an_open_correction_changes_the_model_and_no_prior():
    found = court(gated(Mend(1.0), Mend(0.5), 1.0)).judge()[0]
    for head in ("category", "no_order"):
        before, after = rows_of(judged(), head), rows_of(found, head)
        assert after["model"].log_loss != before["model"].log_loss
        assert {name: after[name].log_loss for name in after if name != "model"} == {
            name: before[name].log_loss for name in before if name != "model"
        }
        assert all(after[name].log_loss_se > 0 for name in after if name != "model")


def test_timing_is_judged_at_the_level_that_the_prior_has_in_the_window():
    # The level of the day of training is of that day: whatever it is, the window is judged at its own.
    lifted = replace(gated(Mend(), Mend(), 1.0), timing=TimingGates(1.0, 1.0, (0.8,) * len(SURVIVAL_DAYS)))
    one, other = (court(made).judge() for made in (gated(Mend(), Mend(), 1.0), lifted))
    assert one == other
    silence = {curve.head: curve for curve in one[1]}["no_order"]
    mean = np.average(silence.predicted, weights=silence.pairs)
    past, priors = fitted()
    part = past.at(past.log.until.plus_days(-DAYS))
    buyers = np.flatnonzero(part.snapshot.n_orders > 0)
    prior = part.silence(priors.best.no_order, part.snapshot.take(buyers), DAYS)
    assert mean == pytest.approx(prior.mean(), abs=0.003)


def test_the_gate_s_own_line_does_not_matter_to_the_judgement():
    # All predictors get the line that fits the window; the weight alone is the model's.
    one, other = (
        court(gated(Mend(1.0, *line), Mend(0.5, *line), 0.0)).judge()[0] for line in ((0.0, 1.0), (0.7, 1.9))
    )
    assert rows_of(one, "category") == rows_of(other, "category")


def test_only_those_who_judge_are_looked_at():
    some = replace(court(), judges=lambda ids: np.arange(len(ids)) % 3 == 0)
    one, other = rows_of(some.judge()[0], "no_order")["model"], rows_of(judged(), "no_order")["model"]
    assert one.log_loss != other.log_loss
    assert replace(court(), judges=lambda ids: np.zeros(len(ids), bool)).judge()[0] == []


def test_average_precision_is_that_of_targets_with_ten_buyers():
    bought = court_labels()
    assert 0 < (bought.sum(axis=0) >= 10).sum() < bought.shape[1]
    scores = np.random.default_rng(0).random(bought.shape).astype(np.float32)
    columns = judging.judged_columns(bought)
    np.testing.assert_array_equal(columns, np.flatnonzero(bought.sum(axis=0) >= 10))
    told = judging.target_precision(scores, bought, np.zeros(bought.shape, bool), columns)
    plain = users_for_target(
        scores[:, columns], bought[:, columns], np.zeros((len(bought), len(columns)), bool)
    )
    np.testing.assert_array_equal(told, plain.average_precision)
