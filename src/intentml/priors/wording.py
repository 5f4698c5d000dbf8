"""The parts of a logit in words: facts of the customer's own history, and of the shop, to be checked by hand.

What comes in: one customer, and what the parts were reckoned from. What goes out: a phrase by part. Words
tell what is known and never which way it points: that is the number beside them. No person's data but
orders is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from intentml.pairs.history import PairTable, pair_history
from intentml.prediction import F64
from intentml.priors.contributions import BASE_RATE, CALIBRATION, LEARNED, OWN_HISTORY, OWN_RHYTHM, SEQUENCE
from intentml.priors.designs import POPULARITY_WINDOWS, Design, KindParameters
from intentml.timeline import Snapshot

_PLURAL = {
    "product": "products",
    "category": "categories",
    "category_node": "parts of the catalogue",
    "brand": "brands",
}
_NAMED_NEIGHBOURS = 2
_LATELY, _SEASON = 28, 90
# Fewer buyers than this say less of a target than its siblings do.
_FEW = 5


@dataclass(frozen=True)
class TargetFacts:
    """What words about a customer and a target are made of.

    Attributes:
        one: The snapshot of the customer alone.
        history: The customer's pair history with the kind.
        fitted: What was fitted for the kind.
        design: The customer's design.
        column: The target's number.
        usual: Columns that the customer is told against.
        horizon_days: The window.
    """

    one: Snapshot
    history: PairTable
    fitted: KindParameters
    design: Design
    column: int
    usual: Mapping[str, float]
    horizon_days: int

    def words(self, part: str) -> str:
        """What a part says."""
        return _ALWAYS.get(part) or _OF_TARGET[part](self)


def _base_rate(facts: TargetFacts) -> str:
    shop, kind = facts.one.shop, facts.design.kind
    buyers = int(shop.popularity[kind][0][facts.column])
    if not buyers:
        return "where everybody starts: nobody has bought it so far, expected from what is like it"
    return f"where everybody starts: {buyers:,} of {shop.active[0]:,} customers have bought it"


def _own_history(facts: TargetFacts) -> str:
    return _bought(facts.history, facts.column, int(facts.one.n_orders[0]))


def _own_rhythm(facts: TargetFacts) -> str:
    at = _row(facts.history, facts.column)
    gap, last = float(facts.history.gap_days[at]), float(facts.history.last_days[at])
    return f"{every(gap)}, {due(gap - last)}"


def _similar_baskets(facts: TargetFacts) -> str:
    taste = facts.history.taste.toarray()[0]
    for table in (facts.fitted.neighbours, facts.fitted.ease):
        support = taste * table.aligned(facts.design.targets)[:, [facts.column]].toarray()[:, 0]
        best = [row for row in np.argsort(-support, kind="stable")[:_NAMED_NEIGHBOURS] if support[row] > 0]
        if best:
            return f"people who buy {' and '.join(_name(facts, row) for row in best)} buy this"
    return "what else they buy"


def _similar_products(facts: TargetFacts) -> str:
    alike = facts.design.alike
    assert alike is not None  # the part speaks in its column alone
    support = alike.taste.toarray()[0] * alike.likeness[:, [facts.column]].toarray()[:, 0]
    best = [row for row in np.argsort(-support, kind="stable")[:_NAMED_NEIGHBOURS] if support[row] > 0]
    return f"bought what is called alike: {' and '.join(_name(facts, row) for row in best) or 'nothing'}"


def _parent(prefixes: tuple[str, ...]) -> Callable[[TargetFacts], str]:
    """Words about the history with the target's category (or department), or with its brand."""

    def words(facts: TargetFacts) -> str:
        for parent in facts.design.parents:
            of = int(parent.parent_of[facts.column])
            if of >= 0 and any(name.startswith(prefixes) for name in parent.features):
                history = pair_history(facts.one, parent.kind)
                name = facts.one.catalogue.targets(parent.kind).targets[of]
                return f"{name}: {_bought(history, of, int(facts.one.n_orders[0]))}"
        return "nothing known above it"

    return words


def _activity(facts: TargetFacts) -> str:
    orders, lately = int(facts.one.n_orders[0]), int((facts.one.orders.age_days <= _SEASON).sum())
    ordering = 1 / (1 + np.exp(-facts.design.customer["order"][0]))
    chance = f"{ordering:.0%} to order within {counted(facts.horizon_days, 'day')}"
    if not orders:
        return f"no order yet, {chance}"
    average = np.expm1(facts.usual.get(f"orders_{_SEASON}", 0.0))
    found, plural = len(facts.history), _PLURAL[facts.design.kind]
    return (
        f"{counted(lately, 'order')} in {_SEASON} days (on average {average:.1f}), {chance}; "
        f"{found:,} {plural if found != 1 else facts.design.kind.replace('_', ' ')} so far"
    )


