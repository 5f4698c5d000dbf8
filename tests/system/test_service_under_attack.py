"""The service and what nobody should send it: documented answers, nobody in the log, and it goes on.

One service on the small random shop for all of it. What is sent stands in `hostile_requests`; what hangs,
lies and garbles is done here, on sockets.
"""

from __future__ import annotations

import io
import json
import socket
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

import httpx
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

from documented import check_reply
from fuzzing import fuzzed, replaced_by_known
from hostile_requests import BODIES, MEMBERS, PREVIEW, Request, numbers, rule, texts, times
from intentml.service.formats import ARROW, METADATA, PARQUET
from served import Served
from served_shop import LINE, REQUESTS, SHOP_CUSTOMER, served_shop

SETTINGS = {"INTENTML_BODY_SECONDS": "1.5"}
ASKED = json.dumps(REQUESTS["/lifecycle"]).encode()
SEED = 20261123


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "secret.yaml").write_text("title: Secret\nrule: orders >= 0\n")
    (folder / "own").mkdir()
    (folder / "own" / "fine.yaml").write_text("title: Fine\nrule: orders >= 1\n")
    (folder / "own" / "vip.yaml").write_text("title: [\n")  # a preset has this name
    with served_shop(folder, SETTINGS | {"INTENTML_AUDIENCES": str(folder / "own")}) as running:
        yield running


@pytest.fixture(autouse=True)
def unharmed(service: Served) -> Iterator[None]:
    """After each test the service answers as before, and its log has no failure and nobody's data."""
    before = service.stderr.stat().st_size
    yield
    assert service.post("/lifecycle", REQUESTS["/lifecycle"]).status == 200
    log = service.stderr.read_bytes()[before:].decode()
    assert '"failure"' not in log
    assert "were not taken in" not in log
    assert "Traceback" not in log
    assert not any(text in log for text in (SHOP_CUSTOMER, "DROP TABLE", "passwd", "a" * 100, "new-1"))


def check_all(service: Served, requests: Iterator[Request]) -> dict[int, int]:
    """How many were answered with which status; each answer must be a documented one."""
    count: dict[int, int] = {}
    for path, body in requests:
        reply = service.post(path, body)
        check_reply(path, reply)
        count[reply.status] = count.get(reply.status, 0) + 1
    return count


# -- bodies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "status", "code"), [one[1:] for one in BODIES], ids=[one[0] for one in BODIES]
)
def test_what_nobody_should_send_gets_its_documented_answer(
    service: Served, path: str, body: Any, status: int, code: str
) -> None:
    begun = time.perf_counter()
    reply = service.post(path, body)
    check_reply(path, reply)
    told = reply.body.get("error", {}).get("code", "")
    assert (reply.status, told) == (status, code), reply.text[:300]
    assert time.perf_counter() - begun < 10
    assert len(reply.text) < 20_000 or status == 200


def test_numbers_that_are_none_or_too_large_break_no_answer(service: Served) -> None:
    assert check_all(service, numbers())[200] > 20


def test_texts_that_are_meant_as_something_else_break_no_answer(service: Served) -> None:
    assert check_all(service, islice(texts(), 0, None, 5))[200] > 20


@pytest.mark.slow
def test_every_text_in_every_place_breaks_no_answer(service: Served) -> None:
    assert check_all(service, texts())[200] > 100


def test_times_beyond_the_calendar_break_no_answer(service: Served) -> None:
    assert set(check_all(service, times())) == {200, 422}


@pytest.mark.parametrize(
    "name", ["secret.yaml", "./secret.yaml", "{folder}/secret.yaml", "secret", "/etc/hostname"]
)
def test_no_audience_is_ever_a_file(service: Served, name: str) -> None:
    asked = name.format(folder=service.stderr.parent)
    a_name = 404 if asked.isalnum() else 422  # else it is a rule, and none that can be read
    for path, body, status in (
        (PREVIEW, rule(asked), a_name),
        (PREVIEW, rule({"audience": asked}), 422),
        ("/audiences/compare", {"audiences": [asked]}, 404),
        ("/interested_in", {"category": "TEA", "audience": asked}, a_name),
    ):
        reply = service.post(path, body)
        check_reply(path, reply)
        assert reply.status == status
        assert "Secret" not in reply.text


