"""A scored shop that stays up to date: it takes order lines in, and new scores, while it answers.

What comes in: where scores, model and the log of arrivals lie. What goes out: at any moment one `ScoredShop`,
whole and of one version; who holds an older one may finish with it. It reads files and answers nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from intentml.errors import RequestError
from intentml.inference.folder import SavedModel, fingerprint_of, load_model
from intentml.inference.online import unknown_products
from intentml.scores.answers import about
from intentml.scores.folder import MANIFEST, load_scores
from intentml.service.arrivals import Arrivals, Batch
from intentml.service.overlay import warm
from intentml.service.requests import OrdersRequest, check_customers, lines_table
from intentml.service.shop import ScoredShop, served
from intentml.timeline import Instant
from intentml.timeline.columns import sorted_unique, strings
from intentml.timeline.histories import refuse_later

CURRENT = "current"
_REGISTERED = "models:/"
_PAGE = 4096
# Clocks of two machines differ a little.
_CLOCKS_DIFFER = timedelta(minutes=5)
log = logging.getLogger("intentml.service")


@dataclass(frozen=True)
class Places:
    """Where a shop's scores and the model that made them lie.

    Attributes:
        scores: A scores folder, or a root whose `current` is one.
        model: A model folder, or a root whose `current` is one; or one registered in MLflow, as
            `models:/NAME@ALIAS`: then the version of that name that made the scores, else the alias's.
    """

    scores: Path
    model: Path | str

    @classmethod
    def of(cls, scores: str, model: str) -> Places:
        """Places as the environment names them."""
        return cls(Path(scores), model if model.startswith(_REGISTERED) else Path(model))

    def mark(self) -> tuple[object, ...]:
        """Changes whenever other scores lie there."""
        folder = _current(self.scores)
        told = (folder / MANIFEST).stat()
        return str(folder), told.st_ino, told.st_mtime_ns

    def load(self, model: SavedModel | None = None) -> ScoredShop:
        """The scores that lie there, with the model that made them: this one, if it is, else the one there.

        Raises:
            ScoresError: The scores cannot be used.
            ModelError: The model cannot, or did not make them.
        """
        scores = load_scores(_current(self.scores))
        for key in scores.targets:  # opened now: the folder may be gone when a kind is first asked for
            scores.targets[key]
        if model is None or model.fingerprint != scores.manifest.model.fingerprint:
            model = load_model(self._model_folder(scores.manifest.model.fingerprint))
        return ScoredShop.of(scores, model)

    def check(self) -> dict[str, object]:
        """What would be served; nothing is loaded that takes long.

        Raises:
            ScoresError: The scores cannot be used.
            ModelError: The model's files are not what was saved, or it did not make the scores.
        """
        scores = load_scores(_current(self.scores))
        stamp = scores.manifest.model
        stamp.check_made(fingerprint_of(self._model_folder(stamp.fingerprint)))
        return served(scores)

    def registered(self, fingerprint: str) -> str | None:
        """The registered version that a model is, `models:/NAME/7`: an alias may move, a version stays.

        Raises:
            TrackingError: The registry cannot be asked.
        """
        if isinstance(self.model, Path):
            return None
        from intentml import tracking

        name = self.model.removeprefix(_REGISTERED).partition("@")[0].partition("/")[0]
        version = tracking.version_of(name, fingerprint)
        return None if version is None else f"{_REGISTERED}{version.name}/{version.number}"

    def _model_folder(self, fingerprint: str) -> Path:
        """Where the model that made the scores is, or should be."""
        if isinstance(self.model, Path):
            return _current(self.model)
        from intentml import tracking

        return tracking.local_model(self.registered(fingerprint) or self.model)


class LiveShop:
    """One shop, up to date.

    Args:
        places: Where its scores lie.
        arrivals: The log of order lines; None where none are taken in.
        prepare: Told of a shop with new scores before it takes the place of the old one, which answers
            meanwhile.
    """

    def __init__(
        self,
        places: Places,
        arrivals: Arrivals | None = None,
        prepare: Callable[[ScoredShop], None] = lambda shop: None,
    ) -> None:
        self._places, self._arrivals, self._prepare = places, arrivals, prepare
        self._one_at_a_time, self._renewing = threading.Lock(), threading.Lock()
        self.renewing = False  # whether other scores are being taken in
        self._mark = places.mark()
        self._shop = places.load()
        self._registered = self._named(self._shop)
        warm(self._shop)
        self.catch_up()

    @property
    def shop(self) -> ScoredShop:
        """The shop as it is known at this moment; ask `behind` first."""
        return self._shop

    @property
    def registered(self) -> str | None:
        """The registered version of the model that answers; None where it came from a folder."""
        return self._registered.get(self._shop.predictor.fingerprint)

    def behind(self) -> bool:
        """Whether order lines came in that the shop does not know; cheap enough to ask at every request."""
        return self._arrivals is not None and self._arrivals.newest() > self._shop.sequence

    def catch_up(self) -> ScoredShop:
        """Take in what came in, here or by another process."""
        with self._one_at_a_time:
            if self._arrivals is not None:
                self._shop = _knowing(self._shop, self._arrivals.since(self._shop.sequence))
            return self._shop

    def renew(self) -> bool:
        """Take other scores in the place of these, if others lie there; what came in since stays known.

        Raises:
            IntentmlError: They cannot be used; the shop stays as it was.
        """
        with self._renewing:
            try:
                mark = self._places.mark()
            except OSError:
                return False  # they are just being put in place
            if mark == self._mark:
                return False
            self.renewing = True
            try:
                self._take(self._places.load(self._shop.predictor), mark)
            finally:
                self.renewing = False
            return True

    def read_ahead(self) -> None:
        """Bring what is asked for most into memory, while it answers already."""
        _read_ahead(self._shop.scores.table)

    def _take(self, new: ScoredShop, mark: tuple[object, ...]) -> None:
        """Put another shop in the place of this one, which goes on answering until then."""
        self._registered = self._registered | self._named(new)
        _read_ahead(new.scores.table)
        warm(new)
        if self._arrivals is not None:
            new = _knowing(new, self._arrivals.since(0))
        self._prepare(new)
        with self._one_at_a_time:  # held for what came meanwhile alone: answers wait for it
            if self._arrivals is not None:
                new = _knowing(new, self._arrivals.since(new.sequence))
            self._shop, self._mark = new, mark

    def _named(self, shop: ScoredShop) -> dict[str, str | None]:
        """The registered version of a shop's model, by fingerprint."""
        fingerprint = shop.predictor.fingerprint
        return {fingerprint: self._places.registered(fingerprint)}

    def take_in(self, request: OrdersRequest, now: datetime, idempotency_key: str | None) -> dict[str, Any]:
        """Keep order lines, and score the customers they name anew.

        Args:
            request: The lines.
            now: The instant; lines of a later one are refused.
            idempotency_key: As of `Arrivals.append`.

        Raises:
            ContractError: Lines break the contract of the table orders.
            TimeError: A line is of the future.
            RequestError: No lines are taken in here.
            ArrivalsError: They cannot be written.
        """
        lines = request.lines()
        tables = self._shop.read(lines_table(lines))
        _refuse_nobody(tables.orders)
        customers = strings(sorted_unique(tables.orders["customer_id"]))
        check_customers(len(customers), "orders")
        end = Instant.of((now + _CLOCKS_DIFFER).isoformat(), self._shop.scores.manifest.timezone)
        refuse_later(tables.orders, end, why="which is still to come", hint="check the clocks and time zones")
        if self._arrivals is None:
            raise RequestError("this service takes no order lines in", hint="start it with --orders FILE")
        receipt = self._arrivals.append(lines, now.isoformat(), idempotency_key)
        shop = self.catch_up()
        return {
            **about(shop.scores),
            "accepted": 0 if receipt.repeated else len(lines),
            "repeated": receipt.repeated,
            "sequence": receipt.sequence,
            "rescored": {one: shop.overlay.as_of[one] for one in customers if one in shop.overlay.as_of},
            "unknown_products": unknown_products(tables.orders, shop.state),
        }


