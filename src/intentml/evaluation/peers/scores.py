"""Scores of every customer for every target laid out as they came from elsewhere: one dense matrix.

What comes in: a matrix and the names of its columns. What goes out: `DenseScores`, which answers what
`TargetScores` answers. Nothing of it is a dot product.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.prediction import F32, TargetScores
from intentml.timeline.catalogue import Strings


@dataclass(frozen=True)
class DenseScores(TargetScores):
    """A matrix of scores.

    Attributes:
        dense: Logits, or scores of any scale where the predictor only ranks. Shape: (U, J).
    """

    dense: F32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @classmethod
    def of(cls, kind: str, targets: Strings, dense: F32, *, probabilities: bool) -> DenseScores:
        """The scores of a kind. Shape: targets (J,), dense (U, J)."""
        users, count = dense.shape
        return cls(
            kind,
            targets,
            np.zeros((users, 0), np.float32),
            np.zeros((count, 0), np.float32),
            sparse.csr_array((users, count), dtype=np.float32),
            probabilities=probabilities,
            dense=dense,
        )

    def columns(self, targets: npt.ArrayLike) -> F32:
        """Scores of all customers for some targets. Shape: (U, n)."""
        return self.dense[:, np.asarray(targets, dtype=np.int64)]

    def rows(self, customers: slice | npt.NDArray[np.int64]) -> F32:
        """Scores of some customers for all targets. Shape: (n, J)."""
        return self.dense[customers]

    def take(self, customers: slice | npt.NDArray[np.int64]) -> DenseScores:
        """The scores of some customers."""
        return self._of(self.targets, self.dense[customers])

    def select(self, targets: npt.NDArray[np.int64]) -> DenseScores:
        """The scores of some targets."""
        return self._of(self.targets[targets], self.dense[:, targets])

    def _of(self, targets: Strings, dense: F32) -> DenseScores:
        return DenseScores.of(self.kind, targets, dense, probabilities=self.probabilities)
