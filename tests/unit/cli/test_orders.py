"""`orders`: the log into the tables and out of the log, as an operator meets it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from command_line import answer, run
from intentml.service.arrivals import Arrivals


@pytest.fixture
def log(tmp_path):
    one = Arrivals(tmp_path / "orders.sqlite")
    one.append([{"customer_id": "C-1", "order_id": "1", "ordered_at": "2024-04-02"}], "2024-04-02T10:00:00Z")
    one.append([{"customer_id": "C-2", "order_id": "2", "ordered_at": "2024-04-02"}], "2024-04-02T11:00:00Z")
    one.close()
    return one.path


def test_fold_status_and_prune_tell_how_many_and_up_to_which_number(log, tmp_path):
    folded = answer("orders", "fold", log, tmp_path / "shop", "--new")
    assert (folded["lines"], folded["customers"], folded["until"]) == (2, 2, 2)
    assert pd.read_parquet(folded["file"])["order_id"].tolist() == ["1", "2"]
    assert answer("orders", "status", log) == {
        "newest": 2,
        "batches": 2,
        "lines": 2,
        "customers": 2,
        "since": "2024-04-02T10:00:00Z",
        "until": "2024-04-02T11:00:00Z",
    }
    assert answer("orders", "prune", log, "--until", "1") == {"batches": 1, "lines": 1, "kept": 0}
    assert answer("orders", "status", log)["since"] == "2024-04-02T11:00:00Z"


def test_a_person_reads_sentences_and_no_ids(log, tmp_path):
    said = [run("orders", "fold", log, tmp_path / "shop", "--new", "--quiet") for _ in range(2)]
    assert "2 lines of 2 customers added, up to number 2 of the log" in said[0].stdout
    assert "there already: 2 lines" in said[1].stdout
    said += [run("orders", "prune", log, "--until", "2"), run("orders", "status", log)]
    assert "2 lines in 2 batches taken out" in said[2].stdout
    assert [one.exit_code for one in said] == [0] * 4
    assert not any("C-1" in one.output for one in said)


@pytest.mark.parametrize("words", [("fold", "shop"), ("prune", "--until", "1"), ("status",)])
def test_a_log_that_is_not_there_is_one_clear_error(tmp_path, words):
    result = run("orders", words[0], tmp_path / "none.sqlite", *words[1:], "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["message"].startswith("there is no log of orders at")


def test_a_database_is_told_how_it_gets_the_lines(log):
    result = run("orders", "fold", log, "postgres://jane:secret@db/shop")
    assert result.exit_code == 1
    assert "--new into an empty folder" in result.stderr
    assert "secret" not in result.stderr
