"""The answers of the service: a request in, the body of the response out.

What comes in: scores, the model that made them, order lines that came since, and requests. What goes out:
dictionaries with the field names of the command line, in which a list of rows is a table (`formats` makes
JSON of it). Histories in a request go the way of batch scoring: the same snapshot, the same predictor, the
same stages, the shop's own limits. Who bought since the scores were made has the numbers of the overlay in
every answer. It knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import RequestError
from intentml.inference.folder import SavedModel
from intentml.inference.online import read_histories
from intentml.pairs.likeness import Likeness
from intentml.prediction import Predictions
from intentml.priors.explaining import NO_ORDER
from intentml.scores.answers import about, explanation
from intentml.scores.asking import ranked
from intentml.scores.customers import YEAR_DAYS, customer_table
from intentml.scores.interests import SCHEMA, interest_batches
from intentml.scores.merged import Merged
from intentml.scores.partitions import predict_in_parts
from intentml.scores.retrieval import Cut
from intentml.scores.scores import Scores, several
from intentml.scores.selection import one_target, select
from intentml.scores.state import known_history, shop_state
from intentml.scores.union import with_whole_groups
from intentml.service.arrivals import Batch
from intentml.service.formats import OneRow
from intentml.service.overlay import Overlay, scored, snapshot_of_customer, with_lines
from intentml.service.rankings import Rankings
from intentml.service.requests import (
    CustomersRequest,
    ExplainRequest,
    InterestedInRequest,
    PredictRequest,
    RecommendRequest,
    check_customers,
    check_names,
    lines_table,
)
from intentml.tables.read import orders_alone
from intentml.tables.shop import ShopTables
from intentml.timeline import Snapshot
from intentml.timeline.histories import ShopState

if TYPE_CHECKING:
    import pandas as pd

Rows = npt.NDArray[np.integer]
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
_INTEREST_COLUMNS = ("kind", "target", "probability", "rank")
_RANKED = pa.schema([("customer_id", pa.string()), ("probability", pa.float64()), ("rank", pa.int64())])
_PRODUCTS = pa.schema(
    [
        *((name, pa.string()) for name in ("product_id", "name", "category", "brand")),
        ("probability", pa.float64()),
        ("rank", pa.int64()),
        ("last_bought_days", pa.float64()),
    ]
)


@dataclass(frozen=True, eq=False, repr=False)
class ScoredShop:
    """A scored shop with its model at hand. Make it with `ScoredShop.of`.

    Attributes:
        scores: Scores of all its customers.
        predictor: What made them.
        state: The shop they were made in.
        rankings: Probabilities asked for of late.
        overlay: Customers whose order lines came in since.
        sequence: Number of the newest batch of lines that is known.
    """

    scores: Scores
    predictor: SavedModel
    state: ShopState
    rankings: Rankings
    overlay: Overlay = field(default_factory=Overlay)
    sequence: int = 0

    @classmethod
    def of(cls, scores: Scores, model: SavedModel) -> ScoredShop:
        """Scores and the very model that made them: another one would give other numbers.

        Raises:
            ModelError: The scores were made by another model.
        """
        scores.manifest.model.check_made(model.fingerprint)
        state = shop_state(scores)
        # Shops take turns while new scores are taken in, and a predictor's caches serve one thread.
        alone = replace(model, predictor=model.predictor.apart(_likeness(scores, state)))
        return cls(scores, alone, state, Rankings(scores))

    def knowing(self, batches: Sequence[Batch]) -> ScoredShop:
        """The shop once it knows these order lines too."""
        if not batches:
            return self
        tables = [self.read(lines_table(batch.lines)) for batch in batches if batch.lines]
        overlay = with_lines(self, self.overlay, [table.orders for table in tables])
        return replace(self, overlay=overlay, sequence=batches[-1].sequence)

    def read(self, orders: pa.Table) -> ShopTables:
        """Order lines of a request, read as the shop's tables are.

        Raises:
            ContractError: They break the contract.
        """
        return orders_alone(orders, timezone=self.scores.manifest.timezone, source="the request")

    def kinds(self, horizon_days: int) -> list[str]:
        """The kinds of targets scored at a horizon."""
        return [kind for kind, days in self.scores.targets if days == horizon_days]

    def history(self, customer_id: str) -> pa.Table:
        """The order lines that the scores know of a customer, as the table orders after reading."""
        return known_history(self.scores, customer_id)

    def health(self) -> dict[str, Any]:
        """What is served."""
        return {**served(self.scores), "sequence": self.sequence, "rescored": len(self.overlay)}

    def interested_in(self, request: InterestedInRequest, inside: Rows | None = None) -> dict[str, Any]:
        """Customers ranked for products, as the command `interested-in` answers.

        Args:
            request: What.
            inside: Rows of everybody, those who came since too, who alone are ranked; all where None.
        """
        asked = {name: getattr(request, name) for name in InterestedInRequest.model_fields}
        if not any(asked[name] for name in _NAMED):
            raise RequestError(
                f"none of {', '.join(_NAMED)} is named", hint='name at least one, e.g. {"category": "CHEESE"}'
            )
        for name in ("product", "category", "brand"):
            check_names(len(several(asked[name])), name)
        cut = Cut(request.limit, request.min_probability, request.share)
        cut.check()
        days = self.scores.horizon(request.horizon_days)
        selection = select(
            self.scores,
            products=several(request.product),
            categories=several(request.category),
            brands=several(request.brand),
            keyword=request.keyword,
            new_product=request.new_product,
        )
        selection = with_whole_groups(self.scores, selection, days)
        probability = self.rankings.probability(selection, days)
        if self.overlay.scores is not None:
            anew = self.overlay.scores.probability(selection, days)
            probability = self._everybody.values(probability, anew)
        ids = self._everybody.customer_ids
        found = ranked(self.scores, selection, cut, days, ids, probability, inside)
        return {**found.heading(), "customers": _table(found.customers, _RANKED)}

    def recommend(self, request: RecommendRequest) -> dict[str, Any]:
        """Products ranked for a customer, as the command `recommend` answers."""
        scores, customer, as_of = self._scores_for(request)
        products = scores.recommend(
            customer,
            request.limit,
            keyword=request.keyword,
            exclude_bought_days=request.exclude_bought_days,
            horizon_days=request.horizon_days,
        )
        return {
            **about(scores, request.horizon_days),
            "as_of": as_of,
            "customer_id": customer,
            "products": _table(products, _PRODUCTS),
        }

    def _scores_for(self, request: RecommendRequest) -> tuple[Scores, str, str]:
        """Scores that hold the customer of a request, the customer's id, and of which instant they are."""
        customer, as_of = request.customer_id, self.scores.manifest.as_of
        if request.orders or customer is None:
            snapshot = self._snapshot(request)
            return scored(self, snapshot), str(snapshot.customer_ids[0]), as_of
        anew = self.overlay.as_of.get(customer)
        if anew is None or self.overlay.scores is None:
            return self.scores, customer, as_of
        return self.overlay.scores, customer, anew

    def customers(self, request: CustomersRequest) -> dict[str, Any]:
        """All that customers.parquet says of some customers; who was not scored is named beside."""
        return self._told_of(request)

    def lifecycle(self, request: CustomersRequest) -> dict[str, Any]:
        """Where some customers stand, and the boundaries between the stages."""
        known = [name for name in _LIFECYCLE_COLUMNS if name in self.scores.table.column_names]
        limits = self.scores.manifest.limits.lifecycle.model_dump()
        return {"limits": limits, **self._told_of(request, known)}

    def predict(self, request: PredictRequest) -> dict[str, Any]:
        """What batch scoring would say of customers with these histories."""
        check_customers(len({line.customer_id for line in request.orders}), "orders")
        days = self.scores.horizon(request.horizon_days)
        histories = read_histories(request.table(), self.state)
        snapshot, limits = histories.snapshot, self.scores.manifest.limits
        prediction = predict_in_parts(self.predictor, snapshot, days, self.kinds(days))
        year = self.predictor.predict(snapshot, YEAR_DAYS, kinds=())
        table, _ = customer_table(snapshot, [prediction], year, limits.lifecycle, limits.importance)
        interests = _interests(snapshot, prediction, request.interests)
        return {
            **about(self.scores, days),
            "unknown_products": list(histories.unknown_products),
            "customers": table.append_column("interests", interests),
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
        snapshot = self._snapshot(request)
        kind, target = (NO_ORDER, None) if request.no_order else one_target(snapshot.catalogue, **named)
        found = self.predictor.explain(snapshot, snapshot.customer_ids[0], kind, target, days)
        return explanation(snapshot.as_of.iso, self.scores.manifest.model.version, found)

    def _snapshot(self, request: ExplainRequest | RecommendRequest) -> Snapshot:
        """The one customer of a request: with the history that it brings, or that the shop knows."""
        if request.customer_id is None:
            count = len({line.customer_id for line in request.orders})
            if count > 1:
                raise RequestError(
                    f"the lines are of {count:,} customers",
                    table="orders",
                    column="customer_id",
                    hint="ask about one customer at a time",
                )
            return read_histories(request.table(), self.state).snapshot
        if request.orders:
            raise RequestError(
                "customer_id and orders are both given",
                column="customer_id",
                hint="name somebody whom the shop knows, or send a history",
            )
        return snapshot_of_customer(self, self.overlay, request.customer_id)

    @cached_property
    def _everybody(self) -> Merged:
        anew = self.overlay.scores
        return Merged(self.scores.customer_ids, np.array([]) if anew is None else anew.customer_ids)

    def _told_of(self, request: CustomersRequest, columns: Sequence[str] | None = None) -> dict[str, Any]:
        """Rows of some customers, sorted by id and each once; who was scored anew, and who was not at all."""
        wanted = sorted(set(request.customer_ids))
        check_customers(len(wanted), "customer_ids")
        anew = {one: self.overlay.as_of[one] for one in wanted if one in self.overlay.as_of}
        rows = {one: self.scores.find(one) for one in wanted if one not in anew}
        told = self._rows([row for row in rows.values() if row is not None], columns)
        if self.overlay.scores is not None and anew:
            mine = [self.overlay.scores.find(one) for one in anew]
            others = self.overlay.scores.table.take(pa.array(mine, pa.int64()))
            before = told.taken() if isinstance(told, OneRow) else told
            told = pa.concat_tables([before, others.select(before.column_names)]).sort_by("customer_id")
        return {
            **about(self.scores),
            "customers": told,
            "rescored": anew,
            "unknown_customer_ids": [one for one, row in rows.items() if row is None],
        }

    def _rows(self, rows: Sequence[int], columns: Sequence[str] | None) -> pa.Table | OneRow:
        """Some rows of customers.parquet, and some columns; all where None. Most ask for one."""
        if len(rows) == 1:
            held = self._columns
            return OneRow(held if columns is None else {name: held[name] for name in columns}, rows[0])
        table = self.scores.table if columns is None else self.scores.table.select(columns)
        return table.take(pa.array(rows, pa.int64()))

    @cached_property
    def _columns(self) -> dict[str, pa.ChunkedArray]:
        """Those of customers.parquet."""
        table = self.scores.table
        return dict(zip(table.column_names, table.columns, strict=True))


def served(scores: Scores) -> dict[str, Any]:
    """What is served of a shop."""
    manifest = scores.manifest
    return {
        "status": "ok",
        "as_of": manifest.as_of,
        "horizons": list(manifest.horizons),
        "calibrated": manifest.calibrated,
        "model": manifest.model.name,
        "model_version": manifest.model.version,
        "customers": scores.table.num_rows,
    }


def _likeness(scores: Scores, state: ShopState) -> Likeness | None:
    """What products are like each other, as the scores hold it: found again it delays the start."""
    held = (scores.targets[key].alike for key in scores.targets if key[0] == "product")
    found = next((alike for alike in held if alike is not None), None)
    return None if found is None else Likeness.found(found.text, state.context, found.likeness)


def _interests(snapshot: Snapshot, prediction: Predictions, keep: int) -> pa.ListArray:
    """The best targets of each kind, a list a customer, as interests.parquet has them. Length: U."""
    parts = [(scores, prediction.horizon_days) for scores in prediction.targets.values()]
    batches = interest_batches(parts, snapshot.customer_ids, keep) if keep else ()
    found = pa.Table.from_batches(list(batches), SCHEMA).combine_chunks()  # by customer
    owner = pc.index_in(found["customer_id"], pa.array(snapshot.customer_ids, pa.string()))
    each = np.bincount(owner.to_numpy(), minlength=len(snapshot.customer_ids))
    offsets = np.concatenate([[0], np.cumsum(each)]).astype(np.int32)
    told = found.select(_INTEREST_COLUMNS).to_struct_array().combine_chunks()
    return pa.ListArray.from_arrays(offsets, told)


def _table(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Rows in types that do not depend on what they hold."""
    return pa.Table.from_pandas(frame, schema, preserve_index=False).replace_schema_metadata()
