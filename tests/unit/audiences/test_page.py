"""The page of the presets says what is: every capability, every preset, tests that are there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from intentml.audiences.audience import audience_of, presets
from intentml.audiences.lead_score import LeadScore
from intentml.audiences.page import ROWS, presets_page, rows_of

CHECKOUT = Path(__file__).parents[3]
PAGE = CHECKOUT / "serving" / "audiences" / "README.md"
NUMBERS = {"C": 24, "O": 6, "S": 10, "K": 7}


def test_the_page_in_the_folder_is_the_one_that_the_presets_give():
    assert PAGE.read_text(encoding="utf-8") == presets_page(), (
        "write it anew: from intentml.audiences.page import presets_page"
    )


def test_the_trees_that_the_page_shows_are_rules():
    *trees, points = [yaml.safe_load(block.split("```")[0]) for block in presets_page().split("```yaml")[1:]]
    assert len(trees) == 2
    for tree in trees:
        assert audience_of("shown", {"title": "shown", **tree}).text
    assert len(LeadScore.model_validate(points).weights) == 4


def test_every_capability_has_one_row_with_a_preset_or_another_answer():
    assert [row.row for row in ROWS] == [
        f"{source}{number:02d}" for source, last in NUMBERS.items() for number in range(1, last + 1)
    ]
    answered = {row for audience in presets().values() for row in rows_of(audience)}
    assert answered <= {row.row for row in ROWS}
    assert [
        row.row for row in ROWS if row.row not in answered and not row.by and "comes with" not in row.shown
    ] == []


@pytest.mark.parametrize("test", [test for row in ROWS for test in (row.shown, row.real) if "::" in test])
def test_the_tests_that_the_page_names_are_there(test):
    path, name = test.split("::")
    assert f"def {name}(" in (CHECKOUT / path).read_text(encoding="utf-8")


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    cells = 0
    for line in presets_page().splitlines():
        if line.startswith("|"):
            cells = cells or line.count("|")
            assert line.count("|") == cells, line
        else:
            cells = 0
