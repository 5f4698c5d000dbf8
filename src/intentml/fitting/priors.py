"""Fit every prior on the past, keep the best of them per head by validation log-loss, calibrate it.

What comes in: an order log and `as_of`. What goes out: `FittedPriors`: the best as one predictor,
each prior as a predictor of its own (the baselines of every table), and what validation said.

Validation is the newest complete window before `as_of`; the priors judged on it learn from older
windows alone. The ones kept are then fitted again with that window too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, get_args

from pydantic import BaseModel, ConfigDict, Field

from intentml.errors import TimeError
from intentml.fitting.heads import fit_money, fit_no_order, fit_orders
from intentml.fitting.newcomers import with_new_products
from intentml.fitting.slices import Past
from intentml.fitting.targets import FittedTargets, fit_targets
from intentml.fitting.verdicts import Verdict
from intentml.fitting.windows import cutoffs
from intentml.pairs.likeness import Likeness
from intentml.prediction import TextKind
from intentml.priors.activity import ACTIVITY_PRIORS
from intentml.priors.linear import TARGET_PRIORS, LinearPrior
from intentml.priors.predictor import DesignCache, PriorPredictor
from intentml.priors.sampling import SAMPLE_PER_WINDOW
from intentml.priors.spend import fit_spend
from intentml.timeline import Instant, OrderLog
from intentml.timeline.catalogue import Kind
from intentml.timeline.instants import MAX_HORIZON_DAYS, MIN_HORIZON_DAYS

__all__ = ["FittedPriors", "PriorsConfig", "Progress", "Verdict", "fit_priors"]

Progress = Callable[[str, int, int], None]
Knots = dict[int, FittedTargets]


class PriorsConfig(BaseModel):
    """Settings of the recipe `priors`.

    Attributes:
        horizons_days: Horizons to fit target priors and calibration at; others are interpolated.
        windows: Past windows a horizon, the newest for validation; more make the weights steady, fewer
            let them follow change.
        kinds: Kinds of targets.
        customers: Most customers learned from, so that memory is bounded; of a larger shop so many are drawn
            by a hash of their ids.
        sample_per_window: Unbought pairs kept a window and sort; more costs time, fewer a steady fit.
        neighbours: Whether what is bought together speaks for what a customer will buy.
        text: What speaks for a product that nobody has bought: products of like name by their letters
            (`hashed`), by their meaning (`semantic`, which takes the extra of that name; a keyword of which
            no product has a word then finds what means the like), or `none`.
        seed: Seed of the samples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizons_days: tuple[Annotated[int, Field(ge=MIN_HORIZON_DAYS, le=MAX_HORIZON_DAYS)], ...] = Field(
        (7, 28, 90, 180), min_length=1
    )
    windows: int = Field(3, ge=1, le=12)
    kinds: tuple[Kind, ...] = get_args(Kind)
    customers: int = Field(200_000, ge=1)
    sample_per_window: int = Field(SAMPLE_PER_WINDOW, ge=1_000)
    neighbours: bool = True
    text: TextKind = "hashed"
    seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class FittedPriors:
    """All priors, fitted.

    Attributes:
        best: The best of them per head, calibrated.
        each: Every prior as a predictor of the heads it has.
        verdicts: What validation said.
        targets: Per kind and horizon, the target priors with and without the validation window.
    """

    best: PriorPredictor
    each: Mapping[str, PriorPredictor]
    verdicts: tuple[Verdict, ...]
    targets: Mapping[str, Mapping[int, FittedTargets]]


def fit_priors(
    log: OrderLog,
    as_of: Instant,
    config: PriorsConfig | None = None,
    progress: Progress = lambda step, done, total: None,
) -> FittedPriors:
    """Fit, choose and calibrate priors on what was known before `as_of`.

    Timing comes first, because target priors lean on it; then orders and spend; then targets.

    Raises:
        TimeError: There is no order before `as_of`.
    """
    config = config or PriorsConfig()
    past = Past(log.before(as_of).drawn(config.customers), neighbours=config.neighbours)
    return fit_priors_on(past, config, progress)


