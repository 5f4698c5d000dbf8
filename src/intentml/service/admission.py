"""How many may ask, how often and how long: what is too much is refused at once, what is inside finishes.

What comes in: an ASGI application and its limits. What goes out: the application, with whole bodies, or
an error that says when to ask again. Probes pass: a busy service is not a dead one.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from intentml.errors import SetupError, SlowBodyError, TooManyRequestsError, UnavailableError
from intentml.service.bodies import Bodies, Message, Receive, replayed
from intentml.service.keys import FREE

PROBES = FREE | {"/metrics"}
_MOST_CLIENTS = 10_000
# So few always find room: what they wait says little about how long requests take.
_FEW = 16
_REMEMBERED, _LONGEST = 32, 0.1  # of the last answers, each as no longer than this: one stall is no crowd
_BEAT_SECONDS, _BEATS = 0.02, 2  # one late beat is a stall, several are a crowd
_CROWD = 32  # and so are so many since the last beat


@dataclass(frozen=True)
class Limits:
    """What one worker takes.

    Attributes:
        waiting: Most requests inside at once, the one being answered and those that wait
            (INTENTML_MAX_WAITING).
        rate: Most requests a second of one key, or of one client where there are no keys; None for any
            number (INTENTML_RATE).
        burst: How many of them may come at once after a pause; the rate where not set (INTENTML_BURST).
        queue_seconds: How long a request may have to wait for those before it, as the last answers went
            (INTENTML_QUEUE_SECONDS).
        body_seconds: How long a body may take to arrive (INTENTML_BODY_SECONDS).
        request_seconds: How long an answer may take (INTENTML_REQUEST_SECONDS).
        rows: Most rows of an answer as JSON (INTENTML_MAX_ROWS).
    """

    waiting: float = 64
    rate: float | None = None
    burst: float | None = None
    queue_seconds: float = 0.25
    body_seconds: float = 10.0
    request_seconds: float = 60.0
    rows: float = 100_000

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Limits:
        """The limits that the environment sets; the defaults of the others.

        Raises:
            SetupError: One is no positive number.
        """
        told = {
            field: _number(environment, name)
            for name, field in (
                ("INTENTML_MAX_WAITING", "waiting"),
                ("INTENTML_RATE", "rate"),
                ("INTENTML_BURST", "burst"),
                ("INTENTML_QUEUE_SECONDS", "queue_seconds"),
                ("INTENTML_BODY_SECONDS", "body_seconds"),
                ("INTENTML_REQUEST_SECONDS", "request_seconds"),
                ("INTENTML_MAX_ROWS", "rows"),
            )
            if environment.get(name)
        }
        if told.get("waiting", 1.0) < 1:
            raise SetupError("INTENTML_MAX_WAITING is less than 1", hint="1 lets one in at a time")
        return cls(**told)


class Rate:
    """A bucket of tokens for each client: a request takes one, and they come back with time.

    Args:
        per_second: How many come back a second.
        burst: How many a bucket holds.
        clock: Seconds that only go forward.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self.per_second, self.burst, self.clock = per_second, max(burst, 1.0), clock
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> float:
        """Take a token of `who`: 0, or how many seconds it lacks."""
        now = self.clock()
        tokens, since = self.buckets.get(who, (self.burst, now))
        tokens = min(self.burst, tokens + (now - since) * self.per_second)
        lacks = max(0.0, (1 - tokens) / self.per_second)
        self.buckets[who] = (tokens if lacks else tokens - 1, now)
        self.buckets.move_to_end(who)
        if len(self.buckets) > _MOST_CLIENTS:
            self.buckets.popitem(last=False)  # who has not asked for longest: the bucket is full by now
        return lacks


