"""The log of order lines that came in: on the disk before it is told, seen by everybody, told once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from intentml.errors import ArrivalsError, ConflictError
from intentml.service.arrivals import Arrivals, Batch, Receipt

NOW = "2024-03-31T10:00:00+00:00"
MILK, BREAD = [{"customer_id": "a", "order_id": "1"}], [{"customer_id": "b", "order_id": "2"}]


@pytest.fixture
def log(tmp_path):
    log = Arrivals(tmp_path / "orders.sqlite")
    yield log
    log.close()


def test_lines_are_numbered_in_the_order_they_came(log):
    assert log.newest() == 0
    assert [log.append(lines, NOW).sequence for lines in (MILK, BREAD)] == [1, 2]
    assert log.newest() == 2
    assert log.since(0) == [Batch(1, MILK), Batch(2, BREAD)]
    assert log.since(1) == [Batch(2, BREAD)]


def test_another_one_who_has_the_file_open_sees_them_at_the_next_look(log):
    other = Arrivals(log.path)
    assert other.newest() == 0
    log.append(MILK, NOW)
    assert other.newest() == 1
    assert other.append(BREAD, NOW) == Receipt(2, repeated=False)
    assert log.since(1) == [Batch(2, BREAD)]
    other.close()


def test_who_looks_does_not_wait_for_who_writes(log):
    log.append(MILK, NOW)
    writer = sqlite3.connect(log.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    waiting = threading.Thread(target=log.append, args=(BREAD, NOW))
    waiting.start()
    started = time.monotonic()
    assert (log.newest(), len(log.since(0))) == (1, 1)
    assert time.monotonic() - started < 1
    writer.execute("ROLLBACK")
    writer.close()
    waiting.join(timeout=30)
    assert log.newest() == 2


def test_lines_sent_again_under_their_key_are_kept_once(log):
    assert log.append(MILK, NOW, "k-1") == Receipt(1, repeated=False)
    assert log.append(MILK, NOW, "k-1") == Receipt(1, repeated=True)
    assert log.append(MILK, NOW, "k-2") == Receipt(2, repeated=False)
    assert log.newest() == 2


def test_other_lines_under_the_same_key_are_refused(log):
    log.append(MILK, NOW, "k-1")
    with pytest.raises(ConflictError, match="under this Idempotency-Key"):
        log.append(BREAD, NOW, "k-1")
    assert log.since(0) == [Batch(1, MILK)]


def test_what_was_told_to_be_kept_outlives_a_process_that_is_killed(tmp_path):
    path = tmp_path / "orders.sqlite"
    program = f"""
import os, signal
from intentml.service.arrivals import Arrivals
log = Arrivals({str(path)!r})
for number in range(50):
    print(log.append([{{"customer_id": "a", "order_id": str(number)}}], {NOW!r}).sequence, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert killed.returncode == -9
    told = [int(one) for one in killed.stdout.split()]
    kept = Arrivals(path).since(0)
    assert [batch.sequence for batch in kept] == told == list(range(1, 51))
    assert [batch.lines[0]["order_id"] for batch in kept] == [str(number) for number in range(50)]


def test_text_of_every_kind_comes_back_as_it_was(log):
    strange = [
        {"customer_id": "o'Brien; DROP TABLE batches --", "order_id": "\u00e9\u4e2d \x7f", "quantity": 1e-300}
    ]
    log.append(strange, NOW, "'; DROP TABLE batches --")
    assert log.since(0) == [Batch(1, strange)]


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 40, None])
def test_a_file_that_is_no_such_log_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "other.sqlite"
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE mine (x)")
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(ArrivalsError, match=r"other\.sqlite"):
        Arrivals(path)
    assert path.read_bytes()[:16] == before[:16]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ArrivalsError, match="local disk"):
        Arrivals(tmp_path / "nowhere" / "orders.sqlite")
