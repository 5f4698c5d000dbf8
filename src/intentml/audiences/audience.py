"""Audiences: rules with a name, from YAML files of the shop's own and the presets of the package.

What comes in: YAML. What goes out: `Audience`s. A file holds one audience under its own name, the file's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intentml.audiences.parse import parse
from intentml.audiences.rule import Rule, rule_of, told
from intentml.audiences.text import text_of
from intentml.errors import RuleError, nearest

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
    rule = content.get("rule")
    try:
        parsed = parse(rule) if isinstance(rule, str) else rule_of(rule)
        return Audience.model_validate({"name": name, **content, "rule": parsed})
    except RuleError as problem:
        raise RuleError(f"audience {name!r}: {problem.message}", hint=problem.hint) from None
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RuleError(f"audience {name!r}: {place}: {first['msg']}") from None


def read_audience(path: Path) -> Audience:
    """The audience of a YAML file, named after it.

    Raises:
        RuleError: The file is missing or holds none.
    """
    try:
        return audience_of(path.stem, yaml_of(path.read_text(encoding="utf-8"), str(path)))
    except FileNotFoundError:
        raise RuleError(f"there is no file {path}") from None


def read_folder(folder: Path) -> dict[str, Audience]:
    """Every audience of a folder, by name."""
    if not folder.is_dir():
        raise RuleError(f"there is no folder {folder}")
    return {path.stem: read_audience(path) for path in sorted(folder.glob("*.yaml"))}


def presets() -> dict[str, Audience]:
    """The audiences that come with the package, by name."""
    shipped = (one for one in (files(__package__) / "presets").iterdir() if one.name.endswith(".yaml"))
    return {
        one.name.removesuffix(".yaml"): audience_of(
            one.name.removesuffix(".yaml"), yaml_of(one.read_text(encoding="utf-8"), one.name)
        )
        for one in sorted(shipped, key=lambda one: one.name)
    }


def named(name: str, known: Mapping[str, Audience]) -> Audience:
    """The audience of a name, or of a YAML file: a `/` or `.yaml` means a file.

    Raises:
        RuleError: There is none.
    """
    if "/" in name or name.endswith(".yaml"):
        return read_audience(Path(name))
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean {', '.join(near)}?" if near else "intentml audience list shows them"
        raise RuleError(f"there is no audience {name!r} among {len(known)}", hint=hint)
    return known[name]


def rules_of(audiences: Iterable[Audience]) -> dict[str, Rule]:
    """Rules by name, for rules that name other audiences."""
    return {audience.name: audience.rule for audience in audiences}


def yaml_of(text: str, place: str) -> Any:
    """What a YAML text says.

    Raises:
        RuleError: It is none.
    """
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise RuleError(f"{place} is no YAML{where}: {getattr(problem, 'problem', problem)}") from None
