"""Audiences of what is served: opened when asked for, kept over a swap, tried again after a failure."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from intentml.errors import ScoresError, UnavailableError
from intentml.service import audiences
from intentml.service.audiences import ServedAudiences
from intentml.service.overlay import Overlay

OLD, NEW = SimpleNamespace(name="old"), SimpleNamespace(name="new")


class Opening:
    """Opens audiences that are nothing but a name; what is in `fails` is raised once."""

    def __init__(self, *fails: Exception) -> None:
        self.fails, self.opened = list(fails), []

    def __call__(self, scores: Any) -> Any:
        self.opened.append(scores.name)
        if self.fails:
            raise self.fails.pop(0)
        found = SimpleNamespace(name=scores.name, selector=SimpleNamespace(forget=lambda more_than: None))
        return SimpleNamespace(knowing=lambda told: found)


def shop(scores: Any) -> Any:
    """A shop of these scores, to which nothing came in."""
    return SimpleNamespace(scores=scores, overlay=Overlay())


def asked(served: ServedAudiences, scores: Any) -> str:
    """The name of what answers, once it is there."""
    for _ in range(200):
        try:
            return served.of(shop(scores)).name
        except UnavailableError as problem:
            if "cannot be read" in problem.message:
                raise
            time.sleep(0.01)
    raise AssertionError("they were never opened")


def test_the_old_ones_answer_until_new_scores_are_served_and_the_new_ones_at_once():
    opening = Opening()
    served = ServedAudiences(opening)
    assert asked(served, OLD) == "old"
    served.prepare(shop(NEW))
    assert served.of(shop(OLD)).name == "old"
    assert served.of(shop(NEW)).name == "new"
    assert opening.opened == ["old", "new"]


def test_what_nobody_asked_for_is_not_opened():
    opening = Opening()
    ServedAudiences(opening).prepare(shop(NEW))
    assert opening.opened == []


@pytest.mark.parametrize("failure", [OSError("busy"), ScoresError("other tables")])
def test_what_could_not_be_read_is_tried_again(monkeypatch, failure):
    served = ServedAudiences(Opening(failure))
    with pytest.raises((UnavailableError, ScoresError), match=r"cannot be read: OSError|other tables"):
        asked(served, OLD)
    with pytest.raises((UnavailableError, ScoresError)):
        served.of(shop(OLD))
    monkeypatch.setattr(audiences, "_AGAIN_SECONDS", 0)
    assert asked(served, OLD) == "old"
