"""A correction at work: gated, between horizons, and a survival curve that stays one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from intentml.model.correction import (
    Correction,
    corrected_silence,
    level_of,
    low_rank,
    target_vectors,
)
from intentml.model.heads import horizon_place
from intentml.model.states import states_of, target_codes
from intentml.model.timing_network import TimingGates
from intentml.prediction import Mend
from intentml.survival import SURVIVAL_DAYS
from networks import new_network, perturbed, sequences, shop, timing_numbers

BINS = len(SURVIVAL_DAYS)
CLOSED = Mend()


@cache
def correction(timing: float = 1.0) -> Correction:
    """A network that says something, its gates of categories open at 28 days and wider at 112."""
    gates = {
        "category": {
            28: (Mend(0.5, 0.2, 1.0), CLOSED),
            112: (Mend(1.0, -0.2, 0.8), Mend(0.4, 0.0, 1.2)),
        },
        "brand": {28: (CLOSED, CLOSED)},
    }
    return Correction(perturbed(new_network()), shop()[1], gates, TimingGates(timing, timing))


# -- survival ------------------------------------------------------------------------------------------


def silences(days: int) -> st.SearchStrategy[np.ndarray]:
    """P(no order) that falls from day to day."""
    steps = arrays(np.float64, (3, days), elements=st.floats(0.0, 0.95))
    return steps.map(lambda hazard: np.cumprod(1 - hazard, axis=1))


def ratios() -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float32, (3, BINS), elements=st.floats(-3, 3, width=32))


GRID = np.union1d(SURVIVAL_DAYS, [10, 28, 200])


@given(silences(len(GRID)), ratios())
def test_a_corrected_silence_never_rises_and_stays_a_probability(silence, ratio):
    corrected = corrected_silence(silence, GRID, ratio)
    assert (np.diff(corrected, axis=1) <= 1e-12).all()
    assert ((corrected >= 0) & (corrected <= 1)).all()


@given(silences(len(GRID)))
def test_without_a_correction_the_silence_is_the_prior_s(silence):
    nothing = np.zeros((3, BINS), np.float32)
    np.testing.assert_allclose(corrected_silence(silence, GRID, nothing), silence, rtol=1e-9, atol=1e-11)


@given(silences(BINS), ratios())
def test_a_busier_bin_leaves_less_silence_from_then_on_and_the_same_before(silence, ratio):
    busier = ratio.copy()
    busier[:, 4] += 1
    one, other = (corrected_silence(silence, SURVIVAL_DAYS, told) for told in (ratio, busier))
    np.testing.assert_array_equal(other[:, :4], one[:, :4])
    assert (other[:, 4:] <= one[:, 4:]).all()


@given(silences(len(GRID)), ratios())
def test_a_day_between_two_others_does_not_move_them(silence, ratio):
    kept = np.isin(GRID, SURVIVAL_DAYS)
    fine = corrected_silence(silence, GRID, ratio)[:, kept]
    np.testing.assert_allclose(corrected_silence(silence[:, kept], SURVIVAL_DAYS, ratio), fine, atol=1e-9)


def test_the_hazard_of_each_bin_is_multiplied():
    silence = np.exp(-np.cumsum(np.full((1, BINS), 0.1), axis=1))
    ratio = np.zeros((1, BINS), np.float32)
    ratio[0, 1] = np.log(3.0)
    corrected = corrected_silence(silence, SURVIVAL_DAYS, ratio)
    assert -np.log(corrected[0, :3]) == pytest.approx([0.1, 0.4, 0.5])


@given(
    arrays(np.float32, (4, BINS), elements=st.floats(2**-10, 1.5, width=32)),
    arrays(np.float32, (4, BINS), elements=st.floats(-1, 1, width=32)),
)
def test_without_its_level_a_correction_leaves_the_shop_as_silent_as_the_prior_says(hazard, ratio):
    silence = np.exp(-np.cumsum(hazard.astype(np.float64), axis=1))
    level = level_of(hazard, ratio)
    corrected = corrected_silence(silence, SURVIVAL_DAYS, ratio - level)
    np.testing.assert_allclose(corrected.mean(axis=0), silence.mean(axis=0), atol=1e-4)


def test_a_factor_that_all_customers_have_is_all_level():
    hazard = np.full((5, BINS), 0.2, np.float32)
    ratio = np.tile(np.linspace(-1, 1, BINS).astype(np.float32), (5, 1))
    np.testing.assert_allclose(level_of(hazard, ratio), ratio[0], atol=1e-5)
    np.testing.assert_allclose(level_of(hazard, 0 * ratio), 0.0, atol=1e-6)


def test_the_level_is_taken_from_every_customer_s_logarithm():
    told = correction(0.5)
    states = told.states(shop()[0])
    lowered = replace(told, timing=replace(told.timing, level=tuple(np.linspace(0.1, 0.5, BINS))))
    numbers = timing_numbers(len(states))
    gone = told.log_ratio(states, numbers) - lowered.log_ratio(states, numbers)
    np.testing.assert_allclose(gone, np.tile(np.linspace(0.1, 0.5, BINS), (len(states), 1)), atol=1e-6)


def test_the_weight_of_timing_scales_the_logarithm():
    states = states_of(correction().network, sequences())
    numbers = timing_numbers(len(states))
    whole, half, shut = (correction(timing).log_ratio(states, numbers) for timing in (1.0, 0.5, 0.0))
    assert whole.shape == (len(sequences()), BINS)
    assert np.abs(whole).max() > 0.1
    np.testing.assert_allclose(half, whole / 2, rtol=1e-6)
    assert not shut.any()


def test_numbers_and_orders_have_a_gate_each():
    states, numbers = states_of(correction().network, sequences()), timing_numbers(len(sequences()))
    both = correction().log_ratio(states, numbers)
    apart = [
        replace(correction(), timing=gates).log_ratio(states, numbers)
        for gates in (TimingGates(numbers=1.0), TimingGates(sequence=1.0))
    ]
    assert all(np.abs(one).max() > 0.1 for one in apart)
    np.testing.assert_allclose(sum(apart), both, atol=1e-6)
    assert TimingGates().closed
    assert not TimingGates(0.5).closed
    assert not TimingGates(0.0, 0.5).closed


# -- gates ---------------------------------------------------------------------------------------------


def test_at_a_horizon_that_was_learned_the_gates_are_its_own():
    assert correction().gates_at("category", 28) == correction().gates["category"][28]
    assert correction().gates_at("category", 112) == correction().gates["category"][112]


def test_between_two_horizons_the_gates_are_between_by_the_logarithm_of_days():
    repeat, explore = correction().gates_at("category", 56)
    assert (repeat.weight, repeat.intercept, repeat.slope) == pytest.approx((0.75, 0.0, 0.9))
    assert (explore.weight, explore.intercept, explore.slope) == pytest.approx((0.2, 0.0, 1.1))


def test_outside_the_horizons_learned_gates_and_place_are_the_nearest():
    assert correction().gates_at("category", 7) == correction().gates["category"][28]
    assert correction().gates_at("category", 365) == correction().gates["category"][112]
    assert correction().place("category", 7) == horizon_place(28)
    assert correction().place("category", 365) == horizon_place(112)
    assert correction().place("category", 56) == horizon_place(56)


def test_a_correction_is_idle_where_every_gate_is_closed():
    shut = Correction(correction().network, shop()[1], {"brand": {28: (CLOSED, CLOSED)}})
    assert shut.idle
    assert not correction().idle
    assert not correction(0.0).idle
    assert correction().open_kinds() == ("category",)
    assert Correction(shut.network, shut.vocabulary, shut.gates, TimingGates(0.25)).idle is False


def test_a_low_rank_correction_is_that_of_the_heads():
    network, (snapshot, vocabulary) = correction().network, shop()
    states = correction().states(snapshot)
    np.testing.assert_array_equal(states, states_of(network, sequences()))
    targets = np.arange(len(snapshot.catalogue.targets("product")))
    codes = target_codes(network, vocabulary, snapshot.catalogue, "product", targets)
    repeat, explore = low_rank(network, states, "product", target_vectors(network, "product", codes), 0.3)
    assert repeat.customer.shape == explore.customer.shape == (len(snapshot), 4 + 3)
    assert repeat.target.shape == explore.target.shape == (len(targets), 4 + 3)
    assert np.abs(repeat.customer @ repeat.target.T - explore.customer @ explore.target.T).max() > 0.1


def test_targets_that_the_network_never_saw_are_unknown_and_not_refused():
    snapshot, vocabulary = shop()
    codes = target_codes(correction().network, vocabulary, snapshot.catalogue, "product", np.array([0, 1]))
    fewer = type(vocabulary)(
        {**vocabulary.names, "product": vocabulary.names["product"][1:]}, vocabulary.price_edges
    )
    lost = target_codes(correction().network, fewer, snapshot.catalogue, "product", np.array([0, 1]))
    assert codes.own.tolist() == [1, 2]
    assert lost.own.tolist() == [0, 1]
    assert lost.category.tolist() == codes.category.tolist()
