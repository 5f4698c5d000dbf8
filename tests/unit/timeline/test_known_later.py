"""Known a while later: the same as the shop's own log says of these customers at the later instant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from intentml.errors import TimeError
from intentml.tables.read import shop_from_frames
from intentml.timeline import Instant, Known, OrderLog, known_by
from intentml.timeline.histories import HISTORY_COLUMNS, ShopState, as_orders, lines_by_customer
from intentml.timeline.known import LINE_DETAILS, known_at_each, known_later
from intentml.traits import compute_traits
from random_shop import AS_OF, AS_OF_TEXT, random_shop
from tiny import log_of

NOW = AS_OF + pd.Timedelta(days=3, hours=7)
COLUMNS = (*HISTORY_COLUMNS, *LINE_DETAILS)


def two_instants(seed: int) -> tuple[OrderLog, Known, Known]:
    """A shop of which only order lines came in between, and what is known at both instants."""
    frames = random_shop(seed, customers=40, products=15, lines=900)
    for name, at in (("events", "occurred_at"), ("customers", "created_at"), ("products", "created_at")):
        frames[name] = frames[name][~(frames[name][at] >= AS_OF)]
    recorded = frames["events"]["recorded_at"]
    frames["events"] = frames["events"][~(recorded >= AS_OF)]
    # Of a stranger no event is kept: nobody knew then whose it would be.
    first = log_of(frames).as_of(AS_OF_TEXT).customer_ids
    frames["events"] = frames["events"][frames["events"]["customer_id"].isin(first)]
    log = log_of(frames)
    return log, known_by(log, AS_OF_TEXT), known_by(log, NOW.isoformat())


def told(log: OrderLog, later: Known, rows: np.ndarray) -> tuple[ShopState, pa.Table]:
    """The shop at the later instant, and the whole histories of some customers by then."""
    shop, now = later.snapshot, Instant.of(NOW.isoformat(), log.timezone)
    lines = lines_by_customer(log.before(now), COLUMNS)
    mine = lines.filter(pc.is_in(lines["customer"], value_set=pa.array(rows, pa.int32())))
    ids = pa.array(shop.customer_ids, pa.string()).take(mine["customer"].combine_chunks())
    state = ShopState(now, shop.start, shop.catalogue, log.currency(now), shop.shop)
    return state, as_orders(mine, ids, COLUMNS)


@pytest.mark.parametrize("seed", range(6))
def test_traits_of_customers_are_those_of_the_shop_s_own_log_at_the_later_instant(seed):
    log, known, later = two_instants(seed)
    buyers = np.flatnonzero(later.snapshot.n_orders > 0)
    for rows in (buyers, buyers[2:3], buyers[::3]):
        state, lines = told(log, later, rows)
        found = replace(known_later(known, state, shop_from_frames(lines)), quintiles=later.quintiles)
        expected = later.take(rows)
        assert compute_traits(found).equals(compute_traits(expected))
        for name in ("lines", "returns", "events"):
            table = getattr(expected, name)
            assert getattr(found, name).cast(table.schema).equals(table)
    assert pc.sum(pc.not_equal(compute_traits(known)["frequency"], 0)).as_py() > 20


def test_somebody_new_has_lines_and_no_profile():
    log, known, later = two_instants(0)
    state, lines = told(log, later, np.flatnonzero(later.snapshot.n_orders > 0)[:1])
    named = lines.set_column(0, "customer_id", pa.repeat("somebody new", len(lines)).cast(pa.string()))
    found = known_later(known, state, shop_from_frames(named))
    assert found.snapshot.customer_ids.tolist() == ["somebody new"]
    assert len(found.lines) == len(found.snapshot.line_product) > 0
    assert len(found.events) == 0
    assert found.customers.to_pylist() == [dict.fromkeys(found.customers.column_names)]
    assert np.isnan(found.snapshot.listed_days).all()


@pytest.mark.parametrize("seed", range(3))
def test_each_customer_is_told_as_of_an_own_instant_as_if_asked_about_alone(seed):
    log, known, later = two_instants(seed)
    rows = np.flatnonzero(later.snapshot.n_orders > 0)
    state, lines = told(log, later, rows)
    rng = np.random.default_rng(seed)
    newest = {one: newest_of(lines, one) for one in later.snapshot.customer_ids[rows]}
    first = Instant.of(AS_OF_TEXT, log.timezone).us
    instants = {one: int(rng.integers(max(first, us + 1), state.as_of.us + 1)) for one, us in newest.items()}
    every = known_later(known, state, shop_from_frames(lines))
    each = known_at_each(every, np.array([instants[one] for one in every.snapshot.customer_ids]))
    traits = compute_traits(each)
    for row, one in enumerate(every.snapshot.customer_ids):
        mine = lines.filter(pc.equal(lines["customer_id"], one))
        alone = replace(state, as_of=Instant(instants[one], log.timezone))
        expected = compute_traits(known_later(known, alone, shop_from_frames(mine)))
        assert traits.slice(row, 1).equals(expected)


TIMES = ("ordered_at", "recorded_at", "returned_at")


def newest_of(lines: pa.Table, customer: str) -> int:
    """The last instant that a customer's lines tell of, microseconds."""
    mine = lines.filter(pc.equal(lines["customer_id"], customer))
    return max(pc.max(mine[name]).cast(pa.int64()).as_py() or 0 for name in TIMES)


def test_an_instant_at_which_not_all_was_known_is_refused():
    log, known, later = two_instants(0)
    state, lines = told(log, later, np.flatnonzero(later.snapshot.n_orders > 0))
    every = known_later(known, state, shop_from_frames(lines))
    with pytest.raises(TimeError, match="not all of this was known"):
        known_at_each(every, np.full(len(every.snapshot), known.snapshot.start.us))


def test_a_line_of_the_later_instant_itself_is_refused():
    log, known, later = two_instants(0)
    state, lines = told(log, later, np.flatnonzero(later.snapshot.n_orders > 0))
    earlier = replace(state, as_of=Instant.of(AS_OF_TEXT, log.timezone))
    with pytest.raises(TimeError):
        known_later(known, earlier, shop_from_frames(lines))
