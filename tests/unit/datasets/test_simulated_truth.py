"""The truth is true: probabilities against what the simulated customers then do, and against closed forms."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.stats import chi2

from intentml.datasets.simulated import (
    SimulatedShop,
    SimulatedTables,
    TrueProbabilities,
    Truth,
    read_truth,
    simulate_shop,
    true_probabilities,
    write_truth,
)
from intentml.datasets.simulated.calendar import activity, months, shop_time
from intentml.datasets.simulated.catalogue import catalogue
from intentml.datasets.simulated.customers import BUYS_AGAIN, NO_DEATH
from intentml.datasets.simulated.truth import category_shares
from intentml.errors import DataError, TimeError

AS_OF, HORIZON = "2025-03-01", 60
DAY_US = 86_400_000_000


@lru_cache(maxsize=4)
def shop(dial: float, customers: int = 4_000) -> SimulatedTables:
    return simulate_shop(SimulatedShop(customers=customers, dial=dial, seed=5))


def bought(
    tables: SimulatedTables, scored: TrueProbabilities, as_of: str, days: int
) -> npt.NDArray[np.bool_]:
    """Who bought what in the window, read from the tables alone. Shape: (U, J)."""
    first = int(np.datetime64(as_of, "us").astype(np.int64))
    at = tables.orders["ordered_at"].cast(pa.int64())
    inside = pc.and_(pc.greater_equal(at, first), pc.less(at, first + days * DAY_US))
    purchase = pc.and_(
        pc.equal(tables.orders["status"], "completed"), pc.is_valid(tables.orders["customer_id"])
    )
    lines = tables.orders.filter(pc.and_(inside, purchase))
    product = pc.index_in(lines["product_id"], tables.products["product_id"].combine_chunks())
    category = tables.products["category"].take(product)
    row = pc.index_in(lines["customer_id"], pa.array(scored.customer_ids, pa.string())).to_numpy()
    column = pc.index_in(category, pa.array(scored.categories)).to_numpy()
    known = ~np.isnan(row)
    answer = np.zeros(scored.p_bought.shape, bool)
    answer[row[known].astype(int), column[known].astype(int)] = True
    return answer


def assert_binned_probabilities_come_true(p: npt.NDArray[np.float64], came: npt.NDArray[np.bool_]) -> None:
    """Equal-mass bins; the sum of squared binomial deviations stays below the 99.99 % point."""
    assert not came[p == 0].any()
    p, came = p[p > 0], came[p > 0]
    bins = 15
    row = np.argsort(np.argsort(p, kind="stable")) * bins // len(p)
    variance = np.bincount(row, p * (1 - p))
    deviation = np.bincount(row, came - p)
    used = variance > 1  # the normal approximation needs more than a handful of expected buyers
    assert used.sum() >= 4
    assert (deviation[used] ** 2 / variance[used]).sum() < chi2.ppf(0.9999, used.sum())


@pytest.mark.parametrize("dial", [0.0, 0.5, 1.0])
def test_the_share_that_orders_equals_the_mean_true_probability_in_every_bin(dial: float) -> None:
    truth = true_probabilities(shop(dial).truth, AS_OF, HORIZON)
    came = bought(shop(dial), truth, AS_OF, HORIZON)
    assert_binned_probabilities_come_true(1 - truth.p_no_order, came.any(axis=1))


@pytest.mark.parametrize("dial", [0.0, 0.5, 1.0])
def test_the_share_that_buys_a_category_equals_the_mean_true_probability_in_every_bin(dial: float) -> None:
    truth = true_probabilities(shop(dial).truth, AS_OF, HORIZON)
    came = bought(shop(dial), truth, AS_OF, HORIZON)
    assert_binned_probabilities_come_true(truth.p_bought.ravel(), came.ravel())
    expected, spread = truth.p_bought.sum(axis=0), (truth.p_bought * (1 - truth.p_bought)).sum(axis=0)
    z = (came.sum(axis=0) - expected) / np.sqrt(spread)
    assert np.abs(z).max() < 4.5


def test_christmas_is_in_the_truth_of_a_window_before_christmas() -> None:
    truth = true_probabilities(shop(0.0).truth, "2024-11-20", 30)
    came = bought(shop(0.0), truth, "2024-11-20", 30)
    column = truth.categories.index("Decoration")
    expected = truth.p_bought[:, column]
    assert abs(came[:, column].sum() - expected.sum()) < 4 * np.sqrt((expected * (1 - expected)).sum())
    july = true_probabilities(shop(0.0).truth, "2024-07-01", 30)
    assert expected.mean() > 2 * july.p_bought[:, column].mean()


def test_at_full_noise_everybody_has_the_same_probability_and_it_is_the_closed_form() -> None:
    settings = SimulatedShop(customers=50, dial=1.0)
    truth = simulate_shop(settings).truth
    result = true_probabilities(truth, AS_OF, HORIZON)
    day = (dt.date.fromisoformat(AS_OF) - settings.start).days
    length = activity(settings.start, day + HORIZON)[day:]
    order = -np.expm1(-length / settings.noise_gap_days)  # memoryless: each day on its own
    share = category_shares(catalogue(settings), truth.hidden, np.arange(1))[0]
    share = share[months(settings.start, day + HORIZON)[day:]]
    assert np.allclose(result.p_no_order, np.prod(1 - order), rtol=1e-10)
    assert np.allclose(result.p_bought, 1 - np.prod(1 - order[:, None] * share, axis=0), rtol=1e-10)


def test_a_regular_customers_probability_agrees_with_futures_drawn_from_the_law() -> None:
    """One customer, gamma shape 6, last order 20 days ago: 40,000 futures, order by order."""
    truth = one_customer(mean_gap=25.0, regularity=6.0, death_rate=0.01, orders=(580,))
    settings = truth.settings
    day = 600
    as_of = settings.start + dt.timedelta(days=day)
    result = true_probabilities(truth, as_of, 80)
    rng = np.random.default_rng(0)
    clock = shop_time(settings.start, 2_000)
    share = category_shares(catalogue(settings), truth.hidden, np.arange(1))[0]
    month = months(settings.start, 2_000)
    paths = 40_000
    gap = rng.gamma(6.0, 25.0 / 6.0, size=40 * paths)
    gap = gap[clock[580] + gap > clock[day - 1]][:paths]  # no order before as_of
    assert len(gap) == paths
    at = np.searchsorted(clock, clock[580] + gap)
    death = day - 1 + rng.geometric(1 - np.exp(-0.01), size=paths)
    ordered = np.zeros(paths, bool)
    hit = np.zeros((paths, share.shape[1]), bool)
    while (live := (at < day + 80) & (at < death)).any():
        ordered |= live
        hit |= live[:, None] & (rng.random(hit.shape) < share[month[np.minimum(at, 1_999)]])
        gap = rng.gamma(6.0, 25.0 / 6.0, size=paths)
        at = np.where(live, np.searchsorted(clock, clock[np.minimum(at, 1_900)] + gap), 10**6)
    assert abs(ordered.mean() - (1 - result.p_no_order[0])) < 4 * np.sqrt(0.25 / paths)
    assert np.abs(hit.mean(axis=0) - result.p_bought[0]).max() < 4 * np.sqrt(0.25 / paths)


def one_customer(mean_gap: float, regularity: float, death_rate: float, orders: tuple[int, ...]) -> Truth:
    """A truth of one living customer who buys again and again."""
    base = simulate_shop(SimulatedShop(customers=1)).truth
    hidden = replace(
        base.hidden,
        kind=np.array([BUYS_AGAIN]),
        signup_day=np.array([0]),
        death_day=np.array([NO_DEATH]),
        death_rate=np.array([death_rate]),
        mean_gap=np.array([mean_gap]),
        regularity=np.array([regularity]),
    )
    days = np.array(orders, np.int64)
    return replace(base, hidden=hidden, order_days=days, indptr=np.array([0, len(days)]))


def test_a_regular_customer_is_likelier_to_order_when_the_order_is_due() -> None:
    start = SimulatedShop().start
    truth = one_customer(mean_gap=60.0, regularity=8.0, death_rate=0.0, orders=(300,))
    soon = true_probabilities(truth, start + dt.timedelta(days=310), 7)
    due = true_probabilities(truth, start + dt.timedelta(days=358), 7)
    assert 1 - soon.p_no_order[0] < 0.01
    assert 1 - due.p_no_order[0] > 0.2


def test_orders_after_as_of_do_not_change_the_truth() -> None:
    start = SimulatedShop().start
    before = one_customer(mean_gap=30.0, regularity=3.0, death_rate=0.001, orders=(100, 140))
    after = one_customer(mean_gap=30.0, regularity=3.0, death_rate=0.001, orders=(100, 140, 150, 160))
    as_of = start + dt.timedelta(days=150)
    one, other = true_probabilities(before, as_of, 30), true_probabilities(after, as_of, 30)
    assert np.array_equal(one.p_bought, other.p_bought)
    assert np.array_equal(one.p_no_order, other.p_no_order)


def test_the_last_order_before_a_day_is_found_for_customers_with_and_without_orders() -> None:
    truth = replace(shop(0.0).truth, order_days=np.array([3, 9, 5]), indptr=np.array([0, 2, 2, 3]))
    assert truth.last_order_day(9).tolist() == [3, -1, 5]
    assert truth.last_order_day(10).tolist() == [9, -1, 5]
    assert truth.last_order_day(3).tolist() == [-1, -1, -1]


def test_a_longer_window_never_lowers_a_probability_and_buying_needs_an_order() -> None:
    truth = shop(0.0).truth
    short, long = true_probabilities(truth, AS_OF, 14), true_probabilities(truth, AS_OF, 28)
    assert (long.p_bought >= short.p_bought - 1e-12).all()
    assert (long.p_no_order <= short.p_no_order + 1e-12).all()
    assert (short.p_bought.max(axis=1) <= 1 - short.p_no_order + 1e-12).all()
    assert (short.p_bought >= 0).all()


def test_those_who_are_lost_or_done_have_no_chance_and_those_without_an_account_are_not_scored() -> None:
    truth = shop(0.0).truth
    day = (dt.date.fromisoformat(AS_OF) - truth.settings.start).days
    result = true_probabilities(truth, AS_OF, 28)
    known = truth.hidden.signup_day < day
    assert result.customer_ids.tolist() == truth.customer_ids[known].tolist()
    lost = truth.hidden.death_day[known] < day
    assert lost.any()
    assert (result.p_no_order[lost] == 1).all()
    assert (result.p_bought[lost] == 0).all()


def test_a_window_may_end_after_the_data() -> None:
    result = true_probabilities(shop(0.0).truth, "2025-07-01", 90)
    assert len(result.customer_ids) == 4_000
    assert 0 < result.p_bought.mean() < 0.2


@pytest.mark.parametrize("as_of", ["2023-07-01", "2025-07-02", "yesterday"])
def test_an_as_of_outside_the_shop_or_no_date_is_refused(as_of: str) -> None:
    with pytest.raises(TimeError, match=as_of):
        true_probabilities(shop(0.0).truth, as_of, 28)


def test_a_horizon_of_no_days_is_refused() -> None:
    with pytest.raises(TimeError, match="horizon_days is 0"):
        true_probabilities(shop(0.0).truth, AS_OF, 0)


def test_a_truth_that_was_written_and_read_gives_the_same_probabilities(tmp_path: Path) -> None:
    truth = shop(0.0).truth
    write_truth(tmp_path / "truth", truth)
    again = read_truth(tmp_path / "truth")
    assert again.settings == truth.settings
    one, other = true_probabilities(truth, AS_OF, 28), true_probabilities(again, AS_OF, 28)
    assert one.customer_ids.tolist() == other.customer_ids.tolist()
    assert one.p_bought.tobytes() == other.p_bought.tobytes()
    assert one.p_no_order.tobytes() == other.p_no_order.tobytes()


def test_a_folder_without_a_truth_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"customers\.parquet is missing"):
        read_truth(tmp_path)
