"""What a network is told not to read changes nothing of what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from intentml.model.states import states_of
from intentml.model.tensors import NOW_NUMBERS, ORDER_NUMBERS
from networks import TIMING_NUMBERS, VALUE_NUMBERS, new_network, perturbed, sequences, tensors


def network(*reads: str, encoder: str = "gru"):
    return perturbed(new_network(encoder, reads=reads))


def test_without_orders_every_customer_is_the_same():
    assert not states_of(network("pairs", "time"), sequences()).any()
    assert np.ptp(states_of(network("orders", "pairs", "time"), sequences()), axis=0).min() > 0


def another_time(batch):
    """The same orders in the same order, on other days."""
    orders, now = batch.orders.clone(), batch.now.clone()
    for numbers, names in ((orders, ORDER_NUMBERS), (now, NOW_NUMBERS)):
        of_time = ("gap", "ratio", "age", "idle", "tenure", "weekday", "weekday'")
        columns = [number for number, name in enumerate(names) if name in of_time]
        columns += range(len(names), numbers.shape[-1])  # the day of the year
        numbers[..., columns] += torch.rand(*numbers.shape[:-1], len(columns))
    return replace(batch, orders=orders, now=now, age_days=batch.age_days + 9.0 * batch.mask)


def test_without_time_only_the_order_of_orders_is_left():
    batch = tensors(sequences())
    with torch.inference_mode():
        for encoder in ("gru", "transformer"):
            timeless = network("orders", "pairs", encoder=encoder)
            torch.testing.assert_close(timeless(batch), timeless(another_time(batch)))
            whole = network("orders", "pairs", "time", encoder=encoder)
            assert (whole(batch) - whole(another_time(batch))).abs().max() > 0.01
            shuffled = replace(batch, orders=batch.orders.flip(1))
            assert (timeless(batch) - timeless(shuffled)).abs().max() > 0.01


def test_without_time_what_timing_priors_say_is_read_and_facts_of_the_rhythm_are_not():
    states = torch.zeros(1, 16)
    with torch.inference_mode():
        for reads, heard in (
            (("orders", "pairs"), [0, 4, 5, 6]),
            (("orders", "time"), [0, 1, 2, 3, 4, 5, 6]),
        ):
            value = network(*reads).value
            of_timing = network(*reads).timing
            numbers = torch.zeros(
                TIMING_NUMBERS + VALUE_NUMBERS, TIMING_NUMBERS + VALUE_NUMBERS
            ).fill_diagonal_(1.0)
            nothing = torch.zeros(1, TIMING_NUMBERS + VALUE_NUMBERS)
            said = value(states, numbers) - value(states, nothing)
            assert torch.nonzero(said.abs().amax(1) > 1e-5).flatten().tolist() == heard
            timing = slice(TIMING_NUMBERS)
            said = of_timing(numbers[:, timing]) - of_timing(nothing[:, timing])
            assert torch.nonzero(said.abs().amax(1) > 1e-5).flatten().tolist() == [
                at for at in heard if at < 4
            ]
