"""Order lines that came in since the scores were made: known in every answer, the same in whatever order."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from histories import as_json, known_lines
from intentml.errors import RequestError, UnknownCustomerError
from intentml.service.arrivals import Batch
from intentml.service.formats import as_json as json_of
from intentml.service.requests import (
    CustomersRequest,
    ExplainRequest,
    InterestedInRequest,
    OrdersRequest,
    PredictRequest,
    RecommendRequest,
)
from intentml.service.shop import ScoredShop
from intentml.workflows import score, train
from random_shop import AS_OF, AS_OF_TEXT
from scored_shop import HORIZONS, QUICK, frames, model, scores
from tiny import log_of


@cache
def shop() -> ScoredShop:
    return ScoredShop.of(scores(), model())


@cache
def buyers() -> list[str]:
    table = scores().table.to_pandas()
    ids: list[str] = table.loc[table["orders"] > 0, "customer_id"].tolist()
    return ids


def line(customer: str, order: str = "n1", at: str = "2024-03-31T09:20:00Z", **cells: Any) -> dict[str, Any]:
    plain = {"customer_id": customer, "order_id": order, "ordered_at": at, "product_id": "p1"}
    return plain | {"quantity": 1.0, "unit_price": 2.5} | cells


def batches(*tellings: list[dict[str, Any]]) -> list[Batch]:
    return [Batch(number + 1, lines) for number, lines in enumerate(tellings)]


def sent(lines: pd.DataFrame) -> list[dict[str, Any]]:
    """Lines of a table, as they come in."""
    return OrdersRequest.model_validate({"orders": as_json(lines)}).lines()


def told(shop: ScoredShop, *ids: str) -> dict[str, dict[str, Any]]:
    rows = shop.customers(CustomersRequest(customer_ids=list(ids)))["customers"].to_pylist()
    return {row["customer_id"]: row for row in rows}


def everything(shop: ScoredShop) -> bytes:
    """All that the shop answers about everybody, to the last digit."""
    ids = [*scores().customer_ids, "new-1", "new-2", "aaa"]
    answers: list[Any] = [shop.customers(CustomersRequest(customer_ids=ids[i : i + 900])) for i in (0, 900)]
    for days in HORIZONS:
        requests = (InterestedInRequest(**asked, horizon_days=days) for asked in named())
        answers += [shop.interested_in(request) for request in requests]
    known = [one for one in ids if one in shop.overlay.as_of]
    answers += [shop.recommend(RecommendRequest(customer_id=one)) for one in known]
    return json_of(answers)


@cache
def named() -> list[dict[str, Any]]:
    catalogue = scores().catalogue
    some = {kind: str(catalogue.targets(kind).targets[0]) for kind in ("category", "brand")}
    return [*({kind: name} for kind, name in some.items()), {"product": ["p1", "p2"]}, {"product": "p3"}]


def test_an_order_is_known_in_every_answer():
    one = buyers()[3]
    anew = shop().knowing(batches([line(one)]))
    before, after = told(shop(), one)[one], told(anew, one)[one]
    assert after["orders"] == before["orders"] + 1
    assert after["recency_days"] == pytest.approx(40 / 60 / 24)  # 9:20, looked at from 10 o'clock
    assert anew.customers(CustomersRequest(customer_ids=[one]))["rescored"] == {
        one: "2024-03-31T10:00:00+00:00"
    }
    assert (anew.sequence, anew.health()["rescored"]) == (1, 1)
    wanted = anew.interested_in(InterestedInRequest(product="p1"))["customers"].to_pylist()
    ranked = {row["customer_id"]: row["probability"] for row in wanted}
    was = {
        row["customer_id"]: row["probability"]
        for row in shop().interested_in(InterestedInRequest(product="p1"))["customers"].to_pylist()
    }
    assert ranked[one] != was[one]
    assert {other: p for other, p in ranked.items() if other != one} == {
        other: p for other, p in was.items() if other != one
    }
    assert [row["probability"] for row in wanted] == sorted(ranked.values(), reverse=True)
    products = anew.recommend(RecommendRequest(customer_id=one, limit=50))
    assert products["as_of"] == "2024-03-31T10:00:00+00:00"
    bought = {row["product_id"]: row["last_bought_days"] for row in products["products"].to_pylist()}
    assert bought["p1"] == pytest.approx(40 / 60 / 24)


def test_a_stranger_s_first_order_makes_a_customer():
    anew = shop().knowing(batches([line("aaa"), line("new-1", product_id="never-seen")]))
    people = told(anew, "aaa", "new-1")
    assert [one["importance"] for one in people.values()] == ["one_time", "one_time"]
    for days in HORIZONS:
        answer = anew.interested_in(InterestedInRequest(product="p1", horizon_days=days))
        ids = answer["customers"]["customer_id"].to_pylist()
        assert len(ids) == len(scores()) + 2
        assert {"aaa", "new-1"} <= set(ids)
        ties = answer["customers"].to_pandas()
        assert ties.equals(
            ties.sort_values(["probability", "customer_id"], ascending=[False, True], ignore_index=True)
        )


@pytest.mark.parametrize("days", HORIZONS)
def test_lines_told_late_give_the_numbers_of_the_whole_history(days):
    """What comes in late was known before as_of: so the instant is the same, and so are the numbers."""
    lines = known_lines(frames()["orders"], AS_OF)
    late = buyers()[:6]
    missing = lines[lines["customer_id"].isin(late)].groupby("customer_id").tail(1)
    shop_then = without(tuple(missing.index))
    anew = shop_then.knowing(batches(sent(missing)))
    history = as_json(lines[lines["customer_id"].isin(late)])
    request = PredictRequest.model_validate({"orders": history, "horizon_days": days, "interests": 0})
    wanted = {row["customer_id"]: row for row in shop_then.predict(request)["customers"].to_pylist()}
    suffix = "" if days == HORIZONS[0] else f"_{days}"
    for customer, row in told(anew, *late).items():
        for name, value in wanted[customer].items():
            if name != "interests":
                mine = row.get(f"{name}{suffix}", row.get(name))
                assert mine == value, (customer, name)


@cache
def without(rows: tuple[int, ...]) -> ScoredShop:
    """The shop as if some lines had not been told."""
    tables = frames()
    log = log_of(tables | {"orders": tables["orders"].drop(index=list(rows))})
    trained = train(log, as_of=AS_OF_TEXT, settings=QUICK)
    return ScoredShop.of(score(trained, log, as_of=AS_OF_TEXT, horizon_days=HORIZONS), trained)


def test_the_order_in_which_lines_come_does_not_matter():
    one, two = buyers()[:2]
    tellings = (
        [line(one), line(two, at="2024-03-31T11:00:00Z")],
        [line("new-1", "n2"), line(one, "n3", "2024-04-01T08:00:00Z", product_id="p3")],
        [line(two, "n4", "2024-03-31T11:30:00Z", product_id=None)],
    )
    answers = set()
    for order in permutations(range(3)):
        together = shop().knowing(batches(*(tellings[at] for at in order)))
        step_by_step = shop()
        for number, at in enumerate(order):
            step_by_step = step_by_step.knowing([Batch(number + 1, tellings[at])])
        answers |= {everything(together), everything(step_by_step)}
    assert len(answers) == 1


def test_a_line_told_again_is_the_same_line():
    one = buyers()[5]
    twice = [line(one), line(one)]  # two alike in one order are two
    once = shop().knowing(batches(twice))
    assert everything(shop().knowing(batches(twice, twice, [line(one)]))) == everything(once)
    assert everything(once) != everything(shop().knowing(batches([line(one)])))


def test_what_the_scores_know_already_changes_nothing():
    lines = known_lines(frames()["orders"], AS_OF)
    known = sent(lines[lines["customer_id"].isin(buyers()[:5])])
    anew = shop().knowing(batches(known))
    assert len(anew.overlay) == 0
    assert everything(anew) == everything(shop())


def test_a_line_told_again_as_returned_takes_its_own_place():
    one = buyers()[5]
    bought = line(one)
    returned = bought | {"status": "returned", "returned_at": "2024-04-01T12:00:00Z"}
    anew = shop().knowing(batches([bought], [returned]))
    assert everything(anew) == everything(shop().knowing(batches([returned])))
    row, before = told(anew, one)[one], told(shop(), one)[one]
    assert row["orders"] == before["orders"] + 1
    assert row["monetary_net"] == pytest.approx(before["monetary_net"])


def test_a_cancelled_line_is_no_news():
    anew = shop().knowing(batches([line(buyers()[5], status="cancelled"), line("new-1", quantity=0.0)]))
    assert len(anew.overlay) == 0


def test_a_return_alone_makes_no_customer_and_counts_for_one():
    one = buyers()[2]
    anew = shop().knowing(batches([line("new-1", quantity=-1.0), line(one, quantity=-1.0)]))
    assert set(anew.overlay.as_of) == {one}
    before, after = told(shop(), one)[one], told(anew, one)[one]
    assert after["orders"] == before["orders"]
    assert after["monetary_net"] == pytest.approx(before["monetary_net"] - 2.5)


def test_later_lines_do_not_wake_those_whom_they_do_not_name():
    one, two = buyers()[:2]
    first = shop().knowing(batches([line(one)]))
    second = first.knowing([Batch(2, [line(two, "n9", "2024-04-02T00:00:00Z")])])
    assert told(second, one) == told(first, one)
    assert list(second.overlay.as_of) == sorted([one, two])
    assert np.array_equal(second.overlay.scores.customer_ids, sorted([one, two]))


def test_a_customer_whom_the_shop_knows_is_explained_without_sending_a_history():
    one = buyers()[5]
    for now in (shop(), shop().knowing(batches([line(one)]))):
        told = now.explain(ExplainRequest(customer_id=one, product="p1"))
        ranking = now.interested_in(InterestedInRequest(product="p1"))["customers"].to_pylist()
        (wanted,) = (row["probability"] for row in ranking if row["customer_id"] == one)
        assert told["probability"] == pytest.approx(wanted, abs=1e-6)
        assert told["as_of"] == now.overlay.as_of.get(one, AS_OF.isoformat())


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"customer_id": "nobody"}, UnknownCustomerError),
        ({"customer_id": "c1", "orders": [line("c1")]}, RequestError),
        ({"orders": [line("c1"), line("c2")]}, RequestError),
    ],
)
def test_nobody_and_two_at_once_are_not_explained(asked, error):
    with pytest.raises(error):
        shop().explain(ExplainRequest.model_validate({"no_order": True, **asked}))


def test_within_an_audience_its_members_alone_are_ranked():
    anew = shop().knowing(batches([line("aaa"), line(buyers()[4])]))
    everybody = np.sort([*scores().customer_ids, "aaa"])
    inside = np.flatnonzero(np.isin(everybody, buyers()[2:9]))
    whole = anew.interested_in(InterestedInRequest(product="p1"))["customers"].to_pylist()
    some = anew.interested_in(InterestedInRequest(product="p1", limit=5), inside)["customers"].to_pylist()
    members = [row for row in whole if row["customer_id"] in buyers()[2:9]]
    assert [(row["customer_id"], row["probability"]) for row in some] == [
        (row["customer_id"], row["probability"]) for row in members[:5]
    ]
    assert [row["rank"] for row in some] == [1, 2, 3, 4, 5]
