"""Virtual environments of peers: made once in a folder, used again as long as their pins stay.

What comes in: a folder and the name of a requirements file. What goes out: an interpreter. What is
installed there is never imported here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from intentml.errors import PeerError

REQUIREMENTS = Path(__file__).with_name("environments")
_STAMP = "requirements.txt"
_LINES_TOLD = 5


def pins(name: str) -> str:
    """What an environment holds: the text of its requirements file."""
    return (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")


def interpreter(folder: Path, name: str) -> Path:
    """The Python of an environment, made in `folder` where it is not there yet.

    Args:
        folder: Where environments are kept.
        name: Name of a file in `environments`.

    Raises:
        PeerError: The environment cannot be made; the message ends as pip's did.
    """
    place = (folder / name).resolve()
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    wanted = pins(name)
    stamp = place / _STAMP
    # Written last: an environment without it was never finished.
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    if place.exists() and not (place / "pyvenv.cfg").is_file() and any(place.iterdir()):
        raise PeerError(
            f"{name} exists in the folder of the peers' environments and is no environment",
            hint="name another folder with --peers-env",
        )
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    _run(name, [sys.executable, "-m", "venv", str(place)])
    file = str(REQUIREMENTS / f"{name}.txt")
    quiet = ["--disable-pip-version-check", "--no-input", "--quiet"]
    _run(name, [str(python), "-m", "pip", "install", *quiet, "--requirement", file])
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(name: str, command: list[str]) -> None:
    """Run a step of making an environment.

    Raises:
        PeerError: It failed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as problem:
        raise _cannot_make(name, str(problem)) from problem
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        last = told or done.stderr.splitlines() or done.stdout.splitlines()
        raise _cannot_make(name, "; ".join(last[-_LINES_TOLD:]) or f"exit status {done.returncode}")


def _cannot_make(name: str, why: str) -> PeerError:
    return PeerError(
        f"the environment {name} of the peers cannot be made: {why}",
        hint="mend pip's way to its package index (network, proxy, PIP_INDEX_URL) and run the command again, "
        "or name peers of another environment with --peer",
    )
