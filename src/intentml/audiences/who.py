"""Who fits a rule, as whatever answers it is asked: of a shop as it was scored, or with customers known anew.

What comes in: nothing. What goes out: `Who`, which `Selector` and `MergedSelector` are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.audiences.leaves import Leaf
from intentml.audiences.reasons import Explainer
from intentml.audiences.rule import Rule
from intentml.audiences.view import I32, Because
from intentml.timeline.catalogue import Strings

Bools = npt.NDArray[np.bool_]


class Who(Protocol):
    """Answers rules about the customers of one shop, whom it numbers by row."""

    @property
    def customer_ids(self) -> Strings:
        """Everybody, sorted. Shape: (U,)."""

    def rows(self, rule: Rule) -> I32:
        """Rows of the customers who fit, ascending. Shape: (n,)."""

    def members(self, rule: Rule) -> Strings:
        """Ids of the customers who fit, sorted. Shape: (n,)."""

    def count(self, rule: Rule) -> int:
        """How many fit."""

    def fits(self, rules: Sequence[Rule], row: int | None = None) -> Iterator[Bools]:
        """Of each rule, who fits it: everybody by row, or one customer alone. Shape: (U,) or (1,)."""

    def seen(self, leaf: Leaf, row: int) -> dict[str, Any]:
        """What a leaf over histories, models or hashes saw of a customer."""

    def seen_of_all(self, leaf: Leaf) -> pa.Table:
        """What such a leaf saw of everybody who fits it: row, and what `seen` tells."""

    def values(self, field: str, rows: I32) -> pa.ChunkedArray:
        """A field of some customers. Shape: (n,)."""

    def table(self, fields: Sequence[str]) -> pa.Table:
        """Of everybody those of some columns that the customers have."""

    def row_of(self, customer_id: str) -> int:
        """The row of a customer.

        Raises:
            UnknownCustomerError: Nobody has that id.
        """

    def reasons(self, row: int, model: Explainer) -> Because | None:
        """What tells the reasons of one customer's interests; None without a ranking."""

    def rule_named(self, name: str) -> Rule:
        """The rule of an audience.

        Raises:
            RuleError: There is none of that name, or its file is broken.
        """

    def resolved(self, rule: Rule) -> Rule:
        """The rule with the rules of the audiences that it names in their places.

        Raises:
            RuleError: It names what nobody knows, or goes round in a circle.
        """

    def forget(self, more_than: int = 0) -> None:
        """Let go of what was kept for the next questions, where that is more than so many."""
