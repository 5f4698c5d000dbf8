"""Why a customer is expected to buy, leaf by leaf: the model's own words, about the probability seen."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from intentml.audiences.audiences import Audiences
from intentml.audiences.explain import Reason
from intentml.audiences.opening import open_audiences
from intentml.audiences.reasons import InterestReasons
from intentml.errors import ModelError
from random_shop import AS_OF_TEXT
from scored_shop import log, model, scores

TOLERANCE = 1e-5


@cache
def people() -> Audiences:
    return open_audiences(scores(), log())


def buyers(count: int) -> list[str]:
    table = scores().customers
    ids: list[str] = table.loc[table["orders"] > 0, "customer_id"].tolist()
    return ids[:count]


def explained(rule: str, customer: str) -> Reason:
    return people().explain(rule, customer, model())


def reasons_of(rule: str, customer: str) -> InterestReasons:
    found = explained(rule, customer).reasons
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("asked", "kind", "target", "days"),
    [
        ("category = 'TEA'", "category", "TEA", 28),
        ("product = 'p3'", "product", "p3", 28),
        ("product = 'p3', horizon 14 days", "product", "p3", 14),
    ],
)
def test_the_reasons_of_one_target_sum_to_the_probability_that_the_leaf_saw(asked, kind, target, days):
    for customer in buyers(8):
        leaf = explained(f"interested_in({asked}, top 10)", customer)
        found = leaf.reasons
        assert found is not None
        assert leaf.seen is not None
        assert (found.kind, found.target, found.horizon_days) == (kind, target, days)
        assert found.probability == pytest.approx(leaf.seen["probability"], abs=TOLERANCE)
        assert sum(part.logit for part in found.parts) == pytest.approx(found.logit, abs=TOLERANCE)
        assert found.parts[0].name == "base_rate"
        assert all(part.words for part in found.parts)


def test_they_are_those_of_the_model_on_the_whole_shop():
    snapshot = log().as_of(AS_OF_TEXT)
    for customer in buyers(8):
        whole = model().explain(snapshot, customer, "category", "TEA", 28)
        found = reasons_of("interested_in(category = 'TEA', top 10)", customer)
        assert [part.words for part in found.parts] == [part.words for part in whole.parts]
        assert found.logit == pytest.approx(whole.logit, abs=TOLERANCE)


def test_of_several_targets_the_likeliest_of_this_customer_is_explained():
    products = ("p1", "p3", "p7")
    rule = f"interested_in(product IN ({', '.join(products)}), probability >= 0.01)"
    chosen = set()
    for customer in buyers(30):
        frame = scores().interests(None, kind="product")
        mine = frame[(frame["customer_id"] == customer) & frame["target"].isin(products)]
        best = mine.sort_values("probability").iloc[-1]
        leaf = explained(rule, customer)
        assert leaf.reasons is not None
        assert leaf.seen is not None
        assert leaf.reasons.target == best["target"]
        assert leaf.reasons.probability == pytest.approx(best["probability"], abs=TOLERANCE)
        assert leaf.reasons.probability <= leaf.seen["probability"] + TOLERANCE
        chosen.add(leaf.reasons.target)
    assert len(chosen) > 1


def test_a_keyword_is_about_the_likeliest_that_it_finds_whole_groups_as_one():
    assert {match.product_id for match in scores().search("1")} == {"p1", "p3", "p5", "p7", "p9"}
    # p5 and p7 are all of a category, p3 and p9 of a node: what is joined in the leaf's probability.
    targets = (("category", "TEA"), ("category_node", "SHOP > COFFEE > SHELF 1"), ("product", "p1"))
    chosen = set()
    for customer in buyers(30):
        row = scores().find(customer)
        logits = {}
        for kind, target in targets:
            of = scores().scores_of(kind)
            logits[kind, target] = float(of.rows(slice(None))[row][of.find(target)])
        found = reasons_of("interested_in('1', top 5)", customer)
        assert (found.kind, found.target) == max(logits, key=logits.__getitem__)
        chosen.add(found.target)
    assert len(chosen) > 1
    assert reasons_of("interested_in('10', top 5)", buyers(1)[0]).target == "p10"


def test_only_interests_have_reasons_in_groups_and_named_audiences_too():
    rule = "orders >= 0 AND NOT interested_in(category = 'TEA', top 3) AND purchased()"
    found = explained(rule, buyers(1)[0])
    assert found.reasons is None
    told = [part for part in (found, *found.parts, *found.parts[1].parts) if part.reasons is not None]
    assert [part.rule.partition("(")[0] for part in told] == ["interested_in"]
    lines = list(found.lines())
    at = next(number for number, line in enumerate(lines) if "TEA (category) within 28 days" in line)
    assert "interested_in" in lines[at - 1]
    indent = len(lines[at]) - len(lines[at].lstrip())
    assert all(line.startswith(" " * indent) for line in lines[at : at + 1 + len(told[0].reasons.parts)])


def test_without_a_model_and_of_somebody_who_never_bought_there_are_none():
    rule = "interested_in(category = 'TEA', top 10)"
    assert people().explain(rule, buyers(1)[0]).reasons is None
    table = scores().customers
    for prospect in table.loc[table["orders"] == 0, "customer_id"]:
        leaf = explained(rule, prospect)
        assert leaf.reasons is None
        assert leaf == people().explain(rule, prospect)


def test_a_model_that_did_not_make_the_scores_is_refused():
    with pytest.raises(ModelError, match="were made by model"):
        people().explain("orders >= 0", buyers(1)[0], replace(model(), fingerprint="f" * 64))
