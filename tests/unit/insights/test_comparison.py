"""Audiences compared, on seven customers whose every number can be checked with a finger."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hand_view import hand_view
from intentml.audiences.audience import audience_of
from intentml.audiences.audiences import Audiences
from intentml.errors import RuleError
from intentml.insights import comparison, overlap
from intentml.insights.comparison import compared

VIEW = hand_view(
    frequency=[0, 1, 1, 2, 4, 10, 2],
    monetary=[0.0, 10.0, 20.0, 30.0, 40.0, 100.0, None],
    monetary_net=[0.0, 10.0, 20.0, 30.0, 40.0, 50.0, None],
    tenure_days=[None, 365.0, 365.0, 365.0, 730.0, 730.0, 365.0],
    expected_spend=[0.0, 1.0, 2.0, 3.0, 4.0, 10.0, 0.0],
    expected_spend_net=[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0],
    expected_spend_365=[0.0, 10.0, 20.0, 30.0, 40.0, 100.0, 0.0],
    lifecycle=["prospect", "lost", "new", "active", "lost", "active", "lost"],
)
RULES = {
    "all": "frequency >= 0",
    "once": "frequency = 1",
    "often": "frequency >= 4",
    "unpriced": "frequency = 2",
    "few": "frequency >= 10",
    "nobody": "frequency > 90",
}
KNOWN = {name: audience_of(name, {"title": name.title(), "rule": rule}) for name, rule in RULES.items()}


@pytest.fixture
def audiences() -> Audiences:
    broken = audience_of("elsewhere", {"title": "Of another shop", "rule": "shoe_size = 44"})
    return Audiences(VIEW, {**KNOWN, "elsewhere": broken})


def test_every_number_of_an_audience_is_the_one_of_the_finger(audiences):
    often = comparison(audiences).loc["often"]  # the customers with 4 and with 10 orders
    assert often["customers"] == 2
    assert often["share"] == pytest.approx(2 / 7)
    assert often["revenue"] == 140.0
    assert often["share_of_revenue"] == pytest.approx(140 / 200)
    assert often["average_order"] == 10.0  # 140 in 14 orders
    assert often["orders_a_year"] == 3.5  # 14 orders in twice two years
    assert often["expected_spend"] == 14.0
    # 40 + 40, and 50 + half of 100: what is sent back is worth nothing.
    assert often["lifetime_value"] == (80 + 100) / 2
    assert often["share_lost"] == 0.5


def test_orders_without_a_price_do_not_make_the_average_order_smaller(audiences):
    assert comparison(audiences).loc["unpriced", "average_order"] == 15.0  # 30 in 2 of the 4 orders


def test_prospects_are_neither_lost_nor_kept(audiences):
    assert comparison(audiences, ["all"]).loc["all", "share_lost"] == 3 / 6


def test_an_audience_of_nobody_has_no_averages(audiences):
    nobody = comparison(audiences).loc["nobody"]
    assert (nobody["customers"], nobody["revenue"]) == (0, 0.0)
    assert all(math.isnan(nobody[name]) for name in ("average_order", "lifetime_value", "share_lost"))


def test_audiences_that_the_shop_cannot_have_are_left_out_unless_they_are_named(audiences):
    assert list(comparison(audiences).index) == list(RULES)
    with pytest.raises(RuleError, match="shoe_size"):
        comparison(audiences, ["elsewhere"])


def test_the_most_potential_goes_by_revenue_for_soon_and_by_value_of_a_customer_for_long():
    members = {"all": np.arange(7), "many": np.array([2, 3, 4]), "few": np.array([5]), "none": np.array([0])}
    frame = compared(members, VIEW.customers, fewest=1)
    assert frame["short_term"].dropna().to_dict() == {"few": 1, "many": 2, "none": 3}  # 100, 90, 0
    assert frame["long_term"].dropna().to_dict() == {"few": 1, "many": 2, "none": 3}
    assert compared(members, VIEW.customers, fewest=2)["long_term"].dropna().to_dict() == {"many": 1}


def test_at_most_five_have_most_potential():
    members = {str(row): np.array([row]) for row in range(7)}
    frame = compared(members, VIEW.customers, fewest=1)
    assert sorted(frame["short_term"].dropna()) == [1, 2, 3, 4, 5]


def test_a_shop_without_prices_and_scores_is_compared_by_size(audiences):
    bare = Audiences(hand_view(frequency=[0, 1, 3]), {"often": KNOWN["often"], "once": KNOWN["once"]})
    frame = comparison(bare)
    assert frame["customers"].to_dict() == {"often": 0, "once": 1}
    assert frame[["short_term", "long_term"]].isna().all(axis=None)


def test_overlap_counts_those_in_both_and_tells_their_shares(audiences):
    names = ["once", "often", "few", "nobody"]
    counts = overlap(audiences, names)
    assert counts.loc["once"].tolist() == [2, 0, 0, 0]
    assert counts.loc["often"].tolist() == [0, 2, 1, 0]
    inside, either = overlap(audiences, names, "inside"), overlap(audiences, names, "jaccard")
    assert (inside.loc["often", "few"], inside.loc["few", "often"]) == (0.5, 1.0)
    assert either.loc["often", "few"] == either.loc["few", "often"] == 0.5
    assert math.isnan(inside.loc["nobody", "once"])
    assert either.loc["nobody", "once"] == 0
