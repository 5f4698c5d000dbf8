"""Audiences and order lines that came in since: every answer knows them, as if the shop's tables had them."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from histories import known_lines
from intentml.audiences.anew import RenewableAudiences
from intentml.audiences.opening import open_renewable
from intentml.errors import UnavailableError, UnknownCustomerError
from intentml.service.arrivals import Batch
from intentml.service.audiences import ServedAudiences
from intentml.service.requests import (
    AudienceRequest,
    CompareRequest,
    InterestedInRequest,
    MembersRequest,
    ReasonRequest,
)
from intentml.service.shop import ScoredShop
from intentml.timeline import known_by
from intentml.traits import FIELDS, TRAITS, compute_traits
from random_shop import AS_OF
from scored_shop import frames, log, model, scores
from tiny import log_of

NOW = "2024-03-31T10:00:00+00:00"


def line(customer: str, order: str = "n1", at: str = "2024-03-31T09:20:00Z", **cells: Any) -> dict[str, Any]:
    plain = {"customer_id": customer, "order_id": order, "ordered_at": at, "product_id": "p1"}
    told = {"discount": 0.5, "promo_code": "SPRING", "channel": "web"}
    return plain | {"quantity": 2.0, "unit_price": 2.5} | told | cells


@cache
def opened() -> RenewableAudiences:
    return open_renewable(scores(), log())


def shop(*tellings: list[dict[str, Any]]) -> ScoredShop:
    batches = [Batch(number + 1, lines) for number, lines in enumerate(tellings)]
    return ScoredShop.of(scores(), model()).knowing(batches)


@cache
def served() -> ServedAudiences:
    found = ServedAudiences(lambda scores: opened())
    while True:
        try:
            found.of(shop())
            return found
        except UnavailableError:
            time.sleep(0.01)


@cache
def buyers() -> list[str]:
    table = scores().table.to_pandas()
    ids: list[str] = table.loc[table["orders"] > 0, "customer_id"].tolist()
    return ids


def members(of: ScoredShop, rule: str, *fields: str) -> dict[str, dict[str, Any]]:
    request = MembersRequest(audience=rule, limit=1_000, fields=list(fields))
    rows = served().members(of, request)["customers"].to_pylist()
    return {row["customer_id"]: row for row in rows}


def test_traits_are_those_of_tables_that_have_the_lines():
    named = [buyers()[0], buyers()[7], buyers()[20], "somebody-new"]
    lines = [line(one, f"n{number}") for number, one in enumerate(named)]
    lines += [line(buyers()[0], "n9", product_id="p2", discount=None)]
    ours = served().of(shop(lines))
    told = known_lines(frames()["orders"], AS_OF)
    came = pd.DataFrame(lines).assign(ordered_at=lambda rows: pd.to_datetime(rows["ordered_at"]))
    tables = frames() | {"orders": pd.concat([told, came], ignore_index=True)}
    truth = known_by(log_of(tables), NOW)
    then = opened().audiences.view.as_of
    assert truth.snapshot.as_of.us > then.us
    rows = np.searchsorted(truth.snapshot.customer_ids, sorted(named))
    quintiles = known_by(log(), scores().manifest.as_of).quintiles
    expected = compute_traits(replace(truth.take(rows), quintiles=quintiles))
    # Events between the two instants are in these tables alone.
    names = [name for name in TRAITS if TRAITS[name].relation not in ("events", "visits")]
    names = [name for name in names if not {"events", "visits"} & used(name)]
    assert len(names) > 60
    where = np.array([ours.selector.row_of(one) for one in sorted(named)], np.int32)
    for name in names:
        if FIELDS[name].source == "observed":
            assert ours.selector.values(name, where).to_pylist() == expected[name].to_pylist(), name


def used(name: str) -> set[str]:
    """The relations behind a trait that is made of others."""
    uses = TRAITS[name].uses
    return {TRAITS[one].relation for one in uses}.union(*(used(one) for one in uses))


def test_who_ordered_is_in_at_once_and_who_no_longer_fits_is_out():
    long_ago, now = "recency_days > 5", "purchased(product = 'p1', last 1 days)"
    asleep = next(iter(members(shop(), long_ago)))
    assert asleep not in members(shop(), now)
    newer = shop([line(asleep), line("somebody-new")])
    assert asleep not in members(newer, long_ago)
    assert {asleep, "somebody-new"} <= set(members(newer, now))
    told = members(newer, "orders = 1 AND newcomer = one_off", "orders", "lifecycle", "newcomer")
    assert told["somebody-new"]["lifecycle"] == "new"
    others = set(members(shop(), "recency_days >= 0")) - {asleep}
    assert others == set(members(newer, "recency_days >= 0")) - {asleep, "somebody-new"}


def test_who_is_best_is_found_among_everybody_with_their_new_numbers():
    newer = shop([line(buyers()[3]), line(buyers()[11], product_id="p4"), line("somebody-new")])
    for count in (3, 10, 25):
        ranked = newer.interested_in(InterestedInRequest(product="p1", limit=count))["customers"]
        best = members(newer, f"interested_in(product = 'p1', top {count})")
        assert set(best) == set(ranked["customer_id"].to_pylist())
    seen = explained(newer, "interested_in(product = 'p1', top 5)", buyers()[3])["seen"]
    everybody = newer.interested_in(InterestedInRequest(product="p1"))["customers"].to_pylist()
    place = {row["customer_id"]: row for row in everybody}[buyers()[3]]
    assert (seen["rank"], seen["probability"]) == (place["rank"], place["probability"])


def explained(of: ScoredShop, rule: str, customer: str) -> dict[str, Any]:
    reason: dict[str, Any] = served().explain(of, ReasonRequest(audience=rule, customer_id=customer))[
        "reason"
    ]
    return reason


def test_previews_counts_and_comparisons_tell_the_same_members():
    newer = shop([line(one, f"n{number}") for number, one in enumerate([*buyers()[:9], "somebody-new"])])
    preview = served().preview(newer, AudienceRequest(audience="recency_days < 1"))
    assert preview["customers"] == len(members(newer, "recency_days < 1")) >= 10
    assert preview["share"] == preview["customers"] / (len(scores()) + 1)
    listed = {row["name"]: row["customers"] for row in served().list(newer)["audiences"]}
    compared = served().compare(newer, CompareRequest(audiences=[]))["audiences"]
    for row in compared:
        assert row["customers"] == listed[row["audience"]] == len(members(newer, row["audience"]))
    before = {
        row["audience"]: row for row in served().compare(shop(), CompareRequest(audiences=[]))["audiences"]
    }
    assert any(row["revenue"] != before[row["audience"]]["revenue"] for row in compared)


def test_within_an_audience_those_are_ranked_who_are_in_it_now():
    newer = shop([line("somebody-new"), line(buyers()[5])])
    inside = served().rows(newer, "purchased(product = 'p1', last 1 days)")
    told = newer.interested_in(InterestedInRequest(product="p1"), inside)["customers"]
    assert {"somebody-new", buyers()[5]} <= set(told["customer_id"].to_pylist())
    assert len(told) == len(members(newer, "purchased(product = 'p1', last 1 days)"))


@pytest.mark.parametrize("asked", [True, False])
def test_lines_that_came_one_after_the_other_are_known_as_if_they_came_together(asked):
    tellings = [
        [line(buyers()[1]), line(buyers()[2])],
        [line(buyers()[1], "n2", at="2024-03-31T11:20:00Z"), line("somebody-new")],
        [line("somebody-new", "n3", quantity=5.0), line(buyers()[30], "n4", at="2024-04-01T00:10:00Z")],
    ]
    fields = ["recency_days", "frequency", "monetary", "newcomer", "promo_share", "expected_orders"]
    fields = [name for name in fields if name in opened().audiences.view.fields]
    rule = "purchased(last 60 days) OR interested_in(category = 'TEA', top 20%)"
    together = members(shop([one for lines in tellings for one in lines]), rule, *fields)
    newer = shop()
    for number, lines in enumerate(tellings):
        newer = newer.knowing([Batch(number + 1, lines)])
        if asked:
            members(newer, rule)
    assert members(newer, rule, *fields) == together


def test_a_page_goes_on_after_lines_came_in():
    first = served().members(shop(), MembersRequest(audience="orders >= 1", limit=5))
    newer = shop([line("aaa"), line("zzz")])
    after = MembersRequest(audience="orders >= 1", limit=1_000, cursor=first["next_cursor"])
    rest = served().members(newer, after)["customers"]["customer_id"].to_pylist()
    seen = first["customers"]["customer_id"].to_pylist()
    assert not set(seen) & set(rest)
    assert {*seen, *rest} == set(members(newer, "orders >= 1")) - {"aaa"}


def test_somebody_new_is_explained_and_nobody_else():
    newer = shop([line("somebody-new")])
    assert explained(newer, "orders >= 1", "somebody-new") == {
        "rule": "orders >= 1", "holds": True, "seen": {"orders": 1}, "reasons": None, "parts": [],
    }  # fmt: skip
    with pytest.raises(UnknownCustomerError):
        explained(newer, "orders >= 1", "somebody-else")
    with pytest.raises(UnknownCustomerError):
        explained(shop(), "orders >= 1", "somebody-new")
