"""The shop's calendar: how busy each day is, and which month it lies in.

What comes in: the first day and a number of days. What goes out: arrays by day index (0 = first
day). Renewal gaps run in shop time, of which a busy day holds more than a quiet one.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt

from intentml.datasets.simulated.vocabulary import MONTH_ACTIVITY, WEEKDAY_ACTIVITY

F64 = npt.NDArray[np.float64]
EPOCH = dt.date(1970, 1, 1)
DAY_US = 86_400_000_000


def months(start: dt.date, days: int) -> npt.NDArray[np.int64]:
    """Month of each day, 0 = January. Shape: (days,)."""
    dates = np.datetime64(start, "D") + np.arange(days)
    return dates.astype("datetime64[M]").astype(np.int64) % 12


def activity(start: dt.date, days: int) -> F64:
    """Length of each day in shop days; about 1 on average over a year. Shape: (days,)."""
    dates = np.datetime64(start, "D") + np.arange(days)
    weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; 0 = Monday
    by_month: F64 = np.asarray(MONTH_ACTIVITY)[months(start, days)]
    by_weekday: F64 = np.asarray(WEEKDAY_ACTIVITY)[weekday]
    return by_month * by_weekday


def shop_time(start: dt.date, days: int) -> F64:
    """Shop days from the start to the end of each day. Shape: (days,), strictly increasing."""
    return np.cumsum(activity(start, days))


def day_index(start: dt.date, day: dt.date) -> int:
    """Days from `start` to `day`."""
    return (day - start).days


def instants(start: dt.date, day: npt.ArrayLike, seconds: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Microseconds since 1970 (UTC) of a time of day on each day index."""
    first = (start - EPOCH).days
    whole = (np.asarray(day, np.int64) + first) * DAY_US
    return whole + (np.asarray(seconds, np.float64) * 1e6).astype(np.int64)
