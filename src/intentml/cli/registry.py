"""`promote`: point an alias such as `champion` at a model that loses to no prior.

What comes in: a run or a model folder, an alias. What goes out: the alias, moved; or a refusal that
names the head, the horizon and the numbers of the loss.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intentml.cli import options
from intentml.cli.output import Output, counted, say, table
from intentml.cli.tracked import keep_folder, registered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from intentml.tracking import Comparison


def promote(
    model: Annotated[
        str, typer.Argument(metavar="RUN|MODEL_DIR", help="Id of a run of `train`, or a model folder.")
    ],
    alias: Annotated[str, typer.Option("--as", metavar="ALIAS", help="Alias to set, e.g. champion.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Registered model.")] = "intentml",
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a model the champion.

    Refused where a prior beats it on validation, on any head or horizon, by log-loss or mAP, by more
    than one standard error. A model that is not registered yet is registered first.
    """
    from intentml import tracking, workflows

    told = Output(json, quiet)
    is_folder = Path(model).is_dir()
    logged = None if is_folder else tracking.model_of_run(model)
    folder = Path(model) if logged is None else tracking.local_model(logged)
    saved = workflows.load_model(folder)
    compared = tracking.refuse_loser(saved.card.get("judged", ()))
    version = tracking.version_of(name, saved.fingerprint)
    if version is None:
        logged = logged or tracking.model_with(saved.fingerprint) or keep_folder(saved, folder, name)
        version = registered(saved, logged, name)
    before = tracking.set_alias(version, alias)

    def show() -> None:
        was = f" (was version {before})" if before not in (None, version.number) else ""
        say(f"{alias} of {version.name} is version {version.number}{was}: model {saved.fingerprint[:12]}")
        say(f"It loses none of {counted(len(compared), 'comparison')} with its priors on validation:\n")
        _show_closest(compared)
        say(f"\nUse it: --model models:/{version.name}@{alias}")

    def body() -> dict[str, Any]:
        return {
            "name": version.name,
            "alias": alias,
            "version": version.number,
            "before": before,
            "fingerprint": saved.fingerprint,
            "compared": [{**vars(one), "worse_by": one.worse_by} for one in compared],
        }

    told.answer(body, show)


def _show_closest(compared: Sequence[Comparison]) -> None:
    """For each head, horizon and metric the prior that came closest."""
    closest: dict[tuple[str, int, str], Comparison] = {}
    for one in compared:
        key = one.head, one.horizon_days, one.metric
        if key not in closest or one.worse_by > closest[key].worse_by:
            closest[key] = one
    rows = [
        (
            one.head,
            f"{one.horizon_days}",
            one.label,
            f"{one.model_value:.4f}",
            f"{one.prior_value:.4f}",
            one.prior,
        )
        for one in closest.values()
    ]
    table(
        ("head", "days", "metric", "model", "best prior", "which"),
        rows,
        right=("days", "model", "best prior"),
    )
