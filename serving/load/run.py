"""The service under load: how fast, how many, how it refuses, how much memory. One table.

    python serving/load/run.py --scores scores --model model

A service of its own is started, loaded and stopped; with `--url` one that runs on this machine is asked, none
of another, and when it was ready and how it swaps stays open. What it is asked about, it tells itself, or a
file `{"customer_ids": [...], "categories": [...], "products": [...], "keywords": [...]}` does. Every part is
bounded in requests and seconds; with the overload it takes some four minutes, beside scoring the shop once
more to have something to swap to. Times are as a client sees them. This program shares the cores with the
service: what it says of throughput is a lower bound.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from processes import Memory, NotStartedError, bare, listening, memory, noop, workers
from questions import NoAnswerError, Questions, questions
from swapping import RATE, SECONDS, SWAPS, Made, OwnService, day_after, own_service, swapped
from wire import Answer, Ask, NotOursError, Service, at_rate, clients, one_after_another

ALLOWED_IN_OVERLOAD = {200, 429, 503}
CLIENTS = 32


@dataclass
class Heard:
    """What came back in one part.

    Attributes:
        seconds: Of the answers with 200.
        statuses: How often each status; 0 is a line that broke.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def __call__(self, ask: Ask, answer: Answer) -> None:
        """One answer."""
        self.statuses[answer.status] += 1
        if answer.status == 200:
            self.seconds.append(answer.seconds)

    def ms(self, share: float) -> float:
        """Milliseconds within which this share was answered."""
        ranked = sorted(self.seconds)
        return 1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("nan")

    @property
    def errors(self) -> int:
        """Answers that are not 200."""
        return sum(count for status, count in self.statuses.items() if status != 200)


@dataclass
class Table:
    """The rows, as they come."""

    rows: list[dict[str, object]] = field(default_factory=list)

    def add(self, what: str, value: str, bar: str = "", errors: int | str = "", **numbers: object) -> None:
        """A row; told at once, since the next may take a minute."""
        self.rows.append({"what": what, "value": value, "bar": bar, "errors": errors, **numbers})
        sys.stderr.write(f"{what}: {value}\n")

    def show(self) -> None:
        """All of them, aligned."""
        names = ("what", "measured", "bar", "errors")
        cells = [
            names,
            *([str(row[name]) for name in ("what", "value", "bar", "errors")] for row in self.rows),
        ]
        widths = [max(len(row[at]) for row in cells) for at in range(len(names))]
        for row in cells:
            told = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            sys.stdout.write(told.rstrip() + "\n")


async def one_client(service: Service, asks: Iterable[Ask]) -> Heard:
    """Requests one after the other."""
    heard = Heard()
    await one_after_another(service, asks, heard)
    return heard


async def many(service: Service, seconds: float, ask: Callable[[int], Ask]) -> tuple[float, Heard]:
    """Thirty-two clients; answers a second, and what came back."""
    heard = Heard()
    await clients(service, CLIENTS, seconds, ask, heard)
    return len(heard.seconds) / seconds, heard


async def latencies(service: Service, asked: Questions, table: Table, bare_ms: float) -> dict[str, Heard]:
    """One client, each question for itself."""
    await one_client(service, [asked.customer(number) for number in range(200)])  # warm
    told = {"/customers, one id": await one_client(service, map(asked.customer, range(2000)))}
    row(table, "/customers, one id", told["/customers, one id"], "2.5 / 15 ms", bare_ms)
    told["/predict"] = await one_client(service, map(asked.history, range(300)))
    row(table, "/predict, one history of 30 orders", told["/predict"], "8 / 30 ms", bare_ms)
    await one_client(service, map(asked.target, range(10)))
    heard = await one_client(service, map(asked.target, range(100)))
    row(table, f"/interested_in, one {asked.kind}, top 1,000", heard, "45 / 90 ms (p95)", bare_ms, upper=0.95)
    for size, bar in ((10, "150 ms"), (200, "1.5 s")):
        if len(asked.products) < size:
            table.add(f"/interested_in, {size} products", f"not asked: {len(asked.products)} products known")
            continue
        first = await one_client(service, [asked.products_set(number, size) for number in range(10)])
        row(table, f"/interested_in, {size} products, first time", first, bar, bare_ms)
        again = await one_client(service, [asked.products_set(9, size)] * 50)
        row(table, f"/interested_in, {size} products, cached", again, "45 ms", bare_ms)
    if asked.keywords:
        first = await one_client(service, map(asked.keyword, range(len(asked.keywords))))
        row(table, f"/interested_in, {len(asked.keywords)} keywords, first time", first, "1.5 s", bare_ms)
        again = await one_client(service, [asked.keyword(len(asked.keywords) - 1)] * 50)
        row(table, "/interested_in, a keyword, cached", again, "45 ms", bare_ms)
    return told


