"""The service as BentoML runs it: workers, time limits, and `endpoints.py` in its place.

What comes in: the environment that `intentml serve` sets. What goes out: a server. Its workers read what
answers as they start; the process that starts them reads this file alone, and is a second sooner.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

import bentoml
from bentoml._internal.server.http import traffic

from intentml.service.admission import Limits, Unhurried
from intentml.service.keys import Keyring


def await_checker() -> None:
    """Go on when what `intentml serve` left to look at scores and model has found them in order, else end.

    It has said what is wrong.
    """
    checker = os.environ.pop("INTENTML_CHECKER", None)  # workers need not wait
    if checker is not None and os.waitpid(int(checker), 0)[1] != 0:
        raise SystemExit(1)


await_checker()
# Read here, so that a server with wrong ones ends at its start, and not at its first request.
LIMITS = Limits.of(os.environ)
Keyring.of(os.environ)
traffic.TimeoutMiddleware = Unhurried


async def application(scope: Any, receive: Any, send: Any) -> None:
    """What answers."""
    from endpoints import app

    await app(scope, receive, send)


class Guards:
    """What a request passes before it is answered, whether by us or by Bento."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        from endpoints import guarded

        self.guarded = guarded(app)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        await self.guarded(scope, receive, send)


@bentoml.service(
    name="intentml",
    workers=int(os.environ.get("INTENTML_WORKERS", "1")),
    # In case `Unhurried` should not be in its place: later than ours, which say more.
    traffic={"timeout": LIMITS.body_seconds + LIMITS.request_seconds + 5},
    logging={"access": {"enabled": False}},  # Bento's own line names the client's address
    metrics={"enabled": False},  # Bento's own name every path that anybody asked for, and keep it
)
@bentoml.asgi_app(application, path="/")
class Intent:
    """I have these products; who wants to buy them? Ranked customers, predictions and recommendations."""

    def __init__(self) -> None:
        import worker

        worker.log.setLevel(logging.getLogger("bentoml").level)  # as loud as Bento itself
        worker.open_shop()


Intent.add_asgi_middleware(Guards)
