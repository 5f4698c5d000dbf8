"""The network over all customers: their states at NOW, and the codes of targets.

What comes in: sequences, a catalogue, a vocabulary. What goes out: states (U, d) as numpy, in the
sequences' order, and `TargetCodes`. In single precision, whatever the network was trained in.
"""

from __future__ import annotations

import numpy as np
import torch

from intentml.model.heads import TargetCodes
from intentml.model.intent_model import IntentModel
from intentml.model.tensors import F32, order_tensors
from intentml.sequences.batches import batches, buckets_of
from intentml.sequences.encode import OrderSequences
from intentml.sequences.vocabulary import Vocabulary
from intentml.timeline.catalogue import Catalogue

# Small batches keep a CPU's caches warm: 4096 customers at once ran at less than half the speed.
_TOKENS_AT_ONCE = 16_384


def states_of(network: IntentModel, sequences: OrderSequences) -> F32:
    """States of all customers. Shape: (U, d)."""
    states = np.zeros((len(sequences), network.config.d_model), np.float32)
    if network.training:  # asking is cheap, telling every part again is not
        network.eval()
    with torch.inference_mode():
        for batch in batches(sequences, buckets=buckets_of(sequences), max_tokens=_TOKENS_AT_ONCE):
            tensors = order_tensors(batch, season=network.sizes.season, device=network.device)
            states[batch.customer] = network(tensors).cpu().numpy()
    return states


def target_codes(
    network: IntentModel, vocabulary: Vocabulary, catalogue: Catalogue, kind: str, targets: np.ndarray
) -> TargetCodes:
    """Codes of some targets of a catalogue, on the network's device.

    Args:
        network: Tells which products have a row of their own.
        vocabulary: Names to codes; unknown names get 0.
        catalogue: Of any snapshot.
        kind: Kind of target.
        targets: Their numbers in the catalogue. Shape: (J,).
    """
    names = catalogue.targets(kind).targets[targets]

    def told(codes: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(codes.astype(np.int64)).to(network.device)

    own = told(vocabulary.codes(kind, names))
    if kind != "product":
        return TargetCodes(own)
    rows = np.searchsorted(catalogue.product_ids, names)
    codes = vocabulary.encode(catalogue, rows)
    return network.product_codes(own, told(codes.category), told(codes.brand))
