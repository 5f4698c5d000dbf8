"""`torchrun ... -m intentml train`: two processes come to the model of one, also when they are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from mlflow import MlflowClient
from safetensors.numpy import load_file

import intentml as im
from random_shop import random_shop

TRAIN = (
    *("-m", "intentml", "train", "shop", "--as-of", "2024-03-31", "--recipe", "smoke"),
    *("--set", "priors.windows=1", "--set", "training.epochs=4", "--set", "training.patience=4"),
)
NO_DROPOUT = ("--set", "model.dropout=0")
# As the script of the package's environment does it, wherever that lies.
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torchrun")
    (folder / "shop").mkdir()
    for name, frame in random_shop(1, customers=200, products=12, lines=3000).items():
        frame.to_csv(folder / "shop" / f"{name}.csv", index=False)
    return folder


def run(base: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command that must end well."""
    done = subprocess.run(words, cwd=base, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


def card(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "predictor.json").read_text())


@pytest.mark.slow
def test_two_processes_come_to_the_model_of_one(base: Path, tracking_store: str) -> None:
    """Told once, written once, one run; the numbers differ by rounding alone."""
    client = MlflowClient(tracking_uri=tracking_store)
    run(base, sys.executable, *TRAIN, *NO_DROPOUT, "--out", "one", "--no-tracking")
    told = run(base, *TORCHRUN, *TRAIN, *NO_DROPOUT, "--out", "two", "--json").stdout
    body = json.loads(told)
    assert body["fingerprint"] == im.load_model(base / "two").fingerprint
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    mine = [one for one in runs if one.data.tags.get("fingerprint") == body["fingerprint"]]
    assert [one.info.run_id for one in mine] == [body["run"]["run_id"]]
    one, two = (card(base / name)["network"]["epochs"] for name in ("one", "two"))
    for left, right in zip(one, two, strict=True):
        assert right["train_loss"] == pytest.approx(left["train_loss"], rel=1e-4)
        assert right["validation"] == pytest.approx(left["validation"], rel=1e-4)
    assert one[-1]["validation"]["loss"] != 1.0
    left, right = (load_file(base / name / "weights.safetensors") for name in ("one", "two"))
    for name, weights in left.items():
        np.testing.assert_allclose(right[name], weights, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_two_processes_that_were_killed_go_on_to_the_same_model(base: Path) -> None:
    command = (*TORCHRUN, *TRAIN, "--no-tracking", "--out")
    run(base, *command, "whole")
    killed = subprocess.Popen(
        (*command, "cut"), cwd=base, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 120
    while not (base / "cut.checkpoint").is_file() and time.monotonic() < end:
        time.sleep(0.01)
    for process in (*psutil.Process(killed.pid).children(recursive=True), psutil.Process(killed.pid)):
        process.kill()
    killed.wait()
    assert not (base / "cut").exists()
    run(base, *command, "cut", "--resume")
    assert card(base / "cut")["network"]["epochs"] == card(base / "whole")["network"]["epochs"]
    assert im.load_model(base / "cut").fingerprint == im.load_model(base / "whole").fingerprint
    assert not (base / "cut.checkpoint").exists()
