"""A network over a customer's numbers, no sequence, under several losses of orders and of spend."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

import intentml as im
from intentml.fitting.heads import poisson_deviance
from intentml.fitting.priors import PriorsConfig, fit_priors
from intentml.fitting.slices import Past, Slice
from intentml.fitting.values import ValueExamples, spend_deviance, value_examples
from intentml.metrics import value_metrics
from intentml.model.config import ModelConfig
from intentml.model.heads import ValueHead
from intentml.model.losses import order_losses
from intentml.model.orders import Sizes
from intentml.model.values import log_level
from intentml.priors.predictor import PriorPredictor
from intentml.priors.timing_numbers import NUMBERS, timing_numbers
from intentml.priors.value_numbers import VALUE_NUMBERS
from intentml.timeline import Instant

EPOCHS, BATCH, RATE = 6, 128, 2e-3
CONFIG = ModelConfig(d_model=8, heads=2)
SIZES = Sizes(
    product=1,
    category=1,
    brand=1,
    price=1,
    rows=1,
    season=False,
    timing=NUMBERS,
    opinions=NUMBERS,
    value=VALUE_NUMBERS,
    kinds={},
    pairs={},
)


@dataclass(frozen=True)
class Told:
    """What a loss sees. Shape: (B,) each; `head` is the head, for what is fitted besides."""

    head: ValueHead
    orders: Tensor
    money: Tensor
    came_orders: Tensor
    came_spend: Tensor
    ratio: Tensor

    @property
    def expected(self) -> Tensor:
        """Orders."""
        return self.orders * self.ratio[:, 0].exp()

    @property
    def spend(self) -> Tensor:
        """Money; what is learned of it leaves the orders alone."""
        return self.expected.detach() * self.money * self.ratio[:, 1].exp()


def poisson(of: Told) -> Tensor:
    """Of orders."""
    return of.expected - of.came_orders * of.expected.log()


def negative_binomial(of: Told) -> Tensor:
    """Of orders, the dispersion fitted with it."""
    return order_losses(of.expected, of.came_orders, of.head.dispersion)


def tweedie(power: float) -> Callable[[Told], Tensor]:
    """Of money, beside the negative binomial."""

    def loss(of: Told) -> Tensor:
        mean = of.spend / of.money.mean()
        came = of.came_spend / of.money.mean()
        return (
            negative_binomial(of)
            - came * mean ** (1 - power) / (1 - power)
            + mean ** (2 - power) / (2 - power)
        )

    return loss


def gamma_basket(of: Told) -> Tensor:
    """Gamma deviance of the mean basket of those who ordered, an order counting for one."""
    basket = of.came_spend / of.came_orders.clamp(min=1) / (of.money * of.ratio[:, 1].exp())
    return negative_binomial(of) + of.came_orders * (basket + of.ratio[:, 1])


def zero_inflated_lognormal(of: Told) -> Tensor:
    """P(spend > 0) and the lognormal of what is spent; the second output is log-money's centre."""
    came, scale = of.came_spend > 0, of.head.dispersion.exp()
    chance = 1 - torch.exp(-of.orders.clamp(min=1e-4))
    odds = torch.logit(chance, 1e-6) + of.ratio[:, 0]
    centre = torch.log(of.orders * of.money / chance) + of.ratio[:, 1]
    away = (torch.log(of.came_spend.clamp(min=1e-2)) - centre) / scale
    return functional.softplus(odds) - came * odds + came * (away**2 / 2 + of.head.dispersion)


LOSSES = {
    "Poisson; Tweedie 1.5": lambda of: poisson(of) + tweedie(1.5)(of) - negative_binomial(of),
    "negative binomial; Tweedie 1.8": tweedie(1.8),
    "negative binomial; Tweedie 1.5": tweedie(1.5),
    "negative binomial; Tweedie 1.2": tweedie(1.2),
    "negative binomial; gamma of the basket": gamma_basket,
    "; zero-inflated lognormal": zero_inflated_lognormal,
}


