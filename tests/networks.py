"""Small networks over random shops, with every weight alive, so that nothing is zero by chance.

What comes in: seeds. What goes out: sequences of a random shop, a network that fits them, the same
network with noise on all its weights.
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import numpy as np
import torch

from intentml.model.config import ModelConfig
from intentml.model.intent_model import IntentModel, Sizes
from intentml.model.tensors import OrderTensors, order_tensors
from intentml.sequences.batches import pad
from intentml.sequences.encode import OrderSequences, encode_orders
from intentml.sequences.vocabulary import Vocabulary
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import Snapshot
from intentml.timeline.catalogue import KINDS
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of

ENCODERS = ("transformer", "gru")
MAX_ORDERS = 8
TIMING_NUMBERS, VALUE_NUMBERS = 4, 3
PAIR_NUMBERS = ("count", "ease", "popularity_28", "order", "rate")


def config(encoder: str = "transformer", **settings: object) -> ModelConfig:
    """A network that takes no time."""
    small = {"d_model": 16, "layers": 2, "heads": 2, "item_dim": 8, "rank": 4, "max_orders": MAX_ORDERS}
    return ModelConfig.model_validate({"encoder": encoder, **small, **settings})


@cache
def shop() -> tuple[Snapshot, Vocabulary]:
    """Some thirty customers with none to a dozen orders each, and the names that they bought."""
    snapshot = log_of(random_shop(3, customers=24, products=9, lines=1100)).as_of(AS_OF_TEXT)
    return snapshot, Vocabulary.fit(snapshot)


def timing_numbers(customers: int) -> np.ndarray:
    """Numbers of the timing of some customers, drawn."""
    return np.random.default_rng(5).normal(size=(customers, TIMING_NUMBERS)).astype(np.float32)


@cache
def sequences(max_orders: int = MAX_ORDERS) -> OrderSequences:
    """Their orders as tokens."""
    return encode_orders(*shop(), max_orders=max_orders)


def sizes_of(vocabulary: Vocabulary, *, season: bool = True) -> Sizes:
    """One row for each product; row 0 for the unknown."""
    return Sizes(
        product=vocabulary.size("product"),
        category=vocabulary.size("category"),
        brand=vocabulary.size("brand"),
        price=vocabulary.price_buckets,
        rows=vocabulary.size("product"),
        season=season,
        kinds={kind: vocabulary.size(kind) for kind in KINDS},
        timing=TIMING_NUMBERS,
        opinions=1,
        value=VALUE_NUMBERS,
        pairs={kind: list(PAIR_NUMBERS) for kind in KINDS},
    )


def new_network(encoder: str = "transformer", **settings: object) -> IntentModel:
    """Untrained, but knowing its products and the scales of its numbers."""
    torch.manual_seed(0)
    _, vocabulary = shop()
    network = IntentModel(config(encoder, **settings), sizes_of(vocabulary), len(SURVIVAL_DAYS))
    products = vocabulary.size("product")
    network.tokens.items.know(torch.arange(products), torch.arange(products) * 5.0)
    everybody = tensors(sequences())
    network.tokens.order_numbers.know(everybody.orders[everybody.mask])
    network.tokens.now_numbers.know(everybody.now)
    return network.eval()


def perturbed(network: IntentModel, *, size: float = 0.3, seed: int = 1) -> IntentModel:
    """The network with noise on every weight: all its corrections speak."""
    noisy = deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in noisy.parameters():
            weight += size * torch.randn(weight.shape, generator=generator)
    return noisy.eval()


def tensors(
    of: OrderSequences, customers: np.ndarray | None = None, columns: int | None = None
) -> OrderTensors:
    """Some customers (None: all) in so many columns (None: as many as they need)."""
    rows = np.arange(len(of)) if customers is None else np.asarray(customers)
    needed = max(1, int(of.length[rows].max(initial=0)))
    return order_tensors(pad(of, rows, columns or needed), season=True)
