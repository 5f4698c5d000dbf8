"""A BentoML service that answers nothing, behind the very middleware of ours: what it costs to ask at all."""

from __future__ import annotations

import gc
import os

import bentoml
from bentoml._internal.server.http import traffic
from fastapi import FastAPI
from fastapi.responses import Response

from intentml.service.admission import Admission, Limits, Unhurried
from intentml.service.door import Door
from intentml.service.keys import Keyring, Lock
from intentml.service.meters import Meters

traffic.TimeoutMiddleware = Unhurried
app = FastAPI(openapi_url=None)


@app.post("/noop")
async def noop() -> Response:
    """Nothing."""
    return Response(b"{}", media_type="application/json")


@bentoml.service(
    name="noop",
    workers=int(os.environ.get("INTENTML_WORKERS", "1")),
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(app, path="/")
class NoOp:
    """Nothing."""

    def __init__(self) -> None:
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)


NoOp.add_asgi_middleware(
    Door, paths={"/noop"}, observe=Meters(os.environ.get("PROMETHEUS_MULTIPROC_DIR")).count
)
NoOp.add_asgi_middleware(Lock, keyring=Keyring.of(os.environ))
NoOp.add_asgi_middleware(Admission, limits=Limits.of(os.environ))
