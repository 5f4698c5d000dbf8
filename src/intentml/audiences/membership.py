"""What a ledger hands out, and when it hesitates.

What comes in: numbers and tables of the ledger. What goes out: frozen values: a refresh, the members at a
time, who entered and left. It reads no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from intentml.timeline.instants import Instant


@dataclass(frozen=True)
class Refresh:
    """One look at who is in an audience.

    Attributes:
        audience: Its name.
        number: Place among the stored refreshes of the audience, from 1; where nothing was stored, that
            of the newest there is, 0 without any.
        as_of: Known is what was known before it.
        rule_version: Of the rule.
        model_version: Of the model behind the scores.
        members: Number of members, those of the holdout with them.
        holdout: Number of members held out.
        entered: Number of those who came in since the refresh before. A member who moves between the
            holdout and the contacted leaves the one side and enters the other.
        left: Number of those who went.
        held: Why the size brake held it back, None where it did not; then nothing was stored.
        stored: Whether this call stored it: not where it was held, nor where it was stored before.
    """

    audience: str
    number: int
    as_of: Instant
    rule_version: str
    model_version: str
    members: int
    holdout: int
    entered: int
    left: int
    held: str | None = None
    stored: bool = True


@dataclass(frozen=True)
class Membership:
    """An audience as it was.

    Attributes:
        refresh: The refresh that says so, the newest not after the time asked about.
        customer_ids: Members, sorted, (M,).
        holdout: Whether each is held out: a member, but not to be contacted, (M,).
    """

    refresh: Refresh
    customer_ids: NDArray[Any]
    holdout: NDArray[np.bool_]


@dataclass(frozen=True)
class Changes:
    """Who entered and who left an audience between two refreshes, each by name and once.

    Both tables: customer_id, holdout, refresh (in which it happened), key; sorted by customer_id. The
    key names the change among all audiences of the shop and is the same whenever it is handed out:
    who acts on a key once, acts on a change once. Who came and went in between is in neither; a member
    who moved between the holdout and the contacted has left the one side and entered the other.

    Attributes:
        audience: Its name.
        since: Number of the refresh before, 0 for the empty audience before the first.
        upto: Number of the refresh that the changes lead to.
        entered: In at `upto` and not at `since`.
        left: In at `since` and not at `upto`; `holdout` as it was.
    """

    audience: str
    since: int
    upto: int
    entered: pa.Table
    left: pa.Table


@dataclass(frozen=True)
class Brake:
    """Holds a refresh back whose size looks like a mistake.

    Attributes:
        share: The most that an audience may grow or shrink in one refresh, as a share of its size.
        people: Fewer than so many people more or less never hold it.
    """

    share: float = 0.5
    people: int = 100

    def reason(self, before: int, after: int) -> str | None:
        """Why an audience of `before` members may not become one of `after`, None where it may.

        >>> Brake().reason(1000, 1501)
        '1,000 members would become 1,501: more than 50 % in one refresh'
        >>> Brake().reason(1000, 1500), Brake().reason(10, 109)
        (None, None)
        """
        if before and not after:
            return f"all {before:,} members would leave"
        moved = abs(after - before)
        if moved >= self.people and moved > self.share * before:
            return (
                f"{before:,} members would become {after:,}: more than {100 * self.share:g} % in one refresh"
            )
        return None
