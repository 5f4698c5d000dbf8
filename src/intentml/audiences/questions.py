"""Questions in SQL, each put once: to put one takes longer than to answer it.

What comes in: Ibis expressions by what they ask, and an engine's words for them. What goes out: SQL whose
tables are there. It runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from intentml.audiences.leaves import Leaf

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        sql: The text.
        leaves: Those whose tables it reads.
    """

    sql: str
    leaves: tuple[Leaf, ...]


class Questions:
    """Questions about one view, or about several whose tables have the same names and columns.

    Args:
        words: An expression in the engine's SQL.
    """

    def __init__(self, words: Callable[[ir.Expr], str]) -> None:
        self.put_before: dict[str, Question] = {}
        self._words = words
        self._reading: list[Leaf] | None = None

    def put(self, key: str, expression: Callable[[], ir.Table], ready: Callable[[Leaf], Any]) -> str:
        """The SQL of a question; the tables of the leaves that it reads are there.

        Args:
            key: What is asked.
            expression: The same as an expression; it tells `reads` of its leaves.
            ready: Makes the table of a leaf where it is not there. Not kept: who asks would be held by what
                it holds, and a view of yesterday go on living.
        """
        if key in self.put_before:
            for leaf in self.put_before[key].leaves:
                ready(leaf)
            return self.put_before[key].sql
        outer, self._reading = self._reading, []  # to put one question may ask another
        try:
            question = Question(self._words(expression()), tuple(self._reading))
        finally:
            self._reading = outer
        self.put_before[key] = question
        return question.sql

    def reads(self, leaf: Leaf) -> None:
        """The question that is being put reads the table of a leaf."""
        if self._reading is not None:
            self._reading.append(leaf)
