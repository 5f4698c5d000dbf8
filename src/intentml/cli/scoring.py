"""`score`: every customer of a shop, scored by a model, into the folder that answers come from.

What comes in: a shop, a model folder, a date, horizons. What goes out: a scores folder; how many were
scored, how they stand, and questions that the folder answers. The work is `workflows`'.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intentml.cli import options
from intentml.cli.failures import UsageError
from intentml.cli.output import Output, counted, next_steps, say, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from intentml.scores.scores import Scores
    from intentml.timeline import OrderLog

# zstd-compressed rows of interests.parquet on Complete Journey; for telling a size before it is written.
_BYTES_A_ROW = 12


def score(
    source: options.Source,
    model: options.Model,
    as_of: options.AsOfDate,
    horizon: Annotated[
        list[int],
        typer.Option(
            "--horizon", metavar="DAYS", help="Days to predict; repeat for several, the first is the default."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="SCORES_DIR", help="Scores folder to write.")],
    interests: Annotated[
        str,
        typer.Option(
            "--interests", metavar="K|all", help="Targets kept a customer and kind in interests.parquet."
        ),
    ] = "20",
    kinds: Annotated[
        str | None,
        typer.Option(
            "--kinds", metavar="KIND,...", help="category, category_node, brand, product. [default: all]"
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Write even more than 50 million rows of interests.")
    ] = False,
    columns: options.Columns = None,
    timezone: options.Timezone = "UTC",
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Score every customer known at a date.

    Writes the folder that `interested-in` and `recommend` answer from.
    """
    from intentml import workflows
    from intentml.timeline.instants import check_horizon

    told = Output(json, quiet)
    keep, wanted = _interests(interests), options.listed(kinds)
    for days in horizon:
        check_horizon(days)
    saved = workflows.load_model(options.model_folder(model))
    log = options.read_log(source, columns, timezone, told)
    if not yes:
        _refuse_too_many(log, as_of, len(set(horizon)), wanted, keep)
    with told.step("scoring") as tell:
        scores = workflows.score(
            saved,
            log,
            as_of=as_of,
            horizon_days=horizon,
            kinds=wanted,
            interests=keep,
            out=out,
            progress=tell,
        )

    def show() -> None:
        show_scores(scores)
        say(f"\nWritten to {out}")
        next_steps(*questions(scores, out))

    told.answer(lambda: scores_body(scores, out), show)


def show_scores(scores: Scores) -> None:
    """What was scored, in counts."""
    manifest = scores.manifest
    days = ", ".join(f"{days}" for days in manifest.horizons)
    say(f"Scores as of {manifest.as_of}, {days} days, by {manifest.model.name} {manifest.model.version}")
    if not manifest.calibrated:
        say("warning: the history cannot evaluate a horizon so long: its probabilities are not calibrated")
    table(
        ("what", "count"), [(name, f"{count:,}") for name, count in manifest.counts.items()], right=("count",)
    )
    say()
    show_groups(scores)


def show_groups(scores: Scores) -> None:
    """Customers by stage of the lifecycle and by importance."""
    for name, counts in groups(scores).items():
        told = ", ".join(f"{group or 'none'} {count:,}" for group, count in counts.items())
        say(f"{name}: {told}")


def groups(scores: Scores) -> dict[str, dict[str, int]]:
    """Customers by stage and by importance, in the words' own order; prospects have no importance."""
    from intentml.scores.stages import IMPORTANCES, LIFECYCLES

    def count(column: str, order: Iterable[str]) -> dict[str, int]:
        found = Counter(scores.table[column].to_pylist())
        return {name: found[name] for name in order}

    return {"lifecycle": count("lifecycle", LIFECYCLES), "importance": count("importance", IMPORTANCES)}


def scores_body(scores: Scores, out: Path) -> dict[str, Any]:
    """The JSON of `score`."""
    manifest = scores.manifest
    return {
        "scores": str(out),
        "as_of": manifest.as_of,
        "horizons": list(manifest.horizons),
        "calibrated": manifest.calibrated,
        "model_version": manifest.model.version,
        "counts": dict(manifest.counts),
        **groups(scores),
    }


def questions(scores: Scores, folder: Path) -> list[tuple[str, ...]]:
    """Questions that this folder answers: about a category that sells (or brand, product), and a customer."""
    asked: list[tuple[str, ...]] = []
    for kind in ("category", "brand", "product"):
        name = _best_seller(scores, kind)
        if name is not None:
            asked.append(("interested-in", str(folder), f"--{kind}", name, "--limit", "1000"))
            break
    if ("product", scores.horizon()) in scores.targets and len(scores):
        buyer = scores.table.sort_by([("orders", "descending")])["customer_id"][0].as_py()
        asked.append(("recommend", str(folder), "--customer", buyer))
    return asked


def _best_seller(scores: Scores, kind: str) -> str | None:
    """The target of a kind with the most buyers so far; None where that kind was not scored."""
    import pyarrow.compute as pc

    if (kind, scores.horizon()) not in scores.targets:
        return None
    targets = scores.context.filter(pc.equal(scores.context["kind"], kind)).sort_by(
        [("buyers_0", "descending")]
    )
    return str(targets["target"][0]) if targets.num_rows else None


def _interests(text: str) -> int | None:
    """K of `--interests`; None for all."""
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(
            f"--interests {text!r} is neither a number from 1 nor `all`", hint="e.g. --interests 20"
        )
    return int(text)


def _refuse_too_many(
    log: OrderLog, as_of: str, horizons: int, kinds: tuple[str, ...] | None, keep: int | None
) -> None:
    """Raise where interests.parquet would be very large, before anything is computed."""
    from intentml.errors import ScoresError
    from intentml.scores.folder import MANY_ROWS

    past = log.before(log.instant(as_of))
    sizes = {
        kind: len(past.catalogue.targets(kind)) for kind in past.catalogue.kinds if not kinds or kind in kinds
    }
    a_customer = sum(size if keep is None else min(keep, size) for size in sizes.values())
    rows = len(past.customer_ids) * a_customer * horizons
    if rows > MANY_ROWS:
        customers = counted(len(past.customer_ids), "customer")
        raise ScoresError(
            f"interests.parquet would have {rows:,} rows, about {rows * _BYTES_A_ROW / 1e9:.0f} GB "
            f"({customers} x {a_customer:,} targets x {counted(horizons, 'horizon')})",
            hint="add --yes to write it, or keep fewer with --interests K or --kinds; "
            "questions about any target are answered without it",
        )
