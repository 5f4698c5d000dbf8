"""The truth of a simulated shop: who will really order, and which categories, with what probability.

What comes in: hidden state and order days. What goes out: exact probabilities for any as_of and
horizon, given the hidden state; and the folder that keeps it. It looks at no table of the shop.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from intentml.datasets.simulated.calendar import day_index, months, shop_time
from intentml.datasets.simulated.catalogue import Catalogue, catalogue
from intentml.datasets.simulated.customers import BUYS_AGAIN, BUYS_ONCE, NEVER_BUYS, Hidden, first_order_delay
from intentml.datasets.simulated.settings import SimulatedShop
from intentml.errors import DataError, TimeError

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CUSTOMERS_FILE, SETTINGS_FILE = "customers.parquet", "settings.json"
CHUNK_NUMBERS = 8_000_000
"""Numbers of one working array; bounds the memory to a few hundred MB at any horizon."""


@dataclass(frozen=True)
class Truth:
    """Hidden state and order days of all customers; with the settings it fixes every probability.

    Attributes:
        settings: Settings of the shop.
        customer_ids: Ids, sorted. Shape: (U,).
        hidden: Hidden state, in the order of the ids.
        order_days: Day indices of the orders, customer after customer. Shape: (N,).
        indptr: Where each customer's orders start. Shape: (U + 1,).
    """

    settings: SimulatedShop
    customer_ids: npt.NDArray[np.object_]
    hidden: Hidden
    order_days: I64
    indptr: I64

    def last_order_day(self, day: int) -> I64:
        """Day index of each customer's last order before a day, -1 where none. Shape: (U,)."""
        before = self.order_days < day
        counts = np.concatenate([[0], np.cumsum(before)])
        seen = counts[self.indptr[1:]] - counts[self.indptr[:-1]]
        return np.where(seen > 0, np.append(self.order_days, 0)[self.indptr[:-1] + seen - 1], -1)


@dataclass(frozen=True)
class TrueProbabilities:
    """What really holds of the customers who can be scored at as_of.

    Attributes:
        customer_ids: Customers with an account before as_of, sorted. Shape: (U,).
        p_no_order: Probability of no order in the window. Shape: (U,).
        categories: Names, as in products.category, sorted. Length J.
        p_bought: Probability of buying the category in the window. Shape: (U, J).
    """

    customer_ids: npt.NDArray[np.object_]
    p_no_order: F64
    categories: tuple[str, ...]
    p_bought: F64


