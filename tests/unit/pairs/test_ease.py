"""Item-item weights: the closed form, what a third target explains, scores at some pairs as over all."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.pairs.candidates import candidates_of
from intentml.pairs.ease import EaseWeights, ease_scores, fit_ease
from intentml.pairs.neighbours import fit_neighbours
from pair_tables import NAMES, history

CROWD = tuple(
    {int(target): float(count) for target, count in zip(drawn, 1 + drawn, strict=True)}
    for drawn in (np.random.default_rng(0).permutation(30)[: 2 + number % 9] for number in range(200))
)


def everywhere(users: int, targets: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pair, in CSR layout."""
    return np.arange(users + 1) * targets, np.tile(np.arange(targets), users)


def test_each_column_of_weights_is_the_ridge_regression_of_that_target_on_the_others():
    pairs = history(*[{0: 9.0, 1: 4.0}] * 30, *[{1: 2.0, 2: 9.0}] * 20, *[{0: 1.0, 2: 1.0, 3: 5.0}] * 9)
    taste = pairs.taste.toarray().astype(np.float64)
    weight = fit_ease(pairs, NAMES).similarity.toarray()
    for target in range(4):
        others = np.delete(np.arange(4), target)
        known = taste[:, others]
        ridge = np.linalg.solve(known.T @ known + 200.0 * np.eye(3), known.T @ taste[:, target])
        np.testing.assert_allclose(weight[others, target], ridge, atol=1e-6)
        assert weight[target, target] == 0.0


def test_what_a_third_target_explains_is_not_counted_twice():
    # Who buys 0 buys 1 and 2: next to 0, buying 1 says little of 2, though neighbours they are.
    pairs = history(*[{0: 20.0, 1: 20.0, 2: 20.0}] * 400, *[{0: 20.0, 1: 20.0}] * 200, *[{3: 20.0}] * 50)
    weight = fit_ease(pairs, NAMES).similarity.toarray()
    assert weight[3, 2] <= 0.0
    assert fit_neighbours(pairs, NAMES).similarity.toarray()[1, 2] > 0.5
    assert weight[1, 2] < 0.5


def test_targets_of_fewer_than_five_customers_have_no_weights():
    assert fit_ease(history(*[{0: 1.0, 1: 1.0}] * 4), NAMES).similarity.nnz == 0


@pytest.mark.parametrize("cells", [10, 4_000_000])
def test_scores_at_pairs_are_taste_times_weights_however_few_rows_at_once(monkeypatch, cells):
    monkeypatch.setattr("intentml.pairs.ease._CELLS_AT_ONCE", cells)
    names = np.array([f"t{number:02d}" for number in range(30)], dtype=object)
    pairs = history(*CROWD, n_targets=30)
    weight = fit_ease(pairs, names).similarity
    indptr, target = everywhere(len(CROWD), 30)
    scores = ease_scores(pairs, EaseWeights.of(weight), indptr, target).reshape(-1, 30)
    np.testing.assert_allclose(scores, (pairs.taste @ weight).toarray(), atol=1e-6)


def test_candidates_are_what_was_bought_and_what_is_near_to_it():
    names = np.array([f"t{number:02d}" for number in range(30)], dtype=object)
    pairs = history(*CROWD, n_targets=30)
    similarity, weight = fit_neighbours(pairs, names).similarity, fit_ease(pairs, names).similarity
    found = candidates_of(pairs, similarity, EaseWeights.of(weight))
    customer = np.repeat(np.arange(len(CROWD)), np.diff(found.indptr))
    keys = customer * 30 + found.target
    assert (np.diff(keys) > 0).all()
    np.testing.assert_array_equal(keys[found.own], pairs.customer * 30 + pairs.target)
    assert set(range(len(keys))) == set(found.own) | set(found.near)
    indptr, target = everywhere(len(CROWD), 30)
    np.testing.assert_allclose(
        found.ease, ease_scores(pairs, EaseWeights.of(weight), indptr, target)[keys], atol=1e-6
    )
