"""Who fits a rule: leaves worked out first, each once, the rest of the tree as one SQL over them.

What comes in: a view, named audiences, rules. What goes out: customers. Leaves over histories, models and
hashes become tables of the rows who fit, kept by what they say, so that the next rule with such a leaf finds
them; comparisons and distances are expressions. The SQL of a rule is kept too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.audiences.best import best_of, seen_in
from intentml.audiences.bucket import buckets
from intentml.audiences.comparisons import compared
from intentml.audiences.engine import DuckDBEngine, Engine
from intentml.audiences.geography import within_km
from intentml.audiences.histories import check_types, happened, purchased
from intentml.audiences.lead_score import points_of
from intentml.audiences.leaves import (
    Comparison,
    Events,
    Happened,
    InAudience,
    InBucket,
    InterestedIn,
    Leaf,
    Purchased,
    Purchases,
    SimilarTo,
    WithinKm,
)
from intentml.audiences.products import product_rows
from intentml.audiences.questions import Questions
from intentml.audiences.reasons import Explainer
from intentml.audiences.rule import All, AnyOf, NoneOf, Rule, parts_of, told, with_parts
from intentml.audiences.view import I32, Because, Likeness, Ranking, ShopView
from intentml.audiences.who import Bools
from intentml.errors import RuleError, nearest
from intentml.prediction import F64
from intentml.timeline.catalogue import Strings

if TYPE_CHECKING:
    import ibis.expr.types as ir


Bits = npt.NDArray[np.uint8]
_HISTORIES = ("lines", "events")
_AT_ONCE = 32
_SQL_FOR_EACH, _FITS_FOR_EACH = 8, 2  # texts of SQL, and answers to single leaves, kept beside each table


class Selector:
    """Answers rules about one view.

    Args:
        view: What is known of the customers.
        audiences: Rules by the names that `audience(...)` and `similar_to(...)` use.
        engine: Where tables live; an in-memory DuckDB if left out.
        broken: Why files of these names hold no audience.
    """

    def __init__(
        self,
        view: ShopView,
        audiences: Mapping[str, Rule] | None = None,
        engine: Engine | None = None,
        broken: Mapping[str, RuleError] | None = None,
    ) -> None:
        self.view, self._audiences, self._broken = view, dict(audiences or {}), dict(broken or {})
        self._engine = engine or DuckDBEngine()
        rows = pa.array(np.arange(len(view.customer_ids), dtype=np.int32))
        self._customers = self._engine.table("customers", view.customers.add_column(0, "row", rows))
        self._kept: dict[str, ir.Table] = {}
        self._questions = Questions(self._engine.sql)
        self._fitting: dict[str, Bits] = {}  # who fits a leaf, a bit a customer
        self._taught: dict[str, Likeness] = {}  # by the audience that taught it
        self._open: list[str] = []  # audiences being resolved, to see a circle

    def over(self, view: ShopView) -> Selector:
        """The same audiences over another view of the same shop, of few customers."""
        other = Selector(view, self._audiences, DuckDBEngine(threads=1), self._broken)
        if isinstance(self._engine, DuckDBEngine):
            other._questions.put_before = self._questions.put_before
        return other

    # -- who ------------------------------------------------------------------------------------

    @property
    def customer_ids(self) -> Strings:
        """Everybody, sorted. Shape: (U,)."""
        return self.view.customer_ids

    def rows(self, rule: Rule) -> I32:
        """Rows of the customers who fit, ascending. Shape: (n,)."""
        answer = self._answer("rows", rule, lambda who: who.select("row"))
        return np.sort(answer["row"].to_numpy())

    def members(self, rule: Rule) -> Strings:
        """Ids of the customers who fit, sorted. Shape: (n,)."""
        members: Strings = self.view.customer_ids[self.rows(rule)]
        return members

    def count(self, rule: Rule) -> int:
        """How many fit."""
        return int(self._answer("count", rule, lambda who: who.aggregate(n=who.count()))["n"][0].as_py())

    def fits(self, rules: Sequence[Rule], row: int | None = None) -> Iterator[Bools]:
        """Of each rule, who fits it: everybody by row, or one customer alone. Shape: (U,) or (1,).

        Of everybody it is kept: a funnel asks the same leaves again and again.
        """
        if row is not None:
            yield from self._fit(rules, row)
            return
        everybody, keys = len(self.view.customer_ids), [_key(rule) for rule in rules]
        new = {key: rule for key, rule in zip(keys, rules, strict=True) if key not in self._fitting}
        for key, who in zip(new, self._fit(list(new.values())), strict=True):
            self._fitting[key] = np.packbits(who)
        for key in keys:
            yield np.unpackbits(self._fitting[key], count=everybody).view(np.bool_)

    def _fit(self, rules: Sequence[Rule], row: int | None = None) -> Iterator[Bools]:
        """As `fits`, kept nowhere.

        Many are asked at once: to say a question in SQL takes longer than to answer it.
        """
        one = "" if row is None else f" WHERE row = {int(row)}"
        for start in range(0, len(rules), _AT_ONCE):
            asked = {f"n{number}": rule for number, rule in enumerate(rules[start : start + _AT_ONCE])}
            key = f"fits {[_key(rule) for rule in asked.values()]}"
            sql = self._put(key, partial(self._told, asked))
            answer = self._engine.arrow(f"SELECT * FROM ({sql}) AS told{one}")
            rows = answer["row"].to_numpy() if row is None else np.zeros(1, np.int32)
            for name in asked:
                fit = np.empty(len(rows), np.bool_)
                fit[rows] = answer[name].to_numpy()
                yield fit

    def _told(self, asked: Mapping[str, Rule]) -> ir.Table:
        """Of everybody whether each rule holds, under its name."""
        return self._customers.select("row", **{name: self.condition(rule) for name, rule in asked.items()})

    def forget(self, more_than: int = 0) -> None:
        """Let go of what leaves found and of the SQL over it, where more than so many are kept."""
        found = [key for key in self._kept if key not in _HISTORIES]
        put = self._questions.put_before
        few = len(put) <= _SQL_FOR_EACH * more_than and len(self._fitting) <= _FITS_FOR_EACH * more_than
        if few and len(found) <= more_than:
            return
        for kept in (put, self._fitting, self._taught):
            kept.clear()
        for key in found:
            self._engine.drop(self._kept.pop(key).get_name())

    def seen(self, leaf: Leaf, row: int) -> dict[str, Any]:
        """What a leaf over histories, models or hashes saw of a customer; histories tell it of who fits."""
        if isinstance(leaf, InBucket):
            return {"bucket": float(buckets(self.view.customer_ids[[row]], leaf.bucket.salt)[0])}
        if isinstance(leaf, InterestedIn | SimilarTo):
            return seen_in(*self.ranked_by(leaf), row)
        found = self.found(leaf)
        rows = self._engine.arrow(self._engine.sql(found.filter(found["row"] == row))).to_pylist()
        return {name: value for name, value in rows[0].items() if name != "row"} if rows else {}

    def seen_of_all(self, leaf: Leaf) -> pa.Table:
        """What such a leaf saw of everybody who fits it: row, and what `seen` tells."""
        return self._engine.arrow(self._engine.sql(self.found(leaf)))

    def table(self, fields: Sequence[str]) -> pa.Table:
        """Of everybody those of some columns that the customers have."""
        known = self.view.customers.column_names
        return self.view.customers.select([name for name in fields if name in known])

    def values(self, field: str, rows: I32) -> pa.ChunkedArray:
        """A field of some customers. Shape: (n,)."""
        self.view.field_named(field)
        if field not in self.view.points:
            return self.view.values(field, rows)
        told = self._customers.select("row", points=self._column(field)).order_by("row")
        points = self._engine.arrow(self._engine.sql(told))["points"].take(rows)
        return points.cast(pa.float64())  # engines add up decimals, which JSON does not know

    def row_of(self, customer_id: str) -> int:
        """The row of a customer; raises as `ShopView.row_of`."""
        return self.view.row_of(customer_id)

    def reasons(self, row: int, model: Explainer) -> Because | None:
        """What tells the reasons of one customer's interests; None without a ranking."""
        return None if self.view.ranking is None else self.view.ranking.reasons(row, model)

    def _answer(self, what: str, rule: Rule, ask: Any) -> pa.Table:
        key = f"{what} {_key(rule)}"
        sql = self._put(key, lambda: ask(self._customers.filter(self.condition(rule))))
        return self._engine.arrow(sql)

    def _put(self, key: str, question: Callable[[], ir.Table]) -> str:
        """The SQL of a question, put once; the tables that it reads are there."""

        def ready(leaf: Leaf) -> ir.Table:
            return self._between(leaf) if isinstance(leaf, Comparison) else self.found(leaf)

        return self._questions.put(key, question, ready)

    # -- the tree -------------------------------------------------------------------------------

    def condition(self, rule: Rule) -> ir.BooleanValue:
        """The rule over the table of customers; never null.

        Raises:
            RuleError: It names what nobody here knows, or goes round in a circle.
        """
        match rule:
            case All() | AnyOf() | NoneOf():
                parts = [self.condition(part) for part in parts_of(rule)]
                joined: Any = reduce(and_ if isinstance(rule, All) else or_, parts)
                return ~joined if isinstance(rule, NoneOf) else joined
            case Comparison():
                return self._compared(rule)
            case WithinKm(within_km=circle):
                for name in ("latitude", "longitude"):
                    self.view.field_named(name)
                return within_km(self._customers["latitude"], self._customers["longitude"], circle)
            case InAudience(audience=name):
                return self.of_audience(name, self.condition)
        return self._customers["row"].isin(self.found(rule)["row"])

    def resolved(self, rule: Rule) -> Rule:
        """The rule with the rules of the audiences that it names in their places.

        Raises:
            RuleError: It names what nobody knows, or goes round in a circle.
        """
        if isinstance(rule, InAudience):
            found: Rule = self.of_audience(rule.audience, self.resolved)
            return found
        parts = parts_of(rule)
        return with_parts(rule, tuple(self.resolved(part) for part in parts)) if parts else rule

    def _compared(self, asked: Comparison) -> ir.BooleanValue:
        """A comparison over the table of customers."""
        field, timezone = self.view.field_named(asked.field), self.view.as_of.timezone
        if self.view.between(field.name) is None:
            return compared(self._column(field.name), field, asked, timezone)
        table = self._between(asked)
        fit = table.filter(compared(table["value"], field, asked, timezone))
        return self._customers["row"].isin(fit["row"])

    def _between(self, asked: Comparison) -> ir.Table:
        """Survival at days between those of the curve: worked out here, the same number on every engine."""
        self._questions.reads(asked)
        name = f"field_{asked.field}"
        if name not in self._kept:
            rows = pa.array(np.arange(len(self.view.customer_ids), dtype=np.int32))
            content = pa.table({"row": rows, "value": self.view.values(asked.field)})
            self._kept[name] = self._engine.table(name, content)
        return self._kept[name]

    def _column(self, field: str) -> Any:
        """A field over the table of customers."""
        weights = self.view.points.get(field)
        if weights is None:
            return self._customers[field]
        return points_of(weights, [self.condition(one.rule) for one in weights])

    def pointed(self, field: str, flags: Sequence[Bools], asked: Comparison | None = None) -> pa.ChunkedArray:
        """Sums of points, or whether they fit, by who fits each of a field's rules. Shape: (n,)."""
        names = [f"n{number}" for number in range(len(flags))]
        rows = pa.array(np.arange(len(flags[0]), dtype=np.int32))
        table = self._engine.table("flags", pa.table([rows, *flags], ["row", *names]))
        points: Any = points_of(self.view.points[field], [table[name] for name in names])
        if asked is not None:
            points = compared(points, self.view.field_named(field), asked, self.view.as_of.timezone)
        answer = self._engine.arrow(self._engine.sql(table.select("row", points=points).order_by("row")))
        self._engine.drop("flags")
        return answer["points"]

    def found(self, leaf: Leaf) -> ir.Table:
        """The rows that fit a leaf over histories, models or hashes, with what was seen; kept."""
        self._questions.reads(leaf)
        key = _key(leaf)
        if key not in self._kept:
            name = f"leaf_{hashlib.sha256(key.encode()).hexdigest()[:16]}"
            match leaf:
                case Purchased(purchased=asked):
                    lines, products = self._history("lines", "purchased"), self._products(asked)
                    sql = self._put(key, lambda: purchased(lines, asked, products))
                case Happened(event=events):
                    check_types(events, self.view.event_types)
                    known, products = self._history("events", "event"), self._products(events)
                    sql = self._put(key, lambda: happened(known, events, products))
                case _:
                    self._kept[key] = self._engine.table(name, self._scored(leaf))
                    return self._kept[key]
            self._kept[key] = self._engine.kept(name, sql)
        return self._kept[key]

    def _scored(self, leaf: Leaf) -> pa.Table:
        """Rows of a leaf that is worked out on arrays: row, and the number behind."""
        if isinstance(leaf, InBucket):
            number = buckets(self.view.customer_ids, leaf.bucket.salt)
            rows = np.flatnonzero((number >= leaf.bucket.start) & (number < leaf.bucket.end))
            return pa.table({"row": rows.astype(np.int32), "bucket": number[rows]})
        assert isinstance(leaf, InterestedIn | SimilarTo)
        return best_of(leaf, *self.ranked_by(leaf))

    def ranked_by(self, leaf: InterestedIn | SimilarTo) -> tuple[str, F64]:
        """What a leaf ranks customers by, and its numbers; NaN of whom it does not rank. Shape: (U,)."""
        if isinstance(leaf, InterestedIn):
            return "probability", self.ranking("interested_in").interest(leaf.interested_in)
        audience = leaf.similar_to.audience
        likeness = self.likeness(audience)(self.ranking("similar_to")).astype(np.float64)
        likeness[self.of_audience(audience, self.rows)] = np.nan
        return "likeness", likeness

    def likeness(self, audience: str) -> Likeness:
        """What tells how like somebody is to an audience's members; learned once.

        Raises:
            RuleError: Nobody is in the audience.
        """
        if audience not in self._taught:
            seed = self.of_audience(audience, self.rows)
            if not len(seed):
                raise RuleError(f"nobody is in the audience {audience!r}: nobody can be like it")
            self._taught[audience] = self.ranking("similar_to").likeness(seed)
        return self._taught[audience]

    def rule_named(self, name: str) -> Rule:
        """The rule of an audience.

        Raises:
            RuleError: There is none of that name, or its file is broken.
        """
        if name in self._broken:
            raise self._broken[name].with_traceback(None)  # else it would grow with every question
        if name not in self._audiences:
            near = nearest(name, self._audiences)
            known = f"did you mean {', '.join(near)}?" if near else f"{len(self._audiences)} are known"
            raise RuleError(f"there is no audience {name!r}", hint=known)
        return self._audiences[name]

    def of_audience(self, name: str, ask: Any) -> Any:
        """What `ask` says of another audience's rule.

        Raises:
            RuleError: There is none of that name, or it leads back to itself.
        """
        rule = self.rule_named(name)
        if name in self._open:
            circle = " -> ".join([*self._open[self._open.index(name) :], name])
            raise RuleError(f"the audience {name!r} leads back to itself: {circle}", hint="break the circle")
        self._open.append(name)
        try:
            return ask(rule)
        finally:
            self._open.pop()

    # -- what leaves need -----------------------------------------------------------------------

    def _history(self, name: str, leaf: str) -> ir.Table:
        """Lines or events, brought in when first asked for."""
        if name not in self._kept:
            content: pa.Table | None = getattr(self.view, name)
            if content is None:
                raise RuleError(f"{leaf}(...) needs the shop's tables", hint="hand over --data DIR")
            self._kept[name] = self._engine.table(name, content)
        return self._kept[name]

    def _products(self, asked: Purchases | Events) -> ir.Table | None:
        """The products named, as a table; None where none is."""
        if not asked.names_products:
            return None
        codes = product_rows(self.view.catalogue, asked, lambda words: self.ranking("keyword").found(words))
        name = f"products_{hashlib.sha256(codes.tobytes()).hexdigest()[:16]}"
        if name not in self._kept:
            self._kept[name] = self._engine.table(name, pa.table({"product": codes}))
        return self._kept[name]

    def ranking(self, leaf: str) -> Ranking:
        """The model's part, for a kind of leaf.

        Raises:
            RuleError: There is none.
        """
        if self.view.ranking is None:
            raise RuleError(f"{leaf} needs scores", hint="score the shop first: intentml score")
        return self.view.ranking


def _key(rule: Rule) -> str:
    return json.dumps(told(rule), sort_keys=True)
