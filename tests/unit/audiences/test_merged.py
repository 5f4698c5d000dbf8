"""Rules about a shop of which some customers are known anew: answers as over one view of everybody."""

from __future__ import annotations

import gc
import hashlib
import weakref
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest

from intentml.audiences.audience import audience_of
from intentml.audiences.explain import why
from intentml.audiences.lead_score import Weight
from intentml.audiences.leaves import InterestedIn, SimilarTo
from intentml.audiences.merged import MergedSelector
from intentml.audiences.rule import leaves, rule_of
from intentml.audiences.selector import Selector
from intentml.audiences.view import joined
from intentml.errors import RuleError, UnknownCustomerError
from random_rules import AUDIENCES, random_rule, random_view

RULES = {name: rule_of(told) for name, told in AUDIENCES.items()}


@dataclass(frozen=True)
class ById:
    """A ranking that knows a number of each customer, and another one once the customer is known anew."""

    marks: tuple[str, ...]

    def _numbers(self, asked):
        told = [hashlib.sha256(f"{mark} {asked}".encode()).digest()[0] for mark in self.marks]
        return np.array(told, np.float64) // 32 / 8 + 1 / 16  # of eight: ties abound

    def interest(self, asked):
        return self._numbers(asked)

    def likeness(self, members):
        return lambda ranking: ranking._numbers("like")

    def reasons(self, row, model):
        return lambda asked: self.marks[row]

    def found(self, keyword):
        return ["p1", "p4"] if keyword == "nike" else ["p0"]


def ranked(view, word):
    return replace(view, ranking=ById(tuple(f"{one} {word}" for one in view.customer_ids)))


def three_views(seed):
    """A shop as it was scored, some of its customers anew with strangers among them, and everybody in one."""
    rng = np.random.default_rng(seed)
    scored, later = ranked(random_view(rng, 20), "then"), ranked(random_view(rng, 20), "now")
    anew = np.sort(rng.permutation(20)[: rng.integers(1, 9)])
    scored = scored.take(np.delete(np.arange(20), anew[:2] if seed % 2 else []))
    scored = ranked(scored, "then")
    some = replace(ranked(later.take(anew), "now"), types_known=scored.event_types)
    stay = np.flatnonzero(~np.isin(scored.customer_ids, some.customer_ids))
    whole = joined([scored.take(stay), some])
    words = dict.fromkeys(scored.customer_ids, "then") | dict.fromkeys(some.customer_ids, "now")
    marks = tuple(f"{one} {words[one]}" for one in whole.customer_ids)
    return scored, some, replace(whole, ranking=ById(marks))


def two_selectors(seed):
    scored, some, whole = three_views(seed)
    return MergedSelector(Selector(scored, RULES), some), Selector(whole, RULES)


def drawn(seed):
    return random_rule(np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(150))
def test_a_rule_takes_whom_it_takes_of_one_view_of_everybody(seed):
    merged, whole = two_selectors(seed)
    assert merged.customer_ids.tolist() == whole.customer_ids.tolist()
    for number in range(4):
        rule = drawn(1000 * seed + number)
        try:
            expected = whole.rows(rule)
        except RuleError as problem:
            with pytest.raises(RuleError, match=problem.message[:20]):
                merged.rows(rule)
            continue
        assert merged.rows(rule).tolist() == expected.tolist()
        assert merged.count(rule) == len(expected)
        assert merged.members(rule).tolist() == whole.members(rule).tolist()


@pytest.mark.parametrize("seed", range(40))
def test_a_rule_is_explained_as_over_one_view_of_everybody(seed):
    merged, whole = two_selectors(seed)
    rule = drawn(seed)
    for customer in whole.customer_ids:
        assert merged.row_of(customer) == whole.row_of(customer)
        try:
            expected = why(whole, rule, customer)
        except RuleError:
            with pytest.raises(RuleError):
                why(merged, rule, customer)
            continue
        assert why(merged, rule, customer) == expected


