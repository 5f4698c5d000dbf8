"""The relations that traits read, and the other engines that their expressions are fit for."""

from __future__ import annotations

import ibis
import pytest

from intentml.traits import TRAITS, compute_traits, missing_traits, relations, trait_table
from intentml.traits.relations import declared
from intentml.traits.rows import SCHEMAS, arrow_tables
from tiny import tiny_known


def test_orders_are_numbered_from_the_first_and_aged_from_as_of() -> None:
    orders = relations(tiny_known()).orders.to_pyarrow().to_pylist()
    assert [(row["customer_id"], row["nth"], row["age_days"], row["spend"]) for row in orders[:3]] == [
        ("ana", 1, 59.625, 7.0),
        ("ana", 2, 29.625, 1.5),
        ("ana", 3, 29.25, 2.0),
    ]


def test_a_line_tells_product_category_and_what_was_paid() -> None:
    (bag,) = (
        row for row in relations(tiny_known()).lines.to_pyarrow().to_pylist() if row["product_id"] == "bag"
    )
    assert bag == {
        "customer_id": "cho",
        "order": 1,
        "age_days": 4.5,
        "product_id": "bag",
        "category": None,
        "brand": None,
        "quantity": 1.0,
        "amount": 10.0,
        "discount": None,
        "tax": None,
        "promo_code": None,
        "channel": None,
        "returned_days": 1.5,
    }


def test_the_tables_have_the_schemas_declared() -> None:
    for name, table in arrow_tables(tiny_known()).items():
        assert table.schema == SCHEMAS[name]


def test_traits_over_bound_relations_are_the_computed_ones() -> None:
    known = tiny_known()
    bound = trait_table(relations(known), missing=missing_traits(known)).to_pyarrow()
    assert bound.to_pylist() == compute_traits(known).to_pylist()


def test_orders_on_one_day_make_one_active_day() -> None:
    known = relations(tiny_known())
    days = known.active_days.filter(known.active_days.customer_id == "ana").order_by("day").to_pyarrow()
    assert days["gap_days"].to_pylist() == [None, 30.0]


@pytest.mark.parametrize("engine", ["databricks", "postgres", "snowflake"])
def test_the_catalogue_is_sql_of_other_engines_too(engine: str) -> None:
    sql = str(ibis.to_sql(trait_table(declared()), dialect=engine))
    assert [name for name in TRAITS if name not in sql] == []


def test_a_median_is_exact_on_spark() -> None:
    sql = str(ibis.to_sql(trait_table(declared(), ["gap_median_days"]), dialect="databricks")).lower()
    assert "percentile(" in sql
    assert "approx" not in sql
