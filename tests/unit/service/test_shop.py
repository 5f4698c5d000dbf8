"""The answers of the service: what batch scoring says, of the shop's customers and of anybody else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pandas as pd
import pytest

from body import body
from histories import as_json, known_lines
from intentml.errors import (
    DataError,
    HorizonError,
    ModelError,
    RequestError,
    TooLargeError,
    UnknownCustomerError,
    UnknownTargetError,
)
from intentml.pairs import likeness
from intentml.priors.linear import Weights
from intentml.priors.predictor import PriorPredictor
from intentml.priors.sampling import LIKE_TEXT
from intentml.service.requests import (
    CustomersRequest,
    ExplainRequest,
    InterestedInRequest,
    PredictRequest,
    RecommendRequest,
)
from intentml.service.shop import ScoredShop
from intentml.workflows import score, train
from random_shop import AS_OF, AS_OF_TEXT
from scored_shop import HORIZONS, QUICK, frames, log, model, orders_at, scores
from tiny import log_of

# Columns that customers.parquet has once a horizon, the default one without its days.
BY_HORIZON = ("churn_probability", "expected_orders", "expected_spend", "expected_spend_net")


@cache
def shop() -> ScoredShop:
    """The random shop, scored, with its model."""
    return ScoredShop.of(scores(), model())


@cache
def buyers() -> list[str]:
    table = scores().table.to_pandas()
    ids: list[str] = table.loc[table["orders"] > 0, "customer_id"].tolist()
    return ids


def history(ids: list[str]) -> list[dict[str, Any]]:
    """What the shop had on record of some customers, as a client sends it."""
    lines = known_lines(frames()["orders"], AS_OF)
    return as_json(lines[lines["customer_id"].isin(ids)])


def predicted(ids: list[str], **asked: Any) -> dict[str, Any]:
    """The answer to these customers' own histories, as strict JSON."""
    request = PredictRequest.model_validate({"orders": history(ids), **asked})
    return body(shop().predict(request))


def batch(ids: list[str], days: int) -> list[dict[str, Any]]:
    """What the scores say of them at a horizon, in the columns of the default one."""
    rows = body(shop().customers(CustomersRequest(customer_ids=ids)))["customers"]
    suffix = "" if days == HORIZONS[0] else f"_{days}"
    mine = {name: f"{name}{suffix}" for name in BY_HORIZON}
    others = {f"{name}_{other}" for name in BY_HORIZON for other in HORIZONS}
    return [{name: row[mine.get(name, name)] for name in row if name not in others} for row in rows]


@pytest.mark.parametrize("days", HORIZONS)
def test_a_history_of_the_shop_s_own_is_answered_as_batch_scoring_answers_it(days):
    for ids in (buyers(), buyers()[::3], *([one] for one in buyers()[:8])):
        answer = predicted(ids, horizon_days=days, interests=5)
        told = [dict(customer) for customer in answer["customers"]]
        best = scores().interests(5, horizon_days=days)
        for customer in told:
            mine = best[best["customer_id"] == customer["customer_id"]]
            wanted = mine[["kind", "target", "probability", "rank"]].to_dict("records")
            assert customer.pop("interests") == wanted
        assert told == batch(ids, days)
        assert (answer["horizon_days"], answer["unknown_products"]) == (days, [])


def test_a_changed_history_is_answered_otherwise():
    one = buyers()[:1]
    longer = [*history(one), history(one)[0] | {"order_id": "more", "ordered_at": "2024-03-30T10:00:00Z"}]
    answer = body(shop().predict(PredictRequest.model_validate({"orders": longer})))
    assert answer["customers"][0]["orders"] == batch(one, 28)[0]["orders"] + 1
    assert answer["customers"][0]["expected_orders"] > batch(one, 28)[0]["expected_orders"]


def test_somebody_whom_nobody_knows_gets_every_number():
    line = {"customer_id": "new", "order_id": "1", "ordered_at": "2024-03-20", "product_id": "never-seen"}
    answer = body(shop().predict(PredictRequest.model_validate({"orders": [line]})))
    (customer,) = answer["customers"]
    assert answer["unknown_products"] == ["never-seen"]
    assert (customer["customer_id"], customer["importance"]) == ("new", "one_time")
    assert customer["lifecycle"] in {"new", "slipping_away", "lost"}
    for name in (
        "churn_probability",
        "expected_orders",
        "expected_spend",
        "survival_7",
        "return_probability",
    ):
        assert customer[name] is not None
    assert {one["kind"] for one in customer["interests"]} == {"category", "category_node", "brand", "product"}
    assert set(batch(buyers()[:1], 28)[0]) == set(customer) - {"interests"}


def explained(ids: list[str], **asked: Any) -> dict[str, Any]:
    """Why customers with these customers' own histories do what is asked about, as strict JSON."""
    request = ExplainRequest.model_validate({"orders": history(ids), **asked})
    return body(shop().explain(request))


