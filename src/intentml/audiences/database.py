"""Where a ledger is kept: a DuckDB file, or any database that SQLAlchemy reaches.

What comes in: a place, and plain SQL with `:named` values. What goes out: rows and Arrow tables, inside
transactions that happen whole or not at all. It knows the SQL that both kinds share and no membership.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from intentml.errors import LedgerError
from intentml.tables.sources import described

if TYPE_CHECKING:
    import duckdb

INCOMING = "incoming_members"
_ROWS = "incoming_rows"
IN_MEMORY = ":memory:"
_NAMED = re.compile(r":(\w+)")


class Database(Protocol):
    """One connection to one place."""

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside is kept together, or none of it: after an error, a kill, a power cut.

        Raises:
            LedgerError: Whatever the database raised.
        """

    def execute(self, sql: str, **values: Any) -> None:
        """Run a statement."""

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """The answer of a query of few rows."""

    def table(self, sql: str, schema: pa.Schema, **values: Any) -> pa.Table:
        """The answer of a query of many rows."""

    def insert(self, table: str, rows: pa.Table) -> None:
        """Put rows into a table, column by name."""

    def stage(self, members: pa.Table) -> None:
        """Put members (customer_id, holdout) where this connection's SQL finds them, as `INCOMING`."""

    def rewrite(self) -> None:
        """Write the place anew, so that its bytes hold nothing that was deleted; outside of transactions.

        A server's database sees to that itself.

        Raises:
            LedgerError: Whatever the database raised.
        """

    def close(self) -> None:
        """Let go of the place."""


def connect(place: str | Path, *, must_exist: bool) -> Database:
    """Open a place: a path or `duckdb://path` is a DuckDB file, any other URL is SQLAlchemy's.

    Args:
        place: Where.
        must_exist: Whether a file that is not there is an error, else it is made.

    Raises:
        LedgerError: It is in use, no database, not there, or cannot be reached.
    """
    kind, _, rest = str(place).rpartition("://")
    file = {"": rest, "duckdb": rest, "sqlite": rest.removeprefix("/")}.get(kind)
    if must_exist and file and not Path(file).is_file():
        raise LedgerError(f"there is no ledger at {file}", hint="`intentml audience refresh` makes one")
    return _DuckFile(rest) if kind in ("", "duckdb") else _Reached(str(place))


class _DuckFile:
    """A DuckDB file; one process at a time has it open."""

    def __init__(self, path: str) -> None:
        import duckdb

        self._path, self._error = path, duckdb.Error
        self._connection = self._opened()

    def _opened(self) -> duckdb.DuckDBPyConnection:
        """A connection to the file."""
        import duckdb

        try:
            connection = duckdb.connect(
                self._path,
                # A file of another kind is an error, not a reason to fetch an extension that reads it.
                config={"autoinstall_known_extensions": False, "autoload_known_extensions": False},
            )
            place = connection.execute(
                "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
            ).fetchone()
        except duckdb.Error as problem:
            raise _unopened(self._path, str(problem)) from None
        # It took a CSV or Parquet file for tables of its own.
        if self._path != IN_MEMORY and (place is None or place[0] is None):
            raise _unopened(self._path, "no DuckDB file")
        return connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        try:
            self._connection.begin()
            try:
                yield
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()  # where it fails, it has rolled back
        except self._error as problem:
            raise _failed(self._path, problem) from None

    def execute(self, sql: str, **values: Any) -> None:
        self._answer(sql, values)

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return list(self._answer(sql, values).fetchall())

    def table(self, sql: str, schema: pa.Schema, **values: Any) -> pa.Table:
        relation = self._connection.sql(_NAMED.sub(r"$\1", sql), params=values)
        return relation.to_arrow_table().cast(schema)

    def insert(self, table: str, rows: pa.Table) -> None:
        self._connection.register(_ROWS, rows)
        self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM {_ROWS}")
        self._connection.unregister(_ROWS)

    def stage(self, members: pa.Table) -> None:
        self._connection.register(INCOMING, members)

    def rewrite(self) -> None:
        import duckdb

        if self._path == IN_MEMORY:
            return
        aside = Path(f"{self._path}.rewritten")
        aside.unlink(missing_ok=True)
        try:
            [(name,)] = self.rows("SELECT current_database()")
            place = str(aside).replace("'", "''")
            self._connection.execute(f"ATTACH '{place}' AS rewritten")
            self._connection.execute(f'COPY FROM DATABASE "{name}" TO rewritten')
            self._connection.execute("DETACH rewritten")
        except self._error as problem:
            aside.unlink(missing_ok=True)
            raise _failed(self._path, problem) from None
        self._connection.close()
        try:
            # Refused while anybody has the old file open: what they write would be lost with it.
            duckdb.connect(self._path, read_only=True).close()
            aside.replace(self._path)
        except duckdb.Error:
            aside.unlink()
            raise LedgerError(
                f"{self._path} is open elsewhere: its bytes may still hold what was deleted",
                hint="close it there and do the same again",
            ) from None
        finally:
            self._connection = self._opened()

    def close(self) -> None:
        self._connection.close()

    def _answer(self, sql: str, values: dict[str, Any]) -> Any:
        return self._connection.execute(_NAMED.sub(r"$\1", sql), values)


