"""What a peer gives back: a folder, checked as it is read.

What comes in: a folder that a peer's script wrote. What goes out: `PeerAnswer`.

```
answer.json          settings (what validation chose, by question), probabilities (whether scores are logits)
KIND.npy             float32, customers x targets of the inputs: logits, or scores where a peer only ranks
customers.parquet    no_order, orders, spend of the inputs' customers, or some of them
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from intentml.evaluation.peers.inputs import PeerInputs
from intentml.evaluation.peers.scores import DenseScores
from intentml.prediction import F64, Predictions, TargetScores
from intentml.timeline import Snapshot

HEADS = ("no_order", "orders", "spend")


class PeerFailedError(Exception):
    """A peer gave no answer, or none that can be read; the message says why in a few words."""


@dataclass(frozen=True)
class PeerAnswer:
    """What a peer said.

    Attributes:
        predictions: Of every customer of the snapshot; those without an order have NaN, or zeros.
        settings: What its script chose, by question.
    """

    predictions: Predictions
    settings: Mapping[str, Any]


def read_answer(folder: Path, inputs: PeerInputs, snapshot: Snapshot, horizon_days: int) -> PeerAnswer:
    """Read and check a folder.

    Raises:
        PeerFailedError: Something is missing, has another shape or is not a number.
    """
    try:
        told: dict[str, Any] = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise PeerFailedError("wrote no answer.json") from problem
    scores: dict[str, TargetScores] = {}
    for kind, names in inputs.targets.items():
        path = folder / f"{kind}.npy"
        if path.is_file():
            dense = _scattered(_matrix(path, inputs, kind), inputs, snapshot)
            scores[kind] = DenseScores.of(
                kind, names, dense, probabilities=bool(told.get("probabilities", False))
            )
    heads = _heads(folder / "customers.parquet", inputs, snapshot)
    if not scores and not heads:
        raise PeerFailedError("answered no question")
    predictions = Predictions(
        snapshot.customer_ids,
        snapshot.as_of,
        horizon_days,
        targets=scores,
        no_order=heads.get("no_order"),
        orders=heads.get("orders"),
        spend=heads.get("spend"),
    )
    return PeerAnswer(predictions, told.get("settings", {}))


def _matrix(path: Path, inputs: PeerInputs, kind: str) -> npt.NDArray[np.float32]:
    """Scores of one kind, as the peer wrote them. Shape: (n, J)."""
    matrix: npt.NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    wanted = (len(inputs.customers), len(inputs.targets[kind]))
    if matrix.shape != wanted:
        raise PeerFailedError(f"scored {kind} in shape {matrix.shape}, not {wanted}")
    return matrix


def _scattered(
    matrix: npt.NDArray[np.float32], inputs: PeerInputs, snapshot: Snapshot
) -> npt.NDArray[np.float32]:
    """The matrix with a row for every customer of the snapshot. Shape: (n, J) -> (U, J)."""
    scattered = np.zeros((len(snapshot), matrix.shape[1]), np.float32)
    scattered[inputs.customers] = matrix
    if not np.isfinite(scattered).all():
        raise PeerFailedError("gave scores that are no numbers")
    return scattered


def _heads(path: Path, inputs: PeerInputs, snapshot: Snapshot) -> dict[str, F64]:
    """Answers a customer, NaN for those without an order. Shape: (U,) each."""
    if not path.is_file():
        return {}
    table = pq.read_table(path)
    heads = {}
    for name in HEADS:
        if name in table.column_names:
            values = table[name].to_numpy().astype(np.float64)
            if len(values) != len(inputs.customers) or not np.isfinite(values).all() or values.min() < 0:
                raise PeerFailedError(f"gave a {name} that is no number, or not for every customer")
            heads[name] = np.full(len(snapshot), np.nan)
            heads[name][inputs.customers] = values
    return heads
