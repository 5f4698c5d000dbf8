"""The base over time: how many are new, active, slipping away or lost, and who went where.

What comes in: a shop's log and instants. What goes out: counts at each instant, flows between two. Stages are
those of the rule, by the limits that the shop had at each instant, so that every count is the one that could
have been told at the time; no model is needed.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from intentml.errors import TimeError
from intentml.scores.limits import stage_limits
from intentml.scores.stages import LIFECYCLES, LifecycleLimits, lifecycle, own_rhythm
from intentml.sequences.timing import timing_statistics
from intentml.timeline import Instant, OrderLog
from intentml.timeline.catalogue import Strings
from intentml.timeline.instants import AsOf

if TYPE_CHECKING:
    import pandas as pd

MONTHS_AGO = (12, 6, 3, 1, 0)
UNKNOWN = "not yet known"


@dataclass(frozen=True, eq=False)
class Stages:
    """Where every customer stood at an instant.

    Attributes:
        as_of: The instant.
        customer_ids: Sorted ids of those known by then. Shape: (U,).
        stage: Out of `LIFECYCLES`. Shape: (U,).
        limits: The shop's, at that instant.
    """

    as_of: Instant
    customer_ids: Strings
    stage: npt.NDArray[np.str_]
    limits: LifecycleLimits


def stages_at(log: OrderLog, as_of: AsOf | Instant) -> Stages:
    """Where every customer stood, as it could be told at the time.

    Raises:
        TimeError: `as_of` is outside the data.
    """
    snapshot = log.as_of(as_of)
    timing = timing_statistics(snapshot)
    rhythm = own_rhythm(timing.active_indptr, timing.active_day, timing.n_orders)
    limits = stage_limits(log, snapshot)
    stage = lifecycle(timing.n_orders, timing.recency_days, rhythm.gap_days, rhythm.irregularity, limits)
    return Stages(snapshot.as_of, snapshot.customer_ids, stage, limits)


def months_before(
    log: OrderLog, as_of: AsOf | Instant, months: Iterable[int] = MONTHS_AGO
) -> dict[int, Instant]:
    """The instants so many calendar months before another, where the shop has data by then.

    The 31st of a month that has none is its last day.
    """
    now = log.instant(as_of)
    found = {}
    for ago in months:
        try:
            found[ago] = log.instant(_months_earlier(now, ago))
        except TimeError:
            continue  # the shop's history starts later
    return found


def _months_earlier(now: Instant, months: int) -> Instant:
    there = now.datetime.replace(tzinfo=None)
    year, month = divmod(there.year * 12 + there.month - 1 - months, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    moved = there.replace(year=year, month=month + 1, day=min(there.day, last_day))
    return Instant.of(moved, now.timezone)


def base_over_time(log: OrderLog, instants: Iterable[AsOf | Instant]) -> pd.DataFrame:
    """How many customers there were at each instant, and how many in each stage.

    Returns:
        Indexed by as_of (ISO 8601): customers, then one column a stage.

    Raises:
        TimeError: An instant is outside the data.
    """
    return counted_stages([stages_at(log, instant) for instant in instants])


def counted_stages(standings: Sequence[Stages]) -> pd.DataFrame:
    """The same of stages at hand."""
    import pandas as pd

    rows = [[len(one.stage), *((one.stage == name).sum() for name in LIFECYCLES)] for one in standings]
    index = pd.Index([one.as_of.iso for one in standings], name="as_of")
    return pd.DataFrame(rows, index, ["customers", *LIFECYCLES], dtype=int)


def stage_flows(earlier: Stages, later: Stages) -> pd.DataFrame:
    """How many went from each stage (row) to each stage (column) between two instants.

    A row tells of those who came later. Customers do not go: whoever was known at the earlier instant is
    known at the later one.
    """
    import pandas as pd

    was = pd.Series(earlier.stage, pd.Index(earlier.customer_ids), dtype=object)
    before = was.reindex(later.customer_ids).fillna(UNKNOWN).to_numpy()
    table = pd.crosstab(before, later.stage)
    return table.reindex(index=[*LIFECYCLES, UNKNOWN], columns=list(LIFECYCLES), fill_value=0).rename_axis(
        index="from", columns="to"
    )
