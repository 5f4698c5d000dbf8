"""Objectives for studies in tests: quick, and importable by the processes that try them.

What comes in: settings. What goes out: a loss, a failure, or the end of the process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from intentml.errors import RecipeError

Report = Callable[[int, float], None]


def bowl(settings: Mapping[str, Any], report: Report) -> float:
    """Least at x = 0.3, n = 4."""
    return (settings["x"] - 0.3) ** 2 + 0.1 * (settings["n"] - 4) ** 2


def curve(settings: Mapping[str, Any], report: Report) -> float:
    """Ten epochs; every one of them is worse by how far x is from 0.3."""
    for epoch in range(1, 11):
        loss = abs(settings["x"] - 0.3) + 1 / epoch
        report(epoch, loss)
    return loss


def often_refused(settings: Mapping[str, Any], report: Report) -> float:
    """Only the upper half can be trained."""
    if settings["x"] < 0.5:
        raise RecipeError(f"x = {settings['x']:.2f} is too small", hint="a larger one")
    return float(settings["x"])


def refused(settings: Mapping[str, Any], report: Report) -> float:
    """No settings are any good."""
    raise RecipeError("nothing fits")


def wrong(settings: Mapping[str, Any], report: Report) -> float:
    """A bug."""
    return float(settings["no such setting"])


def diverging(settings: Mapping[str, Any], report: Report) -> float:
    """No number comes of it."""
    return float("nan")


def too_large(settings: Mapping[str, Any], report: Report) -> float:
    """Where memory runs out before Python notices: the process is gone."""
    if settings["x"] > 0.5:
        os._exit(9)
    return float(settings["x"])


def threads(settings: Mapping[str, Any], report: Report) -> float:
    """How many threads the process was told to use."""
    return float(os.environ["OMP_NUM_THREADS"])


class Working:
    """Writes in a folder that it is at work, again and again until it is ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, settings: Mapping[str, Any], report: Report) -> float:
        for beat in range(10_000):
            (self.folder / f"{os.getpid()}.beat").write_text(str(beat))
            time.sleep(0.02)
        return 0.0
