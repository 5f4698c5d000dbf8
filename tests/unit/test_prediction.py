from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from intentml.prediction import (
    SURVIVAL_DAYS,
    LowRank,
    Mend,
    Newcomer,
    ParentTerm,
    TargetScores,
    at_pairs,
    days_until,
    logit,
    sigmoid,
    survival_at,
)


def random_scores(
    seed: int, customers: int = 17, targets: int = 11, vectors: int = 3
) -> tuple[TargetScores, np.ndarray]:
    """Scores of random sparse parts, and the same logits as one dense sum."""
    rng = np.random.default_rng(seed)
    left = rng.normal(size=(customers, vectors)).astype(np.float32)
    right = rng.normal(size=(targets, vectors)).astype(np.float32)
    pairs = random_sparse(rng, customers, targets)
    parents, dense = [], left.astype(float) @ right.T.astype(float) + pairs.toarray()
    for kind, n_parents in (("category", 4), ("brand", 2)):
        values = random_sparse(rng, customers, n_parents)
        parent_of = rng.integers(-1, n_parents, targets).astype(np.int32)
        parents.append(ParentTerm(kind, values, parent_of))
        for target, parent in enumerate(parent_of):
            if parent >= 0:
                dense[:, target] += values.toarray()[:, parent]
    names = np.array([f"t{number:03d}" for number in range(targets)], dtype=object)
    return TargetScores("product", names, left, right, pairs, tuple(parents)), dense


