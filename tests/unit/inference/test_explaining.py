"""Explanations by a whole model: parts of the very probability that it predicts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

import scored_shop
import sequence_shop
from intentml.errors import ModelError, TimeError, UnknownCustomerError, UnknownTargetError
from intentml.inference.folder import load_model
from intentml.inference.intent import IntentPredictor
from intentml.prediction import Mend, logit
from intentml.priors.contributions import BASE_RATE
from intentml.priors.explaining import Explanation
from intentml.priors.linear import TARGET_PRIORS, LinearPrior, Weights
from intentml.priors.predictor import PriorPredictor
from intentml.timeline import Snapshot
from intentml.timeline.catalogue import KINDS
from random_shop import AS_OF_TEXT
from sequence_shop import CLOSED, OPEN, with_gates

Predictor = PriorPredictor | IntentPredictor
# Learned, between two, past them; a year.
DAYS = (14, 10, 30, 365)
TOLERANCE = 1e-5


@cache
def snapshot() -> Snapshot:
    return scored_shop.log().as_of(AS_OF_TEXT)


def some_customers() -> np.ndarray:
    """Rows: buyers, the busiest, somebody with one order, prospects."""
    orders = snapshot().n_orders
    prospects, once = np.flatnonzero(orders == 0)[:2], np.flatnonzero(orders == 1)[:1]
    assert len(prospects) == 2
    assert len(once) == 1
    return np.unique([*range(0, len(snapshot()), 9), int(np.argmax(orders)), *prospects, *once])


def summed(found: Explanation) -> float:
    return sum(part.logit for part in found.parts)


def check(predictor: Predictor, days: int) -> None:
    """Fail unless every kind and no order are explained as they are predicted."""
    answer = predictor.predict(snapshot(), days)
    assert answer.no_order is not None
    for row in some_customers():
        customer = snapshot().customer_ids[row]
        for kind in KINDS:
            scores = answer.targets[kind]
            logits = scores.rows(np.array([row]))[0]
            for column in range(0, len(scores), 3):
                found = predictor.explain(snapshot(), customer, kind, scores.targets[column], days)
                assert summed(found) == pytest.approx(logits[column], abs=TOLERANCE)
                assert found.logit == pytest.approx(logits[column], abs=TOLERANCE)
                assert found.probability == pytest.approx(1 / (1 + np.exp(-found.logit)), abs=1e-12)
                well_told(found)
        found = predictor.explain(snapshot(), customer, "no_order", None, days)
        assert found.probability == pytest.approx(answer.no_order[row], abs=TOLERANCE)
        assert summed(found) == pytest.approx(logit(answer.no_order[row], 1e-12), abs=TOLERANCE)
        assert found.logit == pytest.approx(summed(found), abs=TOLERANCE)
        assert found.calibrated == answer.calibrated
        well_told(found)


def well_told(found: Explanation) -> None:
    names = [part.name for part in found.parts]
    assert names[0] == BASE_RATE
    assert len(set(names)) == len(names)
    for part in found.parts:
        assert part.words.strip() == part.words != ""
        assert "nan" not in part.words
        assert np.isfinite(part.logit)
        assert part.logit != 0.0 or part.name == BASE_RATE


@pytest.mark.parametrize("days", DAYS)
def test_priors_are_explained_as_they_predict(days):
    check(scored_shop.model().predictor, days)


@pytest.mark.parametrize("days", DAYS)
def test_a_network_that_speaks_is_explained_as_it_predicts(days):
    check(with_gates(OPEN, 0.8, values=True), days)


@pytest.mark.parametrize("name", ["popular", "counts", "gamma_poisson"])
def test_a_plain_score_is_explained_as_it_predicts(name):
    best = scored_shop.model().predictor
    assert isinstance(best, PriorPredictor)
    weights = Weights(-2.0, dict.fromkeys(TARGET_PRIORS[name], 0.3))
    prior = LinearPrior(name, weights, weights, average={})
    plain = best.renamed(name, targets={kind: {28: prior} for kind in KINDS})
    check(plain, 28)
    told = plain.explain(snapshot(), busiest(), "brand", "Oro", 28)
    assert {part.name for part in told.parts} <= {"base_rate", "popularity", "own_history", "own_rhythm"}


def part_names(found: Explanation) -> list[str]:
    return [part.name for part in found.parts]


def busiest() -> str:
    return str(snapshot().customer_ids[int(np.argmax(snapshot().n_orders))])


def test_the_network_and_its_line_are_parts_of_their_own():
    found, shut = with_gates(OPEN, 0.8), with_gates(CLOSED, 0.0)
    for kind in KINDS:
        target = str(snapshot().catalogue.targets(kind).targets[0])
        told = found.explain(snapshot(), busiest(), kind, target, 14)
        without = shut.explain(snapshot(), busiest(), kind, target, 14)
        learned = [name for name in ("learned",) if name in part_names(told)]
        assert part_names(told) == [*part_names(without), "sequence", *learned, "calibration"]
        assert told.parts[: len(without.parts)] == without.parts
    told = found.explain(snapshot(), busiest(), "no_order", None, 14)
    assert part_names(told)[-2:] == ["learned", "sequence"]


@pytest.mark.parametrize(
    ("weights", "part"), [({"sequence": 0.0}, "learned"), ({"numbers": 0.0}, "sequence")]
)
def test_what_numbers_and_orders_tell_of_the_timing_are_told_apart(weights, part):
    found = with_gates(CLOSED, 0.8)
    timing = replace(found.correction.timing, level=(), **weights)
    one = replace(found, correction=replace(found.correction, timing=timing))
    told = one.explain(snapshot(), busiest(), "no_order", None, 14)
    without = found.prior.explain(snapshot(), busiest(), "no_order", None, 14)
    assert part_names(told) == [*part_names(without), part]


def test_closed_gates_explain_the_prior():
    shut = with_gates(CLOSED, 0.0)
    for kind, target in (("brand", "Oro"), ("no_order", None)):
        asked = (snapshot(), busiest(), kind, target, 14)
        assert shut.explain(*asked) == shut.prior.explain(*asked)


def test_a_stratum_has_its_own_gate():
    found = with_gates((Mend(), OPEN[1]), 0.0)
    history = found.prior.predict(snapshot(), 14).targets["product"]
    row = int(np.argmax(snapshot().n_orders))
    bought = set(snapshot().line_product[snapshot().line_customer == row])
    for column in range(len(history)):
        told = found.explain(snapshot(), busiest(), "product", history.targets[column], 14)
        assert ("sequence" in part_names(told)) == (column not in bought)


def test_who_never_ordered_hears_nothing_of_the_network():
    prospect = str(snapshot().customer_ids[int(np.argmin(snapshot().n_orders))])
    found = with_gates(OPEN, 0.8)
    assert "sequence" not in part_names(found.explain(snapshot(), prospect, "brand", "Oro", 14))
    assert "sequence" not in part_names(found.explain(snapshot(), prospect, "no_order", None, 14))


def test_one_customer_alone_is_explained_as_in_the_crowd():
    row = int(np.argmax(snapshot().n_orders))
    for predictor in (scored_shop.model().predictor, with_gates(OPEN, 0.8)):
        for kind, target in (("brand", "Oro"), ("product", "p3"), ("no_order", None)):
            crowd = predictor.explain(snapshot(), busiest(), kind, target, 14)
            assert predictor.explain(snapshot().take([row]), busiest(), kind, target, 14) == crowd


def test_a_question_about_one_leaves_the_designs_of_the_crowd_where_they_are():
    predictor = with_gates(OPEN, 0.8)
    predictor.predict(snapshot(), 14)
    prior = predictor.prior
    design = prior.design(snapshot(), "brand", 14)
    predictor.explain(snapshot(), busiest(), "brand", "Oro", 14)
    assert prior.design(snapshot(), "brand", 14) is design


def test_a_model_read_back_explains_the_same(tmp_path):
    for model in (scored_shop.model(), sequence_shop.saved(with_gates(OPEN, 0.8))):
        model.save(tmp_path / model.name)
        again = load_model(tmp_path / model.name)
        for kind, target in (("category", "TEA"), ("no_order", None)):
            asked = (snapshot(), busiest(), kind, target, 14)
            assert again.explain(*asked) == model.explain(*asked)


def test_an_explanation_is_json_values():
    found = scored_shop.model().explain(snapshot(), busiest(), "category", "TEA", 28)
    told = found.to_dict()
    assert list(told) == [
        *("customer_id", "kind", "target", "horizon_days", "calibrated", "probability", "logit", "parts")
    ]
    assert all(list(part) == ["name", "words", "logit"] for part in told["parts"])
    assert all(type(part["logit"]) is float for part in told["parts"])


# -- words ---------------------------------------------------------------------------------------------


def test_no_word_comes_from_the_table_of_customers():
    frames = scored_shop.frames()
    secrets = {str(value) for name in ("email", "country") for value in frames["customers"][name].dropna()}
    assert secrets
    words = " ".join(
        part.words
        for row in some_customers()
        for kind, target in (("brand", "Oro"), ("category", "TEA"), ("product", "p3"), ("no_order", None))
        for part in scored_shop.model()
        .explain(snapshot(), str(snapshot().customer_ids[row]), kind, target, 28)
        .parts
    )
    assert "@" not in words
    assert not {one for one in secrets if f" {one} " in f" {words} "}


def test_neighbours_are_named_as_people_know_them():
    told = [
        part.words
        for row in range(len(snapshot()))
        for part in scored_shop.model()
        .explain(snapshot(), str(snapshot().customer_ids[row]), "product", "p3", 28)
        .parts
        if part.name == "similar_baskets"
    ]
    assert told
    names = pd.Series(snapshot().catalogue.names).dropna().tolist()
    for words in told:
        assert words.startswith("people who buy ")
        assert words.endswith(" buy this")
        # p0 is sold and stands in no catalogue.
        assert any(name in words for name in [*names, "p0"])
        assert "Thing 3" not in words


# -- what cannot be explained --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("customer", "kind", "target", "days", "error", "match"),
    [
        ("nobody", "brand", "Oro", 28, UnknownCustomerError, "'nobody' is not among"),
        ("jane@example.com", "brand", "Oro", 28, UnknownCustomerError, "an address"),
        ("c0", "brand", "Orro", 28, UnknownTargetError, "did you mean 'Oro'"),
        ("c0", "brand", None, 28, UnknownTargetError, "brand None is unknown"),
        ("c0", "colour", "red", 28, ModelError, "not trained for colour targets"),
        ("c0", "brand", "Oro", 6, TimeError, "outside 7 to 365"),
        ("c0", "no_order", None, 366, TimeError, "outside 7 to 365"),
    ],
)
def test_what_cannot_be_explained_says_why(customer, kind, target, days, error, match):
    for predictor in (scored_shop.model(), with_gates(OPEN, 0.8)):
        with pytest.raises(error, match=match):
            predictor.explain(snapshot(), customer, kind, target, days)


def test_a_prior_without_timing_cannot_say_why_nobody_orders():
    silent = scored_shop.model().predictor.renamed("popular", no_order=None)
    with pytest.raises(ModelError, match="does not predict whether customers order"):
        silent.explain(snapshot(), busiest(), "no_order", None, 28)
