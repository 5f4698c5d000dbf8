"""Groups in plain numbers: how many there are is decided by how well they are found again.

What comes in: one row of numbers a customer. What goes out: a group each, and what was tried. Groups count
only where two resamples of the customers lead to the same ones, and where the last of them makes all tighter
than another cut through one cloud of the same shape would.

Source: Ben-Hur et al. 2002, stability of clusterings under resampling; the adjusted index of Hubert & Arabie
1985; the comparison with a cloud without groups, Tibshirani et al. 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from intentml.audiences.view import I32
from intentml.prediction import F64

if TYPE_CHECKING:
    import pandas as pd

MOST_GROUPS = 8
# Enough to find groups by; everybody is then put into the nearest.
_SAMPLE = 3_000
_RESAMPLES, _CLOUDS, _CLOUD_ERRORS = 8, 12, 3.0
_STABLE, _SMALLEST_SHARE, _SMALLEST = 0.9, 0.02, 20
_VARIANCE, _COMPONENTS = 0.9, 10


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups found.

    Attributes:
        group: From 0 on, the largest first; all 0 where there is nothing to find. Shape: (n,).
        groups: How many there are.
        tried: By number of groups: stability (mean adjusted Rand index over pairs of resamples; NaN where a
            group is too small), smallest (share of the customers), left (spread within the groups over that
            within one group fewer), cloud (what would be left, at least, of a cloud without groups; NaN where
            it was not asked), found.
    """

    group: I32
    groups: int
    tried: pd.DataFrame


def clusters(numbers: F64, seed: int = 0) -> Clusters:
    """The largest number of groups that are stable, large enough, and more than cuts through a cloud.

    Args:
        numbers: Of comparable spread. Shape: (n, D).
        seed: Of everything drawn.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(numbers))[:_SAMPLE])
    middle, axes = _axes(numbers[chosen])
    points = (numbers - middle) @ axes
    some = points[chosen]
    rows: dict[int, dict[str, Any]] = {}
    most = min(MOST_GROUPS, len(some) // _SMALLEST) if points.shape[1] else 0
    fits = {k: _fit(some, k, rng) for k in range(1, most + 1)}
    for k in range(2, most + 1):
        smallest = np.bincount(fits[k].labels_, minlength=k).min()
        large = smallest >= max(_SMALLEST, _SMALLEST_SHARE * len(some))
        # What is too small is no group, however often it is found.
        stability = _stability(some, k, rng) if large else float("nan")
        left = fits[k].inertia_ / fits[k - 1].inertia_
        rows[k] = {"stability": stability, "smallest": smallest / len(some), "left": left}
    found = 1
    for k in sorted(rows, reverse=True):
        rows[k]["cloud"] = float("nan")
        if found == 1 and rows[k]["stability"] >= _STABLE:
            rows[k]["cloud"] = _cloud(some, k, rng)
            found = k if rows[k]["left"] < rows[k]["cloud"] else 1
        rows[k]["found"] = k == found
    tried = pd.DataFrame.from_dict(rows, orient="index").rename_axis("groups").sort_index()
    group = np.zeros(len(points), np.int32)
    if found > 1:
        nearest = fits[found].predict(points)
        by_size = np.argsort(-np.bincount(nearest, minlength=found), kind="stable")
        group = np.argsort(by_size)[nearest].astype(np.int32)
    return Clusters(group, found, tried)


def _axes(numbers: F64) -> tuple[F64, F64]:
    """The middle, and the directions in which most of the spread lies. Shapes: (D,), (D, C)."""
    middle = numbers.mean(axis=0)
    _, spread, directions = np.linalg.svd(numbers - middle, full_matrices=False)
    power = spread**2
    wanted = int(np.searchsorted(np.cumsum(power), _VARIANCE * power.sum()) + 1) if power.sum() > 0 else 0
    return middle, directions[: min(wanted, _COMPONENTS)].T


def _fit(points: F64, k: int, rng: np.random.Generator) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(k, n_init=4, random_state=int(rng.integers(2**31))).fit(points)


def _stability(points: F64, k: int, rng: np.random.Generator) -> float:
    """How alike the groups of two resamples are, on average; chance is 0, the same is 1."""
    from sklearn.metrics import adjusted_rand_score

    labels = [
        _fit(points[rng.integers(0, len(points), len(points))], k, rng).predict(points)
        for _ in range(_RESAMPLES)
    ]
    return float(np.mean([adjusted_rand_score(one, other) for one, other in combinations(labels, 2)]))


def _cloud(points: F64, k: int, rng: np.random.Generator) -> float:
    """What one group more than k - 1 leaves of the spread of a cloud, three standard errors below the mean.

    The clouds are normal, each as long in every direction as the points.
    """
    left = []
    for _ in range(_CLOUDS):
        cloud = rng.standard_normal(points.shape) * points.std(axis=0)
        left.append(_fit(cloud, k, rng).inertia_ / _fit(cloud, k - 1, rng).inertia_)
    return float(np.mean(left) - _CLOUD_ERRORS * np.std(left, ddof=1))
