"""lifetimes' BG/NBD, MBG/NBD or Pareto/NBD for timing, its Gamma-Gamma for money.

Fitted on active days, in weeks, and multiplied by orders per active day, as everything here that counts
orders. P(no order) is the return probability, not 1 - P(alive). Where lifetimes' BG/NBD or Pareto/NBD
overflows, for those who order very often, its MBG/NBD answers. How strongly parameters are drawn to zero is
chosen by log-loss of no order on validation, the least first where there is none; then fitted on everything,
with the next best where that does not converge.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from exchange import Columns, Exchange
from lifetimes import BetaGeoFitter, GammaGammaFitter, ModifiedBetaGeoFitter, ParetoNBDFitter
from lifetimes.utils import ConvergenceError

MODELS = {
    "lifetimes_bg_nbd": BetaGeoFitter,
    "lifetimes_mbg_nbd": ModifiedBetaGeoFitter,
    "lifetimes_pareto_nbd": ParetoNBDFitter,
}
PENALTIES = (0.0, 0.001, 0.01, 0.1)
WEEK = 7.0

Timing = list[Any]  # fitted models, each for those whom the ones before have no number for


def main() -> None:
    warnings.simplefilter("ignore")
    exchange = Exchange.of_command_line()
    np.random.seed(exchange.seed)  # Pareto/NBD starts its search at random, from the global generator
    now, weeks = exchange.table("now/customers"), exchange.horizon_days / WEEK
    penalties = penalties_by_merit(exchange, weeks)
    models, penalty = converged(lambda drawn: fitted(exchange.name, now, drawn), penalties)
    exchange.settings["penalizer_coef"] = penalty
    answers = {"no_order": silence(models, now, weeks), "orders": expected_orders(models, now, weeks)}
    exchange.settings["parameters (weeks)"] = {
        name: round(float(value), 4) for name, value in models[0].params_.items()
    }
    if now["spend"].any():
        money, answers["spend"] = spend(now, answers["orders"])
        exchange.settings["Gamma-Gamma"] = {
            name: round(float(value), 4) for name, value in money.params_.items()
        }
    exchange.answer_customers(answers)
    exchange.finish()


def penalties_by_merit(exchange: Exchange, weeks: float) -> list[float]:
    """Penalties, that with the least log-loss of no order on the validation window first."""
    if not exchange.has("validation/customers"):
        return list(PENALTIES)
    before = exchange.table("validation/customers")
    losses = {}
    for penalty in PENALTIES:
        try:
            chance = silence(fitted(exchange.name, before, penalty), before, weeks).clip(1e-6, 1 - 1e-6)
        except Exception:
            continue
        came = before["came_no_order"]
        losses[penalty] = float(-np.mean(np.where(came, np.log(chance), np.log1p(-chance))))
    if losses:
        exchange.settings["validation_log_loss"] = round(min(losses.values()), 5)
    return sorted(PENALTIES, key=lambda penalty: losses.get(penalty, np.inf))


def converged(fit: Callable[[float], Any], penalties: Sequence[float]) -> tuple[Any, float]:
    """What is fitted with the first penalty with which it converges, and that penalty."""
    for penalty in penalties:
        with contextlib.suppress(ConvergenceError):
            return fit(penalty), penalty
    raise ConvergenceError("converges with no penalty")


def history(table: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequency, recency and age, in weeks."""
    x, t_x, age = (table[name].astype(np.float64) for name in ("x", "t_x", "T"))
    return x, t_x / WEEK, age / WEEK


def fitted(name: str, table: Columns, penalty: float) -> Timing:
    """A model of all customers, and one for those whom its series overflow for."""
    models = [MODELS[name](penalizer_coef=penalty)]
    if name != "lifetimes_mbg_nbd":
        models.append(ModifiedBetaGeoFitter(penalizer_coef=penalty))
    for model in models:
        model.fit(*history(table))
    return models


def silence(models: Timing, table: Columns, weeks: float) -> np.ndarray:
    """P(no order within the window).

    Who is alive orders at a rate that is Gamma(r + x, alpha + T); lifetimes itself tells it for Pareto/NBD.
    """
    x, t_x, age = history(table)

    def of(model: Any) -> np.ndarray:
        if isinstance(model, ParetoNBDFitter):
            return model.conditional_probability_of_n_purchases_up_to_time(0, weeks, x, t_x, age)
        r, alpha = model.params_["r"], model.params_["alpha"]
        alive = model.conditional_probability_alive(x, t_x, age)
        return 1.0 - alive * (1.0 - ((alpha + age) / (alpha + age + weeks)) ** (r + x))

    return np.clip(first_number(models, of), 0.0, 1.0)


def expected_orders(models: Timing, table: Columns, weeks: float) -> np.ndarray:
    """Active days to come, times orders per active day."""
    days = first_number(
        models,
        lambda model: model.conditional_expected_number_of_purchases_up_to_time(weeks, *history(table)),
    )
    return days * (table["orders"].sum() / table["active_days"].sum())


def first_number(models: Timing, of: Callable[[Any], np.ndarray]) -> np.ndarray:
    """What the first model says of each customer; where that is no number, what the next one says."""
    told = np.asarray(of(models[0]), dtype=np.float64)
    for model in models[1:]:
        told = np.where(np.isfinite(told), told, of(model))
    return told


def spend(table: Columns, orders: np.ndarray) -> tuple[GammaGammaFitter, np.ndarray]:
    """Gamma-Gamma on the mean of all orders of who ordered twice or more; money per order times orders."""
    count, mean = table["orders"].astype(np.float64), table["spend_per_order"].astype(np.float64)
    repeated = (count > 1) & (mean > 0)

    def fit(penalty: float) -> GammaGammaFitter:
        return GammaGammaFitter(penalizer_coef=penalty).fit(count[repeated], mean[repeated])

    model, _ = converged(fit, PENALTIES)
    paid = np.asarray(model.conditional_expected_average_profit(count, mean), dtype=np.float64)
    return model, paid * orders


main()
