"""Join single probabilities of product sets in several ways; fit them on validation, measure them after it.

python experiments/0006-product-sets/run.py DATA_DIR --as-of 2017-08-09 2017-11-01 --horizon 28
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

import intentml as im
from intentml.fitting.priors import PriorsConfig, fit_priors_on
from intentml.fitting.sets import as_it_stood, draw_sets, groups_of
from intentml.fitting.slices import Past, Slice
from intentml.metrics import average_precision
from intentml.priors.predictor import PriorPredictor
from intentml.priors.union import (
    SIZE_BANDS,
    Joined,
    hazards_given,
    homes_of,
    probability_of,
    raised,
    union_given,
)

SETS_PER_BAND, CUSTOMERS_TO_FIT = 60, 800


@dataclass(frozen=True)
class Asked:
    """One set: probabilities of its products, of its parts (joined within categories, within nodes too)."""

    cell: str
    band: str
    single: np.ndarray
    within_category: np.ndarray
    within_node: np.ndarray
    ordering: np.ndarray
    came: np.ndarray


Way = Callable[[Asked, np.ndarray], np.ndarray]


def independent(parts: str, *, ordering: bool) -> Way:
    """1 - prod(1 - p), or the same given an order."""

    def way(one: Asked, _: np.ndarray) -> np.ndarray:
        whole = one.ordering if ordering else np.ones(len(one.came))
        return union_given([getattr(one, parts)], whole)

    return way


def kappa_of_size(one: Asked, at: np.ndarray) -> np.ndarray:
    """1 - exp(-kappa Lambda), kappa = n^-b."""
    return -np.expm1(np.log1p(-one.single).sum(axis=1) * one.single.shape[1] ** -at[0])


def frailty_alone(one: Asked, at: np.ndarray) -> np.ndarray:
    """Frailty over single products, given nothing."""
    return union_given([one.single], np.ones(len(one.came)), np.clip(at[0], 0, 8))


def frailty(one: Asked, at: np.ndarray) -> np.ndarray:
    """Frailty over the parts, given an order."""
    return union_given([one.within_node], one.ordering, np.clip(at[0], 0, 8))


def overlap(one: Asked, at: np.ndarray) -> np.ndarray:
    """Gumbel's copula over the parts, given an order."""
    return frailty_and_overlap(one, np.array([0.0, at[0]]))


def frailty_and_overlap(one: Asked, at: np.ndarray) -> np.ndarray:
    """Joe's BB1, of which frailty (Clayton) and overlap (Gumbel) are the two edges."""
    strength, power = np.clip(at[0], 0, 8), np.clip(at[1], 1, 3)
    whole = raised([one.within_node], one.ordering)
    (hazards,) = hazards_given([one.within_node], whole)
    terms = np.expm1(strength * hazards) if strength > 1e-6 else hazards
    joined = (terms**power).sum(axis=1) ** (1 / power)
    return whole * -np.expm1(-(np.log1p(joined) / strength if strength > 1e-6 else joined))


WAYS: dict[str, tuple[Way, tuple[float, ...]]] = {
    "noisy-or": (independent("single", ordering=False), ()),
    "given the category (until now)": (independent("within_category", ordering=False), ()),
    "given category and order": (independent("within_category", ordering=True), ()),
    "given node, category and order": (independent("within_node", ordering=True), ()),
    "kappa = n^-b": (kappa_of_size, (0.05,)),
    "frailty alone": (frailty_alone, (0.3,)),
    "given all, overlap": (overlap, (1.05,)),
    "given all, frailty and overlap": (frailty_and_overlap, (0.3, 1.05)),
    "given all, frailty": (frailty, (0.3,)),
}


