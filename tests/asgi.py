"""An ASGI application asked in this process, without a server.

What comes in: the application, a request, the parts in which its body arrives. What goes out: `Answer`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]


@dataclass
class Answer:
    """What an application sent.

    Attributes:
        sent: Its messages.
        received: How many messages of the request it read.
    """

    sent: list[Message] = field(default_factory=list)
    received: int = 0

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(one.get("body", b"") for one in self.sent[1:])

    @property
    def error(self) -> Message:
        """The error, which must have the form of contracts and the request's id."""
        (error,) = json.loads(self.body).values()
        assert list(error) == ["code", "message", "table", "column", "rows", "hint", "request_id"]
        assert error["request_id"] == self.headers["x-request-id"]
        return error


def asked(
    path: str = "/predict",
    *parts: bytes | float | Message,
    method: str = "POST",
    client: str = "192.0.2.7",
    **headers: str,
) -> tuple[Message, list[bytes | float | Message]]:
    """A request: its scope, and how its body arrives (a number is a wait of so many seconds).

    Headers are written with underscores; Content-Type and Content-Length are there where a body is.
    """
    size = sum(len(part) for part in parts if isinstance(part, bytes))
    told = {"content-type": "application/json", "content-length": str(size)} if parts else {}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [(name.encode(), value.encode()) for name, value in told.items() if value]
    scope = {"type": "http", "method": method, "path": path, "headers": pairs, "client": (client, 5)}
    return scope, list(parts)


async def serve(app: Any, request: tuple[Message, list[bytes | float | Message]]) -> Answer:
    """Ask an application."""
    scope, parts = request
    answer, waiting = Answer(), list(parts)

    async def receive() -> Message:
        while waiting and isinstance(waiting[0], float):
            await asyncio.sleep(waiting.pop(0))
        answer.received += 1
        if not waiting:
            return {"type": "http.request", "body": b"", "more_body": False}
        part = waiting.pop(0)
        if isinstance(part, dict):
            return part
        return {
            "type": "http.request",
            "body": part,
            "more_body": any(isinstance(one, bytes) for one in waiting),
        }

    async def send(message: Message) -> None:
        answer.sent.append(message)

    await app(scope, receive, send)
    return answer


def ask(app: Any, path: str = "/predict", *parts: bytes | float | Message, **about: Any) -> Answer:
    """Ask an application, and wait for the answer."""
    return asyncio.run(serve(app, asked(path, *parts, **about)))


def each(app: Any, requests: Iterable[Any]) -> list[Answer]:
    """Ask several at once."""

    async def together() -> list[Answer]:
        return await asyncio.gather(*(serve(app, one) for one in requests))

    return asyncio.run(together())


async def echo(scope: Message, receive: Any, send: Any) -> None:
    """An application that answers with the body it was sent."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})
