"""The expanding median against numpy's median of every prefix."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from intentml.sequences.csr import indptr_of
from intentml.sequences.expanding_median import expanding_median

lists = st.lists(st.lists(st.integers(0, 5).map(float), max_size=12), max_size=6)


@given(lists=lists, newest=st.integers(1, 13))
def test_each_of_the_newest_entries_gets_the_median_of_its_list_so_far(
    lists: list[list[float]], newest: int
) -> None:
    indptr = indptr_of(np.array([len(values) for values in lists], np.int64))
    medians = expanding_median(np.array([value for values in lists for value in values]), indptr, newest)
    for row, values in enumerate(lists):
        got = medians[indptr[row] : indptr[row + 1]]
        wanted = [float(np.median(values[: end + 1])) for end in range(len(values))]
        np.testing.assert_array_equal(got[-newest:], wanted[-newest:])
        assert np.isnan(got[:-newest]).all()


def test_a_finger_can_follow_one_list() -> None:
    medians = expanding_median(np.array([30.0, 2.0, 10.0, 4.0]), np.array([0, 4]), newest=3)
    np.testing.assert_array_equal(medians, [np.nan, 16.0, 10.0, 7.0])


def test_a_list_of_many_thousands_costs_no_pass_an_entry() -> None:
    values = np.random.default_rng(0).random(200_000)
    medians = expanding_median(values, np.array([0, 200_000]), newest=2)
    assert medians[-1] == np.median(values)
    assert medians[-2] == np.median(values[:-1])
