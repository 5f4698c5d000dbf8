"""What a ledger keeps: its tables, and the SQL that reads and writes them.

What comes in: a database within a transaction, and staged members. What goes out: refreshes, members,
changes. Membership is kept as intervals: who stays from one refresh to the next costs no row. A
customer in the holdout and the same one contacted are two intervals, so that the one ends where the
other begins. It decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from intentml.audiences.database import INCOMING, Database
from intentml.audiences.membership import Changes, Refresh
from intentml.timeline.instants import Instant

VERSION = 2
KIND = "audience_ledger"
TABLES = (
    "CREATE TABLE IF NOT EXISTS audience_refreshes "
    "(audience VARCHAR(255), refresh INTEGER, as_of_us BIGINT NOT NULL, rule_version VARCHAR(255) NOT NULL, "
    "model_version VARCHAR(255) NOT NULL, members BIGINT NOT NULL, holdout BIGINT NOT NULL, "
    "entered BIGINT NOT NULL, gone BIGINT NOT NULL, PRIMARY KEY (audience, refresh))",
    # No key: an index over every interval would be larger than the intervals.
    "CREATE TABLE IF NOT EXISTS audience_members "
    "(audience VARCHAR(255) NOT NULL, customer_id VARCHAR(255) NOT NULL, holdout SMALLINT NOT NULL, "
    "entered_refresh INTEGER NOT NULL, left_refresh INTEGER)",
    "CREATE TABLE IF NOT EXISTS audience_handouts "
    "(audience VARCHAR(255), consumer VARCHAR(255), upto INTEGER, acknowledged SMALLINT NOT NULL, "
    "PRIMARY KEY (audience, consumer, upto))",
)
_MEMBERS = pa.schema([("customer_id", pa.string()), ("holdout", pa.bool_())])
_MOVES = pa.schema([*_MEMBERS, ("refresh", pa.int64())])
_ENTRIES = pa.schema([*_MEMBERS, ("entered_at", pa.int64())])

# The intervals of one audience: in now; in at `upto`; come, or gone, in `since` < refresh <= `upto`.
_NOW = "FROM audience_members WHERE audience = :audience AND left_refresh IS NULL"
_AT = (
    "FROM audience_members WHERE audience = :audience "
    "AND entered_refresh <= :upto AND (left_refresh IS NULL OR left_refresh > :upto)"
)
_COME = f"SELECT customer_id, holdout, entered_refresh AS refresh {_AT} AND entered_refresh > :since"
_GONE = (
    "SELECT customer_id, holdout, left_refresh AS refresh FROM audience_members "
    "WHERE audience = :audience AND entered_refresh <= :since AND left_refresh > :since "
    "AND left_refresh <= :upto"
)
_WITHOUT = (
    "LEFT JOIN ({}) b ON a.customer_id = b.customer_id AND a.holdout = b.holdout WHERE b.customer_id IS NULL"
)
_NEW = f"FROM {INCOMING} a {_WITHOUT.format(f'SELECT customer_id, holdout {_NOW}')}"


@dataclass(frozen=True)
class Records:
    """The tables of a ledger; every method is called within a transaction.

    Attributes:
        database: Where they are.
        timezone: The shop's zone, in which times are told.
    """

    database: Database
    timezone: str

    def audiences(self) -> list[str]:
        """Names of all audiences that were refreshed."""
        return [name for (name,) in self.database.rows("SELECT DISTINCT audience FROM audience_refreshes")]

    def refreshes(self, audience: str) -> tuple[Refresh, ...]:
        """Stored refreshes, oldest first."""
        rows = self.database.rows(
            "SELECT refresh, as_of_us, rule_version, model_version, members, holdout, entered, gone "
            "FROM audience_refreshes WHERE audience = :audience ORDER BY refresh",
            audience=audience,
        )
        return tuple(
            Refresh(audience, number, Instant(as_of_us, self.timezone), *rest)
            for number, as_of_us, *rest in rows
        )

    def number_now(self, audience: str) -> int:
        """How many are in now."""
        [(count,)] = self.database.rows(f"SELECT count(*) {_NOW}", audience=audience)
        return int(count)

    def number_new(self, audience: str) -> int:
        """How many of the staged are not in now."""
        [(count,)] = self.database.rows(f"SELECT count(*) {_NEW}", audience=audience)
        return int(count)

    def move(self, refresh: Refresh) -> None:
        """Store a refresh: the staged are in, nobody else is."""
        # The refresh before its members: where two write at once, its key lets only one of them on.
        self.database.execute(
            "INSERT INTO audience_refreshes VALUES (:audience, :number, :as_of_us, :rule_version, "
            ":model_version, :members, :holdout, :entered, :gone)",
            audience=refresh.audience,
            number=refresh.number,
            as_of_us=refresh.as_of.us,
            rule_version=refresh.rule_version,
            model_version=refresh.model_version,
            members=refresh.members,
            holdout=refresh.holdout,
            entered=refresh.entered,
            gone=refresh.left,
        )
        self.database.execute(
            "UPDATE audience_members SET left_refresh = :number "
            "WHERE audience = :audience AND left_refresh IS NULL AND NOT EXISTS "
            f"(SELECT 1 FROM {INCOMING} a WHERE a.customer_id = audience_members.customer_id "
            "AND a.holdout = audience_members.holdout)",
            audience=refresh.audience,
            number=refresh.number,
        )
        self.database.execute(
            f"INSERT INTO audience_members SELECT :audience, a.customer_id, a.holdout, :number, NULL {_NEW}",
            audience=refresh.audience,
            number=refresh.number,
        )

    def members(self, audience: str, number: int) -> pa.Table:
        """Members at a refresh: customer_id, sorted, and holdout."""
        found = self.database.table(
            f"SELECT customer_id, holdout {_AT}", _MEMBERS, audience=audience, upto=number
        )
        return found.sort_by("customer_id")

    def entries(self, audience: str, upto: int) -> pa.Table:
        """Who came in after the first refresh and until `upto`, each time, and whether they were held out."""
        # An interval that begins where another of the customer ends: in all along, the holdout changed.
        return self.database.table(
            "SELECT a.customer_id, a.holdout, r.as_of_us AS entered_at FROM audience_members a "
            "JOIN audience_refreshes r ON r.audience = a.audience AND r.refresh = a.entered_refresh "
            "LEFT JOIN audience_members b ON b.audience = a.audience AND b.customer_id = a.customer_id "
            "AND b.left_refresh = a.entered_refresh WHERE a.audience = :audience "
            "AND a.entered_refresh > 1 AND a.entered_refresh <= :upto AND b.customer_id IS NULL",
            _ENTRIES,
            audience=audience,
            upto=upto,
        )

    def changes(self, audience: str, since: int, upto: int) -> Changes:
        """Who entered and left between two refreshes."""

        def moves(kind: str, these: str, those: str) -> pa.Table:
            table = self.database.table(
                f"SELECT a.customer_id, a.holdout, a.refresh FROM ({these}) a {_WITHOUT.format(those)}",
                _MOVES,
                audience=audience,
                since=since,
                upto=upto,
            ).sort_by("customer_id")
            parts = (audience, table["refresh"].cast(pa.string()), kind, table["customer_id"])
            return table.append_column("key", pc.binary_join_element_wise(*parts, "/"))

        return Changes(
            audience, since, upto, entered=moves("entered", _COME, _GONE), left=moves("left", _GONE, _COME)
        )

    def handouts(self, audience: str, consumer: str) -> dict[int, bool]:
        """Number of the refresh up to which changes were handed to a consumer -> acknowledged."""
        return {
            upto: bool(acknowledged)
            for upto, acknowledged in self.database.rows(
                "SELECT upto, acknowledged FROM audience_handouts "
                "WHERE audience = :audience AND consumer = :consumer",
                audience=audience,
                consumer=consumer,
            )
        }

    def hand_out(self, audience: str, consumer: str, upto: int) -> None:
        """Note that a consumer is given the changes up to a refresh."""
        self.database.execute(
            "INSERT INTO audience_handouts VALUES (:audience, :consumer, :upto, 0)",
            audience=audience,
            consumer=consumer,
            upto=upto,
        )

    def acknowledge(self, audience: str, consumer: str, upto: int) -> None:
        """Note that the consumer has acted on them."""
        self.database.execute(
            "UPDATE audience_handouts SET acknowledged = 1 "
            "WHERE audience = :audience AND consumer = :consumer AND upto = :upto",
            audience=audience,
            consumer=consumer,
            upto=upto,
        )
