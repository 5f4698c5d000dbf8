"""The peer's side of the folder: reads what it is given, writes what it says.

What comes in: `IN OUT NAME [KIND ...]` of the command line; the folders' layouts stand in `inputs.py` and
`answer.py`. What goes out: arrays, and files. Runs in a peer's environment, so it imports numpy and pyarrow
alone, and nothing of the package.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Columns = dict[str, np.ndarray]

LIST_LENGTH = 10
# Validation looks at this many customers who bought: enough to tell settings apart.
VALIDATED_CUSTOMERS = 2_000
_CELLS_AT_ONCE = 400_000


class Exchange:
    """One run of a peer.

    Attributes:
        name: Which peer is run, where a script knows several.
        kinds: Kinds of targets it is asked about, and how many targets each has.
        horizon_days: Length of the window.
        seed: For whatever is drawn.
        settings: What was chosen, by question; told in the report.
    """

    def __init__(self, arguments: list[str]) -> None:
        self._in, self._out, self.name = Path(arguments[0]), Path(arguments[1]), arguments[2]
        task = json.loads((self._in / "task.json").read_text(encoding="utf-8"))
        self.kinds = {kind: task["kinds"][kind] for kind in arguments[3:]}
        self.horizon_days, self.seed = task["horizon_days"], task["seed"]
        self.settings: dict[str, Any] = {}

    @classmethod
    def of_command_line(cls) -> Exchange:
        """What this process was started for."""
        return cls(sys.argv[1:])

    def has(self, path: str) -> bool:
        """Whether a table is there."""
        return (self._in / f"{path}.parquet").is_file()

    def table(self, path: str) -> Columns:
        """A table's columns."""
        table = pq.read_table(self._in / f"{path}.parquet")
        return {name: table[name].to_numpy() for name in table.column_names}

    def must_learn(self) -> None:
        """End here where the history holds no window to learn from."""
        if not self.has("learning/train"):
            sys.exit("no window before as_of is long enough to learn from")

    def customers(self) -> int:
        """How many customers are scored."""
        return pq.read_metadata(self._in / "now/customers.parquet").num_rows

    def baskets(self, when: str, kind: str) -> Columns:
        """Purchases until `now` or until `validation`: customer, order, age_days, target."""
        return self.table(f"{when}/{kind}/baskets")

    def scores_to_fill(self, kind: str) -> np.ndarray:
        """The file of a kind's scores, to be written in parts. Shape: (n, J)."""
        shape = (self.customers(), self.kinds[kind])
        return np.lib.format.open_memmap(self._out / f"{kind}.npy", "w+", np.float32, shape)

    def answer_customers(self, columns: Mapping[str, np.ndarray]) -> None:
        """Write no_order, orders, spend, or some of them."""
        pq.write_table(
            pa.table({name: pa.array(each) for name, each in columns.items()}),
            self._out / "customers.parquet",
        )

    def finish(self, *, probabilities: bool = False) -> None:
        """Say what was chosen, and whether scores are log-odds."""
        told = {"settings": self.settings, "probabilities": probabilities}
        (self._out / "answer.json").write_text(json.dumps(told, indent=1), encoding="utf-8")

    def choose(
        self,
        kind: str,
        candidates: list[dict[str, Any]],
        score: Callable[[dict[str, Any], np.ndarray], np.ndarray],
    ) -> dict[str, Any]:
        """The candidate with the best nDCG at 10 on the validation window; the first without one.

        Args:
            kind: Kind of target.
            candidates: Settings, the most trusted first.
            score: From settings and customer rows of `validation` to scores, (n, J).
        """
        if not self.has(f"validation/{kind}/bought") or len(candidates) == 1:
            self.settings[kind] = candidates[0]
            return candidates[0]
        bought = self.table(f"validation/{kind}/bought")
        rows = np.unique(bought["customer"])
        drawn = np.random.default_rng(self.seed)
        rows = np.sort(drawn.choice(rows, min(len(rows), VALIDATED_CUSTOMERS), replace=False))
        worth = [ndcg(score(settings, rows), rows, bought) for settings in candidates]
        best = int(np.argmax(worth))
        self.settings[kind] = {**candidates[best], "validation_ndcg_10": round(worth[best], 4)}
        return candidates[best]


