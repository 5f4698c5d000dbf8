"""Lists of what each customer is likeliest to buy next: of the model, and of the board's peers.

What comes in: a `Protocol` and who is asked about. What goes out: a list of items for each of them. Whoever
ranks gets the baskets of train and the histories of those asked about; never a basket that is asked about.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from protocol import AS_OF, LONGEST_LIST, STEP_DAYS, Asked, Baskets, Lists, Protocol, log_of

import intentml as im
from intentml.evaluation.peers.catalogue import PEERS
from intentml.evaluation.peers.environment import interpreter
from intentml.fitting.priors import PriorsConfig, fit_priors
from intentml.prediction import Predictor

CUSTOMERS_AT_ONCE = 500
KIND: Literal["product"] = "product"


def of_model(
    recipe: str, settings: Sequence[str], protocol: Protocol, asked: Asked
) -> tuple[Lists, Mapping[str, Any]]:
    """The items likeliest in the week after, of a model that learned from train alone; and its card."""
    ours = [f'priors.kinds=["{KIND}"]', f"priors.horizons_days=[{STEP_DAYS}]"]
    model = im.train(log_of(protocol.train), as_of=AS_OF, recipe=recipe, settings=[*ours, *settings])
    return _likeliest(model, protocol, asked), model.card


def of_priors(protocol: Protocol, asked: Asked) -> dict[str, Lists]:
    """The same of each closed-form prior that the recipes choose from."""
    log, config = log_of(protocol.train), PriorsConfig(kinds=(KIND,), horizons_days=(STEP_DAYS,))
    each = fit_priors(log, log.instant(AS_OF), config).each
    return {name: _likeliest(prior, protocol, asked) for name, prior in each.items() if prior.targets}


def of_peer(
    name: str, protocol: Protocol, asked: Asked, environments: Path
) -> tuple[Lists, Mapping[str, Any]]:
    """The items that a peer of the board scores highest; and its settings, chosen on validation."""
    peer = PEERS[name]
    known, before = protocol.known(asked), protocol.known(protocol.validation)
    items = 1 + max(chain.from_iterable(chain(*known.values(), *before.values())))
    with tempfile.TemporaryDirectory() as place:
        given, said = Path(place) / "given", Path(place) / "said"
        said.mkdir()
        users = _write_baskets(given / "now" / KIND / "baskets.parquet", known)
        _write(given / "now" / "customers.parquet", {"customer": np.arange(len(users))})
        judged = _write_baskets(given / "validation" / KIND / "baskets.parquet", before)
        bought = {user: (basket,) for user, basket in protocol.validation.next_baskets.items()}
        _write_baskets(given / "validation" / KIND / "bought.parquet", bought, judged)
        task = {"as_of": AS_OF.isoformat(), "horizon_days": STEP_DAYS, "seed": 0, "kinds": {KIND: items}}
        (given / "task.json").write_text(json.dumps(task), encoding="utf-8")
        python = interpreter(environments, str(peer.environment))
        subprocess.run([str(python), str(peer.script), str(given), str(said), name, KIND], check=True)
        scores = np.load(said / f"{KIND}.npy", mmap_mode="r")
        settings = json.loads((said / "answer.json").read_text(encoding="utf-8"))["settings"][KIND]
        return {user: best_of(scores[users[user]])[0] for user in asked.histories}, settings


def _likeliest(predictor: Predictor, protocol: Protocol, asked: Asked) -> Lists:
    """The items likeliest in the week after `AS_OF`."""
    snapshot = log_of(protocol.known(asked)).as_of(AS_OF)
    users = sorted(asked.histories)
    part = snapshot.take(np.searchsorted(snapshot.customer_ids, users))
    scores = predictor.predict(part, STEP_DAYS, kinds=[KIND]).targets[KIND]
    items = scores.targets.astype(np.int64)
    lists: dict[str, Sequence[int]] = {}
    for first in range(0, len(users), CUSTOMERS_AT_ONCE):
        rows = slice(first, first + CUSTOMERS_AT_ONCE)
        lists |= zip(users[rows], best_of(scores.rows(rows), items), strict=True)
    return lists


def best_of(scores: npt.ArrayLike, items: npt.NDArray[np.int64] | None = None) -> list[list[int]]:
    """The items that score highest, ties by item. Shape: (n, J), (J,) -> n lists."""
    places = np.argsort(-np.atleast_2d(scores), axis=1, kind="stable")[:, :LONGEST_LIST]
    best: list[list[int]] = (places if items is None else items[places]).tolist()
    return best


def _write_baskets(
    path: Path, baskets: Mapping[str, Baskets], numbers: Mapping[str, int] | None = None
) -> Mapping[str, int]:
    """Every purchase, customers by number; returns the number of each."""
    numbers = numbers or {user: number for number, user in enumerate(sorted(baskets))}
    rows = [
        (numbers[user], place, float(STEP_DAYS * (len(history) - place)), item)
        for user, history in baskets.items()
        for place, basket in enumerate(history)
        for item in basket
    ]
    _write(path, dict(zip(("customer", "order", "age_days", "target"), zip(*rows, strict=True), strict=True)))
    return numbers


def _write(path: Path, columns: Mapping[str, npt.ArrayLike]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: pa.array(np.asarray(values)) for name, values in columns.items()}), path)
