"""Requests on the wire and how long they take: plain HTTP/1.1 over kept lines, so that asking costs little.

What comes in: the address of a service on this machine, and requests. What goes out: answers with their
seconds. It judges none of them. No TLS, no proxies, nothing but a body of known length.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

MOST_SECONDS, MOST_LINES, MOST_A_SECOND = 120.0, 1_000, 20_000.0
_PATIENCE_S = 90.0
# Servers close a line after some seconds without a request (uvicorn: 5); one broken sooner is a failure.
_IDLE_S = 1.0


class NotOursError(Exception):
    """An address that is not of this machine, or more load than is allowed."""


@dataclass(frozen=True)
class Ask:
    """A request.

    Attributes:
        path: Where to.
        body: JSON that was written; None asks by GET.
        about: Whatever its sender wants to know again when the answer comes.
    """

    path: str
    body: bytes | None = None
    about: Any = None

    @classmethod
    def of(cls, path: str, body: Any, about: Any = None) -> Ask:
        """A request with a body that is not yet written."""
        return cls(path, json.dumps(body).encode(), about)


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: The status; 0 where the line broke before an answer.
        headers: In lower case.
        body: As it came.
        seconds: From the first byte sent to the last one received.
        sent: When, by `perf_counter`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    sent: float

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass
class Service:
    """A service of this machine.

    Args:
        url: Where it listens, e.g. http://127.0.0.1:3000.
        headers: Sent with every request: a key, say.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        told = urlsplit(self.url)
        self.host, self.port = told.hostname or "", told.port or 80
        if told.scheme != "http" or not _of_this_machine(self.host):
            raise NotOursError(f"{self.url} is no http address of this machine, and no other is loaded")

    def head(self, ask: Ask) -> bytes:
        """The request up to its body."""
        told = {"host": f"{self.host}:{self.port}", **self.headers}
        if ask.body is not None:
            told |= {"content-type": "application/json", "content-length": str(len(ask.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return f"{'GET' if ask.body is None else 'POST'} {ask.path} HTTP/1.1\r\n{lines}\r\n".encode()


class Line:
    """One kept connection, opened when it is needed.

    Args:
        service: Where to.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0

    async def ask(self, ask: Ask, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request and wait for its answer."""
        sent = perf_counter()
        idle = self._streams is not None and sent - self._used > _IDLE_S
        try:
            async with asyncio.timeout(_PATIENCE_S):
                status, told, body = await self._exchanged(ask, headers or {})
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError) as problem:
            self.close()
            if idle and _was_closed(problem):  # as any server closes a line that nobody used
                return await self.ask(ask, headers)
            return Answer(0, {}, b"", perf_counter() - sent, sent)
        self._used = perf_counter()
        if told.get("connection") == "close":
            self.close()
        return Answer(status, told, body, perf_counter() - sent, sent)

    async def _exchanged(self, ask: Ask, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.service.host, self.service.port)
        reader, writer = self._streams
        head = self.service.head(ask)
        if headers:
            head = (
                head[:-2]
                + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
                + b"\r\n"
            )
        writer.write(head + (ask.body or b""))
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split(" ")[1]), told, await reader.readexactly(int(told["content-length"]))

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


Heard = Callable[[Ask, Answer], None]


async def one_after_another(service: Service, asks: Iterable[Ask], heard: Heard) -> None:
    """One client: the next request goes when the answer before it came."""
    line = Line(service)
    for ask in asks:
        heard(ask, await line.ask(ask))
    line.close()


async def clients(
    service: Service, count: int, seconds: float, ask: Callable[[int], Ask], heard: Heard
) -> None:
    """Several clients, each asking again as soon as it has its answer, for some seconds."""
    _check(seconds, count, 0)
    end = perf_counter() + seconds

    async def client(number: int) -> None:
        line, asked = Line(service), number
        while perf_counter() < end:
            request = ask(asked)
            heard(request, await line.ask(request))
            asked += count
        line.close()

    await asyncio.gather(*(client(number) for number in range(count)))


async def at_rate(
    service: Service,
    rate: float,
    seconds: float,
    ask: Callable[[int], Ask],
    heard: Heard,
    lines: int = 256,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """So many requests a second, whether or not the answers keep up, as many at once as there are lines.

    Returns:
        How many requests were not sent, because every line was waiting for an answer.
    """
    _check(seconds, lines, rate)
    free: list[Line] = [Line(service) for _ in range(lines)]
    running: set[asyncio.Task[None]] = set()
    unsent = 0

    async def one(line: Line, request: Ask) -> None:
        heard(request, await line.ask(request))
        free.append(line)

    beside = asyncio.ensure_future(meanwhile()) if meanwhile else None
    start, sent = perf_counter(), 0
    while (now := perf_counter() - start) < seconds:
        due = int(now * rate) + 1
        for number in range(sent, due):
            if free:
                task = asyncio.create_task(one(free.pop(), ask(number)))
                running.add(task)
                task.add_done_callback(running.discard)
            else:
                unsent += 1
        sent = due
        await asyncio.sleep(max(0.001, start + due / rate - perf_counter()))
    await asyncio.gather(*running)
    if beside is not None:
        await beside
    for line in free:
        line.close()
    return unsent


def _was_closed(problem: Exception) -> bool:
    """Whether a line ended before a byte of an answer came."""
    if isinstance(problem, asyncio.IncompleteReadError):
        return not problem.partial
    return isinstance(problem, ConnectionError)


def _check(seconds: float, lines: int, rate: float) -> None:
    if seconds > MOST_SECONDS or lines > MOST_LINES or rate > MOST_A_SECOND:
        raise NotOursError(
            f"at most {MOST_SECONDS:g} s, {MOST_LINES:,} lines and {MOST_A_SECOND:,g} requests a second"
        )


def _of_this_machine(host: str) -> bool:
    """Whether a socket can listen there."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    for family, kind, _, _, address in found:
        with socket.socket(family, kind) as probe:
            try:
                probe.bind(address)
            except OSError:
                return False
    return True
