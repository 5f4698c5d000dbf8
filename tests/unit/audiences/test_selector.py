"""Compiled rules find the people whom the plain interpreter finds, on random rules and random shops."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from intentml.audiences.parse import parse
from intentml.audiences.rule import rule_of
from intentml.audiences.selector import Selector
from intentml.audiences.text import quoted, text_of
from intentml.errors import IntentmlError, RuleError
from random_rules import AUDIENCES, random_rule, random_view
from rule_interpreter import interpreted

OTHERS = {name: rule_of(told) for name, told in AUDIENCES.items()}


def compare(shops: int, rules: int, seed: int) -> int:
    """Cases compared, all equal; rules that find nobody or everybody are there too, but not alone."""
    split = 0
    for shop in range(shops):
        rng = np.random.default_rng([seed, shop])
        view = random_view(rng)
        selector = Selector(view, OTHERS)
        for _ in range(rules):
            rule = random_rule(rng)
            found = selector.rows(rule).tolist()
            assert found == interpreted(rule, view, OTHERS), f"shop {seed}, {shop}: {text_of(rule)}"
            assert selector.count(rule) == len(found)
            split += 0 < len(found) < len(view.customer_ids)
    return split


def test_random_rules_find_whom_the_interpreter_finds():
    assert compare(shops=3, rules=40, seed=1) > 45


@pytest.mark.slow
def test_thousands_of_random_rules_find_whom_the_interpreter_finds():
    # INTENTML_SHOPS=100 makes it ten thousand.
    shops = int(os.environ.get("INTENTML_SHOPS", "8"))
    assert compare(shops=shops, rules=100, seed=2) > 40 * shops


@pytest.fixture(scope="module")
def selector() -> Selector:
    circle = {"round": rule_of({"audience": "about"}), "about": rule_of({"none": [{"audience": "round"}]})}
    return Selector(random_view(np.random.default_rng(7)), OTHERS | circle)


@pytest.mark.parametrize(
    ("text", "why", "hint"),
    [
        ("ordrs = 3", "names 'ordrs', which is no field", "did you mean orders"),
        ("orders = many", "orders is a number, and 'many' is not", ""),
        ("subscribed = 1", "subscribed is true or false, and 1 is not", ""),
        ("orders = true", "orders is a number, and True is not", ""),
        ("subscribed > true", "`>` cannot be asked of it", "it takes =, !="),
        ("next_order_at > 'soon'", "is a date, and 'soon' is not", "2024-03-01"),
        ("city matches '('", "is no regular expression", ""),
        ("purchased(brand = 'Nikee')", "brand 'Nikee' is unknown", "Nike"),
        ("purchased(category = 'SHOSE')", "category 'SHOSE' is unknown", "SHOES"),
        ("purchased(product = 'p9')", "product 'p9' is unknown", "p"),
        ("event('product_veiw')", "no event is called 'product_veiw'", "did you mean product_view"),
        ("purchased(last 2 weeks)", "windows count in days, such as last 14 days", ""),
        ("audience('frends')", "no audience 'frends'", "friends"),
        ("audience('round')", "leads back to itself: round -> about -> round", "break the circle"),
        ("similar_to('round', top 3)", "leads back to itself", "break the circle"),
    ],
)
def test_a_rule_about_what_nobody_knows_says_so(selector, text, why, hint):
    with pytest.raises(IntentmlError, match=why) as caught:
        selector.count(parse(text))
    assert hint in (caught.value.hint or "")
    assert selector.count(parse("orders >= 0")) > 0  # a refused rule leaves nothing behind


def test_what_is_unknown_fits_neither_a_comparison_nor_its_contrary(selector):
    everybody = len(selector.view.customer_ids)
    unknown = selector.count(parse("city IS NULL"))
    assert 0 < unknown < everybody
    for op in ("= Lyon", "IN (Lyon)", "CONTAINS 'yo'", "STARTS WITH 'L'"):
        negated = f"!= {op[2:]}" if op.startswith("=") else f"NOT {op}"
        both = selector.count(parse(f"city {op}")) + selector.count(parse(f"city {negated}"))
        assert both == everybody - unknown
    assert selector.count(parse("NOT city = Lyon")) == everybody - selector.count(parse("city = Lyon"))


def test_a_leaf_is_worked_out_once(selector, monkeypatch):
    asked = []
    known = selector.view.ranking.interest
    monkeypatch.setattr(selector.view.ranking, "interest", lambda one: asked.append(one) or known(one))
    first = selector.count(parse("interested_in(brand = 'Nike', top 4)"))
    assert first == 4
    assert selector.count(parse("interested_in(brand = 'Nike', top 4) AND orders >= 0")) <= first
    assert len(asked) == 1


def test_who_fits_a_leaf_is_asked_once_and_told_by_row(monkeypatch):
    selector = Selector(random_view(np.random.default_rng(11), customers=60), OTHERS)
    rules = [parse(text) for text in ("orders >= 2", "city = Lyon", "audience('friends')", "purchased()")]
    wanted = [selector.rows(rule).tolist() for rule in rules]
    asked, known = [], selector._engine.arrow
    monkeypatch.setattr(selector._engine, "arrow", lambda sql: asked.append(sql) or known(sql))
    for _ in range(2):
        assert [np.flatnonzero(who).tolist() for who in selector.fits([*rules, rules[0]])] == [
            *wanted,
            wanted[0],
        ]
    assert len(asked) == 1
    for row in (0, 59):
        assert [bool(who[0]) for who in selector.fits(rules, row)] == [row in rows for rows in wanted]
    selector.forget()
    assert [np.flatnonzero(who).tolist() for who in selector.fits(rules)] == wanted


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("interested_in(brand = 'Nike', top 5)", "probability"),
        ("similar_to('buyers', top 2)", "likeness"),
    ],
)
def test_who_is_ranked_too_low_is_told_the_number_and_the_rank(selector, text, name):
    leaf = parse(text)
    members = selector.rows(leaf).tolist()
    seen = {row: selector.seen(leaf, row) for row in range(len(selector.view.customer_ids))}
    ranked = {row: told for row, told in seen.items() if told}
    assert sorted(told["rank"] for told in ranked.values()) == list(range(1, len(ranked) + 1))
    assert sorted(ranked, key=lambda row: ranked[row]["rank"])[: len(members)] == [
        row for _, row in sorted((ranked[row]["rank"], row) for row in members)
    ]
    numbers = [ranked[row][name] for row in sorted(ranked, key=lambda row: ranked[row]["rank"])]
    assert numbers == sorted(numbers, reverse=True)
    # The members of an audience are not ranked by how much they are like it.
    unranked = selector.rows(parse("orders > 0")).tolist() if name == "likeness" else []
    assert sorted(set(seen) - set(ranked)) == unranked


def test_everybody_is_told_the_bucket(selector):
    leaf = parse("bucket('spring', 0% to 10%)")
    numbers = [selector.seen(leaf, row)["bucket"] for row in range(len(selector.view.customer_ids))]
    assert selector.rows(leaf).tolist() == [row for row, number in enumerate(numbers) if number < 0.1]
    assert len(set(numbers)) > 5


def test_names_with_quotes_and_sql_in_them_are_only_names(selector):
    bad = "x'; DROP TABLE customers; --"
    assert selector.count(parse(f"city = {quoted(bad)}")) == 0
    assert selector.count(parse(f"bucket({quoted(bad)}, 0% to 100%)")) == len(selector.view.customer_ids)
    with pytest.raises(RuleError, match="no field"):
        selector.count(parse(f'"{bad}" = 1'))


def test_without_tables_and_scores_what_needs_them_says_so(selector):
    bare = Selector(replace(selector.view, lines=None, events=None, ranking=None), OTHERS)
    assert bare.count(parse("orders >= 0")) == selector.count(parse("orders >= 0"))
    for text in ("purchased()", "event('visit')", "interested_in('x', top 3)", "similar_to('buyers', top 3)"):
        with pytest.raises(RuleError, match="needs"):
            bare.count(parse(text))
