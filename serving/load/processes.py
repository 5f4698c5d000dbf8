"""The processes of a service: who listens on a port, how much memory they have; and services to compare with.

What comes in: a port. What goes out: process ids, mebibytes by /proc, and a started service. Linux alone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LISTENS = "0A"
_SECONDS_TO_START = 60


class NotStartedError(Exception):
    """A program that is to be measured did not start."""


@dataclass(frozen=True)
class Program:
    """A program that was started.

    Attributes:
        port: Where on this machine it listens, as soon as it does.
        process: Its process.
        log: What it writes to stderr.
    """

    port: int
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of it.

        Raises:
            NotStartedError: It ended, or it took too long.
        """
        end = time.monotonic() + _SECONDS_TO_START
        while not holds():
            late = time.monotonic() > end
            if late or self.process.poll() is not None:
                self.log.seek(0)
                what = f"was not ready within {_SECONDS_TO_START} seconds" if late else "ended as it started"
                told = self.log.read().decode()[-2000:]
                raise NotStartedError(f"{' '.join(map(str, self.process.args))} {what}\n{told}".strip())
            time.sleep(0.02)


@dataclass(frozen=True)
class Memory:
    """What the processes of a service hold, each shared page counted once.

    Attributes:
        own: Mebibytes of their own: what is no file.
        mapped: Mebibytes of files, which the system can take back.
    """

    own: float
    mapped: float


def listening(port: int) -> list[int]:
    """The processes that have the socket which listens on a port: a server and its workers."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    sockets.add(f"socket:[{words[9]}]")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(handle.readlink()) in sockets for handle in (folder / "fd").iterdir()):
                found.append(int(folder.name))
    return sorted(found)


def workers(pids: list[int]) -> int:
    """How many of them answer."""
    lines = []
    for pid in pids:
        with suppress(OSError):
            lines.append(Path(f"/proc/{pid}/cmdline").read_bytes())
    return sum(b"worker" in line for line in lines) or 1


def memory(pids: list[int]) -> Memory:
    """Their proportional set size, files apart."""
    total = {"Pss_Anon": 0, "Pss_Shmem": 0, "Pss_File": 0}
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name in total:
                    total[name] += int(rest.split()[0])
    return Memory((total["Pss_Anon"] + total["Pss_Shmem"]) / 1024, total["Pss_File"] / 1024)


@contextmanager
def noop(count: int) -> Iterator[str]:
    """The BentoML service that does nothing, with so many workers; yields its URL."""
    here = str(Path(__file__).parent)
    command = ["-m", "bentoml", "serve", "noop:NoOp", "--working-dir", here, "--host", "127.0.0.1", "--quiet"]
    with tempfile.TemporaryDirectory() as home:
        settings = {"BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "True", "INTENTML_WORKERS": str(count)}
        with _started([*command, "--port"], settings) as url:
            yield url


@contextmanager
def bare() -> Iterator[str]:
    """The endpoint without anything; yields its URL."""
    with _started([str(Path(__file__).with_name("bare.py"))], {}) as url:
        yield url


@contextmanager
def running(words: list[str], settings: dict[str, str]) -> Iterator[Program]:
    """A program of Python's, told a port at the end of its command line, until it is no longer needed."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INTENTML_")}
    environment |= {**settings, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, *words, str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=log
        )
        try:
            yield Program(port, process, log)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def _started(words: list[str], settings: dict[str, str]) -> Iterator[str]:
    """Such a program, once it listens; yields its URL."""
    with running(words, settings) as program:
        program.wait_until(lambda: _listens(program.port))
        time.sleep(3)  # a listening socket is there before the workers are
        yield program.url


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
