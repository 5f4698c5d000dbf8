"""Admission: how many at once, how often, how long; and what is never refused."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from asgi import ask, asked, each, echo, serve
from intentml.errors import SetupError
from intentml.service.admission import Admission, Limits, Queue, Rate
from intentml.service.door import Door
from intentml.service.keys import Key, Keyring, Lock

PROBES = ("/livez", "/readyz", "/healthz", "/health", "/ready", "/version", "/metrics")


class Clock:
    """A stop watch that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


async def slow(scope: Any, receive: Any, send: Any) -> None:
    """An application that thinks about POST requests for a while."""
    if scope["method"] == "POST":
        await asyncio.sleep(0.05)
    await echo(scope, receive, send)


def door(app: Any = slow, **limits: Any) -> Door:
    return Door(Admission(app, Limits(**limits)), {"/predict"})


# -- how many ---------------------------------------------------------------------------------------


def test_what_is_too_much_is_refused_at_once_while_what_is_inside_finishes() -> None:
    answers = each(door(waiting=3), [asked("/predict", b"{}") for _ in range(10)])
    assert sorted(one.status for one in answers) == [200] * 3 + [503] * 7
    refused = answers[-1]
    assert (refused.error["code"], refused.headers["retry-after"]) == ("unavailable", "1")


def test_there_is_room_again_when_somebody_left_however_it_ended() -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError

    inside = Admission(failing, Limits(waiting=1))
    assert [ask(Door(inside)).status for _ in range(3)] == [500] * 3
    assert inside.queue.inside == 0


def filled(queue: Queue, clock: Clock, seconds: float, most: int = 200) -> int:
    """How many a queue takes in, in which each has taken so many seconds of late."""
    for _ in range(40):
        entered = queue.enter()
        clock.seconds += seconds
        queue.leave(entered)
    while queue.inside < most and queue.has_room():
        queue.enter()
    return queue.inside


@pytest.mark.parametrize(("seconds", "taken"), [(0.001, 64), (0.004, 63), (0.01, 25), (0.025, 16), (9.0, 16)])
def test_the_longer_answers_take_the_fewer_wait(seconds: float, taken: int) -> None:
    """Nobody waits longer than a quarter of a second, or for more than a few."""
    clock = Clock()
    assert filled(Queue(64, 0.25, clock), clock, seconds) == taken


def test_a_stall_is_no_crowd() -> None:
    clock = Clock()
    queue = Queue(64, 0.25, clock)
    filled(queue, clock, 0.001, most=1)
    stalled = queue.enter()
    clock.seconds += 30
    queue.leave(stalled)
    while queue.inside < 32:
        assert queue.has_room()
        queue.enter()


def test_what_waited_is_counted_by_its_own_time_and_not_by_its_waiting() -> None:
    clock = Clock()
    queue = Queue(64, 0.25, clock)
    waiting = [queue.enter() for _ in range(60)]
    for entered in waiting:
        clock.seconds += 0.001
        queue.leave(entered)
    assert filled(queue, clock, 0.001) == 64


async def stalled(app: Any, stalls: int, pause: float) -> list[int]:
    """Statuses, asked before the loop stalls so often, right after it, and a pause later."""
    statuses = [(await serve(app, asked("/predict", b"{}"))).status]
    for _ in range(stalls):
        time.sleep(0.1)
        await asyncio.sleep(0)
    statuses.append((await serve(app, asked("/predict", b"{}"))).status)
    await asyncio.sleep(pause)
    return [*statuses, (await serve(app, asked("/predict", b"{}"))).status]


@pytest.mark.parametrize(("stalls", "wanted"), [(1, [200, 200, 200]), (6, [200, 503, 200])])
def test_a_loop_that_stays_late_takes_nobody_in_until_it_has_caught_up(
    stalls: int, wanted: list[int]
) -> None:
    """What is answered on the loop itself leaves no queue; waiting shows in how late the loop is."""
    assert asyncio.run(stalled(door(echo, queue_seconds=0.05), stalls, pause=0.3)) == wanted


def test_while_there_is_patience_a_late_loop_is_no_crowd() -> None:
    patient = Door(Admission(echo, Limits(queue_seconds=0.05), patience=lambda: 40.0))
    assert asyncio.run(stalled(patient, 6, pause=0.3)) == [200, 200, 200]