def test_a_broken_file_of_audiences_is_told_by_its_name_and_stops_no_other(service: Served) -> None:
    listed = {one["name"]: one for one in service.get("/audiences").body["audiences"]}
    assert listed["fine"]["customers"] > 0
    why = "vip.yaml is no YAML in line 2"
    assert listed["vip"] == {"name": "vip", "title": None, "rule": None, "customers": None} | {
        "problem": listed["vip"]["problem"]
    }
    assert why in listed["vip"]["problem"]
    for path, body in (
        (PREVIEW, rule("vip")),
        (MEMBERS, rule("vip")),
        ("/interested_in", {"category": "TEA", "audience": "vip"}),
        ("/audiences/compare", {"audiences": ["fine", "vip"]}),
    ):
        reply = service.post(path, body)
        check_reply(path, reply)
        assert (reply.status, reply.body["error"]["code"]) == (422, "rule")
        assert why in reply.body["error"]["message"]
    assert service.post(PREVIEW, rule("fine")).status == 200
    (line,) = [line for line in service.stderr.read_text().splitlines() if "broken_audience" in line]
    assert '"broken_audience": "vip"' in line
    assert why in line


@pytest.mark.parametrize(
    ("media_type", "read"),
    [(ARROW, lambda file: ipc.open_stream(file).read_all()), (PARQUET, pq.read_table)],
    ids=["Arrow", "Parquet"],
)
def test_members_come_page_by_page_as_a_table_to_who_accepts_one(
    service: Served, media_type: str, read: Any
) -> None:
    asked = rule("orders >= 1") | {"limit": 20, "fields": ["orders", "lifecycle"]}
    pages, cursor = 0, {}
    while True:
        plain = service.post(MEMBERS, asked | cursor).body
        reply = httpx.post(f"{service.url}{MEMBERS}", json=asked | cursor, headers={"accept": media_type})
        assert (reply.status_code, reply.headers["content-type"]) == (200, media_type)
        table = read(io.BytesIO(reply.content))
        rest = json.loads(table.schema.metadata[METADATA])
        assert {**rest, "customers": table.to_pylist()} == plain
        pages += 1
        if rest["next_cursor"] is None:
            break
        cursor = {"cursor": rest["next_cursor"]}
    assert pages > 1


def test_an_interest_is_explained_over_the_wire_in_the_words_of_the_model(service: Served) -> None:
    path = "/audiences/explain"
    reply = service.post(path, REQUESTS[path])
    check_reply(path, reply)
    plain, leaf = reply.body["reason"]["parts"]
    assert plain["reasons"] is None
    told = leaf["reasons"]
    assert (told["kind"], told["target"]) == ("category", "TEA")
    assert told["probability"] == pytest.approx(leaf["seen"]["probability"], abs=1e-5)
    assert sum(part["logit"] for part in told["parts"]) == pytest.approx(told["logit"], abs=1e-5)
    assert all(part["words"] for part in told["parts"])


def test_the_costliest_rule_that_is_taken_is_answered_in_seconds(service: Served) -> None:
    parts = [{"field": "orders", "op": ">=", "value": n} for n in range(500)]
    for join in ("all", "any"):
        begun = time.perf_counter()
        reply = service.post(PREVIEW, rule({join: parts}))
        check_reply(PREVIEW, reply)
        assert (reply.status, len(reply.body["funnel"]["parts"])) == (200, 500)
        assert time.perf_counter() - begun < 20