@pytest.mark.parametrize("seed", range(40))
def test_each_leaf_has_seen_of_everybody_what_it_sees_of_one_view(seed):
    merged, whole = two_selectors(seed)
    for leaf in leaves(drawn(seed)):
        if isinstance(leaf, InterestedIn | SimilarTo) or "purchased" in str(leaf):
            try:
                expected = whole.seen_of_all(leaf)
            except RuleError:
                continue
            assert merged.seen_of_all(leaf).sort_by("row").equals(expected.sort_by("row"))


@pytest.mark.parametrize("seed", range(10))
def test_fields_of_customers_are_those_of_one_view(seed):
    merged, whole = two_selectors(seed)
    rows = np.random.default_rng(seed).permutation(len(whole.customer_ids)).astype(np.int32)[:9]
    for name in ("customer_id", "orders", "city", "groups"):
        assert merged.values(name, rows).to_pylist() == whole.values(name, rows).to_pylist()
    fields = ("spend", "nothing of the kind", "orders")
    assert merged.table(fields).equals(whole.table(fields))
    because = merged.reasons(3, None)
    assert because("anything") == whole.reasons(3, None)("anything")


@pytest.mark.parametrize("seed", range(20))
def test_points_for_the_best_of_a_ranking_are_given_among_everybody(seed):
    scored, some, whole = three_views(seed)
    points = {
        "lead_score": (
            Weight(rule="interested_in(category = 'SHOES', top 4)", points=5),
            Weight(rule="orders >= 2", points=0.2),
            Weight(rule="orders >= 1", points=0.1),
        )
    }
    scored, some, whole = (replace(view, points=points) for view in (scored, some, whole))
    merged, one = MergedSelector(Selector(scored), some), Selector(whole)
    for text in ("lead_score >= 5", "lead_score = 0.3", "lead_score between 0.1 and 0.3 and orders > 0"):
        rule = audience_of("some", {"title": "some", "rule": text}).rule
        assert merged.rows(rule).tolist() == one.rows(rule).tolist()
    everybody = np.arange(len(whole.customer_ids), dtype=np.int32)
    assert (
        merged.values("lead_score", everybody).to_pylist() == one.values("lead_score", everybody).to_pylist()
    )


def test_a_stranger_is_found_and_nobody_else_is():
    merged, _ = two_selectors(1)
    strangers = set(merged.customer_ids) - set(three_views(1)[0].customer_ids)
    assert len(strangers) > 0
    assert [merged.customer_ids[merged.row_of(one)] for one in strangers] == list(strangers)
    with pytest.raises(UnknownCustomerError, match="nobody here"):
        merged.row_of("c99")


def test_an_audience_that_leads_back_to_itself_is_refused_with_its_circle():
    scored, some, _ = three_views(2)
    circle = {
        "one": rule_of({"audience": "two"}),
        "two": rule_of({"any": [{"audience": "one"}]}),
        "like": rule_of({"similar_to": {"audience": "like", "top": 2}}),
    }
    merged = MergedSelector(Selector(scored, circle), some)
    for name in ("one", "like"):
        with pytest.raises(RuleError, match="leads back to itself"):
            merged.rows(rule_of({"audience": name}))


def test_whom_nobody_could_be_like_when_the_shop_was_scored_is_said():
    scored, some, _ = three_views(3)
    orders = pa.array([9] * len(some.customers), pa.int64())
    some = replace(some, customers=some.customers.set_column(1, "orders", orders))
    rules = {"new": rule_of({"field": "orders", "op": ">", "value": 8})}
    merged = MergedSelector(Selector(scored, rules), some)
    assert merged.count(rules["new"]) == len(some.customers)
    with pytest.raises(RuleError, match="nobody was in the audience 'new' when the shop was scored"):
        merged.rows(rule_of({"similar_to": {"audience": "new", "top": 2}}))


def test_a_view_of_yesterday_is_let_go_without_the_collector_of_circles():
    scored, some, _ = three_views(4)
    base = Selector(scored, RULES)
    merged = MergedSelector(base, some)
    for rule in (drawn(1), rule_of({"audience": "friends"})):
        merged.rows(rule)
        why(merged, rule, merged.customer_ids[0])
    gone = weakref.ref(merged._anew)
    gc.disable()
    try:
        del merged
        assert gone() is None
    finally:
        gc.enable()
