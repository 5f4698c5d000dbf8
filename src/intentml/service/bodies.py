"""The body of a request: what it may be called, how large it may be, and what becomes of one refused.

What comes in: ASGI's `receive`. What goes out: the whole body, or an error that says why it was not
taken. A body refused is not read; `drained` lets go of it so that its sender still hears why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from intentml.errors import (
    MalformedRequestError,
    MediaTypeError,
    TooLargeError,
    UnavailableError,
)

LARGEST_BODY = 32 * 2**20
# All that wait at once in a worker may have no more than this, so that its memory stays flat.
_LARGEST_HELD = 8 * LARGEST_BODY
# The server throws away so little by itself, and keeps the line open for the next request.
_SMALL = 64 * 2**10
# Many clients send all of a body before they listen: refused, they hear why if they are let finish.
_LINGER_BYTES, _LINGER_SECONDS = 8 * LARGEST_BODY, 2.0

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]


class ClientGoneError(Exception):
    """The client hung up before it had asked."""


class Bodies:
    """The bodies of the requests that are inside."""

    def __init__(self) -> None:
        self.held = 0

    async def read(self, scope: Message, receive: Receive) -> bytes | None:
        """The body, held until `release`; None where the request has none.

        Raises:
            MediaTypeError: It is not called JSON.
            TooLargeError: It is, or says it will be, larger than a body may be.
            UnavailableError: Too much is held already.
            ClientGoneError: The client hung up.
        """
        headers = dict(scope["headers"])
        length = _length(headers)
        if not length:
            return None
        if not _is_json(headers.get(b"content-type", b"")):
            raise MediaTypeError(
                "the body is not called JSON", hint="send it with Content-Type: application/json"
            )
        if length > LARGEST_BODY:
            raise _too_large(f"{length:,}")
        return await self._all(receive)

    def release(self, body: bytes | None) -> None:
        """The body is no longer needed."""
        self.held -= len(body or b"")

    async def _all(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size, more = 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                part, more = message.get("body", b""), message.get("more_body", False)
                size += len(part)
                self.held += len(part)
                parts.append(part)
                if size > LARGEST_BODY:
                    raise _too_large(f"more than {LARGEST_BODY:,}")
                if self.held > _LARGEST_HELD:
                    raise UnavailableError(
                        "too many large requests are waiting", hint="ask again in a moment"
                    )
        except BaseException:
            self.held -= size
            raise
        return parts[0] if len(parts) == 1 else b"".join(parts)


def left_unread(headers: dict[bytes, bytes]) -> bool:
    """Whether a body that nobody read is more than the server should throw away by itself."""
    try:
        length = _length(headers)
        # Who waits to be told to go on, and hears something else, may send the body or the next request.
        return length > _SMALL or (length > 0 and b"expect" in headers)
    except MalformedRequestError:
        return True


async def drained(headers: dict[bytes, bytes], receive: Receive) -> None:
    """Throw away what of a refused body is on its way, a little while: most clients listen only then."""
    if b"expect" in headers:
        return  # such a client waits to be told to go on, and was told otherwise
    left = _LINGER_BYTES
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body, then what comes after it."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _length(headers: dict[bytes, bytes]) -> int:
    """Bytes of the body as announced: 0 without one, 65,537 of one whose length is not told."""
    told = headers.get(b"content-length")
    if told is None:
        return _SMALL + 1 if b"transfer-encoding" in headers else 0
    if not told.isdigit():
        raise MalformedRequestError("Content-Length is no number", hint="send the number of bytes")
    return int(told[:20])


def _is_json(content_type: bytes) -> bool:
    kind = content_type.partition(b";")[0].strip().lower()
    return kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))


def _too_large(size: str) -> TooLargeError:
    return TooLargeError(
        f"the body has {size} bytes; one request may have {LARGEST_BODY:,}", hint="ask in several requests"
    )
