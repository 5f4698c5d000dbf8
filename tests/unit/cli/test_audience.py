"""`intentml audience`, as a person uses it: from a rule to people, reasons, comings and goings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import intentml as im
from command_line import answer, run
from random_shop import AS_OF_TEXT
from scored_shop import QUICK, frames

RULE = "orders >= 2 AND NOT purchased(last 30 days)"


@pytest.fixture(scope="module")
def way(tmp_path_factory) -> Path:
    """A folder with a shop, scores a month apart, and an audience of its own."""
    place = tmp_path_factory.mktemp("way")
    (place / "shop").mkdir()
    for name, frame in frames().items():
        frame.to_csv(place / "shop" / f"{name}.csv", index=False)
    log = im.read_tables(place / "shop")
    earlier = (pd.Timestamp(AS_OF_TEXT) - pd.Timedelta(days=30)).isoformat()
    for name, as_of in (("before", earlier), ("scores", AS_OF_TEXT)):
        model = im.train(log, as_of=as_of, settings=QUICK)
        model.save(place / f"model of {name}")
        im.score(model, log, as_of=as_of, horizon_days=28, out=place / name)
    (place / "mine").mkdir()
    (place / "mine" / "quiet.yaml").write_text(f"title: Quiet buyers\nrule: {RULE}\nholdout: 0.5\n")
    (place / "mine" / "friends.yaml").write_text("title: Friends\nrule: {none: [{audience: quiet}]}\n")
    return place


def test_an_audience_is_previewed_and_its_members_are_those_of_plain_pandas(way):
    told = answer("audience", "preview", "quiet", way / "scores", "--audiences", way / "mine")
    rows = answer("audience", "members", "quiet", way / "scores", "--audiences", way / "mine")
    log = im.read_tables(way / "shop")
    snapshot = log.as_of(AS_OF_TEXT)
    orders = (
        pd.DataFrame(
            {"customer": snapshot.customer_ids[snapshot.orders.customer], "age": snapshot.orders.age_days}
        )
        .groupby("customer")["age"]
        .agg(["count", "min"])
    )
    expected = sorted(orders.index[(orders["count"] >= 2) & (orders["min"] > 30)])
    assert [row["customer_id"] for row in rows] == expected != []
    assert (told["customers"], told["rule"]) == (len(expected), RULE)
    assert told["funnel"]["parts"][1]["remaining"] == len(expected)
    assert set(told["sample"]) <= set(expected)


def test_a_rule_in_quotes_is_an_audience_without_a_name(way):
    named = answer("audience", "members", "quiet", way / "scores", "--audiences", way / "mine")
    assert answer("audience", "members", way / "mine" / "quiet.yaml", way / "scores") == named
    unmarked = [{name: value for name, value in row.items() if name != "holdout"} for row in named]
    assert answer("audience", "members", RULE, way / "scores") == unmarked


def test_a_customer_is_told_why(way):
    customer = answer("audience", "preview", RULE, way / "scores")["sample"][0]
    told = answer("audience", "explain", RULE, way / "scores", "--customer", customer)
    assert told["holds"]
    assert [part["holds"] for part in told["parts"]] == [True, True]
    assert told["parts"][0]["seen"]["orders"] >= 2
    shown = run("audience", "explain", RULE, way / "scores", "--customer", customer)
    assert f"Customer {customer} is in:" in shown.stdout


INTEREST = "orders >= 0 AND interested_in(category = 'TEA', top 50%)"


def test_the_model_tells_why_it_expects_an_interest(way):
    customer = im.load_scores(way / "scores").interested_in(category="TEA").customers["customer_id"][0]
    words = ("audience", "explain", INTEREST, way / "scores", "--customer", customer)
    model = ("--model", way / "model of scores")
    plain, leaf = answer(*words)["parts"]
    assert (plain["reasons"], leaf["reasons"]) == (None, None)
    plain, told = answer(*words, *model)["parts"]
    assert plain["reasons"] is None
    reasons = told["reasons"]
    assert {**told, "reasons": None} == leaf
    assert (reasons["kind"], reasons["target"], reasons["horizon_days"]) == ("category", "TEA", 28)
    assert reasons["probability"] == pytest.approx(leaf["seen"]["probability"], abs=1e-5)
    assert sum(part["logit"] for part in reasons["parts"]) == pytest.approx(reasons["logit"], abs=1e-5)
    shown = run(*words, *model)
    lines = shown.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if "yes  interested_in" in line)
    percent = f"{reasons['probability']:.1%}"
    assert lines[at + 1] == f"         TEA (category) within 28 days: {percent}, because"
    assert reasons["parts"][0]["words"] in lines[at + 2]
    assert len(lines) == at + 2 + len(reasons["parts"])
    assert "note:" not in shown.stderr


def test_who_asks_without_the_model_is_told_how_to_get_its_reasons(way):
    customer = answer("audience", "preview", RULE, way / "scores")["sample"][0]
    words = ("audience", "explain", INTEREST, way / "scores", "--customer", customer)
    assert "note: --model MODEL_DIR" in run(*words).stderr
    assert "note:" not in run("audience", "explain", RULE, *words[3:]).stderr
    table = im.load_scores(way / "scores").customers
    prospect = table.loc[table["orders"] == 0, "customer_id"].iloc[0]
    asked = (*words[:-1], prospect, "--model", way / "model of scores")
    assert "never bought" in run(*asked).stderr


def test_another_model_than_that_of_the_scores_explains_nothing(way):
    customer = answer("audience", "preview", RULE, way / "scores")["sample"][0]
    words = ("audience", "explain", INTEREST, way / "scores", "--customer", customer)
    told = answer(*words, "--model", way / "model of before", status=1)["error"]
    assert told["code"] == "model"
    assert "were made by model" in told["message"]


def test_the_list_tells_how_many_are_in_each(way):
    told = {
        one["name"]: one for one in answer("audience", "list", way / "scores", "--audiences", way / "mine")
    }
    everybody = len(im.load_scores(way / "scores"))
    assert told["quiet"]["customers"] + told["friends"]["customers"] == everybody


def test_who_entered_and_left_between_two_scorings_is_told_by_name(way, tmp_path):
    ledger = ("--ledger", tmp_path / "ledger")
    own = ("--audiences", way / "mine")
    ids = {}
    for name in ("before", "scores"):
        done = answer("audience", "refresh", "quiet", way / name, *ledger, *own, "--force")["quiet"]
        ids[name] = {row["customer_id"] for row in answer("audience", "members", "quiet", way / name, *own)}
        assert done["members"] == len(ids[name])
        assert 0 < done["holdout"] < done["members"]
    changes = answer("audience", "diff", "quiet", way / "scores", *ledger)
    assert {one["customer_id"] for one in changes["entered"]} >= ids["scores"] - ids["before"] != set()
    assert {one["customer_id"] for one in changes["left"]} >= ids["before"] - ids["scores"] != set()
    then = answer("audience", "as-of", "quiet", way / "scores", *ledger, "--at", AS_OF_TEXT)
    assert {one["customer_id"] for one in then["customers"]} == ids["scores"]
    marked = answer("audience", "members", "quiet", way / "scores", *own)
    assert {one["customer_id"]: one["holdout"] for one in marked} == {
        one["customer_id"]: one["holdout"] for one in then["customers"]
    }
    told = answer(
        "audience", "lift", "quiet", way / "scores", *ledger, "--at", AS_OF_TEXT[:10], "--days", "14"
    )
    assert told["contacted"] + told["holdout"] == len(ids["scores"])
    assert told["difference"]["value"] == pytest.approx(told["contacted_mean"] - told["holdout_mean"])
    again = run("audience", "refresh", "quiet", way / "scores", *ledger, *own)
    assert "as it was" in again.stdout


def test_audiences_are_compared_side_by_side(way):
    own = ("--audiences", way / "mine")
    told = answer("audience", "compare", "quiet", "friends", way / "scores", *own)
    quiet, friends = told["audiences"]
    assert quiet["customers"] + friends["customers"] == len(im.load_scores(way / "scores"))
    assert quiet["share_of_revenue"] + friends["share_of_revenue"] == pytest.approx(1)
    assert told["overlap"]["quiet"] == {"quiet": 1.0, "friends": 0.0}
    shown = run("audience", "compare", "quiet", "friends", way / "scores", *own)
    assert "Of those in a row, the share who are in the column too:" in shown.stdout


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("preview", "nobody"), "rule", "no audience 'nobody'"),
        (("preview", "ordrs = 3"), "rule", "'ordrs', which is no field"),
        (("members", "orders >="), "rule", "ends too early"),
        (("preview", "./none.yaml"), "rule", "no file none.yaml"),
    ],
)
def test_what_cannot_be_asked_is_one_error(way, words, code, why):
    told = answer("audience", *words, way / "scores", status=1)["error"]
    assert told["code"] == code
    assert why in told["message"]


def test_a_ledger_that_is_not_there_is_told(way, tmp_path):
    asked = ("audience", "diff", "quiet", way / "scores", "--ledger", tmp_path / "none")
    assert "no ledger at" in answer(*asked, status=1)["error"]["message"]