def asked(part: Slice, priors: PriorPredictor, days: int, seed: int, most: int | None) -> list[Asked]:
    """Sets of a window, and what it brought."""
    snapshot = part.snapshot
    customers = np.flatnonzero(snapshot.n_orders > 0)
    if most is not None and len(customers) > most:
        customers = np.sort(np.random.default_rng(seed).choice(customers, most, replace=False))
    answer = priors.predict(snapshot.take(customers), days, kinds=("product", "category", "category_node"))
    whole = Joined(answer.targets, homes_of(snapshot.catalogue), 1 - answer.no_order)
    no_nodes = {kind: of for kind, of in answer.targets.items() if kind != "category_node"}
    of_categories = replace(whole, targets=no_nodes)
    generator = np.random.default_rng(seed)
    found = []
    for kind, scores in no_nodes.items():
        alike = groups_of(snapshot.catalogue, part.eligible(kind)) if kind == "product" else {}
        buyers = snapshot.shop.popularity[kind][0]
        bought = part.labels(days).bought[kind][customers].tocsc()
        for drawn in draw_sets(kind, part.eligible(kind), buyers, alike, SETS_PER_BAND, generator):
            chosen = {kind: drawn.columns}
            parts = [joined.parts(chosen) for joined in (of_categories, whole)]
            came = np.asarray(bought[:, drawn.columns].sum(axis=1)).ravel() > 0
            single = probability_of(scores, drawn.columns)
            found.append(Asked(f"{kind} {drawn.sort}", drawn.band, single, *parts, whole.whole, came))
    return found


def log_loss(told: np.ndarray, came: np.ndarray) -> float:
    """Mean over customers."""
    sure = np.clip(told, 1e-9, 1 - 1e-9)
    return float(-np.where(came, np.log(sure), np.log1p(-sure)).mean())


def ratios(sets: Sequence[Asked], told: Sequence[np.ndarray], by: Callable[[Asked], str]) -> dict[str, float]:
    """Predicted over actual buyers of each group of sets."""
    sums: dict[str, np.ndarray] = {}
    for one, probability in zip(sets, told, strict=True):
        sums.setdefault(by(one), np.zeros(2))[:] += probability.sum(), one.came.sum()
    return {name: float(predicted / max(actual, 1)) for name, (predicted, actual) in sums.items()}


def fitted(way: Way, start: tuple[float, ...], sets: Sequence[Asked], by: str) -> np.ndarray:
    """What brings predicted to actual in every band and sort (`moments`), or is likeliest (`likelihood`)."""

    def loss(at: np.ndarray) -> float:
        told = [way(one, at) for one in sets]
        if by == "likelihood":
            each = (log_loss(probability, one.came) for one, probability in zip(sets, told, strict=True))
            return float(np.mean(list(each)))
        found = ratios(sets, told, lambda one: f"{one.cell} {one.band}")
        return float(np.sum(np.log(list(found.values())) ** 2))

    if not start:
        return np.zeros(0)
    options = {"maxfev": 40, "xatol": 0.01, "fatol": 1e-7}
    return minimize(loss, start, method="Nelder-Mead", options=options).x


def row(name: str, sets: Sequence[Asked], told: Sequence[np.ndarray]) -> str:
    """Log-loss, average precision, predicted over actual by band."""
    loss = np.mean([log_loss(probability, one.came) for one, probability in zip(sets, told, strict=True)])
    precision = [
        average_precision(one.came, probability)
        for one, probability in zip(sets, told, strict=True)
        if one.came.sum() >= 10
    ]
    by_band = ratios(sets, told, lambda one: one.band)
    bands = " | ".join(f"{by_band[band]:.3f}" if band in by_band else "-" for band in SIZE_BANDS)
    return f"| {name} | {loss:.5f} | {np.mean(precision):.4f} | {bands} |"


