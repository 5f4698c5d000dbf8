"""A shop's content -> one short text that changes when any value does.

What comes in: tables after reading. What goes out: a BLAKE2b hash of names, types and values. File
format, row chunks, buffers and values hidden under nulls do not count; the order of rows does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

_DIGEST_BYTES = 16


def fingerprint(tables: Mapping[str, pa.Table]) -> str:
    """Hash of some tables: 32 hexadecimal digits.

    A column without any value counts like a column that is not there.

    Args:
        tables: Table name -> content; the order of tables and of columns does not count.
    """
    whole = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for table_name in sorted(tables):
        table = tables[table_name]
        whole.update(f"table {table_name} {table.num_rows}\n".encode())
        for name in sorted(table.column_names):
            column = table[name]
            if column.null_count < len(column):
                whole.update(f"column {name} {column.type}\n".encode())
                whole.update(_column_digest(column))
    return whole.hexdigest()


def _column_digest(column: pa.ChunkedArray) -> bytes:
    """Hash of one column, chunk after chunk, as if it were one."""
    # Nulls, lengths and content each have their own stream: so chunks leave no seam.
    streams = [hashlib.blake2b(digest_size=_DIGEST_BYTES) for _ in range(3)]
    nulls, lengths, content = streams
    for chunk in column.chunks:
        if column.null_count:
            nulls.update(_bytes(chunk.is_null().to_numpy(zero_copy_only=False)))
        if pt.is_string(chunk.type) or pt.is_large_string(chunk.type):
            filled = pc.fill_null(chunk, "")
            lengths.update(_bytes(pc.binary_length(filled).to_numpy(zero_copy_only=False).astype("<i8")))
            content.update(_text_bytes(filled))
        elif pt.is_floating(chunk.type):
            # Adding zero turns -0.0 into 0.0: equal numbers, equal bytes.
            numbers = pc.fill_null(chunk, 0.0).to_numpy(zero_copy_only=False)
            content.update(_bytes(numbers.astype("<f8") + 0.0))
        elif pt.is_boolean(chunk.type):
            content.update(_bytes(pc.fill_null(chunk, False).to_numpy(zero_copy_only=False)))
        elif pt.is_integer(chunk.type) or pt.is_timestamp(chunk.type) or pt.is_date32(chunk.type):
            days_or_ticks = pa.int32() if pt.is_date32(chunk.type) else pa.int64()
            whole = pc.fill_null(chunk.cast(days_or_ticks, safe=False), 0)
            content.update(_bytes(whole.to_numpy(zero_copy_only=False).astype("<i8")))
        else:
            for value in chunk.to_pylist():
                content.update(f"{value!r},".encode())
    return b"".join(stream.digest() for stream in streams)


def _text_bytes(texts: pa.Array) -> Any:
    """The bytes of all texts one after the other, without a copy."""
    _, offsets_buffer, data = texts.buffers()
    if data is None or len(texts) == 0:
        return b""
    width = np.dtype("<i8" if pt.is_large_string(texts.type) else "<i4")
    offsets = np.frombuffer(offsets_buffer, dtype=width)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data)[int(offsets[0]) : int(offsets[-1])]


def _bytes(values: np.ndarray[Any, Any]) -> Any:
    """An array's memory."""
    return np.ascontiguousarray(values).view(np.uint8).data
