"""One sequence a customer: vocabulary, orders as tokens, timing statistics, batches.

What comes in: a snapshot of any customers. What goes out: arrays that a sequence model or a timing
model reads. Pure functions; only `Vocabulary.fit` keeps anything of what it saw.
"""

from intentml.sequences.batches import SequenceBatch, batches
from intentml.sequences.encode import OrderSequences, encode_orders
from intentml.sequences.timing import TimingStatistics, timing_statistics
from intentml.sequences.vocabulary import ProductCodes, Vocabulary

__all__ = [
    "OrderSequences",
    "ProductCodes",
    "SequenceBatch",
    "TimingStatistics",
    "Vocabulary",
    "batches",
    "encode_orders",
    "timing_statistics",
]
