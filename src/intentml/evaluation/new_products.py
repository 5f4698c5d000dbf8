"""New products: who buys what nobody has bought yet?

What comes in: an order log, a window, a way to fit. A tenth of the products lose every line before the
window: they stand in the catalogue and have sold nothing. What goes out: how well each predictor ranks the
customers for those of them that sell in the window, beside plain rules that need no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from intentml.errors import DataError
from intentml.evaluation.comparison import differences
from intentml.evaluation.contenders import BASELINE, Fit, Progress, contenders_of
from intentml.evaluation.judged import JudgedTargets
from intentml.evaluation.measure import Measured, Population
from intentml.evaluation.measurement import (
    ALL,
    CALIBRATION,
    NEW_PRODUCT,
    Difference,
    Measurement,
    MetricKey,
    Reliability,
    Sheet,
)
from intentml.evaluation.settings import BacktestConfig
from intentml.evaluation.targets import measure_targets
from intentml.evaluation.windows import check_windows
from intentml.fitting.split import drawn
from intentml.metrics import Resamples, ratio_replicates, replicates_for
from intentml.pairs.history import pair_history
from intentml.prediction import F64, Predictions, TargetScores, logit, sigmoid
from intentml.tasks import Labels, labels_of
from intentml.timeline import OrderLog, Snapshot, Window
from intentml.timeline.catalogue import Strings

KIND = "product"
SHARE = 0.1

# Rules that rank without a model, by the names that tables give them.
CATEGORY_POPULARITY = "category's popularity"
ACTIVITY = "activity alone"
CATEGORY_COUNTS = "category counts"
_SHARING = 8
_RATIO = MetricKey(NEW_PRODUCT, CALIBRATION, "predicted_over_actual", ALL)


@dataclass(frozen=True)
class NewProducts:
    """What was found in one window.

    Attributes:
        window: The window.
        held_out: Products that were new.
        population: Who is judged, and how many of those products: with enough buyers in the window.
        roles: Role by predictor and rule, the recipe first; without a judged product nobody was asked, and
            this and what follows is empty.
        measurements: Of every predictor and rule, under the head `new_product`. Predicted over actual is over
            all products held out: judged ones are those that sold well, which nobody can know.
        differences: The recipe minus every other.
        reliability: Of every predictor with probabilities, over the judged ones.
    """

    window: Window
    held_out: int
    population: Population
    roles: Mapping[str, str] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()
    differences: tuple[Difference, ...] = ()
    reliability: tuple[Reliability, ...] = ()


def held_out(product_ids: Strings, share: float = SHARE, seed: int = 0) -> Strings:
    """A share of the products, drawn by a hash of each id: the same on every machine."""
    return drawn(product_ids, share, str(seed))


def new_products(
    log: OrderLog,
    window: Window,
    fit: Fit,
    settings: BacktestConfig | None = None,
    *,
    share: float = SHARE,
    progress: Progress = lambda step, done, total: None,
) -> NewProducts:
    """Hide the past of a share of the products, fit on the rest, rank customers for them.

    Args:
        log: The whole history; it must hold the whole window.
        window: Where they are sold for the first time.
        fit: As for a backtest: handed the log as it was known, without those products' lines. Not called
            where no product is judged.
        settings: Fewest buyers in the window, resamples and seed are read.
        share: Of the products.
        progress: Told the step, steps done and steps in all.

    Raises:
        DataError: There is no table of products.
        IncompleteOutcomeError: The window ends after the data does.
        TimeError: The window starts outside the data, or a predictor has seen what came after its start.
        ValueError: A predictor does not score products.
    """
    settings = settings or BacktestConfig()
    (window,) = check_windows(log, [window])
    check_listed(log)
    names = held_out(log.catalogue.product_ids, share, settings.seed)
    young = log.unsold(names, window.as_of)
    snapshot = young.as_of(window.as_of)
    names = names[np.isin(names, snapshot.catalogue.product_ids)]  # sold, but listed later: not known yet
    labels = labels_of(snapshot, young.outcomes(snapshot, window.horizon_days))
    judged = judge_new(snapshot, labels, names, settings, settings.min_buyers_in_window)
    about = window.as_of.iso, window.horizon_days
    population = Population(*about, NEW_PRODUCT, len(judged.customers), len(judged.targets), judged.base_rate)
    if not len(judged.targets):
        return NewProducts(window, len(names), population)
    progress("fit", 0, 2)
    fitted = contenders_of(fit(young.before(window.as_of), window.as_of))
    fitted.check_trained(window.as_of)
    every = judge_new(snapshot, labels, names, settings, 0)
    measured: dict[str, Measured] = {}
    for done, name in enumerate(fitted.roles):
        progress(name, len(fitted.roles) + done, 2 * len(fitted.roles))
        answer = fitted.predictors[name].predict(snapshot, window.horizon_days, kinds=(KIND,))
        if KIND in answer.targets:
            measured[name] = _measured(answer.targets[KIND], judged, every, Sheet(name, *about))
            if name == fitted.recipe:
                rules = plain_rules(snapshot, answer, judged)
    if fitted.recipe not in measured:
        raise ValueError(f"{fitted.recipe} does not score products")
    for name, scores in rules.items():
        measured[name] = _measured(scores, judged, every, Sheet(name, *about))
    roles = {name: fitted.roles.get(name, BASELINE) for name in measured}
    return NewProducts(
        window,
        len(names),
        population,
        roles,
        tuple(one for found in measured.values() for one in found.measurements),
        differences(measured, roles),
        tuple(one for found in measured.values() for one in found.reliability),
    )


def check_listed(log: OrderLog) -> None:
    """Refuse a shop whose products are known by their sales alone: there nothing new can be offered.

    Raises:
        DataError: There is no table of products.
    """
    if not log.tables.products.num_rows:
        raise DataError(
            "new products cannot be measured: without a table of products nobody knows one that has not sold",
            table="products",
            hint="add products with product_id, name and category, or leave new products out",
        )


def judge_new(
    snapshot: Snapshot, labels: Labels, names: Strings, settings: BacktestConfig, fewest: int
) -> JudgedTargets:
    """Customers with an order x new products with at least so many buyers among them in the window."""
    customers = np.flatnonzero(snapshot.n_orders > 0)
    index = snapshot.catalogue.targets(KIND)
    # A shop may know no product at all.
    bought = labels.bought.get(KIND, sparse.csr_array((len(snapshot), len(index)), dtype=bool))[customers]
    enough = np.bincount(bought.indices, minlength=len(index)) >= fewest
    targets = np.flatnonzero(enough & np.isin(index.targets, names))
    affordable = replicates_for(len(customers), _SHARING * max(1, len(targets)))
    return JudgedTargets(
        kind=NEW_PRODUCT,
        customers=customers,
        targets=targets,
        names=index.targets[targets],
        in_tail=np.zeros(len(targets), bool),
        bought=bought[:, targets],
        before=sparse.csr_array((len(customers), len(targets)), dtype=bool),
        resamples=Resamples(len(customers), settings.resamples, settings.seed),
        ranking_resamples=Resamples(len(customers), min(settings.resamples, affordable), settings.seed),
    )


def plain_rules(snapshot: Snapshot, answer: Predictions, judged: JudgedTargets) -> dict[str, TargetScores]:
    """How likely a customer is to order at all; how much and by whom the product's category was bought."""
    users, count = len(snapshot), len(judged.targets)
    ordering = snapshot.n_orders.astype(np.float64) if answer.no_order is None else -logit(answer.no_order)

    def rule(customers: F64, targets: F64) -> TargetScores:
        return TargetScores(
            kind=KIND,
            targets=judged.names,
            customer_vectors=customers.astype(np.float32),
            target_vectors=targets.astype(np.float32),
            pairs=sparse.csr_array((users, count), dtype=np.float32),
            probabilities=False,
        )

    rules = {ACTIVITY: rule(ordering[:, np.newaxis], np.ones((count, 1)))}
    categories = snapshot.catalogue.targets("category")
    if not len(categories):
        return rules
    history = pair_history(snapshot, "category")
    shape = (users, len(categories))
    counts = sparse.csr_array((history.count, history.target, history.indptr), shape=shape)
    of = categories.of_products()[judged.targets]
    member = np.zeros((count, len(categories)))
    member[np.flatnonzero(of >= 0), of[of >= 0]] = 1.0
    bought = member @ snapshot.shop.popularity["category"][0][:, np.newaxis]
    # Among those who bought of the category as often, the likelier to order come first.
    place = np.unique(ordering, return_inverse=True)[1] / users
    return {
        CATEGORY_POPULARITY: rule(np.ones((users, 1)), bought),
        **rules,
        CATEGORY_COUNTS: rule(
            np.column_stack([place, counts.toarray()]), np.column_stack([np.ones(count), member])
        ),
    }


