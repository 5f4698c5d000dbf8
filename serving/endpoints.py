"""What answers over HTTP: paths, and what a request passes on its way in.

What comes in: requests, and what the worker answers from (`worker.py`). What goes out: the JSON of contracts,
errors too. BentoML runs it by `service.py`; what an answer says is decided in `intentml.service.shop`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from worker import DRIFT, METERS, patience, serving

from intentml.errors import IntentmlError, MalformedRequestError
from intentml.service import formats
from intentml.service import responses as answers
from intentml.service.admission import PROBES, Admission, Limits
from intentml.service.document import PATH as DOCUMENT
from intentml.service.document import document
from intentml.service.door import Door, framework_error
from intentml.service.keys import Keyring, Lock
from intentml.service.meters import MEDIA_TYPE
from intentml.service.parsing import parsed
from intentml.service.requests import (
    AudienceRequest,
    CompareRequest,
    CustomersRequest,
    ErrorAnswer,
    ExplainRequest,
    InterestedInRequest,
    MembersRequest,
    OrdersRequest,
    PredictRequest,
    ReasonRequest,
    RecommendRequest,
    error_body,
    http_headers,
    http_status,
    request_error,
)
from intentml.service.shop import ScoredShop
from intentml.version import __version__

AT_ONCE = 20
LIMITS, KEYRING = Limits.of(os.environ), Keyring.of(os.environ)
# Of answers that are rows; the columns are those of the rows in JSON.
_BINARY = {"schema": {"type": "string", "format": "binary"}}
ROWS: dict[int | str, dict[str, Any]] = {200: {"content": {formats.ARROW: _BINARY, formats.PARQUET: _BINARY}}}
REFUSALS = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
Asked, Done = TypeVar("Asked"), TypeVar("Done")
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]

app = FastAPI(
    title="intentml",
    version=__version__,
    openapi_url=None,  # /docs.json is made of it below
    responses={status: {"model": ErrorAnswer} for status in REFUSALS},
)


class StrictRequest(Request):
    """A request whose body is read as the standard has it."""

    async def json(self) -> Any:
        """What the body says."""
        return parsed(await self.body())


class StrictRoute(APIRoute):
    """A path that is asked by such requests."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:
        """What answers."""
        answer = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await answer(StrictRequest(request.scope, request.receive))

        return handler


app.router.route_class = StrictRoute


@app.post("/interested_in", response_model=answers.InterestedInAnswer, responses=ROWS)
async def interested_in(asked: InterestedInRequest, request: Request) -> Response:
    """Who wants to buy these? Customers, ranked, each with the probability to buy within the horizon."""
    check_limit(request, asked.limit)

    def answer(shop: ScoredShop, asked: InterestedInRequest) -> dict[str, Any]:
        inside = None if asked.audience is None else serving().audiences.rows(shop, asked.audience)
        return shop.interested_in(asked, inside)

    return await answered(answer, asked, request)


@app.post("/recommend", response_model=answers.RecommendAnswer, responses=ROWS)
async def recommend(asked: RecommendRequest, request: Request) -> Response:
    """What does this customer want? Products, ranked."""
    check_limit(request, asked.limit)
    return await answered(ScoredShop.recommend, asked, request)


@app.post("/customers", response_model=answers.CustomersAnswer, responses=ROWS)
async def customers(asked: CustomersRequest, request: Request) -> Response:
    """All that is known and predicted of up to 1,000 customers."""
    return await answered(ScoredShop.customers, asked, request, at_once=len(asked.customer_ids) <= AT_ONCE)


@app.post("/lifecycle", response_model=answers.LifecycleAnswer, responses=ROWS)
async def lifecycle(asked: CustomersRequest, request: Request) -> Response:
    """Where up to 1,000 customers stand, against their own rhythm or the shop's."""
    return await answered(ScoredShop.lifecycle, asked, request, at_once=len(asked.customer_ids) <= AT_ONCE)


@app.post("/predict", response_model=answers.PredictAnswer, responses=ROWS)
async def predict(asked: PredictRequest, request: Request) -> Response:
    """What is to be expected of up to 1,000 customers with these histories, known to the shop or not."""

    def answer(shop: ScoredShop, asked: PredictRequest) -> dict[str, Any]:
        told = shop.predict(asked)
        DRIFT.serves(shop.scores)
        DRIFT.watch(told["customers"])
        return told

    return await answered(answer, asked, request)


@app.post("/explain", response_model=answers.ExplainAnswer)
async def explain(asked: ExplainRequest, request: Request) -> Response:
    """Why is a customer expected to buy this, or not to order? Parts in words."""
    return await answered(ScoredShop.explain, asked, request)


@app.post("/orders", response_model=answers.OrdersAnswer)
async def orders(asked: OrdersRequest, idempotency_key: IdempotencyKey = None) -> Response:
    """Take new order lines in: on the disk before the answer, known to every answer after it."""
    live = serving().live
    now = datetime.now(UTC)
    return await aside(lambda: JSON(live.take_in(asked, now, idempotency_key)))


@app.get("/audiences", response_model=answers.AudiencesAnswer)
async def list_audiences(request: Request) -> Response:
    """Every audience, and how many are in; or why this shop cannot have it."""
    return await answered(lambda shop, _: serving().audiences.list(shop), None, request)


@app.post("/audiences/preview", response_model=answers.PreviewAnswer)
async def preview(asked: AudienceRequest, request: Request) -> Response:
    """How many are in an audience, what each part of its rule does, how far they can be reached."""
    return await answered(serving().audiences.preview, asked, request)


