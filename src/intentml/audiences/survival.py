"""Survival at any horizon: the fields `survival_7` to `survival_365`, worked out when a rule names one.

What comes in: a field's name, the columns of the curve. What goes out: the days that the name asks for, and
P(no order within them), as `Scores.survival` tells it. The days of the curve itself are columns already.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import pyarrow as pa

from intentml.survival import SURVIVAL_DAYS, survival_at

FIRST_DAYS, LAST_DAYS = SURVIVAL_DAYS[0], SURVIVAL_DAYS[-1]
CURVE = tuple(f"survival_{days}" for days in SURVIVAL_DAYS)
_NAMED = re.compile(r"survival_(\d{1,9})", re.ASCII)


def is_survival(name: str) -> bool:
    """Whether a name asks for survival, be its days within the curve or not.

    >>> [is_survival(name) for name in ("survival_100", "survival_400", "survival_soon", "survival")]
    [True, True, False, False]
    """
    return _NAMED.fullmatch(name) is not None


def survival_days(name: str) -> int | None:
    """The days that a field's name asks for; None where it is no field of survival.

    >>> [survival_days(name) for name in ("survival_100", "survival_3", "survival_0100", "survival_365")]
    [100, None, None, 365]
    """
    found = _NAMED.fullmatch(name)
    days = int(found[1]) if found else 0
    return days if FIRST_DAYS <= days <= LAST_DAYS and name == f"survival_{days}" else None


def survival_hint(columns: Collection[str]) -> str:
    """What to do where no field of such a name is."""
    if not set(CURVE) <= set(columns):
        return "it needs scores of a model that predicts whether customers order"
    return f"survival_N takes any whole number of days from {FIRST_DAYS} to {LAST_DAYS}"


def survival_of(customers: pa.Table, days: int) -> pa.Array:
    """P(no order within `days`), null of whom the curve is not known. Shape: (n,).

    Args:
        customers: Has the columns of the curve.
        days: Within it.
    """
    curve = np.stack([customers[name].cast(pa.float64()).to_numpy() for name in CURVE], axis=1)
    return pa.array(survival_at(curve, days), pa.float64(), from_pandas=True)
