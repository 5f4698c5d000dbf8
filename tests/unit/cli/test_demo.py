"""The demo's own arithmetic: twenty bins told in seven rows."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.cli.demo import condensed
from intentml.metrics import reliability_table


def test_seven_rows_hold_every_pair_and_every_buyer() -> None:
    rng = np.random.default_rng(5)
    probability = rng.beta(0.5, 4, 10_000)
    bought = rng.random(10_000) < probability
    rows = condensed(reliability_table(probability, bought, bins=20))
    assert [row.pairs for row in rows] == [5_000, 2_500, 500, 500, 500, 500, 500]
    assert sum(row.pairs * row.observed for row in rows) == pytest.approx(bought.sum())
    assert sum(row.pairs * row.predicted for row in rows) == pytest.approx(probability.sum())
    predicted = [row.predicted for row in rows]
    assert predicted == sorted(predicted)


def test_nothing_measured_gives_no_row() -> None:
    assert condensed(reliability_table([], [], bins=20)) == ()
