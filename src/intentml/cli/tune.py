"""`tune`: try settings of a recipe, and write the best one as a recipe of its own.

What comes in: a shop, a date, a search. What goes out: the best trials, and a recipe file that `train`
takes. The study is `tuning`'s; here it is asked for, told and kept in MLflow.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intentml.cli import options
from intentml.cli.failures import UsageError
from intentml.cli.output import Output, counted, next_steps, say, table
from intentml.cli.tracked import keep_data, run_body, show_run, tracked
from intentml.cli.whole_file import whole_file

if TYPE_CHECKING:
    from intentml.fitting.search import Study, Trial
    from intentml.recipe import Recipe
    from intentml.tracking import Run

_SHOWN = 5
_STATES = ("complete", "pruned", "failed")


def tune(
    source: options.Source,
    search: Annotated[
        str,
        typer.Option(
            "--search", metavar="NAME|FILE", help="Shipped search, or a file where it has a / or .toml."
        ),
    ],
    as_of: options.AsOfDate,
    horizon: options.Horizon,
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="Trials in all, those of an earlier call among them.")
    ],
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trials at a time, a process each.")] = 1,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="NAME|FILE", help="Where to start. [default: the search's]"),
    ] = None,
    settings: options.Settings = None,
    study: Annotated[
        Path | None,
        typer.Option(
            "--study", metavar="DIR", help="Folder to go on with later. [default: studies/ and the search]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.toml", help="The best recipe. [default: best.toml in the study]"),
    ] = None,
    device: options.Device = "auto",
    seed: options.Seed = None,
    columns: options.Columns = None,
    timezone: options.Timezone = "UTC",
    tracking: options.Tracking = True,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Search for better settings of a recipe.

    Each trial trains at the horizon asked, and is judged on the newest window before --as-of. Stopped by
    ctrl-C, the same command goes on where it was.
    """
    from intentml import tuning
    from intentml.cli.models import refuse_too_little, with_seed
    from intentml.fitting.space import load_search

    told = Output(json, quiet)
    chosen = load_search(search).seeded(seed)
    start = tuning.search_start(chosen, recipe, with_seed(settings, seed))  # told before the tables are read
    folder = study or Path("studies") / chosen.name
    best_file = out or folder / "best.toml"
    if best_file.suffix != ".toml" or best_file.is_dir():  # told before the trials, not after
        raise UsageError(f"--out {best_file} is no .toml file", hint="--recipe takes a file that ends so")
    log = options.read_log(source, columns, timezone, told)
    refuse_too_little(log, as_of, told)
    with tracked(f"tune {chosen.name}", tracking, told) as run:
        run.tags({"command": "tune", "search": chosen.name, "recipe": start.name, "as_of": as_of})
        with told.step("tuning") as tell:

            def on_trial(trial: Trial, so_far: Study) -> None:
                best = so_far.ranked[0].loss if so_far.ranked else None
                tell("no trial yet" if best is None else f"best {best:.4f}", len(so_far.trials), trials)
                _keep_trial(run, trial)
                run.metrics({"best_loss": best}, step=len(so_far.trials))  # they end in any order

            try:
                best, done = tuning.tune(
                    log,
                    search=chosen,
                    as_of=as_of,
                    horizon_days=horizon,
                    trials=trials,
                    study=folder,
                    jobs=jobs,
                    recipe=start,
                    device=device,
                    on_trial=on_trial,
                )
            except KeyboardInterrupt:
                told.note(f"the trials so far are kept in {folder}; the same command goes on with them")
                raise
        about = f"{chosen.name}, from recipe {start.name}: {horizon} days, as of {as_of}"
        write_recipe(best, best_file, _about(done, about))
        run.parameters({"search": chosen.model_dump(mode="json"), "recipe": start.model_dump(mode="json")})
        keep_data(run, log)
        _keep_study(run, done, best_file)

    def show() -> None:
        say(f"Search {about}")
        _show(done, start.name)
        say(f"\nThe best recipe: {best_file}")
        show_run(run)
        shop = options.shop_again(source, columns, timezone)
        next_steps(("train", *shop, "--as-of", as_of, "--recipe", str(best_file), "--out", "model"))

    told.answer(
        lambda: {
            "recipe": str(best_file),
            "study": str(folder),
            "search": chosen.name,
            "as_of": as_of,
            "horizon_days": horizon,
            **_body(done),
            **run_body(run),
        },
        show,
    )


def write_recipe(recipe: Recipe, path: Path, about: str) -> None:
    """Write every value of a recipe, with `about` above it, as a file that `--recipe` takes."""
    import tomli_w

    comment = "".join(f"# {line}\n" for line in about.splitlines())
    with whole_file(path) as aside:
        aside.write_text(comment + tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)), "utf-8")


def _about(study: Study, search: str) -> str:
    """What the reader of the best recipe wants to know."""
    best = study.ranked[0]
    values = ", ".join(f"{key} = {_shown(value)}" for key, value in best.settings.items())
    return (
        f"Found by `intentml tune`: search {search}.\n"
        f"Trial {best.number} of {len(study.trials)}, validation loss {best.loss:.4f} "
        f"(before: {_shown(study.start_loss) or 'not tried'}), with\n{values}."
    )


def _show(study: Study, before: str) -> None:
    """The best trials side by side, and what became of the others."""
    say(
        f"{counted(len(study.trials), 'trial')}: {study.count('complete')} complete, "
        f"{study.count('pruned')} given up early, {study.count('failed')} failed"
    )
    for trial in study.trials:
        if trial.error is not None:
            say(f"  trial {trial.number}: {trial.error}")
    say("\nValidation loss, lower is better; last the recipe that they started from:")
    best = study.ranked[:_SHOWN]
    columns = [*(f"trial {trial.number}" for trial in best), f"recipe {before}"]
    rows = [("loss", *(f"{trial.loss:.4f}" for trial in best), _shown(study.start_loss))]
    for key, value in study.start.items():
        rows.append((key, *(_shown(trial.settings[key]) for trial in best), _shown(value)))
    table(("", *columns), rows, right=columns)


def _body(study: Study) -> dict[str, Any]:
    """The JSON of a study."""
    return {
        "trials": {state: study.count(state) for state in _STATES},
        "best": [
            {"trial": trial.number, "loss": trial.loss, "settings": dict(trial.settings)}
            for trial in study.ranked[:_SHOWN]
        ],
        "start": {"loss": study.start_loss, "settings": dict(study.start)},
        "failures": [
            {"trial": trial.number, "error": trial.error} for trial in study.trials if trial.error is not None
        ],
    }


def _keep_trial(run: Run, trial: Trial) -> None:
    """A run of its own inside the study's: settings, loss and learning curve."""
    with run.child(f"trial {trial.number}") as child:
        child.tags({"state": trial.state, **({} if trial.error is None else {"error": trial.error})})
        child.parameters(trial.settings)
        child.metrics({"loss": trial.loss, "seconds": trial.seconds})
        for epoch, loss in trial.losses.items():
            child.metrics({"epoch_loss": loss}, step=epoch)


def _keep_study(run: Run, study: Study, best_file: Path) -> None:
    """What it came to, and pictures of it."""
    from intentml.fitting.search import plots

    if run.run_id is None:
        return
    run.metrics({state: study.count(state) for state in _STATES})
    run.file(best_file)
    for name, figure in plots(study.folder).items():
        run.figure(name, figure)


def _shown(value: Any) -> str:
    """A setting or a loss, short."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
