"""`intentml audience`, as a person uses it: from a rule to people, reasons, comings and goings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import intentml as im
from command_line import answer, run
from intentml.audiences.ledger import Ledger
from intentml.errors import RuleError
from random_shop import AS_OF_TEXT
from scored_shop import QUICK, frames

CHECKOUT = Path(__file__).parents[3]
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


def test_a_lead_score_in_the_folder_stands_in_the_place_of_the_packages(way, tmp_path):
    (tmp_path / "lead_score.yaml").write_text(
        "behaviour: [{points: 7, rule: orders >= 2}]\nprofile: [{points: -2, rule: NOT orders >= 2}]\n"
    )
    (tmp_path / "keen.yaml").write_text("title: Keen\nrule: lead_score = 7\n")
    own = ("--audiences", tmp_path)
    repeated = answer("audience", "members", "orders >= 2", way / "scores")
    keen = answer("audience", "members", "keen", way / "scores", *own)
    assert [one["customer_id"] for one in keen] == [one["customer_id"] for one in repeated] != []
    assert {one["lead_score"] for one in keen} == {7}
    assert answer("audience", "preview", "lead_score = 7", way / "scores")["customers"] == 0
    names = [one["name"] for one in answer("audience", "list", way / "scores", *own)]
    assert "keen" in names
    assert "lead_score" not in names
    # A file that is named goes before that of the folder.
    (tmp_path / "points").write_text("source: [{points: 3, rule: NOT orders < 0}]\n")
    ours = im.open_audiences(way / "scores", folder=tmp_path, lead_score=tmp_path / "points")
    assert ours.preview("lead_score = 3").share == 1
    (tmp_path / "lead_score.yaml").write_text("habits: []\n")
    error = answer("audience", "list", way / "scores", *own, status=1)["error"]
    assert error["message"].startswith("lead_score.yaml: habits")


def test_a_broken_file_of_the_folder_is_an_error_unless_the_others_are_asked_for(way, tmp_path):
    (tmp_path / "fine.yaml").write_text("title: Fine\nrule: orders >= 1\n")
    (tmp_path / "vip.yaml").write_text("title: [\n")
    error = answer("audience", "preview", "fine", way / "scores", "--audiences", tmp_path, status=1)["error"]
    assert error["message"].startswith("vip.yaml is no YAML in line 2")
    ours = im.open_audiences(way / "scores", folder=tmp_path, strict=False)
    assert ours.broken["vip"].message == error["message"]
    assert ours.preview("fine").customers > 0
    assert "vip" not in ours.known  # the preset of that name is not meant


def test_an_audience_that_leans_on_a_broken_file_says_what_is_wrong_with_that(way, tmp_path):
    (tmp_path / "vip.yaml").write_text("title: [\n")
    (tmp_path / "leans.yaml").write_text("title: Leans\nrule: orders >= 1 AND NOT audience('vip')\n")
    ours = im.open_audiences(way / "scores", folder=tmp_path, strict=False)
    for ask in (ours.preview, ours.members):
        with pytest.raises(RuleError, match=r"vip\.yaml is no YAML in line 2"):
            ask("leans")
    found = ours.usable()
    assert found["leans"].message == ours.broken["vip"].message
    assert found["vip-lookalikes"].message == ours.broken["vip"].message


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


def test_each_change_is_handed_to_a_consumer_once_over_three_refreshes(way, tmp_path):
    place = tmp_path / "ledger"
    ours = im.open_audiences(way / "scores")
    inside = [set("abcd"), set("bcde"), set("cdef")]

    def refreshed(number: int) -> None:
        with Ledger.open(place, shop=ours.shop, timezone=ours.view.as_of.timezone) as kept:
            at = ours.view.as_of.plus_days(number - 3)
            kept.refresh("few", inside[number], as_of=at, rule_version="r", model_version="m")

    def asked(consumer: str) -> dict:
        return answer("audience", "diff", "few", *ledger, "--consumer", consumer)

    def done(consumer: str, upto: int) -> dict:
        words = ("--consumer", consumer, "--upto", str(upto))
        return answer("audience", "acknowledge", "few", *ledger, *words)

    ledger = (way / "scores", "--ledger", place)
    told: dict[str, list[str]] = {"entered": [], "left": []}
    for number in range(3):
        refreshed(number)
        first = asked("mail")
        assert asked("mail") == first
        assert (first["since"], first["upto"]) == (number, number + 1)
        for side, names in told.items():
            names += [one["customer_id"] for one in first[side]]
        shown = run("audience", "diff", "few", *ledger, "--consumer", "mail").stdout
        assert f"intentml audience acknowledge few {way / 'scores'} --ledger" in shown
        assert done("mail", first["upto"])["acknowledged"]
        after = asked("mail")
        assert (after["since"], after["upto"], after["entered"], after["left"]) == (
            number + 1,
            number + 1,
            [],
            [],
        )
        assert "acknowledge" not in run("audience", "diff", "few", *ledger, "--consumer", "mail").stdout
    assert told == {"entered": list("abcdef"), "left": list("ab")}
    # Another one has its own place: it is told the whole way at once.
    other = asked("phone")
    assert [one["customer_id"] for one in other["entered"]] == list("cdef")
    assert (other["since"], other["upto"], other["left"]) == (0, 3, [])
    problem = answer(
        "audience", "acknowledge", "few", *ledger, "--consumer", "phone", "--upto", "2", status=1
    )
    assert "phone was never handed the changes" in problem["error"]["message"]


def test_a_consumer_finds_what_it_was_at_where_the_audience_was_refreshed_since(way, tmp_path):
    ours = im.open_audiences(way / "scores")
    ledger = (way / "scores", "--ledger", tmp_path / "ledger", "--consumer", "mail")
    names = []
    for day, inside in ((-2, ["a"]), (-1, ["b"])):
        with Ledger.open(tmp_path / "ledger", shop=ours.shop, timezone=ours.view.as_of.timezone) as kept:
            at = ours.view.as_of.plus_days(day)
            kept.refresh("few", inside, as_of=at, rule_version="r", model_version="m")
        names.append([one["customer_id"] for one in answer("audience", "diff", "few", *ledger)["entered"]])
    assert names == [["a"], ["a"]]
    answer("audience", "acknowledge", "few", *ledger, "--upto", "1")
    told = answer("audience", "diff", "few", *ledger)
    assert [[one["customer_id"] for one in told[side]] for side in ("entered", "left")] == [["b"], ["a"]]


def test_a_consumer_and_times_are_not_asked_for_together(way, tmp_path):
    asked = ("audience", "diff", "quiet", way / "scores", "--ledger", tmp_path / "none", "--consumer", "mail")
    for time in ("--since", "--upto"):
        assert "--consumer goes on" in answer(*asked, time, "2024-01-01", status=2)["error"]["message"]


def test_the_python_of_the_page_runs(way, tmp_path, monkeypatch):
    page = (CHECKOUT / "serving" / "audiences" / "README.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "intentml-demo").mkdir()
    for place, name in (("intentml-demo/shop", "shop"), ("intentml-demo/scores", "scores"), ("mine", "mine")):
        (tmp_path / place).symlink_to(way / name)
    (tmp_path / "hello.yaml").write_text(
        "title: Hello\ntrigger: recency_days\nexpires_after: 6 months\n"
        "steps: [{name: one, after: 10 days, action: hello, channel: mail}]\n"
    )
    monkeypatch.chdir(tmp_path)
    told: dict[str, Any] = {}
    exec(compile(block, "the page", "exec"), told)
    entered = told["changes"].entered["customer_id"].to_pylist()
    assert entered == told["then"].customer_ids.tolist() != []
    assert told["batch"].number == 1
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!")


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
