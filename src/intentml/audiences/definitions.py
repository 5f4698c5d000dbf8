"""Definitions in YAML: one thing a file under the file's own name, from the package or of the shop's own.

What comes in: files, and how one thing is made of its name and content. What goes out: things by name. What
is made, an audience or a scenario, is the caller's; every mistake is a `RuleError` with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from intentml.errors import RuleError, nearest

Thing = TypeVar("Thing")
Make = Callable[[str, Any], Thing]

_ENDING = ".yaml"


def yaml_of(text: str, place: str) -> Any:
    """What YAML says.

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
    except ValueError as problem:  # a date that no calendar has
        raise RuleError(f"{place} is no YAML: {problem}") from None
    except RecursionError:
        raise RuleError(f"{place} is nested too deeply") from None


def read_one(path: Path, make: Make[Thing]) -> Thing:
    """The thing of a file, named after it.

    Raises:
        RuleError: The file is missing, cannot be read or holds none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RuleError(f"there is no file {path.name}") from None
    except UnicodeDecodeError:
        raise RuleError(f"{path.name} is no text in UTF-8") from None
    except OSError as problem:
        raise RuleError(f"{path.name} cannot be read: {problem.strerror}") from None
    return make(path.stem, yaml_of(text, path.name))


def shipped(package: str, make: Make[Thing]) -> dict[str, Thing]:
    """What lies in a package's folder `presets`, by name."""
    found = (one for one in (files(package) / "presets").iterdir() if one.name.endswith(_ENDING))
    texts = {one.name: one.read_text(encoding="utf-8") for one in sorted(found, key=lambda one: one.name)}
    names = {place: place.removesuffix(_ENDING) for place in texts}
    return {names[place]: make(names[place], yaml_of(text, place)) for place, text in texts.items()}


def named(name: str, known: Mapping[str, Thing], make: Make[Thing], word: str) -> Thing:
    """The thing of a name, or of a YAML file: a `/` or `.yaml` means a file.

    Args:
        name: What is asked for.
        known: Things by name.
        make: Makes one of a file.
        word: What people call such a thing; `intentml WORD list` shows them.

    Raises:
        RuleError: There is none.
    """
    if "/" in name or name.endswith(_ENDING):
        return read_one(Path(name), make)
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean {', '.join(near)}?" if near else f"intentml {word} list shows them"
        raise RuleError(f"there is no {word} {name!r} among {len(known)}", hint=hint)
    return known[name]


_PLAIN = {
    "extra_forbidden": "there is no such key",
    "missing": "it is required",
    "too_short": "it is empty",
}


def mistakes(problem: ValidationError) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Path and words of each mistake."""
    found = problem.errors(include_url=False)
    # A part that cannot be read leaves its group too short: the part is the mistake.
    for one in [one for one in found if one["type"] != "too_short"] or found:
        yield one["loc"], _PLAIN.get(one["type"]) or _plain(one["msg"])


def _plain(words: str) -> str:
    """The library's words, about what the author wrote."""
    return words.removeprefix("Value error, ").replace("Input should", "it should").replace("tuple", "list")


def told_mistakes(problem: ValidationError) -> str:
    """All mistakes in one line, each after the keys that lead to it."""
    return "; ".join(
        f"{'.'.join(map(str, path))}: {words}" if path else words for path, words in mistakes(problem)
    )
