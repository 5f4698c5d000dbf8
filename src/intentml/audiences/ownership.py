"""Whose ledger it is: a ledger belongs to one shop, and has one version.

What comes in: a place, the tables of a kind of ledger, what tells the shop from others. What goes out: an
open database in which they are. Ledgers of several kinds may share one place.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from intentml.audiences.database import Database, connect
from intentml.errors import LedgerError


def open_owned(
    place: str | Path, kind: str, version: int, tables: Iterable[str], *, shop: str, must_exist: bool
) -> Database:
    """Open the ledger of a shop; made at first use.

    Args:
        place: A DuckDB file, or the URL of a database that SQLAlchemy reaches.
        kind: Name of the table that keeps version and owner.
        version: Of the tables.
        tables: Statements that make them where they are not there.
        shop: What tells the shop from others as it grows: words, most of which stay; kept.
        must_exist: For who only asks: a file that is not there is an error.

    Raises:
        LedgerError: It belongs to another shop, is in use, is no ledger, or is not there.
    """
    database = connect(place, must_exist=must_exist)
    try:
        with database.transaction():
            found, owner = _owner(database, kind, version, tables, shop)
        if found != version:
            raise LedgerError(
                f"the ledger has version {found}, this package reads {version}", hint="start a new ledger"
            )
        if not same_shop(owner, shop):
            raise LedgerError(
                f"the ledger belongs to shop {short(owner)}, and this is shop {short(shop)}",
                hint="each shop has a ledger of its own: name another file",
            )
        if owner != shop:
            with database.transaction():
                database.execute(f"UPDATE {kind} SET shop = :shop", shop=shop)
    except BaseException:
        database.close()
        raise
    return database


def short(mark: str) -> str:
    """A shop's mark by its first word, its oldest purchase."""
    return mark.partition(" ")[0]


def same_shop(one: str, other: str) -> bool:
    """Whether two marks are of the same shop: most of the words of the shorter stand in the other.

    >>> same_shop("a b c", "a c d"), same_shop("a b c", "c d e")
    (True, False)
    """
    words, others = set(one.split()), set(other.split())
    return one == other or 2 * len(words & others) > min(len(words), len(others))


def forget(database: Database, table: str, customer_id: str) -> int:
    """Take every row of a customer out of a table, and out of the file's bytes; how many there were."""
    where = f"FROM {table} WHERE customer_id = :customer_id"
    with database.transaction():
        [(count,)] = database.rows(f"SELECT count(*) {where}", customer_id=customer_id)
        database.execute(f"DELETE {where}", customer_id=customer_id)
    database.rewrite()
    return int(count)


def _owner(database: Database, kind: str, version: int, tables: Iterable[str], shop: str) -> tuple[int, str]:
    """Version of the tables and the shop they belong to; both are made at first use."""
    database.execute(
        f"CREATE TABLE IF NOT EXISTS {kind} "
        "(id SMALLINT PRIMARY KEY, version SMALLINT NOT NULL, shop VARCHAR(255) NOT NULL)"
    )
    for statement in tables:
        database.execute(statement)
    find = f"SELECT version, shop FROM {kind}"
    if not database.rows(find):
        database.execute(
            f"INSERT INTO {kind} (id, version, shop) VALUES (1, :version, :shop)", version=version, shop=shop
        )
    [(found, owner)] = database.rows(find)
    return found, owner
