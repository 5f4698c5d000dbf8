"""`datasets` and `check`: data to start with, and whether your own can carry a model.

What comes in: names, folders and dates. What goes out: tables in a folder; every failure, the data
gate, the dirt counted, and what a missing table or column switches off.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intentml.cli import options
from intentml.cli.failures import PROBLEM
from intentml.cli.output import Output, counted, next_steps, say, table

if TYPE_CHECKING:
    from intentml.tables.gate import GateResult
    from intentml.tables.shop import RuleCount, ShopTables
    from intentml.tables.validate import Failure
    from intentml.timeline import Instant, OrderLog

OutFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write the tables to.")]

# Of the commands that a data set just written is shown with.
_HORIZON_DAYS = 28
# Missing column -> what the shop goes without. Of a missing table only its first line is told.
_SWITCHED_OFF = (
    (
        "orders.product_id",
        "no interests: nobody can say what was bought, only churn, orders and spend are predicted",
    ),
    ("orders.unit_price", "no spend: monetary is unknown, and nothing is predicted of money"),
    ("orders.quantity", "every line counts as one piece, and returns are known by status alone"),
    (
        "products.product_id",
        "products are known by their id alone: no categories, brands, names, no keyword search",
    ),
    ("products.category", "no targets of kind category"),
    ("products.category_path", "no targets of kind category_node"),
    ("products.brand", "no targets of kind brand"),
    ("products.name", "keywords are looked for in categories and brands alone"),
    ("customers.customer_id", "no prospects: a customer is known from the first order on"),
    ("events.customer_id", "nothing is known of visits, views, carts and e-mails"),
)


def list_datasets(json: options.AsJson = False, quiet: options.Quiet = False) -> None:
    """List the data sets, and what each one needs."""
    from intentml.datasets.catalogue import list_datasets

    known = list_datasets()

    def show() -> None:
        table(
            ("name", "what", "how", "needs", "licence"),
            [(one.name, one.what, one.how, one.needs, one.licence) for one in known],
        )
        next_steps(("datasets", "get", "simulated", "--customers", "2000", "--out", "shop"))

    Output(json, quiet).answer(lambda: {"datasets": [asdict(one) for one in known]}, show)


def get_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="complete-journey or simulated.")],
    out: OutFolder,
    customers: Annotated[int | None, typer.Option("--customers", help="Of the simulated shop.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of the simulated shop.")] = None,
    dial: Annotated[
        float | None,
        typer.Option("--dial", help="Of the simulated shop: 0 = lawful customers, 1 = pure noise."),
    ] = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a data set that needs no files of yours."""
    from intentml.datasets.catalogue import get

    told = Output(json, quiet)
    with told.step(f"writing {name}"):
        decisions = get(name, out, customers=customers, seed=seed, dial=dial)
    _answer_written(told, name, out, decisions)


def convert_dataset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="online-retail, ta-feng or cdnow.")],
    raw: Annotated[list[Path], typer.Argument(metavar="RAW...", help="The source's own files.")],
    out: OutFolder,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert a data set from its source's own files."""
    from intentml.datasets.catalogue import convert

    told = Output(json, quiet)
    with told.step(f"converting {name}"):
        decisions = convert(name, raw, out)
    _answer_written(told, name, out, decisions)


