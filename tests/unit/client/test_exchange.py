"""What comes of a question: when it is asked again, how long is waited, and which error a refusal is."""

from __future__ import annotations

import json
from random import Random

import pytest

from intentml import errors
from intentml.client.exchange import (
    Lost,
    Patience,
    Question,
    Reply,
    Send,
    Wait,
    exchange,
    refusal,
    retry_after,
    silence,
)
from intentml.errors import HorizonError, RequestError, ServiceError, UnknownTargetError

ASKED = Question("POST", "/recommend", b"{}")
DROPPED = Lost("ConnectError", in_time=True)


class Always(Random):
    """A draw that is always the same."""

    def __init__(self, drawn):
        super().__init__()
        self.drawn = drawn

    def random(self):
        return self.drawn


class Hours:
    """A clock that moves when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now


def reply(status, body=None, **headers):
    return Reply(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()
    )


def run(outcomes, patience=None, question=ASKED, chance=1.0, seconds_each=0.0):
    """What was waited, how often it was sent, and the body or the error in the end."""
    clock, waits, sent = Hours(), [], 0
    steps = exchange(question, patience or Patience(), clock, Always(chance))
    coming = iter(outcomes)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Wait):
                waits.append(step.seconds)
                clock.now += step.seconds
                step = steps.send(None)
            else:
                assert isinstance(step, Send)
                sent += 1
                clock.now += seconds_each
                step = steps.send(next(coming))
    except StopIteration as end:
        return waits, sent, end.value
    except errors.IntentmlError as problem:
        return waits, sent, problem


@pytest.mark.parametrize("passing", [DROPPED, reply(429), reply(503)], ids=["no connection", "429", "503"])
def test_what_passes_is_asked_again_until_it_is_answered(passing):
    assert run([passing, passing, reply(200, {"a": 1})]) == ([0.2, 0.4], 3, {"a": 1})


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 500, 502])
def test_any_other_refusal_is_told_at_once(status):
    waits, sent, problem = run([reply(status)] * 9)
    assert (waits, sent, problem.status) == ([], 1, status)


def test_the_wait_doubles_up_to_the_longest_and_is_drawn_below_its_bound():
    patience = Patience(retries=5, timeout=1000, first_seconds=1, longest_seconds=6)
    assert run([DROPPED] * 6, patience)[0] == [1, 2, 4, 6, 6]
    assert run([DROPPED] * 6, patience, chance=0.25)[0] == [0.25, 0.5, 1, 1.5, 1.5]
    assert run([DROPPED] * 6, patience, chance=0.0)[0] == [0] * 5


def test_no_wait_is_shorter_than_the_service_asks_for():
    assert run([reply(503, retry_after="3"), reply(200)], chance=0.5)[0] == [3.1]
    assert run([reply(429, retry_after="3"), reply(200)], chance=0.0)[0] == [3.0]


def test_a_wait_that_would_outlast_the_time_is_not_begun():
    waits, sent, problem = run([reply(429, retry_after="3600")])
    assert (waits, sent, problem.status) == ([], 1, 429)


def test_no_more_is_sent_than_the_retries_and_one():
    waits, sent, problem = run([DROPPED] * 9, Patience(retries=2))
    assert (len(waits), sent, problem.code) == (2, 3, "unreachable")
    assert run([DROPPED] * 9, Patience(retries=0))[:2] == ([], 1)


def test_all_sendings_and_waits_share_one_time():
    _, sent, problem = run([DROPPED] * 99, Patience(retries=99, timeout=10), seconds_each=3.0)
    assert (sent, problem.code) == (3, "unreachable")


def test_a_later_sending_has_the_seconds_that_are_left():
    clock = Hours()
    steps = exchange(ASKED, Patience(timeout=10), clock, Always(1.0))
    assert next(steps).seconds == 10
    clock.now = 4.0
    clock.now += steps.send(DROPPED).seconds
    assert steps.send(None).seconds == pytest.approx(5.8)


def test_what_was_too_slow_is_not_asked_again():
    _, sent, problem = run([Lost("ReadTimeout", in_time=False)] * 3)
    assert (sent, problem.code, problem.status) == (1, "timeout", None)


def test_a_question_that_is_asked_once_is_asked_once():
    assert run([reply(503)] * 3, question=Question("GET", "/ready", again=False))[1] == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "inf"}, 0.0),
        ({"retry-after": "later"}, 0.0),
        ({"retry-after": "Wed, 01 Nov 2017 10:00:07 GMT", "date": "Wed, 01 Nov 2017 10:00:00 GMT"}, 7.0),
        ({"retry-after": "Wed, 01 Nov 2017 10:00:00 GMT", "date": "Wed, 01 Nov 2017 10:00:07 GMT"}, 0.0),
        ({"retry-after": "Wed, 01 Nov 2017 10:00:07 GMT"}, 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers, seconds):
    assert retry_after(headers) == seconds


def body(code, **told):
    where = {"table": "orders", "column": "quantity", "rows": [3], "hint": "mend it", "request_id": "r-1"}
    return {"error": {"code": code, "message": "what is wrong", **where, **told}}


@pytest.mark.parametrize(
    ("code", "kind"),
    [("unknown_target", UnknownTargetError), ("horizon", HorizonError), ("request", RequestError)],
)
def test_a_refusal_is_the_error_of_its_code_with_all_that_was_told(code, kind):
    problem = refusal(reply(409, body(code)))
    assert type(problem) is kind
    assert problem.to_dict() == body(code)["error"]
    assert (problem.status, problem.request_id) == (409, "r-1")


@pytest.mark.parametrize("code", ["teapot", "error", "service", "busy"])
def test_a_code_without_a_class_keeps_its_name(code):
    problem = refusal(reply(401, body(code)))
    assert type(problem) is ServiceError
    assert (problem.to_dict(), problem.status) == (body(code)["error"], 401)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"error": "x"}', b'{"error": {}}', b"\xff"])
def test_a_refusal_that_says_nothing_of_ours_is_still_told(content):
    problem = refusal(Reply(502, {"x-request-id": "r-2"}, content))
    assert (type(problem), problem.status, problem.request_id) == (ServiceError, 502, "r-2")
    assert "502" in problem.message


def test_an_answer_that_is_no_json_is_told_as_such():
    assert run([Reply(200, {}, b"<html>")])[2].code == "not_understood"


def test_silence_tells_how_often_was_asked():
    assert "asked once" in silence(DROPPED, 1).message
    assert "ConnectError; asked 4 times" in silence(DROPPED, 4).message


def test_an_error_that_was_not_told_over_http_has_no_status():
    assert HorizonError("x").status is None
