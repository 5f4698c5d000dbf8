"""`datasets`: the list, a made shop, a converted one, and what is said of each."""

from __future__ import annotations

import shlex
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from command_line import answer, run

CDNOW = "\n".join(
    ["  00001 19970101  1   11.77", "  00002 19970112  1   12.00", "  00002 19970112  5   77.00"]
)

# What the recipe does is not asked here, only that its training is begun and ends.
SHORT = ("--set", "predictor=priors", "--set", "priors.windows=1", "--no-tracking")


def next_commands(told: str) -> list[list[str]]:
    """The commands that are printed at the end, in words."""
    return [shlex.split(line)[1:] for line in told.split("\nNext:\n")[1].splitlines()]


def test_the_list_tells_what_each_needs() -> None:
    body = answer("datasets", "list")
    by_name = {one["name"]: one for one in body["datasets"]}
    assert set(by_name) == {"simulated", "complete-journey", "online-retail", "ta-feng", "cdnow"}
    assert set(by_name["cdnow"]) == {"name", "what", "how", "needs", "licence", "source"}
    assert "complete-journey" in run("datasets", "list").stdout


def test_a_simulated_shop_has_as_many_customers_as_asked(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    words = (
        "datasets",
        "get",
        "simulated",
        "--customers",
        "50",
        "--seed",
        "7",
        "--dial",
        "0.5",
        "--out",
        folder,
    )
    body = answer(*words)
    assert (body["name"], body["folder"]) == ("simulated", str(folder))
    assert body["tables"]["customers"] == 50
    assert {name: pq.read_metadata(folder / f"{name}.parquet").num_rows for name in body["tables"]} == body[
        "tables"
    ]
    told = run(*words)
    assert told.exit_code == 0
    assert f"Orders from {body['first_order_on']} to {body['last_order_on']}\n" in told.stdout
    assert [words[0] for words in next_commands(told.stdout)] == ["check"]  # too little to train on
    assert told.stderr.startswith("writing simulated")


def test_the_commands_told_after_a_data_set_work_as_they_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the newest date that has 28 days of data after it: so a backtest can start there too."""
    monkeypatch.chdir(tmp_path)  # the model is written to the working folder
    told = run("datasets", "get", "simulated", "--customers", "400", "--out", "shop").stdout
    assert "Orders from 2023-07-01 to 2025-06-30\n" in told
    check, train = next_commands(told)
    assert check == ["check", "shop", "--as-of", "2025-06-03", "--horizon", "28"]
    assert train == ["train", "shop", "--as-of", "2025-06-03", "--recipe", "smoke", "--out", "model"]
    for words in (check, [*train, *SHORT]):
        done = run(*words)
        assert done.exit_code == 0, done.output
    assert (tmp_path / "model" / "predictor.json").is_file()


def test_a_converted_data_set_tells_what_was_decided(tmp_path: Path) -> None:
    raw = tmp_path / "CDNOW_master.txt"
    raw.write_text(CDNOW)
    body = answer("datasets", "convert", "cdnow", raw, "--out", tmp_path / "shop")
    assert body["tables"]["orders"] == 3
    assert all(set(one) == {"table", "rule", "count", "meaning"} for one in body["decisions"])
    assert run("check", tmp_path / "shop").exit_code == 0
