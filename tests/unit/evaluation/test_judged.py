"""Who and what is judged, counted by hand in the shop of conftest."""

from __future__ import annotations

import numpy as np
import pytest

from fortunes import scores_of
from intentml.evaluation import judged
from intentml.evaluation.judged import JudgedTargets, judge_targets
from intentml.evaluation.settings import BacktestConfig


def judge(snapshot, labels, fewest: int) -> JudgedTargets:
    customers = np.flatnonzero(snapshot.n_orders > 0)
    return judge_targets(snapshot, labels, "category", customers, BacktestConfig(min_buyers_in_window=fewest))


def test_a_target_needs_five_buyers_before_and_enough_in_the_window(snapshot, labels):
    assert judge(snapshot, labels, 20).names.tolist() == ["CUPS", "TEA"]


def test_a_prospect_who_buys_does_not_help_a_target_over_the_line(snapshot, labels):
    assert judge(snapshot, labels, 19).names.tolist() == ["CUPS", "RINGS", "TEA"]
    assert "RINGS" not in judge(snapshot, labels, 20).names


def test_customers_without_an_order_before_are_not_judged(snapshot, labels):
    ground = judge(snapshot, labels, 20)
    assert len(snapshot) == 41
    assert snapshot.customer_ids[ground.customers].tolist() == [f"c{number:02d}" for number in range(40)]


def test_the_base_rate_is_pairs_bought_over_pairs(snapshot, labels):
    assert judge(snapshot, labels, 20).base_rate == (25 + 20) / (40 * 2)


def test_targets_below_the_median_number_of_buyers_are_the_tail(snapshot, labels):
    assert judge(snapshot, labels, 19).in_tail.tolist() == [False, True, False]


@pytest.mark.parametrize("cells", [1, 50, 10_000])
def test_blocks_hold_every_pair_once_whatever_their_size(snapshot, labels, monkeypatch, cells):
    monkeypatch.setattr(judged, "_CELLS_PER_BLOCK", cells)
    ground = judge(snapshot, labels, 20)
    bought = np.concatenate([block for _, block, _ in ground.by_target()], axis=1)
    before = np.concatenate([block for _, _, block in ground.by_customer()], axis=0)
    assert bought.sum(axis=0).tolist() == [20, 25]
    assert before.sum(axis=0).tolist() == [20, 40]


def test_scores_are_found_by_name_where_a_predictor_knows_fewer_targets(snapshot, labels):
    ground = judge(snapshot, labels, 20)
    logits = np.arange(41.0)[:, None] + np.array([[0.25, 0.5]])
    own = ground.restrict(scores_of("category", np.array(["CUPS", "TEA"], dtype=object), logits))
    assert own.columns([1])[:, 0].tolist() == [number + 0.5 for number in range(40)]
    assert own.rows(slice(3, 4)).tolist() == [[3.25, 3.5]]


def test_a_predictor_without_a_score_for_a_judged_target_is_told_which(snapshot, labels):
    ground = judge(snapshot, labels, 20)
    for known in (["CUPS"], []):
        scores = scores_of("category", np.array(known, dtype=object), np.zeros((41, len(known))))
        with pytest.raises(ValueError, match=r"no score for .* of 2 judged targets of kind category"):
            ground.restrict(scores)
