"""From a probability of each customer to the answer who wants these.

What comes in: scores, what was selected, and a probability of each customer. What goes out: the ranked
customers. Whose the probabilities are is for who asks: those of the scores, or those with customers scored
anew since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from intentml.prediction import F64
from intentml.scores.answers import InterestedIn
from intentml.scores.retrieval import Cut
from intentml.scores.selection import Selection
from intentml.scores.union import set_is_calibrated
from intentml.timeline.catalogue import Strings

if TYPE_CHECKING:
    from intentml.scores.scores import Scores


def ranked(
    scores: Scores,
    selection: Selection,
    cut: Cut,
    days: int,
    customer_ids: Strings,
    probability: F64,
    inside: npt.NDArray[np.integer] | None = None,
) -> InterestedIn:
    """The answer to who wants these.

    Args:
        scores: The shop.
        selection: What.
        cut: How many of the customers.
        days: One of the horizons scored.
        customer_ids: Sorted ids. Shape: (n,).
        probability: Of each to buy at least one. Shape: (n,).
        inside: Rows of the customers who alone are ranked, ascending; all of them where None.
    """
    import pandas as pd

    manifest = scores.manifest
    best = cut.rows(probability) if inside is None else inside[cut.rows(probability[inside])]
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
