"""`intentml scenario`, as a person uses it: what is due, handed out once, acknowledged."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import intentml as im
from command_line import answer, run
from intentml.audiences.ledger import Ledger
from intentml.audiences.opening import open_audiences
from intentml.errors import RuleError
from intentml.scenarios import due
from random_shop import AS_OF_TEXT
from scored_shop import QUICK, frames

CHECKOUT = Path(__file__).parents[3]
MINE = """
title: Quiet buyers
trigger: recency_days
condition: audience('quiet')
expires_after: 6 months
steps:
- {name: one, after: 10 days, action: hello, channel: mail, offer: {percent: 5, valid_for: 24 hours}}
"""


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a shop, its scores, an audience and a scenario of its own."""
    place = tmp_path_factory.mktemp("way")
    (place / "shop").mkdir()
    for name, frame in frames().items():
        frame.to_csv(place / "shop" / f"{name}.csv", index=False)
    log = im.read_tables(place / "shop")
    model = im.train(log, as_of=AS_OF_TEXT, settings=QUICK)
    im.score(model, log, as_of=AS_OF_TEXT, horizon_days=28, out=place / "scores")
    (place / "mine").mkdir()
    (place / "mine" / "quiet.yaml").write_text("title: Quiet\nrule: orders >= 2\n")
    (place / "hello.yaml").write_text(MINE)
    return place


def test_what_is_due_is_that_of_plain_pandas_and_is_written_to_a_file(way: Path, tmp_path: Path) -> None:
    words = (way / "hello.yaml", way / "scores", "--audiences", way / "mine")
    [told] = answer("scenario", "due", *words, "--out", tmp_path / "due.csv")
    snapshot = im.read_tables(way / "shop").as_of(AS_OF_TEXT)
    orders = pd.DataFrame(
        {"customer": snapshot.customer_ids[snapshot.orders.customer], "age": snapshot.orders.age_days}
    )
    last = orders.groupby("customer")["age"].agg(["count", "min"])
    # The shop is younger than six months, so that nothing has expired.
    expected = sorted(last.index[(last["count"] >= 2) & (last["min"] >= 10)])
    assert [one["customer_id"] for one in told["actions"]] == expected != []
    assert {(one["channel"], one["action"], one["percent"], one["valid_for"]) for one in told["actions"]} == {
        ("mail", "hello", 5.0, "24 hours")
    }
    written = pd.read_csv(tmp_path / "due.csv", dtype={"action_id": str})
    assert written["action_id"].tolist() == [one["action_id"] for one in told["actions"]]
    assert "@" not in (tmp_path / "due.csv").read_text()
    shown = run("scenario", "due", *words)
    assert f"hello: {len(expected)} actions due" in shown.stdout
    assert "-5 %, 24 hours" in shown.stdout


def test_with_a_ledger_each_action_is_handed_out_once(way: Path, tmp_path: Path) -> None:
    words = (way / "hello.yaml", way / "scores", "--audiences", way / "mine", "--ledger", tmp_path / "ledger")
    [first] = answer("scenario", "due", *words)
    assert first["batch"] == 1
    again = run("scenario", "due", *words).stdout
    assert f"{len(first['actions'])} actions due" in again
    assert "intentml scenario acknowledge hello 1" in again
    ledger = ("--ledger", tmp_path / "ledger")
    assert answer("scenario", "acknowledge", "hello", "1", way / "scores", *ledger)["acknowledged"]
    [after] = answer("scenario", "due", *words)
    assert (after["batch"], after["actions"]) == (None, [])


def test_who_enters_an_audience_starts_a_scenario_from_the_same_ledger_file(
    way: Path, tmp_path: Path
) -> None:
    (tmp_path / "welcome.yaml").write_text(
        "title: Welcome\ntrigger: entered('quiet')\n"
        "steps:\n- {name: one, after: 1 day, action: hello, channel: mail}\n"
    )
    ledger = tmp_path / "ledger"
    ours = open_audiences(way / "scores", folder=way / "mine")
    members = ours.members("quiet")["customer_id"].tolist()
    with Ledger.open(ledger, shop=ours.shop, timezone=ours.view.as_of.timezone) as kept:
        for day, inside in ((-5, members[:2]), (-3, members[:4])):
            at = ours.view.as_of.plus_days(day)
            kept.refresh("quiet", inside, as_of=at, rule_version="r", model_version="m")
    words = (tmp_path / "welcome.yaml", way / "scores", "--ledger", ledger)
    error = answer("scenario", "due", *words, status=1)["error"]
    assert "enters 'quiet'" in error["message"]
    [told] = answer("scenario", "due", *words, "--memberships", ledger)
    assert [one["customer_id"] for one in told["actions"]] == sorted(members[2:4])
    assert told["batch"] == 1
    forget = ("audience", "forget", members[2], way / "scores", "--ledger", ledger)
    assert [answer(*forget) for _ in range(2)] == [
        {"memberships": 1, "actions": 1},
        {"memberships": 0, "actions": 0},
    ]


def test_the_scenarios_of_the_package_are_all_looked_at(way: Path) -> None:
    names = [one["name"] for one in answer("scenario", "list")]
    assert [one["scenario"] for one in answer("scenario", "due", way / "scores")] == names
    assert names == ["abandoned-cart", "inactive", "prospects"]
    assert "4 hours" in run("scenario", "list").stdout


def test_the_example_of_the_page_is_asked_of_a_shop(way: Path, tmp_path: Path) -> None:
    page = (CHECKOUT / "serving" / "scenarios" / "README.md").read_text(encoding="utf-8")
    (tmp_path / "cart.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    [told] = answer("scenario", "due", tmp_path / "cart.yaml", way / "scores")
    assert told["scenario"] == "cart"
    assert {(one["step"], one["channel"]) for one in told["actions"]} <= {
        ("reminder", "push"),
        ("reminder", "mail"),
        ("code", "mail"),
    }


def test_the_same_from_python_and_a_scenario_is_named_once(way: Path) -> None:
    ours = open_audiences(way / "scores", folder=way / "mine")
    found = due(ours, [str(way / "hello.yaml")])
    assert list(found) == ["hello"]
    with pytest.raises(RuleError, match="same name"):
        due(ours, ["inactive", "inactive"])
    without = open_audiences(way / "scores")
    with pytest.raises(RuleError, match="no audience 'quiet'"):
        due(without, [str(way / "hello.yaml")])


def test_a_mistake_is_one_error(way: Path) -> None:
    told = answer("scenario", "due", "nobody", way / "scores", status=1)
    assert told["error"]["code"] == "rule"
    assert "no scenario 'nobody' among 3" in told["error"]["message"]
