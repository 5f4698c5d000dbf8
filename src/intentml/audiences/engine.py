"""Where rules run: an in-memory DuckDB that holds the shop's tables and what leaves found.

What comes in: Arrow tables and Ibis expressions. What goes out: Ibis tables, SQL text and Arrow. Spark has
the same five verbs; nothing else of an engine is asked for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from intentml.errors import RuleError

if TYPE_CHECKING:
    import ibis.expr.types as ir


class Engine(Protocol):
    """What rules need of an engine."""

    def table(self, name: str, content: pa.Table) -> ir.Table:
        """The content as a table of that name."""

    def kept(self, name: str, sql: str) -> ir.Table:
        """The answer to such SQL, worked out once, as a table of that name."""

    def drop(self, name: str) -> None:
        """Let go of a table."""

    def sql(self, expression: ir.Expr) -> str:
        """The expression in the engine's SQL."""

    def arrow(self, sql: str) -> pa.Table:
        """The answer to such SQL."""


class DuckDBEngine:
    """An in-memory DuckDB.

    Args:
        threads: How many it may use; all of the machine's if left out.
    """

    def __init__(self, threads: int | None = None) -> None:
        import ibis

        self._backend = ibis.duckdb.connect(threads=threads or os.cpu_count() or 1)
        self._connection: Any = self._backend.con
        # A DuckDB connection answers one question at a time.
        self._one_at_a_time = threading.Lock()

    def table(self, name: str, content: pa.Table) -> ir.Table:
        """The content, copied: DuckDB's own layout is faster to scan than Arrow."""
        with self._one_at_a_time:
            self._connection.register("incoming", content)
            self._connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM incoming')
            self._connection.unregister("incoming")
        return self._backend.table(name)

    def kept(self, name: str, sql: str) -> ir.Table:
        """The answer."""
        with self._one_at_a_time, _refused():
            self._connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS {sql}')
        return self._backend.table(name)

    def drop(self, name: str) -> None:
        """Its room is free again."""
        with self._one_at_a_time:
            self._connection.execute(f'DROP TABLE IF EXISTS "{name}"')

    def sql(self, expression: ir.Expr) -> str:
        """DuckDB's SQL."""
        import ibis

        return str(ibis.to_sql(expression, dialect="duckdb"))

    def arrow(self, sql: str) -> pa.Table:
        """The answer."""
        with self._one_at_a_time, _refused():
            answer: pa.Table = self._connection.sql(sql).to_arrow_table()
        return answer


@contextmanager
def _refused() -> Iterator[None]:
    """What DuckDB finds wrong with a rule's values; its own words may hold somebody's."""
    import duckdb

    try:
        yield
    except (duckdb.InvalidInputException, duckdb.DataError) as problem:
        raise RuleError(
            f"DuckDB cannot answer the rule: {type(problem).__name__}",
            hint="regular expressions are those of RE2: without look-around and references back, "
            "and at most 1,000 repetitions",
        ) from None
