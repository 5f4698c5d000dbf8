"""A night, a swap under load, and a machine that fails: no order is lost, no answer dropped or mixed.

Each is one bounded run on a service in processes of its own, and prints its figures (`pytest -s`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from command_line import PROGRAM
from intentml.service.arrivals import Arrivals
from intentml.shipped import shipped_folder
from intentml.tables.read import read_shop
from intentml.workflows import score
from on_the_wire import Answer, Ask, Service, at_rate
from random_shop import AS_OF_TEXT
from scored_shop import HORIZONS, frames, log, model
from served import Served, descendants, killed, served, started

pytestmark = pytest.mark.slow
FIRST, SECOND, THIRD = (f"2024-{day}T00:00:00+00:00" for day in ("03-31", "04-03", "04-04"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with the tables in `data`, a model, and scores under a root's `current`."""
    model().save(tmp_path / "model")
    (tmp_path / "data").mkdir()
    for name, table in frames().items():
        table.to_parquet(tmp_path / "data" / f"{name}.parquet")
    score(model(), log(), as_of=AS_OF_TEXT, horizon_days=HORIZONS, out=tmp_path / "root" / "first")
    (tmp_path / "root" / "current").symlink_to("first")
    program = tmp_path / "bin" / "intentml"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{PROGRAM}")
    program.chmod(0o755)
    return tmp_path


WORDS = ("--orders", "orders.sqlite", "--data", "data", "--workers", "2")