def _measured(scores: TargetScores, judged: JudgedTargets, every: JudgedTargets, sheet: Sheet) -> Measured:
    """One predictor or rule, on the judged products; its level, where it has one, on every new one."""
    measure_targets(scores, judged, sheet)
    # Nobody has bought any of them before: a part of the pairs is none, or all of them.
    told = [one for one in sheet.measurements if one.stratum == ALL and one.key != _RATIO]
    sheet.measurements = told
    sheet.replicates = {one.key: sheet.replicates[one.key] for one in told if one.key in sheet.replicates}
    if scores.probabilities:
        _note_ratio(every.restrict(scores), every, sheet)
    return Measured(tuple(sheet.measurements), tuple(sheet.reliability), sheet.replicates)


def _note_ratio(own: TargetScores, every: JudgedTargets, sheet: Sheet) -> None:
    """Sum of probabilities over number of buyers."""
    predicted, actual = np.zeros((2, len(every.customers)))
    for block, bought, _ in every.by_target():
        logits = own.columns(np.arange(block.start, block.stop)).astype(np.float64)
        predicted += np.asarray(sigmoid(logits)).sum(axis=1)
        actual += bought.sum(axis=1)
    sheet.note(
        _RATIO,
        float(predicted.sum() / actual.sum()),
        customers=len(every.customers),
        targets=len(every.targets),
        replicates=ratio_replicates(predicted, every.resamples, actual),
    )
