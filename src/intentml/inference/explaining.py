"""What the network adds to an explanation: parts of its own beside the prior's, and the gates' line.

What comes in: the prior's parts of a question. What goes out: those of the corrected logit. What a closed
gate keeps out adds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from intentml.model.correction import low_rank
from intentml.model.states import target_codes
from intentml.prediction import Predictions, logit
from intentml.priors.contributions import SEQUENCE
from intentml.priors.explaining import NO_ORDER, Question, Reckoning
from intentml.priors.silence import FLOOR

if TYPE_CHECKING:
    from intentml.inference.intent import IntentPredictor


def corrected(
    predictor: IntentPredictor, question: Question, reckoning: Reckoning, answer: Predictions
) -> Reckoning:
    """The parts of what the predictor answers.

    Args:
        predictor: The predictor.
        question: What was asked.
        reckoning: The prior's parts.
        answer: What the predictor says of the customer.
    """
    if question.kind == NO_ORDER:
        if predictor.correction.timing == 0.0 or answer.no_order is None:
            return reckoning
        said = float(logit(answer.no_order[0], FLOOR)) - reckoning.total
        return reckoning.corrected({SEQUENCE: said})
    if question.kind not in predictor.correction.open_kinds():
        return reckoning
    repeat, explore = predictor.correction.gates_at(question.kind, question.horizon_days)
    mend = repeat if reckoning.seen else explore
    said = mend.weight * _said(predictor, question, seen=reckoning.seen)
    return reckoning.corrected({SEQUENCE: said}, mend.intercept, mend.slope)


def _said(predictor: IntentPredictor, question: Question, *, seen: bool) -> float:
    """What the network says of the pair; of somebody without an order, nothing."""
    correction, one, kind = predictor.correction, question.one, question.kind
    if not one.n_orders[0]:
        return 0.0
    codes = target_codes(
        correction.network, correction.vocabulary, one.catalogue, kind, np.array([question.column])
    )
    place = correction.place(kind, question.horizon_days)
    of_repeat, of_explore = low_rank(correction.network, correction.states(one), kind, codes, place)
    here = np.zeros(1, np.int64)
    return float((of_repeat if seen else of_explore).at(here, here)[0])
