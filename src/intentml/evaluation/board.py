"""The boards: one table a head and window, predictors by main metrics, ready to be printed anywhere.

What comes in: a `BacktestReport`. What goes out: `Board`s of cells that know whether they are the
best, and the sentence that holds the recipe against the best baseline. It prints nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from intentml.evaluation.measurement import (
    ALL,
    CALIBRATION,
    EXPECTED_BUYERS,
    EXPLORE,
    MEAN,
    METRICS,
    NEW_PRODUCT,
    NO_ORDER,
    ORDERS,
    REPEAT,
    SETS,
    SETS_INDEPENDENT,
    SPEND,
    TAIL,
    TARGETS_FOR_USER,
    USERS_FOR_TARGET,
    Difference,
    Measurement,
    MetricKey,
)
from intentml.evaluation.results import BacktestReport
from intentml.priors.union import SIZE_BANDS
from intentml.timeline.catalogue import KINDS

TITLES = {
    "category": "Categories",
    "category_node": "Category nodes",
    "brand": "Brands",
    "product": "Products",
    NEW_PRODUCT: "New products",
    "no_order": "No order (churn)",
    "orders": "Expected orders",
    "spend": "Expected spend",
    "sets": "Product sets",
}

Column = tuple[str, str, str, str]  # question, metric, stratum, title

_TARGETS: tuple[Column, ...] = (
    (USERS_FOR_TARGET, "map", ALL, "mAP"),
    (USERS_FOR_TARGET, "auroc", ALL, "AUROC"),
    (USERS_FOR_TARGET, "lift_5", ALL, "lift, best 5 %"),
    (USERS_FOR_TARGET, "map", REPEAT, "repeat mAP"),
    (USERS_FOR_TARGET, "ap_lift", EXPLORE, "explore AP lift"),
    (USERS_FOR_TARGET, "map", TAIL, "tail mAP"),
    (TARGETS_FOR_USER, "ndcg_10", ALL, "nDCG at 10"),
    (TARGETS_FOR_USER, "recall_10", ALL, "recall at 10"),
    (TARGETS_FOR_USER, "hit_10", ALL, "hit at 10"),
    (TARGETS_FOR_USER, "ndcg_10", EXPLORE, "explore nDCG at 10"),
    (CALIBRATION, "log_loss", ALL, "log-loss"),
    (CALIBRATION, "ece", ALL, "ECE"),
    (CALIBRATION, "predicted_over_actual", ALL, "predicted / actual"),
    (EXPECTED_BUYERS, "interval_coverage", ALL, "buyers in the 90 % interval"),
)
# Nobody bought a new product before, and few of them are judged: no strata, no list of which to recall all.
_NEW_PRODUCT = tuple(
    column
    for column in _TARGETS
    if column[0] != EXPECTED_BUYERS and column[2] == ALL and column[1] not in ("recall_10", "hit_10")
)
_NO_ORDER: tuple[Column, ...] = (
    (NO_ORDER, "auroc", ALL, "AUROC"),
    (NO_ORDER, "log_loss", ALL, "log-loss"),
    (NO_ORDER, "brier", ALL, "Brier"),
    (NO_ORDER, "ece", ALL, "ECE"),
    (NO_ORDER, "calibration_slope", ALL, "slope"),
    (NO_ORDER, "predicted_over_actual", ALL, "predicted / actual"),
    (NO_ORDER, "auroc", "1", "AUROC, 1 order"),
    (NO_ORDER, "auroc", "2-4", "AUROC, 2-4 orders"),
    (NO_ORDER, "auroc", "5+", "AUROC, 5+ orders"),
)
_SETS: tuple[Column, ...] = tuple(
    (question, metric, stratum, f"{title}{ending}")
    for question, ending in ((SETS, ""), (SETS_INDEPENDENT, ", if independent"))
    for metric, stratum, title in (
        ("map", ALL, "mAP"),
        ("log_loss", ALL, "log-loss"),
        *(("predicted_over_actual", band, f"predicted / actual, {band}") for band in SIZE_BANDS),
    )
)
_AMOUNT = ("mae", "rmse", "total_bias", "gini", "spearman", "decile_error")
COLUMNS: Mapping[str, tuple[Column, ...]] = {
    **dict.fromkeys(KINDS, _TARGETS),
    NEW_PRODUCT: _NEW_PRODUCT,
    "no_order": _NO_ORDER,
    "orders": tuple((ORDERS, metric, ALL, METRICS[metric].label) for metric in _AMOUNT),
    "spend": tuple((SPEND, metric, ALL, METRICS[metric].label) for metric in _AMOUNT),
    "sets": (*_SETS, (SETS, "interval_coverage", ALL, "buyers in the 90 % interval")),
}
"""Columns of a head's board; the report's files hold every metric."""


@dataclass(frozen=True)
class Cell:
    """One number of a board; None where the predictor has no such number."""

    metric: str
    value: float | None = None
    low: float = math.nan
    high: float = math.nan
    best: bool = False

    @property
    def merit(self) -> float:
        """Larger is better, told no finer than the number is printed."""
        metric, value = METRICS[self.metric], math.nan if self.value is None else self.value
        return metric.merit(round(value, metric.decimals(value)))

    def text(self, *, interval: bool = True) -> str:
        """The number, its interval in brackets; a dash where there is none."""
        if self.value is None:
            return "–"
        digits = METRICS[self.metric].decimals(self.value)
        ends = f" ({self.low:.{digits}f} to {self.high:.{digits}f})"
        return f"{self.value:.{digits}f}" + (ends if interval and not math.isnan(self.low) else "")


@dataclass(frozen=True)
class Board:
    """One head in one window, or mean over windows.

    Attributes:
        head: A kind of target, new_product, no_order, orders or spend.
        as_of: Start of the window, or `MEAN`.
        horizon_days: Length of the window.
        windows: Windows it is the mean of.
        customers: Customers judged.
        targets: Targets judged, 0 where there are none.
        columns: Titles.
        rows: Predictor, role and one cell a column; predictors without the head have dashes.
        judged: Whether any of the targets is judged; else it is told of all of them how many came to buy.
    """

    head: str
    as_of: str
    horizon_days: int
    windows: int
    customers: int
    targets: int
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Cell, ...]], ...]
    judged: bool = True

    @property
    def title(self) -> str:
        """Head and window, for people."""
        when = f"mean of {self.windows} windows" if self.as_of == MEAN else f"from {self.as_of[:10]}"
        return f"{TITLES[self.head]}, {self.horizon_days} days, {when}"

    @property
    def population(self) -> str:
        """On whom it was measured."""
        of_targets = f" x {self.targets:,} targets" if self.targets else ""
        return f"{self.customers:,} customers{of_targets}{'' if self.judged else ' known, none judged'}"


def boards(report: BacktestReport, as_of: str) -> list[Board]:
    """The boards of one window (`MEAN` for the mean over windows), head by head.

    A mean over fewer windows than others have is not comparable, and left out.
    """
    told = report.mean_over_windows() if as_of == MEAN else report.measurements
    windows: dict[tuple[int, MetricKey], int] = {}
    for one in told:
        about = one.horizon_days, one.key
        windows[about] = max(windows.get(about, 0), one.windows)
    here = [one for one in told if one.as_of == as_of and one.windows == windows[one.horizon_days, one.key]]
    heads = [head for head in COLUMNS if any(one.head == head for one in here)]
    horizons = sorted({one.horizon_days for one in here})
    found = (
        _board(
            head,
            [one for one in here if one.head == head and one.horizon_days == days],
            report.roles_of(head),
        )
        for head in heads
        for days in horizons
    )
    return [board for board in found if board]


def against_best(report: BacktestReport, as_of: str) -> list[Difference]:
    """The recipe minus the best baseline by each main metric, for one window or the mean."""
    told = report.mean_differences() if as_of == MEAN else report.differences
    return [one for one in told if one.as_of == as_of and one.against_best and one.stratum == ALL]


def not_judged(report: BacktestReport, as_of: str) -> str:
    """Kinds that the shop has, and new products, of which enough customers bought none; empty without."""
    empty = dict.fromkeys(
        TITLES[one.head]
        for one in report.populations
        if one.as_of == as_of and one.head != "no_order" and not one.targets
    )
    fewest = report.settings.min_buyers_in_window
    if not empty:
        return ""
    return (
        f"Not judged, no target has {fewest} buyers in the window: {', '.join(empty)} "
        "(fewer will do with --min-buyers-in-window)."
    )


def sentence(one: Difference) -> str:
    """A difference in words: what, by how much, how sure."""
    metric = METRICS[one.metric]
    shown = f"+.{metric.digits}f"
    about = f"{TITLES[one.head]}, {one.horizon_days} days, {metric.label}"
    text = f"{about}: {one.predictor} minus {one.against} = {one.value:{shown}}"
    if not math.isnan(one.low):
        text += f" ({one.low:{shown}} to {one.high:{shown}})"
    verdict = {
        "better": "better",
        "worse": "worse",
        "level": "no difference beyond the interval",
        "unknown": "no interval was made",
    }[one.verdict]
    return f"{text}: {verdict}"


def _board(head: str, here: Sequence[Measurement], roles: Mapping[str, str]) -> Board | None:
    """One head's table."""
    if not here:
        return None
    by_key = {(one.predictor, one.key): one for one in here}
    keys = [MetricKey(head, question, metric, stratum) for question, metric, stratum, _ in COLUMNS[head]]
    cells = {name: [_cell(by_key.get((name, key)), key.metric) for key in keys] for name in roles}
    for column in range(len(keys)):
        merits = {name: row[column].merit for name, row in cells.items() if row[column].value is not None}
        for name, merit in merits.items():
            cells[name][column] = replace(cells[name][column], best=merit == max(merits.values()))
    # The number of buyers is held against its interval of all targets known, judged or not.
    one = next((each for each in here if each.question != EXPECTED_BUYERS), here[0])
    return Board(
        head=head,
        as_of=one.as_of,
        horizon_days=one.horizon_days,
        windows=max(each.windows for each in here),
        customers=one.customers,
        targets=one.targets,
        judged=one.question != EXPECTED_BUYERS,
        columns=tuple(_title(column, here) for column in COLUMNS[head]),
        rows=tuple((name, role, tuple(cells[name])) for name, role in roles.items()),
    )


def _cell(one: Measurement | None, metric: str) -> Cell:
    if one is None or math.isnan(one.value):
        return Cell(metric)
    return Cell(metric, one.value, one.low, one.high)


def _title(column: Column, here: Sequence[Measurement]) -> str:
    """A column's title; a lift has the lift of a random order beside it."""
    _, metric, stratum, title = column
    if metric != "ap_lift":
        return title
    chance = [one.value for one in here if one.metric == "ap_lift_by_chance" and one.stratum == stratum]
    return f"{title} (chance {chance[0]:.2f})" if chance and not math.isnan(chance[0]) else title
