"""Where the client meets the world: its clock, its sleep, chance, and what may go into a connection.

What comes in: what the caller gave. What goes out: values that were checked, and the headers of every
request. The key is in these headers and nowhere else: not in a text, a log or an error.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from intentml.client.exchange import Patience
from intentml.client.questions import is_plain
from intentml.errors import RequestError, ServiceError
from intentml.version import __version__


@dataclass(frozen=True)
class Edges:
    """What the client takes from outside; tests hand in their own.

    Attributes:
        transport: httpx's, through which everything is sent; None for the network.
        sleep: Waits so many seconds (of the client that awaits: is awaited); None for the usual one.
        clock: Seconds from some start on.
        randomness: Draws the waits between retries, and the keys of writes.
    """

    transport: Any = None
    sleep: Callable[[float], Any] | None = None
    clock: Callable[[], float] = time.monotonic
    randomness: random.Random = field(default_factory=random.SystemRandom)

    def new_key(self) -> str:
        """An Idempotency-Key that nobody had before."""
        return str(uuid.UUID(int=self.randomness.getrandbits(128), version=4))


def httpx_module() -> ModuleType:
    """httpx, imported when a client is made.

    Raises:
        ServiceError: It is not installed.
    """
    try:
        import httpx
    except ImportError:
        raise ServiceError(
            "the client needs httpx, which is not installed",
            code="not_installed",
            hint="install the extra: pip install 'intentml[client]'",
        ) from None
    return httpx


def service_address(url: str) -> str:
    """The address, which must be one of HTTP, and have no password in it.

    Raises:
        RequestError: It is none.

    >>> service_address("http://127.0.0.1:3000/")
    'http://127.0.0.1:3000'
    """
    # It is not told back: in the place of an address there may stand a key.
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole or parts.query or parts.fragment:
        raise RequestError("this is no address of a service", hint='such as "http://127.0.0.1:3000"')
    if parts.username is not None or parts.password is not None:
        raise RequestError("the address has a user or a password in it", hint="give the key as `key=`")
    return url.rstrip("/")


def standing_headers(key: str | None) -> dict[str, str]:
    """The headers of every request.

    Raises:
        RequestError: The key cannot stand in a header; it is not told.
    """
    headers = {"accept": "application/json", "user-agent": f"intentml/{__version__}"}
    if key is None:
        return headers
    if not is_plain(key):
        raise RequestError("the key is no plain text", hint="is there a space or a line's end in it?")
    return {**headers, "authorization": f"Bearer {key}"}


def patience(timeout: float, retries: int) -> Patience:
    """How long and how often, checked.

    Raises:
        RequestError: No time, or fewer than no retries.
    """
    if not timeout > 0 or retries < 0:
        raise RequestError("timeout must be above 0, and retries at least 0")
    return Patience(retries=retries, timeout=timeout)
