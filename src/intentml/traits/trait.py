"""What a trait is: one number or word about a customer, declared once as an Ibis expression.

What comes in: a declaration. What goes out: `Trait`, from which tables, rules and the docs page are
made. It computes nothing, and imports no Ibis: an expression is a function of the relation it reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Relation = Literal["orders", "active_days", "lines", "customers"]
Type = Literal["int64", "float64"]

RELATIONS: tuple[Relation, ...] = ("orders", "active_days", "lines", "customers")


@dataclass(frozen=True)
class Trait:
    """One trait of a customer.

    Attributes:
        name: Column name, and the field that a rule names.
        topic: Heading it stands under on the docs page.
        type: Type of the column.
        unit: days, orders, money (the shop's currency) ...; empty where it is a bare ratio.
        meaning: What it says, in one sentence.
        null_means: Who has none, and why; empty where everybody has one.
        needs: Columns of the shop's tables that it is made from, as `table.column`.
        relation: The relation it reads (see `relations.TraitRelations`).
        expression: From that relation to an aggregate over one customer's rows; of `customers`, to a
            column over the traits named in `uses`.
        prospects: Value of a customer who has no row in the relation; None = null.
        uses: Traits that an expression over `customers` reads as columns.
    """

    name: str
    topic: str
    type: Type
    unit: str
    meaning: str
    null_means: str
    needs: tuple[str, ...]
    relation: Relation
    expression: Callable[[Any], Any]
    prospects: float | None = None
    uses: tuple[str, ...] = ()
