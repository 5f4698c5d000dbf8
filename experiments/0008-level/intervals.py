"""Intervals of expected buyers told by past windows, and how often they hold what came.

python experiments/0008-level/intervals.py LEVELS...      (files of levels.py)
"""

from __future__ import annotations

import pickle
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from levels import Level

from intentml.fitting.buyers import Window, spread_of
from intentml.priors.buyers import BuyersSpread, Spread

SIZES = ((0.0, 5.0), (5.0, 20.0), (20.0, 100.0), (100.0, np.inf))


def window_of(one: Level) -> Window:
    """As the package tells a past window; here of all customers."""
    return Window(one.predicted.sum(axis=0), one.variance.sum(axis=0), one.actual.sum(axis=0), 1.0)


def ways(past: list[Window]) -> dict[str, Spread]:
    """The spread as it is built, and parts of it."""
    built = spread_of(past)
    return {
        "independent": Spread(single=0.0, target=0.0, level=0.0),
        "targets": built.model_copy(update={"level": 0.0}),
        "targets and level": built,
    }


def covered(spread: Spread, now: Window) -> list[float]:
    """Share of targets inside, of each size too, whether their sum is, and the width over the mean."""
    known = BuyersSpread(spreads={1: {"any": spread}})
    low, high = known.interval(["any"], 1, now.expected, now.independent)
    inside = (low <= now.came) & (now.came <= high)
    of_size = [(now.expected > least) & (now.expected <= most) for least, most in SIZES]
    # Of all together what befalls single targets averages out.
    level = BuyersSpread(spreads={1: {"any": spread.model_copy(update={"single": 0.0, "target": 0.0})}})
    whole = level.interval(["any"], 1, now.expected.sum(), now.independent.sum())
    large = now.expected > SIZES[1][1]
    return [
        inside.mean(),
        *(inside[some].mean() if some.any() else np.nan for some in of_size),
        float(whole[0] <= now.came.sum() <= whole[1]),
        float(np.median(((high - low) / now.expected)[large])) if large.any() else np.nan,
    ]


def main() -> None:
    """Tell the coverage of each way."""
    for file in sys.argv[1:]:
        horizon = float(Path(file).stem[2:])
        by: dict[tuple[str, str], dict[float, Level]] = defaultdict(dict)
        for one in pickle.loads(Path(file).read_bytes()):
            by[one.kind, one.model][one.days_after] = one
        rows: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
        for (kind, model), at in sorted(by.items()):
            past = [window_of(at[-horizon * k]) for k in range(1, 9) if -horizon * k in at]
            now = window_of(at[0])
            told = spread_of(past).model_dump()
            print(kind, model, f"level {now.level:+.3f}", {name: round(of, 4) for name, of in told.items()})
            for way, spread in ways(past).items():
                rows[kind, way].append(covered(spread, now))
        for (kind, way), of in rows.items():
            mean = np.nanmean(of, axis=0)
            sizes = " ".join(f"{share:.2f}" for share in mean[1:5])
            windows = " ".join(f"{one[0]:.2f}" for one in of)
            print(f"{file} {kind}, {way}: {mean[0]:.3f} ({windows}); by size {sizes};", end=" ")
            print(f"all together {mean[5]:.2f}; width / mean {mean[6]:.2f}")


if __name__ == "__main__":
    main()
