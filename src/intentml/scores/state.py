"""The shop's state at `as_of`, out of its scores.

What comes in: scores, in memory or from a folder. What goes out: the `ShopState` that the scores were
made in, number for number, so that a later request is answered in the same shop; and what they know of one
customer in it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intentml.inference.online import read_histories
from intentml.scores.scores import Scores
from intentml.tables.lines import PURCHASE, line_roles
from intentml.timeline import Instant, Snapshot
from intentml.timeline.context import WINDOWS_DAYS, ShopContext
from intentml.timeline.histories import ShopState, as_orders


def shop_state(scores: Scores) -> ShopState:
    """Catalogue, prices, popularity and the few shop-wide numbers of a scoring run."""
    manifest, catalogue = scores.manifest, scores.catalogue
    popularity = {}
    for kind in catalogue.kinds:
        counts = scores.context.filter(pc.equal(scores.context["kind"], kind))
        popularity[kind] = {window: counts[f"buyers_{window}"].to_numpy() for window in WINDOWS_DAYS}
    return ShopState(
        as_of=Instant.of(manifest.as_of, manifest.timezone),
        start=Instant.of(manifest.start, manifest.timezone),
        catalogue=catalogue,
        currency=manifest.currency,
        context=ShopContext(
            customers=manifest.counts["customers"],
            buyers=manifest.counts["buyers"],
            active=manifest.active,
            popularity=popularity,
            price=scores.products["price"].to_numpy(),
            mean_order=manifest.mean_order,
            returned_share=manifest.returned_share,
        ),
    )


def known_history(scores: Scores, customer_id: str) -> pa.Table:
    """The order lines that the scores know of a customer, as the table orders after reading."""
    row, lines = scores.find(customer_id), scores.histories
    own = lines[:0] if row is None else _of_customer(lines, row)
    return as_orders(own, pa.repeat(customer_id, len(own)).cast(pa.string()))


def known_snapshot(scores: Scores, customer_id: str) -> Snapshot | None:
    """What the scores know of one customer, at their own instant; None of somebody who never bought."""
    history = known_history(scores, customer_id)
    if not (line_roles(history) == PURCHASE).any():
        return None
    return read_histories(history, shop_state(scores)).snapshot


def _of_customer(lines: pa.Table, row: int) -> pa.Table:
    """The lines of one customer, found without reading those of the others."""
    start = 0
    for chunk in lines["customer"].chunks:
        owners = chunk.to_numpy()
        first, end = np.searchsorted(owners, [row, row + 1])
        if end > first:  # a customer's lines may go on in the next chunk
            rest = _of_customer(lines.slice(start + len(owners)), row) if end == len(owners) else lines[:0]
            return pa.concat_tables([lines.slice(start + first, end - first), rest])
        start += len(owners)
    return lines[:0]
