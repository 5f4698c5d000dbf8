"""The docs page of the catalogue."""

from __future__ import annotations

from intentml.traits import TRAITS, traits_page


def test_every_trait_has_one_row_and_every_row_seven_cells() -> None:
    rows = [line for line in traits_page().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(TRAITS)
    assert {row.count("|") for row in rows} == {8}


def test_every_topic_is_one_heading() -> None:
    headings = [line for line in traits_page().splitlines() if line.startswith("## ")]
    assert len(headings) == len(set(headings)) == len({trait.topic for trait in TRAITS.values()})
