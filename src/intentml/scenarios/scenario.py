"""Scenarios: what is done when, for whom, after something a customer did.

What comes in: YAML of the shop's own and the presets of the package. What goes out: `Scenario`s, frozen,
which compute nothing. A file holds one scenario under its own name, the file's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from intentml.audiences import definitions
from intentml.audiences.audience import NAME
from intentml.audiences.leaves import Comparison, Frozen, Happened, Purchased
from intentml.audiences.parse import parse
from intentml.audiences.rule import Rule, leaves, rule_of
from intentml.errors import RuleError, TimeError, nearest
from intentml.timeline.waits import Wait
from intentml.traits import FIELDS

AGES = tuple(
    name for name, field in FIELDS.items() if field.unit == "days" and field.meaning.startswith("Days since")
)
"""Traits that count the days since something: what a scenario may start from."""


_ENTERED = re.compile(r"\s*entered\(\s*'((?:[^']|'')+)'\s*\)\s*")


class Entered(Frozen):
    """The customer came into an audience, as its refreshes tell; written `entered('NAME')`."""

    entered: str = Field(min_length=1)


def _rule(told: Any) -> Any:
    """A rule as text or as a tree."""
    try:
        return parse(told) if isinstance(told, str) else rule_of(told)
    except RuleError as problem:
        raise ValueError(problem.message) from None


def _wait(told: Any) -> Any:
    try:
        return told if isinstance(told, Wait) else Wait.of(told)
    except TimeError as problem:
        raise ValueError(f"{problem.message}; {problem.hint}") from None


def _trigger(told: Any) -> Any:
    """The name of an age, what happened, or the audience that was entered."""
    if isinstance(told, str) and told in AGES:
        return told
    if isinstance(told, str) and told.isidentifier():
        near = nearest(told, AGES)
        known = f"did you mean {', '.join(near)}?" if near else f"such as {', '.join(AGES[:3])}"
        raise ValueError(f"{told} counts no days since something; {known}")
    if isinstance(told, Entered):
        return told
    if isinstance(told, Mapping) and "entered" in told:
        if set(told) != {"entered"} or not isinstance(told["entered"], str):
            raise ValueError("entered is the name of an audience, and stands alone")
        return Entered(entered=told["entered"])
    found = _ENTERED.fullmatch(told) if isinstance(told, str) else None
    if found is not None:
        return Entered(entered=found[1].replace("''", "'"))
    leaf = _rule(told)
    if not isinstance(leaf, Happened | Purchased):
        raise ValueError(
            "it is one event(...), purchased(...) or entered('NAME'), or a field that counts the days since"
        )
    return leaf


def _of_histories(told: Any) -> Any:
    rule = _rule(told)
    if not all(isinstance(leaf, Happened | Purchased) for leaf in leaves(rule)):
        raise ValueError("only event(...) and purchased(...) can be asked of the time since the trigger")
    return rule


# Around the whole of each: a mistake is told once, not once for the rule and once for its absence.
Condition = Annotated[Rule | None, BeforeValidator(_rule)]
Since = Annotated[Rule | None, BeforeValidator(_of_histories)]
After = Annotated[Wait, BeforeValidator(_wait)]
MaybeAfter = Annotated[Wait | None, BeforeValidator(_wait)]
Word = Annotated[str, Field(pattern=NAME)]


class Offer(Frozen):
    """What the customer gets off.

    Attributes:
        percent: Of the next order.
        valid_for: From the moment it is handed out; without end if left out.
    """

    percent: float = Field(gt=0, le=100)
    valid_for: MaybeAfter = None


class Step(Frozen):
    """One action.

    Steps of the same name are alternatives: each customer gets at most one of them for each trigger, the
    first in order that is due.

    Attributes:
        name: Within the scenario.
        after: How long after the trigger.
        condition: Of whom, as far as is known when it is evaluated; everybody if left out.
        since_trigger: What purchases and events after the trigger must fit, likewise.
        action: What is to be sent or done: the name of a template, never an address.
        channel: How: mail, sms, push ...
        offer: What comes with it.
    """

    name: Word
    after: After
    condition: Condition = None
    since_trigger: Since = None
    action: Word
    channel: Word
    offer: Offer | None = None


class Scenario(Frozen):
    """Steps after a trigger.

    Attributes:
        name: In lower case, with dashes.
        title: For people.
        about: What it is good for, and what was decided where the source is silent.
        source: Where it is from; for presets.
        trigger: What starts it: a trait that counts the days since something (`recency_days` is the last
            order, `listed_days` the sign-up), `event(...)`, `purchased(...)` or `entered('AUDIENCE')`. The
            newest counts.
        condition: Of whom, at every step.
        expires_after: How long a step stays due.
        again_after: How long after a trigger that led to a step the same step rests for that customer; it
            never rests if left out. Only a ledger knows.
        steps: What is done.
    """

    name: Word
    title: str = Field(min_length=1)
    about: str = ""
    source: str = ""
    trigger: Annotated[str | Happened | Purchased | Entered, BeforeValidator(_trigger)]
    condition: Condition = None
    expires_after: After = Wait(7, "day")
    again_after: MaybeAfter = None
    steps: tuple[Step, ...] = Field(min_length=1)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it names, each once."""
        rules = [self.condition, *(step.condition for step in self.steps)]
        compared = (
            one.field for rule in rules if rule for one in leaves(rule) if isinstance(one, Comparison)
        )
        trigger = [self.trigger] if isinstance(self.trigger, str) else []
        return tuple(dict.fromkeys([*trigger, *compared]))


def scenario_of(name: str, content: Any) -> Scenario:
    """A scenario from what its YAML says.

    Raises:
        RuleError: It is none; every mistake is told with its place.
    """
    if not isinstance(content, Mapping):
        raise RuleError(f"the scenario {name!r} is no mapping of title, trigger and steps")
    try:
        return Scenario.model_validate({"name": name, **content})
    except ValidationError as problem:
        raise RuleError(f"scenario {name!r}: {definitions.told_mistakes(problem)}") from None


def read_scenario(path: Path) -> Scenario:
    """The scenario of a YAML file, named after it.

    Raises:
        RuleError: The file is missing or holds none.
    """
    return definitions.read_one(path, scenario_of)


def presets() -> dict[str, Scenario]:
    """The scenarios that come with the package, by name."""
    return definitions.shipped(__package__, scenario_of)


def named(name: str, known: Mapping[str, Scenario]) -> Scenario:
    """The scenario of a name, or of a YAML file.

    Raises:
        RuleError: There is none.
    """
    return definitions.named(name, known, scenario_of, "scenario")
