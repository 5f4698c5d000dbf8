"""The night's work on the log: into the table, out of the log, and no answer forgets anything meanwhile."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from intentml.errors import ArrivalsError, ConflictError
from intentml.service import folding
from intentml.service.arrivals import Arrivals, Receipt
from intentml.service.live import LiveShop, Places
from intentml.service.requests import CustomersRequest, OrdersRequest
from intentml.tables.read import read_shop
from intentml.timeline import OrderLog
from intentml.workflows import score
from random_shop import AS_OF_TEXT
from scored_shop import HORIZONS, frames, log, model

NOW = "2024-04-02T12:00:00+00:00"


def line(customer="C-1", order="n1", **cells):
    return {"customer_id": customer, "order_id": order, "ordered_at": "2024-04-02T10:30:00Z"} | cells


@pytest.fixture
def arrivals(tmp_path):
    one = Arrivals(tmp_path / "orders.sqlite")
    yield one
    one.close()


@pytest.fixture
def data(tmp_path) -> Path:
    (tmp_path / "data").mkdir()
    for name, table in frames().items():
        table.to_parquet(tmp_path / "data" / f"{name}.parquet")
    return tmp_path / "data"


def test_all_batches_go_into_the_table_once(arrivals, data):
    for lines in ([line(), line("C-2", "n2")], [line()], [line("C-3", "n3", quantity=2.0)]):
        arrivals.append(lines, NOW)
    before = read_shop(data).orders.num_rows
    done = folding.fold(arrivals, data)
    assert (done.until, done.appended.lines, done.appended.customers, done.appended.known) == (3, 3, 3, 1)
    assert folding.fold(arrivals, data).appended.lines == 0
    assert read_shop(data).orders.num_rows == before + 3


def test_an_empty_log_changes_nothing(arrivals, data):
    before = (data / "orders.parquet").read_bytes()
    assert folding.fold(arrivals, data).until == 0
    assert (data / "orders.parquet").read_bytes() == before


def test_ids_are_read_batch_by_batch_as_the_service_reads_them(arrivals, data):
    arrivals.append([line("7.0", "1.0")], NOW)
    arrivals.append([line("C-8", "2.0")], NOW)
    folding.fold(arrivals, data)
    assert read_shop(data).orders["customer_id"].to_pylist()[-2:] == ["7", "C-8"]


def test_pruned_lines_are_gone_and_a_late_retry_still_counts_once(arrivals, data):
    arrivals.append([line("very-special-name")], NOW, "k-1")
    arrivals.append([line("C-2", "n2")], NOW)
    done = folding.prune(arrivals, 1)
    assert (done.batches, done.lines, done.kept) == (1, 1, 0)
    held = arrivals.held()
    assert (held.newest, held.batches, held.lines, held.customers) == (2, 1, 1, 1)
    assert arrivals.append([line("very-special-name")], NOW, "k-1") == Receipt(1, repeated=True)
    with pytest.raises(ConflictError):
        arrivals.append([line("somebody else")], NOW, "k-1")
    bytes_ = b"".join(path.read_bytes() for path in arrivals.path.parent.glob("orders.sqlite*"))
    assert b"very-special-name" not in bytes_


def test_a_log_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(ArrivalsError, match="there is no log of orders"):
        Arrivals(tmp_path / "none.sqlite", must_exist=True)
    assert not (tmp_path / "none.sqlite").exists()


def test_an_order_is_known_before_during_and_after_the_night(arrivals, data, tmp_path):
    """At each step of a night, and after a start at that step, the same history is told."""
    model().save(tmp_path / "model")
    root = tmp_path / "root"
    score(model(), log(), as_of=AS_OF_TEXT, horizon_days=HORIZONS, out=root / "first")
    (root / "current").symlink_to("first")
    places = Places(root, tmp_path / "model")
    live = LiveShop(places, arrivals)
    lines = frames()["orders"].dropna(subset="customer_id")
    later = lines.loc[lines["ordered_at"] >= pd.Timestamp(AS_OF_TEXT, tz="UTC"), "customer_id"]
    customer = lines.loc[~lines["customer_id"].isin(later), "customer_id"].iloc[0]
    now = dt.datetime(2024, 4, 2, 12, tzinfo=dt.UTC)
    for number, product in enumerate(("p1", "never-seen"), 1):
        asked = line(customer, f"n{number}", product_id=product, unit_price=2.0)
        live.take_in(OrdersRequest.model_validate({"orders": [asked]}), now, f"k-{number}")

    def told(shop):
        (row,) = shop.customers(CustomersRequest(customer_ids=[customer]))["customers"].to_pylist()
        return row["orders"], round(row["monetary"], 6)

    wanted = told(live.shop)
    done = folding.fold(arrivals, data)
    assert told(LiveShop(places, arrivals).shop) == wanted
    # As of a day before the lines: these scores cannot know them, and the log keeps them.
    for name, as_of, lines in (("early", "2024-04-02", 2), ("late", "2024-04-03", 0)):
        folded = OrderLog.from_tables(read_shop(data))
        score(model(), folded, as_of=as_of, horizon_days=28, out=root / name)
        (root / "next").symlink_to(name)
        (root / "next").rename(root / "current")
        assert live.renew()
        assert told(live.shop) == wanted
        pruned = folding.prune(arrivals, done.until, root / "current")
        assert (arrivals.held().lines, pruned.kept) == (lines, lines)
        assert told(live.shop) == wanted
        assert told(LiveShop(places, arrivals).shop) == wanted
    assert live.shop.health()["rescored"] == 0
    assert pd.read_parquet(data / "orders.parquet")["order_id"].tolist()[-2:] == ["n1", "n2"]
