"""Tells every level and availability again as it stands, for new readers and for topics that lost records.

Beside the workers, at a rate, and by what they publish with: levels go into outbox rows like a batch's, so
that a row which is left behind is seen through by a worker and never ends on an older state; availabilities
are marked as changed by a pass, and whoever has the claim publishes them (ADR 0006, ADR 0010).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import sql
from worker.runtime.answer import AnswerWriter
from worker.runtime.database import connection
from worker.runtime.pace import Pace
from worker.runtime.process import Committed, LevelVersion
from worker.runtime.records import pack
from worker.runtime.relay import LEVELS_NEWER_READ, Relay, present_state
from worker.runtime.storefront import Storefront

if TYPE_CHECKING:
    from worker.runtime.database import Pool

STATES_COUNT, LEVELS_NEXT = sql.query("states_count"), sql.query("levels_next")
AVAILABILITY_NEXT = sql.query("availability_next")
AVAILABILITY_TELL_AGAIN = sql.query("availability_tell_again")
AVAILABILITY_IS_PUBLISHED = sql.query("availability_is_published")
BATCH_NUMBER, BATCH_INSERT = sql.query("batch_number"), sql.query("batch_insert")

RECORDS_AT_ONCE_MAX = 1000
PUBLISHED_LOOK_AGAIN_S = 0.1

OnTold = Callable[[int, int], None]
"""Called with how many records are told, and how many there are."""


class Republished(NamedTuple):
    """How much was told again."""

    levels: int
    availabilities: int


@dataclass(frozen=True, slots=True)
class RepublishSettings:
    """Who does it, and how quickly."""

    worker: str
    consumer_group: str
    publish_lease: timedelta
    records_per_s: int


class Republisher:
    """One telling of everything."""

    def __init__(
        self,
        settings: RepublishSettings,
        pool: "Pool",
        relay: Relay,
        storefront: Storefront | None,
        writer: AnswerWriter,
        on_told: OnTold,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._relay = relay
        self._storefront = storefront
        self._writer = writer
        self._on_told = on_told
        self._at_once = min(RECORDS_AT_ONCE_MAX, settings.records_per_s)
        self._pace = Pace(settings.records_per_s)

    async def run(self) -> Republished:
        """Tell everything; returns when all of it is on Kafka."""
        async with connection(self._pool) as db:
            count = await db.fetchrow(STATES_COUNT)
        assert count is not None
        total = count["levels"] + count["availabilities"]
        async with asyncio.TaskGroup() as tasks:
            relaying = tasks.create_task(self._relay.run())
            levels = await self._levels(total)
            relaying.cancel()
        availabilities = 0
        if self._storefront is not None:
            try:
                availabilities = await self._availabilities(self._storefront, levels, total)
            finally:
                await self._storefront.release()
        return Republished(levels, availabilities)

    async def _levels(self, total: int) -> int:
        told = after = 0
        while True:
            async with connection(self._pool) as db:
                rows = await db.fetch(LEVELS_NEXT, after, self._at_once)
            if not rows:
                return told
            told += await self._tell_levels([row["level_no"] for row in rows])
            after = rows[-1]["level_no"]
            await self._relay.idle()
            self._on_told(told, total)

    async def _tell_levels(self, level_nos: list[int]) -> int:
        """Put the levels as they stand into an outbox row of our own, and hand it to the relay."""
        settings = self._settings
        claimed_at_s = await self._pace.turn(len(level_nos))
        async with connection(self._pool) as db, db.transaction():
            number = await db.fetchrow(BATCH_NUMBER)
            assert number is not None
            batch_id, now = number["batch_id"], number["now"]
            # A level that never moved has never been told of.
            rows = await db.fetch(LEVELS_NEWER_READ, level_nos, [0] * len(level_nos))
            records = [present_state(self._writer, row, now) for row in rows]
            frames = pack(records) if records else None
            outbox_row = (batch_id, settings.worker, now, settings.publish_lease, frames)
            await db.execute(BATCH_INSERT, *outbox_row, settings.consumer_group, [], [], [], [], [])
        levels = [LevelVersion(row["level_no"], row["version"]) for row in rows]
        await self._relay.offer(Committed(batch_id if records else None, records, levels, [], claimed_at_s))
        return len(records)

    async def _availabilities(self, storefront: Storefront, told_before: int, total: int) -> int:
        told, after = 0, (0, 0)
        while True:
            async with connection(self._pool) as db:
                rows = await db.fetch(AVAILABILITY_NEXT, *after, self._at_once)
                if not rows:
                    return told
                await self._pace.turn(len(rows))
                variant_nos, channel_nos = ([row[at] for row in rows] for at in (0, 1))
                pass_no = await db.fetchval(AVAILABILITY_TELL_AGAIN, variant_nos, channel_nos)
            await self._published(storefront, pass_no)
            told, after = told + len(rows), (variant_nos[-1], channel_nos[-1])
            self._on_told(told_before + told, total)

    async def _published(self, storefront: Storefront, pass_no: int) -> None:
        """Wait for the worker that publishes availability; where none does, do it here."""
        while True:
            await storefront.turn()
            async with connection(self._pool) as db:
                if await db.fetchval(AVAILABILITY_IS_PUBLISHED, pass_no):
                    return
            await asyncio.sleep(PUBLISHED_LOOK_AGAIN_S)
