"""How purchases hang together, fitted: found where it is and nowhere else, true on the window after."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from intentml.fitting.priors import PriorsConfig, fit_priors_on
from intentml.fitting.sets import (
    SetOutcome,
    as_it_stood,
    draw_sets,
    fit_frailty,
    fit_union,
    groups_of,
    outcomes_of_sets,
    ratios_by_band,
)
from intentml.fitting.slices import Past, Slice
from intentml.prediction import sigmoid
from intentml.priors.predictor import PriorPredictor
from intentml.priors.union import SIZE_BANDS, SetUnion, size_band
from intentml.timeline.catalogue import Catalogue
from simulated_log import simulated

AS_OF, DAYS = "2024-10-01", 28
# Seven hundred purchases a window: of five hundred customers there are two dozen, and sets of them tell luck.
CUSTOMERS = 4_000


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def drawn_with(frailty: float, customers: int = 2_000) -> list[SetOutcome]:
    """Sets whose purchases truly hang together that much, given an order that half of the customers place."""
    rng = np.random.default_rng(0)
    found = []
    for size in (2, 3, 5, 7, 10, 15, 25, 40) * 4:
        chance = rng.uniform(0.01, 0.15, size)
        # Marshall & Olkin 1988: exponential waits over a shared gamma number.
        shared = rng.gamma(1 / frailty, 1.0, (customers, 1)) if frailty else np.ones((customers, 1))
        waits = rng.exponential(1.0, (customers, size)) / shared
        stays = (1 + waits) ** (-1 / frailty) if frailty else np.exp(-waits)
        came = (stays > 1 - chance).any(axis=1) & (rng.random(customers) < 0.5)
        hazards = np.tile(-np.log1p(-chance), (customers, 1))
        found.append(SetOutcome(size_band(size), np.full(customers, 0.5), hazards, came))
    return found


@pytest.mark.parametrize("frailty", [0.4, 1.0, 3.0])
def test_frailty_is_found_as_it_is(frailty):
    assert fit_frailty(drawn_with(frailty)) == pytest.approx(frailty, rel=0.25)


def test_where_purchases_are_independent_none_is_found():
    assert fit_frailty(drawn_with(0.0)) < 0.05


def test_sets_are_drawn_of_every_band_and_of_alike_products():
    alike = {"category": [np.arange(0, 30), np.arange(30, 60)]}
    sets = draw_sets("product", np.arange(60), np.arange(1, 61), alike, 5, np.random.default_rng(0))
    assert {drawn.band for drawn in sets} == set(SIZE_BANDS)
    assert {drawn.sort for drawn in sets} == {"anywhere", "category"}
    for drawn in sets:
        assert len(np.unique(drawn.columns)) == len(drawn.columns) >= 2
        if drawn.sort == "category":
            assert len(np.unique(drawn.columns // 30)) == 1


def test_a_shop_of_one_product_has_no_sets():
    rng = np.random.default_rng(0)
    assert draw_sets("product", np.array([3]), np.full(9, 7), {}, 5, rng) == []


def test_products_are_alike_by_category_and_by_a_word_of_their_names():
    catalogue = Catalogue(
        texts(*"abcdefghi"),
        texts("Lunch bag red", "Lunch bag blue", "Red mug", *"123456"),
        texts("BAGS", "BAGS", None, *["TOYS"] * 6),
        *(texts(*[None] * 9),) * 2,
    )
    groups = groups_of(catalogue, np.arange(9))
    assert [group.tolist() for group in groups["category"]] == [[0, 1], [3, 4, 5, 6, 7, 8]]
    assert [group.tolist() for group in groups["name"]] == [[0, 1], [0, 1], [0, 2]]  # bag, lunch, red


@cache
def fitted() -> tuple[Past, PriorPredictor, SetUnion]:
    past = Past(simulated(CUSTOMERS)[0].before(AS_OF))
    config = PriorsConfig(horizons_days=(DAYS,), kinds=("product", "category"), sample_per_window=5_000)
    priors = fit_priors_on(past, config, lambda step, done, total: None).best
    return past, priors, fit_union(past, priors, {DAYS: past.log.until.plus_days(-DAYS)})


def test_sets_of_the_window_after_come_as_true_as_single_products():
    _, priors, union = fitted()
    log = simulated(CUSTOMERS)[0]
    part = Slice(log, log.instant(AS_OF))
    sold, buyers = part.eligible("product"), np.flatnonzero(part.snapshot.n_orders > 0)
    expected = sigmoid(priors.predict(part.snapshot, DAYS).targets["product"].columns(sold)[buyers]).sum()
    # A month may be slow or busy for everything: that is not the sets' to know.
    level = expected / part.labels(DAYS).bought["product"][buyers][:, sold].sum()
    after = outcomes_of_sets(part, as_it_stood(priors, part), DAYS)
    told, plain = (
        np.array(list(ratios_by_band((one, frailty) for one in after).values())) / level
        for frailty in (union.at(DAYS), 0.0)
    )
    assert np.abs(told - 1).max() < 0.1
    assert np.abs(np.log(told)).max() <= np.abs(np.log(plain)).max() + 0.01


def test_every_band_of_sizes_is_judged_on_other_customers():
    _, _, union = fitted()
    assert set(union.ratio) == {DAYS}
    assert list(union.ratio[DAYS]) == list(SIZE_BANDS)
    assert all(0.7 < ratio < 1.3 for ratio in union.ratio[DAYS].values())


def test_a_horizon_without_a_window_is_left_out():
    past, priors, _ = fitted()
    assert fit_union(past, priors, {}) == SetUnion()
