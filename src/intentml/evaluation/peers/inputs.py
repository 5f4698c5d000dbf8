"""What a peer is given: a folder of Parquet, from a log cut at the window's start.

What comes in: a `Past`. What goes out: `PeerInputs`, a folder for all peers of a window:

```
task.json                         as_of, horizon_days, seed, kinds and how many targets each has
now/customers.parquet             a row for each customer with an order: what timing models and trees read
now/KIND/baskets.parquet          customer, order (0 = the oldest), age_days, target: purchases until now
now/KIND/{customers,targets,pairs,parent_*}.parquet    the features of `priors.designs`, not multiplied out
validation/customers.parquet      the same a horizon earlier, with no_order, orders and spend of that window
validation/KIND/{baskets,bought}.parquet
learning/{tune,validate,train}.parquet          customers of several cutoffs with what came after
learning/KIND/{tune,validate,train}.parquet     pairs with features, bought and weight
```

Customers and targets are row numbers. Settings are chosen by fitting on `tune` and judging on
`validate`; with them a peer is fitted on `train`. Where the history holds no window before validation,
`tune` and `validate` hold other customers of the same window. A shop too young for a window of
validation has neither `validation` nor `learning`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from intentml.evaluation.peers.features import customer_columns, outcome_columns
from intentml.fitting.slices import Past, Slice
from intentml.fitting.split import taught
from intentml.priors.designs import Design, design_of
from intentml.priors.sampling import PairSample, sample_pairs
from intentml.timeline.catalogue import Strings

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Columns = Mapping[str, npt.ArrayLike]

TRAIN_BACK, TUNE_BACK = (1.0, 1.5, 2.0), (2.0, 2.5, 3.0)
"""Horizons before as_of at which peers learn; before validation, which lies one horizon back."""

_MIN_HISTORY_DAYS = 28
# Only the features of pairs need a timing model, and each cutoff a model of its own.
_ACTIVITY = "mbg_nbd"


@dataclass(frozen=True)
class PeerInputs:
    """A written folder.

    Attributes:
        folder: Where it is.
        customers: Rows of the snapshot that its row numbers stand for: those with an order. Shape: (n,).
        customer_ids: Their ids. Shape: (n,).
        targets: Names of the targets that each kind's column numbers stand for.
    """

    folder: Path
    customers: I64
    customer_ids: Strings
    targets: dict[str, Strings]


def write_inputs(past: Past, horizon_days: int, kinds: Sequence[str], seed: int, folder: Path) -> PeerInputs:
    """Write what peers may know into an empty folder.

    Args:
        past: A log cut at the window's start.
        horizon_days: Length of the window.
        kinds: Kinds of targets; those the shop lacks are left out.
        seed: Of samples, and for the peers.
        folder: Where to.
    """
    now = past.now
    wanted = [kind for kind in kinds if len(now.snapshot.catalogue.targets(kind)) and len(now.eligible(kind))]
    task = {
        "as_of": now.snapshot.as_of.iso,
        "horizon_days": horizon_days,
        "seed": seed,
        "kinds": {kind: len(now.eligible(kind)) for kind in wanted},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.json").write_text(json.dumps(task, indent=1), encoding="utf-8")
    writer = _Writer(past, horizon_days, seed, folder)
    writer.now(wanted)
    writer.validation(wanted)
    writer.learning(wanted)
    names = {kind: now.snapshot.catalogue.targets(kind).targets[now.eligible(kind)] for kind in wanted}
    buyers = _buyers(now)
    return PeerInputs(folder, buyers, now.snapshot.customer_ids[buyers], names)


@dataclass(frozen=True)
class _Writer:
    """One folder on its way."""

    past: Past
    days: int
    seed: int
    folder: Path

    def now(self, kinds: Sequence[str]) -> None:
        """Customers, baskets and features at the window's start."""
        part = self.past.now
        _write(self.folder / "now/customers.parquet", customer_columns(part.snapshot, _buyers(part)))
        for kind in kinds:
            place = self.folder / "now" / kind
            _write(place / "baskets.parquet", _baskets(part, kind, part.eligible(kind)))
            _write_design(place, part, self._design(part, kind))

    def validation(self, kinds: Sequence[str]) -> None:
        """The window before: what was known at its start, and what came."""
        part = next(iter(self._slices(TRAIN_BACK[:1])), None)
        if part is None:
            return
        _write(self.folder / "validation/customers.parquet", self._with_outcomes(part, None))
        for kind in kinds:
            place, eligible = self.folder / "validation" / kind, part.eligible(kind)
            if len(eligible):
                _write(place / "baskets.parquet", _baskets(part, kind, eligible))
                bought = part.labels(self.days).bought[kind][_buyers(part)][:, eligible].tocoo()
                _write(place / "bought.parquet", {"customer": bought.coords[0], "target": bought.coords[1]})

    def learning(self, kinds: Sequence[str]) -> None:
        """Customers, and samples of pairs, of several windows with what came after."""
        train, tune = self._slices(TRAIN_BACK), self._slices(TUNE_BACK)
        if not train:
            return
        for role, parts in _roles(train, tune).items():
            customers = (self._with_outcomes(part, teaches) for part, teaches in parts)
            _write(self.folder / "learning" / f"{role}.parquet", _stacked(customers))
        for kind in kinds:
            if not len(train[0].eligible(kind)):
                continue
            fit, earlier = ([part for part in parts if len(part.eligible(kind))] for parts in (train, tune))
            samples = {part.cutoff.us: self._sample(part, kind) for part in [*fit, *earlier]}
            for role, parts in _roles(fit, earlier).items():
                pairs = (
                    _pair_columns(samples[part.cutoff.us], self._sides(part, teaches))
                    for part, teaches in parts
                )
                _write(self.folder / "learning" / kind / f"{role}.parquet", _stacked(pairs))

    def _slices(self, back: Iterable[float]) -> list[Slice]:
        """Slices so many horizons back, as far as the history goes."""
        log = self.past.log
        needed = max(_MIN_HISTORY_DAYS, self.days / 2)
        cutoffs = [log.until.plus_days(-round(each * self.days)) for each in back]
        return [
            self.past.at(cutoff)
            for cutoff in cutoffs
            if cutoff.days_since(log.start) >= needed and len(log.before(cutoff).purchases)
        ]

    def _sides(self, part: Slice, teaches: bool | None) -> Bools:
        """Customers of the snapshot that are on one side; all where None. Shape: (U,)."""
        if teaches is None:
            return np.ones(len(part.snapshot), bool)
        side: Bools = taught(part.snapshot.customer_ids) == teaches
        return side

    def _with_outcomes(self, part: Slice, teaches: bool | None) -> Columns:
        rows = _buyers(part)
        rows = rows[self._sides(part, teaches)[rows]]
        return {**customer_columns(part.snapshot, rows), **outcome_columns(part.labels(self.days), rows)}

    def _design(self, part: Slice, kind: str) -> Design:
        ordering = 1.0 - part.activity(_ACTIVITY).no_order(part.snapshot, self.days)[:, 0]
        return design_of(
            part.snapshot, part.history(kind), part.kind(kind), ordering, self.days, part.candidates(kind)
        )

    def _sample(self, part: Slice, kind: str) -> PairSample:
        drawn = np.random.default_rng((self.seed, part.cutoff.us % 2**32))
        bought = part.labels(self.days).bought[kind]
        return sample_pairs(self._design(part, kind), bought, part.eligible(kind), drawn)


