"""Predicted over actual buyers of products, by how many had bought them before; repeat and explore apart.

python experiments/0015-rare-products/run.py DATA/complete_journey --as-of 2017-10-04 --days 28
"""

from __future__ import annotations

import argparse

import numpy as np

import intentml as im
from intentml.fitting.slices import Slice
from intentml.prediction import sigmoid

BANDS = ((0, 0), (1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, 49), (50, None))
_AT_ONCE = 500


def main() -> None:
    """Train the priors, and print one row a band."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--days", type=int, required=True)
    asked = parser.parse_args()
    log = im.read_tables(asked.data)
    settings = [f"priors.horizons_days=[{asked.days}]", 'priors.kinds=["product"]']
    model = im.train(log, as_of=asked.as_of, recipe="priors", settings=settings)
    snapshot = log.as_of(asked.as_of)
    scores = model.predict(snapshot, asked.days, kinds=["product"]).targets["product"]
    part = Slice(log, snapshot.as_of)
    customers = np.flatnonzero(snapshot.n_orders > 0)
    seen = part.seen("product").tocsc()
    bought = part.labels(asked.days).bought["product"].tocsc()
    before = snapshot.shop.popularity["product"][0]
    sums = np.zeros((4, len(before)))  # repeat: predicted, actual; explore: the same
    for start in range(0, len(before), _AT_ONCE):
        some = np.arange(start, min(start + _AT_ONCE, len(before)))
        probability = sigmoid(scores.select(some).rows(slice(None))[customers])
        known, came = (matrix[:, some].toarray()[customers].astype(bool) for matrix in (seen, bought))
        for row, stratum in ((0, known), (2, ~known)):
            sums[row, some] = (probability * stratum).sum(0)
            sums[row + 1, some] = (came & stratum).sum(0)
    print("| bought before by | products | repeat | explore |\n|---|---|---|---|")
    for low, high in BANDS:
        inside = (before >= low) & (before <= (np.inf if high is None else high))
        repeat, came_again, explore, came_new = sums[:, inside].sum(1)
        told = f"{low}+" if high is None else f"{low}" if low == high else f"{low} to {high}"
        print(
            f"| {told} | {inside.sum()} | {repeat:.0f} / {came_again:.0f} | {explore:.0f} / {came_new:.0f} |"
        )


if __name__ == "__main__":
    main()
