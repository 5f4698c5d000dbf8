"""What a scores folder keeps of the shop itself: products, how many buy what, who bought what when.

What comes in: a snapshot and its log. What goes out: Arrow tables and arrays as they are written.
Nothing here is predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.pairs.history import pair_history
from intentml.prediction import TextKind
from intentml.scores.keyword import build_index
from intentml.tables.contracts import CONTRACTS
from intentml.timeline import OrderLog, Snapshot
from intentml.timeline.catalogue import Catalogue
from intentml.timeline.context import WINDOWS_DAYS
from intentml.timeline.snapshot import ranges

CONTEXT_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("target", pa.string()),
        *((f"buyers_{days}", pa.int64()) for days in WINDOWS_DAYS),
    ]
)


@dataclass(frozen=True)
class Bought:
    """Which products each customer bought before, in CSR layout.

    Attributes:
        indptr: Row pointers over customers. Shape: (U + 1,).
        target: Product rows. Shape: (n,).
        last_days: Days from the newest purchase to `as_of`. Shape: (n,).
        count: Orders with the product. Shape: (n,).
    """

    indptr: npt.NDArray[np.int64]
    target: npt.NDArray[np.int32]
    last_days: npt.NDArray[np.float32]
    count: npt.NDArray[np.int32]

    def last_days_of(self, row: int, products: int) -> npt.NDArray[np.float64]:
        """Days since one customer's newest purchase of each product, NaN where never. Shape: (P,)."""
        mine = slice(self.indptr[row], self.indptr[row + 1])
        last = np.full(products, np.nan)
        last[self.target[mine]] = self.last_days[mine]
        return last

    def take(self, customers: npt.NDArray[np.int64]) -> Bought:
        """Those of some customers, in this order."""
        entries = ranges(self.indptr, customers)
        indptr = np.concatenate([[0], np.cumsum(np.diff(self.indptr)[customers])])
        return Bought(indptr, self.target[entries], self.last_days[entries], self.count[entries])


def bought_before(snapshot: Snapshot) -> Bought:
    """Every customer's products."""
    history = pair_history(snapshot, "product")
    return Bought(
        history.indptr,
        history.target,
        history.last_days.astype(np.float32),
        history.count.astype(np.int32),
    )


def product_table(snapshot: Snapshot) -> pa.Table:
    """The catalogue: what products are, with prices as known from order lines."""
    catalogue = snapshot.catalogue
    texts = {
        "product_id": catalogue.product_ids,
        "name": catalogue.names,
        "category": catalogue.categories,
        "category_path": catalogue.paths,
        "brand": catalogue.brands,
    }
    columns = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    price = snapshot.shop.price
    return pa.table({**columns, "price": pa.array(price, pa.float64(), mask=np.isnan(price))})


def context_table(snapshot: Snapshot) -> pa.Table:
    """Distinct buyers per kind, target and window, targets sorted within a kind."""
    tables = [CONTEXT_SCHEMA.empty_table()]
    for kind in snapshot.catalogue.kinds:
        targets = snapshot.catalogue.targets(kind).targets
        buyers = [snapshot.shop.popularity[kind][window] for window in WINDOWS_DAYS]
        columns = [pa.repeat(kind, len(targets)).cast(pa.string()), targets, *buyers]
        arrays = [pa.array(values, field.type) for values, field in zip(columns, CONTEXT_SCHEMA, strict=True)]
        tables.append(pa.table(arrays, schema=CONTEXT_SCHEMA))
    return pa.concat_tables(tables)


def write_text_index(path: Path, catalogue: Catalogue, text: TextKind) -> None:
    """Write the index that keywords are looked up in; by meaning too where texts are compared by it."""
    texts = (catalogue.product_ids, catalogue.names, catalogue.categories, catalogue.paths, catalogue.brands)
    build_index(path, *(list(column) for column in texts), by_meaning=text == "semantic")


def counts_of(snapshot: Snapshot) -> dict[str, int]:
    """How many customers, buyers, prospects, orders, products, and targets of each kind there are."""
    buyers = int((snapshot.n_orders > 0).sum())
    return {
        "customers": len(snapshot),
        "buyers": buyers,
        "prospects": len(snapshot) - buyers,
        "orders": len(snapshot.orders),
        "products": len(snapshot.catalogue),
    }


def undated_columns(log: OrderLog) -> dict[str, tuple[str, ...]]:
    """Columns of products and customers without a time of their own, as the source has them."""
    dated = {
        column.name for contract in CONTRACTS.values() for column in contract.columns if column.kind == "time"
    }
    keys = {"product_id", "customer_id"}
    return {
        table: tuple(name for name in log.tables.present.get(table, ()) if name not in dated | keys)
        for table in ("products", "customers")
    }
