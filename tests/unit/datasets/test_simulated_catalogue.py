"""The simulated catalogue: a tree, searchable names, brands, seasons, a long tail."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.datasets.simulated import SimulatedShop
from intentml.datasets.simulated.catalogue import ALWAYS, catalogue
from intentml.datasets.simulated.tree import BRANDS, COMPANIONS, HABITS, SEASONS, TYPES

SETTINGS = SimulatedShop(seed=1)
SHOP = catalogue(SETTINGS)


def test_the_words_agree_with_each_other() -> None:
    assert {words.department for words in TYPES} == set(BRANDS)
    assert {words.category for words in TYPES} == set(HABITS)
    assert {words.season for words in TYPES} == set(SEASONS)
    assert all(len(months) == 12 for months in SEASONS.values())
    for source, target, brought, chance in COMPANIONS:
        assert source in HABITS
        assert any(words.category == target and words.name == brought for words in TYPES)
        assert 0 < chance < 1


def test_paths_have_three_levels_and_the_second_is_the_category() -> None:
    for path, category in zip(
        SHOP.table["category_path"].to_pylist(), SHOP.table["category"].to_pylist(), strict=True
    ):
        levels = path.split(" > ")
        assert len(levels) == 3
        assert levels[1] == category


@pytest.mark.parametrize(
    "keyword",
    [
        "sneaker",
        "christmas",
        "lunch bag",
        "cake",
        "bike lock",
        "guitar case",
        "tent",
        "mosquito repellent",
        "nike",
    ],
)
def test_a_keyword_finds_products_by_name(keyword: str) -> None:
    names = SHOP.table["name"].to_pylist()
    assert sum(keyword in name.casefold() for name in names) >= 3


def test_names_and_ids_are_unique() -> None:
    for column in ("name", "product_id"):
        values = SHOP.table[column].to_pylist()
        assert len(set(values)) == len(values)


def test_prices_are_positive_and_bikes_cost_more_than_socks() -> None:
    by_category = {
        name: np.median(SHOP.price[SHOP.category == row]) for row, name in enumerate(SHOP.categories)
    }
    assert SHOP.price.min() > 0
    assert by_category["Bikes"] > 10 * by_category["Socks"]


def test_the_tail_is_long_some_never_sell_and_some_are_brand_new() -> None:
    weight = np.diff(SHOP.cumulative.sum(axis=0))
    top = np.sort(weight)[::-1]
    assert top[: len(top) // 5].sum() > 0.5 * top.sum()
    assert 0.02 < ((weight == 0) & (SHOP.joined == ALWAYS)).mean() < 0.1
    assert (SHOP.joined >= SETTINGS.days - 14).sum() >= 10
    assert 0.05 < ((SHOP.joined != ALWAYS) & (weight > 0)).mean() < 0.25


def test_a_seasonal_category_peaks_in_its_months_and_averages_one_over_the_year() -> None:
    season = SHOP.season[:, SHOP.categories.index("Tents")]
    assert season.mean() == pytest.approx(1.0)
    assert set(np.argsort(season)[-2:]) == {5, 6}  # June and July
    assert np.allclose(SHOP.season.mean(axis=0), 1.0)


def test_segments_hold_exactly_the_products_of_their_category_and_brand() -> None:
    for category in range(len(SHOP.categories)):
        for brand in range(len(SHOP.brands)):
            first, last = SHOP.segments[category, brand]
            inside = np.flatnonzero((SHOP.category == category) & (SHOP.brand == brand))
            assert inside.tolist() == list(range(first, last))


def test_the_shops_tastes_are_the_average_of_its_personas() -> None:
    assert np.allclose(SHOP.personas.sum(axis=1), 1)
    assert SHOP.tastes.sum() == pytest.approx(1)
    assert np.allclose(SHOP.tastes, np.average(SHOP.personas, axis=0, weights=SHOP.persona_shares))


def test_a_smaller_tree_has_fewer_nodes_and_only_companions_it_can_sell() -> None:
    small = catalogue(
        SimulatedShop(departments=2, categories_per_department=3, types_per_category=2, products_per_type=5)
    )
    assert len(small.categories) == 6
    assert small.table.num_rows == 6 * 2 * 5
    assert small.companions == ()
