"""The shop, scored: ask it who wants what, and what a customer wants.

What comes in: the parts of a scoring run, in memory or from a folder. What goes out: answers. It
holds no model: everything it needs lies in the folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from intentml.errors import ScoresError
from intentml.prediction import F64, Newcomer, TargetScores, sigmoid, survival_at, SURVIVAL_DAYS
from intentml.priors.popularity import expected_of_newcomer, popularity_logit
from intentml.scores.answers import InterestedIn
from intentml.scores.interests import SCHEMA, best_targets, interest_batches
from intentml.scores.keyword import Match, build_index, search
from intentml.scores.manifest import Manifest
from intentml.scores.selection import NewProduct, Selection, percentage, select
from intentml.timeline.catalogue import Catalogue, Strings

if TYPE_CHECKING:
    import pandas as pd

_CELLS_AT_ONCE = 16_000_000


@dataclass(frozen=True)
class Bought:
    """Which products each customer bought before, in CSR layout.

    Attributes:
        indptr: Row pointers over customers. Shape: (U + 1,).
        target: Product rows. Shape: (n,).
        last_days: Days from the newest purchase to `as_of`. Shape: (n,).
        count: Orders with the product. Shape: (n,).
    """

    indptr: npt.NDArray[np.int64]
    target: npt.NDArray[np.int32]
    last_days: npt.NDArray[np.float32]
    count: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Scores:
    """Scores of all customers at one `as_of`. Make them with `score`, read them with `load_scores`.

    Attributes:
        manifest: What they are of.
        table: One row a customer, sorted by customer_id.
        products: The catalogue: product_id, name, category, category_path, brand, price.
        context: Buyers per kind, target and window.
        targets: Scores per kind and horizon.
        bought: Products bought before.
        index_path: Where the text index lies; None builds one when first asked.
    """

    manifest: Manifest
    table: pa.Table
    products: pa.Table
    context: pa.Table
    targets: Mapping[tuple[str, int], TargetScores]
    bought: Bought
    index_path: Path | None = None
    _scratch: list[tempfile.TemporaryDirectory[str]] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return self.table.num_rows

    def __repr__(self) -> str:
        kinds = ", ".join(dict.fromkeys(kind for kind, _ in self.targets))
        return f"Scores({len(self):,} customers as of {self.manifest.as_of}, {self.manifest.horizons} days, {kinds})"

    # -- customers ------------------------------------------------------------------------------

    @property
    def customers(self) -> pd.DataFrame:
        """One row a customer: what is known, what is predicted, stage and group."""
        return self.table.to_pandas()

    def survival(self, days: float) -> pd.Series:
        """P(no order within `days`) of every customer, for any number of days up to 365."""
        import pandas as pd

        if not 0 <= days <= SURVIVAL_DAYS[-1]:
            raise ScoresError(
                f"survival over {days} days is outside 0 to {SURVIVAL_DAYS[-1]}", hint="choose a number inside"
            )
        curve = np.stack([self.table[f"survival_{day}"].to_numpy() for day in SURVIVAL_DAYS], axis=1)
        ids = pd.Index(self.customer_ids, name="customer_id")
        return pd.Series(survival_at(curve, days), index=ids, name=f"survival_{days:g}")

    @cached_property
    def customer_ids(self) -> Strings:
        """Sorted ids. Shape: (U,)."""
        ids: Strings = self.table["customer_id"].to_numpy().astype(object)
        return ids

    @cached_property
    def catalogue(self) -> Catalogue:
        """The products."""
        columns = ("product_id", "name", "category", "category_path", "brand")
        return Catalogue(*(self.products[name].to_numpy().astype(object) for name in columns))

    # -- targets --------------------------------------------------------------------------------

    def horizon(self, horizon_days: int | None = None) -> int:
        """The horizon asked, or the default; others than the folder's are refused."""
        horizons = self.manifest.horizons
        if horizon_days is None:
            return horizons[0]
        if horizon_days not in horizons:
            known = ", ".join(map(str, horizons))
            raise ScoresError(
                f"these scores answer {known} days, not {horizon_days}",
                hint="score again with --horizon, or ask `survival`, which answers any",
            )
        return horizon_days

    def scores_of(self, kind: str, horizon_days: int | None = None) -> TargetScores:
        """The scores of one kind."""
        key = kind, self.horizon(horizon_days)
        if key not in self.targets:
            known = ", ".join(dict.fromkeys(known for known, _ in self.targets)) or "no targets"
            raise ScoresError(
                f"these scores hold {known}, not {kind}",
                hint=f"score again with --kinds {kind}, on tables that have it",
            )
        return self.targets[key]

    def interests(
        self, top_k: int | None = 10, *, kind: str | None = None, horizon_days: int | None = None
    ) -> pd.DataFrame:
        """Each customer's best targets: customer_id, kind, target, horizon_days, probability, rank."""
        days = self.horizon(horizon_days)
        kinds = [kind] if kind else [known for known, horizon in self.targets if horizon == days]
        batches = [
            batch
            for wanted in kinds
            for batch in interest_batches(self.scores_of(wanted, days), self.customer_ids, days, top_k)
        ]
        return pa.Table.from_batches(batches, SCHEMA).to_pandas()

    def search(self, keyword: str) -> Sequence[Match]:
        """Products matching a keyword, best first."""
        return search(self._index(), keyword)

    def probability(self, selection: Selection, horizon_days: int | None = None) -> F64:
        """P(buys at least one of the selected within the horizon). Shape: (U,).

        One target's own probability is told as it is. Several are joined as if independent given
        what is known of the customer: 1 - prod(1 - p).
        """
        single = len(selection.columns) + len(selection.newcomers) == 1
        none_bought = np.zeros(len(self))
        for kind in dict.fromkeys(kind for kind, _ in selection.columns):
            scores = self.scores_of(kind, horizon_days)
            at = [scores.find(name) for of, name in selection.columns if of == kind]
            columns = np.array([column for column in at if column is not None], dtype=np.int64)
            step = max(1, _CELLS_AT_ONCE // max(1, len(self)))
            for start in range(0, len(columns), step):
                logits = scores.columns(columns[start : start + step]).astype(np.float64)
                if single:
                    return sigmoid(logits[:, 0])
                none_bought -= np.logaddexp(0.0, logits).sum(axis=1)
        for newcomer in selection.newcomers:
            logits_new = self._newcomer_logits(newcomer, horizon_days)
            if single:
                return sigmoid(logits_new)
            none_bought -= np.logaddexp(0.0, logits_new)
        return -np.expm1(none_bought)

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
            ScoresError: A horizon or kind that was not scored, or a limit that makes no sense.
        """
        import pandas as pd

        _check_cut(limit, min_probability, share)
        if new_product is not None and not isinstance(new_product, NewProduct):
            new_product = NewProduct.model_validate(new_product)
        selection = select(
            self,
            products=_several(product),
            categories=_several(category),
            brands=_several(brand),
            keyword=keyword,
            new_product=new_product,
        )
        days = self.horizon(horizon_days)
        probability = self.probability(selection, days)
        keep = len(self) if limit is None else min(limit, len(self))
        if share is not None:
            keep = percentage(share, len(self))
        best = top(probability, keep)
        if min_probability is not None:
            best = best[probability[best] >= min_probability]
        chosen = pd.DataFrame(
            {
                "customer_id": self.customer_ids[best],
                "probability": probability[best],
                "rank": np.arange(1, len(best) + 1),
            }
        )
        return InterestedIn(
            as_of=self.manifest.as_of,
            horizon_days=days,
            calibrated=self.manifest.calibrated,
            model_version=self.manifest.model.version,
            matched_products=self._named(selection),
            expected_buyers=float(probability[best].sum()),
            customers=chosen,
        )

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
            ScoresError: The customer or the horizon was not scored.
        """
        import pandas as pd

        row = int(np.searchsorted(self.customer_ids, customer_id))
        if row >= len(self) or self.customer_ids[row] != customer_id:
            raise ScoresError(
                f"customer {customer_id!r} is not among the {len(self):,} scored",
                hint="customers without an order need a row in the customers table; score again after adding one",
            )
        scores = self.scores_of("product", horizon_days)
        logits = scores.rows(np.array([row]))[0]
        allowed = np.ones(len(scores), bool)
        if keyword is not None:
            allowed[:] = False
            allowed[[column for match in self.search(keyword) if (column := scores.find(match.product_id)) is not None]] = True
        mine = slice(self.bought.indptr[row], self.bought.indptr[row + 1])
        last = np.full(len(scores), np.nan)
        last[self.bought.target[mine]] = self.bought.last_days[mine]
        if exclude_bought_days is not None:
            allowed &= ~(last <= exclude_bought_days)
        candidates = np.flatnonzero(allowed)
        _, best, rank = best_targets(logits[candidates][np.newaxis], top_k)
        chosen = candidates[best]
        catalogue = self.catalogue
        return pd.DataFrame(
            {
                "product_id": scores.targets[chosen],
                "name": catalogue.names[chosen],
                "category": catalogue.categories[chosen],
                "brand": catalogue.brands[chosen],
                "probability": sigmoid(logits[chosen].astype(np.float64)),
                "rank": rank,
                "last_bought_days": last[chosen],
            }
        )

    # -- inside ---------------------------------------------------------------------------------

    def _newcomer_logits(self, newcomer: NewProduct, horizon_days: int | None) -> F64:
        """Logits of a product that is not in the catalogue, by category, brand and price."""
        scores = self.scores_of("product", horizon_days)
        if scores.newcomer is None:
            raise ScoresError("this model cannot score a product without orders", hint="use recipe priors")
        catalogue = self.catalogue
        same_category = catalogue.categories == newcomer.category if newcomer.category else np.zeros(len(catalogue), bool)
        same_brand = catalogue.brands == newcomer.brand if newcomer.brand else np.zeros(len(catalogue), bool)
        value = self._newcomer_value(scores.newcomer, same_category.astype(bool), same_brand.astype(bool), newcomer.price)
        vector = np.array([1.0, value], dtype=np.float32)
        total = (scores.customer_vectors @ vector).astype(np.float64)
        for parent in scores.parents:
            name = {"category": newcomer.category, "brand": newcomer.brand}.get(parent.kind)
            targets = catalogue.targets(parent.kind).targets
            at = int(np.searchsorted(targets, name)) if name is not None else len(targets)
            if at < len(targets) and targets[at] == name:
                total += parent.values[:, [at]].toarray()[:, 0]
        return total

    def _newcomer_value(
        self,
        rule: Newcomer,
        same_category: npt.NDArray[np.bool_],
        same_brand: npt.NDArray[np.bool_],
        price: float | None,
    ) -> float:
        """The target's part of the logit."""
        of_products = self.context.filter(pa.compute.equal(self.context["kind"], "product"))
        ever = of_products["buyers_0"].to_numpy().astype(np.float64)
        prices = self.products["price"].to_numpy()
        value = rule.intercept
        for window, weight in rule.popularity.items():
            buyers = of_products[f"buyers_{window}"].to_numpy().astype(np.float64)
            expected = expected_of_newcomer(buyers, ever > 0, same_category, same_brand, prices, price)
            share = popularity_logit(np.zeros(1), np.array([expected]), np.zeros(1, bool), self.manifest.active[window])
            value += weight * float(share[0])
        return value

    def _named(self, selection: Selection) -> tuple[dict[str, str | None], ...]:
        ids, names = self.catalogue.product_ids, self.catalogue.names
        known = [{"product_id": ids[row], "name": names[row]} for row in selection.products]
        return (*known, *({"product_id": None, "name": new.name} for new in selection.newcomers))

    def _index(self) -> Path:
        """The text index; built in a scratch folder for scores that were never written."""
        if self.index_path is not None:
            return self.index_path
        if not self._scratch:
            self._scratch.append(tempfile.TemporaryDirectory(prefix="intentml-"))
            build_text_index(Path(self._scratch[0].name) / "products.fts.sqlite", self.catalogue)
        return Path(self._scratch[0].name) / "products.fts.sqlite"


def build_text_index(path: Path, catalogue: Catalogue) -> None:
    """Write the text index of a catalogue."""
    build_index(
        path, catalogue.product_ids, catalogue.names, catalogue.categories, catalogue.paths, catalogue.brands
    )


def top(probability: F64, keep: int) -> npt.NDArray[np.int64]:
    """Rows of the `keep` highest, best first, ties by row (rows are sorted by customer_id)."""
    if keep <= 0:
        return np.zeros(0, np.int64)
    rows = np.arange(len(probability))
    if keep < len(probability):
        cut = -np.partition(-probability, keep - 1)[keep - 1]
        rows = np.flatnonzero(probability >= cut)
    return rows[np.lexsort((rows, -probability[rows]))][:keep]


def _check_cut(limit: int | None, min_probability: float | None, share: float | None) -> None:
    """One way of cutting the list, with a number that makes sense."""
    given = [cut for cut in (limit, min_probability, share) if cut is not None]
    if len(given) > 1:
        raise ScoresError("limit, min_probability and share exclude each other", hint="give one of them")
    if limit is not None and limit < 1:
        raise ScoresError(f"a limit of {limit} customers is below 1", hint="ask for at least one customer")
    for name, value in (("min_probability", min_probability), ("share", share)):
        if value is not None and not 0 <= value <= 1:
            raise ScoresError(f"{name} {value} is outside 0 to 1", hint="write 20 % as 0.2")


def _several(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
