"""Fit how purchases of several products hang together, on sets drawn from the validation windows.

What comes in: a past, the best priors, a validation window a horizon. What goes out: `SetUnion`. The sets
are drawn from what was known when the window began; what it brought decides how they are joined. Half of the
customers fit, the other half tell whether sets of each size came true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from intentml.fitting.examples import some_buyers
from intentml.fitting.gates import beyond_doubt, pair_log_loss
from intentml.fitting.slices import Past, Slice
from intentml.prediction import F64, logit
from intentml.priors.predictor import DesignCache, PriorPredictor
from intentml.priors.union import (
    INDEPENDENT,
    MOST_FRAILTY,
    MOST_OVERLAP,
    Dependence,
    Joined,
    SetUnion,
    hazards_given,
    raised,
    size_band,
)
from intentml.timeline import Instant
from intentml.timeline.catalogue import Catalogue

I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Enough that dependence, two numbers, is told to a few hundredths; half of the customers fit it.
_CUSTOMERS, _SETS_PER_BAND = 1_600, 32
# The open band ends here: larger sets are whole categories or keywords, which are few.
_BOUNDS = ((2, 3), (4, 7), (8, 19), (20, 60))
_START, _STEPS = (0.3, 1.03), 40
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
    dependence: dict[int, Dependence] = {}
    ratio: dict[int, dict[str, float]] = {}
    for days, cutoff in sorted(validation.items()):
        told = outcomes_of_sets(past.at(cutoff), priors, days)
        if told:
            dependence[days] = fit_dependence([one.of(slice(0, None, 2)) for one in told])
            ratio[days] = _ratios(
                [one.of(slice(1, None, 2)) for one in told], dependence[days], lambda one: one.band
            )
    return SetUnion(dependence=dependence, ratio=ratio)


@dataclass(frozen=True)
class SetOutcome:
    """One set on validation: what its union is made of, and what came.

    Attributes:
        band: Band of sizes.
        sort: Kind of its targets, and how they were drawn.
        whole: P(order), raised to the likeliest part. Shape: (n,).
        hazards: Of the parts given an order. Shape: (n, parts).
        came: Whether any was bought. Shape: (n,).
    """

    band: str
    sort: str
    whole: F64
    hazards: F64
    came: Mask

    def of(self, customers: slice) -> SetOutcome:
        """The same of some of the customers."""
        return replace(
            self, whole=self.whole[customers], hazards=self.hazards[customers], came=self.came[customers]
        )

    def probability(self, dependence: Dependence) -> F64:
        """P(any). Shape: (n,)."""
        return self.whole * -np.expm1(-dependence.hazard([self.hazards]))


def outcomes_of_sets(part: Slice, priors: PriorPredictor, days: int) -> list[SetOutcome]:
    """Sets of one window, scored as they would have been when it began."""
    customers = some_buyers(part, np.ones(len(part.snapshot), bool), _CUSTOMERS, days)
    if not len(customers) or priors.no_order is None:
        return []
    answer = as_it_stood(priors, part).predict(
        part.snapshot.take(customers), days, kinds=("product", "category")
    )
    if not answer.targets or answer.no_order is None:
        return []
    category_of = part.snapshot.catalogue.targets("category").of_products()
    joined = Joined(answer.targets, category_of, 1.0 - answer.no_order)
    generator = np.random.default_rng((days, part.cutoff.us % 2**32))
    found = []
    for kind in answer.targets:
        candidates = part.eligible(kind)
        alike = groups_of(part.snapshot.catalogue, candidates) if kind == "product" else {}
        buyers = part.snapshot.shop.popularity[kind][0]
        bought = part.labels(days).bought[kind][customers].tocsc()
        for drawn in draw_sets(kind, candidates, buyers, alike, _SETS_PER_BAND, generator):
            parts = list(joined.parts({kind: drawn.columns}))
            whole = raised(parts, joined.whole)
            came = np.asarray(bought[:, drawn.columns].sum(axis=1)).ravel() > 0
            hazards = np.hstack(list(hazards_given(parts, whole)))
            found.append(SetOutcome(drawn.band, f"{kind} {drawn.sort}", whole, hazards, came))
    return found


def as_it_stood(priors: PriorPredictor, part: Slice) -> PriorPredictor:
    """The predictor with everything that it takes from the shop as it was at the slice's cutoff."""
    assert priors.no_order is not None
    timing = part.activity(priors.no_order.name).calibrated(priors.no_order.calibration)
    return priors.renamed(
        priors.name,
        activity=part.activity(priors.activity.name),
        no_order=timing,
        orders=None,
        spend=None,
        kinds={kind: part.kind(kind) for kind in priors.kinds},
        designs=DesignCache(),
    )


def fit_dependence(told: list[SetOutcome]) -> Dependence:
    """What brings expected buyers nearest to those who came, in every band and sort of sets alike.

    The likeliest dependence ranks the same and is further off for sets of four to twenty
    (experiments/0006-product-sets). None where its gain in log-loss over none could be luck.
    """

    def losses(dependence: Dependence) -> F64:
        """Of each customer, mean over the sets. Shape: (n,)."""
        total = np.zeros(len(told[0].came))
        for one in told:
            total += pair_log_loss(logit(one.probability(dependence)), one.came)
        return total / len(told)

    def loss(values: npt.NDArray[np.float64]) -> float:
        ratios = _ratios(told, _dependence(values), lambda one: f"{one.sort}, {one.band}")
        return float(sum(np.log(ratio) ** 2 for ratio in ratios.values()))

    best = minimize(
        loss,
        _START,
        method="Nelder-Mead",
        bounds=((0.0, MOST_FRAILTY), (1.0, MOST_OVERLAP)),
        options={"maxfev": _STEPS, "xatol": 0.01, "fatol": 1e-7},
    )
    found = _dependence(best.x)
    return found if beyond_doubt(losses(INDEPENDENT) - losses(found)) else INDEPENDENT


def _dependence(values: npt.NDArray[np.float64]) -> Dependence:
    return Dependence(frailty=float(values[0]), overlap=float(values[1]))


def _ratios(
    told: list[SetOutcome], dependence: Dependence, group_of: Callable[[SetOutcome], str]
) -> dict[str, float]:
    """Predicted over actual buyers by group of sets; groups in which next to nobody bought are left out."""
    sums: dict[str, tuple[float, int]] = {}
    for one in told:
        predicted, actual = sums.get(group_of(one), (0.0, 0))
        sums[group_of(one)] = (
            predicted + float(one.probability(dependence).sum()),
            actual + int(one.came.sum()),
        )
    return {name: ratio[0] / ratio[1] for name, ratio in sums.items() if ratio[1] >= _FEWEST_BUYERS}
