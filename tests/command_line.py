"""The command line in a test: run in this process, or as a person runs it, in one of its own.

What comes in: the words after `intentml`. What goes out: exit status, stdout, stderr.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from intentml.cli import app

# A file, not -c: without one, libraries take the process for an interactive one and draw their own bars.
# Guarded, as the installed one is: the processes of `tune` read it again.
PROGRAM = """import sys
from intentml.cli import main

if __name__ == "__main__":
    sys.argv[0] = "intentml"
    main()
"""


def run(*words: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def answer(*words: str | Path, status: int = 0) -> Any:
    """The JSON of a command, which must be all of its stdout."""
    result = run(*words, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout, parse_constant=_no_json)


def process(
    tmp_path: Path, *words: str | Path, timeout: float = 120, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return subprocess.run(
        [sys.executable, str(program), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        **options,
    )


def _no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
