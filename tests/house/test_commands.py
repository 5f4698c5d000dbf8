"""Every command line on the pages is one that the program takes: the command is there, and each option."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = [CHECKOUT / "README.md", *sorted(CHECKOUT.glob("*/README.md"))]
RUN = "import sys; from intentml.cli import main; sys.argv[0] = 'intentml'; main()"


def command_lines(page: str) -> list[str]:
    """The lines of a page's shell blocks that call intentml, without their comments."""
    blocks = re.findall(r"^```(?:bash|console)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    calls = [re.search(r"(?:^|\s|/)intentml (.+)$", line) for block in blocks for line in block.splitlines()]
    return [call.group(1).split(" #")[0].strip() for call in calls if call]


@cache
def help_of(command: str) -> str:
    """What `intentml COMMAND --help` prints, on a screen so wide that nothing wraps."""
    wide = {**os.environ, "COLUMNS": "250", "TERM": "dumb", "NO_COLOR": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", RUN, *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=False,
        env=wide,
        timeout=60,
    )
    assert answer.returncode == 0, f"intentml {command} --help: {answer.stderr}"
    return answer.stdout


LINES = sorted({line for page in PAGES for line in command_lines(page.read_text("utf-8"))})


def test_command_lines_are_found_on_a_page() -> None:
    block = "```bash\npython3 -m venv v && v/bin/intentml demo\nintentml score D --out S  # why\n```\n"
    page = block + "intentml not this\n"
    assert command_lines(page) == ["demo", "score D --out S"]


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_pages_is_one_that_the_program_takes(line: str) -> None:
    words = line.split()
    command = " ".join(words[:2]) if words[0] in {"datasets", "audience"} else words[0]
    known = set(re.findall(r"--[a-z][a-z-]*", help_of(command)))
    assert set(re.findall(r"--[a-z][a-z-]*", line)) - known == set()
