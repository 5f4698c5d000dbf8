"""LightGBM over the package's own pair features, learned from up to three cutoffs.

Number of leaves by weighted log-loss on validation, number of trees by early stopping there; then fitted
again on the newest cutoffs. Scores are log-odds.
"""

from __future__ import annotations

import lightgbm
import numpy as np
from exchange import Exchange, PairFeatures, blocks

LEAVES = (15, 63, 127)
MOST_TREES, PATIENCE = 600, 30


def main() -> None:
    exchange = Exchange.of_command_line()
    exchange.must_learn()
    for kind in exchange.kinds:
        if not exchange.has(f"learning/{kind}/train"):
            continue  # no target of it was bought often enough
        tune, validate = (exchange.table(f"learning/{kind}/{role}") for role in ("tune", "validate"))
        best = min(
            (tuned(tune, validate, leaves, exchange.seed) for leaves in LEAVES),
            key=lambda found: found["validation_log_loss"],
        )
        exchange.settings[kind] = best
        train = exchange.table(f"learning/{kind}/train")
        booster = lightgbm.train(parameters(best["num_leaves"], exchange.seed), dataset(train), best["trees"])
        scores = exchange.scores_to_fill(kind)
        features = PairFeatures(exchange, kind, names(train))
        for block in blocks(*scores.shape):
            scores[block] = booster.predict(features.rows(block), raw_score=True).reshape(-1, scores.shape[1])
    exchange.finish(probabilities=True)


def tuned(
    tune: dict[str, np.ndarray], validate: dict[str, np.ndarray], leaves: int, seed: int
) -> dict[str, object]:
    """How one number of leaves does on validation, and with how many trees."""
    learned = dataset(tune)
    judged = dataset(validate, learned)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    booster = lightgbm.train(parameters(leaves, seed), learned, MOST_TREES, [judged], callbacks=[stop])
    loss = booster.best_score["valid_0"]["binary_logloss"]
    return {"num_leaves": leaves, "trees": booster.best_iteration, "validation_log_loss": round(loss, 5)}


def parameters(leaves: int, seed: int) -> dict[str, object]:
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "learning_rate": 0.05,
        "num_leaves": leaves,
        "min_data_in_leaf": 100,
        "feature_fraction": 0.8,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbosity": -1,
    }


def names(table: dict[str, np.ndarray]) -> list[str]:
    return [name for name in table if name not in ("bought", "weight")]


def dataset(table: dict[str, np.ndarray], reference: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
    values = np.stack([table[name] for name in names(table)], axis=1)
    return lightgbm.Dataset(
        values, table["bought"].astype(np.float32), reference=reference, weight=table["weight"]
    )


main()
