"""From the names of products to the answer who wants them, around the probabilities.

What comes in: scores, names, then a probability of each customer. What goes out: the columns of scores that
the names stand for, and the ranked customers. Whose the probabilities are is for who asks: those of the
scores, or those with customers scored anew since.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from intentml.prediction import F64
from intentml.scores.answers import InterestedIn
from intentml.scores.retrieval import Cut
from intentml.scores.selection import NewProduct, Selection, select
from intentml.scores.union import set_is_calibrated, with_whole_groups
from intentml.timeline.catalogue import Strings

if TYPE_CHECKING:
    from intentml.scores.scores import Scores


def selected(
    scores: Scores,
    days: int,
    *,
    products: Iterable[str] = (),
    categories: Iterable[str] = (),
    brands: Iterable[str] = (),
    keyword: str | None = None,
    new_product: NewProduct | None = None,
) -> Selection:
    """The columns that the names stand for at a horizon.

    Raises:
        UnknownTargetError: A name is unknown, fits several nodes, or nothing was named.
    """
    selection = select(
        scores,
        products=products,
        categories=categories,
        brands=brands,
        keyword=keyword,
        new_product=new_product,
    )
    return with_whole_groups(scores, selection, days)


def ranked(
    scores: Scores, selection: Selection, cut: Cut, days: int, customer_ids: Strings, probability: F64
) -> InterestedIn:
    """The answer to who wants these.

    Args:
        scores: The shop.
        selection: What.
        cut: How many of the customers.
        days: One of the horizons scored.
        customer_ids: Sorted ids. Shape: (n,).
        probability: Of each to buy at least one. Shape: (n,).
    """
    import pandas as pd

    manifest, best = scores.manifest, cut.rows(probability)
    chosen = pd.DataFrame(
        {
            "customer_id": customer_ids[best],
            "probability": probability[best],
            "rank": np.arange(1, len(best) + 1),
        }
    )
    return InterestedIn(
        as_of=manifest.as_of,
        horizon_days=days,
        calibrated=days in manifest.calibrated_horizons
        and (selection.single or set_is_calibrated(scores, selection, days, float(probability.sum()))),
        model_version=manifest.model.version,
        matched_products=_named(scores, selection),
        matched_by=selection.matched_by,
        expected_buyers=float(probability[best].sum()),
        expected_buyers_interval=_interval(scores, selection, probability[best], days),
        customers=chosen,
    )


def _interval(scores: Scores, selection: Selection, probability: F64, days: int) -> tuple[int, int] | None:
    """Between which the number of buyers among some customers lies nine times in ten."""
    kinds = {kind for kind, _ in selection.columns} | ({"product"} if selection.newcomers else set())
    independent = (probability * (1 - probability)).sum()
    ends = scores.manifest.buyers.interval(kinds, days, probability.sum(), independent)
    return ends and (int(ends[0]), min(int(ends[1]), len(probability)))


def _named(scores: Scores, selection: Selection) -> tuple[dict[str, str | None], ...]:
    ids, names = scores.catalogue.product_ids, scores.catalogue.names
    known = [{"product_id": ids[row], "name": names[row]} for row in selection.products]
    return (*known, *({"product_id": None, "name": new.name} for new in selection.newcomers))
