"""A network over the priors' numbers of a pair, as a correction of the logistic prior; prints its ranking."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import torch

import intentml as im
from intentml.fitting.examples import CandidatePairs, candidate_pairs
from intentml.fitting.gates import calibrate, judged_columns, pair_log_loss, target_precision
from intentml.fitting.slices import Past
from intentml.fitting.targets import fit_targets
from intentml.fitting.windows import Cutoffs
from intentml.metrics.recommendation import targets_for_user
from intentml.prediction import F32
from intentml.priors.pair_numbers import column_names
from intentml.timeline import Instant

TIMING, EPOCHS, BATCH, RATE, TARGET_DIM = "mbg_nbd", 6, 4096, 3e-3, 8


@dataclass(frozen=True)
class Window:
    """Customers with an order x eligible targets: the prior's logits, what was bought, the candidates."""

    names: np.ndarray
    logits: F32
    bought: np.ndarray
    seen: np.ndarray
    pairs: CandidatePairs

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of each candidate."""
        return np.repeat(np.arange(len(self.logits)), np.diff(self.pairs.indptr)), self.pairs.target


def main() -> None:
    """Measure the prior, and the network after each pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--kind", required=True)
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--windows", type=int, default=7)
    asked = parser.parse_args()
    log = im.read_tables(asked.data)
    at = log.as_of(asked.as_of).as_of
    past, known, days = Past(log), Past(log.before(at)), asked.days
    whole = Cutoffs(days, tuple(at.plus_days(-days * back) for back in (1, 2, 3)))
    fitted, _ = fit_targets(
        known, whole, asked.kind, TIMING, per_window=60_000, seed=0, tell=lambda step: None
    )
    assert fitted is not None

    def window(where: Past, cutoff: Instant) -> Window:
        part = where.at(cutoff)
        design, eligible = part.design(asked.kind, days, TIMING), part.eligible(asked.kind)
        buyers = np.flatnonzero(part.snapshot.n_orders > 0)
        return Window(
            part.snapshot.catalogue.targets(asked.kind).targets[eligible],
            fitted.calibrated.score(design).take(buyers).select(eligible).rows(slice(None)),
            part.labels(days).bought[asked.kind][buyers][:, eligible].toarray(),
            part.seen(asked.kind)[buyers][:, eligible].toarray(),
            candidate_pairs(design, buyers, eligible, column_names(design), None),
        )

    step = max(7, days // 2)
    learn(
        [window(known, at.plus_days(-days - step * back)) for back in range(1, asked.windows + 1)],
        window(past, at),
    )


def learn(past: list[Window], now: Window) -> None:
    """Learn on past windows, and tell after each pass how it does now."""
    torch.manual_seed(0)
    code = {
        name: number for number, name in enumerate(sorted({*now.names, *(n for w in past for n in w.names)}))
    }

    def told(window: Window) -> tuple[F32, torch.Tensor]:
        every = np.arange(len(window.pairs.target))
        codes = np.array([code[name] for name in window.names])[window.pairs.target]
        return window.pairs.numbers(every), torch.from_numpy(codes)

    numbers, codes = (list(each) for each in zip(*(told(window) for window in past), strict=True))
    everything = np.concatenate(numbers)
    mean, scale = everything.mean(0), everything.std(0).clip(0.05)

    def scaled(values: F32) -> torch.Tensor:
        return torch.from_numpy(np.clip((values - mean) / scale, -5, 5))

    target = torch.nn.Embedding(len(code), TARGET_DIM)
    torch.nn.init.zeros_(target.weight)
    network = torch.nn.Sequential(
        torch.nn.Linear(everything.shape[1] + TARGET_DIM, 48),
        torch.nn.GELU(),
        torch.nn.Linear(48, 24),
        torch.nn.GELU(),
        torch.nn.Linear(24, 1),
    )
    torch.nn.init.zeros_(network[-1].weight)
    torch.nn.init.zeros_(network[-1].bias)
    weights = [*target.parameters(), *network.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.01)
    inputs, of = scaled(everything), torch.cat(codes)
    prior = torch.from_numpy(np.concatenate([window.logits[window.places] for window in past]))
    came = torch.from_numpy(
        np.concatenate([window.bought[window.places] for window in past]).astype(np.float32)
    )
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * -(-len(came) // BATCH))
    tell("prior", now, np.zeros(len(now.pairs.target), np.float32))
    for epoch in range(EPOCHS):
        for batch in torch.randperm(len(came)).split(BATCH):
            said = network(torch.cat([inputs[batch], target(of[batch])], dim=1))[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(prior[batch] + said, came[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            falling.step()
        with torch.no_grad():
            there, codes_there = told(now)
            tell(
                f"pass {epoch + 1}",
                now,
                network(torch.cat([scaled(there), target(codes_there)], dim=1))[:, 0].numpy(),
            )


def tell(name: str, window: Window, said: F32) -> None:
    """mAP, nDCG at 10 and log-loss, calibrated on the window in both strata."""
    logits = window.logits.copy()
    logits[window.places] += said
    for stratum in (window.seen, ~window.seen):
        intercept, slope = calibrate(logits[stratum], window.bought[stratum])
        logits[stratum] = intercept + slope * logits[stratum]
    judged = judged_columns(window.bought)
    precision = target_precision(logits, window.bought, window.seen, judged).mean()
    columns = logits[:, judged], window.bought[:, judged], window.seen[:, judged]
    quality = np.nanmean(targets_for_user(*columns).overall.ndcg)
    loss = pair_log_loss(logits, window.bought).mean()
    print(f"{name:8s} mAP {precision:.4f} nDCG {quality:.4f} log-loss {loss:.5f}", flush=True)


if __name__ == "__main__":
    main()
