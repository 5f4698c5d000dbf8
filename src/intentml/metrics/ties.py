"""One 64-bit key a cell, whose ascending order is the ranking with ties broken at random.

In: scores, one row a ranking. Out: keys that carry the score, a random tie-breaker and two flags, so
that one plain sort (the fastest thing numpy does) ranks, breaks ties and moves the labels along. The
tie-breaker depends on the seed and the row's number alone: two predictors, or the same one in other
chunks, have their ties broken alike, so comparisons are paired.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

LABEL = np.uint64(1)
BEFORE = np.uint64(2)
_FLAG_BITS = np.uint64(2)
_SCORE_BITS = np.uint64(32)
_LOW_WORD = np.uint64(0xFFFFFFFF)
_MOST = 2**30


def tie_breakers(seed: int, rows: Iterable[int], width: int) -> NDArray[np.uint32]:
    """A random order of `width` entries for each row number, (B, width)."""
    entries = np.arange(width, dtype=np.uint32)
    drawn = [np.random.default_rng([seed, int(row)]).permutation(entries) for row in rows]
    return np.stack(drawn) if drawn else np.empty((0, width), dtype=np.uint32)


def ranking_keys(
    scores: ArrayLike, breakers: NDArray[np.uint32], labels: ArrayLike, before: ArrayLike
) -> NDArray[np.uint64]:
    """Keys whose ascending order is best score first, (B, width).

    Args:
        scores: Finite or infinite numbers, compared as float32, (B, width).
        breakers: Of `tie_breakers`, (B, width).
        labels: True where it happened, (B, width); bit 0 of the key.
        before: True where it had happened before as_of, (B, width); bit 1 of the key.

    Raises:
        ValueError: A score is not a number, or a row is too wide for the key.
    """
    narrow = np.ascontiguousarray(scores, dtype=np.float32)
    if narrow.shape[-1] > _MOST:
        raise ValueError(f"a ranking of {narrow.shape[-1]} entries, at most {_MOST} fit")
    if np.isnan(narrow).any():
        raise ValueError(f"{int(np.isnan(narrow).sum())} of {narrow.size} scores are not a number")
    # Adding zero makes -0.0 and 0.0 the same score. IEEE floats order like integers once the sign
    # bit of positive ones and all bits of negative ones are flipped; inverted, that is best first.
    bits = (narrow + np.float32(0.0)).view(np.uint32)
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(0x80000000))
    keys = (~ascending).astype(np.uint64) << _SCORE_BITS
    keys |= breakers.astype(np.uint64) << _FLAG_BITS
    keys |= np.asarray(before, dtype=np.bool_).astype(np.uint64) << LABEL
    keys |= np.asarray(labels, dtype=np.bool_).astype(np.uint64)
    return keys


def score_part(keys: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """The part of the keys that holds the score: equal exactly where scores tie."""
    return (keys >> _SCORE_BITS).astype(np.uint32)


def breaker_part(keys: NDArray[np.uint64]) -> NDArray[np.intp]:
    """The tie-breaker of each key, from which the entry's position can be looked up."""
    return ((keys & _LOW_WORD) >> _FLAG_BITS).astype(np.intp)
