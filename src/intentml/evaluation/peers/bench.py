"""Peers at work: for each window a folder of inputs, for each peer a process of its own.

What comes in: which peers, where their environments are, the log cut at a window's start. What goes out:
`Predictor`s. A peer that fails has no heads, and its note says why; the backtest goes on. Answers are kept
beside the environments: a backtest that is run again, or goes on after it was ended, asks nobody twice who
answered.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from intentml.evaluation.peers.answer import PeerAnswer, PeerFailedError, read_answer
from intentml.evaluation.peers.catalogue import Peer, Question
from intentml.evaluation.peers.environment import interpreter
from intentml.evaluation.peers.inputs import PeerInputs, write_inputs
from intentml.evaluation.peers.kept import asked_once, key_of
from intentml.fitting.slices import Past
from intentml.prediction import Predictions
from intentml.timeline import OrderLog, Snapshot

LIMIT_S = 7_200.0
"""How long one peer may take over one window, tuning included."""

_ANSWERS = "answers"
_ERROR_LENGTH = 200


@dataclass(frozen=True)
class PeerNote:
    """How one peer fared in one window.

    Attributes:
        peer: Its name.
        about: What it is.
        question: Whether it was asked about targets or about customers.
        as_of: Start of the window, ISO 8601.
        settings: What was chosen on validation, by question; empty where it failed.
        seconds: That its process took, with tuning, when it was asked.
        failure: Why it gave no answer; None where it did.
    """

    peer: str
    about: str
    question: Question
    as_of: str
    settings: Mapping[str, Any]
    seconds: float = field(compare=False)
    failure: str | None = None


class PeerBench:
    """Where peers run; a context manager, which leaves nothing but the environments and the answers.

    Args:
        peers: Which.
        environments: Folder of the environments, made on entering, and of the answers.
        kinds: Kinds of targets asked about.
        seed: Of samples and peers.
        limit_s: Seconds that one peer may take in a window.
    """

    def __init__(
        self,
        peers: Sequence[Peer],
        environments: Path,
        *,
        kinds: Sequence[str],
        seed: int = 0,
        limit_s: float = LIMIT_S,
    ) -> None:
        self.peers, self.environments = tuple(peers), environments
        self.kinds, self.seed, self.limit_s = tuple(kinds), seed, limit_s
        self._pythons: dict[str | None, Path] = {None: Path(sys.executable)}
        self._place = tempfile.TemporaryDirectory(prefix="intentml-peers-")

    def __enter__(self) -> PeerBench:
        for name in dict.fromkeys(peer.environment for peer in self.peers if peer.environment):
            self._pythons[name] = interpreter(self.environments, name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._place.cleanup()

    def contenders(self, log: OrderLog, horizon_days: int) -> dict[str, PeerPredictor]:
        """The peers of one window, by name; what earlier windows were given is let go.

        Args:
            log: Cut at the window's start; nothing else reaches a peer.
            horizon_days: Length of the window.
        """
        if not self.peers:
            return {}
        self._place.cleanup()
        self._place = tempfile.TemporaryDirectory(prefix="intentml-peers-")
        root = Path(self._place.name)
        inputs = write_inputs(Past(log), horizon_days, self.kinds, self.seed, root / "inputs")
        return {
            peer.name: PeerPredictor(
                peer,
                self._pythons[peer.environment],
                inputs,
                horizon_days,
                self.limit_s,
                self.environments / _ANSWERS,
            )
            for peer in self.peers
        }


class PeerPredictor:
    """One peer in one window: asked once, it runs its script, unless its answer is kept.

    Attributes:
        name: Its name.
        note: How it fared, once it was asked.
    """

    def __init__(
        self,
        peer: Peer,
        python: Path,
        inputs: PeerInputs,
        horizon_days: int,
        limit_s: float,
        answers: Path,
    ) -> None:
        self.name = peer.name
        self.note: PeerNote | None = None
        self._peer, self._python, self._inputs, self._answers = peer, python, inputs, answers
        self._horizon_days, self._limit_s = horizon_days, limit_s
        self._kinds = [kind for kind in inputs.targets if kind in (peer.kinds or inputs.targets)]

    def predict(
        self, snapshot: Snapshot, horizon_days: int, *, kinds: Sequence[str] | None = None
    ) -> Predictions:
        """Its answer for the snapshot that its inputs were made of; no heads where it fails.

        Raises:
            ValueError: It was given another horizon, or other customers.
        """
        if horizon_days != self._horizon_days:
            raise ValueError(f"{self.name} was asked about {self._horizon_days} days, not {horizon_days}")
        if not np.array_equal(snapshot.customer_ids[snapshot.n_orders > 0], self._inputs.customer_ids):
            raise ValueError(f"{self.name} was given other customers than those of the snapshot")
        start, failure = time.perf_counter(), None
        answer = PeerAnswer(Predictions(snapshot.customer_ids, snapshot.as_of, horizon_days), {})
        place = self._answers / key_of(self._peer, self._kinds, self._inputs.folder)
        try:
            answer, seconds = asked_once(
                place, self._run, lambda folder: read_answer(folder, self._inputs, snapshot, horizon_days)
            )
        except PeerFailedError as problem:
            failure, seconds = str(problem), time.perf_counter() - start
        self.note = PeerNote(
            self.name,
            self._peer.about,
            self._peer.question,
            snapshot.as_of.iso,
            answer.settings,
            seconds,
            failure,
        )
        return answer.predictions

    def _run(self, out: Path) -> None:
        """The script, to its end: what it writes into `out`.

        Raises:
            PeerFailedError: It did not end well, or in time.
        """
        command = [
            str(self._python),
            str(self._peer.script),
            str(self._inputs.folder),
            str(out),
            self.name,
            *self._kinds,
        ]
        # Its own session: what it started ends with it, and PYTHONPATH would lead it to other packages.
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        with (out / "log.txt").open("w+", encoding="utf-8") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=surroundings, start_new_session=True
            )
            try:
                status = process.wait(self._limit_s)
            except subprocess.TimeoutExpired:
                raise PeerFailedError(f"took longer than {self._limit_s:.0f} s") from None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            log.seek(0)
            if status:
                raise PeerFailedError(_why(status, log.read()))


def _why(status: int, told: str) -> str:
    """The last line of what a process said, or the signal that ended it."""
    if status == -signal.SIGKILL:
        return "killed from outside, as where memory runs out"
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return lines[-1][:_ERROR_LENGTH] if lines else f"ended with status {status}"
