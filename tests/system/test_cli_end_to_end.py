"""From a simulated shop to ranked customers on the command line: train, score, ask, measure.

What a command writes, the next one reads; answers on the command line are those of Python.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import intentml as im
from command_line import answer, process, run

AS_OF, HORIZON = "2025-01-01", "28"
# One window and few pairs: a second of training; what a full recipe reaches is not asked here.
QUICK = (
    "--set",
    "priors.horizons_days=[28]",
    "--set",
    "priors.windows=1",
    "--set",
    "priors.sample_per_window=5000",
)


@dataclass(frozen=True)
class Way:
    """The folders of one run, and the JSON that making them gave."""

    shop: Path
    model: Path
    scores: Path
    trained: dict[str, Any]
    scored: dict[str, Any]


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Way:
    base = tmp_path_factory.mktemp("way")
    shop, model, scores = base / "shop", base / "model", base / "scores"
    answer("datasets", "get", "simulated", "--customers", "600", "--seed", "1", "--out", shop)
    trained = answer("train", shop, "--as-of", AS_OF, "--recipe", "priors", *QUICK, "--out", model)
    scored = answer("score", shop, "--model", model, "--as-of", AS_OF, "--horizon", HORIZON, "--out", scores)
    return Way(shop, model, scores, trained, scored)


@pytest.fixture(scope="module")
def scores(way: Way) -> Any:
    return im.load_scores(way.scores)


@pytest.fixture(scope="module")
def category(scores: Any) -> str:
    """One with buyers."""
    return str(scores.interests(1, kind="category")["target"].mode()[0])


def test_training_tells_the_losses_of_every_prior_and_the_chosen_one(way: Way) -> None:
    heads = {one["head"] for one in way.trained["validation"]}
    assert heads == {"no_order", "orders", "spend", "category", "category_node", "brand", "product"}
    for head in heads:
        mine = [one for one in way.trained["validation"] if one["head"] == head]
        assert len(mine) >= 3
        assert sum(one["chosen"] for one in mine) == 1
    assert way.trained["recipe"]["priors"]["windows"] == 1
    assert way.trained["trained_until"].startswith(AS_OF)


def test_what_training_prints_marks_the_chosen_prior_and_names_the_next_command(
    way: Way, tmp_path: Path
) -> None:
    columns = tmp_path / "columns.toml"
    columns.write_text('[orders]\ncustomer_id = "customer_id"\n')
    shop = (way.shop, "--columns", columns)
    told = run("train", *shop, "--as-of", AS_OF, *QUICK, "--out", tmp_path / "m", "--seed", "3")
    assert told.exit_code == 0, told.output
    chosen = next(one for one in way.trained["validation"] if one["head"] == "spend" and one["chosen"])
    assert f"{chosen['loss']:.4f}*" in told.stdout
    again = f"{way.shop} --columns {columns} --model {tmp_path / 'm'} --as-of {AS_OF}"
    assert f"intentml score {again}" in told.stdout
    assert json.loads((tmp_path / "m" / "predictor.json").read_text())["seed"] == 3
    assert "training: " in told.stderr


def test_scoring_counts_every_customer_once(way: Way) -> None:
    counts = way.scored["counts"]
    assert counts["customers"] == counts["buyers"] + counts["prospects"]
    assert sum(way.scored["lifecycle"].values()) == counts["customers"]
    assert way.scored["lifecycle"]["prospect"] == counts["prospects"]
    assert sum(way.scored["importance"].values()) == counts["buyers"]
    assert way.scored["horizons"] == [28]


def test_interested_in_has_the_json_of_the_contract(way: Way, scores: Any, category: str) -> None:
    body = answer("interested-in", way.scores, "--category", category)
    assert list(body) == [
        "as_of",
        "horizon_days",
        "calibrated",
        "model_version",
        "matched_products",
        "matched_by",
        "expected_buyers",
        "expected_buyers_interval",
        "customers",
    ]
    assert len(body["customers"]) == len(scores)
    assert [one["rank"] for one in body["customers"]] == list(range(1, len(scores) + 1))
    assert body["expected_buyers"] == pytest.approx(sum(one["probability"] for one in body["customers"]))
    low, high = body["expected_buyers_interval"]
    assert 0 <= low <= body["expected_buyers"] <= high <= len(scores)
    assert set(body["matched_products"][0]) == {"product_id", "name"}
    assert body == scores.interested_in(category=category).to_dict()


@pytest.mark.parametrize(
    ("cut", "expected"),
    [(("--limit", "7"), 7), (("--share", "0.5"), None), (("--min-probability", "0.05"), None)],
    ids=["limit", "share", "min-probability"],
)
def test_the_list_is_cut_as_asked(
    way: Way, scores: Any, category: str, cut: tuple[str, str], expected: int | None
) -> None:
    everybody = scores.interested_in(category=category).customers["probability"]
    by_cut = {"--share": -(-len(scores) // 2), "--min-probability": int((everybody >= 0.05).sum())}
    body = answer("interested-in", way.scores, "--category", category, *cut)
    assert len(body["customers"]) == (expected or by_cut[cut[0]])


def test_a_terminal_shows_the_first_twenty_and_says_how_many_there_are(
    way: Way, scores: Any, category: str
) -> None:
    told = run("interested-in", way.scores, "--category", category).stdout
    best = scores.interested_in(category=category)
    assert f"{len(scores):,} customers, of whom {best.expected_buyers:,.1f} are expected to buy" in told
    assert best.customers["customer_id"][19] in told
    assert best.customers["customer_id"][20] not in told
    assert f"... {len(scores) - 20:,} more" in told


def test_a_file_holds_the_whole_list(way: Way, scores: Any, category: str, tmp_path: Path) -> None:
    path = tmp_path / "lists" / "who.csv"
    told = run("interested-in", way.scores, "--category", category, "--limit", "100", "--out", path)
    assert told.exit_code == 0, told.output
    written = pd.read_csv(path)
    assert list(written.columns) == ["customer_id", "probability", "rank"]
    expected = scores.interested_in(category=category, limit=100).customers
    assert written["customer_id"].tolist() == expected["customer_id"].tolist()
    assert written["probability"].to_numpy() == pytest.approx(expected["probability"].to_numpy(), abs=0)
    assert [one.name for one in path.parent.iterdir()] == ["who.csv"]


def test_every_way_to_name_products_is_answered(way: Way, scores: Any, category: str) -> None:
    products = scores.products.to_pandas()
    first = products[products["category"] == category].iloc[0]
    asked = [
        ("--product", first["product_id"]),
        ("--product", first["product_id"], "--product", products.iloc[-1]["product_id"]),
        ("--brand", first["brand"]),
        ("--keyword", first["name"]),
        ("--category", first["category_path"]),
        (
            "--new-product",
            json.dumps({"name": "New", "category": category, "brand": first["brand"], "price": 9.5}),
        ),
    ]
    for words in asked:
        body = answer("interested-in", way.scores, *words, "--limit", "3")
        assert len(body["customers"]) == 3, words
        assert body["matched_products"], words


def test_a_name_misspelt_is_offered_the_nearest(way: Way, category: str) -> None:
    body = answer("interested-in", way.scores, "--category", category[:-1], status=1)
    assert body["error"]["code"] == "unknown_target"
    assert category in body["error"]["hint"]


def test_recommend_ranks_products_of_one_customer(way: Way, scores: Any) -> None:
    customer = scores.customers.sort_values("orders")["customer_id"].iloc[-1]
    body = answer("recommend", way.scores, "--customer", customer, "--limit", "5")
    assert list(body) == ["as_of", "horizon_days", "calibrated", "model_version", "customer_id", "products"]
    assert [one["rank"] for one in body["products"]] == [1, 2, 3, 4, 5]
    assert set(body["products"][0]) == {
        *("product_id", "name", "category", "brand", "probability", "rank", "last_bought_days"),
    }
    told = run("recommend", way.scores, "--customer", customer, "--limit", "5").stdout
    assert all(one["product_id"] in told for one in body["products"])


def test_what_was_bought_lately_can_be_left_out(way: Way, scores: Any) -> None:
    customer = scores.customers.sort_values("orders")["customer_id"].iloc[-1]
    everything = answer("recommend", way.scores, "--customer", customer, "--limit", "5000")["products"]
    lately = [
        one for one in everything if one["last_bought_days"] is not None and one["last_bought_days"] <= 364
    ]
    assert lately
    without = answer(
        "recommend", way.scores, "--customer", customer, "--limit", "5000", "--exclude-bought", "52w"
    )["products"]
    assert len(without) == len(everything) - len(lately)


def test_a_score_is_explained_in_parts_that_sum_to_it(way: Way, scores: Any, category: str) -> None:
    customer = scores.customers.sort_values("orders")["customer_id"].iloc[-1]
    words = ("explain", way.shop, "--model", way.model, "--as-of", AS_OF, "--horizon", HORIZON)
    words += ("--customer", customer)
    ranked = scores.interested_in(category=category).customers.set_index("customer_id")["probability"]
    churn = scores.customers.set_index("customer_id")["churn_probability"]
    for asked, wanted in ((("--category", category), ranked), (("--no-order",), churn)):
        body = answer(*words, *asked)
        assert list(body) == [
            *("as_of", "horizon_days", "calibrated", "model_version", "customer_id", "kind", "target"),
            *("probability", "logit", "parts"),
        ]
        assert body["probability"] == pytest.approx(wanted[customer], abs=1e-5)
        assert sum(part["logit"] for part in body["parts"]) == pytest.approx(body["logit"], abs=1e-5)
        told = run(*words, *asked)
        assert told.exit_code == 0, told.output
        assert f"{body['probability']:.1%}" in told.stdout
        assert all(part["words"] in told.stdout for part in body["parts"])
    assert "own_history" in run(*words, "--category", category).stdout


def test_what_cannot_be_explained_is_refused(way: Way, scores: Any, category: str) -> None:
    words = ("explain", way.shop, "--model", way.model, "--horizon", HORIZON)
    customer = ("--customer", str(scores.customer_ids[0]))
    asked = ("--as-of", AS_OF, "--category", category)
    assert answer(*words, *customer, "--as-of", AS_OF, status=2)["error"]["code"] == "usage"
    assert answer(*words, *customer, *asked, "--no-order", status=2)["error"]["code"] == "usage"
    assert answer(*words, "--customer", "x", *asked, status=1)["error"]["code"] == "unknown_customer"
    assert answer(*words, *customer, *asked[:-1], "x", status=1)["error"]["code"] == "unknown_target"
    earlier = ("--as-of", "2024-11-01", "--category", category)
    assert answer(*words, *customer, *earlier, status=1)["error"]["code"] == "model"


def test_a_horizon_that_was_not_scored_names_those_that_were(way: Way, category: str) -> None:
    body = answer("interested-in", way.scores, "--category", category, "--horizon", "90", status=1)
    assert "28 days" in body["error"]["message"]


def test_many_rows_of_interests_want_a_yes(way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from intentml.scores import folder

    monkeypatch.setattr(folder, "MANY_ROWS", 1_000)
    out = tmp_path / "s"
    words = ("score", way.shop, "--model", way.model, "--as-of", AS_OF, "--horizon", HORIZON, "--out", out)
    words += ("--interests", "all", "--kinds", "category")
    refused = answer(*words, status=1)["error"]
    customers, targets = way.scored["counts"]["customers"], way.scored["counts"]["targets_category"]
    assert f"{customers * targets:,} rows" in refused["message"]
    assert "--yes" in refused["hint"]
    assert not out.exists()
    assert answer(*words, "--yes")["counts"]["targets_category"] == targets
    assert im.load_scores(out).interests(None, kind="category").shape[0] == customers * targets


def test_a_scores_folder_is_enough_to_answer(way: Way, category: str, tmp_path: Path) -> None:
    """Copied away from shop and model, in a process of its own: the same answer."""
    import shutil

    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(way.scores, elsewhere)
    told = process(tmp_path, "interested-in", elsewhere, "--category", category, "--limit", "3", "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == answer(
        "interested-in", way.scores, "--category", category, "--limit", "3"
    )


def test_a_model_of_another_shop_is_refused(way: Way, tmp_path: Path) -> None:
    pd.DataFrame(
        {
            "customer_id": ["a", "b"] * 30,
            "order_id": [f"o{n}" for n in range(60)],
            "ordered_at": pd.date_range("2024-11-01", periods=60).astype(str),
            "product_id": ["x", "y", "z"] * 20,
        }
    ).to_csv(tmp_path / "orders.csv", index=False)
    out = tmp_path / "s"
    words = (
        "score",
        tmp_path,
        "--model",
        way.model,
        "--as-of",
        "2024-12-31",
        "--horizon",
        HORIZON,
        "--out",
        out,
    )
    assert answer(*words, status=1)["error"]["code"] == "model"
    assert not out.exists()


def test_backtest_measures_the_recipe_beside_every_prior_and_writes_the_report(
    way: Way, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    words = ("backtest", way.shop, "--recipe", "priors", "--last-as-of", AS_OF, "--horizon", HORIZON)
    words = (*words, "--windows", "1", "--min-buyers-in-window", "3", "--new-products")
    told = run(*words, *QUICK, "--out", out)
    assert told.exit_code == 0, told.output
    assert "Categories, 28 days, from 2025-01-01" in told.stdout
    assert "New products, 28 days, from 2025-01-01" in told.stdout
    assert "  category counts " in told.stdout
    for name in ("priors", "popular", "decayed_counts", "gamma_poisson", "pareto_nbd"):
        assert f"  {name} " in told.stdout
    assert "with 95 % intervals over customers" in told.stdout
    assert "backtest: " in told.stderr
    report = json.loads((out / "report.json").read_text())
    assert report["recipe"] == "priors"
    new = {one["predictor"] for one in report["measurements"] if one["head"] == "new_product"}
    assert new == {"priors", "category's popularity", "activity alone", "category counts"}
    assert (out / "report.md").is_file()
