"""One predictor's scores of one kind of target: both rankings, and whether probabilities came true.

What comes in: the scores and the judged ground. What goes out: notes on a `Sheet`. Targets are read
block by block, so that memory does not grow with the shop; what intervals need is kept by customer.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from intentml.evaluation.judged import JudgedTargets
from intentml.evaluation.measurement import (
    ALL,
    CALIBRATION,
    EXPLORE,
    HEAD,
    REPEAT,
    TAIL,
    TARGETS_FOR_USER,
    USERS_FOR_TARGET,
    FloatArray,
    MetricKey,
    Sheet,
)
from intentml.evaluation.settings import LIST_LENGTH, RECALL_AT
from intentml.metrics import (
    ReliabilityHistogram,
    Resamples,
    UsersForTarget,
    log_loss,
    ratio_replicates,
    targets_for_user,
    users_for_target,
    users_for_target_replicates,
)
from intentml.prediction import TargetScores, sigmoid

TARGET_BINS = 20

Bools = npt.NDArray[np.bool_]

_SUMS = ("pairs", "loss", "square", "predicted", "bought")
_RATIOS = {
    "log_loss": ("loss", "pairs"),
    "brier": ("square", "pairs"),
    "predicted_over_actual": ("predicted", "bought"),
}


def measure_targets(scores: TargetScores, judged: JudgedTargets, sheet: Sheet) -> None:
    """Everything about one kind of target; scores that only rank have no calibration."""
    own = judged.restrict(scores)
    _by_target(own, judged, sheet)
    _by_customer(own, judged, sheet)


class _Pairs:
    """Sums over customer x target pairs, kept by customer and stratum."""

    def __init__(self, customers: int) -> None:
        # Pairs, loss, squared error, sum of probabilities, buyers. Shape: (5, U) each.
        self.all, self.repeat = np.zeros((2, len(_SUMS), customers))
        self.histogram = {stratum: ReliabilityHistogram() for stratum in (ALL, REPEAT, EXPLORE)}

    def add(self, probability: FloatArray, bought: Bools, before: Bools) -> None:
        """Add a block of pairs, (U, n)."""
        loss, square = log_loss(probability, bought), (probability - bought) ** 2
        ones = np.broadcast_to(1.0, probability.shape)
        # Few pairs have history: they are picked out, and the others are what is left.
        rows, columns = np.nonzero(before)
        for place, cells in enumerate((ones, loss, square, probability, bought)):
            self.all[place] += cells.sum(axis=1)
            self.repeat[place] += np.bincount(rows, cells[rows, columns], minlength=len(before))
        for stratum, inside in ((REPEAT, before), (EXPLORE, ~before)):
            self.histogram[stratum].add(probability[inside], bought[inside])
        self.histogram[ALL].add(probability, bought)

    def note(self, sheet: Sheet, kind: str, targets: int, resamples: Resamples) -> None:
        """Log-loss, Brier, ECE and predicted over actual, by stratum."""
        strata = {ALL: self.all, REPEAT: self.repeat, EXPLORE: self.all - self.repeat}
        ratios = {
            MetricKey(kind, CALIBRATION, metric, stratum): (
                sums[_SUMS.index(above)],
                np.rint(sums[_SUMS.index(below)]),  # counts, also after the subtraction
            )
            for stratum, sums in strata.items()
            for metric, (above, below) in _RATIOS.items()
        }
        above = np.stack([ratio[0] for ratio in ratios.values()], axis=1)
        below = np.stack([ratio[1] for ratio in ratios.values()], axis=1)
        replicates = ratio_replicates(above, resamples, below)
        customers = len(above)
        for place, key in enumerate(ratios):
            total = below[:, place].sum()
            value = float(above[:, place].sum() / total) if total else float("nan")
            sheet.note(key, value, customers=customers, targets=targets, replicates=replicates[:, place])
        for stratum, histogram in self.histogram.items():
            table = histogram.table(TARGET_BINS)
            key = MetricKey(kind, CALIBRATION, "ece", stratum)
            sheet.note(key, table.ece, customers=customers, targets=targets)
            if stratum == ALL:
                sheet.note_reliability(kind, table)


def _by_target(own: TargetScores, judged: JudgedTargets, sheet: Sheet) -> None:
    """Users for a target, and calibration over the same pairs."""
    customers, targets = len(judged.customers), len(judged.targets)
    resamples, seed = judged.ranking_resamples, judged.resamples.seed
    pairs = _Pairs(customers)
    parts = []
    precision = np.full((resamples.replicates, targets), np.nan)
    area = np.full((resamples.replicates, targets), np.nan)
    for block, bought, before in judged.by_target():
        logits = own.columns(np.arange(block.start, block.stop))
        first = block.start
        parts.append(
            users_for_target(logits, bought, before, seed=seed, first_target=first, recall_at=RECALL_AT)
        )
        if resamples.replicates:
            precision[:, block], area[:, block] = users_for_target_replicates(
                logits, bought, resamples, seed=seed, first_target=first
            )
        if own.probabilities:
            # Float32 is too coarse for probabilities near 1 to tell their complements.
            probability = np.asarray(sigmoid(logits.astype(np.float64)), dtype=np.float64)
            pairs.add(probability, bought, before)
    _note_users(sheet, judged, UsersForTarget.concatenate(parts), precision, area)
    if own.probabilities:
        pairs.note(sheet, judged.kind, targets, judged.resamples)


def _note_users(
    sheet: Sheet, judged: JudgedTargets, users: UsersForTarget, precision: FloatArray, area: FloatArray
) -> None:
    """Means over targets, with intervals from the replicates by target, (R, J)."""
    found = users.summary(judged.in_tail)
    customers, targets = len(judged.customers), len(judged.targets)
    tail = int(judged.in_tail.sum())
    rows: list[tuple[str, str, str, int, FloatArray | None]] = [
        ("map", ALL, "map", targets, _mean(precision)),
        ("map", HEAD, "map_head", targets - tail, _mean(precision[:, ~judged.in_tail])),
        ("map", TAIL, "map_tail", tail, _mean(precision[:, judged.in_tail])),
        ("auroc", ALL, "auroc", targets, _mean(area)),
        ("map_by_buyers", ALL, "map_by_buyers", targets, None),
        ("lift_1", ALL, "lift_1", targets, None),
        ("lift_5", ALL, "lift_5", targets, None),
        ("recall_100", ALL, "recall", targets, None),
        ("base_rate", ALL, "base_rate", targets, None),
        ("map", REPEAT, "repeat_map", int(found["repeat_targets"]), None),
        ("map", EXPLORE, "explore_map", int(found["explore_targets"]), None),
        ("ap_lift", EXPLORE, "explore_ap_lift", int(found["explore_targets"]), None),
        ("ap_lift_by_chance", EXPLORE, "explore_ap_lift_by_chance", int(found["explore_targets"]), None),
    ]
    for metric, stratum, name, count, replicates in rows:
        key = MetricKey(judged.kind, USERS_FOR_TARGET, metric, stratum)
        sheet.note(key, found[name], customers=customers, targets=count, replicates=replicates)


def _by_customer(own: TargetScores, judged: JudgedTargets, sheet: Sheet) -> None:
    """Targets for a user: the list over all judged targets, and those of repeat and explore targets."""
    seed = judged.resamples.seed
    parts = [
        targets_for_user(own.rows(block), bought, before, k=LIST_LENGTH, seed=seed, first_user=block.start)
        for block, bought, before in judged.by_customer()
    ]
    by_key = {
        MetricKey(judged.kind, TARGETS_FOR_USER, f"{metric}_{LIST_LENGTH}", stratum): np.concatenate(
            [getattr(getattr(part, name), metric) for part in parts]
        )
        for stratum, name in ((ALL, "overall"), (REPEAT, "repeat"), (EXPLORE, "explore"))
        for metric in ("precision", "recall", "ndcg", "hit")
    }
    values = np.stack(list(by_key.values()), axis=1)
    counts = ~np.isnan(values)
    replicates = ratio_replicates(np.nan_to_num(values), judged.resamples, counts)
    for place, key in enumerate(by_key):
        found = values[counts[:, place], place]
        sheet.note(
            key,
            float(found.mean()) if len(found) else float("nan"),
            customers=len(found),
            targets=len(judged.targets),
            replicates=replicates[:, place],
        )


def _mean(by_target: FloatArray) -> FloatArray:
    """Mean over targets of each replicate, targets without a buyer in it left out, (R,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a mean over nothing, which is NaN
        return np.asarray(np.nanmean(by_target, axis=1), dtype=np.float64)