def random_sparse(rng: np.random.Generator, rows: int, columns: int) -> sparse.csr_array:
    """A third of the cells filled."""
    dense = rng.normal(size=(rows, columns)) * (rng.random((rows, columns)) < 0.3)
    return sparse.csr_array(dense.astype(np.float32))


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_the_dense_logits(seed):
    scores, dense = random_scores(seed)
    np.testing.assert_allclose(scores.rows(slice(None)), dense, atol=1e-5)
    np.testing.assert_allclose(scores.rows(slice(3, 8)), dense[3:8], atol=1e-5)
    np.testing.assert_allclose(scores.rows(np.array([16, 0, 5])), dense[[16, 0, 5]], atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_columns_are_the_dense_logits(seed):
    scores, dense = random_scores(seed)
    np.testing.assert_allclose(scores.columns(np.arange(11)), dense, atol=1e-5)
    np.testing.assert_allclose(scores.columns([7, 2, 7]), dense[:, [7, 2, 7]], atol=1e-5)
    assert scores.columns([]).shape == (17, 0)


@pytest.mark.parametrize("seed", range(5))
def test_taken_customers_keep_their_logits(seed):
    scores, dense = random_scores(seed)
    scores.columns([1])  # a column read before must not be handed on
    some = np.array([2, 3, 16])
    np.testing.assert_allclose(scores.take(some).rows(slice(None)), dense[some], atol=1e-5)
    np.testing.assert_allclose(scores.take(some).columns([1, 4]), dense[some][:, [1, 4]], atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_selected_targets_keep_their_logits(seed):
    scores, dense = random_scores(seed)
    scores.columns([1])
    some = np.array([10, 2, 3])
    chosen = scores.select(some)
    assert chosen.targets.tolist() == ["t010", "t002", "t003"]
    np.testing.assert_allclose(chosen.rows(slice(None)), dense[:, some], atol=1e-5)
    np.testing.assert_allclose(chosen.columns([2, 0]), dense[:, [3, 10]], atol=1e-5)
    np.testing.assert_allclose(chosen.take(np.array([4])).rows(slice(None)), dense[4:5, some], atol=1e-5)
    assert scores.select(np.zeros(0, np.int64)).rows(slice(None)).shape == (17, 0)


# -- corrections ----------------------------------------------------------------------------------------


def random_correction(seed: int, customers: int = 17, targets: int = 11, rank: int = 4) -> LowRank:
    rng = np.random.default_rng(seed + 1000)
    return LowRank(*(rng.normal(size=(n, rank)).astype(np.float32) for n in (customers, targets)))


def seen_of(scores: TargetScores, seed: int) -> np.ndarray:
    """Half of the entries of `pairs` are history; the others are neighbours of it."""
    return np.random.default_rng(seed).random(scores.pairs.nnz) < 0.5


# Weight, intercept and slope of repeat and of explore; both open, either closed, calibration alone.
MENDS = {
    "both open": (Mend(0.75, 0.3, 1.2), Mend(0.5, -0.4, 0.7)),
    "repeat alone": (Mend(1.0, -0.1, 0.9), Mend()),
    "explore alone": (Mend(), Mend(0.25, 0.2, 1.1)),
    "calibration alone": (Mend(0.0, 0.5, 2.0), Mend(0.0, -0.5, 0.5)),
}


@pytest.mark.parametrize("mends", MENDS.values(), ids=MENDS)
@pytest.mark.parametrize("seed", range(3))
def test_corrected_scores_are_the_dense_correction_of_each_stratum(seed, mends):
    scores, dense = random_scores(seed)
    scores.columns([1])  # a column read before must not be handed on
    repeat, explore = mends
    of_repeat, of_explore = random_correction(seed), random_correction(seed + 1)
    seen = seen_of(scores, seed)
    history = np.zeros(dense.shape, bool)
    rows = np.repeat(np.arange(17), np.diff(scores.pairs.indptr))
    history[rows[seen], scores.pairs.indices[seen]] = True
    assert history.sum() > 10
    assert (~history & (scores.pairs.toarray() != 0)).sum() > 10

    corrected = scores.corrected(seen, (of_repeat, repeat), (of_explore, explore))

    wanted = np.where(
        history,
        repeat.intercept + repeat.slope * (dense + repeat.weight * of_repeat.customer @ of_repeat.target.T),
        explore.intercept
        + explore.slope * (dense + explore.weight * of_explore.customer @ of_explore.target.T),
    )
    close = {"atol": 2e-5, "rtol": 1e-5}
    np.testing.assert_allclose(corrected.rows(slice(None)), wanted, **close)
    np.testing.assert_allclose(corrected.columns(np.arange(11)), wanted, **close)
    np.testing.assert_allclose(corrected.columns([7, 2, 7]), wanted[:, [7, 2, 7]], **close)
    some, chosen = np.array([16, 0, 5]), np.array([10, 1])
    np.testing.assert_allclose(corrected.take(some).rows(slice(None)), wanted[some], **close)
    np.testing.assert_allclose(corrected.take(some).columns([3]), wanted[some][:, [3]], **close)
    np.testing.assert_allclose(corrected.select(chosen).rows(slice(None)), wanted[:, chosen], **close)
    np.testing.assert_allclose(scores.rows(slice(None)), dense, atol=1e-5)  # the old ones stay
    assert corrected.pairs.data.dtype == corrected.customer_vectors.dtype == np.float32


def test_a_correction_with_closed_gates_changes_no_logit_beyond_rounding():
    scores, dense = random_scores(0)
    closed = scores.corrected(
        seen_of(scores, 0), (random_correction(0), Mend()), (random_correction(1), Mend())
    )
    np.testing.assert_allclose(closed.rows(slice(None)), dense, atol=1e-5)


def test_a_newcomer_is_explored_so_its_own_numbers_take_the_slope_of_explore():
    scores, _ = random_scores(0)
    asked = TargetScores(
        "product",
        scores.targets,
        scores.customer_vectors,
        scores.target_vectors,
        scores.pairs,
        newcomer=Newcomer(-3.0, {28: 0.5, 0: 0.25}),
    )
    repeat, explore = MENDS["both open"]
    parts = (random_correction(0), repeat), (random_correction(1), explore)
    newcomer = asked.corrected(seen_of(asked, 0), *parts).newcomer
    assert newcomer is not None
    assert newcomer.intercept == pytest.approx(0.7 * -3.0)
    assert dict(newcomer.popularity) == pytest.approx({28: 0.7 * 0.5, 0: 0.7 * 0.25})
    assert newcomer.start == pytest.approx((0.7, 0.0))
    assert scores.corrected(seen_of(scores, 0), *parts).newcomer is None


def test_a_mend_that_changes_anything_is_not_closed():
    assert Mend().closed
    assert not any(mend.closed for mend in (Mend(0.25), Mend(0.0, 0.1), Mend(0.0, 0.0, 1.1)))


def test_a_low_rank_correction_at_some_pairs_is_its_dense_value_there(monkeypatch):
    correction = random_correction(3)
    rng = np.random.default_rng(0)
    who, what = rng.integers(0, 17, 1000), rng.integers(0, 11, 1000)
    wanted = (correction.customer @ correction.target.T)[who, what]
    np.testing.assert_allclose(correction.at(who, what), wanted, atol=1e-5)
    monkeypatch.setattr("intentml.prediction._PAIRS_AT_ONCE", 7)
    np.testing.assert_allclose(correction.at(who, what), wanted, atol=1e-5)
    assert correction.at(who[:0], what[:0]).shape == (0,)


@pytest.mark.parametrize("seed", range(3))
def test_values_at_pairs_are_those_of_the_matrix_and_zero_where_nothing_stands(seed):
    rng = np.random.default_rng(seed)
    matrix = random_sparse(rng, 17, 11)
    who, what = rng.integers(0, 17, 300), rng.integers(-1, 11, 300).astype(np.int32)
    wanted = np.where(what >= 0, matrix.toarray()[who, what], 0.0)
    np.testing.assert_array_equal(at_pairs(matrix, who, what), wanted)
    assert not at_pairs(sparse.csr_array((17, 11), dtype=np.float32), who, what).any()


def test_logits_are_single_precision_whatever_the_parts():
    scores, _ = random_scores(0)
    wide = TargetScores(
        "product",
        scores.targets,
        scores.customer_vectors.astype(np.float64),
        scores.target_vectors.astype(np.float64),
        scores.pairs.astype(np.float64),
        scores.parents,
    )
    assert wide.rows(slice(None)).dtype == wide.columns([0]).dtype == np.float32


def test_targets_of_which_none_has_a_parent_get_nothing_from_it():
    scores, _ = random_scores(0)
    alone = TargetScores(
        "product", scores.targets, scores.customer_vectors, scores.target_vectors, scores.pairs
    )
    orphans = TargetScores(
        "product",
        scores.targets,
        scores.customer_vectors,
        scores.target_vectors,
        scores.pairs,
        (ParentTerm("category", scores.parents[0].values, np.full(11, -1, np.int32)),),
    )
    np.testing.assert_array_equal(orphans.rows(slice(None)), alone.rows(slice(None)))
    np.testing.assert_array_equal(orphans.columns([0, 10]), alone.columns([0, 10]))


def test_a_target_is_found_by_name():
    scores, _ = random_scores(0)
    assert len(scores) == 11
    assert [scores.find(name) for name in ("t000", "t010", "t0105", "", "zz")] == [0, 10, None, None, None]


def test_scores_of_nobody_or_of_nothing_are_empty():
    scores, _ = random_scores(0)
    assert scores.take(np.zeros(0, np.int64)).columns([1, 2]).shape == (0, 2)
    nothing = TargetScores(
        "brand",
        np.zeros(0, dtype=object),
        np.zeros((4, 2), np.float32),
        np.zeros((0, 2), np.float32),
        sparse.csr_array((4, 0), dtype=np.float32),
    )
    assert nothing.find("x") is None
    assert nothing.rows(slice(None)).shape == (4, 0)


def curves() -> st.SearchStrategy[np.ndarray]:
    """Survival curves of a few customers that fall from day to day."""
    steps = arrays(np.float64, (3, len(SURVIVAL_DAYS)), elements=st.floats(0.0, 0.9))
    return steps.map(lambda hazard: np.cumprod(1 - hazard, axis=1))


@given(curves())
def test_survival_is_exact_on_the_days_it_was_told(survival):
    for column, days in enumerate(SURVIVAL_DAYS):
        expected = np.maximum(survival[:, column], 1e-12)
        np.testing.assert_allclose(survival_at(survival, days), expected, rtol=1e-9)


@given(curves(), st.lists(st.floats(0, 500), min_size=2, max_size=8))
def test_survival_falls_from_one_and_never_rises(survival, days):
    met = np.stack([survival_at(survival, day) for day in [0, *sorted(days)]])
    np.testing.assert_allclose(met[0], 1.0)
    assert (np.diff(met, axis=0) <= 1e-12).all()


def test_log_survival_is_linear_between_the_days():
    survival = np.full((1, len(SURVIVAL_DAYS)), 0.25)
    survival[0, 0] = 0.64  # 0.64 at 7 days, 0.25 from 14 days on
    assert survival_at(survival, 10.5)[0] == pytest.approx(0.4)  # the geometric mean
    assert survival_at(survival, 3.5)[0] == pytest.approx(0.8)  # half way from 1


def test_survival_stays_after_a_year_and_before_now():
    survival = np.linspace(0.9, 0.3, len(SURVIVAL_DAYS))[None]
    assert survival_at(survival, 10_000)[0] == pytest.approx(0.3)
    assert survival_at(survival, -5)[0] == 1.0


def test_every_customer_may_be_asked_about_other_days():
    survival = np.tile(np.linspace(0.9, 0.3, len(SURVIVAL_DAYS)), (2, 1))
    np.testing.assert_allclose(survival_at(survival, np.array([7, 365])), [0.9, 0.3])


@given(curves(), st.floats(0.001, 0.999))
def test_the_day_of_a_level_is_where_survival_meets_it(survival, share):
    last = np.maximum(survival[:, -1], 1e-12)
    level = last + (1 - last) * share
    days = days_until(survival, level)
    np.testing.assert_allclose(survival_at(survival, days), level, rtol=1e-9)
    assert (survival_at(survival, days * 0.999) >= level * (1 - 1e-9)).all()


def test_a_level_that_survival_stays_above_is_met_after_the_last_day():
    survival = np.full((1, len(SURVIVAL_DAYS)), 0.25)
    assert days_until(survival, np.array([0.2]))[0] == SURVIVAL_DAYS[-1]
    assert days_until(survival, np.array([0.5]))[0] == pytest.approx(3.5)  # the geometric mean of 1 and 0.25


@given(st.floats(-700, 700))
def test_sigmoid_and_its_complement_add_up_to_one(x):
    assert sigmoid(np.array([x])) + sigmoid(np.array([-x])) == pytest.approx(1.0)


def test_sigmoid_takes_extreme_logits_without_overflow_and_keeps_its_type():
    with np.errstate(over="raise"):
        met = sigmoid(np.array([-1e4, 0.0, 1e4], dtype=np.float32))
    assert met.tolist() == [0.0, 0.5, 1.0]
    assert met.dtype == np.float32


@given(st.floats(1e-6, 1 - 1e-6))
def test_logit_undoes_sigmoid(p):
    assert sigmoid(logit(p)) == pytest.approx(p, rel=1e-9)


def test_logit_of_a_certainty_is_finite():
    assert np.isfinite(logit([0.0, 1.0])).all()
