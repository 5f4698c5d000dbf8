from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentml.errors import ScoresError
from intentml.scores.retrieval import Cut, percentage, top

PROBABILITY = np.array([0.2, 0.5, 0.2, 0.9])


def test_everybody_is_ranked_where_nothing_is_cut():
    assert Cut().rows(PROBABILITY).tolist() == [3, 1, 0, 2]


def test_a_limit_keeps_the_likeliest_and_ties_go_by_row():
    assert Cut(limit=3).rows(PROBABILITY).tolist() == [3, 1, 0]
    assert Cut(limit=99).rows(PROBABILITY).tolist() == [3, 1, 0, 2]


def test_a_minimum_is_itself_enough():
    assert Cut(min_probability=0.5).rows(PROBABILITY).tolist() == [3, 1]
    assert Cut(min_probability=1.0).rows(PROBABILITY).tolist() == []


def test_a_share_is_rounded_up_to_whole_customers():
    assert Cut(share=0.26).rows(PROBABILITY).tolist() == [3, 1]
    assert Cut(share=0.0).rows(PROBABILITY).tolist() == []
    assert percentage(0.07, 100) == 7  # 0.07 x 100 is 7.000000000000001


@pytest.mark.parametrize(
    ("cut", "complaint"),
    [
        (Cut(limit=5, share=0.5), "exclude each other"),
        (Cut(limit=0), "limit of 0 customers is below 1"),
        (Cut(limit=2.5), "limit of 2.5 customers is no whole number"),
        (Cut(limit=True), "limit of True customers is no whole number"),
        (Cut(share=1.5), "share 1.5 is outside"),
        (Cut(min_probability=-0.1), "min_probability -0.1 is outside"),
        (Cut(share=float("nan")), "share nan is outside"),
    ],
)
def test_a_cut_that_makes_no_sense_is_refused(cut, complaint):
    with pytest.raises(ScoresError, match=complaint):
        cut.check()


@given(st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0]), max_size=12), st.integers(0, 14))
def test_top_is_the_head_of_a_plain_sort(values, keep):
    expected = sorted(range(len(values)), key=lambda row: (-values[row], row))[:keep]
    assert top(np.array(values, np.float64), keep).tolist() == expected
