"""The sequence model at work: its prior where gates are closed, what they let in where they are open."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from intentml.inference.intent import IntentPredictor
from intentml.model.correction import Gates, learned_of_pairs, low_rank, target_vectors, value_ratio
from intentml.model.heads import horizon_place
from intentml.model.states import target_codes
from intentml.model.values import ValueGates
from intentml.pairs.history import pair_history
from intentml.prediction import Mend, Predictions, sigmoid
from intentml.priors.designs import design_of
from intentml.priors.sampling import pair_columns
from intentml.priors.timing_numbers import timing_numbers
from intentml.priors.value_numbers import value_numbers
from intentml.survival import SURVIVAL_DAYS
from intentml.timeline import Snapshot
from intentml.timeline.catalogue import KINDS
from random_shop import AS_OF_TEXT
from same import arrays_of, assert_same
from scored_shop import log
from sequence_shop import CLOSED, OPEN, VALUES, model, predictor, with_gates

# A horizon that was learned, one between two, one past them.
LEARNED, BETWEEN, PAST = 14, 10, 30
DAYS = (LEARNED, BETWEEN, PAST)


@cache
def snapshot() -> Snapshot:
    return log().as_of(AS_OF_TEXT)


@cache
def prior(days: int) -> Predictions:
    return predictor().prior.predict(snapshot(), days)


def seen(kind: str) -> np.ndarray:
    """Pairs with history. Shape: (U, J)."""
    history = pair_history(snapshot(), kind)
    found = np.zeros((history.n_customers, history.n_targets), bool)
    found[history.customer, history.target] = True
    return found


def same(one: object, other: object) -> None:
    assert_same(arrays_of(one, "answer"), arrays_of(other, "answer"))


def differs(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(np.asarray(one, float) - np.asarray(other, float)).max() > 0.01)


def everybody(answer: Predictions, kind: str) -> np.ndarray:
    """Logits of everybody for everything."""
    return answer.targets[kind].rows(slice(None))


# -- closed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [*DAYS, 200])
def test_closed_gates_give_the_prior_bit_for_bit(days):
    shut = with_gates(CLOSED, 0.0)
    assert shut.correction.idle
    same(shut.predict(snapshot(), days), predictor().prior.predict(snapshot(), days))


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_gate_keeps_its_kind_bit_for_bit_while_the_others_are_open(kind):
    gates = dict.fromkeys(KINDS, OPEN) | {kind: CLOSED}
    answer = with_gates(gates, 0.5).predict(snapshot(), LEARNED)
    same(answer.targets[kind], prior(LEARNED).targets[kind])
    for other in set(KINDS) - {kind}:
        assert differs(everybody(answer, other), everybody(prior(LEARNED), other))


def with_knots(knots: dict[str, dict[int, Gates]]) -> IntentPredictor:
    found = with_gates(OPEN, 0.0)
    return IntentPredictor(found.prior, replace(found.correction, gates=knots))


def test_a_gate_that_is_open_at_one_horizon_is_closed_at_the_other_bit_for_bit():
    found = with_knots({kind: {7: CLOSED, 14: OPEN} for kind in KINDS})
    same(found.predict(snapshot(), 7), prior(7))
    assert differs(everybody(found.predict(snapshot(), 10), "brand"), everybody(prior(10), "brand"))


def test_a_kind_that_the_network_has_not_learned_is_the_prior_bit_for_bit():
    found = with_knots({"brand": {14: OPEN}})
    answer = found.predict(snapshot(), LEARNED)
    for kind in set(KINDS) - {"brand"}:
        same(answer.targets[kind], prior(LEARNED).targets[kind])


def test_closed_timing_and_values_keep_every_number_of_a_customer_bit_for_bit():
    answer = with_gates(OPEN, 0.0).predict(snapshot(), LEARNED)
    for name in ("no_order", "survival", "orders", "spend"):
        same(getattr(answer, name), getattr(prior(LEARNED), name))


def test_kinds_that_nobody_asked_for_are_not_answered():
    answer = with_gates(OPEN, 0.5).predict(snapshot(), LEARNED, kinds=["brand"])
    assert list(answer.targets) == ["brand"]
    same(answer.targets["brand"], with_gates(OPEN, 0.5).predict(snapshot(), LEARNED).targets["brand"])


# -- open ----------------------------------------------------------------------------------------------


def of_candidates(found: IntentPredictor, kind: str, days: int) -> np.ndarray:
    """What the pair network says, pair by pair of the design; 0 elsewhere. Shape: (U, J)."""
    network, prior = found.correction.network, found.prior
    ordering = 1.0 - prior.activity.no_order(snapshot(), days)[:, 0]
    design = design_of(snapshot(), pair_history(snapshot(), kind), prior.kinds[kind], ordering, days)
    every = np.arange(design.shape[1])
    codes = target_codes(network, found.correction.vocabulary, snapshot().catalogue, kind, every)
    names, values, _ = pair_columns(design, design.pair_customer, design.pair_target)
    columns = [names.index(name) for name in network.sizes.pairs[kind]]
    told = values[:, columns].astype(np.float32)
    said = np.zeros(design.shape, np.float32)
    place = found.correction.place(kind, days)
    said[design.pair_customer, design.pair_target] = learned_of_pairs(
        network, kind, told, codes, design.pair_target, place
    )
    return said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("days", DAYS)
def test_open_gates_give_what_the_network_says_of_each_stratum(kind, days):
    found = with_gates(OPEN, 0.0)
    correction = found.correction
    targets = np.arange(len(snapshot().catalogue.targets(kind)))
    codes = target_codes(correction.network, correction.vocabulary, snapshot().catalogue, kind, targets)
    states = correction.states(snapshot()) * (snapshot().n_orders > 0)[:, np.newaxis]
    place = correction.place(kind, days)
    says = [
        (part.customer @ part.target.T) * (snapshot().n_orders > 0)[:, np.newaxis]
        for part in low_rank(
            correction.network, states, kind, target_vectors(correction.network, kind, codes), place
        )
    ]
    logits, learned = everybody(prior(days), kind), of_candidates(found, kind, days)
    wanted = np.where(
        seen(kind),
        *(
            mend.intercept + mend.slope * (logits + mend.weight * said + mend.pairs * learned)
            for mend, said in zip(OPEN, says, strict=True)
        ),
    )
    assert min(np.abs(said[snapshot().n_orders > 0]).max() for said in (*says, learned)) > 0.1
    np.testing.assert_allclose(everybody(found.predict(snapshot(), days), kind), wanted, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_each_stratum_has_a_gate_of_its_own(kind):
    before, history = everybody(prior(LEARNED), kind), seen(kind)
    for gates, opened in (((OPEN[0], Mend()), history), ((Mend(), OPEN[1]), ~history)):
        after = everybody(with_gates(gates, 0.0).predict(snapshot(), LEARNED), kind)
        assert opened.any()
        assert not opened.all()
        np.testing.assert_allclose(after[~opened], before[~opened], atol=1e-5)
        assert differs(after[opened], before[opened])


def test_who_never_ordered_gets_the_gate_s_line_and_nothing_of_the_network():
    prospects = np.flatnonzero(snapshot().n_orders == 0)
    assert len(prospects) > 5
    answer = with_gates(OPEN, 1.0).predict(snapshot(), LEARNED)
    line = OPEN[1].intercept + OPEN[1].slope * everybody(prior(LEARNED), "brand")[prospects]
    np.testing.assert_allclose(everybody(answer, "brand")[prospects], line, atol=1e-5)
    np.testing.assert_allclose(answer.no_order[prospects], prior(LEARNED).no_order[prospects], rtol=1e-9)


@pytest.mark.parametrize("days", [*DAYS, 300])
def test_corrected_timing_is_one_curve_that_never_rises(days):
    answer = with_gates(CLOSED, 1.0).predict(snapshot(), days)
    assert differs(answer.survival, prior(days).survival)
    assert (np.diff(answer.survival, axis=1) <= 1e-12).all()
    assert ((answer.survival >= 0) & (answer.survival <= 1)).all()
    left = np.searchsorted(SURVIVAL_DAYS, days, side="right") - 1
    assert (answer.no_order <= answer.survival[:, left] + 1e-12).all()
    assert (answer.no_order >= answer.survival[:, min(left + 1, 12)] - 1e-12).all()
    if days in SURVIVAL_DAYS:
        np.testing.assert_allclose(answer.no_order, answer.survival[:, left], rtol=1e-12)


def test_the_survival_curve_is_the_same_at_every_horizon():
    curves = [with_gates(CLOSED, 1.0).predict(snapshot(), days).survival for days in DAYS]
    for curve in curves[1:]:
        np.testing.assert_allclose(curve, curves[0], rtol=1e-9)


def test_with_closed_values_orders_are_the_prior_s_but_never_fewer_than_the_timing_says():
    answer, before = with_gates(CLOSED, 1.0).predict(snapshot(), LEARNED), prior(LEARNED)
    same((answer.orders,), (np.maximum(before.orders, 1 - answer.no_order),))
    np.testing.assert_allclose(answer.spend * before.orders, before.spend * answer.orders)


def logs_of_factors(days: int) -> np.ndarray:
    """What the network says of orders and of money per order, gated. Shape: (U, 2)."""
    found = with_gates(CLOSED, 0.0, values=True)
    correction, prior = found.correction, found.prior
    numbers = [
        timing_numbers(snapshot(), prior.activity.name, prior.timings),
        value_numbers(snapshot(), prior.spend),
    ]
    said = value_ratio(
        correction.network,
        correction.states(snapshot()),
        np.hstack(numbers),
        horizon_place(min(max(days, 7), 14)),
    )
    level = [np.interp(np.log(days), np.log([7, 14]), column) for column in ((0.1, 0.2), (-0.1, 0.05))]
    logs = np.array([VALUES.orders, VALUES.money]) * said - level
    return np.where((snapshot().n_orders > 0)[:, np.newaxis], logs, 0.0)


@pytest.mark.parametrize("days", [7, *DAYS])
def test_open_values_multiply_orders_and_money_per_order_by_what_the_network_says(days):
    answer = with_gates(CLOSED, 0.0, values=True).predict(snapshot(), days)
    before, logs = prior(days), logs_of_factors(days)
    assert (np.abs(logs[snapshot().n_orders > 0]).max(axis=0) > 0.1).all()
    orders = np.maximum(before.orders * np.exp(logs[:, 0]), 1 - answer.no_order)
    np.testing.assert_allclose(answer.orders, orders, rtol=1e-6)
    money = before.spend / before.orders * np.exp(logs[:, 1])
    np.testing.assert_allclose(answer.spend, orders * money, rtol=1e-6)
    for name in ("no_order", "survival"):
        same(getattr(answer, name), getattr(before, name))


def test_of_orders_and_money_per_order_each_has_a_gate_of_its_own():
    opened = with_gates(CLOSED, 0.0, values=True)
    shut = ValueGates(0.0, 0.5, {14: (0.0, 0.1)})
    answer = IntentPredictor(opened.prior, replace(opened.correction, values=shut)).predict(
        snapshot(), LEARNED
    )
    same(answer.orders, prior(LEARNED).orders)
    assert differs(answer.spend, prior(LEARNED).spend)


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("values", [False, True])
def test_nobody_is_likelier_to_order_than_orders_are_expected_of_them(days, values):
    for answer in (prior(days), with_gates(CLOSED, 1.0, values=values).predict(snapshot(), days)):
        assert (answer.orders >= 1 - answer.no_order).all()


# -- one customer, any company -----------------------------------------------------------------------


def rows_of(answer: Predictions) -> dict[str, np.ndarray]:
    """Every number of each customer; probabilities, not logits."""
    targets = {kind: sigmoid(everybody(answer, kind)) for kind in answer.targets}
    heads = {name: getattr(answer, name) for name in ("no_order", "survival", "orders", "spend")}
    return {**targets, **heads}


@cache
def crowd(days: int) -> dict[str, np.ndarray]:
    found = rows_of(with_gates(OPEN, 1.0, values=True).predict(snapshot(), days))
    before = rows_of(prior(days))
    assert all(differs(found[name], before[name]) for name in found)
    return found


def assert_same_rows(found: IntentPredictor, rows: np.ndarray, days: int) -> None:
    told = rows_of(found.predict(snapshot().take(rows), days))
    for name, values in crowd(days).items():
        np.testing.assert_allclose(told[name], values[rows], atol=1e-5, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("days", [LEARNED, PAST])
def test_a_customer_alone_gets_the_numbers_of_the_crowd(days):
    found = with_gates(OPEN, 1.0, values=True)
    for customer in range(0, len(snapshot()), 4):
        assert_same_rows(found, np.array([customer]), days)


@pytest.mark.parametrize("parts", [2, 7])
def test_partitions_put_together_are_the_crowd(parts):
    found = with_gates(OPEN, 1.0, values=True)
    of = np.random.default_rng(parts).integers(0, parts, len(snapshot()))
    for part in range(parts):
        assert_same_rows(found, np.flatnonzero(of == part), LEARNED)


def test_one_predictor_answers_about_several_snapshots_in_turn():
    found = with_gates(OPEN, 1.0, values=True)
    half = snapshot().take(np.arange(10))
    for asked, days in ((snapshot(), 14), (half, 14), (snapshot(), 10), (half, 30), (snapshot(), 14)):
        same(found.predict(asked, days), with_gates(OPEN, 1.0, values=True).predict(asked, days))


# -- any later day -------------------------------------------------------------------------------------


def test_products_categories_and_customers_of_later_are_answered_too():
    later = log().as_of("2024-05-01")
    assert len(later.catalogue.product_ids) >= len(snapshot().catalogue.product_ids)
    answer = with_gates(OPEN, 1.0).predict(later, LEARNED)
    assert len(answer.no_order) == len(later)
    for kind in KINDS:
        assert np.isfinite(everybody(answer, kind)).all()


def test_a_predictor_tells_what_it_is():
    assert predictor().name == model().name == "sequence"
    assert predictor().trained_until == log().instant(AS_OF_TEXT)
    assert list(predictor().kinds) == list(predictor().prior.kinds)
