"""The service: BentoML's server, workers, health and metrics around the answers of `intentml.service.shop`.

What comes in: HTTP. What goes out: the JSON of contracts, errors too. `intentml serve` starts it; where
its scores and its model lie it reads from the environment. What an answer says is not decided here.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import bentoml
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from intentml.errors import IntentmlError, MalformedRequestError
from intentml.service.admission import PROBES, Admission, Limits
from intentml.service.door import Door, framework_error, log
from intentml.service.keys import Keyring, Lock
from intentml.service.meters import MEDIA_TYPE, Meters
from intentml.service.requests import (
    CustomersRequest,
    ErrorAnswer,
    ExplainRequest,
    InterestedInRequest,
    PredictRequest,
    RecommendRequest,
    error_body,
    http_headers,
    http_status,
    request_error,
)
from intentml.service.shop import ScoredShop
from intentml.version import __version__
from intentml.workflows import load_model, load_scores

SCORES, MODEL, WORKERS = "INTENTML_SCORES", "INTENTML_MODEL", "INTENTML_WORKERS"
# Read here, so that a server with wrong ones ends at its start, and not at its first request.
LIMITS, KEYRING = Limits.of(os.environ), Keyring.of(os.environ)
METERS = Meters(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))  # Bento sets it, for its workers
REFUSALS = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
Asked = TypeVar("Asked")

app = FastAPI(
    title="intentml",
    version=__version__,
    openapi_url=None,  # Bento's /docs.json tells these paths beside its own
    responses={status: {"model": ErrorAnswer} for status in REFUSALS},
)


@app.post("/interested_in")
async def interested_in(asked: InterestedInRequest) -> JSONResponse:
    """Who wants to buy these? Customers, ranked, each with the probability to buy within the horizon."""
    return await answered(ScoredShop.interested_in, asked)


@app.post("/recommend")
async def recommend(asked: RecommendRequest) -> JSONResponse:
    """What does this customer want? Products, ranked."""
    return await answered(ScoredShop.recommend, asked)


@app.post("/customers")
async def customers(asked: CustomersRequest) -> JSONResponse:
    """All that is known and predicted of up to 1,000 customers."""
    return await answered(ScoredShop.customers, asked)


@app.post("/lifecycle")
async def lifecycle(asked: CustomersRequest) -> JSONResponse:
    """Where up to 1,000 customers stand, against their own rhythm or the shop's."""
    return await answered(ScoredShop.lifecycle, asked)


@app.post("/predict")
async def predict(asked: PredictRequest) -> JSONResponse:
    """What is to be expected of up to 1,000 customers with these histories, known to the shop or not."""
    return await answered(ScoredShop.predict, asked)


@app.post("/explain")
async def explain(asked: ExplainRequest) -> JSONResponse:
    """Why is a customer with this history expected to buy this, or not to order? Parts in words."""
    return await answered(ScoredShop.explain, asked)


@app.get("/health")
async def health() -> JSONResponse:
    """Which scores and which model answer."""
    return JSONResponse(bentoml.get_current_service().shop.health())


@app.get("/metrics")
async def metrics() -> Response:
    """How often and how fast each path was answered, for Prometheus."""
    return Response(METERS.page(), media_type=MEDIA_TYPE)


@app.get("/", include_in_schema=False)
async def index() -> JSONResponse:
    """Where to ask; Bento's own page would fetch scripts from elsewhere."""
    paths = sorted(app.openapi()["paths"])
    return JSONResponse({"service": "intentml", "version": __version__, "paths": paths, "docs": "/docs.json"})


async def answered(answer: Callable[[ScoredShop, Asked], dict[str, Any]], asked: Asked) -> JSONResponse:
    """The answer, worked out beside the event loop, so that health is told meanwhile.

    One at a time: predictors keep what they laid out for the last snapshot, and more threads would only
    wait for each other. More workers are more processes.
    """
    service = bentoml.get_current_service()
    work = asyncio.get_running_loop().run_in_executor
    return await work(service.one_at_a_time, lambda: JSONResponse(answer(service.shop, asked)))


@app.exception_handler(IntentmlError)
async def refused(request: Request, problem: IntentmlError) -> JSONResponse:
    """An error of ours, with its status."""
    body = error_body(problem, request.state.request_id)
    return JSONResponse(body, http_status(problem), http_headers(problem))


@app.exception_handler(RequestValidationError)
async def not_a_request(request: Request, problem: RequestValidationError) -> JSONResponse:
    """A body that its model refuses."""
    complaints = [{**one, "loc": one["loc"][1:]} for one in problem.errors()]
    return await refused(request, request_error(complaints))


@app.exception_handler(HTTPException)
async def not_readable(request: Request, problem: HTTPException) -> JSONResponse:
    """What FastAPI says of a body that it cannot read, and of a path asked in the wrong way."""
    if problem.status_code == 400:
        return await refused(request, MalformedRequestError("the body is not a JSON object", hint="send one"))
    return JSONResponse(
        framework_error(problem.status_code, request.state.request_id), problem.status_code, problem.headers
    )


@bentoml.service(
    name="intentml",
    workers=int(os.environ.get(WORKERS, "1")),
    # Ours come first, and say more. Not much later: Bento holds a timer of every request until then.
    traffic={"timeout": LIMITS.body_seconds + LIMITS.request_seconds + 5},
    logging={"access": {"enabled": False}},  # Bento's own line names the client's address
    metrics={"enabled": False},  # Bento's own name every path that anybody asked for, and keep it
)
@bentoml.asgi_app(app, path="/")
class Intent:
    """I have these products; who wants to buy them? Ranked customers, predictions and recommendations."""

    def __init__(self) -> None:
        log.setLevel(logging.getLogger("bentoml").level)  # as loud as Bento itself
        missing = [name for name in (SCORES, MODEL) if not os.environ.get(name)]
        if missing:
            raise IntentmlError(f"{' and '.join(missing)} must be set", hint="`intentml serve` sets them")
        self.shop = ScoredShop.of(load_scores(os.environ[SCORES]), load_model(Path(os.environ[MODEL])))
        self.one_at_a_time = ThreadPoolExecutor(max_workers=1)
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)
        # What is loaded by now stays: the collector need not walk it at every turn of a request.
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)


# From the outside inwards.
PATHS = PROBES | {"/", "/docs.json", *app.openapi()["paths"]}
Intent.add_asgi_middleware(Door, paths=PATHS, observe=METERS.count)
Intent.add_asgi_middleware(Lock, keyring=KEYRING)
Intent.add_asgi_middleware(Admission, limits=LIMITS)
