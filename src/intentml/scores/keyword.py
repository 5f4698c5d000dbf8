"""Keyword search over the catalogue: names, brands and categories -> the products a word stands for.

What comes in: the catalogue's text, once, when scores are written; then a person's keyword. What
goes out: one file of the scores folder, and the products that match, most relevant first. It is a
real full-text engine (SQLite's FTS5, in the standard library: inverted index, English stemming,
BM25) and needs no download; DuckDB's full-text index is an extension that its wheel leaves out.
Where products were compared by meaning, a keyword of which none has a word finds those that mean the
like. It ranks no customers.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from intentml.errors import ScoresError, UnknownTargetError, nearest
from intentml.pairs.text import text_of
from intentml.scores.meaning import like_in_meaning, write_meanings
from intentml.scores.words import folded, indexed, plain, spellings, words_of

FILE_NAME = "products.fts.sqlite"
Mode = Literal["all", "beginning", "any", "meaning"]
MAX_WORDS = 32

# A word of the name says what a product is; its brand says whose, its categories what it is among.
_WEIGHTS = {"name": 10.0, "brand": 5.0, "categories": 2.0}
# Fewer letters begin too many words to mean one of them.
_SHORTEST_BEGINNING = 3

_SCHEMA = """
CREATE TABLE products (row INTEGER PRIMARY KEY, product_id TEXT, name TEXT, category TEXT, brand TEXT);
CREATE TABLE vocabulary (word TEXT PRIMARY KEY, products INTEGER) WITHOUT ROWID;
CREATE VIRTUAL TABLE texts USING fts5(
    name, brand, categories, content='', tokenize='porter unicode61 remove_diacritics 2'
);
"""
_MATCHING_ROWS = "SELECT rowid FROM texts WHERE texts MATCH ?"
_RANKED = """
SELECT p.product_id, -bm25(texts, :name, :brand, :categories) AS relevance, p.name, p.category, p.brand
FROM texts JOIN products AS p ON p.row = texts.rowid
WHERE texts MATCH :query AND (:rows IS NULL OR texts.rowid IN (SELECT value FROM json_each(:rows)))
ORDER BY relevance DESC, p.product_id
LIMIT :limit
"""
_OF_ROWS = """
SELECT row, product_id, name, category, brand FROM products WHERE row IN (SELECT value FROM json_each(?))
"""
_WORDS_OF_LIKE_LENGTH = """
SELECT word, products FROM vocabulary
WHERE abs(length(word) - length(:word)) <= 2 OR instr(word, :word)
"""


@dataclass(frozen=True)
class Match:
    """One product that matches a keyword.

    Attributes:
        product_id: The product.
        relevance: BM25 over name, brand and categories, or the cosine of meanings; higher is better,
            comparable within one answer alone.
        name: Its name, as in the catalogue.
        category: Its category.
        brand: Its brand.
        mode: How it matched, the same for all products of an answer. `all`: it has every word.
            `beginning`: no product has, but this one does when the last word may be the beginning
            of a longer one. `any`: none does either way; no product has more of the words. `meaning`:
            no product has any; what this one is called means the like.
    """

    product_id: str
    relevance: float
    name: str | None
    category: str | None
    brand: str | None
    mode: Mode


def build_index(
    path: Path,
    product_ids: Sequence[str],
    names: Sequence[str | None],
    categories: Sequence[str | None],
    category_paths: Sequence[str | None],
    brands: Sequence[str | None],
    *,
    by_meaning: bool = False,
) -> None:
    """Writes the index of a catalogue; it appears whole or not at all.

    Args:
        path: The file to write, over one that may be there.
        product_ids: Products, each once; row i of the other columns belongs to product i.
        names: Names, or None.
        categories: Main categories, or None.
        category_paths: Paths `a > b > c`, or None; every node is found.
        brands: Brands, or None.
        by_meaning: Whether products are to be found by meaning too, which takes the extra `semantic`.

    Raises:
        ValueError: Columns of different lengths.
        ModelError: `by_meaning`, and the extra is not installed.
        ScoresError: This Python's SQLite has no full-text engine.
    """
    rows = list(zip(product_ids, names, categories, category_paths, brands, strict=True))
    texts = [
        (row, indexed(name), indexed(brand), indexed(_joined(category, category_path)))
        for row, (_, name, category, category_path, brand) in enumerate(rows)
    ]
    counts = Counter(word for _, *fields in texts for word in {*words_of(" ".join(fields))})
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        with closing(sqlite3.connect(aside)) as connection, _engine_needed():
            # The file is new and thrown away on failure, so a journal would guard nothing.
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(_SCHEMA)
            connection.executemany(
                "INSERT INTO products VALUES (?, ?, ?, ?, ?)",
                (
                    (row, product_id, name, category, brand)
                    for row, (product_id, name, category, _, brand) in enumerate(rows)
                ),
            )
            connection.executemany(
                "INSERT INTO texts (rowid, name, brand, categories) VALUES (?, ?, ?, ?)", texts
            )
            connection.executemany("INSERT INTO vocabulary VALUES (?, ?)", sorted(counts.items()))
            connection.execute("INSERT INTO texts (texts) VALUES ('optimize')")
            if by_meaning:
                write_meanings(
                    connection, [text_of(name, path or category) for _, name, category, path, _ in rows]
                )
            connection.commit()
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    finally:
        Path(aside).unlink(missing_ok=True)


class Index:
    """An index, open: it answers from the file that it was opened on, whatever becomes of that name.

    Args:
        path: A file that `build_index` wrote; opened for reading alone.

    Raises:
        ScoresError: There is none.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ScoresError(
                f"the scores folder {path.parent.name} has no keyword index ({path.name})",
                hint="score the shop again, with a products table that has names or categories",
            )
        self._path, self._name = path, f"{path.parent.name}/{path.name}"
        # Read only, and without locks: the file never changes under its name.
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        self._one_at_a_time = threading.Lock()
        weakref.finalize(self, self._connection.close)

    def __reduce__(self) -> tuple[type[Index], tuple[Path]]:
        # Another process opens the file itself.
        return Index, (self._path,)

    def search(self, keyword: str, limit: int | None = None) -> list[Match]:
        """The products that a keyword stands for, most relevant first, ties by product_id; from any thread.

        Case, accents, umlauts (also spelled out: `kuehl`) and English plurals make no difference. The
        words may stand anywhere, in any order; nothing in a keyword is query syntax. Where the index knows
        meanings, a keyword of which no product has a word finds what means the like
        (experiments/0016-keyword-by-meaning).

        Args:
            keyword: One word or several.
            limit: At most so many products; None gives them all.

        Raises:
            ValueError: A limit below 1.
            UnknownTargetError: No word in the keyword, or no product matches; offers near words.
            ScoresError: The file is damaged.
            ModelError: The index knows meanings, and the extra `semantic` is not installed here.

        Source: BM25 as in S. Robertson, H. Zaragoza, The Probabilistic Relevance Framework: BM25 and
            Beyond, 2009, section 3, with k1 = 1.2, b = 0.75 (SQLite's constants).
        """
        if limit is not None and limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        words = _words(keyword)
        try:
            with self._one_at_a_time:
                found = _matches(self._connection, words, limit) or _alike(self._connection, keyword, limit)
                if not found:
                    raise _nothing_found(self._connection, keyword, words)
        except sqlite3.DatabaseError as error:
            raise ScoresError(
                f"the keyword index {self._name} cannot be read: {error}", hint="score the shop again"
            ) from error
        return found


