"""LightGBM over recency, frequency and money: no order, orders and spend, learned from up to three cutoffs.

Number of leaves and of trees by the objective's own loss on validation; then fitted again on the newest
cutoffs.
"""

from __future__ import annotations

import lightgbm
import numpy as np
from exchange import Exchange

LEAVES = (4, 8, 16)
MOST_TREES, PATIENCE = 2000, 30
HEADS = {
    "no_order": ({"objective": "binary"}, "binary_logloss"),
    "orders": ({"objective": "poisson"}, "poisson"),
    "spend": ({"objective": "tweedie", "tweedie_variance_power": 1.5}, "tweedie"),
}


def main() -> None:
    exchange = Exchange.of_command_line()
    exchange.must_learn()
    tune, validate, train = (exchange.table(f"learning/{role}") for role in ("tune", "validate", "train"))
    now = exchange.table("now/customers")
    answers = {}
    for head, (objective, metric) in HEADS.items():
        if not train[f"came_{head}"].any():
            continue
        found = [tuned(tune, validate, head, objective, metric, leaves, exchange.seed) for leaves in LEAVES]
        best = min(found, key=lambda one: one["validation_loss"])
        exchange.settings[head] = best
        settings = parameters(objective, metric, best["num_leaves"], exchange.seed)
        booster = lightgbm.train(settings, dataset(train, head), best["trees"])
        answers[head] = booster.predict(np.stack([now[name] for name in names(train)], axis=1))
    exchange.answer_customers(answers)
    exchange.finish()


def tuned(tune, validate, head, objective, metric, leaves, seed):  # noqa: ANN001, ANN201
    """How one number of leaves does on validation, and with how many trees."""
    learned = dataset(tune, head)
    judged = dataset(validate, head, learned)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    settings = parameters(objective, metric, leaves, seed)
    booster = lightgbm.train(settings, learned, MOST_TREES, [judged], callbacks=[stop])
    loss = booster.best_score["valid_0"][metric]
    return {"num_leaves": leaves, "trees": booster.best_iteration, "validation_loss": round(loss, 5)}


def parameters(objective: dict[str, object], metric: str, leaves: int, seed: int) -> dict[str, object]:
    return {
        **objective,
        "metric": metric,
        "learning_rate": 0.03,
        "num_leaves": leaves,
        "min_data_in_leaf": 50,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbosity": -1,
    }


def names(table: dict[str, np.ndarray]) -> list[str]:
    return [name for name in table if not name.startswith("came_")]


def dataset(
    table: dict[str, np.ndarray], head: str, reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    values = np.stack([table[name] for name in names(table)], axis=1)
    return lightgbm.Dataset(values, table[f"came_{head}"].astype(np.float32), reference=reference)


main()
