"""Waits by the clock and by the calendar, checked with a finger."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intentml.errors import TimeError
from intentml.timeline import Instant
from intentml.timeline.waits import Wait, at_ages, days_over


def ends(began: str, wait: str, timezone: str = "UTC") -> str:
    """When a wait is over, in the shop's zone."""
    us = np.array([Instant.of(began, timezone).us])
    return Instant(int(Wait.of(wait).after(us, timezone)[0]), timezone).iso[:16]


@pytest.mark.parametrize(
    ("began", "wait", "ended"),
    [
        ("2024-01-31T10:00", "1 month", "2024-02-29T10:00"),
        ("2023-01-31T10:00", "1 month", "2023-02-28T10:00"),
        ("2023-11-30T10:00", "3 months", "2024-02-29T10:00"),
        ("2024-02-29T10:00", "12 months", "2025-02-28T10:00"),
        ("2024-08-31T10:00", "6 months", "2025-02-28T10:00"),
        ("2024-01-15T10:00", "6 months", "2024-07-15T10:00"),
        ("1969-12-31T10:00", "2 months", "1970-02-28T10:00"),
        ("2024-02-28T10:00", "15 days", "2024-03-14T10:00"),
        ("2024-02-28T10:00", "2 weeks", "2024-03-13T10:00"),
        ("2024-02-28T22:00", "4 hours", "2024-02-29T02:00"),
        ("2024-02-28T10:00", "90 minutes", "2024-02-28T11:30"),
        ("2024-02-28T10:00", "0 days", "2024-02-28T10:00"),
    ],
)
def test_a_wait_ends_when_a_person_would_say(began, wait, ended):
    assert ends(began, wait) == ended


@pytest.mark.parametrize(
    ("began", "wait", "ended"),
    [
        # The clocks of Madrid go forward in the night to 31 March 2024, and back in the night to 27 October.
        ("2024-03-30T20:00", "24 hours", "2024-03-31T21:00"),
        ("2024-03-30T20:00", "1 day", "2024-03-31T20:00"),
        ("2024-02-29T20:00", "1 month", "2024-03-29T20:00"),
        ("2024-03-30T02:30", "1 day", "2024-03-31T03:00"),
        ("2024-10-26T20:00", "24 hours", "2024-10-27T19:00"),
        ("2024-10-26T02:30", "1 day", "2024-10-27T02:30"),
    ],
)
def test_days_and_months_keep_the_time_of_day_and_hours_do_not(began, wait, ended):
    assert ends(began, wait, "Europe/Madrid") == ended


@pytest.mark.parametrize(
    "text", ["", "4", "hours", "4h", "-1 days", "1.5 days", "4 fortnights", "4  hours", None]
)
def test_what_is_no_wait_is_refused(text):
    with pytest.raises(TimeError, match="is no wait"):
        Wait.of(text)


def test_what_did_not_happen_has_no_wait_and_the_moment_itself_is_over():
    as_of = Instant.of("2024-06-01")
    over = days_over(np.array([0.5, 1.0, 1.25, np.nan]), Wait.of("1 day"), as_of)
    np.testing.assert_array_equal(over, [-0.5, 0.0, 0.25, np.nan])


def test_an_age_leads_back_to_the_very_microsecond():
    as_of = Instant.of("2024-06-01T12:34:56.789012")
    rng = np.random.default_rng(0)
    at = as_of.us - rng.integers(0, 20 * 365 * 86_400_000_000, 10_000)
    ages = (as_of.us - at) / pd.Timedelta(days=1).value * 1000
    np.testing.assert_array_equal(at_ages(ages, as_of), at)
