"""The numbers that target priors weigh: of the customer, of the target, of the pair, of its parents.

What comes in: a snapshot, a kind, what was fitted for the kind, and P(order within the horizon).
What goes out: a `Design`, columns by name. Everything a linear prior needs to score all pairs
without laying them out: pairs without history or neighbours have customer and target numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from intentml.pairs.candidates import Candidates, candidates_of
from intentml.pairs.ease import EaseWeights, fit_ease
from intentml.pairs.history import HALF_LIVES_DAYS, PairTable, pair_history
from intentml.pairs.neighbours import Neighbours, fit_neighbours
from intentml.prediction import Floats, LikenessTerm, TextKind, logit, places
from intentml.priors.popularity import expected_buyers, popularity_logit
from intentml.priors.rates import fit_rates, probability_within
from intentml.timeline import Snapshot
from intentml.timeline.catalogue import Catalogue, Strings, path_nodes

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
HistoryOf = Callable[[Snapshot, str], PairTable]

POPULARITY_WINDOWS = {28: "popularity_28", 90: "popularity_90", 0: "popularity_ever"}
# Bends of the level of targets with few buyers, in buyers; and the mark of those that nobody has bought.
FEW_BUYERS = {2: "few_2", 5: "few_5", 20: "few_20", 80: "few_80"}
UNSOLD = "unsold"
PARENT_KINDS: Mapping[str, tuple[str, ...]] = {"product": ("category", "brand"), "category": ("root",)}


@dataclass(frozen=True)
class KindParameters:
    """What is fitted once per kind and saved with a predictor.

    Attributes:
        kind: Kind of target.
        neighbours: Item-item neighbours.
        ease: Item-item weights that explain each target by all others.
        targets: Names that `shape` and `rate` belong to, sorted. Shape: (J,).
        shape: Gamma shape of the customers' purchase rates of each target. Shape: (J,).
        rate: Gamma rate (days) of the same. Shape: (J,).
    """

    kind: str
    neighbours: Neighbours
    ease: Neighbours
    targets: Strings
    shape: F64
    rate: F64

    def candidates(self, history: PairTable, targets: Strings) -> Candidates:
        """The candidates of some customers, whose history numbers `targets`."""
        return candidates_of(
            history, self.neighbours.aligned(targets), EaseWeights.of(self.ease.aligned(targets))
        )

    def aligned(self, targets: Strings) -> tuple[F64, F64]:
        """Shape and rate in another numbering; targets unknown here get the median."""
        if not len(self.targets):
            return np.ones(len(targets)), np.full(len(targets), 365.0)
        row = np.searchsorted(self.targets, targets)
        row[row == len(self.targets)] = 0
        known = self.targets[row] == targets
        return (
            np.where(known, self.shape[row], np.median(self.shape)),
            np.where(known, self.rate[row], np.median(self.rate)),
        )


@dataclass(frozen=True)
class Parent:
    """A level above the target whose history speaks for it.

    Attributes:
        kind: Kind of the parent, as targets are numbered.
        history: What was bought of the parents.
        features: Values per customer and parent bought, by feature name. Shape: (pairs of the history,) each.
        parent_of: Parent of each target, -1 for none. Shape: (J,).
    """

    kind: str
    history: PairTable
    features: dict[str, F64]
    parent_of: npt.NDArray[np.int32]

    def places(self, customer: I64, target: I64) -> I64:
        """Where the history has the parents of some pairs, -1 where it has not. Shape: (n,), (n,) -> (n,)."""
        history, of = self.history, self.parent_of[target]
        return places(history.indptr, history.target, history.n_targets, customer, of)

    def matrix(self, values: Floats) -> sparse.csr_array:
        """Values per customer and parent bought. Shape: (pairs of the history,) -> (U, P), sparse."""
        history = self.history
        shape = (history.n_customers, history.n_targets)
        return sparse.csr_array((values, history.target, history.indptr), shape=shape)


@dataclass(frozen=True)
class Design:
    """Features of all customers and targets of one kind at one horizon.

    Attributes:
        kind: Kind of target.
        targets: Names. Shape: (J,).
        customer: Features per customer. Shape: (U,) each.
        target: Features per target. Shape: (J,) each.
        indptr: Row pointers of the pairs with history or neighbours. Shape: (U + 1,).
        pair_target: Their targets. Shape: (n,).
        seen: Whether the pair has history (else neighbours alone). Shape: (n,).
        pair: Features per such pair. Shape: (n,) each.
        parents: Levels above.
        new: Whether nobody has bought the target. Shape: (J,).
        alike: What speaks for the new ones by their text, at weight 1; None where that was not looked at.
    """

    kind: str
    targets: Strings
    customer: dict[str, F64]
    target: dict[str, F64]
    indptr: I64
    pair_target: I64
    seen: npt.NDArray[np.bool_]
    pair: dict[str, F64]
    parents: tuple[Parent, ...]
    new: npt.NDArray[np.bool_]
    alike: LikenessTerm | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(U, J)."""
        return len(self.indptr) - 1, len(self.targets)

    @property
    def pair_customer(self) -> I64:
        """Customer row of each pair. Shape: (n,)."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))


def fit_kind(snapshot: Snapshot, history: PairTable) -> KindParameters:
    """Neighbours and purchase rates of one kind, from a whole snapshot."""
    targets = snapshot.catalogue.targets(history.kind).targets
    shape, rate = fit_rates(history.count, history.target, _exposure_days(snapshot), history.n_targets)
    return KindParameters(
        history.kind, fit_neighbours(history, targets), fit_ease(history, targets), targets, shape, rate
    )


@dataclass(frozen=True)
class OfShop:
    """What the features of a kind take from the shop alone, whoever its customers are.

    Attributes:
        target: Features per target. Shape: (J,) each.
        shape: Gamma shape of the purchase rates. Shape: (J,).
        rate: Their Gamma rate. Shape: (J,).
        similarity: Item-item neighbours. Shape: (J, J), sparse.
        ease: Item-item weights.
        parents: Levels above: what the features are called, kind of the parent, parent of each target.
    """

    target: dict[str, F64]
    shape: F64
    rate: F64
    similarity: sparse.csr_array
    ease: EaseWeights
    parents: tuple[tuple[str, str, npt.NDArray[np.int32]], ...]


def of_shop(snapshot: Snapshot, fitted: KindParameters) -> OfShop:
    """Work it out, of any part of the shop."""
    targets = snapshot.catalogue.targets(fitted.kind).targets
    shape, rate = fitted.aligned(targets)
    return OfShop(
        target=_target_features(snapshot, fitted.kind),
        shape=shape,
        rate=rate,
        similarity=fitted.neighbours.aligned(targets),
        ease=EaseWeights.of(fitted.ease.aligned(targets)),
        parents=tuple(_levels_above(snapshot.catalogue, fitted.kind)),
    )


def design_of(
    snapshot: Snapshot,
    history: PairTable,
    fitted: KindParameters,
    order_probability: F64,
    horizon_days: int,
    candidates: Candidates | None = None,
    known: OfShop | None = None,
    likeness: tuple[sparse.csr_array, TextKind] | None = None,
    history_of: HistoryOf = pair_history,
) -> Design:
    """Lay out the features.

    Args:
        snapshot: Any partition of customers.
        history: Their pair history.
        fitted: What was fitted for the kind.
        order_probability: P(at least one order within the horizon). Shape: (U,).
        horizon_days: The horizon.
        candidates: Of these customers, if they were found already.
        known: `of_shop(snapshot, fitted)`, if it was worked out already.
        likeness: Of the targets by their text, where new ones are to be scored by it, and what texts were
            compared by. Shape: (J, J), sparse.
        history_of: Where the pair history of the levels above comes from.
    """
    targets = snapshot.catalogue.targets(history.kind).targets
    shop = known or of_shop(snapshot, fitted)
    if candidates is None:
        candidates = candidates_of(history, shop.similarity, shop.ease)
    customer = _customer_features(snapshot, history, order_probability)
    pair_target = candidates.target

    def scatter(values: npt.ArrayLike, at: I64) -> F64:
        full = np.zeros(len(pair_target))
        full[at] = values
        return full

    rates = shop.shape, shop.rate
    features = {
        name: scatter(values, candidates.own)
        for name, values in _history_features(snapshot, history, *rates, horizon_days).items()
    }
    seen = features["seen"] > 0
    features["near"] = scatter(1.0, candidates.near)
    features["neighbours"] = scatter(np.log1p(10.0 * candidates.neighbours), candidates.near)
    features["ease"] = candidates.ease
    return Design(
        kind=history.kind,
        targets=targets,
        customer=customer,
        target=shop.target,
        indptr=candidates.indptr,
        pair_target=pair_target,
        seen=seen,
        pair=features,
        parents=tuple(_parents(snapshot, shop, history_of)),
        new=snapshot.shop.popularity[history.kind][0] == 0,
        alike=None if likeness is None else LikenessTerm(1.0, history.taste, *likeness),
    )


def _customer_features(snapshot: Snapshot, history: PairTable, order_probability: F64) -> dict[str, F64]:
    """How likely the customer orders at all, how much lately, and how widely."""
    ages, who, users = snapshot.orders.age_days, snapshot.orders.customer, len(snapshot)
    orders = np.maximum(snapshot.n_orders, 1)
    per_customer = np.bincount(history.customer, weights=history.count, minlength=users)
    return {
        "order": logit(order_probability, 1e-4),
        "orders_28": np.log1p(np.bincount(who[ages <= 28], minlength=users)),
        "orders_90": np.log1p(np.bincount(who[ages <= 90], minlength=users)),
        "orders_ever": np.log1p(snapshot.n_orders),
        "breadth": np.log1p(per_customer / orders),
        "variety": np.log1p(np.diff(history.indptr)),
    }


def _target_features(snapshot: Snapshot, kind: str) -> dict[str, F64]:
    """Log-odds of the share of active customers who bought the target, by window; how few ever did."""
    shop = snapshot.shop
    sold = shop.popularity[kind][0] > 0
    category, brand = _siblings(snapshot.catalogue, kind)
    features = {}
    for window, name in POPULARITY_WINDOWS.items():
        buyers = shop.popularity[kind][window].astype(np.float64)
        expected = expected_buyers(buyers, sold, category, brand)
        features[name] = popularity_logit(buyers, expected, sold, shop.active[window])
    ever = np.maximum(shop.popularity[kind][0], 1)
    for few, name in FEW_BUYERS.items():
        features[name] = np.where(sold, np.maximum(np.log(few / ever), 0.0), 0.0)
    features[UNSOLD] = np.where(sold, 0.0, 1.0)
    return features


def _siblings(catalogue: Catalogue, kind: str) -> tuple[I64, I64]:
    """The groups that targets share their expected popularity with: products by category and brand."""
    if kind != "product":
        alone = np.zeros(len(catalogue.targets(kind)), np.int64)
        return alone, alone
    category, brand = (catalogue.targets(parent).of_products() for parent in ("category", "brand"))
    return category.astype(np.int64) + 1, brand.astype(np.int64) + 1


def _history_features(
    snapshot: Snapshot, history: PairTable, shape: F64, rate: F64, horizon_days: int
) -> dict[str, F64]:
    """Repeat features of the pairs with history, on scales a linear model can use."""
    exposure = _exposure_days(snapshot)[history.customer]
    buys = probability_within(
        shape[history.target], rate[history.target], history.count, exposure, horizon_days
    )
    gap = history.gap_days
    repeated = np.isfinite(gap) & (gap > 0)
    overdue = np.zeros(len(history))
    overdue[repeated] = np.clip(np.log((history.last_days[repeated] + 1) / (gap[repeated] + 1)), -3, 3)
    features = {
        "seen": np.ones(len(history)),
        "count": np.log1p(history.count),
        "order_decay": np.log1p(history.order_decay),
        "last": np.log1p(history.last_days),
        "since": np.log1p(history.orders_since),
        "share": np.log(history.count / snapshot.n_orders[history.customer]),
        "repeated": repeated.astype(np.float64),
        "overdue": overdue,
        "late": np.maximum(overdue, 0.0),
        "rate": logit(buys, 1e-5),
    }
    for column, half_life in enumerate(HALF_LIVES_DAYS):
        features[f"decay_{half_life}"] = np.log1p(history.decays[:, column])
    return features


def _levels_above(catalogue: Catalogue, kind: str) -> Iterator[tuple[str, str, npt.NDArray[np.int32]]]:
    """The category and brand of products, the departments of categories: as `OfShop.parents`."""
    for name in PARENT_KINDS.get(kind, ()):
        of_kind = "category_node" if name == "root" else name
        if len(catalogue.targets(of_kind)):
            yield (
                name,
                of_kind,
                _roots(catalogue) if name == "root" else catalogue.targets(name).of_products(),
            )


def _parents(snapshot: Snapshot, shop: OfShop, history_of: HistoryOf) -> Iterator[Parent]:
    """History with the category and brand of a product, or with the department of a category."""
    for name, kind, parent_of in shop.parents:
        history = history_of(snapshot, kind)
        features = {
            f"{name}_decay": np.log1p(history.decays[:, HALF_LIVES_DAYS.index(90)]),
            f"{name}_seen": np.ones(len(history)),
        }
        yield Parent(kind, history, features, parent_of)


def _roots(catalogue: Catalogue) -> npt.NDArray[np.int32]:
    """The department (first node of the path) of each category, as a category_node, -1 for none."""
    categories, nodes = catalogue.targets("category"), catalogue.targets("category_node")
    code = {node: number for number, node in enumerate(nodes.targets)}
    root = np.full(len(categories), -1, np.int32)
    of_product = categories.of_products()
    for category, path in zip(of_product, catalogue.paths, strict=True):
        if category >= 0 and root[category] < 0 and path is not None:
            root[category] = code.get(path_nodes(path)[0], -1)
    return root


def _exposure_days(snapshot: Snapshot) -> F64:
    """Days since each customer's first order, at least one; one for prospects. Shape: (U,)."""
    exposure = np.ones(len(snapshot))
    buyer = np.flatnonzero(snapshot.n_orders > 0)
    exposure[buyer] = np.maximum(snapshot.orders.age_days[snapshot.order_indptr[buyer]], 1.0)
    return exposure
