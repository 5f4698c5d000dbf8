"""What a trait is: one number or word about a customer, declared once as an Ibis expression.

What comes in: a declaration. What goes out: `Trait`, from which tables, rules and the docs page are
made, and `Field`, what a rule sees of it. It computes nothing, and imports no Ibis: an expression is a
function of the relation it reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

Relation = Literal["orders", "active_days", "lines", "returns", "events", "visits", "customers"]
Type = Literal["int64", "float64", "string", "boolean", "list<string>", "timestamp"]
Source = Literal["observed", "predicted", "customer column"]

RELATIONS: tuple[Relation, ...] = (
    "orders",
    "active_days",
    "lines",
    "returns",
    "events",
    "visits",
    "customers",
)
ARROW_TYPES: dict[Type, pa.DataType] = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "list<string>": pa.list_(pa.string()),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Field:
    """What a rule may name: a trait, a column of the scores, a further column of the customers table.

    Attributes:
        name: What a rule calls it.
        type: Its type.
        unit: days, orders, money (the shop's currency) ...; empty for words and flags.
        meaning: What it says, in one sentence.
        null_means: Who has none, and why; empty where everybody has one.
        source: Observed before as_of, predicted, or a column of the customers table (which has no date).
    """

    name: str
    type: Type
    unit: str
    meaning: str
    null_means: str
    source: Source


@dataclass(frozen=True)
class Trait:
    """One trait of a customer.

    Attributes:
        name: Column name, and the field that a rule names.
        topic: Heading it stands under on the docs page.
        type: Type of the column.
        unit: days, orders, money (the shop's currency) ...; empty for words and flags.
        meaning: What it says, in one sentence.
        null_means: Who has none, and why; empty where everybody has one.
        needs: Columns that the shop must have, as `table.column`; without one, nobody has the trait.
        relation: The relation it reads (see `relations.TraitRelations`).
        expression: From that relation to an aggregate over one customer's rows; of `customers`, to a
            column over the traits named in `uses`.
        prospects: Value of a customer who has no row in the relation; None = null.
        uses: Traits that an expression over `customers` reads as columns; their needs are its own too.
        words: All the values that it can have, where they are few and fixed.
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
    prospects: float | str | bool | None = None
    uses: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
