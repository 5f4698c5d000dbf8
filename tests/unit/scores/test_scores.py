"""Questions to scores in memory, each against a plain reading of the same logits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from intentml.errors import ScoresError, UnknownTargetError
from intentml.scores.scores import Scores
from intentml.survival import SURVIVAL_DAYS
from random_shop import AS_OF_TEXT
from scored_shop import HORIZONS, log, scores, sigmoid

KINDS = ("category", "category_node", "brand", "product")
ASKED_BY = {"category": "category", "category_node": "category", "brand": "brand", "product": "product"}


@pytest.fixture(scope="module")
def shop() -> Scores:
    return scores()


def brute_force(shop: Scores, kind: str, target: str, days: int) -> pd.DataFrame:
    """All customers by their probability, read off the whole matrix of logits row by row."""
    of_kind = shop.scores_of(kind, days)
    column = list(of_kind.targets).index(target)
    probability = [sigmoid(of_kind.rows(np.array([row]))[0, column]) for row in range(len(shop))]
    frame = pd.DataFrame({"customer_id": shop.customer_ids, "probability": np.array(probability)})
    return frame.sort_values(["probability", "customer_id"], ascending=[False, True], ignore_index=True)


@pytest.mark.parametrize("days", HORIZONS)
@pytest.mark.parametrize("kind", KINDS)
def test_interested_in_is_the_ranking_of_every_customer_by_brute_force(shop, kind, days):
    for target in shop.scores_of(kind).targets:
        answer = shop.interested_in(**{ASKED_BY[kind]: target}, horizon_days=days)
        expected = brute_force(shop, kind, target, days)
        told = answer.customers.set_index("customer_id")["probability"]
        assert told.to_numpy() == pytest.approx(expected["probability"].to_numpy(), abs=1e-6)
        of_the_same = told.loc[expected["customer_id"]].to_numpy()
        assert of_the_same == pytest.approx(expected["probability"].to_numpy(), abs=1e-6)
        assert answer.customers["rank"].tolist() == list(range(1, len(shop) + 1))
        assert answer.expected_buyers == pytest.approx(expected["probability"].sum(), abs=1e-4)


def test_ties_go_by_customer_id(shop):
    answer = shop.interested_in(product="p900").customers  # never sold: prospects are all alike
    order = answer.sort_values(["probability", "customer_id"], ascending=[False, True])
    assert answer["probability"].duplicated().any()
    assert answer["customer_id"].tolist() == order["customer_id"].tolist()


def test_prospects_are_ranked_with_everybody(shop):
    prospects = set(shop.customers.query("orders == 0")["customer_id"])
    assert len(prospects) > 5
    assert prospects <= set(shop.interested_in(category="TEA").customers["customer_id"])


def test_a_cut_keeps_the_head_and_counts_its_buyers(shop):
    whole = shop.interested_in(category="TEA").customers
    ten = shop.interested_in(category="TEA", limit=10)
    pd.testing.assert_frame_equal(ten.customers, whole.head(10))
    assert ten.expected_buyers == pytest.approx(whole["probability"].head(10).sum())
    assert len(shop.interested_in(category="TEA", share=0.1)) == -(-len(shop) // 10)
    least = whole["probability"][4]
    likely = shop.interested_in(category="TEA", min_probability=least).customers
    assert likely["probability"].min() == least


def test_a_list_of_products_and_the_keyword_that_finds_it_are_the_same_question(shop):
    found = [match.product_id for match in shop.search("thing 3")]
    assert found == ["p3"]
    several = [match.product_id for match in shop.search("thing")]
    assert len(several) > 5
    by_keyword, by_list = shop.interested_in(keyword="thing"), shop.interested_in(product=several)
    pd.testing.assert_frame_equal(by_keyword.customers, by_list.customers)
    assert {product["product_id"] for product in by_keyword.matched_products} == set(several)
    assert (by_keyword.matched_by, by_list.matched_by) == ("all", None)


def test_the_answer_in_json_has_the_fields_of_the_contract(shop):
    body = shop.interested_in(product="p3", limit=2).to_dict()
    told = "as_of horizon_days calibrated model_version matched_products matched_by expected_buyers"
    assert list(body) == [*told.split(), "expected_buyers_interval", "customers"]
    assert body["as_of"] == "2024-03-31T00:00:00+00:00"
    assert body["horizon_days"] == 28
    assert body["matched_products"] == [{"product_id": "p3", "name": "Thing 3"}]
    assert list(body["customers"][0]) == ["customer_id", "probability", "rank"]
    assert type(body["customers"][0]["rank"]) is int


def test_a_horizon_that_was_not_scored_names_those_that_were(shop):
    for ask in (
        lambda: shop.interested_in(category="TEA", horizon_days=30),
        lambda: shop.recommend("c1", horizon_days=30),
        lambda: shop.interests(horizon_days=30),
    ):
        with pytest.raises(ScoresError, match="answer 28, 14 days, not 30"):
            ask()


def test_each_horizon_tells_whether_it_is_calibrated(shop):
    only_14 = replace(
        shop, manifest=shop.manifest.model_copy(update={"calibrated": False, "calibrated_horizons": (14,)})
    )
    assert only_14.interested_in(category="TEA", horizon_days=14, limit=1).calibrated
    assert not only_14.interested_in(category="TEA", limit=1).calibrated


def test_a_kind_that_was_not_scored_is_told():
    from intentml.workflows import score
    from scored_shop import model

    only = score(model(), log(), as_of=AS_OF_TEXT, horizon_days=28, kinds=["category"])
    with pytest.raises(ScoresError) as caught:
        only.recommend("c1")
    assert "hold category, not product" in caught.value.message
    assert "product in --kinds" in caught.value.hint


def test_survival_answers_any_number_of_days(shop):
    table = shop.customers.set_index("customer_id")
    for days in SURVIVAL_DAYS:
        assert shop.survival(days).to_numpy() == pytest.approx(table[f"survival_{days}"].to_numpy(), abs=1e-9)
    between = shop.survival(38)
    assert ((between <= table["survival_30"] + 1e-12) & (between >= table["survival_45"] - 1e-12)).all()
    assert shop.survival(0).eq(1).all()
    with pytest.raises(ScoresError, match="outside 0 to 365"):
        shop.survival(366)


@pytest.mark.parametrize("top_k", [0, 2.5])
def test_a_list_of_no_whole_number_of_targets_is_refused(shop, top_k):
    with pytest.raises(ScoresError, match=r"is below 1|is no whole number"):
        shop.interests(top_k)
    with pytest.raises(ScoresError, match=r"is below 1|is no whole number"):
        shop.recommend(shop.customer_ids[0], top_k)


def test_interests_are_each_customers_best_targets(shop):
    best = shop.interests(3, kind="product")
    assert best.groupby("customer_id").size().eq(3).all()
    first = best.query("rank == 1").set_index("customer_id")
    for customer in ("c1", "anchor"):
        told = shop.recommend(customer, 1).iloc[0]
        assert first.loc[customer, "target"] == told["product_id"]
        assert first.loc[customer, "probability"] == pytest.approx(told["probability"], abs=1e-6)
    keys = shop.interests(3)[["customer_id", "kind", "target", "horizon_days"]]
    assert not keys.duplicated().any()


def test_recommend_tells_what_was_bought_and_when(shop):
    everything = shop.recommend("c1", 99)
    assert len(everything) == len(shop.catalogue)
    snapshot = log().as_of(AS_OF_TEXT)
    row = snapshot.find("c1")
    lines = slice(*snapshot.line_indptr[row : row + 2])
    bought: dict[str, float] = {}
    for product, order in zip(snapshot.line_product[lines], snapshot.line_order[lines], strict=True):
        if product >= 0:
            name, age = snapshot.catalogue.product_ids[product], snapshot.orders.age_days[order]
            bought[name] = min(age, bought.get(name, age))
    told = everything.dropna(subset="last_bought_days").set_index("product_id")["last_bought_days"]
    assert told.to_dict() == pytest.approx(bought, abs=1e-4)


def test_recommend_leaves_out_what_was_bought_lately(shop):
    last = shop.recommend("c1", 99).set_index("product_id")["last_bought_days"]
    days = float(last.median())
    kept = shop.recommend("c1", 99, exclude_bought_days=days)["product_id"]
    assert set(kept) == set(last.index[~(last <= days)])


def test_recommend_by_keyword_ranks_the_products_it_finds(shop):
    told = shop.recommend("c1", 99, keyword="thing 3")
    assert told["product_id"].tolist() == ["p3"]
    assert told["rank"].tolist() == [1]
    with pytest.raises(UnknownTargetError, match="no product matches"):
        shop.recommend("c1", keyword="submarine")


def test_an_unknown_customer_is_told(shop):
    with pytest.raises(ScoresError, match="customer 'nobody' is not among the"):
        shop.recommend("nobody")
    with pytest.raises(ScoresError, match="list of 0 products"):
        shop.recommend("c1", 0)


def test_scores_say_in_one_line_what_they_are(shop):
    assert repr(shop).startswith(
        f"Scores({len(shop)} customers as of 2024-03-31T00:00:00+00:00, 28, 14 days, "
    )