@pytest.mark.slow
def test_rules_of_many_strangers_do_not_pile_up(service: Served) -> None:
    """More leaves over histories than are kept: what was kept is let go, and the answers stay the same."""
    first = service.post(PREVIEW, rule("purchased(last 7 days)")).body["customers"]
    for start in range(0, 300, 50):
        parts = [{"purchased": {"last_days": 100 + start + n}} for n in range(50)]
        assert service.post(PREVIEW, rule({"any": parts})).status == 200
    assert service.post(PREVIEW, rule("purchased(last 7 days)")).body["customers"] == first


# -- the wire ---------------------------------------------------------------------------------------


@contextmanager
def line(service: Served, content: bytes = b"") -> Iterator[socket.socket]:
    """A line to the service, on which this was said."""
    host = urllib.parse.urlsplit(service.url)
    with socket.create_connection((host.hostname, host.port), timeout=30) as one:
        one.sendall(content)
        yield one


def said(one: socket.socket) -> bytes:
    """All that comes until the other side hangs up, or nothing more does."""
    parts = []
    one.settimeout(2)
    try:
        while part := one.recv(65_536):
            parts.append(part)
    except (TimeoutError, ConnectionError):
        pass
    return b"".join(parts)


def head(
    path: str = "/lifecycle", *more: str, method: str = "POST", length: int | None = len(ASKED)
) -> bytes:
    told = [f"{method} {path} HTTP/1.1", "Host: shop", "Content-Type: application/json", *more]
    if length is not None:
        told.append(f"Content-Length: {length}")
    return "\r\n".join([*told, "", ""]).encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_hundred_megabytes_that_say_so_are_refused_before_they_are_sent(service: Served) -> None:
    begun = time.perf_counter()
    with line(service, head("/predict", length=100 * 2**20)) as one:
        assert one.recv(65_536).startswith(b"HTTP/1.1 413 ")
    assert time.perf_counter() - begun < 2


def test_a_hundred_megabytes_that_dribble_in_are_refused_at_the_limit(service: Served) -> None:
    part = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    sent, answer = 0, b""
    with line(service, head("/predict", "Transfer-Encoding: chunked", length=None)) as one:
        try:
            for _ in range(100):
                one.sendall(part)
                sent += 1
        except (ConnectionError, TimeoutError):
            pass
        answer = said(one)
    assert sent < 100 or b" 413 " in answer
    assert not answer or status_of(answer) == 413


def test_slow_clients_keep_nobody_waiting(service: Served) -> None:
    """Slow headers, slow bodies, and lines on which nothing is said."""
    with ExitStack() as held:
        for _ in range(40):
            held.enter_context(line(service, b"POST /predict HTTP/1.1\r\nHost: sh"))
            held.enter_context(line(service))
        bodies = [held.enter_context(line(service, head() + ASKED[:5])) for _ in range(40)]
        times = []
        for _ in range(20):
            begun = time.perf_counter()
            assert service.post("/lifecycle", REQUESTS["/lifecycle"]).status == 200
            times.append(time.perf_counter() - begun)
        assert sorted(times)[10] < 1
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(said, bodies))
    assert {status_of(answer) for answer in answers} == {408}


def test_who_hangs_up_in_the_middle_takes_nothing_with_them(service: Served) -> None:
    slow = json.dumps({"orders": [LINE | {"customer_id": f"x{n}"} for n in range(900)]}).encode()
    for content in (head()[:20], head(), head() + ASKED[:5], head("/predict", length=len(slow)) + slow):
        for _ in range(5):
            with line(service, content):
                pass


