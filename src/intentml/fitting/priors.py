"""Fit every prior on the past, keep the best of them per head by validation log-loss, calibrate it.

What comes in: an order log and `as_of`. What goes out: `FittedPriors`: the best as one predictor,
each prior as a predictor of its own (the baselines of every table), and what validation said.

Validation is the newest complete window before `as_of`; the priors judged on it learn from older
windows alone. The ones kept are then fitted again with that window too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from intentml.errors import TimeError
from intentml.fitting.slices import Slice
from intentml.fitting.windows import Cutoffs, cutoffs
from intentml.prediction import F64, logit
from intentml.priors.activity import ACTIVITY_PRIORS, BTYD_NAMES, ActivityPrior
from intentml.priors.designs import KindParameters, design_of
from intentml.priors.linear import (
    TARGET_PRIORS,
    LinearPrior,
    PairSample,
    calibrated,
    fit_linear,
    platt,
    sample_pairs,
    weighted_log_loss,
)
from intentml.priors.predictor import DesignCache, PriorPredictor
from intentml.priors.spend import SPEND_PRIORS, SpendPrior, fit_spend
from intentml.timeline import Instant, OrderLog
from intentml.timeline.catalogue import KINDS

Progress = Callable[[str, int, int], None]


class PriorsConfig(BaseModel):
    """Settings of the recipe `priors`.

    Attributes:
        horizons_days: Horizons to fit target priors and calibration at; others are interpolated.
        windows: Past windows a horizon, the newest for validation; more steady the weights, fewer follow change.
        kinds: Kinds of targets.
        sample_per_window: Unbought pairs kept a window and sort; more costs time, less costs a steady fit.
        seed: Seed of the samples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizons_days: tuple[int, ...] = Field((7, 28, 90, 180), min_length=1)
    windows: int = Field(3, ge=1, le=12)
    kinds: tuple[str, ...] = KINDS
    sample_per_window: int = Field(120_000, ge=1_000)
    seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class Verdict:
    """What validation said of one prior.

    Attributes:
        head: no_order, orders, spend, or the kind of target.
        horizon_days: Horizon it was judged at.
        prior: Its name.
        loss: Mean log-loss (deviance for orders and spend): lower is better.
        chosen: Whether the recipe uses it.
        cutoff: Start of the validation window.
        split: `windows` where it learned from older windows, `customers` where from other customers.
    """

    head: str
    horizon_days: int
    prior: str
    loss: float
    chosen: bool
    cutoff: str
    split: str


@dataclass(frozen=True)
class FittedPriors:
    """All priors, fitted.

    Attributes:
        best: The best of them per head, calibrated.
        each: Every prior as a predictor of the heads it has.
        verdicts: What validation said.
    """

    best: PriorPredictor
    each: Mapping[str, PriorPredictor]
    verdicts: tuple[Verdict, ...]


def fit_priors(
    log: OrderLog,
    as_of: Instant,
    config: PriorsConfig | None = None,
    progress: Progress = lambda step, done, total: None,
) -> FittedPriors:
    """Fit, choose and calibrate priors on what was known before `as_of`.

    Raises:
        TimeError: There is no order before `as_of`.
    """
    config = config or PriorsConfig()
    past = log.before(as_of)
    if not len(past.purchases):
        raise TimeError(
            f"no order is known before {as_of.iso}: there is nothing to learn from",
            table="orders",
            hint=f"the first order is at {log.start.iso}; choose a later as_of",
        )
    return _Fit(past, config, progress).run()


