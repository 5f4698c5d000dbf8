"""Bodies: what may be sent, how large, how slowly; and what a sender hears of one that is not taken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asgi import ask, asked, echo, serve
from intentml.service import bodies
from intentml.service.admission import Admission, Limits
from intentml.service.bodies import LARGEST_BODY
from intentml.service.door import Door

MIB = b" " * 2**20


def door(**limits: Any) -> Door:
    return Door(Admission(echo, Limits(**limits)), {"/predict"})


def test_a_body_arrives_whole_in_however_many_parts() -> None:
    assert ask(door(), "/predict", b'{"orders"', b": ", b"[]}").body == b'{"orders": []}'
    assert ask(door(), "/predict", b"[", b"]", content_length="", transfer_encoding="chunked").body == b"[]"


def test_what_follows_a_body_reaches_the_application() -> None:
    heard = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.extend([await receive(), await receive()])

    ask(Admission(app, Limits()), "/predict", b"{}", {"type": "http.disconnect"})
    assert [one["type"] for one in heard] == ["http.request", "http.disconnect"]
    assert heard[0]["body"] == b"{}"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/JSON; charset=utf-8", "application/problem+json"]
)
def test_json_is_known_by_its_names(kind: str) -> None:
    assert ask(door(), "/predict", b"{}", content_type=kind).status == 200


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "text/json", "json"])
def test_a_body_of_another_name_is_told_how_to_be_sent(kind: str) -> None:
    told = ask(door(), "/predict", b"{}", content_type=kind)
    assert (told.status, told.error["code"], told.received) == (415, "media_type", 0)
    assert "Content-Type: application/json" in told.error["hint"]


def test_without_a_body_nothing_need_be_called_json() -> None:
    assert ask(door(), "/customers", method="GET").status == 200
    assert ask(door(), "/admin/reload", content_length="0").status == 200


def test_a_length_that_is_none_is_malformed() -> None:
    assert ask(door(), "/predict", b"{}", content_length="-2").status == 400


# -- too large --------------------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large_is_refused_unread_and_the_line_closed() -> None:
    told = ask(door(), "/predict", *[MIB] * 100, content_length=str(100 * 2**20), expect="100-continue")
    assert (told.status, told.error["code"], told.received) == (413, "too_large", 0)
    assert "104,857,600" in told.error["message"]
    assert told.headers["connection"] == "close"


def test_a_sender_who_does_not_listen_while_sending_hears_why_too() -> None:
    """The answer is out before what is on its way is thrown away; of endless bodies only so much is."""
    told = ask(door(), "/predict", *[MIB] * 300)
    assert (told.status, told.received) == (413, 256)
    assert [one.get("more_body", False) for one in told.sent[1:]] == [True, False]


def test_a_body_of_untold_length_is_counted_as_it_comes() -> None:
    told = ask(door(), "/predict", *[MIB] * 40, content_length="", transfer_encoding="chunked")
    assert (told.status, told.error["code"], told.received) == (413, "too_large", 40)
    assert f"{LARGEST_BODY:,}" in told.error["message"]
    assert told.headers["connection"] == "close"


def test_the_largest_body_is_taken() -> None:
    assert len(ask(door(), "/predict", *[MIB] * 32).body) == LARGEST_BODY


def test_bodies_together_may_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_LARGEST_HELD", 3 * 2**20)
    inside = Admission(_slow, Limits())

    async def together() -> list[int]:
        app = Door(inside, {"/predict"})
        answers = await asyncio.gather(*(serve(app, asked("/predict", MIB, MIB)) for _ in range(2)))
        return [one.status for one in answers]

    assert sorted(asyncio.run(together())) == [200, 503]
    assert inside.bodies.held == 0


# -- too slow ---------------------------------------------------------------------------------------


def test_a_body_that_dribbles_in_is_not_waited_for() -> None:
    inside = Admission(echo, Limits(body_seconds=0.05))
    told = ask(Door(inside), "/predict", b"{", 0.02, b" ", 0.02, b" ", 0.02, b" ", 0.02, b"}")
    assert (told.status, told.error["code"]) == (408, "slow_body")
    assert "0.05 seconds" in told.error["message"]
    assert told.headers["connection"] == "close"
    assert inside.bodies.held == 0


def test_dribbling_bodies_take_nobody_s_place() -> None:
    app = door(waiting=1, body_seconds=0.1)

    async def together() -> list[int]:
        slow = [asyncio.create_task(serve(app, asked("/predict", 1.0, b"{}"))) for _ in range(5)]
        await asyncio.sleep(0.02)
        quick = await serve(app, asked("/predict", b"{}"))
        return [quick.status, *(one.status for one in await asyncio.gather(*slow))]

    assert asyncio.run(together()) == [200, *[408] * 5]


def test_who_hangs_up_while_sending_is_not_answered(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "intentml.service"):
        told = ask(door(), "/predict", b"{", {"type": "http.disconnect"}, b"}")
    # A word is sent all the same: Bento holds on to a request until it hears one.
    assert (told.status, told.body) == (499, b"")
    assert '"status": 499' in caplog.text


async def _slow(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.05)
    await echo(scope, receive, send)
