"""Every command line of pages and run scripts is one that the program takes: the command, and each option."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [
    CHECKOUT / "README.md",
    *sorted(CHECKOUT.glob("*/README.md")),
    *sorted(CHECKOUT.glob("serving/*/README.md")),
]
RUNS = CHECKOUT / "training" / "runs"
SCRIPTS = [*sorted(RUNS.glob("*.sh")), *sorted(RUNS.glob("*.sbatch"))]


def command_lines(page: str) -> list[str]:
    """The lines of a page's shell blocks that call intentml, without their comments."""
    blocks = re.findall(r"^```(?:bash|console)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return [call for block in blocks for call in calls(block)]


def calls(script: str) -> list[str]:
    """What follows `intentml` in the lines of a shell script."""
    lines = re.sub(r"\\\n\s*", "", script).splitlines()
    found = [re.search(r"(?:^|\s|/)intentml (.+)$", line) for line in lines if not line.startswith("#")]
    return [call.group(1).split(" #")[0].strip() for call in found if call]


def pod(path: Path) -> str:
    """The command line of a Kubernetes job's only container."""
    job = yaml.safe_load(path.read_text("utf-8"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return " ".join(container["command"] + container["args"])


@cache
def help_of(command: str) -> str:
    """What `intentml COMMAND --help` prints, on a screen so wide that nothing wraps."""
    wide = {**os.environ, "COLUMNS": "250", "TERM": "dumb", "NO_COLOR": "1"}
    answer = subprocess.run(
        [sys.executable, "-m", "intentml", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=False,
        env=wide,
        timeout=60,
    )
    assert answer.returncode == 0, f"intentml {command} --help: {answer.stderr}"
    return answer.stdout


LINES = sorted(
    {line for page in PAGES for line in command_lines(page.read_text("utf-8"))}
    | {line for script in SCRIPTS for line in calls(script.read_text("utf-8"))}
    | {line for job in RUNS.glob("*.yaml") for line in calls(pod(job))}
)


def test_command_lines_are_found_on_a_page() -> None:
    block = "```bash\npython3 -m venv v && v/bin/intentml demo\nintentml score D --out S  # why\n```\n"
    page = block + "intentml not this\n"
    assert command_lines(page) == ["demo", "score D --out S"]


def test_command_lines_are_found_in_a_script() -> None:
    assert calls("# intentml not this\ntorchrun -n 2 \\\n  -m intentml train D --out M\n") == [
        "train D --out M"
    ]
    assert {path.suffix for path in RUNS.iterdir()} == {".sh", ".sbatch", ".yaml"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_run_script_is_one_that_the_shell_reads(script: Path) -> None:
    read = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_pages_is_one_that_the_program_takes(line: str) -> None:
    words = line.split()
    command = (
        " ".join(words[:2]) if words[0] in {"audience", "datasets", "key", "orders", "scenario"} else words[0]
    )
    known = set(re.findall(r"--[a-z][a-z-]*", help_of(command)))
    assert set(re.findall(r"--[a-z][a-z-]*", line)) - known == set()
