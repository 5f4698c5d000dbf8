"""A small shop, served: scores, tables for audiences, a log of orders, in a process of its own.

What comes in: a folder to work in. What goes out: the service, running, and requests that it answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from random_shop import AS_OF_TEXT
from scored_shop import HORIZONS, QUICK, frames
from served import Served, served

SHOP_CUSTOMER = "anchor"
LINE = {"customer_id": "new-1", "order_id": "1", "ordered_at": "2024-03-01", "product_id": "p1"}
# A request of every endpoint that takes one, which this shop answers.
REQUESTS: dict[str, Any] = {
    "/interested_in": {"category": "TEA", "limit": 5},
    "/recommend": {"customer_id": SHOP_CUSTOMER, "limit": 3},
    "/customers": {"customer_ids": [SHOP_CUSTOMER, "nobody"]},
    "/lifecycle": {"customer_ids": [SHOP_CUSTOMER, "nobody"]},
    "/predict": {"orders": [LINE], "interests": 2},
    "/explain": {"orders": [LINE], "category": "TEA"},
    "/orders": {"orders": [LINE | {"order_id": "n1", "ordered_at": "2024-04-02T10:30:00Z"}]},
    "/audiences/preview": {"audience": "orders >= 2 and country is not null"},
    "/audiences/members": {"audience": "orders >= 1", "limit": 2, "fields": ["orders", "lifecycle"]},
    "/audiences/explain": {
        "audience": "orders >= 1 AND interested_in(category = 'TEA', top 10)",
        "customer_id": SHOP_CUSTOMER,
    },
    "/audiences/compare": {"audiences": []},
}


@contextmanager
def served_shop(folder: Path, settings: dict[str, str] | None = None) -> Iterator[Served]:
    """The service on the random shop, once its audiences are read."""
    # Here: who only looks at the requests need not wait for torch.
    from intentml.tables.read import read_shop
    from intentml.timeline import OrderLog
    from intentml.workflows import score, train

    tables = folder / "tables"
    tables.mkdir()
    for name, frame in frames().items():
        frame.to_parquet(tables / f"{name}.parquet")
    log = OrderLog.from_tables(read_shop(tables))
    model = train(log, as_of=AS_OF_TEXT, settings=QUICK)
    model.save(folder / "model")
    score(model, log, as_of=AS_OF_TEXT, horizon_days=HORIZONS, out=folder / "scores")
    options = ("--orders", str(folder / "orders.sqlite"), "--data", str(tables))
    with served(folder, Path("scores"), Path("model"), *options, settings=settings) as service:
        for _ in range(300):
            if service.get("/audiences").status == 200:
                break
            time.sleep(0.1)
        else:
            raise AssertionError(service.get("/audiences").text)
        yield service
