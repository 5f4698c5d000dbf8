"""Logits of a product that the catalogue does not hold: by its category, brand and price.

What comes in: the scores of the catalogue's products and the product described. What goes out: one
logit a customer: what customers want of its category and brand and of what is called alike, and how its
siblings sell, those of like price before others.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import ScoresError
from intentml.pairs.likeness import LikeProducts
from intentml.pairs.text import text_of
from intentml.prediction import F64, Newcomer, TargetScores
from intentml.priors.popularity import expected_of_newcomer, popularity_logit
from intentml.scores.selection import NewProduct, find_category, products_of
from intentml.timeline.catalogue import Catalogue

Mask = npt.NDArray[np.bool_]


def newcomer_logits(
    scores: TargetScores,
    product: NewProduct,
    catalogue: Catalogue,
    prices: F64,
    context: pa.Table,
    active: Mapping[int, int],
    like: LikeProducts | None,
) -> F64:
    """One logit a customer. Shape: (U,).

    Args:
        scores: Of kind product.
        product: The newcomer.
        catalogue: The products that are known. Length P.
        prices: Their prices, NaN where unknown. Shape: (P,).
        context: Buyers per kind, target and window.
        active: Customers with an order inside each window.
        like: The products bought, to be found by their text.

    Raises:
        ScoresError: The model cannot score products without orders.
    """
    if scores.newcomer is None:
        raise ScoresError(
            "this model cannot score a product without orders", hint="score the shop with the recipe priors"
        )
    same_category, category = _category_siblings(catalogue, product.category)
    same_brand = np.asarray(catalogue.brands == product.brand, dtype=np.bool_) & (product.brand is not None)
    value = _popularity(scores.newcomer, product.price, same_category, same_brand, prices, context, active)
    siblings = same_category | same_brand
    known = len(scores.newcomer.start)
    like_siblings = scores.target_vectors[siblings, known:].mean(axis=0) if siblings.any() else 0.0
    vector = np.zeros(scores.target_vectors.shape[1], np.float32)
    vector[:known], vector[known:] = scores.newcomer.start, like_siblings
    vector[1] += value
    logits: F64 = (scores.customer_vectors @ vector).astype(np.float64)
    for number in scores.newcomer.parents:
        parent = scores.parents[number]
        name = {"category": category, "brand": product.brand}.get(parent.kind)
        targets = catalogue.targets(parent.kind).targets
        at = int(np.searchsorted(targets, name)) if name is not None else len(targets)
        if at < len(targets) and targets[at] == name:
            logits += parent.values[:, [at]].toarray()[:, 0]
    text = text_of(product.name, product.category)
    if scores.alike is not None and like is not None and text:
        told = scores.alike.values(scores.alike.taste, like.column(text))
        logits += told.toarray()[:, 0]
    return logits


def _category_siblings(catalogue: Catalogue, name: str | None) -> tuple[Mask, str | None]:
    """The products of the newcomer's category or node (all without one), and the one category they share."""
    if name is None:
        return np.ones(len(catalogue), np.bool_), None
    kind, target = find_category(catalogue, name)
    siblings = np.zeros(len(catalogue), np.bool_)
    siblings[products_of(catalogue, kind, target)] = True
    categories = {category for category in catalogue.categories[siblings] if category is not None}
    return siblings, categories.pop() if len(categories) == 1 else None


def _popularity(
    rule: Newcomer,
    price: float | None,
    same_category: Mask,
    same_brand: Mask,
    prices: F64,
    context: pa.Table,
    active: Mapping[int, int],
) -> float:
    """The product's part of the logit: how its siblings sell."""
    products = context.filter(pc.equal(context["kind"], "product"))
    sold = products["buyers_0"].to_numpy() > 0
    value = rule.intercept
    for window, weight in rule.popularity.items():
        buyers = products[f"buyers_{window}"].to_numpy().astype(np.float64)
        expected = expected_of_newcomer(buyers, sold, same_category, same_brand, prices, price)
        share = popularity_logit(np.zeros(1), np.array([expected]), np.zeros(1, np.bool_), active[window])
        value += weight * float(share[0])
    return value
