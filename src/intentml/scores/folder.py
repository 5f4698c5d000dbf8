"""The scores folder: written aside and renamed whole, read back lazily.

What comes in: `Scores`. What goes out: manifest.json, Parquet tables, vectors and the text index. Every
file carries the id of its scoring run, so that files of two runs cannot be mixed unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError
from scipy import sparse

from intentml.errors import ScoresError
from intentml.prediction import Newcomer, ParentTerm, TargetScores
from intentml.scores.interests import SCHEMA, interest_batches
from intentml.scores.keyword import FILE_NAME
from intentml.scores.manifest import SCHEMA_VERSION, Manifest
from intentml.scores.scores import Bought, Scores, build_text_index
from intentml.timeline.catalogue import Strings

MANIFEST, CUSTOMERS, INTERESTS = "manifest.json", "customers.parquet", "interests.parquet"
PRODUCTS, CONTEXT, VECTORS, BOUGHT = "products.parquet", "context.parquet", "vectors", "bought.safetensors"
MANY_ROWS = 50_000_000

Progress = Callable[[str, int, int], None]


def interest_rows(scores: Scores) -> int:
    """How many rows interests.parquet will have."""
    keep = scores.manifest.interests
    return sum(len(scores) * (len(part) if keep is None else min(keep, len(part))) for part in scores.targets.values())


def write_scores(
    scores: Scores, folder: Path, progress: Progress = lambda step, done, total: None
) -> None:
    """Write a scores folder; older scores of the same shop there are replaced.

    Raises:
        ScoresError: The folder holds something else, or scores of another shop.
    """
    folder = Path(folder)
    _check_target(scores, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write(scores, aside, progress)
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def load_scores(folder: str | Path) -> Scores:
    """Read a scores folder; vectors are read when first asked for.

    Raises:
        ScoresError: It is missing, incomplete, mixed, or of another version.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    run = scores_id(manifest)
    tables = {name: _read_table(folder / name, run) for name in (CUSTOMERS, PRODUCTS, CONTEXT)}
    for name in (INTERESTS, BOUGHT, FILE_NAME):
        if not (folder / name).is_file():
            raise _broken(folder, f"{name} is missing")
    if tables[CUSTOMERS].num_rows != manifest.counts["customers"]:
        raise _broken(folder, f"{CUSTOMERS} has not the {manifest.counts['customers']:,} rows of the manifest")
    return Scores(
        manifest=manifest,
        table=tables[CUSTOMERS],
        products=tables[PRODUCTS],
        context=tables[CONTEXT],
        targets=_LazyTargets(folder, run, tables[CONTEXT]),
        bought=_read_bought(folder / BOUGHT, run),
        index_path=folder / FILE_NAME,
    )


def scores_id(manifest: Manifest) -> str:
    """The id of a scoring run."""
    return hashlib.blake2b(manifest.model_dump_json().encode(), digest_size=8).hexdigest()


class _LazyTargets(Mapping[tuple[str, int], TargetScores]):
    """The vectors of a folder, each file read at its first use."""

    def __init__(self, folder: Path, run: str, context: pa.Table) -> None:
        self._folder, self._run, self._context = folder, run, context
        self._read: dict[tuple[str, int], TargetScores] = {}
        self._keys: list[tuple[str, int]] = []
        for path in sorted((folder / VECTORS).glob("*.safetensors")):
            kind, days = path.stem.rsplit("-", 1)
            self._keys.append((kind, int(days)))

    def __getitem__(self, key: tuple[str, int]) -> TargetScores:
        if key not in self._keys:
            raise KeyError(key)
        if key not in self._read:
            path = self._folder / VECTORS / f"{key[0]}-{key[1]}.safetensors"
            names = self._context.filter(pa.compute.equal(self._context["kind"], key[0]))["target"]
            self._read[key] = _read_targets(path, self._run, key[0], names.to_numpy().astype(object))
        return self._read[key]

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _write(scores: Scores, folder: Path, progress: Progress) -> None:
    run = scores_id(scores.manifest)
    for name, table in ((CUSTOMERS, scores.table), (PRODUCTS, scores.products), (CONTEXT, scores.context)):
        pq.write_table(_stamped(table, run), folder / name, compression="zstd")
    (folder / VECTORS).mkdir()
    total = len(scores.targets)
    with pq.ParquetWriter(folder / INTERESTS, SCHEMA.with_metadata({"run": run}), compression="zstd") as writer:
        for number, ((kind, days), targets) in enumerate(scores.targets.items()):
            progress(f"interests, {kind}, {days} days", number + 1, total)
            _write_targets(folder / VECTORS / f"{kind}-{days}.safetensors", targets, run)
            for batch in interest_batches(targets, scores.customer_ids, days, scores.manifest.interests):
                writer.write_batch(batch)
    bought = scores.bought
    _save(
        folder / BOUGHT,
        {"indptr": bought.indptr, "target": bought.target, "last_days": bought.last_days, "count": bought.count},
        {"run": run},
    )
    build_text_index(folder / FILE_NAME, scores.catalogue)
    (folder / MANIFEST).write_text(scores.manifest.model_dump_json(indent=1))


