"""`audience`: who is in, how many, why, and one against another.

What comes in: a scores folder, the tables that were scored, the name of an audience, a YAML file or a rule.
What goes out: previews, members and reasons for people, JSON for machines, CSV for both. No address of
anybody is printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intentml.cli import options
from intentml.cli.output import Output, counted, next_steps, printable, say, table
from intentml.cli.whole_file import whole_file
from intentml.errors import IntentmlError

if TYPE_CHECKING:
    from intentml.audiences.audiences import Audiences, Preview
    from intentml.audiences.explain import Reason
    from intentml.inference.folder import SavedModel

SHOWN_MEMBERS, SHOWN_OVERLAP = 20, 8

Asked = Annotated[
    str,
    typer.Argument(metavar="NAME|FILE|RULE", help="An audience, a YAML file of one, or a rule in quotes."),
]
Several = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME|FILE]...", help="Audiences; all that this shop can have if left out."),
]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="DIR", help="The tables that were scored. [default: where they lay]"),
]
Own = Annotated[
    Path | None,
    typer.Option(
        "--audiences",
        metavar="FOLDER",
        help="YAML files of your own beside the presets, and lead_score.yaml.",
    ),
]
ReasonsOf = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL_DIR|models:/NAME@ALIAS",
        help="The model that made the scores: tells its reasons for every interested_in.",
    ),
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
    ours = opened(scores, data, columns, audiences, told)
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
            elif not problem:
                for note in ours.notes(name):
                    say(f"  {name}: {note}")
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
                "notes": ours.notes(name),
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
    found = opened(scores, data, columns, audiences, told).preview(audience)
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
    found = opened(scores, data, columns, audiences, told).members(audience)
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
    model: ReasonsOf = None,
    data: Data = None,
    columns: options.Columns = None,
    audiences: Own = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Why a customer is in, or is not: every part of the rule, with the value seen.

    With the model that made the scores, also why it expects each `interested_in`: of several products, for
    the one that the customer is likeliest to buy.
    """
    told = Output(json, quiet)
    saved = None if model is None else _loaded(model)
    found = opened(scores, data, columns, audiences, told).explain(audience, customer, saved)

    def show() -> None:
        say(f"Customer {customer} is {'in' if found.holds else 'not in'}:\n")
        for line in found.lines():
            say(printable(line))

    told.answer(lambda: found.model_dump(mode="json"), show)
    if any(leaf.reasons is None for leaf in _interests(found)):
        told.note(
            "note: --model MODEL_DIR, the model that made the scores, tells its reasons for an interest"
            if saved is None
            else f"note: customer {customer} never bought: the model has no history to give reasons from"
        )


def _loaded(model: str) -> SavedModel:
    """The model of a `--model`."""
    from intentml.inference.folder import load_model

    return load_model(options.model_folder(model))


def _interests(reason: Reason) -> Iterator[Reason]:
    """The leaves about interests."""
    if reason.rule.startswith("interested_in(") and not reason.parts:
        yield reason
    for part in reason.parts:
        yield from _interests(part)


def compare(
    audience: Several = None,
    *,
    scores: options.ScoresFolder,
    data: Data = None,
    columns: options.Columns = None,
    audiences: Own = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Audiences side by side: size, revenue, predicted spend, lifetime value, and how far they overlap.

    `soon` and `long` rank those with most potential: by revenue so far, and by lifetime value a member.
    """
    from intentml.insights import comparison, overlap

    told = Output(json, quiet)
    ours = opened(scores, data, columns, audiences, told)
    with told.step("comparing"):
        found, both = comparison(ours, audience), overlap(ours, audience, "inside")

    def show() -> None:
        heads = {name: name.replace("_", " ") for name in found.columns}
        heads |= {"short_term": "soon", "long_term": "long"}
        rows = [
            (str(name), *(_figure(str(column), value) for column, value in row.items()))
            for name, row in found.iterrows()
        ]
        table(("audience", *heads.values()), rows, right=tuple(heads.values()))
        if 1 < len(both) <= SHOWN_OVERLAP:
            say("\nOf those in a row, the share who are in the column too:")
            cells = [
                (str(name), *(_figure("share", value) for value in row)) for name, row in both.iterrows()
            ]
            table(("", *map(str, both.columns)), cells, right=tuple(map(str, both.columns)))

    told.answer(
        lambda: {
            "audiences": found.reset_index().to_dict("records"),
            "overlap": {str(name): row.to_dict() for name, row in both.iterrows()},
        },
        show,
    )


def opened(
    scores: Path, data: str | None, columns: Path | None, folder: Path | None, told: Output
) -> Audiences:
    """The audiences of the scores, with the wait told."""
    from intentml.audiences.opening import open_audiences

    with told.step("reading tables"):
        return open_audiences(scores, data, columns=columns, folder=folder)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _figure(column: str, value: float) -> str:
    """A number of the comparison as a person reads it."""
    if value != value:
        return ""
    if "share" in column:
        return f"{value:.1%}"
    return f"{value:,.0f}" if column != "orders_a_year" else f"{value:.1f}"
