"""How far buyers stray, told by past windows: found as it is, and wide where little is known."""

from __future__ import annotations

import numpy as np
import pytest

from intentml.fitting.buyers import Window, fit_buyers, spread_of, windows_of
from intentml.fitting.priors import PriorsConfig, fit_priors_on
from intentml.fitting.slices import Past
from intentml.priors.buyers import BuyersSpread
from simulated_log import simulated

AS_OF, DAYS = "2024-10-01", 28


def windows(
    rng: np.random.Generator, levels: list[float], target: float = 0.0, targets: int = 400, part: float = 1.0
) -> list[Window]:
    """Windows of which the buyers truly stray so far; `part` of the customers are looked at."""
    found = []
    for level in levels:
        expected = rng.uniform(2, 200, targets)
        moved = rng.gamma(1 / target, target, targets) if target else np.ones(targets)
        came = rng.poisson(part * expected * moved * np.exp(level)).astype(float)
        found.append(Window(part * expected, part * expected, came, 1 / part))
    return found


@pytest.mark.parametrize("part", [1.0, 0.2])
def test_what_befalls_single_targets_is_found(part):
    found = spread_of(windows(np.random.default_rng(0), [0.0] * 4, target=0.09, part=part))
    assert found.target == pytest.approx(0.09, rel=0.3)
    calm = spread_of(windows(np.random.default_rng(0), [0.0] * 4, part=part))
    assert calm.target < 0.01


def test_a_level_that_jumps_makes_intervals_wide_and_one_that_is_off_alike_does_not():
    rng = np.random.default_rng(0)
    jumps = spread_of(windows(rng, [0.4, -0.2, 0.3, -0.4]))
    steady = spread_of(windows(rng, [0.4, 0.4, 0.4, 0.4]))
    assert np.sqrt(jumps.level) > 0.5
    assert np.sqrt(steady.level) < 0.12


def test_a_jump_of_the_level_is_not_taken_for_the_targets_own():
    found = spread_of(windows(np.random.default_rng(0), [0.5, -0.5, 0.5]))
    assert found.target < 0.01


def test_the_fewer_windows_the_wider():
    rng = np.random.default_rng(0)
    level = [spread_of(windows(rng, [0.0] * count)).level for count in (1, 2, 6)]
    assert level[0] > level[1] > level[2] > 0


def test_fitted_on_a_shop_the_window_after_lies_inside():
    log, _ = simulated(customers=300)
    as_of = log.instant(AS_OF)
    past = Past(log.before(as_of))
    priors = fit_priors_on(
        past,
        PriorsConfig(horizons_days=(DAYS,), kinds=("category", "product"), windows=2),
        lambda *told: None,
    ).best
    cutoffs = [as_of.plus_days(-DAYS * back) for back in (1, 2)]
    spread = fit_buyers(past, priors, {DAYS: cutoffs})
    assert spread == BuyersSpread.model_validate_json(spread.model_dump_json())
    assert set(spread.spreads[DAYS]) == set(priors.targets)
    after = windows_of(Past(log).at(as_of), priors, DAYS)
    inside = []
    for kind, window in after.items():
        low, high = spread.interval([kind], DAYS, window.expected, window.independent)
        inside.append((low <= window.came) & (window.came <= high))
    assert np.concatenate(inside).mean() > 0.85
