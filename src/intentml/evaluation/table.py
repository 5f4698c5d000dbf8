"""A backtest in the width of a terminal: the main numbers of each head, plain text.

What comes in: a `BacktestReport`. What goes out: lines. The whole of it, with intervals, is in the
written report.
"""

from __future__ import annotations

from intentml.evaluation.board import Board, against_best, boards, not_judged, sentence
from intentml.evaluation.measurement import ALL, MEAN
from intentml.evaluation.results import BacktestReport
from intentml.evaluation.standings import standings
from intentml.priors.union import SIZE_BANDS

_SHOWN = {
    "mAP": "mAP",
    "explore AP lift": "explore lift",
    "nDCG at 10": "nDCG@10",
    "AUROC": "AUROC",
    "log-loss": "log-loss",
    "ECE": "ECE",
    "predicted / actual": "pred/actual",
    "buyers in the 90 % interval": "in interval",
    "MAE": "MAE",
    "RMSE": "RMSE",
    **{f"predicted / actual, {band}": f"pred/actual {band}" for band in SIZE_BANDS},
    "total bias": "total bias",
    "normalised Gini": "Gini",
    "Spearman": "Spearman",
}


def summary_lines(report: BacktestReport) -> list[str]:
    """The boards without intervals, best values marked *, then the recipe against its best rivals.

    Several windows are shown as their mean.
    """
    as_of = MEAN if len(report.windows) > 1 else report.windows[0].as_of.iso
    lines: list[str] = []
    for board in boards(report, as_of):
        lines += [f"{board.title}: {board.population}", *_aligned(board), ""]
    for start in dict.fromkeys(one.as_of.iso for one in report.windows):
        if missing := not_judged(report, start):
            lines += [f"{start[:10]}: {missing}", ""]
    lines += [sentence(one) for one in against_best(report, as_of)]
    gaps = [one.gap for one in standings(report, as_of) if one.gap is not None and one.gap.stratum == ALL]
    if gaps:
        lines += ["", "Against the best peer:", *map(sentence, gaps)]
    lines += [f"{one.peer} failed, {one.as_of[:10]}: {one.failure}" for one in report.peers if one.failure]
    return lines


def _aligned(board: Board) -> list[str]:
    """Names to the left, numbers to the right; predictors without the head are left out."""
    short = [(place, _short(title)) for place, title in enumerate(board.columns)]
    shown = [(place, title) for place, title in short if title]
    table = [["", *(title for _, title in shown)]]
    for name, _, cells in board.rows:
        if any(cell.value is not None for cell in cells):
            texts = [
                cells[place].text(interval=False) + ("*" if cells[place].best else " ") for place, _ in shown
            ]
            table.append([name, *texts])
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  "
        + "  ".join(
            text.ljust(width) if not column else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def _short(title: str) -> str | None:
    """The short form of a column's title, None for columns that only the report shows."""
    plain, _, chance = title.partition(" (chance ")
    short = _SHOWN.get(plain)
    return f"{short} (chance {chance}" if short and chance else short
