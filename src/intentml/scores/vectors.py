"""Target scores and past purchases as safetensors files of one scoring run, mapped into memory to be read.

What comes in: `TargetScores`, `Bought` and the id of the run. What goes out: one file each, and the
same numbers back, byte for byte, without reading what is not asked for; processes that map the same file
share it. A file that is cut short or of another run says so.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from intentml.errors import ScoresError
from intentml.prediction import LikenessTerm, Newcomer, ParentTerm, TargetScores
from intentml.scores.facts import Bought
from intentml.timeline.catalogue import Strings

# As the safetensors format names the types that are written here.
_TYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}
_BY_COLUMN = ".by_column"


def broken(folder: Path, why: str) -> ScoresError:
    """What is wrong with a scores folder."""
    return ScoresError(
        f"the scores in {folder} cannot be used: {why}", hint="score again, or copy the folder again, whole"
    )


def write_targets(path: Path, scores: TargetScores, run: str) -> None:
    """Write the scores of one kind and horizon; sparse parts by row and by column, as both are asked for."""
    arrays: dict[str, Any] = {"customers": scores.customer_vectors, "targets": scores.target_vectors}
    for name, matrix in scores.sparse_parts().items():
        arrays |= _sparse_arrays(name, matrix)
        arrays |= _sparse_arrays(name + _BY_COLUMN, scores.by_column(name))
    arrays |= {f"parent{number}.of": parent.parent_of for number, parent in enumerate(scores.parents)}
    about: dict[str, Any] = {
        "parents": [[parent.kind, int(parent.values.shape[1])] for parent in scores.parents],
        "alike": None,
        "newcomer": None if scores.newcomer is None else asdict(scores.newcomer),
    }
    if scores.alike is not None:
        about["alike"] = [scores.alike.weight, int(scores.alike.taste.shape[1]), scores.alike.text]
    _save(path, arrays, run, about)


def read_targets(path: Path, run: str, kind: str, names: Strings) -> TargetScores:
    """Read them back.

    Raises:
        ScoresError: The file is missing, damaged, or of another run.
    """
    arrays, about = _load(path, path.parents[1], run)
    users = len(arrays["customers"])
    parents = tuple(
        ParentTerm(parent_kind, _csr(arrays, f"parent{number}", (users, width)), arrays[f"parent{number}.of"])
        for number, (parent_kind, width) in enumerate(about["parents"])
    )
    newcomer = None
    if about["newcomer"] is not None:
        told = about["newcomer"]
        popularity = {int(days): weight for days, weight in told["popularity"].items()}
        start, of_parents = tuple(told["start"]), tuple(told["parents"])
        newcomer = Newcomer(told["intercept"], popularity, start, of_parents)
    alike = None
    if about["alike"] is not None:
        weight, width, text = about["alike"]
        taste = _csr(arrays, "taste", (users, width))
        alike = LikenessTerm(weight, taste, _csr(arrays, "likeness", (width, len(names))), text)
    scores = TargetScores(
        kind=kind,
        targets=names,
        customer_vectors=arrays["customers"],
        target_vectors=arrays["targets"],
        pairs=_csr(arrays, "pairs", (users, len(names))),
        parents=parents,
        alike=alike,
        newcomer=newcomer,
    )
    by_column = {
        name: sparse.csc_array(_parts(arrays, name + _BY_COLUMN), shape=matrix.shape)
        for name, matrix in scores.sparse_parts().items()
    }
    return replace(scores, _columns=by_column)


def write_bought(path: Path, bought: Bought, run: str) -> None:
    """Write who bought what."""
    _save(path, vars(bought), run, {})


def read_bought(path: Path, run: str) -> Bought:
    """Read it back.

    Raises:
        ScoresError: The file is missing, damaged, or of another run.
    """
    arrays, _ = _load(path, path.parent, run)
    return Bought(**arrays)


def check_run(path: Path, folder: Path, run: str) -> None:
    """Raise unless the file is whole and of this run; reads its first bytes alone."""
    with _opened(path, folder, run):
        pass


def _sparse_arrays(name: str, matrix: sparse.csr_array | sparse.csc_array) -> dict[str, Any]:
    # Of one type, or scipy copies the smaller into the larger as it is read.
    kind = np.int32 if matrix.nnz <= np.iinfo(np.int32).max else np.int64
    return {
        f"{name}.data": matrix.data.astype(np.float32),
        f"{name}.indices": matrix.indices.astype(kind),
        f"{name}.indptr": matrix.indptr.astype(kind),
    }


def _csr(arrays: Mapping[str, Any], name: str, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array(_parts(arrays, name), shape=shape)


def _parts(arrays: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    return tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr"))


def _save(path: Path, arrays: Mapping[str, Any], run: str, about: Mapping[str, Any]) -> None:
    from safetensors.numpy import save_file

    # One key: the order of several is not kept, and the same scores shall give the same bytes.
    metadata = {"intentml": json.dumps({"run": run, **about})}
    save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, path, metadata)
    path.chmod(0o644)  # the library keeps it to its writer, and who answers may be another user


def _load(path: Path, folder: Path, run: str) -> tuple[dict[str, Any], dict[str, Any]]:
    with _opened(path, folder, run) as file:
        about: dict[str, Any] = json.loads(file.metadata()["intentml"])
    return _mapped(path), about


def _mapped(path: Path) -> dict[str, Any]:
    """The arrays of a file, where they lie in it: the library itself would copy each.

    Source: the safetensors format (length of the header, header as JSON, then the arrays).
    """
    with path.open("rb") as file:
        start = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(start))
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays: dict[str, Any] = {}
    for name, told in header.items():
        if name != "__metadata__":
            first, end = told["data_offsets"]
            kind = np.dtype(_TYPES[told["dtype"]])
            flat = np.frombuffer(whole, kind, (end - first) // kind.itemsize, 8 + start + first)
            arrays[name] = flat.reshape(told["shape"])
    return arrays


def _opened(path: Path, folder: Path, run: str) -> Any:
    """The file, its header read and its length checked."""
    from safetensors import SafetensorError, safe_open

    try:
        file: Any = safe_open(path, framework="numpy")
        about = json.loads((file.metadata() or {}).get("intentml", "{}"))
    except (OSError, SafetensorError, ValueError) as problem:
        raise broken(folder, f"{path.relative_to(folder)} is missing or damaged") from problem
    if about.get("run") != run:
        raise broken(folder, f"{path.relative_to(folder)} is of another scoring run")
    return file
