"""A service of the load test's own: how soon it is ready, and other scores in its place while it answers.

What comes in: a scores folder and the model that made it. What goes out: the service, running on roots whose
links `current` can be moved, and what came back while they were. What was handed in stays as it is.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from processes import NotStartedError, running
from wire import Answer, Ask, Service, at_rate

RATE, SECONDS, SWAPS = 200.0, 20.0, 6
_AT_ONCE = 20
_SAME = 1e-9  # as JSON, a number comes back as it went


@dataclass(frozen=True)
class Made:
    """A scores folder and the model that made it."""

    scores: Path
    model: Path

    @classmethod
    def of(cls, scores: Path, model: Path) -> Made:
        """Folders, or roots whose `current` are such."""
        return cls(*(one / "current" if (one / "current").exists() else one for one in (scores, model)))


@dataclass(frozen=True)
class OwnService:
    """The service, started here.

    Attributes:
        url: Where it listens.
        first_s: Seconds from the start of its process until `/ready` was answered 200.
        all_s: Seconds until all its workers served the scores.
        roots: Scores and model, under whose `current` it looks.
    """

    url: str
    first_s: float
    all_s: float
    roots: Made


@contextmanager
def own_service(made: Made, workers: int, data: str | None) -> Iterator[OwnService]:
    """`intentml serve`, once all its workers are ready.

    Raises:
        NotStartedError: It ended, or was not ready in time.
    """
    with tempfile.TemporaryDirectory() as folder:
        roots = Made(Path(folder, "scores"), Path(folder, "model"))
        for root in (roots.scores, roots.model):
            root.mkdir()
        _move(roots, made)
        words = ["-m", "intentml", "serve", str(roots.scores), "--model", str(roots.model), "--quiet"]
        words += ["--workers", str(workers), *(["--data", data] if data else []), "--port"]
        settings = {"BENTOML_HOME": str(Path(folder, "bentoml")), "BENTOML_DO_NOT_TRACK": "True"}
        start = time.monotonic()
        with running(words, settings) as program:
            program.wait_until(lambda: _page(f"{program.url}/ready") is not None)
            first = time.monotonic() - start
            program.wait_until(lambda: _serving(program.url) >= workers)
            yield OwnService(program.url, first, time.monotonic() - start, roots)


def day_after(made: Made, data: str | None, folder: Path) -> Made:
    """Scores of the day after, by a model that differs in its fingerprint alone: a whole night's change.

    Args:
        made: Scores, and the model that made them.
        data: The tables that were scored; those that the scores name where None.
        folder: Where to write them.

    Raises:
        CalledProcessError: They cannot be made.
    """
    told = json.loads((made.scores / "manifest.json").read_text())
    other = Made(folder / "scores", folder / "model")
    shutil.copytree(made.model, other.model)
    with (other.model / "predictor.json").open("a") as file:
        file.write("\n")  # says the same, and is another file
    as_of = datetime.fromisoformat(told["as_of"]) + timedelta(days=1)
    kinds = [name.removeprefix("targets_") for name in told["counts"] if name.startswith("targets_")]
    words = ["score", data or told["data"]["source"], "--model", str(other.model)]
    words += ["--as-of", as_of.isoformat(), "--timezone", told["timezone"], "--kinds", ",".join(kinds)]
    words += [word for days in told["horizons"] for word in ("--horizon", str(days))]
    words += ["--interests", "1", "--yes", "--out", str(other.scores), "--quiet"]
    subprocess.run([sys.executable, "-m", "intentml", *words], check=True, stdout=subprocess.DEVNULL)
    return other


@dataclass
class Swapped:
    """What came back while scores and model were swapped.

    Attributes:
        seconds: Of the answers.
        statuses: How often each; 0 is a line that broke.
        mixed: Answers whose numbers are not those of the scores and the model that they name.
        seen: Answers of each of the two.
        unsent: Requests for which no line was free.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    mixed: int = 0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    unsent: int = 0


async def swapped(service: Service, roots: Made, both: tuple[Made, Made], customer_ids: list[str]) -> Swapped:
    """Ask for customers at a steady rate, while scores and model are swapped; they end as they began.

    Args:
        service: The service.
        roots: Where it looks.
        both: What it serves, and the other.
        customer_ids: Who may be asked about; those are whose numbers the two tell apart.
    """
    found, numbers = Swapped(), {_named(one): _churn(one, customer_ids) for one in both}
    if len(numbers) < 2:
        raise NotStartedError("the scores to swap to have as_of and model of those that are served")
    first, second = numbers.values()
    ids = [one for one in customer_ids if one in first and one in second and first[one] != second[one]]
    if not ids:
        raise NotStartedError("the scores to swap to say the same of everybody")
    pages = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]

    def heard(ask: Ask, answer: Answer) -> None:
        found.seconds.append(answer.seconds)
        found.statuses[answer.status] += 1
        if answer.status == 200:
            body = answer.json()
            named = body["as_of"], body["model_version"]
            found.seen[named] += 1
            told = {one["customer_id"]: one["churn_probability"] for one in body["customers"]}
            of_one = numbers.get(named, {})
            whole = told.keys() == set(ask.about)
            whole &= all(abs(value - of_one.get(one, -1.0)) < _SAME for one, value in told.items())
            found.mixed += not whole

    async def swap() -> None:
        for number in range(SWAPS):
            await asyncio.sleep(SECONDS / (SWAPS + 1))
            _move(roots, both[(number + 1) % 2])

    def asked(number: int) -> Ask:
        some = pages[number % len(pages)]
        return Ask.of("/customers", {"customer_ids": some}, about=some)

    found.unsent = await at_rate(service, RATE, SECONDS, asked, heard, lines=64, meanwhile=swap)
    return found


def _move(roots: Made, made: Made) -> None:
    """Let `current` be these; the model first, since nobody looks for it before other scores are there."""
    for root, folder in ((roots.model, made.model), (roots.scores, made.scores)):
        (root / "next").symlink_to(folder.resolve())
        (root / "next").rename(root / "current")


def _named(made: Made) -> tuple[str, str]:
    """As answers name them: as_of, and the model's version."""
    told = json.loads((made.scores / "manifest.json").read_text())
    return told["as_of"], told["model"]["version"]


def _churn(made: Made, customer_ids: list[str]) -> dict[str, float]:
    """P(no order) of some customers, as the folder has it."""
    table = pq.read_table(made.scores / "customers.parquet", columns=["customer_id", "churn_probability"])
    some = table.filter(pc.field("customer_id").isin(customer_ids))
    return dict(zip(*(column.to_pylist() for column in some.columns), strict=True))


def _serving(url: str) -> float:
    """How many workers serve scores."""
    lines = (_page(f"{url}/metrics") or "").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("intentml_scores{"))


def _page(url: str) -> str | None:
    """What is answered with 200."""
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as reply:
        return reply.read().decode()
    return None
