"""A peer for tests: a real process that speaks the real protocol with what every environment has.

What comes in: `IN OUT NAME KIND ...`. What goes out: popularity, or a failure of the kind that NAME says.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

# Not from the package itself: a peer starts in a fraction of the time.
sys.path.insert(0, str(Path(__file__).parents[1] / "src/intentml/evaluation/peers/scripts"))


def main() -> None:
    from exchange import Exchange

    exchange = Exchange.of_command_line()
    if exchange.name == "breaks":
        raise MemoryError("no room | for the matrix")
    if exchange.name == "never_ends":
        time.sleep(600)
    for kind, width in exchange.kinds.items():
        baskets = exchange.baskets("now", kind)
        popular = np.bincount(baskets["target"], minlength=width).astype(np.float32)
        weights = [{"sign": sign} for sign in (-1.0, 1.0)]
        before = np.bincount(exchange.baskets("validation", kind)["target"]).astype(np.float32)
        chosen = exchange.choose(
            kind,
            weights,
            lambda one, rows, before=before: np.tile(one["sign"] * before, (len(rows), 1)),
        )
        exchange.scores_to_fill(kind)[:] = chosen["sign"] * popular
    now = exchange.table("now/customers")
    if exchange.name != "ranks":
        silent = now["recency_days"] / (now["recency_days"] + 30.0)
        wrong = 1 if exchange.name == "miscounts" else 0
        exchange.answer_customers({"no_order": silent[wrong:], "orders": 1.0 - silent[wrong:]})
    if exchange.name != "is_silent":
        exchange.finish(probabilities=exchange.name != "ranks")


FILE = Path(__file__)

if __name__ == "__main__":
    main()
