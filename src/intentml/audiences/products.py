"""Which products a leaf names: by id, category, brand or keyword.

What comes in: a catalogue and what is asked. What goes out: rows of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from intentml.audiences.leaves import Events, Purchases
from intentml.audiences.view import I32
from intentml.errors import RuleError, nearest
from intentml.scores.selection import find_category, products_of
from intentml.timeline.catalogue import Catalogue


def product_rows(
    catalogue: Catalogue, asked: Purchases | Events, found: Callable[[str], Sequence[str]]
) -> I32:
    """Rows of the products named, ascending. Shape: (n,).

    Args:
        catalogue: The products known.
        asked: Names them.
        found: Gives the ids of products that match a keyword.

    Raises:
        UnknownTargetError: A category is unknown.
        RuleError: A brand or a product is.
    """
    groups = [find_category(catalogue, name) for name in asked.category]
    ids = [*asked.product, *(found(asked.keyword) if asked.keyword is not None else ())]
    rows = [row for group in groups for row in products_of(catalogue, *group)]
    for kind, names in (("brand", asked.brand), ("product", ids)):
        for one in names:
            if one not in catalogue.targets(kind).targets:
                near = nearest(one, catalogue.targets(kind).targets)
                raise RuleError(
                    f"the {kind} {one!r} is unknown",
                    hint=f"did you mean {', '.join(near)}?" if near else None,
                )
            rows += products_of(catalogue, kind, one)
    return np.unique(np.array(rows, np.int32))
