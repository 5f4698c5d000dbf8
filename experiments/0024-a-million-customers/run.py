"""How long do audiences take over a million customers?

python experiments/0024-a-million-customers/run.py SCORES [--times 30]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from intentml.audiences.audiences import Audiences
from intentml.audiences.ledger import Ledger
from intentml.audiences.opening import open_audiences
from intentml.audiences.refreshing import refreshed
from intentml.errors import IntentmlError
from intentml.scores.folder import load_scores

FIELDS = (
    "orders >= 2 AND recency_days < 120 AND monetary > 50 AND lifecycle IN (active, slipping_away)"
    " AND age BETWEEN 18 AND 60 AND subscribed = true"
)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long it takes, and what comes of it."""
    started = perf_counter()
    found = work()
    return perf_counter() - started, found


def gigabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def previewed(people: Audiences, category: str, times: int) -> None:
    """A rule of six fields, one purchase and one interest: the first time, and again and again."""
    rule = f"{FIELDS} AND purchased(last 180 days) AND interested_in(category = '{category}', top 20%)"
    cold, first = seconds(lambda: people.preview(rule))
    took = [seconds(lambda: people.preview(rule))[0] for _ in range(times)]
    print(f"preview of {first.customers:,} of {len(people.view.customer_ids):,}: {rule}")
    usual, most = 1e3 * np.quantile(took, [0.5, 0.95])
    print(f"  first {cold:.2f} s, then p50 {usual:.0f} ms, p95 {most:.0f} ms")


def stored(people: Audiences) -> None:
    """Every preset in a new ledger, then once more, when nothing has changed."""
    with tempfile.TemporaryDirectory() as folder:
        for what in ("first", "again"):
            with Ledger.open(Path(folder) / "shop.ledger", shop=people.shop) as ledger:
                took, found = seconds(lambda ledger=ledger: refreshed(people, ledger))
            kept = [one for one in found.values() if not isinstance(one, IntentmlError)]
            members = sum(one.members for one in kept)
            print(f"refresh, {what}: {took:.0f} s, {len(kept)} presets, {members:,} memberships")
            for name, problem in found.items():
                if isinstance(problem, IntentmlError):
                    print(f"  not to be had: {name}: {problem.message}")


def main() -> None:
    """Open, preview, refresh."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("scores", type=Path)
    asked.add_argument("--times", type=int, default=30)
    options = asked.parse_args()
    scores = load_scores(options.scores)
    opening, people = seconds(lambda: open_audiences(scores))
    print(f"opened in {opening:.0f} s, {gigabytes():.1f} GB")
    previewed(people, str(scores.catalogue.targets("category").targets[0]), options.times)
    print(f"  {gigabytes():.1f} GB")
    stored(people)
    print(f"  {gigabytes():.1f} GB")


if __name__ == "__main__":
    main()