def fit_priors_on(past: Past, config: PriorsConfig, progress: Progress) -> FittedPriors:
    """Fit, choose and calibrate priors on a past already cut; its slices stay there for others.

    Raises:
        TimeError: There is no order in it.
    """
    if not len(past.log.purchases):
        raise TimeError(
            f"no order is known before {past.log.until.iso}: there is nothing to learn from",
            table="orders",
            hint="choose a later as_of",
        )
    plans = [
        plan
        for days in sorted(set(config.horizons_days))
        if (plan := cutoffs(past.log, days, config.windows)) is not None
    ]
    kinds = [kind for kind in config.kinds if len(past.now.snapshot.catalogue.targets(kind))]
    steps = iter(range(1, 2 + sum(len(plan.all) for plan in plans) * len(kinds)))
    total = 1 + sum(len(plan.all) for plan in plans) * len(kinds)

    def tell(step: str) -> None:
        progress(step, next(steps, total), total)

    tell("timing")
    no_order, said_of_timing = fit_no_order(past, plans)
    orders, said_of_orders = fit_orders(past, plans)
    spend, said_of_spend = fit_money(past, plans, orders)
    said = [*said_of_timing, *said_of_orders, *said_of_spend]
    likeness = Likeness(config.text)
    targets: dict[str, Knots] = {kind: {} for kind in kinds}
    for plan in plans:
        for kind in kinds:
            fitted, verdicts = fit_targets(
                past,
                plan,
                kind,
                no_order.name,
                per_window=config.sample_per_window,
                seed=config.seed,
                tell=tell,
            )
            said += verdicts
            if fitted and kind == "product":
                final = with_new_products(
                    past,
                    plan,
                    fitted.calibrated,
                    no_order.name,
                    likeness,
                    per_window=config.sample_per_window,
                    seed=config.seed,
                )
                fitted = replace(fitted, calibrated=final)
            if fitted:
                targets[kind][plan.horizon_days] = fitted
    shared = PriorPredictor(
        name="priors",
        trained_until=past.log.until,
        # As the slices had it: target priors must read the timing that they were fitted with.
        activity=past.now.activity(no_order.name),
        timings=past.now.timings(no_order.name),
        no_order=no_order,
        orders=orders,
        spend=spend,
        kinds={kind: past.now.kind(kind) for kind in kinds},
        targets=_each_horizon(targets, lambda fitted: fitted.calibrated),
        longest_days=max((plan.horizon_days for plan in plans), default=0),
        likeness=likeness,
        designs=DesignCache(),
    )
    return FittedPriors(shared, _each(past, shared, targets), tuple(said), targets)


def _each(past: Past, shared: PriorPredictor, targets: Mapping[str, Knots]) -> dict[str, PriorPredictor]:
    """Every prior as a predictor of the heads it has, leaning on what the best one shares."""
    each = {
        name: shared.renamed(
            name,
            no_order=None,
            orders=None,
            spend=None,
            targets=_each_horizon(targets, partial(_on_all, name)),
        )
        for name in TARGET_PRIORS
        if any(targets.values())
    }
    for name in ACTIVITY_PRIORS:
        timing = past.now.activity(name)
        money = fit_spend("shop_mean" if name == "base_rate" else "gamma_gamma", past.now.snapshot)
        each[name] = shared.renamed(name, no_order=timing, orders=timing, spend=money, targets={})
    return each


def _on_all(name: str, fitted: FittedTargets) -> LinearPrior:
    return fitted.on_all[name]


def _each_horizon(
    targets: Mapping[str, Knots], take: Callable[[FittedTargets], LinearPrior]
) -> dict[str, dict[int, LinearPrior]]:
    """One prior a horizon, per kind."""
    return {
        kind: {days: take(fitted) for days, fitted in knots.items()}
        for kind, knots in targets.items()
        if knots
    }
