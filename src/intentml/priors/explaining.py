"""Why a score is what it is: its logit as a sum of parts, each with words and what it adds.

What comes in: a question about one customer, and fitted priors. What goes out: an `Explanation`. Models
that add to the priors add parts of their own to what `reckoned` gives, and end in `explained`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from intentml.errors import ModelError, UnknownCustomerError, UnknownTargetError, nearest, without_address
from intentml.pairs.history import pair_history
from intentml.prediction import Predictions, logit, sigmoid
from intentml.priors.contributions import BASE_RATE, CALIBRATION, contributions, usual_columns
from intentml.priors.linear import interpolate
from intentml.priors.silence import FLOOR, silence_contributions
from intentml.priors.wording import TargetFacts, silence_words
from intentml.sequences.timing import timing_statistics
from intentml.timeline import Snapshot
from intentml.timeline.instants import check_horizon

if TYPE_CHECKING:
    from intentml.priors.predictor import PriorPredictor

NO_ORDER = "no_order"


@dataclass(frozen=True)
class Part:
    """One reason.

    Attributes:
        name: What kind of reason, the same in every explanation.
        words: The reason, for a reader.
        logit: What it adds.
    """

    name: str
    words: str
    logit: float


@dataclass(frozen=True)
class Explanation:
    """A probability, and the parts of its logit, which sum to it within 1e-5.

    Attributes:
        customer_id: About whom.
        kind: Kind of target, or no_order.
        target: The target; None for no_order.
        horizon_days: The window.
        calibrated: Whether the history could evaluate this horizon.
        probability: What `predict` says: P(buys it), or P(no order).
        logit: Its log-odds.
        parts: `base_rate` first; a part that adds nothing is left out.
    """

    customer_id: str
    kind: str
    target: str | None
    horizon_days: int
    calibrated: bool
    probability: float
    logit: float
    parts: tuple[Part, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "parts": [asdict(part) for part in self.parts]}


@dataclass(frozen=True)
class Question:
    """One customer and one target, or no order.

    Attributes:
        one: The snapshot of the customer alone.
        kind: Kind of target, or no_order.
        target: The target; None for no_order.
        column: The target's number; 0 for no_order.
        horizon_days: The window.
    """

    one: Snapshot
    kind: str
    target: str | None
    column: int
    horizon_days: int

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of targets that the answer takes."""
        return () if self.kind == NO_ORDER else (self.kind,)


@dataclass(frozen=True)
class Reckoning:
    """The parts of one logit, as numbers.

    Attributes:
        logits: What each part adds, by its name.
        words: Of each part.
        seen: Whether the customer has bought the target.
    """

    logits: Mapping[str, float]
    words: Callable[[str], str]
    seen: bool = False

    @property
    def total(self) -> float:
        """The logit."""
        return sum(self.logits.values())

    def corrected(self, said: Mapping[str, float], intercept: float = 0.0, slope: float = 1.0) -> Reckoning:
        """The parts of intercept + slope x (logit + what is said beyond it).

        Args:
            said: What each correction adds before the line, by its part.
            intercept: Of the line.
            slope: Of the line.
        """
        logits = {**self.logits, **said}
        line = intercept + (slope - 1.0) * sum(logits.values())
        return replace(self, logits={**logits, CALIBRATION: logits.get(CALIBRATION, 0.0) + line})


def asked(
    prior: PriorPredictor, snapshot: Snapshot, customer: str, kind: str, target: str | None, horizon_days: int
) -> Question:
    """The question, if it can be answered.

    Raises:
        TimeError: The horizon is outside 7 to 365 days.
        UnknownCustomerError: Nobody of that id is known.
        ModelError: The model was not trained for that kind.
        UnknownTargetError: No such target is known.
    """
    check_horizon(horizon_days)
    row = snapshot.find(customer)
    if row is None:
        raise UnknownCustomerError(
            f"customer {without_address(customer)!r} is not among the {len(snapshot):,} known at "
            f"{snapshot.as_of.iso}",
            hint="customers are known by an order, or by a row of the customers table, before as_of",
        )
    one = snapshot.take([row])
    if kind == NO_ORDER:
        if prior.no_order is None:
            raise ModelError(
                "this model does not predict whether customers order", hint="train with the recipe priors"
            )
        return Question(one, kind, None, 0, horizon_days)
    if kind not in prior.targets:
        raise ModelError(
            f"the model was not trained for {kind} targets",
            hint=f"it knows {', '.join(prior.targets) or 'none'}, and {NO_ORDER}",
        )
    targets = snapshot.catalogue.targets(kind).targets
    column = int(np.searchsorted(targets, target)) if target is not None and len(targets) else 0
    if target is None or column >= len(targets) or targets[column] != target:
        near = nearest(target or "", targets)
        raise UnknownTargetError(
            f"{kind} {target!r} is unknown",
            hint=f"did you mean {', '.join(map(repr, near))}?" if near else f"{len(targets):,} are known",
        )
    return Question(one, kind, target, column, horizon_days)


def reckoned(prior: PriorPredictor, question: Question) -> Reckoning:
    """The parts of the prior's logit."""
    one, kind, days = question.one, question.kind, question.horizon_days
    if kind == NO_ORDER:
        assert prior.no_order is not None  # `asked` has looked
        gaps, rate = np.diff(timing_statistics(one).active_day), prior.no_order.order_rate
        parts = silence_contributions(prior.no_order, one, days)
        return Reckoning(parts, lambda part: silence_words(one, part, gaps, rate))
    fitted, design = prior.kinds[kind], prior.design(one, kind, days)
    weighed = interpolate(prior.targets[kind], days)
    logits, seen = contributions(weighed, design, 0, question.column)
    usual = usual_columns(weighed, design, question.column)
    facts = TargetFacts(one, pair_history(one, kind), fitted, design, question.column, usual, days)
    return Reckoning(logits, facts.words, seen)


def explained(question: Question, reckoning: Reckoning, answer: Predictions) -> Explanation:
    """The parts in words, beside what the predictor itself answers."""
    if question.kind == NO_ORDER:
        assert answer.no_order is not None  # `asked` has looked
        probability = float(answer.no_order[0])
        log_odds = float(logit(probability, FLOOR))
    else:
        row = answer.targets[question.kind].rows(slice(None))[0].astype(np.float64)
        log_odds, probability = float(row[question.column]), float(sigmoid(row)[question.column])
    return Explanation(
        customer_id=str(question.one.customer_ids[0]),
        kind=question.kind,
        target=question.target,
        horizon_days=question.horizon_days,
        calibrated=answer.calibrated,
        probability=probability,
        logit=log_odds,
        parts=tuple(
            Part(name, reckoning.words(name), value)
            for name, value in reckoning.logits.items()
            if value != 0.0 or name == BASE_RATE
        ),
    )
