"""The sequence model learns a law that no closed-form prior can say, and learns nothing from noise.

Each target is followed by one other: who bought k last buys follows[k] next. Counts, rhythm and
neighbours know who buys what with what, not what comes after what. With `law` at 0 the next target is
drawn at random, and there is nothing to learn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.fitting.gates import pair_log_loss
from intentml.fitting.model import FittedModel, SequenceSettings, fit_model
from intentml.inference.intent import IntentPredictor
from intentml.prediction import Predictor
from intentml.recipe import load_recipe
from intentml.tasks import labels_of
from intentml.timeline import OrderLog
from tiny import log_of

pytestmark = pytest.mark.slow

CUSTOMERS, TARGETS, DAYS, HORIZON_DAYS = 800, 20, 300, 14
START = pd.Timestamp("2024-01-01T10:00Z")
AS_OF = "2024-10-27"
SETTINGS = (
    f"priors.horizons_days=[{HORIZON_DAYS}]", 'priors.kinds=["category"]', "training.epochs=8",
    "training.patience=8", "training.learning_rate=1e-2", "model.d_model=32", "model.rank=16",
    "model.item_dim=16",
)  # fmt: skip


def shop(law: float) -> OrderLog:
    """Orders of one line, a fortnight apart on average; a share `law` of them follows the law."""
    rng = np.random.default_rng(0)
    follows = rng.permutation(TARGETS)
    rows = []
    for customer in range(CUSTOMERS):
        day, last = int(rng.integers(0, 200)), int(rng.integers(TARGETS))
        while day < DAYS + 2 * HORIZON_DAYS:
            rows.append((f"c{customer:04d}", day, last))
            day += int(rng.geometric(1 / 14))
            last = int(follows[last]) if rng.random() < law else int(rng.integers(TARGETS))
    orders = pd.DataFrame(rows, columns=["customer_id", "day", "target"])
    orders["ordered_at"] = START + pd.to_timedelta(orders.pop("day"), unit="D")
    orders["order_id"] = np.arange(len(orders)).astype(str)
    orders["product_id"] = [f"p{target:02d}" for target in orders.pop("target")]
    names = range(TARGETS)
    products = pd.DataFrame(
        {"product_id": [f"p{name:02d}" for name in names], "category": [f"K{name:02d}" for name in names]}
    )
    return log_of({"orders": orders, "products": products})


def fitted(log: OrderLog) -> FittedModel:
    """The model and every prior, of the same past."""
    import torch

    from intentml.fitting.checkpoint import Checkpoint
    from intentml.fitting.parallel import Processes

    recipe = load_recipe("smoke", SETTINGS)
    settings = SequenceSettings(
        recipe.model, recipe.training, torch.device("cpu"), Checkpoint(), lambda epoch: None, Processes()
    )
    return fit_model(log, log.instant(AS_OF), recipe.priors, settings, lambda step, done, total: None)


def gains(law: float) -> dict[str, np.ndarray]:
    """Log-loss of each prior less the model's on the window after, as a share of the prior's, by customer."""
    log = shop(law)
    model = fitted(log)
    assert model.sequence is not None
    snapshot = log.as_of(AS_OF)
    buyers = snapshot.take(np.flatnonzero(snapshot.n_orders > 0))
    bought = labels_of(buyers, log.outcomes(buyers, HORIZON_DAYS)).bought["category"].toarray()

    def losses(predictor: Predictor) -> np.ndarray:
        scores = predictor.predict(buyers, HORIZON_DAYS, kinds=("category",)).targets["category"]
        return pair_log_loss(scores.rows(slice(None)), bought).mean(axis=1)

    of_model = losses(IntentPredictor(model.priors.best, model.sequence.correction))
    priors = {name: prior for name, prior in model.priors.each.items() if prior.targets}
    return {
        name: (of_prior - of_model) / of_prior.mean()
        for name, of_prior in ((name, losses(prior)) for name, prior in priors.items())
    }


def error(gain: np.ndarray) -> float:
    """Standard error of the mean over customers."""
    return float(gain.std() / np.sqrt(len(gain)))


def test_lawful_orders_beat_every_prior_by_a_hundredth_of_its_log_loss():
    for prior, gain in gains(0.9).items():
        assert gain.mean() > 0.01, prior
        assert gain.mean() > 3 * error(gain), prior


def test_noise_beats_nobody():
    # Some prior is worse than popularity alone; the model is no better than the best of them.
    best = min(gains(0.0).values(), key=lambda gain: float(gain.mean()))
    assert best.mean() < 2 * error(best)
