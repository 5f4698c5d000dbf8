"""The model beside every prior on validation: what a model folder says of itself, and `promote` reads.

What comes in: a past, fitted priors, a correction where there is one. What goes out: `Judged`, one for
each head, horizon and predictor. The priors judged are those fitted without the validation window, and
all predictors are calibrated on it alike (an intercept and a slope for repeat and for explore), so
that what differs is what they know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from intentml.fitting.corrections import corrections
from intentml.fitting.examples import candidate_pairs, hazard_of, some_buyers
from intentml.fitting.gates import (
    calibrate,
    corrected_cells,
    judged_columns,
    pair_log_loss,
    target_precision,
    weighed,
)
from intentml.fitting.priors import FittedPriors
from intentml.fitting.slices import Past, Slice
from intentml.fitting.targets import FittedTargets
from intentml.fitting.validation import silence_days
from intentml.metrics.reliability import ReliabilityTable, reliability_table
from intentml.model.correction import Correction, corrected_silence, level_of
from intentml.model.states import target_codes
from intentml.prediction import F32, F64, logit, sigmoid
from intentml.priors.activity import ACTIVITY_PRIORS
from intentml.priors.designs import Design
from intentml.priors.timing_numbers import timing_numbers
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import Instant
from intentml.timeline.catalogue import Strings

MODEL = "model"
_CUSTOMERS, _SEED = 6_000, 0
_TARGET_BINS, _TIMING_BINS = 20, 15
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """How well one predictor did on validation.

    Attributes:
        head: no_order, or the kind of target.
        horizon_days: Length of the window.
        predictor: `model`, or the name of a prior.
        role: Whether it is what was trained, or what that is held against.
        log_loss: Mean over customers (and targets); lower is better.
        log_loss_se: Standard error over customers of its log-loss minus the model's.
        map: Mean average precision over targets with enough buyers; None for no_order.
        map_se: Standard error over targets of its average precision minus the model's.
    """

    head: str
    horizon_days: int
    predictor: str
    role: Literal["model", "prior"]
    log_loss: float
    log_loss_se: float
    map: float | None
    map_se: float | None


@dataclass(frozen=True)
class Curve:
    """How often the model's probabilities came true on validation, bin by bin.

    Attributes:
        head: no_order, or the kind of target.
        horizon_days: Length of the window.
        predicted: Mean probability of each bin. Shape: (bins,), like the others.
        observed: Share that happened.
        pairs: Customers, or customer x target pairs.
    """

    head: str
    horizon_days: int
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    pairs: tuple[float, ...]


@dataclass(frozen=True)
class Court:
    """What is judged where.

    Attributes:
        past: Cut at `as_of`.
        priors: Fitted on it.
        validation: Cutoff of the window of each horizon.
        judges: Which of a cutoff's customers are looked at.
        targets: Target priors by kind and horizon.
        correction: What the model adds to the priors; None where it is the best of them.
    """

    past: Past
    priors: FittedPriors
    validation: Mapping[int, Instant]
    judges: Callable[[Strings], Mask]
    targets: Mapping[str, Mapping[int, FittedTargets]]
    correction: Correction | None = None

    def judge(self) -> tuple[list[Judged], list[Curve]]:
        """Every head, horizon and predictor; and the model's reliability.

        Targets are calibrated on the very window, so their curves tell the shape, not the level.
        """
        found: list[Judged] = []
        curves: list[Curve] = []

        def compare(head: str, days: int, losses: Mapping[str, Losses]) -> None:
            found.extend(_compared(head, days, losses))
            curves.append(_curve(head, days, losses[MODEL].reliability))

        for days, cutoff in sorted(self.validation.items()):
            part = self.past.at(cutoff)
            customers = some_buyers(part, self.judges(part.snapshot.customer_ids), _CUSTOMERS, _SEED)
            if not len(customers):
                continue  # nobody had ordered by then
            compare("no_order", days, dict(self._timing(part, customers, days)))
            for kind, knots in self.targets.items():
                if days in knots and len(part.eligible(kind)):
                    compare(kind, days, dict(self._targets(part, customers, kind, days)))
        return found, curves

    def _timing(self, part: Slice, customers: I64, days: int) -> Iterator[tuple[str, Losses]]:
        """Log-loss of no order under the model and every timing prior."""
        snapshot, happened = part.snapshot.take(customers), part.labels(days).no_order[customers]
        head = self.priors.best.no_order
        assert head is not None
        grid = silence_days(days)
        silence = part.silence(head, snapshot, grid)
        if self.correction is not None and not self.correction.timing.closed:
            # As on a day of use: at the level that the prior has in this window.
            chosen = self.priors.best.activity.name
            numbers = timing_numbers(snapshot, chosen, part.timings(chosen))
            unlevelled = replace(self.correction, timing=replace(self.correction.timing, level=()))
            ratio = unlevelled.log_ratio(self.correction.states(snapshot), numbers)
            hazard = hazard_of(silence[:, np.searchsorted(grid, SURVIVAL_DAYS)])
            silence = corrected_silence(silence, grid, ratio - level_of(hazard, ratio))
        model = silence[:, np.searchsorted(grid, days)]
        reliability = reliability_table(model, happened, bins=_TIMING_BINS)
        yield MODEL, Losses(pair_log_loss(logit(model), happened), reliability=reliability)
        for name in ACTIVITY_PRIORS:
            prior = part.activity(name).no_order(snapshot, days)[:, 0]
            yield name, Losses(pair_log_loss(logit(prior), happened))

    def _targets(self, part: Slice, customers: I64, kind: str, days: int) -> Iterator[tuple[str, Losses]]:
        """Log-loss and precision of one kind of target under the model and every target prior."""
        eligible, fitted = part.eligible(kind), self.targets[kind][days]
        design = part.design(kind, days, self._timing_name)
        bought = part.labels(days).bought[kind][customers][:, eligible].toarray()
        seen = part.seen(kind)[customers][:, eligible].toarray()
        judged = judged_columns(bought)

        def losses(logits: F32, *, is_model: bool) -> Losses:
            mended = np.empty_like(logits)
            for stratum in (seen, ~seen):
                intercept, slope = calibrate(logits[stratum], bought[stratum])
                mended[stratum] = intercept + slope * logits[stratum]
            precision = target_precision(mended, bought, seen, judged) if len(judged) else None
            table = reliability_table(sigmoid(mended), bought, bins=_TARGET_BINS) if is_model else None
            return Losses(pair_log_loss(mended, bought).mean(axis=1, dtype=np.float64), precision, table)

        for name, prior in fitted.on_older.items():
            logits = prior.score(design).take(customers).select(eligible).rows(slice(None))
            if name == fitted.best:
                corrected = self._corrected(logits, seen, part, customers, eligible, design, days)
                yield MODEL, losses(corrected, is_model=True)
            yield name, losses(logits, is_model=False)

    def _corrected(
        self, logits: F32, seen: Mask, part: Slice, customers: I64, eligible: I64, design: Design, days: int
    ) -> F32:
        """The best prior's logits with the correction as it is gated."""
        correction, kind = self.correction, design.kind
        if correction is None or kind not in correction.gates:
            return logits
        codes = target_codes(
            correction.network, correction.vocabulary, part.snapshot.catalogue, kind, eligible
        )
        states = correction.states(part.snapshot.take(customers))
        pairs = candidate_pairs(design, customers, eligible, correction.network.sizes.pairs[kind], None)
        said = corrections(correction.network, states, kind, days, codes, pairs)
        repeat, explore = correction.gates_at(kind, days)
        return corrected_cells(
            logits,
            seen,
            weighed((repeat.weight, repeat.pairs), said.repeat, said.learned),
            weighed((explore.weight, explore.pairs), said.explore, said.learned),
        )

    @property
    def _timing_name(self) -> str:
        return self.priors.best.activity.name


