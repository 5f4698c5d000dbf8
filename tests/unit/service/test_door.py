"""The door: what every request goes through."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from asgi import Answer, ask, echo
from intentml.errors import UnavailableError, UnknownTargetError
from intentml.service.door import Door

SECRET = "secret-7"


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What was logged."""
    return [json.loads(record.getMessage()) for record in caplog.records]


@pytest.fixture(autouse=True)
def loud(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "intentml.service")


def refusing(problem: Exception) -> Door:
    """A door before an application that raises."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise problem

    return Door(app, {"/predict"})


def test_a_failure_of_ours_is_told_without_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    """A bug cannot be asked for over the wire: the door is handed an application that has one."""
    told = ask(refusing(KeyError(SECRET)), x_request_id="r-1")
    assert (told.status, told.error["code"], told.error["request_id"]) == (500, "bug", "r-1")
    failure, request = lines(caplog)
    assert (failure["request_id"], failure["failure"]) == ("r-1", "KeyError")
    assert "in app" in failure["where"][-1]
    assert request["status"] == 500
    assert SECRET not in caplog.text + str(told.sent)


def test_a_request_is_one_line_of_json_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    ask(Door(echo, {"/predict"}), "/predict", b'{"customer_ids": ["secret-7"]}', x_request_id="r-2")
    (line,) = lines(caplog)
    assert line.pop("ms") >= 0
    assert line == {
        "request_id": "r-2",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "key": None,
        "bytes_in": None,  # nobody behind this door reads bodies
        "bytes_out": 30,
    }


def test_the_log_names_a_path_that_it_knows_or_the_route_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def routed(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].startswith("/audiences"):
            scope["route"] = SimpleNamespace(path="/audiences/{name}")
        await echo(scope, receive, send)

    app = Door(routed, {"/predict"})
    for path in ("/predict", "/audiences/secret-7", "/customers/secret-7"):
        ask(app, path, method="SECRET-7")
    assert [one["path"] for one in lines(caplog)] == ["/predict", "/audiences/{name}", "(unknown path)"]
    assert {one["method"] for one in lines(caplog)} == {"(other)"}


def test_probes_leave_no_line(caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/livez", "/health", "/ready", "/version", "/metrics"):
        ask(Door(echo), path, method="GET")
    assert caplog.records == []


def test_an_error_of_ours_that_nobody_caught_has_its_status_and_headers() -> None:
    assert ask(refusing(UnknownTargetError("which?"))).error["code"] == "unknown_target"
    told = ask(refusing(UnavailableError("later", retry_after_s=7)))
    assert (told.status, told.headers["retry-after"]) == (503, "7")


@pytest.mark.parametrize(("status", "code"), [(404, "not_found"), (503, "unavailable"), (418, "bug")])
def test_an_error_written_as_text_becomes_the_error_body(status: int, code: str) -> None:
    async def texts(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"8")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"sec", "more_body": True})
        await send({"type": "http.response.body", "body": b"ret-7"})

    told: Answer = ask(Door(texts))
    assert (told.status, told.error["code"]) == (status, code)
    assert int(told.headers["content-length"]) == len(told.body)
    assert told.headers.get("retry-after") == ("1" if status == 503 else None)


def test_an_answer_that_is_on_its_way_is_not_begun_again() -> None:
    async def breaks_off(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError(SECRET)

    assert [one["type"] for one in ask(Door(breaks_off)).sent] == ["http.response.start"]


def test_a_request_is_known_by_its_own_id_where_it_is_a_plain_one() -> None:
    assert ask(Door(echo), x_request_id="trace-7.a_b").headers["x-request-id"] == "trace-7.a_b"
    for foreign in ("a b; drop", "", "x" * 65):
        told = ask(Door(echo), x_request_id=foreign).headers["x-request-id"]
        assert told != foreign
        assert len(told) == 32
