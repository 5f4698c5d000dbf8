"""The numbers of the timing network: what each BTYD model says, and plain facts of the tiny shop."""

from __future__ import annotations

import numpy as np

from intentml.fitting.slices import Past
from intentml.prediction import logit
from intentml.priors.timing_numbers import NUMBERS, timing_numbers
from intentml.timeline import Snapshot
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of

LOG = log_of(random_shop(0, customers=40, products=15, lines=900))


def part():
    return Past(LOG).at(LOG.instant(AS_OF_TEXT))


def numbers(snapshot: Snapshot) -> np.ndarray:
    return timing_numbers(snapshot, "mbg_nbd", part().timings("mbg_nbd"))


def test_the_chosen_prior_speaks_first_and_differs_from_itself_by_nothing():
    snapshot = part().snapshot
    told = numbers(snapshot)
    assert told.shape == (len(snapshot), NUMBERS)
    silence = part().activity("mbg_nbd").no_order(snapshot, [7, 240])
    np.testing.assert_allclose(told[:, [0, 5]], np.clip(logit(silence), -8, 8), rtol=1e-5)
    assert not told[:, 12:18].any()  # bg_nbd, then mbg_nbd itself, then pareto_nbd
    assert told[:, 6:12].any()
    assert told[:, 18:24].any()


def test_facts_are_those_of_the_history():
    snapshot = part().snapshot
    told = numbers(snapshot)
    row = int(np.argmax(snapshot.n_orders))
    ages = snapshot.orders.age_days[snapshot.order_indptr[row] : snapshot.order_indptr[row + 1]]
    assert told[row, 25] == np.float32(np.log1p(len(ages)))
    assert told[row, 26] == np.float32(np.log1p(ages.min()))
    assert told[row, 27] == np.float32(np.log1p(ages.max()))
    assert told[row, 32:37].tolist() == [
        np.float32(np.log1p((ages <= days).sum())) for days in (14, 28, 56, 90, 180)
    ]


def test_the_rhythm_is_told_from_the_last_order_back():
    snapshot = part().snapshot
    told = numbers(snapshot)[:, 37:44]
    row = int(np.argmax(snapshot.n_orders))
    ages = snapshot.orders.age_days[snapshot.order_indptr[row] : snapshot.order_indptr[row + 1]]
    gaps = np.log1p(ages[:-1] - ages[1:])
    assert len(ages) > 5
    np.testing.assert_allclose(told[row, :4], np.log1p(ages[-2:-6:-1] - ages[-1]), rtol=1e-5)
    np.testing.assert_allclose(told[row, 4:], [gaps.mean(), gaps.std(), gaps.max()], rtol=1e-5)
    assert not told[snapshot.n_orders < 2].any()
    assert not told[snapshot.n_orders == 2][:, 1:4].any()


def test_money_is_that_of_the_orders():
    snapshot = part().snapshot
    told = np.expm1(numbers(snapshot)[:, 44:])
    row = int(np.argmax(snapshot.n_orders))
    here = slice(snapshot.order_indptr[row], snapshot.order_indptr[row + 1])
    ages, spend, items = (getattr(snapshot.orders, name)[here] for name in ("age_days", "spend", "items"))
    expected = [spend.mean(), items.mean(), spend[-1], items[-1]]
    expected += [spend[ages <= days].sum() for days in (14, 28, 90, 180)]
    expected += [(0.5 ** (ages / days)).sum() for days in (14, 60)]
    np.testing.assert_allclose(told[row], expected, rtol=1e-3)
    assert not told[snapshot.n_orders == 0].any()


def test_a_customer_s_numbers_do_not_depend_on_the_company():
    snapshot = part().snapshot
    whole, some = numbers(snapshot), np.array([1, 5, 8])
    np.testing.assert_allclose(numbers(snapshot.take(some)), whole[some], atol=1e-6)