def main() -> None:
    """Measure the prior and each loss on one window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--windows", type=int, default=16)
    asked = parser.parse_args()
    log = im.read_tables(asked.data)
    at = log.as_of(asked.as_of).as_of
    config = PriorsConfig(horizons_days=(asked.days,), kinds=())
    priors = fit_priors(log, at, config).best
    past, days = Past(log), asked.days
    backs = [2 * days + number * max(7, days // 2) for number in range(asked.windows)]
    backs = [back for back in backs if back < at.days_since(log.start) - 35]
    taught = [examples(past, at.plus_days(-back), priors, days, settled=True) for back in backs]
    judged, numbers = examples(past, at, priors, days, settled=False)
    prior = judged.amounts[days]
    assert prior.money is not None

    def tell(name: str, orders: np.ndarray, spend: np.ndarray) -> None:
        of_orders, of_spend = value_metrics(orders, prior.came_orders), value_metrics(spend, prior.came_spend)
        deviance = poisson_deviance(orders, prior.came_orders).mean()
        print(
            f"{name:40s} orders: MAE {of_orders.mae:.4f} deviance {deviance:.4f} Gini {of_orders.gini:.4f}; "
            f"spend: MAE {of_spend.mae:.2f} deviance {spend_deviance(spend, prior.came_spend).mean():.3f} "
            f"Gini {of_spend.gini:.4f}",
            flush=True,
        )

    expected = prior.orders * prior.money
    tell("prior", prior.orders, expected)
    for name, loss in LOSSES.items():
        ratio = learned(taught, numbers, days, loss)
        if loss is zero_inflated_lognormal:
            chance = 1 - np.exp(-np.maximum(prior.orders, 1e-4))
            likely = 1 / (1 + (1 - chance) / chance * np.exp(-ratio[:, 0]))
            spend = likely * expected / chance * np.exp(ratio[:, 1])
            tell(name, prior.orders, spend * expected.sum() / spend.sum())
            continue
        orders = prior.orders * np.exp(ratio[:, 0] - log_level(prior.orders, ratio[:, 0], prior.orders.sum()))
        spend = orders * prior.money * np.exp(ratio[:, 1])
        tell(name, orders, spend * expected.sum() / spend.sum())


def examples(
    past: Past, at: Instant, priors: PriorPredictor, days: int, *, settled: bool
) -> tuple[ValueExamples, np.ndarray]:
    """Amounts and numbers of everybody with an order."""
    part: Slice = past.at(at)
    rows = np.flatnonzero(part.snapshot.n_orders > 0)
    found = value_examples(part, rows, past.log, [days], priors, settled=settled)
    name = priors.activity.name
    timing = timing_numbers(part.snapshot.take(rows), name, part.timings(name))
    return found, np.hstack([timing, found.numbers])


def learned(
    taught: list[tuple[ValueExamples, np.ndarray]],
    numbers: np.ndarray,
    days: int,
    loss: Callable[[Told], Tensor],
) -> np.ndarray:
    """What the head says of the judged customers. Shape: (n, 2)."""
    torch.manual_seed(0)
    told = torch.from_numpy(np.concatenate([each for _, each in taught]))
    head = ValueHead(CONFIG, SIZES)
    head.several.numbers.know(told)
    outcomes = [
        torch.from_numpy(np.concatenate([getattr(one.amounts[days], name) for one, _ in taught])).float()
        for name in ("orders", "money", "came_orders", "came_spend")
    ]
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.02)
    steps = EPOCHS * -(-len(told) // BATCH)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(told)).split(BATCH):
            ratio = head(torch.zeros(len(batch), CONFIG.d_model), told[batch])
            total = loss(Told(head, *(each[batch] for each in outcomes), ratio)).mean()
            optimiser.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimiser.step()
            falling.step()
    head.eval()
    with torch.no_grad():
        ratio = head(torch.zeros(len(numbers), CONFIG.d_model), torch.from_numpy(numbers)).numpy()
    return ratio.astype(np.float64)


if __name__ == "__main__":
    main()
