"""Processes that try settings: each holds the objective, and with it the data, for as long as it lives.

What comes in: a picklable objective, and settings to try. What goes out: what each worker says, as it
says it: the loss of every epoch, and how the trial ended. It chooses no setting and keeps no result.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import isfinite
from multiprocessing.connection import Connection, wait
from typing import Literal, Self

from intentml.errors import IntentmlError
from intentml.fitting.space import Value

Report = Callable[[int, float], None]
Objective = Callable[[Mapping[str, Value], Report], float]
"""Settings in, loss out, less is better. It reports (epoch, loss) on its way; what that raises ends it."""

# One thread a worker unless the caller says otherwise: threads of several workers on the same cores are
# slower than one. Set before the process starts, because libraries read it when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_END_WITHIN_S = 10.0


class GivenUp(Exception):  # noqa: N818 -- no error: nobody waits for the rest of the trial
    """Raised by a report where the answer to it was to stop."""


@dataclass(frozen=True)
class Ready:
    """The worker has the objective."""


@dataclass(frozen=True)
class Reported:
    """The loss after one epoch; the worker waits to hear whether to give up.

    Attributes:
        epoch: Its number.
        loss: As of the objective.
    """

    epoch: int
    loss: float


@dataclass(frozen=True)
class Ended:
    """How a trial ended.

    Attributes:
        state: `pruned` where an answer ended it, `failed` where its settings or their size did.
        loss: Of a complete one.
        error: Of a failed one, a sentence.
    """

    state: Literal["complete", "pruned", "failed"]
    loss: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class _Bug:
    """A failure that is not of the settings: the study must not go on as if it were."""

    trace: str


class Worker:
    """One process and the pipe to it; a context manager, at whose end the process ends.

    Args:
        objective: What it tries settings with; pickled once.
    """

    def __init__(self, objective: Objective) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share locks, threads and CUDA
        self.pipe, self._theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(objective, self._theirs), daemon=True)
        self._ready = False

    def __enter__(self) -> Self:
        try:
            with _one_thread(), _interrupt_later():
                self.process.start()
        except BaseException:  # ctrl-C among them, which has waited
            self.__exit__()
            raise
        self._theirs.close()
        return self

    def __exit__(self, *problem: object) -> None:
        if self.process.pid is not None:
            self.process.terminate()
            self.process.join(_END_WITHIN_S)
            self.process.kill()
        self.pipe.close()

    @property
    def alive(self) -> bool:
        """Whether it can be given more to do."""
        return self.process.is_alive()

    def say(self, words: Mapping[str, Value] | bool) -> None:
        """Settings to try, or whether to give up."""
        with suppress(OSError):  # where it has ended, `hear` says so
            self.pipe.send(words)

    def hear(self) -> Ready | Reported | Ended:
        """What it says next.

        Raises:
            RuntimeError: The process could not start, or the objective has a bug.
        """
        try:
            said: Ready | Reported | Ended | _Bug = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(_END_WITHIN_S)
            status = self.process.exitcode
            if not self._ready:
                raise RuntimeError(
                    f"a worker process could not start (status {status}); does the script that asked for it "
                    "keep its calls under `if __name__ == '__main__':`?"
                ) from None
            return Ended("failed", error=f"its process ended with status {status}; out of memory?")
        if isinstance(said, _Bug):
            raise RuntimeError(f"a trial met a bug\n{said.trace}")
        self._ready = True
        return said


def speaking(workers: Collection[Worker]) -> list[Worker]:
    """Waits until some of the workers have something to say, and returns those."""
    by_pipe = {worker.pipe: worker for worker in workers}
    return [by_pipe[pipe] for pipe in wait(list(by_pipe)) if isinstance(pipe, Connection)]


def _work(objective: Objective, pipe: Connection) -> None:
    """The process: try what is sent, until nobody sends."""
    threading.Thread(target=_leave_with_the_caller, daemon=True).start()
    with suppress(EOFError, OSError):  # the other end has gone
        pipe.send(Ready())
        while True:
            pipe.send(_tried(objective, pipe.recv(), pipe))


def _leave_with_the_caller() -> None:
    """End in the middle of a trial too: a caller that was killed tells nobody."""
    caller = multiprocessing.parent_process()
    if caller is not None:
        caller.join()
        os._exit(1)


def _tried(objective: Objective, settings: Mapping[str, Value], pipe: Connection) -> Ended | _Bug:
    """One trial."""

    def report(epoch: int, loss: float) -> None:
        pipe.send(Reported(epoch, loss))
        if pipe.recv():
            raise GivenUp

    try:
        loss = objective(settings, report)
    except GivenUp:
        return Ended("pruned")
    except IntentmlError as problem:
        return Ended("failed", error=problem.message)
    except Exception as problem:
        if isinstance(problem, MemoryError) or type(problem).__name__ == "OutOfMemoryError":  # torch's own
            return Ended("failed", error="out of memory")
        return _Bug(traceback.format_exc())
    if not isfinite(loss):
        return Ended("failed", error=f"its loss is {loss}: the training diverged")
    return Ended("complete", loss)


@contextmanager
def _one_thread() -> Iterator[None]:
    """What is started inside gets one thread, where the caller's environment says nothing of threads."""
    silent = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(silent, "1"))
    try:
        yield
    finally:
        for name in silent:
            del os.environ[name]


@contextmanager
def _interrupt_later() -> Iterator[None]:
    """Ctrl-C waits until the block has ended; what is started inside never hears it, its caller ends it."""
    heard: list[int] = []
    main = threading.current_thread() is threading.main_thread()  # the one that hears it
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number)) if main else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a new process has this thread's
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if main:
            signal.signal(signal.SIGINT, before)
    if heard:
        raise KeyboardInterrupt
