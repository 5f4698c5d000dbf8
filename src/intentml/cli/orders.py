"""`orders`: the log of order lines that a service took in, and the night that folds them into the tables.

What comes in: the log, the folder of the tables. What goes out: how many lines went where, up to which
number. The work is `service.folding`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intentml.cli import options
from intentml.cli.output import Output, counted, say, table

if TYPE_CHECKING:
    from intentml.service.arrivals import Arrivals

Log = Annotated[Path, typer.Argument(metavar="LOG", help="The file of `intentml serve --orders FILE`.")]


def fold(
    log: Log,
    data: Annotated[
        str, typer.Argument(metavar="DATA_DIR", help="Folder with orders.parquet, .csv or .csv.gz.")
    ],
    new: Annotated[
        bool, typer.Option("--new", help="Make the folder and its table, where there is none.")
    ] = False,
    columns: options.Columns = None,
    timezone: options.Timezone = "UTC",
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Put the log's lines below the table of orders, each once however often this is run.

    A line that the table has already is left alone; one that was returned since says so afterwards. The
    log stays as it is: `orders prune` empties it.
    """
    from intentml.service import folding

    told = Output(json, quiet)
    with _opened(log) as arrivals, told.step("folding"):
        done = folding.fold(arrivals, data, columns=columns, timezone=timezone, make=new)
    what = done.appended

    def show() -> None:
        say(
            f"{what.file}: {counted(what.lines, 'line')} of {counted(what.customers, 'customer')} added, "
            f"up to number {done.until} of the log"
        )
        if what.known or what.returned:
            say(f"there already: {counted(what.known, 'line')}, {what.returned:,} of them returned since")
        if what.retyped:
            say(f"columns of another type now, which holds what came: {', '.join(what.retyped)}")

    told.answer(lambda: {**asdict(what), "file": str(what.file), "until": done.until}, show)


def prune(
    log: Log,
    until: Annotated[
        int,
        typer.Option("--until", min=0, metavar="NUMBER", help="Up to this batch; `orders fold` tells it."),
    ],
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores", metavar="SCORES_DIR", help="The scores served: keep what they cannot know yet."
        ),
    ] = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Empty the log of lines that were folded, once the scores that are served know them.

    Numbers and Idempotency-Keys stay, so that a late retry still counts once.
    """
    from intentml.service import folding

    told = Output(json, quiet)
    with _opened(log) as arrivals:
        done = folding.prune(arrivals, until, scores)

    def show() -> None:
        lines, batches = counted(done.lines, "line"), counted(done.batches, "batch", "batches")
        say(f"{log}: {lines} in {batches} taken out")
        if done.kept:
            say(f"kept, because the scores cannot know them yet: {counted(done.kept, 'batch', 'batches')}")

    told.answer(lambda: asdict(done), show)


def status(log: Log, json: options.AsJson = False, quiet: options.Quiet = False) -> None:
    """Tell what the log holds."""
    told = Output(json, quiet)
    with _opened(log) as arrivals:
        held = arrivals.held()

    def show() -> None:
        told_of = {
            "newest number": f"{held.newest:,}",
            "batches with lines": f"{held.batches:,}",
            "lines": f"{held.lines:,}",
            "customers": f"{held.customers:,}",
            "oldest of them came": held.since or "–",
            "newest batch came": held.until or "–",
        }
        table(("what", "value"), list(told_of.items()), right=("value",))

    told.answer(lambda: asdict(held), show)


@contextmanager
def _opened(log: Path) -> Iterator[Arrivals]:
    """The log, which must be there."""
    from intentml.service.arrivals import Arrivals

    arrivals = Arrivals(log, must_exist=True)
    try:
        yield arrivals
    finally:
        arrivals.close()
