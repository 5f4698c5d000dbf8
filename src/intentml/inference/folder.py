"""The model folder: predictor.json, weights.safetensors, vocabularies; it appears whole or not at all.

What comes in: a predictor and what is told of its making. What goes out: the folder, and the
same predictor back, number for number. A folder that is missing, cut short or changed says so.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from intentml.errors import ModelError, TimeError
from intentml.inference.whole_folder import foreign_entry, whole_folder
from intentml.pairs.likeness import Likeness
from intentml.pairs.neighbours import Neighbours
from intentml.prediction import Predictions, TextKind
from intentml.priors.activity import ActivityPrior
from intentml.priors.buyers import BuyersSpread
from intentml.priors.designs import KindParameters
from intentml.priors.explaining import Explanation
from intentml.priors.linear import LinearPrior, Weights
from intentml.priors.predictor import PriorPredictor
from intentml.priors.spend import SpendPrior
from intentml.priors.union import SetUnion
from intentml.sequences.vocabulary import Vocabulary
from intentml.timeline import Instant, Snapshot
from intentml.timeline.catalogue import Strings
from intentml.timeline.instants import zone
from intentml.version import __version__

if TYPE_CHECKING:
    from intentml.inference.intent import IntentPredictor

SCHEMA_VERSION = 5
PREDICTOR, WEIGHTS, VOCABULARIES = "predictor.json", "weights.safetensors", "vocabularies.json"
SEQUENCE = "sequence"  # no kind of target is called so
FILES = (PREDICTOR, WEIGHTS, VOCABULARIES)
_BROKEN_JSON = (ValueError, KeyError, TypeError, AttributeError, OSError)


@dataclass(frozen=True, repr=False)
class SavedModel:
    """A predictor and the page about it; itself a `Predictor`, that can be saved.

    Attributes:
        predictor: The predictor.
        card: What predictor.json says: recipe, versions, trained_until, validation, seed, data.
        fingerprint: Hash of the folder's content, the same whether it was ever written or not.
    """

    predictor: PriorPredictor | IntentPredictor
    card: Mapping[str, Any]
    fingerprint: str

    def __repr__(self) -> str:
        until = self.predictor.trained_until.iso
        return f"SavedModel({self.name} {self.fingerprint[:12]}, trained until {until})"

    @property
    def name(self) -> str:
        """The predictor's name."""
        return self.predictor.name

    def predict(
        self, snapshot: Snapshot, horizon_days: int, *, kinds: Sequence[str] | None = None
    ) -> Predictions:
        """Predictions for every customer of the snapshot; `kinds` limits the kinds of targets.

        Whether the snapshot is of this model's shop and not older than what it has seen, `score` asks.

        Raises:
            TimeError: The horizon is outside 7 to 365 days.
        """
        return self.predictor.predict(snapshot, horizon_days, kinds=kinds)

    def explain(
        self, snapshot: Snapshot, customer: str, kind: str, target: str | None, horizon_days: int
    ) -> Explanation:
        """Why a customer's probability is what it is, in words and parts that sum to its logit.

        Args:
            snapshot: A snapshot with the customer.
            customer: The customer's id.
            kind: product, category, category_node or brand; `no_order` for P(no order).
            target: The target; None for `no_order`.
            horizon_days: The window.

        Raises:
            TimeError: The horizon is outside 7 to 365 days.
            UnknownCustomerError: Nobody of that id is known.
            UnknownTargetError: No such target is known.
            ModelError: The model was not trained for that kind.
        """
        return self.predictor.explain(snapshot, customer, kind, target, horizon_days)

    def save(self, folder: str | Path) -> None:
        """Write the model folder; an older model there is replaced, once this one is whole.

        Raises:
            ModelError: The folder exists and holds something that no model folder holds.
        """
        save_model(Path(folder), self.predictor, self.card)

    @property
    def sets(self) -> SetUnion:
        """How single probabilities are joined where several targets are asked about."""
        return SetUnion.model_validate(self.card.get("sets", {}))

    @property
    def buyers(self) -> BuyersSpread:
        """How far the number of a target's buyers strays from what is expected."""
        return BuyersSpread.model_validate(self.card.get("buyers", {}))

    @property
    def text(self) -> TextKind:
        """What products are compared by where nobody has bought one."""
        return _prior_of(self.predictor).likeness.kind

    @property
    def vocabularies(self) -> dict[str, Strings]:
        """The targets that it was trained on, by kind, sorted."""
        return {kind: fitted.targets for kind, fitted in self.predictor.kinds.items()}


