"""The shop, scored: ask it who wants what, and what a customer wants.

What comes in: the parts of a scoring run, in memory or from a folder. What goes out: answers. It
holds no model: everything it needs lies in the folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.errors import HorizonError, ScoresError, UnknownCustomerError, without_address
from intentml.pairs.likeness import LikeProducts
from intentml.prediction import F64, TargetScores, sigmoid
from intentml.priors.union import Homes, SetUnion, homes_of
from intentml.scores.answers import InterestedIn
from intentml.scores.asking import ranked
from intentml.scores.facts import Bought, write_text_index
from intentml.scores.interests import SCHEMA, best_targets, interest_batches
from intentml.scores.keyword import FILE_NAME, Index, Match
from intentml.scores.manifest import Manifest
from intentml.scores.newcomers import newcomer_logits
from intentml.scores.retrieval import Cut, check_count
from intentml.scores.selection import NewProduct, Selection, new_product_of, select
from intentml.scores.union import union_probability, with_whole_groups
from intentml.survival import SURVIVAL_DAYS, survival_at
from intentml.timeline.catalogue import Catalogue, Strings

if TYPE_CHECKING:
    import pandas as pd

_OF_THE_SHOP = ("catalogue", "homes", "like_products")


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of all customers at one `as_of`. Make them with `score`, read them with `load_scores`.

    Attributes:
        manifest: What they are of.
        table: One row a customer, sorted by customer_id.
        products: The catalogue: product_id, name, category, category_path, brand, price.
        context: Buyers per kind, target and window.
        targets: Scores per kind and horizon.
        bought: Products bought before.
        histories: The order lines known, as `lines_by_customer` has them.
        index: The text index; None builds one when first asked.
    """

    manifest: Manifest
    table: pa.Table
    products: pa.Table
    context: pa.Table
    targets: Mapping[tuple[str, int], TargetScores]
    bought: Bought
    histories: pa.Table
    index: Index | None = None
    _scratch: list[tempfile.TemporaryDirectory[str]] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return len(self.customer_ids)

    def __repr__(self) -> str:
        kinds = ", ".join(dict.fromkeys(kind for kind, _ in self.targets)) or "no targets"
        days = ", ".join(map(str, self.manifest.horizons))
        return f"Scores({len(self):,} customers as of {self.manifest.as_of}, {days} days, {kinds})"

    # -- customers ------------------------------------------------------------------------------

    @property
    def customers(self) -> pd.DataFrame:
        """One row a customer: what is known, what is predicted, stage and group."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def survival(self, days: float) -> pd.Series:
        """P(no order within `days`) of every customer, for any number of days up to 365."""
        import pandas as pd

        if not 0 <= days <= SURVIVAL_DAYS[-1]:
            raise ScoresError(
                f"survival over {days} days is outside 0 to {SURVIVAL_DAYS[-1]}",
                hint="choose a number inside",
            )
        names = [f"survival_{day}" for day in SURVIVAL_DAYS]
        if not set(names) <= set(self.table.column_names):
            raise ScoresError(
                "this model does not predict whether customers order", hint="score with the recipe priors"
            )
        curve = np.stack([self.table[name].to_numpy() for name in names], axis=1)
        ids = pd.Index(self.customer_ids, name="customer_id")
        return pd.Series(survival_at(curve, days), index=ids, name=f"survival_{days:g}")

    @cached_property
    def customer_ids(self) -> Strings:
        """Sorted ids. Shape: (U,)."""
        ids: Strings = self.table["customer_id"].to_numpy().astype(object)
        return ids

    def order_probability(self, horizon_days: int | None = None) -> F64 | None:
        """P(order) of every customer, None where the model does not predict it. Shape: (U,)."""
        days = self.horizon(horizon_days)
        name = "churn_probability" if days == self.manifest.horizons[0] else f"churn_probability_{days}"
        return 1.0 - self.table[name].to_numpy() if name in self.table.column_names else None

    # -- targets --------------------------------------------------------------------------------

    @cached_property
    def catalogue(self) -> Catalogue:
        """The products."""
        columns = ("product_id", "name", "category", "category_path", "brand")
        return Catalogue(*(self.products[name].to_numpy().astype(object) for name in columns))

    def horizon(self, horizon_days: int | None = None) -> int:
        """The horizon asked, or the default; others than the folder's are refused."""
        horizons = self.manifest.horizons
        if horizon_days is None:
            return horizons[0]
        if horizon_days not in horizons:
            known = ", ".join(map(str, horizons))
            raise HorizonError(
                f"these scores answer {known} days, not {horizon_days}",
                hint="score again with --horizon, or ask `survival`, which answers any",
            )
        return horizon_days

    def scores_of(self, kind: str, horizon_days: int | None = None) -> TargetScores:
        """The scores of one kind."""
        key = kind, self.horizon(horizon_days)
        if key not in self.targets:
            known = ", ".join(dict.fromkeys(known for known, _ in self.targets)) or "no targets at all"
            raise ScoresError(
                f"these scores hold {known}, not {kind}",
                hint=f"train and score on tables that have {kind} targets, with {kind} in --kinds",
            )
        return self.targets[key]

    @property
    def union(self) -> SetUnion:
        """How purchases of several targets hang together."""
        return self.manifest.sets

    @cached_property
    def like_products(self) -> LikeProducts | None:
        """The products bought, to be found by their text; None where the model compares no texts."""
        alike = self.scores_of("product").alike
        if alike is None:
            return None
        return LikeProducts(self.catalogue, self.buyers_before("product"), alike.text)

    @cached_property
    def homes(self) -> Homes:
        """What each product is bought from."""
        return homes_of(self.catalogue)

    def buyers_before(self, kind: str) -> npt.NDArray[np.int64]:
        """Customers who ever bought each target of a kind, in the catalogue's order. Shape: (J,)."""
        buyers: npt.NDArray[np.int64] = self.context.filter(pc.equal(self.context["kind"], kind))[
            "buyers_0"
        ].to_numpy()
        return buyers

    def interests(
        self, top_k: int | None = 10, *, kind: str | None = None, horizon_days: int | None = None
    ) -> pd.DataFrame:
        """Each customer's best targets: customer_id, kind, target, horizon_days, probability, rank.

        Sorted by customer_id; of one customer, kind by kind and best first.
        """
        if top_k is not None:
            check_count(top_k, "list", "target")
        days = self.horizon(horizon_days)
        kinds = [kind] if kind else [known for known, horizon in self.targets if horizon == days]
        parts = [(self.scores_of(wanted, days), days) for wanted in kinds]
        batches = interest_batches(parts, self.customer_ids, top_k)
        frame: pd.DataFrame = pa.Table.from_batches(batches, SCHEMA).to_pandas()
        return frame

    def search(self, keyword: str) -> Sequence[Match]:
        """Products matching a keyword, best first."""
        return self._index.search(keyword)

    # -- who wants these ------------------------------------------------------------------------

    def interested_in(
        self,
        *,
        product: str | Iterable[str] = (),
        category: str | Iterable[str] = (),
        brand: str | Iterable[str] = (),
        keyword: str | None = None,
        new_product: NewProduct | Mapping[str, object] | None = None,
        limit: int | None = None,
        min_probability: float | None = None,
        share: float | None = None,
        horizon_days: int | None = None,
    ) -> InterestedIn:
        """Who wants to buy these? All customers, ranked; the products named are one set.

        Args:
            product: One or more product ids.
            category: One or more categories or nodes.
            brand: One or more brands.
            keyword: Words that products are searched by.
            new_product: A product that is not in the catalogue: name, category, brand, price.
            limit: At most this many customers.
            min_probability: Only customers at least this likely to buy.
            share: Only this share of the customers, the likeliest.
            horizon_days: One of the horizons scored; the first if left out.

        Raises:
            UnknownTargetError: A name is unknown or fits several nodes.
            HorizonError: The horizon was not scored.
            ScoresError: A kind that was not scored, or a limit that makes no sense.
        """
        cut = Cut(limit, min_probability, share)
        cut.check()
        days = self.horizon(horizon_days)
        selection = select(
            self,
            products=several(product),
            categories=several(category),
            brands=several(brand),
            keyword=keyword,
            new_product=new_product_of(new_product),
        )
        selection = with_whole_groups(self, selection, days)
        return ranked(self, selection, cut, days, self.customer_ids, self.probability(selection, days))

    def probability(self, selection: Selection, horizon_days: int | None = None) -> F64:
        """P(buys at least one of the selected within the horizon). Shape: (U,)."""
        return union_probability(self, selection, self.horizon(horizon_days))

    def newcomer_logits(self, product: NewProduct, horizon_days: int | None = None) -> F64:
        """Logits of a product that is not in the catalogue. Shape: (U,)."""
        scores = self.scores_of("product", horizon_days)
        prices = self.products["price"].to_numpy()
        return newcomer_logits(
            scores, product, self.catalogue, prices, self.context, self.manifest.active, self.like_products
        )

    # -- what a customer wants ------------------------------------------------------------------

    def recommend(
        self,
        customer_id: str,
        top_k: int = 10,
        *,
        keyword: str | None = None,
        exclude_bought_days: float | None = None,
        horizon_days: int | None = None,
    ) -> pd.DataFrame:
        """Products for a customer: product_id, name, category, brand, probability, rank, last_bought_days.

        Args:
            customer_id: The customer.
            top_k: How many.
            keyword: Only products that match.
            exclude_bought_days: Leave out products bought within this many days before `as_of`.
            horizon_days: One of the horizons scored.

        Raises:
            UnknownTargetError: No product matches the keyword.
            UnknownCustomerError: The customer was not scored.
            HorizonError: The horizon was not scored.
            ScoresError: Products were not scored.
        """
        import pandas as pd

        check_count(top_k, "list", "product")
        scores = self.scores_of("product", horizon_days)
        row = self._row(customer_id)
        last = self.bought.last_days_of(row, len(scores))
        allowed = np.ones(len(scores), np.bool_)
        if keyword is not None:
            allowed = np.isin(scores.targets, [match.product_id for match in self.search(keyword)])
        if exclude_bought_days is not None:
            allowed &= ~(last <= exclude_bought_days)
        candidates = np.flatnonzero(allowed)
        logits = scores.rows(np.array([row]))[0]
        _, best, rank = best_targets(logits[np.newaxis, candidates], top_k)
        chosen = candidates[best]
        return pd.DataFrame(
            {
                "product_id": scores.targets[chosen],
                "name": self.catalogue.names[chosen],
                "category": self.catalogue.categories[chosen],
                "brand": self.catalogue.brands[chosen],
                "probability": sigmoid(logits[chosen].astype(np.float64)),
                "rank": rank,
                "last_bought_days": last[chosen],
            }
        )

    # -- inside ---------------------------------------------------------------------------------

    def of_others(
        self, table: pa.Table, targets: Mapping[tuple[str, int], TargetScores], bought: Bought
    ) -> Scores:
        """Scores of other customers of the same shop; what is the shop's own is not worked out again."""
        others = replace(self, table=table, targets=targets, bought=bought, histories=self.histories[:0])
        vars(others).update({name: vars(self)[name] for name in _OF_THE_SHOP if name in vars(self)})
        return others

    def find(self, customer_id: str) -> int | None:
        """The row of a customer, None for somebody who was not scored."""
        row = int(np.searchsorted(self.customer_ids, customer_id))
        return row if row < len(self) and self.customer_ids[row] == customer_id else None

    def _row(self, customer_id: str) -> int:
        """The row of a customer."""
        row = self.find(customer_id)
        if row is None:
            raise UnknownCustomerError(
                f"customer {without_address(customer_id)!r} is not among the {len(self):,} scored",
                hint="somebody without an order is scored with a row in the customers table",
            )
        return row

    @cached_property
    def _index(self) -> Index:
        """The text index; built in a scratch folder for scores that were never written."""
        if self.index is not None:
            return self.index
        if not self._scratch:
            self._scratch.append(tempfile.TemporaryDirectory(prefix="intentml-"))
            path = Path(self._scratch[0].name) / FILE_NAME
            write_text_index(path, self.catalogue, self.manifest.model.text)
        return Index(Path(self._scratch[0].name) / FILE_NAME)


def several(names: str | Iterable[str]) -> tuple[str, ...]:
    """One name or many, as many."""
    return (names,) if isinstance(names, str) else tuple(names)