def test_of_a_crowd_that_comes_at_once_the_rest_is_refused() -> None:
    async def busy(scope: Any, receive: Any, send: Any) -> None:
        time.sleep(0.005)
        await echo(scope, receive, send)

    answers = each(
        door(busy, queue_seconds=0.25, waiting=1000), [asked("/predict", b"{}") for _ in range(300)]
    )
    told = [one.status for one in answers]
    assert set(told) == {200, 503}
    assert told.count(200) < 150


def test_probes_are_answered_when_nobody_else_is() -> None:
    requests = [asked("/predict", b"{}"), *(asked(path, method="GET") for path in PROBES)]
    answers = each(door(waiting=1, rate=0.001), requests)
    assert [one.status for one in answers] == [200] * len(requests)


def test_what_is_no_request_passes() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    for kind in ("lifespan", "websocket"):
        asyncio.run(Door(Admission(app, Limits()))({"type": kind}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan", "websocket"]


# -- how long ---------------------------------------------------------------------------------------


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    told = ask(door(request_seconds=0.01), "/predict", b"{}")
    assert (told.status, told.error["code"], told.headers["retry-after"]) == (503, "unavailable", "1")
    assert "within 0.01 seconds" in told.error["message"]


def test_a_time_out_of_the_application_s_own_is_a_failure_and_no_long_answer() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise TimeoutError

    assert ask(door(app)).status == 500


# -- how often --------------------------------------------------------------------------------------


def test_a_bucket_gives_a_burst_and_then_as_fast_as_it_fills() -> None:
    clock = Clock()
    rate = Rate(per_second=2, burst=3, clock=clock)
    assert [rate.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rate.take("b") == 0, "another one's bucket"
    clock.seconds += 0.5
    assert [rate.take("a"), rate.take("a")] == [0, 0.5]
    clock.seconds += 3600
    assert [rate.take("a") for _ in range(4)] == [0, 0, 0, 0.5], "no more than a burst is saved up"


def test_the_buckets_of_many_clients_stay_few() -> None:
    rate = Rate(1, 1)
    for number in range(10_050):
        rate.take(str(number))
    assert len(rate.buckets) == 10_000
    assert "0" not in rate.buckets


def test_a_client_that_asks_too_often_is_told_when_to_come_again() -> None:
    app = door(echo, rate=0.25, burst=2)
    answers = [ask(app, "/predict", b"{}") for _ in range(3)]
    assert [one.status for one in answers] == [200, 200, 429]
    assert (answers[-1].error["code"], answers[-1].headers["retry-after"]) == ("too_many_requests", "4")
    assert ask(app, "/predict", b"{}", client="192.0.2.8").status == 200


def test_with_keys_each_name_has_its_own_rate_wherever_it_asks_from() -> None:
    keyring = Keyring((Key.of("a", "read", "one"), Key.of("a", "read", "two"), Key.of("b", "read", "three")))
    app = Door(Lock(Admission(echo, Limits(rate=0.001, burst=2)), keyring))
    asking = [("one", "192.0.2.1"), ("two", "192.0.2.2"), ("one", "192.0.2.3"), ("three", "192.0.2.1")]
    assert [ask(app, x_api_key=key, client=where).status for key, where in asking] == [200, 200, 429, 200]


def test_the_address_of_a_client_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    app = door(echo, rate=0.001)
    with caplog.at_level("INFO", "intentml.service"):
        told = [ask(app, client="192.0.2.77") for _ in range(3)]
    assert [one.status for one in told] == [200, 429, 429]
    assert "192.0.2.77" not in caplog.text + str([one.sent for one in told])


# -- how it is set ----------------------------------------------------------------------------------


def test_limits_are_those_of_the_environment() -> None:
    assert Limits.of({}) == Limits(64, None, None, 0.25, 10, 60, 100_000)
    told = {
        "MAX_WAITING": 8,
        "RATE": 2.5,
        "BURST": 5,
        "QUEUE_SECONDS": 2,
        "BODY_SECONDS": 1,
        "REQUEST_SECONDS": 9,
        "MAX_ROWS": 5000,
    }
    set_so = {f"INTENTML_{name}": str(value) for name, value in told.items()}
    assert Limits.of(set_so) == Limits(*told.values())
    assert Limits.of({"INTENTML_RATE": ""}).rate is None


@pytest.mark.parametrize("value", ["many", "0", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number_is_named(value: str) -> None:
    with pytest.raises(SetupError, match="INTENTML_MAX_WAITING is no positive number"):
        Limits.of({"INTENTML_MAX_WAITING": value})


def test_less_than_one_cannot_be_inside() -> None:
    with pytest.raises(SetupError, match="less than 1"):
        Limits.of({"INTENTML_MAX_WAITING": "0.5"})
