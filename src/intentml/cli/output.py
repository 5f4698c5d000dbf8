"""Where words go: results to stdout, logs and progress to stderr, tables by who reads them.

What comes in: what a command has to say, and its `--json` and `--quiet`. What goes out: text for a
person or one JSON value for a machine. A terminal gets drawn tables and bars that know the time left;
a file or a pipe gets plain aligned text and now and then a line.
"""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer

Tell = Callable[[str, int, int], None]

_LINE_EVERY_S = 10.0
# Control characters in a product's name must not move a terminal's cursor.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True)
class Output:
    """How one command speaks.

    Attributes:
        json: One JSON value on stdout and nothing else there.
        quiet: Nothing on stderr but errors.
    """

    json: bool = False
    quiet: bool = False

    def answer(self, body: Callable[[], Any], show: Callable[[], None]) -> None:
        """The command's result: `body` made and written as JSON, or `show` called."""
        if self.json:
            typer.echo(json.dumps(plain(body()), allow_nan=False))
        else:
            show()

    def note(self, text: str) -> None:
        """A line on stderr."""
        if not self.quiet:
            typer.echo(text, err=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Tell]:
        """Progress of one long step on stderr, and how long it took."""
        start = time.perf_counter()
        if self.quiet:
            yield lambda step, done, total: None
            return
        if sys.stderr.isatty():
            with _bar(name) as tell:
                yield tell
        else:
            self.note(f"{name} ...")
            yield _Lines(name, start, self.note)
        self.note(f"{name}: {_duration(time.perf_counter() - start)}")


def say(text: str = "") -> None:
    """A line of the result."""
    typer.echo(text)


def printable(text: str) -> str:
    """A text of the shop's, as one line that moves no cursor."""
    return _CONTROL.sub(" ", text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> None:
    """Rows under a heading; `right` names the columns of numbers."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _drawn(columns, cells, right)
        return
    widths = [max(len(row[at]) for row in [columns, *cells]) for at in range(len(columns))]
    for row in [columns, *cells]:
        padded = (
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(columns, row, widths, strict=True)
        )
        say("  " + "  ".join(padded).rstrip())


def next_steps(*commands: Sequence[str]) -> None:
    """What to run next, ready to be pasted."""
    say("\nNext:")
    for words in commands:
        say("  intentml " + shlex.join(words))


def plain(value: Any) -> Any:
    """The value in JSON's own types: NaN is null, numbers of numpy are numbers."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "order"), counted(1200, "order"), counted(2, "category", "categories")
    ('1 order', '1,200 orders', '2 categories')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


@contextmanager
def _bar(name: str) -> Iterator[Tell]:
    """A bar for a terminal, gone when the step is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None)
        yield lambda step, done, total: progress.update(
            task, description=f"{name}: {step}", completed=done, total=total
        )


class _Lines:
    """For a log file: a line now and then, with the time left."""

    def __init__(self, name: str, start: float, note: Callable[[str], None]) -> None:
        self.name, self.start, self.note, self.last = name, start, note, start

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if now - self.last < _LINE_EVERY_S or not 0 < done <= total:
            return
        self.last = now
        left = (now - self.start) * (total - done) / done
        self.note(f"{self.name}: {step}, {done / total:.0%}, about {_duration(left)} left")


def _duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> None:
    """The table for a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawing = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in columns:
        drawing.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        drawing.add_row(*(Text(cell) for cell in row))
    Console().print(drawing)
