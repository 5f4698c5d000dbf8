"""A random shop, trained and scored once: what tests of models and scores share.

What comes in: a seed. What goes out: its log, a model fitted in a second or two, and scores. The
shop has dirt of every kind, prospects, a product that is known and was never sold, and returns.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from intentml.inference.folder import SavedModel
from intentml.scores.scores import Scores
from intentml.timeline import OrderLog
from intentml.workflows import score, train
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of

HORIZONS = (28, 14)
# One window of one horizon, few pairs: what is asked about here does not depend on a good fit.
QUICK = ("priors.horizons_days=[28]", "priors.windows=1", "priors.sample_per_window=1000")


def frames(seed: int = 0) -> dict[str, pd.DataFrame]:
    """The tables of a shop with some fifty customers and sixteen products."""
    return random_shop(seed, customers=40, products=15, lines=900)


@cache
def log(seed: int = 0) -> OrderLog:
    """Its history."""
    return log_of(frames(seed))


@cache
def model(seed: int = 0) -> SavedModel:
    """The recipe priors, fitted quickly."""
    return train(log(seed), as_of=AS_OF_TEXT, settings=QUICK)


@cache
def scores(seed: int = 0) -> Scores:
    """Scores over 28 and 14 days."""
    return score(model(seed), log(seed), as_of=AS_OF_TEXT, horizon_days=HORIZONS)


def orders_at(days: dict[str, list[int]], as_of: str = "2024-06-01", **columns: object) -> pd.DataFrame:
    """Order lines of customers who ordered so many days before `as_of`, at noon."""
    rows = [(customer, day) for customer, ages in days.items() for day in ages]
    at = pd.Timestamp(as_of, tz="UTC") - pd.to_timedelta([day for _, day in rows], unit="D")
    return pd.DataFrame(
        {
            "customer_id": [customer for customer, _ in rows],
            "order_id": [f"o{number:05d}" for number in range(len(rows))],
            "ordered_at": at + pd.Timedelta(hours=12),
            **columns,
        }
    )


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), as a reader would write it."""
    return 1 / (1 + np.exp(-logits.astype(np.float64)))
