"""Which past windows to learn from: cutoffs whose outcomes are complete before `as_of`.

What comes in: how far the history goes and a horizon. What goes out: cutoffs, newest first; the
newest is for validation, the others for training, one horizon apart so that no label is shared.
"""

from __future__ import annotations

from dataclasses import dataclass

from intentml.timeline import Instant, OrderLog

# A cutoff needs some history before it, and never under four weeks: the newest half a horizon, older
# ones two horizons, because a window seen from a short past teaches weights for a past that short
# (experiments/0002-target-priors).
_MIN_HISTORY_DAYS = 28
_NEWEST_NEEDS, _OLDER_NEED = 0.5, 2.0


@dataclass(frozen=True)
class Cutoffs:
    """Cutoffs of one horizon.

    Attributes:
        horizon_days: The horizon.
        all: Cutoffs newest first; each has its whole outcome window before `as_of`.
    """

    horizon_days: int
    all: tuple[Instant, ...]

    @property
    def validation(self) -> Instant:
        """The newest cutoff."""
        return self.all[0]

    @property
    def training(self) -> tuple[Instant, ...]:
        """The older cutoffs; empty where the history holds one window alone."""
        return self.all[1:]


def cutoffs(log: OrderLog, horizon_days: int, windows: int) -> Cutoffs | None:
    """Up to `windows` cutoffs one horizon apart, all outcomes before `log.until`; None where none fits."""
    found = []
    for back in range(1, windows + 1):
        cutoff = log.until.plus_days(-horizon_days * back)
        needed = max(_MIN_HISTORY_DAYS, horizon_days * (_NEWEST_NEEDS if back == 1 else _OLDER_NEED))
        if cutoff.days_since(log.start) < needed or _known_days(log, cutoff) < needed:
            break
        found.append(cutoff)
    return Cutoffs(horizon_days, tuple(found)) if found else None


def _known_days(log: OrderLog, cutoff: Instant) -> float:
    """Days of history as they were known at the cutoff: lines recorded later do not count."""
    return cutoff.days_since(log.before(cutoff).start)
