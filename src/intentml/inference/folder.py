"""The model folder: predictor.json, weights.safetensors, vocabularies; written aside, then renamed.

What comes in: a `PriorPredictor` and what is told of its making. What goes out: the folder, and the
same predictor back, number for number. A folder that is missing, cut short or changed says so.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from intentml.errors import ModelError
from intentml.pairs.neighbours import Neighbours
from intentml.priors.activity import ActivityPrior
from intentml.priors.designs import KindParameters
from intentml.priors.linear import LinearPrior, Weights
from intentml.priors.predictor import PriorPredictor
from intentml.priors.spend import SpendPrior
from intentml.timeline import Instant
from intentml.version import __version__

SCHEMA_VERSION = 1
PREDICTOR, WEIGHTS, VOCABULARIES = "predictor.json", "weights.safetensors", "vocabularies.json"


@dataclass(frozen=True)
class SavedModel:
    """A predictor and the page about it.

    Attributes:
        predictor: The predictor.
        card: What predictor.json says: recipe, versions, trained_until, validation, seed, data.
        fingerprint: Hash of the folder's content.
    """

    predictor: PriorPredictor
    card: Mapping[str, Any]
    fingerprint: str

    @property
    def name(self) -> str:
        """The predictor's name."""
        return self.predictor.name


def save_model(folder: Path, predictor: PriorPredictor, card: Mapping[str, Any]) -> str:
    """Write a model folder; an older model folder of that name is replaced.

    Args:
        folder: Where to.
        predictor: What to save.
        card: recipe, validation, data source and fingerprint, seed.

    Returns:
        The fingerprint.

    Raises:
        ModelError: The folder exists and is no model folder.
    """
    from safetensors.numpy import save_file

    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()) and not (folder / PREDICTOR).exists():
        raise ModelError(
            f"{folder.name} exists and is not a model folder", hint="choose a new or empty folder for --out"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        arrays, vocabularies = _arrays(predictor.kinds)
        save_file(arrays, aside / WEIGHTS)
        (aside / VOCABULARIES).write_text(json.dumps(vocabularies, ensure_ascii=False))
        content = {**card, **_settings(predictor), "created_by": __version__, "schema_version": SCHEMA_VERSION}
        content["files"] = {name: _digest(aside / name) for name in (WEIGHTS, VOCABULARIES)}
        (aside / PREDICTOR).write_text(json.dumps(content, indent=1, ensure_ascii=False, default=str))
        fingerprint = _digest(aside / PREDICTOR)
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return fingerprint


def load_model(folder: Path) -> SavedModel:
    """Read a model folder back.

    Raises:
        ModelError: It is missing, incomplete, changed, or of another version.
    """
    from safetensors.numpy import load_file

    folder = Path(folder)
    if not (folder / PREDICTOR).is_file():
        raise ModelError(
            f"{folder} is not a model folder: it has no {PREDICTOR}", hint="make one with `intentml train`"
        )
    try:
        card = json.loads((folder / PREDICTOR).read_text())
        if card["schema_version"] != SCHEMA_VERSION:
            raise ModelError(
                f"the model in {folder.name} has schema version {card['schema_version']}, this package reads "
                f"{SCHEMA_VERSION}",
                hint="train the model again with this version",
            )
        for name, digest in card["files"].items():
            if not (folder / name).is_file() or _digest(folder / name) != digest:
                raise ModelError(
                    f"{name} in {folder.name} is missing or not what was saved",
                    hint="copy the model folder again, whole, or train again",
                )
        vocabularies = json.loads((folder / VOCABULARIES).read_text())
        predictor = _predictor(card, load_file(folder / WEIGHTS), vocabularies)
    except (ValueError, KeyError, TypeError, OSError, UnicodeDecodeError) as problem:
        raise ModelError(
            f"{PREDICTOR} in {folder.name} is corrupt ({type(problem).__name__})",
            hint="copy the model folder again, whole, or train again",
        ) from problem
    return SavedModel(predictor, card, _digest(folder / PREDICTOR))


def _settings(predictor: PriorPredictor) -> dict[str, Any]:
    """The small numbers, as JSON."""
    return {
        "name": predictor.name,
        "trained_until": predictor.trained_until.iso,
        "timezone": predictor.trained_until.timezone,
        "longest_days": predictor.longest_days,
        "heads": {
            "activity": predictor.activity.to_dict(),
            "no_order": predictor.no_order.to_dict() if predictor.no_order else None,
            "orders": predictor.orders.to_dict() if predictor.orders else None,
            "spend": predictor.spend.to_dict() if predictor.spend else None,
        },
        "targets": {
            kind: {str(days): _linear_to_dict(prior) for days, prior in knots.items()}
            for kind, knots in predictor.targets.items()
        },
        "kinds": list(predictor.kinds),
    }


def _predictor(
    card: Mapping[str, Any], arrays: Mapping[str, Any], vocabularies: Mapping[str, list[str]]
) -> PriorPredictor:
    """The predictor from the parts of its folder."""
    heads = card["heads"]
    return PriorPredictor(
        name=card["name"],
        trained_until=Instant.of(card["trained_until"], card["timezone"]),
        activity=ActivityPrior.from_dict(heads["activity"]),
        no_order=ActivityPrior.from_dict(heads["no_order"]) if heads["no_order"] else None,
        orders=ActivityPrior.from_dict(heads["orders"]) if heads["orders"] else None,
        spend=SpendPrior.from_dict(heads["spend"]) if heads["spend"] else None,
        kinds={kind: _kind(kind, arrays, vocabularies[kind]) for kind in card["kinds"]},
        targets={
            kind: {int(days): _linear_from_dict(prior) for days, prior in knots.items()}
            for kind, knots in card["targets"].items()
        },
        longest_days=card["longest_days"],
    )


def _arrays(kinds: Mapping[str, KindParameters]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Item-item tables and rates as arrays, and the names they are numbered by."""
    arrays: dict[str, Any] = {}
    vocabularies = {}
    for kind, fitted in kinds.items():
        similarity = fitted.neighbours.similarity
        vocabularies[kind] = list(fitted.targets)
        arrays |= {
            f"{kind}.shape": fitted.shape,
            f"{kind}.rate": fitted.rate,
            f"{kind}.similarity.data": similarity.data.astype(np.float32),
            f"{kind}.similarity.indices": similarity.indices.astype(np.int32),
            f"{kind}.similarity.indptr": similarity.indptr.astype(np.int64),
        }
    return {name: np.ascontiguousarray(values) for name, values in arrays.items()}, vocabularies


def _kind(kind: str, arrays: Mapping[str, Any], names: list[str]) -> KindParameters:
    targets = np.array(names, dtype=object)
    parts = [arrays[f"{kind}.similarity.{part}"] for part in ("data", "indices", "indptr")]
    similarity = sparse.csr_array(tuple(parts), shape=(len(targets), len(targets)))
    return KindParameters(
        kind, Neighbours(kind, targets, similarity), targets, arrays[f"{kind}.shape"], arrays[f"{kind}.rate"]
    )


def _linear_to_dict(prior: LinearPrior) -> dict[str, Any]:
    return {
        "name": prior.name,
        **{
            stratum: {"intercept": weights.intercept, "by_column": dict(weights.by_column)}
            for stratum, weights in (("repeat", prior.repeat), ("explore", prior.explore))
        },
    }


def _linear_from_dict(values: Mapping[str, Any]) -> LinearPrior:
    repeat, explore = (
        Weights(values[stratum]["intercept"], values[stratum]["by_column"]) for stratum in ("repeat", "explore")
    )
    return LinearPrior(values["name"], repeat, explore)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
