"""A shop whose truth is known: seeded, from lawful to pure noise by one dial.

What comes in: `SimulatedShop`. What goes out: orders, products, customers and events by contract,
and the truth: hidden state, and exact purchase probabilities given it for any as_of and horizon.
No model is known here.
"""

from intentml.datasets.simulated.settings import SimulatedShop
from intentml.datasets.simulated.shop import (
    TRUTH_FOLDER,
    SimulatedTables,
    iter_blocks,
    simulate_shop,
    write_simulated,
)
from intentml.datasets.simulated.truth import (
    TrueProbabilities,
    Truth,
    read_truth,
    true_probabilities,
    write_truth,
)

__all__ = [
    "TRUTH_FOLDER",
    "SimulatedShop",
    "SimulatedTables",
    "TrueProbabilities",
    "Truth",
    "iter_blocks",
    "read_truth",
    "simulate_shop",
    "true_probabilities",
    "write_simulated",
    "write_truth",
]
