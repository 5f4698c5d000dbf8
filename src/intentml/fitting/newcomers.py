"""What speaks for a product that nobody has bought: learned from products whose past is taken away.

What comes in: the past, the newest window of a horizon. What goes out: weights for new products. A tenth of
the products that had sold by then lose their lines before it, and are new as the shop's own new ones are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.fitting.slices import Past, Slice
from intentml.fitting.split import drawn
from intentml.fitting.windows import Cutoffs
from intentml.pairs.candidates import candidates_of
from intentml.pairs.ease import EaseWeights
from intentml.pairs.likeness import Likeness
from intentml.priors.designs import UNSOLD, Design, design_of
from intentml.priors.linear import LinearPrior, fit_new, levelled
from intentml.priors.sampling import PairSample, sample_pairs

KIND = "product"
# Fewer teach less; more leave the others too little to be like.
_HIDDEN = 0.1


def with_new_products(
    past: Past,
    plan: Cutoffs,
    prior: LinearPrior,
    activity: str,
    likeness: Likeness,
    *,
    per_window: int,
    seed: int,
) -> LinearPrior:
    """The prior of one horizon with weights for new products, and the level of those that nobody has bought.

    A product that the catalogue has and nobody has bought is often one that nobody will; the level is that
    of such products in the newest window. One that a shop is about to sell is told without it.

    Args:
        past: The past in slices.
        plan: Cutoffs of the horizon.
        prior: Of products.
        activity: Timing prior that P(order) is taken from.
        likeness: What products are like each other.
        per_window: Unbought pairs kept.
        seed: Of the pairs drawn.
    """
    days, cutoff = plan.horizon_days, plan.validation
    known = past.at(cutoff)
    generator = np.random.default_rng((seed, days, cutoff.us % 2**32))

    def sample(part: Slice, design: Design, among: npt.NDArray[np.int64]) -> PairSample:
        return sample_pairs(design, part.labels(days).bought[KIND], among, generator, per_window)

    sold = known.snapshot.shop.popularity[KIND][0] > 0
    taken = drawn(known.snapshot.catalogue.product_ids[sold], _HIDDEN, "new")
    if 0 < len(taken) < sold.sum():
        part = Slice(past.log.unsold(taken, cutoff), cutoff)
        hidden = np.flatnonzero(np.isin(part.snapshot.catalogue.product_ids, taken))
        if len(hidden):  # without a table of products, one never sold is not known
            design = _without(part, known, days, activity, likeness)
            prior = replace(prior, new=fit_new(sample(part, design, hidden)))
    unsold = np.flatnonzero(~sold)
    if not len(unsold):
        return prior
    level = sample(known, known.design(KIND, days, activity, likeness.of(known.snapshot)), unsold)
    if prior.new is None:
        return replace(prior, explore=levelled(prior.explore, (UNSOLD,), level))
    return replace(prior, new=levelled(prior.new, (UNSOLD,), level))


def _without(part: Slice, known: Slice, days: int, activity: str, likeness: Likeness) -> Design:
    """The features of a slice without some products' past; all else is as the whole slice knows it."""
    snapshot, history = part.snapshot, part.history(KIND)
    nothing = sparse.csr_array((len(snapshot.catalogue),) * 2, dtype=np.float32)
    return design_of(
        snapshot,
        history,
        known.kind(KIND),
        1.0 - known.activity(activity).no_order(snapshot, days)[:, 0],
        days,
        candidates_of(history, nothing, EaseWeights.of(nothing)),
        likeness=likeness.of(snapshot),
    )
