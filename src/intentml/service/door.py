"""What every request passes on its way in and out: an id, a line of log, one error body.

What comes in: an ASGI application. What goes out: the same application behind the door. Errors that
frameworks write as text, errors of ours, and failures leave it as the error body of contracts.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import traceback
from collections.abc import Awaitable, Callable, Collection, Mapping
from time import perf_counter
from typing import Any

from intentml.errors import IntentmlError, SlowBodyError
from intentml.service.admission import PROBES
from intentml.service.bodies import ClientGoneError, Message, Receive, drained, left_unread
from intentml.service.requests import error_body, http_headers, http_status

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_MOST_FRAMES = 30  # the innermost: what recursed too deeply has a thousand
_HUNG_UP = 499  # as proxies write it: nobody was there to be answered
_FRAMEWORK_ERRORS = {
    404: ("not_found", "there is no such path"),
    405: ("method_not_allowed", "this path is not asked in that way"),
    503: ("unavailable", "the service is not ready"),
    500: ("bug", "this is a bug in intentml; the log has its place under the request's id"),
}

# This package's own log, below which nothing of a request is written: no ids of customers, no bodies.
log = logging.getLogger("intentml.service")


class Door:
    """What every request goes through: an id, one line of log, one form of errors.

    Errors of ours, those that the frameworks write as text, and failures become the error body of
    contracts; of a failure the log gets the kind and the place, not the message, which may hold a value.

    Args:
        app: What is behind it.
        paths: Paths that the log may name; of others only what the route is called.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], paths: Collection[str] = PROBES) -> None:
        self.app, self.paths = app, paths

    async def __call__(self, scope: Message, receive: Receive, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, request_id = perf_counter(), _request_id(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id
        reply = _Reply(send, request_id)
        try:
            await self.app(scope, receive, reply)
        except IntentmlError as problem:
            await _refuse(problem, scope, receive, reply)
        except ClientGoneError:
            # Nobody hears it, but what stands around waits for a word, and with it the end of the process.
            await reply({"type": "http.response.start", "status": _HUNG_UP, "headers": []})
            await reply({"type": "http.response.body", "body": b""})
        except Exception as problem:
            where = [line.strip() for line in traceback.format_tb(problem.__traceback__, -_MOST_FRAMES)]
            failure = {"request_id": request_id, "failure": type(problem).__name__, "where": where}
            log.error(json.dumps(failure))
            await reply.instead(framework_error(500, request_id), 500)
        if scope["path"] not in PROBES and log.isEnabledFor(logging.INFO):
            log.info(json.dumps(self._line(scope, reply, 1000 * (perf_counter() - started))))

    def _line(self, scope: Message, reply: _Reply, ms: float) -> Message:
        """What the log says of a request: nothing that it brought but its id."""
        path = scope["path"]
        if path not in self.paths:
            path = getattr(scope.get("route"), "path", "(unknown path)")  # with {name}, not the name
        return {
            "request_id": reply.request_id,
            "method": scope["method"] if scope["method"] in _METHODS else "(other)",
            "path": path,
            "status": reply.status,
            "ms": round(ms, 2),
            "key": scope["state"].get("key"),
            "bytes_in": scope["state"].get("bytes_in"),
            "bytes_out": reply.bytes_out,
        }


class _Reply:
    """The `send` of a request: adds its id, and puts our error body in the place of a text."""

    def __init__(self, send: Any, request_id: str) -> None:
        self.send, self.request_id = send, request_id
        self.status: int | None = None
        self.bytes_out = 0
        self.replaced = False

    async def __call__(self, message: Message) -> None:
        if self.replaced:
            return  # what follows is the text
        if message["type"] == "http.response.start":
            status, headers = message["status"], message.get("headers", ())
            if status >= 400:
                named = dict(headers)
                if named.get(b"content-type", b"").startswith(b"text/plain"):
                    kept = {"allow": named[b"allow"].decode()} if b"allow" in named else {}
                    if status == 503:
                        kept["retry-after"] = "1"
                    await self.instead(framework_error(status, self.request_id), status, kept)
                    self.replaced = True
                    return
            self.status = status
            message = {**message, "headers": [*headers, (b"x-request-id", self.request_id.encode())]}
        elif message["type"] == "http.response.body":
            self.bytes_out += len(message.get("body", b""))
        await self.send(message)

    async def instead(
        self,
        body: Message,
        status: int,
        headers: Mapping[str, str] | None = None,
        *,
        before_the_end: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """This body, unless an answer is on its way already.

        Args:
            body: The error body.
            status: Its status.
            headers: More of them.
            before_the_end: Waited for when all is sent and the line is still open.
        """
        if self.status is not None:
            return
        content = json.dumps(body, ensure_ascii=False).encode()
        told = {"content-type": "application/json", "content-length": str(len(content)), **(headers or {})}
        pairs = [(name.encode(), value.encode()) for name, value in told.items()]
        await self({"type": "http.response.start", "status": status, "headers": pairs})
        lingers = before_the_end is not None
        await self({"type": "http.response.body", "body": content, "more_body": lingers})
        if before_the_end is not None:
            await before_the_end()
            await self({"type": "http.response.body", "body": b""})


async def _refuse(problem: IntentmlError, scope: Message, receive: Receive, reply: _Reply) -> None:
    """Tell why a request is not answered; a large body that nobody read closes the line."""
    body, status = error_body(problem, reply.request_id), http_status(problem)
    told, headers = http_headers(problem), dict(scope["headers"])
    if "bytes_in" in scope["state"] or isinstance(problem, SlowBodyError) or not left_unread(headers):
        await reply.instead(body, status, told)
        return
    told |= {"connection": "close"}
    await reply.instead(body, status, told, before_the_end=lambda: drained(headers, receive))


def framework_error(status: int, request_id: str) -> Message:
    """The body of an error that is not about what was asked."""
    code, message = _FRAMEWORK_ERRORS.get(status, _FRAMEWORK_ERRORS[500])
    problem = IntentmlError(message, hint="GET / lists the paths, /docs.json what each takes")
    return {"error": {**problem.to_dict(), "code": code, "request_id": request_id}}


def _request_id(headers: list[tuple[bytes, bytes]]) -> str:
    """The client's own id where it is a plain one, else a new one."""
    for name, value in headers:
        if name == b"x-request-id":
            told = value.decode("latin-1")
            return told if _REQUEST_ID.fullmatch(told) else secrets.token_hex(16)
    return secrets.token_hex(16)
