"""Traits of people, promotions, the site and e-mail, on one shop to be checked with a finger.

        Feb 1        Feb 10        Feb 20         Feb 25      | Mar 1 (as_of)
ana     o1 WEB code  view          cart           o2 store    |
ben     o3           view, cart    checkout                   |
cho                  view, cart removed ...                   |
dee     (listed)                                              |
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from intentml.errors import IntentmlError
from intentml.timeline import Known, known_by
from intentml.traits import FIELDS, TRAITS, compute_traits, customer_fields, field_table, fields_of
from intentml.traits.trait import ARROW_TYPES
from tiny import AS_OF, log_of

ORDERS = """customer_id,order_id,ordered_at,product_id,quantity,unit_price,discount,promo_code,tax,channel
ana,o1,2024-02-01,tea,2,5,1.5,SPRING,1,web
ana,o1,2024-02-01,cup,1,8,0.5,SPRING,0.5,web
ana,o2,2024-02-25,tea,1,20,,,4,store
ben,o3,2024-02-01,cup,1,3000,0,,,app
"""
CUSTOMERS = """customer_id,birth_date,subscribed,groups,country,age,tier
ana,1994-03-01,true,vip;press,ES,old,gold
ben,1900-01-01,false,,PT,old,
cho,,,,,,gold
dee,2001-07-15,,,,,
"""
EVENTS = """customer_id,event_type,occurred_at,session_id,duration_s,value,campaign_id
ana,product_view,2024-02-10T10:00:00Z,a1,60,,
ana,product_view,2024-02-10T10:05:00Z,a1,30,,
ana,cart_add,2024-02-20T10:00:00Z,a2,,,
ana,visit,2024-02-20T10:00:00Z,a2,600,,
ana,product_view,2024-02-20T10:00:00Z,a2,50,,
ana,email_sent,2024-02-05T10:00:00Z,,,,N1
ana,email_sent,2024-02-06T10:00:00Z,,,,N2
ana,email_opened,2024-02-07T10:00:00Z,,,,N1
ana,email_opened,2024-02-08T10:00:00Z,,,,N1
ana,nps_answer,2024-02-26T10:00:00Z,,,10,
ana,nps_answer,2024-02-27T10:00:00Z,,,0,
ana,nps_answer,2024-02-28T10:00:00Z,,,99,
ben,product_view,2024-02-10T10:00:00Z,,,,
ben,cart_add,2024-02-10T10:00:00Z,,,,
ben,checkout_started,2024-02-20T00:00:00Z,,,,
ben,coupon_redeemed,2024-02-20T00:00:00Z,,,,
ben,nps_answer,2024-02-26T10:00:00Z,,,8,
ben,email_sent,2024-02-28T00:00:00Z,,,,
cho,visit,2024-02-10T10:00:00Z,,40,,
cho,visit,2023-02-10T10:00:00Z,,40,,
cho,cart_add,2024-02-11T10:00:00Z,,,,
cho,nps_answer,2024-02-26T10:00:00Z,,,9,
cho,checkout_started,2024-03-01T00:00:00Z,,,,
"""


def frame_of(text: str) -> pd.DataFrame:
    rows = [line.split(",") for line in text.strip().splitlines()]
    return pd.DataFrame(rows[1:], columns=rows[0]).replace("", None)


@pytest.fixture(scope="module")
def known() -> Known:
    customers = frame_of(CUSTOMERS).assign(points=[7.0, 8.0, None, 9.0])
    frames = {"orders": frame_of(ORDERS), "customers": customers, "events": frame_of(EVENTS)}
    return known_by(log_of(frames), AS_OF)


@pytest.fixture(scope="module")
def shop(known: Known) -> dict[str, dict[str, Any]]:
    return {row["customer_id"]: row for row in field_table(known).to_pylist()}


def of(shop: dict[str, dict[str, Any]], name: str) -> list[Any]:
    """A trait of ana, ben, cho and dee."""
    return [shop[customer][name] for customer in ("ana", "ben", "cho", "dee")]


def test_promotions_are_counted_by_order(shop: dict[str, dict[str, Any]]) -> None:
    assert of(shop, "promo_orders") == [1, 0, 0, 0]
    assert of(shop, "promo_share") == [0.5, 0.0, None, None]
    assert of(shop, "last_promo_days") == [29.0, None, None, None]
    assert of(shop, "discount") == [2.0, 0.0, 0.0, 0.0]
    assert of(shop, "discount_share") == [2.0 / (2.0 + 18.0), 0.0, None, None]
    assert of(shop, "coupons_redeemed") == [0, 1, 0, 0]


def test_the_last_order_tells_money_tax_and_channel(shop: dict[str, dict[str, Any]]) -> None:
    assert of(shop, "last_order_spend") == [20.0, 3000.0, None, None]
    assert of(shop, "last_order_spend_without_tax") == [16.0, None, None, None]
    assert of(shop, "last_channel") == ["store", "app", None, None]
    assert of(shop, "ticket_size") == ["small", "medium", None, None]


def test_the_funnel_starts_anew_with_every_order(shop: dict[str, dict[str, Any]]) -> None:
    # Of ana's cart on the 20th, an order came on the 25th; cho's checkout is at as_of itself.
    assert of(shop, "funnel_step") == ["ordered", "checkout", "carted", "prospect"]
    assert of(shop, "abandoned_cart") == [False, True, True, False]
    assert of(shop, "last_checkout_days") == [None, 10.0, None, None]


def test_visits_are_sessions_on_the_site_or_visits_without_one(shop: dict[str, dict[str, Any]]) -> None:
    assert of(shop, "visits") == [2, 0, 2, 0]
    assert of(shop, "visits_28d") == [2, 0, 1, 0]
    assert of(shop, "visitor") == ["recurring", None, "recurring", None]


def test_a_visit_lasts_as_long_as_it_says_else_as_its_pages(shop: dict[str, dict[str, Any]]) -> None:
    assert of(shop, "time_on_site_28d") == [60 + 30 + 600, 0.0, 40.0, 0.0]
    assert of(shop, "time_on_site_90d") == [690.0, 0.0, 40.0, 0.0]


def test_a_mail_opened_twice_is_opened_once(shop: dict[str, dict[str, Any]]) -> None:
    assert of(shop, "emails_opened_90d") == [2, 0, 0, 0]
    assert of(shop, "email_open_rate_90d") == [0.5, 0.0, None, None]
    assert of(shop, "email_click_rate_90d") == [0.0, 0.0, None, None]


def test_what_the_shop_sends_is_no_interaction(shop: dict[str, dict[str, Any]]) -> None:
    assert shop["ben"]["last_email_sent_days"] == 2.0
    assert shop["ben"]["last_interaction_days"] == pytest.approx(3 + 14 / 24)


def test_an_answer_of_zero_is_a_detractors_and_one_off_the_scale_is_none(
    shop: dict[str, dict[str, Any]],
) -> None:
    assert of(shop, "nps") == [0.0, 8.0, 9.0, None]
    assert of(shop, "nps_group") == ["detractor", "neutral", "promoter", None]


def test_people_have_an_age_groups_and_flags(shop: dict[str, dict[str, Any]]) -> None:
    assert of(shop, "age") == [30, None, None, 22]
    assert of(shop, "groups") == [["vip", "press"], None, None, None]
    assert of(shop, "subscribed") == [True, False, None, None]


def test_further_columns_are_fields_and_one_called_like_a_trait_has_the_tables_name_before_it(
    known: Known, shop: dict[str, dict[str, Any]]
) -> None:
    assert of(shop, "tier") == ["gold", None, "gold", None]
    assert of(shop, "points") == [7.0, 8.0, None, 9.0]
    assert of(shop, "customers_age") == ["old", "old", None, None]
    told = customer_fields(known)
    assert {name: field.type for name, field in told.items()} == {
        "customers_age": "string",
        "tier": "string",
        "points": "float64",
    }
    assert fields_of(known)["tier"].source == "customer column"


def test_scores_of_the_shop_are_equal_for_equals_and_null_for_prospects(
    shop: dict[str, dict[str, Any]],
) -> None:
    assert of(shop, "frequency_score") == [5, 1, None, None]
    assert of(shop, "monetary_score") == [1, 5, None, None]
    assert of(shop, "recency_score") == [5, 1, None, None]


def test_the_scores_of_the_same_customers_are_joined(known: Known) -> None:
    scores = pa.table(
        {
            "customer_id": pa.array(known.snapshot.customer_ids, pa.string()),
            "recency_days": [9.0] * 4,
            "importance": ["vip"] * 4,
        }
    )
    joined = field_table(known, scores)
    assert joined["importance"].to_pylist() == ["vip"] * 4
    assert joined["recency_days"].to_pylist() == compute_traits(known, ["recency_days"])[1].to_pylist()
    with pytest.raises(IntentmlError, match="not of the 4 known"):
        field_table(known, scores.slice(1))


def test_without_events_and_customers_every_trait_is_there_and_theirs_is_null() -> None:
    known = known_by(log_of({"orders": frame_of(ORDERS)}), AS_OF)
    table = compute_traits(known)
    ana = table.to_pylist()[0]
    assert table.column_names == ["customer_id", *TRAITS]
    assert [table.schema.field(name).type for name in TRAITS] == [
        ARROW_TYPES[trait.type] for trait in TRAITS.values()
    ]
    assert ana["frequency"] == 2
    for name in (
        "visits_28d",
        "funnel_step",
        "abandoned_cart",
        "nps_group",
        "age",
        "groups",
        "coupons_redeemed",
    ):
        assert ana[name] is None, name


def test_every_field_says_what_it_is() -> None:
    assert set(TRAITS) < set(FIELDS)
    assert {name for name, field in FIELDS.items() if field.source == "predicted"} >= {
        "importance",
        "lifecycle",
        "churn_probability",
        "survival_90",
    }
    assert FIELDS["country"].source == "customer column"
    assert FIELDS["listed_days"].source == "observed"
    assert [field.type for field in fields_of(known_tables()).values()].count("timestamp") == 1


def known_tables() -> Known:
    return known_by(log_of({"orders": frame_of(ORDERS)}), AS_OF)
