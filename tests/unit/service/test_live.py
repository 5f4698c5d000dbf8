"""A shop that stays up to date while it answers: order lines, and other scores."""

from __future__ import annotations

import datetime as dt
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from intentml.errors import ContractError, ModelError, RequestError, ScoresError, TimeError
from intentml.service.arrivals import Arrivals
from intentml.service.live import LiveShop, Places
from intentml.service.requests import CustomersRequest, InterestedInRequest, OrdersRequest
from intentml.service.shop import ScoredShop
from intentml.workflows import score, train
from random_shop import AS_OF_TEXT
from scored_shop import HORIZONS, QUICK, frames, log, model, scores
from tiny import log_of

NOW = dt.datetime(2024, 4, 2, 12, tzinfo=dt.UTC)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A root of scores whose `current` is a link, and a model."""
    model().save(tmp_path / "model")
    score(model(), log(), as_of=AS_OF_TEXT, horizon_days=HORIZONS, out=tmp_path / "root" / "first")
    (tmp_path / "root" / "current").symlink_to("first")
    return Places(tmp_path / "root", tmp_path / "model")


@pytest.fixture
def live(places: Places, tmp_path: Path) -> LiveShop:
    return LiveShop(places, Arrivals(tmp_path / "orders.sqlite"))


def orders(customer: str, **cells: Any) -> OrdersRequest:
    plain = {
        "customer_id": customer,
        "order_id": "n1",
        "ordered_at": "2024-04-02T10:30:00Z",
        "product_id": "p1",
    }
    return OrdersRequest.model_validate({"orders": [plain | cells]})


def count(shop: ScoredShop, customer: str) -> int:
    (row,) = shop.customers(CustomersRequest(customer_ids=[customer]))["customers"].to_pylist()
    orders: int = row["orders"]
    return orders


@cache
def somebody() -> str:
    table = scores().table.to_pandas()
    one: str = table.loc[table["orders"] > 0, "customer_id"].iloc[0]
    return one


def swap(root: Path, name: str) -> None:
    """As the README tells to."""
    (root / "next").symlink_to(name)
    (root / "next").rename(root / "current")


def test_an_order_is_known_as_soon_as_it_was_taken_in(live):
    before = count(live.shop, somebody())
    told = live.take_in(orders(somebody()), NOW, None)
    assert (told["accepted"], told["sequence"], told["repeated"]) == (1, 1, False)
    assert told["rescored"] == {somebody(): "2024-04-02T11:00:00+00:00"}
    assert count(live.shop, somebody()) == before + 1
    assert not live.behind()


def test_an_order_taken_in_elsewhere_is_known_at_the_next_look(live, places, tmp_path):
    other = LiveShop(places, Arrivals(tmp_path / "orders.sqlite"))
    before = count(other.shop, somebody())
    live.take_in(orders(somebody()), NOW, None)
    assert other.behind()
    assert count(other.catch_up(), somebody()) == before + 1
    assert not other.behind()


def test_orders_outlive_the_process_that_took_them_in(live, places, tmp_path):
    live.take_in(orders(somebody()), NOW, None)
    live.take_in(orders("new-1", product_id="never-seen"), NOW, None)
    again = LiveShop(places, Arrivals(tmp_path / "orders.sqlite"))
    asked = CustomersRequest(customer_ids=[somebody(), "new-1"])
    assert again.shop.customers(asked) == live.shop.customers(asked)
    assert again.shop.sequence == 2


def test_told_again_under_its_key_an_order_counts_once(live):
    live.take_in(orders(somebody()), NOW, "k")
    once = count(live.shop, somebody())
    told = live.take_in(orders(somebody()), NOW, "k")
    assert (told["accepted"], told["repeated"], told["sequence"]) == (0, True, 1)
    assert count(live.shop, somebody()) == once


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        ({"ordered_at": "2024-04-02T12:06:00Z"}, TimeError),
        ({"recorded_at": "2025-01-01"}, TimeError),
        ({"ordered_at": "soon"}, ContractError),
    ],
)
def test_a_line_of_the_future_and_one_that_is_none_are_not_kept(live, cells, error):
    with pytest.raises(error):
        live.take_in(orders("new-1", **cells), NOW, None)
    assert (live.shop.sequence, live.behind()) == (0, False)


def test_without_a_log_no_order_is_taken_in(places):
    with pytest.raises(RequestError, match="takes no order lines in"):
        LiveShop(places).take_in(orders("new-1"), NOW, None)


def test_other_scores_are_taken_in_whole_and_what_came_since_stays_known(live, places):
    live.take_in(orders(somebody()), NOW, None)
    held, before = live.shop, count(live.shop, somebody())
    assert not live.renew()
    score(model(), log(), as_of="2024-04-01", horizon_days=28, out=places.scores / "second")
    swap(places.scores, "second")
    assert live.renew()
    assert not live.renew()
    assert live.shop.health()["as_of"] == "2024-04-01T00:00:00+00:00"
    assert live.shop.predictor.fingerprint == held.predictor.fingerprint
    assert live.shop.predictor.predictor is not held.predictor.predictor  # its caches serve one thread
    assert count(live.shop, somebody()) == before
    assert held.health()["as_of"] == "2024-03-31T00:00:00+00:00"  # who holds it may finish


def test_it_says_that_it_takes_other_scores_in_and_tells_who_prepares_what_came_since(places, tmp_path):
    seen = []
    arrivals = Arrivals(tmp_path / "orders.sqlite")
    live = LiveShop(places, arrivals, lambda shop: seen.append((live.renewing, len(shop.overlay))))
    live.take_in(orders("new-1"), NOW, None)
    score(model(), log(), as_of="2024-04-01", horizon_days=28, out=places.scores / "second")
    swap(places.scores, "second")
    assert not live.renewing
    assert live.renew()
    assert (seen, live.renewing) == ([(True, 1)], False)
    (places.scores / "second" / "manifest.json").write_text("{}")
    with pytest.raises(ScoresError):
        live.renew()
    assert not live.renewing


def test_what_is_in_flight_ends_on_the_old_scores_when_their_folder_is_gone(live, places):
    held, asked = live.shop, InterestedInRequest(keyword="tea", limit=3)
    score(model(), log(), as_of="2024-04-01", horizon_days=28, out=places.scores / "second")
    swap(places.scores, "second")
    assert live.renew()
    shutil.rmtree(places.scores / "first")
    told = held.interested_in(asked)  # the first time that this word is asked about
    assert (told["as_of"], told["matched_by"]) == ("2024-03-31T00:00:00+00:00", "all")
    assert live.shop.interested_in(asked)["as_of"] == "2024-04-01T00:00:00+00:00"


def test_scores_written_over_the_old_ones_are_seen_too(tmp_path):
    model().save(tmp_path / "model")
    score(model(), log(), as_of=AS_OF_TEXT, horizon_days=HORIZONS, out=tmp_path / "scores")
    live = LiveShop(Places(tmp_path / "scores", tmp_path / "model"))
    score(model(), log(), as_of="2024-04-01", horizon_days=28, out=tmp_path / "scores")
    assert live.renew()
    assert live.shop.health()["horizons"] == [28]


def test_orders_that_the_new_scores_know_are_no_news_to_them(live, places):
    live.take_in(orders(somebody()), NOW, None)
    before = count(live.shop, somebody())
    tables = frames()
    row = pd.DataFrame([orders(somebody()).lines()[0]])
    row["ordered_at"] = pd.to_datetime(row["ordered_at"])
    folded = log_of(tables | {"orders": pd.concat([tables["orders"], row], ignore_index=True)})
    score(model(), folded, as_of="2024-04-03", horizon_days=28, out=places.scores / "third")
    swap(places.scores, "third")
    assert live.renew()
    assert count(live.shop, somebody()) == before
    assert (live.shop.health()["rescored"], live.shop.sequence) == (0, 1)


def test_scores_of_a_model_that_is_not_there_are_not_taken_in(live, places):
    other = train(log(), as_of=AS_OF_TEXT, settings=(*QUICK, "priors.seed=7"))
    score(other, log(), as_of=AS_OF_TEXT, horizon_days=28, out=places.scores / "strange")
    swap(places.scores, "strange")
    with pytest.raises(ModelError, match="the scores were made by model"):
        live.renew()
    assert live.shop.health()["horizons"] == [28, 14]
    other.save(places.model)
    assert live.renew()
    assert live.shop.predictor.fingerprint == other.fingerprint


def test_scores_that_are_just_being_put_in_place_are_waited_for(live, places):
    (places.scores / "current").unlink()
    assert not live.renew()
    assert count(live.shop, somebody()) > 0


def test_lines_that_break_the_scoring_do_not_end_all_answers(live, monkeypatch, caplog):
    def breaks(self, orders):
        if "cursed" in orders["customer_id"].to_pylist():
            raise ZeroDivisionError
        return read(self, orders)

    read = ScoredShop.read
    log = Arrivals(live._arrivals.path)
    for customer in ("new-1", "cursed", "new-2"):
        log.append(orders(customer).lines(), NOW.isoformat())
    monkeypatch.setattr(ScoredShop, "read", breaks)
    shop = live.catch_up()
    assert (shop.sequence, sorted(shop.overlay.as_of)) == (3, ["new-1", "new-2"])
    assert "order lines 2 were not taken in: ZeroDivisionError" in caplog.text
    assert "cursed" not in caplog.text


def test_a_registered_model_is_the_version_that_made_the_scores(places, tracking_store):
    """The alias moves by day; what is served stays, after a start too, until other scores are there."""
    from intentml import tracking

    other = train(log(), as_of=AS_OF_TEXT, settings=(*QUICK, "priors.seed=7"))
    versions = []
    for one in (model(), other):
        one.save(places.scores.parent / one.fingerprint)
        with tracking.open_run("train", tags={"fingerprint": one.fingerprint}) as run:
            logged = run.model(places.scores.parent / one.fingerprint, None)
        versions.append(tracking.register(logged, "live", {"fingerprint": one.fingerprint}))
        tracking.set_alias(versions[-1], "champion")
    live = LiveShop(Places.of(str(places.scores), "models:/live@champion"))
    assert live.registered == "models:/live/1"
    score(other, log(), as_of=AS_OF_TEXT, horizon_days=28, out=places.scores / "second")
    swap(places.scores, "second")
    assert live.renew()
    assert live.registered == "models:/live/2"
    assert live.shop.predictor.fingerprint == other.fingerprint
    assert LiveShop(places_of_folder := Places(places.scores / "first", places.model)).registered is None
    assert places_of_folder.registered("0") is None