def night(shop: Path, as_of: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(shipped_folder("serving") / "nightly.sh"), "data", "root", "model", "orders.sqlite", as_of],
        cwd=shop,
        env={**os.environ, "PATH": f"{shop / 'bin'}:{os.environ['PATH']}", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def line(customer: str, number: int) -> dict[str, Any]:
    """The number-th order of a customer, on 2024-04-02."""
    at = pd.Timestamp("2024-04-02T00:00:00Z") + pd.Timedelta(seconds=number)
    return {
        "customer_id": customer,
        "order_id": f"{customer}-{number}",
        "ordered_at": at.isoformat(),
        "product_id": "p1",
        "quantity": 2,
    }


class Customer(threading.Thread):
    """One who orders again and again, and looks after each order whether it is known.

    An order is sent until it is acknowledged, always under the same Idempotency-Key: whoever is not
    answered does not know whether it was kept.
    """

    def __init__(self, service: Served, name: str, pause_s: float = 0.05, tables: bool = True) -> None:
        super().__init__()
        self.service, self.called, self.pause_s, self.tables = service, name, pause_s, tables
        self.acknowledged = self.asked = self.inside = self.unanswered = 0
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            try:
                if self._order():
                    self._look()
            except Exception as problem:
                self.wrong.append(f"the test itself failed: {type(problem).__name__}")
                raise
            time.sleep(self.pause_s)

    def _order(self) -> bool:
        key, told = f"{self.called}-{self.acknowledged}", [line(self.called, self.acknowledged)]
        try:
            reply = self.service.post("/orders", {"orders": told}, **{"idempotency-key": key})
        except (OSError, HTTPException):
            self.unanswered += 1
            return False
        if reply.status != 200:
            self.wrong.append(f"POST /orders was answered {reply.status}")
            return False
        self.acknowledged += 1
        return True

    def _look(self) -> None:
        try:
            reply = self.service.post("/customers", {"customer_ids": [self.called]})
        except (OSError, HTTPException):
            self.unanswered += 1
            return
        self.asked += 1
        if reply.status != 200:
            self.wrong.append(f"POST /customers was answered {reply.status}")
            return
        self.seen[reply.body["as_of"]] += 1
        orders = [one["orders"] for one in reply.body["customers"]]
        if orders != [self.acknowledged]:
            self.wrong.append(f"{self.acknowledged} orders were acknowledged, and {orders} known")
        if self.tables:  # without them there are no audiences
            self._look_into_an_audience()

    def _look_into_an_audience(self) -> None:
        """Audiences know as much, once the tables were read for them."""
        asked = {"audience": "purchased(product = 'p1', orders >= 1)", "customer_id": self.called}
        try:
            reply = self.service.post("/audiences/explain", asked)
        except (OSError, HTTPException):
            self.unanswered += 1
            return
        if reply.status == 503 and "are being read" in reply.text:
            return
        if reply.status != 200:
            self.wrong.append(f"POST /audiences/explain was answered {reply.status}")
            return
        self.inside += 1
        if reply.body["reason"]["seen"]["orders"] != self.acknowledged:
            self.wrong.append(f"{self.acknowledged} orders were acknowledged, an audience saw {reply.body}")


@contextlib.contextmanager
def ordering(service: Served, count: int, **how: Any) -> Iterator[list[Customer]]:
    """Customers who order all the while; nothing that they were told may be wrong."""
    customers = [Customer(service, f"new-{number}", **how) for number in range(count)]
    for one in customers:
        one.start()
    try:
        yield customers
    finally:
        for one in customers:
            one.enough.set()
        for one in customers:
            one.join(timeout=120)
    assert [one.wrong[:3] for one in customers if one.wrong] == []


def eventually(holds: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it comes true in time; the machine may be busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.2)
    return False


def known(service: Served, customers: list[Customer]) -> dict[str, int]:
    reply = service.post("/customers", {"customer_ids": [one.called for one in customers]})
    return {one["customer_id"]: one["orders"] for one in reply.body["customers"]}


def test_orders_before_during_and_after_a_night_are_known_in_every_answer(shop: Path) -> None:
    """Two nights; the machine fails after the first."""
    service, process = started(shop, Path("root"), "model", *WORDS)
    try:
        with ordering(service, 3) as customers:
            assert eventually(lambda: all(one.seen[FIRST] and one.inside for one in customers))
            first = night(shop, SECOND)
            assert first.returncode == 0, first.stderr
            assert eventually(lambda: all(one.seen[SECOND] > 3 for one in customers))
        assert all(set(one.seen) == {FIRST, SECOND} for one in customers)
        assert sum(one.unanswered for one in customers) == 0
        wanted = {one.called: one.acknowledged for one in customers}
        killed(process)
        service, process = started(shop, Path("root"), "model", *WORDS, port=int(service.url.split(":")[2]))
        assert service.get("/health").body["as_of"] == SECOND
        assert known(service, customers) == wanted
        held = Arrivals(shop / "orders.sqlite").held()
        second = night(shop, THIRD, INTENTML_KEEP="1")
        assert second.returncode == 0, second.stderr
        left = Arrivals(shop / "orders.sqlite").held()
        assert left.lines < held.lines == sum(wanted.values())
        # One after the other, each of the two workers: until all of some answers are of the newest.
        assert eventually(lambda: all(service.get("/health").body["as_of"] == THIRD for _ in range(10)))
        assert known(service, customers) == wanted
        assert service.get("/health").body["rescored"] == 0
    finally:
        killed(process)
    orders = read_shop(shop / "data").orders.to_pandas()
    kept = orders.loc[orders["customer_id"].isin(wanted), "customer_id"].value_counts().to_dict()
    assert kept == wanted
    (folder,) = (path for path in (shop / "root").iterdir() if path.name.startswith("20"))
    assert (shop / "root" / "current").resolve() == folder
    assert (shop / "root" / "first").is_dir()  # not one of its own
    asked = sum(one.asked for one in customers)
    sys.stdout.write(
        f"\nnight: {sum(wanted.values())} orders of 3 customers, {asked} answers, none dropped or mixed\n"
    )


def test_a_night_that_fails_leaves_all_as_it_was(shop: Path) -> None:
    arrivals = Arrivals(shop / "orders.sqlite")
    arrivals.append([line("new-1", 1)], "2024-04-02T10:00:00Z")
    failed = night(shop, "2023-01-01")  # the model has seen what came after
    assert failed.returncode == 1
    assert "error:" in failed.stderr
    assert (shop / "root" / "current").resolve().name == "first"
    assert sorted(path.name for path in (shop / "root").iterdir()) == [".night.lock", "current", "first"]
    assert arrivals.held().lines == 1
    assert night(shop, SECOND).returncode == 0
    orders = read_shop(shop / "data").orders["customer_id"].to_pylist()
    assert orders.count("new-1") == 1
    manifest = (shop / "root" / "current" / "manifest.json").read_text()
    assert '"horizons":[28,14]' in manifest.replace(" ", "").replace("\n", "")


def test_a_night_over_tables_of_other_names_keeps_their_names(shop: Path) -> None:
    names = {"customer_id": "KUNDE", "order_id": "BELEG", "ordered_at": "ZEIT", "product_id": "ARTIKEL"}
    foreign = pd.read_parquet(shop / "data" / "orders.parquet").rename(columns=names)
    foreign.to_parquet(shop / "data" / "orders.parquet")
    told = "".join(f'{ours} = "{theirs}"\n' for ours, theirs in names.items())
    (shop / "names.toml").write_text(f"[orders]\n{told}")
    arrivals = Arrivals(shop / "orders.sqlite")
    arrivals.append([line("new-1", 1), line("new-1", 2)], "2024-04-02T10:00:00Z")
    done = night(shop, SECOND, INTENTML_COLUMNS="names.toml")
    assert done.returncode == 0, done.stderr
    after = pd.read_parquet(shop / "data" / "orders.parquet")
    assert list(after.columns) == list(foreign.columns)
    assert after.loc[after["KUNDE"] == "new-1", "BELEG"].tolist() == ["new-1-1", "new-1-2"]
    assert len(after) == len(foreign) + 2
    scored = pd.read_parquet(shop / "root" / "current" / "customers.parquet").set_index("customer_id")
    assert scored.loc["new-1", "orders"] == 2


def test_two_nights_do_not_run_at_once(shop: Path) -> None:
    Arrivals(shop / "orders.sqlite").close()
    with subprocess.Popen(["flock", str(shop / "root" / ".night.lock"), "sleep", "30"]) as other:
        time.sleep(0.3)
        refused = night(shop, SECOND)
        other.terminate()
    assert (refused.returncode, refused.stderr) == (75, "another night is at work in root\n")


def test_scores_are_swapped_under_load_without_a_failed_or_mixed_answer(shop: Path) -> None:
    """200 requests a second for 20 seconds, six swaps; each answer is wholly of one of the scores."""
    rate, seconds, swaps = 200.0, 20.0, 6
    score(model(), log(), as_of="2024-04-03", horizon_days=HORIZONS, out=shop / "root" / "second")
    table = {FIRST: {}, SECOND: {}}
    for name, as_of in (("first", FIRST), ("second", SECOND)):
        customers = pd.read_parquet(shop / "root" / name / "customers.parquet")
        table[as_of] = dict(zip(customers["customer_id"], customers["churn_probability"], strict=True))
    ids = [one for one in table[FIRST] if table[FIRST][one] != table[SECOND][one]]
    statuses: Counter[int] = Counter()
    seen: Counter[str] = Counter()
    taken: list[float] = []
    mixed: list[str] = []

    def heard(ask: Ask, answer: Answer) -> None:
        statuses[answer.status] += 1
        taken.append(answer.seconds)
        if answer.status != 200:
            return
        body = answer.json()
        seen[body["as_of"]] += 1
        values = {one["customer_id"]: one["churn_probability"] for one in body["customers"]}
        if any(abs(value - table[body["as_of"]][one]) > 1e-9 for one, value in values.items()):
            mixed.append(body["as_of"])

    async def swap() -> None:
        for number in range(swaps):
            await asyncio.sleep(seconds / (swaps + 1))
            (shop / "root" / "next").symlink_to(("second", "first")[number % 2])
            (shop / "root" / "next").rename(shop / "root" / "current")

    asks = [Ask.of("/customers", {"customer_ids": ids[start : start + 20]}) for start in range(len(ids))]
    with served(shop, Path("root"), "model", *WORDS) as service:
        unsent = asyncio.run(
            at_rate(
                Service(service.url),
                rate,
                seconds,
                lambda number: asks[number % len(asks)],
                heard,
                lines=64,
                meanwhile=swap,
            )
        )
    p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1000
    sys.stdout.write(
        f"\nswaps: {swaps} under {len(taken) / seconds:.0f} requests a second for {seconds:.0f} s; "
        f"statuses {dict(statuses)}, not sent {unsent}, mixed {len(mixed)}, answers by as_of {dict(seen)}; "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms\n"
    )
    assert set(statuses) == {200}
    assert not mixed
    assert not unsent
    assert min(seen[FIRST], seen[SECOND]) > 500


def test_every_acknowledged_order_outlives_workers_and_services_that_are_killed(shop: Path) -> None:
    """Eight clients order; a worker is killed every two seconds, and the whole service twice."""
    shutil.rmtree(shop / "data")
    words = ("--orders", "orders.sqlite", "--workers", "2")
    service, process = started(shop, Path("root"), "model", *words)
    port, workers_killed = int(service.url.split(":")[2]), 0
    try:
        with ordering(service, 8, pause_s=0.02, tables=False) as customers:
            for turn in range(6):
                time.sleep(2)
                if turn % 3 == 2:
                    killed(process)
                    service, process = started(shop, Path("root"), "model", *words, port=port)
                else:
                    alive = workers_of(process.pid)
                    os.kill(alive[0], signal.SIGKILL)
                    workers_killed += 1
            time.sleep(2)
        wanted = {one.called: one.acknowledged for one in customers}
        told = known(service, customers)
    finally:
        killed(process)
    kept = Arrivals(shop / "orders.sqlite").held().lines
    unanswered = sum(one.unanswered for one in customers)
    sys.stdout.write(
        f"\nkill -9: {workers_killed} workers and the whole service twice; {sum(wanted.values())} orders "
        f"acknowledged to 8 clients, {sum(told.values())} known, {kept} in the log, "
        f"{unanswered} requests were not answered and sent again\n"
    )
    assert told == wanted or all(wanted[one] <= told[one] <= wanted[one] + 1 for one in wanted)
    assert unanswered > 0


def test_workers_end_with_a_server_that_was_killed(shop: Path) -> None:
    """Else they would go on answering, and the next start would find its port taken."""
    service, process = started(shop, Path("root"), "model")
    workers = workers_of(process.pid)
    process.kill()
    process.wait(timeout=10)
    try:
        assert workers
        assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 30)
    finally:
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    with pytest.raises(OSError, match="refused"):
        service.get("/livez")


