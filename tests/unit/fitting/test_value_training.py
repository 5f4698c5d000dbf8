"""The head of orders and money per order: it learns who differs from the prior, and touches nothing else."""

from __future__ import annotations

import numpy as np
import torch

from intentml.fitting.examples import Examples, TimingExamples
from intentml.fitting.settings import TrainingConfig
from intentml.fitting.value_training import fit_value_head
from intentml.fitting.values import Amounts, ValueExamples
from intentml.model.correction import value_ratio
from intentml.model.heads import horizon_place
from intentml.model.intent_model import IntentModel
from intentml.model.states import states_of
from intentml.survival import SURVIVAL_DAYS
from networks import TIMING_NUMBERS, VALUE_NUMBERS, new_network, sequences

SETTINGS = TrainingConfig(learning_rate=0.01)
BUSY, DEAR = TIMING_NUMBERS, TIMING_NUMBERS + 1  # what the columns tell


def window(seed: int, *, prices: bool = True) -> Examples:
    """The busy order three times as much as the prior says, the dear spend half as much an order."""
    rng = np.random.default_rng(seed)
    count = len(sequences())
    timing = TimingExamples(
        np.ones((count, len(SURVIVAL_DAYS)), np.float32),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        rng.normal(size=(count, TIMING_NUMBERS)).astype(np.float32),
    )
    told = rng.integers(0, 2, (count, VALUE_NUMBERS)).astype(np.float32)
    amounts = {}
    for days in (7, 28):
        expected = np.full(count, days / 7.0)
        came = rng.poisson(expected * 3.0 ** (2 * told[:, 0] - 1)).astype(float)
        spent = came * 20.0 * 0.5 ** told[:, 1] * rng.gamma(20.0, 0.05, count)
        amounts[days] = Amounts(expected, np.full(count, 20.0) if prices else None, came, spent)
    return Examples(np.arange(count), sequences(), timing, ValueExamples(told, amounts), {})


def states(network: IntentModel, parts: list[Examples]) -> list[np.ndarray]:
    return [states_of(network, sequences())] * len(parts)  # all windows have the same customers


def fitted(*, prices: bool = True) -> IntentModel:
    network, parts = new_network(), [window(seed, prices=prices) for seed in range(40)]
    fit_value_head(network, parts, states(network, parts), SETTINGS)
    return network


def factors(network: IntentModel, days: int) -> np.ndarray:
    """Of a customer who is neither, busy, dear. Shape: (3, 2)."""
    told = np.zeros((3, TIMING_NUMBERS + VALUE_NUMBERS), np.float32)
    told[1, BUSY] = told[2, DEAR] = 1.0
    states = np.repeat(states_of(network, sequences())[:1], 3, axis=0)
    return np.exp(value_ratio(network, states, told, horizon_place(days)))


def test_who_differs_from_the_prior_is_learned_at_every_horizon():
    network = fitted()
    for days in (7, 28):
        found = factors(network, days)
        assert 6 < found[1, 0] / found[0, 0] < 13  # three times as much against a third
        assert 0.7 < found[2, 0] / found[0, 0] < 1.4
        assert 0.35 < found[2, 1] / found[0, 1] < 0.7


def test_nothing_but_the_head_is_touched_and_the_same_examples_give_the_same_head():
    one, other, before = fitted().state_dict(), fitted().state_dict(), new_network().state_dict()
    for name, weight in one.items():
        assert torch.equal(weight, other[name])
        assert name.startswith("value.") or torch.equal(weight, before[name])


def test_without_prices_orders_are_learned_and_money_stays_the_prior_s():
    found = factors(fitted(prices=False), 28)
    assert found[1, 0] / found[0, 0] > 6
    np.testing.assert_array_equal(found[:, 1], 1.0)


def test_without_an_amount_the_head_stays_as_it_was():
    network, bare = new_network(), window(0)
    bare = Examples(bare.customers, bare.sequences, bare.timing, ValueExamples(bare.values.numbers, {}), {})
    fit_value_head(network, [bare], states(network, [bare]), SETTINGS)
    for name, weight in new_network().state_dict().items():
        assert torch.equal(weight, network.state_dict()[name])
