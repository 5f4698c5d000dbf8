"""A loser is refused with its numbers; a loss that may be luck is not."""

from __future__ import annotations

from typing import Any

import pytest

from intentml.errors import PromotionError
from intentml.tracking.judgement import refuse_loser


def row(role: str = "model", **changes: Any) -> dict[str, Any]:
    """A judged row: a model of log-loss 0.30 and mAP 0.40, or a prior that it beats by both."""
    known: dict[str, Any] = {
        "head": "category",
        "horizon_days": 28,
        "predictor": "intent" if role == "model" else "counts",
        "role": role,
        "log_loss": 0.30 if role == "model" else 0.32,
        "log_loss_se": 0.0 if role == "model" else 0.01,
        "map": 0.40 if role == "model" else 0.35,
        "map_se": 0.0 if role == "model" else 0.01,
    }
    return known | changes


def test_a_model_that_loses_nowhere_passes_with_every_comparison() -> None:
    compared = refuse_loser([row(), row("prior"), row("prior", predictor="popular")])
    assert [(one.prior, one.metric) for one in compared] == [
        ("counts", "log_loss"),
        ("counts", "map"),
        ("popular", "log_loss"),
        ("popular", "map"),
    ]
    assert all(one.worse_by < 0 for one in compared)


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ({"log_loss": 0.28}, "log-loss 0.2800 against 0.3000, standard error 0.0100"),
        ({"map": 0.42}, "mAP 0.4200 against 0.4000, standard error 0.0100"),
    ],
)
def test_a_loss_by_more_than_a_standard_error_is_refused_with_head_horizon_and_numbers(
    loss: dict[str, float], told: str
) -> None:
    with pytest.raises(PromotionError) as refused:
        refuse_loser([row(), row("prior", **loss)])
    assert "counts beats the model on category, 28 days" in refused.value.message
    assert told in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("loss", [{"log_loss": 0.295}, {"map": 0.405}])
def test_a_loss_within_a_standard_error_is_allowed(loss: dict[str, float]) -> None:
    refuse_loser([row(), row("prior", **loss)])


def test_without_a_standard_error_no_loss_is_allowed_and_equality_is() -> None:
    refuse_loser([row(), row("prior", log_loss=0.30, log_loss_se=None)])
    with pytest.raises(PromotionError, match="log-loss"):
        refuse_loser([row(), row("prior", log_loss=0.2999, log_loss_se=None)])


def test_a_head_is_compared_with_its_own_priors_at_its_own_horizon() -> None:
    rows = [
        row(),
        row("prior"),
        row(horizon_days=90, log_loss=0.5),
        row("prior", horizon_days=90, log_loss=0.45),
    ]
    with pytest.raises(PromotionError, match="90 days"):
        refuse_loser(rows)


def test_the_surest_loss_is_the_one_that_is_told_and_the_others_are_counted() -> None:
    rows = [row(), row("prior", log_loss=0.285), row("prior", predictor="popular", log_loss=0.20)]
    with pytest.raises(PromotionError, match=r"^popular beats .*; 2 of 4 comparisons are lost"):
        refuse_loser(rows)


def test_a_head_without_rankings_is_compared_by_its_log_loss_alone() -> None:
    rows = [
        row(head="no_order", map=None, map_se=None),
        row("prior", head="no_order", map=None, map_se=None),
    ]
    assert [one.metric for one in refuse_loser(rows)] == ["log_loss"]


@pytest.mark.parametrize("rows", [[], [row()]], ids=["nothing judged", "no prior"])
def test_nothing_to_compare_is_no_victory(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(PromotionError, match="no comparison"):
        refuse_loser(rows)


def test_a_model_that_was_not_measured_where_its_prior_was_is_refused() -> None:
    with pytest.raises(PromotionError, match="no mAP for category, 28 days"):
        refuse_loser([row(map=None), row("prior")])
