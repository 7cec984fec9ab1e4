"""What time alone makes due: the deadlines of parked events, told early, and the ends of carts' holds.

Nothing is due before every input topic is read past its time, because what would have prevented it may still
be unread: a backlog must not kill events (DESIGN §4 rule 12; ADR 0014). So this worker also notes how far it
has read where nothing comes.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

import sql
from schemas.event_type import EventType
from schemas.internal import CartHoldExpired
from schemas.outcome import DeadReason
from worker.domain.model import WaitKind
from worker.runtime.assignment import CaughtUp
from worker.runtime.internal import internal_arrival
from worker.runtime.parked import as_dead, parked_rows
from worker.runtime.process import Work

if TYPE_CHECKING:
    import asyncpg

    from worker.runtime.database import Connection
    from worker.runtime.load import Loader

log = logging.getLogger(__name__)

HOLDS_ENDED_READ = sql.query("holds_ended_read")
PARKED_OVERDUE_READ, PARKED_IS_FULL = sql.query("parked_overdue_read"), sql.query("parked_is_full")
PARKED_LATE_READ = sql.query("parked_late_read")
PROGRESS_CAUGHT_UP = sql.query("progress_caught_up")


CaughtUpPartitions = Callable[[], Mapping[TopicPartition, CaughtUp]]


@dataclass(frozen=True, slots=True)
class DueSettings:
    """Whose deadlines, and how many events may wait."""

    consumer_group: str
    topics: Collection[str]
    parked_max: int = 1_000_000
    warned_before: timedelta = timedelta(days=6)
    """How long before the deadline of a parked event its end is near: then it is warned of."""
    warnings_max: int = 5
    """Of what most events wait for, at a time."""
    records_max: int = 1000
    """Most events that become due in one transaction."""
    note_interval_s: float = 5.0


class Due:
    """Looks for what has become due. Used by the batch loop only."""

    def __init__(
        self,
        settings: DueSettings,
        loader: "Loader",
        caught_up: CaughtUpPartitions,
    ) -> None:
        self._settings = settings
        self._loader = loader
        self._caught_up = caught_up
        self._noted_at_s = float("-inf")
        self._warned_up_to: datetime | None = None

    async def note(self, connection: "Connection") -> None:
        """From time to time: say how far is read, find out whether more may be parked, warn of deadlines."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._noted_at_s < self._settings.note_interval_s:
            return
        self._noted_at_s = now_s
        settings, partitions = self._settings, sorted(self._caught_up().items())
        await connection.execute(
            PROGRESS_CAUGHT_UP,
            settings.consumer_group,
            [partition.topic for partition, _ in partitions],
            [partition.partition for partition, _ in partitions],
            [one.next_offset for _, one in partitions],
            [timedelta(seconds=one.seen_s) for _, one in partitions],
        )
        self._loader.park(full=await connection.fetchval(PARKED_IS_FULL, settings.parked_max))
        await self._warn(connection)

    async def _warn(self, connection: "Connection") -> None:
        """Log what events wait for whose deadlines have come near: once an event and worker."""
        settings = self._settings
        rows = await connection.fetch(
            PARKED_LATE_READ,
            self._warned_up_to,
            settings.warned_before,
            self._loader.present(),
            settings.warnings_max,
        )
        self._warned_up_to = rows[0]["near"]
        for row in rows:
            if row["events"] is not None:
                log.warning(
                    "%s %s is missing: events that wait for it: %d; the first becomes a dead letter on %s",
                    WaitKind(row["waits_kind"]).name.lower(),
                    row["waits_key"],
                    row["events"],
                    row["ends_at"].isoformat(timespec="seconds"),
                )

    async def ended(self, connection: "Connection") -> Work | None:
        """Expiries of holds whose time is over; None where there are none."""
        rows = await self._read(connection, HOLDS_ENDED_READ)
        if not rows:
            return None
        return Work(
            arrivals=[
                internal_arrival(
                    EventType.CART_HOLD_EXPIRED,
                    CartHoldExpired(cart_id=row["cart_id"], generation=row["generation"]),
                    row["cart_id"],
                    f"{row['cart_no']} {row['generation']}",
                    row["expires_at"],
                )
                for row in rows
            ]
        )

    async def overdue(self, connection: "Connection") -> Work | None:
        """Parked events that have waited too long, as dead letters to be; None where there are none."""
        loader = self._loader
        rows = await self._read(connection, PARKED_OVERDUE_READ)
        if not rows:
            return None
        overdue = await parked_rows(connection, rows, loader.interned, loader.types_by_topic)
        return Work(
            redriven=[
                as_dead(
                    row,
                    DeadReason.PREREQUISITE_TIMEOUT,
                    "prerequisite_timeout",
                    f"waited for {row.waits_for.kind.name.lower()} {row.waits_for.key}"
                    f" until {row.until.isoformat(timespec='seconds')}",
                )
                for row in overdue
            ]
        )

    async def _read(self, connection: "Connection", statement: str) -> "list[asyncpg.Record]":
        settings = self._settings
        return await connection.fetch(
            statement,
            settings.consumer_group,
            list(settings.topics),
            settings.records_max,
            self._loader.present(),
        )
