"""A preview says what of the shop's data was of no use to the rule."""

from __future__ import annotations

import pandas as pd
import pytest

from intentml.audiences.audiences import Audiences
from intentml.audiences.scored import view_of
from intentml.timeline import known_by
from tiny import AS_OF, log_of

ORDERS = pd.DataFrame(
    {"customer_id": ["ana", "ben"], "order_id": ["o1", "o2"], "ordered_at": ["2024-02-20", "2024-02-28"]}
)


def audiences(born: list[str | None]) -> Audiences:
    customers = pd.DataFrame({"customer_id": ["ana", "ben", "cho", "dee"], "birth_date": born})
    return Audiences(view_of(known_by(log_of({"orders": ORDERS, "customers": customers}), AS_OF)), {})


@pytest.fixture(scope="module")
def doubtful() -> Audiences:
    """A placeholder, somebody who is to be born yet, somebody of 30, somebody who does not say."""
    return audiences(["1900-01-01", "2024-03-02", "1994-01-01", None])


def test_a_rule_about_age_says_how_many_dates_of_birth_are_of_no_use(doubtful: Audiences) -> None:
    found = doubtful.preview("age >= 18")
    assert found.customers == 1
    (note,) = found.notes
    assert note.startswith("age: dates of birth of no use: 2. Born on 1900-01-01 (a placeholder)")
    assert note.endswith("the age is taken as unknown.")
    assert doubtful.preview("age IS NULL").customers == 3


def test_a_rule_about_something_else_says_nothing_of_it(doubtful: Audiences) -> None:
    assert doubtful.preview("frequency >= 1").notes == ()


def test_where_every_date_is_of_use_nothing_is_said() -> None:
    assert audiences(["1994-01-01", "1980-05-05", None, None]).preview("age >= 18").notes == ()
