"""What a buy-till-you-die model knows of customers: three numbers each, checked once.

In: active days per customer, in days. Out: `BtydCounts`, a frozen value whose arrays nobody can write to. It
reads no table: finding the active days before as_of is the caller's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BtydCounts:
    """History of U customers in **days**, one float64 array of shape (U,) each.

    Attributes:
        x: Repeat purchases: active days after the first one. Whole numbers.
        t_x: Days from the first to the last active day; 0 exactly where x is 0.
        T: Days in which a repeat purchase could have been seen: from the first active day to the last day
            before as_of (see `from_active_days`).

    Raises:
        ValueError: An array of another shape, a number that is not finite, or values that no history has.
    """

    x: Floats
    t_x: Floats
    T: Floats

    def __post_init__(self) -> None:
        for field in ("x", "t_x", "T"):
            values = np.array(getattr(self, field), dtype=np.float64) + 0.0
            values.setflags(write=False)
            object.__setattr__(self, field, values)
        x, t_x, age = self.x, self.t_x, self.T
        if x.ndim != 1 or not x.shape == t_x.shape == age.shape:
            raise ValueError(
                f"x, t_x and T must be 1-D and of one length, not {x.shape}, {t_x.shape} and {age.shape}"
            )
        rules = {
            "x, t_x and T must be finite": np.isfinite(x) & np.isfinite(t_x) & np.isfinite(age),
            "x must be a whole number, 0 or more": (x >= 0) & (x == np.floor(x)),
            "0 <= t_x <= T must hold": (t_x >= 0) & (t_x <= age),
            "t_x must be 0 where x is 0 and above 0 elsewhere": (x == 0) == (t_x == 0),
        }
        for rule, kept in rules.items():
            if not kept.all():
                row = int(np.argmin(kept))
                raise ValueError(
                    f"{rule}: broken by {int((~kept).sum())} of {len(kept)} customers, first at row {row} "
                    f"(x={x[row]}, t_x={t_x[row]}, T={age[row]})"
                )

    @classmethod
    def from_active_days(
        cls, active_days: ArrayLike, first_day: ArrayLike, last_day: ArrayLike, as_of_day: float
    ) -> BtydCounts:
        """Counts from each customer's active days, with days numbered from any fixed origin.

        The predicted window starts with the day as_of, so the last day seen is the one before; and the first
        active day itself can hold no repeat purchase. T is therefore `as_of_day - 1 - first_day`: T and the
        window are then adjacent and every day counts once. (Where as_of lies within a day that already has
        orders, T is at least t_x.)

        Args:
            active_days: Distinct days with an order before as_of, shape (U,), at least 1.
            first_day: First active day, shape (U,).
            last_day: Last active day, shape (U,).
            as_of_day: The day of as_of.

        Raises:
            ValueError: As for the class.
        """
        first = np.asarray(first_day, dtype=np.float64)
        span = np.asarray(last_day, dtype=np.float64) - first
        observed = np.maximum(as_of_day - 1.0 - first, span)
        return cls(np.asarray(active_days, dtype=np.float64) - 1.0, span, observed)

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: NDArray[Any]) -> BtydCounts:
        """The customers at these rows (positions or a mask)."""
        return BtydCounts(self.x[rows], self.t_x[rows], self.T[rows])
