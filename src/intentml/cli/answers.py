"""`interested-in` and `recommend`: questions to a scores folder.

What comes in: a scores folder and what is asked of it. What goes out: ranked customers for products,
ranked products for a customer: a table for people, JSON for machines, a CSV file for both. Nothing
but the folder is read.
"""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intentml.cli import options
from intentml.cli.failures import UsageError
from intentml.cli.output import Output, counted, say, table
from intentml.cli.whole_file import whole_file

if TYPE_CHECKING:
    import pandas as pd

    from intentml.scores.answers import InterestedIn
    from intentml.scores.selection import NewProduct

SHOWN_CUSTOMERS, SHOWN_PRODUCTS = 20, 10
# What a keyword found without having all its words.
LOOSELY = {
    "any": "no product has all the words: these have the most of them",
    "meaning": "no product has any of the words: what these are called means the like",
}


def interested_in(
    scores: options.ScoresFolder,
    product: Annotated[
        list[str] | None, typer.Option("--product", metavar="ID", help="A product; repeat for several.")
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(
            "--category", metavar="NAME", help="A category, or a node of the tree; repeat for several."
        ),
    ] = None,
    brand: Annotated[
        list[str] | None, typer.Option("--brand", metavar="NAME", help="A brand; repeat for several.")
    ] = None,
    keyword: Annotated[
        str | None,
        typer.Option("--keyword", metavar="WORDS", help="Products found by name, category and brand."),
    ] = None,
    new_product: Annotated[
        str | None,
        typer.Option(
            "--new-product",
            metavar="JSON",
            help="A product not in the catalogue: name, category, brand, price.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many customers.")] = None,
    min_probability: Annotated[
        float | None,
        typer.Option("--min-probability", min=0, max=1, help="Only customers at least so likely to buy."),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option("--share", min=0, max=1, help="Only this share of the customers, the likeliest."),
    ] = None,
    horizon: options.AskedHorizon = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Write all the customers to a file.")
    ] = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Who wants to buy these? Customers, ranked.

    Each with the probability to buy within the horizon. Several products, categories or brands are one
    set: the probability is to buy at least one of it.
    """
    from intentml.workflows import load_scores

    described = _new_product(new_product)
    answer = load_scores(scores).interested_in(
        product=product or (),
        category=category or (),
        brand=brand or (),
        keyword=keyword,
        new_product=described,
        limit=limit,
        min_probability=min_probability,
        share=share,
        horizon_days=horizon,
    )
    if out is not None:
        write_csv(answer.customers, out)
    told = Output(json, quiet)
    told.answer(answer.to_dict, lambda: _show_interested(answer, out))


def recommend(
    scores: options.ScoresFolder,
    customer: Annotated[str, typer.Option("--customer", metavar="ID", help="The customer.")],
    keyword: Annotated[
        str | None, typer.Option("--keyword", metavar="WORDS", help="Only products that match.")
    ] = None,
    exclude_bought: Annotated[
        str | None,
        typer.Option(
            "--exclude-bought", metavar="90d", help="Leave out what was bought so recently: 90d, 12w."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many products.")] = 10,
    horizon: options.AskedHorizon = None,
    json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """What does this customer want? Products, ranked.

    Each with the probability that the customer buys it within the horizon.
    """
    from intentml.scores.answers import recommendation
    from intentml.workflows import load_scores

    days = None if exclude_bought is None else options.days_of(exclude_bought)
    loaded = load_scores(scores)
    products = loaded.recommend(
        customer, limit, keyword=keyword, exclude_bought_days=days, horizon_days=horizon
    )
    body = recommendation(loaded, customer, products, horizon)

    def show() -> None:
        say(f"Customer {customer}, {body['horizon_days']} days from {body['as_of']}")
        _warn_uncalibrated(body["calibrated"])
        table(
            ("rank", "product_id", "name", "category", "brand", "probability", "last bought"),
            [
                (
                    f"{row['rank']}",
                    *(_text(row[name]) for name in ("product_id", "name", "category", "brand")),
                    f"{row['probability']:.4f}",
                    "never"
                    if row["last_bought_days"] != row["last_bought_days"]
                    else f"{row['last_bought_days']:.0f} days ago",
                )
                for row in products.to_dict("records")
            ],
            right=("rank", "probability"),
        )
        if not len(products):
            say("  none: every product is left out")

    Output(json, quiet).answer(lambda: body, show)


def write_csv(customers: pd.DataFrame, path: Path) -> None:
    """Write the customers, whole or not at all."""
    with whole_file(path) as aside:
        customers.to_csv(aside, index=False)


def _show_interested(answer: InterestedIn, out: Path | None) -> None:
    """The answer for a person: what was matched, how many will buy, the first customers."""
    say(f"{answer.horizon_days} days from {answer.as_of}, model {answer.model_version}")
    products = answer.matched_products
    what = "this horizon, or a set like this one" if len(products) > 1 else "this horizon"
    _warn_uncalibrated(answer.calibrated, what)
    names = [" ".join(filter(None, (one["product_id"] or "new product", one["name"]))) for one in products]
    more = f" and {len(names) - SHOWN_PRODUCTS:,} more" if len(names) > SHOWN_PRODUCTS else ""
    say(f"{counted(len(names), 'product')}: {', '.join(names[:SHOWN_PRODUCTS])}{more}")
    if (loosely := LOOSELY.get(answer.matched_by or "")) is not None:
        say(loosely)
    ends = answer.expected_buyers_interval
    between = "" if ends is None else f" (9 in 10 times {ends[0]:,} to {ends[1]:,})"
    customers = counted(len(answer), "customer")
    say(f"{customers}, of whom {answer.expected_buyers:,.1f} are expected to buy{between}\n")
    first = answer.customers.head(SHOWN_CUSTOMERS)
    table(
        ("rank", "customer_id", "probability"),
        [(f"{row.rank}", str(row.customer_id), f"{row.probability:.4f}") for row in first.itertuples()],
        right=("rank", "probability"),
    )
    if len(answer) > SHOWN_CUSTOMERS:
        say(f"  ... {len(answer) - SHOWN_CUSTOMERS:,} more; --out FILE.csv or --json gives all")
    if out is not None:
        say(f"\nWritten to {out}")


def _new_product(text: str | None) -> NewProduct | None:
    """A product from its JSON."""
    if text is None:
        return None
    from pydantic import ValidationError

    from intentml.scores.selection import NewProduct

    example = """e.g. '{"name": "Brie", "category": "CHEESE", "price": 4.5}'"""
    try:
        return NewProduct.model_validate(json_.loads(text))
    except ValidationError as problem:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in one['loc']) or 'the product'}: {one['msg']}"
            for one in problem.errors()
        )
        raise UsageError(f"--new-product cannot be used: {wrong}", hint=example) from problem
    except json_.JSONDecodeError as problem:
        raise UsageError(f"--new-product is not JSON: {problem}", hint=example) from problem


def _warn_uncalibrated(calibrated: bool, what: str = "this horizon") -> None:
    if not calibrated:
        say(f"warning: the history cannot evaluate {what}: the probabilities are not calibrated")


def _text(value: Any) -> str:
    """A cell; a missing text is empty."""
    return value if isinstance(value, str) else ""