def _matches(connection: sqlite3.Connection, words: Sequence[str], limit: int | None) -> list[Match]:
    """The strictest reading of the words that some product satisfies."""
    whole = [_either(spellings(word)) for word in words]
    begun = [*whole[:-1], _either(_begun_by(connection, words[-1]))]
    readings: tuple[tuple[Mode, list[str]], ...] = (("all", whole), ("beginning", begun))
    for mode, expressions in readings:
        found = _ranked(connection, " AND ".join(f"({one})" for one in expressions), mode, limit)
        if found:
            return found
    words_of_row = Counter(row for one in begun for (row,) in connection.execute(_MATCHING_ROWS, (one,)))
    most = max(words_of_row.values(), default=0)
    best = [row for row, held in words_of_row.items() if held == most]
    return _ranked(connection, " OR ".join(f"({one})" for one in begun), "any", limit, best)


def _alike(connection: sqlite3.Connection, keyword: str, limit: int | None) -> list[Match]:
    """The products that are called something of like meaning."""
    cosine = like_in_meaning(connection, keyword)
    found = [
        Match(product_id, cosine[row], name, category, brand, "meaning")
        for row, product_id, name, category, brand in connection.execute(_OF_ROWS, (json.dumps([*cosine]),))
    ]
    return sorted(found, key=lambda match: (-match.relevance, match.product_id))[:limit]


