"""Texts as vectors: what products are called, by letters or by meaning.

What comes in: names and categories. What goes out: vectors of length 1, whose dot products say how much two
texts are alike.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from intentml.prediction import TextKind
from intentml.tables.contracts import PATH_SEPARATOR
from intentml.timeline.catalogue import Catalogue, Strings

# Character n-grams within words: plurals, compounds and misspellings stay near each other.
_NGRAMS = (3, 5)
_BUCKETS = 2**18


class TextVectors(Protocol):
    """A way to make vectors of texts."""

    def of(self, texts: Strings) -> Any:
        """Vectors of length 1 (0 of a text without any sign). Shape: (n, D), a matrix dense or sparse."""


class HashedNgrams:
    """Vectors by hashed character n-grams, rare ones the heavier.

    Args:
        texts: Texts to count in how many each n-gram stands.
    """

    def __init__(self, texts: Strings) -> None:
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

        self._ngrams = HashingVectorizer(
            analyzer="char_wb",
            ngram_range=_NGRAMS,
            n_features=_BUCKETS,
            alternate_sign=False,
            norm=None,
            binary=True,
            dtype=np.float32,
        )
        self._weights = TfidfTransformer().fit(self._ngrams.transform(texts))

    def of(self, texts: Strings) -> Any:
        """Sparse vectors. Shape: (n, 2^18)."""
        return self._weights.transform(self._ngrams.transform(texts))


def text_vectors(kind: TextKind, texts: Strings) -> TextVectors:
    """A way to make vectors, fitted to the texts of a shop where it needs to be.

    Raises:
        ModelError: `semantic`, and the extra is not installed.
    """
    if kind == "semantic":
        from intentml.pairs.semantic import SentenceVectors

        return SentenceVectors()
    return HashedNgrams(texts)


def product_texts(catalogue: Catalogue) -> Strings:
    """The text of each product; empty where it has neither name nor category. Shape: (P,)."""
    told = zip(catalogue.names, catalogue.paths, catalogue.categories, strict=True)
    return np.array([text_of(name, path or category) for name, path, category in told], dtype=object)


def text_of(name: str | None, category: str | None) -> str:
    """The text of one product: its name, and its category or the last node of a path, in lower case.

    >>> text_of("Earl Grey", "FOOD > TEA > BLACK TEA")
    'earl grey black tea'
    """
    node = category and category.rsplit(PATH_SEPARATOR, 1)[-1]
    return " ".join(part for part in (name, node) if part).lower()
