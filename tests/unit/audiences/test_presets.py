"""The presets: every one at work on the simulated shop, and every number of their sources on people by hand.

People made by hand are called after what they did; an age such as `7` is that many days before as_of, and
`7+` one second more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from intentml.audiences.audience import presets, rules_of
from intentml.audiences.audiences import Audiences
from intentml.audiences.leaves import Comparison
from intentml.audiences.parse import parse
from intentml.audiences.rule import leaves
from intentml.audiences.scored import view_of
from intentml.audiences.selector import Selector
from intentml.datasets.simulated import SimulatedShop, simulate_shop
from intentml.scores.stages import LifecycleLimits, ReturnTimes, lifecycle
from intentml.tables.read import shop_from_frames
from intentml.timeline import OrderLog, known_by
from intentml.traits import FIELDS
from intentml.workflows import score, train
from tiny import log_of

PRESETS = presets()
AS_OF = "2024-06-01"
# The simulated shop sells nothing that dear, so its average orders are small or medium.
NOBODY_IN_THE_SIMULATED_SHOP = {"large-ticket"}


# -- every preset, on the simulated shop ----------------------------------------------------------


@pytest.fixture(scope="module")
def simulated() -> Audiences:
    tables = simulate_shop(SimulatedShop(customers=1_500, products_per_type=6, seed=1))
    log = OrderLog.from_tables(
        shop_from_frames(
            orders=tables.orders, products=tables.products, customers=tables.customers, events=tables.events
        )
    )
    quick = ["priors.horizons_days=[28]", "priors.windows=1", "priors.sample_per_window=1000"]
    model = train(log, as_of="2025-03-01", settings=quick)
    scores = score(model, log, as_of="2025-03-01", horizon_days=28)
    return Audiences(view_of(known_by(log, "2025-03-01"), scores), PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_text_that_reads_back_says_who_and_whence_and_names_known_fields(name):
    preset = PRESETS[name]
    assert parse(preset.text) == preset.rule
    assert len(preset.about) > 20
    assert preset.source[0] in "COSK"
    assert preset.source[1:3].isdigit()
    named = {leaf.field for leaf in leaves(preset.rule) if isinstance(leaf, Comparison)}
    assert named <= set(FIELDS)


def test_every_preset_is_usable_on_the_simulated_shop_and_finds_somebody_and_not_everybody(simulated):
    found = simulated.usable()
    everybody = len(simulated.view.customer_ids)
    assert set(found) == set(PRESETS)
    assert {name for name, count in found.items() if count == 0} == NOBODY_IN_THE_SIMULATED_SHOP
    odd = {name: count for name, count in found.items() if not isinstance(count, int) or count >= everybody}
    assert odd == {}


def members(audiences: Audiences, *names: str) -> set[str]:
    """Whoever is in one of the audiences."""
    return {one for name in names for one in audiences.selector.members(audiences.find(name).rule)}


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("slipping-or-lost", ["incentive-low", "incentive-medium", "incentive-high"]),
        ("lost", ["fast-churn", "late-churn"]),
        ("cart-abandoners", ["abandoned-cart-regular", "abandoned-cart-not-regular"]),
    ],
)
def test_groups_that_get_different_letters_share_nobody(simulated, whole, parts):
    groups = [members(simulated, part) for part in parts]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert set().union(*groups) <= members(simulated, whole)
    if whole != "cart-abandoners":  # a regular customer's cart rests 15 days after an order
        assert set().union(*groups) == members(simulated, whole)


@pytest.mark.parametrize(
    ("preset", "bought", "missing"),
    [
        ("bike-without-lock", "bike", "Bike locks"),
        ("guitar-without-case", "guitar", "Guitar cases"),
        ("tent-without-repellent", "tent", "Mosquito repellents"),
    ],
)
def test_cross_sell_finds_who_bought_the_one_and_not_the_other(simulated, preset, bought, missing):
    view = simulated.view
    lines = view.lines.to_pandas()
    paths = pd.Series(view.catalogue.paths).fillna("")
    product = lines["product"].astype("Int64")
    text = product.map(pd.Series(view.catalogue.names).fillna("") + " " + paths).str.lower()
    has = set(lines["row"][text.str.contains(rf"\b{bought}s?\b", na=False)])
    lacks = set(lines["row"][product.map(paths).str.endswith(missing, na=False)])
    assert members(simulated, preset) == set(view.customer_ids[sorted(has - lacks)])
    assert has & lacks