@dataclass(frozen=True)
class Losses:
    """Of one predictor.

    Attributes:
        log_loss: Per customer. Shape: (n,).
        precision: Average precision per judged target. Shape: (judged,).
        reliability: Predicted against observed, for the model.
    """

    log_loss: F64
    precision: F64 | None = None
    reliability: ReliabilityTable | None = None


def _compared(head: str, days: int, losses: Mapping[str, Losses]) -> list[Judged]:
    """Each predictor against the model, the model first."""
    model = losses[MODEL]
    rows = []
    for name, one in sorted(losses.items(), key=lambda item: item[0] != MODEL):
        rows.append(
            Judged(
                head=head,
                horizon_days=days,
                predictor=name,
                role="model" if name == MODEL else "prior",
                log_loss=float(one.log_loss.mean()),
                log_loss_se=_standard_error(one.log_loss - model.log_loss),
                map=None if one.precision is None else float(one.precision.mean()),
                map_se=None
                if one.precision is None or model.precision is None
                else _standard_error(one.precision - model.precision),
            )
        )
    return rows


def _standard_error(differences: F64) -> float:
    return float(differences.std() / np.sqrt(max(len(differences), 1)))


def _curve(head: str, days: int, table: ReliabilityTable | None) -> Curve:
    assert table is not None  # the model has one
    columns = (table.predicted, table.observed, table.weight)
    return Curve(head, days, *(tuple(float(value) for value in column) for column in columns))
