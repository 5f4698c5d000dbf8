"""The cannot-lose gate: what helps is let in, what does not is shut out whole, and ranking never pays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from intentml.fitting.corrections import Corrections
from intentml.fitting.gates import (
    SHUT,
    WEIGHTS,
    Validation,
    beyond_doubt,
    calibrate,
    gate_targets,
    gate_timing,
    judged_columns,
    pair_log_loss,
    rankings,
)
from intentml.prediction import Mend

CUSTOMERS, TARGETS = 1500, 12


def window(seed: int = 0, taste: float = 1.0) -> tuple[Validation, np.ndarray]:
    """Customers with a taste that the prior does not know, half of the pairs with history; and the taste."""
    rng = np.random.default_rng(seed)
    level = rng.normal(-1.5, 0.5, TARGETS)
    known = rng.normal(0, 0.7, (CUSTOMERS, TARGETS))
    hidden = rng.normal(0, taste, (CUSTOMERS, TARGETS)).astype(np.float32)
    bought = rng.random((CUSTOMERS, TARGETS)) < 1 / (1 + np.exp(-(level + known + hidden)))
    honest = (level + known).astype(np.float32)
    nothing = np.zeros_like(honest)
    seen = rng.random((CUSTOMERS, TARGETS)) < 0.5
    return Validation(honest, honest.copy(), Corrections(nothing, nothing, nothing), bought, seen), hidden


def telling(of: Validation, **said: np.ndarray) -> Validation:
    """The window with other corrections."""
    return replace(of, said=replace(of.said, **said))


def loss(logits: np.ndarray, of: Validation) -> float:
    return float(pair_log_loss(logits, of.bought).mean())


def mended(of: Validation, repeat: Mend, explore: Mend) -> np.ndarray:
    """What a predictor would answer."""
    parts = [
        mend.intercept + mend.slope * (of.final + mend.weight * correction + mend.pairs * of.said.learned)
        for mend, correction in ((repeat, of.said.repeat), (explore, of.said.explore))
    ]
    return np.where(of.seen, *parts)


def test_a_useful_correction_is_let_in_and_makes_the_answer_better():
    of, hidden = window()
    of = telling(of, repeat=hidden, explore=hidden)
    repeat, explore = gate_targets(of)
    assert repeat.weight == explore.weight == 1.0
    assert (repeat.slope, repeat.intercept) == pytest.approx((1.0, 0.0), abs=0.15)
    assert loss(mended(of, repeat, explore), of) < 0.95 * loss(of.final, of)


def test_what_is_learned_of_pairs_has_a_weight_of_its_own():
    of, hidden = window()
    noise = np.random.default_rng(5).normal(0, 1, hidden.shape).astype(np.float32)
    for said, weights in (
        ({"learned": hidden}, (0.0, 1.0)),
        ({"repeat": hidden, "learned": noise}, (1.0, 0.0)),
    ):
        told = telling(of, **said)
        repeat, explore = gate_targets(told)
        assert (repeat.weight, repeat.pairs) == weights
        assert loss(mended(told, repeat, explore), of) < 0.97 * loss(of.final, of)


def test_each_stratum_has_a_gate_of_its_own():
    of, hidden = window()
    noise = np.random.default_rng(5).normal(0, 1, hidden.shape).astype(np.float32)
    repeat, explore = gate_targets(telling(of, repeat=hidden, explore=noise))
    assert repeat.weight > 0
    assert explore == Mend()
    repeat, explore = gate_targets(telling(of, repeat=noise, explore=hidden))
    assert repeat == Mend()
    assert explore.weight > 0


def test_a_correction_that_goes_too_far_is_taken_in_part():
    of, hidden = window()
    repeat, explore = gate_targets(telling(of, repeat=4 * hidden, explore=4 * hidden))
    assert repeat.weight == explore.weight == 0.25


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [0.3, 1.0, 3.0])
def test_noise_is_shut_out_whole(seed, size):
    of, _ = window(seed)
    rng = np.random.default_rng(100 + seed)
    repeat, explore = (rng.normal(0, size, of.honest.shape).astype(np.float32) for _ in range(2))
    assert gate_targets(telling(of, repeat=repeat, explore=explore)) == (Mend(), Mend())


def test_harm_is_shut_out_whole_and_what_is_left_is_the_prior_bit_for_bit():
    of, hidden = window()
    of = telling(of, repeat=-hidden, explore=-hidden)
    gates = gate_targets(of)
    assert gates == (Mend(), Mend())
    assert all(mend.closed for mend in gates)
    assert (gates[0].weight, gates[0].intercept, gates[0].slope) == (0.0, 0.0, 1.0)
    np.testing.assert_array_equal(mended(of, *gates), of.final)


def test_nothing_corrected_is_nothing_let_in():
    of, _ = window()
    assert gate_targets(of) == (Mend(), Mend())


def test_a_stratum_in_which_nobody_bought_stays_closed():
    of, hidden = window()
    of = replace(telling(of, repeat=hidden, explore=hidden), bought=of.bought & ~of.seen)
    repeat, explore = gate_targets(of)
    assert repeat == Mend()
    assert explore.weight > 0


def precision(of: Validation, repeat: float, explore: float) -> float:
    return rankings(of, (repeat, 0.0), (explore, 0.0))[0]


def levels_and_tastes(seed: int) -> tuple[Validation, np.ndarray]:
    """A prior that ranks customers well and is far off in how much each target sells; and what is off."""
    rng = np.random.default_rng(seed)
    level = np.array([-3.0, 1.0] * (TARGETS // 2))
    taste = rng.normal(0, 0.8, (CUSTOMERS, TARGETS))
    bought = rng.random(taste.shape) < 1 / (1 + np.exp(-(level + taste)))
    honest = taste.astype(np.float32)
    nothing = np.zeros_like(honest)
    of = Validation(
        honest, honest, Corrections(nothing, nothing, nothing), bought, np.zeros(taste.shape, bool)
    )
    return of, np.broadcast_to(level, taste.shape).astype(np.float32)


def test_what_gains_log_loss_and_costs_the_ranking_of_customers_is_shut_out():
    of, level = levels_and_tastes(0)
    mixing = level + np.random.default_rng(1).normal(0, 1.0, level.shape).astype(np.float32)
    assert loss(of.honest + mixing, of) < 0.9 * loss(of.honest, of)
    mixed = telling(of, explore=mixing)
    for weight in WEIGHTS:
        assert precision(mixed, 0.0, weight) < precision(mixed, 0.0, 0.0)
    assert gate_targets(mixed) == (Mend(), Mend())
    # The levels alone cost no ranking, and are let in.
    _, explore = gate_targets(telling(of, explore=level))
    assert explore.weight == 1.0


def test_what_gains_log_loss_and_costs_the_ranking_of_targets_is_shut_out():
    # The prior knows how much each target sells; the correction knows who buys more, and mixes up targets by
    # an amount of each target's own, which changes no ranking of customers.
    rng = np.random.default_rng(0)
    level = np.linspace(-3.0, 0.5, 30)
    busy = rng.normal(0, 2.0, (CUSTOMERS, 1))
    bought = rng.random((CUSTOMERS, 30)) < 1 / (1 + np.exp(-(level + busy)))
    honest = np.broadcast_to(level, bought.shape).astype(np.float32)
    correction = (busy + rng.normal(0, 0.8, 30)).astype(np.float32)
    nothing = np.zeros_like(honest)
    of = Validation(
        honest, honest, Corrections(nothing, correction, nothing), bought, np.zeros(bought.shape, bool)
    )
    assert loss(honest + correction, of) < 0.9 * loss(honest, of)
    shut, opened = rankings(of, SHUT, SHUT), rankings(of, SHUT, (1.0, 0.0))
    assert opened[0] > shut[0]
    assert opened[1].mean() < shut[1].mean() - 0.05
    _, explore = gate_targets(of)
    assert explore == Mend() or not beyond_doubt(shut[1] - rankings(of, SHUT, (explore.weight, 0.0))[1])
    _, explore = gate_targets(telling(of, explore=np.broadcast_to(busy, honest.shape).astype(np.float32)))
    assert explore.weight == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_let_in_costs_no_ranking(seed):
    rng = np.random.default_rng(seed)
    of, hidden = window(seed)
    level = np.array([-3.0, 1.5] * (TARGETS // 2))
    chance = 1 / (1 + np.exp(-(level + hidden)))
    bought = np.where(of.seen, of.bought, rng.random(chance.shape) < chance)
    honest = np.where(of.seen, of.honest, hidden).astype(np.float32)
    mixing = (level + rng.normal(0, 1.5, chance.shape)).astype(np.float32)
    of = Validation(honest, honest, Corrections(hidden, mixing, 0 * hidden), bought, of.seen)
    repeat, explore = gate_targets(of)
    assert repeat.weight > 0
    assert precision(of, repeat.weight, explore.weight) >= precision(of, 0.0, 0.0)


def test_the_gate_is_chosen_by_the_honest_prior_and_calibrated_over_the_final_one():
    of, hidden = window()
    final = (0.5 * of.honest - 1.0).astype(np.float32)
    of = replace(telling(of, repeat=hidden, explore=hidden), final=final)
    for mend, stratum in zip(gate_targets(of), (of.seen, ~of.seen), strict=True):
        assert mend.weight == 1.0
        logits = final[stratum] + hidden[stratum]
        assert (mend.intercept, mend.slope) == calibrate(logits, of.bought[stratum])
        chance = 1 / (1 + np.exp(-(mend.intercept + mend.slope * logits)))
        assert chance.mean() == pytest.approx(of.bought[stratum].mean(), rel=0.01)


# -- timing --------------------------------------------------------------------------------------------


def losses(gain: float, seed: int, customers: int = 400) -> tuple[np.ndarray, dict[float, np.ndarray]]:
    """A prior's log-losses, and those under each weight: the best at 0.5."""
    rng = np.random.default_rng(seed)
    prior = rng.gamma(2.0, 0.3, customers)
    noise = rng.normal(0, 0.2, customers)
    noise -= noise.mean()
    share = {0.25: 0.5, 0.5: 1.0, 0.75: 0.8, 1.0: 0.4}
    return prior, {weight: prior - gain * share[weight] + noise * weight for weight in WEIGHTS}


