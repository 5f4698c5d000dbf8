"""Where the recipe stands: each number of a board beside the best baseline's and the best peer's.

What comes in: a `BacktestReport`. What goes out: `Standing`s, and Markdown of them. Which of the others is
best is read from the window itself, metric by metric: the recipe is held against the luckiest.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from intentml.evaluation.board import COLUMNS, TITLES, Cell, boards
from intentml.evaluation.contenders import BASELINE, PEER, RECIPE
from intentml.evaluation.measurement import MEAN, METRICS, Difference, MetricKey
from intentml.evaluation.results import BacktestReport

_ASIDE = "aside"


@dataclass(frozen=True)
class Standing:
    """One number of the recipe and its best rivals.

    Attributes:
        key: What the number is about.
        horizon_days: Length of the window.
        title: Of the board's column.
        recipe: The recipe's.
        baseline: Name and number of the best baseline; None where none has it.
        peer: Name and number of the best peer; None where none has it.
        aside: Name and number of the best of those shown apart: what no rival can know.
        gap: The recipe minus that peer, where the metric is compared resample by resample.
    """

    key: MetricKey
    horizon_days: int
    title: str
    recipe: Cell
    baseline: tuple[str, Cell] | None
    peer: tuple[str, Cell] | None
    aside: tuple[str, Cell] | None
    gap: Difference | None


def standings(report: BacktestReport, as_of: str, aside: Collection[str] = ()) -> list[Standing]:
    """Every number of the boards of one window that the recipe has.

    Args:
        report: What was measured.
        as_of: Start of the window; `MEAN` for the mean over windows.
        aside: Predictors that are no rivals, such as a simulated shop's truth.
    """
    told = report.mean_differences() if as_of == MEAN else report.differences
    gaps = {(one.against, one.horizon_days, one.key): one for one in told if one.as_of == as_of}
    found = []
    for board in boards(report, as_of):
        for place, (question, metric, stratum, _) in enumerate(COLUMNS[board.head]):
            cells: dict[str, list[tuple[str, Cell]]] = {role: [] for role in (RECIPE, BASELINE, PEER, _ASIDE)}
            for name, role, row in board.rows:
                cells[_ASIDE if name in aside else role].append((name, row[place]))
            own = cells[RECIPE][0][1]
            if own.value is None:
                continue
            key = MetricKey(board.head, question, metric, stratum)
            peer = _best(cells[PEER])
            gap = gaps.get((peer[0], board.horizon_days, key)) if peer else None
            title = board.columns[place]
            baseline, apart = _best(cells[BASELINE]), _best(cells[_ASIDE])
            found.append(Standing(key, board.horizon_days, title, own, baseline, peer, apart, gap))
    return found


def standings_table(found: Sequence[Standing], recipe: str) -> str:
    """Markdown: a row a number, the best of each in bold; those shown apart in a column of their own."""
    apart = any(one.aside for one in found)
    heads = ["question", "metric", recipe, "best prior", "best peer", f"{recipe} minus best peer"]
    heads += ["apart"] if apart else []
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for one in found:
        rivals = [one.baseline, one.peer]
        merits = [one.recipe.merit, *(rival[1].merit for rival in rivals if rival)]
        cells = [_text(one.recipe, "", best=one.recipe.merit == max(merits))]
        cells += [
            _text(rival[1], f", {rival[0]}", best=rival[1].merit == max(merits)) if rival else "–"
            for rival in rivals
        ]
        cells = [TITLES[one.key.head], one.title, *cells, _gap(one.gap)]
        if apart:
            cells.append(_text(one.aside[1], f", {one.aside[0]}", best=False) if one.aside else "–")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _best(cells: Sequence[tuple[str, Cell]]) -> tuple[str, Cell] | None:
    """The best by what is printed; the first of equals."""
    known = [each for each in cells if each[1].value is not None and not math.isnan(each[1].merit)]
    return max(known, key=lambda each: each[1].merit, default=None)


def _text(cell: Cell, who: str, *, best: bool) -> str:
    text = cell.text(interval=not who)
    return f"**{text}**{who}" if best else f"{text}{who}"


def _gap(gap: Difference | None) -> str:
    if gap is None:
        return ""
    shown = f"+.{METRICS[gap.metric].digits}f"
    return f"{gap.value:{shown}} ({gap.low:{shown}} to {gap.high:{shown}}): {gap.verdict}"
