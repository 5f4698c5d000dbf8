"""The timing network, learned alone: what the numbers tell together is found, and nothing else is touched."""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import numpy as np
import torch

from intentml.fitting.examples import TimingExamples
from intentml.fitting.settings import TrainingConfig
from intentml.fitting.timing_training import fit_timing_network, told_by_numbers
from intentml.model.correction import timing_ratio
from intentml.model.intent_model import IntentModel
from intentml.survival import SURVIVAL_DAYS
from networks import TIMING_NUMBERS, new_network, perturbed

BINS = len(SURVIVAL_DAYS)
PRIOR = 0.3
# The hazard is three times the prior's where both of the first numbers are on, else two thirds of it.
SOONER, LATER = np.log(3.0), np.log(2 / 3)


def window(seed: int, customers: int = 600) -> TimingExamples:
    """Next orders drawn by that law, every bin seen."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 2, (customers, TIMING_NUMBERS)).astype(np.float32)
    ratio = np.where(numbers[:, 0] * numbers[:, 1] > 0, SOONER, LATER)
    came = rng.random((customers, BINS)) < -np.expm1(-PRIOR * np.exp(ratio))[:, np.newaxis]
    event_bin = np.where(came.any(axis=1), came.argmax(axis=1), BINS)
    hazard = np.full((customers, BINS), PRIOR, np.float32)
    return TimingExamples(hazard, event_bin, np.full(customers, BINS), numbers)


def fitted(*seeds: int) -> IntentModel:
    network = perturbed(new_network())
    fit_timing_network(network, [window(seed) for seed in seeds], TrainingConfig())
    return network


@cache
def learned() -> IntentModel:
    return fitted(*range(12))


def test_what_two_numbers_tell_together_is_found():
    unseen = window(99)
    ratio = timing_ratio(learned(), unseen.numbers)[:, :3]
    together = (unseen.numbers[:, 0] * unseen.numbers[:, 1]) > 0
    assert abs(ratio[together].mean() - SOONER) < 0.2
    assert abs(ratio[~together].mean() - LATER) < 0.2
    # No number but these two tells anything.
    assert max(ratio[together].std(), ratio[~together].std()) < 0.2


def test_nothing_else_of_the_network_is_touched_and_it_answers_as_one_that_is_finished():
    before, after = perturbed(new_network()).state_dict(), learned().state_dict()
    changed = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    assert changed == {name for name in after if name.startswith("timing.")}
    assert not learned().timing.training


def test_the_same_windows_and_seed_give_the_same_network():
    one, other = fitted(0, 1), fitted(0, 1)
    numbers = window(99).numbers
    np.testing.assert_array_equal(timing_ratio(one, numbers), timing_ratio(other, numbers))
    again = deepcopy(one)
    fit_timing_network(again, [window(0), window(1)], TrainingConfig())  # from a network already fitted
    np.testing.assert_array_equal(timing_ratio(again, numbers), timing_ratio(one, numbers))


def test_what_the_numbers_tell_is_in_the_hazard_that_the_orders_correct():
    unseen = window(99)
    told = told_by_numbers(learned(), unseen)
    np.testing.assert_allclose(
        told.hazard, PRIOR * np.exp(timing_ratio(learned(), unseen.numbers)), rtol=1e-5
    )
    assert told.event_bin is unseen.event_bin
