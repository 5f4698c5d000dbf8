"""The Python door: the names of contracts, no more and no fewer, each one there when asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import intentml

DOOR = {
    "AsyncClient", "Client", "backtest", "load_model", "load_scores", "open_audiences", "read_tables",
    "score", "train",
}  # fmt: skip


def test_the_face_shows_the_names_of_the_door_in_order() -> None:
    assert set(intentml.__all__) == DOOR | {"IntentmlError", "__version__"}
    assert intentml.__all__ == sorted(intentml.__all__)
    assert dir(intentml) == intentml.__all__


@pytest.mark.parametrize("name", sorted(DOOR))
def test_a_name_of_the_door_opens_when_it_is_asked_for(name: str) -> None:
    opened = getattr(intentml, name)
    assert callable(opened)
    assert opened.__doc__, "what stands at the door says what it does"
    assert getattr(intentml, name) is opened


def test_the_error_of_the_face_is_the_error_that_is_raised() -> None:
    from intentml import errors

    assert intentml.IntentmlError is errors.IntentmlError


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'forecast'"):
        intentml.forecast  # noqa: B018


def test_the_version_is_the_one_that_packaging_reads(checkout: Path) -> None:
    from importlib.metadata import version

    assert re.fullmatch(r"\d+\.\d+\.\d+", intentml.__version__)
    assert version("intentml") == intentml.__version__