def _roles(train: Sequence[Slice], tune: Sequence[Slice]) -> dict[str, list[tuple[Slice, bool | None]]]:
    """Which windows each table is of, and which side of their customers; None for both."""
    return {
        "train": [(part, None) for part in train],
        # Who teaches does not judge where windows cannot keep the two apart.
        "tune": [(part, None) for part in tune] or [(part, True) for part in train],
        "validate": [(train[0], None if tune else False)],
    }


def _buyers(part: Slice) -> I64:
    """Customers with an order: the ones judged."""
    return np.flatnonzero(part.snapshot.n_orders > 0)


def _place_of(kept: I64, length: int) -> I64:
    """The place of each number among those kept, -1 for the others. Shape: (length,)."""
    place = np.full(length, -1, np.int64)
    place[kept] = np.arange(len(kept))
    return place


def _baskets(part: Slice, kind: str, eligible: I64) -> Columns:
    """Each purchase of an eligible target, once an order; sorted by customer, then time."""
    snapshot = part.snapshot
    index, rows, targets = snapshot.line_targets(kind)
    column = _place_of(eligible, len(index))[targets]
    rows, column = rows[column >= 0], column[column >= 0]
    pairs = np.unique(np.stack([snapshot.line_order[rows], column]), axis=1)
    customer = snapshot.orders.customer[pairs[0]]
    return {
        "customer": _place_of(_buyers(part), len(snapshot))[customer],
        "order": pairs[0] - snapshot.order_indptr[customer],
        "age_days": snapshot.orders.age_days[pairs[0]],
        "target": pairs[1],
    }


def _write_design(place: Path, part: Slice, design: Design) -> None:
    """The parts of a design that speak of customers with an order and of eligible targets."""
    rows, columns = _buyers(part), part.eligible(design.kind)
    customer = _place_of(rows, design.shape[0])[design.pair_customer]
    target = _place_of(columns, design.shape[1])[design.pair_target]
    kept = (customer >= 0) & (target >= 0)
    of_targets: dict[str, npt.ArrayLike] = {name: values[columns] for name, values in design.target.items()}
    for number, parent in enumerate(design.parents):
        of_targets[f"parent_{number}"] = parent.parent_of[columns]
        matrices = {name: parent.matrix(values)[rows].tocoo() for name, values in parent.features.items()}
        first = next(iter(matrices.values()))
        _write(
            place / f"parent_{number}.parquet",
            {"customer": first.coords[0], "parent": first.coords[1]}
            | {name: matrix.data for name, matrix in matrices.items()},
        )
    _write(place / "customers.parquet", {name: values[rows] for name, values in design.customer.items()})
    _write(place / "targets.parquet", of_targets)
    _write(
        place / "pairs.parquet",
        {"customer": customer[kept], "target": target[kept]}
        | {name: values[kept] for name, values in design.pair.items()},
    )


def _pair_columns(sample: PairSample, sides: Bools) -> Columns:
    """A sample of one side's pairs as columns."""
    chosen = sample.select(sides[sample.customer])
    features = {name: chosen.values[:, number] for number, name in enumerate(chosen.columns)}
    return {**features, "bought": chosen.bought, "weight": chosen.weight}


def _stacked(tables: Iterable[Columns]) -> Columns:
    """Tables of the same columns below each other."""
    every = list(tables)
    return {name: np.concatenate([np.asarray(table[name]) for table in every]) for name in every[0]}


def _write(path: Path, columns: Columns) -> None:
    """One Parquet file; real numbers as float32, which no peer needs more of, but for what is counted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    pq.write_table(
        pa.table({name: pa.array(_narrow(values)) for name, values in arrays.items()}),
        path,
        compression="zstd",
    )


def _narrow(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return values.astype(np.float32) if values.dtype == np.float64 else values
