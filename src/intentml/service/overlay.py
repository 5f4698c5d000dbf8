"""Customers whose order lines came in after the scores were made, scored anew.

What comes in: a scored shop and order lines that it does not know. What goes out: scores of these
customers alone, which stand in the place of the shop's. A customer's numbers depend on that customer's
lines and the shop, not on when or with whom they came: every worker, and every start after a crash,
works out the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.errors import UnknownCustomerError, without_address
from intentml.inference.online import read_histories
from intentml.scores.customers import YEAR_DAYS, customer_table
from intentml.scores.facts import Bought, bought_before
from intentml.scores.partitions import join_targets, predict_in_parts
from intentml.scores.scores import Scores
from intentml.tables.alike import with_news
from intentml.tables.lines import PURCHASE, line_roles
from intentml.timeline import Snapshot
from intentml.timeline.columns import strings
from intentml.timeline.histories import first_full_hour_after

if TYPE_CHECKING:
    from intentml.service.shop import ScoredShop


@dataclass(frozen=True, eq=False, repr=False)
class Overlay:
    """Customers scored anew.

    Attributes:
        lines: What came in of each customer, as the table orders after reading.
        scores: Of these customers; None where there are none.
        as_of: Of which instant each customer's scores are, ISO 8601.
    """

    lines: Mapping[str, pa.Table] = field(default_factory=dict)
    scores: Scores | None = None
    as_of: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return 0 if self.scores is None else len(self.scores)


def with_lines(shop: ScoredShop, overlay: Overlay, batches: Sequence[pa.Table]) -> Overlay:
    """The overlay once these lines came in too; customers whom they do not name stay as they are.

    Args:
        shop: The shop, as it was scored.
        overlay: What came before.
        batches: Order lines, as the table orders after reading, as they came together.
    """
    came: dict[str, pa.Table] = {}
    for lines in batches:
        for customer, mine in _by_customer(lines):
            before = came.get(customer, overlay.lines.get(customer, mine[:0]))
            came[customer] = with_news(before, mine)
    histories = [history for customer, mine in came.items() if len(history := _history(shop, customer, mine))]
    snapshots = [_snapshot(shop, *group) for group in _by_instant(shop, histories)]
    fresh = [scored(shop, snapshot) for snapshot in snapshots]
    stay = np.array([row for row, one in enumerate(overlay.as_of) if one not in came], dtype=np.int64)
    kept = [_taken(overlay.scores, stay)] if overlay.scores is not None and len(stay) else []
    as_of = {one: instant for one, instant in overlay.as_of.items() if one not in came}
    as_of |= {one: snapshot.as_of.iso for snapshot in snapshots for one in snapshot.customer_ids}
    return Overlay(
        lines={**overlay.lines, **came},
        scores=_joined(shop.scores, [*kept, *fresh]),
        as_of=dict(sorted(as_of.items())),
    )


def warm(shop: ScoredShop) -> None:
    """Work out, before anybody waits for it, what scoring anybody anew needs of the shop."""
    owners = shop.scores.histories["customer"]
    for row in owners[:1].to_pylist():
        scored(shop, snapshot_of_customer(shop, Overlay(), shop.scores.customer_ids[row]))


def _by_customer(lines: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The lines of each customer, in the order they came."""
    lines = lines.filter(lines["customer_id"].is_valid())
    ids = strings(lines["customer_id"].combine_chunks())
    order = np.argsort(ids, kind="stable")
    lines, ids = lines.take(pa.array(order)), ids[order]
    starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]][: len(ids)])
    for start, end in zip(starts, [*starts, len(ids)][1:], strict=True):
        yield ids[start], lines.slice(start, end - start)


def _history(shop: ScoredShop, customer: str, came: pa.Table) -> pa.Table:
    """All that is known of a customer; nothing where the scores know every line, or nothing was bought."""
    known = shop.history(customer)
    whole = with_news(known, came.select(known.column_names))
    bought = (line_roles(whole) == PURCHASE).any()
    return whole if bought and not whole.equals(known) else whole[:0]


def snapshot_of_customer(shop: ScoredShop, overlay: Overlay, customer: str) -> Snapshot:
    """What is known of one customer, with what came in, as of the instant of the customer's scores.

    Raises:
        UnknownCustomerError: Nobody of that id has bought anything.
    """
    history = shop.history(customer)
    if customer in overlay.lines:
        history = with_news(history, overlay.lines[customer].select(history.column_names))
    if not (line_roles(history) == PURCHASE).any():
        raise UnknownCustomerError(
            f"no purchase of customer {without_address(customer)!r} is known",
            hint="of somebody who never bought there is no history to explain",
        )
    return _snapshot(shop, history, first_full_hour_after(history, shop.state.as_of))


def _by_instant(shop: ScoredShop, histories: Sequence[pa.Table]) -> list[tuple[pa.Table, int]]:
    """Histories that are looked at as of the same instant, together, and that instant."""
    groups: dict[int, list[pa.Table]] = {}
    for history in histories:
        groups.setdefault(first_full_hour_after(history, shop.state.as_of), []).append(history)
    return [(pa.concat_tables(mine), us) for us, mine in sorted(groups.items())]


def _snapshot(shop: ScoredShop, histories: pa.Table, as_of_us: int) -> Snapshot:
    """The customers of some histories as of an instant, the shop being as it was scored."""
    as_of = replace(shop.state.as_of, us=as_of_us)
    return read_histories(histories, replace(shop.state, as_of=as_of)).snapshot


def scored(shop: ScoredShop, snapshot: Snapshot) -> Scores:
    """Scores of the customers of a snapshot."""
    manifest = shop.scores.manifest
    predictions = [
        predict_in_parts(shop.predictor, snapshot, days, shop.kinds(days)) for days in manifest.horizons
    ]
    year = shop.predictor.predict(snapshot, YEAR_DAYS, kinds=())
    limits = manifest.limits
    table, _ = customer_table(snapshot, predictions, year, limits.lifecycle, limits.importance)
    targets = {
        (kind, prediction.horizon_days): scores
        for prediction in predictions
        for kind, scores in prediction.targets.items()
    }
    return shop.scores.of_others(table, targets, bought_before(snapshot))


def _taken(scores: Scores, rows: npt.NDArray[np.int64]) -> Scores:
    """Scores of some customers, in this order."""
    targets = {key: of.take(rows) for key, of in scores.targets.items()}
    return scores.of_others(scores.table.take(pa.array(rows)), targets, scores.bought.take(rows))


def _joined(shop: Scores, parts: Sequence[Scores]) -> Scores | None:
    """Scores of the customers of all parts, sorted by id."""
    if not parts:
        return None
    bought = [part.bought for part in parts]
    joined = shop.of_others(
        pa.concat_tables([part.table for part in parts]).cast(shop.table.schema.remove_metadata()),
        {key: join_targets([part.targets[key] for part in parts]) for key in parts[0].targets},
        Bought(
            np.concatenate([[0], np.cumsum(np.concatenate([np.diff(one.indptr) for one in bought]))]),
            *(
                np.concatenate([getattr(one, name) for one in bought])
                for name in ("target", "last_days", "count")
            ),
        ),
    )
    return _taken(joined, np.argsort(joined.customer_ids, kind="stable"))
