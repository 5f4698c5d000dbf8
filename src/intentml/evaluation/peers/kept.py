"""Answers of peers, kept: what was asked before with the same data, script and pins is not asked again.

What comes in: a peer, the folder it is given, a way to ask it. What goes out: its answer and the seconds that
it took when it was asked. What cannot be read is not kept, or asked for again; removing the folder has all
asked anew.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from intentml.evaluation.peers.catalogue import Peer
from intentml.evaluation.peers.environment import pins

Answer = TypeVar("Answer")

# Written last: a folder without it holds no whole answer.
_SECONDS = "seconds.txt"


def key_of(peer: Peer, kinds: Sequence[str], inputs: Path) -> str:
    """What an answer depends on, as a name: the peer, scripts and pins, and every byte that it is given.

    Args:
        peer: Which.
        kinds: Kinds of targets that it is asked about.
        inputs: The folder it is given.
    """
    told = hashlib.sha256(repr((peer.name, tuple(kinds), sys.version)).encode())
    if peer.environment is not None:
        told.update(pins(peer.environment).encode())
    scripts = [(path.name, path) for path in sorted(peer.script.parent.glob("*.py"))]
    given = [(str(path.relative_to(inputs)), path) for path in sorted(inputs.rglob("*")) if path.is_file()]
    for name, path in (*scripts, *given):
        told.update(name.encode())
        told.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{peer.name}-{told.hexdigest()[:24]}"


def asked_once(
    place: Path, ask: Callable[[Path], None], read: Callable[[Path], Answer]
) -> tuple[Answer, float]:
    """The answer kept at a place, or asked for and kept there.

    Args:
        place: A folder of its own for this answer.
        ask: Writes an answer into the folder it is handed.
        read: Reads it; what raises there is not kept.

    Returns:
        The answer, and the seconds that asking took.
    """
    kept = _kept(place, read)
    if kept is not None:
        return kept
    with tempfile.TemporaryDirectory(prefix="intentml-asked-") as aside:
        out, start = Path(aside), time.perf_counter()
        ask(out)
        answer, seconds = read(out), time.perf_counter() - start
        # Kept where it can be: a full disk, or another backtest beside this one, costs a second asking alone.
        with suppress(OSError):
            shutil.copytree(out, place, dirs_exist_ok=True)
            (place / _SECONDS).write_text(repr(seconds), encoding="utf-8")
    return answer, seconds


def _kept(place: Path, read: Callable[[Path], Answer]) -> tuple[Answer, float] | None:
    """The answer at a place; None, and nothing there any more, where it is not whole."""
    if not place.is_dir():
        return None
    try:
        return read(place), float((place / _SECONDS).read_text(encoding="utf-8"))
    except Exception:  # whatever a cut off disk left behind
        shutil.rmtree(place, ignore_errors=True)
        return None