class Queue:
    """Those inside, and how long one more would wait for them.

    Args:
        most: How many may be inside at once.
        seconds: How long the next one may have to wait.
        clock: Seconds that only go forward.
    """

    def __init__(self, most: float, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self.most, self.seconds, self.clock = most, seconds, clock
        self.inside = 0
        self._left = clock()
        self._times: deque[float] = deque(maxlen=_REMEMBERED)

    def has_room(self) -> bool:
        """Whether one more may come in."""
        if self.inside < _FEW or not self._times:
            return self.inside < self.most
        each = sum(self._times) / len(self._times)
        return self.inside < self.most and self.inside * each < self.seconds

    def enter(self) -> float:
        """One comes in; what `leave` wants to be told."""
        self.inside += 1
        return self.clock()

    def leave(self, entered: float) -> None:
        """One goes: it took the time since it came, or since the one before it went."""
        now = self.clock()
        self._times.append(min(now - max(entered, self._left), _LONGEST))
        self._left = now
        self.inside -= 1


class Pulse:
    """How late the event loop is with what is due: so long waits a request that nobody has looked at yet.

    What is answered on the loop itself never stands in the queue; too much of it shows here alone.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._late: deque[float] = deque(maxlen=_BEATS)
        self._due, self._asked = 0.0, 0

    def late(self) -> float:
        """Seconds by which the last beats were late, the least of them; in a crowd, the next one too."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._late.extend([0.0] * _BEATS)
            self._next(loop)
        self._asked += 1
        return max(min(self._late), loop.time() - self._due if self._asked > _CROWD else 0.0)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due, self._asked = loop.time() + _BEAT_SECONDS, 0
        loop.call_at(self._due, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._late.append(loop.time() - self._due)
        self._next(loop)


class Admission:
    """Lets a request in while there is room, with its whole body, for as long as an answer may take.

    Args:
        app: What is behind it.
        limits: How much is too much.
        patience: By how much more a request may be late at the moment: to take other scores in keeps the loop
            waiting, and is no crowd.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        limits: Limits,
        patience: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self.app, self.limits, self.patience = app, limits, patience
        self.bodies = Bodies()
        self.rate = None if limits.rate is None else Rate(limits.rate, limits.burst or limits.rate)
        self.queue = Queue(limits.waiting, limits.queue_seconds)
        self.pulse = Pulse()

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        """Pass a request on, or raise why not."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        if self.rate is not None:
            self._check_rate(self.rate, scope)
        # Asked twice: who is refused need not send a body, and a body may take longer than there is room.
        self._check_room()
        state = scope.setdefault("state", {})
        limit = asyncio.timeout(self.limits.body_seconds)  # moved on below: a second one would cost as much
        try:
            async with limit:
                body = await self.bodies.read(scope, receive)
                state["bytes_in"] = 0 if body is None else len(body)
                limit.reschedule(asyncio.get_running_loop().time() + self.limits.request_seconds)
                await self._answered(body, scope, receive, send)
        except TimeoutError as problem:
            if not limit.expired():
                raise
            raise (self._slow_answer() if "bytes_in" in state else self._slow_body()) from problem

    async def _answered(self, body: bytes | None, scope: Message, receive: Receive, send: Any) -> None:
        try:
            self._check_room()
            entered = self.queue.enter()
            try:
                await self.app(scope, receive if body is None else replayed(body, receive), send)
            finally:
                self.queue.leave(entered)
        finally:
            self.bodies.release(body)

    def _slow_body(self) -> SlowBodyError:
        return SlowBodyError(
            f"the body did not arrive within {self.limits.body_seconds:g} seconds",
            hint="send less at once, or over a faster line",
        )

    def _slow_answer(self) -> UnavailableError:
        return UnavailableError(
            f"there was no answer within {self.limits.request_seconds:g} seconds",
            hint="ask again later, or for less at once",
        )

    def _check_room(self) -> None:
        most = self.limits.queue_seconds * self.patience()
        if not self.queue.has_room() or self.pulse.late() > most:
            raise UnavailableError("too many requests are waiting", hint="ask again in a moment")

    def _check_rate(self, rate: Rate, scope: Message) -> None:
        client = scope.get("client")
        # A key's name has no blank in it: no client can pass for one.
        who = scope.get("state", {}).get("key") or f"at {client[0] if client else ''}"
        if lacks := rate.take(who):
            raise TooManyRequestsError(
                f"more than {rate.per_second:g} requests a second",
                retry_after_s=max(1, math.ceil(lacks)),
                hint="ask less often, or for more customers at once",
            )


def _number(environment: Mapping[str, str], name: str) -> float:
    try:
        number = float(environment[name])
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise SetupError(f"{name} is no positive number", hint=f"e.g. {name}=60, or leave it out")
    return number


class Unhurried:
    """In the place of BentoML's time limit, which sets a timer of every request and never takes it back.

    Each holds some 5 KB until it is due: hundreds of megabytes at full load. `Admission` has its own limits.

    Args:
        app: What is behind it.
        timeout: BentoML's limit; not kept.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], timeout: float) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        """Pass a request on."""
        await self.app(scope, receive, send)
