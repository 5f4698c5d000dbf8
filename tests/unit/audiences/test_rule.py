"""A rule is the same in YAML, JSON and text, and a wrong one says where and why."""

from __future__ import annotations

import json

import numpy as np
import pytest

from intentml.audiences.parse import parse
from intentml.audiences.rule import MAX_DEPTH, leaves, rule_of, told
from intentml.audiences.text import text_of
from intentml.errors import RuleError
from random_rules import random_rule

EXAMPLE = (
    "importance = vip AND lifecycle = lost AND interested_in('nike sneaker', top 20%) "
    "AND NOT purchased(brand = 'Nike', last 90 days)"
)


def test_the_example_of_the_docs_says_what_its_json_says():
    assert told(parse(EXAMPLE)) == {
        "all": [
            {"field": "importance", "op": "=", "value": "vip"},
            {"field": "lifecycle", "op": "=", "value": "lost"},
            {"interested_in": {"keyword": "nike sneaker", "top_share": 0.2}},
            {"none": [{"purchased": {"brand": ["Nike"], "last_days": 90.0}}]},
        ]
    }


def test_random_rules_come_back_from_text_and_from_json():
    rng = np.random.default_rng(0)
    for _ in range(2_000):
        rule = random_rule(rng, depth=4)
        assert parse(text_of(rule)) == rule
        assert rule_of(json.loads(json.dumps(told(rule)))) == rule


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        "a = 1 AND (b = 2 OR c = 3)",
        "(a = 1 AND b = 2) AND c = 3",
        "NONE(a = 1, b = 2)",
        "ALL(a = 1)",
        "NOT NOT a = 1",
        "NOT (a = 1 OR b = 2)",
        '"Loyalty Card" = true',
        "city IN ('New York', 'L''Hay', Paris, 3, 2.5, -1, false, 'true')",
        "a NOT BETWEEN -1 AND 1e-07",
        "event('nps_answer', count >= 1, value >= 9, value <= 10, last 90 days, before last 7 days)",
        "event(type IN ('a', 'b'), page_type = 'jobs', source = 'ads', campaign_id = 'k1')",
        "similar_to('vips', top 12.5%)",
        "bucket('spring', 0% to 33.3%)",
        "within_km(48.85, -2.35, 10)",
        "interested_in(category = 'CHEESE', probability >= 0.05, horizon 28 days)",
        "audience('vips') OR purchased()",
        "\"not\" = 'not'",
    ],
)
def test_text_is_written_as_it_was_read(text):
    assert text_of(parse(text)) == text


def test_and_binds_tighter_than_or_and_case_does_not_matter():
    assert parse("a = 1 or b = 2 and not c = 3") == parse("a = 1 OR (b = 2 AND (NOT c = 3))")
    assert parse("a <> 1") == parse("a != 1")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ends too early"),
        ("a", "expected an operator after 'a'"),
        ("a = 1 b = 2", "expected AND, OR or the end, found 'b' at character 7"),
        ("(a = 1", r"ends too early: expected '\)'"),
        ("a = 'x", "a quote is not closed, at character 5"),
        ("a ~ 1", "'~' means nothing here"),
        ("bought(brand = 'x')", "found 'bought'"),
        ("purchased(brnd = 'x')", "expected an argument"),
        ("purchased(last 3 days, last 4 days)", "last_days only once"),
        ("interested_in('x')", "exactly one of top_share, top and min_probability"),
        ("interested_in(top 3)", "name a product, category, brand or keyword"),
        ("purchased(last 7 days, before last 7 days)", "window is empty"),
        ("bucket('x', 10% to 5%)", "bucket is empty"),
        ("within_km(91, 0, 1)", "less than or equal to 90"),
        ("within_km(0, 0, 1%)", "not a percentage"),
        ("a = 1 AND " * 600 + "a = 1", "601 leaves"),
        ("(" * 5_000 + "a = 1" + ")" * 5_000, "nests deeper"),
        ("NOT " * 5_000 + "a = 1", "nests deeper"),
    ],
)
def test_text_that_is_no_rule_says_why(text, why):
    with pytest.raises(RuleError, match=why):
        parse(text)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, "one of the keys all, any, none, field"),
        ("vips", "one of the keys"),
        ({"all": []}, "all: it is empty"),
        (
            {"all": [{"none": [{"purchased": {"brnd": ["x"]}}]}]},
            r"all\.0\.none\.0\.purchased\.brnd: there is no such",
        ),
        ({"field": "a", "op": "=="}, "op: it should be"),
        ({"field": "a", "op": "in", "value": 3}, "`in` takes a list"),
        ({"field": "a", "op": "=", "value": float("nan")}, "finite"),
        ({"field": "a", "op": "is null", "value": 3}, "takes no value"),
        ({"field": "a", "op": "between", "value": [1]}, "takes two values"),
        ({"purchased": {"orders": {}}}, "bounds need at_least, at_most or both"),
        ({"event": {}}, "event.type: it is required"),
    ],
)
def test_json_that_is_no_rule_says_where_and_why(told, why):
    with pytest.raises(RuleError, match=why):
        rule_of(told)


def test_depth_and_number_of_leaves_are_bounded():
    told: dict = {"field": "a", "op": "=", "value": 1}
    for _ in range(MAX_DEPTH - 1):
        told = {"all": [told]}
    assert len(list(leaves(rule_of(told)))) == 1
    for _ in range(100_000):
        told = {"none": [told]}
    with pytest.raises(RuleError, match="nests deeper"):
        rule_of(told)
