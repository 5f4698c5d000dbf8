"""`audience`: who is in, how many, why, and who came and went.

What comes in: a scores folder, the tables that were scored, the name of an audience, a YAML file or a rule.
What goes out: previews, members and reasons for people, JSON for machines, CSV for both; a ledger that knows
who was in when. No address of anybody is printed.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from intentml.cli import options
from intentml.cli.output import Output, counted, next_steps, say, table
from intentml.cli.whole_file import whole_file
from intentml.errors import IntentmlError

if TYPE_CHECKING:
    from intentml.audiences.audiences import Audiences, Preview
    from intentml.audiences.explain import Reason
    from intentml.audiences.ledger import Ledger
    from intentml.audiences.membership import Changes, Refresh

SHOWN_MEMBERS = 20

Asked = Annotated[
    str,
    typer.Argument(metavar="NAME|FILE|RULE", help="An audience, a YAML file of one, or a rule in quotes."),
]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="DIR", help="The tables that were scored. [default: where they lay]"),
]
Own = Annotated[
    Path | None,
    typer.Option("--audiences", metavar="FOLDER", help="YAML files of your own, beside the presets."),
]
LedgerFile = Annotated[
    str, typer.Option("--ledger", metavar="FILE|URL", help="Who was in when: a DuckDB file, or a database.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE.csv", help="Write all the customers to a file.")
]


def list_audiences(
    scores: options.ScoresFolder,
    data: Data = None,
    columns: options.Columns = None,
    audiences: Own = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Every audience and how many are in it; or why this shop cannot have it."""
    told = Output(json, quiet)
    ours = _opened(scores, data, columns, audiences, told)
    with told.step("counting"):
        found = ours.usable()
    everybody = len(ours.view.customer_ids)

    def show() -> None:
        rows = [
            (name, f"{count:,}", f"{count / max(everybody, 1):.1%}", ours.known[name].title)
            for name, count in found.items()
            if not isinstance(count, IntentmlError)
        ]
        table(("audience", "customers", "share", "who"), rows, right=("customers", "share"))
        for name, problem in found.items():
            if isinstance(problem, IntentmlError):
                say(f"  {name}: {problem.message}")
        first = next(
            (name for name, count in found.items() if not isinstance(count, IntentmlError) and count), None
        )
        if first is not None:
            next_steps(
                ("audience", "preview", first, str(scores)), ("audience", "members", first, str(scores))
            )

    told.answer(
        lambda: [
            {
                "name": name,
                "title": ours.known[name].title,
                "rule": ours.known[name].text,
                "source": ours.known[name].source,
                "customers": None if isinstance(count, IntentmlError) else count,
                "error": count.to_dict() if isinstance(count, IntentmlError) else None,
            }
            for name, count in found.items()
        ],
        show,
    )


