"""The door: a folder, database or frames -> `ShopTables`, or one error that tells everything.

What comes in: a source, an optional column mapping, the shop's time zone. What goes out: the four
tables in the contract's names and types, with what the rules for dirt counted. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa

from intentml.errors import DataError, nearest
from intentml.tables.contracts import CONTRACTS
from intentml.tables.dirt import count_dirt, without_impossible_positions
from intentml.tables.fingerprint import fingerprint
from intentml.tables.mapping import Mapping, read_mapping
from intentml.tables.normalise import Normalised, normalise
from intentml.tables.shop import ShopTables
from intentml.tables.sources import RawTable, described, frame_to_arrow, load
from intentml.tables.validate import Failure, raise_failures, renumbered, validate


def read_shop(
    source: str | Path,
    *,
    columns: str | Path | None = None,
    timezone: str = "UTC",
    progress: bool = False,
) -> ShopTables:
    """Reads a shop's tables, gives them the contract's types and checks them.

    Args:
        source: A folder with orders, products, customers, events as .parquet, .csv or .csv.gz; a
            `.duckdb` file; or a database URL that Ibis connects to (`duckdb://`, `sqlite://`,
            `postgres://` ...). Only orders is required.
        columns: TOML file of foreign names: `[orders]`, then `customer_id = "CustomerID"`, and
            `table = "invoices"` for another file or table name.
        timezone: The shop's zone (IANA name): times without a zone are local to it.
        progress: Whether to show a progress bar on stderr.

    Raises:
        ContractError: Tables break their contracts; it lists every rule broken.
        MappingError: The mapping names what is not there.
        DataError: There is nothing to read, or it cannot be read.
    """
    _check_timezone(timezone)
    mapping = read_mapping(columns)
    return _told(_read(load(source, mapping), mapping, timezone, described(source), progress=progress))


def shop_from_frames(
    orders: Any,
    products: Any = None,
    customers: Any = None,
    events: Any = None,
    *,
    columns: str | Path | None = None,
    timezone: str = "UTC",
    source: str = "frames",
) -> ShopTables:
    """The same for tables in memory: pandas DataFrames, Arrow tables, or what hands out Arrow.

    Args:
        orders: Order lines.
        products: Catalogue, if there is one.
        customers: Customers, if there are any.
        events: Behaviour, if there is any.
        columns: As for `read_shop`; its `table` entries do not matter here.
        timezone: As for `read_shop`.
        source: Where they are from, for messages and manifests.

    Raises:
        ContractError: Tables break their contracts; it lists every rule broken.
        MappingError: The mapping names what is not there.
        DataError: Something handed over is no table.
    """
    _check_timezone(timezone)
    frames = {"orders": orders, "products": products, "customers": customers, "events": events}
    raw = {
        name: RawTable.whole(frame_to_arrow(frame, name))
        for name, frame in frames.items()
        if frame is not None or name == "orders"
    }
    return _told(_read(raw, read_mapping(columns), timezone, source))


def orders_alone(orders: pa.Table, *, timezone: str, source: str) -> ShopTables:
    """A few order lines, read and checked as a shop's are, with no dirt counted and no fingerprint.

    Args:
        orders: The lines, in the contract's names.
        timezone: As for `read_shop`.
        source: Where they are from, for messages.

    Raises:
        ContractError: Lines break the contract; it lists every rule broken.
    """
    return _read({"orders": RawTable.whole(orders)}, read_mapping(None), timezone, source)


def _read(
    raw: dict[str, RawTable], mapping: Mapping, timezone: str, source: str, *, progress: bool = False
) -> ShopTables:
    """Raw tables as a shop, or every failure at once; they are let go one by one."""
    read: dict[str, Normalised] = {}
    failures: list[Failure] = []
    malformed = {name: table.malformed for name, table in raw.items()}
    for name in _watched(list(raw)) if progress else list(raw):
        read[name] = normalise(CONTRACTS[name], raw.pop(name), mapping[name], timezone)
        failures += read[name].failures
    failures += validate({name: normalised.table for name, normalised in read.items()})
    raise_failures([renumbered(failure, malformed[failure.table]) for failure in failures], source)

    tables = {
        name: read[name].table if name in read else contract.schema.empty_table()
        for name, contract in CONTRACTS.items()
    }
    return ShopTables(
        **tables,
        present={name: read[name].present if name in read else () for name in CONTRACTS},
        timezone=timezone,
        source=source,
        fingerprint="",
        ignored={name: normalised.ignored for name, normalised in read.items() if normalised.ignored},
    )


def _told(shop: ShopTables) -> ShopTables:
    """The shop with what its manifest tells: the hash of its content, and the dirt that was counted."""
    return replace(
        shop,
        fingerprint=fingerprint({name: getattr(shop, name) for name in CONTRACTS}),
        # Counted before mended: a value that is set aside is still told.
        counts=count_dirt(shop),
        customers=without_impossible_positions(shop.customers),
    )


def _watched(names: list[str]) -> Iterable[str]:
    """The names with a progress bar."""
    from tqdm import tqdm

    watched: Iterable[str] = tqdm(names, desc="reading tables", unit="table")
    return watched


def _check_timezone(timezone: str) -> None:
    """Raises on a zone that nobody knows."""
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        near = nearest(timezone, sorted(available_timezones()))
        raise DataError(
            f"time zone {timezone!r} is unknown",
            hint=f"use an IANA name, e.g. {', '.join(near) or 'Europe/Madrid'}",
        ) from None
