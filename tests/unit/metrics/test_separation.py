"""Ranks with ties and the flat AUROC."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from intentml.metrics import auroc, average_ranks


def test_equal_values_share_their_mean_rank_as_in_scipy() -> None:
    values = np.random.default_rng(0).integers(0, 6, 40)
    assert average_ranks(values).tolist() == rankdata(values).tolist()


def test_auroc_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    score, label = rng.integers(0, 9, 70), rng.random(70) < 0.3
    assert auroc(label, score) == pytest.approx(roc_auc_score(label, score))


def test_one_class_alone_has_no_auroc() -> None:
    assert np.isnan(auroc([True, True], [0.1, 0.2]))
    assert np.isnan(auroc([], []))
