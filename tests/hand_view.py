"""A shop as a view written by hand: one column a field, purchases as (row, product) pairs.

What comes in: values. What goes out: a `ShopView` without events and without a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from intentml.audiences.view import LINES, ShopView
from intentml.timeline import Instant
from intentml.timeline.catalogue import Catalogue


def hand_view(
    categories: Sequence[str] = (), bought: Iterable[tuple[int, int]] = (), **fields: Iterable[object]
) -> ShopView:
    """A view.

    Args:
        categories: Of the products p0, p1 ...
        bought: Who bought which product: rows.
        **fields: Values of all customers, by field.
    """
    table = pa.table({name: pa.array(list(values)) for name, values in fields.items()})
    customers = [f"c{row:05d}" for row in range(len(table))]
    pairs = sorted(bought)
    count = len(pairs)
    lines = [
        [row for row, _ in pairs],
        [1] * count,
        [1.0] * count,
        [product for _, product in pairs],
        [1.0] * count,
        [None] * count,
    ]
    nothing = np.array([None] * len(categories), object)
    products = np.array([f"p{number}" for number in range(len(categories))], object)
    return ShopView(
        as_of=Instant.of("2024-03-01"),
        customers=table.add_column(0, "customer_id", pa.array(customers, pa.string())),
        lines=pa.table(
            [pa.array(values, field.type) for values, field in zip(lines, LINES, strict=True)], schema=LINES
        ),
        events=None,
        catalogue=Catalogue(products, nothing, np.array(categories, object), nothing, nothing),
    )
