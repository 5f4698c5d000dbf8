"""The run scripts of training/, as a person calls them, on a shop of seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import intentml as im
from command_line import answer

AS_OF = "2025-01-01"
SEARCH = """
name = "quick"
recipe = "smoke"
[space."training.learning_rate"]
low = 1e-3
high = 1e-2
log = true
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "shop"
    answer("datasets", "get", "simulated", "--customers", "700", "--seed", "1", "--out", folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("train.sh", "smoke"),
        ("torchrun.sh", "smoke", "2"),
        ("resume.sh", "smoke"),
        ("tune.sh", "quick.toml", "2"),
    ],
    ids=lambda words: words[0],
)
def test_a_run_script_leaves_a_model(
    words: tuple[str, ...], shop: Path, tmp_path: Path, checkout: Path
) -> None:
    script, *rest = words
    (tmp_path / "quick.toml").write_text(SEARCH)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(checkout / "training" / "runs" / script), str(shop), AS_OF, *rest],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    model = im.load_model(tmp_path / "model")
    assert model.predictor.trained_until.iso.startswith(AS_OF)
    assert model.card["network"]["epochs"]
