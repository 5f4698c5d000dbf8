"""Target priors: judged on the newest window, chosen by log-loss, calibrated, reproducible."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from intentml.fitting.slices import Past
from intentml.fitting.targets import fit_targets
from intentml.fitting.verdicts import Verdict
from intentml.fitting.windows import Cutoffs, cutoffs
from intentml.priors.designs import design_of
from intentml.priors.linear import TARGET_PRIORS, LinearPrior, weighted_log_loss
from intentml.priors.sampling import sample_pairs
from random_shop import random_shop
from simulated_log import simulated
from tiny import log_of

AS_OF, HORIZON_DAYS = "2024-10-01", 28


@cache
def past() -> Past:
    return Past(simulated(800)[0].before(AS_OF))


def plan(windows: int) -> Cutoffs:
    found = cutoffs(past().log, HORIZON_DAYS, windows)
    assert found is not None
    return found


@cache
def fitted(windows: int = 3, seed: int = 0) -> tuple[dict[str, LinearPrior], list[Verdict]]:
    return fit_targets(
        past(), plan(windows), "category", "pareto_nbd", per_window=5000, seed=seed, tell=lambda step: None
    )


def newest_sample(seed: int = 1):
    """The newest window's pairs, drawn with a seed of its own."""
    part = past().at(plan(3).validation)
    chance = 1.0 - part.activity("pareto_nbd").no_order(part.snapshot, HORIZON_DAYS)[:, 0]
    history, kind = part.history("category"), part.kind("category")
    design = design_of(part.snapshot, history, kind, chance, HORIZON_DAYS)
    bought, eligible = part.labels(HORIZON_DAYS).bought["category"], part.eligible("category")
    return sample_pairs(design, bought, eligible, np.random.default_rng(seed), 20_000)


@pytest.mark.parametrize("windows", [1, 3])
def test_the_chosen_prior_has_the_least_loss(windows):
    priors, said = fitted(windows)
    assert set(priors.on_all) == set(priors.on_older) == set(TARGET_PRIORS)
    assert [one.prior for one in said] == list(TARGET_PRIORS)
    best = min(said, key=lambda one: one.loss)
    assert [one.prior for one in said if one.chosen] == [best.prior]
    assert priors.calibrated.name == best.prior


def test_history_beats_popularity_on_validation():
    loss = {one.prior: one.loss for one in fitted()[1]}
    assert loss["decayed_counts"] < loss["popular"]
    assert loss["logistic"] < 0.9 * loss["popular"]


def test_one_window_alone_is_split_by_customers():
    assert {one.split for one in fitted(1)[1]} == {"customers"}
    assert {one.split for one in fitted(3)[1]} == {"windows"}


def test_validation_loss_is_that_of_priors_who_never_saw_the_window():
    # Fitted on the newest window too, a prior can only look better on it.
    priors, said = fitted()
    sample = newest_sample()
    for one in said:
        assert weighted_log_loss(priors.on_all[one.prior].logits(sample), sample) < 1.02 * one.loss


def test_the_best_is_calibrated_on_the_newest_window_in_both_strata():
    sample = newest_sample()
    probability = 1 / (1 + np.exp(-fitted()[0].calibrated.logits(sample)))
    for stratum in (sample.seen, ~sample.seen):
        expected = (probability * sample.weight)[stratum].sum()
        assert expected == pytest.approx(sample.bought[stratum].sum(), rel=0.1)


def test_rare_products_are_promised_as_many_buyers_as_they_had():
    part, bought = past().at(plan(3).validation), "product"
    priors, _ = fit_targets(past(), plan(3), bought, "pareto_nbd", per_window=5000, seed=0, tell=len)
    chance = 1.0 - part.activity("pareto_nbd").no_order(part.snapshot, HORIZON_DAYS)[:, 0]
    design = design_of(part.snapshot, part.history(bought), part.kind(bought), chance, HORIZON_DAYS)
    rare, buyers = part.rare(bought), np.flatnonzero(part.snapshot.n_orders > 0)
    came = part.labels(HORIZON_DAYS).bought[bought][buyers][:, rare].sum()
    straight_on = LinearPrior("logistic", *(without_level(one) for one in stratum_weights(priors.calibrated)))
    promised = [
        (1 / (1 + np.exp(-prior.score(design).take(buyers).select(rare).rows(slice(None))))).sum() / came
        for prior in (priors.calibrated, straight_on)
    ]
    assert len(rare) > 50
    assert promised[0] == pytest.approx(1.0, abs=0.1)
    assert abs(promised[1] - 1.0) > 0.2


def stratum_weights(prior):
    return prior.repeat, prior.explore


def without_level(weights):
    kept = {name: weight for name, weight in weights.by_column.items() if not name.startswith("few_")}
    return replace(weights, by_column=kept)


def test_the_same_seed_gives_the_same_weights_and_another_seed_nearly_the_same():
    again = fit_targets(
        past(), plan(3), "category", "pareto_nbd", per_window=5000, seed=0, tell=lambda step: None
    )
    assert again == fitted()
    other, _ = fitted(3, seed=1)
    assert other != fitted()[0]
    sample = newest_sample()
    losses = [weighted_log_loss(priors.calibrated.logits(sample), sample) for priors in (fitted()[0], other)]
    assert losses[0] == pytest.approx(losses[1], rel=0.03)


def test_every_window_is_told():
    told: list[str] = []
    fit_targets(past(), plan(2), "category", "base_rate", per_window=1000, seed=0, tell=told.append)
    assert told == ["category, 28 days"] * 2


def test_a_kind_that_nobody_buys_enough_of_is_left_out():
    log = log_of(random_shop(0, customers=4, lines=100))
    small = Past(log.before("2024-03-31"))
    found = cutoffs(small.log, 7, 2)
    assert found is not None
    assert fit_targets(
        small, found, "product", "base_rate", per_window=1000, seed=0, tell=lambda step: None
    ) == (None, [])
