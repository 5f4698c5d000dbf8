"""Everything a rule may name of a customer: traits, columns of the scores, further columns of the shop.

What comes in: a shop, what is known of it, its scores. What goes out: `Field`s by name, and the table with
one row a customer that holds their values.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from intentml.errors import IntentmlError
from intentml.tables.shop import ShopTables
from intentml.timeline import Known
from intentml.timeline.people import further_columns
from intentml.traits.catalogue import TRAITS
from intentml.traits.compute import compute_traits
from intentml.traits.predicted import PREDICTED, at_horizons
from intentml.traits.trait import ARROW_TYPES, Field, Source

_FROM_TABLE = "customers."


def _source(needs: tuple[str, ...]) -> Source:
    """Where a trait comes from: columns without a date are told apart from what was observed."""
    dated = ("customers.created_at",)
    undated = [need for need in needs if need.startswith(_FROM_TABLE) and need not in dated]
    return "customer column" if undated else "observed"


FIELDS: dict[str, Field] = {
    **{
        trait.name: Field(
            trait.name, trait.type, trait.unit, trait.meaning, trait.null_means, _source(trait.needs)
        )
        for trait in TRAITS.values()
    },
    **{field.name: field for field in PREDICTED},
}
"""The fields that every shop has a name for, by name."""


def fields_of(shop: ShopTables | Known, horizons: Sequence[int] = ()) -> dict[str, Field]:
    """Every field of a shop by name: the catalogue, its further horizons, its own columns.

    Args:
        shop: Whose customers table may have further columns.
        horizons: Of the scores, the default first.
    """
    return {
        **FIELDS,
        **{field.name: field for field in at_horizons(horizons)},
        **customer_fields(shop),
    }


def customer_fields(shop: ShopTables | Known) -> dict[str, Field]:
    """The further columns of the customers table by field name.

    A column that is called like a field of the catalogue goes by `customers_<name>`; one of a type that no
    rule can compare (a struct, bytes) is no field.
    """
    return {
        _field_name(name): Field(
            _field_name(name),
            next(kind for kind, arrow in ARROW_TYPES.items() if arrow == column.type),
            "",
            f"Column `{name}` of the customers table, as the shop writes it.",
            "the customers table does not say",
            "customer column",
        )
        for name, column in _further(shop).items()
    }


def field_table(known: Known, scores: pa.Table | None = None) -> pa.Table:
    """One row a customer, one column a field, sorted by customer_id.

    Args:
        known: What is known.
        scores: The customers table of scores of the same customers at the same `as_of`; without it, there
            are no predicted fields.

    Raises:
        IntentmlError: The scores are of other customers.
    """
    table = compute_traits(known)
    for name, column in _further(known).items():
        table = table.append_column(_field_name(name), column)
    if scores is None:
        return table
    if not scores["customer_id"].equals(table["customer_id"]):
        raise IntentmlError(
            f"the scores are of {scores.num_rows:,} customers, and not of the {table.num_rows:,} "
            f"known at {known.snapshot.as_of.iso}",
            table="customers",
            column="customer_id",
            hint="score this data at this as_of",
        )
    for name in scores.column_names:
        if name not in table.column_names:
            table = table.append_column(name, scores[name])
    return table


def _further(shop: ShopTables | Known) -> dict[str, pa.ChunkedArray]:
    """The columns of the customers table that no contract names."""
    if isinstance(shop, Known):
        return {name: shop.further[name] for name in shop.further.column_names}
    return further_columns(shop.customers)


def _field_name(column: str) -> str:
    return f"customers_{column}" if column in FIELDS else column