@pytest.mark.parametrize(
    ("asked", "question"),
    [
        ({"category": "TEA"}, ("category", "TEA")),
        ({"category": "SHELF 0"}, None),
        ({"category": "SHOP"}, ("category_node", "SHOP")),
        ({"brand": "Oro"}, ("brand", "Oro")),
        ({"product": "p3"}, ("product", "p3")),
        ({"no_order": True}, ("no_order", None)),
    ],
)
def test_a_history_is_explained_as_the_model_explains_the_customer(asked, question):
    if question is None:
        with pytest.raises(UnknownTargetError, match="fits"):
            explained(buyers()[:1], **asked)
        return
    for customer in buyers()[::9]:
        for days in HORIZONS:
            answer = explained([customer], horizon_days=days, **asked)
            found = model().explain(log().as_of(AS_OF_TEXT), customer, *question, days)
            assert (answer.pop("as_of"), answer.pop("model_version")) == (
                scores().manifest.as_of,
                scores().manifest.model.version,
            )
            assert answer == body(found.to_dict())


def test_what_is_explained_is_what_the_scores_say():
    customer = buyers()[3]
    row = scores().customers.set_index("customer_id").loc[customer]
    assert explained([customer], no_order=True)["probability"] == pytest.approx(row["churn_probability"])
    best = scores().interests(1, kind="product").set_index("customer_id").loc[customer]
    answer = explained([customer], product=best["target"])
    assert answer["probability"] == pytest.approx(best["probability"], abs=1e-6)
    assert sum(part["logit"] for part in answer["parts"]) == pytest.approx(answer["logit"], abs=1e-5)


@pytest.mark.parametrize(
    ("count", "asked", "match"),
    [
        (1, {}, "not exactly one of product"),
        (1, {"brand": "Oro", "no_order": True}, "not exactly one of product"),
        (2, {"brand": "Oro"}, "the lines are of 2 customers"),
    ],
)
def test_one_customer_and_one_question_are_explained_at_a_time(count, asked, match):
    with pytest.raises(RequestError, match=match):
        explained(buyers()[:count], **asked)


def test_a_history_without_a_line_is_not_explained():
    with pytest.raises(DataError, match="no order line"):
        explained([], brand="Oro")


def test_no_interests_are_answered_where_none_are_asked():
    assert predicted(buyers()[:2], interests=0)["customers"][0]["interests"] == []


def test_a_shop_without_prices_and_products_is_answered_too():
    orders = orders_at({f"c{number}": [5 * number + 3, 40, 90] for number in range(40)})
    bare = log_of({"orders": orders})
    trained = train(bare, as_of="2024-06-01", settings=QUICK)
    served = ScoredShop.of(score(trained, bare, as_of="2024-06-01", horizon_days=28), trained)
    mine = orders[orders["customer_id"].isin(["c3", "c30"])]
    told = body(served.predict(PredictRequest.model_validate({"orders": as_json(mine)})))["customers"]
    assert [customer.pop("interests") for customer in told] == [[], []]
    assert told == body(served.customers(CustomersRequest(customer_ids=["c30", "c3"])))["customers"]


def test_customers_are_sorted_each_once_and_the_unknown_named_beside():
    known = buyers()[:2]
    asked = CustomersRequest(customer_ids=[known[1], "zz", known[0], known[1], "aa"])
    answer = body(shop().customers(asked))
    assert [customer["customer_id"] for customer in answer["customers"]] == known
    assert answer["unknown_customer_ids"] == ["aa", "zz"]
    assert answer["horizon_days"] == HORIZONS[0]
    instant = answer["customers"][0]["expected_next_order_at"]
    assert pd.Timestamp(instant) == scores().customers.set_index("customer_id").loc[
        known[0], "expected_next_order_at"
    ].floor("us")


def test_lifecycle_comes_with_the_boundaries_it_was_told_by():
    answer = body(shop().lifecycle(CustomersRequest(customer_ids=buyers()[:1])))
    (customer,) = answer["customers"]
    row = batch(buyers()[:1], 28)[0]
    assert {name: row[name] for name in customer} == customer
    assert {"lifecycle", "return_probability", "recency_days", "rhythm_days"} <= set(customer)
    assert answer["limits"] == scores().manifest.limits.lifecycle.model_dump()


def test_interested_in_and_recommend_are_those_of_the_scores():
    asked = InterestedInRequest(category="TEA", brand=["Oro"], limit=3, horizon_days=14)
    wanted = scores().interested_in(category="TEA", brand="Oro", limit=3, horizon_days=14)
    assert body(shop().interested_in(asked)) == body(wanted.to_dict())
    who = buyers()[0]
    answer = body(shop().recommend(RecommendRequest(customer_id=who, limit=4)))
    products = scores().recommend(who, 4)
    assert [one["product_id"] for one in answer["products"]] == products["product_id"].tolist()
    assert [one["rank"] for one in answer["products"]] == [1, 2, 3, 4]
    never = products["last_bought_days"].isna().tolist()
    assert [one["last_bought_days"] is None for one in answer["products"]] == never


