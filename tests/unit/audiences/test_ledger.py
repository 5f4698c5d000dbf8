"""The ledger: membership over time, in a DuckDB file and in a database that SQLAlchemy reaches."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from intentml.audiences.bucket import Holdout
from intentml.audiences.ledger import Ledger
from intentml.audiences.membership import Brake, Changes, Refresh
from intentml.errors import LedgerError
from intentml.timeline import Instant

VERSIONS = {"rule_version": "r1", "model_version": "m1"}
NEVER = Brake(people=10**9)


@pytest.fixture(params=[":memory:", "sqlite://"], ids=["duckdb", "sqlite"])
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    if request.param != ":memory:":
        pytest.importorskip("sqlalchemy")
    with Ledger.open(request.param, shop="s-1") as opened:
        yield opened


def put(ledger: Ledger, day: int, members: str, **more: Any) -> Refresh:
    """Refresh audience vip as of a day of January; each letter is a member."""
    return ledger.refresh("vip", list(members), as_of=f"2026-01-{day:02d}", **{**VERSIONS, **more})


def names(table: pa.Table) -> str:
    return "".join(table["customer_id"].to_pylist())


def both(changes: Changes) -> tuple[str, str]:
    return names(changes.entered), names(changes.left)


def test_entered_and_left_are_named(ledger: Ledger) -> None:
    first = put(ledger, 1, "abc")
    assert (first.number, first.members, first.entered, first.left, first.stored) == (1, 3, 3, 0, True)
    second = put(ledger, 2, "bcde")
    assert (second.number, second.members, second.entered, second.left) == (2, 4, 2, 1)
    assert both(ledger.diff("vip")) == ("de", "a")
    assert ledger.refreshes("vip") == (first, second)


def entries(ledger: Ledger, day: int) -> dict[str, int]:
    """Day of January on which each entered last, as known on a day."""
    found = ledger.entered("vip", Instant.of(f"2026-01-{day:02d}")).to_pylist()
    return {one["customer_id"]: one["entered_at"].day for one in found}


def test_the_newest_entry_of_each_is_told_but_not_of_who_was_in_from_the_start(ledger: Ledger) -> None:
    put(ledger, 1, "abc")
    put(ledger, 3, "abd")
    put(ledger, 5, "bc")
    put(ledger, 7, "bcd")
    assert [entries(ledger, day) for day in (1, 2, 3, 5, 9)] == [
        {},
        {},
        {"d": 3},
        {"c": 5, "d": 3},
        {"c": 5, "d": 7},
    ]


def test_who_moves_into_the_holdout_did_not_enter(ledger: Ledger) -> None:
    put(ledger, 1, "a")
    put(ledger, 2, "ab")
    put(ledger, 3, "ab", holdout=["b"])
    put(ledger, 4, "ab", holdout=["a"])
    assert entries(ledger, 4) == {"b": 2}


def test_who_is_held_out_is_not_told_to_have_entered(ledger: Ledger) -> None:
    put(ledger, 1, "a")
    put(ledger, 2, "abcd", holdout=["b", "c"])
    put(ledger, 3, "abcd", holdout=["c", "d"])
    assert entries(ledger, 2) == {"d": 2}
    # b entered held out, c is, d is now: to contact them would spoil the comparison.
    assert entries(ledger, 3) == {}


def test_entries_of_an_audience_that_was_not_refreshed_by_then_are_unknown(ledger: Ledger) -> None:
    put(ledger, 5, "a")
    with pytest.raises(LedgerError, match="first refreshed as of 2026-01-05"):
        entries(ledger, 4)


def test_a_forgotten_customer_is_nowhere_in_history(ledger: Ledger) -> None:
    put(ledger, 1, "ab")
    put(ledger, 2, "b")
    put(ledger, 3, "abc")
    assert ledger.forget("a") == 2
    assert ledger.forget("a") == 0
    for day, members in [(1, "b"), (2, "b"), (3, "bc")]:
        assert "".join(ledger.as_of("vip", f"2026-01-{day:02d}").customer_ids) == members
    assert both(ledger.diff("vip", "2026-01-01", "2026-01-03")) == ("c", "")
    assert [one.members for one in ledger.refreshes("vip")] == [2, 1, 3]
    assert put(ledger, 4, "bc").left == 0


@pytest.mark.parametrize("url", ["{}", "sqlite:///{}"])
def test_a_forgotten_customer_is_not_in_the_bytes_of_the_file(url: str, tmp_path: Path) -> None:
    if "sqlite" in url:
        pytest.importorskip("sqlalchemy")
    place = tmp_path / "kept's"
    with Ledger.open(url.format(place), shop="s-1") as kept:
        for day, members in ((1, ["NAME-OF-ONE", "b"]), (2, ["b"]), (3, ["b", "NAME-OF-ONE"])):
            kept.refresh("vip", members, as_of=f"2026-01-{day:02d}", **VERSIONS)
    assert b"NAME-OF-ONE" in place.read_bytes()
    with Ledger.open(url.format(place), shop="s-1") as kept:
        assert kept.forget("NAME-OF-ONE") == 2
        assert kept.refresh("vip", ["b", "c"], as_of="2026-01-04", **VERSIONS).entered == 1
        with pytest.raises(LedgerError, match="already"):
            kept.refresh("vip", ["b"], as_of="2026-01-01", **VERSIONS)
    assert [one.name for one in tmp_path.iterdir()] == [place.name]
    assert b"NAME-OF-ONE" not in place.read_bytes()
    with Ledger.open(url.format(place), shop="s-1") as kept:
        assert kept.as_of("vip", "2026-01-04").customer_ids.tolist() == ["b", "c"]


def test_a_file_that_is_open_elsewhere_is_not_written_anew(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l", shop="s-1") as one, Ledger.open(tmp_path / "l", shop="s-1") as other:
        put(one, 1, "ab")
        with pytest.raises(LedgerError, match="open elsewhere"):
            one.forget("a")
        put(other, 2, "bc")
        assert names(one.diff("vip").entered) == "c"
    with Ledger.open(tmp_path / "l", shop="s-1") as one:
        assert one.forget("a") == 0


def test_a_ledger_knows_a_shop_again_from_which_a_customer_was_taken(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l", shop="p1 p2 p3 p4") as kept:
        put(kept, 1, "ab")
    for mark in ("p1 p3 p4 p5", "p3 p4 p5 p6", "p4 p5 p6 p7"):  # each a little further from the first
        with Ledger.open(tmp_path / "l", shop=mark) as kept:
            assert kept.as_of("vip", "2026-01-01").refresh.members == 2
    with pytest.raises(LedgerError, match="belongs to shop p4, and this is shop p1"):
        Ledger.open(tmp_path / "l", shop="p1 p2 p3 p4")


def test_membership_is_told_as_it_was(ledger: Ledger) -> None:
    put(ledger, 1, "abc")
    put(ledger, 5, "cd")
    put(ledger, 9, "ad")
    for day, members in [(1, "abc"), (4, "abc"), (5, "cd"), (8, "cd"), (9, "ad"), (30, "ad")]:
        assert "".join(ledger.as_of("vip", f"2026-01-{day:02d}").customer_ids) == members
    assert both(ledger.diff("vip", "2026-01-01", "2026-01-09")) == ("d", "bc")
    assert both(ledger.diff("vip", "2026-01-02", "2026-01-02")) == ("", "")
    with pytest.raises(LedgerError, match="first refreshed as of 2026-01-01"):
        ledger.as_of("vip", "2025-12-31")
    with pytest.raises(LedgerError, match="backwards"):
        ledger.diff("vip", "2026-01-09", "2026-01-01")


def test_the_same_refresh_again_stores_nothing(ledger: Ledger) -> None:
    first = put(ledger, 1, "abc", holdout=["b"])
    again = put(ledger, 1, "cba", holdout=["b"])
    assert (again.number, again.stored, again.held, again.entered, again.left) == (1, False, None, 0, 0)
    assert ledger.refreshes("vip") == (first,)


@pytest.mark.parametrize(
    ("day", "members", "more"),
    [
        (2, "abc", {}),
        (1, "abcd", {}),
        (1, "abc", {"rule_version": "r2"}),
        (1, "abc", {"model_version": "m2"}),
        (1, "abc", {"holdout": ["a"]}),
    ],
    ids=["as_of", "members", "rule", "model", "holdout"],
)
def test_a_refresh_that_differs_in_anything_is_another(
    ledger: Ledger, day: int, members: str, more: dict[str, Any]
) -> None:
    put(ledger, 1, "abc")
    assert put(ledger, day, members, **more).stored
    assert len(ledger.refreshes("vip")) == 2


def test_history_is_not_rewritten(ledger: Ledger) -> None:
    put(ledger, 5, "abc")
    with pytest.raises(LedgerError, match="refreshed as of 2026-01-05") as refused:
        put(ledger, 4, "abc")
    assert "history is not rewritten" in str(refused.value)
    assert ledger.refresh("lost", ["a"], as_of="2026-01-04", **VERSIONS).stored


def test_a_plain_date_is_its_first_instant_in_the_shops_zone() -> None:
    with Ledger.open(":memory:", shop="s-1", timezone="Europe/Madrid") as ledger:
        put(ledger, 2, "a")
        assert ledger.as_of("vip", "2026-01-01T23:00:00Z").refresh.as_of.iso == "2026-01-02T00:00:00+01:00"
        with pytest.raises(LedgerError, match="after 2026-01-01"):
            ledger.as_of("vip", "2026-01-01T22:59:59Z")


def test_the_holdout_is_marked_and_is_who_its_hash_says(ledger: Ledger) -> None:
    ids = [f"C-{number}" for number in range(500)]
    holdout = Holdout(0.2, "spring")
    refresh = ledger.refresh("vip", ids, as_of="2026-01-01", holdout=holdout, **VERSIONS)
    then = ledger.as_of("vip", "2026-01-01")
    assert then.holdout.tolist() == holdout.of(then.customer_ids).tolist()
    assert refresh.holdout == then.holdout.sum() > 0
    assert ledger.diff("vip").entered["holdout"].to_pylist() == then.holdout.tolist()


def test_names_of_a_holdout_who_are_no_members_are_passed_over(ledger: Ledger) -> None:
    assert put(ledger, 1, "abc", holdout=["c", "z"]).holdout == 1
    assert ledger.as_of("vip", "2026-01-01").holdout.tolist() == [False, False, True]


def test_who_moves_to_the_holdout_leaves_the_contacted(ledger: Ledger) -> None:
    put(ledger, 1, "abc")
    put(ledger, 2, "abc", holdout=["b"])
    changes = ledger.diff("vip")
    assert both(changes) == ("b", "b")
    assert changes.entered["holdout"].to_pylist() == [True]
    assert changes.left["holdout"].to_pylist() == [False]
    assert ledger.as_of("vip", "2026-01-01").holdout.tolist() == [False] * 3
    assert ledger.as_of("vip", "2026-01-02").holdout.tolist() == [False, True, False]


def test_a_consumer_is_handed_the_same_changes_until_it_acknowledges_them(ledger: Ledger) -> None:
    put(ledger, 1, "abc")
    first = ledger.changes("vip", "mail")
    assert (first.since, first.upto, both(first)) == (0, 1, ("abc", ""))
    assert first.entered["key"].to_pylist() == ["vip/1/entered/a", "vip/1/entered/b", "vip/1/entered/c"]
    put(ledger, 2, "bd")
    assert ledger.changes("vip", "mail") == first
    ledger.acknowledge("vip", "mail", first.upto)
    second = ledger.changes("vip", "mail")
    assert (second.since, second.upto, both(second)) == (1, 2, ("d", "ac"))
    assert second.left["key"].to_pylist() == ["vip/2/left/a", "vip/2/left/c"]
    ledger.acknowledge("vip", "mail", second.upto)
    ledger.acknowledge("vip", "mail", first.upto)
    last = ledger.changes("vip", "mail")
    assert (last.since, last.upto, both(last)) == (2, 2, ("", ""))


def test_consumers_do_not_see_each_other(ledger: Ledger) -> None:
    put(ledger, 1, "ab")
    ledger.acknowledge("vip", "mail", ledger.changes("vip", "mail").upto)
    put(ledger, 2, "b")
    assert both(ledger.changes("vip", "ads")) == ("b", "")
    assert both(ledger.changes("vip", "mail")) == ("", "a")


def test_nobody_acknowledges_what_was_not_handed_out(ledger: Ledger) -> None:
    put(ledger, 1, "ab")
    with pytest.raises(LedgerError, match="mail was never handed"):
        ledger.acknowledge("vip", "mail", 1)


@pytest.mark.parametrize("seed", range(2))
def test_any_history_is_kept_and_handed_out_exactly_once(ledger: Ledger, seed: int) -> None:
    """Against sets: random members, holdouts and versions; a consumer that often forgets to acknowledge."""
    rng = random.Random(seed)
    history: list[tuple[int, frozenset[tuple[str, bool]]]] = []
    held: set[tuple[str, bool]] = set()
    seen: set[str] = set()
    for day in range(1, 17):
        members = [name for name in "abcdefgh" if rng.random() < 0.6]
        out = [name for name in members if rng.random() < 0.2]
        refresh = put(ledger, day, "".join(members), holdout=out, brake=NEVER, force=True)
        before = history[-1][1] if history else frozenset()
        history.append((day, frozenset((name, name in out) for name in members)))
        assert (refresh.entered, refresh.left) == (len(history[-1][1] - before), len(before - history[-1][1]))
        while rng.random() < 0.5:
            changes = ledger.changes("vip", "mail")
            if rng.random() < 0.5:
                continue  # cut off before it could acknowledge
            for table, apply in [(changes.left, held.remove), (changes.entered, held.add)]:
                for row in table.to_pylist():
                    assert row["key"] not in seen
                    seen.add(row["key"])
                    apply((row["customer_id"], row["holdout"]))
            ledger.acknowledge("vip", "mail", changes.upto)
            assert held == history[changes.upto - 1][1]
    for day, members in history:
        then = ledger.as_of("vip", f"2026-01-{day:02d}")
        assert set(zip(then.customer_ids, then.holdout.tolist(), strict=True)) == members
    for (one, start), (other, end) in zip(history[::5], history[5::5], strict=False):
        changes = ledger.diff("vip", f"2026-01-{one:02d}", f"2026-01-{other:02d}")
        for table, expected in [(changes.entered, end - start), (changes.left, start - end)]:
            rows = {(row["customer_id"], row["holdout"]) for row in table.to_pylist()}
            assert rows == expected
            assert table.num_rows == len(expected)


def test_who_stays_costs_no_row() -> None:
    ids = [f"C-{number}" for number in range(1000)]
    with Ledger.open(":memory:", shop="s-1") as ledger:
        for day in range(1, 11):
            ledger.refresh("vip", ids[day:], as_of=f"2026-01-{day:02d}", **VERSIONS)
        [(rows,)] = ledger._database.rows("SELECT count(*) FROM audience_members")
    assert rows == 999


@pytest.mark.parametrize(
    ("before", "after", "held"),
    [
        (1000, 1501, "1,000 members would become 1,501: more than 50 % in one refresh"),
        (1000, 1500, None),
        (1000, 499, "1,000 members would become 499: more than 50 % in one refresh"),
        (100, 199, None),
        (100, 200, "100 members would become 200: more than 50 % in one refresh"),
        (5, 0, "all 5 members would leave"),
        (0, 99, None),
        (0, 100, "0 members would become 100: more than 50 % in one refresh"),
    ],
)
def test_an_audience_that_jumps_or_empties_is_held_back(before: int, after: int, held: str | None) -> None:
    ids = np.array([f"C-{number}" for number in range(1501)], dtype=object)
    with Ledger.open(":memory:", shop="s-1") as ledger:
        assert ledger.refresh("vip", ids[:before], as_of="2026-01-01", **VERSIONS).held is None
        braked = ledger.refresh("vip", ids[:after], as_of="2026-01-02", **VERSIONS)
        assert braked.held == held
        assert braked.stored == (held is None)
        assert len(ledger.as_of("vip", "2026-01-02").customer_ids) == (before if held else after)
        assert ledger.refresh("vip", ids[:after], as_of="2026-01-02", force=True, **VERSIONS).held is None
        assert len(ledger.as_of("vip", "2026-01-02").customer_ids) == after


def test_a_brake_may_be_set_tighter() -> None:
    with Ledger.open(":memory:", shop="s-1") as ledger:
        put(ledger, 1, "abcdefgh")
        assert put(ledger, 2, "abcdefg", brake=Brake(share=0.1, people=1)).held is not None


@pytest.mark.parametrize(
    "members",
    [
        [],
        pa.array(["b", "a"]),
        pa.chunked_array([["a"], ["b"]]),
        np.array(["a", "b"]),
        {"a", "b"},
        np.array([]),
    ],
    ids=["nobody", "arrow", "chunks", "numpy", "set", "empty numpy"],
)
def test_members_come_in_any_sequence(ledger: Ledger, members: Any) -> None:
    assert ledger.refresh("vip", members, as_of="2026-01-01", **VERSIONS).stored
    assert ledger.as_of("vip", "2026-01-01").customer_ids.tolist() == ["a", "b"][: len(members)]


@pytest.mark.parametrize(
    ("audience", "members", "told"),
    [
        ("vip", ["a", "b", "a"], "1 members are given more than once, such as a"),
        ("vip", ["jane@example.com"] * 2, r"such as \(an address\)"),
        ("vip", ["a", None], "no text"),
        ("vip", [7], "no text"),
        ("", ["a"], "no name"),
        ("vip/lost", ["a"], "no name"),
    ],
)
def test_members_and_names_that_are_none_are_refused(
    ledger: Ledger, audience: str, members: list[Any], told: str
) -> None:
    with pytest.raises(LedgerError, match=told):
        ledger.refresh(audience, members, as_of="2026-01-01", **VERSIONS)


def test_an_unknown_audience_is_answered_with_the_nearest_name(ledger: Ledger) -> None:
    put(ledger, 1, "a")
    with pytest.raises(LedgerError, match="'vips' was never refreshed") as refused:
        ledger.diff("vips")
    assert "did you mean vip?" in str(refused.value)


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_a_ledger_belongs_to_one_shop(tmp_path: Path, kind: str) -> None:
    place = f"{'sqlite:///' if kind == 'sqlite' else ''}{tmp_path / 'ledger'}"
    with pytest.raises(LedgerError, match="there is no ledger at"):
        Ledger.open(place, shop="s-1", must_exist=True)
    with Ledger.open(place, shop="s-1") as ledger:
        put(ledger, 1, "ab")
    with pytest.raises(LedgerError, match="belongs to shop s-1, and this is shop s-2"):
        Ledger.open(place, shop="s-2")
    with Ledger.open(place, shop="s-1", must_exist=True) as ledger:
        assert "".join(ledger.as_of("vip", "2026-01-01").customer_ids) == "ab"


def test_what_is_no_ledger_is_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("customer_id,order_id\n" * 1000)
    for place in (tmp_path / "orders.csv", tmp_path / "no" / "folder.duckdb"):
        with pytest.raises(LedgerError, match="cannot be opened as a ledger"):
            Ledger.open(place, shop="s-1")
    with pytest.raises(LedgerError, match="cannot be connected to") as refused:
        Ledger.open("nosuchdatabase://jane:secret@host/db", shop="s-1")
    assert "secret" not in str(refused.value)


def test_of_two_who_write_at_once_one_is_told_and_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Ledger.open(tmp_path / "l.duckdb", shop="s-1") as one,
        Ledger.open(tmp_path / "l.duckdb", shop="s-1") as two,
    ):
        stage = two._database.stage

        def stage_late(members: pa.Table) -> None:
            put(one, 1, "ab")
            stage(members)

        monkeypatch.setattr(two._database, "stage", stage_late)
        with pytest.raises(LedgerError, match="nothing was stored"):
            put(two, 1, "abc")
        assert [refresh.members for refresh in two.refreshes("vip")] == [2]
        assert "".join(two.as_of("vip", "2026-01-01").customer_ids) == "ab"


# A process that stops for good after a statement, in the middle of whatever it was at.
HALTED = """
import sys, time
from intentml.audiences import database
from intentml.audiences.ledger import Ledger

