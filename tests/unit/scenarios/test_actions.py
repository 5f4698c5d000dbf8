"""Actions due, on a shop of a few people written by hand: all ages are in days."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from intentml.audiences.audiences import Audiences
from intentml.audiences.ledger import Ledger
from intentml.audiences.view import EVENTS, LINES, ShopView
from intentml.errors import RuleError
from intentml.scenarios.actions import ACTIONS, actions_due
from intentml.scenarios.scenario import scenario_of
from intentml.timeline import Instant
from intentml.timeline.catalogue import Catalogue

HOUR = 1 / 24
NOBODY_S = np.array([None, None], object)
CATALOGUE = Catalogue(np.array(["cup", "pan"], object), NOBODY_S, NOBODY_S, NOBODY_S, NOBODY_S)


def shop(
    carts: dict[str, list[float]],
    orders: dict[str, list[float]] | None = None,
    as_of: str = "2024-06-01",
    name: str = "s-1",
    opened: dict[str, list[float]] | None = None,
) -> Audiences:
    """Customers who put something into the cart, ordered (a cup) and opened a mail so many days ago."""
    orders, opened = orders or {}, opened or {}
    ids = sorted({*carts, *orders, *opened})
    bought = [(ids.index(one), age) for one, ages in orders.items() for age in ages]
    lines = [
        {"row": row, "order": number, "age_days": age, "product": 0, "quantity": 1.0, "amount": 9.0}
        for number, (row, age) in enumerate(bought)
    ]
    events = [
        {"row": ids.index(one), "event_type": kind, "age_days": age}
        for kind, told in (("cart_add", carts), ("email_opened", opened))
        for one, ages in told.items()
        for age in ages
    ]
    recency = [min(orders.get(one, [np.nan])) for one in ids]
    view = ShopView(
        as_of=Instant.of(as_of),
        customers=pa.table(
            {
                "customer_id": ids,
                "recency_days": pa.array(recency, pa.float64(), from_pandas=True),
            }
        ),
        lines=pa.Table.from_pylist(lines, LINES),
        events=pa.Table.from_pylist(events, EVENTS),
        catalogue=CATALOGUE,
    )
    return Audiences(view, {}, shop=name)


def due(audiences: Audiences, *steps: dict[str, Any], **changes: Any) -> dict[str, str]:
    """The steps that each is due, of a scenario after a cart."""
    rows = table(audiences, *steps, **changes).to_pylist()
    ids = sorted({row["customer_id"] for row in rows})
    return {one: " ".join(row["action"] for row in rows if row["customer_id"] == one) for one in ids}


def table(
    audiences: Audiences, *steps: dict[str, Any], memberships: Ledger | None = None, **changes: Any
) -> pa.Table:
    named = [
        {"name": f"step-{number}", "after": "1 hour", "action": f"a{number}", "channel": "mail", **told}
        for number, told in enumerate(steps or ({},))
    ]
    told = {"title": "Carts", "trigger": "event('cart_add')", "steps": named, **changes}
    found = actions_due(audiences, scenario_of("carts", told), memberships)
    assert found.schema == ACTIONS
    return found


def test_an_action_is_due_from_its_moment_until_it_expires() -> None:
    carts = {
        "early": [0.99 * HOUR],
        "now": [HOUR],
        "last": [7 + HOUR - 1e-6],
        "over": [7 + HOUR],
        "never": [],
    }
    assert due(shop(carts)) == {"last": "a0", "now": "a0"}
    assert due(shop(carts), expires_after="1 day") == {"now": "a0"}
    [row] = table(shop({"now": [HOUR]})).to_pylist()
    times = {name: row[name].isoformat() for name in ("triggered_at", "due_at", "expires_at")}
    assert times == {
        "triggered_at": "2024-05-31T23:00:00+00:00",
        "due_at": "2024-06-01T00:00:00+00:00",
        "expires_at": "2024-06-08T00:00:00+00:00",
    }


def test_the_newest_trigger_counts() -> None:
    assert due(shop({"again": [2.0, 0.5 * HOUR], "twice": [3.0, 2.0]})) == {"twice": "a0"}


def test_an_id_stays_the_same_and_is_never_anothers() -> None:
    first = table(shop({"ann": [1 / 3]}), {}, {})
    later = table(shop({"ann": [1 / 3 + 2], "bob": [0.7]}, as_of="2024-06-03"), {}, {})
    ids = {(row["customer_id"], row["step"]): row["action_id"] for row in later.to_pylist()}
    assert first["action_id"].to_pylist() == [ids["ann", "step-0"], ids["ann", "step-1"]]
    other_trigger = table(shop({"ann": [1 / 4]}))["action_id"].to_pylist()
    other_shop = table(shop({"ann": [1 / 3]}, name="s-2"))["action_id"].to_pylist()
    assert len({*ids.values(), *other_trigger, *other_shop}) == 6
    assert not any("ann" in one for one in ids.values())


def test_of_several_steps_that_are_due_the_latest_is_done_and_of_one_moment_all() -> None:
    steps = ({}, {"after": "1 day"}, {"after": "1 day", "channel": "push"})
    assert due(shop({"hour": [2 * HOUR], "day": [1.0]}), *steps) == {"hour": "a0", "day": "a1 a2"}


def test_a_later_step_for_others_leaves_the_earlier_due() -> None:
    steps = ({}, {"after": "1 day", "condition": "recency_days > 100"})
    found = due(shop({"ann": [2.0], "bob": [2.0]}, {"bob": [200.0]}), *steps)
    assert found == {"ann": "a0", "bob": "a1"}


def test_an_earlier_step_is_not_due_again_once_the_later_has_expired() -> None:
    steps = ({"after": "0 hours"}, {"after": "1 hour"})
    assert due(shop({"ann": [1.1]}), *steps, expires_after="1 day") == {}
    assert due(shop({"ann": [1.02]}), *steps, expires_after="1 day") == {"ann": "a1"}


def test_steps_of_one_name_are_alternatives_the_first_that_fits_is_taken() -> None:
    steps = ({"name": "one", "condition": "recency_days > 100"}, {"name": "one"})
    assert due(shop({"ann": [1.0], "bob": [1.0]}, {"bob": [200.0]}), *steps) == {"ann": "a1", "bob": "a0"}


def test_conditions_hold_for_a_step_or_for_all() -> None:
    people = shop({"ann": [1.0], "bob": [1.0]}, {"bob": [200.0]})
    assert due(people, condition="recency_days IS NULL") == {"ann": "a0"}
    assert due(people, {"condition": "purchased(product = 'cup')"}) == {"bob": "a0"}


def test_what_came_since_the_trigger_is_asked_apart_from_all_that_is_known() -> None:
    people = shop(
        {"before": [1.0], "same": [1.0], "after": [1.0], "opened": [1.0], "both": [1.0]},
        {"before": [1.5], "same": [1.0], "after": [0.9], "both": [0.9, 0.8]},
        opened={"opened": [0.5], "before": [2.0]},
    )
    assert set(due(people, {"since_trigger": "NOT purchased()"})) == {"before", "same", "opened"}
    assert set(due(people, {"since_trigger": "event('email_opened')"})) == {"opened"}
    assert set(due(people, {"since_trigger": "purchased(orders >= 2)"})) == {"both"}
    assert set(due(people, {"condition": "purchased()", "since_trigger": "NOT purchased()"})) == {
        "before",
        "same",
    }


@pytest.mark.parametrize(
    ("trigger", "who"),
    [
        ("recency_days", {"ann"}),
        ("purchased(product = 'cup')", {"ann"}),
        ("purchased(product = 'pan')", set()),
        ("event(type IN ('cart_add', 'email_opened'))", {"bob", "cho"}),
        ("event('cart_add', count >= 2)", set()),
    ],
)
def test_a_scenario_starts_from_an_age_a_purchase_or_an_event(trigger: str, who: set[str]) -> None:
    people = shop({"bob": [1.0]}, {"ann": [1.0]}, opened={"cho": [1.0]})
    assert set(due(people, trigger=trigger)) == who


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"trigger": "last_cart_days"}, "names 'last_cart_days', which is no field"),
        ({"condition": "audience('vip')"}, "no audience 'vip'"),
        ({"condition": "ordrs > 3"}, "'ordrs', which is no field"),
    ],
)
def test_what_this_shop_cannot_answer_is_told_with_the_scenario(changes: dict[str, str], why: str) -> None:
    with pytest.raises(RuleError, match=why) as caught:
        due(shop({"ann": [1.0]}), **changes)
    assert caught.value.message.startswith("scenario 'carts': ")


def entered(**members: str) -> Ledger:
    """Audience vip, refreshed on days of May 2024; each letter is a member."""
    ledger = Ledger.open(":memory:", shop="s-1")
    for day, inside in members.items():
        ledger.refresh("vip", list(inside), as_of=f"2024-05-{day[1:]}", rule_version="r", model_version="m")
    return ledger


STEP = {"after": "2 days"}


def test_a_scenario_starts_when_a_customer_enters_an_audience() -> None:
    everybody = shop({}, {one: [40.0] for one in "abcd"})
    with entered(d20="a", d28="ab", d30="abc") as ledger:
        told = table(everybody, STEP, trigger="entered('vip')", memberships=ledger).to_pylist()
    # a was in from the start, b entered four days ago, c two days ago, d never.
    assert [(one["customer_id"], one["triggered_at"].day, one["due_at"].day) for one in told] == [
        ("b", 28, 30),
        ("c", 30, 1),
    ]


def test_entering_after_as_of_is_not_known_yet() -> None:
    with entered(d20="a", d28="ab", d30="abc") as ledger:
        then = shop({}, {one: [40.0] for one in "abc"}, as_of="2024-05-29")
        assert due(then, {"after": "1 day"}, trigger="entered('vip')", memberships=ledger) == {"b": "a0"}


def test_an_entered_trigger_needs_to_know_who_was_in_when() -> None:
    with pytest.raises(RuleError, match="enters 'vip', and who did is not known") as told:
        table(shop({"a": [1.0]}), trigger="entered('vip')")
    assert "--memberships" in str(told.value.hint)


def test_what_happened_since_entering_can_be_asked_of() -> None:
    ordered = shop({}, {"b": [40.0, 1.0], "c": [40.0]})
    with entered(d20="a", d28="abc") as ledger:
        step = {"after": "2 days", "since_trigger": "NOT purchased()"}
        assert due(ordered, step, trigger="entered('vip')", memberships=ledger) == {"c": "a0"}
