"""Customers drawn from the three BTYD stories themselves, purchase by purchase: the tests' ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intentml.priors.btyd import BtydCounts, BtydName

TRUTH: dict[BtydName, tuple[float, float, float, float]] = {
    "bg_nbd": (0.8, 6.0, 0.8, 2.5),
    "mbg_nbd": (0.9, 7.0, 0.7, 2.5),
    "pareto_nbd": (0.8, 8.0, 0.7, 15.0),
}


@dataclass(frozen=True)
class Lives:
    """Simulated customers: what was seen until T, and repeat purchases in each later window."""

    counts: BtydCounts
    later: NDArray[np.float64]


def simulate(name: BtydName, customers: int, days_ahead: list[float], seed: int) -> Lives:
    """Draw rates, deaths and purchases (times are continuous; T differs between customers)."""
    random = np.random.default_rng(seed)
    r, alpha, third, fourth = TRUTH[name]
    rate = random.gamma(r, 1 / alpha, customers) / 7
    age = random.uniform(100, 400, customers)
    ends = age[:, np.newaxis] + np.asarray(days_ahead)
    dropout = random.beta(third, fourth, customers) if name != "pareto_nbd" else np.zeros(customers)
    death = np.full(customers, np.inf)
    if name == "pareto_nbd":
        death = random.exponential(1 / (random.gamma(third, 1 / fourth, customers) / 7))
    leaves = random.random(customers) < dropout if name == "mbg_nbd" else np.zeros(customers, dtype=bool)
    clock, x, last = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    later = np.zeros((customers, len(days_ahead)))
    active = np.flatnonzero(~leaves)
    while len(active):
        clock[active] += random.exponential(1 / rate[active])
        active = active[clock[active] < np.minimum(ends[active, -1], death[active])]
        seen = active[clock[active] <= age[active]]
        x[seen] += 1
        last[seen] = clock[seen]
        future = active[clock[active] > age[active]]
        later[future] += clock[future, np.newaxis] <= ends[future]
        if name != "pareto_nbd":
            active = active[random.random(len(active)) >= dropout[active]]
    return Lives(BtydCounts(x, last, age), later)
