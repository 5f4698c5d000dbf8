"""What sets customers apart: found where it is there, silent where it is luck, and never an address."""

from __future__ import annotations

import numpy as np
import pytest

from hand_view import hand_view
from intentml.audiences.audience import audience_of
from intentml.audiences.audiences import Audiences
from intentml.insights import persona, persona_of
from intentml.insights.differences import differences, dominance, favourites, questions

MANY = 400
GROUP = np.arange(100, dtype=np.int32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_dominance_is_the_share_of_pairs_won_less_those_lost():
    inside, others = np.array([1.0, 3.0, 3.0]), np.array([0.0, 3.0])
    won, lost = 3, 1  # 1, 3 and 3 against 0; 1 against 3; two pairs are level
    value, error = dominance(inside, others)
    assert value == pytest.approx((won - lost) / 6)
    assert error > 0


def test_the_error_of_dominance_is_how_far_samples_stray(rng):
    drawn = [
        dominance(rng.poisson(1.0, 60).astype(float), rng.poisson(1.4, 90).astype(float)) for _ in range(400)
    ]
    values, errors = np.array(drawn).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)


def test_a_number_that_differs_is_told_with_both_medians(rng):
    view = hand_view(frequency=[9] * 100 + [2] * 300, items=rng.permutation(MANY))
    found = persona_of(view, GROUP, "g", "Regulars")
    (one,) = found.traits
    assert (one.field, one.inside, one.others, one.difference) == ("frequency", 9, 2, 1)
    assert found.lines() == ["Regulars: 100 customers, 25.0% of all", "  high frequency: 9 against 2"]


def test_a_word_is_told_with_both_shares():
    cities = ["Lyon"] * 60 + ["Nice"] * 40 + ["Lyon"] * 30 + ["Nice"] * 270
    (one,) = persona_of(hand_view(city=cities), GROUP, "g", "G").traits
    assert (one.word, one.inside, one.others) == ("Lyon", 0.6, 0.1)
    assert one.difference == pytest.approx(0.5)
    assert 0 < one.low < 0.5 < one.high


def test_luck_sets_nobody_apart():
    told = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        view = hand_view(
            frequency=rng.poisson(2, MANY),
            items=rng.exponential(size=MANY),
            visits=rng.poisson(0.05, MANY),
            city=rng.choice(["Lyon", "Nice", "Lille", "Brest", "Metz"], MANY),
            subscribed=(rng.random(MANY) < 0.5).tolist(),
        )
        told += len(persona_of(view, GROUP, "g", "G").traits)
    assert told <= 2  # one in twenty shops may have one
    assert "nothing sets them apart" in persona_of(view, GROUP, "g", "G").lines()[-1]


def test_twenty_customers_alike_are_no_finding():
    """Twenty without a visit, where one in thirty of the others has one, are nothing special."""
    view = hand_view(visits=[0] * 20 + [1] * 12 + [0] * 368)
    assert persona_of(view, np.arange(20, dtype=np.int32), "g", "G").traits == ()


def test_nobody_is_described_by_an_address_a_place_or_a_number_that_may_be_a_telephone():
    view = hand_view(
        contact=["jane@example.com"] * 100 + ["joe@example.com"] * 300,
        phone_again=[601020304] * 100 + [601020305] * 300,
        latitude=[48.8] * 100 + [45.7] * 300,
        longitude=[2.3] * 100 + [4.8] * 300,
    )
    assert list(questions(view, np.arange(MANY, dtype=np.int32))) == []


def test_two_fields_that_say_the_same_are_told_once():
    orders = np.array([9] * 100 + [2] * 300) + np.arange(MANY) % 2
    told = persona_of(hand_view(frequency=orders, active_days=orders, items=orders), GROUP, "g", "G").traits
    assert len(told) == 1


def test_what_the_rule_itself_says_is_left_out():
    view = hand_view(frequency=[9] * 100 + [2] * 300, monetary=[90.0] * 100 + [20.0] * 300)
    rules = {"often": "frequency >= 5", "same": "audience('often')"}
    known = {name: audience_of(name, {"title": name, "rule": rule}) for name, rule in rules.items()}
    audiences = Audiences(view, known)
    for name in rules:
        assert [one.field for one in persona(audiences, name).traits] == ["monetary"]


def test_favourites_are_bought_more_often_than_by_the_others():
    bought = [(row, 0) for row in range(50)] + [(row, 0) for row in range(100, 130)]
    bought += [(row, 1) for row in range(MANY)]  # everybody buys milk
    view = hand_view(["TEA", "MILK"], bought, frequency=[1] * MANY)
    (one,) = favourites(view, GROUP, "category")
    assert (one.target, one.inside, one.others, one.lift) == ("TEA", 0.5, 0.1, pytest.approx(5.0))
    assert 1 < one.low < 5
    assert persona_of(view, GROUP, "g", "G").lines()[-1] == "  buys TEA: 50%, 5.0 times the others"


def test_a_group_of_everybody_differs_from_nobody():
    everybody = np.arange(MANY, dtype=np.int32)
    view = hand_view(["TEA"], [(row, 0) for row in range(MANY)], frequency=[1] * MANY)
    assert (
        persona_of(view, everybody, "g", "G")
        .lines()[-1]
        .endswith("nothing sets them apart from the others for sure")
    )


def test_more_questions_want_surer_answers(rng):
    inside = np.arange(MANY) < 100
    values = rng.normal(size=MANY) + 0.8 * inside
    few = hand_view(frequency=values)
    names = ["items", "visits", "active_days", "orders_28d", "orders_90d", "returned_items", "discount"]
    many = hand_view(frequency=values, **{name: rng.normal(size=MANY) for name in names})
    rows = np.arange(MANY, dtype=np.int32)
    (alone,) = differences(list(questions(few, rows)), inside)
    among = differences(list(questions(many, rows)), inside)[0]
    assert among.field == "frequency"
    assert among.low < alone.low
