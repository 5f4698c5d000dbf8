"""What speaks for a product that nobody has bought: learned from products whose past is taken away.

What comes in: the past, the newest window of a horizon. What goes out: weights for new products. A tenth of
the products that had sold by then lose their lines before it, and are new as the shop's own new ones are.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from intentml.fitting.slices import Past, Slice
from intentml.fitting.split import drawn
from intentml.fitting.windows import Cutoffs
from intentml.pairs.candidates import candidates_of
from intentml.pairs.likeness import Likeness
from intentml.priors.designs import design_of
from intentml.priors.linear import Weights, fit_new
from intentml.priors.sampling import sample_pairs

KIND = "product"
# Fewer teach less; more leave the others too little to be like.
_HIDDEN = 0.1


def fit_new_products(
    past: Past, plan: Cutoffs, activity: str, likeness: Likeness, *, per_window: int, seed: int
) -> Weights | None:
    """Weights of one horizon; None where too little was bought of those products to learn from.

    Args:
        past: The past in slices.
        plan: Cutoffs of the horizon.
        activity: Timing prior that P(order) is taken from.
        likeness: What products are like each other.
        per_window: Unbought pairs kept.
        seed: Of the pairs drawn.
    """
    days, cutoff = plan.horizon_days, plan.validation
    known = past.at(cutoff)
    ids = known.snapshot.catalogue.product_ids
    sold = ids[known.snapshot.shop.popularity[KIND][0] > 0]
    new = drawn(sold, _HIDDEN, "new")
    if not 0 < len(new) < len(sold):
        return None
    part = Slice(past.log.unsold(new, cutoff), cutoff)
    catalogue = part.snapshot.catalogue
    hidden = np.flatnonzero(np.isin(catalogue.product_ids, new))
    if not len(hidden):  # without a table of products, one never sold is not known
        return None
    history, nothing = part.history(KIND), sparse.csr_array((len(catalogue),) * 2, dtype=np.float32)
    design = design_of(
        part.snapshot,
        history,
        known.kind(KIND),
        1.0 - known.activity(activity).no_order(part.snapshot, days)[:, 0],
        days,
        candidates_of(history, nothing, nothing),
        likeness.of(part.snapshot),
    )
    generator = np.random.default_rng((seed, days, cutoff.us % 2**32))
    return fit_new(sample_pairs(design, part.labels(days).bought[KIND], hidden, generator, per_window))
