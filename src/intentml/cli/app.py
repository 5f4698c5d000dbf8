"""The program: every command under its name.

What comes in: a command line. What goes out: the command run. Each command stands in the file of its
subject; what all share is in `options`, `output` and `failures`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from intentml.cli import (
    answers,
    audience,
    data,
    demo,
    explain,
    key,
    membership,
    models,
    orders,
    registry,
    report,
    scenario,
    scoring,
    tune,
)
from intentml.cli import serve as serving
from intentml.cli.failures import Commands, UsageError
from intentml.fitting.parallel import Processes
from intentml.version import __version__


def _examples(*lines: str) -> str:
    """The end of a command's help; the mark keeps its lines as they are."""
    return "\b\nExample:\n" + "\n".join(f"  intentml {line}" for line in lines)


app = typer.Typer(
    name="intentml",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: it is there at once, and reads the same in a log
    pretty_exceptions_enable=False,
    epilog=_examples("demo", "check shop --as-of 2017-11-01 --horizon 28"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


COMMANDS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "demo": (demo.demo, ("demo --out intentml-demo",)),
    "check": (data.check, ("check shop --as-of 2017-11-01 --horizon 28",)),
    "train": (
        models.train,
        (
            "train shop --as-of 2017-11-01 --recipe priors --out model",
            "train shop --as-of 2017-11-01 --set priors.horizons_days=[28] --out model",
        ),
    ),
    "backtest": (
        models.backtest,
        (
            "backtest shop --recipe priors --last-as-of 2017-11-01 --horizon 28 --windows 3 --out report",
            "backtest shop --last-as-of 2017-11-01 --horizon 28 --new-products",
        ),
    ),
    "tune": (
        tune.tune,
        (
            "tune shop --search base --as-of 2017-11-01 --horizon 28 --trials 30 --jobs 2",
            "tune shop --search ./mine.toml --recipe demo --as-of 2017-11-01 --horizon 28 --trials 10",
        ),
    ),
    "promote": (registry.promote, ("promote model --as champion",)),
    "score": (
        scoring.score,
        (
            "score shop --model model --as-of 2017-11-01 --horizon 28 --out scores",
            "score shop --model models:/intentml@champion --as-of 2017-11-01 --horizon 28 --out scores",
        ),
    ),
    "interested-in": (
        answers.interested_in,
        (
            "interested-in scores --category CHEESE --limit 1000 --out cheese.csv",
            'interested-in scores --keyword "lunch bag" --min-probability 0.1',
            "interested-in scores --product P-7 --product P-9 --share 0.05 --json",
            """interested-in scores --new-product '{"category": "CHEESE", "price": 4.5}'""",
        ),
    ),
    "recommend": (
        answers.recommend,
        ("recommend scores --customer C-7 --exclude-bought 90d --limit 5",),
    ),
    "explain": (
        explain.explain,
        (
            "explain shop --model model --as-of 2017-11-01 --horizon 28 --customer C-7 --category CHEESE",
            "explain shop --model model --as-of 2017-11-01 --horizon 28 --customer C-7 --no-order --json",
        ),
    ),
    "report": (report.report, ("report scores --data shop --out report.html",)),
    "serve": (
        serving.serve,
        (
            "serve scores --model model",
            "serve scores --model models:/intentml@champion --port 3001 --workers 2",
        ),
    ),
}
DATASETS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "list": (data.list_datasets, ("datasets list",)),
    "get": (
        data.get_dataset,
        (
            "datasets get simulated --customers 2000 --seed 1 --dial 0.2 --out shop",
            "datasets get complete-journey --out shop",
        ),
    ),
    "convert": (data.convert_dataset, ("datasets convert cdnow CDNOW_master.txt --out cdnow",)),
}
AUDIENCE: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "list": (audience.list_audiences, ("audience list scores --data shop",)),
    "preview": (
        audience.preview,
        (
            "audience preview vip-lost scores --data shop",
            'audience preview "importance = vip AND NOT purchased(last 90 days)" scores',
        ),
    ),
    "members": (audience.members, ("audience members vip-lost scores --out vip-lost.csv",)),
    "explain": (
        audience.explain,
        (
            "audience explain vip-lost scores --customer C-7",
            "audience explain \"interested_in('cheese', top 10%)\" scores --customer C-7 --model model",
        ),
    ),
    "refresh": (
        membership.refresh,
        (
            "audience refresh scores --ledger shop.ledger",
            "audience refresh vip-lost ./mine.yaml scores --ledger shop.ledger",
        ),
    ),
    "compare": (audience.compare, ("audience compare vip frequent big-buyers scores",)),
    "diff": (
        membership.diff,
        (
            "audience diff vip-lost scores --ledger shop.ledger --json",
            "audience diff vip-lost scores --ledger shop.ledger --consumer mail",
        ),
    ),
    "acknowledge": (
        membership.acknowledge,
        ("audience acknowledge vip-lost scores --ledger shop.ledger --consumer mail --upto 2",),
    ),
    "lift": (
        membership.lift,
        ("audience lift vip-lost scores --data shop --ledger shop.ledger --at 2017-10-01 --days 28",),
    ),
    "forget": (membership.forget, ("audience forget C-7 scores --ledger shop.ledger",)),
    "as-of": (membership.as_of, ("audience as-of vip-lost scores --ledger shop.ledger --at 2017-10-01",)),
}
KEY: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "new": (
        key.new,
        ("key new checkout --scope read --file keys", "key new nightly-import --scope write --json"),
    ),
}
ORDERS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "fold": (
        orders.fold,
        (
            "orders fold orders.sqlite shop --timezone Europe/Madrid",
            "orders fold orders.sqlite for-the-database --new --json",
        ),
    ),
    "prune": (orders.prune, ("orders prune orders.sqlite --until 1042 --scores scores",)),
    "status": (orders.status, ("orders status orders.sqlite",)),
}
SCENARIO: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "list": (scenario.list_scenarios, ("scenario list",)),
    "due": (
        scenario.due,
        (
            "scenario due abandoned-cart scores --out due.csv",
            "scenario due abandoned-cart ./mine.yaml scores --ledger shop.ledger --json",
        ),
    ),
    "acknowledge": (
        scenario.acknowledge,
        ("scenario acknowledge abandoned-cart 1 scores --ledger shop.ledger",),
    ),
}
"""Every command with the examples that its help shows."""