def ndcg(scores: np.ndarray, rows: np.ndarray, bought: Columns) -> float:
    """NDCG at 10 over customers who bought. Shape: scores (n, J), rows (n,)."""
    came = np.zeros(scores.shape, bool)
    place = np.searchsorted(rows, bought["customer"])
    place[place == len(rows)] = 0
    kept = (rows[place] == bought["customer"]) & (bought["target"] < scores.shape[1])
    came[place[kept], bought["target"][kept]] = True
    length = min(LIST_LENGTH, scores.shape[1])
    best = np.argsort(-scores, axis=1, kind="stable")[:, :length]
    worth = 1.0 / np.log2(np.arange(2, length + 2))
    gained = (np.take_along_axis(came, best, axis=1) * worth).sum(axis=1)
    ideal = np.cumsum(worth)[np.minimum(came.sum(axis=1), length).clip(1) - 1]
    return float(np.mean(gained / ideal))


def blocks(length: int, width: int) -> Iterator[slice]:
    """Slices of `length` rows of `width` cells, none too large for memory."""
    step = max(1, _CELLS_AT_ONCE // max(width, 1))
    return (slice(start, min(start + step, length)) for start in range(0, length, step))


class PairFeatures:
    """The features of every pair of a kind at `now`, laid out for some customers at a time."""

    def __init__(self, exchange: Exchange, kind: str, names: list[str]) -> None:
        place = f"now/{kind}"
        self._names = names
        self._customers, self._targets = (
            exchange.table(f"{place}/customers"),
            exchange.table(f"{place}/targets"),
        )
        self._pairs, self._parents = exchange.table(f"{place}/pairs"), []
        while exchange.has(f"{place}/parent_{len(self._parents)}"):
            self._parents.append(exchange.table(f"{place}/parent_{len(self._parents)}"))
        self._width = exchange.kinds[kind]

    def rows(self, block: slice) -> np.ndarray:
        """Shape: (customers of the block x J, features), customer by customer."""
        users = block.stop - block.start
        laid = np.zeros((users, self._width, len(self._names)), np.float32)
        pairs, who = self._part(self._pairs, block)
        for number, name in enumerate(self._names):
            if name in self._customers:
                laid[:, :, number] = self._customers[name][block, np.newaxis]
            elif name in self._targets:
                laid[:, :, number] = self._targets[name]
            elif name in pairs:
                laid[who, pairs["target"], number] = pairs[name]
            else:
                laid[:, :, number] = self._of_parents(name, block)
        return laid.reshape(users * self._width, -1)

    def _of_parents(self, name: str, block: slice) -> np.ndarray:
        """A feature of the targets' parents, (users, J)."""
        number = next(place for place, parent in enumerate(self._parents) if name in parent)
        own, who = self._part(self._parents[number], block)
        parent_of = self._targets[f"parent_{number}"]
        most = max(int(parent_of.max(initial=0)), int(own["parent"].max(initial=0)))
        dense = np.zeros((block.stop - block.start, most + 2), np.float32)
        dense[who, own["parent"]] = own[name]
        return dense[:, parent_of]  # parent -1 reads the last column, a zero

    @staticmethod
    def _part(table: Columns, block: slice) -> tuple[Columns, np.ndarray]:
        """The rows of a table, sorted by customer, that belong to a block, and whose each is."""
        first, last = np.searchsorted(table["customer"], [block.start, block.stop])
        part = {name: values[first:last] for name, values in table.items()}
        return part, part["customer"] - block.start
