"""Who teaches and who judges: about three in four teach, whoever else is there."""

from __future__ import annotations

import numpy as np

from intentml.fitting.split import taught

IDS = np.array([f"C-{number}" for number in range(4_000)], dtype=object)


def test_about_three_in_four_teach():
    assert 0.72 < taught(IDS).mean() < 0.78


def test_nobody_changes_sides_with_who_else_is_there():
    np.testing.assert_array_equal(taught(IDS)[::7], taught(IDS[::7]))
