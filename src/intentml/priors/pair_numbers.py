"""The design's numbers of candidate pairs, laid out in columns that stay where they are.

What comes in: a design and some of its pairs. What goes out: a matrix, one row a pair. Windows may differ in
the levels above a target that they know; what one does not know is zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from intentml.prediction import F32, at_places
from intentml.priors.designs import Design

I64 = npt.NDArray[np.int64]

# The only columns that another horizon changes.
OF_HORIZON = ("order", "rate")
_ROWS_AT_ONCE = 8_192


def column_names(design: Design) -> list[str]:
    """Every column of a design, those of the horizon last."""
    names = [*design.customer, *design.target, *design.pair]
    names += [name for parent in design.parents for name in parent.features]
    return [*(name for name in names if name not in OF_HORIZON), *OF_HORIZON]


def numbers_of(design: Design, columns: Sequence[str], rows: I64 | slice = slice(None)) -> F32:
    """Some columns of candidate pairs.

    Args:
        design: The design.
        columns: Names; those that the design does not have are zero.
        rows: Where the pairs stand among the design's; all of them, where left out. Shape: (n,).

    Returns:
        Shape: (n, columns).
    """
    customer, target = design.pair_customer[rows], design.pair_target[rows]
    by_pair = {name: design.pair[name][rows] for name in columns if name in design.pair}
    for parent in design.parents:
        told = [name for name in parent.features if name in columns]
        if told:
            place = parent.places(customer, target)
            by_pair |= {name: at_places(parent.features[name], place) for name in told}
    found = np.zeros((len(target), len(columns)), np.float32)
    # Written column by column a matrix of many rows leaves the processor's cache at every number.
    for start in range(0, len(target), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        for at, name in enumerate(columns):
            if name in design.customer:
                found[part, at] = design.customer[name][customer[part]]
            elif name in design.target:
                found[part, at] = design.target[name][target[part]]
            elif name in by_pair:
                found[part, at] = by_pair[name][part]
    return found
