from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from intentml.pairs.neighbours import (
    MIN_BUYERS,
    SHRINK,
    Neighbours,
    _best_per_row,
    fit_neighbours,
    neighbour_scores,
)
from pair_tables import NAMES, history


def once(*targets: int) -> dict[int, float]:
    """A customer who bought each target once, now."""
    return dict.fromkeys(targets, 1.0)


def test_similarity_is_the_cosine_of_buyers_shrunk_by_support():
    # flour: 9 buyers, yeast: 4 + 2 = 6, both: 4; nails: 2 (too few to be trusted)
    pairs = history(*[once(0, 3)] * 4, *[once(0)] * 5, *[once(3)] * 2, *[once(1)] * 2)
    similarity = fit_neighbours(pairs, NAMES).similarity.toarray()
    cosine = 4 / np.sqrt(9 * 6)
    assert similarity[0, 3] == pytest.approx(cosine * 4 / (4 + SHRINK), rel=1e-6)
    assert similarity[3, 0] == similarity[0, 3]
    assert np.count_nonzero(similarity) == 2


def test_a_target_is_no_neighbour_of_itself():
    pairs = history(*[once(0, 1)] * 6)
    assert np.diag(fit_neighbours(pairs, NAMES).similarity.toarray()).tolist() == [0, 0, 0, 0]


def test_a_target_with_too_few_buyers_has_no_neighbours():
    few = history(*[once(0, 1)] * (MIN_BUYERS - 1))
    enough = history(*[once(0, 1)] * MIN_BUYERS)
    assert fit_neighbours(few, NAMES).similarity.nnz == 0
    assert fit_neighbours(enough, NAMES).similarity.nnz == 2


def test_only_the_nearest_are_kept():
    # 0 goes with 1 nine times, with 2 six times, with 3 five times
    pairs = history(*[once(0, 1, 2, 3)] * 5, once(0, 1, 2), *[once(0, 1)] * 3)
    similarity = fit_neighbours(pairs, NAMES, nearest=2).similarity.toarray()
    assert np.flatnonzero(similarity[0]).tolist() == [1, 2]


def test_buying_much_does_not_make_two_targets_alike():
    often = fit_neighbours(history(*[{0: 50.0, 1: 1.0}] * 6), NAMES).similarity.toarray()
    seldom = fit_neighbours(history(*[{0: 1.0, 1: 1.0}] * 6), NAMES).similarity.toarray()
    np.testing.assert_array_equal(often, seldom)


def test_a_shop_of_nobody_has_no_neighbours():
    nobody = fit_neighbours(history(), NAMES)
    assert nobody.similarity.shape == (4, 4)
    assert nobody.similarity.nnz == 0
    assert neighbour_scores(history({}, {}), nobody.similarity).toarray().tolist() == [[0] * 4] * 2


def test_taste_is_the_log_of_decayed_purchases():
    taste = history({0: 3.0, 2: 1.0}, {}).taste.toarray()
    np.testing.assert_allclose(taste[0, [0, 2]], np.log([4.0, 2.0]), rtol=1e-6)
    assert taste[1].tolist() == [0, 0, 0, 0]


def test_scores_are_taste_times_similarity():
    similarity = sparse.csr_array(
        np.array([[0, 0.5, 0, 0], [0, 0, 0, 0], [0, 0.25, 0, 1], [0] * 4], np.float32)
    )
    scores = neighbour_scores(history({0: 1.0, 2: 1.0}, {1: 1.0}), similarity).toarray()
    taste = np.log(2.0)  # of what was bought once, now
    np.testing.assert_allclose(scores[0], [0, 0.75 * taste, 0, taste], rtol=1e-6)
    assert scores[1].tolist() == [0, 0, 0, 0]


def test_the_best_of_each_customer_are_kept_and_ties_go_to_the_first_target():
    similarity = sparse.csr_array(np.array([[0, 0.5, 0.9, 0.5], *[[0] * 4] * 3], np.float32))
    scores = neighbour_scores(history({0: 1.0}), similarity, per_customer=2).toarray()
    np.testing.assert_allclose(scores, np.log(2.0) * np.array([[0, 0.5, 0.9, 0]]), rtol=1e-6)


@pytest.mark.parametrize("per_customer", [3, 100])
def test_a_customer_alone_has_the_scores_of_the_crowd(per_customer):
    rng = np.random.default_rng(0)
    baskets = [
        {int(j): float(rng.random()) for j in rng.choice(30, rng.integers(0, 12), replace=False)}
        for _ in range(200)
    ]
    names = np.array([f"t{code:02d}" for code in range(30)], dtype=object)
    crowd = history(*baskets, n_targets=30)
    similarity = fit_neighbours(crowd, names).similarity
    together = neighbour_scores(crowd, similarity, per_customer).toarray()
    for row, basket in enumerate(baskets):
        alone = neighbour_scores(history(basket, n_targets=30), similarity, per_customer).toarray()
        assert alone.tobytes() == together[row : row + 1].tobytes()


def test_aligned_moves_similarities_to_another_numbering():
    similarity = sparse.csr_array(
        (np.ones(2, np.float32), ([0, 3], [3, 1])), shape=(4, 4)
    )  # flour-yeast-nails
    neighbours = Neighbours("product", NAMES, similarity)
    other = np.array(["aubergine", "flour", "yeast", "zinc"], dtype=object)
    assert neighbours.aligned(other).toarray().tolist() == [[0] * 4, [0, 0, 1, 0], [0] * 4, [0] * 4]
    assert neighbours.aligned(NAMES) is similarity


def test_aligned_to_a_shop_of_other_targets_is_empty():
    neighbours = Neighbours("product", NAMES, sparse.csr_array((4, 4), dtype=np.float32))
    assert neighbours.aligned(np.array(["x", "y"], dtype=object)).shape == (2, 2)
    assert neighbours.aligned(np.zeros(0, dtype=object)).shape == (0, 0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_of_many_targets_the_best_are_kept_as_by_a_plain_sort(seed, keep):
    drawn = np.random.default_rng(seed)
    laid_out = drawn.choice([0.0, 1e-30, 0.5, 0.5 + 1e-7, 2.0, 3e30], size=(5, 12)).astype(np.float32)
    kept = _best_per_row(sparse.csr_array(laid_out), keep).toarray()
    for row, whole in zip(kept, laid_out, strict=True):
        best = [target for target in np.argsort(-whole, kind="stable")[:keep] if whole[target] > 0]
        assert np.flatnonzero(row).tolist() == sorted(best)
        assert row[best].tolist() == whole[best].tolist()
