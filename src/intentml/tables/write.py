"""A shop's tables -> a folder of Parquet files, whole or not at all.

What comes in: Arrow tables named by the contracts. What goes out: orders.parquet, and products,
customers, events where given. Files are written in a folder aside and renamed into place. It
judges no content (`validate`) and never touches a file that it could not have written.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from intentml.errors import DataError
from intentml.tables.contracts import CONTRACTS


def write_shop(
    folder: Path,
    *,
    orders: pa.Table,
    products: pa.Table | None = None,
    customers: pa.Table | None = None,
    events: pa.Table | None = None,
) -> None:
    """Writes a shop's tables as `folder/<table>.parquet` (zstd), nothing half-written.

    A new or empty folder appears whole, by one rename. In a shop folder that is already there the
    tables are replaced, the ones not given now are removed, and files of other names stay. There
    the old orders go first and the new ones come last, so that a run cut off in between leaves a
    folder that is refused for its missing orders, never a mix of two shops.

    Args:
        folder: Where to; its parents are made.
        orders: Order lines.
        products: Catalogue, if the shop has one.
        customers: Customers, if the shop has them.
        events: Behaviour, if the shop has any.

    Raises:
        DataError: `folder` is a file, or holds files but no shop written here, or tables as CSV.
    """
    folder = Path(folder)
    given = {"orders": orders, "products": products, "customers": customers, "events": events}
    tables = {name: table for name, table in given.items() if table is not None}
    _refuse_foreign(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, table in tables.items():
            pq.write_table(table, aside / f"{name}.parquet", compression="zstd")
        if folder.exists() and any(folder.iterdir()):
            _replace_tables(aside, folder, names=tuple(tables))
        else:
            aside.chmod(0o755)
            aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _replace_tables(aside: Path, folder: Path, names: tuple[str, ...]) -> None:
    """Moves the new tables over the old ones; orders leave first and arrive last."""
    for name in CONTRACTS:
        if name == "orders" or name not in names:
            (folder / f"{name}.parquet").unlink(missing_ok=True)
    for name in sorted(names, key=lambda name: name == "orders"):
        (aside / f"{name}.parquet").replace(folder / f"{name}.parquet")


def _refuse_foreign(folder: Path) -> None:
    """Raises unless `folder` is absent, empty, or a shop folder of Parquet tables."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DataError(f"{folder} is a file, not a folder", hint="name a folder to write the tables to")
    held = sorted(path.name for path in folder.iterdir())
    ours = {f"{name}.parquet" for name in CONTRACTS}
    as_csv = [name for name in held if name.split(".", 1)[0] in CONTRACTS and name not in ours]
    if as_csv:
        raise DataError(
            f"{folder} holds {as_csv[0]}, which would stand beside the Parquet table of the same name",
            hint="choose another folder, or move that file away",
        )
    if held and not ours.intersection(held):
        raise DataError(
            f"{folder} is not empty and holds no shop ({len(held)} files, e.g. {held[0]})",
            hint="choose an empty or a new folder",
        )
