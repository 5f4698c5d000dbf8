"""The written report: a page to read, every number to load, pictures.

What comes in: a `BacktestReport` and a folder. What goes out: report.md, measurements.parquet and
.csv, report.json, plots/*.png: all or nothing. It decides nothing about what is good.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from intentml.errors import DataError
from intentml.evaluation.board import TITLES, Board, against_best, boards, sentence
from intentml.evaluation.contenders import BASELINE, PEER
from intentml.evaluation.measurement import MEAN, Measurement
from intentml.evaluation.plots import NO_PLOTS, can_plot, write_plots
from intentml.evaluation.results import BacktestReport

PAGE, TABLE, CSV, JSON, PLOTS = (
    "report.md",
    "measurements.parquet",
    "measurements.csv",
    "report.json",
    "plots",
)

_HOW_TO_READ = """\
Every predictor was fitted on what was known before a window's start and measured on what its customers
bought in the window. All were measured on the same customers and targets: customers with at least one
order before; targets bought by at least 5 customers before (at most the 1,500 with most) and by at
least {fewest} in the window. Numbers in brackets are 95 % intervals, a bootstrap over customers. The
best of each column is bold, – means that a predictor has no such answer.

- **users for a target**: mAP (mean over targets of average precision over all customers), AUROC, lift
  in the best 5 %. *repeat* = among customers who had bought the target before; *explore* = among those
  who never had, as average precision over base rate, with the value of a random order in the heading;
  *tail* = targets with fewer buyers than the median.
- **targets for a user**: nDCG of each customer's 10 best targets, over customers who bought.
- **calibration**: log-loss, ECE (20 equal-mass bins; 15 for no order) and predicted over actual buyers,
  over the same customer x target pairs. Total bias is expected over actual, minus 1.
