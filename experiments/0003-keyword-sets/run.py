"""Rank customers for a keyword's products, beside decayed counts over the same products.

python experiments/0003-keyword-sets/run.py DATA_DIR --as-of 2011-09-10 --horizon 90 KEYWORD ...
"""

from __future__ import annotations

import argparse

import numpy as np

import intentml as im
from intentml.metrics import average_precision
from intentml.pairs.history import HALF_LIVES_DAYS, pair_history
from intentml.tasks import labels_of


def main() -> None:
    """Print one row a keyword."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("keywords", nargs="+")
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--horizon", type=int, required=True)
    arguments = parser.parse_args()
    log, days = im.read_tables(arguments.data), arguments.horizon
    settings = [f"priors.horizons_days=[{days}]", 'priors.kinds=["product"]']
    model = im.train(log, as_of=arguments.as_of, recipe="priors", settings=settings)
    scores = im.score(model, log, as_of=arguments.as_of, horizon_days=days)
    snapshot = log.as_of(arguments.as_of)
    bought = labels_of(snapshot, log.outcomes(snapshot, days)).bought["product"].tocsc()
    history = pair_history(snapshot, "product")
    decayed = history.decays[:, HALF_LIVES_DAYS.index(90)]
    buyers = snapshot.n_orders > 0
    print("| keyword | products | buyers | expected | AP | AP of decayed counts | AP of counts |")
    print("|---|---|---|---|---|---|---|")
    for keyword in arguments.keywords:
        answer = scores.interested_in(keyword=keyword)
        products = [product["product_id"] for product in answer.matched_products]
        columns = np.searchsorted(snapshot.catalogue.product_ids, products)
        came = np.asarray(bought[:, columns].sum(axis=1)).ravel() > 0
        ours = answer.customers.sort_values("customer_id")["probability"].to_numpy()
        inside = np.isin(history.target, columns)
        rivals = [
            np.bincount(history.customer[inside], weights=weight[inside], minlength=len(snapshot))
            for weight in (decayed, history.count)
        ]
        figures = [average_precision(came[buyers], score[buyers]) for score in (ours, *rivals)]
        told = " | ".join(f"{figure:.4f}" for figure in figures)
        expected = ours[buyers].sum()
        print(f"| {keyword} | {len(products)} | {came[buyers].sum()} | {expected:.0f} | {told} |")


if __name__ == "__main__":
    main()
