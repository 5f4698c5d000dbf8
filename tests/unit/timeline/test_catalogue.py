from __future__ import annotations

import numpy as np
import pytest

from intentml.timeline.catalogue import Catalogue, path_nodes
from tiny import AS_OF, log_of, tiny_frames, tiny_snapshot


def members(catalogue: Catalogue, kind: str) -> dict[str, list[str]]:
    """The targets of each product, by name."""
    index = catalogue.targets(kind)
    return {
        product: index.targets[index.indices[index.indptr[row] : index.indptr[row + 1]]].tolist()
        for row, product in enumerate(catalogue.product_ids)
    }


def column(*values: str | None) -> np.ndarray:
    """A text column."""
    return np.array(values, dtype=object)


def test_every_product_is_its_own_target():
    catalogue = tiny_snapshot().catalogue
    assert catalogue.targets("product").targets.tolist() == catalogue.product_ids.tolist()
    assert catalogue.targets("product").single


def test_categories_are_sorted_and_a_product_without_one_has_none():
    catalogue = tiny_snapshot().catalogue
    assert catalogue.targets("category").targets.tolist() == ["BAKERY", "BATH", "DAIRY", "DECOR"]
    assert members(catalogue, "category")["bag"] == []
    assert members(catalogue, "category")["brie"] == ["DAIRY"]
    assert not catalogue.targets("category").single


def test_brands_leave_out_products_without_one():
    catalogue = tiny_snapshot().catalogue
    assert catalogue.targets("brand").targets.tolist() == ["Alma", "Horno", "Luz"]
    assert members(catalogue, "brand")["soap"] == []


def test_nodes_are_full_paths_without_the_one_that_is_the_category():
    nodes = members(tiny_snapshot().catalogue, "category_node")
    assert nodes["milk"] == ["FOOD", "FOOD > DAIRY > MILK"]
    assert nodes["brie"] == ["FOOD", "FOOD > DAIRY > CHEESE"]
    assert nodes["bread"] == ["FOOD"]
    assert nodes["bag"] == []


def test_a_product_never_sold_is_a_target_all_the_same():
    catalogue = tiny_snapshot().catalogue
    assert "candle" in catalogue.targets("product").targets
    assert "DECOR" in catalogue.targets("category").targets


def test_a_node_keeps_its_parents_in_its_name_so_that_two_of_one_name_stay_apart():
    catalogue = Catalogue(
        column("a", "b"),
        column(None, None),
        column(None, None),
        column("X > SOCKS", "Y > SOCKS"),
        column(None, None),
    )
    assert catalogue.targets("category_node").targets.tolist() == ["X", "X > SOCKS", "Y", "Y > SOCKS"]


def test_products_with_the_same_path_and_another_category_have_other_nodes():
    catalogue = Catalogue(
        column("a", "b"), column(None, None), column("X", "Y"), column("X > Y", "X > Y"), column(None, None)
    )
    assert members(catalogue, "category_node") == {"a": ["X > Y"], "b": ["X"]}


def test_kinds_are_those_with_a_target():
    assert tiny_snapshot().catalogue.kinds == ("category", "category_node", "brand", "product")
    frames = tiny_frames()
    frames["products"] = frames["products"][["product_id"]]
    assert log_of(frames).as_of(AS_OF).catalogue.kinds == ("product",)


def test_the_target_of_products_is_minus_one_where_there_is_none():
    catalogue = tiny_snapshot().catalogue  # bag, bread, brie, cake, candle, milk, soap
    assert catalogue.targets("category").of_products().tolist() == [-1, 0, 2, 0, 3, 2, 1]


def test_expand_tells_every_membership_and_skips_lines_without_a_product():
    index = tiny_snapshot().catalogue.targets("category_node")
    rows, targets = index.expand(np.array([5, -1, 0, 1], dtype=np.int32))  # milk, none, bag, bread
    assert rows.tolist() == [0, 0, 3]
    assert index.targets[targets].tolist() == ["FOOD", "FOOD > DAIRY > MILK", "FOOD"]


def test_expand_of_no_lines_is_empty():
    rows, targets = tiny_snapshot().catalogue.targets("brand").expand(np.zeros(0, dtype=np.int32))
    assert (len(rows), len(targets)) == (0, 0)


def test_take_keeps_the_attributes_of_the_products_taken():
    part = tiny_snapshot().catalogue.take(np.array([1, 5]))
    assert part.product_ids.tolist() == ["bread", "milk"]
    assert part.brands.tolist() == ["Horno", "Alma"]
    assert part.targets("brand").targets.tolist() == ["Alma", "Horno"]


@pytest.mark.parametrize(("path", "nodes"), [("a", ["a"]), ("a > b", ["a", "a > b"])])
def test_path_nodes_go_from_the_root_down(path, nodes):
    assert path_nodes(path) == nodes
