"""Products like each other by their text: what speaks for a product that nobody has bought.

What comes in: a catalogue and how many bought each product. What goes out: for a product never sold the
bought products whose texts are most like its own, and how much they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.pairs.neighbours import MIN_BUYERS
from intentml.pairs.text import product_texts, text_vectors
from intentml.prediction import TextKind
from intentml.timeline import Snapshot
from intentml.timeline.catalogue import Catalogue, Strings
from intentml.timeline.context import ShopContext

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

# Between 10 and 100 the shops of experiments/0009-new-products hardly tell them apart.
NEAREST = 30
# Cosines are squared, so that a few products much alike outweigh many that share a word.
_SHARPNESS = 2.0
_TEXTS_AT_ONCE = 256


class LikeProducts:
    """The bought products of a shop, to be found by text.

    Args:
        catalogue: All products.
        buyers: Customers who ever bought each. Shape: (P,).
        kind: What texts are compared by.

    Raises:
        ModelError: `semantic`, and the extra is not installed.
    """

    def __init__(self, catalogue: Catalogue, buyers: I64, kind: TextKind) -> None:
        texts = product_texts(catalogue)
        sold = np.flatnonzero((buyers >= MIN_BUYERS) & (texts != ""))
        sold = sold[np.argsort(-buyers[sold], kind="stable")]  # of equal texts the most bought speak first
        self.texts, self._vectors, self._of_sold = texts, None, None
        if len(sold):
            distinct, number = np.unique(texts[sold].astype(str), return_inverse=True)
            self._vectors = text_vectors(kind, distinct)
            self._of_sold = self._vectors.of(distinct)
            self._products = grouped(number, sold)

    def nearest(self, texts: Strings) -> list[tuple[I64, F32]]:
        """The products most like each text, at most so many, and their squared cosines."""
        if self._vectors is None or self._of_sold is None:
            return [(np.zeros(0, np.int64), np.zeros(0, np.float32))] * len(texts)
        found = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            block: Any = self._vectors.of(texts[start : start + _TEXTS_AT_ONCE]) @ self._of_sold.T
            cosines = block.toarray() if sparse.issparse(block) else block
            found += [_nearest(cosine, self._products) for cosine in cosines]
        return found

    def column(self, text: str) -> sparse.csr_array:
        """How much each product is like one text. Shape: (P, 1), sparse."""
        ((near, value),) = self.nearest(np.array([text], dtype=object))
        return sparse.csr_array((value, (near, np.zeros_like(near))), shape=(len(self.texts), 1))


class Likeness:
    """Who is like whom among a shop's products, found once a shop: it does not hang on who is asked about.

    Args:
        kind: What texts are compared by.
    """

    def __init__(self, kind: TextKind) -> None:
        self.kind = kind
        self._last: tuple[object, sparse.csr_array] | None = None

    @classmethod
    def found(cls, kind: TextKind, shop: ShopContext, like: sparse.csr_array) -> Likeness:
        """The likeness of a shop for which it was found before."""
        known = cls(kind)
        known._last = shop, like
        return known

    def of(self, snapshot: Snapshot) -> tuple[sparse.csr_array, TextKind] | None:
        """How much products that nobody has bought (columns) are like those bought (rows).

        Returns:
            Squared cosines, and what texts are compared by. Shape: (P, P), sparse. None where they are not.
        """
        if self.kind == "none":
            return None
        last = self._last
        if last is None or last[0] is not snapshot.shop:
            buyers = snapshot.shop.popularity["product"][0]
            last = self._last = snapshot.shop, likeness(snapshot.catalogue, buyers, self.kind)
        return last[1], self.kind


def likeness(catalogue: Catalogue, buyers: I64, kind: TextKind) -> sparse.csr_array:
    """How much products never sold (columns) are like the bought ones (rows) nearest them. Shape: (P, P)."""
    bought = LikeProducts(catalogue, buyers, kind)
    new = np.flatnonzero((buyers == 0) & (bought.texts != ""))
    rows, columns, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    if len(new):
        asked, number = np.unique(bought.texts[new].astype(str), return_inverse=True)
        for here, (near, value) in zip(grouped(number, new), bought.nearest(asked), strict=True):
            rows.append(np.tile(near, len(here)))
            columns.append(np.repeat(here, len(near)))
            values.append(np.tile(value, len(here)))
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array(entries, shape=(len(catalogue), len(catalogue)))


def grouped(group: I64, values: I64) -> list[I64]:
    """The values of each group, 0 and up without a gap, in the order that they come in.

    >>> [some.tolist() for some in grouped(np.array([1, 0, 1]), np.array([7, 8, 9]))]
    [[8], [7, 9]]
    """
    order = np.argsort(group, kind="stable")
    return np.split(values[order], np.flatnonzero(np.diff(group[order])) + 1)


def _nearest(cosine: F32, products: Sequence[I64]) -> tuple[I64, F32]:
    """Of the texts with the largest cosines their products, at most so many."""
    keep = min(NEAREST, len(cosine))
    best = np.argpartition(-cosine, keep - 1)[:keep]
    best = best[np.lexsort((best, -cosine[best]))]
    best = best[cosine[best] > 0]
    near = [np.zeros(0, np.int64), *(products[text][:NEAREST] for text in best)]
    value = np.repeat(cosine[best] ** _SHARPNESS, [len(some) for some in near[1:]])
    return np.concatenate(near)[:NEAREST], value[:NEAREST].astype(np.float32)
