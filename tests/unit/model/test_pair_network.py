"""The pair network: nothing at first, then of the pair's numbers, its target and the horizon."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from intentml.model.correction import learned_of_pairs
from intentml.model.heads import TargetCodes
from intentml.model.states import target_codes
from networks import PAIR_NUMBERS, new_network, perturbed, shop

PAIRS = 40


def numbers(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(PAIRS, len(PAIR_NUMBERS))).astype(np.float32)


def codes_of(kind: str, network) -> TargetCodes:
    snapshot, vocabulary = shop()
    every = np.arange(len(snapshot.catalogue.targets(kind)))
    return target_codes(network, vocabulary, snapshot.catalogue, kind, every)


def said(network, kind: str, told: np.ndarray, target: np.ndarray, place: float = 0.0) -> np.ndarray:
    return learned_of_pairs(network, kind, told, codes_of(kind, network), target, place)


@pytest.mark.parametrize("kind", ["product", "category"])
def test_a_new_network_says_exactly_nothing(kind):
    target = np.zeros(PAIRS, np.int64)
    assert not said(new_network(), kind, numbers(), target).any()
    assert said(perturbed(new_network()), kind, numbers(), target).all()


@pytest.mark.parametrize("kind", ["product", "category"])
def test_pairs_do_not_depend_on_their_company(kind, monkeypatch):
    network, target = perturbed(new_network()), np.arange(PAIRS) % 3
    together = said(network, kind, numbers(), target, 0.5)
    for at in (0, 7, PAIRS - 1):
        alone = said(network, kind, numbers()[[at]], target[[at]], 0.5)
        np.testing.assert_allclose(alone, together[[at]], atol=1e-6)
    monkeypatch.setattr("intentml.model.correction._PAIRS_AT_ONCE", 7)
    np.testing.assert_allclose(said(network, kind, numbers(), target, 0.5), together, atol=1e-6)


def test_numbers_target_and_horizon_all_matter():
    network, target = perturbed(new_network()), np.zeros(PAIRS, np.int64)
    plain = said(network, "product", numbers(), target)
    assert (said(network, "product", numbers(1), target) != plain).all()
    assert (said(network, "product", numbers(), target + 1) != plain).all()
    assert (said(network, "product", numbers(), target, 1.0) != plain).all()


def test_a_number_beyond_those_learned_from_counts_as_the_nearest_of_them():
    network = perturbed(new_network())
    network.of_pairs("category").numbers.know(torch.from_numpy(numbers()))
    highest = numbers().max(axis=0, keepdims=True)
    there, beyond = (
        said(network, "category", told, np.zeros(1, np.int64)) for told in (highest, 5 + highest)
    )
    np.testing.assert_array_equal(there, beyond)


def test_a_network_that_does_not_read_pairs_says_nothing_of_them():
    network, target = perturbed(new_network(reads=["orders", "time"])), np.zeros(PAIRS, np.int64)
    assert not said(network, "category", numbers(), target).any()
