"""Which columns a set is joined of, and what is told of its level; the joining itself is priors.union's."""

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
from intentml.priors import union
from intentml.priors.union import Homes, SetUnion, homes_of
from intentml.scores.selection import NewProduct, Selection
from intentml.scores.union import set_is_calibrated, union_probability, with_whole_groups
from intentml.timeline.catalogue import Catalogue

PRODUCTS = ("brie", "gouda", "milk", "rug")  # two of CHEESE, one of MILK, one of no category
NEWCOMER = np.array([0.25, 0.5])
PLAIN = SetUnion()


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
    ordering: tuple[float, float] | None = None
    union: SetUnion = PLAIN
    buyers: tuple[int, ...] = (9, 9, 9, 9)

    catalogue = Catalogue(
        texts(*PRODUCTS),
        texts(*PRODUCTS),
        texts("CHEESE", "CHEESE", "MILK", None),
        texts(None, None, None, None),
        texts(None, None, None, None),
    )

    @property
    def homes(self) -> Homes:
        return homes_of(self.catalogue)

    def __len__(self) -> int:
        return 2

    def scores_of(self, kind: str, horizon_days: int | None = None) -> TargetScores:
        return self.targets[kind, 28]

    def order_probability(self, horizon_days: int | None = None) -> np.ndarray | None:
        return None if self.ordering is None else np.array(self.ordering)

    def buyers_before(self, kind: str) -> np.ndarray:
        return np.array(self.buyers)

    def newcomer_logits(self, product: NewProduct, horizon_days: int | None = None) -> np.ndarray:
        return logit(NEWCOMER)


def scored(
    product: list[list[float]],
    category: list[list[float]] | None = None,
    ordering: tuple[float, float] | None = None,
    **known: object,
) -> Scored:
    targets = {("product", 28): scores_of("product", PRODUCTS, product)}
    if category is not None:
        targets["category", 28] = scores_of("category", ("CHEESE", "MILK"), category)
    return Scored(targets, ordering, **known)


P = [[0.2, 0.1, 0.5, 0.3], [0.4, 0.4, 0.1, 0.3]]
C = [[0.4, 0.5], [0.5, 0.1]]
#           brie and gouda given cheese:   0.4 (1 - 0.5 x 0.75)   0.5 (1 - 0.2 x 0.2)
CHEESES = [0.25, 0.48]


def products(*names: str, newcomers: tuple[NewProduct, ...] = ()) -> Selection:
    return Selection(tuple(("product", name) for name in names), (), newcomers)


def of(scores: Scored, *names: str, newcomers: tuple[NewProduct, ...] = ()) -> np.ndarray:
    return union_probability(scores, products(*names, newcomers=newcomers), 28)


def test_one_target_keeps_its_own_probability():
    assert of(scored(P, C, (0.05, 0.05)), "gouda") == pytest.approx([0.1, 0.4])


def test_products_of_one_category_are_joined_given_the_category():
    assert of(scored(P, C), "brie", "gouda") == pytest.approx(CHEESES)


def test_without_scored_categories_products_are_joined_as_if_independent():
    assert of(scored(P), "brie", "gouda") == pytest.approx([1 - 0.8 * 0.9, 1 - 0.6 * 0.6])


def test_categories_and_products_without_one_are_joined_as_if_independent():
    expected = [1 - (1 - cheese) * (1 - milk) * 0.7 for cheese, milk in zip(CHEESES, (0.5, 0.1), strict=True)]
    assert of(scored(P, C), "brie", "gouda", "milk", "rug") == pytest.approx(expected)
    both = union_probability(scored(P, C), Selection((("category", "CHEESE"), ("category", "MILK"))), 28)
    assert both == pytest.approx([1 - 0.6 * 0.5, 1 - 0.5 * 0.9])


def test_all_is_joined_given_an_order():
    given_an_order = [1 - (1 - 0.2 / 0.8) * (1 - 0.3 / 0.8), 1 - (1 - 0.4 / 0.5) * (1 - 0.3 / 0.5)]
    expected = np.array([0.8, 0.5]) * given_an_order
    assert of(scored(P, ordering=(0.8, 0.5)), "brie", "rug") == pytest.approx(expected)


