"""Sets of products: who buys any of them, as the recipe joins them and as if they were independent.

What comes in: the ground of a window, predictions, and how the recipe joins. What goes out: notes on a
`Sheet`, by band of sizes. The sets are drawn from what was known when the window began, from products that
at least 5 customers had bought (at most the 1,500 with most): anywhere in the shop, within one category,
and with one word in their names; popular products more often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from intentml.evaluation.measurement import ALL, SETS, SETS_INDEPENDENT, FloatArray, MetricKey, Sheet
from intentml.evaluation.settings import BacktestConfig
from intentml.fitting.sets import DrawnSet, draw_sets, groups_of
from intentml.metrics import (
    Resamples,
    judged_targets,
    log_loss,
    ratio_replicates,
    replicates_for,
    users_for_target,
    users_for_target_replicates,
)
from intentml.prediction import Predictions
from intentml.priors.buyers import BuyersSpread
from intentml.priors.union import SIZE_BANDS, Homes, Joined, SetUnion, homes_of, probability_of
from intentml.tasks import Labels
from intentml.timeline import Snapshot

HEAD = "sets"
_SETS_PER_BAND = 60

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class JudgedSets:
    """Customers with an order x drawn sets.

    Attributes:
        customers: Rows of the snapshot that are judged. Shape: (U,).
        sets: Which.
        came: Whether any of each was bought in the window. Shape: (U, sets).
        homes: What products are bought from.
        least: Fewest buyers in the window for a set's ranking to be judged.
        resamples: Of the customers.
    """

    customers: I64
    sets: tuple[DrawnSet, ...]
    came: Bools
    homes: Homes
    least: int
    resamples: Resamples


def judge_sets(snapshot: Snapshot, labels: Labels, customers: I64, settings: BacktestConfig) -> JudgedSets:
    """Sets drawn for a window, and what came of them; none where the shop names no products."""
    popularity = snapshot.shop.popularity.get("product", {0: np.zeros(0, np.int64)})[0]
    known = judged_targets(popularity, np.zeros(len(popularity)), min_in_window=0)
    alike = groups_of(snapshot.catalogue, known)
    generator = np.random.default_rng([settings.seed, snapshot.as_of.us % 2**32])
    sets = draw_sets("product", known, popularity, alike, _SETS_PER_BAND, generator)
    came = np.zeros((len(customers), len(sets)), np.bool_)
    if sets:
        bought = labels.bought["product"][customers].tocsc()
        for place, drawn in enumerate(sets):
            came[:, place] = np.asarray(bought[:, drawn.columns].sum(axis=1)).ravel() > 0
    return JudgedSets(
        customers,
        tuple(sets),
        came,
        homes_of(snapshot.catalogue),
        settings.min_buyers_in_window,
        Resamples(len(customers), settings.resamples, settings.seed),
    )


def measure_sets(
    predictions: Predictions,
    union: SetUnion,
    judged: JudgedSets,
    sheet: Sheet,
    buyers: BuyersSpread | None = None,
) -> None:
    """Average precision, log-loss and predicted over actual of sets, by band; nothing without products.

    Where the recipe says how far buyers stray, also how many sets' buyers lie in their intervals.
    """
    if not judged.sets or "product" not in predictions.targets:
        return
    who = judged.customers
    targets = {
        kind: scores.take(who)
        for kind, scores in predictions.targets.items()
        if kind in ("product", "category", "category_node")
    }
    ordering = None if predictions.no_order is None else 1.0 - predictions.no_order[who]
    joined = Joined(targets, judged.homes, ordering, union.at(predictions.horizon_days))
    told = np.stack([joined.probability({"product": drawn.columns}) for drawn in judged.sets], axis=1)
    plain = np.stack(
        [1 - np.prod(1 - probability_of(targets["product"], drawn.columns), axis=1) for drawn in judged.sets],
        axis=1,
    )
    bands = np.array([drawn.band for drawn in judged.sets])
    for question, probability in ((SETS, told), (SETS_INDEPENDENT, plain)):
        for stratum in (ALL, *SIZE_BANDS):
            inside = np.ones(len(bands), np.bool_) if stratum == ALL else bands == stratum
            if inside.any():
                _note(question, stratum, probability[:, inside], judged.came[:, inside], judged, sheet)
    ends = buyers and buyers.interval(
        ["product"], predictions.horizon_days, told.sum(axis=0), (told * (1 - told)).sum(axis=0)
    )
    if ends:
        came = judged.came.sum(axis=0)
        share = float(((ends[0] <= came) & (came <= ends[1])).mean())
        key = MetricKey(HEAD, SETS, "interval_coverage", ALL)
        sheet.note(key, share, customers=len(who), targets=len(bands))


def _note(
    question: str, stratum: str, probability: FloatArray, came: Bools, judged: JudgedSets, sheet: Sheet
) -> None:
    """The numbers of one band."""
    customers, count = came.shape

    def note(metric: str, value: float, replicates: FloatArray, sets: int) -> None:
        key = MetricKey(HEAD, question, metric, stratum)
        sheet.note(key, value, customers=customers, targets=sets, replicates=replicates)

    predicted, actual = probability.sum(axis=1), came.sum(axis=1)
    ratio = float(predicted.sum() / actual.sum()) if actual.sum() else float("nan")
    note("predicted_over_actual", ratio, ratio_replicates(predicted, judged.resamples, actual), count)
    losses = log_loss(probability, came).mean(axis=1)
    note("log_loss", float(losses.mean()), ratio_replicates(losses, judged.resamples), count)
    ranked = came.sum(axis=0) >= judged.least
    if not ranked.any():
        return
    found = users_for_target(
        probability[:, ranked], came[:, ranked], came[:, ranked], seed=judged.resamples.seed
    )
    affordable = replicates_for(customers, int(ranked.sum()) * len(SIZE_BANDS))
    fewer = replace(judged.resamples, replicates=min(judged.resamples.replicates, affordable))
    precision, _ = users_for_target_replicates(
        probability[:, ranked], came[:, ranked], fewer, seed=judged.resamples.seed
    )
    note("map", float(np.nanmean(found.average_precision)), np.nanmean(precision, axis=1), int(ranked.sum()))