def save_model(folder: Path, predictor: PriorPredictor | IntentPredictor, card: Mapping[str, Any]) -> str:
    """Write a model folder; an older model folder of that name is replaced, once the new one is whole.

    Args:
        folder: Where to.
        predictor: What to save.
        card: recipe, validation, data source and fingerprint, seed.

    Returns:
        The fingerprint.

    Raises:
        ModelError: The folder exists and holds something that no model folder holds.
    """
    check_place(folder)
    content = _content(predictor, card)
    with whole_folder(Path(folder)) as aside:
        for name, data in content.items():
            (aside / name).write_bytes(data)
    return _digest(content[PREDICTOR])


def check_place(folder: Path) -> None:
    """Refuse a place that holds anything but a model; asked before the training, not after it.

    Raises:
        ModelError: The folder exists and holds something that no model folder holds.
    """
    foreign = foreign_entry(Path(folder), FILES)
    if foreign is not None:
        raise ModelError(
            f"{folder} exists and is not a model folder: it holds {foreign}",
            hint="choose a new or empty folder for --out",
        )


def fingerprint(predictor: PriorPredictor | IntentPredictor, card: Mapping[str, Any]) -> str:
    """The fingerprint that the folder would have."""
    return _digest(_content(predictor, card)[PREDICTOR])


def load_model(folder: Path) -> SavedModel:
    """Read a model folder back.

    Raises:
        ModelError: It is missing, incomplete, changed, or of another version.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = Path(folder)
    # RuntimeError is torch's word for weights of another shape.
    corrupt = (*_BROKEN_JSON, IndexError, RuntimeError, SafetensorError, TimeError)
    try:
        text, card, content = _opened(folder)
        predictor = _predictor(card, load(content[WEIGHTS]), json.loads(content[VOCABULARIES]))
        SetUnion.model_validate(card.get("sets", {}))
        BuyersSpread.model_validate(card.get("buyers", {}))
    except corrupt as problem:
        raise _corrupt(folder, problem) from problem
    return SavedModel(predictor, card, _digest(text))


def fingerprint_of(folder: Path) -> str:
    """The fingerprint of the model in a folder, whose files are as they were saved; nothing is made of them.

    Raises:
        ModelError: It is missing, incomplete, changed, or of another version.
    """
    try:
        text, _, _ = _opened(Path(folder))
    except _BROKEN_JSON as problem:
        raise _corrupt(Path(folder), problem) from problem
    return _digest(text)


def _opened(folder: Path) -> tuple[bytes, dict[str, Any], dict[str, bytes]]:
    """predictor.json as text and read, and the other files."""
    if not (folder / PREDICTOR).is_file():
        raise ModelError(
            f"{folder} is not a model folder: it has no {PREDICTOR}", hint="make one with `intentml train`"
        )
    text = (folder / PREDICTOR).read_bytes()
    card = json.loads(text)
    if card["schema_version"] != SCHEMA_VERSION:
        raise ModelError(
            f"the model in {folder} has schema version {card['schema_version']}, this package reads "
            f"{SCHEMA_VERSION}",
            hint="train the model again with this version",
        )
    return text, card, {name: _checked(folder, name, card["files"][name]) for name in (WEIGHTS, VOCABULARIES)}


def _corrupt(folder: Path, problem: Exception) -> ModelError:
    return ModelError(
        f"{PREDICTOR} in {folder} is corrupt ({type(problem).__name__})",
        hint="copy the model folder again, whole, or train again",
    )


def _checked(folder: Path, name: str, digest: str) -> bytes:
    """The content of a file, if it is what was saved."""
    content = (folder / name).read_bytes() if (folder / name).is_file() else None
    if content is None or _digest(content) != digest:
        raise ModelError(
            f"{name} in {folder} is {'missing' if content is None else 'not what was saved'}",
            hint="copy the model folder again, whole, or train again",
        )
    return content


def _content(predictor: PriorPredictor | IntentPredictor, card: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a model folder."""
    from safetensors.numpy import save

    prior = _prior_of(predictor)
    arrays, vocabularies = _arrays(prior.kinds)
    about = {**_strict(card), **_settings(prior), "name": predictor.name}
    # Of the run, not of the model: the same training gives the same folder.
    about.get("network", {}).pop("seconds", None)
    if not isinstance(predictor, PriorPredictor):
        from intentml.inference.network import correction_settings, network_arrays

        arrays |= network_arrays(predictor.correction)
        vocabularies[SEQUENCE] = json.loads(predictor.correction.vocabulary.to_json())
        about["correction"] = correction_settings(predictor.correction)
    files = {WEIGHTS: save(arrays), VOCABULARIES: json.dumps(vocabularies, ensure_ascii=False).encode()}
    about |= {
        "created_by": __version__,
        "schema_version": SCHEMA_VERSION,
    }
    about["files"] = {name: _digest(data) for name, data in files.items()}
    return {**files, PREDICTOR: json.dumps(about, indent=1, ensure_ascii=False, allow_nan=False).encode()}


def _prior_of(predictor: PriorPredictor | IntentPredictor) -> PriorPredictor:
    """The predictor, or the one that its network corrects."""
    return predictor if isinstance(predictor, PriorPredictor) else predictor.prior