def row(table: Table, what: str, heard: Heard, bar: str, bare_ms: float, upper: float = 0.99) -> None:
    """Times of one question."""
    p50, high = heard.ms(0.5), heard.ms(upper)
    value = f"p50 {p50:.1f}, p{100 * upper:.0f} {high:.1f} ms; {p50 / bare_ms:.1f} x bare"
    table.add(what, value, bar, heard.errors, n=len(heard.seconds), p50_ms=p50, high_ms=high)


async def throughput(
    service: Service, asked: Questions, table: Table, count: int, seconds: float, bare_rps: float
) -> float:
    """Thirty-two clients on ours and on the service that does nothing, in turn."""
    ours: list[float] = []
    theirs: list[float] = []
    errors = 0
    with noop(count) as url:
        nothing = Service(url)
        await many(nothing, 2, lambda number: Ask.of("/noop", {}))
        for _ in range(2):
            rate, heard = await many(service, seconds, asked.customer)
            ours, errors = [*ours, rate], errors + heard.errors
            rate, _ = await many(nothing, seconds, lambda number: Ask("/noop", asked.customer(number).body))
            theirs.append(rate)
    best, noops = max(ours), max(theirs)
    table.add(
        f"/customers, {CLIENTS} clients, {count} workers",
        f"{best:.0f} a second; {best / noops:.2f} of a no-op with the same middleware ({noops:.0f}), "
        f"{best / bare_rps:.2f} of bare ({bare_rps:.0f}, 1 process)",
        "0.8 of the no-op",
        errors,
        rps=best,
        noop_rps=noops,
        bare_rps=bare_rps,
    )
    return best


async def overload(
    service: Service, ask: Callable[[int], Ask], what: str, table: Table, pids: list[int], seconds: float
) -> bool:
    """Five times of what is answered, for a minute; whether it was refused as it should be."""
    capacity, calm = await many(service, 5, ask)
    before, heard = memory(pids), Heard()
    unsent = await at_rate(service, min(5 * capacity, 20_000), seconds, ask, heard, lines=600)
    after = memory(pids)
    told = ", ".join(f"{count:,} x {status}" for status, count in sorted(heard.statuses.items()))
    fine = set(heard.statuses) <= ALLOWED_IN_OVERLOAD
    table.add(
        f"{what} at 5 x {capacity:.0f} a second for {seconds:.0f} s",
        f"{told}; not sent, for want of lines {unsent:,}",
        "200, 429, 503",
        "" if fine else "others",
        statuses=dict(heard.statuses),
        unsent=unsent,
    )
    ratio = heard.ms(0.99) / calm.ms(0.99)
    table.add(
        "  p99 of the accepted",
        f"{heard.ms(0.99):.0f} ms; {ratio:.1f} x that of {CLIENTS} clients ({calm.ms(0.99):.0f} ms)",
        "10 x",
        ratio=ratio,
    )
    table.add(
        "  memory before and after", f"{before.own:.0f} and {after.own:.0f} MiB", "flat", **_told(after)
    )
    return fine


def _told(held: Memory) -> dict[str, float]:
    return {"own_mib": held.own, "mapped_mib": held.mapped}


def ready(table: Table, own: OwnService, count: int) -> None:
    """How soon it was."""
    table.add(
        "ready after start",
        f"{own.first_s:.1f} s; {count} workers {own.all_s:.1f} s",
        "5 s",
        first_s=own.first_s,
        all_s=own.all_s,
    )


async def swap(
    service: Service, own: OwnService, both: tuple[Made, Made], ids: list[str], table: Table
) -> None:
    """Other scores and another model in the place of those served, and back, while it answers."""
    found = await swapped(service, own.roots, both, ids)
    failed = sum(count for status, count in found.statuses.items() if status != 200)
    heard = Heard(found.seconds, found.statuses)
    by_one = " and ".join(f"{count:,}" for count in found.seen.values())
    table.add(
        f"{SWAPS} swaps of scores and model at {RATE:.0f} a second for {SECONDS:.0f} s",
        f"failed {failed}, mixed {found.mixed} of {len(found.seconds):,}; of the two {by_one}; "
        f"not sent {found.unsent}; p50 {heard.ms(0.5):.1f}, p99 {heard.ms(0.99):.1f} ms",
        "0 failed, 0 mixed",
        failed + found.mixed if len(found.seen) == 2 else "never swapped",
        failed=failed,
        mixed=found.mixed,
        unsent=found.unsent,
        seen=list(found.seen.values()),
    )