datasets = typer.Typer(
    help="Data you can have today: list, get, convert.",
    epilog=_examples("datasets list"),
    no_args_is_help=True,
    rich_markup_mode=None,
)
audiences = typer.Typer(
    help="Audiences: who is in, how many, and why.",
    epilog=_examples("audience list scores"),
    no_args_is_help=True,
    rich_markup_mode=None,
)
keys = typer.Typer(
    help="Keys of the service: who may ask.",
    epilog=_examples("key new checkout --scope read --file keys"),
    no_args_is_help=True,
    rich_markup_mode=None,
)
order_lines = typer.Typer(
    help="Orders that the service took in.",
    epilog=_examples("orders status orders.sqlite"),
    no_args_is_help=True,
    rich_markup_mode=None,
)
scenarios = typer.Typer(
    help="Scenarios: what is due to whom.",
    epilog=_examples("scenario due scores"),
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _name, (_command, _lines) in DATASETS.items():
    datasets.command(_name, epilog=_examples(*_lines))(_command)
for _name, (_command, _lines) in AUDIENCE.items():
    audiences.command(_name, epilog=_examples(*_lines))(_command)
for _name, (_command, _lines) in KEY.items():
    keys.command(_name, epilog=_examples(*_lines))(_command)
for _name, (_command, _lines) in ORDERS.items():
    order_lines.command(_name, epilog=_examples(*_lines))(_command)
for _name, (_command, _lines) in SCENARIO.items():
    scenarios.command(_name, epilog=_examples(*_lines))(_command)
for _name, (_command, _lines) in COMMANDS.items():
    app.command(_name, epilog=_examples(*_lines))(_command)
app.add_typer(audiences, name="audience")
app.add_typer(scenarios, name="scenario")
app.add_typer(datasets, name="datasets")
app.add_typer(keys, name="key")
app.add_typer(order_lines, name="orders")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"intentml {__version__}")
        raise typer.Exit


@app.callback()
def about(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """I have these products; who wants to buy them?

    Ranked, calibrated answers from a shop's order histories.
    """
    if context.invoked_subcommand != "train" and Processes.of(os.environ).count > 1:
        raise UsageError(
            f"intentml {context.invoked_subcommand} runs in one process",
            hint="torchrun is for intentml train",
        )


def main() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show is no reason to stop
    app()
