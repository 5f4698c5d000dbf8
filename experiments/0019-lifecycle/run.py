"""Do the stages of the lifecycle tell who comes back, better than fixed days since the last order?

python experiments/0019-lifecycle/run.py DATA [--only NAME ...]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from intentml.scores.limits import stage_limits
from intentml.scores.rhythm import own_rhythm
from intentml.scores.stages import cycle_days, lifecycle
from intentml.sequences.timing import timing_statistics
from intentml.timeline import OrderLog, rolling_windows
from intentml.workflows import read_tables

# Last window, days, and how far apart windows start.
SHOPS = {
    "complete_journey": ("2017-11-01", 28, 28),
    "ta_feng": ("2001-01-30", 30, 15),
    "online_retail": ("2011-09-10", 90, 90),
    "cdnow": ("1998-01-01", 90, 90),
}
STAGES = ("new", "active", "slipping_away", "lost")
# What tools without a rhythm offer: slipping from so many days on, lost from so many.
FIXED = ((14, 28), (30, 60), (60, 120), (90, 180), (180, 365))
RESAMPLES = 500


def main() -> None:
    """Two rows a window: who orders within the days, and who within the next own cycle."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("data", type=Path)
    asked.add_argument("--only", nargs="+", choices=SHOPS, default=list(SHOPS))
    options = asked.parse_args()
    for name in options.only:
        log = read_tables(options.data / name)
        last, days, step = SHOPS[name]
        for window in rolling_windows(log.instant(last), days, 3, step):
            for line in rows(name, log, window.as_of.iso, days):
                print(line, flush=True)


def rows(name: str, log: OrderLog, as_of: str, days: int) -> list[str]:
    """Customers and share who order again by stage; AUROC of the stages and of the best fixed days."""
    past = log.before(as_of)
    snapshot = past.at_its_end()
    timing = timing_statistics(snapshot)
    rhythm = own_rhythm(timing.active_indptr, timing.active_day, timing.n_orders)
    limits = stage_limits(past, snapshot)
    stage = lifecycle(timing.n_orders, timing.recency_days, rhythm.gap_days, rhythm.irregularity, limits)
    outcomes = log.outcomes(log.as_of(as_of), days)
    first = np.full(len(snapshot), np.inf)
    np.minimum.at(first, outcomes.customer, outcomes.days)
    cycle = cycle_days(timing.n_orders, rhythm.gap_days, limits)
    everybody = timing.n_orders > 0
    repeat = timing.n_orders >= 2
    return [
        row(
            [name, as_of[:10], f"{days} days"], stage, first < np.inf, timing.recency_days, everybody, repeat
        ),
        # A cycle longer than the window cannot be told.
        row(
            [name, as_of[:10], "own cycle"],
            stage,
            first <= cycle,
            timing.recency_days,
            everybody & (cycle <= days),
            repeat & (cycle <= days),
        ),
    ]


def row(
    about: list[str],
    stage: npt.NDArray[np.str_],
    came: npt.NDArray[np.bool_],
    recency: npt.NDArray[np.float64],
    told: npt.NDArray[np.bool_],
    judged: npt.NDArray[np.bool_],
) -> str:
    """Shares are of those told, AUROC of those judged: who ordered twice or more."""
    shares = [
        f"{came[told & (stage == one)].mean():.3f} ({(told & (stage == one)).sum():,})"
        if (told & (stage == one)).any()
        else "–"
        for one in STAGES
    ]
    codes = np.select([stage == "lost", stage == "slipping_away"], [2, 1], 0)[judged]
    silent = ~came[judged]
    fixed = {edges: np.digitize(recency[judged], edges) for edges in FIXED}
    best = max(fixed, key=lambda edges: float(roc_auc_score(silent, fixed[edges])))
    own, other = roc_auc_score(silent, codes), roc_auc_score(silent, fixed[best])
    low, high = interval(silent, codes, fixed[best])
    gap = f"{own - other:+.3f} ({low:+.3f} to {high:+.3f})"
    cells = [*about, *shares, f"{own:.3f}", f"{other:.3f} ({best[0]}, {best[1]})", gap]
    return f"| {' | '.join(cells)} |"


def interval(
    silent: npt.NDArray[np.bool_], one: npt.NDArray[np.int_], other: npt.NDArray[np.int_]
) -> tuple[float, float]:
    """95 % of the difference of two AUROCs, a bootstrap over customers."""
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, len(silent), len(silent))
        gaps.append(roc_auc_score(silent[rows], one[rows]) - roc_auc_score(silent[rows], other[rows]))
    low, high = np.quantile(gaps, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