def test_products_of_one_category_keep_to_it_whatever_the_chance_of_an_order():
    assert of(scored(P, C, (0.9, 0.9)), "brie", "gouda") == pytest.approx(CHEESES)


def test_frailty_is_that_of_the_horizon():
    tied = SetUnion(frailty={28: 1.0})
    # 1 / (1 + 0.25 + 3 / 7): odds of one thing not bought add up
    expected = 1 - 1 / (1 + 0.2 / 0.8 + 0.3 / 0.7)
    assert of(scored(P, union=tied), "brie", "rug")[0] == pytest.approx(expected)


def test_a_product_likelier_than_its_category_is_believed():
    assert of(scored(P, [[0.1, 0.5], [0.5, 0.1]]), "brie", "gouda")[0] == pytest.approx(0.2)


def test_a_newcomer_is_told_alone_and_joins_others():
    new = (NewProduct(name="feta"),)
    assert of(scored(P, C), newcomers=new) == pytest.approx(NEWCOMER)
    assert of(scored(P, C), "rug", newcomers=new) == pytest.approx([1 - 0.7 * 0.75, 1 - 0.7 * 0.5])


def test_a_target_that_the_catalogue_has_and_the_scores_lack_is_an_error():
    with pytest.raises(ScoresError, match="do not hold product 'feta'"):
        of(scored(P, C), "feta")


@pytest.mark.parametrize("frailty", [0.0, 0.5])
def test_some_customers_after_others_are_told_the_same(monkeypatch, frailty):
    shop = scored(P, C, (0.9, 0.6), union=SetUnion(frailty={28: frailty}))
    whole = of(shop, *PRODUCTS)
    monkeypatch.setattr(union, "_CUSTOMERS_AT_ONCE", 1)
    monkeypatch.setattr(union, "_FEWEST_AT_ONCE", 1)
    assert of(shop, *PRODUCTS) == pytest.approx(whole, abs=1e-12)


def test_products_that_make_up_a_category_are_told_as_the_category():
    whole = with_whole_groups(scored(P, C), products("gouda", "brie", "rug"), 28)
    assert whole.columns == (("category", "CHEESE"), ("product", "rug"))
    alone = with_whole_groups(scored(P, C), products("brie", "gouda"), 28)
    assert alone.single
    assert union_probability(scored(P, C), alone, 28) == pytest.approx([0.4, 0.5])


def test_a_part_of_a_category_and_a_category_of_one_product_stay_products():
    for names in (("brie", "rug"), ("milk", "rug"), ("milk",)):
        assert with_whole_groups(scored(P, C), products(*names), 28) == products(*names)
    assert with_whole_groups(scored(P), products("brie", "gouda"), 28) == products("brie", "gouda")


FINE = SetUnion(ratio={28: {"2-3": 0.95, "4-7": 1.2}})


@pytest.mark.parametrize(
    ("names", "known", "calibrated"),
    [
        (("brie", "rug"), {"union": FINE}, True),
        (PRODUCTS, {"union": FINE}, False),  # too many buyers on validation
        (("brie", "rug"), {}, False),  # nothing was looked at
        (("brie", "rug"), {"union": FINE, "buyers": (9, 9, 9, 4)}, False),  # rare, and much of the set
        (("brie", "rug"), {"union": FINE, "buyers": (9, 9, 9, 5)}, True),
    ],
)
def test_a_sets_level_is_called_calibrated_where_validation_vouches_for_it(names, known, calibrated):
    shop = scored(P, **known)
    expected = of(shop, *names).sum()
    assert set_is_calibrated(shop, products(*names), 28, expected) is calibrated


def test_a_set_with_a_newcomer_is_never_called_calibrated():
    asked = products("brie", newcomers=(NewProduct(name="feta"),))
    assert not set_is_calibrated(scored(P, union=FINE), asked, 28, 1.0)


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


@given(
    st.lists(probabilities, min_size=2, max_size=2),
    st.floats(0.0, 3.0),
    st.floats(0.01, 1),
)
def test_a_larger_set_is_never_less_likely(product, frailty, ordering):
    tied = SetUnion(frailty={28: frailty})
    scores = scored(product, C, (ordering, 1.0), union=tied)
    assert (of(scores, *PRODUCTS) >= of(scores, "brie", "rug") - 1e-6).all()
