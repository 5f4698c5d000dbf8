"""Cards and reports become metrics that sort: the model beside its priors."""

from __future__ import annotations

from typing import Any

from intentml.tracking.numbers import backtest_metrics, training_metrics, window_metrics


def judged(predictor: str, role: str, log_loss: float, ap: float | None) -> dict[str, Any]:
    return {
        "head": "category",
        "horizon_days": 28,
        "predictor": predictor,
        "role": role,
        "log_loss": log_loss,
        "map": ap,
    }


def verdict(head: str, prior: str, loss: float, *, chosen: bool) -> dict[str, Any]:
    return {"head": head, "horizon_days": 28, "prior": prior, "loss": loss, "chosen": chosen}


def test_the_model_and_its_priors_stand_in_rows_that_sort_together() -> None:
    card = {"judged": [judged("intent", "model", 0.2, 0.4), judged("popular", "prior", 0.3, 0.1)]}
    assert training_metrics(card) == {
        "validation/category/28d/log_loss/model": 0.2,
        "validation/category/28d/map/model": 0.4,
        "validation/category/28d/log_loss/popular": 0.3,
        "validation/category/28d/map/popular": 0.1,
    }


def test_heads_that_are_not_judged_are_told_by_their_loss_on_validation() -> None:
    card = {
        "judged": [judged("intent", "model", 0.2, 0.4)],
        "validation": [
            verdict("category", "popular", 0.9, chosen=True),
            verdict("spend", "own_mean", 30.0, chosen=False),
            verdict("spend", "gamma_gamma", 20.0, chosen=True),
        ],
    }
    spend = {name: value for name, value in training_metrics(card).items() if "spend" in name}
    assert spend == {
        "validation/spend/28d/loss/own_mean": 30.0,
        "validation/spend/28d/loss/gamma_gamma": 20.0,
        "validation/spend/28d/loss/model": 20.0,
    }
    assert "validation/category/28d/loss/popular" not in training_metrics(card)


def test_a_network_tells_its_losses_and_its_time() -> None:
    card = {"network": {"validation_loss": 0.98, "best_epoch": 4, "seconds": 31.5, "device": "cpu"}}
    assert training_metrics(card) == {
        "network/validation_loss": 0.98,
        "network/best_epoch": 4,
        "network/seconds": 31.5,
    }


def measured(predictor: str, as_of: str, metric: str, stratum: str, value: float | None) -> dict[str, Any]:
    return {
        "predictor": predictor,
        "as_of": as_of,
        "horizon_days": 28,
        "head": "brand",
        "metric": metric,
        "stratum": stratum,
        "value": value,
    }


def report(*starts: str) -> dict[str, Any]:
    """The model gets better by 0.1 a window; a prior and a stratum that no board shows stand beside it."""
    rows = [measured("base", start, "map", "all", 0.1 * n) for n, start in enumerate(sorted(starts), 1)]
    others = [measured("counts", start, "map", "all", 0.05) for start in starts]
    return {
        "recipe": "base",
        "windows": [{"as_of": start} for start in starts],
        "measurements": [*rows, *others],
        "mean_over_windows": [
            measured("base", "mean", "map", "all", 0.2),
            measured("counts", "mean", "map", "all", 0.05),
            measured("base", "mean", "map", "tail", 0.01),
            measured("base", "mean", "ap_lift", "explore", None),
        ],
    }


def test_a_backtest_tells_every_predictors_mean_and_leaves_out_what_no_board_shows() -> None:
    assert backtest_metrics(report("2024-03-01", "2024-02-01")) == {
        "brand/28d/map/model": 0.2,
        "brand/28d/map/counts": 0.05,
        "brand/28d/ap_lift_explore/model": None,
    }


def test_windows_are_steps_from_the_oldest_on() -> None:
    assert window_metrics(report("2024-03-01", "2024-02-01")) == [
        {"windows/brand/28d/map/model": 0.1},
        {"windows/brand/28d/map/model": 0.2},
    ]


def test_one_window_is_its_own_mean() -> None:
    assert window_metrics(report("2024-03-01")) == []
