"""Scoring a shop end to end: what is refused, and shops that lack a table or a column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.errors import IntentmlError, ModelError, ScoresError, TimeError, UnknownTargetError
from intentml.inference.folder import SavedModel
from intentml.scores.folder import load_scores
from intentml.scores.scores import Scores
from intentml.timeline import OrderLog
from intentml.workflows import score, train
from random_shop import AS_OF_TEXT
from scored_shop import QUICK, frames, log, model, orders_at, scores
from tiny import log_of

Frames = dict[str, pd.DataFrame]


def scored(saved: SavedModel, shop: OrderLog, **asked: object) -> Scores:
    return score(saved, shop, **{"as_of": AS_OF_TEXT, "horizon_days": 28, **asked})


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"horizon_days": []}, ScoresError, "no horizon was asked for"),
        ({"horizon_days": 6}, TimeError, "a horizon of 6 days is outside 7 to 365"),
        ({"horizon_days": [28, 366]}, TimeError, "a horizon of 366 days"),
        ({"kinds": ["colour"]}, ScoresError, "no targets of kind 'colour'"),
        ({"interests": 0}, ScoresError, "interests of 0 targets"),
        ({"as_of": "2024-03-30"}, ModelError, "has seen the shop until 2024-03-31T00:00:00"),
        ({"as_of": "2030-01-01"}, TimeError, "outside the data"),
        ({"as_of": "yesterday"}, TimeError, "is not a date"),
    ],
)
def test_what_cannot_be_scored_is_refused(asked, error, message):
    with pytest.raises(error, match=message) as caught:
        scored(model(), log(), **asked)
    assert caught.value.hint


def test_a_model_of_another_shop_is_refused():
    other = frames()
    other["orders"]["product_id"] = "x" + other["orders"]["product_id"]
    other["products"] = other["products"].assign(
        product_id="x" + other["products"]["product_id"],
        category="x" + other["products"]["category"],
        category_path="x > " + other["products"]["category"],
        brand="x" + other["products"]["brand"],
    )
    with pytest.raises(ModelError, match=r"knows none of this shop's targets \(category, .*e.g. 'xCOFFEE'"):
        scored(model(), log_of(other))


def test_a_shop_that_renewed_its_products_is_the_same_shop():
    renewed = frames()
    renewed["orders"]["product_id"] = "x" + renewed["orders"]["product_id"]
    renewed["products"] = renewed["products"].assign(product_id="x" + renewed["products"]["product_id"])
    assert len(scored(model(), log_of(renewed)).interested_in(category="TEA", limit=5)) == 5


def test_a_kind_that_the_model_was_not_trained_for_is_refused_where_it_is_asked_for():
    narrow = train(log(), as_of=AS_OF_TEXT, settings=[*QUICK, 'priors.kinds=["category"]'])
    assert [kind for kind, _ in scored(narrow, log()).targets] == ["category"]
    with pytest.raises(ModelError, match="not trained for brand targets"):
        scored(narrow, log(), kinds=["category", "brand"])


def test_a_model_trained_before_there_were_products_does_not_fit():
    dates_alone = log_of({"orders": frames()["orders"].drop(columns="product_id")})
    dates = train(dates_alone, as_of=AS_OF_TEXT, settings=QUICK)
    with pytest.raises(ModelError, match="knows none of this shop's targets"):
        scored(dates, log())


# -- what is scored ---------------------------------------------------------------------------------


def test_horizons_are_each_scored_once_and_the_first_is_the_default():
    told = scored(model(), log(), horizon_days=[21, 28, 21])
    assert told.manifest.horizons == (21, 28)
    assert told.interested_in(category="TEA", limit=1).horizon_days == 21


def test_a_longer_horizon_never_makes_a_purchase_less_likely():
    told = scored(model(), log(), horizon_days=[7, 28, 90])
    table = told.customers
    assert (table["churn_probability"] >= table["churn_probability_28"]).all()
    assert (table["churn_probability_28"] >= table["churn_probability_90"]).all()


def test_a_horizon_that_the_history_cannot_evaluate_is_scored_and_marked():
    told = scored(model(), log(), horizon_days=[28, 365])
    assert told.manifest.calibrated is False
    assert told.manifest.calibrated_horizons == (28,)
    assert told.interested_in(category="TEA", limit=1).calibrated is True
    assert told.interested_in(category="TEA", limit=1, horizon_days=365).calibrated is False


def test_later_scores_of_the_same_model_know_what_happened_since():
    later = scored(model(), log(), as_of="2024-04-20")
    then, now = (told.customers["orders"].sum() for told in (scores(), later))
    assert now > then


def test_a_prospect_is_scored_with_nothing_promised():
    table = scores().customers.query("orders == 0")
    assert len(table) == scores().manifest.counts["prospects"] > 0
    assert set(table["lifecycle"]) == {"prospect"}
    for name in ("importance", "expected_next_order_at", "return_probability", "recency_days"):
        assert table[name].isna().all(), name
    assert (table["monetary"] == 0).all()
    assert table["churn_probability"].between(0.5, 1).all()


def test_returns_make_the_net_less_than_the_gross():
    table = scores().customers
    assert (table["expected_spend_net"] < table["expected_spend"]).all()
    assert (table["monetary_net"] <= table["monetary"]).all()
    assert (table["monetary_net"] < table["monetary"]).any()


# -- shops that lack something ----------------------------------------------------------------------


def without(table: str, *columns: str) -> Frames:
    """The shop without some columns, or without a whole table."""
    tables = frames()
    if not columns:
        del tables[table]
    else:
        tables[table] = tables[table].drop(columns=list(columns))
    return tables


def told(tables: Frames, tmp_path) -> Scores:
    """Trained, scored, written and read back."""
    shop = log_of(tables)
    saved = train(shop, as_of=AS_OF_TEXT, settings=QUICK)
    return scored(saved, shop, out=tmp_path / "scores")


def fails(ask: object, message: str) -> IntentmlError:
    with pytest.raises((ScoresError, UnknownTargetError), match=message) as caught:
        ask()
    assert caught.value.hint
    return caught.value


def test_a_shop_without_a_products_table_answers_by_product(tmp_path):
    shop = told(without("products"), tmp_path)
    assert {kind for kind, _ in shop.targets} == {"product"}
    assert len(shop.interested_in(product="p1", limit=3)) == 3
    assert len(shop.interested_in(new_product={"price": 2.0}, limit=3)) == 3
    unknown = fails(lambda: shop.interested_in(category="TEA"), "category 'TEA' is unknown")
    assert "this shop has no category at all" in unknown.hint
    unmatched = fails(lambda: shop.interested_in(keyword="tea"), "no product matches")
    assert "no names" in unmatched.hint


def test_a_shop_without_categories_answers_by_brand_and_keyword(tmp_path):
    shop = told(without("products", "category", "category_path"), tmp_path)
    assert len(shop.interested_in(brand="Oro", limit=3)) == 3
    assert len(shop.interested_in(keyword="thing", limit=3)) == 3
    fails(lambda: shop.interested_in(category="TEA"), "category 'TEA' is unknown")


def test_a_shop_without_prices_has_no_money(tmp_path):
    tables = without("orders", "unit_price")
    shop = told(tables, tmp_path)
    table = shop.customers
    assert not {"expected_spend", "expected_spend_net", "expected_spend_365"} & set(table.columns)
    assert table.query("orders > 0")["monetary"].isna().all()
    assert set(table.query("orders > 1")["importance"]) <= {"loyal", "frequent", "vip"}
    assert len(shop.interested_in(new_product={"category": "TEA", "price": 2.0}, limit=3)) == 3


def test_a_shop_without_customers_has_no_prospects(tmp_path):
    shop = told(without("customers"), tmp_path)
    assert shop.manifest.counts["prospects"] == 0
    assert (shop.customers["orders"] > 0).all()
    assert shop.manifest.undated_columns["customers"] == ()


def test_a_shop_of_dates_alone_tells_who_is_active(tmp_path):
    shop = told({"orders": frames()["orders"][["customer_id", "order_id", "ordered_at"]]}, tmp_path)
    assert not shop.targets
    assert shop.manifest.counts["products"] == 0
    assert set(shop.customers["lifecycle"]) <= {"new", "active", "slipping_away", "lost"}
    assert shop.survival(100).between(0, 1).all()
    assert shop.interests().empty
    fails(lambda: shop.interested_in(category="TEA"), "category 'TEA' is unknown")
    fails(lambda: shop.interested_in(product="p1"), "product 'p1' is unknown")
    fails(lambda: shop.interested_in(keyword="tea"), "no product matches")
    fails(lambda: shop.interested_in(new_product={"price": 3.0}), "no targets at all, not product")
    fails(lambda: shop.recommend("c1"), "no targets at all, not product")


def test_a_shop_of_one_day_is_scored_by_timing_alone(tmp_path):
    orders = orders_at({f"c{number}": [1] for number in range(20)}, product_id="p1", unit_price=2.0)
    shop = log_of({"orders": orders})
    saved = train(shop, as_of="2024-06-01", settings=QUICK)
    told = scored(saved, shop, as_of="2024-06-01", out=tmp_path / "scores")
    assert set(told.customers["lifecycle"]) == {"new"}
    assert not told.manifest.calibrated
    assert np.isfinite(told.customers["churn_probability"]).all()
    fails(lambda: told.interested_in(product="p1"), "no targets at all, not product")
    assert load_scores(tmp_path / "scores").manifest.calibrated_horizons == ()
