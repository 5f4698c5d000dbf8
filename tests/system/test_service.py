"""The service over the wire: the numbers of batch scoring, the errors of contracts, nobody's data in the log.

A real shop (the least busy households of Complete Journey, and two busy ones), a real model, BentoML in
a process of its own.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest

import intentml as im
from body import body
from documented import ANSWERS, STATUSES, check_reply
from histories import as_json, known_lines
from intentml.datasets.complete_journey import derive, read_package
from intentml.errors import UnknownTargetError
from intentml.inference.folder import SavedModel
from intentml.inference.intent import IntentPredictor
from intentml.model.timing_network import TimingGates
from intentml.model.values import ValueGates
from intentml.prediction import Mend
from intentml.scores.scores import Scores
from intentml.service.document import example_name
from intentml.service.formats import ARROW, METADATA, PARQUET
from intentml.service.keys import Key, key_of
from intentml.service.requests import (
    CustomersRequest,
    ErrorAnswer,
    ExplainRequest,
    InterestedInRequest,
    PredictRequest,
    RecommendRequest,
    Request,
)
from intentml.shipped import shipped_folder
from networks import perturbed
from served import Reply, Served, served

AS_OF = pd.Timestamp("2017-11-01", tz="UTC")
HORIZONS = (28, 14)
HOUSEHOLDS, BUSY = 260, ("934", "380")
# What is trained is asked about here, not how well.
RECIPES: dict[str, tuple[str, ...]] = {
    "priors": ("priors.horizons_days=[28]", "priors.windows=1", "priors.sample_per_window=5000"),
    "smoke": (),
}
REQUESTS: dict[str, type[Request]] = {
    "/customers": CustomersRequest,
    "/explain": ExplainRequest,
    "/interested_in": InterestedInRequest,
    "/lifecycle": CustomersRequest,
    "/predict": PredictRequest,
    "/recommend": RecommendRequest,
}
OF_AUDIENCES = {f"/audiences/{what}" for what in ("preview", "members", "explain", "compare")}
# Columns that customers.parquet has once a horizon, the default one without its days.
BY_HORIZON = ("churn_probability", "expected_orders", "expected_spend")
TOLERANCE = 1e-5
# For what does not depend on the model.
of_one_recipe = pytest.mark.parametrize("shop", ["priors"], indirect=True)


@dataclass(frozen=True)
class Shop:
    """A scored shop, and the service on it."""

    orders: pd.DataFrame
    scores: Scores
    service: Served

    def history(self, ids: list[str]) -> list[dict[str, Any]]:
        """Customers' own lines, as a client sends them."""
        lines = known_lines(self.orders, AS_OF)
        return as_json(lines[lines["customer_id"].isin(ids)].dropna(axis=1, how="all"))

    def buyers(self, count: int) -> list[str]:
        """Customers with an order, sorted."""
        ids: list[str] = self.scores.table.filter(pc.field("orders") > 0)["customer_id"].to_pylist()
        return ids[:count]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """The shop's tables."""
    source = read_package()
    households = source["transactions"]["household_id"].value_counts()
    ranked = sorted((one["counts"], one["values"]) for one in households.to_pylist())
    chosen = [household for _, household in ranked[:HOUSEHOLDS]] + [int(one) for one in BUSY]
    mine = pc.is_in(
        source["transactions"]["household_id"], value_set=pa.array(chosen, households.field("values").type)
    )
    derived = derive(source | {"transactions": source["transactions"].filter(mine)})
    orders, products = derived.orders.to_pandas(), derived.products.to_pandas()
    # Times of the source are the shop's local ones.
    orders["ordered_at"] = orders["ordered_at"].dt.tz_localize("UTC")
    return {"orders": orders, "products": products[products["product_id"].isin(orders["product_id"])]}


