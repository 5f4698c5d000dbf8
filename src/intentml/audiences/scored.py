"""A scored shop as a view: what was known of it at `as_of`, what its scores say, one row a customer.

What comes in: `Known`, `Scores`. What goes out: a `ShopView`. Where both tell the same, what was known
stands; where the shop's customers table has a column `newcomer` or `lead_score`, that one does.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from intentml.audiences.lead_score import FIELD, LeadScore, read_lead_score
from intentml.audiences.newcomers import NEWCOMERS, Usual, newcomers, usual_newcomer
from intentml.audiences.ranking import ScoresRanking
from intentml.audiences.view import EVENTS, LINES, ShopView, rows_of
from intentml.errors import RuleError
from intentml.prediction import F64
from intentml.scores.scores import Scores
from intentml.scores.stages import IMPORTANCES, LIFECYCLES
from intentml.timeline import Known
from intentml.timeline.people import UNUSABLE_BIRTH
from intentml.traits import TRAITS, field_table, missing_traits

# Fields whose values are few and fixed: a rule that asks for another is a slip of the pen.
WORDS = {
    "lifecycle": LIFECYCLES,
    "importance": IMPORTANCES,
    **{trait.name: trait.words for trait in TRAITS.values() if trait.words},
}
_NEWCOMER = "newcomer"

# What rules for dirt keep from a field.
_DOUBTED = {UNUSABLE_BIRTH: "age"}


def view_of(known: Known, scores: Scores | None = None, lead_score: LeadScore | None = None) -> ShopView:
    """The view of a shop.

    Args:
        known: At the instant of the scores.
        scores: Of the same customers; None: rules about predictions are refused.
        lead_score: What the field `lead_score` sums; if left out, the shop's own column of that
            name, else the weights of the package.

    Raises:
        RuleError: The scores are of another instant or of other customers.
    """
    snapshot = known.snapshot
    if scores is not None:
        _check_alike(known, scores)
    table = field_table(known) if scores is None else customers_of(known, scores.table, usual_days_of(scores))
    words = {name: words for name, words in WORDS.items() if name in table.column_names}
    if scores is not None and _NEWCOMER not in known.further.column_names:
        words[_NEWCOMER] = NEWCOMERS
    if lead_score is None and FIELD not in table.column_names:
        lead_score = read_lead_score()
    return ShopView(
        as_of=snapshot.as_of,
        customers=table,
        lines=lines_of(known),
        events=events_of(known),
        catalogue=snapshot.catalogue,
        ranking=None if scores is None else ScoresRanking(scores),
        absent={
            trait: f"the shop's tables have no {column}" for trait, column in missing_traits(known).items()
        },
        words=words,
        points={} if lead_score is None else {FIELD: lead_score.weights},
        doubts={
            _DOUBTED[count.rule]: f"dates of birth of no use: {count.count:,}. {count.meaning}"
            for count in known.counts
            if count.rule in _DOUBTED and count.count
        },
    )


def customers_of(known: Known, scores: pa.Table, usual_days: float, usual: Usual | None = None) -> pa.Table:
    """The fields of customers of a shop that was scored, but for those that are sums of points.

    Args:
        known: Of them.
        scores: The customers table of scores of them.
        usual_days: The shop's usual time to a second order.
        usual: What the newcomers of the shop have in the mean, where these are not all of its customers.
    """
    table = field_table(known, scores)
    if _NEWCOMER in table.column_names:
        return table
    words = newcomers(*_buying(table), usual_days, usual)
    return table.append_column(_NEWCOMER, pa.array(words, pa.string()))


def usual_of(customers: pa.Table, usual_days: float) -> Usual:
    """What the newcomers among all customers of a shop have in the mean; arguments as of `customers_of`."""
    return usual_newcomer(*_buying(customers), usual_days)


def _buying(customers: pa.Table) -> tuple[F64, F64, F64]:
    """Orders, days since the first one, and money of each."""
    orders, tenure_days, spend = (
        customers[name].cast(pa.float64()).to_numpy() for name in ("frequency", "tenure_days", "monetary")
    )
    return orders, tenure_days, spend


def usual_days_of(scores: Scores) -> float:
    """The shop's usual time to a second order."""
    return scores.manifest.limits.lifecycle.second_order_usual_days


def _check_alike(known: Known, scores: Scores) -> None:
    """Raise unless both are of the same instant and customers."""
    if scores.manifest.as_of != known.snapshot.as_of.iso:
        raise RuleError(
            f"the scores are as of {scores.manifest.as_of}, the tables as of {known.snapshot.as_of.iso}",
            hint="hand over the tables that were scored",
        )
    if not np.array_equal(scores.customer_ids, known.snapshot.customer_ids):
        raise RuleError(
            f"the scores are of {len(scores):,} customers, the tables of {len(known.snapshot):,} others",
            hint="hand over the tables that were scored, or score again",
        )


def lines_of(known: Known) -> pa.Table:
    """The purchase lines of a view."""
    snapshot = known.snapshot
    order = snapshot.line_order
    nth = order - snapshot.order_indptr[snapshot.line_customer] + 1
    columns = [
        pa.array(snapshot.line_customer.astype(np.int32)),
        pa.array(nth),
        pa.array(snapshot.orders.age_days[order]),
        pa.array(snapshot.line_product, mask=snapshot.line_product < 0),
        pa.array(snapshot.line_quantity),
        pa.array(snapshot.line_amount, mask=np.isnan(snapshot.line_amount)),
    ]
    return pa.table(columns, schema=LINES)


def events_of(known: Known) -> pa.Table:
    """The events of a view."""
    events = known.events
    columns = {
        "row": events["customer"].cast(pa.int32()),
        "product": rows_of(events["product_id"], known.snapshot.catalogue.product_ids),
    }
    return pa.table(
        [columns.get(name, events[name] if name in events.column_names else None) for name in EVENTS.names],
        schema=EVENTS,
    )
