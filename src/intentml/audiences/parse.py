"""Text to rule: the way back from `text`, by recursive descent.

What comes in: one line or several. What goes out: a rule. NOT binds tighter than AND, AND tighter than OR;
brackets make groups of their own. A mistake is told with its place and what was expected there.

    rule        = conjunction (OR conjunction)*
    conjunction = part (AND part)*
    part        = NOT part | (rule) | ALL(rule, ...) | ANY(rule, ...) | NONE(rule, ...) | leaf
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from intentml.audiences.leaves import OPERATORS, WITHOUT_VALUE
from intentml.audiences.rule import MAX_DEPTH, Rule, rule_of
from intentml.errors import RuleError

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?%?)
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_GROUPS = ("all", "any", "none")
# Longest first: `not between` before `not`.
_OPERATORS = sorted(OPERATORS, key=lambda op: -len(op.split()))
# Arguments that take names, and those that take bounds.
_NAMED = ("type", "product", "category", "brand", "page_type", "source", "campaign_id")
_BOUNDED = ("orders", "quantity", "spend", "count", "value")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def word(self) -> str:
        """In lower case where it is a word or sign; quoted text is never one."""
        return self.text.lower() if self.kind in ("word", "sign") else ""


def parse(text: str) -> Rule:
    """The rule that the text says.

    Raises:
        RuleError: The text is none.
    """
    reader = _Reader(text, list(_tokens(text)))
    told = reader.rule(0)
    if not reader.at_end:
        raise reader.expected("AND, OR or the end")
    return rule_of(told)


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            why = "a quote is not closed" if text[start] in "'\"" else f"{text[start]!r} means nothing here"
            raise RuleError(f"{why}, at character {start + 1}: {_around(text, start)}")
        yield _Token(found.lastgroup, found[found.lastgroup], found.start(found.lastgroup))
        at = found.end()


class _Reader:
    """The tokens, and how far they are read."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text, self._tokens, self._at = text, tokens, 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._tokens)

    def expected(self, what: str) -> RuleError:
        """The mistake at the place reached."""
        if self.at_end:
            return RuleError(f"the rule ends too early: expected {what}")
        token = self._tokens[self._at]
        place = f"at character {token.start + 1}: {_around(self._text, token.start)}"
        return RuleError(f"expected {what}, found {token.text!r} {place}")

    # -- groups ---------------------------------------------------------------------------------

    def rule(self, depth: int) -> dict[str, Any]:
        return self._joined("or", "any", lambda: self._joined("and", "all", lambda: self._part(depth)))

    def _joined(self, word: str, key: str, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        parts = [read()]
        while self._took(word):
            parts.append(read())
        return parts[0] if len(parts) == 1 else {key: parts}

    def _part(self, depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise RuleError(f"the rule nests deeper than {MAX_DEPTH} levels", hint="write it flatter")
        if self._took("not"):
            return {"none": [self._part(depth + 1)]}
        if self._took("("):
            inside = self.rule(depth + 1)
            self._take(")")
            return inside
        function = self._word(1) == "(" and self._word()
        if function in _GROUPS:
            self._at += 2
            parts = [self.rule(depth + 1)]
            while self._took(","):
                parts.append(self.rule(depth + 1))
            self._take(")")
            return {function: parts}
        if function:
            return self._function(function)
        return self._comparison()

    # -- leaves ---------------------------------------------------------------------------------

    def _function(self, name: str) -> dict[str, Any]:
        if name not in _FUNCTIONS:
            raise self.expected(f"one of {', '.join((*_GROUPS, *_FUNCTIONS))} before a bracket")
        self._at += 2
        told: dict[str, Any] = _FUNCTIONS[name](self)
        self._take(")")
        return told

    def _comparison(self) -> dict[str, Any]:
        if self.at_end or self._tokens[self._at].kind not in ("word", "quoted"):
            raise self.expected("a field, NOT or a bracket")
        field = self._name()
        op = next((op for op in _OPERATORS if self._took(*op.split())), None)
        if op is None:
            if not self._took("<>"):
                raise self.expected(f"an operator after {field!r} ({', '.join(OPERATORS)})")
            op = "!="
        if op in WITHOUT_VALUE:
            return {"field": field, "op": op}
        if op.endswith("between"):
            low = self._value()
            self._take("and")
            return {"field": field, "op": op, "value": [low, self._value()]}
        return {"field": field, "op": op, "value": self._list() if op in ("in", "not in") else self._value()}

    def purchased(self) -> dict[str, Any]:
        return {"purchased": {} if self._word() == ")" else self._arguments({})}

    def event(self) -> dict[str, Any]:
        return {"event": self._arguments({}, first="type")}

    def interested_in(self) -> dict[str, Any]:
        return {"interested_in": self._arguments({}, first="keyword")}

    def similar_to(self) -> dict[str, Any]:
        told = {"audience": self._string()}
        self._take(",")
        return {"similar_to": self._arguments(told)}

    def within_km(self) -> dict[str, Any]:
        told = {"latitude": self._number()}
        for name in ("longitude", "km"):
            self._take(",")
            told[name] = self._number()
        return {"within_km": told}

    def bucket(self) -> dict[str, Any]:
        salt = self._string()
        self._take(",")
        start = self._share()
        self._take("to")
        return {"bucket": {"salt": salt, "start": start, "end": self._share()}}

    def audience(self) -> dict[str, Any]:
        return {"audience": self._string()}

    # -- arguments ------------------------------------------------------------------------------

    def _arguments(self, told: dict[str, Any], first: str | None = None) -> dict[str, Any]:
        """Arguments up to the closing bracket; text alone in the first place is the one named `first`."""
        if first and not self.at_end and self._tokens[self._at].kind == "text":
            told[first] = self._string() if first == "keyword" else [self._string()]
            if not self._took(","):
                return told
        self._argument(told)
        while self._took(","):
            self._argument(told)
        return told

    def _argument(self, told: dict[str, Any]) -> None:
        place = self._at
        for name, value in self._read_argument():
            if name in told:
                self._at = place
                raise self.expected(f"{name} only once")
            told[name] = value

    def _read_argument(self) -> Iterator[tuple[str, Any]]:
        if self._took("last"):
            yield "last_days", self._days()
        elif self._took("before", "last"):
            yield "before_last_days", self._days()
        elif self._took("horizon"):
            yield "horizon_days", self._days()
        elif self._took("top"):
            share = not self.at_end and self._tokens[self._at].text.endswith("%")
            yield ("top_share", self._share()) if share else ("top", self._number())
        elif self._took("probability", ">="):
            yield "min_probability", self._share()
        elif self._took("keyword", "="):
            yield "keyword", self._string()
        elif (name := self._word()) in _NAMED:
            self._at += 1
            yield name, self._list() if self._took("in") else [self._equal()]
        elif name in _BOUNDED:
            self._at += 1
            yield name, self._bounds(name)
        else:
            raise self.expected("an argument, such as brand = 'Nike', last 90 days or orders >= 2")

    def _bounds(self, name: str) -> dict[str, Any]:
        """`name >= 2`, `name <= 5`, `name = 3`; both ends as two arguments, one after the other."""
        if self._took("="):
            exact = self._number()
            return {"at_least": exact, "at_most": exact}
        if self._took("<="):
            return {"at_most": self._number()}
        if not self._took(">="):
            raise self.expected(f">=, <= or = after {name}")
        told = {"at_least": self._number()}
        if self._word() == "," and self._word(1) == name and self._word(2) == "<=":
            self._at += 3
            told["at_most"] = self._number()
        return told

    def _equal(self) -> str:
        self._take("=")
        return self._string()

    def _days(self) -> float:
        days = self._number()
        if not self._took("days") and not self._took("day"):
            raise self.expected("days: windows count in days, such as last 14 days")
        return days

    # -- tokens ---------------------------------------------------------------------------------

    def _word(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._tokens[place].word if place < len(self._tokens) else ""

    def _took(self, *words: str) -> bool:
        """Go on past these words, if they are the next."""
        if all(self._word(ahead) == word for ahead, word in enumerate(words)):
            self._at += len(words)
            return True
        return False

    def _take(self, word: str) -> None:
        if not self._took(word):
            raise self.expected(repr(word))

    def _next(self, kinds: tuple[str, ...], what: str) -> str:
        if self.at_end or self._tokens[self._at].kind not in kinds:
            raise self.expected(what)
        self._at += 1
        return self._tokens[self._at - 1].text

    def _name(self) -> str:
        found = self._next(("word", "quoted"), "a field")
        return found[1:-1].replace('""', '"') if found.startswith('"') else found

    def _string(self) -> str:
        return self._next(("text",), "text in quotes")[1:-1].replace("''", "'")

    def _number(self) -> float | int:
        found = self._next(("number",), "a number")
        if found.endswith("%"):
            self._at -= 1
            raise self.expected("a number, not a percentage")
        return int(found) if re.fullmatch(r"[-+]?\d{1,300}", found) else float(found)

    def _share(self) -> float:
        """A percentage, or a number."""
        found = self._next(("number",), "a percentage, such as 20%")
        try:
            return float(Decimal(found[:-1]) / 100) if found.endswith("%") else float(found)
        except ArithmeticError:
            self._at -= 1
            raise self.expected("a percentage, such as 20%") from None

    def _value(self) -> Any:
        if self._took("true"):
            return True
        if self._took("false"):
            return False
        if not self.at_end and self._tokens[self._at].kind == "word":
            return self._next(("word",), "a value")
        return self._string() if not self.at_end and self._tokens[self._at].kind == "text" else self._number()

    def _list(self) -> list[Any]:
        self._take("(")
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._take(")")
        return values


_FUNCTIONS: dict[str, Callable[[_Reader], dict[str, Any]]] = {
    "purchased": _Reader.purchased,
    "event": _Reader.event,
    "interested_in": _Reader.interested_in,
    "similar_to": _Reader.similar_to,
    "within_km": _Reader.within_km,
    "bucket": _Reader.bucket,
    "audience": _Reader.audience,
}


def _around(text: str, start: int) -> str:
    """The rule near the mistake."""
    left, right = max(0, start - 20), start + 20
    return f"{'...' if left else ''}{text[left:right]!r}{'...' if right < len(text) else ''}"