def _strict(value: Any) -> Any:
    """A card as strict JSON knows it: numpy's numbers as plain ones, infinite and undefined as null."""
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _settings(predictor: PriorPredictor) -> dict[str, Any]:
    """The small numbers, as JSON."""
    return {
        "name": predictor.name,
        "trained_until": predictor.trained_until.iso,
        "timezone": predictor.trained_until.timezone,
        "longest_days": predictor.longest_days,
        "text": predictor.likeness.kind,
        "heads": {
            "activity": predictor.activity.to_dict(),
            "timings": [timing.to_dict() for timing in predictor.timings.values()],
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
    card: Mapping[str, Any], arrays: Mapping[str, Any], vocabularies: Mapping[str, Any]
) -> PriorPredictor | IntentPredictor:
    """The predictor from the parts of its folder."""
    prior = _prior(card, arrays, vocabularies)
    if "correction" not in card:
        return prior
    from intentml.inference.intent import IntentPredictor
    from intentml.inference.network import read_correction

    vocabulary = Vocabulary.from_json(json.dumps(vocabularies[SEQUENCE]))
    return IntentPredictor(prior, read_correction(card["correction"], arrays, vocabulary))


def _prior(
    card: Mapping[str, Any], arrays: Mapping[str, Any], vocabularies: Mapping[str, Any]
) -> PriorPredictor:
    """The priors from the parts of their folder."""
    heads = card["heads"]
    trained_until = Instant.of(card["trained_until"], card["timezone"])
    zone(trained_until.timezone)  # an instant that carries its offset never asks for its zone
    return PriorPredictor(
        name="priors" if "correction" in card else card["name"],
        trained_until=trained_until,
        activity=ActivityPrior.from_dict(heads["activity"]),
        timings={timing["name"]: ActivityPrior.from_dict(timing) for timing in heads["timings"]},
        no_order=ActivityPrior.from_dict(heads["no_order"]) if heads["no_order"] else None,
        orders=ActivityPrior.from_dict(heads["orders"]) if heads["orders"] else None,
        spend=SpendPrior.from_dict(heads["spend"]) if heads["spend"] else None,
        kinds={kind: _kind(kind, arrays, vocabularies[kind]) for kind in card["kinds"]},
        targets={
            kind: {int(days): _linear_from_dict(prior) for days, prior in knots.items()}
            for kind, knots in card["targets"].items()
        },
        longest_days=card["longest_days"],
        likeness=Likeness(card["text"]),
    )


def _arrays(kinds: Mapping[str, KindParameters]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Item-item tables and rates as arrays, and the names they are numbered by."""
    arrays: dict[str, Any] = {}
    vocabularies: dict[str, Any] = {}
    for kind, fitted in kinds.items():
        vocabularies[kind] = list(fitted.targets)
        arrays |= {f"{kind}.shape": fitted.shape, f"{kind}.rate": fitted.rate}
        for table, items in (("similarity", fitted.neighbours), ("ease", fitted.ease)):
            matrix = items.similarity
            arrays |= {
                f"{kind}.{table}.data": matrix.data.astype(np.float32),
                f"{kind}.{table}.indices": matrix.indices.astype(np.int32),
                f"{kind}.{table}.indptr": matrix.indptr.astype(np.int64),
            }
    return {name: np.ascontiguousarray(values) for name, values in arrays.items()}, vocabularies


def _kind(kind: str, arrays: Mapping[str, Any], names: list[str]) -> KindParameters:
    targets = np.array(names, dtype=object)

    def table(name: str) -> Neighbours:
        parts = tuple(arrays[f"{kind}.{name}.{part}"] for part in ("data", "indices", "indptr"))
        return Neighbours(kind, targets, sparse.csr_array(parts, shape=(len(targets), len(targets))))

    return KindParameters(
        kind, table("similarity"), table("ease"), targets, arrays[f"{kind}.shape"], arrays[f"{kind}.rate"]
    )


def _linear_to_dict(prior: LinearPrior) -> dict[str, Any]:
    return {
        "name": prior.name,
        "repeat": _weights_to_dict(prior.repeat),
        "explore": _weights_to_dict(prior.explore),
        "average": dict(prior.average),
        "new": None if prior.new is None else _weights_to_dict(prior.new),
    }


def _weights_to_dict(weights: Weights) -> dict[str, Any]:
    return {"intercept": weights.intercept, "by_column": dict(weights.by_column)}


def _linear_from_dict(values: Mapping[str, Any]) -> LinearPrior:
    repeat, explore, new = (
        values[stratum] and Weights(values[stratum]["intercept"], values[stratum]["by_column"])
        for stratum in ("repeat", "explore", "new")
    )
    return LinearPrior(values["name"], repeat, explore, values["average"], new)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
