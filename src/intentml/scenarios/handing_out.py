"""Handing out: the actions of several scenarios, each exactly once where there is a ledger.

What comes in: a shop's audiences at one `as_of`, scenarios, a ledger. What goes out: a batch a scenario. One
that this shop cannot have keeps nothing from the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from intentml.audiences.audiences import Audiences
from intentml.audiences.ledger import Ledger
from intentml.errors import IntentmlError, RuleError
from intentml.scenarios.actions import actions_due, unknown_fields
from intentml.scenarios.ledger import ActionLedger, Batch
from intentml.scenarios.scenario import Scenario, named, presets

Progress = Callable[[str, int, int], None]


def due(
    audiences: Audiences,
    asked: Sequence[str | Scenario] | None = None,
    ledger: ActionLedger | None = None,
    memberships: Ledger | None = None,
    *,
    progress: Progress = lambda step, done, total: None,
) -> dict[str, Batch | IntentmlError]:
    """The actions due at the instant of the audiences, by scenario.

    Args:
        audiences: As `open_audiences` gives them.
        asked: Scenarios, or names or files of them; the presets if left out.
        ledger: Of the same shop. With it each action is handed out once, and a batch again until it is
            acknowledged; without it all that is due is told, and nothing noted.
        memberships: The ledger of audiences, for scenarios that start when a customer enters one.
        progress: Told each scenario.

    Raises:
        IntentmlError: One asked for cannot be had; of the presets, such are told beside the others.
    """
    known = presets()
    wanted = [one if isinstance(one, Scenario) else named(one, known) for one in asked or known]
    if len({one.name for one in wanted}) < len(wanted):
        raise RuleError("two of the scenarios have the same name", hint="name each once")
    found: dict[str, Batch | IntentmlError] = {}
    for number, scenario in enumerate(wanted):
        progress(scenario.name, number, len(wanted))
        try:
            actions = actions_due(audiences, scenario, memberships)
        except IntentmlError as problem:
            if asked:
                raise
            found[scenario.name] = problem
            continue
        batch = Batch(scenario.name, None, audiences.view.as_of, actions)
        if ledger is not None:
            batch = ledger.hand_out(scenario, actions, batch.as_of)
        found[scenario.name] = replace(batch, notes=unknown_fields(audiences, scenario))
    return found
