"""`report`: what the base looks like, as one page that stands alone.

What comes in: a scores folder and the tables that were scored. What goes out: an HTML file, the same tables
as JSON for machines. No customer is named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intentml.cli import options
from intentml.cli.audience import Data, Own
from intentml.cli.output import Output, counted, say
from intentml.cli.whole_file import whole_file


def report(
    scores: options.ScoresFolder,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="Where the page goes.")],
    data: Data = None,
    columns: options.Columns = None,
    audiences: Own = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """The base, audiences and segments on one HTML page."""
    from intentml.audiences.opening import open_audiences, scored_log
    from intentml.insights.report import report_of
    from intentml.insights.written import written

    told = Output(json, quiet)
    with told.step("reading tables"):
        scored, log = scored_log(scores, data, columns=columns)
        ours = open_audiences(scored, log, folder=audiences)
    with told.step("looking at the base"):
        found = report_of(ours, log)
    with whole_file(out) as aside:
        aside.write_text(written(found), encoding="utf-8")

    def show() -> None:
        now = found.base.iloc[-1]
        say(f"{counted(found.customers, 'customer')} as of {found.as_of}: {out}")
        say(f"  {now['active']:,} active, {now['slipping_away']:,} slipping away, {now['lost']:,} lost")
        say(f"  {found.segments.note}")
        say("\n".join(f"  {line}" for line in found.first_order.lines()))

    told.answer(found.to_dict, show)
