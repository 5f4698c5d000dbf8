"""What a sequence tells is learnt beyond every prior, and nothing else is.

Two shops. In the planted one a category follows another: priors know what a customer bought, how often and
how lately, and what is bought by the same people; they do not know what comes after what. In the simulated
one tastes stand still, so that priors know nearly all that can be known of them (there the gates of targets
stay closed), and each customer has a rhythm of their own, more regular than the priors' timing assumes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest

from intentml.fitting.gates import pair_log_loss
from intentml.fitting.priors import PriorsConfig, fit_priors
from intentml.inference.folder import SavedModel
from intentml.metrics.ranking import users_for_target
from intentml.prediction import logit
from intentml.tasks import Labels, labels_of
from intentml.timeline import OrderLog, Snapshot
from intentml.workflows import train
from simulated_log import simulated
from tiny import log_of

CATEGORIES, CUSTOMERS, DAYS, HORIZON_DAYS = 20, 500, 300, 14
START = pd.Timestamp("2024-01-01", tz="UTC")


@dataclass(frozen=True)
class Gain:
    """How much less log-loss the model has than another: mean and standard error over customers, share."""

    mean: float
    error: float
    share: float


@dataclass(frozen=True)
class Trial:
    """A model and every prior, asked about a window that none has seen."""

    model: SavedModel
    part: Snapshot
    labels: Labels
    priors: PriorsConfig
    log: OrderLog

    @classmethod
    def of(cls, log: OrderLog, as_of: str, horizon_days: int, *settings: str) -> Trial:
        """Train, and stand at as_of with everybody who has an order."""
        model = train(
            log,
            as_of=as_of,
            recipe="smoke",
            settings=[f"priors.horizons_days=[{horizon_days}]", "training.patience=9", *settings],
        )
        snapshot = log.as_of(as_of)
        part = snapshot.take(np.flatnonzero(snapshot.n_orders > 0))
        labels = labels_of(part, log.outcomes(part, horizon_days))
        priors = PriorsConfig.model_validate(model.card["recipe"]["priors"])
        return cls(model, part, labels, priors, log)

    def logits(self, head: str) -> dict[str, np.ndarray]:
        """Of the model, the recipe's best prior and each prior by name: no_order, or a kind's pairs."""
        fitted = fit_priors(self.log, self.part.as_of, self.priors)
        predictors = {"model": self.model, "best prior": fitted.best, **fitted.each}
        days = self.labels.horizon_days
        answers = {name: one.predict(self.part, days) for name, one in predictors.items()}
        if head == "no_order":
            return {name: logit(one.no_order) for name, one in answers.items() if one.no_order is not None}
        return {name: one.targets[head].rows(slice(None)) for name, one in answers.items() if one.targets}

    def gains(self, head: str) -> dict[str, Gain]:
        """Over each of the others."""
        happened = self.labels.no_order if head == "no_order" else self.labels.bought[head].toarray()
        losses = {
            name: pair_log_loss(logits, happened).reshape(len(self.part), -1).mean(axis=1)
            for name, logits in self.logits(head).items()
        }
        model = losses.pop("model")
        return {name: gain_of(loss - model, loss.mean()) for name, loss in losses.items()}


def gain_of(differences: np.ndarray, base: float) -> Gain:
    error = differences.std() / np.sqrt(len(differences))
    return Gain(float(differences.mean()), float(error), float(differences.mean() / base))


def assert_beats_all(gains: Mapping[str, Gain], share: float) -> None:
    for name, gain in gains.items():
        assert gain.share > share, (name, gain)
        assert gain.mean > 3 * gain.error, (name, gain)


def assert_nothing_learnt(gains: Mapping[str, Gain]) -> None:
    """Neither better than its own prior beyond the interval, nor worse."""
    own = gains["best prior"]
    assert abs(own.mean) <= 1.96 * own.error, own
    assert min(gain.mean - 1.96 * gain.error for gain in gains.values()) <= 0


# -- targets -------------------------------------------------------------------------------------------


@cache
def planted(law: float) -> Trial:
    """Each order is of one category; the next is the one that follows it, by a share `law`, or any."""
    rng = np.random.default_rng(0)
    follows = rng.permutation(CATEGORIES)
    bought = []
    for customer in range(CUSTOMERS):
        day, last = int(rng.integers(0, 200)), int(rng.integers(CATEGORIES))
        while day < DAYS + HORIZON_DAYS:
            bought.append((f"c{customer:03d}", day, last))
            day += int(rng.geometric(1 / 14))
            last = int(follows[last] if rng.random() < law else rng.integers(CATEGORIES))
    bought.append(("last", DAYS + HORIZON_DAYS, 0))
    frame = pd.DataFrame(bought, columns=["customer_id", "day", "category"])
    frame["ordered_at"] = START + pd.to_timedelta(frame.pop("day"), unit="D")
    frame["order_id"] = np.arange(len(frame)).astype(str)
    frame["product_id"] = [f"p{number:02d}" for number in frame.pop("category")]
    names = [f"{number:02d}" for number in range(CATEGORIES)]
    products = pd.DataFrame({"product_id": [f"p{name}" for name in names], "category": names})
    return Trial.of(
        log_of({"orders": frame, "products": products}),
        (START + pd.Timedelta(days=DAYS)).isoformat(),
        HORIZON_DAYS,
        'priors.kinds=["category"]',
        *("model.d_model=32", "model.item_dim=16", "model.rank=16"),
        *("training.epochs=6", "training.cutoffs=6", "training.batch_tokens=512"),
        "training.learning_rate=5e-3",
    )


def precision(trial: Trial) -> dict[str, float]:
    """Mean average precision of customers for a category."""
    bought = trial.labels.bought["category"].toarray()
    nobody = np.zeros(bought.shape, bool)
    return {
        name: float(users_for_target(logits, bought, nobody).average_precision.mean())
        for name, logits in trial.logits("category").items()
    }


def test_what_follows_what_is_learnt_where_no_prior_can_know_it():
    # Of the log-loss of the best prior a sixth is gone; customers are ranked nearly twice as well.
    assert_beats_all(planted(0.8).gains("category"), share=0.1)
    reached = precision(planted(0.8))
    model = reached.pop("model")
    assert model > 1.6 * max(reached.values())


def test_where_nothing_follows_from_anything_no_target_is_learnt():
    assert_nothing_learnt(planted(0.0).gains("category"))
    reached = precision(planted(0.0))
    assert reached["model"] < 1.3 * max(reached[name] for name in reached if name != "model")


# -- timing --------------------------------------------------------------------------------------------


@cache
def rhythms(customers: int, dial: float) -> Trial:
    """The simulated shop, timing alone."""
    return Trial.of(
        simulated(customers, dial)[0],
        "2025-05-01",
        28,
        "priors.kinds=[]",
        *("model.d_model=32", "model.item_dim=16", "model.max_orders=32"),
        *("training.epochs=4", "training.cutoffs=3", "training.anchors=20", "training.batch_tokens=4096"),
        "training.customers_per_cutoff=10000",
    )


@pytest.mark.slow
def test_a_customer_s_own_rhythm_is_learnt_beyond_every_prior():
    # Two hundredths of the log-loss of the best prior, which is far from all: who died is known to nobody.
    assert_beats_all(rhythms(16_000, 0.0).gains("no_order"), share=0.01)


@pytest.mark.slow
def test_at_full_noise_no_rhythm_is_learnt():
    assert_nothing_learnt(rhythms(8_000, 1.0).gains("no_order"))
