"""Traits as a table: one row a customer, one column a trait.

What comes in: a snapshot (or relations of any Ibis backend) and trait names. What goes out: Arrow, or
the Ibis expression behind it. Every relation is aggregated once for all traits that read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from intentml.timeline import Snapshot
from intentml.traits.catalogue import traits_named, with_used
from intentml.traits.relations import ONE_THREAD, TraitRelations, arrow_tables, declared
from intentml.traits.trait import RELATIONS, Trait

if TYPE_CHECKING:
    import ibis.expr.types as ir

_ROWS = "rows_in_relation"


def compute_traits(snapshot: Snapshot, names: Iterable[str] | None = None) -> pa.Table:
    """The traits of the snapshot's customers, prospects included, sorted by customer_id.

    Args:
        snapshot: All customers, some or one: a customer's traits are the same.
        names: Traits wanted; all where None.

    Returns:
        customer_id, then one column a trait, in catalogue order.
    """
    import duckdb

    wanted = traits_named(names)
    connection = duckdb.connect(config=ONE_THREAD)
    for name, content in arrow_tables(snapshot).items():
        connection.register(name, content)
    table = connection.sql(_duckdb_sql(tuple(trait.name for trait in wanted))).to_arrow_table()
    schema = pa.schema(
        [("customer_id", pa.string()), *((trait.name, pa.type_for_alias(trait.type)) for trait in wanted)]
    )
    connection.close()
    return table.cast(schema)


def trait_table(known: TraitRelations, names: Iterable[str] | None = None) -> ir.Table:
    """The same table as an Ibis expression, on whatever backend the relations live."""
    wanted = traits_named(names)
    needed = with_used(wanted)
    table = known.customers
    for relation in RELATIONS:
        chosen = [trait for trait in needed if trait.relation == relation]
        if relation == "customers":
            for trait in chosen:
                table = table.mutate(trait.expression(table).name(trait.name))
        elif chosen:
            table = _with_aggregates(table, getattr(known, relation), chosen)
    columns = [table[trait.name].cast(trait.type).name(trait.name) for trait in wanted]
    return table.select(table.customer_id, *columns).order_by("customer_id")


@cache
def _duckdb_sql(names: tuple[str, ...]) -> str:
    """The SQL of some traits; compiling takes longer than running it for one customer, so it is kept."""
    import ibis

    return str(ibis.to_sql(trait_table(declared(), names), dialect="duckdb"))


def _with_aggregates(customers: ir.Table, rows: ir.Table, traits: list[Trait]) -> ir.Table:
    """Join each customer's aggregates; who has no rows gets what the traits say of prospects."""
    aggregates = [trait.expression(rows).name(trait.name) for trait in traits]
    grouped = rows.group_by("customer_id").aggregate(*aggregates, rows.count().name(_ROWS))
    joined = customers.left_join(grouped, "customer_id").drop("customer_id_right")
    absent = joined[_ROWS].isnull()
    filled = {
        trait.name: absent.ifelse(trait.prospects, joined[trait.name])
        for trait in traits
        if trait.prospects is not None
    }
    return joined.mutate(**filled).drop(_ROWS)
