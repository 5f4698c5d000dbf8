"""`explain`: why one customer is expected to buy something, or not to order at all.

What comes in: a shop, a model, a date, a customer and a target. What goes out: the probability, and the
parts of its logit in words: a table for people, JSON for machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from intentml.cli import options
from intentml.cli.failures import UsageError
from intentml.cli.output import Output, say, table

if TYPE_CHECKING:
    from intentml.priors.explaining import Explanation


def explain(
    source: options.Source,
    model: options.Model,
    as_of: options.AsOfDate,
    horizon: options.Horizon,
    customer: Annotated[str, typer.Option("--customer", metavar="ID", help="The customer.")],
    product: Annotated[str | None, typer.Option("--product", metavar="ID", help="A product.")] = None,
    category: Annotated[
        str | None, typer.Option("--category", metavar="NAME", help="A category, or a node of the tree.")
    ] = None,
    brand: Annotated[str | None, typer.Option("--brand", metavar="NAME", help="A brand.")] = None,
    no_order: Annotated[
        bool, typer.Option("--no-order", help="Why the customer may not order at all.")
    ] = False,
    columns: options.Columns = None,
    timezone: options.Timezone = "UTC",
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Why is this customer expected to buy this, or not to order?

    The probability, and what each reason adds to its logit: they sum to it.
    """
    from intentml import workflows
    from intentml.priors.explaining import NO_ORDER
    from intentml.scores.answers import explanation
    from intentml.scores.manifest import ModelStamp
    from intentml.scores.scoring import check_same_shop, check_time
    from intentml.scores.selection import one_target

    if sum(name is not None for name in (product, category, brand)) + no_order != 1:
        raise UsageError(
            "not exactly one of --product, --category, --brand and --no-order is given",
            hint="name what is to be explained, e.g. --category CHEESE",
        )
    told = Output(json, quiet)
    saved = workflows.load_model(options.model_folder(model))
    log = options.read_log(source, columns, timezone, told)
    instant = log.instant(as_of)
    check_time(ModelStamp.of(saved), instant, log.timezone)
    snapshot = log.as_of(instant)
    check_same_shop(snapshot, snapshot.catalogue.kinds, saved.vocabularies)
    kind, target = NO_ORDER, None
    if not no_order:
        kind, target = one_target(snapshot.catalogue, product=product, category=category, brand=brand)
    found = saved.explain(snapshot, customer, kind, target, horizon)
    version = saved.fingerprint[:12]
    told.answer(lambda: explanation(instant.iso, version, found), lambda: _show(found, instant.iso))


def _show(found: Explanation, as_of: str) -> None:
    """The explanation for a person: what counts most first, the start before all."""
    what = "does not order" if found.target is None else f"buys {found.target} ({found.kind})"
    window = f"{found.horizon_days} days from {as_of}"
    say(f"Customer {found.customer_id} {what} within {window}: {found.probability:.1%}")
    if not found.calibrated:
        say("warning: the history cannot evaluate this horizon: the probability is not calibrated")
    start, *reasons = found.parts
    reasons.sort(key=lambda part: -abs(part.logit))
    rows = [(f"{part.logit:+.2f}", part.name, part.words) for part in (start, *reasons)]
    say()
    table(("logit", "part", "because"), [*rows, (f"{found.logit:+.2f}", "sum", "")], right=("logit",))
