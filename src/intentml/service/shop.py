"""The answers of the service: a request in, the body of the response out.

What comes in: scores, the model that made them, and requests. What goes out: plain dictionaries, ready
for JSON, with the field names of the command line. Histories in a request go the way of batch scoring:
the same snapshot, the same predictor, the same stages, the shop's own limits. It knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from intentml.errors import ModelError, RequestError
from intentml.inference.folder import SavedModel
from intentml.inference.online import read_histories
from intentml.prediction import Predictions
from intentml.priors.explaining import NO_ORDER
from intentml.scores.answers import about, explanation, recommendation
from intentml.scores.customers import YEAR_DAYS, customer_table
from intentml.scores.interests import SCHEMA, interest_batches
from intentml.scores.partitions import predict_in_parts
from intentml.scores.scores import Scores
from intentml.scores.selection import one_target
from intentml.scores.state import shop_state
from intentml.service.requests import (
    CustomersRequest,
    ExplainRequest,
    InterestedInRequest,
    PredictRequest,
    RecommendRequest,
    check_customers,
)
from intentml.timeline import Snapshot
from intentml.timeline.histories import ShopState

_NAMED = ("product", "category", "brand", "keyword", "new_product")
_LIFECYCLE_COLUMNS = (
    "customer_id",
    "lifecycle",
    "return_probability",
    "lifecycle_disagrees",
    "orders",
    "recency_days",
    "rhythm_days",
)


@dataclass(frozen=True, eq=False, repr=False)
class ScoredShop:
    """A scored shop with its model at hand. Make it with `ScoredShop.of`.

    Attributes:
        scores: Scores of all its customers.
        predictor: What made them.
        state: The shop they were made in.
    """

    scores: Scores
    predictor: SavedModel
    state: ShopState

    @classmethod
    def of(cls, scores: Scores, model: SavedModel) -> ScoredShop:
        """Scores and the very model that made them: another one would give other numbers.

        Raises:
            ModelError: The scores were made by another model.
        """
        stamp = scores.manifest.model
        if stamp.fingerprint != model.fingerprint:
            raise ModelError(
                f"the scores were made by model {stamp.version}, not by {model.fingerprint[:12]}",
                hint="serve the model that made them, or score the shop again with this one",
            )
        return cls(scores, model, shop_state(scores))

    def health(self) -> dict[str, Any]:
        """What is served."""
        manifest = self.scores.manifest
        return {
            "status": "ok",
            "as_of": manifest.as_of,
            "horizons": list(manifest.horizons),
            "calibrated": manifest.calibrated,
            "model": manifest.model.name,
            "model_version": manifest.model.version,
            "customers": len(self.scores),
        }

    def interested_in(self, request: InterestedInRequest) -> dict[str, Any]:
        """Customers ranked for products, as the command `interested-in` answers."""
        asked = {name: getattr(request, name) for name in InterestedInRequest.model_fields}
        if not any(asked[name] for name in _NAMED):
            raise RequestError(
                f"none of {', '.join(_NAMED)} is named", hint='name at least one, e.g. {"category": "CHEESE"}'
            )
        return self.scores.interested_in(**asked).to_dict()

    def recommend(self, request: RecommendRequest) -> dict[str, Any]:
        """Products ranked for a customer, as the command `recommend` answers."""
        products = self.scores.recommend(
            request.customer_id,
            request.limit,
            keyword=request.keyword,
            exclude_bought_days=request.exclude_bought_days,
            horizon_days=request.horizon_days,
        )
        return recommendation(self.scores, request.customer_id, products, request.horizon_days)

    def customers(self, request: CustomersRequest) -> dict[str, Any]:
        """All that customers.parquet says of some customers; who was not scored is named beside."""
        rows, unknown = self._rows(request.customer_ids)
        return {
            **about(self.scores),
            "customers": _records(self.scores.table.take(rows)),
            "unknown_customer_ids": unknown,
        }

    def lifecycle(self, request: CustomersRequest) -> dict[str, Any]:
        """Where some customers stand, and the boundaries between the stages."""
        rows, unknown = self._rows(request.customer_ids)
        table = self.scores.table
        known = [name for name in _LIFECYCLE_COLUMNS if name in table.column_names]
        return {
            **about(self.scores),
            "limits": self.scores.manifest.limits.lifecycle.model_dump(),
            "customers": _records(table.select(known).take(rows)),
            "unknown_customer_ids": unknown,
        }

    def predict(self, request: PredictRequest) -> dict[str, Any]:
        """What batch scoring would say of customers with these histories."""
        check_customers(len({line.customer_id for line in request.orders}), "orders")
        days = self.scores.horizon(request.horizon_days)
        histories = read_histories(request.table(), self.state)
        snapshot, limits = histories.snapshot, self.scores.manifest.limits
        kinds = [kind for kind, horizon in self.scores.targets if horizon == days]
        prediction = predict_in_parts(self.predictor, snapshot, days, kinds)
        year = self.predictor.predict(snapshot, YEAR_DAYS, kinds=())
        table, _ = customer_table(snapshot, [prediction], year, limits.lifecycle, limits.importance)
        interests = _interests(snapshot, prediction, request.interests)
        return {
            **about(self.scores, days),
            "unknown_products": list(histories.unknown_products),
            "customers": [
                {**customer, "interests": interests.get(customer["customer_id"], [])}
                for customer in _records(table)
            ],
        }

    def explain(self, request: ExplainRequest) -> dict[str, Any]:
        """Why a customer with this history is expected to do that: the parts of the logit, in words."""
        named = {name: getattr(request, name) for name in ("product", "category", "brand")}
        if sum(value is not None for value in named.values()) + request.no_order != 1:
            raise RequestError(
                "not exactly one of product, category, brand and no_order is named",
                hint='name one, e.g. {"category": "CHEESE"} or {"no_order": true}',
            )
        days = self.scores.horizon(request.horizon_days)
        customers = {line.customer_id for line in request.orders}
        if len(customers) > 1:
            raise RequestError(
                f"the lines are of {len(customers):,} customers",
                table="orders",
                column="customer_id",
                hint="one customer is explained at a time",
            )
        snapshot = read_histories(request.table(), self.state).snapshot
        kind, target = (NO_ORDER, None) if request.no_order else one_target(snapshot.catalogue, **named)
        found = self.predictor.explain(snapshot, customers.pop(), kind, target, days)
        return explanation(self.scores.manifest.as_of, self.scores.manifest.model.version, found)

    def _rows(self, customer_ids: Sequence[str]) -> tuple[pa.Array, list[str]]:
        """Rows of the customers, sorted by id and each once, and the ids that were not scored."""
        wanted = np.unique(np.array(customer_ids, dtype=object))
        check_customers(len(wanted), "customer_ids")
        ids = self.scores.customer_ids
        at = np.searchsorted(ids, wanted)
        at[at == len(ids)] = 0
        known = ids[at] == wanted if len(ids) else np.zeros(len(wanted), np.bool_)
        return pa.array(at[known]), wanted[~known].tolist()


def _interests(snapshot: Snapshot, prediction: Predictions, keep: int) -> dict[str, list[dict[str, Any]]]:
    """The best targets of each kind by customer, as interests.parquet has them."""
    found: dict[str, list[dict[str, Any]]] = {}
    if not keep:
        return found
    parts = [(scores, prediction.horizon_days) for scores in prediction.targets.values()]
    batches = list(interest_batches(parts, snapshot.customer_ids, keep))
    columns = ["kind", "target", "probability", "rank"]
    table = pa.Table.from_batches(batches, SCHEMA)
    for owner, one in zip(table["customer_id"].to_pylist(), table.select(columns).to_pylist(), strict=True):
        found.setdefault(owner, []).append(one)
    return found


def _records(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as JSON knows them: instants as ISO 8601 text."""
    instants = [field.name for field in table.schema if pt.is_timestamp(field.type)]
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        for name in instants:
            row[name] = row[name].isoformat() if row[name] is not None else None
    return rows
