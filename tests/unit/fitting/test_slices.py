"""Slices: a cutoff's own past, made once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.fitting.slices import MAX_TARGETS, MIN_BUYERS, Past, Slice
from random_shop import AS_OF_TEXT, random_shop
from same import assert_same, snapshot_arrays
from tiny import log_of

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2024-01-01", tz="UTC")


def test_a_slice_knows_what_was_known_at_its_cutoff():
    log = log_of(random_shop(0, customers=30, lines=400))
    past = Past(log.before(AS_OF_TEXT))
    cutoff = past.log.until.plus_days(-28)
    assert_same(snapshot_arrays(past.at(cutoff).snapshot), snapshot_arrays(log.as_of(cutoff)))
    assert_same(snapshot_arrays(past.now.snapshot), snapshot_arrays(log.as_of(AS_OF_TEXT)))


def test_everything_is_made_once():
    past = Past(log_of(random_shop(0, customers=30, lines=400)).before(AS_OF_TEXT))
    cutoff = past.log.until.plus_days(-28)
    part = past.at(cutoff)
    assert past.at(cutoff) is part
    for made in (part.history, part.kind, part.candidates):
        assert made("category") is made("category")
    assert part.activity("base_rate") is part.activity("base_rate")
    assert part.labels(28) is part.labels(28)
    assert part.labels(7) is not part.labels(28)


@pytest.mark.parametrize("kind", ["product", "category"])
def test_without_neighbours_a_pair_is_a_candidate_by_its_own_history_alone(kind):
    log = log_of(random_shop(0, customers=30, lines=400)).before(AS_OF_TEXT)
    whole, without = Past(log).now, Past(log, neighbours=False).now
    own = without.candidates(kind)
    assert len(own.target) == len(without.history(kind)) < len(whole.candidates(kind).target)
    assert not own.ease.any()
    assert whole.candidates(kind).ease.any()
    np.testing.assert_array_equal(without.kind(kind).rate, whole.kind(kind).rate)


def line(customer: str, day: float, product: str = "p") -> dict[str, object]:
    return {
        "customer_id": customer,
        "order_id": f"{customer}{day}{product}",
        "ordered_at": START + day * DAY,
        "product_id": product,
    }


def slice_of(orders: list[dict[str, object]], customers: list[dict[str, object]] | None = None) -> Slice:
    """The slice at the end of the data."""
    tables = {"orders": pd.DataFrame(orders)}
    if customers:
        tables["customers"] = pd.DataFrame(customers)
    log = log_of(tables)
    return Slice(log, log.until)


def test_the_first_order_rate_is_that_of_the_prospects_of_four_weeks_ago():
    # Of four accounts older than four weeks, one had ordered before; of the other three one did since.
    accounts = [{"customer_id": name, "created_at": START} for name in ("old", "new", "idle", "quiet")]
    accounts.append({"customer_id": "late", "created_at": START + 90 * DAY})
    rate = slice_of([line("old", 0), line("old", 99.5), line("new", 95), line("late", 96)], accounts)
    assert rate.first_order_rate == pytest.approx(1.5 / (4 * 28))


def test_without_a_customers_table_the_first_order_rate_is_small_and_not_zero():
    rate = slice_of([line(f"c{number}", number) for number in range(100)]).first_order_rate
    assert rate == pytest.approx(0.5 / 28)


def test_targets_to_learn_from_have_five_buyers():
    orders = [line(f"c{number}", number, "many") for number in range(MIN_BUYERS)]
    orders += [line(f"c{number}", 50 + number, "few") for number in range(MIN_BUYERS - 1)]
    orders += [line("c0", day, "loved by one") for day in range(60, 90)]
    part = slice_of(orders)
    targets = part.snapshot.catalogue.targets("product").targets
    assert targets[part.eligible("product")].tolist() == ["many"]


def test_of_too_many_targets_the_most_bought_are_kept_in_order():
    rng = np.random.default_rng(0)
    products = MAX_TARGETS + 50
    buyers = rng.permutation(np.repeat([5, 6, 7], [60, 1000, products - 1060]))
    product = np.repeat(np.arange(products), buyers)
    customer = np.concatenate([np.arange(count) for count in buyers])
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{row}" for row in customer],
            "order_id": np.arange(len(customer)).astype(str),
            "ordered_at": START + pd.to_timedelta(rng.integers(0, 60, len(customer)), unit="D"),
            "product_id": [f"p{row:04d}" for row in product],
        }
    )
    log = log_of({"orders": frame})
    eligible = Slice(log, log.until).eligible("product")
    assert len(eligible) == MAX_TARGETS
    assert (np.diff(eligible) > 0).all()
    left_out = np.setdiff1d(np.arange(products), eligible)
    assert (buyers[left_out] == 5).all()
