"""What every request passes on its way in and out: an id, a largest body, a line of log, one error body.

What comes in: an ASGI application. What goes out: the same application behind the door. Errors that
frameworks write as text, and failures of ours, leave it as the error body of contracts.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
import uuid
from collections.abc import Awaitable, Callable, Collection
from time import perf_counter
from typing import Any

from intentml.errors import IntentmlError, TooLargeError
from intentml.service.requests import error_body, http_status

LARGEST_BODY = 32 * 2**20
PROBES = frozenset({"/livez", "/readyz", "/healthz", "/health", "/metrics"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FRAMEWORK_ERRORS = {
    404: ("not_found", "there is no such path"),
    405: ("method_not_allowed", "this path is not asked in that way"),
    503: ("unavailable", "the service is not ready"),
    500: ("bug", "this is a bug in intentml; the log has its place under the request's id"),
}

# This package's own log, below which nothing of a request is written: no ids of customers, no bodies.
log = logging.getLogger("intentml.service")
Message = dict[str, Any]


class Door:
    """What every request goes through: an id, a largest body, one line of log, one form of errors.

    Errors that the frameworks write as text, and failures of ours, become the error body of contracts;
    of a failure the log gets the kind and the place, not the message, which may hold a value.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], paths: Collection[str] = PROBES) -> None:
        self.app, self.paths = app, paths

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, request_id = perf_counter(), _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        reply = _Reply(send, request_id)
        try:
            body = await _body(receive)
            await self.app(scope, _replayed(body, receive), reply)
        except TooLargeError as problem:
            await reply.instead(error_body(problem, request_id), http_status(problem))
        except Exception as problem:
            where = "".join(traceback.format_tb(problem.__traceback__))
            log.error("request %s failed: %s\n%s", request_id, type(problem).__name__, where)
            await reply.instead(framework_error(500, request_id), 500)
        path = scope["path"] if scope["path"] in self.paths else "(unknown path)"
        if path not in PROBES:
            ms = 1000 * (perf_counter() - started)
            log.info("request %s %s %s: %s in %.1f ms", request_id, scope["method"], path, reply.status, ms)


class _Reply:
    """The `send` of a request: adds its id, and puts our error body in the place of a text."""

    def __init__(self, send: Any, request_id: str) -> None:
        self.send, self.request_id = send, request_id
        self.status: int | None = None
        self.replaced = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message.get("headers", ()))
            if message["status"] >= 400 and headers.get(b"content-type", b"").startswith(b"text/plain"):
                kept = [(name, value) for name, value in headers.items() if name == b"allow"]
                await self.instead(
                    framework_error(message["status"], self.request_id), message["status"], kept
                )
                self.replaced = True
                return
            self.status = message["status"]
            named = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
            message = {**message, "headers": named}
        if not self.replaced:
            await self.send(message)

    async def instead(self, body: Message, status: int, headers: Any = ()) -> None:
        """This body, unless an answer is on its way already."""
        if self.status is not None:
            return
        content = json.dumps(body, ensure_ascii=False).encode()
        told = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await self({"type": "http.response.start", "status": status, "headers": [*told, *headers]})
        await self({"type": "http.response.body", "body": content})


def framework_error(status: int, request_id: str) -> Message:
    """The body of an error that is not about what was asked."""
    code, message = _FRAMEWORK_ERRORS.get(status, _FRAMEWORK_ERRORS[500])
    problem = IntentmlError(message, hint="GET / lists the paths, /docs.json what each takes")
    return {"error": {**problem.to_dict(), "code": code, "request_id": request_id}}


def _request_id(scope: Message) -> str:
    """The client's own id where it is a plain one, else a new one."""
    told = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return told if _REQUEST_ID.fullmatch(told) else uuid.uuid4().hex


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    """The whole body. One too large is read to its end and thrown away, so that the client hears why."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        part = message.get("body", b"")
        size += len(part)
        if size <= LARGEST_BODY:
            parts.append(part)
        else:
            parts.clear()
    if size > LARGEST_BODY:
        raise TooLargeError(
            f"the body has {size:,} bytes, more than the {LARGEST_BODY:,} that one request may have",
            hint="ask in several requests",
        )
    return b"".join(parts)


def _replayed(body: bytes, receive: Callable[[], Awaitable[Message]]) -> Callable[[], Awaitable[Message]]:
    """A `receive` that gives the body, then what comes after it."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
