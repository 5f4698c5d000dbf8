"""`scenario`: what is due to whom, as of the scores, and what was acted on.

What comes in: names or YAML files of scenarios, a scores folder, the tables that were scored. What goes out:
actions as a table for people, JSON for machines, CSV for both. Nothing is sent, and no address of anybody is
printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intentml.cli import options
from intentml.cli.audience import Data, Own
from intentml.cli.membership import membership_ledger
from intentml.cli.output import Output, counted, next_steps, say, table
from intentml.cli.whole_file import whole_file
from intentml.errors import IntentmlError

if TYPE_CHECKING:
    import pandas as pd

    from intentml.audiences.audiences import Audiences
    from intentml.scenarios.ledger import ActionLedger, Batch
    from intentml.scenarios.scenario import Step

SHOWN_ACTIONS = 20

LedgerPlace = Annotated[
    str,
    typer.Option("--ledger", metavar="FILE|URL", help="What was handed out: a DuckDB file, or a database."),
]


def list_scenarios(json: options.AsJson = False, quiet: options.Quiet = False) -> None:
    """The scenarios of the package, step by step."""
    from intentml.scenarios.scenario import presets

    found = presets()

    def show() -> None:
        for one in found.values():
            say(f"{one.name}: {one.title} ({one.source})\n  {one.about}\n")
            steps = [
                (step.name, str(step.after), f"{step.channel} {step.action}", *_told_of(step))
                for step in one.steps
            ]
            table(("step", "after", "action", "offer", "who"), steps)
            say()

    Output(json, quiet).answer(
        lambda: [
            {
                "name": one.name,
                "title": one.title,
                "about": one.about,
                "source": one.source,
                "steps": [
                    {
                        "name": step.name,
                        "after": str(step.after),
                        "action": step.action,
                        "channel": step.channel,
                    }
                    for step in one.steps
                ],
            }
            for one in found.values()
        ],
        show,
    )


def due(
    *,
    scenario: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME|FILE", help="Scenarios; those of the package if left out."),
    ] = None,
    scores: options.ScoresFolder,
    data: Data = None,
    columns: options.Columns = None,
    audiences: Own = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            "--ledger",
            metavar="FILE|URL",
            help="Hands each action out once: a DuckDB file, or a database. [default: notes nothing]",
        ),
    ] = None,
    memberships: Annotated[
        str | None,
        typer.Option(
            "--memberships",
            metavar="FILE|URL",
            help="Ledger of `audience refresh`, for scenarios that start when a customer enters an audience.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Write all the actions to a file.")
    ] = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """What is due as of the scores: to whom, which step, with which offer.

    With a ledger each action is handed out once; a batch again, as it was, until `scenario acknowledge`.
    """
    from contextlib import ExitStack

    from intentml.scenarios.handing_out import due as due_now

    told = Output(json, quiet)
    ours = _opened(scores, data, columns, audiences, told)
    with told.step("looking at scenarios") as tell, ExitStack() as opened:
        members = kept = None
        if memberships is not None:
            members = opened.enter_context(membership_ledger(ours, memberships, must_exist=True))
        if ledger is not None:
            kept = opened.enter_context(_ledger(ours, ledger))
        found = due_now(ours, scenario, kept, members, progress=tell)
    frame = _frame(found)
    if out is not None:
        with whole_file(out) as aside:
            frame.to_csv(aside, index=False)
        told.note(f"{counted(len(frame), 'action')} written to {out}")
    told.answer(lambda: [_told(name, one) for name, one in found.items()], lambda: _show(found, len(frame)))
    open_batches = [one for one in found.values() if not isinstance(one, IntentmlError) and one.number]
    if ledger is not None and open_batches and not json:
        place = "DATABASE_URL" if "://" in ledger else ledger
        next_steps(
            *(
                ("scenario", "acknowledge", one.scenario, str(one.number), str(scores), "--ledger", place)
                for one in open_batches
            )
        )


def acknowledge(
    scenario: Annotated[str, typer.Argument(metavar="NAME", help="A scenario.")],
    batch: Annotated[int, typer.Argument(metavar="BATCH", help="Number of a batch that was handed out.")],
    scores: options.ScoresFolder,
    ledger: LedgerPlace,
    data: Data = None,
    columns: options.Columns = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """All actions of a batch were acted on: what is due next may be handed out."""
    told = Output(json, quiet)
    with _ledger(_opened(scores, data, columns, None, told), ledger, must_exist=True) as kept:
        kept.acknowledge(scenario, batch)
    told.answer(
        lambda: {"scenario": scenario, "batch": batch, "acknowledged": True},
        lambda: say(f"{scenario}: batch {batch} is done"),
    )


def _told_of(step: Step) -> tuple[str, str]:
    """Offer and condition of a step."""
    from intentml.audiences.text import text_of

    offer = _offer(step.offer.percent, step.offer.valid_for) if step.offer else ""
    rules = [rule for rule in (step.condition, step.since_trigger) if rule is not None]
    return offer, " AND ".join(map(text_of, rules))


def _offer(percent: float | None, valid_for: object) -> str:
    if percent is None:
        return ""
    return f"-{percent:g} %" + (f", {valid_for}" if valid_for else "")


def _opened(
    scores: Path, data: str | None, columns: Path | None, folder: Path | None, told: Output
) -> Audiences:
    from intentml.audiences.opening import open_audiences

    with told.step("reading tables"):
        return open_audiences(scores, data, columns=columns, folder=folder)


def _ledger(ours: Audiences, place: str, *, must_exist: bool = False) -> ActionLedger:
    from intentml.scenarios.ledger import ActionLedger

    return ActionLedger.open(place, shop=ours.shop, timezone=ours.view.as_of.timezone, must_exist=must_exist)


def _frame(found: dict[str, Batch | IntentmlError]) -> pd.DataFrame:
    """All actions, with their scenario and batch."""
    import pandas as pd

    from intentml.scenarios.actions import ACTIONS

    parts = []
    for one in found.values():
        if not isinstance(one, IntentmlError):
            part = one.actions.to_pandas()
            part.insert(0, "batch", pd.array([one.number] * len(part), "Int64"))
            part.insert(0, "scenario", one.scenario)
            parts.append(part)
    return pd.concat(parts) if parts else pd.DataFrame(columns=["scenario", "batch", *ACTIONS.names])


def _told(name: str, one: Batch | IntentmlError) -> dict[str, Any]:
    if isinstance(one, IntentmlError):
        return {"scenario": name, "error": one.to_dict()}
    rows = [
        {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in row.items()}
        for row in one.actions.to_pylist()
    ]
    return {
        "scenario": name,
        "batch": one.number,
        "as_of": one.as_of.iso,
        "notes": list(one.notes),
        "actions": rows,
    }


def _show(found: dict[str, Batch | IntentmlError], count: int) -> None:
    for name, one in found.items():
        if isinstance(one, IntentmlError):
            say(f"{name}: {one.message}")
        else:
            batch = f", batch {one.number}" if one.number else ""
            say(f"{name}: {counted(one.actions.num_rows, 'action')} due as of {one.as_of.iso}{batch}")
            for note in one.notes:
                say(f"note: {note}")
    if not count:
        return
    say()
    due = [
        (one.scenario, row)
        for one in found.values()
        if not isinstance(one, IntentmlError)
        for row in one.actions.slice(0, SHOWN_ACTIONS).to_pylist()
    ]
    rows = [
        (
            name,
            row["step"],
            row["customer_id"],
            f"{row['channel']} {row['action']}",
            _offer(row["percent"], row["valid_for"]),
            f"{row['due_at']:%Y-%m-%d %H:%M}",
        )
        for name, row in due[:SHOWN_ACTIONS]
    ]
    table(("scenario", "step", "customer_id", "action", "offer", "due (UTC)"), rows)
    if count > SHOWN_ACTIONS:
        say(f"  ... {counted(count, 'action')} in all; --out FILE.csv writes them, --json tells")
