"""The model as MLflow loads and serves it: order lines in, one row a customer out.

What comes in: a DataFrame of order lines (the columns of `orders`; customer_id, order_id and ordered_at
are required) and the params `as_of`, `horizon_days` and `top`. What goes out: the columns of
customers.parquet and `interests`, each customer's best targets of every kind.

The lines are the shop: popularity, rhythms and the limits of lifecycle and importance are taken from
them, so hand over the whole history, not one customer's. Categories, brands and names of products are
those that the shop had when the model was trained.
"""

from __future__ import annotations

from typing import Any

import mlflow
import pandas as pd

import intentml as im
from intentml.errors import DataError


class OrderLines(mlflow.pyfunc.PythonModel):
    """A model folder behind MLflow's `predict`."""

    def load_context(self, context: Any) -> None:
        """Read the model folder, and the catalogue where the shop had one."""
        self.model = im.load_model(context.artifacts["model"])
        catalogue = context.artifacts.get("products")
        self.products = {} if catalogue is None else {"products": pd.read_parquet(catalogue)}

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Score everybody who ordered before `as_of`.

        Raises:
            DataError: The params say no `as_of`.
            IntentmlError: The lines break their contract, or the model has seen what lies after `as_of`.
        """
        asked = params or {}
        if not asked.get("as_of"):
            raise DataError(
                "the params say no as_of: known is what was recorded before it",
                hint='e.g. predict(lines, params={"as_of": "2017-11-01", "horizon_days": 28})',
            )
        log = im.read_tables({"orders": model_input, **self.products}, timezone=self.model.card["timezone"])
        scores = im.score(self.model, log, as_of=asked["as_of"], horizon_days=asked["horizon_days"])
        interests = scores.interests(asked["top"])
        best = {
            customer: rows[["kind", "target", "probability"]].to_dict("records")
            for customer, rows in interests.groupby("customer_id", sort=False)
        }
        customers = scores.customers
        return customers.assign(interests=[best.get(one, []) for one in customers["customer_id"]])


mlflow.models.set_model(OrderLines())
