"""CDNOW, calibrated to the end of 1997: the fits and forecasts that the field knows.

Published for the same split (R package BTYD): AUROC and log-loss .7998 and .4208 for Pareto/NBD, .7882 and
.4244 for BG/NBD.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from intentml.priors.btyd import (
    BtydCounts,
    BtydName,
    expected_purchases,
    fit_btyd,
    no_purchase_probability,
)

AS_OF, HORIZON = np.datetime64("1998-01-01"), 181


@pytest.fixture(scope="module")
def cdnow(shared_data: Path) -> tuple[BtydCounts, np.ndarray]:
    """Counts before as_of and active days in the 181 days after it, same-day orders merged."""
    file = shared_data / "cdnow" / "orders.parquet"
    if not file.exists():
        pytest.skip("the folder of real data holds no CDNOW orders")
    table = pq.read_table(file, columns=["customer_id", "ordered_at"])
    _, customer = np.unique(table["customer_id"].to_numpy(), return_inverse=True)
    day = table["ordered_at"].to_numpy().astype("datetime64[D]")
    pairs = np.unique(np.stack([customer, day.astype(np.int64)]), axis=1)
    as_of = AS_OF.astype("datetime64[D]").astype(np.int64)
    known = pairs[:, pairs[1] < as_of]
    later = pairs[0, (pairs[1] >= as_of) & (pairs[1] < as_of + HORIZON)]
    _, start, days = np.unique(known[0], return_index=True, return_counts=True)
    first, last = known[1, start], known[1, start + days - 1]
    counts = BtydCounts.from_active_days(days, first, last, int(as_of))
    return counts, np.bincount(later, minlength=len(counts))


@pytest.mark.parametrize(
    ("name", "params", "likelihood", "auroc", "loss", "bias"),
    [
        ("bg_nbd", (0.266, 5.44, 0.599, 2.229), -124_683.6, 0.7882, 0.4244, -0.028),
        ("mbg_nbd", (0.604, 8.040, 0.640, 1.182), -124_640.1, 0.7931, 0.4227, -0.058),
        ("pareto_nbd", (0.607, 12.445, 0.357, 6.130), -124_713.3, 0.7998, 0.4208, 0.013),
    ],
)
def test_fits_and_forecasts_of_cdnow_are_the_known_ones(
    cdnow: tuple[BtydCounts, np.ndarray],
    name: BtydName,
    params: tuple[float, ...],
    likelihood: float,
    auroc: float,
    loss: float,
    bias: float,
) -> None:
    counts, orders = cdnow
    assert (len(counts), int(orders.sum())) == (23_570, 12_272)
    model = fit_btyd(name, counts)
    assert model.converged
    assert model.log_likelihood == pytest.approx(likelihood, abs=0.1)
    np.testing.assert_allclose(model.params, params, rtol=2e-3)
    silent = no_purchase_probability(model, counts, HORIZON)[:, 0]
    assert roc_auc_score(orders == 0, silent) == pytest.approx(auroc, abs=2e-4)
    assert log_loss(orders == 0, silent) == pytest.approx(loss, abs=2e-4)
    expected = expected_purchases(model, counts, HORIZON).sum()
    assert expected / orders.sum() - 1 == pytest.approx(bias, abs=1e-3)
