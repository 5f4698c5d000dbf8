"""The pair networks, learned on alone: what works together is found, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from intentml.fitting import pair_training
from intentml.fitting.examples import CandidatePairs, Examples, TargetExamples, TimingExamples
from intentml.fitting.pair_training import fit_pair_networks
from intentml.fitting.settings import TrainingConfig
from intentml.fitting.values import ValueExamples
from intentml.model.correction import learned_of_pairs
from intentml.model.heads import TargetCodes, horizon_place
from intentml.model.intent_model import IntentModel
from intentml.model.states import states_of
from intentml.prediction import TargetScores, sigmoid
from intentml.survival import SURVIVAL_DAYS
from networks import PAIR_NUMBERS, TIMING_NUMBERS, VALUE_NUMBERS, new_network, sequences

SETTINGS = TrainingConfig()
HORIZONS = (7, 28)
CATEGORIES = 3
COUNT, EASE = PAIR_NUMBERS.index("count"), PAIR_NUMBERS.index("ease")


def targets(seed: int, days: int) -> TargetExamples:
    """Every pair a candidate; bought oftener only where count and ease are high together."""
    rng = np.random.default_rng((seed, days))
    customers = len(sequences())
    numbers = rng.integers(0, 2, (customers * CATEGORIES, len(PAIR_NUMBERS))).astype(np.float32)
    together = (numbers[:, COUNT] * numbers[:, EASE]).astype(bool)
    bought = rng.random(len(numbers)) < np.where(together, 0.8, 0.2)
    nothing = sparse.csr_array((customers, CATEGORIES), dtype=np.float32)
    return TargetExamples(
        kind="category",
        horizon_days=days,
        prior=TargetScores(
            "category",
            np.array(list("abc"), dtype=object),
            np.full((customers, 1), -1.4, np.float32),  # a chance of one in five
            np.ones((CATEGORIES, 1), np.float32),
            nothing,
        ),
        bought=sparse.csr_array(bought.reshape(customers, CATEGORIES)),
        seen=sparse.csr_array((customers, CATEGORIES), dtype=bool),
        buyers_before=np.full(CATEGORIES, 9, np.int64),
        codes=TargetCodes(torch.arange(CATEGORIES)),
        candidates=CandidatePairs(
            np.arange(0, len(numbers) + 1, CATEGORIES),
            np.tile(np.arange(CATEGORIES), customers),
            numbers[:, :-2].astype(np.float16),
            numbers[:, -2:],
        ),
    )


def window(seed: int) -> Examples:
    count = len(sequences())
    timing = TimingExamples(
        np.ones((count, len(SURVIVAL_DAYS)), np.float32),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros((count, TIMING_NUMBERS), np.float32),
    )
    values = ValueExamples(np.zeros((count, VALUE_NUMBERS), np.float32), {})
    told = {("category", days): targets(seed, days) for days in HORIZONS}
    return Examples(np.arange(count), sequences(), timing, values, told)


def fitted(**settings: object) -> IntentModel:
    network = new_network(**settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_training, "_BATCH", 256)  # a tenth of the pairs are steps enough
        parts = [window(seed) for seed in range(120)]
        fit_pair_networks(network, parts, [states_of(network, sequences())] * len(parts), SETTINGS)
    return network


@pytest.fixture(scope="module")
def learned() -> IntentModel:
    return fitted()


@pytest.mark.parametrize("days", HORIZONS)
def test_numbers_that_tell_something_only_together_are_learned_at_every_horizon(learned, days):
    numbers = np.zeros((4, len(PAIR_NUMBERS)), np.float32)
    numbers[[1, 3], COUNT] = numbers[[2, 3], EASE] = 1.0
    said = learned_of_pairs(
        learned,
        "category",
        numbers,
        TargetCodes(torch.arange(CATEGORIES)),
        np.zeros(4, np.int64),
        horizon_place(days),
    )
    np.testing.assert_allclose(sigmoid(said - 1.4), [0.2, 0.2, 0.2, 0.8], atol=0.08)


def test_nothing_but_that_network_is_touched_and_the_same_windows_give_the_same_one(learned):
    again, before = fitted().state_dict(), new_network().state_dict()
    touched = {name for name, weight in learned.state_dict().items() if not torch.equal(weight, before[name])}
    assert touched
    assert all(name.startswith("pairs.category.") for name in touched)
    for name, weight in learned.state_dict().items():
        assert torch.equal(weight, again[name])


def test_a_model_that_does_not_read_pairs_is_left_alone():
    settings = {"reads": ("orders", "time")}
    left, before = fitted(**settings).state_dict(), new_network(**settings).state_dict()
    assert all(torch.equal(weight, before[name]) for name, weight in left.items())
