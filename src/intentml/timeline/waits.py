"""Waits: how long after something, by the clock or by the calendar.

What comes in: text such as `4 hours` or `6 months`, ages in days. What goes out: how long ago each wait was
over. Minutes and hours are exact; days, weeks and months keep the time of day on the shop's own calendar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import TimeError
from intentml.timeline.instants import DAY_US, Instant, local_us

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Unit = Literal["minute", "hour", "day", "week", "month"]

_TEXT = re.compile(rf"(\d{{1,4}}) ({'|'.join(get_args(Unit))})s?")
_EXACT_US = {"minute": DAY_US // 1440, "hour": DAY_US // 24}
_DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True)
class Wait:
    """So many of a unit.

    Attributes:
        number: How many; 0 waits for nothing.
        unit: Of what. A month ends on the same day of a later month, on its last day where it is shorter.
    """

    number: int
    unit: Unit

    @classmethod
    def of(cls, text: str) -> Wait:
        """Read a wait.

        Raises:
            TimeError: The text is none.

        >>> Wait.of("6 months")
        Wait(number=6, unit='month')
        >>> str(Wait.of("1 day")), str(Wait.of("24 hours"))
        ('1 day', '24 hours')
        """
        found = _TEXT.fullmatch(text.strip()) if isinstance(text, str) else None
        if found is None:
            raise TimeError(
                f"{text!r} is no wait", hint=f"write a whole number of {', '.join(get_args(Unit))}s: 4 hours"
            )
        return cls(int(found[1]), cast(Unit, found[2]))

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.number} {self.unit}{'' if self.number == 1 else 's'}"

    def after(self, us: I64, timezone: str) -> I64:
        """The instants at which the wait is over that began at others, microseconds. Shape: (n,)."""
        if self.unit in _EXACT_US:
            return us + self.number * _EXACT_US[self.unit]
        day, clock = np.divmod(local_us(us, timezone), DAY_US)
        day = (
            _months_later(day, self.number) if self.unit == "month" else day + self.number * _DAYS[self.unit]
        )
        return _from_local(day * DAY_US + clock, timezone)


def at_ages(age_days: F64, as_of: Instant) -> I64:
    """When things happened that were so many days before `as_of`, microseconds. Shape: (n,)."""
    return as_of.us - np.rint(np.asarray(age_days) * DAY_US).astype(np.int64)


def days_over(age_days: F64, wait: Wait, as_of: Instant) -> F64:
    """Days since the wait after each thing was over; negative while it lasts, NaN where there is none.

    Args:
        age_days: Days from each thing to `as_of`; NaN where it did not happen. Shape: (n,).
        wait: From then on.
        as_of: Now.
    """
    over = np.full(len(age_days), np.nan)
    happened = np.isfinite(age_days)
    ends = wait.after(at_ages(age_days[happened], as_of), as_of.timezone)
    over[happened] = (as_of.us - ends) / DAY_US
    return over


def _months_later(day: I64, months: int) -> I64:
    """Days since 1970 of the same day of the month, so many months later; of its last where it has none."""
    dates = day.astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    first, following = ((month + months + more).astype("datetime64[D]").astype(np.int64) for more in (0, 1))
    of_month = day - month.astype("datetime64[D]").astype(np.int64)
    later: I64 = np.minimum(first + of_month, following - 1)
    return later


def _from_local(us: I64, timezone: str) -> I64:
    """Instants of local times: the first of an hour that comes twice, the end of one that is skipped."""
    if timezone == "UTC":
        return us
    local = pa.array(us, pa.timestamp("us"))
    told = pc.assume_timezone(local, timezone, ambiguous="earliest", nonexistent="latest")
    instants: I64 = told.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return instants
