"""`train` killed in the middle goes on to the very model of a run that nothing disturbed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors import safe_open

from command_line import PROGRAM, answer, run

EPOCHS = 12
SETTINGS = (
    *("--recipe", "smoke", "--as-of", "2024-10-01", "--no-tracking"),
    *("--set", f"training.epochs={EPOCHS}", "--set", f"training.patience={EPOCHS}"),
    *("--set", "training.customers_per_cutoff=2000", "--set", 'priors.kinds=["category","product"]'),
)


def epochs_left(checkpoint: Path) -> int:
    """How many epochs a checkpoint holds, the one before the first not counted."""
    with safe_open(str(checkpoint), "pt") as file:
        return len(json.loads(file.metadata()["state"])["epochs"]) - 1


@pytest.mark.slow
def test_a_training_killed_in_the_middle_goes_on_to_the_model_of_one_that_was_not(tmp_path: Path) -> None:
    shop, model, checkpoint = (tmp_path / name for name in ("shop", "model", "model.checkpoint"))
    answer("datasets", "get", "simulated", "--customers", "1500", "--seed", "1", "--out", shop)
    whole = answer("train", shop, *SETTINGS, "--out", tmp_path / "whole")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), "train", str(shop), *SETTINGS, "--out", str(model), "--resume"]

    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not checkpoint.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert 1 <= epochs_left(checkpoint) < EPOCHS
    assert not model.exists()

    other = run("train", shop, *SETTINGS, "--set", "training.seed=5", "--out", model, "--resume")
    assert other.exit_code == 1
    assert "it differs in recipe" in other.stderr
    assert "without --resume" in other.stderr

    resumed = answer("train", shop, *SETTINGS, "--out", model, "--resume")
    assert resumed["fingerprint"] == whole["fingerprint"]
    for path in (tmp_path / "whole").iterdir():
        assert (model / path.name).read_bytes() == path.read_bytes()
    assert not checkpoint.exists()
