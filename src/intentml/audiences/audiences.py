"""A shop's audiences at work: who is in, how many, why; in the shop as it stood at one `as_of`.

What comes in: a view and audiences by name. What goes out: previews, members, reasons. Wherever an audience
is asked for it may be a name, a YAML file, an `Audience`, or a rule as text or tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from intentml.audiences.audience import Audience, audience_of, named, rules_of
from intentml.audiences.engine import Engine
from intentml.audiences.explain import Clause, Reason, funnel, why
from intentml.audiences.leaves import Comparison, Happened, WithinKm
from intentml.audiences.merged import MergedSelector
from intentml.audiences.reasons import Explainer
from intentml.audiences.rule import leaves
from intentml.audiences.selector import Selector
from intentml.audiences.view import I32, ShopView
from intentml.audiences.who import Who
from intentml.errors import IntentmlError, RuleError

if TYPE_CHECKING:
    import pandas as pd

Asked = str | Mapping[str, Any] | Audience

# What decides whether a member can be written to, where the shop knows it, and the answer that says yes.
REACH: Mapping[str, bool | str] = {
    "has_email": True,
    "has_phone": True,
    "subscribed": True,
    "consent_ad_user_data": "granted",
    "consent_ad_personalization": "granted",
}
_SAMPLE = 10
UNNAMED = "unnamed"


class Preview(BaseModel):
    """An audience at a glance.

    Attributes:
        audience: Its name.
        rule: In one line.
        as_of: The instant, ISO 8601.
        customers: How many are in.
        share: Of all customers.
        sample: Ids of a few, spread over the members.
        reach: For each of `REACH` that the shop knows: how many members have it.
        funnel: How many fit each part of the rule.
        notes: What the shop lacks for this rule, and what of its fields was of no use, in a sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    audience: str
    rule: str
    as_of: str
    customers: int
    share: float
    sample: tuple[str, ...]
    reach: dict[str, int]
    funnel: Clause
    notes: tuple[str, ...] = ()


class Audiences:
    """Audiences over one view.

    Args:
        view: The shop.
        known: Audiences by name.
        shop: What tells the shop from others, for ledgers.
        model: Version of the model behind the scores, likewise.
        engine: Where rules run; an in-memory DuckDB if left out.
        broken: Files of the shop's own that cannot be used, by the name that an audience would have, and why.
    """

    def __init__(
        self,
        view: ShopView,
        known: Mapping[str, Audience],
        *,
        shop: str = "",
        model: str = "",
        engine: Engine | None = None,
        broken: Mapping[str, RuleError] | None = None,
    ) -> None:
        self.view, self.known, self.shop, self.model = view, dict(known), shop, model
        self.broken = dict(broken or {})
        self.selector: Who = Selector(view, rules_of(self.known.values()), engine, self.broken)

    def with_anew(self, anew: ShopView) -> Audiences:
        """The same audiences where some customers are known anew: previews, members, counts and reasons.

        `view` stays that of the shop as it was scored.
        """
        assert isinstance(self.selector, Selector)
        others = copy(self)
        others.selector = MergedSelector(self.selector, anew)
        return others

    def find(self, asked: Asked) -> Audience:
        """The audience meant.

        Raises:
            RuleError: There is none of that name, or the rule is none.
        """
        if isinstance(asked, Audience):
            return asked
        if isinstance(asked, str) and (
            asked in self.known or "/" in asked.split("'")[0] or asked.endswith(".yaml")
        ):
            return named(asked, self.known)
        if isinstance(asked, str) and asked.replace("-", "").replace("_", "").isalnum():
            return named(asked, self.known)  # one word is a name, never a rule
        return audience_of(UNNAMED, {"title": UNNAMED, "rule": asked})

    def members(self, asked: Asked) -> pd.DataFrame:
        """Who is in, sorted by customer_id: it, holdout (of an audience that has one), the rule's fields."""
        audience = self.find(asked)
        rows = self.selector.rows(audience.rule)
        frame: pd.DataFrame = self.told_of(audience, rows, _named(audience)).to_pandas()
        return frame

    def told_of(self, audience: Audience, rows: I32, fields: Iterable[str]) -> pa.Table:
        """Some members: customer_id, whether they are held out where some are, and these fields."""
        ids, holdout = self.selector.customer_ids[rows], audience.held_out()
        columns = {"customer_id": self.selector.values("customer_id", rows)}
        columns |= {"holdout": pa.array(holdout.of(ids))} if holdout else {}
        return pa.table(columns | {name: self.selector.values(name, rows) for name in fields})

    def preview(self, asked: Asked) -> Preview:
        """How many are in, some of them, how far they can be reached, and what each part of the rule does."""
        audience = self.find(asked)
        clauses, who = funnel(self.selector, audience.rule)
        rows, everybody = np.flatnonzero(who).astype(np.int32), len(who)
        spread = (
            rows[np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(int)] if len(rows) else rows
        )
        absent = self.view.absent
        reach = {name: yes for name, yes in REACH.items() if name in self.view.fields and name not in absent}
        return Preview(
            audience=audience.name,
            rule=audience.text,
            as_of=self.view.as_of.iso,
            customers=len(rows),
            share=len(rows) / max(everybody, 1),
            sample=tuple(self.selector.customer_ids[spread]),
            reach={name: self._count(name, yes, rows) for name, yes in reach.items()},
            funnel=clauses,
            notes=self.notes(audience),
        )

    def notes(self, asked: Asked) -> tuple[str, ...]:
        """What the shop lacks for an audience's rule, in a sentence each: why nobody, or fewer, may be in."""
        audience, absent, types = self.find(asked), self.view.absent, self.view.event_types
        doubts = self.view.doubts
        parts = list(leaves(audience.rule))
        places = ("latitude", "longitude") if any(isinstance(leaf, WithinKm) for leaf in parts) else ()
        events = [name for leaf in parts if isinstance(leaf, Happened) for name in leaf.event.type]
        return (
            *(
                f"{name} is unknown of everybody: {absent[name]}"
                for name in (*_named(audience), *places)
                if name in absent
            ),
            *(f"{name}: {doubts[name]}" for name in _named(audience) if name in doubts),
            *(f"the shop has no event of type {name}" for name in dict.fromkeys(events) if name not in types),
        )

    def _count(self, field: str, value: bool | str, rows: I32) -> int:
        """Of some customers, how many have a value."""
        return int(pc.sum(pc.equal(self.selector.values(field, rows), value)).as_py() or 0)

    def explain(self, asked: Asked, customer_id: str, model: Explainer | None = None) -> Reason:
        """Why a customer is in, or is not.

        Args:
            asked: The audience.
            customer_id: The customer.
            model: The very model that made the scores, as `train` or `load_model` give it: then what it
                sees in the customer's history is told of every `interested_in`.

        Raises:
            UnknownCustomerError: Nobody has that id.
            RuleError: The rule cannot be asked.
            ModelError: Another model made the scores.
        """
        return why(self.selector, self.find(asked).rule, customer_id, model)

    def usable(self) -> dict[str, int | IntentmlError]:
        """Every audience by name: how many are in, or why this shop cannot have it."""
        found: dict[str, int | IntentmlError] = {}
        for name, audience in self.known.items():
            try:
                found[name] = self.selector.count(audience.rule)
            except IntentmlError as problem:
                found[name] = problem
        return found


def _named(audience: Audience) -> list[str]:
    """The fields that a rule compares, each once."""
    return list(dict.fromkeys(leaf.field for leaf in leaves(audience.rule) if isinstance(leaf, Comparison)))
