"""Options that several commands share, each with its one explanation.

What comes in: text of a command line. What goes out: types for typer and values read from text. It
opens no file and asks nothing of the data.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from intentml.cli.failures import UsageError
from intentml.cli.output import Output

if TYPE_CHECKING:
    from intentml.timeline import OrderLog

Source = Annotated[
    str,
    typer.Argument(
        metavar="DIR", help="Folder with orders.csv or .parquet, a .duckdb file, or a database URL."
    ),
]
ScoresFolder = Annotated[Path, typer.Argument(metavar="SCORES_DIR", help="Folder that `score` wrote.")]
AsOfDate = Annotated[
    str, typer.Option("--as-of", metavar="DATE", help="Known is what was recorded before this date or time.")
]
Horizon = Annotated[
    int,
    typer.Option(
        "--horizon", metavar="DAYS", help="Days from then on that the prediction is about: 7 to 365."
    ),
]
AskedHorizon = Annotated[
    int | None,
    typer.Option(
        "--horizon", metavar="DAYS", help="One of the horizons scored. [default: the first of them]"
    ),
]
RecipeName = Annotated[
    str,
    typer.Option(
        "--recipe", metavar="NAME|FILE", help="Shipped recipe, or a file where it has a / or .toml."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Change one value of the recipe; repeat for several."),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed of all that is drawn. [default: the recipe's]")
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where a network is trained: auto takes a GPU where there is one."),
]
Columns = Annotated[
    Path | None,
    typer.Option("--columns", metavar="FILE.toml", help="Maps foreign table and column names to ours."),
]
Timezone = Annotated[
    str, typer.Option("--timezone", metavar="TZ", help="The shop's zone: times without one are local to it.")
]
Tracking = Annotated[
    bool,
    typer.Option(
        "--tracking/--no-tracking",
        show_default=False,
        help="Whether MLflow keeps a run, at MLFLOW_TRACKING_URI, else in mlflow.db here. [default: it does]",
    ),
]
Register = Annotated[
    str | None,
    typer.Option("--register", metavar="NAME", help="Register the model in MLflow under this name."),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="MODEL_DIR|models:/NAME@ALIAS",
        help="Model folder that `train` wrote, or a model registered in MLflow.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON value on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No logs and no progress on stderr.")]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([dw]?)")
_DAYS = {"": 1.0, "d": 1.0, "w": 7.0}


def read_log(source: str, columns: Path | None, timezone: str, out: Output) -> OrderLog:
    """The shop's order log, with the wait told."""
    from intentml import workflows

    with out.step("reading tables"):
        return workflows.read_tables(source, columns=columns, timezone=timezone)


def model_folder(model: str) -> Path:
    """The folder of a `--model`: a path, or a registered model, fetched where it is elsewhere."""
    if not model.startswith("models:"):
        return Path(model)
    from intentml import tracking

    return tracking.local_model(model)


def days_of(text: str) -> float:
    """Days of a duration such as 90d or 12w; a bare number is days.

    >>> days_of("12w"), days_of("90d")
    (84.0, 90.0)
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is no duration", hint="write days as 90d or weeks as 12w")
    return float(found[1]) * _DAYS[found[2]]


def listed(text: str | None) -> tuple[str, ...] | None:
    """Names separated by commas; None where nothing was given."""
    if text is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UsageError(
            f"{text!r} names nothing", hint="write names separated by commas, e.g. category,brand"
        )
    return names


def shop_again(source: str, columns: Path | None = None, timezone: str = "UTC") -> tuple[str, ...]:
    """The words that read the same tables in the next command, as they may be printed.

    A database URL can hold a password: it is told as DATABASE_URL.
    """
    words = ["DATABASE_URL" if "://" in source else source]
    if columns is not None:
        words += ["--columns", str(columns)]
    if timezone != "UTC":
        words += ["--timezone", timezone]
    return tuple(words)
