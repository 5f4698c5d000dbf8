from __future__ import annotations

import inspect
import json

import pytest

from intentml import errors
from intentml.errors import (
    ContractError,
    IncompleteOutcomeError,
    IntentmlError,
    TimeError,
    nearest,
    without_address,
)

EVERY_ERROR = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, IntentmlError)
]


def test_the_body_of_an_error_is_that_of_contracts():
    error = TimeError(
        "too late", table="orders", column="ordered_at", rows=[3, 5], hint="ask earlier", request_id="r-1"
    )
    assert error.to_dict() == {
        "code": "time",
        "message": "too late",
        "table": "orders",
        "column": "ordered_at",
        "rows": [3, 5],
        "hint": "ask earlier",
        "request_id": "r-1",
    }
    assert json.loads(json.dumps(error.to_dict())) == error.to_dict()


def test_rows_become_plain_numbers_that_json_can_write():
    numpy = pytest.importorskip("numpy")
    error = IntentmlError("x", rows=numpy.array([1, 2]))
    assert json.dumps(error.to_dict()["rows"]) == "[1, 2]"


def test_the_text_tells_the_message_and_the_hint():
    assert str(IntentmlError("what is wrong", hint="what to do")) == "what is wrong\n  hint: what to do"
    assert str(IntentmlError("what is wrong")) == "what is wrong"


def test_an_unknown_place_is_null():
    body = IntentmlError("x").to_dict()
    assert [body[name] for name in ("table", "column", "hint", "request_id")] == [None] * 4
    assert body["rows"] == []


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.__name__)
def test_every_error_is_one_of_ours_with_a_code_of_its_own(kind):
    with pytest.raises(IntentmlError):
        raise kind("x")
    assert [other for other in EVERY_ERROR if other.code == kind.code] == [kind]


def test_an_incomplete_outcome_is_a_matter_of_time():
    assert issubclass(IncompleteOutcomeError, TimeError)


def test_a_contract_error_carries_every_failure():
    error = ContractError("two rules", failures=["a", "b"], table="orders")
    assert error.failures == ("a", "b")
    assert error.table == "orders"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("chese", ["CHEESE"]),
        ("cheese", ["CHEESE"]),
        ("ch", ["CHEESE", "POACHED EGGS"]),
        ("zzz", []),
        ("", []),
    ],
)
def test_the_nearest_names_come_best_first_without_minding_case(name, found):
    assert nearest(name, ["BEEF", "CHEESE", "POACHED EGGS"]) == found


def test_names_that_differ_in_case_alone_are_all_offered_and_no_other():
    assert nearest("cheese", ["CHEESES", "Cheese", "CHEESE", "BEEF"]) == ["Cheese", "CHEESE"]
    assert nearest("chese", ["Cheese", "CHEESE", "BEEF"]) == ["Cheese", "CHEESE"]


def test_no_more_names_are_offered_than_asked_for():
    assert len(nearest("tea", [f"tea {number}" for number in range(9)], limit=3)) == 3


def test_a_name_that_is_an_address_is_not_told():
    assert without_address("jane.doe@mail.example") == "(an address)"
    assert without_address("C-7") == "C-7"
