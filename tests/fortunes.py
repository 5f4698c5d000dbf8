"""A shop whose every metric can be counted with a finger, and predictors who know its future.

As of 1 March 2024, forty customers c00 to c39 with an order, and one prospect, p00:

    bought before          tea c00-c39   cups c00-c19   hats c00-c03   rings c00-c05
    bought in 28 days      tea c00-c24   cups c10-c29   hats c00-c24   rings c00-c18 and the prospect

Orders before: c00-c09 five, c10-c19 two, the others one. c30-c39 order nothing in the window. Each
customer buys all of a day in one order; every piece costs 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
from scipy import sparse

from intentml.prediction import Predictions, TargetScores
from intentml.tables.read import shop_from_frames
from intentml.tasks import Labels
from intentml.timeline import OrderLog

AS_OF, HORIZON = "2024-03-01", 28
BEFORE = {"tea": range(40), "cups": range(20), "hats": range(4), "rings": range(6)}
AFTER = {"tea": range(25), "cups": range(10, 30), "hats": range(25), "rings": range(19)}
SURE = 6.0


@dataclass(frozen=True)
class Fortune:
    """A predictor that answers what it was told, whatever it is asked."""

    name: str
    logits: Mapping[str, np.ndarray] = field(default_factory=dict)
    no_order: np.ndarray | None = None
    orders: np.ndarray | None = None
    spend: np.ndarray | None = None

    def predict(self, snapshot, horizon_days, *, kinds=None):
        return Predictions(
            customer_ids=snapshot.customer_ids,
            as_of=snapshot.as_of,
            horizon_days=horizon_days,
            targets={
                kind: scores_of(kind, snapshot.catalogue.targets(kind).targets, logits)
                for kind, logits in self.logits.items()
                if kinds is None or kind in kinds
            },
            no_order=self.no_order,
            orders=self.orders,
            spend=self.spend,
        )


def scores_of(kind: str, targets: np.ndarray, logits: np.ndarray) -> TargetScores:
    users, count = logits.shape
    nothing = np.zeros((users, 1), np.float32), np.zeros((count, 1), np.float32)
    return TargetScores(kind, targets, *nothing, pairs=sparse.csr_array(logits.astype(np.float32)))


def told_by(name: str, labels: Labels, tell: Callable[[np.ndarray], np.ndarray]) -> Fortune:
    """A fortune whose log-odds are `tell` of +1 where it happens and -1 where it does not."""
    logits = {kind: tell(np.where(bought.toarray(), 1.0, -1.0)) for kind, bought in labels.bought.items()}
    odds = tell(np.where(labels.no_order, 1.0, -1.0))
    return Fortune(name, logits, 1 / (1 + np.exp(-odds)), labels.orders, labels.spend)


@cache
def finger_shop() -> OrderLog:
    """The log of the shop."""
    lines = []

    def buy(customer: str, day: pd.Timestamp, products: list[str]) -> None:
        lines.extend((customer, f"{customer}-{day:%m%d}", day, product, 1.0, 2.0) for product in products)

    first, later = pd.Timestamp("2024-01-10T12:00Z"), pd.Timestamp("2024-03-05T12:00Z")
    for number in range(40):
        name = f"c{number:02d}"
        buy(name, first, [product for product, who in BEFORE.items() if number in who])
        extra = 4 if number < 10 else 1 if number < 20 else 0
        for again in range(extra):
            buy(name, first + pd.Timedelta(days=7 * (again + 1)), ["tea"])
        buy(name, later, [product for product, who in AFTER.items() if number in who])
    buy("p00", later, ["rings"])
    buy("c00", pd.Timestamp("2024-04-20T12:00Z"), ["tea"])
    columns = ["customer_id", "order_id", "ordered_at", "product_id", "quantity", "unit_price"]
    products = pd.DataFrame({"product_id": list(BEFORE), "category": [name.upper() for name in BEFORE]})
    customers = pd.DataFrame({"customer_id": ["p00"], "created_at": [first]})
    return OrderLog.from_tables(
        shop_from_frames(pd.DataFrame(lines, columns=columns), products=products, customers=customers)
    )
