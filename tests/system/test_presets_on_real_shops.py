"""What real orders can show of the presets: the same people as a plain count over the tables finds.

What comes in: the real order histories. What goes out: audiences held against pandas, which knows nothing of
traits or rules.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import intentml as im
from intentml.audiences.audiences import Audiences

pytestmark = pytest.mark.slow

# No score is asked about here: the quickest model will do.
QUICK = ("priors.kinds=[]", "priors.windows=1", "priors.horizons_days=[28]")
AS_OF = {"complete_journey": "2017-11-01", "online_retail": "2011-09-10"}


def opened(folder: Path) -> Audiences:
    """The audiences of a shop, scored by closed-form timing alone."""
    log, as_of = im.read_tables(folder), AS_OF[folder.name]
    model = im.train(log, as_of=as_of, settings=QUICK)
    scores = im.score(model, log, as_of=as_of, horizon_days=[28], kinds=[], interests=None)
    return im.open_audiences(scores, log)


def lines_of(folder: Path) -> pd.DataFrame:
    """The order lines before the instant, as they lie in the file."""
    lines = pd.read_parquet(folder / "orders.parquet")
    return lines[pd.to_datetime(lines.ordered_at) < pd.Timestamp(AS_OF[folder.name])]


def first_orders(lines: pd.DataFrame) -> pd.DataFrame:
    """The lines of each customer's first order; of several at one instant the lowest id's."""
    first = lines.sort_values(["customer_id", "ordered_at", "order_id"]).drop_duplicates("customer_id")
    return lines.merge(first[["customer_id", "order_id"]])


@pytest.fixture(scope="module")
def journey(shared_data) -> tuple[Audiences, pd.DataFrame]:
    """Complete Journey: coupons, demographics."""
    return opened(shared_data / "complete_journey"), lines_of(shared_data / "complete_journey")


@pytest.fixture(scope="module")
def retail(shared_data) -> tuple[Audiences, pd.DataFrame]:
    """Online Retail: returns."""
    return opened(shared_data / "online_retail"), lines_of(shared_data / "online_retail")


def test_promotion_users_are_those_with_a_code_or_a_redeemed_coupon(journey, shared_data):
    audiences, lines = journey
    events = pd.read_parquet(shared_data / "complete_journey" / "events.parquet")
    redeemed = events[
        (events.event_type == "coupon_redeemed")
        & (pd.to_datetime(events.occurred_at) < pd.Timestamp(AS_OF["complete_journey"]))
    ]
    wanted = {*lines.customer_id[lines.promo_code.notna()], *redeemed.customer_id}
    assert 100 < len(wanted) < len(set(lines.customer_id))
    assert set(audiences.members("promo-users").customer_id) == wanted


def test_a_demographic_column_of_the_shop_makes_an_audience(journey, shared_data):
    audiences, _ = journey
    people = pd.read_parquet(shared_data / "complete_journey" / "customers.parquet")
    wanted = set(people.customer_id[(people.age_band == "25-34") & (people.home_ownership == "Homeowner")])
    assert len(wanted) > 50
    found = audiences.members("age_band = '25-34' AND home_ownership = Homeowner")
    assert set(found.customer_id) == wanted


@pytest.mark.parametrize("shop", ["journey", "retail"])
def test_the_size_of_the_first_order_is_counted_over_its_lines(shop, request):
    audiences, lines = request.getfixturevalue(shop)
    kept = lines[(lines.quantity > 0) & (lines.get("status", "completed") == "completed")]
    pieces = first_orders(kept).groupby("customer_id").quantity.sum()
    assert set(audiences.members("large-first-order").customer_id) == set(pieces.index[pieces >= 3])


def test_frequent_returners_are_those_of_whose_pieces_a_fifth_came_back(retail):
    audiences, lines = retail
    bought = lines[(lines.status == "completed") & (lines.quantity > 0)].groupby("customer_id")
    back = -lines[lines.status == "returned"].groupby("customer_id").quantity.sum()
    orders, pieces = bought.order_id.nunique(), bought.quantity.sum()
    rate = back.reindex(pieces.index, fill_value=0.0) / pieces
    wanted = set(pieces.index[(orders >= 2) & (rate >= 0.2)])
    assert 50 < len(wanted) < 0.2 * len(pieces)
    assert set(audiences.members("frequent-returners").customer_id) == wanted
    never = set(pieces.index[rate == 0.0])
    assert set(audiences.members("non-returners").customer_id) == never
