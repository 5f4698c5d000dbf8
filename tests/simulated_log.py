"""The simulated shop as a log, with its truth, made once for each setting.

What comes in: customers, dial and seed. What goes out: the log and the truth.
"""

from __future__ import annotations

from functools import cache

from intentml.datasets.simulated import SimulatedShop, Truth, simulate_shop
from intentml.tables.read import shop_from_frames
from intentml.timeline import OrderLog


@cache
def simulated(customers: int, dial: float = 0.0, seed: int = 0) -> tuple[OrderLog, Truth]:
    """A simulated shop; its events are left out, no predictor reads them."""
    tables = simulate_shop(SimulatedShop(customers=customers, dial=dial, seed=seed))
    shop = shop_from_frames(orders=tables.orders, products=tables.products, customers=tables.customers)
    return OrderLog.from_tables(shop), tables.truth
