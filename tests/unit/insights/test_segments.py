"""Segments are found where there are some, the same each time, and not where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from hand_view import hand_view
from intentml.errors import RuleError
from intentml.insights import discovered_segments
from intentml.insights.clusters import clusters
from intentml.insights.segments import NO_SEGMENT, segments_of

SIZES = (120, 80, 60)
TRUTH = np.repeat(np.arange(3), SIZES)


def planted(seed: int = 0) -> np.ndarray:
    middles = np.array([[0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0]])[TRUTH]
    return middles + np.random.default_rng(seed).standard_normal((len(TRUTH), 4))


def test_planted_groups_are_found_and_numbered_by_size():
    found = clusters(planted())
    assert found.groups == 3
    assert found.group.tolist() == TRUTH.tolist()
    assert found.tried["found"].to_dict() == {k: k == 3 for k in range(2, 9)}
    assert found.tried["stability"][3] > 0.99


@pytest.mark.parametrize(
    "nothing",
    [
        np.random.default_rng(1).standard_normal((250, 4)),
        np.random.default_rng(2).standard_normal((250, 4))
        * [5, 1, 1, 1],  # long clouds are cut alike each time
        np.zeros((250, 3)),
        np.random.default_rng(3).standard_normal((15, 2)),
    ],
    ids=["a round cloud", "a long cloud", "all alike", "a handful"],
)
def test_where_there_is_nothing_to_find_there_is_one_segment(nothing):
    found = clusters(nothing)
    assert found.groups == 1
    assert not found.group.any()


def test_the_same_seed_finds_the_same():
    few = planted()[::2]
    one, other = clusters(few, seed=4), clusters(few, seed=4)
    assert one.group.tolist() == other.group.tolist()
    assert one.tried.equals(other.tried)


def test_segments_are_named_by_what_sets_them_apart_and_prospects_have_none():
    orders = np.array([1, 9, 1])[TRUTH]
    spend = np.array([10.0, 10.0, 200.0])[TRUTH]
    view = hand_view(frequency=[*orders, 0, 0], average_order_value=[*spend, None, None])
    found = segments_of(view, np.vstack([planted(), np.full((2, 4), 90.0)]))
    assert found.segment.tolist() == [*TRUTH, NO_SEGMENT, NO_SEGMENT]
    assert [one.customers for one in found.personas] == list(SIZES)
    assert found.personas[1].title.startswith("2: high frequency")
    assert found.personas[2].title.startswith("3: high average order value")
    assert found.note.startswith("3 segments")


def test_a_shop_with_nothing_to_find_says_so():
    cloud = np.random.default_rng(1).standard_normal((100, 3))
    found = segments_of(hand_view(frequency=[1] * 100), cloud)
    assert "one segment" in found.note
    assert [one.customers for one in found.personas] == [100]


def test_segments_need_scores():
    with pytest.raises(RuleError, match="need scores"):
        discovered_segments(hand_view(frequency=[1]))
