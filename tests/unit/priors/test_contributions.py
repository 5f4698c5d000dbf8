"""Parts of a logit: every column in one of them, summing to the score, zero for the average customer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.prediction import sigmoid
from intentml.priors.contributions import (
    BASE_RATE,
    GROUP_OF,
    GROUPS,
    OWN_HISTORY,
    OWN_RHYTHM,
    contributions,
    usual_columns,
)
from intentml.priors.designs import POPULARITY_WINDOWS, Design
from intentml.priors.linear import TARGET_PRIORS, LinearPrior, Weights
from prior_designs import dense_features, dense_logits, random_prior, random_snapshot, whole_design

KINDS = ("product", "category", "category_node", "brand")


def prior_of(design: Design, seed: int) -> LinearPrior:
    """Drawn weights, and a drawn average of every column."""
    rng = np.random.default_rng(seed)
    drawn = random_prior(design, rng, 0.8)
    average = {name: float(rng.normal()) for name in GROUP_OF}
    return LinearPrior(drawn.name, drawn.repeat, drawn.explore, average)


def test_every_column_that_a_prior_weighs_has_one_part_to_speak_in() -> None:
    weighed = {name for names in TARGET_PRIORS.values() for name in names}
    assert weighed - set(GROUP_OF) == set()
    assert sum(map(len, GROUPS.values())) == len(GROUP_OF)


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_of_a_design_has_a_part(kind) -> None:
    features, _ = dense_features(whole_design(random_snapshot(0), kind))
    assert set(features) - set(GROUP_OF) == set()


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS))
def test_the_parts_of_every_pair_sum_to_its_logit(seed, kind):
    design = whole_design(random_snapshot(seed, customers=20, lines=200), kind)
    prior = prior_of(design, seed)
    expected, (_, seen) = dense_logits(prior, design), dense_features(design)
    for row in range(0, design.shape[0], 3):
        for column in range(design.shape[1]):
            parts, has_history = contributions(prior, design, row, column)
            assert sum(parts.values()) == pytest.approx(expected[row, column], abs=1e-9)
            assert has_history == seen[row, column]
            assert set(parts) == {BASE_RATE, *GROUPS}


@pytest.mark.parametrize("kind", KINDS)
def test_without_history_a_part_is_what_its_columns_weigh_beyond_the_usual(kind):
    design = whole_design(random_snapshot(1), kind)
    prior = prior_of(design, 1)
    features, seen = dense_features(design)
    for row, column in np.argwhere(~seen)[::7]:
        parts, _ = contributions(prior, design, row, column)
        usual = usual_columns(prior, design, column)
        for group, names in GROUPS.items():
            wanted = sum(
                prior.explore.by_column.get(name, 0.0) * (features[name][row, column] - usual.get(name, 0.0))
                for name in names
                if name in features
            )
            assert parts[group] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_history_changes_its_own_parts_alone(kind):
    """Whoever bought the target is told the same of all else as if they had not."""
    design = whole_design(random_snapshot(1), kind)
    prior = prior_of(design, 2)
    alike = LinearPrior(prior.name, prior.explore, prior.explore, prior.average)
    rows = np.argwhere(dense_features(design)[1])[::5]
    assert len(rows) > 3
    for row, column in rows:
        parts, without = (contributions(one, design, row, column)[0] for one in (prior, alike))
        for name in set(parts) - {OWN_HISTORY, OWN_RHYTHM}:
            assert parts[name] == pytest.approx(without[name], abs=1e-9)


def test_one_weighing_for_all_pairs_is_told_column_by_column():
    design = whole_design(random_snapshot(2), "product")
    weights = Weights(-3.0, {"count": 0.7, "last": -0.2, "overdue": 0.3, "popularity_28": 0.5})
    prior = LinearPrior("one", weights, weights)
    features, seen = dense_features(design)
    for row, column in np.argwhere(seen)[::5]:
        parts, _ = contributions(prior, design, row, column)
        here = {name: values[row, column] for name, values in features.items()}
        assert parts[OWN_HISTORY] == pytest.approx(0.7 * here["count"] - 0.2 * here["last"])
        assert parts[OWN_RHYTHM] == pytest.approx(0.3 * here["overdue"])


def test_all_targets_together_are_as_popular_as_usual():
    design = whole_design(random_snapshot(0), "product")
    prior, share = prior_of(design, 0), sigmoid(design.target["popularity_ever"])
    usual = [usual_columns(prior, design, column) for column in range(design.shape[1])]
    for name in POPULARITY_WINDOWS.values():
        away = design.target[name] - np.array([one[name] for one in usual])
        assert (share * away).sum() == pytest.approx(0.0, abs=1e-9)
    ever = [one["popularity_ever"] for one in usual]
    np.testing.assert_allclose(ever, design.target["popularity_ever"])


def test_the_average_customer_of_an_average_shop_adds_nothing():
    design = whole_design(random_snapshot(0), "brand")
    drawn = prior_of(design, 3)
    features, seen = dense_features(design)
    row, column = np.argwhere(~seen)[0]
    average = {name: float(features[name][row, column]) for name in design.customer}
    parts, _ = contributions(LinearPrior("same", drawn.repeat, drawn.explore, average), design, row, column)
    assert parts["activity"] == pytest.approx(0.0, abs=1e-12)
