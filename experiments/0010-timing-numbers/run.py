"""A network over the priors' numbers of a customer's timing, no sequence; prints AUROC and log-loss."""

from __future__ import annotations

import argparse

import numpy as np
import torch
from sklearn.metrics import log_loss, roc_auc_score

import intentml as im
from intentml.fitting.examples import hazard_of, timing_examples
from intentml.fitting.slices import Past
from intentml.model.correction import corrected_silence, level_of
from intentml.model.losses import silence_losses
from intentml.priors.timing_numbers import timing_numbers
from intentml.survival import SURVIVAL_DAYS

CHOSEN, FACTS_FROM, WIDTH, EPOCHS, BATCH, RATE = "mbg_nbd", 24, 32, 8, 1024, 3e-3
READ = {"opinions": slice(0, FACTS_FROM), "facts": slice(FACTS_FROM, None), "both": slice(None)}


def main() -> None:
    """Measure the prior and three choices of numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--as-of", required=True)
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--instants", type=int, default=10)
    asked = parser.parse_args()
    log = im.read_tables(asked.data)
    at = log.as_of(asked.as_of).as_of
    known, whole = Past(log.before(at)), Past(log)
    backs = np.linspace(28, 0.8 * at.days_since(log.start), asked.instants).astype(int)
    parts = []
    for back in backs:
        part = known.at(at.plus_days(-int(back)))
        rows = np.flatnonzero(part.snapshot.n_orders > 0)
        parts.append(timing_examples(part, rows, known.log, at, CHOSEN, settled=True))
    now = whole.at(at)
    rows = np.flatnonzero(now.snapshot.n_orders > 0)
    grid = np.union1d(SURVIVAL_DAYS, [asked.days])
    silence = now.activity(CHOSEN).no_order(now.snapshot, grid)[rows]
    numbers = timing_numbers(now.snapshot, CHOSEN, now.timings(CHOSEN))[rows]
    happened = now.labels(asked.days).no_order[rows]

    def tell(name: str, ratio: np.ndarray) -> None:
        hazard = hazard_of(silence[:, np.searchsorted(grid, SURVIVAL_DAYS)])
        corrected = corrected_silence(silence, grid, ratio - level_of(hazard, ratio))
        said = corrected[:, np.searchsorted(grid, asked.days)]
        print(f"{name:10s} AUROC {roc_auc_score(happened, said):.4f} log-loss {log_loss(happened, said):.4f}")

    tell(CHOSEN, np.zeros((len(rows), len(SURVIVAL_DAYS)), np.float32))
    for name, columns in READ.items():
        tell(name, learned(parts, numbers, columns))


def learned(parts: list, numbers: np.ndarray, columns: slice) -> np.ndarray:
    """The log of each bin's factor for `numbers`, learned from `parts`."""
    torch.manual_seed(0)
    told = np.concatenate([part.numbers[:, columns] for part in parts])
    low, high, mean, scale = told.min(0), told.max(0), told.mean(0), told.std(0).clip(0.05)

    def scaled(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(((np.clip(values, low, high) - mean) / scale).astype(np.float32))

    network = torch.nn.Sequential(
        torch.nn.Linear(told.shape[1], WIDTH),
        torch.nn.GELU(),
        torch.nn.Linear(WIDTH, WIDTH),
        torch.nn.GELU(),
        torch.nn.Linear(WIDTH, len(SURVIVAL_DAYS)),
    )
    torch.nn.init.zeros_(network[-1].weight)
    torch.nn.init.zeros_(network[-1].bias)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.02)
    inputs = scaled(told)
    outcomes = [
        torch.from_numpy(np.concatenate([getattr(part, name) for part in parts]))
        for name in ("hazard", "event_bin", "full_bins")
    ]
    steps = EPOCHS * -(-len(inputs) // BATCH)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(inputs)).split(BATCH):
            ratio = 3 * torch.tanh(network(inputs[batch]) / 3)
            loss = silence_losses(ratio, *(values[batch] for values in outcomes)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            falling.step()
    with torch.no_grad():
        return (3 * torch.tanh(network(scaled(numbers[:, columns])) / 3)).numpy()


if __name__ == "__main__":
    main()