class _Fit:
    """One fit: the slices it made so far, and the verdicts."""

    def __init__(self, past: OrderLog, config: PriorsConfig, progress: Progress) -> None:
        self.past, self.config, self.progress = past, config, progress
        self.now = Slice(past, past.until)
        self.slices: dict[int, Slice] = {}
        self.verdicts: list[Verdict] = []
        plans = (cutoffs(past, days, config.windows) for days in sorted(set(config.horizons_days)))
        self.plans = [plan for plan in plans if plan is not None]
        self.kinds = [kind for kind in config.kinds if len(self.now.snapshot.catalogue.targets(kind))]
        self.steps = 1 + sum(len(plan.all) for plan in self.plans) * len(self.kinds)
        self.done = 0

    def run(self) -> FittedPriors:
        """Timing first, because target priors lean on it; then spend; then targets kind by kind."""
        self._tell("timing")
        activity = self._activity()
        spend = self._spend(activity["orders"])
        targets = self._targets(activity["no_order"].name)
        kinds = {kind: self.now.kind(kind) for kind in self.kinds}
        return self._assemble(activity, spend, targets, kinds)

    def slice(self, cutoff: Instant) -> Slice:
        """The slice at a cutoff, made once."""
        return self.slices.setdefault(cutoff.us, Slice(self.past, cutoff))

    # -- timing ---------------------------------------------------------------------------------

    def _activity(self) -> dict[str, ActivityPrior]:
        """The best timing for each of the heads no_order and orders, fitted on everything."""
        heads: dict[str, Callable[[ActivityPrior, Slice, int], float]] = {
            "no_order": _no_order_loss,
            "orders": _orders_loss,
        }
        chosen = {}
        for head, loss in heads.items():
            losses = self._losses(ACTIVITY_PRIORS, lambda name, part, days, of=loss: of(part.activity(name), part, days))
            if head == "no_order":
                # Which BTYD: by the likelihood of all history; whether any: by validation.
                likeliest = self._likeliest()
                losses_of_two = {
                    plan: {name: table[name] for name in (likeliest, "base_rate")} for plan, table in losses.items()
                }
                best = _least(losses_of_two, default=likeliest)
            else:
                best = _least(losses, default=self._likeliest())
            self._note(head, losses, best, "windows")
            chosen[head] = self.now.activity(best)
        chosen["no_order"] = chosen["no_order"].calibrated(self._churn_calibration(chosen["no_order"].name))
        return chosen

    def _likeliest(self) -> str:
        """The BTYD model under which all history is likeliest.

        All three have four parameters, so their likelihoods compare as they are. They see every gap up
        to `as_of`, where a validation window sees models fitted on the shorter past before it: on a
        young cohort that picks the wrong one (experiments/0001-which-btyd).
        """
        likelihoods = {name: self.now.activity(name).btyd.log_likelihood for name in BTYD_NAMES}
        return max(likelihoods, key=likelihoods.__getitem__)

    def _losses(
        self, names: tuple[str, ...], loss: Callable[[str, Slice, int], float]
    ) -> dict[Cutoffs, dict[str, float]]:
        """The loss of each name on the newest window of each horizon."""
        return {
            plan: {name: loss(name, self.slice(plan.validation), plan.horizon_days) for name in names}
            for plan in self.plans
        }

    def _churn_calibration(self, name: str) -> dict[int, tuple[float, float]]:
        """A correction per horizon: the one of the window before must have made this one better.

        A horizon where that cannot be tried, or was no gain, keeps the identity as its knot, so that
        no correction reaches beyond the horizons that earned it.
        """
        corrections = {}
        for plan in self.plans:
            days = plan.horizon_days
            corrections[days] = (0.0, 1.0)
            if not plan.training:
                continue
            earlier, newest = self.slice(plan.training[0]), self.slice(plan.validation)
            tried = newest.activity(name).calibrated({days: _platt_of(earlier, name, days)})
            plain, better = (_no_order_losses(prior, newest, days) for prior in (newest.activity(name), tried))
            gain = plain - better
            if gain.mean() > gain.std() / np.sqrt(len(gain)):
                corrections[days] = _platt_of(newest, name, days)
        return corrections if any(pair != (0.0, 1.0) for pair in corrections.values()) else {}

    def _spend(self, orders: ActivityPrior) -> SpendPrior | None:
        """The best money per order; None for a shop without prices."""
        if fit_spend("shop_mean", self.now.snapshot) is None:
            return None

        def loss(name: str, part: Slice, days: int) -> float:
            prior = fit_spend(name, part.snapshot)
            if prior is None:
                return np.inf
            expected = part.activity(orders.name).orders(part.snapshot, days)[:, 0] * prior.per_order(part.snapshot)
            buyers = part.snapshot.n_orders > 0
            return _deviance(expected[buyers], part.labels(days).spend[buyers])

        losses = self._losses(SPEND_PRIORS, loss)
        best = _least(losses, default="gamma_gamma")
        self._note("spend", losses, best, "windows")
        return fit_spend(best, self.now.snapshot)

    # -- targets --------------------------------------------------------------------------------

    def _targets(self, activity_name: str) -> dict[str, dict[int, dict[str, LinearPrior]]]:
        """For each kind and horizon all priors and, under `best`, the chosen one calibrated."""
        fitted: dict[str, dict[int, dict[str, LinearPrior]]] = {kind: {} for kind in self.kinds}
        for plan in self.plans:
            for kind in self.kinds:
                samples = [self._sample(kind, plan.horizon_days, cutoff, activity_name) for cutoff in plan.all]
                for _ in plan.all:
                    self._tell(f"{kind}, {plan.horizon_days} days")
                samples = [sample for sample in samples if sample is not None]
                if samples:
                    fitted[kind][plan.horizon_days] = self._choose(kind, plan, samples)
        return fitted

    def _sample(self, kind: str, days: int, cutoff: Instant, activity_name: str) -> PairSample | None:
        """Pairs of one window with features and labels; None where the window has nothing to learn from."""
        part = self.slice(cutoff)
        if not len(part.snapshot.catalogue.targets(kind)):
            return None
        eligible = part.eligible(kind)
        if not len(eligible):
            return None
        ordering = 1.0 - part.activity(activity_name).no_order(part.snapshot, days)[:, 0]
        design = design_of(part.snapshot, part.history(kind), part.kind(kind), ordering, days)
        seed = _seed(self.config.seed, kind, days, cutoff.us)
        return sample_pairs(
            design,
            part.labels(days).bought[kind],
            eligible,
            np.random.default_rng(seed),
            self.config.sample_per_window,
        )

    def _choose(self, kind: str, plan: Cutoffs, samples: list[PairSample]) -> dict[str, LinearPrior]:
        """Judge every prior on the newest window, fit all on every window, calibrate the best."""
        newest, older = samples[0], samples[1:]
        split = "windows" if older else "customers"
        judged = newest
        if not older:
            half = np.random.default_rng(_seed(self.config.seed, kind, plan.horizon_days, 0)).random(len(newest.bought)) < 0.5
            older, judged = [newest.select(half)], newest.select(~half)
        losses = {
            name: weighted_log_loss(fit_linear(name, older).logits(judged), judged) for name in TARGET_PRIORS
        }
        best = min(losses, key=losses.__getitem__)
        self._note(kind, {plan: losses}, best, split)
        fitted = {name: fit_linear(name, samples) for name in TARGET_PRIORS}
        fitted["best"] = calibrated(fitted[best], newest)
        return fitted

    # -- assembly -------------------------------------------------------------------------------

    def _assemble(
        self,
        activity: dict[str, ActivityPrior],
        spend: SpendPrior | None,
        targets: dict[str, dict[int, dict[str, LinearPrior]]],
        kinds: dict[str, KindParameters],
    ) -> FittedPriors:
        """One predictor for the best, one for each prior."""
        cache = DesignCache()
        longest = max((plan.horizon_days for plan in self.plans), default=0)

        def predictor(
            name: str, targets_of: str | None = None, timing: Mapping[str, ActivityPrior] | None = None,
            money: SpendPrior | None = None,
        ) -> PriorPredictor:  # fmt: skip
            timing = timing or {}
            return PriorPredictor(
                name=name,
                trained_until=self.past.until,
                activity=activity["no_order"],
                no_order=timing.get("no_order"),
                orders=timing.get("orders"),
                spend=money,
                kinds=kinds,
                targets={
                    kind: {days: named[targets_of] for days, named in by_horizon.items()}
                    for kind, by_horizon in targets.items()
                    if by_horizon
                }
                if targets_of
                else {},
                longest_days=longest,
                designs=cache,
            )

        each = {name: predictor(name, name) for name in TARGET_PRIORS if any(targets.values())}
        gamma_gamma = fit_spend("gamma_gamma", self.now.snapshot)
        mean = fit_spend("shop_mean", self.now.snapshot)
        for name in ACTIVITY_PRIORS:
            timing = self.now.activity(name)
            each[name] = predictor(
                name, None, {"no_order": timing, "orders": timing}, mean if name == "base_rate" else gamma_gamma
            )
        best = predictor("priors", "best", activity, spend)
        return FittedPriors(best, each, tuple(self.verdicts))

    def _note(self, head: str, table: Mapping[Cutoffs, Mapping[str, float]], best: str, split: str) -> None:
        """Keep what validation said."""
        for plan, losses in table.items():
            cutoff = plan.validation.iso
            for name, loss in losses.items():
                self.verdicts.append(Verdict(head, plan.horizon_days, name, loss, name == best, cutoff, split))

    def _tell(self, step: str) -> None:
        self.done += 1
        self.progress(step, min(self.done, self.steps), self.steps)


