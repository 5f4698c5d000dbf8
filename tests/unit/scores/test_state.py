"""The shop's state out of its scores: what the log itself says, number for number."""

from __future__ import annotations

from pathlib import Path

from intentml.scores.folder import load_scores, write_scores
from intentml.scores.state import shop_state
from random_shop import AS_OF_TEXT
from same import arrays_of, assert_same
from scored_shop import log, scores


def test_the_state_is_that_of_the_snapshot_in_memory_and_from_a_folder(tmp_path: Path) -> None:
    write_scores(scores(), tmp_path / "scores")
    snapshot = log().as_of(AS_OF_TEXT)
    for source in (scores(), load_scores(tmp_path / "scores")):
        state = shop_state(source)
        assert (state.as_of, state.start) == (snapshot.as_of, snapshot.start)
        assert state.currency == log().currency(AS_OF_TEXT) == "EUR"
        assert_same(arrays_of(state.context), arrays_of(snapshot.shop))
        assert_same(arrays_of(state.catalogue), arrays_of(snapshot.catalogue))
