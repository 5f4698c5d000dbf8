"""What was known when: the order log, its snapshots as of an instant, and what happened after.

What comes in: a shop's tables. What goes out: `OrderLog`, `Snapshot = log.as_of(t)`, `Outcomes`.
This room alone compares a timestamp with `as_of`.
"""

from intentml.timeline.instants import Instant, Window, rolling_windows
from intentml.timeline.log import OrderLog
from intentml.timeline.outcomes import Outcomes
from intentml.timeline.snapshot import Snapshot

__all__ = ["Instant", "OrderLog", "Outcomes", "Snapshot", "Window", "rolling_windows"]
