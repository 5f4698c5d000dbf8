"""Examples of a window: when the next order came, what was bought, and nothing from after its end."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from intentml.fitting.examples import (
    TargetExamples,
    TimingExamples,
    candidate_pairs,
    hazard_of,
    sequences_of,
    some_buyers,
    target_examples,
    timing_examples,
)
from intentml.fitting.gates import calibrate
from intentml.fitting.slices import Past, Slice
from intentml.model.heads import TargetCodes
from intentml.priors.activity import ActivityPrior
from intentml.priors.linear import LinearPrior, Weights
from intentml.sequences.vocabulary import Vocabulary
from intentml.survival import SURVIVAL_DAYS
from random_shop import AS_OF_TEXT, random_shop
from tiny import AS_OF, log_of, tiny_log

NEVER = len(SURVIVAL_DAYS)
ANA, BEN, CHO, DEE = range(4)


@cache
def tiny() -> Slice:
    return Slice(tiny_log(), tiny_log().instant(AS_OF))


def prior(comeback_rate: float = 0.0) -> ActivityPrior:
    return tiny().activity("mbg_nbd").coming_back(comeback_rate)


def timing(days: int, customers: list[int] | None = None, *, settled: bool = False) -> TimingExamples:
    """Of the tiny shop's customers, seen so many days from 1 March on."""
    rows = np.arange(4) if customers is None else np.array(customers)
    ends = tiny().cutoff.plus_days(days)
    return timing_examples(tiny(), rows, tiny_log(), ends, prior(), settled=settled)


# -- timing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "bins", "full"),
    [
        # ana buys on day 0, cho on day 11.5, ben at the end of day 27, dee never.
        (28, [0, 3, 1, NEVER], 3),
        (27, [0, NEVER, 1, NEVER], 3),
        (14, [0, NEVER, 1, NEVER], 2),
        (11, [0, NEVER, NEVER, NEVER], 1),
    ],
)
def test_next_orders_are_seen_up_to_the_end_and_not_beyond(days, bins, full):
    told = timing(days)
    assert told.event_bin.tolist() == bins
    assert told.full_bins.tolist() == [full] * 4


def test_some_customers_have_the_examples_that_they_have_among_all():
    everybody, some = timing(28), timing(28, [CHO, DEE])
    assert some.event_bin.tolist() == [1, NEVER]
    np.testing.assert_array_equal(some.hazard, everybody.hazard[[CHO, DEE]])


def test_the_prior_s_hazard_gives_its_silence_back():
    hazard = timing(28).hazard
    silence = tiny().activity("mbg_nbd").no_order(tiny().snapshot, SURVIVAL_DAYS)
    np.testing.assert_allclose(np.exp(-np.cumsum(hazard, axis=1)), silence, rtol=1e-5)
    assert (hazard >= 0).all()


def test_the_hazard_holds_the_comebacks_of_the_prior_in_use():
    ends, rows = tiny().cutoff.plus_days(28), np.arange(4)
    told = timing_examples(tiny(), rows, tiny_log(), ends, prior(0.002), settled=False)
    more = told.hazard - timing(28).hazard
    np.testing.assert_allclose(
        more[:3], np.tile(0.002 * np.diff(SURVIVAL_DAYS, prepend=0), (3, 1)), rtol=1e-3
    )
    assert not more[DEE].any()  # who never ordered cannot come back
    np.testing.assert_array_equal(told.numbers, timing(28).numbers)


def test_a_settled_bin_is_brought_to_the_orders_that_came_as_far_as_they_are_many():
    plain, settled = timing(28), timing(28, settled=True)
    assert settled.event_bin.tolist() == plain.event_bin.tolist()
    chance = 1 - np.exp(-plain.hazard)
    # Week 1: one of four came. Week 2: one of three. Later bins were not seen whole: as many as expected.
    share = [(1 + 20) / (chance[:, 0].sum() + 20), (1 + 20) / (chance[[BEN, CHO, DEE], 1].sum() + 20)]
    np.testing.assert_allclose(settled.hazard[:, 0], plain.hazard[:, 0] * share[0], rtol=1e-5)
    np.testing.assert_allclose(settled.hazard[:, 1], plain.hazard[:, 1] * share[1], rtol=1e-5)
    np.testing.assert_array_equal(settled.hazard[:, 3:], plain.hazard[:, 3:])


def test_a_hazard_is_the_logarithm_of_what_silence_lost():
    hazard = hazard_of(np.array([[0.5, 0.25, 0.25, 0.0]]))
    assert hazard[0, :3] == pytest.approx([np.log(2), np.log(2), 0.0])
    assert np.isfinite(hazard).all()


# -- who -------------------------------------------------------------------------------------------------


def test_customers_without_an_order_teach_nothing():
    everybody = np.ones(4, bool)
    assert some_buyers(tiny(), everybody, 10, seed=0).tolist() == [ANA, BEN, CHO]
    assert some_buyers(tiny(), np.array([True, False, True, True]), 10, seed=0).tolist() == [ANA, CHO]


