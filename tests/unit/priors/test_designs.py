"""Design features of the tiny shop by hand, and of random shops under laws.

Known of the tiny shop on 1 March: ana ordered milk and brie on 1 January, milk and later bread on 31
January; ben soap on 10 and brie on 20 February; cho a bag without category on 25 February; dee never.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.pairs.history import pair_history
from intentml.priors.designs import Design, design_of
from prior_designs import dense_features, fitted_kind, ordering, random_snapshot, whole_design
from tiny import tiny_snapshot

ANA, BEN, CHO, DEE = range(4)
BAKERY, BATH, DAIRY, DECOR = range(4)


def tiny_design(kind: str = "category") -> Design:
    snapshot = tiny_snapshot()
    return design_of(
        snapshot,
        pair_history(snapshot, kind),
        fitted_kind(snapshot, kind),
        np.array([0.5, 0.8, 0.2, 0.0]),
        28,
    )


def test_rows_are_the_customers_and_columns_the_targets_known():
    design = tiny_design()
    assert design.shape == (4, 4)
    assert design.targets.tolist() == ["BAKERY", "BATH", "DAIRY", "DECOR"]


def test_orders_are_counted_by_window():
    customer = tiny_design().customer
    np.testing.assert_allclose(np.expm1(customer["orders_28"]), [0, 2, 1, 0])
    np.testing.assert_allclose(np.expm1(customer["orders_90"]), [3, 2, 1, 0])
    np.testing.assert_allclose(np.expm1(customer["orders_ever"]), [3, 2, 1, 0])


def test_the_chance_of_an_order_comes_as_log_odds_and_stays_finite():
    order = tiny_design().customer["order"]
    assert order[[ANA, BEN]] == pytest.approx([0.0, np.log(4)])
    assert -10 < order[DEE] < -9  # never, as far as a number goes


def test_breadth_is_targets_an_order_and_variety_is_targets_ever():
    customer = tiny_design().customer
    # Three orders of ana hold dairy twice and bakery once.
    np.testing.assert_allclose(np.expm1(customer["breadth"]), [3 / 3, 2 / 2, 0, 0])
    np.testing.assert_allclose(np.expm1(customer["variety"]), [2, 2, 0, 0])


def test_pairs_are_what_was_bought_where_nobody_has_neighbours():
    design = tiny_design()
    pairs = list(zip(design.pair_customer.tolist(), design.pair_target.tolist(), strict=True))
    assert pairs == [(ANA, BAKERY), (ANA, DAIRY), (BEN, BATH), (BEN, DAIRY)]
    assert design.seen.all()
    assert design.indptr.tolist() == [0, 2, 4, 4, 4]
    assert not design.pair["near"].any()


def test_history_features_of_a_pair():
    design = tiny_design()
    pair = {name: values[1] for name, values in design.pair.items()}  # ana and dairy
    last, first = 29.625, 59.625
    assert pair["seen"] == 1
    assert np.expm1(pair["count"]) == pytest.approx(2)
    assert np.expm1(pair["last"]) == pytest.approx(last)
    assert np.expm1(pair["since"]) == pytest.approx(1)  # the bread in the evening
    assert np.exp(pair["share"]) == pytest.approx(2 / 3)
    assert np.expm1(pair["order_decay"]) == pytest.approx(0.9 + 0.9**2)
    for half_life in (14, 30, 90, 365):
        expected = 2 ** (-last / half_life) + 2 ** (-first / half_life)
        assert np.expm1(pair[f"decay_{half_life}"]) == pytest.approx(expected)


def test_overdue_is_the_silence_against_the_own_gap():
    pair = tiny_design().pair
    np.testing.assert_array_equal(pair["repeated"], [0, 1, 0, 0])
    np.testing.assert_allclose(pair["overdue"], [0, np.log(30.625 / 31), 0, 0])
    np.testing.assert_array_equal(pair["late"], np.zeros(4))  # a day to go


def test_overdue_is_late_only_past_the_gap():
    pair = whole_design(random_snapshot(0), "category").pair
    assert (pair["overdue"] > 0).any()
    np.testing.assert_array_equal(pair["late"], np.maximum(pair["overdue"], 0))


def test_popularity_is_the_share_of_active_customers_drawn_toward_siblings():
    # Two customers were active in 28 days; bath and dairy have one buyer each, bakery none any more,
    # decor never had one. The three ever sold have 2/3 of a buyer on average, a newcomer half of that.
    popularity = tiny_design().target["popularity_28"]
    share = 1 / (1 + np.exp(-popularity))
    pull = 1 + 1 / (2 / 3)
    np.testing.assert_allclose(share, np.array([1 / pull, 2 / pull, 2 / pull, 1 / 3]) / 3)


def test_the_department_of_a_category_is_its_parent():
    (root,) = tiny_design().parents
    nodes = tiny_snapshot().catalogue.targets("category_node").targets
    assert nodes[root.parent_of].tolist() == ["FOOD", "HOME", "FOOD", "HOME"]
    seen = root.matrix(root.features["root_seen"]).toarray()
    food, home = (nodes.tolist().index(name) for name in ("FOOD", "HOME"))
    np.testing.assert_array_equal(seen[:, food], [1, 1, 0, 0])
    np.testing.assert_array_equal(seen[:, home], [0, 1, 0, 0])


def test_products_have_their_category_and_brand_as_parents():
    design = tiny_design("product")
    of = dict(zip(design.targets.tolist(), range(len(design.targets)), strict=True))
    category, brand = design.parents
    assert [parent.kind for parent in design.parents] == ["category", "brand"]
    assert category.parent_of[[of["milk"], of["cake"], of["bag"]]].tolist() == [DAIRY, BAKERY, -1]
    assert brand.parent_of[of["soap"]] == -1
    # Ana never bought cake, but a thing of the bakery.
    seen = category.matrix(category.features["category_seen"]).toarray()
    assert seen[ANA, category.parent_of[of["cake"]]] == 1


@pytest.mark.parametrize("kind", ["category_node", "brand"])
def test_other_kinds_have_no_parents(kind):
    assert tiny_design(kind).parents == ()


def test_a_shop_without_paths_has_categories_without_parents():
    snapshot = tiny_snapshot()
    bare = replace(snapshot.catalogue, paths=np.full(len(snapshot.catalogue), None, object))
    snapshot = replace(snapshot, catalogue=bare)
    history = pair_history(snapshot, "category")
    fitted = fitted_kind(snapshot, "category")
    assert design_of(snapshot, history, fitted, ordering(snapshot), 28).parents == ()


@pytest.mark.parametrize("kind", ["category", "product", "brand", "category_node"])
def test_every_feature_is_finite(kind):
    design = whole_design(random_snapshot(3, customers=20, lines=100), kind)
    features, _ = dense_features(design)
    assert all(np.isfinite(values).all() for values in features.values())


def test_column_names_are_told_apart():
    design = whole_design(random_snapshot(0), "product")
    names = [*design.customer, *design.target, *design.pair]
    names += [name for parent in design.parents for name in parent.features]
    assert len(names) == len(set(names))


@settings(max_examples=6)
@given(seed=st.integers(0, 1000), kind=st.sampled_from(["category", "product"]))
def test_a_part_of_the_customers_has_the_rows_of_the_whole(seed, kind):
    snapshot = random_snapshot(seed, customers=12, lines=150)
    fitted, chance = fitted_kind(snapshot, kind), ordering(snapshot)
    whole, _ = dense_features(design_of(snapshot, pair_history(snapshot, kind), fitted, chance, 28))
    rows = np.flatnonzero(np.random.default_rng(seed).random(len(snapshot)) < 0.5)
    part = snapshot.take(rows)
    some, _ = dense_features(design_of(part, pair_history(part, kind), fitted, chance[rows], 28))
    assert list(some) == list(whole)
    for name in whole:
        np.testing.assert_array_equal(some[name], whole[name][rows], err_msg=name)


def test_who_buys_more_of_a_target_has_a_higher_rate():
    design = whole_design(random_snapshot(0), "category")
    rate, count = design.pair["rate"][design.seen], design.pair["count"][design.seen]
    assert np.corrcoef(rate, count)[0, 1] > 0.5


def test_a_longer_horizon_has_a_higher_rate():
    snapshot = random_snapshot(0)
    history, fitted = pair_history(snapshot, "category"), fitted_kind(snapshot, "category")
    short, long = (design_of(snapshot, history, fitted, ordering(snapshot), days) for days in (7, 90))
    assert (long.pair["rate"] >= short.pair["rate"]).all()
    assert (long.pair["rate"] > short.pair["rate"])[short.seen].mean() > 0.9


def test_a_target_unknown_to_what_was_fitted_has_the_rates_of_the_middle():
    snapshot = random_snapshot(0)
    fitted = fitted_kind(snapshot, "product")
    shape, rate = fitted.aligned(np.array(["!new", *fitted.targets[:2]], dtype=object))
    assert (shape[0], rate[0]) == (np.median(fitted.shape), np.median(fitted.rate))
    np.testing.assert_array_equal(shape[1:], fitted.shape[:2])
    np.testing.assert_array_equal(rate[1:], fitted.rate[:2])


def test_fitted_purchase_rates_have_the_mean_of_the_shop():
    snapshot = random_snapshot(0)
    history, fitted = pair_history(snapshot, "category"), fitted_kind(snapshot, "category")
    age = np.zeros(len(snapshot))
    buyers = np.flatnonzero(snapshot.n_orders > 0)
    age[buyers] = snapshot.orders.age_days[snapshot.order_indptr[buyers]]
    days = np.maximum(age, 1).sum()
    for target in range(history.n_targets):
        purchases = history.count[history.target == target].sum()
        assert fitted.shape[target] / fitted.rate[target] == pytest.approx(max(purchases, 0.5) / days)
