"""Requests: what a client may ask, and what is told where a request is none."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from intentml.errors import (
    DataError,
    ForbiddenError,
    HorizonError,
    IntentmlError,
    MalformedRequestError,
    MediaTypeError,
    RequestError,
    SlowBodyError,
    TooLargeError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    UnknownCustomerError,
    UnknownTargetError,
)
from intentml.service.requests import (
    CustomersRequest,
    InterestedInRequest,
    PredictRequest,
    RecommendRequest,
    check_customers,
    error_body,
    http_headers,
    http_status,
    request_error,
)

LINE = {"customer_id": "secret-7", "order_id": 1, "ordered_at": "2024-02-20"}


def refusal(model: type[Any], body: Any) -> RequestError:
    """What a client hears of a body."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return request_error(caught.value.errors())


@pytest.mark.parametrize(
    ("model", "body", "column"),
    [
        (InterestedInRequest, {"categry": "TEA"}, "categry"),
        (InterestedInRequest, {"category": ""}, "category"),
        (InterestedInRequest, {"category": ["TEA", ""]}, "category"),
        (InterestedInRequest, {"limit": "5"}, "limit"),
        (InterestedInRequest, {"limit": True}, "limit"),
        (InterestedInRequest, {"limit": 2.5}, "limit"),
        (InterestedInRequest, {"share": float("nan")}, "share"),
        (InterestedInRequest, {"min_probability": float("inf")}, "min_probability"),
        (InterestedInRequest, {"new_product": {"price": -1}}, "new_product"),
        (InterestedInRequest, {"new_product": {"color": "red"}}, "new_product"),
        (CustomersRequest, {}, "customer_ids"),
        (CustomersRequest, {"customer_ids": "C-7"}, "customer_ids"),
        (RecommendRequest, {"customer_id": ""}, "customer_id"),
        (RecommendRequest, {"customer_id": "C-7", "exclude_bought_days": -1}, "exclude_bought_days"),
        (PredictRequest, {"orders": [], "interests": -1}, "interests"),
        (PredictRequest, {"orders": [], "interests": 101}, "interests"),
    ],
)
def test_a_field_that_is_none_is_named(model: type[Any], body: Any, column: str) -> None:
    problem = refusal(model, body)
    assert (problem.table, problem.column) == (None, column)
    assert problem.message.startswith(f"{column}: ")
    assert http_status(problem) == 422


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"quantity": float("nan")}, "quantity"),
        ({"unit_price": float("-inf")}, "unit_price"),
        ({"unit_price": "1.5"}, "unit_price"),
        ({"ordered_at": None}, "ordered_at"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_cell_is_told_by_its_table_column_and_rows(cells: dict[str, Any], column: str) -> None:
    wrong = LINE | cells
    problem = refusal(PredictRequest, {"orders": [LINE, wrong, LINE, wrong]})
    assert (problem.table, problem.column, problem.rows) == ("orders", column, (1, 3))
    assert "in 2 rows" in problem.message
    assert "secret" not in str(problem)


def test_one_error_says_how_many_other_fields_are_wrong() -> None:
    problem = refusal(InterestedInRequest, {"limit": "x", "share": "x", "brand": 3.5, "foo": 1})
    assert problem.message.endswith("; other fields that are wrong: 2")


@pytest.mark.parametrize("body", [[], None, "text", 3])
def test_a_body_that_is_no_object_is_malformed(body: Any) -> None:
    problem = refusal(InterestedInRequest, body)
    assert isinstance(problem, MalformedRequestError)
    assert http_status(problem) == 400


def test_ids_may_be_written_as_numbers() -> None:
    assert CustomersRequest.model_validate({"customer_ids": [17850, "b"]}).customer_ids == ["17850", "b"]
    assert PredictRequest.model_validate({"orders": [LINE]}).orders[0].order_id == "1"


def test_lines_become_the_table_orders_with_the_columns_that_are_filled() -> None:
    asked = PredictRequest.model_validate({"orders": [LINE, LINE | {"quantity": 2, "status": None}]})
    table = asked.table()
    assert table.column_names == ["customer_id", "order_id", "ordered_at", "quantity", "status"]
    assert table["quantity"].to_pylist() == [None, 2.0]
    assert table.schema.field("status").type == pa.string()


def test_a_thousand_customers_may_be_asked_about_and_no_more() -> None:
    check_customers(1_000, "customer_ids")
    with pytest.raises(TooLargeError, match="1,001 customers are more than the 1,000"):
        check_customers(1_001, "customer_ids")


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (MalformedRequestError("x"), 400),
        (UnknownTargetError("x"), 404),
        (UnknownCustomerError("x"), 404),
        (HorizonError("x"), 409),
        (TooLargeError("x"), 413),
        (UnauthorizedError("x"), 401),
        (ForbiddenError("x"), 403),
        (SlowBodyError("x"), 408),
        (MediaTypeError("x"), 415),
        (TooManyRequestsError("x"), 429),
        (UnavailableError("x"), 503),
        (RequestError("x"), 422),
        (DataError("x"), 422),
    ],
)
def test_each_error_has_its_status(problem: IntentmlError, status: int) -> None:
    assert http_status(problem) == status


def test_the_headers_of_an_error_say_how_to_come_in_and_when_to_come_again() -> None:
    assert http_headers(UnauthorizedError("x")) == {"www-authenticate": 'Bearer realm="intentml"'}
    assert http_headers(UnavailableError("x")) == {"retry-after": "1"}
    assert http_headers(TooManyRequestsError("x", retry_after_s=9)) == {"retry-after": "9"}
    assert http_headers(SlowBodyError("x")) == {"connection": "close"}
    assert http_headers(RequestError("x")) == {}


def test_the_body_of_an_error_is_that_of_contracts_with_the_id_of_the_request() -> None:
    body = error_body(HorizonError("which?", hint="ask 28"), "r-1")
    assert body == {
        "error": {
            "code": "horizon",
            "message": "which?",
            "table": None,
            "column": None,
            "rows": [],
            "hint": "ask 28",
            "request_id": "r-1",
        }
    }
