"""Does a larger first order tell of a second one, and from which size on? Four shops, three sizes."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import intentml as im
from intentml.insights import FirstOrderThreshold, threshold_of
from intentml.scores.stages import lifecycle_limits
from intentml.sequences.timing import timing_statistics
from intentml.timeline import Snapshot

SHOPS = ("complete_journey", "online_retail", "ta_feng", "cdnow")


def first_orders(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """Of each buyer: sizes of the first order, days to the second, since the first, and into the log."""
    orders, indptr = snapshot.orders, snapshot.order_indptr
    buyer = np.flatnonzero(np.diff(indptr) > 0)
    first, several = indptr[buyer], np.diff(indptr)[buyer] > 1
    second = np.full(len(buyer), np.nan)
    second[several] = orders.age_days[first[several]] - orders.age_days[first[several] + 1]
    return {
        "items": orders.items[first],
        "lines": orders.lines[first].astype(float),
        "spend": np.where(orders.spend[first] > 0, orders.spend[first], np.nan),
        "second": second,
        "tenure": orders.age_days[first],
        "into": snapshot.history_days - orders.age_days[first],
    }


def row(shop: str, who: str, found: FirstOrderThreshold) -> str:
    """A line of the page's table."""
    name = found.size.removeprefix("first_order_")
    halves = ", ".join(f"{one.threshold:,.4g}" for one in found.halves)
    at = (
        "none"
        if found.threshold is None
        else f"**{found.threshold:,.4g}** ({found.low:,.4g} to {found.high:,.4g})"
    )
    ends = f"{found.difference:+.1%} ({found.difference_low:+.1%} to {found.difference_high:+.1%})"
    rates = f"{found.below} | {found.above} | {ends}"
    return (
        f"| {shop} | {who} | {name} | {found.customers:,} | {found.within_days:.0f} | {at} | {halves} "
        f"| {rates} | {found.luck:.3f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with one folder a shop")
    parser.add_argument("--shops", nargs="*", default=SHOPS)
    parser.add_argument("--curves", action="store_true", help="print the rate by size of the first order too")
    asked = parser.parse_args()
    for shop in asked.shops:
        log = im.read_tables(asked.data / shop)
        snapshot = log.as_of(log.until)
        timing = timing_statistics(snapshot)
        limits = lifecycle_limits(timing.active_indptr, timing.active_day, timing.today)
        usual = limits.second_order_usual_days
        told = first_orders(snapshot)
        # Whoever is first seen early may have ordered before the data begin.
        for who, part in (("all", told["into"] >= 0), ("first seen later", told["into"] >= usual)):
            for size in ("items", "lines", "spend"):
                found = threshold_of(
                    told[size][part], told["second"][part], told["tenure"][part], within_days=usual, size=size
                )
                if not found.halves:
                    continue
                print(row(shop, who, found), flush=True)
                if asked.curves:
                    print(found.curve.to_string(index=False))


if __name__ == "__main__":
    main()
