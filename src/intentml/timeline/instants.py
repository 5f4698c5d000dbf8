"""Instants and windows: how `as_of` is written, read and compared.

What comes in: a date, a datetime or ISO text. What goes out: microseconds since 1970 in UTC, with
the shop's zone beside it. A plain date means its first instant in the shop's time zone; windows are
half-open: `as_of <= t < as_of + horizon`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import TimeError

DAY_US = 86_400_000_000
NEVER = np.iinfo(np.int64).max
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MIN_HORIZON_DAYS, MAX_HORIZON_DAYS = 7, 365

AsOf = str | dt.date | dt.datetime


@dataclass(frozen=True, order=True)
class Instant:
    """A point in time and the zone it is told in.

    Attributes:
        us: Microseconds since 1970-01-01 UTC.
        timezone: IANA name of the shop's zone, for telling days.
    """

    us: int
    timezone: str = "UTC"

    @classmethod
    def of(cls, as_of: AsOf | Instant, timezone: str = "UTC") -> Instant:
        """Read an instant; a plain date is its first instant in `timezone`.

        >>> Instant.of("2017-11-01").iso
        '2017-11-01T00:00:00+00:00'
        >>> Instant.of("2017-11-01", "Europe/Madrid").us == Instant.of("2017-10-31T23:00:00Z").us
        True
        """
        if isinstance(as_of, Instant):
            return as_of
        if not isinstance(as_of, str | dt.date):
            raise TimeError(
                f"as_of {as_of!r} is not a date",
                hint="hand over text such as 2017-11-01, a date or a datetime",
            )
        if isinstance(as_of, str):
            try:
                as_of = dt.datetime.fromisoformat(as_of.strip())
            except ValueError:
                raise TimeError(
                    f"as_of {as_of!r} is not a date", hint="write it as 2017-11-01 or 2017-11-01T09:30:00Z"
                ) from None
        if not isinstance(as_of, dt.datetime):
            as_of = dt.datetime.combine(as_of, dt.time.min)
        if as_of.tzinfo is None:
            as_of = as_of.replace(tzinfo=zone(timezone))
        return cls((as_of - EPOCH) // dt.timedelta(microseconds=1), timezone)

    @property
    def datetime(self) -> dt.datetime:
        """The instant in its zone."""
        return (EPOCH + dt.timedelta(microseconds=self.us)).astimezone(zone(self.timezone))

    @property
    def iso(self) -> str:
        """ISO 8601 text with the zone's offset."""
        return self.datetime.isoformat()

    def plus_days(self, days: float) -> Instant:
        """The same time of day, `days` days later on the shop's calendar (earlier where negative).

        >>> Instant.of("2017-03-01", "Europe/Madrid").plus_days(31).iso
        '2017-04-01T00:00:00+02:00'
        """
        moved = self.datetime.replace(tzinfo=None) + dt.timedelta(days=days)
        return Instant.of(moved, self.timezone)

    def days_since(self, earlier: Instant) -> float:
        """Days of 24 hours from `earlier` to here."""
        return (self.us - earlier.us) / DAY_US


@dataclass(frozen=True)
class Window:
    """The half-open window in which outcomes are counted: `as_of <= t < as_of + horizon`."""

    as_of: Instant
    horizon_days: int

    @property
    def end(self) -> Instant:
        """First instant after the window."""
        return self.as_of.plus_days(self.horizon_days)


def rolling_windows(last_as_of: Instant, horizon_days: int, windows: int, step_days: int) -> list[Window]:
    """The last window and the ones before it, `step_days` apart, oldest first."""
    return [
        Window(last_as_of.plus_days(-step_days * back), horizon_days) for back in reversed(range(windows))
    ]


def check_horizon(horizon_days: int) -> int:
    """The horizon as a plain int, or an error when it is no whole number from 7 to 365 days."""
    if isinstance(horizon_days, bool) or not isinstance(horizon_days, int | np.integer):
        raise TimeError(
            f"a horizon of {horizon_days!r} days is no whole number", hint="hand over a number such as 28"
        )
    if not MIN_HORIZON_DAYS <= horizon_days <= MAX_HORIZON_DAYS:
        raise TimeError(
            f"a horizon of {horizon_days} days is outside {MIN_HORIZON_DAYS} to {MAX_HORIZON_DAYS} days",
            hint=f"choose a whole number of days from {MIN_HORIZON_DAYS} to {MAX_HORIZON_DAYS}",
        )
    return int(horizon_days)


def zone(timezone: str) -> ZoneInfo:
    """The time zone of an IANA name."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise TimeError(
            f"time zone {timezone!r} is unknown", hint="use an IANA name such as Europe/Madrid"
        ) from None


def local_us(us: npt.NDArray[np.int64], timezone: str) -> npt.NDArray[np.int64]:
    """Microseconds since 1970-01-01 00:00 on the shop's own clock, one per instant."""
    if timezone == "UTC":
        return us
    stamps = pa.array(us, type=pa.timestamp("us", tz=timezone))
    local: npt.NDArray[np.int64] = pc.local_timestamp(stamps).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return local


def local_days(us: npt.NDArray[np.int64], timezone: str) -> npt.NDArray[np.int64]:
    """Days since 1970-01-01 on the shop's own calendar, one per instant."""
    return np.floor_divide(local_us(us, timezone), DAY_US)


def first_instant_of_day(day: int, timezone: str) -> Instant:
    """The first instant of a local day (days since 1970-01-01)."""
    return Instant.of(dt.date(1970, 1, 1) + dt.timedelta(days=int(day)), timezone)
