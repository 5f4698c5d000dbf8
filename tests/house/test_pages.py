"""The pages say what is: the README's tree and commands, the changelog, and no path of a machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

NOT_IN_THE_TREE = {".gitignore", ".ci", "src"}  # .ci/run and src/intentml stand there with their paths


@pytest.fixture(scope="module")
def tracked(checkout: Path) -> list[Path]:
    """The files that git keeps, relative to the checkout."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=checkout, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [Path(name) for name in listed.split("\0") if name and (checkout / name).is_file()]


def between(page: str, marker: str) -> str:
    """What stands between a page's markers, without the fence of the code block."""
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```\n<!-- /{marker} -->", page, re.DOTALL)
    assert found, f"README.md has no {marker} block"
    return found.group(1).strip()


@pytest.fixture(scope="module")
def readme(checkout: Path) -> str:
    return (checkout / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def tree(readme: str) -> list[str]:
    """The paths of the README's tree, rooms of the package with the package's folder before them."""
    entries = [line for line in between(readme, "tree").splitlines() if line.strip()]
    return [("src/intentml/" if line.startswith("  ") else "") + line.split()[0] for line in entries]


def test_everything_in_the_readme_tree_is_on_disk(checkout: Path, tree: list[str]) -> None:
    absent = [
        entry
        for entry in tree
        if not (checkout / entry).exists() or (checkout / entry).is_dir() != entry.endswith("/")
    ]
    assert absent == []


def test_every_room_and_top_level_name_is_in_the_readme_tree(tracked: list[Path], tree: list[str]) -> None:
    listed = {entry.rstrip("/") for entry in tree}
    top = {path.parts[0] for path in tracked} - NOT_IN_THE_TREE
    rooms = {"/".join(path.parts[:3]) for path in tracked if path.parts[:2] == ("src", "intentml")}
    rooms -= {"src/intentml/__init__.py", "src/intentml/py.typed"}
    assert (top | rooms) - listed == set()


def test_ci_runs_the_very_command_of_the_readme(checkout: Path, readme: str) -> None:
    """The same lines of .ci/run that find the command, run here on the README."""
    script = (checkout / ".ci" / "run").read_text("utf-8")
    finder = re.search(r"^test_command=\$\((sed .*README\.md)\)$", script, re.MULTILINE)
    assert finder, ".ci/run no longer reads its command from the README"
    found = subprocess.run(
        ["bash", "-c", finder.group(1)], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert found == between(readme, "ci:test")
    assert found.count("\n") == 0
    assert "'.[dev]' -c constraints.txt" in found
    assert found.endswith("poe check")


def test_the_demo_is_one_line_that_installs_with_the_constraints(readme: str) -> None:
    command = between(readme, "ci:demo")
    assert command.count("\n") == 0
    assert "'.[demo]' -c constraints.txt" in command
    assert command.endswith("intentml demo")


def test_the_links_of_the_pages_lead_somewhere(checkout: Path, tracked: list[Path]) -> None:
    dead = [
        f"{page} -> {target}"
        for page in tracked
        if page.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", (checkout / page).read_text("utf-8"))
        if not (checkout / page.parent / target).exists()
    ]
    assert dead == []


def test_the_changelog_opens_with_what_is_not_released(checkout: Path) -> None:
    changelog = (checkout / "CHANGELOG.md").read_text("utf-8")
    sections = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert re.search(r"^### (Added|Changed|Deprecated|Removed|Fixed)$", changelog, re.MULTILINE)


def test_no_file_names_a_path_of_a_machine(checkout: Path, tracked: list[Path]) -> None:
    a_machine = re.compile(r"(?<![\w.}-])/(?:" + "|".join(["work", "root", "home", "Users"]) + r")/\w")
    named = []
    for path in tracked:
        try:
            text = (checkout / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue
        named += [f"{path}:{n}" for n, line in enumerate(text.splitlines(), 1) if a_machine.search(line)]
    assert named == []
