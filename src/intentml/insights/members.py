"""Who is in which audience, and what is known of them, as plain arrays.

What comes in: audiences, a table with one row a customer. What goes out: rows by name, numbers by field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from intentml.audiences.audiences import Audiences
from intentml.audiences.view import I32
from intentml.errors import IntentmlError
from intentml.prediction import F64

Members = Mapping[str, I32]


def members_of(audiences: Audiences, names: Iterable[str] | None = None) -> dict[str, I32]:
    """The rows of each audience's members.

    Args:
        audiences: At one `as_of`.
        names: Names, YAML files or rules; where None, every audience that this shop can have.

    Raises:
        RuleError: One that was named is unknown, or asks for what the shop lacks.
    """
    if names is not None:
        return {name: audiences.selector.rows(audiences.find(name).rule) for name in names}
    found = {}
    for name, audience in audiences.known.items():
        try:
            found[name] = audiences.selector.rows(audience.rule)
        except IntentmlError:
            continue  # `intentml audience list` tells why
    return found


def numbers(customers: pa.Table, name: str) -> F64:
    """A field as numbers, NaN where it is unknown or the table has no such field. Shape: (U,)."""
    if name not in customers.column_names:
        return np.full(len(customers), np.nan)
    values: F64 = customers[name].cast(pa.float64()).to_numpy()
    return values
