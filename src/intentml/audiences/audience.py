"""Audiences: rules with a name, from YAML files of the shop's own and the presets of the package.

What comes in: YAML. What goes out: `Audience`s. A file holds one audience under its own name, the file's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intentml.audiences import definitions
from intentml.audiences.bucket import Holdout
from intentml.audiences.definitions import shipped, told_mistakes
from intentml.audiences.parse import parse
from intentml.audiences.rule import Rule, rule_of, told
from intentml.audiences.text import text_of
from intentml.errors import RuleError

NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"


class Audience(BaseModel):
    """A rule with a name.

    Attributes:
        name: In lower case, with dashes.
        title: For people.
        about: Who they are, and what they are good for, in a sentence or two.
        source: Where the definition is from; for presets.
        rule: Who.
        holdout: Share of the members who are not to be contacted, so that the others' gain can be told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME)
    title: str = Field(min_length=1)
    about: str = ""
    source: str = ""
    rule: Rule
    holdout: float = Field(0.0, ge=0, lt=1)

    @property
    def text(self) -> str:
        """The rule in one line."""
        return text_of(self.rule)

    def held_out(self) -> Holdout | None:
        """Which members are not to be contacted; a draw of each audience's own: nobody misses everything."""
        return Holdout(self.holdout, self.name) if self.holdout else None

    @property
    def version(self) -> str:
        """Changes when the rule does, and only then."""
        return hashlib.sha256(json.dumps(told(self.rule), sort_keys=True).encode()).hexdigest()[:12]


def audience_of(name: str, content: Any) -> Audience:
    """An audience from what its YAML says; the rule as a tree or as text.

    Raises:
        RuleError: It is none.
    """
    if not isinstance(content, Mapping):
        raise RuleError(f"the audience {name!r} is no mapping of title, about and rule")
    if "interested" in content:
        raise RuleError(
            f"{name!r} is a family of audiences", hint="name one of them, with --audiences FOLDER"
        )
    rule = content.get("rule")
    try:
        parsed = parse(rule) if isinstance(rule, str) else rule_of(rule)
        return Audience.model_validate({"name": name, **content, "rule": parsed})
    except RuleError as problem:
        raise RuleError(f"audience {name!r}: {problem.message}", hint=problem.hint) from None
    except ValidationError as problem:
        raise RuleError(f"audience {name!r}: {told_mistakes(problem)}") from None


def presets() -> dict[str, Audience]:
    """The audiences that come with the package, by name."""
    return shipped(__package__, audience_of)


def named(name: str, known: Mapping[str, Audience]) -> Audience:
    """The audience of a name, or of a YAML file.

    Raises:
        RuleError: There is none.
    """
    return definitions.named(name, known, audience_of, "audience")


def rules_of(audiences: Iterable[Audience]) -> dict[str, Rule]:
    """Rules by name, for rules that name other audiences."""
    return {audience.name: audience.rule for audience in audiences}
