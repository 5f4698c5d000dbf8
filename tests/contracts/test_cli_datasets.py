"""`datasets`: the list, a made shop, a converted one, and what is said of each."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from command_line import answer, run

CDNOW = "\n".join(
    ["  00001 19970101  1   11.77", "  00002 19970112  1   12.00", "  00002 19970112  5   77.00"]
)


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
    assert f"intentml check {folder}" in told.stdout
    assert told.stderr.startswith("writing simulated")


def test_a_converted_data_set_tells_what_was_decided(tmp_path: Path) -> None:
    raw = tmp_path / "CDNOW_master.txt"
    raw.write_text(CDNOW)
    body = answer("datasets", "convert", "cdnow", raw, "--out", tmp_path / "shop")
    assert body["tables"]["orders"] == 3
    assert all(set(one) == {"table", "rule", "count", "meaning"} for one in body["decisions"])
    assert run("check", tmp_path / "shop").exit_code == 0
