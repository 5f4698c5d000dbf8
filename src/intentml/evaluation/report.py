"""The written report: a page to read, every number to load, pictures.

What comes in: a `BacktestReport` and a folder. What goes out: report.md, measurements.parquet and
.csv, report.json, plots/*.png: all or nothing. It decides nothing about what is good.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from intentml.errors import DataError
from intentml.evaluation.board import TITLES, Board, against_best, boards, not_judged, sentence
from intentml.evaluation.contenders import BASELINE, PEER
from intentml.evaluation.measurement import MEAN, NEW_PRODUCT, Measurement
from intentml.evaluation.new_products import ACTIVITY, CATEGORY_COUNTS, CATEGORY_POPULARITY
from intentml.evaluation.peers.bench import PeerNote
from intentml.evaluation.plots import NO_PLOTS, can_plot, write_plots
from intentml.evaluation.results import BacktestReport
from intentml.evaluation.standings import standings, standings_table
from intentml.timeline.catalogue import KINDS

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
- **targets for a user**: each customer's 10 best targets, over customers who bought: nDCG, recall (the share
  of the customer's purchases among them) and hit (the share of customers of whom at least one of them was
  bought).
- **product sets**: average precision, log-loss and predicted over actual buyers of any of a set, by the
  number of its products; as the recipe joins single probabilities, and as if purchases were independent.
  240 sets or more are drawn from the products above, half of them within one category.
- **calibration**: log-loss, ECE (20 equal-mass bins; 15 for no order) and predicted over actual buyers,
  over the same customer x target pairs. Total bias is expected over actual, minus 1. Decile error: customers
  by tenths of what was expected of them, the mean of |expected - actual| / actual of each tenth's total.
- **buyers in the 90 % interval**: share of the targets known before, also those that nobody bought in the
  window, whose number of buyers lies in the interval that the recipe told; 0.9 is honest.
"""

_NEW_PRODUCTS = f"""\
- **new products**: a tenth of the products, drawn by a hash of each id, lose every line before the window:
  they stand in the catalogue and nobody has bought them. The recipe is fitted once more without those lines,
  for products alone, and ranks the customers for those that at least {{fewest}} buy in the window. Log-loss
  and ECE are over these, which sold well; predicted / actual is over all that were held out: which of them
  would sell nobody can know. Beside the recipe stand its priors, and rules without a model:
  {CATEGORY_POPULARITY} (how many bought of it), {ACTIVITY} (who orders at all), {CATEGORY_COUNTS}
  (how often a customer bought of it, then activity). Peers are not asked: they are given the pairs of
  products sold, and a product that nobody has bought has none.
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
        _how_to_read(report),
        "## The recipe against the best baseline",
        _verdicts(report, MEAN if several else ends[0]),
    ]
    if report.peers:
        found = standings(report, MEAN if several else ends[0])
        parts += ["## The recipe against the best peer", standings_table(found, report.recipe)]
        parts += ["## Peers", _PEERS, _peers(report.peers)]
    if several:
        tables = (_table(board, report.peers) for board in boards(report, MEAN))
        parts += ["## Mean over windows", _MEANS, *tables]
    for as_of in dict.fromkeys(ends):
        notes = [note for note in report.peers if note.as_of == as_of]
        tables = (_table(board, notes) for board in boards(report, as_of))
        parts += [f"## Window from {as_of[:10]}", *tables, not_judged(report, as_of)]
    parts += ["## Chosen on validation", _chosen(report)] if report.verdicts else []
    parts += ["## Plots", *(f"![{name}]({PLOTS}/{name})" for name in plots)] if plots else [NO_PLOTS]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


_MEANS = """\
Means over the windows that have the number. Windows share most of their customers, and so their luck:
the ends of the intervals are means too, which is as wide as if they shared all of it."""


_PEERS = """\
Predictors of other packages, each in a process and an environment of its own, with what was known before the
window's start. Settings were chosen on the window before, or where the history is too short for that on other
customers. Those with log-odds are judged as probabilities too, the others by their ranking alone."""


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
        steps = dict.fromkeys(one.step for one in report.seconds)
        told = {step: sum(one.seconds for one in report.seconds if one.step == step) for step in steps}
        lines.append("- seconds: " + ", ".join(f"{step} {seconds:.0f}" for step, seconds in told.items()))
    return "\n".join(lines)


def _how_to_read(report: BacktestReport) -> str:
    """What the words of the boards mean."""
    asked = any(one.head == NEW_PRODUCT for one in report.populations)
    text = _HOW_TO_READ + (_NEW_PRODUCTS if asked else "")
    return text.format(fewest=report.settings.min_buyers_in_window)


def _verdicts(report: BacktestReport, as_of: str) -> str:
    """Differences on the same resamples of the same customers."""
    found = [f"- {sentence(one)}" for one in against_best(report, as_of)]
    return "\n".join(found) or "No baseline answers a question that the recipe answers."


def _table(board: Board, notes: Sequence[PeerNote]) -> str:
    """One board; baselines without the head share the last row, peers that failed have their own."""
    having = [row for row in board.rows if any(cell.value is not None for cell in row[2])]
    without = [row for row in board.rows if row not in having]
    question = "targets" if board.head in KINDS else "customers"
    failed = {note.peer: note.failure for note in notes if note.failure and note.question == question}
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
    dashes = " | ".join("–" for _ in board.columns)
    for name, _, _ in without:
        if name in failed:
            lines.append(f"| {name} ({PEER}, failed: {_plain(failed[name])}) | {dashes} |")
    silent = [name for name, role, _ in without if role != PEER]
    if silent:
        lines.append(f"| {', '.join(silent)} | {dashes} |")
    return "\n".join(lines)


def _peers(notes: Sequence[PeerNote]) -> str:
    """What each peer is, what validation chose for it, what it cost, or why it failed."""
    lines = ["| peer | what it is | window from | chosen on validation | seconds |", "|---|---|---|---|---|"]
    for note in notes:
        told = f"failed: {note.failure}" if note.failure else _settings(note.settings)
        cells = (note.peer, note.about, note.as_of[:10], _plain(told), f"{note.seconds:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _settings(chosen: Mapping[str, object]) -> str:
    """Settings in a cell: `category: num_leaves 63, trees 115; ...`."""
    told = []
    for name, value in chosen.items():
        inner = (
            ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else value
        )
        told.append(f"{name}: {inner or 'none to choose'}" if isinstance(value, dict) else f"{name} {inner}")
    return "; ".join(told)


def _plain(text: str) -> str:
    """Text that does not end a table's cell."""
    return text.replace("|", "/")


def _chosen(report: BacktestReport) -> str:
    """What the recipe is made of, window by window."""
    chosen = [(one.as_of[:10], one.verdict) for one in report.verdicts if one.verdict.chosen]
    rows = [
        f"| {as_of} | {TITLES.get(one.head, one.head)} | {one.horizon_days} | {one.prior} |"
        for as_of, one in chosen
    ]
    return "\n".join(["| window from | head | horizon, days | chosen |", "|---|---|---|---|", *rows])
