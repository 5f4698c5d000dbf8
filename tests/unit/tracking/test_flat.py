"""Nested settings become the flat texts that MLflow takes, and a cut value says so."""

from __future__ import annotations

import json

from intentml.tracking.flat import LONGEST_NAME, LONGEST_VALUE, allowed_name, flat


def test_a_nested_mapping_is_named_by_its_path() -> None:
    values = {"recipe": {"name": "base", "priors": {"windows": 3, "kinds": ("brand",)}}, "seed": None}
    assert flat(values) == {
        "recipe.name": "base",
        "recipe.priors.windows": "3",
        "recipe.priors.kinds": '["brand"]',
        "seed": "null",
    }


def test_an_empty_mapping_is_still_told() -> None:
    assert flat({"network": {}}) == {"network": "{}"}


def test_a_value_of_the_longest_length_stays_whole() -> None:
    assert flat({"about": "x" * LONGEST_VALUE}) == {"about": "x" * LONGEST_VALUE}


def test_a_longer_value_is_cut_and_says_how_long_it_was() -> None:
    cut = flat({"about": "x" * 12_345})["about"]
    assert len(cut) == LONGEST_VALUE
    assert cut.endswith("... (cut from 12,345 characters)")


def test_other_values_are_json_that_reads_back() -> None:
    text = flat({"horizons_days": [7, 28], "on": True})
    assert {name: json.loads(value) for name, value in text.items()} == {
        "horizons_days": [7, 28],
        "on": True,
    }


def test_characters_that_mlflow_refuses_are_replaced() -> None:
    assert allowed_name("orders 5+ (%)") == "orders 5_ ___"
    assert len(allowed_name("n" * 1000)) == LONGEST_NAME
