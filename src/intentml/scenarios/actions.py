"""Actions due: whose trigger lies back as long as a step waits, and who fits the step.

What comes in: a shop's audiences at one `as_of`, a scenario. What goes out: one row an action, with an id
that is the same whenever it is asked, and never another's. It sends nothing and remembers nothing.

Of each customer the latest step counts whose time has come and whose conditions hold: who was not looked at
for a while gets one message, not a pile.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from intentml.audiences.audiences import Audiences
from intentml.audiences.ledger import Ledger
from intentml.audiences.ownership import short
from intentml.audiences.rule import Rule
from intentml.audiences.selector import Selector
from intentml.audiences.who import Who
from intentml.errors import RuleError
from intentml.prediction import F64
from intentml.scenarios.scenario import Entered, Scenario, Step
from intentml.timeline.instants import DAY_US
from intentml.timeline.waits import at_ages, days_over

Mask = npt.NDArray[np.bool_]

_INSTANT = pa.timestamp("us", tz="UTC")
ACTIONS = pa.schema(
    [
        ("action_id", pa.string()),
        ("customer_id", pa.string()),
        ("step", pa.string()),
        ("action", pa.string()),
        ("channel", pa.string()),
        ("percent", pa.float64()),  # null where nothing is offered
        ("valid_for", pa.string()),  # null where the offer has no end
        ("triggered_at", _INSTANT),
        ("due_at", _INSTANT),
        ("expires_at", _INSTANT),
    ]
)


def actions_due(audiences: Audiences, scenario: Scenario, memberships: Ledger | None = None) -> pa.Table:
    """The actions of a scenario that are due at the instant of the audiences.

    Args:
        audiences: Of the shop.
        scenario: What is done when.
        memberships: Who was in which audience when; read where the scenario starts from entering one.

    Returns:
        `ACTIONS`, sorted by customer and step.

    Raises:
        RuleError: A condition names what nobody here knows, or memberships are needed.
        LedgerError: The audience that starts it was not refreshed yet.
    """
    try:
        return _actions_due(audiences, scenario, memberships)
    except RuleError as problem:
        raise RuleError(
            f"scenario {scenario.name!r}: {problem.message}", column=problem.column, hint=problem.hint
        ) from None


def unknown_fields(audiences: Audiences, scenario: Scenario) -> tuple[str, ...]:
    """What the shop lacks for a scenario, in a sentence each."""
    absent = audiences.view.absent
    return tuple(
        f"{name} is unknown of everybody: {absent[name]}" for name in scenario.fields if name in absent
    )


def _actions_due(audiences: Audiences, scenario: Scenario, memberships: Ledger | None) -> pa.Table:
    asked = _Asked(audiences, scenario, memberships)
    fits = asked.fits(scenario.condition)
    over = [days_over(asked.ages, step.after, asked.as_of) for step in scenario.steps]
    come: list[Mask] = []
    taken: dict[str, Mask] = {}
    for step, days in zip(scenario.steps, over, strict=True):
        now = fits & (days >= 0) & asked.fits(step.condition) & asked.fits_since(step.since_trigger)
        now &= ~taken.get(step.name, np.zeros_like(now))
        taken[step.name] = taken.get(step.name, False) | now
        come.append(now)
    # The step whose time came last is over for the shortest.
    latest = np.min([np.where(now, days, np.inf) for now, days in zip(come, over, strict=True)], axis=0)
    found = [
        asked.actions(step, np.flatnonzero(now & (days == latest)), days)
        for step, now, days in zip(scenario.steps, come, over, strict=True)
    ]
    return pa.concat_tables(found).sort_by([("customer_id", "ascending"), ("step", "ascending")])


class _Asked:
    """One scenario asked of one shop."""

    def __init__(self, audiences: Audiences, scenario: Scenario, memberships: Ledger | None) -> None:
        self.memberships = memberships
        self.scenario, self.shop, self.selector = scenario, audiences.shop, audiences.selector
        self.view, self.as_of = audiences.view, audiences.view.as_of
        self.ages = self._ages()
        self._since: Selector | None = None

    def _ages(self) -> F64:
        """Days since each customer's newest trigger, NaN without one. Shape: (U,)."""
        trigger = self.scenario.trigger
        if isinstance(trigger, str):
            name = self.view.field_named(trigger).name
            told: F64 = self.view.values(name).cast(pa.float64()).to_numpy()
            return told
        ages = np.full(len(self.view.customer_ids), np.nan)
        if isinstance(trigger, Entered):
            if self.memberships is None:
                raise RuleError(
                    f"it starts when a customer enters {trigger.entered!r}, and who did is not known",
                    hint="hand over the ledger in which that audience is refreshed: --memberships",
                )
            entries = self.memberships.entered(trigger.entered, self.as_of)
            rows = pc.index_in(entries["customer_id"], pa.array(self.view.customer_ids, pa.string()))
            known = rows.is_valid()
            at = entries["entered_at"].filter(known).cast(pa.int64()).to_numpy()
            ages[rows.filter(known).to_numpy()] = (self.as_of.us - at) / DAY_US
            return ages
        found = self.selector.seen_of_all(trigger)
        ages[found["row"].to_numpy()] = found["last_days"].to_numpy()
        return ages

    def fits(self, rule: Rule | None) -> Mask:
        """Who fits a rule. Shape: (U,)."""
        return self._holds(self.selector, rule)

    def fits_since(self, rule: Rule | None) -> Mask:
        """Whose history after the trigger fits a rule. Shape: (U,)."""
        if rule is None:
            return self.fits(None)
        if self._since is None:
            lines, events = self.view.lines, self.view.events
            later = replace(
                self.view,
                lines=None if lines is None else self._later(lines),
                events=None if events is None else self._later(events),
            )
            self._since = Selector(later)
        return self._holds(self._since, rule)

    def _later(self, history: pa.Table) -> pa.Table:
        """What happened after the trigger of the customer it belongs to."""
        after = history["age_days"].to_numpy() < self.ages[history["row"].to_numpy()]
        return history.filter(pa.array(after))

    def _holds(self, selector: Who, rule: Rule | None) -> Mask:
        mask = np.full(len(self.view.customer_ids), rule is None)
        if rule is not None:
            mask[selector.rows(rule)] = True
        return mask

    def actions(self, step: Step, rows: npt.NDArray[np.intp], over: F64) -> pa.Table:
        """The actions of a step for some customers, but for those that have expired."""
        ended = days_over(over[rows], self.scenario.expires_after, self.as_of)
        rows, ended = rows[ended < 0], ended[ended < 0]
        triggered = at_ages(self.ages[rows], self.as_of)
        customers = self.view.customer_ids[rows]
        offer = step.offer
        told = {
            "action_id": [
                _action_id(short(self.shop), self.scenario.name, step.name, str(us), customer)
                for us, customer in zip(triggered, customers, strict=True)
            ],
            "customer_id": customers,
            "step": step.name,
            "action": step.action,
            "channel": step.channel,
            "percent": offer.percent if offer else None,
            "valid_for": str(offer.valid_for) if offer and offer.valid_for else None,
            "triggered_at": triggered,
            "due_at": at_ages(over[rows], self.as_of),
            "expires_at": at_ages(ended, self.as_of),
        }
        return pa.table([_column(told[field.name], field.type, len(rows)) for field in ACTIONS], ACTIONS)


def _column(values: object, kind: pa.DataType, count: int) -> pa.Array:
    """A column of values, or of one value for all."""
    if isinstance(values, list | np.ndarray):
        return pa.array(values, kind)
    return pa.array([values] * count, kind)


def _action_id(*told: str) -> str:
    """A name for an action: a hash, so that it carries nobody's id."""
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]