def _read_ahead(table: pa.Table) -> None:
    """Bring a mapped table into memory: else who asks first waits for the disk, and all others too."""
    for column in table.columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                if buffer is not None:
                    np.frombuffer(buffer, np.uint8)[::_PAGE].max(initial=0)


def _current(place: Path) -> Path:
    """The folder meant: the place itself, or what its `current` is at this moment."""
    inside = place / CURRENT
    return inside.resolve() if inside.exists() else place.resolve()


def _refuse_nobody(orders: pa.Table) -> None:
    """Raise where a line is of nobody: it would be kept, and never be known."""
    rows = np.flatnonzero(orders["customer_id"].is_null().to_numpy())
    if len(rows):
        raise RequestError(
            "orders.customer_id: it is empty, or a word for nothing",
            table="orders",
            column="customer_id",
            rows=rows[:5].tolist(),
            hint="send lines of known or new customers; others come with the shop's tables",
        )


def _knowing(shop: ScoredShop, batches: Sequence[Batch]) -> ScoredShop:
    """The shop once it knows these lines. What it cannot take in is left out, and the log says so.

    The lines are on the disk: one batch that breaks the scoring must not end all answers.
    """
    try:
        return shop.knowing(batches)
    except Exception:
        for batch in batches:
            try:
                shop = shop.knowing([batch])
            except Exception as problem:
                log.error("order lines %s were not taken in: %s", batch.sequence, type(problem).__name__)
                shop = replace(shop, sequence=batch.sequence)
        return shop
