"""Samples of pairs: every purchase once, and weights that add up to all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from intentml.priors.designs import Design
from intentml.priors.sampling import PairSample, sample_pairs
from intentml.timeline.entries import at_pairs
from prior_designs import dense_features, random_snapshot, whole_design


def purchases(design: Design, seed: int, share: float = 0.1) -> sparse.csr_array:
    """Random purchases of a window, by customers without an order before too."""
    return sparse.csr_array(np.random.default_rng(seed).random(design.shape) < share)


def is_buyer(design: Design) -> np.ndarray:
    return design.customer["orders_ever"] > 0


def sample(design: Design, eligible: np.ndarray, seed: int = 0, per_window: int = 1000) -> PairSample:
    return sample_pairs(
        design, purchases(design, seed), eligible, np.random.default_rng(seed), per_window=per_window
    )


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), per_window=st.sampled_from([400, 5000]))
def test_weights_add_up_to_buyers_times_eligible_targets(seed, per_window):
    design = whole_design(random_snapshot(seed), "product")
    eligible = np.arange(0, len(design.targets), 2)
    drawn = sample(design, eligible, seed, per_window)
    assert drawn.weight.sum() == pytest.approx(is_buyer(design).sum() * len(eligible))


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_every_purchase_stands_once_for_itself(seed):
    design = whole_design(random_snapshot(seed), "product")
    eligible = np.array([0, 2, 3])
    drawn = sample(design, eligible, seed, per_window=50)
    bought = purchases(design, seed).toarray()[is_buyer(design)][:, eligible]
    assert drawn.bought.sum() == bought.sum()
    assert (drawn.weight[drawn.bought] == 1).all()
    by_customer = np.bincount(drawn.customer[drawn.bought], minlength=len(is_buyer(design)))
    np.testing.assert_array_equal(by_customer[is_buyer(design)], bought.sum(axis=1))


def test_nobody_without_an_order_is_sampled():
    design = whole_design(random_snapshot(0), "product")
    assert not is_buyer(design).all()
    drawn = sample(design, np.arange(len(design.targets)))
    assert is_buyer(design)[drawn.customer].all()


def test_a_sample_large_enough_holds_every_pair_once():
    design = whole_design(random_snapshot(1, customers=15, lines=200), "category")
    eligible = np.arange(len(design.targets))
    drawn = sample(design, eligible, per_window=20_000)
    assert len(drawn.weight) == is_buyer(design).sum() * len(eligible)
    np.testing.assert_array_equal(drawn.weight, np.ones(len(drawn.weight)))
    features, seen = dense_features(design)
    everything = np.stack([features[name] for name in drawn.columns], axis=2)[is_buyer(design)]
    told = np.concatenate([drawn.values, drawn.bought[:, np.newaxis]], axis=1)
    bought = purchases(design, 0).toarray()[is_buyer(design)]
    real = np.concatenate([everything, bought[..., np.newaxis]], axis=2).reshape(-1, told.shape[1])
    np.testing.assert_array_equal(np.sort(told.view(), axis=0), np.sort(real, axis=0))
    assert drawn.seen.sum() == seen[is_buyer(design)].sum()


def test_a_small_sample_stands_for_the_means_of_all_pairs():
    design = whole_design(random_snapshot(2, customers=400, lines=4000), "product")
    eligible = np.arange(len(design.targets))
    drawn = sample(design, eligible, per_window=1500)
    assert len(drawn.weight) < 0.9 * is_buyer(design).sum() * len(eligible)
    features, seen = dense_features(design)
    for name, column in zip(drawn.columns, drawn.values.T, strict=True):
        everybody = features[name][is_buyer(design)]
        spread = max(everybody.std(), 1e-9)
        assert abs(np.average(column, weights=drawn.weight) - everybody.mean()) < 0.15 * spread, name
    share = np.average(drawn.seen, weights=drawn.weight)
    assert share == pytest.approx(seen[is_buyer(design)].mean(), rel=0.05)


def test_the_same_seed_draws_the_same_pairs_and_another_seed_others():
    design = whole_design(random_snapshot(2, customers=100, lines=1000), "product")
    eligible, bought = np.arange(len(design.targets)), purchases(design, 0)

    def drawn(seed: int) -> PairSample:
        return sample_pairs(design, bought, eligible, np.random.default_rng(seed), per_window=100)

    np.testing.assert_array_equal(drawn(5).values, drawn(5).values)
    assert drawn(5).values.shape != drawn(6).values.shape or not (drawn(5).values == drawn(6).values).all()


def test_selected_pairs_keep_everything_of_theirs():
    design = whole_design(random_snapshot(0), "product")
    drawn = sample(design, np.arange(len(design.targets)))
    some = drawn.select(drawn.bought)
    assert some.columns == drawn.columns
    for name in ("values", "bought", "weight", "seen", "customer"):
        np.testing.assert_array_equal(getattr(some, name), getattr(drawn, name)[drawn.bought])


def test_lookup_reads_cells_and_zero_elsewhere():
    table = sparse.csr_array(np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 0.0]]))
    rows, columns = np.array([0, 0, 1, 1, 1]), np.array([1, 0, 0, -1, 2], dtype=np.int32)
    np.testing.assert_array_equal(at_pairs(table, rows, columns), [2, 0, 3, 0, 0])
    nothing = sparse.csr_array((2, 3))
    np.testing.assert_array_equal(at_pairs(nothing, rows, columns), np.zeros(5))
