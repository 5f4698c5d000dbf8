"""A scenario in YAML: what can be written, and what each mistake is told as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from intentml.audiences.parse import parse
from intentml.audiences.rule import rule_of
from intentml.errors import RuleError
from intentml.scenarios.scenario import AGES, Entered, named, presets, read_scenario, scenario_of
from intentml.timeline.waits import Wait

STEP = {"name": "one", "after": "4 hours", "action": "hello", "channel": "mail"}


def told(**changes: Any) -> dict[str, Any]:
    """A scenario of one step, with changes."""
    return {"title": "Carts", "trigger": "event('cart_add')", "steps": [STEP], **changes}


def step(**changes: Any) -> dict[str, Any]:
    return told(steps=[{**STEP, **changes}])


def test_a_file_holds_a_scenario_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "carts.yaml").write_text(
        "title: Carts\n"
        "trigger: event('cart_add')\n"
        "condition: NOT recency_days < 15\n"
        "steps:\n"
        "- {name: one, after: 4 hours, action: hello, channel: mail, offer: {percent: 5, valid_for: 1 day}}\n"
    )
    found = named(str(tmp_path / "carts.yaml"), {})
    assert found.name == "carts"
    assert found.condition == parse("NOT recency_days < 15")
    assert found.expires_after == Wait(7, "day")
    assert found.steps[0].offer is not None
    assert found.steps[0].offer.valid_for == Wait(1, "day")
    assert found == read_scenario(tmp_path / "carts.yaml")


def test_rules_and_triggers_are_written_as_text_or_as_trees() -> None:
    tree = {"event": {"type": ["cart_add"]}}
    one = scenario_of("carts", told(trigger=tree, condition={"none": [{"purchased": {"last_days": 15}}]}))
    assert one == scenario_of("carts", told(condition="NOT purchased(last 15 days)"))
    assert one.trigger == rule_of(tree)


def test_entering_an_audience_is_written_as_text_or_as_a_tree() -> None:
    one = scenario_of("carts", told(trigger="entered('big spenders')"))
    assert one.trigger == Entered(entered="big spenders")
    assert one == scenario_of("carts", told(trigger={"entered": "big spenders"}))
    assert one.fields == ()


def test_a_scenario_says_which_fields_it_names() -> None:
    one = told(
        trigger="listed_days", condition="age < 35", steps=[{**STEP, "condition": "age > 18 AND city = x"}]
    )
    assert scenario_of("young", one).fields == ("listed_days", "age", "city")


def test_a_scenario_starts_from_what_counts_the_days_since_something() -> None:
    assert {"recency_days", "listed_days", "last_cart_days", "last_checkout_days", "nps_days"} <= {*AGES}
    assert {
        "recency_in_gaps",
        "gap_median_days",
        "rhythm_days",
        "days_to_second_order",
        "active_days",
    }.isdisjoint(AGES)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([], "no mapping of title, trigger and steps"),
        (told(steps=[]), "steps: "),
        (told(title=""), "title: "),
        ({"title": "Carts", "steps": [STEP]}, "trigger: it is required"),
        (told(colour="red"), "colour: there is no such key"),
        (told(expires_after="soon"), "expires_after: 'soon' is no wait; write a whole number of"),
        (told(again_after="7"), "again_after: '7' is no wait"),
        (told(trigger="recency_day"), "trigger: recency_day counts no days since something; did you mean"),
        (told(trigger="orders"), "trigger: orders counts no days"),
        (told(trigger="orders > 3"), "trigger: it is one event"),
        (told(trigger="event("), "trigger: "),
        (told(trigger="entered()"), "trigger: "),
        (told(trigger={"entered": "vip", "since": "2020"}), "trigger: entered is the name of an audience"),
        (told(trigger="entered('vip') AND entered('new')"), "trigger: "),
        (told(condition="orders >"), "condition: .*ends too early"),
        (told(condition=None), "condition: a rule has one of the keys|condition: the rule cannot be used"),
        (step(after="4h"), "steps.0.after: '4h' is no wait"),
        (step(condition="orders >"), "steps.0.condition: "),
        (step(since_trigger="orders > 3"), "steps.0.since_trigger: only event"),
        (step(since_trigger="NOT purchased() AND age > 3"), "steps.0.since_trigger: only event"),
        (step(name="One Two"), "steps.0.name: "),
        (step(action="write to jane@example.com"), "steps.0.action: "),
        (step(channel="jane@example.com"), "steps.0.channel: "),
        (step(offer={"percent": 0}), "steps.0.offer.percent: "),
        (step(offer={"percent": 101}), "steps.0.offer.percent: "),
        (step(offer={"code": "X"}), "steps.0.offer.code: there is no such key"),
        (step(offer={"percent": 5, "valid_for": "1 year"}), "steps.0.offer.valid_for: '1 year' is no wait"),
        (step(wait="4 hours"), "steps.0.wait: there is no such key"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_error_with_its_place(content: Any, why: str) -> None:
    with pytest.raises(RuleError, match=why) as caught:
        scenario_of("carts", content)
    assert caught.value.message.startswith("scenario 'carts'") or not content
    assert caught.value.message.count(": ") <= 3  # one mistake is told once
    assert "@" not in str(caught.value)


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="no scenario 'inactiv' among 3") as caught:
        named("inactiv", presets())
    assert caught.value.hint == "did you mean inactive?"
    with pytest.raises(RuleError, match="no file"):
        named(str(tmp_path / "none.yaml"), {})