def true_probabilities(truth: Truth, as_of: dt.date | str, horizon_days: int) -> TrueProbabilities:
    """Probabilities over `as_of <= ordered_at < as_of + horizon_days`, computed, not sampled.

    Conditioned on the hidden state at the first instant (UTC) of as_of: whether the customer is
    alive (was, on the day before), the kind (never buys, buys once, buys again) and whether the one
    order has been made, the days of all orders before as_of (of which only the last one matters),
    the day of sign-up, and the customer's mean gap, regularity, death rate, basket size and tastes;
    and on the shop's calendar: activity by day, season of each category by month, companions.
    Given that, nothing that a table records before as_of tells more: visits, carts and e-mails of
    earlier days depend on the future through the hidden state alone. Not conditioned on: anything
    in the window. So a predictor that sees the tables alone cannot do better than this on average.

    The law: gaps are gamma in shop time, cut to whole days; a customer survives each day with
    exp(-death_rate); an order holds category j with probability q_j (month of the day), orders
    being independent. With f(d) the chance that the next order falls on day d and
    W_j(d) = P(category j bought after d within the window | order on d), backwards over days:
    W_j(d) = sum over d' > d of f(d' | d) exp(-death_rate (d' - d)) (q_j(d') + (1 - q_j(d')) W_j(d')).
    Source: renewal equation of a thinned, terminating renewal process (Feller, vol. 2, ch. XI).

    Args:
        truth: Of the shop.
        as_of: Plain date; its first instant (UTC) is meant.
        horizon_days: Length of the window, at least 1 day; it may end after the data.

    Raises:
        TimeError: as_of is no plain date after the shop's first day and up to its end, or the
            horizon is below 1.
    """
    settings, hidden = truth.settings, truth.hidden
    day = _day(settings, as_of)
    if horizon_days < 1:
        raise TimeError(f"horizon_days is {horizon_days}", hint="choose at least 1 day")
    shop = catalogue(settings)
    last = truth.last_order_day(day)
    scored = np.flatnonzero(hidden.signup_day < day)
    may = hidden.alive(day - 1) & (hidden.kind != NEVER_BUYS)
    may &= ~((hidden.kind == BUYS_ONCE) & (last >= 0))
    active = scored[may[scored]]
    p_no_order = np.ones(len(hidden))
    p_bought = np.zeros((len(hidden), len(shop.categories)))
    size = max(1, CHUNK_NUMBERS // (max(horizon_days, 40) * len(shop.categories)))
    for first in range(0, len(active), size):
        rows = active[first : first + size]
        p_no_order[rows], p_bought[rows] = _chunk(settings, shop, hidden, rows, last[rows], day, horizon_days)
    return TrueProbabilities(
        truth.customer_ids[scored], p_no_order[scored], shop.categories, p_bought[scored]
    )


def _day(settings: SimulatedShop, as_of: dt.date | str) -> int:
    """The day index of as_of, refused outside the shop's days."""
    try:
        date = dt.date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
    except ValueError:
        date = None
    if date is None or isinstance(date, dt.datetime):
        raise TimeError(f"as_of {as_of} is not a plain date", hint="write it as YYYY-MM-DD")
    if not settings.start < date <= settings.end:
        raise TimeError(
            f"as_of {date} is outside the simulated shop, which runs from {settings.start} to {settings.end}",
            hint=f"choose a date after {settings.start} and at most {settings.end}",
        )
    return day_index(settings.start, date)


def _chunk(
    settings: SimulatedShop, shop: Catalogue, hidden: Hidden, rows: I64, last: I64, day: int, horizon: int
) -> tuple[F64, F64]:
    """P(no order) and P(bought) of some customers who may still order. Shapes: (n,), (n, J)."""
    clock = shop_time(settings.start, day + horizon)
    window = clock[day:]
    waiting = last < 0
    since = clock[np.where(waiting, hidden.signup_day[rows], last)]
    entry = _arrivals(
        np.where(waiting, 1.0, hidden.regularity[rows]),
        np.where(waiting, first_order_delay(settings), hidden.mean_gap[rows]),
        clock[day - 1 :] - since[:, None],
    )
    survival = np.exp(-hidden.death_rate[rows, None] * np.arange(1, horizon + 1))
    entry *= survival
    share = category_shares(shop, hidden, rows)
    # `bought[:, h]` becomes P(category bought on day h or later in the window | order on day h).
    bought = share[:, months(settings.start, day + horizon)[day:]]
    again = hidden.kind[rows] == BUYS_AGAIN
    for here in range(horizon - 2, -1, -1):
        arrive = _arrivals(
            hidden.regularity[rows], hidden.mean_gap[rows], (window[here:] - window[here])[None]
        )
        arrive *= survival[:, : horizon - 1 - here] * again[:, None]
        later = np.matmul(arrive[:, None, :], bought[:, here + 1 :])[:, 0]
        bought[:, here] += (1 - bought[:, here]) * later
    return 1 - entry.sum(axis=1), np.matmul(entry[:, None, :], bought)[:, 0]


def category_shares(shop: Catalogue, hidden: Hidden, rows: I64) -> F64:
    """P(an order of the month holds the category), by customer, month and category. Shape: (n, 12, J).

    Categories enter as independent Poisson counts given that at least one line does; companions
    of a category present join with their chance.
    """
    intensity = (hidden.basket[rows, None] * hidden.tastes[rows])[:, None, :] * shop.season
    present = -np.expm1(-intensity)
    absent = 1 - present
    for companion in shop.companions:
        absent[..., companion.target] *= 1 - companion.chance * present[..., companion.source]
    share: F64 = (1 - absent) / -np.expm1(-intensity.sum(axis=2, keepdims=True))
    return share


def _arrivals(regularity: F64, mean_gap: F64, age: F64) -> F64:
    """P(the gap ends within each day | it has lasted until the first of the ages).

    Args:
        regularity: Gamma shapes. Shape: (n,).
        mean_gap: Means, shop days. Shape: (n,).
        age: Shop days since the last order at the ends of consecutive days. Shape: (n or 1, h + 1).

    Returns:
        One probability for each day after the first age. Shape: (n, h).
    """
    scaled = age * (regularity / mean_gap)[:, None]
    memoryless = regularity == 1.0
    lasts = np.empty_like(scaled)
    lasts[memoryless] = np.exp(-scaled[memoryless])
    if not memoryless.all():
        from scipy.special import gammaincc

        lasts[~memoryless] = gammaincc(regularity[~memoryless, None], scaled[~memoryless])
    drop: F64 = -np.diff(lasts, axis=1)
    return drop / np.maximum(lasts[:, :1], np.finfo(float).tiny)


def forget_truth(folder: Path) -> None:
    """Makes a truth folder unreadable as one, if it is there."""
    (folder / SETTINGS_FILE).unlink(missing_ok=True)


def write_truth(folder: Path, truth: Truth) -> None:
    """Writes `customers.parquet` (hidden state, order days) and `settings.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    forget_truth(folder)  # the settings come last: a run cut off leaves no truth rather than half of one
    columns: dict[str, pa.Array] = {"customer_id": pa.array(truth.customer_ids, pa.string())}
    for field in fields(Hidden):
        values = getattr(truth.hidden, field.name)
        columns[field.name] = (
            pa.array(values)
            if values.ndim == 1
            else pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
        )
    columns["order_days"] = pa.LargeListArray.from_arrays(pa.array(truth.indptr), pa.array(truth.order_days))
    pq.write_table(pa.table(columns), folder / CUSTOMERS_FILE, compression="zstd")
    (folder / SETTINGS_FILE).write_text(json.dumps(truth.settings.model_dump(mode="json"), indent=2) + "\n")


def read_truth(folder: Path) -> Truth:
    """Reads what `write_truth` wrote.

    Raises:
        DataError: The folder lacks one of the two files.
    """
    folder = Path(folder)
    missing = [name for name in (CUSTOMERS_FILE, SETTINGS_FILE) if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} holds no truth of a simulated shop: {missing[0]} is missing",
            hint="name the folder `truth` beside the tables of a simulated shop",
        )
    settings = SimulatedShop.model_validate_json((folder / SETTINGS_FILE).read_text())
    table = pq.read_table(folder / CUSTOMERS_FILE).combine_chunks()
    columns = {name: table[name].chunk(0) if table.num_rows else table[name] for name in table.column_names}
    hidden = {
        field.name: columns[field.name].flatten().to_numpy().reshape(table.num_rows, -1)
        if field.name == "tastes"
        else columns[field.name].to_numpy()
        for field in fields(Hidden)
    }
    days = columns["order_days"]
    return Truth(
        settings=settings,
        customer_ids=columns["customer_id"].to_numpy(zero_copy_only=False).astype(object),
        hidden=Hidden(**hidden),
        order_days=days.flatten().to_numpy(),
        indptr=days.offsets.to_numpy(),
    )
