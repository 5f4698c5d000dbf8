"""Linear priors: their scores against every pair laid out, their fit, calibration and interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from intentml.priors.linear import (
    BY_STRATUM,
    TARGET_PRIORS,
    LinearPrior,
    Weights,
    calibrated,
    fit_linear,
    interpolate,
    platt,
    weighted_log_loss,
)
from intentml.priors.sampling import PairSample, sample_pairs
from prior_designs import dense_features, dense_logits, random_prior, random_snapshot, whole_design

KINDS = ("product", "category", "category_node", "brand")


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def sample_of(
    columns: dict[str, np.ndarray], bought: np.ndarray, seen: np.ndarray | None = None
) -> PairSample:
    """A sample in which every pair stands for itself."""
    count = len(bought)
    seen = np.ones(count, bool) if seen is None else seen
    values = np.stack(list(columns.values()), axis=1)
    return PairSample(tuple(columns), values, bought, np.ones(count), seen, np.arange(count))


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS), share=st.sampled_from([0.2, 1.0]))
def test_scores_are_the_weighed_features_of_every_pair(seed, kind, share):
    design = whole_design(random_snapshot(seed), kind)
    prior = random_prior(design, np.random.default_rng(seed), share)
    scores = prior.score(design)
    expected = dense_logits(prior, design)
    tolerance = 1e-4 * (1 + np.abs(expected).max())
    everybody, everything = slice(None), np.arange(len(scores))
    np.testing.assert_allclose(scores.rows(everybody), expected, atol=tolerance)
    np.testing.assert_allclose(scores.columns(everything), expected, atol=tolerance)


def test_the_designs_of_the_random_shops_have_parents_neighbours_and_history():
    design = whole_design(random_snapshot(0), "product")
    features, seen = dense_features(design)
    assert {parent.kind for parent in design.parents} == {"category", "brand"}
    assert 0 < seen.mean() < 1
    assert (features["near"].astype(bool) & ~seen).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sampled_pair_has_the_logit_that_scoring_gives_it(kind):
    design = whole_design(random_snapshot(1), kind)
    prior = random_prior(design, np.random.default_rng(0))
    users, targets = design.shape
    nothing = sparse.csr_array((users, targets), dtype=bool)
    sample = sample_pairs(design, nothing, np.arange(targets), np.random.default_rng(0), 1000)
    features, seen = dense_features(design)
    logits = prior.score(design).rows(slice(None))
    # A pair is found again by its customer and the numbers of its target.
    row = np.stack([features[name] for name in sample.columns], axis=2)
    for place in range(0, len(sample.customer), 7):
        customer = sample.customer[place]
        alike = np.flatnonzero((row[customer] == sample.values[place]).all(axis=1))
        assert len(alike)
        assert prior.logits(sample)[place] == pytest.approx(logits[customer, alike[0]], abs=1e-3)
        assert sample.seen[place] == seen[customer, alike[0]]


def test_logistic_data_gives_its_weights_back():
    rng = np.random.default_rng(3)
    columns = {"count": rng.normal(size=40_000), "decay_90": 5 + 0.1 * rng.normal(size=40_000)}
    truth = Weights(-1.0 - 5 * 4.0, {"count": 0.8, "decay_90": 4.0})
    bought = rng.random(40_000) < sigmoid(truth.of(sample_of(columns, np.zeros(40_000, bool))))
    sample = sample_of(columns, bought)
    fitted = fit_linear("logistic", [sample]).repeat
    assert fitted.by_column["count"] == pytest.approx(0.8, abs=0.05)
    assert fitted.by_column["decay_90"] == pytest.approx(4.0, abs=0.4)
    probability = sigmoid(fitted.of(sample))
    assert probability.sum() == pytest.approx(bought.sum(), rel=1e-3)


def test_a_pair_that_stands_for_many_weighs_as_many():
    rng = np.random.default_rng(0)
    columns = {"count": rng.normal(size=3000)}
    bought = rng.random(3000) < sigmoid(columns["count"] - 1)
    once = sample_of(columns, bought)
    weight = np.where(bought, 1.0, 3.0)
    weighted = PairSample(once.columns, once.values, bought, weight, once.seen, once.customer)
    times = np.where(bought, 1, 3)
    repeated = sample_of({"count": np.repeat(columns["count"], times)}, np.repeat(bought, times))
    one, other = fit_linear("counts", [weighted]).repeat, fit_linear("counts", [repeated]).repeat
    assert one.intercept == pytest.approx(other.intercept, abs=1e-5)
    assert one.by_column["count"] == pytest.approx(other.by_column["count"], abs=1e-5)


def test_an_older_window_counts_half():
    def window(purchases: int) -> PairSample:
        return sample_of({"count": np.zeros(100)}, np.arange(100) < purchases)

    newest, older = window(10), window(40)
    rate = sigmoid(np.array(fit_linear("counts", [newest, older]).repeat.intercept))
    assert rate == pytest.approx((10 + 0.5 * 40) / 150, abs=0.01)


@pytest.mark.parametrize("name", TARGET_PRIORS)
def test_a_prior_weighs_its_own_columns_alone(name):
    rng = np.random.default_rng(0)
    columns = sorted({column for of in TARGET_PRIORS.values() for column in of} | {"a stranger"})
    sample = sample_of({column: rng.normal(size=500) for column in columns}, rng.random(500) < 0.3)
    fitted = fit_linear(name, [sample])
    assert set(fitted.repeat.by_column) == set(TARGET_PRIORS[name])


def test_only_the_priors_told_weigh_pairs_with_and_without_history_apart():
    rng = np.random.default_rng(0)
    seen = np.arange(2000) % 2 == 0
    bought = rng.random(2000) < np.where(seen, 0.5, 0.1)
    sample = sample_of({"count": rng.normal(size=2000)}, bought, seen)
    for name in TARGET_PRIORS:
        fitted = fit_linear(name, [sample])
        assert (fitted.repeat != fitted.explore) == (name in BY_STRATUM)
    apart = fit_linear("logistic", [sample])
    assert sigmoid(apart.logits(sample))[seen].mean() == pytest.approx(bought[seen].mean(), abs=1e-3)
    assert sigmoid(apart.logits(sample))[~seen].mean() == pytest.approx(bought[~seen].mean(), abs=1e-3)


@pytest.mark.parametrize(("name", "column"), [("counts", "count"), ("decayed_counts", "decay_90")])
@pytest.mark.parametrize("kind", ["category", "product"])
def test_plain_scores_keep_the_plain_order_of_customers(name, column, kind):
    design = whole_design(random_snapshot(2), kind)
    bought = sparse.random_array(design.shape, density=0.2, rng=np.random.default_rng(0), format="csr") > 0
    sample = sample_pairs(
        design, sparse.csr_array(bought), np.arange(len(design.targets)), np.random.default_rng(0), 1000
    )
    fitted = fit_linear(name, [sample])
    sign = np.sign(fitted.repeat.by_column[column])
    logits = fitted.score(design).rows(slice(None))
    plain = dense_features(design)[0][column]
    for target in range(len(design.targets)):
        by_count = logits[np.argsort(plain[:, target], kind="stable"), target]
        assert (sign * np.diff(by_count) >= -1e-5).all()


def test_where_people_buy_again_more_purchases_never_rank_lower():
    design = whole_design(random_snapshot(2), "category")
    features, seen = dense_features(design)
    rng = np.random.default_rng(0)
    bought = rng.random(design.shape) < 0.05 + 0.2 * features["count"]
    sample = sample_pairs(
        design, sparse.csr_array(bought), np.arange(len(design.targets)), np.random.default_rng(0), 1000
    )
    logits = fit_linear("counts", [sample]).score(design).rows(slice(None))
    for target in range(len(design.targets)):
        more = features["count"][:, target]
        assert (np.diff(logits[np.argsort(more, kind="stable"), target]) >= -1e-5).all()
    assert logits[seen].mean() > logits[~seen].mean()


@pytest.mark.parametrize("bought", [np.zeros(50, bool), np.ones(50, bool)], ids=["nobody buys", "all buy"])
def test_where_all_say_the_same_the_rate_is_as_sure_as_there_are_pairs(bought):
    few = fit_linear("counts", [sample_of({"count": np.arange(50.0)}, bought)]).repeat
    many = fit_linear("counts", [sample_of({"count": np.arange(5000.0)}, np.repeat(bought, 100))]).repeat
    assert few.by_column == {}
    assert 2 < abs(few.intercept) < abs(many.intercept) < 10


def test_columns_that_do_not_vary_leave_the_rate_alone():
    bought = np.arange(100) < 25
    fitted = fit_linear("counts", [sample_of({"count": np.ones(100)}, bought)]).repeat
    assert fitted.by_column == {}
    assert sigmoid(np.array(fitted.intercept)) == pytest.approx(0.25, abs=0.01)


def test_a_column_that_hardly_varied_gets_no_weight_that_would_carry_it_away():
    rng = np.random.default_rng(0)
    nearly = 1.0 + 1e-4 * rng.normal(size=400)
    bought = rng.random(400) < np.where(nearly > 1.0, 0.8, 0.6)
    fitted = fit_linear("counts", [sample_of({"count": nearly}, bought)]).repeat
    tomorrow = fitted.intercept + fitted.by_column.get("count", 0.0) * 1.1
    assert abs(tomorrow) < 3


def test_without_data_the_identity_stands():
    none = np.zeros(0)
    assert platt(none, none.astype(bool), none) == (0.0, 1.0)


def test_platt_finds_shift_and_slope():
    rng = np.random.default_rng(1)
    logits = rng.normal(-1, 2, size=100_000)
    happened = rng.random(100_000) < sigmoid(0.7 + 0.6 * logits)
    intercept, slope = platt(logits, happened, np.ones(100_000))
    assert intercept == pytest.approx(0.7, abs=0.03)
    assert slope == pytest.approx(0.6, abs=0.02)


def test_platt_on_few_events_stays_near_the_identity():
    intercept, slope = platt(np.array([-2.0, -1.0]), np.array([True, False]), np.ones(2))
    assert abs(intercept) < 0.1
    assert slope == pytest.approx(1.0, abs=0.1)


@given(
    shift=st.floats(-4, 4),
    spread=st.floats(0, 5),
    rate=st.floats(0, 1),
    count=st.sampled_from([1, 5, 300]),
)
def test_platt_is_finite_and_never_turns_an_order_around(shift, spread, rate, count):
    rng = np.random.default_rng(0)
    logits = shift + spread * rng.normal(size=count)
    intercept, slope = platt(logits, rng.random(count) < rate, np.full(count, 10.0))
    assert np.isfinite(intercept)
    assert 0.05 <= slope <= 5.0


@given(shift=st.floats(-3, 3), slope=st.floats(0.3, 3), count=st.sampled_from([20, 2000]))
def test_platt_never_makes_the_likelihood_worse(shift, slope, count):
    rng = np.random.default_rng(0)
    logits = rng.normal(-1, 1.5, size=count)
    happened = rng.random(count) < sigmoid(shift + slope * logits)
    sample = sample_of({"count": logits}, happened)
    a, b = platt(logits, happened, np.ones(count))
    assert weighted_log_loss(a + b * logits, sample) <= weighted_log_loss(logits, sample) + 1e-9


def test_calibration_makes_the_predicted_number_of_purchases_right_in_both_strata():
    rng = np.random.default_rng(0)
    seen = np.arange(20_000) % 4 == 0
    columns = {"count": rng.normal(size=20_000)}
    bought = rng.random(20_000) < sigmoid(np.where(seen, 0.5, -3.0) + columns["count"])
    sample = sample_of(columns, bought, seen)
    off = Weights(-1.0, {"count": 1.5})
    mended = sigmoid(calibrated(LinearPrior("counts", off, off), sample).logits(sample))
    for stratum in (seen, ~seen):
        assert mended[stratum].sum() == pytest.approx(bought[stratum].sum(), rel=0.05)


def prior_at(intercept: float, **weights: float) -> LinearPrior:
    same = Weights(intercept, weights)
    return LinearPrior("counts", same, same)


def test_at_a_fitted_horizon_the_fitted_weights_stand():
    knots = {7: prior_at(-3.0, count=1.0), 28: prior_at(-1.0, count=2.0)}
    assert interpolate(knots, 28) is knots[28]


def test_between_horizons_weights_are_linear_in_log_days():
    knots = {7: prior_at(-3.0, count=1.0), 28: prior_at(-1.0, count=2.0), 112: prior_at(0.0, decay_90=4.0)}
    halfway = interpolate(knots, 14)
    assert halfway.repeat.intercept == pytest.approx(-2.0)
    assert halfway.explore.by_column["count"] == pytest.approx(1.5)
    # A column that one side does not weigh weighs nothing there.
    assert interpolate(knots, 56).repeat.by_column == pytest.approx({"count": 1.0, "decay_90": 2.0})


@pytest.mark.parametrize(("days", "end"), [(7, 14), (8, 14), (60, 56), (365, 56)])
def test_outside_the_fitted_horizons_the_nearest_stands(days, end):
    knots = {14: prior_at(-3.0, count=1.0), 56: prior_at(-1.0, count=2.0)}
    assert interpolate(knots, days).repeat == knots[end].repeat


@given(days=st.integers(7, 365))
def test_one_fitted_horizon_serves_all(days):
    knots = {28: prior_at(-3.0, count=1.0)}
    assert interpolate(knots, days) is knots[28]


def test_log_loss_counts_each_pair_as_often_as_it_stands_for():
    sample = sample_of({"count": np.zeros(2)}, np.array([True, False]))
    weighted = PairSample(
        sample.columns, sample.values, sample.bought, np.array([1.0, 3.0]), sample.seen, sample.customer
    )
    logits = np.array([0.0, np.log(1 / 3)])  # probabilities 1/2 and 1/4
    expected = (-np.log(0.5) - 3 * np.log(0.75)) / 4
    assert weighted_log_loss(logits, weighted) == pytest.approx(expected)


def test_the_history_of_a_rare_product_keeps_its_weight():
    # One customer in a thousand has any: a spread of .03, and all there is to tell.
    count = np.zeros(10_000)
    count[:10] = np.log1p(1.0)
    bought = np.arange(10_000) < 5
    bought[9_000:9_010] = True
    sample = sample_of({"count": count}, bought)
    fitted = fit_linear("counts", [sample])
    assert fitted.repeat.by_column["count"] > 1
