"""The docs page of the catalogue, generated from the declarations.

What comes in: nothing. What goes out: Markdown text; who writes it to a file is the caller's matter.
"""

from __future__ import annotations

from itertools import groupby

from intentml.traits.catalogue import TRAITS
from intentml.traits.predicted import PREDICTED
from intentml.traits.trait import Field, Trait

HEADER = """# Traits

What can be asked of a customer: fields for rules, columns for tables. Everything is as known at
`as_of`; ages and windows count back from there, and a window of N days is `as_of - N days <= t < as_of`.
Customers without an order (prospects) are there too. Money is in the shop's main currency. Where a shop
lacks a column that a trait needs, the trait is null for everybody. Any further column of the customers
table is a field by its own name, and as `customers_<name>` where a name below is the same.
"""
SCORES = "Scores"
ABOUT_SCORES = """They need scores of the same shop at the same `as_of` (`intentml score`): without those, and
where the model does not predict what a field tells, a rule that names it is refused.
"""


def traits_page() -> str:
    """The catalogue as Markdown: one table a topic, one row a trait; then the columns of the scores."""
    sections = [HEADER]
    for topic, traits in groupby(TRAITS.values(), key=lambda trait: trait.topic):
        head = "| trait | type | unit | meaning | null means | prospects | needs |"
        rule = "|" + " --- |" * 7
        sections.append("\n".join([f"## {topic}\n", head, rule, *map(_row, traits), ""]))
    head, rule = "| field | type | unit | meaning | null means |", "|" + " --- |" * 5
    rows = map(_predicted_row, PREDICTED)
    sections.append("\n".join([f"## {SCORES}\n", ABOUT_SCORES, head, rule, *rows, ""]))
    return "\n".join(sections)


def _predicted_row(field: Field) -> str:
    cells = [
        f"`{field.name}`",
        f"`{field.type}`",
        field.unit,
        field.meaning,
        field.null_means or "never null",
    ]
    return f"| {' | '.join(cells)} |"


def _row(trait: Trait) -> str:
    needs = [f"`{name}`" for name in (*trait.needs, *trait.uses)]
    if trait.relation == "customers":
        prospects = "as others"
    else:
        prospects = "null" if trait.prospects is None else str(trait.prospects)
    null_means = trait.null_means or "never null"
    cells = [
        f"`{trait.name}`",
        f"`{trait.type}`",
        trait.unit,
        trait.meaning,
        null_means,
        prospects,
        ", ".join(needs),
    ]
    return f"| {' | '.join(cells)} |"
