"""The ledger: who was in which audience when, and which changes were handed to whom.

What comes in: the members of an audience as of a time. What goes out: the members as of any time, and who
entered and left by name, exactly once. It keeps customer ids and nothing else about anybody. Every
call is one transaction: cut off in the middle, it has not happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from intentml.audiences.bucket import Holdout
from intentml.audiences.database import Database
from intentml.audiences.membership import Brake, Changes, Membership, Refresh
from intentml.audiences.ownership import forget, open_owned
from intentml.audiences.records import KIND, TABLES, VERSION, Records
from intentml.errors import LedgerError, nearest, without_address
from intentml.timeline.instants import AsOf, Instant

USUAL_BRAKE = Brake()


class Ledger:
    """Membership of one shop's audiences over time; made by `Ledger.open`, closed by `with`."""

    def __init__(self, database: Database, timezone: str) -> None:
        self._database, self._records = database, Records(database, timezone)

    @classmethod
    def open(cls, place: str | Path, *, shop: str, timezone: str = "UTC", must_exist: bool = False) -> Ledger:
        """Open a ledger, made at first use.

        Args:
            place: A DuckDB file, or the URL of a database that SQLAlchemy reaches.
            shop: What tells the shop from others and stays the same as it grows; kept at first use.
            timezone: The shop's zone, in which plain dates are read and told.
            must_exist: For who only asks: a file that is not there is an error.

        Raises:
            LedgerError: It belongs to another shop, is in use, is no ledger, or is not there.
        """
        database = open_owned(place, KIND, VERSION, TABLES, shop=shop, must_exist=must_exist)
        return cls(database, timezone)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def refresh(
        self,
        audience: str,
        members: Iterable[str],
        *,
        as_of: AsOf | Instant,
        rule_version: str,
        model_version: str,
        holdout: Holdout | Iterable[str] = (),
        brake: Brake = USUAL_BRAKE,
        force: bool = False,
    ) -> Refresh:
        """Store who is in; the same once more stores nothing.

        Args:
            audience: Its name, without a slash.
            members: Ids of everybody in, the holdout with them, each once, in any order.
            as_of: What they were computed from: known before it. Not older than the newest refresh.
            rule_version: Of the rule that chose them.
            model_version: Of the model behind the scores.
            holdout: Which of them are not to be contacted: drawn by hashed id, or named. Names of no
                members are passed over, so one list may serve every audience.
            brake: What holds it back.
            force: Store even what the brake would hold back.

        Raises:
            LedgerError: An older as_of, a name or an id that is none, or an id given twice.
        """
        if not audience or "/" in audience:
            raise LedgerError(f"{audience!r} is no name of an audience", hint="write one without a slash")
        instant = Instant.of(as_of, self._records.timezone)
        ids = _text_ids(members)
        _check_distinct(ids)
        held_out = _held_out(ids, holdout)
        with self._database.transaction():
            newest = next(reversed(self._records.refreshes(audience)), None)
            if newest and instant.us < newest.as_of.us:
                raise LedgerError(
                    f"{audience} was refreshed as of {newest.as_of.iso} already, after {instant.iso}",
                    hint="history is not rewritten: refresh as of the same time or later",
                )
            self._database.stage(pa.table({"customer_id": ids, "holdout": held_out.astype(np.int16)}))
            # Counted: of the members at the newest refresh some may have been forgotten.
            before = self._records.number_now(audience)
            entered = self._records.number_new(audience)
            left = before - (len(ids) - entered)
            reason = brake.reason(before, len(ids)) if newest and not force else None
            known = newest and (newest.as_of.us, newest.rule_version, newest.model_version)
            store = not reason and (
                bool(entered or left) or known != (instant.us, rule_version, model_version)
            )
            refresh = Refresh(
                audience=audience,
                number=(newest.number if newest else 0) + store,
                as_of=instant,
                rule_version=rule_version,
                model_version=model_version,
                members=len(ids),
                holdout=int(held_out.sum()),
                entered=entered,
                left=left,
                held=reason,
                stored=store,
            )
            if store:
                self._records.move(refresh)
        return refresh

    def refreshes(self, audience: str) -> tuple[Refresh, ...]:
        """The stored refreshes of an audience, oldest first.

        Raises:
            LedgerError: It was never refreshed.
        """
        with self._database.transaction():
            return self._known(audience)

    def as_of(self, audience: str, as_of: AsOf | Instant) -> Membership:
        """The audience as it was: by its newest refresh not after a time.

        Raises:
            LedgerError: It was never refreshed, or not yet then.
        """
        with self._database.transaction():
            then = self._at(audience, as_of)
            table = self._records.members(audience, then.number)
        return Membership(then, table["customer_id"].to_numpy(), table["holdout"].to_numpy())

    def entered(self, audience: str, upto: Instant) -> pa.Table:
        """When each customer entered an audience last, as far as refreshes until a time tell.

        Who was in at the first refresh came before it, nobody knows when, and is not told; nor who moved from
        the holdout or into it; nor who is held out, or was when they entered: they are not to be contacted.

        Returns:
            customer_id, and entered_at: as_of of the refresh.

        Raises:
            LedgerError: It was never refreshed, or not yet then.
        """
        with self._database.transaction():
            last = self._at(audience, upto).number
            entries, members = self._records.entries(audience, last), self._records.members(audience, last)
        by_customer = entries.sort_by("entered_at").group_by("customer_id", use_threads=False)
        found = by_customer.aggregate([("entered_at", "last"), ("holdout", "last")])
        held = members["customer_id"].filter(members["holdout"])
        free = pc.invert(pc.or_(found["holdout_last"], pc.is_in(found["customer_id"], value_set=held)))
        found = found.filter(free).sort_by("customer_id")
        times = found["entered_at_last"].cast(pa.timestamp("us", tz="UTC"))
        return pa.table({"customer_id": found["customer_id"], "entered_at": times})

    def diff(
        self, audience: str, since: AsOf | Instant | None = None, upto: AsOf | Instant | None = None
    ) -> Changes:
        """Who entered and left between two times; without them, in the newest refresh.

        Args:
            audience: Its name.
            since: The earlier time; that of the refresh before `upto`'s where None.
            upto: The later time; that of the newest refresh where None.

        Raises:
            LedgerError: It was never refreshed, not yet at one of the times, or they go backwards.
        """
        with self._database.transaction():
            last = (self._known(audience)[-1] if upto is None else self._at(audience, upto)).number
            first = last - 1 if since is None else self._at(audience, since).number
            if first > last:
                raise LedgerError(
                    f"the changes of audience {audience} are asked for backwards in time",
                    hint="name the earlier time first",
                )
            return self._records.changes(audience, first, last)

    def changes(self, audience: str, consumer: str) -> Changes:
        """What a consumer has not acknowledged yet, the same until it does.

        What was handed out stays as it is, even where the audience was refreshed since: a consumer that
        was cut off finds exactly what it was at. Act on the changes, acknowledge them and ask again,
        until `since == upto`.

        Args:
            audience: Its name.
            consumer: Who acts on the changes; each has its own place in the history.

        Raises:
            LedgerError: The audience was never refreshed.
        """
        with self._database.transaction():
            newest = self._known(audience)[-1].number
            handed = self._records.handouts(audience, consumer)
            since = max((upto for upto, acknowledged in handed.items() if acknowledged), default=0)
            upto = next((upto for upto, acknowledged in handed.items() if not acknowledged), newest)
            if upto not in handed:
                self._records.hand_out(audience, consumer, upto)
            return self._records.changes(audience, since, upto)

    def acknowledge(self, audience: str, consumer: str, upto: int) -> None:
        """A consumer has acted on all changes up to a refresh; saying so twice changes nothing.

        Raises:
            LedgerError: These changes were never handed out to it.
        """
        with self._database.transaction():
            if upto not in self._records.handouts(audience, consumer):
                raise LedgerError(
                    f"{consumer} was never handed the changes of audience {audience} up to refresh {upto}",
                    hint="acknowledge what `changes`, or `audience diff --consumer`, gave",
                )
            self._records.acknowledge(audience, consumer, upto)

    def forget(self, customer_id: str) -> int:
        """Take a customer out of all of history, as the law may ask for; how many stays were known.

        The sizes of past refreshes stay, as numbers of nobody. Whoever acts on changes is not told that the
        customer left; and who is still in the shop's tables comes back with the next refresh.
        """
        return forget(self._database, "audience_members", customer_id)

    def _known(self, audience: str) -> tuple[Refresh, ...]:
        """The refreshes of an audience, at least one."""
        refreshes = self._records.refreshes(audience)
        if not refreshes:
            near = nearest(audience, self._records.audiences())
            raise LedgerError(
                f"audience {audience!r} was never refreshed",
                hint=f"did you mean {', '.join(near)}?" if near else "`intentml audience refresh` stores it",
            )
        return refreshes

    def _at(self, audience: str, as_of: AsOf | Instant) -> Refresh:
        """The newest refresh not after a time."""
        instant, refreshes = Instant.of(as_of, self._records.timezone), self._known(audience)
        for refresh in reversed(refreshes):
            if refresh.as_of.us <= instant.us:
                return refresh
        raise LedgerError(
            f"audience {audience} was first refreshed as of {refreshes[0].as_of.iso}, after {instant.iso}",
            hint="ask for a later time",
        )


def _text_ids(customer_ids: Iterable[str]) -> pa.Array:
    """Customer ids as Arrow text."""
    arrow = isinstance(customer_ids, pa.Array | pa.ChunkedArray)
    try:
        ids = pa.array(customer_ids if arrow else list(customer_ids), type=pa.string())
    except pa.ArrowException:
        ids = None
    if ids is None or ids.null_count:
        raise LedgerError(
            "an id of a member is no text", column="customer_id", hint="hand over ids as the scores hold them"
        )
    return ids


def _check_distinct(ids: pa.Array) -> None:
    """Refuse an id that is given twice."""
    counts = pc.value_counts(ids)
    twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    if len(twice):
        raise LedgerError(
            f"{len(twice):,} members are given more than once, such as {without_address(twice[0].as_py())}",
            column="customer_id",
            hint="hand over each id once",
        )


def _held_out(ids: pa.Array, holdout: Holdout | Iterable[str]) -> NDArray[np.bool_]:
    """Whether each member is held out."""
    if isinstance(holdout, Holdout):
        return holdout.of(ids.to_pylist())
    mask: NDArray[np.bool_] = pc.is_in(ids, value_set=_text_ids(holdout)).to_numpy(zero_copy_only=False)
    return mask
