"""Foreign names -> ours: which table and which columns of the source are meant.

What comes in: a TOML file (`[orders]  table = "invoices"  customer_id = "CustomerID"`). What goes
out: a checked `Mapping`, and raw tables under our names. It changes no value.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from intentml.errors import MappingError, nearest
from intentml.tables.contracts import CONTRACTS, Contract

TABLE_KEY = "table"


@dataclass(frozen=True)
class TableMapping:
    """Names of one table.

    Attributes:
        table: Table or file name in the source; None = as in the contract.
        columns: Our column name -> the source's.
    """

    table: str | None = None
    columns: MappingABC[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Mapping:
    """Names of all tables; an empty one leaves every name as it is."""

    tables: MappingABC[str, TableMapping] = field(default_factory=dict)

    def __getitem__(self, name: str) -> TableMapping:
        return self.tables.get(name, TableMapping())

    def wanted(self, contract: Contract) -> frozenset[str] | None:
        """The source's columns that reading needs; None = all (an open table keeps them all)."""
        if contract.open:
            return None
        return frozenset(contract.names) | frozenset(self[contract.name].columns.values())


def read_mapping(columns: str | Path | None) -> Mapping:
    """Reads and checks a column mapping; None is the empty mapping.

    Raises:
        MappingError: No such file, no TOML, an unknown table or column of ours, a value of no text.
    """
    if columns is None:
        return Mapping()
    path = Path(columns)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        raise MappingError(f"no column mapping at {path}", hint="name a TOML file with --columns") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(
            f"{path} is no TOML file: {error}",
            hint='write it as [orders] and, below, customer_id = "CustomerID"',
        ) from None
    return Mapping({name: _table_mapping(name, section) for name, section in content.items()})


def renamed(
    raw: pa.Table, names: TableMapping, contract: Contract, there: Sequence[str] | None = None
) -> pa.Table:
    """The raw table under our column names.

    A source's column may serve several of ours. A column that already has one of our names gives
    way to the one that the mapping names for it.

    Args:
        raw: The table as read.
        names: The mapping of this table.
        contract: Our table.
        there: All columns of the source, where not all were read.

    Raises:
        MappingError: The mapping names a column that the source does not have.
    """
    for ours, foreign in names.columns.items():
        if foreign not in raw.column_names:
            there = there or raw.column_names
            raise MappingError(
                f"the mapping takes {contract.name}.{ours} from {foreign!r}, which the source does not have",
                table=contract.name,
                column=ours,
                hint=f"nearest columns there: {', '.join(nearest(foreign, there) or there)}",
            )
    given_away = set(names.columns.values()) | set(names.columns)
    names_once = dict.fromkeys(raw.column_names)  # of a repeated name the first column counts
    kept = [(name, raw.column_names.index(name)) for name in names_once if name not in given_away]
    mapped = [(ours, raw.column_names.index(foreign)) for ours, foreign in names.columns.items()]
    columns = mapped + kept
    return pa.table([raw.column(index) for _, index in columns], names=[name for name, _ in columns])


def _table_mapping(name: str, section: Any) -> TableMapping:
    """One section of the file, checked against the table's contract."""
    if name not in CONTRACTS:
        raise MappingError(
            f"the mapping has a section [{name}], and no table is called so",
            table=name,
            hint=f"tables: {', '.join(CONTRACTS)}",
        )
    if not isinstance(section, dict):
        raise MappingError(
            f"the mapping has {name} = {section!r} where a section [{name}] belongs", table=name
        )
    for ours, foreign in section.items():
        if not isinstance(foreign, str):
            raise MappingError(
                f"the mapping of {name}.{ours} is {foreign!r}, not a name in quotes", table=name, column=ours
            )
        if ours != TABLE_KEY and ours not in CONTRACTS[name] and not CONTRACTS[name].open:
            near = nearest(ours, CONTRACTS[name].names)
            raise MappingError(
                f"the mapping names {name}.{ours}, and no such column is known",
                table=name,
                column=ours,
                hint=f"our names stand left of the =; nearest: {', '.join(near) or 'none'}"
                f"; all: {', '.join(CONTRACTS[name].names)}",
            )
    columns = {ours: foreign for ours, foreign in section.items() if ours != TABLE_KEY}
    return TableMapping(section.get(TABLE_KEY), columns)
