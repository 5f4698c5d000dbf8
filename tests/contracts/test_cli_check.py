"""`check`: its report for people, its JSON by contracts.md, and what it says is switched off."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from command_line import answer, run
from intentml.cli.data import switched_off
from intentml.tables.contracts import CONTRACTS
from random_shop import AS_OF_TEXT, random_shop
from tiny import AS_OF, TINY_SHOP

EVERYTHING = {name: contract.names for name, contract in CONTRACTS.items()}


@pytest.fixture(scope="module")
def shop_of_many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop large enough for the data gate."""
    folder = tmp_path_factory.mktemp("shop")
    for name, frame in random_shop(3, customers=300, products=20, lines=4_000).items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def without(frame: str, *columns: str) -> dict[str, tuple[str, ...]]:
    kept = tuple(name for name in EVERYTHING[frame] if name not in columns)
    return {**EVERYTHING, frame: kept if columns else ()}


def test_a_shop_that_can_be_used_ends_with_0_and_what_to_run_next(shop_of_many: Path) -> None:
    result = run("check", shop_of_many, "--as-of", AS_OF_TEXT, "--horizon", "28")
    assert result.exit_code == 0, result.output
    assert "The data can be used." in result.stdout
    assert f"intentml train {shop_of_many} --as-of {AS_OF_TEXT} --recipe priors --out model" in result.stdout
    assert result.stderr.startswith("reading tables")


def test_the_json_has_the_keys_of_the_contract_and_every_gate(shop_of_many: Path) -> None:
    body = answer("check", shop_of_many, "--as-of", AS_OF_TEXT, "--horizon", "28")
    assert set(body) == {"ok", "failures", "gates", "tables"}
    assert body["ok"] is True
    assert body["failures"] == []
    assert [gate["name"] for gate in body["gates"]] == [
        "buyers",
        "repeat_buyers",
        "history_days",
        "newest_order_age_days",
        "history_in_horizons",
    ]
    assert all(set(gate) == {"name", "level", "measured", "limit"} for gate in body["gates"])
    assert list(body["tables"]) == ["orders", "products", "customers", "events"]


def test_the_gate_of_a_tiny_shop_refuses_with_the_measured_values() -> None:
    body = answer("check", TINY_SHOP, "--as-of", AS_OF, status=1)
    assert body["ok"] is False
    measured = {gate["name"]: (gate["level"], gate["measured"]) for gate in body["gates"]}
    # ana, ben and cho bought before; ana and ben twice. The first order was on January 1st, 60 days ago.
    assert measured["buyers"] == ("refuse", 3)
    assert measured["repeat_buyers"] == ("refuse", 2)
    assert measured["history_days"] == ("warn", 60)
    assert "refuse  3 customers with an order: under 100" in run("check", TINY_SHOP, "--as-of", AS_OF).stdout


def test_without_as_of_the_tables_alone_are_judged() -> None:
    body = answer("check", TINY_SHOP)
    assert (body["ok"], body["gates"]) == (True, [])
    told = run("check", TINY_SHOP).stdout
    assert "Data gate: not asked; it needs --as-of DATE" in told
    assert "The tables keep their contracts." in told


def test_dates_of_birth_that_tell_no_age_are_counted(tmp_path: Path) -> None:
    pd.DataFrame({"customer_id": ["a"], "order_id": ["1"], "ordered_at": ["2024-01-01"]}).to_csv(
        tmp_path / "orders.csv", index=False
    )
    # A placeholder, one born later than told, one over 120 years old, one of 30, one who does not say.
    born = ["1900-01-01", "2024-03-01", "1899-12-01", "1994-01-01", None]
    pd.DataFrame({"customer_id": list("abcde"), "birth_date": born}).to_csv(
        tmp_path / "customers.csv", index=False
    )
    assert answer("check", tmp_path)["tables"]["customers"]["dirt"]["unusable_birth_date"] == 3
    told = run("check", tmp_path).stdout
    row = next(line for line in told.splitlines() if "unusable_birth_date" in line)
    assert row.split()[:3] == ["customers", "unusable_birth_date", "3"]
    assert "1900-01-01 (a placeholder)" in row
    # Two months later one more is born.
    later = answer("check", tmp_path, "--as-of", "2024-03-02", status=1)
    assert later["tables"]["customers"]["dirt"]["unusable_birth_date"] == 2