def _popularity(facts: TargetFacts) -> str:
    shop, kind = facts.one.shop, facts.design.kind
    lately, ever = (int(shop.popularity[kind][window][facts.column]) for window in (_LATELY, 0))
    found = f"{lately:,} of {shop.active[_LATELY]:,} customers bought it in {_LATELY} days"
    if ever < _FEW:
        return f"{found}, too few to tell: drawn toward what is like it"
    name = POPULARITY_WINDOWS[_LATELY]
    pace = np.exp(facts.design.target[name][facts.column] - facts.usual[name])
    return f"{found}, {pace:.1f} times its usual"


_OF_TARGET: Mapping[str, Callable[[TargetFacts], str]] = {
    BASE_RATE: _base_rate,
    OWN_HISTORY: _own_history,
    OWN_RHYTHM: _own_rhythm,
    "similar_baskets": _similar_baskets,
    "similar_products": _similar_products,
    "category": _parent(("category_", "root_")),
    "brand": _parent(("brand_",)),
    "activity": _activity,
    "popularity": _popularity,
}
_ALWAYS: Mapping[str, str] = {
    LEARNED: "learned from such histories",
    SEQUENCE: "what the sequence model reads in the recent orders",
    CALIBRATION: "put right by what came in past windows",
}


def silence_words(one: Snapshot, part: str, gaps: F64, order_rate: float) -> str:
    """What a part of the logit of P(no order) says of the snapshot's only customer.

    Args:
        one: The snapshot of the customer alone.
        part: Its name.
        gaps: Days between active days, from the oldest. Shape: (x,).
        order_rate: Active days per day, over all buyers of the shop.
    """
    orders, days = int(one.n_orders[0]), len(gaps) + 1
    if part == BASE_RATE:
        start = "where everybody starts: somebody who has just ordered for the first time"
        return start if orders else "no order yet"
    if part == "orders_so_far":
        return f"{counted(orders, 'order')} so far, on {counted(days, 'day')}"
    if part == OWN_RHYTHM:
        return f"{every(float(gaps.mean()))} (the shop: {every(1 / order_rate)})"
    return _ALWAYS.get(part) or f"last order {ago(float(one.orders.age_days[-1]))}"


def times(count: int) -> str:
    """How often.

    >>> times(1), times(2), times(6)
    ('once', 'twice', '6 times')
    """
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def every(gap_days: float) -> str:
    """A rhythm.

    >>> every(0.2), every(1.3), every(30.6)
    ('several times a day', 'every day', 'every 31 days')
    """
    days = round(gap_days)
    return ("several times a day", "every day")[days] if days < 2 else f"every {days:,} days"


def due(days: float) -> str:
    """How far away the day of a rhythm is.

    >>> due(5.2), due(0.3), due(-12.0)
    ('due in 5 days', 'due now', 'now 12 days late')
    """
    whole = round(days)
    if not whole:
        return "due now"
    return f"due in {counted(whole, 'day')}" if whole > 0 else f"now {counted(-whole, 'day')} late"


def ago(days: float) -> str:
    """How long ago, in whole days that have passed.

    >>> ago(0.4), ago(1.9), ago(43.0)
    ('less than a day ago', '1 day ago', '43 days ago')
    """
    return "less than a day ago" if days < 1 else f"{counted(int(days), 'day')} ago"


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "order"), counted(1200, "order")
    ('1 order', '1,200 orders')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _bought(history: PairTable, target: int, orders: int) -> str:
    """How often and how lately; the history is one customer's."""
    at = _row(history, target)
    if at is None:
        return "not bought yet"
    found = f"bought {times(int(history.count[at]))} in {counted(orders, 'order')}"
    return f"{found}, last {ago(float(history.last_days[at]))}"


def _row(history: PairTable, target: int) -> int | None:
    """The row of a target in one customer's history."""
    found = np.flatnonzero(history.target == target)
    return int(found[0]) if len(found) else None


def _name(facts: TargetFacts, target: int) -> str:
    """A target as a person knows it: a product by its name, or at least by its category."""
    target_name, catalogue = str(facts.design.targets[target]), facts.one.catalogue
    if facts.design.kind != "product":
        return target_name
    name, category = catalogue.names[target], catalogue.categories[target]
    return str(name or (f"{target_name} ({category})" if category else target_name))
