from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from intentml.errors import ScoresError, UnknownTargetError
from intentml.scores.keyword import Match
from intentml.scores.selection import NewProduct, find_category, new_product_of, select
from intentml.timeline.catalogue import Catalogue

#            brie                       gouda                     milk                   rug
PRODUCTS = ("p1", "p2", "p3", "p4")
CATEGORIES = ("CHEESE", "CHEESE", "MILK", "RUGS")
PATHS = ("FOOD > CHEESE > SOFT", "FOOD > CHEESE > HARD", "FOOD > MILK > SOFT", None)
BRANDS = ("Oro", "Plata", "Oro", None)


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


@dataclass
class Shop:
    """Four products; a keyword finds the products whose id it holds."""

    catalogue: Catalogue

    def search(self, keyword: str) -> list[Match]:
        ids = [product for product in PRODUCTS if product in keyword]
        return [Match(product, 1.0, None, None, None, "all") for product in ids]


@pytest.fixture(scope="module")
def shop() -> Shop:
    names = texts("Brie", "Gouda", "Milk", "Rug")
    return Shop(Catalogue(texts(*PRODUCTS), names, texts(*CATEGORIES), texts(*PATHS), texts(*BRANDS)))


def test_a_category_is_one_column_and_all_its_products(shop):
    selection = select(shop, categories=["CHEESE"])
    assert selection.columns == (("category", "CHEESE"),)
    assert selection.products == (0, 1)


def test_a_node_is_named_by_its_path(shop):
    assert select(shop, categories=["FOOD > CHEESE > SOFT"]).columns == (
        ("category_node", "FOOD > CHEESE > SOFT"),
    )


def test_a_node_is_named_by_its_last_part_where_that_is_unique(shop):
    assert find_category(shop.catalogue, "HARD") == ("category_node", "FOOD > CHEESE > HARD")


def test_a_bare_name_that_fits_several_nodes_lists_them(shop):
    with pytest.raises(
        UnknownTargetError, match=r"'SOFT' fits 2 nodes: 'FOOD > CHEESE > SOFT', 'FOOD > MILK > SOFT'"
    ):
        find_category(shop.catalogue, "SOFT")


def test_brands_and_lists_of_products_are_sets(shop):
    assert select(shop, brands=["Oro"]).products == (0, 2)
    assert select(shop, products=["p4", "p1", "p4"]).columns == (("product", "p4"), ("product", "p1"))


def test_a_keyword_is_the_products_it_finds_in_order_of_relevance(shop):
    selection = select(shop, keyword="p3 or p1")
    assert selection.columns == (("product", "p1"), ("product", "p3"))


def test_what_lies_inside_another_name_adds_nothing(shop):
    selection = select(shop, categories=["FOOD", "CHEESE"], products=["p1", "p4"], keyword="p2")
    assert selection.columns == (("category_node", "FOOD"), ("product", "p4"))
    assert set(selection.products) == {0, 1, 2, 3}


def test_names_that_only_overlap_are_both_kept(shop):
    assert select(shop, categories=["CHEESE"], brands=["Oro"]).columns == (
        ("category", "CHEESE"),
        ("brand", "Oro"),
    )


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        ({"categories": ["CHESE"]}, "category 'CHESE' is unknown", "did you mean 'CHEESE'"),
        ({"categories": ["cheese"]}, "category 'cheese' is unknown", "did you mean 'CHEESE'?"),
        ({"categories": ["hard"]}, "category 'hard' is unknown", "'HARD'"),
        ({"brands": ["Orro"]}, "brand 'Orro' is unknown", "'Oro'"),
        ({"products": ["p9"]}, "product 'p9' is unknown", "'p1'"),
        ({"products": ["zzzzzz"]}, "product 'zzzzzz' is unknown", "4 are known, e.g. 'p1', 'p2', 'p3'"),
        ({"new_product": NewProduct(category="CHEEZE")}, "category 'CHEEZE' is unknown", "'CHEESE'"),
        ({}, "no product, category, brand or keyword was named", "--category"),
    ],
)
def test_an_unknown_name_offers_the_nearest(shop, names, message, hint):
    with pytest.raises(UnknownTargetError) as caught:
        select(shop, **names)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_shop_without_brands_says_so():
    nothing = texts(None)
    shop = Shop(Catalogue(texts("p1"), nothing, nothing, nothing, nothing))
    with pytest.raises(UnknownTargetError, match="this shop has no brand at all"):
        select(shop, brands=["Oro"])


def test_a_new_product_is_read_from_plain_values(shop):
    product = new_product_of({"name": "Feta", "category": "CHEESE", "price": 4})
    assert product == NewProduct(name="Feta", category="CHEESE", price=4.0)
    assert select(shop, new_product=product).newcomers == (product,)


@pytest.mark.parametrize(
    ("described", "complaint"),
    [({"colour": "red"}, "colour: extra inputs"), ({"price": -1}, "price: input should be greater than 0")],
)
def test_a_new_product_that_makes_no_sense_is_refused(described, complaint):
    with pytest.raises(ScoresError, match=complaint):
        new_product_of(described)
