"""The ledger of actions: handed out exactly once, in a DuckDB file and in a database SQLAlchemy reaches."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from intentml.audiences.ledger import Ledger
from intentml.errors import LedgerError
from intentml.scenarios.actions import ACTIONS
from intentml.scenarios.ledger import ActionLedger, Batch
from intentml.scenarios.scenario import Scenario, scenario_of
from intentml.timeline import Instant
from intentml.timeline.waits import Wait

STEP = {"name": "one", "after": "1 hour", "action": "hello", "channel": "mail"}
CARTS = scenario_of("carts", {"title": "Carts", "trigger": "event('cart_add')", "steps": [STEP]})
RESTING = CARTS.model_copy(update={"again_after": Wait(7, "day")})


@pytest.fixture(params=[":memory:", "sqlite://"], ids=["duckdb", "sqlite"])
def ledger(request: pytest.FixtureRequest) -> Iterator[ActionLedger]:
    if request.param != ":memory:":
        pytest.importorskip("sqlalchemy")
    with ActionLedger.open(request.param, shop="s-1") as opened:
        yield opened


def day(number: int) -> Instant:
    return Instant.of("2026-01-01").plus_days(number)


def actions(told: str) -> pa.Table:
    """Actions such as `a3`: customer a, triggered on day 3."""
    rows = [
        {
            "action_id": f"{one}-one", "customer_id": one[0], "step": "one", "action": "hello",
            "channel": "mail", "percent": 5.0 if one[0] == "a" else None, "valid_for": None,
            "triggered_at": day(int(one[1:])).us, "due_at": day(int(one[1:])).us + 1,
            "expires_at": day(int(one[1:]) + 7).us,
        }
        for one in sorted(told.split())
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, ACTIONS)


def ids(batch: Batch) -> str:
    return " ".join(one.split("-")[0] for one in batch.actions["action_id"].to_pylist())


def hand_out(ledger: ActionLedger, told: str, on: int, scenario: Scenario = CARTS) -> str:
    """What is handed out of the due, acted on at once."""
    batch = ledger.hand_out(scenario, actions(told), day(on))
    if batch.number is not None:
        ledger.acknowledge(scenario.name, batch.number)
    return ids(batch)


def test_what_was_handed_out_is_not_handed_out_again(ledger: ActionLedger) -> None:
    assert hand_out(ledger, "a1 b1", 2) == "a1 b1"
    assert hand_out(ledger, "a1 b1 c2", 3) == "c2"
    assert hand_out(ledger, "a1 b1 c2", 3) == ""
    assert hand_out(ledger, "a3 b1 c2", 4) == "a3"
    assert hand_out(ledger, "a1 d4", 5) == "d4"  # the order of day 3 was undone: that of day 1 is old news


def test_a_batch_stays_as_it_was_until_it_is_acknowledged(ledger: ActionLedger) -> None:
    first = ledger.hand_out(CARTS, actions("b1 a1"), day(2))
    again = ledger.hand_out(CARTS, actions("b1 c3"), day(4))
    assert (again.number, again.as_of) == (first.number, first.as_of) == (1, day(2))
    assert again.actions.equals(first.actions)
    assert first.actions.schema == ACTIONS
    assert first.actions["percent"].to_pylist() == [5.0, None]
    for _ in range(2):
        ledger.acknowledge("carts", 1)
    assert ids(ledger.hand_out(CARTS, actions("b1 c3"), day(4))) == "c3"


def test_where_nothing_is_due_there_is_no_batch(ledger: ActionLedger) -> None:
    assert ledger.hand_out(CARTS, actions(""), day(2)).number is None
    assert hand_out(ledger, "a1", 2) == "a1"


def test_scenarios_do_not_see_each_other(ledger: ActionLedger) -> None:
    other = CARTS.model_copy(update={"name": "other"})
    assert hand_out(ledger, "a1", 2) == "a1"
    batch = ledger.hand_out(other, actions("b1"), day(1))
    assert ids(batch) == "b1"


def test_a_step_rests_after_the_trigger_that_led_to_it(ledger: ActionLedger) -> None:
    assert hand_out(ledger, "a1 b1", 2, RESTING) == "a1 b1"
    assert hand_out(ledger, "a7 b8", 9, RESTING) == "b8"
    assert hand_out(ledger, "a9 b8", 10, RESTING) == "a9"


def test_time_does_not_run_backwards_and_only_what_was_handed_out_is_acknowledged(
    ledger: ActionLedger,
) -> None:
    hand_out(ledger, "a1", 5)
    with pytest.raises(LedgerError, match="actions of carts were handed out as of 2026-01-06"):
        ledger.hand_out(CARTS, actions("b1"), day(4))
    for number in (0, 2):
        with pytest.raises(LedgerError, match=f"batch {number} of scenario carts was never handed out"):
            ledger.acknowledge("carts", number)
    with pytest.raises(LedgerError, match="never handed out"):
        ledger.acknowledge("cart", 1)


@pytest.mark.parametrize("seed", range(3))
def test_in_any_history_each_action_is_handed_out_exactly_once(ledger: ActionLedger, seed: int) -> None:
    rng = random.Random(seed)
    seen: list[str] = []
    open_batch: Batch | None = None
    for on in range(3, 25):
        # Each customer has one trigger every five days, due for three; sometimes nobody asks.
        told = " ".join(f"{who}{on - on % 5}" for who in "abcdef" if (on + ord(who)) % 5 < 3)
        if rng.random() < 0.3:
            continue
        batch = ledger.hand_out(CARTS, actions(told), day(on))
        if open_batch is None:
            seen += ids(batch).split()
            assert set(told.split()) <= set(seen)
        else:
            assert batch.actions.equals(open_batch.actions)
        open_batch = batch if batch.number is not None else None
        if open_batch and rng.random() < 0.6:
            ledger.acknowledge("carts", open_batch.number or 0)
            open_batch = None
    assert len(seen) == len(set(seen)) > 10


def test_one_file_holds_both_ledgers_of_a_shop_and_of_no_other(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "shop.ledger", shop="s-1") as members:
        members.refresh("vip", ["a"], as_of="2026-01-01", rule_version="r", model_version="m")
    with ActionLedger.open(tmp_path / "shop.ledger", shop="s-1") as ledger:
        hand_out(ledger, "a1", 2)
    with Ledger.open(tmp_path / "shop.ledger", shop="s-1") as members:
        assert list(members.as_of("vip", "2026-01-01").customer_ids) == ["a"]
    with pytest.raises(LedgerError, match="belongs to shop s-1"):
        ActionLedger.open(tmp_path / "shop.ledger", shop="s-2")
    with pytest.raises(LedgerError, match="there is no ledger"):
        ActionLedger.open(tmp_path / "none", shop="s-1", must_exist=True)


# A process that stops for good before a statement, in the middle of whatever it was at.
HALTED = """
import sys, time
import pyarrow as pa
from intentml.audiences import database
from intentml.scenarios.actions import ACTIONS
from intentml.scenarios.ledger import ActionLedger
from intentml.scenarios.scenario import scenario_of
from intentml.timeline import Instant

