"""One question and what comes of it: sent, told to wait, sent again, answered or refused.

What comes in: a question, how patient to be, and what came of each sending. What goes out: the steps to
take (send, wait), then the body of the answer or an error. Nothing here sends, sleeps or reads a clock of
its own, so the client that blocks and the one that awaits go the same way.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any, TypeVar

from intentml import errors
from intentml.errors import IntentmlError, ServiceError

Result = TypeVar("Result")
# Too much at once, and not ready: what the service itself says will pass.
_PASSING = frozenset({429, 503})
_LEAST_SECONDS = 1e-3


@dataclass(frozen=True)
class Question:
    """What is asked of the service once.

    Attributes:
        method: GET or POST.
        path: Below the service's address.
        content: The body.
        headers: Those of this question alone; no key among them.
        again: Whether it may be sent again.
    """

    method: str
    path: str
    content: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    again: bool = True


@dataclass(frozen=True)
class Send:
    """To do: send the question, and give what came of it.

    Attributes:
        question: What to send.
        seconds: How long it may take.
    """

    question: Question
    seconds: float


@dataclass(frozen=True)
class Wait:
    """To do: nothing, for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """What came back: an answer, or a refusal.

    Attributes:
        status: Of HTTP.
        headers: By name, whose case does not matter.
        content: The body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Lost:
    """Nothing came back.

    Attributes:
        reason: The kind of failure.
        in_time: Whether there was time left: then it was the connection.
    """

    reason: str
    in_time: bool


Outcome = Reply | Lost
Steps = Generator[Send | Wait, Outcome | None, Result]
Conversation = Generator[Question, Any, Result]
"""Yields questions, is sent the bodies of their answers, and returns what a method of the client answers."""


@dataclass(frozen=True)
class Patience:
    """How long, and how often.

    Attributes:
        retries: At most so many sendings after the first.
        timeout: Seconds that one question may take, all its sendings and the waits between included.
        first_seconds: Bound of the wait before the first retry; each retry doubles it.
        longest_seconds: Up to this.
    """

    retries: int = 3
    timeout: float = 10.0
    first_seconds: float = 0.2
    longest_seconds: float = 10.0

    def pause(self, sent: int, told: float, left: float, chance: float) -> float | None:
        """Seconds to wait before sending again; None where it is not worth it.

        Full jitter: anywhere between nothing and the bound, so that clients refused together do not come
        back together; for the same reason it comes on top of what the service tells.

        Args:
            sent: Sendings so far, at least 1.
            told: Retry-After, in seconds; 0 where there was none.
            left: Seconds of `timeout` that are left.
            chance: A number drawn from 0 to 1.

        Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

        >>> Patience().pause(3, told=1.0, left=9.0, chance=0.5)
        1.4
        >>> Patience().pause(1, told=60.0, left=9.0, chance=0.5) is None
        True
        """
        if sent > self.retries:
            return None
        # Beyond 2**60 the bound is `longest_seconds` anyhow, and the power would leave the floats.
        wait = told + chance * min(self.longest_seconds, self.first_seconds * 2.0 ** min(sent - 1, 60))
        return wait if wait < left else None


def talk(
    conversation: Conversation[Result], patience: Patience, clock: Callable[[], float], randomness: Random
) -> Steps[Result]:
    """The steps of a whole conversation; a refusal is thrown into it, and ends it unless it knows better.

    Raises:
        IntentmlError: What the service refused, under the class of its code.
        ServiceError: No class has that code, nothing came back, or it is no answer of the service.
    """
    try:
        question = next(conversation)
        while True:
            try:
                body = yield from exchange(question, patience, clock, randomness)
            except IntentmlError as problem:
                question = conversation.throw(problem)
            else:
                question = _told(conversation, body)
    except StopIteration as end:
        result: Result = end.value
        return result


def _told(conversation: Conversation[Result], body: Any) -> Question:
    """The question after this answer, which may turn out to be none."""
    try:
        return conversation.send(body)
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise not_understood() from problem


def not_understood() -> ServiceError:
    """The error of an answer that says something else than asked."""
    return ServiceError(
        "what came back is no answer of this service",
        code="not_understood",
        hint="is this the address of an intentml service, and is it as new as this client?",
    )


def exchange(
    question: Question, patience: Patience, clock: Callable[[], float], randomness: Random
) -> Steps[Any]:
    """The steps of one question, to the body of its answer."""
    end, sent = clock() + patience.timeout, 0
    while True:
        outcome = yield Send(question, max(end - clock(), _LEAST_SECONDS))
        assert outcome is not None, "a sending has an outcome"
        sent += 1
        if isinstance(outcome, Reply) and 200 <= outcome.status < 300:
            try:
                return json.loads(outcome.content)
            except ValueError as problem:
                raise not_understood() from problem
        pause = None
        if question.again and passes(outcome):
            told = retry_after(outcome.headers) if isinstance(outcome, Reply) else 0.0
            pause = patience.pause(sent, told, end - clock(), randomness.random())
        if pause is None:
            raise refusal(outcome) if isinstance(outcome, Reply) else silence(outcome, sent)
        yield Wait(pause)


def passes(outcome: Outcome) -> bool:
    """Whether the question may fare better in a while: no connection, 429, 503; no other refusal."""
    return outcome.status in _PASSING if isinstance(outcome, Reply) else outcome.in_time


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to wait, as the service tells: a number, or a date, which counts from the answer's own.

    >>> retry_after({"retry-after": "2"}), retry_after({}), retry_after({"retry-after": "soon"})
    (2.0, 0.0, 0.0)
    """
    told = headers.get("retry-after", "")
    try:
        seconds = float(told)
    except ValueError:
        try:
            at, now = parsedate_to_datetime(told), parsedate_to_datetime(headers.get("date", ""))
            seconds = (at - now).total_seconds()
        except (TypeError, ValueError):
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0


def refusal(reply: Reply) -> IntentmlError:
    """The error that a refusal tells, under the class whose code it has."""
    try:
        told = json.loads(reply.content)["error"]
        code, message = str(told["code"]), str(told["message"])
        where = {name: told.get(name) for name in ("table", "column", "hint", "request_id")}
        rows = [row for row in told.get("rows") or () if isinstance(row, int)]
    except (ValueError, TypeError, KeyError, AttributeError):
        return ServiceError(
            f"the service answered {reply.status}, without saying why",
            status=reply.status,
            request_id=reply.headers.get("x-request-id"),
            hint="is something else in between, such as a proxy?",
        )
    if kind := _BY_CODE.get(code):
        problem = kind(message, rows=rows, **where)
        problem.status = reply.status
        return problem
    return ServiceError(message, code=code, status=reply.status, rows=rows, **where)


def silence(lost: Lost, sent: int) -> ServiceError:
    """The error of a question that nothing came back for."""
    times = "once" if sent == 1 else f"{sent} times"
    if not lost.in_time:
        return ServiceError(
            f"the service did not answer in time ({lost.reason}; asked {times})",
            code="timeout",
            hint="give the client a longer `timeout`, or ask for less at once",
        )
    return ServiceError(
        f"the service cannot be reached ({lost.reason}; asked {times})",
        code="unreachable",
        hint="is it running, and is this its address?",
    )


_BY_CODE = {
    kind.code: kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, IntentmlError) and kind not in {IntentmlError, ServiceError}
}
