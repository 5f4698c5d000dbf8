"""Byte-for-byte comparison of what two shops answer.

What comes in: named arrays (dense, sparse, text, numbers), flattened here out of snapshots, pair
tables and whatever else is made of arrays. What goes out: nothing, or an AssertionError that names
the first array that differs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from intentml.timeline import Snapshot

Arrays = dict[str, np.ndarray]


def assert_same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> None:
    """Fail unless both hold the same names with the same types, shapes and bytes."""
    assert list(one) == list(other), f"names differ: {sorted(set(one) ^ set(other))}"
    for name, left in one.items():
        right = other[name]
        assert left.dtype == right.dtype, f"{name}: {left.dtype} and {right.dtype}"
        assert left.shape == right.shape, f"{name}: {left.shape} and {right.shape}"
        same = left.tolist() == right.tolist() if left.dtype == object else left.tobytes() == right.tobytes()
        assert same, f"{name} differs:\n{left}\n{right}"


def arrays_of(value: Any, name: str = "value") -> Arrays:
    """Every array inside a value: dataclasses, mappings, lists, sparse matrices, tables, plain numbers."""
    if isinstance(value, np.ndarray):
        return {name: value}
    if sparse.issparse(value):
        matrix = sparse.csr_array(value)
        matrix.sort_indices()
        return {f"{name}.{part}": getattr(matrix, part) for part in ("indptr", "indices", "data")}
    if isinstance(value, pd.DataFrame):
        return arrays_of(pa.Table.from_pandas(value, preserve_index=True), name)
    if isinstance(value, pa.Table):
        return {f"{name}.{column}": _bytes_of(value[column]) for column in value.column_names}
    if dataclasses.is_dataclass(value):
        fields = [field for field in dataclasses.fields(value) if field.compare]  # the rest are caches
        return _merged((f"{name}.{field.name}", getattr(value, field.name)) for field in fields)
    if isinstance(value, Mapping):
        return _merged((f"{name}[{key}]", item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return _merged((f"{name}[{number}]", item) for number, item in enumerate(value))
    return {name: np.array(value)}


def snapshot_arrays(snapshot: Snapshot) -> Arrays:
    """Every array of a snapshot, its shop-wide context and the targets of its catalogue."""
    return {
        **arrays_of(snapshot, "snapshot"),
        **arrays_of({kind: snapshot.catalogue.targets(kind) for kind in snapshot.catalogue.kinds}, "targets"),
    }


def _merged(items: Any) -> Arrays:
    merged: Arrays = {}
    for name, item in items:
        merged.update(arrays_of(item, name))
    return merged


def _bytes_of(column: pa.ChunkedArray) -> np.ndarray:
    """A column as an array of Python values, NaN told apart from null and equal to itself."""
    values = [repr(value) for value in column.to_pylist()]
    return np.array(values, dtype=object)
