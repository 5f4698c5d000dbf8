"""The network: zero before it learns, and a state that is the customer's own whoever stands beside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from intentml.model.encoder import CausalTransformer
from intentml.model.heads import horizon_place
from intentml.model.intent_model import IntentModel
from intentml.model.states import states_of, target_codes
from intentml.model.tensors import OrderTensors
from intentml.sequences.encode import encode_orders
from intentml.sequences.vocabulary import Vocabulary
from intentml.timeline.catalogue import KINDS
from networks import (
    ENCODERS,
    MAX_ORDERS,
    config,
    new_network,
    perturbed,
    sequences,
    shop,
    sizes_of,
    tensors,
    timing_numbers,
)
from tiny import log_of

TOLERANCE = 1e-5


@pytest.fixture(params=ENCODERS)
def network(request) -> IntentModel:
    return new_network(request.param)


@pytest.fixture(params=ENCODERS)
def alive(request) -> IntentModel:
    return perturbed(new_network(request.param))


def states(network: IntentModel, batch: OrderTensors) -> np.ndarray:
    with torch.inference_mode():
        return network(batch).numpy()


def corrections(network: IntentModel, kind: str, days: float) -> list[torch.Tensor]:
    """Of repeat and of explore, for everybody and every target of the shop."""
    snapshot, vocabulary = shop()
    count = len(snapshot.catalogue.targets(kind))
    codes = target_codes(network, vocabulary, snapshot.catalogue, kind, np.arange(count))
    told = torch.from_numpy(states_of(network, sequences()))
    head = network.head(kind)
    with torch.inference_mode():
        place = horizon_place(days)
        vectors = zip((head.repeat, head.explore), head.targets(codes), strict=True)
        return [customers(told, place) @ targets.T for customers, targets in vectors]


# -- before it learns --------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [7, 28, 365])
@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_network_corrects_no_target_at_any_horizon(network, kind, days):
    for correction in corrections(network, kind, days):
        assert correction.shape == (len(sequences()), len(shop()[0].catalogue.targets(kind)))
        assert not correction.any()


def test_an_untrained_network_corrects_no_timing(network):
    told = torch.from_numpy(states_of(network, sequences()))
    assert told.std() > 0.1
    assert not network.hazard(told).any()
    assert not network.timing(torch.from_numpy(timing_numbers(len(told)))).any()


def test_noise_on_the_weights_corrects_everything(alive):
    for kind in KINDS:
        for correction in corrections(alive, kind, 28):
            assert (correction.abs() > 1e-6).all()
    numbers = torch.from_numpy(timing_numbers(len(sequences())))
    assert (alive.hazard(torch.from_numpy(states_of(alive, sequences()))).abs() > 1e-6).all()
    assert (alive.timing(numbers).abs() > 1e-6).all()


def test_a_correction_is_a_straight_line_in_the_place_of_the_horizon(alive):
    for kind in KINDS:
        week, month, quarter = (corrections(alive, kind, days) for days in (7, 28, 112))
        for at in range(2):
            torch.testing.assert_close(month[at], (week[at] + quarter[at]) / 2, atol=1e-4, rtol=1e-4)
            assert (week[at] - quarter[at]).abs().max() > 0.1


# -- one customer, any company -----------------------------------------------------------------------


@pytest.mark.parametrize("columns", [MAX_ORDERS, 13, 32])
def test_a_state_is_the_same_alone_and_in_a_padded_crowd(alive, columns):
    crowd = states(alive, tensors(sequences(), columns=columns))
    assert crowd.std(axis=0).min() > 0.05
    for customer in range(len(sequences())):
        alone = states(alive, tensors(sequences(), [customer]))
        np.testing.assert_allclose(alone[0], crowd[customer], atol=TOLERANCE)


def test_states_stand_in_the_order_of_the_customers_whatever_the_batches(alive):
    long = sequences(max_orders=20)
    assert long.length.min() == 0
    assert long.length.max() > 8  # two buckets
    together = states_of(alive, long)
    for rows in (np.arange(len(long))[::-1], np.array([5, 2, 5])):
        np.testing.assert_allclose(states_of(alive, long.take(rows)), together[rows], atol=TOLERANCE)


def test_what_stands_in_the_padding_is_never_read(alive):
    batch = tensors(sequences(), columns=12)
    assert (~batch.mask).sum() > 50
    padding = ~batch.mask
    noise = torch.Generator().manual_seed(0)
    # One line more in each padded cell, as if an order stood there.
    lines = batch.lines + padding
    cells = torch.repeat_interleave(torch.arange(lines.numel()), lines.flatten().long())
    added = padding.flatten()[cells]
    filled = {}
    for name in ("product", "category", "brand", "price"):
        codes = torch.ones(len(cells), dtype=torch.long)
        codes[~added] = getattr(batch, name)
        filled[name] = codes
    other = replace(
        batch,
        orders=torch.where(
            padding.unsqueeze(-1), 50 * torch.randn(batch.orders.shape, generator=noise), batch.orders
        ),
        age_days=torch.where(padding, 3.0, batch.age_days),
        lines=lines,
        offsets=torch.cumsum(lines.flatten(), 0).long() - lines.flatten().long(),
        **filled,
    )
    np.testing.assert_allclose(states(alive, other), states(alive, batch), atol=1e-6)


def test_an_order_never_looks_at_a_later_one():
    network = perturbed(new_network("transformer"))
    assert isinstance(network.encoder, CausalTransformer)
    seen: list[torch.Tensor] = []
    network.encoder.layers[0].register_forward_hook(lambda layer, given, out: seen.append(out))
    batch = tensors(sequences(), columns=MAX_ORDERS)
    newest = batch.orders.clone()
    newest[:, -1] += 5.0
    before, after = (states(network, one) for one in (batch, replace(batch, orders=newest)))
    torch.testing.assert_close(seen[0][:, :-2], seen[1][:, :-2])
    with_order = batch.mask[:, -1].numpy()
    assert np.abs(before - after)[with_order].max(axis=1).min() > 1e-3
    np.testing.assert_array_equal(before[~with_order], after[~with_order])


def test_everybody_without_an_order_has_the_same_state(alive):
    prospects = np.flatnonzero(sequences().length == 0)
    assert len(prospects) > 5
    told = states_of(alive, sequences())[prospects]
    np.testing.assert_allclose(told, np.broadcast_to(told[0], told.shape), atol=1e-6)


# -- the newest orders ---------------------------------------------------------------------------------


def loyal(old: str, new: str) -> pd.DataFrame:
    """One customer: seven orders of a product, five of another, and somebody who bought both."""
    day = pd.Timestamp("2024-01-01", tz="UTC")
    bought = [("a", n, old if n < 7 else new) for n in range(12)]
    bought += [("b", 0, "tea"), ("b", 1, "cups"), ("b", 2, "hats")]
    return pd.DataFrame(
        {
            "customer_id": [who for who, _, _ in bought],
            "order_id": [f"{who}{n:02d}" for who, n, _ in bought],
            "ordered_at": [day + pd.Timedelta(days=3 * n) for _, n, _ in bought],
            "product_id": [what for _, _, what in bought],
        }
    )


@pytest.mark.parametrize("encoder", ENCODERS)
def test_of_a_long_history_the_newest_orders_alone_are_read(encoder):
    def state(old: str, new: str, max_orders: int) -> np.ndarray:
        log = log_of({"orders": loyal(old, new)})
        snapshot = log.as_of(log.until)
        vocabulary = Vocabulary.fit(snapshot)
        torch.manual_seed(0)
        network = IntentModel(config(encoder), sizes_of(vocabulary), 13)
        products = vocabulary.size("product")
        network.tokens.items.know(torch.arange(products), torch.full((products,), 20.0))
        return states_of(perturbed(network), encode_orders(snapshot, vocabulary, max_orders))[0]

    five, eight = state("tea", "cups", 5), state("tea", "cups", 8)
    np.testing.assert_array_equal(state("hats", "cups", 5), five)
    assert np.abs(state("hats", "cups", 8) - eight).max() > 1e-3
    assert np.abs(state("tea", "hats", 5) - five).max() > 1e-3