def test_a_history_is_recommended_what_its_customer_is():
    who = buyers()[0]
    asked = RecommendRequest.model_validate({"orders": history([who]), "limit": 4})
    known = RecommendRequest(customer_id=who, limit=4)
    mine, theirs = (body(shop().recommend(one))["products"] for one in (asked, known))
    assert [one["product_id"] for one in mine] == [one["product_id"] for one in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert one["probability"] == pytest.approx(other["probability"], rel=1e-5)
        assert one["last_bought_days"] == other["last_bought_days"]
    stranger = [line | {"customer_id": "nobody"} for line in history([who])]
    asked = RecommendRequest.model_validate({"orders": stranger, "limit": 4})
    assert body(shop().recommend(asked))["customer_id"] == "nobody"
    for wrong in ({}, {"orders": history(buyers()[:2])}, {"customer_id": who, "orders": history([who])}):
        with pytest.raises((RequestError, DataError)):
            shop().recommend(RecommendRequest.model_validate(wrong))


def test_rows_that_are_none_have_the_types_of_rows_that_are_some():
    asked = [InterestedInRequest(category="TEA", min_probability=least) for least in (0.0, 1.0)]
    some, none = (shop().interested_in(one)["customers"] for one in asked)
    assert (len(none), none.schema) == (0, some.schema)


def test_a_set_of_products_is_that_of_the_scores():
    for asked in ({"product": ["p3", "p1", "p7"]}, {"keyword": "thing"}):
        wanted = scores().interested_in(**asked).to_dict()
        assert body(shop().interested_in(InterestedInRequest(**asked))) == body(wanted)


def test_a_set_that_names_nothing_is_refused():
    for asked in (InterestedInRequest(limit=3), InterestedInRequest(category=[])):
        with pytest.raises(RequestError, match="none of product, category, brand, keyword, new_product"):
            shop().interested_in(asked)


def test_what_was_not_scored_is_refused():
    with pytest.raises(HorizonError, match="28, 14 days, not 30"):
        predicted(buyers()[:1], horizon_days=30)
    with pytest.raises(HorizonError):
        shop().interested_in(InterestedInRequest(category="TEA", horizon_days=30))
    with pytest.raises(UnknownCustomerError):
        shop().recommend(RecommendRequest(customer_id="nobody"))


def test_more_than_a_thousand_customers_are_too_many():
    ids = [f"c{number}" for number in range(1_001)]
    with pytest.raises(TooLargeError):
        shop().customers(CustomersRequest(customer_ids=ids))
    lines = [{"customer_id": one, "order_id": one, "ordered_at": "2024-03-01"} for one in ids]
    with pytest.raises(TooLargeError):
        shop().predict(PredictRequest.model_validate({"orders": lines}))


def test_health_tells_what_is_served():
    health = body(shop().health())
    assert health["status"] == "ok"
    assert health["horizons"] == list(HORIZONS)
    assert health["customers"] == len(scores())
    assert health["model_version"] == model().fingerprint[:12]


def test_scores_of_another_model_are_not_served():
    other = train(log(), as_of=AS_OF_TEXT, settings=[*QUICK, "priors.seed=7"])
    with pytest.raises(ModelError, match="were made by model"):
        ScoredShop.of(scores(), other)


def test_about_nobody_nothing_is_answered():
    assert body(shop().customers(CustomersRequest(customer_ids=[])))["customers"] == []


def test_what_products_are_like_each_other_is_read_and_not_found_again(monkeypatch):
    """A service that starts would else compare the texts of a whole catalogue first."""
    prior = model().predictor
    assert isinstance(prior, PriorPredictor)
    weighed = {
        days: replace(one, new=Weights(-3.0, {LIKE_TEXT: 1.0}))
        for days, one in prior.targets["product"].items()
    }
    alike = replace(model(), predictor=replace(prior, targets={**prior.targets, "product": weighed}))
    scored = ScoredShop.of(score(alike, log(), as_of=AS_OF_TEXT, horizon_days=HORIZONS), alike)
    held = scored.scores.targets["product", HORIZONS[0]].alike
    assert held is not None
    assert held.likeness.nnz
    buyers_ever = scored.state.context.popularity["product"][0]
    again = likeness.likeness(scored.state.catalogue, buyers_ever, held.text)
    assert (again != held.likeness).nnz == 0

    def never(*_: object) -> None:
        raise AssertionError("found again")

    monkeypatch.setattr(likeness, "likeness", never)
    asked = PredictRequest.model_validate({"orders": history(buyers()[:1]), "interests": 100})
    told = body(ScoredShop.of(scored.scores, alike).predict(asked))["customers"][0]["interests"]
    assert "p900" in [one["target"] for one in told]
