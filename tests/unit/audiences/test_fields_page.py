"""The page of the fields says what is: every trait, every field beside them, every operator of each type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scored_shop
from hand_view import hand_view
from intentml.audiences.audiences import Audiences
from intentml.audiences.fields import OPERATORS_OF
from intentml.audiences.fields_page import AT_HORIZONS, MEANINGS, OWN, TYPES, fields_page
from intentml.audiences.leaves import OPERATORS
from intentml.audiences.parse import parse
from intentml.audiences.scored import view_of
from intentml.timeline import known_by
from intentml.traits import customer_fields, traits_page
from intentml.traits.trait import ARROW_TYPES

CHECKOUT = Path(__file__).parents[3]
PAGE = CHECKOUT / "serving" / "audiences" / "TRAITS.md"


def test_the_page_in_the_folder_is_the_one_that_the_catalogue_gives() -> None:
    assert PAGE.read_text(encoding="utf-8") == fields_page(), (
        "write it anew: from intentml.audiences.fields_page import fields_page"
    )


def test_it_has_the_whole_catalogue_of_traits() -> None:
    assert fields_page().startswith(traits_page())


def test_every_field_of_a_scored_shop_is_on_the_page() -> None:
    scores = scored_shop.scores()
    view = view_of(known_by(scored_shop.log(), scores.manifest.as_of), scores)
    own = set(customer_fields(scored_shop.log().tables))
    listed = set(re.findall(r"^\| `(\w+)` \|", fields_page(), re.MULTILINE))
    named = {re.sub(r"_14$", "_N", name) for name in view.fields}  # the further horizon of these scores
    assert named - listed - own == {"customer_id"}
    assert {name for name, *_ in (*OWN, *AT_HORIZONS)} <= listed
    assert view.field_named("survival_100").kind == "number"


def test_every_type_and_every_operator_has_its_row() -> None:
    assert list(TYPES) == list(OPERATORS_OF)
    columns = {name for types, _ in TYPES.values() for name in re.findall(r"`([\w<>]+)`", types)}
    assert columns == set(ARROW_TYPES)
    assert tuple(MEANINGS) == OPERATORS


@pytest.mark.parametrize("rule", [example for _, example in TYPES.values()])
def test_the_examples_are_rules(rule: str) -> None:
    assert parse(rule)


def test_what_the_page_says_of_text_and_unknown_values_holds() -> None:
    shop = Audiences(hand_view(city=["Lyon", "lyon", "Lyon 2", None], groups=[["a"], ["ab"], None, []]), {})
    for rule, rows in {
        "city = Lyon": [0],
        "city != Lyon": [1, 2],
        "city <> Lyon": [1, 2],
        "NOT city = Lyon": [1, 2, 3],
        "city NOT IN (Lyon)": [1, 2],
        "city CONTAINS 'yo'": [0, 1, 2],
        "city NOT CONTAINS '2'": [0, 1],
        "city STARTS WITH 'L'": [0, 2],
        "city NOT STARTS WITH 'L'": [1],
        "city ENDS WITH 'n'": [0, 1],
        "city NOT ENDS WITH 'n'": [2],
        "city MATCHES 'yo'": [0, 1, 2],
        "city MATCHES '^(Lyon)$'": [0],
        "city NOT MATCHES '^(Lyon)$'": [1, 2],
        "city IS NULL": [3],
        "groups CONTAINS 'a'": [0],
    }.items():
        assert shop.selector.rows(parse(rule)).tolist() == rows, rule


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    cells = 0
    for line in fields_page().splitlines():
        if line.startswith("|"):
            cells = cells or line.count("|")
            assert line.count("|") == cells, line
        else:
            cells = 0
