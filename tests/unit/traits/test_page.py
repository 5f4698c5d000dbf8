"""The docs page of the catalogue."""

from __future__ import annotations

from intentml.traits import PREDICTED, TRAITS, traits_page


def test_every_trait_and_every_column_of_the_scores_has_one_row() -> None:
    rows = [line for line in traits_page().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [*TRAITS, *(field.name for field in PREDICTED)]
    cells = [row.count("|") - 1 for row in rows]
    assert cells == [7] * len(TRAITS) + [5] * len(PREDICTED)


def test_every_topic_is_one_heading() -> None:
    headings = [line for line in traits_page().splitlines() if line.startswith("## ")]
    assert len(headings) == len(set(headings)) == len({trait.topic for trait in TRAITS.values()}) + 1
