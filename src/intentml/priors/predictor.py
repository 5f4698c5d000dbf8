"""A whole predictor made of priors: one for each head, each the best of its peers or one named.

What comes in: fitted parts. What goes out: `PriorPredictor`, which answers `predict` for any
snapshot from the one it was trained on onward, for all customers or for one, at any horizon.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from intentml.pairs.history import PairTable, pair_history
from intentml.pairs.likeness import Likeness
from intentml.prediction import F64, Predictions, at_least_ordering
from intentml.priors.activity import ActivityPrior
from intentml.priors.designs import Design, KindParameters, design_of, of_shop
from intentml.priors.explaining import Explanation, asked, explained, reckoned
from intentml.priors.linear import LinearPrior, interpolate
from intentml.priors.spend import SpendPrior
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import Instant, Snapshot
from intentml.timeline.instants import check_horizon

Made = TypeVar("Made")


ALL_HORIZONS = 0
"""Stands for the horizon of what is the same at each."""


class DesignCache:
    """What was made of the last snapshot asked for, shared by predictors that were fitted together.

    What is made of the shop alone stays for as long as snapshots of other customers of it are asked for.
    """

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._made: dict[tuple[str, int], Any] = {}
        self._shop: tuple[object, object] = (None, None)
        self._of_shop: dict[Hashable, Any] = {}

    def apart(self) -> DesignCache:
        """A cache of its own that begins with what is known of the shop."""
        other = DesignCache()
        other._shop, other._of_shop = self._shop, dict(self._of_shop)
        return other

    def of_shop(self, snapshot: Snapshot, what: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` returns, which must not depend on whose snapshot it is; made once a shop."""
        if snapshot.catalogue is not self._shop[0] or snapshot.shop is not self._shop[1]:
            self._shop, self._of_shop = (snapshot.catalogue, snapshot.shop), {}
        if what not in self._of_shop:
            self._of_shop[what] = make()
        made: Made = self._of_shop[what]
        return made

    def get(self, snapshot: Snapshot, what: str, horizon_days: int, make: Callable[[], Made]) -> Made:
        """What `make` returns, made at the first call for a snapshot and horizon."""
        if self._snapshot is not snapshot:
            self._snapshot, self._made = snapshot, {}
        key = what, horizon_days
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made


@dataclass(frozen=True)
class PriorPredictor:
    """Priors for the heads it has.

    Attributes:
        name: What boards and manifests call it.
        trained_until: Nothing known at or after this instant was used.
        activity: Timing that the target priors lean on; always there.
        timings: That one and every BTYD model, by name: a network reads what each says.
        no_order: Timing for the churn head, or None.
        orders: Timing for the orders head, or None.
        spend: Money per order, or None.
        kinds: What was fitted per kind.
        targets: Priors per kind and horizon.
        longest_days: Longest horizon that the history could evaluate.
        likeness: What products are like each other by their text.
        designs: Shared cache.
    """

    name: str
    trained_until: Instant
    activity: ActivityPrior
    timings: Mapping[str, ActivityPrior]
    no_order: ActivityPrior | None
    orders: ActivityPrior | None
    spend: SpendPrior | None
    kinds: Mapping[str, KindParameters]
    targets: Mapping[str, Mapping[int, LinearPrior]]
    longest_days: int
    likeness: Likeness = field(default_factory=lambda: Likeness("none"), compare=False)
    designs: DesignCache = field(default_factory=DesignCache, compare=False, repr=False)

    def renamed(self, name: str, **heads: Any) -> PriorPredictor:
        """The same predictor under another name and with other heads."""
        return replace(self, name=name, **heads)

    def predict(
        self, snapshot: Snapshot, horizon_days: int, *, kinds: Sequence[str] | None = None
    ) -> Predictions:
        """Predictions for every customer of the snapshot."""
        check_horizon(horizon_days)
        wanted = [kind for kind in self.targets if kinds is None or kind in kinds]
        known = [kind for kind in wanted if len(snapshot.catalogue.targets(kind))]
        targets = {}
        for kind in known:
            design = self.design(snapshot, kind, horizon_days)
            targets[kind] = interpolate(self.targets[kind], horizon_days).score(design)
        return Predictions(
            customer_ids=snapshot.customer_ids,
            as_of=snapshot.as_of,
            horizon_days=horizon_days,
            targets=targets,
            calibrated=horizon_days <= self.longest_days,
            **self._heads(snapshot, horizon_days),
        )

    def design(self, snapshot: Snapshot, kind: str, horizon_days: int) -> Design:
        """The features of a kind and horizon; made once a snapshot."""

        def ordering() -> F64:
            return 1.0 - self.activity.no_order(snapshot, horizon_days)[:, 0]

        def history(_: Snapshot, of: str) -> PairTable:
            return self.designs.get(
                snapshot, f"history of {of}", ALL_HORIZONS, lambda: pair_history(snapshot, of)
            )

        def design() -> Design:
            return design_of(
                snapshot,
                history(snapshot, kind),
                self.kinds[kind],
                self.designs.get(snapshot, "ordering", horizon_days, ordering),
                horizon_days,
                known=self.designs.of_shop(snapshot, kind, lambda: of_shop(snapshot, self.kinds[kind])),
                likeness=self.likeness.of(snapshot) if kind == "product" else None,
                history_of=history,
            )

        return self.designs.get(snapshot, kind, horizon_days, design)

    def explain(
        self, snapshot: Snapshot, customer: str, kind: str, target: str | None, horizon_days: int
    ) -> Explanation:
        """Why a customer's probability is what it is, in parts that sum to its logit.

        Args:
            snapshot: A snapshot with the customer, of the whole shop or of a part.
            customer: The customer's id.
            kind: Kind of target; `no_order` for P(no order).
            target: The target; None for `no_order`.
            horizon_days: The window.

        Raises:
            TimeError: The horizon is outside 7 to 365 days.
            UnknownCustomerError: Nobody of that id is known.
            UnknownTargetError: No such target is known.
            ModelError: The model was not trained for that kind.
        """
        question = asked(self, snapshot, customer, kind, target, horizon_days)
        alone = self.apart()
        answer = alone.predict(question.one, horizon_days, kinds=question.kinds)
        return explained(question, reckoned(alone, question), answer)

    def apart(self, likeness: Likeness | None = None) -> PriorPredictor:
        """The same predictor with a cache of its own: a question about one leaves the crowd's alone.

        And whoever predicts in another thread needs one: a cache serves one at a time.

        Args:
            likeness: Of the shop that it will be asked about, where that was found before.
        """
        return replace(self, designs=self.designs.apart(), likeness=likeness or self.likeness)

    def _heads(self, snapshot: Snapshot, horizon_days: int) -> dict[str, F64 | None]:
        """No order with its survival curve, orders and spend."""
        heads: dict[str, F64 | None] = {}
        if self.no_order is not None:
            days = np.union1d(SURVIVAL_DAYS, [horizon_days])
            curve = self.no_order.no_order(snapshot, days)
            heads["no_order"] = curve[:, np.searchsorted(days, horizon_days)]
            heads["survival"] = curve[:, np.searchsorted(days, SURVIVAL_DAYS)]
        if self.orders is not None:
            orders = at_least_ordering(
                self.orders.orders(snapshot, horizon_days)[:, 0], heads.get("no_order")
            )
            heads["orders"] = orders
            if self.spend is not None:
                heads["spend"] = orders * self.spend.per_order(snapshot)
        return heads
