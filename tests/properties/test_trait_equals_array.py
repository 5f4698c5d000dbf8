"""Traits against loops: on any shop, SQL and arrays tell the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentml.sequences.timing import timing_statistics
from intentml.timeline import Snapshot
from intentml.traits import TRAITS, compute_traits
from random_shop import AS_OF_TEXT, random_shop
from tiny import log_of

seeds = st.integers(0, 2**32 - 1)


def snapshot_of_seed(seed: int) -> Snapshot:
    return log_of(random_shop(seed)).as_of(AS_OF_TEXT)


def by_hand(snapshot: Snapshot, row: int) -> dict[str, Any]:
    """Every trait of one customer, by the plainest arithmetic on the snapshot's arrays."""
    mine = np.flatnonzero(snapshot.orders.customer == row)
    lines = [np.flatnonzero(snapshot.line_order == order) for order in mine]
    ages = [float(age) for age in snapshot.orders.age_days[mine]]
    paid = [[amount for amount in snapshot.line_amount[of] if not np.isnan(amount)] for of in lines]
    spends = [sum(amounts) if amounts else None for amounts in paid]
    known = [spend for spend in spends if spend is not None]
    pieces = [float(snapshot.line_quantity[of].sum()) for of in lines]
    days = sorted(set(snapshot.orders.day[mine].tolist()))
    gaps = np.diff(days).astype(float)
    products = [int(product) for of in lines for product in snapshot.line_product[of] if product >= 0]
    categories = {snapshot.catalogue.categories[product] for product in products} - {None}
    unpriced = bool(spends) and not known
    returned = float(snapshot.returned_amount[row])
    listed = float(snapshot.listed_days[row])
    return {
        "recency_days": min(ages, default=None),
        "tenure_days": max(ages, default=None),
        "listed_days": listed if np.isfinite(listed) else None,
        "frequency": len(mine),
        "active_days": len(days),
        "monetary": None if unpriced else sum(known),
        "returned_amount": returned,
        "monetary_net": None if unpriced else sum(known) - returned,
        **{f"orders_{n}d": sum(age <= n for age in ages) for n in (28, 90, 365)},
        **{
            f"spend_{n}d": None
            if unpriced
            else sum(spend or 0.0 for age, spend in zip(ages, spends, strict=True) if age <= n)
            for n in (28, 90, 365)
        },
        "average_order_value": sum(known) / len(known) if known else None,
        "average_order_items": sum(pieces) / len(mine) if len(mine) else None,
        "average_order_lines": sum(map(len, lines)) / len(mine) if len(mine) else None,
        "distinct_products": None if len(mine) and not products else len(set(products)),
        "distinct_categories": None if len(mine) and not categories else len(categories),
        "gap_median_days": float(np.median(gaps)) if len(gaps) else None,
        "gap_mean_days": float(np.mean(gaps)) if len(gaps) else None,
        "gap_last_days": float(gaps[-1]) if len(gaps) else None,
        "recency_in_gaps": min(ages) / float(np.median(gaps)) if len(gaps) else None,
        "first_order_items": pieces[0] if pieces else None,
        "first_order_lines": len(lines[0]) if lines else None,
        "first_order_spend": spends[0] if spends else None,
        "days_to_second_order": ages[0] - ages[1] if len(ages) > 1 else None,
    }


@settings(max_examples=12)
@given(seed=seeds)
def test_every_trait_is_what_a_loop_over_the_arrays_finds(seed: int) -> None:
    snapshot = snapshot_of_seed(seed)
    for row, traits in enumerate(compute_traits(snapshot).to_pylist()):
        wanted = {"customer_id": snapshot.customer_ids[row], **by_hand(snapshot, row)}
        assert set(wanted) == {"customer_id", *TRAITS}
        assert traits == {
            name: pytest.approx(value, rel=1e-12, abs=1e-12) if isinstance(value, float) else value
            for name, value in wanted.items()
        }


@settings(max_examples=12)
@given(seed=seeds)
def test_recency_and_gaps_are_those_of_the_timing_statistics_bit_for_bit(seed: int) -> None:
    snapshot = snapshot_of_seed(seed)
    timing = timing_statistics(snapshot)
    table = compute_traits(
        snapshot, ["recency_days", "tenure_days", "frequency", "active_days", "gap_median_days"]
    )
    traits = {name: table[name].to_pandas().to_numpy(float) for name in table.column_names[1:]}
    np.testing.assert_array_equal(traits["recency_days"], timing.recency_days)
    np.testing.assert_array_equal(traits["tenure_days"], timing.tenure_days)
    np.testing.assert_array_equal(traits["frequency"], timing.n_orders)
    np.testing.assert_array_equal(traits["active_days"], timing.active_days)
    for row, median in enumerate(traits["gap_median_days"]):
        days = timing.active_day[timing.active_indptr[row] : timing.active_indptr[row + 1]]
        np.testing.assert_array_equal(median, np.median(np.diff(days)) if len(days) > 1 else np.nan)


@settings(max_examples=8)
@given(seed=seeds)
def test_one_customer_alone_has_the_traits_of_the_crowd(seed: int) -> None:
    snapshot = snapshot_of_seed(seed)
    crowd = compute_traits(snapshot)
    for row in np.random.default_rng(seed).permutation(len(snapshot))[:3]:
        assert compute_traits(snapshot.take([row])).equals(crowd.slice(row, 1))
