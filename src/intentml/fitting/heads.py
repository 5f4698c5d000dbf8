"""Timing, orders and spend: which closed-form prior each of these heads uses, and its calibration.

What comes in: the past in slices. What goes out: fitted priors and verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from intentml.fitting.slices import Past, Slice
from intentml.fitting.verdicts import Losses, Verdict, least, verdicts
from intentml.fitting.windows import Cutoffs, cutoffs
from intentml.prediction import F64, logit
from intentml.priors.activity import ACTIVITY_PRIORS, BTYD_NAMES, ActivityPrior
from intentml.priors.linear import platt
from intentml.priors.spend import SPEND_PRIORS, SpendPrior, fit_spend

# A correction is judged on the windows that fit, at most six and with at least three gains to judge by.
_CORRECTION_WINDOWS = 6
_FEWEST_GAINS = 3
# Per day, up to once in three years; more is a level. The first, none, has to be beaten.
_COMEBACK_RATES = (0.0, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)


def fit_no_order(past: Past, plans: Sequence[Cutoffs]) -> tuple[ActivityPrior, list[Verdict]]:
    """The timing of the churn head, fitted on everything and calibrated.

    Which BTYD model: the one under which all history is likeliest. All three have four parameters, so
    their likelihoods compare as they are, and they see every gap up to `as_of`; a validation window
    sees models fitted on the shorter past before it, and on a young cohort picks the wrong one
    (experiments/0001-which-btyd). Whether BTYD at all or the base rate: by validation.
    """
    losses = _losses(past, plans, ACTIVITY_PRIORS, _by_activity(_no_order_loss))
    likeliest = likeliest_btyd(past)
    of_two = {
        plan: {name: by_name[name] for name in (likeliest, "base_rate")} for plan, by_name in losses.items()
    }
    best = least(of_two, default=likeliest)
    back = past.now.activity(best).coming_back(_comeback_rate(past, plans, best))
    return back.calibrated(_churn_corrections(past, plans, back)), verdicts("no_order", losses, best)


def fit_orders(past: Past, plans: Sequence[Cutoffs]) -> tuple[ActivityPrior, list[Verdict]]:
    """The timing of the orders head: the least deviance on validation."""
    losses = _losses(past, plans, ACTIVITY_PRIORS, _by_activity(_orders_loss))
    best = least(losses, default=likeliest_btyd(past))
    return past.now.activity(best), verdicts("orders", losses, best)


def fit_money(
    past: Past, plans: Sequence[Cutoffs], orders: ActivityPrior
) -> tuple[SpendPrior | None, list[Verdict]]:
    """The money per order: the least deviance of spend on validation; None for a shop without prices."""
    if fit_spend("shop_mean", past.now.snapshot) is None:
        return None, []

    def loss(name: str, part: Slice, days: int) -> float:
        prior = fit_spend(name, part.snapshot)
        if prior is None:
            return float("inf")
        count = part.activity(orders.name).orders(part.snapshot, days)[:, 0]
        buyers = part.snapshot.n_orders > 0
        return _mean_deviance(
            (count * prior.per_order(part.snapshot))[buyers], part.labels(days).spend[buyers]
        )

    losses = _losses(past, plans, SPEND_PRIORS, loss)
    best = least(losses, default="gamma_gamma")
    return fit_spend(best, past.now.snapshot), verdicts("spend", losses, best)


def likeliest_btyd(past: Past) -> str:
    """The BTYD model with the highest likelihood of all history."""
    fitted = [past.now.activity(name) for name in BTYD_NAMES]
    return max(fitted, key=lambda prior: prior.btyd.log_likelihood if prior.btyd else -np.inf).name


def _losses(
    past: Past, plans: Sequence[Cutoffs], names: tuple[str, ...], loss: Callable[[str, Slice, int], float]
) -> Losses:
    """The loss of each name on the newest window of each horizon."""
    return {
        plan: {name: loss(name, past.at(plan.validation), plan.horizon_days) for name in names}
        for plan in plans
    }


def _comeback_rate(past: Past, plans: Sequence[Cutoffs], name: str) -> float:
    """The rate under which what came in all complete windows is likeliest, each over its loss at 0."""
    rates = np.array(_COMEBACK_RATES)
    losses = [
        _silence_losses(past.at(cutoff), name, plan.horizon_days, rates)
        for plan in plans
        for cutoff in plan.all
    ]
    if not losses:
        return 0.0
    return float(rates[np.argmin(np.mean([each / each[0] for each in losses], axis=0))])


def _silence_losses(part: Slice, name: str, days: int, comeback_rates: F64) -> F64:
    """Mean log-loss of no order under each comeback rate. Shape: (R,) -> (R,)."""
    buyers = part.snapshot.n_orders > 0
    silent = part.activity(name).no_order(part.snapshot, days)[buyers]
    odds = logit(silent * np.exp(-comeback_rates * days))
    happened = part.labels(days).no_order[buyers, np.newaxis]
    losses: F64 = np.logaddexp(0.0, np.where(happened, -odds, odds)).mean(axis=0)
    return losses


def _churn_corrections(
    past: Past, plans: Sequence[Cutoffs], prior: ActivityPrior
) -> dict[int, tuple[float, float]]:
    """A correction per horizon where corrections have kept helping, else the identity.

    In each complete window, up to six back, the mean correction of the windows before it is tried. Its
    mean gain over windows must exceed the standard error over them: gains within one window are no
    proof, because what mends a summer can spoil the Christmas after it (experiments/0004-churn-calibration).
    Horizons that earned none keep the identity as a knot, so that no correction reaches beyond its own.
    """

    def plain(part: Slice) -> ActivityPrior:
        return part.activity(prior.name).coming_back(prior.comeback_rate)

    corrections = {plan.horizon_days: (0.0, 1.0) for plan in plans}
    for days in corrections:
        windows = cutoffs(past.log, days, _CORRECTION_WINDOWS)
        if windows is None or len(windows.all) <= _FEWEST_GAINS:
            continue
        parts = [past.at(cutoff) for cutoff in windows.all]
        each = [_correction(plain(part), part, days) for part in parts]
        gains = []
        for number, part in enumerate(parts[:-1]):
            tried = plain(part).calibrated({days: _mean_pair(each[number + 1 :])})
            gains.append(_no_order_loss(plain(part), part, days) - _no_order_loss(tried, part, days))
        if np.mean(gains) > np.std(gains, ddof=1) / np.sqrt(len(gains)):
            corrections[days] = _mean_pair(each)
    return corrections if any(pair != (0.0, 1.0) for pair in corrections.values()) else {}


def _mean_pair(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    intercept, slope = np.mean(pairs, axis=0)
    return float(intercept), float(slope)


def _correction(prior: ActivityPrior, part: Slice, days: int) -> tuple[float, float]:
    """Intercept and slope that mend a timing prior's no-order logit on one window."""
    buyers = part.snapshot.n_orders > 0
    odds = logit(prior.no_order(part.snapshot, days)[buyers, 0])
    return platt(odds, part.labels(days).no_order[buyers], np.ones(len(odds)))


