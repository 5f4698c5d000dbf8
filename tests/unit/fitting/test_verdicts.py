"""The choice among priors by what validation said."""

from __future__ import annotations

from intentml.fitting.verdicts import least, verdicts
from intentml.fitting.windows import Cutoffs
from intentml.timeline import Instant

WEEK = Cutoffs(7, (Instant.of("2024-03-01"),))
MONTH = Cutoffs(28, (Instant.of("2024-02-01"),))


def test_the_least_loss_wins():
    assert least({WEEK: {"one": 0.4, "other": 0.3}}, default="one") == "other"


def test_horizons_weigh_the_same_whatever_the_size_of_their_losses():
    # The month's losses are a hundred times larger; by share `one` is 10 % worse there, 50 % better here.
    losses = {WEEK: {"one": 0.2, "other": 0.3}, MONTH: {"one": 33.0, "other": 30.0}}
    assert least(losses, default="other") == "one"


def test_of_equals_the_first_is_kept():
    assert least({WEEK: {"plain": 0.3, "clever": 0.3}}, default="clever") == "plain"


def test_without_a_window_the_default_stands():
    assert least({}, default="plain") == "plain"


def test_a_loss_of_zero_is_no_trouble():
    assert least({WEEK: {"one": 0.1, "other": 0.0}}, default="one") == "other"


def test_every_prior_gets_a_verdict_and_the_best_is_marked():
    said = verdicts("no_order", {WEEK: {"one": 0.4, "other": 0.3}, MONTH: {"one": 1.0, "other": 2.0}}, "one")
    assert [(one.horizon_days, one.prior, one.loss, one.chosen) for one in said] == [
        (7, "one", 0.4, True),
        (7, "other", 0.3, False),
        (28, "one", 1.0, True),
        (28, "other", 2.0, False),
    ]
    assert said[0].cutoff == WEEK.validation.iso
    assert {one.split for one in said} == {"windows"}
