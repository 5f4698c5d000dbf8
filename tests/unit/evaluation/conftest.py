"""The shop of `fortunes`, what happens in its window, and predictors who know it or do not."""

from __future__ import annotations

import numpy as np
import pytest

from fortunes import AS_OF, HORIZON, SURE, Fortune, finger_shop, told_by
from intentml.tasks import Labels, labels_of
from intentml.timeline import OrderLog, Snapshot, Window


@pytest.fixture(scope="session")
def shop() -> OrderLog:
    return finger_shop()


@pytest.fixture(scope="session")
def window(shop: OrderLog) -> Window:
    return Window(shop.instant(AS_OF), HORIZON)


@pytest.fixture(scope="session")
def snapshot(shop: OrderLog) -> Snapshot:
    return shop.as_of(AS_OF)


@pytest.fixture(scope="session")
def labels(shop: OrderLog, snapshot: Snapshot) -> Labels:
    return labels_of(snapshot, shop.outcomes(snapshot, HORIZON))


@pytest.fixture(scope="session")
def perfect(labels: Labels) -> Fortune:
    return told_by("perfect", labels, lambda sign: SURE * sign)


@pytest.fixture(scope="session")
def upside_down(labels: Labels) -> Fortune:
    return told_by("upside_down", labels, lambda sign: -SURE * sign)


@pytest.fixture(scope="session")
def constant(labels: Labels) -> Fortune:
    return told_by("constant", labels, np.zeros_like)


@pytest.fixture(scope="session")
def noisy(labels: Labels) -> Fortune:
    rng = np.random.default_rng(0)
    return told_by("noisy", labels, lambda sign: sign + rng.normal(0.0, 2.0, sign.shape))


@pytest.fixture(scope="session")
def contenders(perfect, constant, noisy, upside_down):
    """The recipe is noisy; one baseline has a single head."""
    alone = Fortune("timing", no_order=constant.no_order)
    return {"noisy": noisy, "constant": constant, "perfect": perfect, "timing": alone}
