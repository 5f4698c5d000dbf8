"""A few steps of training find a planted law: who bought A last buys B next."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch

from intentml.model.intent_model import IntentModel
from intentml.model.losses import pair_losses, silence_losses
from intentml.model.states import target_codes
from intentml.sequences.encode import OrderSequences, encode_orders
from intentml.sequences.vocabulary import Vocabulary
from intentml.survival import SURVIVAL_DAYS
from intentml.tasks import labels_of, next_order_of
from intentml.timeline import Outcomes, Snapshot
from intentml.timeline.instants import Window
from networks import ENCODERS, config, sizes_of, tensors
from tiny import log_of

DAY = pd.Timestamp("2024-01-01", tz="UTC")
PRODUCTS = np.array(["a", "b"])


@cache
def planted() -> tuple[Snapshot, Vocabulary, OrderSequences, np.ndarray, Outcomes]:
    """Customers with two to five orders in January; on 1 February or a month later they buy the other one.

    Of the two products each customer's earlier orders are drawn. Who bought A last comes back at once.
    """
    rng = np.random.default_rng(0)
    rows = []
    for customer in range(200):
        orders = int(rng.integers(2, 6))
        days = np.sort(rng.choice(29, orders, replace=False))
        products = rng.integers(0, 2, orders)
        last = int(products[-1])
        bought = [*zip(days, products, strict=True), (33 if last == 0 else 75, 1 - last)]
        rows += [(f"c{customer:03d}", day, PRODUCTS[product]) for day, product in bought]
    rows.append(("z", 130, "a"))
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "product_id"])
    frame["ordered_at"] = DAY + pd.to_timedelta(frame.pop("day"), unit="D")
    frame["order_id"] = np.arange(len(frame)).astype(str)
    log = log_of({"orders": frame})
    snapshot = log.as_of("2024-02-01")
    vocabulary = Vocabulary.fit(snapshot)
    outcomes = log.outcomes(snapshot, 90)
    bought = labels_of(snapshot, outcomes).bought["product"].toarray()
    assert outcomes.window == Window(snapshot.as_of, 90)
    return snapshot, vocabulary, encode_orders(snapshot, vocabulary), bought, outcomes


def learner(encoder: str) -> IntentModel:
    torch.manual_seed(0)
    _, vocabulary, sequences, _, _ = planted()
    network = IntentModel(config(encoder, dropout=0.0), sizes_of(vocabulary), len(SURVIVAL_DAYS))
    network.tokens.items.know(torch.arange(3), torch.full((3,), 100.0))
    network.head("product").start(torch.arange(3), torch.eye(3, network.config.rank))
    everybody = tensors(sequences)
    network.tokens.order_numbers.know(everybody.orders[everybody.mask])
    network.tokens.now_numbers.know(everybody.now)
    return network.train()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_who_bought_a_last_buys_b_next(encoder):
    snapshot, vocabulary, sequences, bought, _ = planted()
    network, batch = learner(encoder), tensors(sequences)
    happened = torch.from_numpy(bought.astype(np.float32))
    codes = target_codes(network, vocabulary, snapshot.catalogue, "product", np.arange(2))
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-2)
    losses = []
    for _ in range(40):
        states, head = network(batch), network.head("product")
        repeat, explore = head.targets(codes)
        logits = head.repeat(states, 0.0) @ repeat.T + head.explore(states, 0.0) @ explore.T
        loss = pair_losses(logits, happened).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(np.log(2))
    assert losses[-1] < 0.1 * losses[0]
    assert ((logits.detach() > 0).numpy() == bought).mean() > 0.98


@pytest.mark.parametrize("encoder", ENCODERS)
def test_who_bought_a_last_comes_back_sooner(encoder):
    _, _, sequences, _, outcomes = planted()
    network, batch = learner(encoder), tensors(sequences)
    found = next_order_of(outcomes, SURVIVAL_DAYS)
    told = torch.from_numpy(found.event_bin), torch.from_numpy(found.full_bins)
    assert set(found.event_bin) == {0, 4}  # before day 7, and from day 30 to 45
    prior = torch.full((len(sequences), len(SURVIVAL_DAYS)), 0.2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(100):
        loss = silence_losses(network.hazard(network(batch)), prior, *told).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.35 * losses[0]
    first = network.hazard(network(batch))[:, 0].detach().numpy()
    assert first[found.event_bin == 0].min() > first[found.event_bin == 4].max()
