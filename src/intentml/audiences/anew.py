"""A shop as it was scored, and the view of customers whose order lines came in since.

What comes in: what was known of the shop at the instant of its scores; order lines told since, and scores of
the customers they name. What goes out: a `ShopView` of these customers alone, each as of the instant of that
customer's scores, in the shop as it was scored: its products, quintiles and newcomers' means. Somebody new
has no events and no profile before the next scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.audiences.audiences import Audiences
from intentml.audiences.newcomers import Usual
from intentml.audiences.ranking import ScoresRanking
from intentml.audiences.scored import customers_of, events_of, lines_of, usual_days_of, usual_of
from intentml.audiences.view import ShopView, joined
from intentml.errors import RuleError
from intentml.scores.scores import Scores
from intentml.tables.alike import with_news
from intentml.tables.read import orders_alone
from intentml.timeline import Instant, Known, OrderLog, Snapshot
from intentml.timeline.histories import HISTORY_COLUMNS, ShopState, as_orders, lines_by_customer
from intentml.timeline.known import LINE_DETAILS, known_at_each, known_later
from intentml.timeline.log import rows_in
from intentml.timeline.snapshot import ranges

I64 = npt.NDArray[np.int64]
_COLUMNS = (*HISTORY_COLUMNS, *LINE_DETAILS)


@dataclass(frozen=True, eq=False, repr=False)
class Told:
    """What came in since the scores were made.

    Attributes:
        lines: Of each customer, as the table orders after reading.
        as_of: Of which instant the scores of each who is scored anew are, ISO 8601, sorted by id.
        scores: Of these customers.
        snapshot_of: What is known of one of them at that instant.
    """

    lines: Mapping[str, pa.Table]
    as_of: Mapping[str, str]
    scores: Scores
    snapshot_of: Callable[[str], Snapshot | None]


@dataclass(frozen=True, eq=False, repr=False)
class AsScored:
    """A shop as it was scored.

    Attributes:
        scores: Its scores.
        view: Everybody, at their instant.
        known: What was known then, without lines.
        histories: The order lines known then, as `lines_by_customer` has them, with the details.
    """

    scores: Scores
    view: ShopView
    known: Known
    histories: pa.Table

    @classmethod
    def of(cls, log: OrderLog, known: Known, scores: Scores, view: ShopView) -> AsScored:
        """From the shop's log; what lies on the disk with the scores is not held a second time."""
        lines, kept = lines_by_customer(log.before(known.snapshot.as_of), _COLUMNS), scores.histories
        for at, name in enumerate(lines.column_names):
            if name in kept.column_names and kept[name].equals(lines[name]):
                lines = lines.set_column(at, name, kept[name])
        return cls(scores, view, known.without_lines(), lines)

    def anew(self, told: Told, before: tuple[Told, ShopView] | None = None) -> ShopView:
        """The customers scored anew.

        Args:
            told: What came in.
            before: What had come in a while ago, and the view made of it: of whom nothing came in since
                stands there as now.

        Raises:
            RuleError: The tables are not those that were scored.
        """
        views = []
        if before is not None:
            then, view = before
            same = [told.lines.get(one) is then.lines[one] for one in then.as_of]
            views = [view.take(np.flatnonzero(same))]
        kept = {one for part in views for one in part.customer_ids}
        if ids := [one for one in told.as_of if one not in kept]:
            views.append(self._seen(ids, told))
        view = joined(views)
        if not np.array_equal(view.customer_ids, told.scores.customer_ids):
            raise RuleError(
                "the tables know other purchases than the scores",
                table="orders",
                hint="hand over the tables that were scored",
            )
        return replace(view, ranking=ScoresRanking(told.scores, told.snapshot_of))

    def _seen(self, ids: Sequence[str], told: Told) -> ShopView:
        """Some of them; all at once, for to put the questions behind their fields takes longest."""
        came = pa.concat_tables([told.lines[one] for one in ids])
        known = self._lines_known(ids)
        zone = self._state.as_of.timezone
        orders = orders_alone(
            with_news(known, came.select(known.column_names)),
            timezone=zone,
            source="order lines that came in",
        )
        us = {one: Instant.of(told.as_of[one], zone).us for one in ids}
        state = replace(self._state, as_of=Instant(max(us.values()), zone))
        later = known_later(self.known, state, orders)
        named = later.snapshot.customer_ids
        later = known_at_each(later, np.array([us[one] for one in named], np.int64))
        rows = pa.array(np.searchsorted(told.scores.customer_ids, named))
        customers = customers_of(later, told.scores.table.take(rows), usual_days_of(self.scores), self._usual)
        return replace(
            self.view,
            customers=customers.select(self.view.customers.column_names).cast(self.view.customers.schema),
            lines=lines_of(later),
            events=events_of(later),
            types_known=self.view.event_types,
        )

    def _lines_known(self, ids: Sequence[str]) -> pa.Table:
        """The order lines of some customers that were known when the shop was scored."""
        rows = rows_in(np.array(ids, object), self.known.snapshot.customer_ids)
        rows = rows[rows >= 0]
        at = ranges(self._starts, rows)
        owners = np.repeat(rows, np.diff(self._starts)[rows])
        customer_ids = pa.array(self.known.snapshot.customer_ids[owners], pa.string())
        return as_orders(self.histories.take(pa.array(at)), customer_ids, _COLUMNS)

    @cached_property
    def _starts(self) -> I64:
        """Where each customer's lines start. Shape: (U + 1,)."""
        return np.searchsorted(self.histories["customer"].to_numpy(), np.arange(len(self.known.snapshot) + 1))

    @cached_property
    def _usual(self) -> Usual:
        return usual_of(self.view.customers, usual_days_of(self.scores))

    @cached_property
    def _state(self) -> ShopState:
        """The shop around a customer, as the tables tell it that were scored."""
        snapshot = self.known.snapshot
        return ShopState(
            as_of=snapshot.as_of,
            start=snapshot.start,
            catalogue=snapshot.catalogue,
            currency=self.scores.manifest.currency,
            context=snapshot.shop,
        )


class RenewableAudiences:
    """Audiences of a shop that can be told of order lines.

    Args:
        audiences: As the shop was scored.
        shop: The shop; None where no lines will come.
    """

    def __init__(self, audiences: Audiences, shop: AsScored | None) -> None:
        self.audiences, self.shop = audiences, shop
        self._last: tuple[Told, ShopView, Audiences] | None = None

    def knowing(self, told: Told | None) -> Audiences:
        """The audiences once these order lines are known; None: as the shop was scored.

        The same lines as the last time are known already.
        """
        if told is None or self.shop is None:
            return self.audiences
        if self._last is None or self._last[0].lines is not told.lines:
            view = self.shop.anew(told, self._last and self._last[:2])
            self._last = told, view, self.audiences.with_anew(view)
        return self._last[2]
