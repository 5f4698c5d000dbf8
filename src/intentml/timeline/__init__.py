"""What was known when: the order log, its snapshots as of an instant, and what happened after.

What comes in: a shop's tables. What goes out: `OrderLog`, `Snapshot = log.as_of(t)`, `Outcomes`, and
`Known = known_by(log, t)` with what only people ask about.
This room alone compares a timestamp with `as_of`.
"""

from intentml.timeline.instants import Instant, Window, rolling_windows
from intentml.timeline.known import Known, known_by
from intentml.timeline.log import OrderLog
from intentml.timeline.outcomes import Outcomes
from intentml.timeline.snapshot import Snapshot

__all__ = ["Instant", "Known", "OrderLog", "Outcomes", "Snapshot", "Window", "known_by", "rolling_windows"]
