"""The scores folder: it appears whole or not at all, and is read back lazily.

What comes in: `Scores`. What goes out: manifest.json, Parquet tables, vectors and the text index. Every
file carries the id of its scoring run, so that files of two runs cannot be mixed unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from intentml.errors import ScoresError
from intentml.inference.whole_folder import foreign_entry, whole_folder
from intentml.prediction import TargetScores
from intentml.scores.facts import write_text_index
from intentml.scores.interests import SCHEMA, interest_batches
from intentml.scores.keyword import FILE_NAME, Index
from intentml.scores.manifest import SCHEMA_VERSION, Manifest
from intentml.scores.scores import Scores
from intentml.scores.vectors import broken, check_run, read_bought, read_targets, write_bought, write_targets

MANIFEST, CUSTOMERS, INTERESTS = "manifest.json", "customers.parquet", "interests.parquet"
PRODUCTS, CONTEXT, VECTORS, BOUGHT = "products.parquet", "context.parquet", "vectors", "bought.safetensors"
# What only this package reads, laid out as it is in memory: opened at once, and shared by all who open it.
MAPPED_CUSTOMERS, HISTORIES = "customers.arrow", "histories.arrow"
FILES = (
    *(MANIFEST, CUSTOMERS, INTERESTS, PRODUCTS, CONTEXT, VECTORS, BOUGHT, FILE_NAME),
    *(MAPPED_CUSTOMERS, HISTORIES),
)
_ROWS_PER_BATCH = 1_000_000
MANY_ROWS = 50_000_000
# Of an SQLite file: page size at byte 16, number of pages at 28, the user's own number at 60.
_SQLITE_HEADER = 100

Progress = Callable[[str, int, int], None]


def interest_rows(scores: Scores) -> int:
    """How many rows interests.parquet will have."""
    keep = scores.manifest.interests
    sizes = (len(part) if keep is None else min(keep, len(part)) for part in scores.targets.values())
    return sum(len(scores) * size for size in sizes)


def write_scores(scores: Scores, folder: Path, progress: Progress = lambda step, done, total: None) -> None:
    """Write a scores folder; older scores of the same shop there are replaced, once these are whole.

    Raises:
        ScoresError: The folder holds something else, or scores of another shop.
    """
    folder = Path(folder)
    check_place(folder)
    _check_same_shop(scores, folder)
    with whole_folder(folder) as aside:
        _write(scores, aside, progress)


def load_scores(folder: str | Path) -> Scores:
    """Read a scores folder; vectors are read when first asked for.

    Raises:
        ScoresError: It is missing, incomplete, mixed, or of another version.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    run = scores_id(manifest)
    tables = {name: _read_table(folder / name, run) for name in (PRODUCTS, CONTEXT)}
    customers, histories = (_map_table(folder / name, run) for name in (MAPPED_CUSTOMERS, HISTORIES))
    if customers.num_rows != manifest.counts["customers"]:
        count = manifest.counts["customers"]
        raise broken(folder, f"{MAPPED_CUSTOMERS} has not the {count:,} rows of the manifest")
    for name in (CUSTOMERS, INTERESTS):
        _check_parquet(folder / name, run)
    return Scores(
        manifest=manifest,
        table=customers,
        products=tables[PRODUCTS],
        context=tables[CONTEXT],
        targets=_LazyTargets(folder.absolute(), manifest, tables[CONTEXT]),
        bought=read_bought(folder / BOUGHT, run),
        histories=histories,
        index=_open_index(folder / FILE_NAME, run),
    )


def scores_id(manifest: Manifest) -> str:
    """The id of a scoring run."""
    return hashlib.blake2b(manifest.model_dump_json().encode(), digest_size=8).hexdigest()


def check_place(folder: Path) -> None:
    """Refuse a place that holds anything but scores; asked before the scoring, not after it.

    Raises:
        ScoresError: The folder exists and holds something that no scores folder holds.
    """
    foreign = foreign_entry(Path(folder), FILES)
    if foreign is not None:
        raise ScoresError(
            f"{folder} exists and is not a scores folder: it holds {foreign}",
            hint="choose a new or empty folder for --out",
        )


def _check_same_shop(scores: Scores, folder: Path) -> None:
    """Refuse to replace scores of a shop that shares no customer with these."""
    try:
        ids = pq.read_table(folder / CUSTOMERS, columns=["customer_id"])["customer_id"]
    except (OSError, pa.ArrowInvalid):
        return  # nothing there, or broken: that may be replaced
    mine = scores.table["customer_id"]
    if len(ids) and len(mine) and not pc.any(pc.is_in(mine, value_set=ids.combine_chunks())).as_py():
        raise ScoresError(
            f"{folder} holds scores of another shop: it shares no customer with these",
            hint="choose another folder for --out, or delete that one first",
        )