def _ranked(
    connection: sqlite3.Connection,
    query: str,
    mode: Mode,
    limit: int | None,
    only_rows: Sequence[int] | None = None,
) -> list[Match]:
    bounds = {
        "rows": None if only_rows is None else json.dumps(only_rows),
        "limit": -1 if limit is None else limit,
    }
    rows = connection.execute(_RANKED, {"query": query, **bounds, **_WEIGHTS})
    return [
        Match(product_id, relevance, name, category, brand, mode)
        for product_id, relevance, name, category, brand in rows
    ]


def _either(words: Sequence[str]) -> str:
    """A query for any of the words; quoted, a word is never read as syntax."""
    return " OR ".join(f'"{word}"' for word in words)


def _begun_by(connection: sqlite3.Connection, word: str) -> list[str]:
    """The spellings of a word and the catalogue's words that begin with one of them."""
    typed = spellings(word)
    longer = [
        longer
        for beginning in typed
        if len(beginning) >= _SHORTEST_BEGINNING
        for (longer,) in connection.execute(
            "SELECT word FROM vocabulary WHERE word > ? AND word < ? ORDER BY word",
            (beginning, beginning + chr(0x10FFFF)),
        )
    ]
    return [*typed, *longer]


def _words(keyword: str) -> list[str]:
    """The keyword's words, folded but with umlauts, each once; the last typed stays the last."""
    words = list(dict.fromkeys(reversed(words_of(folded(keyword)))))[::-1]
    if not words:
        raise UnknownTargetError(
            f"the keyword {keyword[:80]!r} has no letter or digit",
            hint="name a word of a product's name, brand or category",
        )
    if len(words) > MAX_WORDS:
        raise UnknownTargetError(
            f"the keyword has {len(words)} different words, and at most {MAX_WORDS} are searched",
            hint="name the words that tell the products apart",
        )
    return words


def _joined(category: str | None, category_path: str | None) -> str:
    """All nodes of a product, its category once."""
    if not category or not category_path:
        return category or category_path or ""
    nodes = [node.strip() for node in category_path.split(">")]
    return category_path if category in nodes else f"{category} {category_path}"


@contextmanager
def _engine_needed() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "fts5" not in str(error):
            raise
        raise ScoresError(
            "this Python's SQLite has no full-text engine (FTS5)",
            hint="use a Python from python.org or conda",
        ) from error


def _nothing_found(connection: sqlite3.Connection, keyword: str, words: Sequence[str]) -> UnknownTargetError:
    near: dict[str, int] = {}
    for word in map(plain, words):
        candidates = dict(connection.execute(_WORDS_OF_LIKE_LENGTH, {"word": word}))
        near |= {found: candidates[found] for found in nearest(word, candidates, limit=3)}
    if near:
        offered = ", ".join(f"{word} ({products:,})" for word, products in near.items())
        hint = f"near words of the catalogue, with their products: {offered}"
    elif connection.execute("SELECT 1 FROM vocabulary").fetchone():
        hint = "name a word of a product's name, brand or category"
    else:
        hint = "the products table has no names, brands or categories to search"
    return UnknownTargetError(f"no product matches the keyword {keyword[:80]!r}", hint=hint)
