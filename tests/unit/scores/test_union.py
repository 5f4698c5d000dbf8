from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from intentml.errors import ScoresError
from intentml.prediction import TargetScores, logit
from intentml.scores import union
from intentml.scores.selection import NewProduct, Selection
from intentml.scores.union import union_probability
from intentml.timeline.catalogue import Catalogue

PRODUCTS = ("brie", "gouda", "milk", "rug")  # two of CHEESE, one of MILK, one of no category
NEWCOMER = np.array([0.25, 0.5])


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def scores_of(kind: str, targets: tuple[str, ...], probability: list[list[float]]) -> TargetScores:
    """Scores that give two customers these probabilities."""
    return TargetScores(
        kind=kind,
        targets=texts(*targets),
        customer_vectors=np.zeros((2, 1), np.float32),
        target_vectors=np.zeros((len(targets), 1), np.float32),
        pairs=sparse.csr_array(logit(probability).astype(np.float32)),
    )


@dataclass
class Scored:
    """Two customers, four products, two categories."""

    targets: Mapping[tuple[str, int], TargetScores]

    catalogue = Catalogue(
        texts(*PRODUCTS),
        texts(*PRODUCTS),
        texts("CHEESE", "CHEESE", "MILK", None),
        texts(None, None, None, None),
        texts(None, None, None, None),
    )

    def __len__(self) -> int:
        return 2

    def scores_of(self, kind: str, horizon_days: int | None = None) -> TargetScores:
        return self.targets[kind, 28]

    def newcomer_logits(self, product: NewProduct, horizon_days: int | None = None) -> np.ndarray:
        return logit(NEWCOMER)


def scored(product: list[list[float]], category: list[list[float]] | None = None) -> Scored:
    targets = {("product", 28): scores_of("product", PRODUCTS, product)}
    if category is not None:
        targets["category", 28] = scores_of("category", ("CHEESE", "MILK"), category)
    return Scored(targets)


P = [[0.2, 0.1, 0.5, 0.3], [0.4, 0.4, 0.1, 0.3]]
C = [[0.4, 0.5], [0.5, 0.1]]
#           brie and gouda given cheese:   0.4 (1 - 0.5 x 0.75)   0.5 (1 - 0.2 x 0.2)
CHEESES = [0.25, 0.48]


def of(scores: Scored, *products: str, newcomers: tuple[NewProduct, ...] = ()) -> np.ndarray:
    return union_probability(
        scores, Selection(tuple(("product", name) for name in products), (), newcomers), 28
    )


def test_one_target_keeps_its_own_probability():
    assert of(scored(P, C), "gouda") == pytest.approx([0.1, 0.4])


def test_products_of_one_category_are_joined_given_the_category():
    assert of(scored(P, C), "brie", "gouda") == pytest.approx(CHEESES)


def test_without_scored_categories_products_are_joined_as_if_independent():
    assert of(scored(P), "brie", "gouda") == pytest.approx([1 - 0.8 * 0.9, 1 - 0.6 * 0.6])


def test_categories_and_products_without_one_are_joined_as_if_independent():
    expected = [1 - (1 - cheese) * (1 - milk) * 0.7 for cheese, milk in zip(CHEESES, (0.5, 0.1), strict=True)]
    assert of(scored(P, C), "brie", "gouda", "milk", "rug") == pytest.approx(expected)
    both = union_probability(scored(P, C), Selection((("category", "CHEESE"), ("category", "MILK"))), 28)
    assert both == pytest.approx([1 - 0.6 * 0.5, 1 - 0.5 * 0.9])


def test_a_product_likelier_than_its_category_is_believed():
    assert of(scored(P, [[0.1, 0.5], [0.5, 0.1]]), "brie", "gouda")[0] == pytest.approx(0.2)


def test_a_newcomer_is_told_alone_and_joins_others():
    new = (NewProduct(name="feta"),)
    assert of(scored(P, C), newcomers=new) == pytest.approx(NEWCOMER)
    assert of(scored(P, C), "rug", newcomers=new) == pytest.approx([1 - 0.7 * 0.75, 1 - 0.7 * 0.5])


def test_a_target_that_the_catalogue_has_and_the_scores_lack_is_an_error():
    with pytest.raises(ScoresError, match="do not hold product 'feta'"):
        of(scored(P, C), "feta")


def test_small_blocks_tell_the_same(monkeypatch):
    whole = of(scored(P, C), *PRODUCTS)
    monkeypatch.setattr(union, "_CELLS_AT_ONCE", 2)
    assert of(scored(P, C), *PRODUCTS) == pytest.approx(whole, abs=1e-12)


probabilities = st.lists(st.floats(1e-6, 1 - 1e-6), min_size=4, max_size=4)


@given(
    st.lists(probabilities, min_size=2, max_size=2),
    st.lists(st.floats(1e-6, 1 - 1e-6), min_size=2, max_size=2),
)
def test_a_set_of_one_category_lies_between_its_likeliest_product_and_the_category(product, cheese):
    scores = scored(product, [[cheese[0], 0.5], [cheese[1], 0.5]])
    two = of(scores, "brie", "gouda")
    likeliest = np.maximum(of(scores, "brie"), of(scores, "gouda"))
    whole = union_probability(scores, Selection((("category", "CHEESE"),)), 28)
    assert (two >= likeliest - 1e-6).all()
    assert (two <= np.maximum(likeliest, whole) + 1e-6).all()


@given(st.lists(probabilities, min_size=2, max_size=2))
def test_a_larger_set_is_never_less_likely(product):
    scores = scored(product, C)
    assert (of(scores, *PRODUCTS) >= of(scores, "brie", "rug") - 1e-6).all()
