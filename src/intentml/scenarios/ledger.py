"""The ledger of actions: what was handed out, so that each action is due exactly once.

What comes in: the actions of a scenario that are due. What goes out: batches of what was never handed
out before, the same batch until it is acknowledged. Every call is one transaction: cut off in the middle, it
has not happened. It may share its file with the ledger of audiences, and keeps customer ids and no address.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from intentml.audiences.database import Database
from intentml.audiences.ownership import forget, open_owned
from intentml.errors import LedgerError
from intentml.scenarios.actions import ACTIONS
from intentml.scenarios.scenario import Scenario
from intentml.timeline.instants import Instant

VERSION, KIND = 2, "scenario_ledger"
TABLES = (
    "CREATE TABLE IF NOT EXISTS scenario_batches "
    "(scenario VARCHAR(64), batch INTEGER, as_of_us BIGINT NOT NULL, acknowledged SMALLINT NOT NULL, "
    "PRIMARY KEY (scenario, batch))",
    "CREATE TABLE IF NOT EXISTS scenario_actions "
    "(action_id VARCHAR(32) PRIMARY KEY, scenario VARCHAR(64) NOT NULL, batch INTEGER NOT NULL, "
    "customer_id VARCHAR(255) NOT NULL, step VARCHAR(64) NOT NULL, action VARCHAR(64) NOT NULL, "
    "channel VARCHAR(64) NOT NULL, percent DOUBLE PRECISION, valid_for VARCHAR(64), "
    "triggered_at BIGINT NOT NULL, due_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)",
)
_INSTANTS = ("triggered_at", "due_at", "expires_at")
_NEWEST = pa.schema([("step", pa.string()), ("customer_id", pa.string()), ("handed", pa.int64())])


@dataclass(frozen=True)
class Batch:
    """Actions to be acted on.

    Attributes:
        scenario: Its name.
        number: Among the batches of the scenario, from 1; None where nothing is noted or nothing is due.
        as_of: When they were due.
        actions: `actions.ACTIONS`, sorted by customer and step.
        notes: What the shop lacks for the scenario, in a sentence each.
    """

    scenario: str
    number: int | None
    as_of: Instant
    actions: pa.Table
    notes: tuple[str, ...] = ()


class ActionLedger:
    """Actions of one shop's scenarios over time; made by `ActionLedger.open`, closed by `with`."""

    def __init__(self, database: Database, timezone: str) -> None:
        self._database, self._timezone = database, timezone

    @classmethod
    def open(
        cls, place: str | Path, *, shop: str, timezone: str = "UTC", must_exist: bool = False
    ) -> ActionLedger:
        """Open a ledger, made at first use; as `audiences.ledger.Ledger.open`.

        Raises:
            LedgerError: It belongs to another shop, is in use, is no ledger, or is not there.
        """
        database = open_owned(place, KIND, VERSION, TABLES, shop=shop, must_exist=must_exist)
        return cls(database, timezone)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def __enter__(self) -> ActionLedger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hand_out(self, scenario: Scenario, actions: pa.Table, as_of: Instant) -> Batch:
        """What was not handed out before; the last batch once more, as it was, until it is acknowledged.

        Args:
            scenario: Whose actions.
            actions: Due at `as_of`, as `actions_due` gives them.
            as_of: Not before that of an earlier batch.

        Raises:
            LedgerError: Actions were handed out as of a later time.
        """
        with self._database.transaction():
            number, newest, acknowledged = self._last(scenario.name)
            if not acknowledged:
                return self._batch(scenario.name, number, newest)
            if as_of.us < newest.us:
                raise LedgerError(
                    f"actions of {scenario.name} were handed out as of {newest.iso}, after {as_of.iso}",
                    hint="history is not rewritten: ask as of the same time or later",
                )
            fresh = self._fresh(scenario, actions)
            if not fresh.num_rows:
                return Batch(scenario.name, None, as_of, fresh)
            # The batch before its actions: where two write at once, its key lets only one of them on.
            self._database.execute(
                "INSERT INTO scenario_batches VALUES (:scenario, :batch, :as_of_us, 0)",
                scenario=scenario.name,
                batch=number + 1,
                as_of_us=as_of.us,
            )
            self._store(scenario.name, number + 1, fresh)
        return Batch(scenario.name, number + 1, as_of, fresh)

    def acknowledge(self, scenario: str, number: int) -> None:
        """All actions of a batch were acted on; saying so twice changes nothing.

        Raises:
            LedgerError: It was never handed out.
        """
        with self._database.transaction():
            last, *_ = self._last(scenario)
            if not 1 <= number <= last:
                raise LedgerError(
                    f"batch {number} of scenario {scenario} was never handed out",
                    hint=f"the last is {last}" if last else "nothing of this scenario was",
                )
            self._database.execute(
                "UPDATE scenario_batches SET acknowledged = 1 WHERE scenario = :scenario AND batch = :batch",
                scenario=scenario,
                batch=number,
            )

    def forget(self, customer_id: str) -> int:
        """Take a customer's actions out of all of history; how many there were.

        Who is still in the shop's tables may be due them again.
        """
        return forget(self._database, "scenario_actions", customer_id)

    def _last(self, scenario: str) -> tuple[int, Instant, bool]:
        """Number, as_of and acknowledgement of the last batch; of the empty one before the first, if none."""
        rows = self._database.rows(
            "SELECT batch, as_of_us, acknowledged FROM scenario_batches WHERE scenario = :scenario "
            "ORDER BY batch DESC LIMIT 1",
            scenario=scenario,
        )
        number, as_of_us, acknowledged = rows[0] if rows else (0, np.iinfo(np.int64).min, 1)
        return number, Instant(as_of_us, self._timezone), bool(acknowledged)

    def _batch(self, scenario: str, number: int, as_of: Instant) -> Batch:
        """A batch as it was handed out."""
        told = self._database.table(
            f"SELECT {', '.join(ACTIONS.names)} FROM scenario_actions "
            "WHERE scenario = :scenario AND batch = :batch",
            ACTIONS,
            scenario=scenario,
            batch=number,
        )
        return Batch(
            scenario, number, as_of, told.sort_by([("customer_id", "ascending"), ("step", "ascending")])
        )

    def _fresh(self, scenario: Scenario, actions: pa.Table) -> pa.Table:
        """The actions whose step the customer has not had for this trigger, nor for one that still rests."""
        newest = self._database.table(
            "SELECT step, customer_id, max(triggered_at) AS handed FROM scenario_actions "
            "WHERE scenario = :scenario GROUP BY step, customer_id",
            _NEWEST,
            scenario=scenario.name,
        )
        keys = ["customer_id", "step"]
        joined = actions.join(newest, keys).sort_by([(key, "ascending") for key in keys])
        had = pc.is_valid(joined["handed"]).to_numpy()
        handed = pc.fill_null(joined["handed"], 0).to_numpy()
        triggered = joined["triggered_at"].cast(pa.int64()).to_numpy()
        rest = scenario.again_after
        rested = rest.after(handed, self._timezone) <= triggered if rest else True
        return joined.filter(pa.array(~had | (triggered > handed) & rested)).select(ACTIONS.names)

    def _store(self, scenario: str, number: int, actions: pa.Table) -> None:
        """Keep the actions of a batch."""
        for name in _INSTANTS:
            at = ACTIONS.get_field_index(name)
            actions = actions.set_column(at, name, actions[name].cast(pa.int64()))
        count = actions.num_rows
        actions = actions.append_column("scenario", pa.array([scenario] * count))
        self._database.insert("scenario_actions", actions.append_column("batch", pa.array([number] * count)))