def test_a_request_leaves_nothing_behind(shop: Path) -> None:
    """BentoML's own time limit left a timer of each, 5 KB: 3,000 requests were 15 MiB."""
    service, process = started(shop, Path("root"), "model")
    try:
        (worker,) = workers_of(process.pid)
        port = int(service.url.rpartition(":")[2])
        asked_often(port, 1_000)
        before = mebibytes(worker)
        asked_often(port, 3_000)
        assert mebibytes(worker) - before < 5
    finally:
        killed(process)


def asked_often(port: int, times: int) -> None:
    """Ask for a customer again and again on one line."""
    body = json.dumps({"customer_ids": ["C-1"]})
    line = HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(times):
        line.request("POST", "/customers", body, {"content-type": "application/json"})
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200
    line.close()


def mebibytes(pid: int) -> float:
    """Memory that a process shares with no file."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss_Anon:")[1]
    return int(told.split()[0]) / 1024


# As many customers as one request may bring, each with a history of before the scores.
LARGE = {
    "orders": [
        line(f"new-{one}", order) | {"ordered_at": "2024-03-01"}
        for one in range(1_000)
        for order in range(20)
    ]
}


def test_what_waits_longer_than_an_answer_may_take_is_not_worked_on(shop: Path) -> None:
    settings = {"INTENTML_QUEUE_SECONDS": "60", "INTENTML_REQUEST_SECONDS": "1"}
    with served(shop, Path("root"), "model", settings=settings) as service:
        begun = time.monotonic()
        service.post("/predict", LARGE)
        each = time.monotonic() - begun
        with ThreadPoolExecutor(16) as pool:
            statuses = Counter(
                reply.status for reply in pool.map(service.post, ["/predict"] * 16, [LARGE] * 16)
            )
        refused = time.monotonic()
        assert service.post("/predict", {"orders": LARGE["orders"][:1]}).status == 200
        waited = time.monotonic() - refused
    sys.stdout.write(
        f"\none takes {each:.1f} s; of 16 at once {dict(statuses)}; the next waited {waited:.1f} s\n"
    )
    assert set(statuses) == {200, 503}
    assert waited < statuses[503] * each / 2


def test_what_is_inside_at_sigterm_is_answered_and_the_service_ends_well(shop: Path) -> None:
    """Large requests are worked on or wait, of a small one half the body has come; the grace is 30 s."""
    settings = {"INTENTML_QUEUE_SECONDS": "20"}
    service, process = started(shop, Path("root"), "model", "--workers", "2", settings=settings)
    body = json.dumps({"customer_ids": ["new-1"]}).encode()
    told = ("Host: shop", "Content-Type: application/json", f"Content-Length: {len(body)}", "", "")
    head = "\r\n".join(["POST /customers HTTP/1.1", *told]).encode()
    address = "127.0.0.1", int(service.url.rpartition(":")[2])
    try:
        with ThreadPoolExecutor(12) as pool, socket.create_connection(address, timeout=30) as half:
            half.sendall(head + body[:5])
            large = [pool.submit(service.post, "/predict", LARGE) for _ in range(12)]
            wait(large, return_when=FIRST_COMPLETED)
            process.terminate()
            stopped, inside = time.monotonic(), sum(not one.done() for one in large)
            time.sleep(0.5)
            half.sendall(body[5:])
            assert half.recv(65_536).startswith(b"HTTP/1.1 200 ")
            assert {one.result().status for one in large} == {200}
            assert {len(one.result().body["customers"]) for one in large} == {1_000}
            answered = time.monotonic()
        assert process.wait(timeout=30) == 0
        ended = time.monotonic()
    finally:
        killed(process)
    sys.stdout.write(
        f"\nSIGTERM: {inside} large requests and half a small one inside, the last of them answered "
        f"{answered - stopped:.1f} s later, ended with 0 {ended - stopped:.1f} s later\n"
    )
    assert inside > 0
    with pytest.raises(OSError, match="refused"):
        service.get("/livez")


def load(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(shipped_folder("serving") / "load" / "run.py"), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_load_test_prints_its_table_and_asks_this_machine_alone(shop: Path) -> None:
    """How fast, is not asked here: seconds are few, and the machine may be busy."""
    told = load("--scores", str(shop / "root"), "--model", str(shop / "model"), "--data", str(shop / "data"),
                "--seconds", "1", "--overload-seconds", "15")  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr  # 1 where overload brought more than 200, 429, 503
    sys.stdout.write(told.stdout)
    rows = {row.split("  ")[0] for row in told.stdout.splitlines()}
    swaps = "6 swaps of scores and model at 200 a second for 20 s"
    assert {"ready after start", "/customers, one id", "/customers, 32 clients, 2 workers", swaps} <= rows


def test_the_load_test_asks_a_service_that_runs_and_leaves_it_running(shop: Path) -> None:
    with served(shop, Path("root"), "model") as service:
        told = load("--url", service.url, "--seconds", "1", "--overload-seconds", "0")
        assert service.get("/ready").status == 200
    assert told.returncode == 0, told.stdout + told.stderr
    assert "ready after start" not in told.stdout
    refused = load("--url", "http://192.0.2.1:3000")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is no http address of this machine" in refused.stderr


def workers_of(pid: int) -> list[int]:
    """The processes that answer."""
    found = []
    for number in descendants(pid):
        with contextlib.suppress(OSError):
            if b"worker" in Path(f"/proc/{number}/cmdline").read_bytes():
                found.append(number)
    return found
