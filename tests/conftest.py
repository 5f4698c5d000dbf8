"""What every test shares: one thread, calm hypothesis, a tracking store aside, and the folder of real data.

The thread settings stand before any import of a numeric library, which reads them once; two busy
threads on two shared cores are slower than one.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_variable] = "1"
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# A deadline per example measures the machine, not the code; in CI the same examples come every time.
settings.register_profile("intentml", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("intentml")

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def tracking_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of the runs of all tests: the checkout and the user's own store stay as they are."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('tracking') / 'mlflow.db'}"
    os.environ["MLFLOW_TRACKING_URI"] = uri
    return uri


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The repository's top folder."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real order histories: `INTENTML_TEST_DATA`, else shared/data beside the checkout."""
    folder = Path(os.environ.get("INTENTML_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real data here: put it in shared/data beside the checkout, or set INTENTML_TEST_DATA")
    return folder