async def run(
    told: argparse.Namespace, url: str, own: OwnService | None, both: tuple[Made, Made] | None
) -> tuple[Table, bool]:
    """All parts."""
    headers = {"authorization": f"Bearer {told.key}"} if told.key else {}
    service, table = Service(url, headers), Table()
    asked = await questions(service, told.examples, told.seed)
    pids = listening(service.port)
    count = workers(pids) if own is None else told.workers
    if own is not None:
        ready(table, own, count)
    with bare() as plain_url:
        plain = Service(plain_url)
        await many(plain, 1, lambda number: Ask.of("/noop", {}))
        calm = await one_client(plain, [Ask.of("/noop", {})] * 1000)
        bare_rps, _ = await many(plain, 4, lambda number: Ask.of("/noop", {}))
    bare_ms = calm.ms(0.5)
    table.add("a bare endpoint of FastAPI, no work", f"p50 {bare_ms:.1f}, p99 {calm.ms(0.99):.1f} ms")
    await latencies(service, asked, table, bare_ms)
    await throughput(service, asked, table, count, told.seconds, bare_rps)
    held = memory(pids)
    table.add(
        f"memory of {count} workers and their server (PSS)",
        f"{held.own:.0f} MiB, and {held.mapped:.0f} MiB of files" if pids else "not to be seen from here",
        "1.5 GB, files apart",
        **_told(held),
    )
    if own is not None and both is not None:
        await swap(service, own, both, asked.customer_ids, table)
    fine = True
    if told.overload_seconds:
        for what, ask in (("/predict", asked.history), ("/customers", asked.customer)):
            fine &= await overload(service, ask, what, table, pids, told.overload_seconds)
    return table, fine and not any(row["errors"] for row in table.rows)


def measured(told: argparse.Namespace) -> tuple[Table, bool]:
    """All parts, of a service that runs or of one of our own."""
    if told.url:
        return asyncio.run(run(told, told.url, None, None))
    made = Made.of(told.scores, told.model)
    with tempfile.TemporaryDirectory() as folder:
        # Before the service is there: it needs the cores.
        if told.next_scores is not None:
            other = Made.of(told.next_scores, told.next_model or told.model)
        else:
            other = day_after(made, told.data, Path(folder))
        with own_service(made, told.workers, told.data) as own:
            return asyncio.run(run(told, own.url, own, (made, other)))


def main() -> int:
    """Read the command line; 1 where answers were wrong, 2 where it cannot ask."""
    reader = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    which = reader.add_mutually_exclusive_group(required=True)
    which.add_argument("--scores", type=Path, metavar="DIR", help="start a service on them, with --model")
    which.add_argument("--url", help="ask a service that runs on this machine")
    reader.add_argument("--model", type=Path, metavar="DIR", help="the model that made the scores")
    reader.add_argument(
        "--data", metavar="DIR", help="the tables that were scored; else those the scores name"
    )
    reader.add_argument("--workers", type=int, default=2, help="of the service that is started")
    reader.add_argument(
        "--next-scores", type=Path, metavar="DIR", help="to swap to; else those of the day after are made"
    )
    reader.add_argument(
        "--next-model", type=Path, metavar="DIR", help="the model that made them, if another one"
    )
    reader.add_argument(
        "--key", default=os.environ.get("INTENTML_KEY"), help="the key of --url, or INTENTML_KEY"
    )
    reader.add_argument("--examples", type=Path, metavar="FILE", help="JSON with what to ask about")
    reader.add_argument("--seconds", type=float, default=8.0, help="of each round of throughput")
    reader.add_argument("--overload-seconds", type=float, default=60.0, help="0 leaves it out")
    reader.add_argument("--seed", type=int, default=0)
    reader.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers too")
    told = reader.parse_args()
    if told.scores is not None and told.model is None:
        reader.error("--scores needs --model, the model that made them")
    try:
        table, fine = measured(told)
    except (NoAnswerError, NotOursError, NotStartedError, subprocess.CalledProcessError) as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 2
    table.show()
    if told.json:
        told.json.write_text(json.dumps(table.rows, indent=1) + "\n")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
