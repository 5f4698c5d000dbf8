"""The joining of single probabilities: its bounds, its shape, what it is at a horizon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import sparse

from intentml.prediction import TargetScores
from intentml.priors import union
from intentml.priors.union import Homes, Joined, SetUnion, homes_of, size_band, union_given
from intentml.timeline.catalogue import Catalogue

frailties = st.floats(0.0, 8.0)
chances = st.floats(1e-9, 1.0)
several = st.lists(chances, min_size=1, max_size=6)


def joined(parts: list[float], whole: float, frailty: float) -> float:
    return float(union_given([np.array([parts])], np.array([whole]), frailty)[0])


@given(several, chances, frailties)
def test_a_union_lies_between_its_likeliest_part_and_the_sum_and_below_what_contains_it(
    parts, whole, frailty
):
    found = joined(parts, whole, frailty)
    assert found >= max(parts) * (1 - 1e-9)
    assert found <= min(1.0, sum(parts)) * (1 + 1e-9)
    assert found <= max(whole, *parts, 0.0) * (1 + 1e-12)


@given(several, chances, frailties, st.floats(0.0, 1.0))
def test_a_union_grows_with_each_part(parts, whole, frailty, more):
    likelier = [parts[0] + more * (1 - parts[0]), *parts[1:]]
    assert joined(likelier, whole, frailty) >= joined(parts, whole, frailty) * (1 - 1e-9)


@given(several, chances, frailties, chances)
def test_a_union_grows_with_the_set(parts, whole, frailty, another):
    assert joined([*parts, another], whole, frailty) >= joined(parts, whole, frailty) * (1 - 1e-9)


@given(chances, chances, frailties)
def test_one_part_keeps_its_own_probability(part, whole, frailty):
    assert joined([part], whole, frailty) == pytest.approx(part, rel=1e-6)


@given(several, chances)
def test_a_little_frailty_is_near_to_none(parts, whole):
    none = joined(parts, whole, 0.0)
    assert joined(parts, whole, 1e-5) == pytest.approx(none, rel=1e-3, abs=1e-6)
    assert none <= max(whole, *parts, 0.0)
    inside = [part / max(whole, *parts, 0.0) for part in parts]
    assert none == pytest.approx(max(whole, *parts, 0.0) * (1 - np.prod(1 - np.array(inside))), abs=1e-9)


def test_frailty_of_one_adds_odds():
    # 1 - 1 / (1 + 0.1 / 0.9 + 0.2 / 0.8)
    assert joined([0.1, 0.2], 1.0, 1.0) == pytest.approx(1 - 1 / (1 + 1 / 9 + 1 / 4))


def test_frailty_takes_more_from_a_set_of_many_than_of_two():
    def kept(count: int) -> float:
        return joined([0.05] * count, 1.0, 0.5) / joined([0.05] * count, 1.0, 0.0)

    assert 1 > kept(2) > kept(5) > kept(20)


def test_blocks_are_joined_as_one():
    parts, whole = np.array([[0.1, 0.2, 0.3]]), np.array([0.6])
    blocks = [parts[:, :2], parts[:, 2:]]
    assert union_given(blocks, whole, 0.4) == pytest.approx(union_given([parts], whole, 0.4))


def test_without_anything_fitted_purchases_are_independent_and_no_size_is_vouched_for():
    assert SetUnion().at(28) == 0.0
    assert not SetUnion().calibrated(28, 3)


def test_frailty_between_two_horizons_lies_between_theirs_and_stays_outside():
    fitted = SetUnion(frailty={7: 0.2, 28: 0.4})
    assert fitted.at(14) == pytest.approx(0.3)  # halfway in log days
    assert [fitted.at(days) for days in (7, 28, 365)] == pytest.approx([0.2, 0.4, 0.4])


def test_a_size_is_vouched_for_by_its_band_at_the_nearest_horizon():
    fitted = SetUnion(ratio={7: {"2-3": 1.0}, 28: {"2-3": 1.11, "4-7": 0.9}})
    assert [fitted.calibrated(28, size) for size in (3, 4, 8)] == [False, True, False]
    assert fitted.calibrated(9, 2)


def test_bands_of_sizes():
    assert [size_band(size) for size in (2, 3, 4, 7, 8, 19, 20, 999)] == [
        *("2-3", "2-3", "4-7", "4-7"),
        *("8-19", "8-19", "20+", "20+"),
    ]


def test_json_keeps_it_whole():
    fitted = SetUnion(frailty={28: 0.3}, ratio={28: {"2-3": 0.98}})
    assert SetUnion.model_validate_json(fitted.model_dump_json()) == fitted
    for wrong in ({"kappa": 1}, {"frailty": {28: -0.1}}):
        with pytest.raises(ValidationError):
            SetUnion.model_validate(wrong)


def test_a_product_s_home_is_its_category_and_the_smallest_node_inside_it():
    catalogue = Catalogue(
        *(np.array(list("abcdef"), dtype=object),) * 2,
        np.array(["CHEESE", "CHEESE", "CHEESE", "MILK", "MILK", None], dtype=object),
        np.array(
            [f"DAIRY > {path}" for path in ("CHEESE > HARD", "CHEESE > HARD", "CHEESE > SOFT")]
            + ["DAIRY > MILK > ALL"] * 2
            + [None],
            dtype=object,
        ),
        np.array([None] * 6, dtype=object),
    )
    homes = homes_of(catalogue)
    named = [None if code < 0 else catalogue.targets("category_node").targets[code] for code in homes.node]
    # DAIRY holds two categories, and DAIRY > MILK > ALL is the whole of its category.
    hard, soft = "DAIRY > CHEESE > HARD", "DAIRY > CHEESE > SOFT"
    assert named == [hard, hard, soft, None, None, None]
    assert homes.category.tolist() == [0, 0, 0, 1, 1, -1]


@pytest.mark.parametrize("seed", range(3))
def test_a_large_set_is_joined_customers_after_customers_as_a_small_one_is_at_once(monkeypatch, seed):
    generator = np.random.default_rng(seed)
    targets = {"product": scored("product", 60, generator), "category": scored("category", 7, generator)}
    targets |= {
        "category_node": scored("category_node", 9, generator),
        "brand": scored("brand", 5, generator),
    }
    homes = Homes(*(generator.integers(-1, count, 60).astype(np.int32) for count in (7, 9)))
    ordering = generator.uniform(0.2, 0.9, 50)
    asked = {"product": np.sort(generator.choice(60, 30, replace=False)), "brand": np.array([1, 4])}
    newcomers = [generator.uniform(0.0, 0.2, 50)]
    for given_order in (ordering, None):
        whole = Joined(targets, homes, given_order, frailty=0.4)
        at_once = whole.probability(asked, newcomers)
        with monkeypatch.context() as patched:
            patched.setattr(union, "_FEWEST_AT_ONCE", 7)
            patched.setattr(union, "_MOST_CELLS", 400)
            np.testing.assert_allclose(whole.probability(asked, newcomers), at_once, rtol=1e-6)


def scored(kind: str, count: int, generator: np.random.Generator) -> TargetScores:
    """Scores of fifty customers."""
    names = np.array([f"{number:03d}" for number in range(count)], object)
    pairs = sparse.random_array((50, count), density=0.2, format="csr", dtype=np.float32, rng=generator)
    vectors = (generator.normal(-0.5, 0.8, (size, 4)).astype(np.float32) for size in (50, count))
    return TargetScores(kind, names, *vectors, pairs)