class _LazyTargets(Mapping[tuple[str, int], TargetScores]):
    """The vectors of a folder: all there and of one run, each file's numbers read at its first use."""

    def __init__(self, folder: Path, manifest: Manifest, context: pa.Table) -> None:
        self._folder, self._run, self._context = folder, scores_id(manifest), context
        self._read: dict[tuple[str, int], TargetScores] = {}
        kinds = [name.removeprefix("targets_") for name in manifest.counts if name.startswith("targets_")]
        self._keys = [(kind, days) for days in manifest.horizons for kind in kinds]
        for key in self._keys:
            check_run(vectors_path(folder, *key), folder, self._run)

    def __getitem__(self, key: tuple[str, int]) -> TargetScores:
        if key not in self._keys:
            raise KeyError(key)
        if key not in self._read:
            names = self._context.filter(pc.equal(self._context["kind"], key[0]))["target"]
            path = vectors_path(self._folder, *key)
            self._read[key] = read_targets(path, self._run, key[0], names.to_numpy().astype(object))
        return self._read[key]

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def vectors_path(folder: Path, kind: str, days: int) -> Path:
    """Where the vectors of a kind and horizon lie."""
    return folder / VECTORS / f"{kind}-{days}.safetensors"


def _write(scores: Scores, folder: Path, progress: Progress) -> None:
    run = scores_id(scores.manifest)
    for name, table in ((CUSTOMERS, scores.table), (PRODUCTS, scores.products), (CONTEXT, scores.context)):
        pq.write_table(table.replace_schema_metadata({"run": run}), folder / name, compression="zstd")
    for name, table in ((MAPPED_CUSTOMERS, scores.table), (HISTORIES, scores.histories)):
        marked = table.replace_schema_metadata({"run": run})
        with pa.ipc.new_file(folder / name, marked.schema) as file:
            file.write_table(marked, _ROWS_PER_BATCH)
    (folder / VECTORS).mkdir()
    total = len(scores.customer_ids)
    for (kind, days), targets in scores.targets.items():
        write_targets(vectors_path(folder, kind, days), targets, run)
    parts = [(targets, days) for (_, days), targets in scores.targets.items()]
    rows_a_customer = interest_rows(scores) / max(total, 1)
    done = 0.0
    with pq.ParquetWriter(
        folder / INTERESTS, SCHEMA.with_metadata({"run": run}), compression="zstd"
    ) as writer:
        for batch in interest_batches(parts, scores.customer_ids, scores.manifest.interests):
            writer.write_batch(batch)
            done += batch.num_rows / rows_a_customer
            progress("interests", round(done), total)
    write_bought(folder / BOUGHT, scores.bought, run)
    write_text_index(folder / FILE_NAME, scores.catalogue, scores.manifest.model.text)
    with closing(sqlite3.connect(folder / FILE_NAME)) as index:
        index.execute(f"PRAGMA user_version = {_index_mark(run)}")
        index.commit()
    (folder / MANIFEST).write_text(scores.manifest.model_dump_json(indent=1), encoding="utf-8")


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise ScoresError(
            f"{folder} is not a scores folder: it has no {MANIFEST}", hint="make one with `intentml score`"
        )
    try:
        content = json.loads(path.read_bytes())
        version = content.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ScoresError(
                f"the scores in {folder} have schema version {version}, this package reads {SCHEMA_VERSION}",
                hint="score again with this version",
            )
        return Manifest.model_validate(content)
    except (ValueError, AttributeError, OSError) as problem:  # pydantic's ValidationError is a ValueError
        raise broken(folder, f"{MANIFEST} cannot be read") from problem


def _read_table(path: Path, run: str) -> pa.Table:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as problem:
        raise broken(path.parent, f"{path.name} is missing or damaged") from problem
    _check_stamp(path, table.schema, run)
    return table


def _map_table(path: Path, run: str) -> pa.Table:
    """The table where it lies in its file; what nobody asks for is never read."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (OSError, pa.ArrowInvalid) as problem:
        raise broken(path.parent, f"{path.name} is missing or damaged") from problem
    _check_stamp(path, table.schema, run)
    return table


def _check_parquet(path: Path, run: str) -> None:
    """What is there for others, and answers no question here, must be whole and of the same run too."""
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as problem:
        raise broken(path.parent, f"{path.name} is missing or damaged") from problem
    _check_stamp(path, schema, run)


def _check_stamp(path: Path, schema: pa.Schema, run: str) -> None:
    if (schema.metadata or {}).get(b"run", b"").decode() != run:
        raise broken(path.parent, f"{path.name} is of another scoring run")


def _open_index(path: Path, run: str) -> Index:
    """The text index, which must be as long as its header says, and of the same run."""
    try:
        with path.open("rb") as file:
            header = file.read(_SQLITE_HEADER)
        page, pages = int.from_bytes(header[16:18]), int.from_bytes(header[28:32])
        whole = len(header) == _SQLITE_HEADER and path.stat().st_size == page * pages
    except OSError:
        whole = False
    if not whole:
        raise broken(path.parent, f"{path.name} is missing or damaged")
    if int.from_bytes(header[60:64]) != _index_mark(run):
        raise broken(path.parent, f"{path.name} is of another scoring run")
    return Index(path)


def _index_mark(run: str) -> int:
    """The run's id, as far as SQLite's user version holds it (31 bits)."""
    return int(run[:8], 16) & 0x7FFFFFFF
