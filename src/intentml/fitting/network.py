"""A new network that knows its shop: which products it has seen enough of, where vectors start, scales.

What comes in: settings and the slices that it will learn from. What goes out: a network whose every
correction is exactly zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from intentml.fitting.examples import Examples, sequences_of, some_buyers
from intentml.fitting.slices import Slice
from intentml.fitting.vectors import co_purchase_vectors
from intentml.model.config import ModelConfig
from intentml.model.intent_model import IntentModel, Sizes
from intentml.model.orders import ITEM_KINDS
from intentml.model.tensors import order_tensors
from intentml.priors.timing_numbers import NUMBERS, OPINIONS
from intentml.priors.value_numbers import VALUE_NUMBERS
from intentml.sequences.batches import batches
from intentml.sequences.vocabulary import Vocabulary
from intentml.survival import SURVIVAL_DAYS

I64 = npt.NDArray[np.int64]

# Products bought by fewer customers share a row and lean on category and brand alone.
_FEWEST_BUYERS = 5
# Enough customers to know the scale and the range of every number by.
_MEASURED_CUSTOMERS = 4_000
# Of each window, kind and horizon.
_MEASURED_PAIRS = 20_000


def new_network(
    config: ModelConfig,
    vocabulary: Vocabulary,
    learned: Slice,
    newest: Slice,
    *,
    kinds: Sequence[str],
    teaches: npt.NDArray[np.bool_],
    season: bool,
    pairs: Mapping[str, list[str]],
    seed: int,
) -> IntentModel:
    """The network before its first step.

    Args:
        config: How large, and of which kind.
        vocabulary: Names to codes.
        learned: All that may be learned from: product rows and starting vectors come from it.
        newest: The newest training window: the scales of numbers come from it.
        kinds: Kinds of targets that have a head.
        teaches: Which of that window's customers are learned from.
        season: Whether the history covers two years, so that the day of the year means something.
        pairs: Numbers of a pair, by kind.
        seed: Of all that starts at random.
    """
    torch.manual_seed(seed)
    buyers = _buyers(vocabulary, learned)
    row = _rows(buyers)
    sizes = Sizes(
        product=vocabulary.size("product"),
        category=vocabulary.size("category"),
        brand=vocabulary.size("brand"),
        price=vocabulary.price_buckets,
        rows=int(row.max(initial=0)) + 1,
        season=season,
        kinds={kind: vocabulary.size(kind) for kind in kinds},
        timing=NUMBERS,
        opinions=OPINIONS,
        value=VALUE_NUMBERS,
        pairs={kind: pairs[kind] for kind in kinds},
    )
    network = IntentModel(config, sizes, hazard_bins=len(SURVIVAL_DAYS))
    network.tokens.items.know(torch.from_numpy(row), torch.from_numpy(buyers.astype(np.float32)))
    _start_vectors(network, vocabulary, learned, row, seed)
    _know_scales(network, vocabulary, newest, teaches, seed)
    return network


def know_numbers(network: IntentModel, parts: Sequence[Examples]) -> None:
    """Means, spreads and ranges of the priors' numbers of pairs, by some of each training window."""
    for kind in network.sizes.kinds:
        drawn = []
        for part in parts:
            for (of, _), one in part.targets.items():
                if of == kind:
                    pairs = len(one.candidates.target)
                    drawn.append(one.candidates.numbers(np.arange(0, pairs, 1 + pairs // _MEASURED_PAIRS)))
        if sum(map(len, drawn)):
            network.of_pairs(kind).numbers.know(torch.from_numpy(np.concatenate(drawn)).to(network.device))


def _buyers(vocabulary: Vocabulary, learned: Slice) -> I64:
    """Customers who bought each product code. Shape: (codes,)."""
    buyers = np.zeros(vocabulary.size("product"), np.int64)
    names = learned.snapshot.catalogue.targets("product").targets
    if len(names):
        buyers[vocabulary.codes("product", names)] = learned.snapshot.shop.popularity["product"][0]
    return buyers


def _rows(buyers: I64) -> I64:
    """The row of each product code in the network's table; 0 for those bought by too few. Shape: (codes,)."""
    known = (buyers >= _FEWEST_BUYERS) & (np.arange(len(buyers)) > 0)
    return np.where(known, np.cumsum(known), 0)


def _start_vectors(network: IntentModel, vocabulary: Vocabulary, learned: Slice, row: I64, seed: int) -> None:
    """Targets and items start where co-purchases put them."""
    for kind in network.sizes.kinds:
        codes = vocabulary.codes(kind, learned.snapshot.catalogue.targets(kind).targets)
        rows = row[codes] if kind == "product" else codes.astype(np.int64)
        known = torch.from_numpy(rows[rows > 0])
        history = learned.history(kind)
        of_targets = co_purchase_vectors(history, network.config.rank, seed)
        network.head(kind).start(known, torch.from_numpy(of_targets[rows > 0]))
        if kind in ITEM_KINDS:
            of_items = co_purchase_vectors(history, network.config.item_dim, seed)
            network.tokens.items.start(kind, known, torch.from_numpy(of_items[rows > 0]))


def _know_scales(
    network: IntentModel, vocabulary: Vocabulary, newest: Slice, teaches: npt.NDArray[np.bool_], seed: int
) -> None:
    """Means, spreads and ranges of all numbers, by some customers of the newest training window."""
    customers = some_buyers(newest, teaches, _MEASURED_CUSTOMERS, seed)
    sequences = sequences_of(newest, customers, vocabulary, network.config.max_orders)
    drawn = [
        order_tensors(batch, season=network.sizes.season)
        for batch in batches(sequences, buckets=(network.config.max_orders,))
    ]
    network.tokens.order_numbers.know(torch.cat([batch.orders[batch.mask] for batch in drawn]))
    network.tokens.now_numbers.know(torch.cat([batch.now for batch in drawn]))
