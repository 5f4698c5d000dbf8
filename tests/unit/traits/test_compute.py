"""The traits of the tiny shop, each number to be checked with a finger."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from intentml.errors import IntentmlError
from intentml.timeline import known_by
from intentml.traits import TRAITS, compute_traits, missing_traits
from intentml.traits.trait import ARROW_TYPES
from tiny import log_of, tiny_known


@pytest.fixture(scope="module")
def tiny() -> dict[str, dict[str, Any]]:
    return {row["customer_id"]: row for row in compute_traits(tiny_known()).to_pylist()}


def test_ana_ordered_three_times_on_two_days(tiny: dict[str, dict[str, Any]]) -> None:
    ana = tiny["ana"]
    assert (ana["frequency"], ana["active_days"]) == (3, 2)
    assert (ana["recency_days"], ana["tenure_days"]) == (29.25, 59.625)


def test_ana_paid_ten_and_a_half(tiny: dict[str, dict[str, Any]]) -> None:
    ana = tiny["ana"]
    assert (ana["monetary"], ana["returned_amount"], ana["monetary_net"]) == (10.5, 0.0, 10.5)
    assert ana["average_order_value"] == 3.5
    assert ana["average_order_items"] == pytest.approx(5 / 3)
    assert ana["average_order_lines"] == pytest.approx(4 / 3)
    assert (ana["distinct_products"], ana["distinct_categories"]) == (3, 2)


def test_anas_windows_end_at_as_of(tiny: dict[str, dict[str, Any]]) -> None:
    ana = tiny["ana"]
    assert [ana[f"orders_{days}d"] for days in (28, 90, 365)] == [0, 3, 3]
    assert [ana[f"spend_{days}d"] for days in (28, 90, 365)] == [0.0, 10.5, 10.5]


def test_anas_own_gap_is_thirty_days(tiny: dict[str, dict[str, Any]]) -> None:
    ana = tiny["ana"]
    assert [ana[f"gap_{which}_days"] for which in ("median", "mean", "last")] == [30.0, 30.0, 30.0]
    assert ana["recency_in_gaps"] == 29.25 / 30.0


def test_anas_first_order_had_two_lines_and_three_pieces(tiny: dict[str, dict[str, Any]]) -> None:
    ana = tiny["ana"]
    assert (ana["first_order_lines"], ana["first_order_items"], ana["first_order_spend"]) == (2, 3.0, 7.0)
    assert ana["days_to_second_order"] == 30.0


def test_bens_return_lowers_the_net_alone(tiny: dict[str, dict[str, Any]]) -> None:
    ben = tiny["ben"]
    assert ben["frequency"] == 2
    assert (ben["monetary"], ben["returned_amount"]) == (pytest.approx(7.2), 1.0)
    assert ben["monetary_net"] == pytest.approx(6.2)


def test_chos_only_order_came_back_and_is_an_order_still(tiny: dict[str, dict[str, Any]]) -> None:
    cho = tiny["cho"]
    assert (cho["frequency"], cho["monetary"], cho["monetary_net"]) == (1, 10.0, 0.0)
    assert cho["gap_median_days"] is cho["recency_in_gaps"] is cho["days_to_second_order"] is None
    assert (cho["distinct_products"], cho["distinct_categories"]) == (1, None)


def test_dee_is_a_prospect_with_zeros_and_nulls_as_declared(tiny: dict[str, dict[str, Any]]) -> None:
    dee = tiny["dee"]
    lacking = missing_traits(tiny_known())
    for name, trait in TRAITS.items():
        if trait.relation in ("orders", "active_days", "lines", "returns") and name not in lacking:
            assert dee[name] == trait.prospects, name
    assert (dee["frequency"], dee["monetary"], dee["monetary_net"]) == (0, 0.0, 0.0)
    assert dee["recency_days"] is None


def test_listed_days_count_from_the_sign_up(tiny: dict[str, dict[str, Any]]) -> None:
    assert tiny["ben"]["listed_days"] == 20.5
    assert tiny["ana"]["listed_days"] is None  # listed without a date
    assert tiny["cho"]["listed_days"] is None  # not listed


def test_rows_are_sorted_and_columns_are_typed_as_declared() -> None:
    table = compute_traits(tiny_known())
    assert table["customer_id"].to_pylist() == ["ana", "ben", "cho", "dee"]
    assert table.column_names == ["customer_id", *TRAITS]
    for name, trait in TRAITS.items():
        assert table.schema.field(name).type == ARROW_TYPES[trait.type]


def test_some_traits_alone_have_the_same_values_in_catalogue_order() -> None:
    whole = compute_traits(tiny_known())
    some = compute_traits(tiny_known(), ["recency_in_gaps", "frequency", "monetary_net"])
    assert some.column_names == ["customer_id", "frequency", "monetary_net", "recency_in_gaps"]
    assert some.equals(whole.select(some.column_names))


def test_one_customer_alone_has_the_traits_of_the_crowd() -> None:
    known = tiny_known()
    crowd = compute_traits(known)
    for row in range(len(known.snapshot)):
        assert compute_traits(known.take([row])).equals(crowd.slice(row, 1))


def test_nobody_gives_an_empty_table() -> None:
    table = compute_traits(tiny_known().take([]))
    assert table.num_rows == 0
    assert table.column_names == ["customer_id", *TRAITS]


MONEY = ["monetary", "monetary_net", "spend_28d", "average_order_value", "first_order_spend"]


def bought_once(**columns: Any) -> list[dict[str, Any]]:
    """The traits of ana, who has one order line with these columns, and of zoe, who is listed."""
    line = {"customer_id": "ana", "order_id": "o1", "ordered_at": "2024-01-01", **columns}
    frames = {"orders": pd.DataFrame([line]), "customers": pd.DataFrame({"customer_id": ["zoe"]})}
    traits: list[dict[str, Any]] = compute_traits(known_by(log_of(frames), "2024-01-02")).to_pylist()
    return traits


def test_where_no_line_has_a_price_money_is_unknown_and_not_zero() -> None:
    ana, zoe = bought_once(unit_price=None, product_id=None)
    assert [ana[name] for name in MONEY] == [None] * 5
    assert (ana["distinct_products"], ana["frequency"]) == (None, 1)
    assert (zoe["monetary"], zoe["spend_28d"], zoe["distinct_products"]) == (0.0, 0.0, 0)


def test_in_a_shop_without_a_price_column_nobody_has_money() -> None:
    for traits in bought_once():
        assert [traits[name] for name in (*MONEY, "distinct_products")] == [None] * 6
        assert traits["frequency"] is not None


def test_an_unknown_trait_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(IntentmlError, match=r"'recency'.*\n.*recency_days"):
        compute_traits(tiny_known(), ["recency"])


def test_five_buyers_who_differ_have_five_scores_and_a_prospect_has_none() -> None:
    orders = pd.DataFrame(
        [
            {
                "customer_id": f"c{buyer}",
                "order_id": f"o{buyer}{nth}",
                "ordered_at": f"2024-01-{9 - buyer:02d}",
            }
            for buyer in range(1, 6)
            for nth in range(buyer)
        ]
    )
    frames = {"orders": orders.assign(unit_price=2.0), "customers": pd.DataFrame({"customer_id": ["zoe"]})}
    known = known_by(log_of(frames), "2024-02-01")
    scores = compute_traits(known, ["recency_score", "frequency_score", "monetary_score"]).to_pydict()
    # c1 ordered once, and last of all.
    assert scores["recency_score"] == [5, 4, 3, 2, 1, None]
    assert scores["frequency_score"] == scores["monetary_score"] == [1, 2, 3, 4, 5, None]
    alone = compute_traits(known.take([4]), ["frequency_score"])
    assert alone["frequency_score"].to_pylist() == [5]