def _check_target(scores: Scores, folder: Path) -> None:
    """Refuse to replace anything but scores of the same shop."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / MANIFEST).is_file():
        raise ScoresError(
            f"{folder.name} exists and is not a scores folder", hint="choose a new or empty folder for --out"
        )
    try:
        ids = pq.read_table(folder / CUSTOMERS, columns=["customer_id"])["customer_id"]
    except (OSError, pa.ArrowInvalid):
        return  # broken scores may be replaced
    mine = scores.table["customer_id"]
    if len(ids) and len(mine) and not pa.compute.any(pa.compute.is_in(mine, value_set=ids.combine_chunks())).as_py():
        raise ScoresError(
            f"{folder.name} holds scores of another shop: it shares no customer with these",
            hint="choose another folder for --out, or delete that one first",
        )


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise ScoresError(f"{folder} is not a scores folder: it has no {MANIFEST}", hint="make one with `intentml score`")
    try:
        content = json.loads(path.read_text())
        version = content.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ScoresError(
                f"the scores in {folder.name} have schema version {version}, this package reads {SCHEMA_VERSION}",
                hint="score again with this version",
            )
        return Manifest.model_validate(content)
    except (ValueError, ValidationError, AttributeError) as problem:
        raise _broken(folder, f"{MANIFEST} cannot be read") from problem


def _read_table(path: Path, run: str) -> pa.Table:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as problem:
        raise _broken(path.parent, f"{path.name} is missing or corrupt") from problem
    if (table.schema.metadata or {}).get(b"run", b"").decode() != run:
        raise _broken(path.parent, f"{path.name} is of another scoring run")
    return table


def _write_targets(path: Path, scores: TargetScores, run: str) -> None:
    arrays: dict[str, Any] = {"customers": scores.customer_vectors, "targets": scores.target_vectors}
    arrays |= _csr_arrays("pairs", scores.pairs)
    for number, parent in enumerate(scores.parents):
        arrays |= _csr_arrays(f"parent{number}", parent.values)
        arrays[f"parent{number}.of"] = parent.parent_of
    about: dict[str, Any] = {
        "parents": [[parent.kind, int(parent.values.shape[1])] for parent in scores.parents],
        "newcomer": None,
    }
    if scores.newcomer is not None:
        about["newcomer"] = [scores.newcomer.intercept, scores.newcomer.popularity]
    _save(path, arrays, {"run": run, "about": json.dumps(about)})


def _read_targets(path: Path, run: str, kind: str, names: Strings) -> TargetScores:
    arrays, metadata = _load(path, run)
    about = json.loads(metadata["about"])
    users = len(arrays["customers"])
    parents = tuple(
        ParentTerm(parent_kind, _csr(arrays, f"parent{number}", (users, width)), arrays[f"parent{number}.of"])
        for number, (parent_kind, width) in enumerate(about["parents"])
    )
    newcomer = None
    if about["newcomer"] is not None:
        intercept, popularity = about["newcomer"]
        newcomer = Newcomer(intercept, {int(days): weight for days, weight in popularity.items()})
    return TargetScores(
        kind=kind,
        targets=names,
        customer_vectors=arrays["customers"],
        target_vectors=arrays["targets"],
        pairs=_csr(arrays, "pairs", (users, len(names))),
        parents=parents,
        newcomer=newcomer,
    )


def _read_bought(path: Path, run: str) -> Bought:
    arrays, _ = _load(path, run)
    return Bought(arrays["indptr"], arrays["target"], arrays["last_days"], arrays["count"])


def _csr_arrays(name: str, matrix: sparse.csr_array) -> dict[str, Any]:
    return {
        f"{name}.data": matrix.data.astype(np.float32),
        f"{name}.indices": matrix.indices.astype(np.int32),
        f"{name}.indptr": matrix.indptr.astype(np.int64),
    }


def _csr(arrays: Mapping[str, Any], name: str, shape: tuple[int, int]) -> sparse.csr_array:
    parts = tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))
    return sparse.csr_array(parts, shape=shape)


def _save(path: Path, arrays: Mapping[str, Any], metadata: dict[str, str]) -> None:
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, path, metadata)


def _load(path: Path, run: str) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    folder = path.parent if path.parent.name != VECTORS else path.parent.parent
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as problem:
        raise _broken(folder, f"{path.name} is missing or corrupt") from problem
    if metadata.get("run") != run:
        raise _broken(folder, f"{path.name} is of another scoring run")
    return arrays, metadata


def _stamped(table: pa.Table, run: str) -> pa.Table:
    return table.replace_schema_metadata({"run": run})


def _broken(folder: Path, why: str) -> ScoresError:
    return ScoresError(f"the scores in {folder.name} cannot be used: {why}", hint="score again, or copy the folder again, whole")
