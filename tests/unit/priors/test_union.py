"""The joining of single probabilities: its bounds, its shape, what it is at a horizon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from intentml.priors.union import INDEPENDENT, Dependence, SetUnion, size_band, union_given

dependences = st.builds(Dependence, frailty=st.floats(0.0, 4.0), overlap=st.floats(1.0, 2.0))
chances = st.floats(1e-9, 1.0)
several = st.lists(chances, min_size=1, max_size=6)


def joined(parts: list[float], whole: float, dependence: Dependence) -> float:
    return float(union_given([np.array([parts])], np.array([whole]), dependence)[0])


@given(several, chances, dependences)
def test_a_union_lies_between_its_likeliest_part_and_the_sum_and_below_what_contains_it(
    parts, whole, dependence
):
    union = joined(parts, whole, dependence)
    assert union >= max(parts) * (1 - 1e-9)
    assert union <= min(1.0, sum(parts)) * (1 + 1e-9)
    assert union <= max(whole, *parts, 0.0) * (1 + 1e-12)


@given(several, chances, dependences, st.floats(0.0, 1.0))
def test_a_union_grows_with_each_part(parts, whole, dependence, more):
    likelier = [parts[0] + more * (1 - parts[0]), *parts[1:]]
    assert joined(likelier, whole, dependence) >= joined(parts, whole, dependence) * (1 - 1e-9)


@given(several, chances, dependences, chances)
def test_a_union_grows_with_the_set(parts, whole, dependence, another):
    assert joined([*parts, another], whole, dependence) >= joined(parts, whole, dependence) * (1 - 1e-9)


@given(chances, chances, dependences)
def test_one_part_keeps_its_own_probability(part, whole, dependence):
    assert joined([part], whole, dependence) == pytest.approx(part, rel=1e-6)


@given(several, chances)
def test_a_little_dependence_is_near_to_none(parts, whole):
    little = joined(parts, whole, Dependence(frailty=1e-6, overlap=1.0))
    assert little == pytest.approx(joined(parts, whole, INDEPENDENT), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("more", [Dependence(frailty=0.5), Dependence(overlap=1.2)])
def test_dependence_takes_more_from_a_set_of_many_than_of_two(more):
    def kept(count: int) -> float:
        parts = [0.05] * count
        return joined(parts, 1.0, more) / joined(parts, 1.0, INDEPENDENT)

    assert 1 > kept(2) > kept(5) > kept(20)


def test_blocks_are_joined_as_one():
    parts, whole, tied = np.array([[0.1, 0.2, 0.3]]), np.array([0.6]), Dependence(frailty=0.4, overlap=1.1)
    blocks = [parts[:, :2], parts[:, 2:]]
    assert union_given(blocks, whole, tied) == pytest.approx(union_given([parts], whole, tied))


def test_without_anything_fitted_purchases_are_independent_and_no_size_is_vouched_for():
    assert SetUnion().at(28) == INDEPENDENT
    assert not SetUnion().calibrated(28, 3)


def test_dependence_between_two_horizons_lies_between_theirs_and_stays_outside():
    fitted = SetUnion(dependence={7: Dependence(frailty=0.2), 28: Dependence(frailty=0.4, overlap=1.2)})
    assert fitted.at(14).frailty == pytest.approx(0.3)  # halfway in log days
    assert fitted.at(14).overlap == pytest.approx(1.1)
    assert fitted.at(7) == Dependence(frailty=0.2)
    assert fitted.at(365) == Dependence(frailty=0.4, overlap=1.2)


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
    fitted = SetUnion(dependence={28: Dependence(frailty=0.3)}, ratio={28: {"2-3": 0.98}})
    assert SetUnion.model_validate_json(fitted.model_dump_json()) == fitted
    with pytest.raises(ValidationError):
        SetUnion.model_validate({"kappa": 1})