def _least(table: Mapping[Cutoffs, Mapping[str, float]], default: str) -> str:
    """The name with the least loss, each horizon's losses divided by their best; ties keep the order."""
    if not table:
        return default
    names = list(next(iter(table.values())))
    shares = {
        name: np.mean([losses[name] / max(min(losses.values()), 1e-12) for losses in table.values()])
        for name in names
    }
    return min(names, key=shares.__getitem__)


def _no_order_losses(prior: ActivityPrior, part: Slice, days: int) -> F64:
    """Log-loss of no order, per customer with an order."""
    buyers = part.snapshot.n_orders > 0
    odds = logit(prior.no_order(part.snapshot, days)[buyers, 0])
    return np.logaddexp(0.0, np.where(part.labels(days).no_order[buyers], -odds, odds))


def _no_order_loss(prior: ActivityPrior, part: Slice, days: int) -> float:
    return float(_no_order_losses(prior, part, days).mean())


def _orders_loss(prior: ActivityPrior, part: Slice, days: int) -> float:
    buyers = part.snapshot.n_orders > 0
    return _deviance(prior.orders(part.snapshot, days)[buyers, 0], part.labels(days).orders[buyers])


def _deviance(expected: F64, actual: F64) -> float:
    """Poisson deviance: proper for a mean, whatever the spread around it."""
    expected, actual = np.maximum(expected, 1e-9), np.maximum(actual, 0.0)
    ratio = np.where(actual > 0, actual / expected, 1.0)
    return float(2 * np.mean(actual * np.log(ratio) - (actual - expected)))


def _platt_of(part: Slice, name: str, days: int) -> tuple[float, float]:
    """Intercept and slope that mend a timing prior's no-order logit on one window."""
    buyers = part.snapshot.n_orders > 0
    odds = logit(part.activity(name).no_order(part.snapshot, days)[buyers, 0])
    return platt(odds, part.labels(days).no_order[buyers], np.ones(len(odds)))


def _seed(seed: int, kind: str, days: int, cutoff_us: int) -> int:
    """A seed of its own for every sample, the same on every machine."""
    text = f"{seed}/{kind}/{days}/{cutoff_us}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