@pytest.fixture(scope="module", params=RECIPES)
def shop(
    request: pytest.FixtureRequest,
    tables: dict[str, pd.DataFrame],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp(request.param)
    log = im.read_tables(tables)
    settings = RECIPES[request.param]
    trained = im.train(log, as_of=AS_OF, recipe=request.param, settings=settings)
    opened(trained).save(folder / "model")
    model = im.load_model(folder / "model")
    im.score(model, log, as_of=AS_OF, horizon_days=HORIZONS, out=folder / "scores")
    with served(folder, Path("scores"), Path("model")) as service:  # as a person writes them: relative
        yield Shop(tables["orders"], im.load_scores(folder / "scores"), service)


def opened(model: SavedModel) -> SavedModel:
    """The model with all gates open, on a network that speaks: one trained in seconds may say nothing."""
    if not isinstance(model.predictor, IntentPredictor):
        return model
    gate, correction = Mend(weight=0.7, intercept=0.1, slope=0.9), model.predictor.correction
    open_wide = replace(
        correction,
        network=perturbed(correction.network, size=0.1),
        gates={kind: dict.fromkeys(knots, (gate, gate)) for kind, knots in correction.gates.items()},
        timing=TimingGates(0.8, 0.6),
        values=ValueGates(0.7, 0.8, {HORIZONS[0]: (0.1, 0.2)}),
    )
    return replace(model, predictor=IntentPredictor(model.predictor.prior, open_wide))


def problem(reply: Reply, status: int, code: str) -> dict[str, Any]:
    """The error of a response, which must be of this status and code, and of the contract's form."""
    assert reply.status == status, reply.text
    assert set(reply.body) == {"error"}
    error: dict[str, Any] = reply.body["error"]
    assert list(error) == ["code", "message", "table", "column", "rows", "hint", "request_id"]
    assert error["code"] == code
    assert error["request_id"] == reply.headers["x-request-id"]
    assert "Traceback" not in reply.text
    return error


# -- the numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 200], ids=["one alone", "200 at once"])
@pytest.mark.parametrize("days", HORIZONS)
def test_a_history_over_the_wire_gets_the_numbers_of_batch_scoring(shop: Shop, count: int, days: int) -> None:
    groups = [[one] for one in [*BUSY, *shop.buyers(3)]] if count == 1 else [shop.buyers(count)]
    table = shop.scores.customers.set_index("customer_id")
    suffix = "" if days == HORIZONS[0] else f"_{days}"
    best = shop.scores.interests(10, horizon_days=days)
    for ids in groups:
        reply = shop.service.post("/predict", {"orders": shop.history(ids), "horizon_days": days})
        assert reply.status == 200, reply.text
        assert [one["customer_id"] for one in reply.body["customers"]] == sorted(ids)
        for customer in reply.body["customers"]:
            row = table.loc[customer["customer_id"]]
            for name, value in customer.items():
                if name not in {"customer_id", "interests"}:
                    check(value, row[f"{name}{suffix}" if name in BY_HORIZON else name], name)
            mine = best[best["customer_id"] == customer["customer_id"]].to_dict("records")
            for told, wanted in zip(customer["interests"], mine, strict=True):
                assert (told["kind"], told["target"], told["rank"]) == (
                    wanted["kind"],
                    wanted["target"],
                    wanted["rank"],
                )
                check(told["probability"], wanted["probability"], "probability")


def check(told: Any, wanted: Any, name: str) -> None:
    """Fail unless the answer is what the scores say."""
    if wanted is None or wanted != wanted:
        assert told is None, name
    elif isinstance(wanted, pd.Timestamp):
        assert abs(pd.Timestamp(told) - wanted) < pd.Timedelta(minutes=2), name
    elif isinstance(wanted, float):
        assert told == pytest.approx(wanted, rel=TOLERANCE, abs=TOLERANCE), name
    else:
        assert told == wanted, name


@pytest.mark.parametrize("asked", [{"category": "POTATOES"}, {"no_order": True}], ids=["bought", "no order"])
def test_a_history_over_the_wire_is_explained_to_its_last_digit(shop: Shop, asked: dict[str, Any]) -> None:
    table = shop.scores.customers.set_index("customer_id")
    potatoes = shop.scores.interested_in(category="POTATOES").customers.set_index("customer_id")
    for customer in [*BUSY, *shop.buyers(2)]:
        body = shop.service.post("/explain", {"orders": shop.history([customer]), **asked}).body
        wanted = (table["churn_probability"] if "no_order" in asked else potatoes["probability"])[customer]
        check(body["probability"], float(wanted), "probability")
        assert sum(part["logit"] for part in body["parts"]) == pytest.approx(body["logit"], abs=TOLERANCE)
        assert (body["customer_id"], body["parts"][0]["name"]) == (customer, "base_rate")


def test_every_number_of_a_customer_is_that_of_the_folder(shop: Shop) -> None:
    ids = shop.buyers(50)
    reply = shop.service.post("/customers", {"customer_ids": [*ids, "nobody"]})
    assert reply.body["unknown_customer_ids"] == ["nobody"]
    table = shop.scores.customers.set_index("customer_id", drop=False)
    for customer in reply.body["customers"]:
        for name, value in customer.items():
            check(value, table.loc[customer["customer_id"], name], name)
    stages = shop.service.post("/lifecycle", {"customer_ids": ids}).body["customers"]
    assert [one["lifecycle"] for one in stages] == table.loc[ids, "lifecycle"].tolist()


def test_who_wants_these_is_answered_as_by_the_command(shop: Shop) -> None:
    reply = shop.service.post("/interested_in", {"category": "POTATOES", "share": 0.1})
    assert reply.body == shop.scores.interested_in(category="POTATOES", share=0.1).to_dict()


@of_one_recipe
@pytest.mark.parametrize(
    ("path", "rows"),
    [("/interested_in", "customers"), ("/recommend", "products"), ("/customers", "customers"),
     ("/lifecycle", "customers"), ("/predict", "customers")],
)  # fmt: skip
def test_rows_come_as_arrow_and_parquet_to_who_accepts_them(shop: Shop, path: str, rows: str) -> None:
    plain = shop.service.post(path, example(path)).body
    for media_type, read in (
        (ARROW, lambda file: ipc.open_stream(file).read_all()),
        (PARQUET, pq.read_table),
    ):
        reply = httpx.post(f"{shop.service.url}{path}", json=example(path), headers={"accept": media_type})
        assert (reply.status_code, reply.headers["content-type"]) == (200, media_type)
        table = read(io.BytesIO(reply.content))
        rest = json.loads(table.schema.metadata[METADATA])
        assert body({**rest, rows: table.replace_schema_metadata()}) == plain
    refused = httpx.post(f"{shop.service.url}{path}", json={"no": 1}, headers={"accept": ARROW})
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/json")


def test_the_client_says_what_the_scores_say(shop: Shop) -> None:
    """Both clients, over the wire; what they are asked goes through DataFrames on both sides."""
    ids, table = shop.buyers(30), shop.scores.customers
    history = known_lines(shop.orders, AS_OF)
    history = history[history["customer_id"].isin(ids)]
    wanted = table[table["customer_id"].isin(ids)].sort_values("customer_id", ignore_index=True)
    ranked = shop.scores.interested_in(category="POTATOES", limit=20)

    async def awaited() -> pd.DataFrame:
        async with im.AsyncClient(shop.service.url, timeout=60) as client:
            return (await client.interested_in(category="POTATOES", limit=20)).customers

    with im.Client(shop.service.url, timeout=60) as client:
        found = client.interested_in(category="POTATOES", limit=20)
        customers = client.customers(ids)
        predicted = client.predict(history)
        with pytest.raises(UnknownTargetError) as caught:
            client.interested_in(category="POTATO")
    same = {"check_dtype": False, "rtol": TOLERANCE, "atol": TOLERANCE}
    pd.testing.assert_frame_equal(found.customers, ranked.customers, **same)
    pd.testing.assert_frame_equal(asyncio.run(awaited()), found.customers)
    assert (found.as_of, found.model_version) == (AS_OF, ranked.model_version)
    assert (found.horizon_days, found.calibrated) == (ranked.horizon_days, ranked.calibrated)
    for told in (customers.customers, predicted.customers):
        assert told["customer_id"].tolist() == wanted["customer_id"].tolist()
        for name in told:
            for mine, ours in zip(told[name], wanted[name], strict=True):
                check(None if pd.isna(mine) else mine, ours, name)
    best = shop.scores.interests(10, horizon_days=HORIZONS[0])
    best = best[best["customer_id"].isin(ids)]
    assert len(predicted.interests) == len(best)
    assert predicted.interests["probability"].sum() == pytest.approx(best["probability"].sum(), rel=TOLERANCE)
    assert (caught.value.status, caught.value.code) == (404, "unknown_target")
    assert caught.value.request_id


# -- the examples -----------------------------------------------------------------------------------


def example(path: str) -> Any:
    return json.loads((shipped_folder("serving") / "examples" / example_name(path)).read_text())


def test_every_endpoint_has_an_example_and_every_example_an_endpoint(shop: Shop) -> None:
    folder = shipped_folder("serving") / "examples"
    told = {
        path: methods
        for path, methods in shop.service.get("/docs.json").body["paths"].items()
        if path in ANSWERS  # the others answer no JSON
    }
    posted = {path for path, methods in told.items() if "requestBody" in methods.get("post", {})}
    assert {path.name for path in folder.iterdir() if path.is_file()} == {example_name(one) for one in posted}
    assert {path.name for path in (folder / "answers").iterdir()} == {example_name(one) for one in told}
    assert posted == set(REQUESTS) | OF_AUDIENCES | {"/orders"}
    assert set(told) == set(ANSWERS)
    for path, methods in told.items():
        (shown,) = methods.values()
        if path in posted:
            assert shown["requestBody"]["content"]["application/json"]["example"] == example(path)
        answer = shown["responses"]["200"]["content"]["application/json"]["example"]
        ANSWERS[path].model_validate_json(json.dumps(answer), strict=True)


@of_one_recipe
def test_every_error_of_the_document_has_an_example_that_says_what_to_do(shop: Shop) -> None:
    statuses = set(map(str, STATUSES - {200}))
    assert {path.stem for path in (shipped_folder("serving") / "examples" / "errors").iterdir()} == statuses
    codes: dict[str, set[str]] = {status: set() for status in statuses}
    for methods in shop.service.get("/docs.json").body["paths"].values():
        for status, told in next(iter(methods.values()))["responses"].items():
            if status in statuses:
                one = ErrorAnswer.model_validate_json(
                    json.dumps(told["content"]["application/json"]["example"]), strict=True
                )
                assert one.error.message
                assert one.error.hint
                assert one.error.request_id
                codes[status].add(one.error.code)
    assert codes == {
        "400": {"malformed"}, "401": {"unauthorized"}, "403": {"forbidden"}, "404": {"unknown_target"},
        "408": {"slow_body"}, "409": {"horizon"}, "413": {"too_large"}, "415": {"media_type"},
        "422": {"request"}, "429": {"too_many_requests"}, "503": {"unavailable"},
    }  # fmt: skip


@pytest.mark.parametrize("path", REQUESTS)
def test_an_example_is_a_request_that_is_answered(shop: Shop, path: str) -> None:
    REQUESTS[path].model_validate(example(path))
    reply = shop.service.post(path, example(path))
    assert reply.status == 200, reply.text
    check_reply(path, reply)
    assert reply.body["as_of"] == shop.scores.manifest.as_of
    answers = (reply.body.get(name) for name in ("customers", "products", "parts"))
    assert len(next(filter(None, answers))) >= 2


def test_the_example_of_histories_has_strangers_and_a_product_that_nobody_knows(shop: Shop) -> None:
    answer = shop.service.post("/predict", example("/predict")).body
    assert [one["customer_id"] for one in answer["customers"]] == ["new-1", "new-2"]
    assert answer["unknown_products"] == ["not-in-the-catalogue"]
    ranks = [[one["rank"] for one in customer["interests"]] for customer in answer["customers"]]
    assert ranks == [[1, 2, 3, 1, 2, 3, 1, 2, 1, 2, 3]] * 2  # of each kind, and there are two brands


# -- what is refused --------------------------------------------------------------------------------

LINE = {"customer_id": "secret-7", "order_id": "1", "ordered_at": "2017-10-01", "product_id": "1082185"}


@of_one_recipe
@pytest.mark.parametrize(
    ("path", "body", "status", "code", "column"),
    [
        ("/interested_in", b'{"category": ', 400, "malformed", None),
        ("/interested_in", b"\xff", 400, "malformed", None),
        ("/interested_in", b"", 400, "malformed", None),
        ("/interested_in", b"[]", 400, "malformed", None),
        ("/interested_in", b'{"share": NaN}', 422, "request", "share"),
        ("/interested_in", b'{"share": 1e999}', 422, "request", "share"),
        ("/interested_in", {"category": "POTATOES", "color": "red"}, 422, "request", "color"),
        ("/interested_in", {"category": "POTATOES", "limit": 0}, 422, "scores", None),
        ("/interested_in", {"category": "POTATOES", "limit": 5, "share": 0.5}, 422, "scores", None),
        ("/interested_in", {}, 422, "request", None),
        ("/interested_in", {"category": "POTATO"}, 404, "unknown_target", None),
        ("/interested_in", {"product": "caviar"}, 404, "unknown_target", None),
        ("/interested_in", {"category": "POTATOES", "horizon_days": 30}, 409, "horizon", None),
        ("/recommend", {"customer_id": "nobody"}, 404, "unknown_customer", None),
        ("/recommend", {"customer_id": "934", "horizon_days": 365}, 409, "horizon", None),
        ("/customers", {"customer_ids": [str(n) for n in range(1001)]}, 413, "too_large", "customer_ids"),
        ("/customers", {"customer_ids": "934"}, 422, "request", "customer_ids"),
        ("/lifecycle", {"customer_ids": [None]}, 422, "request", "customer_ids"),
        ("/explain", {"orders": [LINE]}, 422, "request", None),
        ("/explain", {"orders": [LINE], "brand": "Oro", "no_order": True}, 422, "request", None),
        ("/explain", {"orders": [LINE], "category": "POTATO"}, 404, "unknown_target", None),
        ("/explain", {"orders": [LINE], "no_order": "yes"}, 422, "request", "no_order"),
        ("/explain", {"orders": [LINE], "no_order": True, "horizon_days": 30}, 409, "horizon", None),
        ("/explain", {"orders": [], "no_order": True}, 422, "data", None),
        ("/predict", {"orders": []}, 422, "data", None),
        ("/predict", {"orders": [LINE], "horizon_days": 90}, 409, "horizon", None),
        ("/predict", {"orders": [LINE | {"ordered_at": "2017-11-01"}]}, 422, "time", "ordered_at"),
        ("/predict", {"orders": [LINE | {"ordered_at": "soon"}]}, 422, "contract", "ordered_at"),
        ("/predict", {"orders": [LINE | {"quantity": float("nan")}]}, 422, "request", "quantity"),
        ("/predict", {"orders": [LINE | {"unit_price": float("inf")}]}, 422, "request", "unit_price"),
        ("/predict", {"orders": [LINE | {"quantity": -1}]}, 422, "data", "customer_id"),
        ("/predict", {"orders": [LINE | {"quantity": "many"}]}, 422, "request", "quantity"),
        ("/nowhere", {}, 404, "not_found", None),
    ],
)
def test_what_cannot_be_answered_is_told_by_contract(
    shop: Shop, path: str, body: Any, status: int, code: str, column: str | None
) -> None:
    error = problem(shop.service.post(path, body), status, code)
    assert error["column"] == column
    assert error["message"]
    if error["table"]:
        assert error["table"] == "orders"
    if column in LINE or column in {"quantity", "unit_price"}:
        assert error["rows"] == [0]


@of_one_recipe
def test_an_unknown_horizon_names_those_there_are(shop: Shop) -> None:
    reply = shop.service.post("/predict", {"orders": [LINE], "horizon_days": 90})
    assert "28, 14 days, not 90" in problem(reply, 409, "horizon")["message"]


@of_one_recipe
def test_a_path_asked_in_the_wrong_way_is_told_which_is_right(shop: Shop) -> None:
    reply = shop.service.get("/predict")
    problem(reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "POST"


@of_one_recipe
def test_a_body_beyond_all_measure_is_refused_before_it_is_read_as_anything(shop: Shop) -> None:
    error = problem(shop.service.post("/predict", b" " * (33 * 2**20)), 413, "too_large")
    assert "33,554,432" in error["message"]


@of_one_recipe
def test_json_under_another_name_is_told_how_to_be_sent(shop: Shop) -> None:
    reply = shop.service.post("/interested_in", b"{}", **{"content-type": "text/plain"})
    assert "Content-Type: application/json" in problem(reply, 415, "media_type")["hint"]
    assert shop.service.post("/interested_in", b"{}", **{"content-type": "application/x+json"}).status == 422


@of_one_recipe
def test_keys_and_limits_are_those_of_the_start(shop: Shop, tmp_path: Path) -> None:
    """A service of its own: what it is told of keys and limits, it is told at its start."""
    folder = shop.service.stdout.parent
    keys = {"read": key_of("r" * 43), "write": key_of("w" * 43)}
    (tmp_path / "keys").write_text("".join(f"{Key.of(n, n, key).line}\n" for n, key in keys.items()))
    settings = {"INTENTML_KEYS_FILE": "keys", "INTENTML_BODY_SECONDS": "0.5", "INTENTML_MAX_ROWS": "100"}
    asked = example("/lifecycle")
    with served(tmp_path, folder / "scores", folder / "model", settings=settings) as service:
        told = service.post("/lifecycle", asked)
        problem(told, 401, "unauthorized")
        assert told.headers["www-authenticate"].startswith("Bearer")
        wrong = service.post("/lifecycle", asked, **{"x-api-key": keys["read"][:-1]})
        problem(wrong, 401, "unauthorized")
        bearer = {"authorization": f"Bearer {keys['read']}"}
        assert service.post("/lifecycle", asked, **bearer).status == 200
        problem(service.post("/admin/reload", {}, **{"x-api-key": keys["write"]}), 403, "forbidden")
        assert [service.get(path).status for path in ("/health", "/livez", "/metrics")] == [200, 200, 401]
        everybody = {"category": "POTATOES"}
        assert (
            "100 rows"
            in problem(service.post("/interested_in", everybody, **bearer), 422, "request")["message"]
        )
        as_table = httpx.post(
            f"{service.url}/interested_in", json=everybody, headers={**bearer, "accept": ARROW}
        )
        told_all = ipc.open_stream(as_table.content).read_all()
        assert told_all.num_rows == shop.scores.manifest.counts["customers"] > 100
        with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as slow:
            head = f"X-API-Key: {keys['read']}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
            slow.sendall(f"POST /predict HTTP/1.1\r\nHost: shop\r\n{head}\r\n{{".encode())
            assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")
        log = service.stderr.read_text()
    assert '"key": "read"' in log
    assert not any(key in log for key in keys.values())


# -- an operator's view -----------------------------------------------------------------------------


@of_one_recipe
def test_health_readiness_and_metrics_are_told(shop: Shop) -> None:
    health = shop.service.get("/health").body
    assert health["status"] == "ok"
    assert health["model_version"] == shop.scores.manifest.model.version
    assert [shop.service.get(path).status for path in ("/livez", "/readyz", "/healthz")] == [200] * 3
    shop.service.post("/lifecycle", example("/lifecycle"))
    metrics = shop.service.get("/metrics").text
    assert 'intentml_requests_total{path="/lifecycle",status="200"}' in metrics
    shop.service.get("/customers/secret-7")
    assert "secret-7" not in shop.service.get("/metrics").text
    assert "/predict" in shop.service.get("/").body["paths"]


@of_one_recipe
def test_a_request_is_known_by_its_own_id_where_it_is_a_plain_one(shop: Shop) -> None:
    told = shop.service.get("/health", **{"x-request-id": "trace-7.a_b"})
    assert told.headers["x-request-id"] == "trace-7.a_b"
    foreign = shop.service.get("/health", **{"x-request-id": "a b; drop"})
    assert foreign.headers["x-request-id"] != "a b; drop"


@of_one_recipe
def test_the_log_has_ids_of_requests_and_nobody_s_data(shop: Shop) -> None:
    told = shop.service.post("/predict", {"orders": [LINE]}, **{"x-request-id": "seen-once"})
    assert told.status == 200
    shop.service.post("/predict", {"orders": [LINE | {"quantity": "secret-7"}]})
    shop.service.get("/customers/secret-7")
    log = shop.service.stderr.read_text()
    (line,) = [line for line in log.splitlines() if "seen-once" in line]
    request = json.loads(line[line.index("{") : line.index("}") + 1])
    assert request.pop("ms") > 0
    assert request == {
        "request_id": "seen-once",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "key": None,
        "bytes_in": len(json.dumps({"orders": [LINE]})),
        "bytes_out": len(told.text.encode()),
    }
    assert "secret-7" not in log
    assert "Traceback" not in log
    assert shop.service.stdout.read_text() == f"Serving scores at {shop.service.url}\n"


def test_no_request_sets_a_timer_of_bento_s_own() -> None:
    """Its time limit never takes one back; where it comes from in another release, this tells."""
    told = subprocess.run(
        [sys.executable, "-c", _MIDDLEWARE],
        cwd=shipped_folder("serving"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    names = told.stdout.split()
    assert "Guards" in names
    assert "Unhurried" in names
    assert "TimeoutMiddleware" not in names


_MIDDLEWARE = """
from service import Intent
print(*(one.cls.__name__ for one in Intent.to_asgi().user_middleware))
"""


@pytest.mark.slow
def test_the_service_is_packed_without_a_network(tmp_path: Path) -> None:
    """Every address of a package index leads nowhere."""
    nowhere = "http://127.0.0.1:9"
    environment = {
        **os.environ,
        "BENTOML_HOME": str(tmp_path / "home"),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "PIP_INDEX_URL", "UV_INDEX_URL"), nowhere),
    }
    built = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", str(shipped_folder("serving")), "--output", "tag"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (bento,) = (tmp_path / "home" / "bentos" / "intentml").glob("*/")
    packed = {path.relative_to(bento / "src").as_posix() for path in (bento / "src").rglob("*.*")}
    assert {"service.py", "examples/predict.json"} <= packed
    assert "mlflow_model.py" not in packed
    assert "intentml[serving]" in (bento / "env" / "python" / "requirements.txt").read_text()
