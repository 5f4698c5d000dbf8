"""Rules that set the level of target heads from past windows, judged on the window after.

python experiments/0008-level/run.py LEVELS...      (files of levels.py)
"""

from __future__ import annotations

import pickle
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from levels import EDGES, Level
from scipy.optimize import brentq

CENTRES = (EDGES[:-1] + EDGES[1:]) / 2
BOTH, EACH = ((0, 1),), ((0,), (1,))
FEWEST = 50.0


def expected(pairs: np.ndarray, shift: float) -> float:
    """Buyers expected of binned logits, moved."""
    return float((pairs / (1 + np.exp(-CENTRES - shift))).sum())


def miss(one: Level, strata: Sequence[int], chosen: bool = False) -> float:
    """log(actual / predicted), as an intercept: what would have made the window right."""
    pairs = (one.chosen if chosen else one.pairs)[list(strata)].sum(axis=0)
    actual = actual_of(one, strata, chosen) + 0.5
    return float(brentq(lambda shift: expected(pairs, shift) - actual, -6, 6))


def actual_of(one: Level, strata: Sequence[int], chosen: bool) -> float:
    """Buyers who came."""
    came = one.actual.sum(axis=0) >= one.least if chosen else np.ones(one.actual.shape[1], bool)
    return float(one.actual[list(strata)][:, came].sum())


def ratio(one: Level, shift: dict[int, float], chosen: bool) -> float:
    """Predicted over actual after a shift by stratum."""
    pairs = one.chosen if chosen else one.pairs
    return sum(expected(pairs[s], shift[s]) for s in (0, 1)) / max(actual_of(one, (0, 1), chosen), 1.0)


Past = list[Level]  # of one model and kind, by windows back: 0 the last complete one


def last(past: Past, year: Past, strata: Sequence[int]) -> float:
    """The level of the last complete window."""
    return miss(past[0], strata)


def mean_of(count: int) -> Callable[[Past, Past, Sequence[int]], float]:
    """The mean level of some windows."""

    def rule(past: Past, year: Past, strata: Sequence[int]) -> float:
        return float(np.mean([miss(one, strata) for one in past[:count]]))

    return rule


def season(past: Past, year: Past, strata: Sequence[int]) -> float:
    """Last window's level, plus the step that this window took a year ago."""
    if len(year) < 2:
        return float("nan")
    return miss(past[0], strata) + miss(year[0], strata) - miss(year[1], strata)


RULES = {"last": last, "mean of 2": mean_of(2), "mean of 3": mean_of(3), "season": season}


def main() -> None:
    """Tell what each rule comes to."""
    for file in sys.argv[1:]:
        print(f"\n## {file}")
        by: dict[tuple[str, str], list[Level]] = defaultdict(list)
        for one in pickle.loads(Path(file).read_bytes()):
            by[one.model, one.kind].append(one)
        horizon = float(Path(file).stem[2:])
        rows: dict[tuple[str, str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for (_, kind), levels in sorted(by.items()):
            at = {one.days_after: one for one in levels}
            for days, one in sorted(at.items()):
                if days < 0:
                    continue
                past = [at[d] for k in range(1, 9) if (d := days - horizon * k) in at]
                if len(past) < 1 or days - horizon not in at:
                    continue
                year = [at[d] for d in (days - 364, days - 364 - horizon) if d in at]
                for chosen in (False, True):
                    row = rows[kind, "judged" if chosen else "all", int(days)]
                    row["window"].append(one.window)
                    row["none"].append(np.log(ratio(one, {0: 0.0, 1: 0.0}, chosen)))
                    for name, rule in RULES.items():
                        for share in (1.0, 0.5):
                            for label, groups in (("", BOTH), ("/each", EACH)):
                                shift = {}
                                for strata in groups:
                                    found = share * rule(past, year, strata)
                                    shift |= dict.fromkeys(strata, found)
                                value = np.log(ratio(one, shift, chosen)) if np.isfinite(found) else np.nan
                                row[f"{name} x {share}{label}"].append(value)
        for (kind, population, days), row in rows.items():
            windows = row.pop("window")
            print(f"\n{kind}, {population} targets, {days} days after training: {', '.join(windows)}")
            for name, values in row.items():
                values = np.array(values)
                known = np.isfinite(values)
                if known.any():
                    told = " ".join(f"{np.exp(v):.2f}" for v in values)
                    size, bias = np.abs(values[known]).mean(), values[known].mean()
                    print(f"{name:22s} mean |log| {size:.3f}  bias {bias:+.3f}  n {known.sum()}: {told}")


if __name__ == "__main__":
    main()
