"""Do the histories that are asked about look like those of the shop that was scored? In Prometheus' words.

What comes in: the scores served, and what was answered of histories. What goes out: for each number, how many
fall into each tenth of the scored shop, and how far these shares stray from it; which scores are served.

Source: the population stability index of credit scoring, e.g. Siddiqi, Credit Risk Scorecards, 2006: below
0.1 hardly a change, above 0.25 a large one.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from prometheus_client import CollectorRegistry, Counter, Gauge

from intentml.prediction import F64
from intentml.scores.scores import Scores

# What comes in of a history (how many orders, how long ago), and what is predicted of it.
NUMBERS = ("orders", "recency_days", "churn_probability")
TENTHS = 10
# The newest so many histories are compared; of fewer than the least, chance alone looks like a change.
_NEWEST, _LEAST = 2_000, 100
_FLOOR = 1e-4


class Reference:
    """The tenths of the customers with an order, of one number.

    Args:
        values: The number of each. Shape: (U,).
    """

    def __init__(self, values: F64) -> None:
        self.edges = np.unique(np.quantile(values, np.arange(1, TENTHS) / TENTHS))
        self.share = np.bincount(self.place(values), minlength=len(self.edges) + 1) / len(values)

    def place(self, values: F64) -> np.ndarray:
        """Into which part each falls, from 0; many alike share one. Shape: (n,)."""
        return np.searchsorted(self.edges, values, side="right")

    def stability(self, places: np.ndarray) -> float:
        """Population stability index of some values, by where they fall."""
        share = np.maximum(np.bincount(places, minlength=len(self.share)) / len(places), _FLOOR)
        told = np.maximum(self.share, _FLOOR)
        return float(((share - told) * np.log(share / told)).sum())


class Drift:
    """The meters of one worker.

    Args:
        registry: Where they are told.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.histories = Counter(
            "intentml_histories",
            "Histories answered, by the part of the scored shop that their number falls into, lowest first.",
            ("number", "part"),
            registry=registry,
        )
        self.stability = Gauge(
            "intentml_drift",
            "Population stability index of the newest histories against the scored shop.",
            ("number",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.served = Gauge(
            "intentml_scores",
            "Workers that serve these scores.",
            ("as_of", "model_version"),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._scores: Scores | None = None
        self._of_shop: dict[str, Reference] = {}
        self._newest: dict[str, deque[int]] = {}

    def serves(self, scores: Scores) -> None:
        """These scores are served from now on; what was seen is compared with them alone."""
        if self._scores is scores:
            return
        if self._scores is not None:
            self.served.labels(*_named(self._scores)).set(0)
        self.served.labels(*_named(scores)).set(1)
        buyers = scores.table.filter(pc.greater(scores.table["orders"], 0))
        known = [name for name in NUMBERS if name in buyers.column_names and len(buyers)]
        self._of_shop = {name: Reference(buyers[name].cast("float64").to_numpy()) for name in known}
        self._newest = {name: deque(maxlen=_NEWEST) for name in known}
        self._scores = scores

    def watch(self, customers: pa.Table) -> None:
        """What was answered of some histories: the columns of customers.parquet."""
        for name, of_shop in self._of_shop.items():
            places = of_shop.place(customers[name].cast(pa.float64()).to_numpy())
            for part, count in enumerate(np.bincount(places)):
                if count:
                    self.histories.labels(name, str(part)).inc(int(count))
            newest = self._newest[name]
            newest.extend(places.tolist())
            if len(newest) >= _LEAST:
                self.stability.labels(name).set(of_shop.stability(np.array(newest)))


def _named(scores: Scores) -> tuple[str, str]:
    return scores.manifest.as_of, scores.manifest.model.version
