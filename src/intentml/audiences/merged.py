"""Who fits a rule in a shop of which some customers are known anew, as of a moment ago.

What comes in: the selector of the shop as it was scored, a view of the customers known anew. What goes out:
the answers that one view of everybody would give, those known anew in the place of what they were. What
depends on one customer alone is asked of each view, and of the many once; who is best of a ranking, and what
rests on it, is found among everybody. What an audience teaches about who is like it was learned when the
shop was scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intentml.audiences.best import best_of, seen_in
from intentml.audiences.leaves import Comparison, InterestedIn, Leaf, SimilarTo
from intentml.audiences.reasons import Explainer
from intentml.audiences.rule import All, NoneOf, Rule, leaves, parts_of
from intentml.audiences.selector import Selector
from intentml.audiences.view import I32, Because, ShopView
from intentml.audiences.who import Bools
from intentml.errors import RuleError, UnknownCustomerError
from intentml.prediction import F64
from intentml.scores.merged import Merged
from intentml.timeline.catalogue import Strings


class MergedSelector:
    """Answers rules about everybody; see `Who`.

    Args:
        scored: Of the shop as it was scored.
        anew: The customers known anew; some of them may be new to the shop.
    """

    def __init__(self, scored: Selector, anew: ShopView) -> None:
        self._scored, self._anew = scored, scored.over(anew)
        self._all = Merged(scored.customer_ids, anew.customer_ids)

    @property
    def customer_ids(self) -> Strings:
        """Everybody, sorted. Shape: (V,)."""
        return self._all.customer_ids

    # -- who ------------------------------------------------------------------------------------

    def rows(self, rule: Rule) -> I32:
        """Rows of the customers who fit, ascending. Shape: (n,)."""
        return np.flatnonzero(next(self.fits([rule]))).astype(np.int32)

    def members(self, rule: Rule) -> Strings:
        """Ids of the customers who fit, sorted. Shape: (n,)."""
        members: Strings = self.customer_ids[self.rows(rule)]
        return members

    def count(self, rule: Rule) -> int:
        """How many fit."""
        return int(np.count_nonzero(next(self.fits([rule]))))

    def fits(self, rules: Sequence[Rule], row: int | None = None) -> Iterator[Bools]:
        """Of each rule, who fits it: everybody by row, or one customer alone. Shape: (V,) or (1,)."""
        whole = [self.resolved(rule) for rule in rules]
        plain = [part for rule in whole for part in self._plain(rule)]
        if row is None:
            both = zip(self._scored.fits(plain), self._anew.fits(plain), strict=True)
            answers: Iterator[Bools] = (self._all.values(*pair) for pair in both)
        else:
            of, mine = self._of(row)
            answers = of.fits(plain, mine)
        for rule in whole:
            yield self._joined(rule, answers, slice(None) if row is None else slice(row, row + 1))

    def _plain(self, rule: Rule) -> Iterator[Rule]:
        """The parts of a rule that depend on one customer alone, as large as they are."""
        if not self._ranks(rule):
            yield rule
        else:
            for part in parts_of(rule):
                yield from self._plain(part)

    def _joined(self, rule: Rule, plain: Iterator[Bools], rows: slice) -> Bools:
        """Who of some rows fits, where `plain` tells of each plain part, in order, who fits that."""
        if not self._ranks(rule):
            return next(plain)
        parts = [self._joined(part, plain, rows) for part in parts_of(rule)]
        if not parts:
            return self._best(rule)[rows]
        joined: Bools = reduce(and_ if isinstance(rule, All) else or_, parts)
        return ~joined if isinstance(rule, NoneOf) else joined

    def _ranks(self, rule: Rule) -> bool:
        """Whether a rule asks who is best of everybody."""
        return any(self._leaf_ranks(leaf) for leaf in leaves(rule))

    def _leaf_ranks(self, leaf: Leaf) -> bool:
        match leaf:
            case SimilarTo():
                return True
            case InterestedIn(interested_in=asked):
                return asked.min_probability is None
            case Comparison(field=field):
                return any(self._ranks(one.rule) for one in self._scored.view.points.get(field, ()))
        return False

    def _best(self, leaf: Rule) -> Bools:
        """Who fits a leaf that ranks everybody. Shape: (V,)."""
        if isinstance(leaf, Comparison):
            fit: Bools = self._points(leaf.field, leaf).to_numpy()
            return fit
        assert isinstance(leaf, InterestedIn | SimilarTo)
        best = np.zeros(len(self.customer_ids), np.bool_)
        best[best_of(leaf, *self._ranked_by(leaf))["row"].to_numpy()] = True
        return best

    def _ranked_by(self, leaf: InterestedIn | SimilarTo) -> tuple[str, F64]:
        """What a leaf ranks everybody by; NaN of whom it does not rank. Shape: (V,)."""
        if isinstance(leaf, InterestedIn):
            name, of_scored = self._scored.ranked_by(leaf)
            return name, self._all.values(of_scored, self._anew.ranked_by(leaf)[1])
        audience = leaf.similar_to.audience
        members = self._scored.of_audience(audience, self.rows)
        if len(members) and not len(self._scored.of_audience(audience, self._scored.rows)):
            raise RuleError(
                f"nobody was in the audience {audience!r} when the shop was scored",
                hint="who is like its members is learned at the next scoring",
            )
        like = self._scored.likeness(audience)
        likeness = self._all.values(*(like(one.ranking("similar_to")) for one in (self._scored, self._anew)))
        likeness[members] = np.nan
        return "likeness", likeness

    def _points(self, field: str, asked: Comparison | None = None) -> pa.ChunkedArray:
        """The sum of a field's points, or whether it fits a comparison. Shape: (V,)."""
        rules = [one.rule for one in self._scored.view.points[field]]
        return self._anew.pointed(field, list(self.fits(rules)), asked)

    # -- what is seen of them -------------------------------------------------------------------

    def seen(self, leaf: Leaf, row: int) -> dict[str, Any]:
        """What a leaf over histories, models or hashes saw of a customer."""
        if isinstance(leaf, InterestedIn | SimilarTo):
            return seen_in(*self._ranked_by(leaf), row)
        of, mine = self._of(row)
        return of.seen(leaf, mine)

    def seen_of_all(self, leaf: Leaf) -> pa.Table:
        """What such a leaf saw of everybody who fits it: row, and what `seen` tells."""
        if isinstance(leaf, InterestedIn | SimilarTo):
            return best_of(leaf, *self._ranked_by(leaf))
        now = np.full(len(self._scored.customer_ids) + len(self._anew.customer_ids), -1, np.int32)
        now[self._all.source] = np.arange(len(self.customer_ids), dtype=np.int32)
        of_scored, of_anew = (one.seen_of_all(leaf) for one in (self._scored, self._anew))
        rows = of_scored["row"].to_numpy(), len(self._scored.customer_ids) + of_anew["row"].to_numpy()
        both = pa.concat_tables([of_scored, of_anew])
        both = both.set_column(0, "row", pa.array(now[np.concatenate(rows)]))
        return both.filter(pc.greater_equal(both["row"], 0))

    def values(self, field: str, rows: I32) -> pa.ChunkedArray:
        """A field of some customers. Shape: (n,)."""
        if any(self._ranks(one.rule) for one in self._scored.view.points.get(field, ())):
            return self._points(field).take(pa.array(rows)).cast(pa.float64())
        source, count = self._all.source[rows], len(self._scored.customer_ids)
        anew = source >= count
        told = [
            self._scored.values(field, source[~anew].astype(np.int32)),
            self._anew.values(field, (source[anew] - count).astype(np.int32)),
        ]
        order = np.argsort(np.argsort(anew, kind="stable"), kind="stable")
        return pa.chunked_array([chunk for one in told for chunk in one.chunks], told[0].type).take(
            pa.array(order)
        )

    def table(self, fields: Sequence[str]) -> pa.Table:
        """Of everybody those of some columns that the customers have."""
        both = pa.concat_tables([self._scored.table(fields), self._anew.table(fields)])
        return both.take(pa.array(self._all.source))

    def row_of(self, customer_id: str) -> int:
        """The row of a customer; raises as `ShopView.row_of`."""
        try:
            self._anew.row_of(customer_id)
        except UnknownCustomerError:
            self._scored.row_of(customer_id)
        return int(np.searchsorted(self.customer_ids, customer_id))

    def reasons(self, row: int, model: Explainer) -> Because | None:
        """What tells the reasons of one customer's interests; None without a ranking."""
        of, mine = self._of(row)
        return of.reasons(mine, model)

    def _of(self, row: int) -> tuple[Selector, int]:
        """Who knows a customer now, and the customer's row there."""
        source, count = int(self._all.source[row]), len(self._scored.customer_ids)
        return (self._scored, source) if source < count else (self._anew, source - count)

    # -- rules ----------------------------------------------------------------------------------

    def rule_named(self, name: str) -> Rule:
        """The rule of an audience; raises as `Selector.rule_named`."""
        return self._scored.rule_named(name)

    def resolved(self, rule: Rule) -> Rule:
        """The rule with the rules of the audiences that it names in their places; raises as there."""
        return self._scored.resolved(rule)

    def forget(self, more_than: int = 0) -> None:
        """Let go of what was kept for the next questions, where that is more than so many."""
        self._scored.forget(more_than)
        self._anew.forget(more_than)
