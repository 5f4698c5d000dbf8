"""Arrow columns as arrays: text as numbers of sorted ids, instants as microseconds.

What comes in: tables that keep their contracts. What goes out: numpy arrays, one value a row, with
-1, NaN or NEVER where a value is missing. It compares no time with any as_of.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.tables.lines import line_quantities
from intentml.timeline.catalogue import Catalogue, Strings
from intentml.timeline.instants import NEVER
from intentml.timeline.lines import I64, Lines

# What a line is made of; order ids and product ids become numbers.
LINE_COLUMNS = [
    "customer_id",
    "order_id",
    "ordered_at",
    "product_id",
    "quantity",
    "unit_price",
    "currency",
    "recorded_at",
    "returned_at",
]


def lines_of(orders: pa.Table, rows: I64, customer_ids: pa.Array, product_ids: pa.Array) -> Lines:
    """The lines in source order; a return's pieces and money keep their sign in `amount` alone.

    Args:
        orders: Some rows of the orders table.
        rows: Which rows they are. Shape: (n,).
        customer_ids: Sorted ids.
        product_ids: Likewise.
    """
    at = micros(orders["ordered_at"])
    quantity = line_quantities(orders)
    return Lines(
        customer=codes(orders["customer_id"], customer_ids).astype(np.int64),
        order=ranks(orders["order_id"]).astype(np.int64),
        at=at,
        # Nothing is known before it happens, whatever the clock that recorded it says.
        known_at=np.maximum(micros(orders["recorded_at"], missing=at), at),
        product=codes(orders["product_id"], product_ids),
        quantity=np.abs(quantity),
        amount=quantity * pc.fill_null(orders["unit_price"], float("nan")).to_numpy(),
        currency=ranks(orders["currency"]),
        returned_at=micros(orders["returned_at"]),
        row=rows.astype(np.int32),
    )


def sorted_unique(*columns: pa.ChunkedArray) -> pa.Array:
    """The distinct values of some text columns, sorted by code point, without null."""
    merged = pa.chunked_array([chunk for column in columns for chunk in column.chunks], type=pa.string())
    unique = pc.drop_null(pc.unique(merged))
    return unique.take(pc.array_sort_indices(unique))


def codes(column: pa.ChunkedArray, ids: pa.Array) -> npt.NDArray[np.int32]:
    """The row of each value in `ids`, -1 for null."""
    rows: npt.NDArray[np.int32] = pc.fill_null(pc.index_in(column, value_set=ids), -1).to_numpy()
    return rows.astype(np.int32, copy=False)


def ranks(column: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """The rank of each text among the sorted distinct texts, -1 for null."""
    return codes(column, sorted_unique(column))


def strings(values: pa.Array) -> Strings:
    """Text as Python strings, None for null."""
    texts: Strings = values.to_numpy(zero_copy_only=False).astype(object)
    return texts


def micros(column: pa.ChunkedArray, missing: I64 | int = NEVER) -> I64:
    """Instants as microseconds; nulls become `missing`."""
    values = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    absent = values.is_null().to_numpy()
    return np.where(absent, missing, pc.fill_null(values, 0).to_numpy())


def since(table: pa.Table, key: str, ids: pa.Array) -> I64:
    """From when a table knew each id: its created_at, the beginning where null, NEVER without a row."""
    since = np.full(len(ids), NEVER, np.int64)
    rows = codes(table[key], ids)
    since[rows[rows >= 0]] = micros(table["created_at"], missing=-NEVER)[rows >= 0]
    return since


def catalogue_of(products: pa.Table, product_ids: pa.Array) -> Catalogue:
    """All products, described where the products table has a row."""
    row = pc.index_in(product_ids, value_set=products["product_id"].combine_chunks())
    described = {
        name: strings(products[column].combine_chunks().take(row))
        for name, column in (
            ("names", "name"),
            ("categories", "category"),
            ("paths", "category_path"),
            ("brands", "brand"),
        )
    }
    return Catalogue(strings(product_ids), **described)