def _by_activity(
    loss: Callable[[ActivityPrior, Slice, int], float],
) -> Callable[[str, Slice, int], float]:
    """The loss of a timing prior by name."""
    return lambda name, part, days: loss(part.activity(name), part, days)


def _no_order_losses(prior: ActivityPrior, part: Slice, days: int) -> F64:
    """Log-loss of no order, per customer with an order."""
    buyers = part.snapshot.n_orders > 0
    odds = logit(prior.no_order(part.snapshot, days)[buyers, 0])
    losses: F64 = np.logaddexp(0.0, np.where(part.labels(days).no_order[buyers], -odds, odds))
    return losses


def _no_order_loss(prior: ActivityPrior, part: Slice, days: int) -> float:
    return float(_no_order_losses(prior, part, days).mean())


def _orders_loss(prior: ActivityPrior, part: Slice, days: int) -> float:
    buyers = part.snapshot.n_orders > 0
    return _mean_deviance(prior.orders(part.snapshot, days)[buyers, 0], part.labels(days).orders[buyers])


def _mean_deviance(expected: F64, actual: F64) -> float:
    return float(poisson_deviance(expected, actual).mean())


def poisson_deviance(expected: F64, actual: F64) -> F64:
    """Poisson deviance of each: proper for a mean, whatever the spread around it."""
    expected, actual = np.maximum(expected, 1e-9), np.maximum(actual, 0.0)
    ratio = np.where(actual > 0, actual / expected, 1.0)
    deviance: F64 = 2 * (actual * np.log(ratio) - (actual - expected))
    return deviance
