"""Pictures of a backtest: the board of each head, its reliability or tenths, and mAP by window.

What comes in: a `BacktestReport` and a folder. What goes out: PNG files. Without matplotlib there are
none, and the report says so.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from intentml.evaluation.board import TITLES, Board, against_best, boards
from intentml.evaluation.contenders import BASELINE, PEER, RECIPE
from intentml.evaluation.measurement import (
    ALL,
    CALIBRATION,
    MEAN,
    NO_ORDER,
    USERS_FOR_TARGET,
    Measurement,
    Reliability,
)
from intentml.evaluation.results import BacktestReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NO_PLOTS = "No plots: matplotlib is not installed (`pip install matplotlib`)."

_SIZE, _DPI = (5.2, 5.2), 120
_OTHERS = ("#7a7a7a", "#4c78a8", "#72b7b2", "#e45756", "#b279a2", "#9d755d", "#bab0ac", "#54a24b", "#eeca3b")
_RECIPE = "#d95f02"
_ROLES = {RECIPE: _RECIPE, BASELINE: _OTHERS[0], PEER: _OTHERS[1]}


def can_plot() -> bool:
    """Whether matplotlib is there."""
    return find_spec("matplotlib") is not None


def write_plots(report: BacktestReport, folder: Path) -> list[str]:
    """Write the pictures of a report; the names written.

    They are `board_<head>.png`, `reliability_<head>.png`, `deciles_<head>.png`, `map_by_window_<kind>.png`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    as_of = MEAN if len(report.windows) > 1 else report.windows[0].as_of.iso
    # The last of a head is of its longest horizon.
    of_heads = {board.head: board for board in boards(report, as_of)}
    drawn = [_board(board, folder) for board in of_heads.values()]
    reliable = [head for head in report.heads if any(one.head == head for one in report.reliability)]
    written = [_reliability(report, head, folder) for head in reliable]
    amounts = dict.fromkeys(one.head for one in report.deciles)
    written += [_deciles(report, head, folder) for head in amounts]
    ranked = dict.fromkeys(one.head for one in report.measurements if _is_map(one))
    return drawn + written + [_map_by_window(report, kind, folder) for kind in ranked]


def _board(board: Board, folder: Path) -> str:
    """Every predictor's number by the head's main metric, the best on top."""
    told = [(name, role, cells[0]) for name, role, cells in board.rows if cells[0].value is not None]
    told.sort(key=lambda row: row[2].merit)
    name = f"board_{board.head}.png"
    with _figure(folder / name, (1.4 * _SIZE[0], 1.0 + 0.3 * len(told))) as axes:
        for place, (_, role, cell) in enumerate(told):
            value = float(cell.value or 0.0)
            error = [[max(value - cell.low, 0.0)], [max(cell.high - value, 0.0)]]
            axes.errorbar(
                [value],
                [place],
                xerr=None if math.isnan(cell.low) else error,
                color=_ROLES[role],
                marker="o",
                markersize=5,
                capsize=2,
            )
        axes.set_yticks(range(len(told)), [f"{name} ({role})" for name, role, _ in told], fontsize=8)
        axes.grid(axis="x", linewidth=0.4)
        axes.set(xlabel=board.columns[0], title=board.title)
    return name


def _reliability(report: BacktestReport, head: str, folder: Path) -> str:
    """The recipe in every window, and in the newest one the baseline that is best by log-loss."""
    tables = [one for one in report.reliability if one.head == head]
    newest = tables[-1].as_of
    question = NO_ORDER if head == "no_order" else CALIBRATION
    rivals = _best_baselines(report, newest, head, question, "log_loss")
    name = f"reliability_{head}.png"
    with _figure(folder / name, _SIZE) as axes:
        # Most probabilities of buying a target are small: logarithmic axes spread them out.
        start = 0.0 if head == "no_order" else 1e-4
        axes.plot([start, 1], [start, 1], color="black", linewidth=0.8, linestyle=":")
        for one in sorted(tables, key=lambda one: one.predictor == report.recipe):  # the recipe on top
            if one.predictor == report.recipe:
                _draw(axes, one, _RECIPE, newest=one.as_of == newest)
            elif one.predictor in rivals and one.as_of == newest:
                _draw(axes, one, _OTHERS[1], newest=True)
        if start:
            axes.set(xscale="log", yscale="log", xlim=(start, 1), ylim=(start, 1))
        axes.set(
            xlabel="predicted probability", ylabel="share that happened", title=f"Reliability: {TITLES[head]}"
        )
        axes.legend(fontsize=8, loc="upper left")
    return name


