"""The service as a client meets it: a process of its own, asked over HTTP.

What comes in: a scores folder and its model. What goes out: `Served`, which asks and keeps what the
process wrote. It is stopped as an operator stops it, and must end well.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import PROGRAM

_SECONDS_TO_START = 60


@dataclass(frozen=True)
class Reply:
    """Status, headers in lower case, and body of a response."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        """Strict JSON."""
        return json.loads(self.text, parse_constant=_no_json)


@dataclass(frozen=True)
class Served:
    """A running service.

    Attributes:
        url: Where it listens.
        stdout: What it answered as a command.
        stderr: Its log.
    """

    url: str
    stdout: Path
    stderr: Path

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        """Send a body: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._ask(path, content, {"content-type": "application/json"} | headers)

    def get(self, path: str, **headers: str) -> Reply:
        """Ask without a body."""
        return self._ask(path, None, headers)

    def _ask(self, path: str, content: bytes | None, headers: dict[str, str]) -> Reply:
        request = urllib.request.Request(f"{self.url}{path}", content, headers)
        try:
            response = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as refused:
            response = refused
        with response:
            told = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, told, response.read().decode())


@contextmanager
def served(
    folder: Path, scores: Path, model: Path | str, *options: str, settings: dict[str, str] | None = None
) -> Iterator[Served]:
    """`intentml serve`, ready; stopped in the end by SIGTERM, which it must obey.

    Keys and limits are those of `settings` alone, whatever the tests' own environment says.
    """
    service, process = started(folder, scores, model, *options, settings=settings)
    try:
        yield service
    finally:
        process.terminate()
        status = process.wait(timeout=30)
    assert status == 0, service.stderr.read_text()


def started(
    folder: Path,
    scores: Path,
    model: Path | str,
    *options: str,
    settings: dict[str, str] | None = None,
    port: int | None = None,
) -> tuple[Served, subprocess.Popen[bytes]]:
    """`intentml serve`, ready, in a group of processes of its own, which the caller must end."""
    program, mode = folder / "program.py", "a" if port else "w"  # one that starts again goes on with its log
    port = port or free_port()
    program.write_text(PROGRAM)
    words = ["serve", str(scores), "--model", str(model), "--port", str(port), *options]
    service = Served(f"http://127.0.0.1:{port}", folder / "stdout", folder / "stderr")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("INTENTML_")}
    environment = {**plain, "BENTOML_HOME": str(folder / "bentoml"), **(settings or {})}
    with service.stdout.open(mode) as out, service.stderr.open(mode) as log:
        process = subprocess.Popen(
            [sys.executable, str(program), *words],
            stdout=out,
            stderr=log,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait_until_ready(service, process)
    except BaseException:
        killed(process)
        raise
    return service, process


def killed(process: subprocess.Popen[bytes]) -> None:
    """End a service and all its workers as a failing machine would, by SIGKILL."""
    for pid in [process.pid, *descendants(process.pid)]:  # the server first: it would start workers anew
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(timeout=30)


def descendants(pid: int) -> list[int]:
    """The processes below one, workers among them: they are groups of their own."""
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            below.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for one in found:
        found += below.get(one, [])
    return found[1:]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_until_ready(service: Served, process: subprocess.Popen[bytes]) -> None:
    for _ in range(10 * _SECONDS_TO_START):
        assert process.poll() is None, service.stderr.read_text()
        try:
            if service.get("/readyz").status == 200:
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.1)
    raise AssertionError(service.stderr.read_text())


def _no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