@pytest.mark.parametrize(
    ("content", "statuses"),
    [
        (head() + ASKED + b"\x00\x01 garbage\r\n\r\n", (200, 400)),
        (head() + ASKED + head("/lifecycle", "Connection: close") + ASKED, (200, 200)),
        (head(length=len(ASKED) + 5) + ASKED, (408,)),
        (head(length=5) + ASKED, (400,)),
        (head("/lifecycle", "Content-Length: 3") + ASKED, (400,)),
        (head("/lifecycle", "Transfer-Encoding: chunked") + b"0\r\n\r\n", None),
        (head("/lifecycle", length=-1), (400,)),
        (head("/lifecycle", "Content-Length: many", length=None), (400,)),
        (head("/lifecycle", "Content-Length: " + "9" * 300, length=None), None),
        (head("/lifecycle", "Transfer-Encoding: chunked", length=None) + b"zz\r\n{}\r\n0\r\n\r\n", None),
        (b"\x16\x03\x01\x02\x00\x01\x00", None),
        (b"GET / HTTP/9.9\r\n\r\n", None),
        (b"A" * 200_000, None),
        (head("/lifecycle", *(f"X-{n}: {'v' * 1_000}" for n in range(200))) + ASKED, None),
        (head("/lifecycle", "X-Request-ID: a\x00b") + ASKED, None),
    ],
    ids=[
        "garbage after a request", "two at once", "a length too long", "a length too short", "two lengths",
        "a length and chunks", "a length below nothing", "a length in words", "a length beyond all",
        "chunks of no length", "TLS", "a version to come", "one long line", "many headers", "NUL in a header",
    ],
)  # fmt: skip
def test_garbage_on_the_line_is_refused_and_the_line_closed(
    service: Served, content: bytes, statuses: tuple[int, ...] | None
) -> None:
    try:
        with line(service, content) as one:
            answer = said(one)
    except ConnectionError:
        answer = b""  # closed while it was still being said
    found = tuple(status_of(part) for part in answer.split(b"HTTP/1.1")[1:] for part in [b"HTTP/1.1" + part])
    if statuses is not None:
        assert found == statuses
    assert not any(status >= 500 for status in found)


# -- methods and paths ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"])
def test_a_method_that_a_path_does_not_have_is_told_which_it_has(service: Served, method: str) -> None:
    for path in ("/predict", "/audiences", "/orders", "/docs.json", "/"):
        with line(service, head(path, "Connection: close", method=method, length=None)) as one:
            answer = said(one)
        status, _, body = answer.partition(b"\r\n\r\n")
        if method == "HEAD" and path in ("/docs.json", "/"):
            assert (status_of(answer), body) == (200, b"")
            continue
        assert status_of(answer) == 405, (method, path)
        assert b"\r\nallow: " in status.lower()
        if method == "HEAD":
            assert body == b""
        else:
            assert json.loads(body)["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "//predict", "/predict/", "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/%00", "/%ff",
     f"/{'a' * 9_000}", "/audiences/anchor", "/admin", "/static/../service.py", "/?a=%00",
     "/lifecycle?x=%ff&x=%00"],
    ids=lambda path: path[:40],
)  # fmt: skip
def test_a_path_that_is_none_leads_nowhere(service: Served, path: str) -> None:
    with line(service, head(path, "Connection: close") + ASKED) as one:
        answer = said(one)
    body = answer.partition(b"\r\n\r\n")[2]
    assert status_of(answer) in {
        200 if "lifecycle" in path else 404,
        307 if path == "/predict/" else 404,
        405,
    }
    assert b"root:" not in body
    if status_of(answer) != 307:
        json.loads(body)


# -- schemathesis -----------------------------------------------------------------------------------


def test_some_hundred_cases_of_the_document_get_documented_answers(service: Served) -> None:
    count = fuzzed(service.url, each=20, seed_=SEED)
    assert sum(count.values()) >= 220
    assert count[200] > 20


@pytest.mark.slow
@pytest.mark.parametrize("known", [False, True], ids=["of any values", "of the shop's own values"])
def test_thousands_of_cases_of_the_document_get_documented_answers(service: Served, known: bool) -> None:
    count = fuzzed(service.url, each=100, seed_=SEED + known, mapped=replaced_by_known if known else None)
    print(dict(sorted(count.items())))  # noqa: T201 - the figure is what it is run for
    assert sum(count.values()) >= 1_100
