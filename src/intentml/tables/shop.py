"""The four tables of a shop, read and normalised: what the door hands to everybody inside.

What comes in: Arrow tables that already keep their contracts. What goes out: one frozen value.
It does not read files (`read`) and judges nothing (`validate`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True)
class RuleCount:
    """How many rows a documented rule for dirt touched.

    Attributes:
        table: Table name.
        rule: Short name of the rule, e.g. `no_customer`.
        count: Rows touched.
        meaning: What was done with them, in one sentence.
    """

    table: str
    rule: str
    count: int
    meaning: str


@dataclass(frozen=True, repr=False)
class ShopTables:
    """A shop's tables after reading.

    Every contract column is present (nulls where the source lacks it) with its contract's Arrow
    type; instants are UTC; ids are text. `orders` keeps every line, exact repeats too
    (the rules in `dirt` count them).

    Attributes:
        orders: Order lines, in source order.
        products: Catalogue (no rows where the shop has none).
        customers: Customers (no rows where the shop has none); open to further columns.
        events: Behaviour (no rows where the shop has none); open to further columns.
        present: For each table, the columns that the source really has.
        timezone: The shop's time zone (IANA name).
        source: Where it was read from, for manifests.
        fingerprint: Hash of the normalised content; the same rows give the same text. Empty for
            order lines alone, which no manifest tells of.
        counts: What the documented rules for dirt found.
        ignored: For each table, columns of the source that no contract knows and nothing reads.
    """

    orders: pa.Table
    products: pa.Table
    customers: pa.Table
    events: pa.Table
    present: dict[str, tuple[str, ...]]
    timezone: str
    source: str
    fingerprint: str
    counts: tuple[RuleCount, ...] = ()
    ignored: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        # Counts alone: a log file or a traceback is no place for people's addresses.
        rows = ", ".join(f"{getattr(self, name).num_rows:,} {name}" for name in self.present)
        return f"ShopTables({rows}; {self.source}, {self.timezone})"
