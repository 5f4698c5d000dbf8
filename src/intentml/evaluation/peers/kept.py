"""Answers of peers, kept: what was asked before with the same data, script and pins is not asked again.

What comes in: a peer, the folder it is given, a way to ask it. What goes out: its answer and the seconds that
it took when it was asked. An answer that cannot be read is not kept; removing the folder has all asked anew.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from intentml.evaluation.peers.catalogue import Peer
from intentml.evaluation.peers.environment import pins

Answer = TypeVar("Answer")

# Written last: a folder without it holds no whole answer.
_SECONDS = "seconds.txt"


def key_of(peer: Peer, kinds: Sequence[str], inputs: Path) -> str:
    """What an answer depends on, as a name: the peer, its script and pins, and every byte that it is given.

    Args:
        peer: Which.
        kinds: Kinds of targets that it is asked about.
        inputs: The folder it is given.
    """
    told = hashlib.sha256(repr((peer.name, tuple(kinds), sys.version)).encode())
    if peer.environment is not None:
        told.update(pins(peer.environment).encode())
    scripts = sorted(peer.script.parent.glob("*.py"))
    given = sorted(path for path in inputs.rglob("*") if path.is_file())
    for path in (*scripts, *given):
        told.update(path.name.encode() if path in scripts else str(path.relative_to(inputs)).encode())
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
    stamp = place / _SECONDS
    if stamp.is_file():
        return read(place), float(stamp.read_text(encoding="utf-8"))
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="asked-") as aside:
        out, start = Path(aside) / "answer", time.perf_counter()
        out.mkdir()
        ask(out)
        answer, seconds = read(out), time.perf_counter() - start
        (out / _SECONDS).write_text(repr(seconds), encoding="utf-8")
        try:
            out.replace(place)
        except OSError:
            # Another backtest beside this one was faster; its answer is the same.
            if not stamp.is_file():
                raise
    return answer, seconds
