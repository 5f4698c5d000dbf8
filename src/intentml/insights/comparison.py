"""Audiences side by side: how large, what they brought, what they may still bring.

What comes in: audiences of one shop at one `as_of`. What goes out: one row an audience, with those of most
potential marked: for soon, and for long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intentml.audiences.audiences import Audiences
from intentml.audiences.view import I32
from intentml.insights.members import Members, members_of, numbers
from intentml.prediction import F64

if TYPE_CHECKING:
    import pandas as pd

MOST_POTENTIAL = 5
# Too few to tell their worth from luck, or so many that nothing was selected.
FEWEST, WIDEST = 20, 0.5
_YEAR_DAYS = 365.0


def comparison(audiences: Audiences, names: Iterable[str] | None = None) -> pd.DataFrame:
    """Audiences compared (see `compared`); every one that this shop can have where no name is given."""
    return compared(members_of(audiences, names), audiences.selector.table(_READ))


def compared(members: Members, customers: pa.Table, *, fewest: int = FEWEST) -> pd.DataFrame:
    """One row an audience, in the order given.

    Money is in the shop's currency. A shop without prices, or without scores, has NaN for what needs them.

    Args:
        members: Rows in `customers`, by name.
        customers: One row a customer, of a view.
        fewest: Members without which an audience has no place among those of most potential.

    Returns:
        Indexed by audience:

        - customers, share: how many, and of all customers.
        - revenue, share_of_revenue: paid so far, gross of returns, and of what all customers paid.
        - average_order: revenue over orders of the members whose prices are known.
        - orders_a_year: orders over the years since each member's first one, of all members together.
        - expected_spend: what all of them are predicted to spend within the default horizon.
        - lifetime_value: a member's mean of money paid so far and predicted over 365 days, both net of
          returns: who sends much back is worth what is kept.
        - share_lost: of the members with an order, those who are lost.
        - short_term: rank by revenue, the first five: many customers, a lift soon.
        - long_term: rank by lifetime_value, likewise: fewer customers who are worth more each. Audiences
          below `fewest` members or above half of all customers have neither rank: NaN.
    """
    import pandas as pd

    known = _Known(customers)
    frame = pd.DataFrame({name: known.of(rows) for name, rows in members.items()}).T
    frame = frame.reindex(columns=_COLUMNS).astype({"customers": int}).rename_axis("audience")
    fit = (frame["customers"] >= fewest) & (frame["share"] <= WIDEST)
    for rank, worth in (("short_term", "revenue"), ("long_term", "lifetime_value")):
        places = frame[worth].where(fit).rank(ascending=False, method="first")
        frame[rank] = places.where(places <= MOST_POTENTIAL)
    return frame


_COLUMNS = (
    "customers",
    "share",
    "revenue",
    "share_of_revenue",
    "average_order",
    "orders_a_year",
    "expected_spend",
    "lifetime_value",
    "share_lost",
)

_READ = (
    "frequency",
    "monetary",
    "tenure_days",
    "expected_spend",
    "monetary_net",
    "expected_spend_net",
    "expected_spend_365",
    "lifecycle",
)


class _Known:
    """What is known of every customer, as arrays."""

    def __init__(self, customers: pa.Table) -> None:
        self.orders, self.paid = numbers(customers, "frequency"), numbers(customers, "monetary")
        self.years = numbers(customers, "tenure_days") / _YEAR_DAYS
        self.expected = numbers(customers, "expected_spend")
        self.lifetime = numbers(customers, "monetary_net") + _expected_net(customers)
        self.lost = np.full(len(customers), np.nan)
        if "lifecycle" in customers.column_names:
            self.lost = pc.equal(customers["lifecycle"], "lost").cast(pa.float64()).to_numpy()

    def of(self, rows: I32) -> dict[str, float]:
        """The numbers of some customers."""
        buyers = rows[self.orders[rows] > 0]
        priced = buyers[np.isfinite(self.paid[buyers])]
        revenue = _sum(self.paid[rows])
        return {
            "customers": len(rows),
            "share": len(rows) / max(len(self.orders), 1),
            "revenue": revenue,
            "share_of_revenue": _ratio(revenue, _sum(self.paid)),
            "average_order": _ratio(revenue, float(self.orders[priced].sum())),
            "orders_a_year": _ratio(float(self.orders[buyers].sum()), _sum(self.years[buyers])),
            "expected_spend": _sum(self.expected[rows]),
            "lifetime_value": _ratio(_sum(self.lifetime[rows]), np.isfinite(self.lifetime[rows]).sum()),
            "share_lost": _ratio(float(self.lost[buyers].sum()), len(buyers)),
        }


def _expected_net(customers: pa.Table) -> F64:
    """Spend predicted over 365 days less the share that is predicted to come back. Shape: (U,)."""
    gross, net = numbers(customers, "expected_spend"), numbers(customers, "expected_spend_net")
    kept = np.divide(net, gross, out=np.ones(len(customers)), where=np.isfinite(net) & (gross > 0))
    return numbers(customers, "expected_spend_365") * kept


def _sum(values: F64) -> float:
    """The sum of what is known; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.sum()) if len(known) or not len(values) else float("nan")


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else float("nan")
