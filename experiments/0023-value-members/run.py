"""Value heads of several makes over a customer's numbers, no sequence; prints how far each is off."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import intentml as im
from intentml.fitting import value_training
from intentml.fitting.examples import some_buyers
from intentml.fitting.heads import poisson_deviance
from intentml.fitting.plan import plan_training
from intentml.fitting.priors import PriorsConfig, fit_priors
from intentml.fitting.settings import TrainingConfig
from intentml.fitting.slices import Past
from intentml.fitting.values import Amounts, spend_deviance, value_examples
from intentml.metrics import value_metrics
from intentml.model import heads, members
from intentml.model.config import ModelConfig
from intentml.model.correction import value_ratio
from intentml.model.heads import horizon_place
from intentml.model.intent_model import IntentModel, Sizes
from intentml.model.values import log_level
from intentml.prediction import F32, F64
from intentml.priors.predictor import PriorPredictor
from intentml.priors.timing_numbers import NUMBERS, OPINIONS, timing_numbers
from intentml.priors.value_numbers import VALUE_NUMBERS
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import Instant, OrderLog

WINDOWS = (
    ("complete_journey", 28, ("2017-11-01", "2017-10-04")),
    ("grocery_elog", 90, ("2007-10-01", "2007-07-03")),
)


@dataclass(frozen=True)
class Make:
    """A head and how it is learned."""

    members: int
    width: int
    dropout: float
    passes: int
    batch: int
    rate: float


MAKES = {
    "one, width 32, 6 passes": Make(1, 32, 0.0, 6, 128, 1e-3),
    "four, 8 passes": Make(4, 64, 0.2, 8, 256, 2e-3),
    "four, 16 passes": Make(4, 64, 0.2, 16, 256, 2e-3),
    "eight, 8 passes, batches of 1,024": Make(8, 64, 0.2, 8, 1024, 3e-3),
}


def main() -> None:
    """Measure every window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with one folder a shop")
    data = parser.parse_args().data
    for name, days, instants in WINDOWS:
        log = im.read_tables(data / name)
        for as_of in instants:
            print(name, as_of, days)
            measure(log, log.as_of(as_of).as_of, days)


def measure(log: OrderLog, at: Instant, days: int) -> None:
    """One window: the prior, and each make, learned from all that was known at its start."""
    priors = fit_priors(log, at, PriorsConfig(horizons_days=(days,), kinds=())).best
    past, whole = Past(log.before(at)), Past(log)
    plan = plan_training(past.log, [days], windows=3, n_cutoffs=8, n_anchors=8, seed=0)
    assert plan is not None
    taught = [examples(past, at, priors, days, settled=True) for at in (*plan.newest, *plan.cutoffs)]
    judged = examples(whole, at, priors, days, settled=False)
    truth = judged.values.amounts[days]
    tell("prior", truth, truth.orders, None if truth.money is None else truth.orders * truth.money)
    for name, make in MAKES.items():
        start = time.perf_counter()
        ratio = learned(taught, judged, days, make).astype(np.float64)
        orders = held(truth.orders, ratio[:, 0], truth.orders.sum())
        spend = None
        if truth.money is not None:
            spend = held(orders * truth.money, ratio[:, 1], (truth.orders * truth.money).sum())
        tell(f"{name} ({time.perf_counter() - start:.0f} s)", truth, orders, spend)


def examples(past: Past, at: Instant, priors: PriorPredictor, days: int, *, settled: bool) -> SimpleNamespace:
    """What a value head learns from, or is judged by."""
    part = past.at(at)
    rows = some_buyers(part, np.ones(len(part.snapshot), bool), 20_000, 0)
    name = priors.activity.name
    numbers = timing_numbers(part.snapshot.take(rows), name, part.timings(name))
    values = value_examples(part, rows, past.log, [days], priors, settled=settled)
    return SimpleNamespace(timing=SimpleNamespace(numbers=numbers), values=values)


def learned(taught: Sequence[SimpleNamespace], judged: SimpleNamespace, days: int, make: Make) -> F32:
    """What a head of this make says of the judged."""
    heads._VALUE_MEMBERS, members._WIDTH, members._DROPOUT = make.members, make.width, make.dropout
    value_training._PASSES, value_training._BATCH, value_training._RATE = make.passes, make.batch, make.rate
    sizes = Sizes(1, 1, 1, 1, 1, False, NUMBERS, OPINIONS, VALUE_NUMBERS, {}, {})  # no targets
    network = IntentModel(ModelConfig(), sizes, len(SURVIVAL_DAYS))

    def states(part: SimpleNamespace) -> F32:
        return np.zeros((len(part.values.numbers), network.config.d_model), np.float32)

    value_training.fit_value_head(network, taught, [states(part) for part in taught], TrainingConfig())
    numbers = np.hstack([judged.timing.numbers, judged.values.numbers])
    return value_ratio(network, states(judged), numbers, horizon_place(days))


def held(base: F64, ratio: F64, total: float) -> F64:
    """Amounts with factors, their sum held."""
    return base * np.exp(ratio - log_level(base, ratio, float(total)))


def tell(name: str, truth: Amounts, orders: F64, spend: F64 | None) -> None:
    """Print how far a guess is off."""
    of_orders = value_metrics(orders, truth.came_orders)
    line = f"  {name:42s} orders: MAE {of_orders.mae:.4f} deviance "
    line += f"{poisson_deviance(orders, truth.came_orders).mean():.4f} Gini {of_orders.gini:.4f}"
    if spend is not None:
        of_spend = value_metrics(spend, truth.came_spend)
        line += f"; spend: MAE {of_spend.mae:.2f} deviance "
        line += f"{spend_deviance(spend, truth.came_spend).mean():.3f} Gini {of_spend.gini:.4f}"
    print(line, flush=True)


if __name__ == "__main__":
    main()
