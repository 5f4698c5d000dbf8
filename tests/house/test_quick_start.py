"""The command line answers at once: `--help` is fast, and no slow library is loaded to give it."""

from __future__ import annotations

import subprocess
import sys
import time

HELP = "import sys; from intentml.cli import main; sys.argv[0] = 'intentml'; main()"
BAR_S = 0.5
SLOW = (
    "bentoml",
    "duckdb",
    "ibis",
    "lightgbm",
    "matplotlib",
    "mlflow",
    "pandas",
    "scipy",
    "sklearn",
    "torch",
)


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_help_answers_in_under_half_a_second() -> None:
    """Best of five: a busy machine makes a run slower, never faster, so the best is nearest the truth."""
    best_s = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        answer = python(HELP, "--help")
        best_s = min(best_s, time.perf_counter() - start)
        assert answer.returncode == 0, answer.stderr
        assert "interested-in" in answer.stdout
        if best_s < BAR_S:
            break
    assert best_s < BAR_S


def test_help_loads_no_slow_library() -> None:
    code = (
        "import sys\n"
        "from intentml.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        f"print('LOADED', sorted(set({SLOW!r}) & set(sys.modules)))"
    )
    assert "LOADED []" in python(code, "--help").stdout


def test_the_face_loads_no_library_at_all() -> None:
    libraries = {"numpy", "pyarrow", "pydantic", *SLOW}
    code = f"import sys, intentml; print(sorted({libraries!r} & set(sys.modules)))"
    assert python(code).stdout.strip() == "[]"


def test_contracts_work_without_torch() -> None:
    code = "import sys, intentml.tables.contracts, intentml.timeline; print('torch' in sys.modules)"
    assert python(code).stdout.strip() == "False"
