"""Baskets -> the orders table by contract: ids, times, prices, promotions, returns and cancellations.

What comes in: order days, basket lines, hidden state. What goes out: one Arrow table. Returned
goods are lines of their own (negative quantity, known when they came back), payments that failed
are cancelled orders of their own, so that neither changes what was bought.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.datasets.simulated.calendar import DAY_US, instants
from intentml.datasets.simulated.catalogue import Catalogue
from intentml.datasets.simulated.customers import Hidden
from intentml.datasets.simulated.purchases import GUEST, Basket, OrderDays
from intentml.datasets.simulated.settings import SimulatedShop
from intentml.tables.contracts import ORDERS, TIMESTAMP

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

WEB, APP, STORE = 0, 1, 2
CHANNELS = ("web", "app", "store")
PROMOTIONS = (
    ("", 0.0),
    ("WELCOME10", 0.10),
    ("CLUB5", 0.05),
    ("SUMMER15", 0.15),
    ("BLACKFRIDAY20", 0.20),
    ("XMAS10", 0.10),
)
PROMOTION_OF_MONTH = np.array([2, 2, 2, 2, 2, 3, 3, 2, 2, 2, 4, 5])
WELCOME = 1
FAILED_PAYMENTS = 0.01
YEARLY_INFLATION = 0.03
MINUTE_US = 60_000_000


@dataclass(frozen=True)
class OrderFacts:
    """What is decided once per order; events use it too.

    Attributes:
        at: When it was ordered, microseconds. Shape: (N,).
        channel: Row in CHANNELS. Shape: (N,).
        promotion: Row in PROMOTIONS, 0 = none. Shape: (N,).
        ids: Order ids. Length N.
    """

    at: I64
    channel: I64
    promotion: I64
    ids: pa.Array


def numbered(prefix: str, numbers: npt.ArrayLike, width: int = 7) -> pa.Array:
    """Ids such as `C-0000012`; longer where the number is."""
    text = pc.utf8_lpad(pa.array(np.asarray(numbers, np.int64)).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, text, "")


def draw_facts(
    rng: np.random.Generator, settings: SimulatedShop, hidden: Hidden, orders: OrderDays, block: int
) -> OrderFacts:
    """Time of day, channel, promotion and id of each order."""
    size = len(orders)
    known = orders.owner != GUEST
    at = instants(settings.start, orders.day, (6.5 + 17 * rng.beta(2.2, 1.8, size=size)) * 3600)
    store = rng.random(size) < np.append(hidden.store_share, 0.9)[orders.owner]
    channel = np.where(store, STORE, np.where(rng.random(size) < 0.4, APP, WEB))
    month = (at // DAY_US).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    first = np.ones(size, bool)
    first[1:] = np.diff(orders.owner) != 0
    code = np.where(first & known & (rng.random(size) < 0.5), WELCOME, PROMOTION_OF_MONTH[month])
    season = np.array([rate for _, rate in PROMOTIONS])[code] / 0.10
    used = rng.random(size) < np.append(hidden.promo_affinity, 0.1)[orders.owner] * season
    return OrderFacts(at, channel, np.where(used, code, 0), numbered(f"O-{block:05d}-", np.arange(size)))


def orders_table(
    rng: np.random.Generator,
    settings: SimulatedShop,
    catalogue: Catalogue,
    hidden: Hidden,
    orders: OrderDays,
    facts: OrderFacts,
    basket: Basket,
    customer_ids: pa.Array,
    tax_rate: F64,
) -> pa.Table:
    """Order lines by contract, sorted by time within the block.

    `unit_price` is what was paid per piece, after the promotion; `discount` is what the promotion
    took off the whole line; `tax` is the part of the paid amount that is tax.
    """
    lines = _priced(settings, catalogue, orders, facts, basket, np.append(tax_rate, 0.2))
    size = len(basket.order)
    failed = np.flatnonzero((rng.random(len(orders)) < FAILED_PAYMENTS)[basket.order])
    rate = (
        np.append(hidden.return_rate, 0.0)[orders.owner[basket.order]]
        * catalogue.returns[catalogue.category[basket.product]]
    )
    back = np.flatnonzero(rng.random(size) < np.minimum(rate, 0.9))
    returned_at = facts.at[basket.order[back]] + (rng.uniform(3, 30, size=len(back)) * DAY_US).astype(
        np.int64
    )
    in_time = returned_at < instants(settings.start, settings.days, 0)
    back, returned_at = back[in_time], returned_at[in_time]

    source = np.concatenate([np.arange(size), back, failed])
    order = basket.order[source]
    kind = np.repeat([0, 1, 2], [size, len(back), len(failed)])
    at = facts.at[order] - np.where(kind == 2, 6 * MINUTE_US, 0)
    back_at = np.zeros(len(source), np.int64)
    back_at[kind == 1] = returned_at
    recorded = np.maximum(at, back_at) + _recording_lags(rng, settings, order)
    suffix = pa.array(["", "-F"]).take(pa.array((kind == 2).astype(np.int64)))
    sign = np.where(kind == 1, -1.0, 1.0)
    owner = orders.owner[order]
    codes = pa.array([None, *(code for code, _ in PROMOTIONS[1:])])
    columns = {
        "customer_id": customer_ids.take(pa.array(owner, mask=owner == GUEST)),
        "order_id": pc.binary_join_element_wise(facts.ids.take(pa.array(order)), suffix, ""),
        "ordered_at": pa.array(at).cast(TIMESTAMP),
        "product_id": catalogue.table["product_id"].combine_chunks().take(pa.array(basket.product[source])),
        "quantity": pa.array(sign * basket.pieces[source]),
        "unit_price": pa.array(lines.unit_price[source]),
        "currency": pa.repeat("EUR", len(source)),
        "status": pa.array(["completed", "returned", "cancelled"]).take(pa.array(kind)),
        "discount": pa.array(sign * lines.discount[source] + 0.0),
        "promo_code": codes.take(pa.array(facts.promotion[order])),
        "tax": pa.array(sign * lines.tax[source] + 0.0),
        "channel": pa.array(CHANNELS).take(pa.array(facts.channel[order])),
        "recorded_at": pa.array(recorded).cast(TIMESTAMP),
        "returned_at": pa.array(back_at, mask=kind != 1).cast(TIMESTAMP),
    }
    table = pa.table([columns[name] for name in ORDERS.names], schema=ORDERS.schema)
    return table.take(pa.array(np.argsort(at, kind="stable")))


@dataclass(frozen=True)
class _Prices:
    """Money of each basket line, EUR. Shapes: (n,)."""

    unit_price: F64
    discount: F64
    tax: F64


def _priced(
    settings: SimulatedShop,
    catalogue: Catalogue,
    orders: OrderDays,
    facts: OrderFacts,
    basket: Basket,
    tax_rate: F64,
) -> _Prices:
    """Paid price after promotion, discount and tax of each line; the list price is that of the end."""
    years = (settings.days - orders.day[basket.order]) / 365
    listed = catalogue.price[basket.product] * (1 + YEARLY_INFLATION) ** -years
    off = np.array([rate for _, rate in PROMOTIONS])[facts.promotion[basket.order]]
    unit_price = np.round(listed * (1 - off), 2)
    discount = np.round((np.round(listed, 2) - unit_price) * basket.pieces, 2)
    rate = tax_rate[orders.owner[basket.order]]
    return _Prices(unit_price, discount, np.round(unit_price * basket.pieces * rate / (1 + rate), 2))


def _recording_lags(rng: np.random.Generator, settings: SimulatedShop, order: I64) -> I64:
    """Microseconds until a line was recorded: minutes, for some orders days. Lines of an order share it."""
    size = int(order.max()) + 1 if len(order) else 0
    late = rng.random(size) < settings.late_lines
    minutes = np.where(late, rng.uniform(1, 6, size=size) * 1440, rng.exponential(4, size=size))
    return (minutes * MINUTE_US).astype(np.int64)[order]