def test_without_dates_of_birth_or_orders_no_age_is_counted(tmp_path: Path) -> None:
    customers = pd.DataFrame({"customer_id": ["a"], "birth_date": ["1994-01-01"]})
    customers.to_csv(tmp_path / "customers.csv", index=False)
    orders = pd.DataFrame({"customer_id": [None], "order_id": ["1"], "ordered_at": ["2024-01-01"]})
    orders.to_csv(tmp_path / "orders.csv", index=False)
    assert "unusable_birth_date" not in answer("check", tmp_path)["tables"]["customers"]["dirt"]
    orders.assign(customer_id="a").to_csv(tmp_path / "orders.csv", index=False)
    assert answer("check", tmp_path)["tables"]["customers"]["dirt"]["unusable_birth_date"] == 0
    customers[["customer_id"]].to_csv(tmp_path / "customers.csv", index=False)
    assert "unusable_birth_date" not in answer("check", tmp_path)["tables"]["customers"]["dirt"]


def test_every_failure_is_told_at_once(tmp_path: Path) -> None:
    pd.DataFrame(
        {"customer_id": ["a", "b"], "ordered_at": ["soon", "2024-01-02"], "quantity": ["1", "two"]}
    ).to_csv(tmp_path / "orders.csv", index=False)
    body = answer("check", tmp_path, status=1)
    found = {(one["column"], one["rule"], one["count"], tuple(one["rows"])) for one in body["failures"]}
    assert found == {
        ("order_id", "missing_column", 2, ()),
        ("ordered_at", "not_a_time", 1, (0,)),
        ("quantity", "not_a_number", 1, (1,)),
    }
    assert all(set(one) == {"table", "column", "rule", "count", "rows", "hint"} for one in body["failures"])
    told = run("check", tmp_path)
    assert told.exit_code == 1
    assert told.stdout.startswith("3 failures:\n")
    assert "\nRows count from 0; in a CSV file row 0 is the line under the header" in told.stdout
    assert "The data cannot be used as it is." in told.stdout


def test_an_address_in_a_broken_column_is_never_printed(tmp_path: Path) -> None:
    pd.DataFrame({"customer_id": ["a"], "order_id": ["1"], "ordered_at": ["2024-01-01"]}).to_csv(
        tmp_path / "orders.csv", index=False
    )
    pd.DataFrame({"customer_id": ["a", "a"], "birth_date": ["ana@example.com"] * 2}).to_csv(
        tmp_path / "customers.csv", index=False
    )
    result = run("check", tmp_path)
    assert result.exit_code == 1
    assert "birth_date" in result.output
    assert "ana@example.com" not in result.output


def test_foreign_column_names_are_mapped(tmp_path: Path) -> None:
    pd.DataFrame({"Kunde": ["a"], "Beleg": ["1"], "Datum": ["2024-01-01"]}).to_csv(
        tmp_path / "orders.csv", index=False
    )
    mapping = tmp_path / "columns.toml"
    mapping.write_text('[orders]\ncustomer_id = "Kunde"\norder_id = "Beleg"\nordered_at = "Datum"\n')
    assert answer("check", tmp_path, status=1)["ok"] is False
    assert answer("check", tmp_path, "--columns", mapping)["ok"] is True
    told = run("check", tmp_path, "--columns", mapping, "--timezone", "Europe/Madrid").stdout
    assert f"intentml train {tmp_path} --columns {mapping} --timezone Europe/Madrid --as-of DATE" in told


def test_a_database_url_is_not_printed_again(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table orders as select 'a' customer_id, '1' order_id, date '2024-01-01' ordered_at"
        )
    told = run("check", f"duckdb://{path}")
    assert told.exit_code == 0, told.output
    assert "intentml train DATABASE_URL" in told.stdout


def test_a_shop_with_everything_goes_without_nothing() -> None:
    assert switched_off(EVERYTHING) == []


@pytest.mark.parametrize(
    ("present", "start"),
    [
        (without("products"), "no products table: "),
        (without("customers"), "no customers table: no prospects"),
        (without("events"), "no events table: "),
        (without("orders", "unit_price"), "no orders.unit_price: no spend"),
        (without("orders", "product_id"), "no orders.product_id: no interests"),
        (without("products", "category"), "no products.category: no targets of kind category"),
        (without("products", "category_path"), "no products.category_path: no targets of kind category_node"),
        (without("products", "brand"), "no products.brand: no targets of kind brand"),
        (without("products", "name"), "no products.name: "),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_each_thing_that_is_missing_has_one_line(present: dict[str, tuple[str, ...]], start: str) -> None:
    lines = switched_off(present)
    assert len(lines) == 1
    assert lines[0].startswith(start)