def test_the_weight_of_timing_is_the_one_with_the_largest_gain():
    prior, corrected = losses(0.1, 0)
    assert gate_timing([prior], [corrected]) == 0.5


def test_timing_that_gains_no_more_than_its_error_or_costs_is_shut_out():
    for gain in (0.001, 0.0, -0.1):
        prior, corrected = losses(gain, 3)
        for after in corrected.values():
            assert (prior - after).mean() < (prior - after).std() / np.sqrt(len(prior))
        assert gate_timing([prior], [corrected]) == 0.0
    prior, corrected = losses(0.012, 3)
    assert gate_timing([prior], [corrected]) == 0.5


def test_a_small_sure_gain_of_timing_goes_before_a_large_doubtful_one():
    rng = np.random.default_rng(0)
    prior = np.ones(1000)
    sure = prior - 0.01 - rng.normal(0, 0.01, 1000)
    doubtful = prior - 0.02 - rng.normal(0, 0.5, 1000)
    assert (prior - doubtful).mean() > (prior - sure).mean()
    assert gate_timing([prior], [{0.25: sure, 1.0: doubtful}]) == 0.25


def test_horizons_have_windows_with_different_customers_and_each_counts_the_same():
    small, large = losses(0.1, 0, 50), losses(0.1, 1, 2000)
    assert gate_timing([small[0], large[0]], [small[1], large[1]]) == 0.5
    # What the large window loses is more than what the small one gains.
    harm = losses(-0.3, 1, 2000)
    assert gate_timing([small[0], harm[0]], [small[1], harm[1]]) == 0.0
    assert gate_timing([10 * small[0]], [{w: 10 * loss for w, loss in small[1].items()}]) == 0.5