class _Reached:
    """A database that SQLAlchemy reaches."""

    def __init__(self, url: str) -> None:
        self._place = described(url)
        try:
            import sqlalchemy
        except ImportError:
            raise LedgerError(
                f"{self._place} is no DuckDB file, and SQLAlchemy is not installed",
                hint="pip install sqlalchemy and the database's driver, or name a file",
            ) from None
        self._text = sqlalchemy.text
        self._error = sqlalchemy.exc.SQLAlchemyError
        try:
            # An error's text must not hold a customer: neither the values sent nor those stored.
            self._engine = sqlalchemy.create_engine(url, hide_parameters=True)
            self._connection = self._engine.connect()
        except (self._error, ImportError) as problem:
            raise LedgerError(
                f"{self._place} cannot be connected to ({type(problem).__name__})",
                hint="check the URL; is the database's driver installed?",
            ) from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        try:
            with self._connection.begin():
                yield
        except self._error as problem:
            raise _failed(self._place, problem) from None

    def execute(self, sql: str, **values: Any) -> None:
        self._connection.execute(self._text(sql), values)

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.execute(self._text(sql), values)]

    def table(self, sql: str, schema: pa.Schema, **values: Any) -> pa.Table:
        columns = list(zip(*self.rows(sql, **values), strict=True)) or [()] * len(schema)
        return pa.table(
            [pa.array(column).cast(field.type) for column, field in zip(columns, schema, strict=True)],
            schema=schema,
        )

    def insert(self, table: str, rows: pa.Table) -> None:
        if rows.num_rows:
            names = rows.column_names
            told = f"({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
            self._connection.execute(self._text(f"INSERT INTO {table} {told}"), rows.to_pylist())

    def stage(self, members: pa.Table) -> None:
        self.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {INCOMING} "
            "(customer_id VARCHAR(255) PRIMARY KEY, holdout SMALLINT NOT NULL)"
        )
        self.execute(f"DELETE FROM {INCOMING}")
        self.insert(INCOMING, members)

    def rewrite(self) -> None:
        if self._engine.dialect.name != "sqlite":
            return
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(self._text("VACUUM"))
        except self._error as problem:
            raise _failed(self._place, problem) from None

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()


def _unopened(path: str, reason: str) -> LedgerError:
    """A DuckDB file that cannot be opened."""
    holder = re.search(r"PID \d+", reason)
    if "lock" in reason:
        return LedgerError(
            f"the ledger {path} is in use by another process{f' ({holder[0]})' if holder else ''}",
            hint="one process at a time writes it: wait until that one ends, or end it, and try again",
        )
    return LedgerError(
        f"{path} cannot be opened as a ledger: it is no DuckDB file, or its folder is not there",
        hint="name a file that `intentml audience refresh` made, or a new one in a folder that exists",
    )


def _failed(place: str, problem: Exception) -> LedgerError:
    """A statement that did not happen; nothing of its transaction is kept."""
    reason = (str(problem).splitlines() or [""])[0]
    told = "" if "@" in reason else f": {reason}"  # a database may quote a value, and a value an address
    return LedgerError(
        f"the ledger {place} refused, and nothing was stored ({type(problem).__name__}{told})",
        hint="did another process write it at the same time? try again",
    )
