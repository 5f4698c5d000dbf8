"""The service: BentoML's server, workers, health and metrics around the answers of `intentml.scores.service`.

What comes in: HTTP. What goes out: the JSON of contracts, errors too. `intentml serve` starts it; where
its scores and its model lie it reads from the environment. What an answer says is not decided here.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import re
import sys
import traceback
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import bentoml
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from intentml.errors import IntentmlError, MalformedRequestError, TooLargeError
from intentml.scores.requests import (
    CustomersRequest,
    ErrorAnswer,
    ExplainRequest,
    InterestedInRequest,
    PredictRequest,
    RecommendRequest,
    error_body,
    http_status,
    request_error,
)
from intentml.scores.service import ScoredShop
from intentml.version import __version__
from intentml.workflows import load_model, load_scores

SCORES, MODEL, WORKERS = "INTENTML_SCORES", "INTENTML_MODEL", "INTENTML_WORKERS"
LARGEST_BODY = 32 * 2**20
_PROBES = {"/livez", "/readyz", "/healthz", "/health", "/metrics"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FRAMEWORK_ERRORS = {
    404: ("not_found", "there is no such path"),
    405: ("method_not_allowed", "this path is not asked in that way"),
    503: ("unavailable", "the service is not ready"),
    500: ("bug", "this is a bug in intentml; the log has its place under the request's id"),
}

# This package's own log, below which nothing of a request is written: no ids of customers, no bodies.
log = logging.getLogger("intentml.service")
Asked = TypeVar("Asked")
Message = dict[str, Any]

app = FastAPI(
    title="intentml",
    version=__version__,
    openapi_url=None,  # Bento's /docs.json tells these paths beside its own
    responses={status: {"model": ErrorAnswer} for status in (400, 404, 409, 413, 422)},
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
    return JSONResponse(error_body(problem, request.state.request_id), http_status(problem))


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
        _framework_error(problem.status_code, request.state.request_id), problem.status_code, problem.headers
    )


class Door:
    """What every request goes through: an id, a largest body, one line of log, one form of errors.

    Errors that the frameworks write as text, and failures of ours, become the error body of contracts;
    of a failure the log gets the kind and the place, not the message, which may hold a value.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

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
            await reply.instead(_framework_error(500, request_id), 500)
        path = scope["path"] if scope["path"] in _PATHS else "(unknown path)"
        if path not in _PROBES:
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
                    _framework_error(message["status"], self.request_id), message["status"], kept
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
        response = JSONResponse(body, status)
        response.raw_headers.extend(headers)
        await self({"type": "http.response.start", "status": status, "headers": response.raw_headers})
        await self({"type": "http.response.body", "body": response.body})


def _framework_error(status: int, request_id: str) -> Message:
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


@bentoml.service(
    name="intentml",
    workers=int(os.environ.get(WORKERS, "1")),
    traffic={"timeout": 300},
    logging={"access": {"enabled": False}},  # Bento's own line names the client's address
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


Intent.add_asgi_middleware(Door)
_PATHS = _PROBES | {"/", "/docs.json", *app.openapi()["paths"]}