def groups(part: Slice, priors: PriorPredictor, days: int) -> None:
    """Products that make up a whole node, and nine in ten of them: the node's own score, or the union."""
    snapshot = part.snapshot
    index = snapshot.catalogue.targets("category_node")
    if not len(index):
        return
    customers = np.flatnonzero(snapshot.n_orders > 0)
    answer = priors.predict(snapshot.take(customers), days, kinds=("product", "category", "category_node"))
    joined = Joined(answer.targets, homes_of(snapshot.catalogue), 1 - answer.no_order)
    flat = replace(joined, targets={kind: answer.targets[kind] for kind in ("product", "category")})
    generator = np.random.default_rng(0)
    owner = np.repeat(np.arange(len(snapshot.catalogue)), np.diff(index.indptr))
    size = np.bincount(index.indices, minlength=len(index))
    buyers = snapshot.shop.popularity["category_node"][0]
    nodes = generator.permutation(np.flatnonzero((size >= 10) & (size <= 120) & (buyers >= 20)))[:80]
    bought = part.labels(days).bought["product"][customers].tocsc()
    for share in (1.0, 0.9, 0.5):
        names = "joined in the category", "joined in the node", "the node's own score", "mean of log-odds"
        told: dict[str, list[np.ndarray]] = {name: [] for name in names}
        came = []
        for node in nodes:
            own = owner[index.indices == node]
            own = np.sort(generator.choice(own, round(share * len(own)), replace=False))
            inside, union = (one.probability({"product": own}) for one in (joined, flat))
            head = probability_of(answer.targets["category_node"], np.array([node]))[:, 0]
            blend = 1 / (1 + np.sqrt((1 / union - 1) * (1 / head - 1)))
            for name, probability in zip(names, (union, inside, head, blend), strict=True):
                told[name].append(probability)
            came.append(np.asarray(bought[:, own].sum(axis=1)).ravel() > 0)
        actual = sum(one.sum() for one in came)
        for name, probabilities in told.items():
            loss = np.mean([log_loss(*pair) for pair in zip(probabilities, came, strict=True)])
            ratio = sum(one.sum() for one in probabilities) / actual
            print(f"| {share:.0%} of a node's products: {name} | {loss:.5f} | {ratio:.3f} |")


def tail(part: Slice, priors: PriorPredictor, days: int) -> None:
    """Single products by how many bought them before: what the union of a rare product's set starts from."""
    snapshot, customers = part.snapshot, np.flatnonzero(part.snapshot.n_orders > 0)
    scores = priors.predict(snapshot.take(customers), days, kinds=("product",)).targets["product"]
    buyers = snapshot.shop.popularity["product"][0]
    bought = np.asarray(part.labels(days).bought["product"][customers].sum(axis=0)).ravel()
    learned = np.isin(np.arange(len(buyers)), part.eligible("product"))
    generator = np.random.default_rng(0)
    print("| products | predicted | bought | predicted / actual |\n|---|---|---|---|")
    strata = {
        f"bought by {least} to {most}": (buyers >= least) & (buyers <= most) & ~learned
        for least, most in ((1, 1), (2, 4), (5, 19), (20, 10**9))
    }
    for name, inside in {**strata, "learned from": learned}.items():
        some = np.flatnonzero(inside)
        if not len(some):
            continue
        some = generator.permutation(some)[:600]
        predicted, actual = probability_of(scores, some).sum(), bought[some].sum()
        print(f"| {name} | {predicted:.0f} | {actual} | {predicted / max(actual, 1):.2f} |")


def main() -> None:
    """Print the tables of each window."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--as-of", nargs="+", required=True)
    parser.add_argument("--horizon", type=int, required=True)
    arguments = parser.parse_args()
    log, days = im.read_tables(arguments.data), arguments.horizon
    for text in arguments.as_of:
        as_of = log.instant(text)
        past = Past(log.before(as_of))
        config = PriorsConfig(horizons_days=(days,), kinds=("product", "category", "category_node"))
        priors = fit_priors_on(past, config, lambda step, done, total: None).best
        before, after = past.at(as_of.plus_days(-days)), Slice(log, as_of)
        validation = asked(before, as_it_stood(priors, before), days, 1, CUSTOMERS_TO_FIT)
        test = asked(after, priors, days, 2, None)
        print(f"\n{text}, {days} days: single products, predicted / actual\n")
        tail(after, priors, days)
        head = "| joined | log-loss | mAP | " + " | ".join(SIZE_BANDS) + " |\n|---|---|---|" + "---|" * 4
        for kind in dict.fromkeys(one.cell.split()[0] for one in test):
            print(f"\n{text}, {days} days: sets of kind {kind}\n\n{head}")
            own = [one for one in test if one.cell.startswith(kind)]
            for name, (way, start) in WAYS.items():
                for by in ("likelihood", "moments") if start else ("",):
                    at = fitted(way, start, validation, by)
                    told = f", by {by}: {', '.join(f'{value:.2f}' for value in at)}" if start else ""
                    print(row(name + told, own, [way(one, at) for one in own]), flush=True)
        print("\n| set | log-loss | predicted / actual |\n|---|---|---|")
        groups(after, priors, days)


if __name__ == "__main__":
    main()