place, statement = sys.argv[1:]
kind = database._Reached if "://" in place else database._DuckFile
execute = kind.execute

def halting(self, sql, **values):
    execute(self, sql, **values)
    if sql.startswith(statement):
        print("halted", flush=True)
        time.sleep(60)

with Ledger.open(place, shop="s-1") as ledger:
    kind.execute = halting
    ledger.refresh("vip", list("bcd"), as_of="2026-01-02", rule_version="r1", model_version="m1")
    for row in ledger.changes("vip", "mail").entered.to_pylist():
        print(row["key"], flush=True)
    ledger.acknowledge("vip", "mail", 2)
"""


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("duckdb", "UPDATE audience_members"),
        ("duckdb", "UPDATE audience_handouts"),
        ("sqlite", "INSERT INTO audience_members"),
    ],
    ids=["between left and entered", "before it is acknowledged", "before the commit, in sqlite"],
)
def test_a_kill_in_the_middle_loses_nobody_and_names_nobody_twice(
    tmp_path: Path, kind: str, statement: str
) -> None:
    place = f"{'sqlite:///' if kind == 'sqlite' else ''}{tmp_path / 'ledger'}"
    with Ledger.open(place, shop="s-1") as ledger:
        put(ledger, 1, "abc")
        ledger.acknowledge("vip", "mail", ledger.changes("vip", "mail").upto)
    with subprocess.Popen(
        [sys.executable, "-c", HALTED, place, statement], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        told = []
        while (line := child.stdout.readline().strip()) != "halted":
            assert line
            told.append(line)
        if kind == "duckdb":
            with pytest.raises(LedgerError, match=rf"in use by another process \(PID {child.pid}\)"):
                Ledger.open(place, shop="s-1")
        child.kill()
    with Ledger.open(place, shop="s-1") as ledger:
        if not told:
            assert "".join(ledger.as_of("vip", "2026-01-02").customer_ids) == "abc"
            assert both(ledger.changes("vip", "mail")) == ("", "")
        assert put(ledger, 2, "bcd").stored == (not told)
        changes = ledger.changes("vip", "mail")
        assert both(changes) == ("d", "a")
        assert told in ([], changes.entered["key"].to_pylist())
        ledger.acknowledge("vip", "mail", changes.upto)
        assert both(ledger.changes("vip", "mail")) == ("", "")
