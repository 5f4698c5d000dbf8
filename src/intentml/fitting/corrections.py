"""What a network says of a window's customers and targets, laid out: the gates look at it, before any gate.

What comes in: a network, states, candidate pairs. What goes out: matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intentml.fitting.examples import CandidatePairs
from intentml.model.correction import learned_of_pairs, low_rank, target_vectors
from intentml.model.heads import TargetCodes, horizon_place
from intentml.model.intent_model import IntentModel
from intentml.prediction import F32


@dataclass(frozen=True)
class Corrections:
    """Of customers x eligible targets. Shapes: (n, E).

    Attributes:
        repeat: The sequence's correction of pairs with history.
        explore: Its correction of the others.
        learned: The pair network's correction; 0 where a pair is no candidate.
    """

    repeat: F32
    explore: F32
    learned: F32


def corrections(
    network: IntentModel, states: F32, kind: str, days: int, codes: TargetCodes, candidates: CandidatePairs
) -> Corrections:
    """Every correction.

    Args:
        network: The network.
        states: Shape: (n, d).
        kind: Kind of the targets.
        days: The horizon.
        codes: Of the targets, on the network's device. Length E.
        candidates: Pairs with history or neighbours, of the same customers and targets.
    """
    place = horizon_place(days)
    repeat, explore = low_rank(network, states, kind, target_vectors(network, kind, codes), place)
    who = np.repeat(np.arange(len(states)), np.diff(candidates.indptr))
    numbers = candidates.numbers(np.arange(len(who)))
    learned = np.zeros((len(states), len(codes.own)), np.float32)
    learned[who, candidates.target] = learned_of_pairs(
        network, kind, numbers, codes, candidates.target, place
    )
    return Corrections(repeat.customer @ repeat.target.T, explore.customer @ explore.target.T, learned)
