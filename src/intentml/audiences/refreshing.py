"""Refresh: every audience asked for, looked at and stored in the ledger, one after the other.

What comes in: audiences at work, a ledger. What goes out: what each refresh came to. One that this shop
cannot have, or that the brake holds back, keeps nothing from the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from intentml.audiences.audiences import Audiences
from intentml.audiences.ledger import Ledger
from intentml.audiences.membership import Refresh
from intentml.errors import IntentmlError

Progress = Callable[[str, int, int], None]


def refreshed(
    audiences: Audiences,
    ledger: Ledger,
    asked: Sequence[str] | None = None,
    *,
    force: bool = False,
    progress: Progress = lambda step, done, total: None,
) -> dict[str, Refresh | IntentmlError]:
    """Store who is in.

    Args:
        audiences: At the instant of the scores.
        ledger: Of the same shop.
        asked: Names or files; all known if left out.
        force: Store also what the brake holds back.
        progress: Told each audience.

    Raises:
        IntentmlError: One asked for by name cannot be had; of all known, such are told beside the others.
    """
    found: dict[str, Refresh | IntentmlError] = {}
    wanted = [audiences.find(one) for one in asked] if asked else list(audiences.known.values())
    for number, audience in enumerate(wanted):
        progress(audience.name, number, len(wanted))
        try:
            members = audiences.selector.members(audience.rule)
        except IntentmlError as problem:
            if asked:
                raise
            found[audience.name] = problem
            continue
        found[audience.name] = ledger.refresh(
            audience.name,
            members,
            as_of=audiences.view.as_of,
            rule_version=audience.version,
            model_version=audiences.model,
            holdout=audience.held_out() or (),
            force=force,
        )
    return found