def test_a_gain_is_beyond_doubt_when_it_exceeds_its_standard_error():
    gains = np.array([1.0, -1.0] * 50) + 0.11  # the error of the mean is 0.1
    assert beyond_doubt(gains)
    assert not beyond_doubt(gains - 0.02)
    assert beyond_doubt(gains, gains)
    # Twice the same customers are no twice the evidence.
    assert not beyond_doubt(gains - 0.02, gains - 0.02)
    assert not beyond_doubt(gains, gains[:0])


# -- the measures --------------------------------------------------------------------------------------


def test_calibration_finds_the_line_that_the_truth_has():
    rng = np.random.default_rng(0)
    logits = rng.normal(-2, 1.5, 200_000)
    bought = rng.random(len(logits)) < 1 / (1 + np.exp(-(0.5 + 0.7 * logits)))
    assert calibrate(logits, bought) == pytest.approx((0.5, 0.7), abs=0.03)


def test_targets_with_ten_buyers_are_judged_and_of_very_many_a_spread():
    bought = np.zeros((600, 1000), bool)
    for target in range(1000):
        bought[: min(600, target), target] = True
    judged = judged_columns(bought[:, :30])
    assert judged.tolist() == list(range(10, 30))
    many = judged_columns(bought)
    assert len(set(many)) == 400
    assert many.min() == 10
    assert sorted(many) == many.tolist()
    assert judged_columns(bought[:, :5]).tolist() == []


def test_without_a_target_to_judge_no_ranking_is_at_stake():
    of, hidden = window()
    rare = of.bought & (np.cumsum(of.bought, axis=0) < 10)
    of = replace(telling(of, repeat=hidden, explore=hidden), bought=rare)
    assert rankings(of, SHUT, SHUT)[0] == 0.0
    gate_targets(of)
