"""Target priors: every one fitted on past windows, the best by validation log-loss calibrated.

What comes in: the past in slices, a kind of target and a horizon's cutoffs. What goes out: the priors
by name, the chosen one, and verdicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from intentml.fitting.slices import Past
from intentml.fitting.split import taught
from intentml.fitting.verdicts import Verdict, verdicts
from intentml.fitting.windows import Cutoffs
from intentml.priors.linear import (
    TARGET_PRIORS,
    LinearPrior,
    calibrated,
    fit_linear,
    weighted_log_loss,
    with_rare,
)
from intentml.priors.sampling import PairSample, joined, sample_pairs
from intentml.timeline import Instant


@dataclass(frozen=True)
class FittedTargets:
    """The priors of one kind and horizon.

    Attributes:
        best: Name of the one with the least loss on validation.
        calibrated: That one, fitted on every window and calibrated on the newest, rare targets too.
        on_all: Each, fitted on every window.
        on_older: Each, fitted without the validation window: what it was judged by.
    """

    best: str
    calibrated: LinearPrior
    on_all: Mapping[str, LinearPrior]
    on_older: Mapping[str, LinearPrior]


def fit_targets(
    past: Past,
    plan: Cutoffs,
    kind: str,
    activity: str,
    *,
    per_window: int,
    seed: int,
    tell: Callable[[str], None],
) -> tuple[FittedTargets | None, list[Verdict]]:
    """All priors of one kind and horizon; None where no window has anything to learn from.

    Args:
        past: The past in slices.
        plan: Cutoffs of the horizon.
        kind: Kind of target.
        activity: Timing prior that P(order) is taken from.
        per_window: Unbought pairs kept a window and sort.
        seed: Seed of the samples.
        tell: Called with what is under way, once a window.
    """
    draw = partial(
        _sample, past, kind, plan.horizon_days, activity=activity, per_window=per_window, seed=seed
    )
    samples = []
    for cutoff in plan.all:
        tell(f"{kind}, {plan.horizon_days} days")
        sample = draw(cutoff, past.at(cutoff).eligible(kind))
        if sample is not None:
            samples.append(sample)
    if not samples:
        return None, []
    newest, older = samples[0], samples[1:]
    split = "windows"
    judged = newest
    if not older:
        # One window alone: some of its customers teach, the others judge; of one customer alone, both.
        split = "customers"
        teaches = taught(past.at(plan.validation).snapshot.customer_ids)[newest.customer]
        if teaches.all() or not teaches.any():
            teaches[:] = True
        older, judged = [newest.select(teaches)], newest.select(teaches if teaches.all() else ~teaches)
    on_older = {name: fit_linear(name, older) for name in TARGET_PRIORS}
    losses = {name: weighted_log_loss(prior.logits(judged), judged) for name, prior in on_older.items()}
    best = min(losses, key=losses.__getitem__)
    on_all = {name: fit_linear(name, samples) for name in TARGET_PRIORS}
    rare = draw(plan.validation, past.at(plan.validation).rare(kind))
    final = with_rare(calibrated(on_all[best], newest), newest if rare is None else joined([newest, rare]))
    fitted = FittedTargets(best, final, on_all, on_older)
    return fitted, verdicts(kind, {plan: losses}, best, split)


def _sample(
    past: Past,
    kind: str,
    days: int,
    cutoff: Instant,
    among: npt.NDArray[np.int64],
    *,
    activity: str,
    per_window: int,
    seed: int,
) -> PairSample | None:
    """Pairs of one window and some targets with features and labels; None where there are no targets."""
    part = past.at(cutoff)
    if not len(among):
        return None
    design = part.design(kind, days, activity)
    generator = np.random.default_rng(_seed(seed, kind, days, cutoff.us))
    return sample_pairs(design, part.labels(days).bought[kind], among, generator, per_window)


def _seed(seed: int, kind: str, days: int, cutoff_us: int) -> int:
    """A seed of its own for every sample, the same on every machine."""
    text = f"{seed}/{kind}/{days}/{cutoff_us}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
