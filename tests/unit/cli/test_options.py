"""Options: durations and lists as a person writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentml.cli.failures import UsageError
from intentml.cli.options import days_of, listed, shop_again


@pytest.mark.parametrize(
    ("text", "days"), [("90d", 90), ("12w", 84), (" 7 D ", 7), ("30", 30), ("1.5w", 10.5)]
)
def test_a_duration_is_days_or_weeks(text: str, days: float) -> None:
    assert days_of(text) == days


@pytest.mark.parametrize("text", ["", "soon", "3m", "-3d", "d", "3 d w"])
def test_what_is_no_duration_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="no duration"):
        days_of(text)


def test_names_are_separated_by_commas() -> None:
    assert listed("category, brand,category") == ("category", "brand")
    assert listed(None) is None
    with pytest.raises(UsageError, match="names nothing"):
        listed(" , ")


def test_the_next_command_reads_the_same_tables() -> None:
    assert shop_again("data/shop") == ("data/shop",)
    assert shop_again("data/shop", Path("columns.toml"), "Europe/Madrid") == (
        *("data/shop", "--columns", "columns.toml"),
        *("--timezone", "Europe/Madrid"),
    )


def test_a_database_url_is_not_shown_again() -> None:
    assert shop_again("postgres://ana:secret@host/shop") == ("DATABASE_URL",)
