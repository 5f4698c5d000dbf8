"""Order lines that came in since the scores were made: a log on disk that outlives every crash.

What comes in: order lines as a client sent them. What goes out: a number for each telling, in the order they
came, and all that came after a number. It is an SQLite file in WAL mode: a line is on the disk before its
number is told, and every process that has the file open sees it at its next look.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intentml.errors import ArrivalsError, ConflictError

VERSION = 1
Line = Mapping[str, Any]
# How long a writer waits for another one, in seconds.
_PATIENCE = 10.0
_TABLES = """
CREATE TABLE batches (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    lines TEXT NOT NULL,
    received_at TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    digest TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Batch:
    """Lines that came together.

    Attributes:
        sequence: Its number; later ones are higher.
        lines: The lines, in the columns of the table orders.
    """

    sequence: int
    lines: Sequence[Line]


@dataclass(frozen=True)
class Receipt:
    """What became of a telling.

    Attributes:
        sequence: The number of its batch.
        repeated: Whether it had been told before, under the same key.
    """

    sequence: int
    repeated: bool


@dataclass(frozen=True)
class Held:
    """What a log holds.

    Attributes:
        newest: The number of its newest batch; 0 before the first.
        batches: Batches that have lines.
        lines: Their lines.
        customers: Whose.
        since: When the first of them came, ISO 8601; None where there are none.
        until: When the newest batch came.
    """

    newest: int
    batches: int
    lines: int
    customers: int
    since: str | None
    until: str | None


class Arrivals:
    """The log, opened; made where it is not there.

    Args:
        path: The file.
        must_exist: Whether it is an error where it is not there.

    Raises:
        ArrivalsError: It is no such log, of another version, or cannot be written.
    """

    def __init__(self, path: str | Path, *, must_exist: bool = False) -> None:
        self.path = Path(path)
        if must_exist and not self.path.is_file():
            raise ArrivalsError(
                f"there is no log of orders at {self.path}",
                hint="it is the file that `intentml serve --orders FILE` was told",
            )
        self._one_at_a_time, self._reading = threading.Lock(), threading.Lock()
        with self._told():
            self._db = sqlite3.connect(
                self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # on the disk when it is committed
            with self._writing():
                (version,) = self._db.execute("PRAGMA user_version").fetchone()
                (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if not version and not tables:
                    self._db.execute(_TABLES)
                    self._db.execute(f"PRAGMA user_version = {VERSION}")
                elif version != VERSION:
                    raise ArrivalsError(
                        f"{self.path.name} is no log of orders of version {VERSION}",
                        hint="name a file that is not there yet",
                    )
            # Who asks what is new never waits for who writes, nor for the disk.
            self._reader = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)

    def append(self, lines: Sequence[Line], received_at: str, idempotency_key: str | None = None) -> Receipt:
        """Keep lines; when this returns they are on the disk.

        Args:
            lines: Order lines that keep their contract.
            received_at: The instant, ISO 8601.
            idempotency_key: The sender's own name of this telling: told again under it, the lines are not
                kept a second time.

        Raises:
            ConflictError: Other lines were told under this key.
            ArrivalsError: They cannot be written.
        """
        text = json.dumps(list(lines), ensure_ascii=False, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._one_at_a_time, self._told(), self._writing():
            if idempotency_key is not None:
                query = "SELECT sequence, digest FROM batches WHERE idempotency_key = ?"
                before = self._db.execute(query, (idempotency_key,)).fetchone()
                if before is not None:
                    if before[1] != digest:
                        raise ConflictError(
                            "other order lines were sent under this Idempotency-Key",
                            hint="send new lines under a key of their own",
                        )
                    return Receipt(before[0], repeated=True)
            row = self._db.execute(
                "INSERT INTO batches (lines, received_at, idempotency_key, digest) VALUES (?, ?, ?, ?)",
                (text, received_at, idempotency_key, digest),
            )
            return Receipt(int(row.lastrowid or 0), repeated=False)

    def newest(self) -> int:
        """The number of the newest batch; 0 before the first."""
        with self._reading, self._told():
            (newest,) = self._reader.execute("SELECT max(sequence) FROM batches").fetchone()
        return newest or 0

    def since(self, sequence: int) -> list[Batch]:
        """The batches after a number, in the order they came."""
        query = "SELECT sequence, lines FROM batches WHERE sequence > ? ORDER BY sequence"
        with self._reading, self._told():
            rows = self._reader.execute(query, (sequence,)).fetchall()
        return [Batch(number, json.loads(lines)) for number, lines in rows]

    def held(self) -> Held:
        """What it holds, in numbers."""
        batches = [batch for batch in self.since(0) if batch.lines]
        query = "SELECT max(sequence), max(received_at), min(CASE WHEN lines != '[]' THEN received_at END)"
        with self._one_at_a_time, self._told():
            newest, until, since = self._db.execute(f"{query} FROM batches").fetchone()
        return Held(
            newest=newest or 0,
            batches=len(batches),
            lines=sum(len(batch.lines) for batch in batches),
            customers=len({str(line["customer_id"]) for batch in batches for line in batch.lines}),
            since=since,
            until=until,
        )

    def empty(self, sequences: Sequence[int]) -> None:
        """Take the lines of some batches out, bytes and all; told again under its key, one is still known."""
        query = "UPDATE batches SET lines = '[]' WHERE sequence = ?"
        with self._one_at_a_time, self._told():
            self._db.execute("PRAGMA secure_delete = ON")
            with self._writing():
                self._db.executemany(query, [(sequence,) for sequence in sequences])
            # Else the log's second file keeps them until the next one who writes finds nobody reading.
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
        self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All that is done inside is kept, or none of it."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What SQLite says of the file, as an error of ours."""
        try:
            yield
        except sqlite3.Error as problem:
            raise ArrivalsError(
                f"the log of orders {self.path.name} cannot be used: {type(problem).__name__}",
                hint="it is an SQLite file that this service may write, on a local disk with space left",
            ) from problem
