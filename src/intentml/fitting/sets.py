"""Fit how purchases of several products hang together, on sets drawn from the validation windows.

What comes in: a past, the best priors, a validation window a horizon. What goes out: `SetUnion`. The sets
are drawn from what was known when the window began; what it brought decides how they are joined. Whether sets
of each size came true is told by customers that another fit, on the other half of them, has not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from intentml.fitting.examples import some_buyers
from intentml.fitting.gates import beyond_doubt, pair_log_loss
from intentml.fitting.slices import Past, Slice
from intentml.prediction import F64, logit
from intentml.priors.predictor import DesignCache, PriorPredictor
from intentml.priors.union import (
    SIZE_BANDS,
    Joined,
    SetUnion,
    hazards_given,
    homes_of,
    joined_hazard,
    raised,
    size_band,
)
from intentml.timeline import Instant
from intentml.timeline.catalogue import Catalogue

I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Sets are drawn of these kinds; nodes are what products are joined within.
_DRAWN = ("product", "category")
_KINDS = (*_DRAWN, "category_node")
# Enough that frailty is told to a few hundredths.
_CUSTOMERS, _SETS_PER_BAND = 1_600, 32
# The open band ends here: larger sets are whole categories or keywords, which are few.
_BOUNDS = ((2, 3), (4, 7), (8, 19), (20, 60))
# Far beyond what any shop has shown.
_MOST_FRAILTY = 8.0
# A ratio of fewer buyers, counted once for each set they bought of, tells nothing.
_FEWEST_BUYERS = 20
_COMMON_WORD = 0.25


@dataclass(frozen=True)
class DrawnSet:
    """Some targets of one kind.

    Attributes:
        kind: Their kind.
        sort: `anywhere` in the shop, or all of one `category`, or with one word in their `name`.
        columns: Which. Shape: (n,), sorted.
    """

    kind: str
    sort: str
    columns: I64

    @property
    def band(self) -> str:
        """Its band of sizes."""
        return size_band(len(self.columns))


def draw_sets(
    kind: str,
    candidates: I64,
    buyers: npt.NDArray[np.integer],
    alike: Mapping[str, Sequence[I64]],
    per_band: int,
    generator: np.random.Generator,
) -> list[DrawnSet]:
    """Random sets, as many of each band of sizes; popular targets are drawn more often.

    Args:
        kind: Kind of the targets.
        candidates: Columns to draw from.
        buyers: Buyers so far of every target of the kind, above 0 for candidates.
        alike: Groups of candidates by sort; of each sort as many sets again, each within one group.
        per_band: Sets a band and sort.
        generator: Source of randomness.
    """
    found: list[DrawnSet] = []

    def draw(sort: str, pool: I64, size: int) -> None:
        weight = buyers[pool] / buyers[pool].sum()
        found.append(DrawnSet(kind, sort, np.sort(generator.choice(pool, size, replace=False, p=weight))))

    for least, most in _BOUNDS:
        for _ in range(per_band):
            # Small sizes are asked about more than large ones.
            size = round(float(np.exp(generator.uniform(np.log(least - 0.49), np.log(most + 0.49)))))
            if size <= len(candidates):
                draw("anywhere", candidates, size)
            for sort, groups in alike.items():
                wide = [group for group in groups if len(group) >= size]
                if wide:
                    draw(sort, wide[generator.integers(len(wide))], size)
    return found


def groups_of(catalogue: Catalogue, candidates: I64) -> dict[str, list[I64]]:
    """Products that belong together for people who ask: of one category, or with a word in their names."""
    groups: dict[str, list[I64]] = {}
    category = catalogue.targets("category").of_products()[candidates]
    groups["category"] = [candidates[category == one] for one in np.unique(category[category >= 0])]
    by_word: dict[str, list[int]] = {}
    for product, name in zip(candidates, catalogue.names[candidates], strict=True):
        for word in set((name or "").lower().split()):
            by_word.setdefault(word, []).append(int(product))
    # A word that half of the shop has names nothing.
    groups["name"] = [
        np.array(own) for _, own in sorted(by_word.items()) if 1 < len(own) <= _COMMON_WORD * len(candidates)
    ]
    return groups


def fit_union(past: Past, priors: PriorPredictor, validation: Mapping[int, Instant]) -> SetUnion:
    """The joint of sets, by horizon; a horizon whose window shows nothing is left out.

    Args:
        past: Cut at `as_of`.
        priors: The best of each head, calibrated.
        validation: Cutoff of the validation window of each horizon.
    """
    frailty: dict[int, float] = {}
    ratio: dict[int, dict[str, float]] = {}
    for days, cutoff in sorted(validation.items()):
        told = outcomes_of_sets(past.at(cutoff), as_it_stood(priors, past.at(cutoff)), days)
        if told:
            frailty[days] = fit_frailty(told)
            ratio[days] = _ratios_on_others(told)
    return SetUnion(frailty=frailty, ratio=ratio)


@dataclass(frozen=True)
class SetOutcome:
    """One set on validation: what its union is made of, and what came.

    Attributes:
        band: Band of sizes.
        whole: P(order), raised to the likeliest part. Shape: (n,).
        hazards: Of the parts given an order. Shape: (n, parts).
        came: Whether any was bought. Shape: (n,).
    """

    band: str
    whole: F64
    hazards: F64
    came: Mask

    def of(self, customers: slice) -> SetOutcome:
        """The same of some of the customers."""
        return replace(
            self, whole=self.whole[customers], hazards=self.hazards[customers], came=self.came[customers]
        )

    def probability(self, frailty: float) -> F64:
        """P(any). Shape: (n,)."""
        return self.whole * -np.expm1(-joined_hazard([self.hazards], frailty))


def outcomes_of_sets(part: Slice, priors: PriorPredictor, days: int) -> list[SetOutcome]:
    """Sets of one window; nothing where no order or no target can be predicted.

    Args:
        part: The window.
        priors: As they stood when it began.
        days: Its length.
    """
    customers = some_buyers(part, np.ones(len(part.snapshot), bool), _CUSTOMERS, days)
    if not len(customers) or priors.no_order is None:
        return []
    answer = priors.predict(part.snapshot.take(customers), days, kinds=_KINDS)
    if not answer.targets or answer.no_order is None:
        return []
    joined = Joined(answer.targets, homes_of(part.snapshot.catalogue), 1.0 - answer.no_order)
    generator = np.random.default_rng((days, part.cutoff.us % 2**32))
    found = []
    for kind in answer.targets:
        if kind not in _DRAWN:
            continue
        candidates = part.eligible(kind)
        alike = groups_of(part.snapshot.catalogue, candidates) if kind == "product" else {}
        buyers = part.snapshot.shop.popularity[kind][0]
        bought = part.labels(days).bought[kind][customers].tocsc()
        for drawn in draw_sets(kind, candidates, buyers, alike, _SETS_PER_BAND, generator):
            parts = joined.parts({kind: drawn.columns})
            whole = raised([parts], joined.whole)
            came = np.asarray(bought[:, drawn.columns].sum(axis=1)).ravel() > 0
            (hazards,) = hazards_given([parts], whole)
            found.append(SetOutcome(drawn.band, whole, hazards, came))
    return found


def as_it_stood(priors: PriorPredictor, part: Slice) -> PriorPredictor:
    """The predictor with everything that it takes from the shop as it was at the slice's cutoff."""
    head = priors.no_order
    timing = None if head is None else part.activity(head.name).calibrated(head.calibration)
    return priors.renamed(
        priors.name,
        activity=part.activity(priors.activity.name),
        no_order=timing,
        orders=None,
        spend=None,
        kinds={kind: part.kind(kind) for kind in priors.kinds},
        designs=DesignCache(),
    )


