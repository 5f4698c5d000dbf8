"""RecTools' SASRec over each customer's purchases in time.

Learning rate by nDCG at 10 on validation. As many epochs as make some 300 steps, at least 2 and at most 30: a
cap on its cost. Softmax over every target; where there are more than five thousand, the generalised binary
cross-entropy over 256 of them, t = 0.75 (Petrov & Macdonald 2023, "gSASRec: Reducing Overconfidence in
Sequential Recommendation Trained with Negative Sampling"). A score is the dot product of a sequence and a
target: it ranks, and is no probability.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
from exchange import Columns, Exchange
from pytorch_lightning import Trainer, seed_everything
from rectools import Columns as Named
from rectools.dataset import Dataset
from rectools.models import SASRecModel

CANDIDATES = [{"lr": 1e-3}, {"lr": 3e-3}]
BATCH, STEPS, EPOCHS = 128, 300, (2, 30)
CUSTOMERS_AT_ONCE = 1024
MANY_TARGETS = 5_000
SAMPLED: dict[str, Any] = {"loss": "gBCE", "n_negatives": 256, "gbce_t": 0.75}


def main() -> None:
    warnings.simplefilter("ignore")
    for name in ("pytorch_lightning", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    exchange = Exchange.of_command_line()
    for kind, width in exchange.kinds.items():

        def judged(settings: dict[str, Any], rows: np.ndarray, kind: str = kind) -> np.ndarray:
            before = exchange.baskets("validation", kind)
            return scored(before, rows, int(before["target"].max()) + 1, settings, exchange.seed)

        chosen = exchange.choose(kind, CANDIDATES, judged)
        rows = np.arange(exchange.customers())
        exchange.scores_to_fill(kind)[:] = scored(
            exchange.baskets("now", kind), rows, width, chosen, exchange.seed
        )
    exchange.finish()


def scored(baskets: Columns, rows: np.ndarray, width: int, settings: dict[str, Any], seed: int) -> np.ndarray:
    """Fit on all purchases, score some customers. Shape: (rows, width)."""
    seed_everything(seed, verbose=False)
    age = pd.to_timedelta(baskets["age_days"].astype(np.float64), unit="D")
    table = pd.DataFrame(
        {
            Named.User: baskets["customer"],
            Named.Item: baskets["target"],
            Named.Weight: 1.0,
            Named.Datetime: pd.Timestamp("2100-01-01") - age,
        }
    )
    dataset = Dataset.construct(table)
    batches = -(-len(np.unique(baskets["customer"])) // BATCH)
    epochs = int(np.clip(round(STEPS / batches), *EPOCHS))
    model = SASRecModel(
        n_blocks=2,
        n_heads=2,
        n_factors=64,
        session_max_len=64,
        batch_size=BATCH,
        epochs=epochs,
        deterministic=True,
        get_trainer_func=lambda: trainer(epochs),
        recommend_torch_device="cpu",
        **(SAMPLED if width > MANY_TARGETS else {}),
        **settings,
    )
    model.fit(dataset)
    scores = np.full((len(rows), width), np.nan, np.float32)
    known = np.isin(rows, baskets["customer"])
    for part in np.array_split(np.flatnonzero(known), max(1, known.sum() // CUSTOMERS_AT_ONCE)):
        told = model.recommend(
            rows[part], dataset, k=width, filter_viewed=False, on_unsupported_targets="ignore"
        )
        place = part[np.searchsorted(rows[part], told[Named.User].to_numpy())]
        scores[place, told[Named.Item].to_numpy()] = told[Named.Score].to_numpy()
    # Nothing is known of the others: they come last.
    return np.nan_to_num(scores, nan=float(np.nanmin(scores)))


def trainer(epochs: int) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        min_epochs=epochs,
        accelerator="cpu",
        deterministic=True,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


torch.set_num_threads(1)
main()
