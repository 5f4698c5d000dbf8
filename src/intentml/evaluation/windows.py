"""The windows that are measured: each in the log's zone, each over before the data is.

What comes in: an order log and windows. What goes out: the same windows, checked, before anything is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence

from intentml.errors import IncompleteOutcomeError
from intentml.timeline import OrderLog, Window
from intentml.timeline.instants import check_horizon


def check_windows(log: OrderLog, windows: Sequence[Window]) -> tuple[Window, ...]:
    """The windows, each in the log's zone, all with complete outcomes.

    Raises:
        IncompleteOutcomeError: A window ends after the data does; the message counts them.
        TimeError: A window starts outside the data, or its horizon is outside 7 to 365 days.
        ValueError: There is no window.
    """
    if not windows:
        raise ValueError("there is no window to measure on")
    checked = tuple(Window(log.instant(one.as_of), check_horizon(one.horizon_days)) for one in windows)
    late = [one for one in checked if one.end.days_since(log.until) > 0]
    if late:
        last = log.until.plus_days(-max(one.horizon_days for one in late))
        raise IncompleteOutcomeError(
            f"{len(late)} of {len(checked)} windows end after the data does: the {late[0].horizon_days} days "
            f"after {late[0].as_of.iso} end {late[0].end.iso}, but the data ends {log.until.iso}",
            table="orders",
            column="ordered_at",
            hint=f"start the last window at {last.datetime:%Y-%m-%d} or before, or choose a shorter horizon",
        )
    return checked
