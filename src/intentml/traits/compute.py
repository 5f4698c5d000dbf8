"""Traits as a table: one row a customer, one column a trait.

What comes in: what is known at an instant (or relations of any Ibis backend) and trait names. What goes
out: Arrow, or the Ibis expression behind it. Every relation is aggregated once for all traits that read
it. What a shop has no columns for is null for everybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from intentml.timeline import Known
from intentml.traits.catalogue import missing_traits, traits_named, with_used
from intentml.traits.relations import DERIVED, ONE_THREAD, TraitRelations, declared
from intentml.traits.rows import arrow_tables
from intentml.traits.trait import ARROW_TYPES, RELATIONS, Trait

if TYPE_CHECKING:
    import ibis.expr.types as ir


def compute_traits(known: Known, names: Iterable[str] | None = None) -> pa.Table:
    """The traits of the customers, prospects included, sorted by customer_id.

    Args:
        known: Of all customers, some or one: a customer's traits are the same.
        names: Traits wanted; all where None.

    Returns:
        customer_id, then one column a trait, in catalogue order; null for everybody where the shop lacks
        what the trait needs (`missing_traits(known)` tells).
    """
    import duckdb

    wanted = traits_named(names)
    missing = frozenset(missing_traits(known)).intersection(trait.name for trait in wanted)
    read = {trait.relation for trait in with_used(trait for trait in wanted if trait.name not in missing)}
    tables = arrow_tables(known, ("customers", *(DERIVED.get(relation, relation) for relation in read)))
    connection = duckdb.connect(config=ONE_THREAD)
    for name, content in tables.items():
        connection.register(name, content)
    sql = _duckdb_sql(tuple(trait.name for trait in wanted), missing)
    table = connection.sql(sql).to_arrow_table()
    schema = pa.schema(
        [("customer_id", pa.string()), *((trait.name, ARROW_TYPES[trait.type]) for trait in wanted)]
    )
    connection.close()
    return table.cast(schema)


def trait_table(
    known: TraitRelations, names: Iterable[str] | None = None, missing: Collection[str] = ()
) -> ir.Table:
    """The same table as an Ibis expression, on whatever backend the relations live.

    Args:
        known: The relations.
        names: Traits wanted; all where None.
        missing: Traits that are null for everybody (`missing_traits`).
    """
    import ibis

    wanted = traits_named(names)
    needed = with_used(trait for trait in wanted if trait.name not in missing)
    told = [trait for trait in needed if trait.relation == "customers"]
    table = _with_columns(_with_aggregates(known, [trait for trait in needed if trait not in told]), told)
    columns = [
        (ibis.null(kind) if trait.name in missing else table[trait.name].cast(kind)).name(trait.name)
        for trait in wanted
        for kind in [ibis.dtype("array<string>" if trait.type == "list<string>" else trait.type)]
    ]
    return table.select(table.customer_id, *columns).order_by("customer_id")


@cache
def _duckdb_sql(names: tuple[str, ...], missing: frozenset[str]) -> str:
    """The SQL of some traits; compiling takes longer than running it for one customer, so it is kept."""
    import ibis

    return str(ibis.to_sql(trait_table(declared(), names, missing), dialect="duckdb"))


def _with_aggregates(known: TraitRelations, traits: list[Trait]) -> ir.Table:
    """The customers with each one's aggregates; who has no rows gets what the traits say of prospects.

    All joins are one chain, with nothing between: engines plan it many times faster than nested ones.
    """
    joined = known.customers
    for relation in RELATIONS:
        chosen = [trait for trait in traits if trait.relation == relation]
        if chosen:
            rows = getattr(known, relation)
            aggregates = {trait.name: trait.expression(rows) for trait in chosen}
            grouped = rows.group_by("customer_id").aggregate(
                **aggregates, **{_rows_of(relation): rows.count()}
            )
            joined = joined.left_join(grouped, "customer_id", rname=f"{{name}}_of_{relation}")
    filled = {
        trait.name: joined[_rows_of(trait.relation)].isnull().ifelse(trait.prospects, joined[trait.name])
        for trait in traits
        if trait.prospects is not None
    }
    return joined.mutate(**filled)


def _rows_of(relation: str) -> str:
    """The column that counts a customer's rows."""
    return f"rows_of_{relation}"


def _with_columns(customers: ir.Table, traits: list[Trait]) -> ir.Table:
    """Add columns made of columns: all at once whose columns are there, for the same reason."""
    while traits:
        waiting = {trait.name for trait in traits}
        ready = [trait for trait in traits if waiting.isdisjoint(trait.uses)]
        customers = customers.mutate(**{trait.name: trait.expression(customers) for trait in ready})
        traits = [trait for trait in traits if trait not in ready]
    return customers
