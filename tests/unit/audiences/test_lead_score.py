"""The lead score: points for rules, summed; a field like any other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from intentml.audiences.explain import why
from intentml.audiences.lead_score import LeadScore, read_lead_score
from intentml.audiences.parse import parse
from intentml.audiences.selector import Selector
from intentml.errors import RuleError
from random_rules import random_view

WEIGHTS = LeadScore.model_validate(
    {
        "behaviour": [{"points": 20, "rule": "event('cart_add', last 30 days)"}],
        "profile": [{"points": 5.5, "rule": {"field": "subscribed", "op": "=", "value": True}}],
        "source": [{"points": -3, "rule": "NOT city = Lyon"}],
    }
)


def test_the_lead_score_is_the_sum_of_the_points_of_the_rules_that_hold():
    plain = random_view(np.random.default_rng(11), customers=40)
    selector = Selector(replace(plain, points={"lead_score": WEIGHTS.weights}))
    carted = set(
        plain.events.to_pandas().query("event_type == 'cart_add' and age_days <= 30")["row"].tolist()
    )
    people = plain.customers.to_pylist()
    expected = [
        20 * (row in carted) + 5.5 * (one["subscribed"] is True) - 3 * (one["city"] != "Lyon")
        for row, one in enumerate(people)
    ]
    rows = np.arange(len(people), dtype=np.int32)
    assert selector.values("lead_score", rows).to_pylist() == expected
    assert len(set(expected)) > 4
    for limit in (-3, 0, 5.5, 17, 20):
        rule = parse(f"lead_score >= {limit}")
        assert selector.rows(rule).tolist() == [row for row in rows if expected[row] >= limit]
    assert why(selector, parse("lead_score > 99"), people[3]["customer_id"]).seen == {
        "lead_score": expected[3]
    }


def test_the_weights_of_the_package_favour_pricing_over_jobs_and_search_over_social():
    points = {one.rule.model_dump_json(): one.points for one in read_lead_score().weights}

    def of(word: str) -> list[float]:
        return [value for rule, value in points.items() if f'"{word}"' in rule]

    assert min(of("pricing") + of("demo")) > 0 > max(of("info") + of("jobs"))
    assert of("search") > of("social")


@pytest.mark.parametrize(
    ("text", "why_not"),
    [
        ("behaviour: [{points: many, rule: orders > 1}]", "behaviour.0.points"),
        ("behaviour: [{points: 1, rule: orders >}]", "behaviour.0.rule: expected|behaviour.0.rule: the rule"),
        ("profile: [{points: 1, rule: lead_score > 3}]", "lead_score cannot count itself"),
        ("profile: [{points: 1, rule: \"audience('vip')\"}]", "not for other audiences"),
        ("habits: []", "habits"),
        ("{}", "gives no points"),
        ("[]", "no mapping"),
        ("behaviour: [", "is no YAML"),
    ],
)
def test_a_file_that_holds_no_weights_says_why(tmp_path, text, why_not):
    path = tmp_path / "points.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RuleError, match=why_not):
        read_lead_score(path)
    with pytest.raises(RuleError, match="there is no file"):
        read_lead_score(tmp_path / "other.yaml")
