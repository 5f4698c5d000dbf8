"""The page, the files and the terminal lines tell the same numbers, each with what it is held against."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from fortunes import Fortune
from intentml.errors import DataError
from intentml.evaluation import BacktestConfig, backtest, plots, summary_lines, write_report
from intentml.evaluation import report as report_page
from intentml.evaluation.board import Board, Cell, against_best, boards
from intentml.evaluation.measurement import MEAN
from intentml.evaluation.report import markdown
from intentml.evaluation.standings import standings
from intentml.timeline import Window, rolling_windows


@pytest.fixture(scope="module")
def report(shop, window, contenders):
    settings = BacktestConfig(kinds=("category", "brand"))
    return backtest(shop, [window], lambda log, as_of: contenders, settings)


@pytest.fixture(scope="module")
def two_windows(report):
    """The same window twice, a week apart: means must be the numbers of either."""
    later = report.windows[0].as_of.plus_days(7)
    return replace(
        report,
        windows=(*report.windows, Window(later, 28)),
        measurements=(*report.measurements, *(replace(one, as_of=later.iso) for one in report.measurements)),
        differences=(*report.differences, *(replace(one, as_of=later.iso) for one in report.differences)),
    )


def row(page: str, title: str, name: str) -> list[str]:
    """The cells of a predictor in a board of the page."""
    board = page.split(f"### {title}")[1]
    line = next(line for line in board.splitlines() if line.startswith(f"| {name}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_best_of_a_column_is_bold_and_the_recipe_stands_first(report):
    page = markdown(report)
    title = "Categories, 28 days, from 2024-03-01"
    assert row(page, title, "perfect")[1] == "**1.0000 (1.0000 to 1.0000)**"
    assert "**" not in row(page, title, "noisy")[1]
    lines = page.split(f"### {title}")[1].splitlines()
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| ")][:3] == [
        "predictor",
        "noisy (recipe)",
        "constant",
    ]


def test_a_predictor_without_the_head_has_dashes(report):
    cells = row(markdown(report), "Categories, 28 days, from 2024-03-01", "timing")
    assert set(cells[1:]) == {"–"}


def test_the_page_names_window_population_data_and_both_sides_of_the_verdict(report):
    page = markdown(report)
    assert "windows: 2024-03-01 to 2024-03-29 (28 days)" in page
    assert "40 customers x 2 targets." in page
    assert f"fingerprint {report.fingerprint}" in page
    assert "at\nleast 20 in the window" in page
    assert "- Categories, 28 days, mAP: noisy minus perfect = -0." in page
    assert "explore AP lift (chance 1.1" in page


def test_a_kind_without_enough_buyers_is_named(shop, window, contenders):
    settings = BacktestConfig(kinds=("category",), min_buyers_in_window=30, resamples=0)
    page = markdown(backtest(shop, [window], lambda log, as_of: contenders, settings))
    assert "Not judged, no target has 30 buyers in the window: Categories (fewer will do with" in page
    assert "### Categories" not in page


@pytest.fixture(scope="module")
def of_new_products(shop, window, contenders):
    """Cups and hats have sold nothing: the seed draws these two."""

    def measured(fewest):
        settings = BacktestConfig(kinds=("category",), min_buyers_in_window=fewest, seed=38, resamples=20)
        few = {name: contenders[name] for name in ("noisy", "perfect")}
        return backtest(
            shop, [window], lambda log, as_of: contenders, settings, fit_new=lambda log, as_of: few
        )

    return measured


def test_new_products_have_a_board_of_their_own_with_rules_that_no_other_has(of_new_products, report):
    told = of_new_products(20)
    page, title = markdown(told), "New products, 28 days, from 2024-03-01"
    rules = ("category's popularity", "activity alone", "category counts")
    (board,), others = (
        [part for part in page.split("### ")[1:] if part.startswith(title) == mine] for mine in (True, False)
    )
    assert "40 customers x 2 targets." in board
    names = [line.split("|")[1].strip() for line in board.splitlines() if line.startswith("| ")]
    assert names == ["predictor", "noisy (recipe)", "perfect", *rules]
    heads = [cell.strip() for cell in board.splitlines()[4].strip("|").split("|")][1:]
    assert heads == [
        "mAP", "AUROC", "lift, best 5 %", "nDCG at 10", "log-loss", "ECE", "predicted / actual",
    ]  # fmt: skip
    assert row(page, title, "perfect")[1].startswith("**1.0000")
    assert set(row(page, title, rules[0])[5:]) == {"–"}
    assert not any(rule in part for rule in rules for part in others)
    assert "- New products, 28 days, mAP: noisy minus perfect = -0." in page
    assert "- **new products**: a tenth of the products" in page
    assert "**new products**" not in markdown(report)
    assert "New products, 28 days, from 2024-03-01: 40 customers x 2 targets" in summary_lines(told)
    assert {"name": rules[0], "role": "baseline"} in told.to_dict()["predictors"]
    assert [one.key.metric for one in standings(told, told.windows[0].as_of.iso)].count("lift_5") == 2


def test_new_products_that_too_few_bought_are_named(of_new_products):
    told = of_new_products(30)
    said = (
        "Not judged, no target has 30 buyers in the window: Categories, New products "
        "(fewer will do with --min-buyers-in-window)."
    )
    assert said in markdown(told)
    assert f"2024-03-01: {said}" in summary_lines(told)
    assert "### New products" not in markdown(told)


def test_several_windows_have_their_mean_first_and_each_after_it(report, two_windows):
    page = markdown(two_windows)
    order = [
        page.index(part) for part in ("## Mean over windows", "## Window from 2024-03-01", "2024-03-08\n")
    ]
    assert order == sorted(order)
    one, mean = (
        row(page, f"Categories, 28 days, {when}", "noisy") for when in ("from 2024-03-01", "mean of 2")
    )
    assert one == mean
    assert "## Mean over windows" not in markdown(report)


def test_means_of_equal_windows_are_the_window_itself(report, two_windows):
    here = {(one.predictor, one.key): repr(one.value) for one in report.measurements}
    assert {(one.predictor, one.key): repr(one.value) for one in two_windows.mean_over_windows()} == here
    assert [one.value for one in against_best(two_windows, MEAN)] == pytest.approx(
        [one.value for one in against_best(report, report.windows[0].as_of.iso)]
    )


def test_equal_to_the_printed_digit_is_equally_best(report):
    first = boards(report, report.windows[0].as_of.iso)[0]
    column = first.columns.index("AUROC")
    assert [name for name, _, cells in first.rows if cells[column].best] == ["perfect"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell("map", 0.37412, 0.36, 0.388), "0.3741 (0.3600 to 0.3880)"),
        (Cell("lift_5", 6.0), "6.00"),
        (Cell("mae", 854.3548), "854.35"),
        (Cell("mae", 123456.7), "123457"),
        (Cell("auroc"), "–"),
    ],
)
def test_a_number_is_printed_with_the_digits_that_mean_something(cell, text):
    assert cell.text() == text


def test_the_frame_has_one_row_a_measurement(report):
    frame = report.frame()
    assert len(frame) == len(report.measurements)
    best = frame.query(
        "predictor == 'perfect' and head == 'category' and metric == 'map' and stratum == 'all'"
    )
    assert best["value"].tolist() == [1.0]


def test_the_folder_holds_page_numbers_and_pictures(report, tmp_path):
    folder = write_report(report, tmp_path / "deep" / "board")
    assert sorted(path.name for path in folder.iterdir()) == [
        "measurements.csv", "measurements.parquet", "plots", "report.json", "report.md",
    ]  # fmt: skip
    pictures = sorted(path.name for path in (folder / "plots").iterdir())
    assert pictures == [
        "board_category.png", "board_no_order.png", "board_orders.png", "board_spend.png",
        "deciles_orders.png", "deciles_spend.png",
        "map_by_window_category.png", "reliability_category.png", "reliability_no_order.png",
    ]  # fmt: skip
    assert all((folder / "plots" / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    page = (folder / "report.md").read_text("utf-8")
    assert all(f"(plots/{name})" in page for name in pictures)
    table = pq.read_table(folder / "measurements.parquet")
    assert table.num_rows == pa_csv.read_csv(folder / "measurements.csv").num_rows == len(report.measurements)
    content = json.loads((folder / "report.json").read_text("utf-8"))
    assert content["recipe"] == "noisy"
    assert len(content["measurements"]) == len(report.measurements)
    assert content["windows"] == [
        {"as_of": "2024-03-01T00:00:00+00:00", "end": "2024-03-29T00:00:00+00:00", "horizon_days": 28}
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["board"]


def test_an_older_report_is_replaced_whole(report, two_windows, tmp_path, monkeypatch):
    monkeypatch.setattr(report_page, "can_plot", lambda: False)
    folder = write_report(two_windows, tmp_path / "board")
    (folder / "old.png").write_text("old")
    write_report(report, folder)
    assert not (folder / "old.png").exists()
    assert "Mean over windows" not in (folder / "report.md").read_text("utf-8")


def test_a_folder_that_is_no_report_is_left_alone(report, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(DataError, match="is not a report"):
        write_report(report, tmp_path)
    with pytest.raises(DataError, match="is a file"):
        write_report(report, tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_report_that_fails_half_way_leaves_the_older_one_and_nothing_else(report, tmp_path, monkeypatch):
    monkeypatch.setattr(report_page, "can_plot", lambda: False)
    folder = write_report(report, tmp_path / "board")
    before = (folder / "report.md").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(report_page.pa_csv, "write_csv", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(report, folder)
    assert (folder / "report.md").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["board"]


def test_an_older_report_comes_back_where_the_new_one_cannot_take_its_place(tmp_path):
    folder, older = tmp_path / "board", tmp_path / "older"
    folder.mkdir()
    (folder / "report.md").write_text("old")
    with pytest.raises(FileNotFoundError):
        report_page._put_in_place(tmp_path / "absent", folder, older)
    assert (folder / "report.md").read_text() == "old"
    assert not older.exists()


def test_without_matplotlib_the_page_says_so_and_has_its_tables(report, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    folder = write_report(report, tmp_path / "board")
    page = (folder / "report.md").read_text("utf-8")
    assert not (folder / "plots").exists()
    assert page.count("matplotlib is not installed") == 1
    assert "### Categories" in page


def test_the_terminal_shows_every_head_with_its_baselines_and_ends_with_the_verdicts(report):
    lines = summary_lines(report)
    at = lines.index("Categories, 28 days, from 2024-03-01: 40 customers x 2 targets")
    heading, recipe, constant, best = (line.split() for line in lines[at + 1 : at + 5])
    assert heading[0] == "mAP"
    assert (recipe[0], constant[0], best[0], best[1]) == ("noisy", "constant", "perfect", "1.0000*")
    assert not any("timing" in line for line in lines[at : at + 5])
    assert lines[-1].startswith("Expected spend, 28 days, MAE: noisy minus")
    assert max(map(len, lines)) <= 120


def test_the_terminal_shows_the_mean_of_several_windows(two_windows):
    assert summary_lines(two_windows)[0].startswith("Categories, 28 days, mean of 2 windows")


def test_windows_of_a_real_roll_have_their_own_boards(shop):
    def fit(log, as_of):
        known = len(log.customer_ids)
        return {name: Fortune(name, no_order=np.full(known, rate)) for name, rate in [("a", 0.2), ("b", 0.4)]}

    windows = rolling_windows(shop.instant("2024-03-01"), 14, 3, 14)
    rolled = backtest(shop, windows, fit, BacktestConfig(resamples=0))
    assert [len(boards(rolled, one.as_of.iso)) for one in windows] == [1, 1, 1]
    assert boards(rolled, MEAN)[0].windows == 3


def test_targets_that_nobody_is_judged_on_are_called_known():
    """Of all targets known it is told how many buyers came; that is no judgement of those bought enough."""
    told = Board("product", "2024-03-01", 28, 1, 40, 593, (), (), judged=False)
    assert told.population == "40 customers x 593 targets known, none judged"
