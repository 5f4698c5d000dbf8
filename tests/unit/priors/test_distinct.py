"""Equal rows found once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from intentml.priors.distinct import distinct_rows


def test_equal_rows_share_a_position_in_lexicographic_order() -> None:
    first, inverse = distinct_rows(np.array([2.0, 1.0, 2.0, 1.0]), np.array([7.0, 9.0, 7.0, 8.0]))
    assert inverse.tolist() == [2, 1, 2, 0]
    assert first.tolist() == [3, 1, 0]


def test_no_rows_have_no_distinct_rows() -> None:
    first, inverse = distinct_rows(np.empty(0), np.empty(0))
    assert len(first) == len(inverse) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_scattering_the_distinct_rows_gives_every_row_back(pairs: list[tuple[int, int]]) -> None:
    left = np.array([pair[0] for pair in pairs], dtype=np.float64)
    right = np.array([pair[1] for pair in pairs], dtype=np.float64)
    first, inverse = distinct_rows(left, right)
    assert left[first][inverse].tolist() == left.tolist()
    assert right[first][inverse].tolist() == right.tolist()
    assert len(first) == len(set(pairs))
