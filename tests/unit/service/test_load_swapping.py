"""The load test's swap: it can tell a mixed answer only where two scores say something else."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from intentml.scores.folder import write_scores
from intentml.shipped import shipped_folder
from scored_shop import model, scores


def test_scores_that_say_the_same_are_not_swapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(shipped_folder("serving") / "load")
    from processes import NotStartedError
    from swapping import Made, swapped

    write_scores(scores(), tmp_path / "scores")
    model().save(tmp_path / "model")
    made = Made.of(tmp_path / "scores", tmp_path / "model")
    ids = [str(one) for one in scores().customer_ids]
    with pytest.raises(NotStartedError, match="have as_of and model of those that are served"):
        asyncio.run(swapped(None, made, (made, made), ids))
    for name in ("swapping", "processes", "wire"):
        sys.modules.pop(name, None)
