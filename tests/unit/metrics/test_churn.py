"""P(no order): hand-made cases, and scikit-learn's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from intentml.metrics import churn_by_orders, churn_metrics, log_loss
from intentml.metrics.churn import calibration_line


def simulated(seed: int, size: int, slope: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose log-odds must be multiplied by `slope` and moved by `shift` to be honest."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(0.0, 1.5, size)
    truth = 1 / (1 + np.exp(-(slope * log_odds + shift)))
    return 1 / (1 + np.exp(-log_odds)), rng.random(size) < truth


def test_the_metrics_are_those_of_scikit_learn() -> None:
    p, y = simulated(0, 500, 1.0, 0.0)
    found = churn_metrics(p, y)
    assert found.auroc == pytest.approx(roc_auc_score(y, p))
    assert found.log_loss == pytest.approx(sklearn_log_loss(y, p))
    assert found.brier == pytest.approx(brier_score_loss(y, p))
    assert found.predicted_over_actual == pytest.approx(p.sum() / y.sum())
    assert found.customers == 500
    assert found.summary()["base_rate"] == pytest.approx(y.mean())


def test_the_calibration_line_is_an_unpenalised_logistic_regression() -> None:
    p, y = simulated(1, 800, 0.6, -0.4)
    fitted = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(np.log(p / (1 - p))[:, None], y)
    assert calibration_line(p, y)[1] == pytest.approx(fitted.coef_[0, 0], abs=1e-4)


def test_the_intercept_makes_the_mean_right_with_the_slope_held() -> None:
    p, y = simulated(2, 800, 1.0, -0.7)
    intercept, _ = calibration_line(p, y)
    moved = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + intercept)))
    assert moved.mean() == pytest.approx(y.mean())
    assert intercept == pytest.approx(-0.7, abs=0.2)


def test_an_overconfident_probability_has_a_slope_below_one() -> None:
    p, y = simulated(3, 20_000, 0.5, 0.0)
    intercept, slope = calibration_line(p, y)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert intercept == pytest.approx(0.0, abs=0.05)


def test_a_sure_mistake_costs_sixteen_and_not_infinity() -> None:
    assert log_loss([0.0, 1.0, 0.5], [True, True, True]).tolist() == pytest.approx(
        [16.118, 1e-7, 0.6931], abs=1e-3
    )


def test_one_class_alone_or_equal_probabilities_leave_what_cannot_be_had_empty() -> None:
    everybody_left = churn_metrics([0.2, 0.9], [True, True])
    assert np.isnan(everybody_left.auroc)
    assert np.isnan(everybody_left.calibration_intercept)
    constant = churn_metrics([0.5, 0.5, 0.5], [True, False, True])
    assert constant.auroc == 0.5
    assert np.isnan(constant.calibration_slope)
    assert constant.calibration_intercept == pytest.approx(np.log(2))


def test_classes_that_are_wholly_apart_have_no_slope() -> None:
    assert np.isnan(calibration_line([0.1, 0.2, 0.8, 0.9], [False, False, True, True])[1])


def test_customers_are_judged_apart_by_how_many_orders_they_had() -> None:
    found = churn_by_orders([0.1, 0.2, 0.3, 0.4, 0.5], [True] * 5, [1, 2, 4, 5, 90])
    assert {name: metrics.customers for name, metrics in found.items()} == {"1": 1, "2-4": 2, "5+": 2}


def test_nobody_to_judge_gives_no_numbers() -> None:
    empty = churn_metrics([], [])
    assert empty.customers == 0
    assert np.isnan([empty.auroc, empty.log_loss, empty.brier, empty.ece]).all()