"""


def write_report(report: BacktestReport, folder: Path | str) -> Path:
    """Write the report's folder; an older report there is replaced, nothing is left half-written.

    Args:
        report: What to write.
        folder: Where to; its parents are made.

    Returns:
        The folder.

    Raises:
        DataError: `folder` is a file, or holds something that is no report.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file, not a folder", hint="name a folder to write the report to")
    if folder.exists() and any(folder.iterdir()) and not (folder / JSON).exists():
        raise DataError(
            f"{folder.name} exists and is not a report", hint="choose a new or empty folder for the report"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        new = aside / "new"
        new.mkdir()
        _write_files(report, new)
        _put_in_place(new, folder, aside / "older")
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _write_files(report: BacktestReport, folder: Path) -> None:
    """All files of a report into an empty folder."""
    plots = write_plots(report, folder / PLOTS) if can_plot() else []
    (folder / PAGE).write_text(markdown(report, plots), encoding="utf-8")
    table = measurement_table(report.measurements)
    pq.write_table(table, folder / TABLE, compression="zstd")
    pa_csv.write_csv(table, folder / CSV)
    text = json.dumps(report.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / JSON).write_text(text, encoding="utf-8")


def _put_in_place(new: Path, folder: Path, older: Path) -> None:
    """Rename `new` to `folder`; what stood there moves to `older`, and back where that fails."""
    replaced = folder.exists()
    if replaced:
        folder.rename(older)
    try:
        new.rename(folder)
    except OSError:
        if replaced:
            older.rename(folder)
        raise


def measurement_table(measurements: Sequence[Measurement]) -> pa.Table:
    """One row a measurement; NaN is null."""
    schema = pa.schema(
        [
            (name, {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}[str(field.type)])
            for name, field in Measurement.__dataclass_fields__.items()
        ]
    )
    rows = [asdict(one) for one in measurements]
    columns = {name: [row[name] for row in rows] for name in schema.names}
    return pa.table(
        {name: pa.array(columns[name], schema.field(name).type, from_pandas=True) for name in schema.names}
    )


def markdown(report: BacktestReport, plots: Sequence[str] = ()) -> str:
    """The page: what was compared, the verdict against the best baseline, every board, the plots.

    Args:
        report: What to tell.
        plots: File names in the plots folder; without any the page says why.
    """
    ends = [one.as_of.iso for one in report.windows]
    several = len(ends) > 1
    parts = [
        f"# Backtest of {report.recipe}",
        _facts(report),
        _HOW_TO_READ.format(fewest=report.settings.min_buyers_in_window),
        "## The recipe against the best baseline",
        _verdicts(report, MEAN if several else ends[0]),
    ]
    if several:
        parts += ["## Mean over windows", _MEANS, *map(_table, boards(report, MEAN))]
    for as_of in dict.fromkeys(ends):
        parts += [
            f"## Window from {as_of[:10]}",
            *map(_table, boards(report, as_of)),
            _not_judged(report, as_of),
        ]
    parts += ["## Chosen on validation", _chosen(report)] if report.verdicts else []
    parts += ["## Plots", *(f"![{name}]({PLOTS}/{name})" for name in plots)] if plots else [NO_PLOTS]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


_MEANS = """\
Means over the windows that have the number. Windows share most of their customers, and so their luck:
the ends of the intervals are means too, which is as wide as if they shared all of it."""


def _facts(report: BacktestReport) -> str:
    """Data, windows, predictors."""
    windows = ", ".join(
        f"{one.as_of.datetime:%Y-%m-%d} to {one.end.datetime:%Y-%m-%d} ({one.horizon_days} days)"
        for one in report.windows
    )
    baselines, peers = (
        [name for name, own in report.roles.items() if own == role] for role in (BASELINE, PEER)
    )
    lines = [
        f"- data: {report.source}, fingerprint {report.fingerprint}",
        f"- windows: {windows}",
        f"- recipe: {report.recipe}; baselines: {', '.join(baselines) or 'none'}",
    ]
    if peers:
        lines.append(f"- peers: {', '.join(peers)}")
    if report.seconds:
        told = {step: sum(one.seconds for one in report.seconds if one.step == step) for step in _STEPS}
        lines.append("- seconds: " + ", ".join(f"{step} {seconds:.0f}" for step, seconds in told.items()))
    return "\n".join(lines)


_STEPS = ("snapshot", "fit", "predict", "measure")


def _verdicts(report: BacktestReport, as_of: str) -> str:
    """Differences on the same resamples of the same customers."""
    found = [f"- {sentence(one)}" for one in against_best(report, as_of)]
    return "\n".join(found) or "No baseline answers a question that the recipe answers."


def _table(board: Board) -> str:
    """One board; predictors without the head share the last row."""
    having = [row for row in board.rows if any(cell.value is not None for cell in row[2])]
    without = [name for name, _, cells in board.rows if all(cell.value is None for cell in cells)]
    lines = [
        f"### {board.title}",
        "",
        f"{board.population}.",
        "",
        f"| predictor | {' | '.join(board.columns)} |",
        f"|---|{'---|' * len(board.columns)}",
    ]
    for name, role, cells in having:
        texts = [f"**{cell.text()}**" if cell.best else cell.text() for cell in cells]
        label = name if role == BASELINE else f"{name} ({role})"
        lines.append(f"| {label} | {' | '.join(texts)} |")
    if without:
        lines.append(f"| {', '.join(without)} | {' | '.join('–' for _ in board.columns)} |")
    return "\n".join(lines)


def _not_judged(report: BacktestReport, as_of: str) -> str:
    """Kinds that the shop has but that no target of is bought by enough customers."""
    empty = dict.fromkeys(
        TITLES[one.head]
        for one in report.populations
        if one.as_of == as_of and one.head != "no_order" and not one.targets
    )
    fewest = report.settings.min_buyers_in_window
    return f"Not judged, no target has {fewest} buyers in the window: {', '.join(empty)}." if empty else ""


def _chosen(report: BacktestReport) -> str:
    """What the recipe is made of, window by window."""
    chosen = [(one.as_of[:10], one.verdict) for one in report.verdicts if one.verdict.chosen]
    rows = [
        f"| {as_of} | {TITLES.get(one.head, one.head)} | {one.horizon_days} | {one.prior} |"
        for as_of, one in chosen
    ]
    return "\n".join(["| window from | head | horizon, days | chosen |", "|---|---|---|---|", *rows])
