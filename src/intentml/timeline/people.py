"""What the customers table says of people: its columns typed, with an age instead of a date of birth.

What comes in: the customers table, ids and an instant. What goes out: one row an id, nulls where the table
has no row of it or had none yet, and how many dates of birth were of no use. Addresses stay here: only
whether there is one goes out. The columns themselves have no date (contracts.md): they may have changed
since.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from intentml.tables.contracts import CUSTOMERS, TIMESTAMP
from intentml.tables.shop import RuleCount
from intentml.timeline.columns import micros
from intentml.timeline.instants import NEVER, Instant

OLDEST_YEARS = 120
PLACEHOLDER = dt.date(1900, 1, 1)
"""What forms and spreadsheets write for a date of birth that nobody gave."""

_PLAIN = tuple(
    column.name
    for column in CUSTOMERS.columns
    if column.kind in ("text", "number", "flag")
    and column.name not in ("customer_id", "email", "phone", "groups")
)
UNUSABLE_BIRTH = "unusable_birth_date"
BIRTH_RULE = (
    f"Born on {PLACEHOLDER:%Y-%m-%d} (a placeholder), after as_of or over {OLDEST_YEARS} years before it: "
    "the age is taken as unknown."
)


def rows_of(customers: pa.Table, customer_ids: pa.Array, as_of: Instant) -> pa.Table:
    """The customers table's rows of some ids, in their order; nulls where it had none of an id yet."""
    listed = customers.filter(_listed(customers, as_of))
    return listed.take(pc.index_in(customer_ids, value_set=listed["customer_id"].combine_chunks()))


def people(rows: pa.Table, as_of: Instant) -> tuple[pa.Table, tuple[RuleCount, ...]]:
    """What the contract's columns tell of people, and what the rule for ages touched.

    Args:
        rows: As `rows_of` gives them.
        as_of: When their ages are told.

    Returns:
        Text, numbers and flags of the contract; `groups` as lists; `age` in whole years; `has_email` and
        `has_phone`. And the counts.
    """
    ages, unusable = whole_years(rows["birth_date"].combine_chunks(), as_of)
    listed = pc.is_valid(rows["customer_id"])
    table = pa.table(
        {
            **{name: rows[name] for name in _PLAIN},
            "groups": listed_groups(rows["groups"]),
            "age": ages,
            # Null, not false, where the table says nothing of the customer at all.
            **{
                f"has_{name}": pc.if_else(listed, pc.is_valid(rows[name]), pa.scalar(None, pa.bool_()))
                for name in ("email", "phone")
            },
        }
    )
    return table, (RuleCount("customers", UNUSABLE_BIRTH, unusable, BIRTH_RULE),)


def unusable_birth_dates(customers: pa.Table, as_of: Instant) -> RuleCount:
    """How many of the customers known by `as_of` have a date of birth of no use, and what is done then."""
    listed = customers.filter(_listed(customers, as_of))
    _, unusable = whole_years(listed["birth_date"].combine_chunks(), as_of)
    return RuleCount("customers", UNUSABLE_BIRTH, unusable, BIRTH_RULE)


def _listed(customers: pa.Table, as_of: Instant) -> pa.Array:
    """Whether each row was there before `as_of`; one without a date always was."""
    return pa.array(micros(customers["created_at"], missing=-NEVER) < as_of.us)


def further_columns(customers: pa.Table) -> dict[str, pa.ChunkedArray]:
    """The columns that no contract names, of a type that can be compared."""
    further = {name: plain(customers[name]) for name in customers.column_names if name not in CUSTOMERS}
    return {name: column for name, column in further.items() if column is not None}


def whole_years(born: pa.Array, as_of: Instant) -> tuple[pa.Array, int]:
    """Ages on the shop's calendar day of `as_of`, and how many dates were of no use.

    Somebody is a year older on the birthday itself; who was born on 29 February, on 1 March of other years.
    """
    today = as_of.datetime.date()
    year, month, day = (pc.fill_null(part(born), 0).to_numpy() for part in (pc.year, pc.month, pc.day))
    ahead = (month > today.month) | ((month == today.month) & (day > today.day))
    age: npt.NDArray[np.int64] = today.year - year - ahead
    given = pc.is_valid(born).to_numpy(zero_copy_only=False)
    placeholder = pc.fill_null(pc.equal(born, pa.scalar(PLACEHOLDER)), False).to_numpy(zero_copy_only=False)
    usable = given & (age >= 0) & (age <= OLDEST_YEARS) & ~placeholder
    return pa.array(age, pa.int64(), mask=~usable), int(np.count_nonzero(given & ~usable))


def listed_groups(groups: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text such as `vip; press` as a list of its names; null where none is named.

    >>> listed_groups(pa.chunked_array([["vip; press;", ";", None]])).to_pylist()
    [['vip', 'press'], None, None]
    """
    joined = pc.replace_substring_regex(groups, pattern=r"(\s*;\s*)+", replacement=";")
    joined = pc.utf8_trim(joined, characters="; ")
    named = pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)
    return pc.split_pattern(named, pattern=";")


def plain(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """A further column as whole numbers, numbers, flags, text, instants or lists of text; else None."""
    kind = values.type
    if pt.is_boolean(kind) or pt.is_string(kind) or pt.is_int64(kind) or pt.is_float64(kind):
        return values
    if pt.is_integer(kind):
        return values.cast(pa.int64(), safe=False)
    if pt.is_floating(kind) or pt.is_decimal(kind):
        return values.cast(pa.float64())
    if pt.is_timestamp(kind) or pt.is_date(kind):
        return values.cast(TIMESTAMP if pt.is_timestamp(kind) else pa.timestamp("us")).cast(TIMESTAMP)
    if pt.is_list(kind) and pt.is_string(kind.value_type):
        return values.cast(pa.list_(pa.string()))
    return None
