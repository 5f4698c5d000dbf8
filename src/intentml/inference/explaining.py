"""What the network adds to an explanation: parts of its own beside the prior's, and the gates' line.

What comes in: the prior's parts of a question. What goes out: those of the corrected logit. What a closed
gate keeps out adds nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from intentml.model.correction import learned_of_pairs, low_rank, target_vectors
from intentml.model.heads import TargetCodes
from intentml.model.states import target_codes
from intentml.prediction import Predictions, logit
from intentml.priors.contributions import LEARNED, SEQUENCE
from intentml.priors.explaining import NO_ORDER, Question, Reckoning
from intentml.priors.pair_numbers import numbers_of
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
        if predictor.correction.timing.closed or answer.no_order is None:
            return reckoning
        said = _silence(answer) - reckoning.total
        learned = _silence(_by_numbers(predictor, question)) - reckoning.total
        return reckoning.corrected({LEARNED: learned, SEQUENCE: said - learned})
    if question.kind not in predictor.correction.open_kinds():
        return reckoning
    repeat, explore = predictor.correction.gates_at(question.kind, question.horizon_days)
    mend = repeat if reckoning.seen else explore
    if not question.one.n_orders[0]:
        return reckoning.corrected({}, mend.intercept, mend.slope)
    parts = {
        SEQUENCE: mend.weight * _of_sequence(predictor, question, seen=reckoning.seen),
        LEARNED: mend.pairs * _of_pair(predictor, question),
    }
    return reckoning.corrected(parts, mend.intercept, mend.slope)


def _by_numbers(predictor: IntentPredictor, question: Question) -> Predictions:
    """What is answered where the orders tell the timing nothing besides the numbers."""
    timing = replace(predictor.correction.timing, sequence=0.0)
    deaf = replace(predictor, correction=replace(predictor.correction, timing=timing))
    return deaf.predict(question.one, question.horizon_days, kinds=())


def _silence(answer: Predictions) -> float:
    """Logit of P(no order) of the only customer."""
    assert answer.no_order is not None  # the answer has it
    return float(logit(answer.no_order[0], FLOOR))


def _of_sequence(predictor: IntentPredictor, question: Question, *, seen: bool) -> float:
    """What the network reads in the orders, for the pair."""
    correction, one, kind = predictor.correction, question.one, question.kind
    place = correction.place(kind, question.horizon_days)
    codes = _codes(predictor, question)
    vectors = target_vectors(correction.network, kind, codes)
    of_repeat, of_explore = low_rank(correction.network, correction.states(one), kind, vectors, place)
    here = np.zeros(1, np.int64)
    return float((of_repeat if seen else of_explore).at(here, here)[0])


def _of_pair(predictor: IntentPredictor, question: Question) -> float:
    """What the network says of the pair's own numbers; where it has none, nothing."""
    correction, kind, days = predictor.correction, question.kind, question.horizon_days
    design = predictor.prior.design(question.one, kind, days)
    here = np.flatnonzero(design.pair_target == question.column)
    if not len(here):
        return 0.0
    numbers = numbers_of(design, correction.network.sizes.pairs[kind], here)
    place, first = correction.place(kind, days), np.zeros(1, np.int64)
    codes = _codes(predictor, question)
    return float(learned_of_pairs(correction.network, kind, numbers, codes, first, place)[0])


def _codes(predictor: IntentPredictor, question: Question) -> TargetCodes:
    """The network's codes of the target."""
    correction, catalogue = predictor.correction, question.one.catalogue
    column = np.array([question.column])
    return target_codes(correction.network, correction.vocabulary, catalogue, question.kind, column)
