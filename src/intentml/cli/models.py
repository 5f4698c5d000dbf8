"""`train`, `backtest` and `score`: from tables to a model, a measurement, a scores folder.

What comes in: a shop, dates, a recipe. What goes out: folders, and what was chosen, measured or
counted. The work is `workflows`'; here it is asked for and told.
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
    from collections.abc import Iterable, Sequence

    from intentml.evaluation import BacktestReport
    from intentml.fitting.priors import Verdict
    from intentml.inference.folder import SavedModel
    from intentml.scores.scores import Scores
    from intentml.timeline import OrderLog

# zstd-compressed rows of interests.parquet on Complete Journey; for telling a size before it is written.
_BYTES_A_ROW = 12


def train(
    source: options.Source,
    as_of: options.AsOfDate,
    out: Annotated[Path, typer.Option("--out", metavar="MODEL_DIR", help="Model folder to write.")],
    recipe: options.RecipeName = "priors",
    settings: options.Settings = None,
    seed: options.Seed = None,
    columns: options.Columns = None,
    timezone: options.Timezone = "UTC",
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a model on what was known before a date.

    Tells what was chosen for each question, and by which losses on validation.
    """
    from intentml import workflows
    from intentml.recipe import load_recipe

    told = Output(json, quiet)
    load_recipe(recipe, settings or ())  # a wrong recipe is told before the tables are read
    log = options.read_log(source, columns, timezone, told)
    refuse_too_little(log, as_of, told)
    with told.step("training") as tell:
        model = workflows.train(
            log, as_of=as_of, recipe=recipe, settings=settings or (), seed=seed, out=out, progress=tell
        )

    def show() -> None:
        say(
            f"Model {model.name}, version {model.fingerprint[:12]}, "
            f"trained until {model.predictor.trained_until.iso}"
        )
        say("\nValidation: log-loss (orders and spend: deviance), lower is better, * is used")
        show_verdicts(model.card["validation"])
        say(f"\nWritten to {out}")
        shop = options.shown_source(source)
        at = ("--as-of", as_of, "--horizon", "28")
        next_steps(("score", shop, "--model", str(out), *at, "--out", "scores"))

    told.answer(lambda: _model_body(model, out), show)


def backtest(
    source: options.Source,
    last_as_of: Annotated[
        str,
        typer.Option(
            "--last-as-of", metavar="DATE", help="Start of the last window; the data must hold all of it."
        ),
    ],
    horizon: options.Horizon,
    windows: Annotated[int, typer.Option("--windows", min=1, help="How many windows.")] = 1,
    step: Annotated[
        int | None,
        typer.Option("--step", min=1, metavar="DAYS", help="Days between windows. [default: the horizon]"),
    ] = None,
    recipe: options.RecipeName = "priors",
    settings: options.Settings = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for the whole report: every number, tables, plots."
        ),
    ] = None,
    min_buyers: Annotated[
        int,
        typer.Option(
            "--min-buyers-in-window", min=1, help="Targets with fewer buyers in a window are not judged."
        ),
    ] = 20,
    columns: options.Columns = None,
    timezone: options.Timezone = "UTC",
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure a recipe and every prior on past windows.

    Each is fitted at each window's own start, on what was known then.
    """
    from intentml import workflows
    from intentml.evaluation import BacktestConfig, write_report
    from intentml.recipe import load_recipe

    told = Output(json, quiet)
    load_recipe(recipe, settings or ())
    log = options.read_log(source, columns, timezone, told)
    with told.step("backtest") as tell:
        report = workflows.backtest(
            log,
            last_as_of=last_as_of,
            horizon_days=horizon,
            windows=windows,
            step_days=step,
            recipe=recipe,
            settings=settings or (),
            config=BacktestConfig(min_buyers_in_window=min_buyers),
            progress=tell,
        )
    if out is not None:
        write_report(report, out)

    def show() -> None:
        show_report(report)
        if out is not None:
            say(f"\nThe whole report: {out}")

    told.answer(report.to_dict, show)


def score(
    source: options.Source,
    model: Annotated[
        Path, typer.Option("--model", metavar="MODEL_DIR", help="Model folder that `train` wrote.")
    ],
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

    told = Output(json, quiet)
    keep, wanted = _interests(interests), options.listed(kinds)
    saved = workflows.load_model(model)
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


def refuse_too_little(log: OrderLog, as_of: str, out: Output) -> None:
    """Tell the data gate's warnings; raise where it refuses."""
    from intentml import workflows
    from intentml.errors import DataError

    gates = workflows.gate(log, as_of)
    for gate in gates:
        if gate.level == "warn":
            out.note(f"warning: {gate.message}")
    refused = [gate.message for gate in gates if gate.level == "refuse"]
    if refused:
        raise DataError(
            "the data gate refuses: " + "; ".join(refused),
            table="orders",
            hint="choose a later --as-of, or bring more history; `intentml check` tells all measured values",
        )


def show_verdicts(verdicts: Sequence[dict[str, Any]] | Sequence[Verdict]) -> None:
    """What validation said: a table for each set of priors, a row for each head and horizon."""
    told = [one if isinstance(one, dict) else vars(one) for one in verdicts]
    groups: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for head, days in dict.fromkeys((one["head"], one["horizon_days"]) for one in told):
        names = tuple(one["prior"] for one in told if (one["head"], one["horizon_days"]) == (head, days))
        groups.setdefault(names, []).append((head, days))
    cells = {
        (one["head"], one["horizon_days"], one["prior"]): f"{one['loss']:.4f}{'*' if one['chosen'] else ' '}"
        for one in told
    }
    for names, heads in groups.items():
        rows = [(head, f"{days}", *(cells[head, days, name] for name in names)) for head, days in heads]
        say()
        table(("head", "days", *names), rows, right=("days", *names))


def show_report(report: BacktestReport) -> None:
    """Boards, and the recipe against the best baseline, with intervals."""
    from intentml.evaluation import summary_lines

    for line in summary_lines(report):
        say(line)


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


def _model_body(model: SavedModel, out: Path) -> dict[str, Any]:
    """The JSON of `train`."""
    return {
        "model": str(out),
        "name": model.name,
        "version": model.fingerprint[:12],
        "fingerprint": model.fingerprint,
        "trained_until": model.predictor.trained_until.iso,
        "recipe": model.card["recipe"],
        "seed": model.card["seed"],
        "data": model.card["data"],
        "validation": model.card["validation"],
    }


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
    sizes = {kind: len(past.catalogue.targets(kind)) for kind in kinds or past.catalogue.kinds}
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
