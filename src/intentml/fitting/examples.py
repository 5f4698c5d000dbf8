"""Examples of one past window: sequences, what the priors say, and what happened.

What comes in: a slice of the past, the plan, priors. What goes out: `Examples` in the numbering of
their own customers: those with an order, and of them no more than asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.fitting.gates import calibrate
from intentml.fitting.slices import Slice
from intentml.fitting.values import ValueExamples
from intentml.model.heads import TargetCodes
from intentml.prediction import F32, LowRank, Mend, TargetScores
from intentml.priors.activity import ActivityPrior
from intentml.priors.designs import Design
from intentml.priors.linear import LinearPrior
from intentml.priors.pair_numbers import OF_HORIZON, numbers_of
from intentml.priors.timing_numbers import timing_numbers
from intentml.sequences.csr import positions
from intentml.sequences.encode import OrderSequences, encode_orders
from intentml.sequences.vocabulary import Vocabulary
from intentml.survival import SURVIVAL_DAYS
from intentml.tasks import next_order_of
from intentml.timeline import Instant, OrderLog
from intentml.timeline.entries import at_pairs
from intentml.timeline.instants import MAX_HORIZON_DAYS

I64 = npt.NDArray[np.int64]

# A bin's level is taken from its events as far as they outnumber these.
_TRUSTED_EVENTS = 20.0
# Customers that the level of a window is taken from.
_SETTLED_BY = 6_000


@dataclass(frozen=True)
class CandidatePairs:
    """The pairs that have numbers of their own, in CSR layout. Shapes: indptr (n + 1,), else (pairs,).

    Attributes:
        indptr: Row pointers over customers.
        target: Column among the eligible targets.
        lasting: Their numbers that are the same at every horizon, in half precision. Shape: (pairs, F - 2).
        of_horizon: The others. Shape: (pairs, 2).
    """

    indptr: I64
    target: I64
    lasting: npt.NDArray[np.float16]
    of_horizon: F32

    def numbers(self, rows: I64) -> F32:
        """All numbers of some pairs. Shape: (n,) -> (n, F)."""
        return np.concatenate([self.lasting[rows].astype(np.float32), self.of_horizon[rows]], axis=1)


@dataclass(frozen=True)
class TargetExamples:
    """Customers x eligible targets of one kind and horizon.

    Attributes:
        kind: Kind of target.
        horizon_days: The horizon.
        prior: The prior's logits. Shape: (n, E).
        bought: What was bought in the window. Shape: (n, E), sparse booleans.
        seen: What had been bought before. Shape: (n, E), sparse booleans.
        buyers_before: Customers who had bought each target. Shape: (E,).
        codes: The network's codes of the targets. Length E.
        candidates: Pairs with history or neighbours.
    """

    kind: str
    horizon_days: int
    prior: TargetScores
    bought: sparse.csr_array
    seen: sparse.csr_array
    buyers_before: I64
    codes: TargetCodes
    candidates: CandidatePairs

    @cached_property
    def listed(self) -> ListedPairs:
        """The pairs that are told apart from the many: bought before, or in the window."""
        pairs = (self.seen + self.bought).tocsr()
        pairs.sort_indices()
        who = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
        what = pairs.indices.astype(np.int64)

        def told(matrix: sparse.csr_array) -> F32:
            return at_pairs(matrix, who, what.astype(np.int32)).astype(np.float32)

        prior = logits_at(self.prior, who, what)
        return ListedPairs(pairs.indptr.astype(np.int64), what, prior, told(self.bought), told(self.seen) > 0)


def logits_at(scores: TargetScores, who: I64, what: I64) -> F32:
    """The logits of some pairs of targets that somebody has bought. Shape: (n,), (n,) -> (n,)."""
    column = what.astype(np.int32)
    logits = LowRank(scores.customer_vectors, scores.target_vectors).at(who, what)
    logits += at_pairs(scores.pairs, who, column).astype(np.float32)
    for parent in scores.parents:
        logits += at_pairs(parent.values, who, parent.parent_of[what]).astype(np.float32)
    return logits


@dataclass(frozen=True)
class ListedPairs:
    """Some pairs in CSR layout. Shapes: indptr (n + 1,), else (pairs,).

    Attributes:
        indptr: Row pointers over customers.
        target: Column among the eligible targets.
        prior: The prior's logit.
        bought: 1 where it was bought in the window.
        seen: Whether it had been bought before.
    """

    indptr: I64
    target: I64
    prior: F32
    bought: F32
    seen: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TimingExamples:
    """When the next order came. Shapes: (n,) unless told.

    Attributes:
        hazard: The prior's cumulative hazard over each bin. Shape: (n, K).
        event_bin: Bin of the next order; K where none was seen.
        full_bins: Bins seen whole.
        numbers: What the priors know of the customers' timing. Shape: (n, numbers).
    """

    hazard: F32
    event_bin: I64
    full_bins: I64
    numbers: F32


@dataclass(frozen=True)
class Examples:
    """One window.

    Attributes:
        customers: Rows in the slice's snapshot. Shape: (n,).
        sequences: Of those customers.
        timing: When the next order came.
        values: What was ordered and spent.
        targets: What was bought, by kind and horizon.
    """

    customers: I64
    sequences: OrderSequences
    timing: TimingExamples
    values: ValueExamples
    targets: Mapping[tuple[str, int], TargetExamples]

    def __len__(self) -> int:
        return len(self.customers)


def some_buyers(part: Slice, wanted: npt.NDArray[np.bool_], most: int, seed: int) -> I64:
    """Rows of the wanted customers with an order, at most so many, ascending."""
    rows = np.flatnonzero((part.snapshot.n_orders > 0) & wanted)
    if len(rows) <= most:
        return rows
    # Others in every window, so that together they are more of the shop.
    rng = np.random.default_rng((seed, part.cutoff.us % 2**32))
    return np.sort(rng.choice(rows, most, replace=False))


def sequences_of(part: Slice, customers: I64, vocabulary: Vocabulary, max_orders: int) -> OrderSequences:
    """Encoded orders of some customers."""
    return encode_orders(part.snapshot.take(customers), vocabulary, max_orders)


def timing_examples(
    part: Slice, customers: I64, log: OrderLog, ends: Instant, prior: ActivityPrior, *, settled: bool
) -> TimingExamples:
    """Next orders up to `ends`, after which nothing is looked at; `settled` as for targets.

    Of the prior its name and its comeback rate are read: it is fitted at the window's own cutoff.
    """
    # Both stand at the same time of day: an hour more or less is the clock's.
    days = min(MAX_HORIZON_DAYS, round(ends.days_since(part.cutoff)))
    outcomes = log.outcomes(part.snapshot, days)
    found = next_order_of(outcomes, SURVIVAL_DAYS)
    snapshot = part.snapshot.take(customers)
    examples = TimingExamples(
        hazard_of(part.silence(prior, snapshot, SURVIVAL_DAYS)),
        found.event_bin[customers],
        found.full_bins[customers],
        timing_numbers(snapshot, prior.name, part.timings(prior.name)),
    )
    return replace(examples, hazard=_settled_hazard(examples)) if settled else examples


def hazard_of(silence: npt.NDArray[np.float64]) -> F32:
    """Cumulative hazard over each bin, from P(no order) at their ends. Shape: (n, K) -> (n, K)."""
    log_survival = np.log(np.maximum(silence, 1e-12))
    return -np.diff(log_survival, axis=1, prepend=0.0).astype(np.float32)


def candidate_pairs(
    design: Design, customers: I64, eligible: I64, columns: Sequence[str], other: CandidatePairs | None
) -> CandidatePairs:
    """The candidates among some customers and targets.

    Args:
        design: The priors' features of the window.
        customers: Rows of its snapshot. Shape: (n,).
        eligible: Targets. Shape: (E,).
        columns: Numbers wanted, those of the horizon last.
        other: The same of another horizon, which shares what lasts.
    """
    place = np.full(len(design.targets), -1)
    place[eligible] = np.arange(len(eligible))
    rows = positions(design.indptr, customers)
    who = np.repeat(np.arange(len(customers)), np.diff(design.indptr)[customers])
    known = place[design.pair_target[rows]] >= 0
    rows, who = rows[known], who[known]
    target = design.pair_target[rows]

    def told(names: Sequence[str]) -> F32:
        return numbers_of(design, names, rows)

    lasting = told(columns[: -len(OF_HORIZON)]).astype(np.float16) if other is None else other.lasting
    indptr = np.searchsorted(who, np.arange(len(customers) + 1))
    return CandidatePairs(indptr, place[target], lasting, told(OF_HORIZON))


def target_examples(
    part: Slice,
    customers: I64,
    days: int,
    design: Design,
    prior: LinearPrior,
    codes: Callable[[Slice, str, I64], TargetCodes],
    columns: Sequence[str],
    other: CandidatePairs | None,
    *,
    settled: bool,
) -> TargetExamples:
    """Eligible targets of one kind and horizon.

    Args:
        part: The window.
        customers: Rows of its snapshot. Shape: (n,).
        days: The horizon.
        design: The priors' features of the window.
        prior: What the network corrects.
        codes: The network's codes of targets.
        columns: Numbers of a pair that the network reads.
        other: The candidates of the same kind at another horizon.
        settled: Whether the prior is brought to the window's own level first. In training it is, so that
            the network learns who and what, not whether last summer sold more than this autumn.
    """
    kind = design.kind
    eligible = part.eligible(kind)
    scores = prior.score(design).take(customers).select(eligible)
    bought = part.labels(days).bought[kind][customers][:, eligible].tocsr()
    seen = part.seen(kind)[customers][:, eligible].tocsr()
    return TargetExamples(
        kind=kind,
        horizon_days=days,
        prior=_settled(scores, bought, seen) if settled else scores,
        bought=bought,
        seen=seen,
        buyers_before=part.snapshot.shop.popularity[kind][0][eligible],
        codes=codes(part, kind, eligible),
        candidates=candidate_pairs(design, customers, eligible, columns, other),
    )


def _settled_hazard(timing: TimingExamples) -> F32:
    """The hazard with each bin brought to the orders that came in it. Shape: (n, K)."""
    bins = np.arange(timing.hazard.shape[1])
    at_risk = (bins <= timing.event_bin[:, np.newaxis]) & (bins < timing.full_bins[:, np.newaxis])
    came = (at_risk & (bins == timing.event_bin[:, np.newaxis])).sum(axis=0)
    expected = (-np.expm1(-timing.hazard) * at_risk).sum(axis=0)
    share = (came + _TRUSTED_EVENTS) / (expected + _TRUSTED_EVENTS)
    settled: F32 = (timing.hazard * share).astype(np.float32)
    return settled


def _settled(scores: TargetScores, bought: sparse.csr_array, seen: sparse.csr_array) -> TargetScores:
    """The scores calibrated on the window itself, repeat and explore apart; by some of its customers."""
    rows = slice(0, None, max(1, -(-len(scores.customer_vectors) // _SETTLED_BY)))
    logits, came, before = scores.rows(rows), bought[rows].toarray(), seen[rows].toarray()
    repeat, explore = (Mend(0.0, *calibrate(logits[stratum], came[stratum])) for stratum in (before, ~before))
    nothing = LowRank(
        np.zeros((len(scores.customer_vectors), 0), np.float32), np.zeros((len(scores), 0), np.float32)
    )
    who = np.repeat(np.arange(scores.pairs.shape[0]), np.diff(scores.pairs.indptr))
    history = at_pairs(seen, who, scores.pairs.indices.astype(np.int32)) > 0
    return scores.corrected(history, (nothing, repeat), (nothing, explore))
