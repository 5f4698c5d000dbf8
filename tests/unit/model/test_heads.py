"""Heads: how a product leans on its category and brand, how a horizon is told, how far a hazard goes."""

from __future__ import annotations

import math

import pytest
import torch

from intentml.model.heads import HazardHead, TargetCodes, horizon_place
from intentml.model.intent_model import IntentModel
from networks import config, new_network, perturbed


def test_a_horizon_is_told_by_its_factor_against_four_weeks():
    assert horizon_place(28) == 0.0
    assert horizon_place(112) == pytest.approx(1.0)
    assert horizon_place(7) == pytest.approx(-1.0)
    assert horizon_place(56) == pytest.approx(0.5)


# -- products ------------------------------------------------------------------------------------------


@pytest.fixture
def network() -> IntentModel:
    """Products 1 and 2 share row 0, as too few bought them; 3 has ten buyers, 4 has ninety."""
    network = perturbed(new_network())
    row, buyers = torch.zeros(6, dtype=torch.long), torch.tensor([0.0, 3, 4, 10, 90, 90])
    row[3:] = torch.tensor([1, 2, 3])
    items = network.tokens.items
    items.product_row, items.product_trust = items.product_row[:6].clone(), items.product_trust[:6].clone()
    items.know(row, buyers)
    return network


def vectors(network: IntentModel, product: list[int], category: list[int], brand: list[int]) -> torch.Tensor:
    """Target vectors of repeat and explore beside each other. Shape: (J, 2 * (rank + 3))."""
    codes = network.product_codes(*map(torch.tensor, (product, category, brand)))
    with torch.inference_mode():
        return torch.cat(network.head("product").targets(codes), dim=1)


def test_an_unknown_or_rare_product_is_its_category_and_brand(network):
    unknown, rare, other_category, other_brand = vectors(network, [0, 2, 2, 2], [1, 1, 2, 1], [2, 2, 2, 1])
    assert torch.equal(unknown, rare)
    assert (unknown - other_category).abs().max() > 0.1
    assert (unknown - other_brand).abs().max() > 0.1


def test_the_row_that_rare_products_share_is_never_read(network):
    before = vectors(network, [0, 1], [1, 2], [2, 1])
    head = network.head("product")
    with torch.no_grad():
        head.own.weight[0] += 9.0
        head.bias.weight[0] += 9.0
    assert torch.equal(vectors(network, [0, 1], [1, 2], [2, 1]), before)


def test_a_product_s_own_row_counts_by_its_buyers(network):
    before = vectors(network, [3, 4], [1, 1], [2, 2])
    head = network.head("product")
    with torch.no_grad():
        head.own.weight += 1.0
    moved = (vectors(network, [3, 4], [1, 1], [2, 2]) - before).amax(dim=1)
    torch.testing.assert_close(moved, torch.tensor([10 / 20, 90 / 100]))


def test_a_history_of_rare_products_is_their_categories_and_brands(network):
    assert network.tokens.items.product_row.tolist() == [0, 0, 0, 1, 2, 3]
    assert network.tokens.items.product_trust.tolist() == pytest.approx([0, 0, 0, 0.5, 0.9, 0.9])


def test_other_kinds_have_a_row_each_and_lean_on_nothing(network):
    head = network.head("brand")
    repeat, explore = head.targets(TargetCodes(torch.tensor([1, 2])))
    assert not torch.equal(repeat[0], repeat[1])
    rank = head.own.embedding_dim
    assert torch.equal(repeat[:, : rank + 1], explore[:, : rank + 1])
    assert not torch.equal(repeat[:, rank + 1 :], explore[:, rank + 1 :])


def test_a_target_s_own_level_grows_with_the_place_of_the_horizon():
    head = new_network().head("brand")
    with torch.no_grad():
        head.bias.weight[1] = torch.tensor([0.5, 0.25, -1.0, 2.0])  # of repeat, of explore
    targets = head.targets(TargetCodes(torch.tensor([1])))
    for place in (-1.0, 0.0, 2.0):
        repeat, explore = (
            (stratum(torch.randn(1, 16), place) @ vector.T).item()
            for stratum, vector in zip((head.repeat, head.explore), targets, strict=True)
        )
        assert (repeat, explore) == pytest.approx((0.5 + 0.25 * place, -1.0 + 2.0 * place))


# -- timing --------------------------------------------------------------------------------------------


def test_no_hazard_changes_by_more_than_e_cubed():
    head = HazardHead(config(), bins=13)
    with torch.no_grad():
        head.linear.weight.fill_(10.0)
        states = torch.stack([torch.full((16,), value) for value in (-100.0, -1e-4, 0.0, 1e-4, 100.0)])
        ratio = head(states)
    assert ratio.shape == (5, 13)
    assert ratio.abs().max() <= 3.0
    assert math.isclose(float(ratio[0, 0]), -3.0, rel_tol=1e-5)
    assert ratio[2].abs().max() == 0.0
    # Near zero it is the plain layer, at the pace of a state of 16 numbers: 16 x 10 x 0.0001 / 4.
    torch.testing.assert_close(ratio[3], torch.full((13,), 0.004), atol=1e-5, rtol=0)
