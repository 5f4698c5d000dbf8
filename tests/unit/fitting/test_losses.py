"""The sampled loss stands for all targets; where they are few nothing is sampled."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from scipy import sparse

from intentml.fitting.examples import CandidatePairs, TargetExamples, TimingExamples
from intentml.fitting.losses import TIMING, draw, head_losses, head_names, told_of
from intentml.model.intent_model import IntentModel, Sizes
from intentml.prediction import ParentTerm, TargetScores
from intentml.survival import SURVIVAL_DAYS
from networks import config

CUSTOMERS, PRODUCTS, DAYS = 12, 80, 28


def sparse_of(rng: np.random.Generator, density: float, columns: int = PRODUCTS) -> sparse.csr_array:
    return sparse.csr_array(rng.random((CUSTOMERS, columns)) < density)


@cache
def network() -> IntentModel:
    """Every product with a row of its own, all weights alive."""
    torch.manual_seed(0)
    sizes = Sizes(
        PRODUCTS + 1,
        4,
        3,
        1,
        PRODUCTS + 1,
        True,
        2,
        1,
        3,
        {"product": PRODUCTS + 1, "category": PRODUCTS + 1},
        {"product": ["count", "order", "rate"], "category": ["count", "order", "rate"]},
    )
    made = IntentModel(config(), sizes, len(SURVIVAL_DAYS)).eval()
    made.tokens.items.know(torch.arange(PRODUCTS + 1), torch.arange(PRODUCTS + 1) * 3.0)
    with torch.no_grad():
        for weight in made.parameters():
            weight += 0.4 * torch.randn_like(weight)
    return made


@cache
def examples(kind: str = "product") -> TargetExamples:
    """Random logits in all their parts, purchases on and off the history, buyers falling by product."""
    rng = np.random.default_rng(7)
    seen = sparse_of(rng, 0.15)
    additions = seen.astype(np.float32)
    additions.data = rng.normal(size=seen.nnz).astype(np.float32)
    parents = sparse.csr_array(rng.normal(size=(CUSTOMERS, 3)).astype(np.float32))
    prior = TargetScores(
        kind,
        np.array([f"p{number:03d}" for number in range(PRODUCTS)], dtype=object),
        rng.normal(size=(CUSTOMERS, 2)).astype(np.float32),
        rng.normal(size=(PRODUCTS, 2)).astype(np.float32),
        additions,
        (ParentTerm("category", parents, rng.integers(-1, 3, PRODUCTS).astype(np.int32)),),
    )
    own = torch.arange(1, PRODUCTS + 1)
    codes = network().product_codes(own, own % 4, own % 3)
    return TargetExamples(
        kind=kind,
        horizon_days=DAYS,
        prior=prior,
        bought=sparse_of(rng, 0.1),
        seen=seen,
        buyers_before=rng.permutation(PRODUCTS).astype(np.int64) + 5,
        codes=codes if kind == "product" else type(codes)(own),
        candidates=candidates(rng, seen),
    )


def candidates(rng: np.random.Generator, seen: sparse.csr_array) -> CandidatePairs:
    """The pairs with history and some others, with random numbers."""
    pairs = (seen + sparse_of(rng, 0.1)).tocsr()
    pairs.sort_indices()
    numbers = rng.normal(size=(pairs.nnz, 3)).astype(np.float32)
    return CandidatePairs(
        pairs.indptr.astype(np.int64),
        pairs.indices.astype(np.int64),
        numbers[:, :1].astype(np.float16),
        numbers[:, 1:],
    )


@cache
def timing() -> TimingExamples:
    rng = np.random.default_rng(8)
    hazard = rng.gamma(1.0, 0.2, (CUSTOMERS, len(SURVIVAL_DAYS))).astype(np.float32)
    numbers = rng.normal(size=(CUSTOMERS, 2)).astype(np.float32)
    return TimingExamples(hazard, rng.integers(0, 14, CUSTOMERS), rng.integers(0, 14, CUSTOMERS), numbers)


def loss_of(most: int, seed: int, customers: np.ndarray, kind: str = "product") -> torch.Tensor:
    states = torch.randn(len(customers), 16, generator=torch.Generator().manual_seed(3))
    drawn = {(kind, DAYS): draw(examples(kind), most, np.random.default_rng(seed))}
    return losses_by_name(states, customers, drawn)[f"{kind}_{DAYS}d"]


def losses_by_name(states, customers, drawn) -> dict[str, torch.Tensor]:
    told = told_of(customers, timing(), drawn, states.device)
    return dict(zip(head_names(drawn), head_losses(network(), states, told), strict=True))


SOME = np.array([3, 0, 7, 11])


def test_where_targets_are_few_all_are_looked_at_and_the_loss_is_the_plain_mean():
    drawn = draw(examples(), PRODUCTS, np.random.default_rng(0))
    assert drawn.weight is None
    assert drawn.columns.tolist() == list(range(PRODUCTS))
    states = torch.randn(len(SOME), 16, generator=torch.Generator().manual_seed(3))
    head = network().head("product")
    with torch.no_grad():
        repeat, explore = head.targets(examples().codes)
        added = [
            (head.repeat(states, 0.0) @ repeat.T).numpy(),
            (head.explore(states, 0.0) @ explore.T).numpy(),
        ]
        seen = examples().seen.toarray()[SOME]
        logits = examples().prior.rows(SOME).astype(np.float64) + np.where(seen, *added)
        chance = 1 / (1 + np.exp(-logits))
        bought = examples().bought.toarray()[SOME]
        plain = -np.log(np.where(bought, chance, 1 - chance)).mean()
        assert loss_of(PRODUCTS, 0, SOME).item() == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("most", [10, 30])
def test_the_sampled_loss_is_on_average_the_loss_of_all(most):
    with torch.no_grad():
        everything = loss_of(PRODUCTS, 0, SOME).item()
        draws = np.array([loss_of(most, seed, SOME).item() for seed in range(250)])
    error = draws.std() / np.sqrt(len(draws))
    assert draws.std() > 0.01 * everything  # it is sampled
    assert error < 0.02 * everything
    assert draws.mean() == pytest.approx(everything, abs=4 * error)


def test_the_slope_of_the_sampled_loss_is_on_average_that_of_all():
    def slope(most: int, seed: int) -> np.ndarray:
        weight = network().head("product").explore.customer.weight
        weight.grad = None
        loss_of(most, seed, SOME).backward()
        return weight.grad.numpy().copy()

    everything = slope(PRODUCTS, 0)
    draws = np.stack([slope(20, seed) for seed in range(150)])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - everything) < 4.5 * error + 1e-7).all()


def test_the_most_bought_half_is_always_there_and_the_drawn_half_stands_for_the_rest():
    buyers = examples().buyers_before
    top = set(np.argsort(-buyers)[:10])
    drawn = [draw(examples(), 20, np.random.default_rng(seed)) for seed in range(100)]
    for one in drawn:
        assert len(set(one.columns)) == 20
        assert sorted(one.columns) == list(one.columns)
        assert top <= set(one.columns)
        assert one.weight.sum() == pytest.approx(PRODUCTS)
        weights = {int(column): float(weight) for column, weight in zip(one.columns, one.weight, strict=True)}
        assert {weights[column] for column in top} == {1.0}
        assert {weights[column] for column in set(weights) - top} == {7.0}
    assert set().union(*(set(one.columns) for one in drawn)) == set(range(PRODUCTS))


def test_what_is_drawn_are_the_columns_of_all():
    drawn = draw(examples(), 20, np.random.default_rng(0))
    prior = examples().prior.rows(slice(None))
    np.testing.assert_allclose(drawn.prior.rows(slice(None)), prior[:, drawn.columns], atol=1e-6)
    for name in ("bought", "seen"):
        whole = getattr(examples(), name).toarray()
        np.testing.assert_array_equal(getattr(drawn, name).toarray(), whole[:, drawn.columns])


def test_other_kinds_are_never_sampled():
    assert draw(examples("category"), 20, np.random.default_rng(0)).weight is None
    one, other = (loss_of(20, seed, SOME, "category") for seed in (0, 1))
    assert one.item() == other.item()


def test_listed_pairs_are_those_seen_or_bought_with_their_prior():
    listed = examples().listed
    seen, bought = examples().seen.toarray(), examples().bought.toarray()
    who = np.repeat(np.arange(CUSTOMERS), np.diff(listed.indptr))
    marked = np.zeros(seen.shape, bool)
    marked[who, listed.target] = True
    np.testing.assert_array_equal(marked, seen | bought)
    assert len(who) == marked.sum()
    np.testing.assert_allclose(
        listed.prior, examples().prior.rows(slice(None))[who, listed.target], atol=1e-5
    )
    np.testing.assert_array_equal(listed.seen, seen[who, listed.target])
    np.testing.assert_array_equal(listed.bought, bought[who, listed.target])
    assert (bought & ~seen).sum() > 20
    assert (bought & seen).sum() > 5


def test_the_loss_of_timing_is_a_mean_over_customers():
    states = torch.randn(CUSTOMERS, 16, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        alone = [
            losses_by_name(states[[row]], np.array([row]), {})[TIMING].item() for row in range(CUSTOMERS)
        ]
        together = losses_by_name(states, np.arange(CUSTOMERS), {})[TIMING].item()
    assert together == pytest.approx(np.mean(alone), rel=1e-5)