def _draw(axes: Axes, one: Reliability, colour: str, *, newest: bool) -> None:
    """One predictor's bins: with intervals in the newest window, thin in older ones."""
    table, label = one.table, f"{one.predictor}, {one.horizon_days} days from {one.as_of[:10]}"
    if newest:
        error = [abs(table.observed - table.low), abs(table.high - table.observed)]
        axes.errorbar(
            table.predicted, table.observed, yerr=error, color=colour, marker="o", markersize=4, label=label
        )
    else:
        axes.plot(table.predicted, table.observed, color=colour, alpha=0.35, linewidth=1, label=label)


def _deciles(report: BacktestReport, head: str, folder: Path) -> str:
    """Expected against actual by tenths of the customers: the recipe, and the baseline best by MAE."""
    tables = [one for one in report.deciles if one.head == head]
    newest = tables[-1].as_of
    rivals = _best_baselines(report, newest, head, head, "mae")
    name = f"deciles_{head}.png"
    with _figure(folder / name, _SIZE) as axes:
        most = 0.0
        for one in sorted(tables, key=lambda one: one.predictor == report.recipe):  # the recipe on top
            is_recipe, is_newest = one.predictor == report.recipe, one.as_of == newest
            if not is_recipe and not (one.predictor in rivals and is_newest):
                continue
            axes.plot(
                one.table.expected,
                one.table.actual,
                color=_RECIPE if is_recipe else _OTHERS[1],
                alpha=1.0 if is_newest else 0.35,
                linewidth=1.5 if is_newest else 1,
                marker="o" if is_newest else "",
                markersize=4,
                label=f"{one.predictor}, {one.horizon_days} days from {one.as_of[:10]}",
            )
            most = max(most, one.table.expected.max(), one.table.actual.max())
        axes.plot([0, most], [0, most], color="black", linewidth=0.8, linestyle=":")
        axes.set(
            xlabel="mean expected, by tenths of the customers",
            ylabel="mean that came",
            title=f"Tenths: {TITLES[head]}",
        )
        axes.legend(fontsize=8, loc="upper left")
    return name


def _best_baselines(report: BacktestReport, as_of: str, head: str, question: str, metric: str) -> set[str]:
    """Names of the baselines that are best by a metric in a window, one a horizon."""
    about = head, question, metric
    best = against_best(report, as_of)
    return {one.against for one in best if (one.head, one.question, one.metric) == about}


def _map_by_window(report: BacktestReport, kind: str, folder: Path) -> str:
    """The mAP of every predictor, window by window, with intervals."""
    told = [one for one in report.measurements if one.head == kind and _is_map(one)]
    dates = list(dict.fromkeys(one.as_of for one in told))
    names = [name for name in report.roles_of(kind) if any(one.predictor == name for one in told)]
    name = f"map_by_window_{kind}.png"
    with _figure(folder / name, (1.6 * _SIZE[0], _SIZE[1])) as axes:
        for place, predictor in enumerate(names):
            own = [one for one in told if one.predictor == predictor]
            # Side by side, so that intervals of one window do not hide each other.
            at = [dates.index(one.as_of) + 0.04 * (place - len(names) / 2) for one in own]
            error = [
                [0.0 if math.isnan(one.low) else max(one.value - one.low, 0.0) for one in own],
                [0.0 if math.isnan(one.high) else max(one.high - one.value, 0.0) for one in own],
            ]
            is_recipe = predictor == report.recipe
            axes.errorbar(
                at,
                [one.value for one in own],
                yerr=error,
                color=_RECIPE if is_recipe else _OTHERS[place % len(_OTHERS)],
                linewidth=2 if is_recipe else 1,
                marker="o",
                markersize=4,
                label=predictor,
            )
        axes.set_xticks(range(len(dates)), [date[:10] for date in dates])
        axes.set_xlim(-0.5, len(dates) - 0.5)
        axes.set(xlabel="window starts", ylabel="mAP, users for a target", title=TITLES[kind])
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return name


class _figure:  # noqa: N801 - reads as a verb in a with statement
    """One figure that is written at the end; without pyplot, so that no global state is touched."""

    def __init__(self, path: Path, size: tuple[float, float]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.path = path
        self.figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        FigureCanvasAgg(self.figure)

    def __enter__(self) -> Axes:
        return self.figure.subplots()

    def __exit__(self, *problem: object) -> None:
        if problem[0] is None:
            self.figure.savefig(self.path)


def _is_map(one: Measurement) -> bool:
    return (one.question, one.metric, one.stratum) == (USERS_FOR_TARGET, "map", ALL)
