"""The report: everything that this room can tell of a shop, worked out once.

What comes in: a shop's audiences at the instant of its scores, its log. What goes out: `Report`, tables that
`written` makes a page of. No customer is named in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from intentml.audiences.audiences import Audiences
from intentml.insights.comparison import compared
from intentml.insights.first_order import FirstOrderThreshold, first_order_threshold
from intentml.insights.lifecycle import counted_stages, months_before, stage_flows, stages_at
from intentml.insights.members import members_of
from intentml.insights.overlap import overlapping
from intentml.insights.personas import Persona, persona
from intentml.insights.segments import Segments, discovered_segments
from intentml.timeline import OrderLog

if TYPE_CHECKING:
    import pandas as pd

EVERYBODY = "(everybody)"  # no audience can be called so
_FLOWS_MONTHS = 3


@dataclass(frozen=True, eq=False)
class Report:
    """What the base looks like at one instant.

    Attributes:
        as_of: ISO 8601.
        customers: How many there are.
        base: Stages over time (`base_over_time`), with the months before `as_of` in the column `months_ago`.
        flows: Stages now by the stages of `flows_from` (`stage_flows`); None where the history is too short.
        flows_from: ISO 8601.
        compared: Audiences with a member (`compared`), `EVERYBODY` first, with a column `title`.
        overlap: Share of the row inside the column, of the audiences of most potential.
        personas: Of the same.
        segments: What was discovered.
        first_order: The size of the first order against a second one.
    """

    as_of: str
    customers: int
    base: pd.DataFrame
    flows: pd.DataFrame | None
    flows_from: str
    compared: pd.DataFrame
    overlap: pd.DataFrame
    personas: tuple[Persona, ...]
    segments: Segments
    first_order: FirstOrderThreshold

    def to_dict(self) -> dict[str, Any]:
        """The tables as lists and dicts, for machines."""
        found = self.first_order
        return {
            "as_of": self.as_of,
            "customers": self.customers,
            "base": self.base.reset_index().to_dict("records"),
            "flows_from": self.flows_from,
            "flows": None if self.flows is None else self.flows.to_dict("index"),
            "audiences": self.compared.reset_index().to_dict("records"),
            "overlap": self.overlap.to_dict("index"),
            "personas": [one.lines() for one in self.personas],
            "segments": {"note": self.segments.note, "personas": [p.lines() for p in self.segments.personas]},
            "first_order": {
                "within_days": found.within_days,
                "customers": found.customers,
                "threshold": found.threshold,
                "low": found.low,
                "high": found.high,
                "luck": found.luck,
                "difference": found.difference,
                "difference_low": found.difference_low,
                "difference_high": found.difference_high,
                "curve": found.curve.to_dict("records"),
            },
        }


def report_of(audiences: Audiences, log: OrderLog, *, seed: int = 0) -> Report:
    """The report of a shop.

    Args:
        audiences: Over its scores.
        log: Its history, as it was scored.
        seed: Of everything drawn.

    Raises:
        RuleError: The shop has no scores.
    """
    view = audiences.view
    standings = {ago: stages_at(log, at) for ago, at in months_before(log, view.as_of).items()}
    base = counted_stages(list(standings.values()))
    base.insert(0, "months_ago", list(standings))
    earlier = [ago for ago in standings if ago]
    since = min(earlier, key=lambda ago: abs(ago - _FLOWS_MONTHS)) if earlier else None
    members = {name: rows for name, rows in members_of(audiences).items() if len(rows)}
    everybody = np.arange(len(view.customers), dtype=np.int32)
    table = compared({EVERYBODY: everybody} | members, view.customers)
    table.insert(0, "title", ["Everybody", *(audiences.known[name].title for name in members)])
    best = most_potential(table)
    return Report(
        as_of=view.as_of.iso,
        customers=len(everybody),
        base=base,
        flows=None if since is None else stage_flows(standings[since], standings[0]),
        flows_from="" if since is None else standings[since].as_of.iso,
        compared=table,
        overlap=overlapping({name: members[name] for name in best}, "inside"),
        personas=tuple(persona(audiences, name) for name in best),
        segments=discovered_segments(view, seed),
        first_order=first_order_threshold(view, standings[0].limits.second_order_usual_days, seed=seed),
    )


def most_potential(table: pd.DataFrame) -> list[str]:
    """The audiences with a rank for soon, then those with one for long, each once."""
    ranked = [table[rank].dropna().sort_values().index for rank in ("short_term", "long_term")]
    return list(dict.fromkeys([*ranked[0], *ranked[1]]))
