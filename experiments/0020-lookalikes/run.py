"""Do those most like the VIPs become VIPs more often than others, and than those with most orders?

python experiments/0020-lookalikes/run.py DATA [--only NAME ...]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from intentml.audiences.ranking import ScoresRanking
from intentml.scores.scores import Scores
from intentml.timeline import OrderLog
from intentml.workflows import read_tables, score, train

# As of, days until who is a VIP is looked at again, kinds of targets.
SHOPS = {
    "complete_journey": ("2017-08-09", 84, ("category",)),
    "online_retail": ("2011-06-12", 90, ("product",)),
    "ta_feng": ("2000-12-31", 30, ("category",)),
    "cdnow": ("1997-10-03", 90, ()),
}
SHARES, RESAMPLES = (0.02, 0.10), 1000


def main() -> None:
    """A table row a shop."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("data", type=Path)
    asked.add_argument("--only", nargs="+", choices=SHOPS, default=list(SHOPS))
    options = asked.parse_args()
    for name in options.only:
        log = read_tables(options.data / name)
        as_of, days, kinds = SHOPS[name]
        then = log.instant(as_of)
        before = scored(log, then.iso, days, kinds)
        after = scored(log, then.plus_days(days).iso, days, ())
        for share in SHARES:
            print(row(name, before, after, share), flush=True)


def scored(log: OrderLog, as_of: str, days: int, kinds: tuple[str, ...]) -> Scores:
    """Scores of the recipe `priors`."""
    listed = ",".join(f'"{kind}"' for kind in kinds)
    settings = [f"priors.horizons_days=[{days}]", f"priors.kinds=[{listed}]"]
    model = train(log, as_of=as_of, recipe="priors", settings=settings)
    return score(model, log, as_of=as_of, horizon_days=days, kinds=list(kinds))


def row(name: str, before: Scores, after: Scores, share: float) -> str:
    """Of those who were no VIPs, the share who are later: all, lookalikes, those with most orders, money."""
    was = before.table["importance"].to_numpy(zero_copy_only=False) == "vip"
    later = dict(zip(after.customer_ids, after.table["importance"].to_pylist(), strict=True))
    became = np.array([later[customer] == "vip" for customer in before.customer_ids])
    buyer = before.table["orders"].to_numpy() > 0
    others = np.flatnonzero(~was & buyer)
    keep = int(np.ceil(share * len(others)))
    like = ScoresRanking(before).likeness(np.flatnonzero(was).astype(np.int32))[others]
    orders = before.table["orders"].to_numpy()[others]
    money = np.nan_to_num(before.table["monetary"].cast("float64").to_numpy()[others])
    chosen = {
        "lookalikes": np.argsort(-like, kind="stable")[:keep],
        "most orders": np.lexsort((-money, -orders))[:keep],
        "most money": np.argsort(-money, kind="stable")[:keep],
    }
    rng = np.random.default_rng(0)
    cells = [
        name,
        before.manifest.as_of[:10],
        f"{was.sum():,}",
        f"{len(others):,}",
        f"{share:.0%}",
        f"{became[others].mean():.4f}",
    ]
    for rows in chosen.values():
        hits = became[others][rows]
        spread = rng.choice(hits, (RESAMPLES, len(hits))).mean(axis=1)
        low, high = np.quantile(spread, [0.025, 0.975])
        cells.append(f"{hits.mean():.4f} ({low:.4f} to {high:.4f})")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