@app.post("/audiences/members", response_model=answers.MembersAnswer, responses=ROWS)
async def members(asked: MembersRequest, request: Request) -> Response:
    """Who is in an audience, by id, page by page."""
    return await answered(serving().audiences.members, asked, request)


@app.post("/audiences/explain", response_model=answers.ReasonAnswer)
async def explain_membership(asked: ReasonRequest, request: Request) -> Response:
    """Why is a customer in an audience, or not? With the model's reasons for every interest."""
    return await answered(serving().audiences.explain, asked, request)


@app.post("/audiences/compare", response_model=answers.CompareAnswer)
async def compare(asked: CompareRequest, request: Request) -> Response:
    """Audiences side by side, and how far they are the same people."""
    return await answered(serving().audiences.compare, asked, request)


@app.post("/admin/reload", response_model=answers.ReloadAnswer)
async def reload() -> Response:
    """Look at once whether other scores lie where these do, and take them; every worker looks by itself."""
    live = serving().live
    renewed = await asyncio.to_thread(live.renew)
    return JSON({"renewed": renewed, **live.shop.health()})


@app.get("/health", response_model=answers.HealthAnswer)
async def health() -> Response:
    """Which scores and which model answer."""
    return JSON(serving().live.shop.health())


@app.get("/ready", response_model=answers.ReadyAnswer)
async def ready() -> Response:
    """Whether requests are answered."""
    return JSON({"status": "ready"})


@app.get("/version", response_model=answers.VersionAnswer)
async def version() -> Response:
    """Which package, scores and model answer."""
    live = serving().live
    told = live.shop.health()
    served = {name: told[name] for name in ("as_of", "model", "model_version")}
    return JSON({"intentml": __version__, **served, "registered": live.registered})


@app.get("/metrics")
async def metrics() -> Response:
    """How often and how fast each path was answered, for Prometheus."""
    return Response(METERS.page(), media_type=MEDIA_TYPE)


@app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def index() -> Response:
    """Where to ask; Bento's own page would fetch scripts from elsewhere."""
    paths = sorted(app.openapi()["paths"])
    return JSON({"service": "intentml", "version": __version__, "paths": paths, "docs": DOCUMENT})


@app.api_route(DOCUMENT, methods=["GET", "HEAD"], include_in_schema=False)
async def docs() -> Response:
    """The OpenAPI document; Bento's own leaves keys and examples out."""
    return JSON(whole_document())


@cache
def whole_document() -> dict[str, Any]:
    """The OpenAPI document with its examples."""
    return document(app.openapi(), Path(__file__).parent / "examples")


async def answered(
    answer: Callable[[ScoredShop, Asked], dict[str, Any]],
    asked: Asked,
    request: Request,
    *,
    at_once: bool = False,
) -> Response:
    """The answer of the shop as it is known now, with all order lines that came in.

    Args:
        answer: What works it out.
        asked: What is asked.
        request: What says which form is liked best.
        at_once: Whether it takes less than the way to another thread and back.
    """
    live = serving().live
    if live.behind():
        await aside(live.catch_up)

    def work() -> Response:
        # Looked up when its turn comes: the audiences of older scores may be closed by then.
        return written_for(request, answer(live.shop, asked))

    return work() if at_once else await aside(work)


async def aside(work: Callable[[], Done]) -> Done:
    """Work done beside the event loop, so that health is told meanwhile.

    One at a time: predictors keep what they laid out for the last snapshot, and more threads would only
    wait for each other. More workers are more processes.
    """
    thread = serving().one_at_a_time
    return await asyncio.get_running_loop().run_in_executor(thread, work)


class JSON(Response):
    """A body of JSON, by a fast encoder."""

    media_type = formats.JSON

    def render(self, content: Any) -> bytes:
        """The bytes."""
        return formats.as_json(content)


def written_for(request: Request, answer: dict[str, Any]) -> Response:
    """An answer in the form that the client likes best."""
    content, media_type = formats.written(answer, request.headers.get("accept"), LIMITS.rows)
    return Response(content, media_type=media_type)


def check_limit(request: Request, limit: int | None) -> None:
    """Refuse, before any work, a limit beyond the rows that an answer may have."""
    if limit is not None:
        formats.check_rows(limit, request.headers.get("accept"), LIMITS.rows, "limit")


@app.exception_handler(IntentmlError)
async def refused(request: Request, problem: IntentmlError) -> Response:
    """An error of ours, with its status."""
    body = error_body(problem, request.state.request_id)
    return JSON(body, http_status(problem), http_headers(problem))


@app.exception_handler(RequestValidationError)
async def not_a_request(request: Request, problem: RequestValidationError) -> Response:
    """A body that its model refuses."""
    complaints = [{**one, "loc": one["loc"][1:]} for one in problem.errors()]
    return await refused(request, request_error(complaints))


@app.exception_handler(HTTPException)
async def not_readable(request: Request, problem: HTTPException) -> Response:
    """What FastAPI says of a body that it cannot read, and of a path asked in the wrong way."""
    if problem.status_code == 400:
        said = problem.__cause__
        ours = said if isinstance(said, MalformedRequestError) else None
        return await refused(
            request, ours or MalformedRequestError("the body is not a JSON object", hint="send one")
        )
    body = framework_error(problem.status_code, request.state.request_id)
    return JSON(body, problem.status_code, problem.headers)


def guarded(inner: Callable[..., Awaitable[None]]) -> Door:
    """Bento's application with all that a request passes before it."""
    locked = Lock(Admission(inner, limits=LIMITS, patience=patience), keyring=KEYRING)
    paths = {route.path for route in app.routes if isinstance(route, APIRoute)}
    return Door(locked, paths=PROBES | paths, observe=METERS.count)