def preview(
    audience: Asked,
    scores: options.ScoresFolder,
    data: Data = None,
    columns: options.Columns = None,
    audiences: Own = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """How many are in, what each part of the rule does, how far they can be reached."""
    told = Output(json, quiet)
    found = _opened(scores, data, columns, audiences, told).preview(audience)
    told.answer(lambda: found.model_dump(mode="json"), lambda: _show_preview(found))


def _show_preview(found: Preview) -> None:
    say(f"{found.audience}: {counted(found.customers, 'customer')} ({found.share:.1%}) as of {found.as_of}")
    say(f"  {found.rule}\n")
    say("\n".join(found.funnel.lines()))
    for note in found.notes:
        say(f"note: {note}")
    if found.reach:
        say()
        rows = [
            (name, f"{count:,}", f"{count / max(found.customers, 1):.0%}")
            for name, count in found.reach.items()
        ]
        table(("reach", "members", "share"), rows, right=("members", "share"))
    if found.sample:
        say(f"\nSome of them: {', '.join(found.sample)}")


def members(
    audience: Asked,
    scores: options.ScoresFolder,
    data: Data = None,
    columns: options.Columns = None,
    audiences: Own = None,
    out: Out = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Who is in, with the fields that the rule names."""
    told = Output(json, quiet)
    found = _opened(scores, data, columns, audiences, told).members(audience)
    if out is not None:
        with whole_file(out) as aside:
            found.to_csv(aside, index=False)
        told.note(f"{counted(len(found), 'customer')} written to {out}")

    def show() -> None:
        rows = [
            tuple(_cell(value) for value in row) for row in found.head(SHOWN_MEMBERS).itertuples(index=False)
        ]
        table(tuple(found.columns), rows)
        if len(found) > SHOWN_MEMBERS:
            say(f"  ... {counted(len(found), 'customer')} in all; --out FILE.csv writes them, --json tells")

    told.answer(lambda: found.astype(object).where(found.notna(), None).to_dict("records"), show)


def explain(
    audience: Asked,
    scores: options.ScoresFolder,
    customer: Annotated[str, typer.Option("--customer", metavar="ID", help="The customer.")],
    data: Data = None,
    columns: options.Columns = None,
    audiences: Own = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Why a customer is in, or is not: every part of the rule, with the value seen."""
    told = Output(json, quiet)
    found: Reason = _opened(scores, data, columns, audiences, told).explain(audience, customer)

    def show() -> None:
        say(f"Customer {customer} is {'in' if found.holds else 'not in'}:\n")
        say("\n".join(found.lines()))

    told.answer(lambda: found.model_dump(mode="json"), show)


def refresh(
    scores: options.ScoresFolder,
    ledger: LedgerFile,
    audience: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME|FILE]...", help="Audiences; all that this shop can have if left out."),
    ] = None,
    data: Data = None,
    columns: options.Columns = None,
    audiences: Own = None,
    force: Annotated[
        bool, typer.Option("--force", help="Store also what jumped or emptied by more than half.")
    ] = False,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Store who is in as of the scores, and tell who came and went since the last time.

    An audience that empties, or moves by more than half, is held back: --force stores it.
    """
    from intentml.audiences.refreshing import refreshed

    told = Output(json, quiet)
    ours = _opened(scores, data, columns, audiences, told)
    with told.step("refreshing") as tell, _ledger(ours, ledger) as kept:
        done = refreshed(ours, kept, audience, force=force, progress=tell)

    def show() -> None:
        rows = [
            (name, *(("-", "-", "-", one.message) if isinstance(one, IntentmlError) else _row(one)))
            for name, one in done.items()
        ]
        table(("audience", "members", "entered", "left", ""), rows, right=("members", "entered", "left"))

    told.answer(lambda: {name: _told(one) for name, one in done.items()}, show)
    if any(not isinstance(one, IntentmlError) and one.held for one in done.values()):
        raise typer.Exit(1)


def diff(
    audience: Annotated[str, typer.Argument(metavar="NAME", help="A refreshed audience.")],
    scores: options.ScoresFolder,
    ledger: LedgerFile,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="The earlier time. [default: the refresh before]"),
    ] = None,
    upto: Annotated[
        str | None,
        typer.Option("--upto", metavar="DATE", help="The later time. [default: the newest refresh]"),
    ] = None,
    data: Data = None,
    columns: options.Columns = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Who entered and who left, by name."""
    told = Output(json, quiet)
    ours = _opened(scores, data, columns, None, told)
    with _ledger(ours, ledger, must_exist=True) as kept:
        changes = kept.diff(audience, since, upto)
    told.answer(lambda: _changed(changes), lambda: _show_changes(changes))


def as_of(
    audience: Annotated[str, typer.Argument(metavar="NAME", help="A refreshed audience.")],
    scores: options.ScoresFolder,
    ledger: LedgerFile,
    at: Annotated[str, typer.Option("--at", metavar="DATE", help="The time asked about.")],
    data: Data = None,
    columns: options.Columns = None,
    out: Out = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Who was in at a time, by the newest refresh until then."""
    import pandas as pd

    told = Output(json, quiet)
    ours = _opened(scores, data, columns, None, told)
    with _ledger(ours, ledger, must_exist=True) as kept:
        then = kept.as_of(audience, at)
    frame = pd.DataFrame({"customer_id": then.customer_ids, "holdout": then.holdout})
    if out is not None:
        with whole_file(out) as aside:
            frame.to_csv(aside, index=False)
        told.note(f"{counted(len(frame), 'customer')} written to {out}")

    def show() -> None:
        say(f"{audience}: {counted(len(frame), 'customer')}, refreshed as of {then.refresh.as_of.iso}")
        shown = zip(then.customer_ids[:SHOWN_MEMBERS], then.holdout, strict=False)
        rows = [(str(customer), "held out" if held else "") for customer, held in shown]
        table(("customer_id", ""), rows)

    told.answer(lambda: {"refresh": _told(then.refresh), "customers": frame.to_dict("records")}, show)


def lift(
    audience: Annotated[str, typer.Argument(metavar="NAME", help="A refreshed audience with a holdout.")],
    scores: options.ScoresFolder,
    ledger: LedgerFile,
    at: Annotated[str, typer.Option("--at", metavar="DATE", help="The refresh: the newest until then.")],
    days: Annotated[int, typer.Option("--days", help="How long after it outcomes count: 7 to 365.")],
    outcome: Annotated[
        Literal["orders", "spend", "ordered"], typer.Option("--outcome", help="What is compared.")
    ] = "orders",
    data: Data = None,
    columns: options.Columns = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """What contacting did: members against their holdout over the days after a refresh.

    The tables must cover these days.
    """
    from intentml.audiences.ledger import Ledger
    from intentml.audiences.lift import lift_since
    from intentml.audiences.opening import scored_log, shop_mark

    told = Output(json, quiet)
    with told.step("reading tables"):
        _, log = scored_log(scores, data, columns=columns)
    with Ledger.open(ledger, shop=shop_mark(log), timezone=log.timezone, must_exist=True) as kept:
        then = kept.as_of(audience, at)
    found = lift_since(log, then, days, outcome)

    def show() -> None:
        say(f"{audience}, {days} days from {then.refresh.as_of.iso}: {outcome} a member")
        rows = [
            ("contacted", f"{found.contacted:,}", f"{found.contacted_mean:.4g}"),
            ("held out", f"{found.holdout:,}", f"{found.holdout_mean:.4g}"),
        ]
        table(("", "members", outcome), rows, right=("members", outcome))
        gain, share = found.difference, found.relative
        say(f"  difference {gain.value:+.4g} ({gain.low:+.4g} to {gain.high:+.4g}, {found.level:.0%})")
        say(f"  lift {share.value:+.1%} ({share.low:+.1%} to {share.high:+.1%})")

    told.answer(lambda: {"refresh": _told(then.refresh), "outcome": outcome, **asdict(found)}, show)


def _opened(
    scores: Path, data: str | None, columns: Path | None, folder: Path | None, told: Output
) -> Audiences:
    from intentml.audiences.opening import open_audiences

    with told.step("reading tables"):
        return open_audiences(scores, data, columns=columns, folder=folder)


def _ledger(ours: Audiences, place: str, *, must_exist: bool = False) -> Ledger:
    from intentml.audiences.ledger import Ledger

    return Ledger.open(place, shop=ours.shop, timezone=ours.view.as_of.timezone, must_exist=must_exist)


def _row(one: Refresh) -> tuple[str, str, str, str]:
    note = f"held back: {one.held}" if one.held else "" if one.stored else "as it was"
    return f"{one.members:,}", f"{one.entered:,}", f"{one.left:,}", note


def _told(one: Refresh | IntentmlError) -> dict[str, Any]:
    if isinstance(one, IntentmlError):
        return {"error": one.to_dict()}
    fields = vars(one)
    return {name: value.iso if name == "as_of" else value for name, value in fields.items()}


def _changed(changes: Changes) -> dict[str, Any]:
    return {
        "audience": changes.audience,
        "since": changes.since,
        "upto": changes.upto,
        "entered": changes.entered.to_pylist(),
        "left": changes.left.to_pylist(),
    }


def _show_changes(changes: Changes) -> None:
    say(f"{changes.audience}: {len(changes.entered):,} entered, {len(changes.left):,} left")
    rows = [
        (word, one["customer_id"], "held out" if one["holdout"] else "")
        for word, side in (("entered", changes.entered), ("left", changes.left))
        for one in side.slice(0, SHOWN_MEMBERS).to_pylist()
    ]
    table(("", "customer_id", ""), rows)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