place, method, rows = sys.argv[1:]
carts = scenario_of("carts", {"title": "C", "trigger": "event('cart_add')", "steps": [
    {"name": "one", "after": "1 hour", "action": "hello", "channel": "mail"}]})

def halting(self, *words, **values):
    if method == "insert" or words[0].startswith("UPDATE"):
        print("halted", flush=True)
        time.sleep(60)
    return execute(self, *words, **values)

with ActionLedger.open(place, shop="s-1") as ledger:
    execute = getattr(database._DuckFile, method)
    setattr(database._DuckFile, method, halting)
    due = pa.ipc.open_file(rows).read_all()
    batch = ledger.hand_out(carts, due, Instant.of("2026-01-03"))
    for one in batch.actions["action_id"].to_pylist():
        print(one, flush=True)
    ledger.acknowledge("carts", batch.number)
"""


@pytest.mark.parametrize(
    "method", ["insert", "execute"], ids=["before the actions are kept", "before acknowledging"]
)
def test_a_kill_in_the_middle_loses_no_action_and_makes_none_twice(tmp_path: Path, method: str) -> None:
    place, rows = tmp_path / "ledger", tmp_path / "rows.arrow"
    with pa.ipc.new_file(rows, ACTIONS) as writer:
        writer.write_table(actions("a1 b1"))
    words: list[Any] = [sys.executable, "-c", HALTED, place, method, rows]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = []
        while (line := child.stdout.readline().strip()) != "halted":
            assert line
            told.append(line)
        child.kill()
    with ActionLedger.open(place, shop="s-1") as ledger:
        batch = ledger.hand_out(CARTS, actions("a1 b1 c2"), day(3))
        found = batch.actions["action_id"].to_pylist()
        assert found == (told if method == "execute" else ["a1-one", "b1-one", "c2-one"])
        ledger.acknowledge("carts", batch.number or 0)
        assert hand_out(ledger, "a1 b1 c2", 3) == ("" if method == "insert" else "c2")


def test_a_forgotten_customer_s_actions_are_gone(ledger: ActionLedger) -> None:
    hand_out(ledger, "a1 b1", 2)
    assert (ledger.forget("a"), ledger.forget("a")) == (1, 0)
    assert hand_out(ledger, "a1 b1", 3) == "a1"  # still in the tables: due again
