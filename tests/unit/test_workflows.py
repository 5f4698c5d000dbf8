"""The whole way, from tables to answers, on shops made by hand."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from intentml import workflows
from intentml.errors import ContractError, DataError, IntentmlError, ModelError, ScoresError, TimeError
from intentml.inference.folder import load_model
from intentml.scores.folder import load_scores
from intentml.scores.manifest import ModelStamp
from intentml.timeline import OrderLog
from intentml.workflows import read_tables, score, train
from random_shop import AS_OF_TEXT
from scored_shop import QUICK, frames, log, model, orders_at
from tiny import TINY_SHOP, log_of, tiny_frames

AS_OF = "2024-06-01"


# -- reading, training, scoring ---------------------------------------------------------------------


def test_tables_are_read_from_a_folder_or_from_frames():
    from_folder, from_frames = read_tables(TINY_SHOP), read_tables(tiny_frames())
    assert from_folder.tables.fingerprint == from_frames.tables.fingerprint
    assert from_folder.customer_ids.tolist() == ["ana", "ben", "cho", "dee", "eve"]


def test_a_time_zone_moves_the_day():
    assert read_tables(tiny_frames(), timezone="Europe/Madrid").timezone == "Europe/Madrid"


def test_tables_that_break_the_contract_are_refused():
    broken = tiny_frames()
    broken["orders"] = broken["orders"].drop(columns="ordered_at")
    with pytest.raises(ContractError, match="ordered_at"):
        read_tables(broken)


def test_a_model_is_trained_written_and_read_back(tmp_path):
    saved = train(log(), as_of=AS_OF_TEXT, settings=QUICK, out=tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert saved.fingerprint == again.fingerprint == model().fingerprint
    assert saved.name == "priors"
    assert ModelStamp.of(saved).version == saved.fingerprint[:12]
    assert ModelStamp.of(saved).trained_until == "2024-03-31T00:00:00+00:00"


def test_a_seed_replaces_the_recipes():
    assert train(log(), as_of=AS_OF_TEXT, settings=QUICK, seed=5).card["seed"] == 5


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"order": tiny_frames()["orders"]}, "no table is called 'order'"),
        ({}, "there is no table of orders"),
        (tiny_frames()["orders"], "a DataFrame is no source of tables"),
    ],
)
def test_frames_that_are_no_tables_of_a_shop_are_refused(source, complaint):
    with pytest.raises(DataError, match=complaint):
        read_tables(source)


@pytest.mark.parametrize("horizon", [28.0, "28", [28, 6], True])
def test_a_horizon_that_is_none_is_refused(horizon):
    with pytest.raises(TimeError, match="horizon of"):
        score(model(), log(), as_of=AS_OF_TEXT, horizon_days=horizon)


def test_a_horizon_may_be_a_number_of_numpy():
    assert score(model(), log(), as_of=AS_OF_TEXT, horizon_days=np.int64(28)).manifest.horizons == (28,)


def test_a_model_is_scored_as_a_value_or_as_a_folder(tmp_path):
    train(log(), as_of=AS_OF_TEXT, settings=QUICK, out=tmp_path / "model")
    by_folder = score(tmp_path / "model", log(), as_of=AS_OF_TEXT, horizon_days=28, out=tmp_path / "scores")
    by_value = score(model(), log(), as_of=AS_OF_TEXT, horizon_days=28)
    assert by_folder.manifest == by_value.manifest
    pd.testing.assert_frame_equal(by_folder.customers, by_value.customers)
    assert by_value.index is None
    assert by_folder.index is not None
    assert by_folder.index.search("tea")


def test_progress_is_told_from_start_to_end(tmp_path):
    told: list[tuple[str, int, int]] = []

    def tell(step: str, done: int, total: int) -> None:
        told.append((step, done, total))

    saved = train(log(), as_of=AS_OF_TEXT, settings=QUICK, progress=tell)
    score(saved, log(), as_of=AS_OF_TEXT, horizon_days=28, out=tmp_path / "scores", progress=tell)
    steps = {step for step, _, _ in told}
    assert {"timing", "snapshot", "28 days", "customers", "interests"} <= steps
    assert all(1 <= done <= total for _, done, total in told)


def test_an_error_leaves_no_folder(tmp_path):
    with pytest.raises(ModelError):
        score(model(), log(), as_of="2024-03-30", horizon_days=28, out=tmp_path / "scores")
    with pytest.raises(IntentmlError):
        train(log(), as_of="2030-01-01", settings=QUICK, out=tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_holds_something_else_is_refused_before_the_work(tmp_path):
    (tmp_path / "thesis.md").write_text("three years of work")
    told: list[str] = []

    def tell(step: str, done: int, total: int) -> None:
        told.append(step)

    with pytest.raises(ModelError, match=r"it holds thesis.md"):
        train(log(), as_of=AS_OF_TEXT, settings=QUICK, out=tmp_path, progress=tell)
    with pytest.raises(ScoresError, match=r"it holds thesis.md"):
        score(model(), log(), as_of=AS_OF_TEXT, horizon_days=28, out=tmp_path, progress=tell)
    assert told == []


def test_questions_need_no_other_file_than_the_scores_folder(tmp_path):
    shutil.copytree(TINY_SHOP, tmp_path / "shop")
    for name, table in frames().items():
        table.to_parquet(tmp_path / "shop" / f"{name}.parquet")
        (tmp_path / "shop" / f"{name}.csv").unlink()
    saved = train(read_tables(tmp_path / "shop"), as_of=AS_OF_TEXT, settings=QUICK, out=tmp_path / "model")
    score(saved, read_tables(tmp_path / "shop"), as_of=AS_OF_TEXT, horizon_days=28, out=tmp_path / "scores")
    shutil.rmtree(tmp_path / "shop")
    shutil.rmtree(tmp_path / "model")
    shop = load_scores(tmp_path / "scores")
    assert len(shop.interested_in(keyword="thing", category="TEA", limit=4)) == 4


def test_the_gate_measures_what_was_known_by_then():
    measured = {gate.name: gate.measured for gate in workflows.gate(read_tables(TINY_SHOP), "2024-03-01")}
    assert measured["buyers"] == 3
    assert measured["repeat_buyers"] == 2  # of the three orders of cho, one is known by then


# -- stages of the lifecycle, by each customer's own rhythm -------------------------------------------

QUARTER, YEAR = 91, 365
#                 gap, days since the last order, stage
WATCHED = {
    "quarterly-1m": (QUARTER, 30, "active"),
    "quarterly-4m": (QUARTER, 122, "slipping_away"),
    "quarterly-7m": (QUARTER, 213, "lost"),
    "yearly-9m": (YEAR, 274, "active"),
    "yearly-15m": (YEAR, 456, "slipping_away"),
}


def shop_of_rhythm(gap: int) -> OrderLog:
    """Sixty customers who buy every `gap` days, a third of whom have stopped, and those watched."""
    rng = np.random.default_rng(gap)
    days: dict[str, list[int]] = {"anchor": [1]}
    for number in range(60):
        last = int(rng.integers(1, gap + 1)) + (0 if number % 3 else 4 * gap)
        orders = 1 if number % 10 == 9 else 8
        late = rng.integers(0, 1 + gap // 20, orders)
        days[f"shop-{number:02d}"] = [last + back * gap + int(late[back]) for back in range(orders)]
    for name, (own, last, _) in WATCHED.items():
        for orders in range(3, 8):
            days[f"{name}-{orders}"] = [last + back * own for back in range(orders)]
    return log_of({"orders": orders_at(days, AS_OF, unit_price=10.0)})


@pytest.mark.parametrize("gap", [20, 45, 90, 365])
def test_a_customers_stage_goes_by_their_own_rhythm_whatever_the_shops(gap):
    shop = shop_of_rhythm(gap)
    saved = train(shop, as_of=AS_OF, settings=[*QUICK, "priors.horizons_days=[90]"])
    scored = score(saved, shop, as_of=AS_OF, horizon_days=28)
    stage = scored.customers.set_index("customer_id")["lifecycle"]
    wrong = {
        f"{name}-{orders}": stage[f"{name}-{orders}"]
        for name, (_, _, expected) in WATCHED.items()
        for orders in range(3, 8)
        if stage[f"{name}-{orders}"] != expected
    }
    assert wrong == {}


def test_the_model_expects_back_who_is_active_rather_than_who_is_lost():
    shop = shop_of_rhythm(45)
    saved = train(shop, as_of=AS_OF, settings=[*QUICK, "priors.horizons_days=[90]"])
    table = score(saved, shop, as_of=AS_OF, horizon_days=28).customers.set_index("customer_id")
    back = table["return_probability"]
    assert back["quarterly-1m-7"] > back["quarterly-4m-7"] > back["quarterly-7m-7"]