def fit_frailty(told: Sequence[SetOutcome]) -> float:
    """The likeliest frailty; none where its gain over none could be luck."""

    def losses(frailty: float) -> F64:
        """Of each customer, mean over the sets. Shape: (n,)."""
        total = np.zeros(len(told[0].came))
        for one in told:
            total += pair_log_loss(logit(one.probability(frailty)), one.came)
        return total / len(told)

    best = minimize_scalar(
        lambda frailty: float(losses(frailty).mean()),
        bounds=(0.0, _MOST_FRAILTY),
        method="bounded",
        options={"xatol": 0.01},
    )
    found = float(best.x)
    return found if beyond_doubt(losses(0.0) - losses(found)) else 0.0


def ratios_by_band(told: Iterable[tuple[SetOutcome, float]]) -> dict[str, float]:
    """Predicted over actual buyers by band of sizes; bands in which next to nobody bought are left out.

    Args:
        told: Outcomes, each with the frailty that it is predicted by.
    """
    sums = {band: np.zeros(2) for band in SIZE_BANDS}
    for one, frailty in told:
        sums[one.band] += one.probability(frailty).sum(), one.came.sum()
    return {
        band: float(predicted / actual)
        for band, (predicted, actual) in sums.items()
        if actual >= _FEWEST_BUYERS
    }


def _ratios_on_others(told: Sequence[SetOutcome]) -> dict[str, float]:
    """Predicted over actual of every customer, by the frailty fitted on the half that is without them."""
    one, other = ([each.of(slice(start, None, 2)) for each in told] for start in (0, 1))
    of_one, of_other = fit_frailty(other), fit_frailty(one)
    return ratios_by_band([*((each, of_one) for each in one), *((each, of_other) for each in other)])
