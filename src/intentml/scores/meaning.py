"""Products by the meaning of a keyword, for keywords of which no product has a word.

What comes in: texts of products, once, when the text index is written; then a keyword. What goes out: a table
of vectors in that index, and the rows of the products nearest in meaning. An index without the table knows
words alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

# Below it a keyword and a name share less and less (experiments/0016-keyword-by-meaning).
LEAST_COSINE = 0.4

_TABLE = "CREATE TABLE meanings (rows TEXT, vector BLOB)"
_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE name = 'meanings'"


def write_meanings(connection: sqlite3.Connection, texts: Sequence[str]) -> None:
    """Write what products are called, as vectors.

    Args:
        connection: The index.
        texts: Of each product, by row; one without a text is not found.

    Raises:
        ModelError: The extra `semantic` is not installed.
    """
    rows = defaultdict(list)
    for row, text in enumerate(texts):
        if text:
            rows[text].append(row)
    connection.execute(_TABLE)
    if rows:
        told = zip(rows.values(), _vectors(list(rows)), strict=True)
        connection.executemany(
            "INSERT INTO meanings VALUES (?, ?)",
            ((json.dumps(some), vector.tobytes()) for some, vector in told),
        )


def like_in_meaning(connection: sqlite3.Connection, keyword: str) -> dict[int, float]:
    """Rows of the products whose texts are near a keyword in meaning, and their cosines.

    Raises:
        ModelError: The index knows meanings, and the extra `semantic` is not installed here.
    """
    if not connection.execute(_HAS_TABLE).fetchone():
        return {}
    asked = _vectors([keyword.lower()])[0].astype(np.float32)
    return {
        row: cosine
        for rows, vector in connection.execute("SELECT rows, vector FROM meanings")
        if (cosine := float(np.frombuffer(vector, np.float16).astype(np.float32) @ asked)) >= LEAST_COSINE
        for row in json.loads(rows)
    }


def _vectors(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float16]]:
    """Sentence vectors of half precision, which moves a cosine by a thousandth. Shape: (n, 384)."""
    from intentml.pairs.semantic import SentenceVectors

    return SentenceVectors().of(np.array(texts, dtype=object)).astype(np.float16)
