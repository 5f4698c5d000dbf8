"""`audience refresh`, `diff`, `acknowledge`, `as-of`, `forget` and `lift`: who was in when, and what it did.

What comes in: a scores folder, the tables that were scored, a ledger. What goes out: who entered and left by
name, membership as it was, the lift over the holdout; JSON for machines.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from intentml.cli import options
from intentml.cli.audience import SHOWN_MEMBERS, Data, Out, Own, Several, opened
from intentml.cli.failures import UsageError
from intentml.cli.output import Output, counted, next_steps, say, table
from intentml.cli.whole_file import whole_file
from intentml.errors import IntentmlError

if TYPE_CHECKING:
    from intentml.audiences.audiences import Audiences
    from intentml.audiences.ledger import Ledger
    from intentml.audiences.membership import Changes, Refresh

LedgerFile = Annotated[
    str, typer.Option("--ledger", metavar="FILE|URL", help="Who was in when: a DuckDB file, or a database.")
]


def refresh(
    audience: Several = None,
    *,
    scores: options.ScoresFolder,
    ledger: LedgerFile,
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
    ours = opened(scores, data, columns, audiences, told)
    with told.step("refreshing") as tell, membership_ledger(ours, ledger) as kept:
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
    consumer: Annotated[
        str | None,
        typer.Option("--consumer", metavar="NAME", help="What this one has not acknowledged yet, instead."),
    ] = None,
    data: Data = None,
    columns: options.Columns = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Who entered and who left, by name.

    With --consumer each change is handed out once to whoever acts on them under that name; the same changes
    again, as they were, until `audience acknowledge`.
    """
    if consumer is not None and (since is not None or upto is not None):
        raise UsageError(
            "--consumer goes on from what was acknowledged, and takes no --since or --upto",
            hint="leave the times out, or the consumer",
        )
    told = Output(json, quiet)
    ours = opened(scores, data, columns, None, told)
    with membership_ledger(ours, ledger, must_exist=True) as kept:
        changes = kept.diff(audience, since, upto) if consumer is None else kept.changes(audience, consumer)

    def show() -> None:
        _show_changes(changes)
        if consumer is not None and changes.upto > changes.since:
            # A database's address may hold a password.
            place = "DATABASE_URL" if "://" in ledger else ledger
            words = ("audience", "acknowledge", audience, str(scores), "--ledger", place)
            next_steps((*words, "--consumer", consumer, "--upto", str(changes.upto)))

    told.answer(lambda: _changed(changes), show)


def acknowledge(
    audience: Annotated[str, typer.Argument(metavar="NAME", help="A refreshed audience.")],
    scores: options.ScoresFolder,
    ledger: LedgerFile,
    consumer: Annotated[
        str, typer.Option("--consumer", metavar="NAME", help="Who acted on the changes, as in `diff`.")
    ],
    upto: Annotated[
        int, typer.Option("--upto", metavar="N", help="Number of the refresh that `diff --consumer` led to.")
    ],
    data: Data = None,
    columns: options.Columns = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """All changes up to a refresh were acted on: what came after may be handed out."""
    told = Output(json, quiet)
    ours = opened(scores, data, columns, None, told)
    with membership_ledger(ours, ledger, must_exist=True) as kept:
        kept.acknowledge(audience, consumer, upto)
    told.answer(
        lambda: {"audience": audience, "consumer": consumer, "upto": upto, "acknowledged": True},
        lambda: say(f"{audience}: {consumer} is done up to refresh {upto}"),
    )


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
    ours = opened(scores, data, columns, None, told)
    with membership_ledger(ours, ledger, must_exist=True) as kept:
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
        if len(frame) > SHOWN_MEMBERS:
            say(f"  ... {counted(len(frame), 'customer')} in all; --out FILE.csv writes them, --json tells")

    told.answer(lambda: {"refresh": _told(then.refresh), "customers": frame.to_dict("records")}, show)


def forget(
    customer: Annotated[str, typer.Argument(metavar="ID", help="The customer.")],
    scores: options.ScoresFolder,
    ledger: LedgerFile,
    data: Data = None,
    columns: options.Columns = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Take a customer out of a ledger: all memberships, and all actions of scenarios kept there.

    Take the customer out of the tables too: who is still in them comes back with the next refresh.
    """
    from intentml.scenarios.ledger import ActionLedger

    told = Output(json, quiet)
    ours = opened(scores, data, columns, None, told)
    with membership_ledger(ours, ledger, must_exist=True) as kept:
        stays = kept.forget(customer)
    zone = ours.view.as_of.timezone
    with ActionLedger.open(ledger, shop=ours.shop, timezone=zone, must_exist=True) as handed:
        actions = handed.forget(customer)
    told.answer(
        lambda: {"memberships": stays, "actions": actions},
        lambda: say(
            f"forgotten: {counted(stays, 'membership')}, {counted(actions, 'action')}"
            + ("" if stays or actions else "; this ledger knows nobody of that id")
        ),
    )


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


def membership_ledger(ours: Audiences, place: str, *, must_exist: bool = False) -> Ledger:
    """The ledger of audiences of the shop that is open."""
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
    if max(len(changes.entered), len(changes.left)) > SHOWN_MEMBERS:
        say(f"  ... the first {SHOWN_MEMBERS} of each; --json tells all of them")
