"""What the scores add to the traits: every column of their customers table that is no trait.

What comes in: horizons. What goes out: declarations, without an expression: the values come from a scores
folder, one row a customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from intentml.survival import SURVIVAL_DAYS
from intentml.traits.trait import Field, Source, Type

_PROSPECT = "no order yet"
_NOT_PREDICTED = "the model does not predict it"
_NO_MONEY = "the shop's lines have no prices"
_HORIZON = "the default horizon of the scores"


def _column(
    name: str, kind: Type, unit: str, meaning: str, null_means: str = "", source: Source = "predicted"
) -> Field:
    return Field(name, kind, unit, meaning, null_means, source)


# At each horizon: the first is the default and gives the plain names, others end in `_<days>`.
BY_HORIZON = (
    _column(
        "churn_probability",
        "float64",
        "probability",
        f"No order within {_HORIZON}.",
        _NOT_PREDICTED,
    ),
    _column("expected_orders", "float64", "orders", f"Orders expected within {_HORIZON}.", _NOT_PREDICTED),
    _column(
        "expected_spend",
        "float64",
        "money",
        f"Money expected within {_HORIZON}, gross of returns.",
        _NO_MONEY,
    ),
    _column(
        "expected_spend_net",
        "float64",
        "money",
        f"Money expected within {_HORIZON}, less what is expected to come back.",
        f"{_NO_MONEY}, or nothing comes back in this shop",
    ),
)
PREDICTED = (
    _column("orders", "int64", "orders", "Number of orders: `frequency`.", source="observed"),
    _column(
        "rhythm_days",
        "float64",
        "days",
        "The customer's own rhythm as the lifecycle reads it: `gap_median_days`.",
        "fewer than two active days",
        "observed",
    ),
    *BY_HORIZON,
    _column(
        "expected_next_order_at",
        "timestamp",
        "",
        "When the next order is due: the median, given that it comes within a year.",
        _PROSPECT,
    ),
    _column(
        "return_probability",
        "float64",
        "probability",
        "An order within the next of the customer's own cycles.",
        _PROSPECT,
    ),
    *(
        _column(
            f"survival_{days}",
            "float64",
            "probability",
            f"No order within {days} days.",
            _NOT_PREDICTED,
        )
        for days in SURVIVAL_DAYS
    ),
    _column(
        "lifecycle",
        "string",
        "",
        "prospect, new, active, slipping_away, lost: by the own rhythm.",
    ),
    _column(
        "lifecycle_disagrees",
        "boolean",
        "",
        "`lifecycle` and `return_probability` say different things.",
        _NOT_PREDICTED,
    ),
    _column("importance", "string", "", "one_time, loyal, frequent, vip: relative to this shop.", _PROSPECT),
    _column("expected_orders_365", "float64", "orders", "Orders expected within 365 days."),
    _column(
        "expected_spend_365",
        "float64",
        "money",
        "Money expected within 365 days, gross of returns.",
        _NO_MONEY,
    ),
)


def at_horizons(horizons: Sequence[int]) -> tuple[Field, ...]:
    """The columns of the horizons after the first, by their names.

    >>> [field.name for field in at_horizons([28, 90])][:2]
    ['churn_probability_90', 'expected_orders_90']
    """
    return tuple(
        replace(field, name=f"{field.name}_{days}", meaning=field.meaning.replace(_HORIZON, f"{days} days"))
        for days in horizons[1:]
        for field in BY_HORIZON
    )
