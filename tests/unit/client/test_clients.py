"""Both clients against a service that is a function: results, retries, keys; no network."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import sys
from dataclasses import fields
from random import Random

import httpx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import intentml as im
from intentml.client import AsyncClient, Client, Edges
from intentml.errors import RequestError, ServiceError, UnknownTargetError

URL = "http://shop.example:3000"
KEY = "s3cret-key-of-ours"
ABOUT = {
    "as_of": "2017-11-01T00:00:00+00:00",
    "horizon_days": 28,
    "calibrated": True,
    "model_version": "base-1",
}
LINE = {"customer_id": "C-1", "order_id": "1", "ordered_at": "2017-10-01T10:00:00Z"}
RANKED = {
    **ABOUT,
    "matched_products": [{"product_id": "P-1", "name": "cheese"}],
    "matched_by": None,
    "expected_buyers": 1.5,
    "expected_buyers_interval": [0, 3],
    "customers": [
        {"customer_id": "C-2", "probability": 0.9, "rank": 1},
        {"customer_id": "C-1", "probability": 0.6, "rank": 2},
    ],
}
METHODS = sorted(name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_")


class Service:
    """Answers as told, or by the path; remembers what it was asked and what was waited."""

    def __init__(self, *told):
        self.told, self.asked, self.waits = list(told), [], []

    def __call__(self, request):
        request.read()
        self.asked.append(request)
        answer = self.told.pop(0) if self.told else by_path(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def edges(self, sleep=None):
        return Edges(httpx.MockTransport(self), sleep or self.waits.append, lambda: 0.0, Random(7))

    def client(self, **options):
        return Client(URL, edges=self.edges(), **options)

    def awaiting(self, **options):
        async def sleep(seconds):
            self.waits.append(seconds)

        return AsyncClient(URL, edges=self.edges(sleep), **options)

    def bodies(self):
        return [json.loads(request.content) for request in self.asked]

    def lines(self):
        """What went over the wire, to the byte."""
        return [(one.method, str(one.url), one.headers.raw, one.content) for one in self.asked]


def by_path(request):
    """An answer of the form that the path has."""
    path, asked = request.url.path, json.loads(request.content or b"{}")
    read = {"/audiences", "/health", "/ready", "/version"}
    assert request.method == ("GET" if path in read else "POST")
    if path == "/interested_in":
        return RANKED
    if path == "/recommend":
        products = [{"product_id": "P-1", "probability": 0.5, "rank": 1, "last_bought_days": None}]
        return {**ABOUT, "customer_id": asked.get("customer_id", "from-orders"), "products": products}
    if path in {"/customers", "/lifecycle"}:
        known = [one for one in asked["customer_ids"] if one.startswith("C")]
        unknown = [one for one in asked["customer_ids"] if not one.startswith("C")]
        rows = [{"customer_id": one, "expected_next_order_at": "2017-11-09T12:00:00+01:00"} for one in known]
        told = {"limits": {"active": 1.2}, "rescored": dict.fromkeys(known[:1], ABOUT["as_of"])}
        return {**ABOUT, **told, "customers": rows, "unknown_customer_ids": unknown}
    if path == "/predict":
        ids = sorted({line["customer_id"] for line in asked["orders"]})
        best = [{"kind": "brand", "target": "Oro", "probability": 0.2, "rank": 1}]
        rows = [{"customer_id": one, "churn_probability": 0.3, "interests": best} for one in ids]
        return {**ABOUT, "unknown_products": ["P-9"], "customers": rows}
    if path == "/explain":
        told = {"customer_id": "C-1", "kind": "no_order", "target": None, "probability": 0.5, "logit": 0.0}
        return {**ABOUT, **told, "parts": [{"name": "base_rate", "logit": 0.0}]}
    if path == "/orders":
        told = {"accepted": len(asked["orders"]), "repeated": False, "sequence": 3}
        return {**ABOUT, **told, "rescored": {"C-1": ABOUT["as_of"]}, "unknown_products": []}
    if path == "/audiences":
        vip = {"name": "vip", "title": "VIP", "customers": 2, "problem": None}
        return {"audiences": [vip, {"name": "x", "title": "X", "customers": None, "problem": "no events"}]}
    if path == "/audiences/members":
        return {**ABOUT, "customers": [{"customer_id": "C-1"}], "next_cursor": None}
    if path == "/audiences/compare":
        return {"audiences": [{"audience": one, "customers": 2} for one in asked["audiences"]], "overlap": {}}
    if path == "/audiences/preview":
        return {"audience": "vip", "rule": "importance = vip", "as_of": ABOUT["as_of"], "customers": 2}
    if path == "/audiences/explain":
        return {"rule": "importance = vip", "holds": True, "seen": None, "parts": []}
    if path == "/health":
        return {**ABOUT, "status": "ok", "horizons": [28, 14], "model": "base", "customers": 5}
    if path in {"/ready", "/version", "/admin/reload"}:
        return {**ABOUT, "version": "0.1.0"}
    return httpx.Response(404, json={"error": {"code": "not_found", "message": "there is no such path"}})


def refused(status, code="busy", **headers):
    where = dict.fromkeys(("table", "column", "hint")) | {"rows": [], "request_id": "r-1"}
    told = {"error": {"code": code, "message": "not now", **where}}
    return httpx.Response(status, json=told, headers={k.replace("_", "-"): v for k, v in headers.items()})


# -- the results ------------------------------------------------------------------------------------


def test_what_names_a_customer_or_an_audience_is_sent_as_the_service_takes_it():
    service = Service()
    line = {"customer_id": "C-1", "order_id": "1", "ordered_at": "2017-10-01"}
    with Client(URL, edges=service.edges()) as shop:
        shop.interested_in(category="CHEESE", audience="vip")
        shop.recommend(orders=[line])
        shop.explain(customer_id="C-1", no_order=True)
        shop.members("vip", fields=["orders"])
        rescored = shop.customers(["C-1", "C-2"]).rescored
    sent = [json.loads(one.content) for one in service.asked]
    assert sent[0] == {"category": ["CHEESE"], "audience": "vip"}
    assert sent[1] == {"orders": [line], "limit": 10}
    assert sent[2] == {"customer_id": "C-1", "no_order": True}
    assert sent[3]["fields"] == ["orders"]
    assert list(rescored) == ["C-1"]
    assert rescored["C-1"] == pd.Timestamp(ABOUT["as_of"])


def test_ranked_customers_come_as_a_frame_with_what_is_said_of_them():
    service = Service()
    with service.client() as shop:
        found = shop.interested_in(category="CHEESE", limit=100)
    assert service.bodies() == [{"category": ["CHEESE"], "limit": 100}]
    assert found.customers.to_dict("records") == RANKED["customers"]
    assert found.matched_products["name"].tolist() == ["cheese"]
    assert (found.as_of, found.horizon_days, found.calibrated, found.model_version) == (
        pd.Timestamp("2017-11-01", tz="UTC"),
        28,
        True,
        "base-1",
    )
    assert (found.expected_buyers, found.expected_buyers_interval) == (1.5, (0, 3))


def test_nobody_is_a_frame_with_the_columns_of_somebody():
    nobody = Service(RANKED | {"customers": [], "matched_products": []}).client().interested_in(brand="Oro")
    assert nobody.customers.columns.tolist() == ["customer_id", "probability", "rank"]
    assert len(nobody.customers) == 0


def test_instants_are_timestamps_in_utc_and_what_only_sounds_like_one_is_left():
    rows = [
        {"customer_id": "C-1", "expected_next_order_at": "2017-11-09T12:00:00+01:00", "met_at": "the fair"},
        {"customer_id": "C-2", "expected_next_order_at": None, "met_at": "2017-01-01"},
    ]
    found = (
        Service({**ABOUT, "customers": rows, "unknown_customer_ids": []}).client().customers(["C-1", "C-2"])
    )
    at = found.customers["expected_next_order_at"]
    assert at[0] == pd.Timestamp("2017-11-09 11:00", tz="UTC")
    assert at.isna().tolist() == [False, True]
    assert found.customers["met_at"].tolist() == ["the fair", "2017-01-01"]


def test_what_is_predicted_is_a_row_a_customer_and_their_interests_apart():
    found = Service().client().predict(pd.DataFrame([LINE, LINE | {"customer_id": "C-0"}]))
    assert found.customers.to_dict("records") == [
        {"customer_id": "C-0", "churn_probability": 0.3},
        {"customer_id": "C-1", "churn_probability": 0.3},
    ]
    assert found.interests["customer_id"].tolist() == ["C-0", "C-1"]
    assert found.interests.columns.tolist() == ["customer_id", "kind", "target", "probability", "rank"]
    assert found.unknown_products == ("P-9",)


def test_every_other_answer_is_a_result_too():
    shop = Service().client()
    assert shop.recommend("C-1").products["product_id"].tolist() == ["P-1"]
    assert shop.lifecycle("C-1").limits == {"active": 1.2}
    assert shop.explain([LINE], no_order=True).parts["name"].tolist() == ["base_rate"]
    assert shop.audiences().audiences["problem"].tolist()[1] == "no events"
    assert shop.preview("vip").customers == 2
    assert shop.explain_member("vip", "C-1").told["holds"] is True
    assert shop.compare(["vip", "lost"]).audiences["audience"].tolist() == ["vip", "lost"]
    assert shop.health().horizons == (28, 14)
    assert shop.version()["version"] == "0.1.0"
    assert shop.reload().model_version == "base-1"
    assert shop.ready() is True
    taken = shop.add_orders([LINE])
    assert (taken.accepted, taken.customers, taken.sequence) == (1, ("C-1",), 3)


def test_orders_that_were_there_already_are_told_as_such():
    told = {
        **ABOUT,
        "accepted": 0,
        "repeated": True,
        "sequence": 3,
        "rescored": {},
        "unknown_products": ["P-9"],
    }
    found = Service(told).client().add_orders([LINE])
    assert (found.accepted, found.repeated, found.customers) == (0, True, ())
    assert found.unknown_products == ("P-9",)


def test_not_ready_is_an_answer_and_anything_else_an_error():
    service = Service(refused(503, "unavailable", retry_after="1"), refused(401, "unauthorized"))
    assert service.client().ready() is False
    with pytest.raises(im.IntentmlError):
        service.client().ready()
    assert service.waits == []


def test_an_answer_that_says_something_else_is_told_as_such():
    with pytest.raises(ServiceError, match="no answer of this service") as caught:
        Service({"hello": "world"}).client().interested_in(category="CHEESE")
    assert caught.value.code == "not_understood"


# -- many customers, many pages ---------------------------------------------------------------------


def test_more_than_a_thousand_customers_are_asked_about_in_parts_and_joined():
    ids = [f"C-{number:04}" for number in range(2500)]
    service = Service()
    found = service.client().customers([*reversed(ids), ids[0], "nobody"])
    assert [len(body["customer_ids"]) for body in service.bodies()] == [1000, 1000, 501]
    assert found.customers["customer_id"].tolist() == ids
    assert found.unknown_customer_ids == ("nobody",)


def test_one_id_is_one_customer_and_none_are_asked_about_too():
    service = Service()
    assert service.client().customers("C-12").customers["customer_id"].tolist() == ["C-12"]
    assert service.client().customers([]).customers.columns.tolist() == ["customer_id"]
    assert service.bodies() == [{"customer_ids": ["C-12"]}, {"customer_ids": []}]


def test_histories_of_more_than_a_thousand_customers_stay_whole_in_their_parts():
    lines = [
        LINE | {"customer_id": f"C-{number % 1200:04}", "order_id": str(number)} for number in range(2400)
    ]
    service = Service()
    found = service.client().predict(lines)
    parts = [{line["customer_id"] for line in body["orders"]} for body in service.bodies()]
    assert [len(part) for part in parts] == [1000, 200]
    assert not parts[0] & parts[1]
    assert found.customers["customer_id"].tolist() == sorted({line["customer_id"] for line in lines})


def test_an_error_in_a_part_tells_the_rows_of_the_whole():
    lines = [LINE | {"customer_id": f"C-{number:04}"} for number in reversed(range(1001))]
    told = {"code": "contract", "message": "x", "table": "orders", "column": "ordered_at", "rows": [0, 1]}
    first = Service(httpx.Response(422, json={"error": told}))
    with pytest.raises(im.IntentmlError) as caught:
        first.client().predict(lines)
    assert caught.value.rows == (1, 2)  # the first line is of the last customer, in a part of their own


def test_all_pages_of_an_audience_are_joined():
    def page(ids, cursor):
        return {**ABOUT, "customers": [{"customer_id": one} for one in ids], "next_cursor": cursor}

    service = Service(page(["C-1", "C-2"], "p2"), page(["C-3"], "p3"), page([], None))
    found = service.client().members("vip", page_size=2)
    assert found.customers["customer_id"].tolist() == ["C-1", "C-2", "C-3"]
    assert [body.get("cursor") for body in service.bodies()] == [None, "p2", "p3"]
    some = Service(page(["C-1", "C-2"], "p2"), page(["C-3"], "p3"))
    assert len(some.client().members("vip", limit=3, page_size=2).customers) == 3
    assert [body["limit"] for body in some.bodies()] == [2, 1]


def test_pages_that_go_round_in_a_circle_end():
    page = {**ABOUT, "customers": ["C-1"], "next_cursor": "p2"}
    with pytest.raises(ServiceError, match="no answer of this service"):
        Service(page, page, page).client().members("vip")


def test_parts_of_two_versions_are_never_mixed():
    ids = [f"C-{number:04}" for number in range(1500)]
    old = {**ABOUT, "model_version": "old", "customers": [], "unknown_customer_ids": []}
    service = Service(old)
    assert len(service.client().customers(ids).customers) == 1500
    assert len(service.asked) == 4
    new = old | {"model_version": "new"}
    with pytest.raises(ServiceError, match="exchanged 3 times"):
        Service(old, new, old, new, old, new).client().customers(ids)


# -- retries and errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "passing",
    [httpx.ConnectError("refused"), httpx.RemoteProtocolError("gone"), refused(429), refused(503)],
    ids=["no connection", "connection lost", "429", "503"],
)
def test_what_passes_is_asked_again_after_a_wait_that_was_drawn(passing):
    service = Service(passing, passing)
    assert service.client().interested_in(category="CHEESE").expected_buyers == 1.5
    draws = Random(7)
    assert service.waits == [0.2 * draws.random(), 0.4 * draws.random()]


def test_retry_after_is_waited_for_and_a_little_more():
    service = Service(refused(429, retry_after="2"))
    service.client().interested_in(category="CHEESE")
    assert service.waits == [2 + 0.2 * Random(7).random()]


def test_what_was_asked_wrongly_is_not_asked_again():
    service = Service(refused(422, "request"))
    with pytest.raises(RequestError) as caught:
        service.client().interested_in(category="CHEESE")
    assert (len(service.asked), service.waits, caught.value.status) == (1, [], 422)


def test_a_number_that_is_none_is_told_before_it_is_sent():
    service = Service()
    with pytest.raises(RequestError, match="NaN or infinite"):
        service.client().interested_in(category="CHEESE", share=float("nan"))
    assert service.asked == []


def test_a_refusal_is_raised_as_in_python_with_its_status_and_request_id():
    with pytest.raises(UnknownTargetError, match="not now") as caught:
        Service(refused(404, "unknown_target")).client().interested_in(category="CHESE")
    assert (caught.value.status, caught.value.request_id) == (404, "r-1")


def test_a_service_that_is_not_there_is_told_without_a_stack_of_libraries():
    with pytest.raises(ServiceError, match=r"cannot be reached \(ConnectError; asked 2 times\)"):
        Service(*[httpx.ConnectError("x")] * 2).client(retries=1).health()


def test_a_slow_answer_is_given_up_in_time():
    with pytest.raises(ServiceError, match="ReadTimeout; asked once"):
        Service(httpx.ReadTimeout("x")).client().health()
    ticks = iter(range(99))
    service = Service()
    edges = Edges(httpx.MockTransport(service), service.waits.append, lambda: float(next(ticks)), Random(7))
    with pytest.raises(ServiceError, match="too slowly"):
        Client(URL, timeout=0.5, edges=edges).health()


def test_new_orders_have_the_same_key_over_all_retries_and_another_one_next_time():
    service = Service(httpx.ReadError("x"), refused(503))
    shop = service.client()
    shop.add_orders([LINE])
    shop.add_orders([LINE])
    keys = [request.headers["idempotency-key"] for request in service.asked]
    assert len(keys) == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]
    shop.add_orders([LINE], idempotency_key="ours-1")
    assert service.asked[-1].headers["idempotency-key"] == "ours-1"
    with pytest.raises(RequestError):
        shop.add_orders([LINE], idempotency_key="a b")


# -- the key ----------------------------------------------------------------------------------------


def test_the_key_goes_to_the_service_and_into_no_text(caplog):
    caplog.set_level(logging.DEBUG)
    service = Service(refused(401, "unauthorized"), httpx.ConnectError("x"), httpx.ConnectError("x"))
    shop = service.client(key=KEY, retries=1)
    told = [repr(shop), str(shop), repr(vars(shop)), repr(shop._http.headers)]
    for _ in range(2):
        with pytest.raises(im.IntentmlError) as caught:
            shop.health()
        told += [repr(caught.value), str(caught.value), str(caught.getrepr(showlocals=True))]
    assert service.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in "".join([*told, caplog.text])


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY} x", "", f"{KEY}ü"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_told(key):
    with pytest.raises(RequestError) as caught:
        Client(URL, key=key)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url", [KEY, f"http://user:{KEY}@shop", f"{URL}?key={KEY}", "ftp://shop", "http://", "http://h:99999"]
)
def test_what_is_no_address_is_refused_without_being_told(url):
    with pytest.raises(RequestError) as caught:
        Client(url)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": float("nan")}, {"retries": -1}])
def test_patience_that_is_none_is_refused(options):
    with pytest.raises(RequestError):
        Client(URL, **options)


def test_an_address_may_have_a_path_of_its_own():
    service = Service(RANKED)
    Client(f"{URL}/v1/", edges=service.edges()).interested_in(category="CHEESE")
    assert str(service.asked[0].url) == f"{URL}/v1/interested_in"


def test_without_httpx_the_line_to_install_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ServiceError, match=r"pip install 'intentml\[client\]'"):
        im.Client(URL)


# -- the client that awaits -------------------------------------------------------------------------

texts = st.text(max_size=5)
names = st.lists(texts, max_size=3)
lines = st.lists(
    st.fixed_dictionaries({"customer_id": st.sampled_from(["C-1", "C-2"]), "quantity": st.floats(-9, 9)}),
    min_size=1,
    max_size=4,
)
audience = texts | st.dictionaries(texts, texts, max_size=2)
CALLS = st.one_of(
    st.tuples(st.just("interested_in"), st.just(()), st.fixed_dictionaries({}, optional={
        "product": names, "category": texts, "brand": names, "keyword": texts, "limit": st.integers(),
        "share": st.floats(0, 1), "horizon_days": st.integers(7, 365),
    })),
    st.tuples(st.just("recommend"), st.tuples(texts), st.fixed_dictionaries({}, optional={"keyword": texts})),
    st.tuples(st.sampled_from(["customers", "lifecycle"]), st.tuples(names), st.just({})),
    st.tuples(st.just("predict"), st.tuples(lines), st.fixed_dictionaries({"interests": st.integers(0, 9)})),
    st.tuples(st.just("explain"), st.tuples(lines), st.just({"no_order": True})),
    st.tuples(st.just("add_orders"), st.tuples(lines), st.just({})),
    st.tuples(st.sampled_from(["preview", "members"]), st.tuples(audience), st.just({})),
    st.tuples(st.just("explain_member"), st.tuples(audience, texts), st.just({})),
    st.tuples(st.just("compare"), st.tuples(st.lists(texts, max_size=2)), st.just({})),
    st.tuples(
        st.sampled_from(["audiences", "health", "ready", "version", "reload"]), st.just(()), st.just({})
    ),
)  # fmt: skip
BEFORE = st.lists(st.sampled_from([(503, None), (429, "1"), (422, None), (None, None)]), max_size=4)


def coming(before):
    """What the service says before it answers."""
    return [
        httpx.ConnectError("x")
        if status is None
        else refused(status, **({} if after is None else {"retry_after": after}))
        for status, after in before
    ]


@given(call=CALLS, before=BEFORE)
def test_both_clients_send_the_same_bytes_wait_the_same_and_say_the_same(call, before):
    name, given_, options = call
    service, other = Service(*coming(before)), Service(*coming(before))

    def ask():
        with service.client(key=KEY) as shop:
            return getattr(shop, name)(*given_, **options)

    async def ask_awaiting():
        async with other.awaiting(key=KEY) as shop:
            return await getattr(shop, name)(*given_, **options)

    assert said(ask) == said(lambda: asyncio.run(ask_awaiting()))
    assert service.lines() == other.lines()
    assert service.waits == other.waits


def said(ask):
    """A result or an error, as values that compare."""
    try:
        found = ask()
    except im.IntentmlError as problem:
        return type(problem), problem.status, problem.to_dict()
    if not hasattr(found, "__dataclass_fields__"):
        return found
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    return type(found), {
        name: value.to_json() if isinstance(value, pd.DataFrame) else value for name, value in values.items()
    }


@pytest.mark.parametrize("name", ["__init__", *METHODS])
def test_both_clients_have_the_same_methods_with_the_same_arguments(name):
    assert inspect.signature(getattr(Client, name)) == inspect.signature(getattr(AsyncClient, name))
    assert name in {"__init__"} or inspect.iscoroutinefunction(getattr(AsyncClient, name))


def test_the_client_that_awaits_lets_others_work_meanwhile():
    async def both():
        service = Service(refused(503), refused(503))
        edges = service.edges(lambda seconds: asyncio.sleep(0))
        async with AsyncClient(URL, edges=edges) as shop:
            return await asyncio.gather(shop.health(), shop.interested_in(category="CHEESE"))

    health, ranked = asyncio.run(both())
    assert (health.customers, ranked.expected_buyers) == (5, 1.5)


def test_the_clients_stand_at_the_door():
    assert (im.Client, im.AsyncClient) == (Client, AsyncClient)
