"""Where the recipe stands: beside the best baseline and the best peer; the truth is nobody's rival."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fortunes import Fortune
from intentml.evaluation import BacktestConfig, Contenders, backtest
from intentml.evaluation.measurement import MEAN
from intentml.evaluation.results import BacktestReport
from intentml.evaluation.standings import standings, standings_table
from intentml.timeline import rolling_windows


@pytest.fixture(scope="module")
def report(shop, window, perfect, upside_down) -> BacktestReport:
    """A recipe that knows nothing, a baseline and a peer that are worse, and the truth."""
    plain = replace(perfect, name="base", no_order=np.full(len(perfect.no_order), 0.5), logits={})
    others = {"prior": upside_down, "peer": upside_down, "truth": perfect}
    who = Contenders({"base": plain, **others}, recipe="base", peers=("peer", "truth"))
    return backtest(shop, [window], lambda log, as_of: who, BacktestConfig(resamples=50))


def log_loss(report, **asked):
    told = standings(report, report.windows[0].as_of.iso, **asked)
    return next(one for one in told if one.key.metric == "log_loss")


def test_a_peer_that_is_the_truth_wins(report):
    one = log_loss(report)
    assert one.recipe.value == pytest.approx(np.log(2))
    assert (one.baseline[0], one.peer[0], one.aside) == ("prior", "truth", None)
    assert one.gap.verdict == "worse"


def test_set_aside_it_stands_apart_and_the_recipe_is_held_against_the_others(report):
    one = log_loss(report, aside=["truth"])
    assert (one.baseline[0], one.peer[0], one.aside[0]) == ("prior", "peer", "truth")
    assert one.aside[1].value < one.recipe.value < one.peer[1].value
    assert (one.gap.against, one.gap.verdict) == ("peer", "better")


def test_the_page_has_a_column_of_its_own_for_it_and_bold_is_the_best_of_the_rivals(report):
    start = report.windows[0].as_of.iso
    heads, _, *rows = standings_table(standings(report, start, aside=["truth"]), "base").splitlines()
    assert heads.endswith("| base minus best peer | apart |")
    (row,) = [row for row in rows if "| log-loss |" in row]
    assert "| **0.69" in row
    assert row.endswith(", truth |")
    assert "apart" not in standings_table(standings(report, start), "base")


def test_a_peer_that_missed_a_window_has_no_mean(shop, perfect, upside_down):
    windows = rolling_windows(shop.instant("2024-03-24"), 7, 2, 7)

    def fit(log, as_of):
        known = len(log.as_of(as_of).customer_ids)
        plain = Fortune("base", no_order=np.full(known, 0.5))
        # The peer is perfect in one window and has no answer in the other.
        lucky = Fortune("peer", no_order=np.full(known, 0.9) if as_of == windows[0].as_of else None)
        return Contenders({"base": plain, "prior": plain, "peer": lucky}, recipe="base", peers=("peer",))

    report = backtest(shop, windows, fit, BacktestConfig(resamples=0))
    one = next(one for one in standings(report, MEAN) if one.key.metric == "log_loss")
    assert one.peer is None
    assert any(one.peer for one in standings(report, windows[0].as_of.iso))
