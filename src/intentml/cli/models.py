"""`train` and `backtest`: from tables to a model, and to what it and every prior are worth.

What comes in: a shop, dates, a recipe. What goes out: folders, and what was chosen or measured. The
work is `workflows`'; here it is asked for and told.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intentml.cli import options
from intentml.cli.output import Output, next_steps, say, table
from intentml.cli.tracked import (
    check_register,
    curves,
    keep_backtest,
    keep_training,
    run_body,
    run_name,
    show_run,
    tracked,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from intentml.evaluation import BacktestReport
    from intentml.inference.folder import SavedModel
    from intentml.timeline import OrderLog


def train(
    source: options.Source,
    as_of: options.AsOfDate,
    out: Annotated[Path, typer.Option("--out", metavar="MODEL_DIR", help="Model folder to write.")],
    recipe: options.RecipeName = "priors",
    settings: options.Settings = None,
    seed: options.Seed = None,
    device: options.Device = "auto",
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the checkpoint that a killed run into MODEL_DIR left."),
    ] = False,
    register: options.Register = None,
    tracking: options.Tracking = True,
    columns: options.Columns = None,
    timezone: options.Timezone = "UTC",
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a model on what was known before a date.

    Tells what was chosen for each question, and by which losses on validation. Several processes, started
    by torchrun, train one model.
    """
    from intentml import workflows
    from intentml.fitting.parallel import Processes
    from intentml.inference.folder import check_place
    from intentml.recipe import load_recipe

    speaks = Processes.of(os.environ).is_first
    told = Output(json, quiet or not speaks)
    check_register(register, tracking)
    chosen = load_recipe(recipe, with_seed(settings, seed))  # told before the tables are read
    check_place(out)
    log = options.read_log(source, columns, timezone, told)
    refuse_too_little(log, as_of, told)
    name = run_name("train", chosen, settings, as_of)
    with tracked(name, tracking and speaks, told, register=register) as run:
        with told.step("training") as tell:
            model = workflows.train(
                log,
                as_of=as_of,
                recipe=chosen,
                out=out,
                device=device,
                resume=resume,
                progress=tell,
                on_epoch=curves(run, told),
            )
        version = keep_training(run, log, model, out, register)

    def show() -> None:
        say(
            f"Model {model.name}, version {model.fingerprint[:12]}, "
            f"trained until {model.predictor.trained_until.iso}"
        )
        say("\nValidation: log-loss (orders and spend: deviance), lower is better.")
        say("* is used, at all horizons; for no_order: the timing that makes all history likeliest")
        show_verdicts(model.card["validation"])
        show_network(model)
        say(f"\nWritten to {out}")
        show_run(run, version)
        shop = options.shop_again(source, columns, timezone)
        at = ("--as-of", as_of, "--horizon", "28")
        next_steps(("score", *shop, "--model", str(out), *at, "--out", "scores"))

    if speaks:
        told.answer(lambda: {**_model_body(model, out), **run_body(run, version)}, show)


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
    seed: options.Seed = None,
    device: options.Device = "auto",
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
    peers: Annotated[
        bool, typer.Option("--peers", help="Measure predictors of other packages too: all that there are.")
    ] = False,
    peer: Annotated[
        list[str] | None,
        typer.Option("--peer", metavar="NAME", help="Measure this one alone; repeat for several."),
    ] = None,
    peers_env: Annotated[
        Path,
        typer.Option(
            "--peers-env",
            metavar="ENV_DIR",
            help="Folder of the peers' virtual environments, made where they are missing, and of their "
            "answers: what was asked before is not asked again.",
        ),
    ] = Path("peers-env"),
    new_products: Annotated[
        bool,
        typer.Option(
            "--new-products",
            help="Measure too who buys what nobody has bought: a tenth of the products lose their past, and "
            "the recipe is fitted once more.",
        ),
    ] = False,
    tracking: options.Tracking = True,
    columns: options.Columns = None,
    timezone: options.Timezone = "UTC",
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure a recipe, every prior and peers on past windows.

    Each is fitted at each window's own start, on what was known then. Peers are predictors of other packages,
    measured where asked, in virtual environments of their own; one that fails says why in its row.
    """
    from intentml import workflows
    from intentml.evaluation import BacktestConfig, check_windows, write_report
    from intentml.evaluation.peers.catalogue import PEERS, chosen_peers
    from intentml.recipe import load_recipe
    from intentml.timeline import rolling_windows

    told = Output(json, quiet)
    chosen = load_recipe(recipe, with_seed(settings, seed))
    others = [one.name for one in chosen_peers(peer or (list(PEERS) if peers else []))]
    log = options.read_log(source, columns, timezone, told)
    # Before the run is opened: windows that the data does not hold are no experiment.
    check_windows(log, rolling_windows(log.instant(last_as_of), horizon, windows, step or horizon))
    with tracked(run_name("backtest", chosen, settings, last_as_of), tracking, told) as run:
        with told.step("backtest") as tell:
            report = workflows.backtest(
                log,
                last_as_of=last_as_of,
                horizon_days=horizon,
                windows=windows,
                step_days=step,
                recipe=chosen,
                config=BacktestConfig(min_buyers_in_window=min_buyers),
                peers=others,
                peers_env=peers_env,
                new_products=new_products,
                device=device,
                progress=tell,
            )
        if out is not None:
            write_report(report, out)
        keep_backtest(run, log, chosen, report, out)

    def show() -> None:
        show_report(report)
        show_intervals(report)
        if out is not None:
            say(f"\nThe whole report: {out}")
        show_run(run)

    told.answer(lambda: {**report.to_dict(), **run_body(run)}, show)


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


def show_verdicts(verdicts: Sequence[Mapping[str, Any]]) -> None:
    """What validation said: a table for each set of priors, a row for each head and horizon."""
    groups: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for head, days in dict.fromkeys((one["head"], one["horizon_days"]) for one in verdicts):
        names = tuple(one["prior"] for one in verdicts if (one["head"], one["horizon_days"]) == (head, days))
        groups.setdefault(names, []).append((head, days))
    cells = {
        (one["head"], one["horizon_days"], one["prior"]): f"{one['loss']:.4f}{'*' if one['chosen'] else ' '}"
        for one in verdicts
    }
    for names, heads in groups.items():
        rows = [(head, f"{days}", *(cells[head, days, name] for name in names)) for head, days in heads]
        say()
        table(("head", "days", *names), rows, right=("days", *names))


def show_network(model: SavedModel) -> None:
    """What the network brought on validation, head by head, and why there is none where one was wanted."""
    card = model.card
    for note in card["notes"]:
        say(f"\nNote: {note}")
    if "network" not in card:
        return
    network = card["network"]
    say(
        f"\nThe network: {network['weights']:,} weights, best after epoch {network['best_epoch']} of "
        f"{len(network['epochs']) - 1}, on {network['device']} in {network['seconds']:.0f} s. On validation, "
        "as its gates let it in:"
    )
    rows = []
    for one in card["judged"]:
        if one["role"] == "model":
            key = (one["head"], one["horizon_days"])
            priors = [
                other
                for other in card["judged"]
                if (other["head"], other["horizon_days"]) == key and other["role"] == "prior"
            ]
            best = min(priors, key=lambda other: other["log_loss"])
            precise = [other["map"] for other in priors if other["map"] is not None]
            rows.append(
                (
                    one["head"],
                    f"{one['horizon_days']}",
                    f"{one['log_loss']:.4f}",
                    f"{best['log_loss']:.4f}",
                    "" if one["map"] is None else f"{one['map']:.4f}",
                    f"{max(precise):.4f}" if precise else "",
                )
            )
    headings = ("head", "days", "log-loss", "best prior", "mAP", "best prior's")
    table(headings, rows, right=headings[1:])


def show_report(report: BacktestReport) -> None:
    """Boards, and the recipe against the best baseline, with intervals."""
    from intentml.evaluation import summary_lines

    for line in summary_lines(report):
        say(line)


def show_intervals(report: BacktestReport) -> None:
    """The recipe's own numbers with their 95 % intervals."""
    from intentml.evaluation.board import TITLES, boards
    from intentml.evaluation.measurement import MEAN

    as_of = MEAN if len(report.windows) > 1 else report.windows[0].as_of.iso
    rows = [
        (TITLES[board.head], title, cell.text())
        for board in boards(report, as_of)
        for name, _, cells in board.rows
        if name == report.recipe
        for title, cell in zip(board.columns, cells, strict=True)
        if cell.value is not None and cell.low == cell.low
    ]
    say(f"\n{report.recipe}, with 95 % intervals over customers:")
    table(("question", "metric", "value"), rows)


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


def with_seed(settings: list[str] | None, seed: int | None) -> list[str]:
    """The settings, the seed among them."""
    from intentml.recipe import seeds

    return [*(settings or ()), *seeds(seed)]