def test_of_too_many_customers_some_are_drawn_in_order_by_the_seed():
    part = shop()
    everybody = np.ones(len(part.snapshot), bool)
    one, again, other = (some_buyers(part, everybody, 10, seed) for seed in (0, 0, 1))
    assert len(one) == 10
    assert (np.diff(one) > 0).all()
    assert one.tolist() == again.tolist() != other.tolist()


# -- targets -------------------------------------------------------------------------------------------


@cache
def shop() -> Slice:
    log = log_of(random_shop(0, customers=40, products=15, lines=900))
    past = Past(log)
    return past.at(log.instant(AS_OF_TEXT))


CUSTOMERS = np.array([0, 3, 4, 9, 17])
COLUMNS = ("count", "category_decay", "nowhere", "order", "rate")


@cache
def examples(kind: str, *, settled: bool = False) -> TargetExamples:
    prior = LinearPrior(
        "logistic",
        repeat=Weights(-0.5, {"count": 0.3, "order": 0.4, "category_decay": 0.2}),
        explore=Weights(-2.0, {"order": 0.5, "neighbours": 0.7, "category_decay": -0.3}),
    )

    def codes(part: Slice, kind: str, targets: np.ndarray) -> TargetCodes:
        return TargetCodes(torch.from_numpy(targets))

    design = shop().design(kind, 28, "base_rate")
    return target_examples(shop(), CUSTOMERS, 28, design, prior, codes, COLUMNS, None, settled=settled)


@pytest.mark.parametrize("kind", ["product", "category", "brand", "category_node"])
def test_examples_are_the_labels_and_the_history_of_eligible_targets(kind):
    told, part = examples(kind), shop()
    eligible = part.eligible(kind)
    names = part.snapshot.catalogue.targets(kind).targets
    assert told.codes.own.tolist() == eligible.tolist()
    assert told.prior.targets.tolist() == names[eligible].tolist()
    np.testing.assert_array_equal(
        told.bought.toarray(), part.labels(28).bought[kind].toarray()[np.ix_(CUSTOMERS, eligible)]
    )
    np.testing.assert_array_equal(told.seen.toarray(), part.seen(kind).toarray()[np.ix_(CUSTOMERS, eligible)])
    assert (told.buyers_before >= 5).all()
    assert told.bought.nnz > 0


@pytest.mark.parametrize("kind", ["product", "category"])
def test_candidates_have_the_numbers_that_the_prior_weighs(kind):
    told, design = examples(kind).candidates, shop().design(kind, 28, "base_rate")
    eligible = shop().eligible(kind).tolist()
    assert len(told.target) > 10
    who = np.repeat(CUSTOMERS, np.diff(told.indptr))
    pairs = list(zip(who.tolist(), (eligible[at] for at in told.target), strict=True))
    theirs = list(zip(design.pair_customer.tolist(), design.pair_target.tolist(), strict=True))
    assert pairs == [pair for pair in theirs if pair[0] in CUSTOMERS and pair[1] in eligible]
    numbers = told.numbers(np.arange(len(pairs)))
    rows = np.array([theirs.index(pair) for pair in pairs])
    np.testing.assert_allclose(numbers[:, 0], design.pair["count"][rows], rtol=1e-3)
    np.testing.assert_allclose(numbers[:, 3], design.customer["order"][who], rtol=1e-6)
    np.testing.assert_allclose(numbers[:, 4], design.pair["rate"][rows], rtol=1e-6)
    assert not numbers[:, 2].any()
    assert numbers[:, 1].any() == (kind == "product")


def test_another_horizon_shares_what_lasts():
    design = shop().design("category", 7, "base_rate")
    first = examples("category").candidates
    other = candidate_pairs(design, CUSTOMERS, shop().eligible("category"), COLUMNS, first)
    assert other.lasting is first.lasting
    assert (other.of_horizon != first.of_horizon).any()


def test_listed_pairs_have_the_prior_that_they_have_in_the_crowd():
    told = examples("product")
    assert told.prior.parents
    listed, dense = told.listed, told.prior.rows(slice(None))
    who = np.repeat(np.arange(len(CUSTOMERS)), np.diff(listed.indptr))
    assert len(who) == (told.seen.toarray() | told.bought.toarray()).sum() > 10
    np.testing.assert_allclose(listed.prior, dense[who, listed.target], atol=1e-5)


def test_a_settled_window_has_the_calibrated_prior_of_the_old_and_of_the_new():
    plain, told = examples("product"), examples("product", settled=True)
    seen, bought = told.seen.toarray(), told.bought.toarray()
    raw, logits = plain.prior.rows(slice(None)), told.prior.rows(slice(None))
    for stratum in (seen, ~seen):
        intercept, slope = calibrate(raw[stratum], bought[stratum])
        assert (intercept, slope) != pytest.approx((0.0, 1.0), abs=0.05)
        np.testing.assert_allclose(logits[stratum], intercept + slope * raw[stratum], atol=1e-4)


def test_sequences_are_of_the_customers_asked_for():
    part = shop()
    vocabulary = Vocabulary.fit(part.snapshot)
    told = sequences_of(part, CUSTOMERS, vocabulary, 4)
    np.testing.assert_array_equal(told.length, np.minimum(part.snapshot.n_orders[CUSTOMERS], 4))
