"""The view: what rules are asked of, a shop at one `as_of`.

What comes in: the fields of every customer, purchase lines, events, a ranking. What goes out: `ShopView`.
Everything in it was known at `as_of`; times are told as ages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.audiences.fields import RuleField, field_named, kind_of
from intentml.audiences.lead_score import Weight
from intentml.audiences.leaves import Interest
from intentml.audiences.reasons import Explainer, InterestReasons
from intentml.audiences.survival import CURVE, is_survival, survival_days, survival_hint, survival_of
from intentml.errors import RuleError, UnknownCustomerError, without_address
from intentml.prediction import F64
from intentml.timeline import Instant
from intentml.timeline.catalogue import Catalogue, Strings

I32 = npt.NDArray[np.int32]

LINES = pa.schema(
    [
        ("row", pa.int32()),  # of the customer
        ("order", pa.int64()),  # number of the order among the customer's
        ("age_days", pa.float64()),
        ("product", pa.int32()),  # row of the catalogue; null where the line names none
        ("quantity", pa.float64()),
        ("amount", pa.float64()),  # money paid; null where unknown
    ]
)
EVENTS = pa.schema(
    [
        ("row", pa.int32()),
        ("event_type", pa.string()),
        ("age_days", pa.float64()),
        ("product", pa.int32()),
        ("value", pa.float64()),
        ("page_type", pa.string()),
        ("source", pa.string()),
        ("campaign_id", pa.string()),
    ]
)


Because = Callable[[Interest], InterestReasons | None]
"""The reasons of one customer's interest; None where there is no history to tell of."""
Likeness = Callable[["Ranking"], F64]
"""How like each customer of a ranking is to those who taught it; higher is more. Shape: (U,)."""


class Ranking(Protocol):
    """What a model knows of the same customers, in the same order."""

    def interest(self, asked: Interest) -> F64:
        """P(buys at least one of the products within the horizon). Shape: (U,)."""

    def likeness(self, members: I32) -> Likeness:
        """What some customers (rows) teach about who is like them."""

    def reasons(self, row: int, model: Explainer) -> Because:
        """What tells the reasons of one customer's interests."""

    def found(self, keyword: str) -> Sequence[str]:
        """Ids of products that match a keyword."""


@dataclass(frozen=True, eq=False, repr=False)
class ShopView:
    """A shop at one `as_of`.

    Attributes:
        as_of: The instant.
        customers: customer_id, sorted, and the fields.
        lines: Purchase lines (`LINES`); None where the tables are not at hand.
        events: Events (`EVENTS`); likewise.
        catalogue: The products that rows of lines and events stand for.
        ranking: The model's part; None where there are no scores.
        absent: Fields that this shop has of nobody, and why.
        words: Fields whose values are few and fixed, with them.
        points: Fields that are sums of points, worked out when a rule names them.
        doubts: Fields that some customers have in the tables and not here, and why: a sentence each.
        types_known: Types of events that the shop has, be it of others than these customers.
    """

    as_of: Instant
    customers: pa.Table
    lines: pa.Table | None
    events: pa.Table | None
    catalogue: Catalogue
    ranking: Ranking | None = None
    absent: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    points: Mapping[str, tuple[Weight, ...]] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)
    types_known: frozenset[str] = frozenset()

    @cached_property
    def customer_ids(self) -> Strings:
        """Sorted ids. Shape: (U,)."""
        ids: Strings = self.customers["customer_id"].to_numpy().astype(object)
        return ids

    @cached_property
    def event_types(self) -> frozenset[str]:
        """Types that some event has."""
        own = () if self.events is None else pc.unique(self.events["event_type"]).to_pylist()
        return self.types_known.union(own)

    @cached_property
    def fields(self) -> dict[str, RuleField]:
        """What comparisons may name, but for survival at days between those of the curve."""
        columns = {
            column.name: RuleField(
                column.name,
                kind_of(column.type),
                self.words.get(column.name, ()),
                self.absent.get(column.name, ""),
            )
            for column in self.customers.schema
        }
        return columns | {name: RuleField(name, "number") for name in self.points}

    def field_named(self, name: str) -> RuleField:
        """The field of a name; `survival_100` is one where the curve is known.

        Raises:
            RuleError: Nobody knows it.
        """
        if name not in self.fields and is_survival(name):
            if survival_days(name) is not None and set(CURVE) <= set(self.customers.column_names):
                return RuleField(name, "number")
            raise RuleError(
                f"the rule names {name!r}, which is no field of these customers",
                column=name,
                hint=survival_hint(self.customers.column_names),
            )
        return field_named(name, self.fields)

    def between(self, name: str) -> int | None:
        """The days of a field that is survival between the curve's own; None where a column holds it."""
        return None if name in self.fields else survival_days(name)

    def values(self, name: str, rows: I32 | None = None) -> pa.ChunkedArray:
        """A field of all customers, or of some; not one of points. Shape: (U,) or (n,)."""
        days = self.between(name)
        asked = self.customers.select([name] if days is None else CURVE)
        asked = asked if rows is None else asked.take(rows)
        return asked[name] if days is None else pa.chunked_array([survival_of(asked, days)])

    def take(self, rows: npt.NDArray[np.integer]) -> ShopView:
        """The view of some customers (rows, ascending), but for what it is ranked by."""
        place = np.full(len(self.customers), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        return _with_histories(self, self.customers.take(pa.array(rows)), [(self, place)])

    def row_of(self, customer_id: str) -> int:
        """The row of a customer.

        Raises:
            UnknownCustomerError: Nobody has that id.
        """
        row = int(np.searchsorted(self.customer_ids, customer_id))
        if row == len(self.customer_ids) or self.customer_ids[row] != customer_id:
            raise UnknownCustomerError(f"nobody here has the id {without_address(customer_id)!r}")
        return row


def joined(views: Sequence[ShopView]) -> ShopView:
    """The customers of several views, none of whom stands in two, sorted by id; else as the first of them."""
    ids = np.concatenate([view.customer_ids for view in views])
    order = np.argsort(ids, kind="stable")
    place = np.empty(len(ids), np.int32)
    place[order] = np.arange(len(ids), dtype=np.int32)
    starts = np.cumsum([0, *(len(view.customers) for view in views)])
    places = [place[start:end] for start, end in pairwise(starts)]
    customers = pa.concat_tables([view.customers for view in views]).take(pa.array(order))
    return _with_histories(views[0], customers, list(zip(views, places, strict=True)))


def _with_histories(view: ShopView, customers: pa.Table, parts: Sequence[tuple[ShopView, I32]]) -> ShopView:
    """A view of some customers, with the lines and events of those of its parts who have a place in it."""

    def told(name: str) -> pa.Table | None:
        if getattr(view, name) is None:
            return None
        tables = []
        for part, place in parts:
            table = getattr(part, name)
            rows = place[table["row"].to_numpy()]
            table = table.set_column(0, table.schema.field(0), pa.array(rows))
            tables.append(table.filter(pa.array(rows >= 0)))
        return pa.concat_tables(tables)

    return replace(view, customers=customers, lines=told("lines"), events=told("events"))


def rows_of(ids: pa.ChunkedArray, known: Strings) -> pa.Array:
    """The row of each id among the known, null where it is none of them. Shape: (n,), int32."""
    rows = pc.index_in(ids, pa.array(known, pa.string()))
    return rows.combine_chunks() if isinstance(rows, pa.ChunkedArray) else rows
