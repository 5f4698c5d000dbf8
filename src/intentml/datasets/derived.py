"""A shop derived from a source: its tables in the contract's columns, and what was done on the way.

What comes in: Arrow tables and constant SQL. What goes out: Arrow tables, and a written folder.
Columns that a source lacks are left out, never written as nulls, so that a reader can tell what
the shop really has. It reads no source and knows none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from intentml.tables.shop import RuleCount
from intentml.tables.write import write_shop


@dataclass(frozen=True)
class DerivedShop:
    """The tables of one shop before they are written.

    Attributes:
        orders: Order lines; timestamps without a zone are the shop's own clock.
        products: Catalogue, where the source has products.
        customers: Customers, where the source tells anything about them.
        events: Behaviour, where the source has any.
        counts: What the conversion decided, and for how many rows.
    """

    orders: pa.Table
    products: pa.Table | None = None
    customers: pa.Table | None = None
    events: pa.Table | None = None
    counts: tuple[RuleCount, ...] = ()

    def write(self, folder: Path) -> tuple[RuleCount, ...]:
        """Writes the tables into `folder` and returns `counts`."""
        write_shop(
            folder,
            orders=self.orders,
            products=self.products,
            customers=self.customers,
            events=self.events,
        )
        return self.counts


def select(sql: str, **tables: pa.Table) -> pa.Table:
    """Runs one constant SQL query over named Arrow tables, in memory.

    >>> select("SELECT x + 1 AS y FROM numbers", numbers=pa.table({"x": [1]}))["y"].to_pylist()
    [2]
    """
    import duckdb

    with duckdb.connect(":memory:") as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return connection.sql(sql).to_arrow_table()