def check(
    source: options.Source,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="DATE",
            help="Ask the data gate at this date; without it tables alone are checked.",
        ),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option("--horizon", metavar="DAYS", help="Days to predict, for the data gate.")
    ] = None,
    columns: options.Columns = None,
    timezone: options.Timezone = "UTC",
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Check a shop's tables, and whether they can carry a model.

    Tells every failure, the dirt counted, what a missing column switches off, and with --as-of the data
    gate with its measured values. Ages are of that date too, else of the end of the data. Exit 1 where the
    data cannot be used.
    """
    from intentml import workflows
    from intentml.errors import ContractError
    from intentml.tables.gate import check_report
    from intentml.timeline.instants import check_horizon

    out = Output(json, quiet)
    days = None if horizon is None else check_horizon(horizon)
    shop: ShopTables | None = None
    failures: tuple[Failure, ...] = ()
    gates: list[GateResult] = []
    try:
        log = options.read_log(source, columns, timezone, out)
    except ContractError as problem:
        failures = problem.failures
    else:
        shop = _with_ages(log, as_of)
        if as_of is not None:
            gates = workflows.gate(log, as_of, days)
    report = check_report(shop, failures, gates)
    again = options.shop_again(source, columns, timezone)
    out.answer(lambda: report, lambda: _show_check(report, shop, failures, gates, again, as_of, days))
    if not report["ok"]:
        raise typer.Exit(PROBLEM)


def _with_ages(log: OrderLog, as_of: str | None) -> ShopTables:
    """The tables with one count more: dates of birth that tell no age at `as_of`, or where the data end."""
    from intentml.timeline.people import unusable_birth_dates

    shop = log.tables
    if "birth_date" not in shop.present.get("customers", ()) or not len(log.purchases):
        return shop
    at = log.until if as_of is None else log.instant(as_of)
    return replace(shop, counts=(*shop.counts, unusable_birth_dates(shop.customers, at)))


def switched_off(present: dict[str, tuple[str, ...]]) -> list[str]:
    """One line for each thing that a missing table or column switches off.

    Args:
        present: The columns that the source has, by table.
    """
    lines: list[str] = []
    for missing, what in _SWITCHED_OFF:
        name, column = missing.split(".")
        if not present.get(name):
            if not any(line.startswith(f"no {name} table") for line in lines):
                lines.append(f"no {name} table: {what}")
        elif column not in present[name]:
            lines.append(f"no {missing}: {what}")
    return lines


def _answer_written(out: Output, name: str, folder: Path, decisions: tuple[RuleCount, ...]) -> None:
    """What was written where, from when to when, and what can be done with it."""
    from pyarrow.parquet import read_metadata

    from intentml.tables.contracts import CONTRACTS

    files = {table: folder / f"{table}.parquet" for table in CONTRACTS}
    rows = {table: read_metadata(path).num_rows for table, path in files.items() if path.is_file()}
    log = options.read_log(str(folder), None, "UTC", out)
    first, last = (_day(log.start), _day(log.last_order)) if len(log.purchases) else (None, None)

    def show() -> None:
        say(f"{name} -> {folder}")
        table(("table", "rows"), [(table, f"{count:,}") for table, count in rows.items()], right=("rows",))
        for one in decisions:
            say(f"  {one.table}, {counted(one.count, 'row')}: {one.meaning}")
        say(f"\nOrders from {first} to {last}" if first else "\nNothing was bought")
        next_steps(*_first_steps(log, folder))

    out.answer(
        lambda: {
            "name": name,
            "folder": str(folder),
            "tables": rows,
            "first_order_on": first,
            "last_order_on": last,
            "decisions": [asdict(one) for one in decisions],
        },
        show,
    )


def _first_steps(log: OrderLog, folder: Path) -> list[tuple[str, ...]]:
    """Check, and train where the data gate lets it: at the newest date with 28 days of orders after it."""
    from intentml import workflows
    from intentml.tables.gate import refused

    newest = log.until.plus_days(-_HORIZON_DAYS)
    if newest.us <= log.start.us:
        return [("check", str(folder))]
    at = (str(folder), "--as-of", _day(newest))
    check = ("check", *at, "--horizon", f"{_HORIZON_DAYS}")
    if refused(workflows.gate(log, _day(newest))):
        return [check]
    return [check, ("train", *at, "--recipe", "smoke", "--out", "model")]


def _day(instant: Instant) -> str:
    """The day of an instant, as a date on the command line is written."""
    return f"{instant.datetime:%Y-%m-%d}"


def _show_check(
    report: dict[str, Any],
    shop: ShopTables | None,
    failures: tuple[Failure, ...],
    gates: list[GateResult],
    again: tuple[str, ...],
    as_of: str | None,
    days: int | None,
) -> None:
    """The report for a person; `again` are the words that name the shop in the next command."""
    if failures:
        from intentml.tables.validate import ROWS_COUNT

        say(f"{counted(len(failures), 'failure')}:")
        for failure in failures:
            say(f"  {failure}")
        if any(failure.rows for failure in failures):
            say(f"\n{ROWS_COUNT[:1].upper()}{ROWS_COUNT[1:]}.")
    if shop is not None:
        show_tables(report, shop)
        show_gates(gates, days)
        if as_of is None:
            say("Data gate: not asked; it needs --as-of DATE (and --horizon DAYS)")
    say("" if report["ok"] else "\nThe data cannot be used as it is.")
    if report["ok"]:
        say("The tables keep their contracts." if as_of is None else "The data can be used.")
        at = ("--as-of", as_of or "DATE")
        next_steps(("train", *again, *at, "--recipe", "priors", "--out", "model"))


def show_tables(report: dict[str, Any], shop: ShopTables) -> None:
    """Tables and columns found, dirt counted, and what is switched off."""
    rows = [
        (name, f"{one['rows']:,}", ", ".join(one["columns"]) + _ignored(one["ignored"]))
        for name, one in report["tables"].items()
    ]
    table(("table", "rows", "columns"), rows, right=("rows",))
    dirt = [one for one in shop.counts if one.count]
    clean = len(shop.counts) - len(dirt)
    say(
        f"\nRows with a rule of their own ({counted(clean, 'rule')} found nothing):"
        if dirt
        else "\nNo dirt was found."
    )
    if dirt:
        table(
            ("table", "rule", "rows", "what is done"),
            [(one.table, one.rule, f"{one.count:,}", one.meaning) for one in dirt],
            right=("rows",),
        )
    off = switched_off(shop.present)
    if off:
        say("\nSwitched off:")
        for line in off:
            say(f"  {line}")
    say()


def show_gates(gates: list[GateResult], days: int | None) -> None:
    """The data gate, with every measured value."""
    if not gates:
        return
    say("Data gate:")
    for one in gates:
        say(f"  {one.level:<6}  {one.message}")
    if days is None:
        say("  not asked: history in horizons; it needs --horizon DAYS")


def _ignored(columns: list[str]) -> str:
    return f" (not read: {', '.join(columns)})" if columns else ""
