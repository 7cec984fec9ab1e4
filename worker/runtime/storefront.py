"""Availability for storefronts: counted and published beside the orders, by one worker at a time.

    claim ─▶ pass: what changed, counted and kept in one transaction ─▶ publish ─▶ note it, if still claimed

Nothing of this is in an order's way: the loop reads what batches left in the outbox, and rests between its
passes for a multiple of the time that they take. The topic ends on the present state whoever dies: what a
pass changed is published again by the next holder until one has noted that it is on Kafka; a holder that
finds its claim lost after it published looks whether it overtook newer values, as the relay does with levels
(ADR 0006, ADR 0010).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sql
from worker.runtime.answer import AnswerWriter
from worker.runtime.availability import AvailabilityCounter, Told
from worker.runtime.backoff import Backoff, persistently
from worker.runtime.database import connection
from worker.runtime.errors import Transient
from worker.runtime.load import Usual
from worker.runtime.publish import Publisher

if TYPE_CHECKING:
    from worker.runtime.database import Pool

log = logging.getLogger(__name__)

CLAIM, RELEASE = sql.query("availability_claim"), sql.query("availability_release")
RENEW, PUBLISHED = sql.query("availability_renew"), sql.query("availability_published")
NEWER_READ = sql.query("availability_newer_read")

SHARE_MAX = 0.1
"""Of the time, how much passes may take: the more there is to count, the more orders share one pass."""
REST_S_MAX = 30.0
CATCH_UP_ROUNDS_MAX = 50
RECORDS_AT_ONCE = 5000
LAST_TURNS = 2
"""The first tells all that is known; the second finds that nothing older is under way, if so."""


@dataclass(frozen=True, slots=True)
class StorefrontSettings:
    """The limits of the loop."""

    worker: str
    usual: Usual
    """What orders get that name no policy."""
    interval_s: float = 1.0
    """Between two passes at least."""
    lease: timedelta = timedelta(seconds=60)
    """After which another worker takes over from one that does nothing."""
    publish_deadline_s: float = 30.0


class Storefront:
    """Counts and publishes availability while this worker holds the claim, and tries to get it else."""

    def __init__(
        self,
        settings: StorefrontSettings,
        pool: "Pool",
        publisher: Publisher,
        writer: AnswerWriter,
        backoff: Callable[[], Backoff],
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._publisher = publisher
        self._writer = writer
        self._backoff = backoff
        self._clock = clock
        self._counter = AvailabilityCounter(settings.usual)
        self._generation: int | None = None
        """That of our claim; None while another worker has it, as far as is known."""
        self._due: dict[tuple[int, int], Told] = {}
        """(variant, channel) → what is to be published, or was under a claim that was lost since."""
        self._pass_no = 0
        """The pass up to which that is all."""
        self._ending = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Count and publish until told to end. Raises what is neither transient nor foreseen."""
        loop = asyncio.get_running_loop()
        while not self._ending.is_set():
            begun_at_s = loop.time()
            await persistently(self.turn, self._backoff(), "availability waits")
            await self._rest(loop.time() - begun_at_s)
        for _ in range(LAST_TURNS):
            if self._generation is not None:
                await persistently(self.turn, self._backoff(), "availability waits")
        await self.release()
        self._ended.set()

    async def end(self) -> None:
        """Have what is known so far told, and let another worker go on at once."""
        self._ending.set()
        await self._ended.wait()

    async def turn(self) -> None:
        """One pass with its publication, where this worker has the claim or gets it."""
        if self._generation is None:
            await self._catch_up()
            if not await self._claimed():
                return
        if self._due and not await self._publish_due():
            return
        assert self._generation is not None
        async with connection(self._pool) as db:
            counted = await self._counter.count(db, self._generation, self._settings.lease)
        if counted is None:
            self._generation = None
            return
        self._pass_no, told = counted
        self._due = _by_key(told)
        if told:
            await self._publish_due()

    async def _rest(self, busy_s: float) -> None:
        rest_s = min(max(self._settings.interval_s, busy_s * (1 / SHARE_MAX - 1)), REST_S_MAX)
        with suppress(TimeoutError):
            async with asyncio.timeout(rest_s):
                await self._ending.wait()

    async def _claimed(self) -> bool:
        async with connection(self._pool) as db:
            self._generation = await db.fetchval(CLAIM, self._settings.worker, self._settings.lease)
        if self._generation is not None:
            log.info("this worker publishes availability from now on")
        return self._generation is not None

    async def release(self) -> None:
        """Let another worker go on at once."""
        if self._generation is not None:
            async with connection(self._pool) as db:
                await db.execute(RELEASE, self._generation)
            self._generation = None

    async def _publish_due(self) -> bool:
        """Publish what is due, and note it; False where the claim was lost meanwhile."""
        if await self._still_held(RENEW):
            await self._publish(list(self._due.values()))
            if await self._still_held(PUBLISHED, self._pass_no):
                self._due.clear()
                return True
        self._generation = None
        await self._catch_up()
        return False

    async def _still_held(self, statement: str, *arguments: int) -> bool:
        async with connection(self._pool) as db:
            held = await db.fetchval(statement, self._generation, self._settings.lease, *arguments)
        return held is not None

    async def _publish(self, told: Sequence[Told]) -> None:
        # Never longer than the claim lasts: what comes after it might overtake the next holder's records.
        deadline_s = min(self._settings.publish_deadline_s, self._settings.lease.total_seconds() / 2)
        writer = self._writer.at(self._clock())
        async with asyncio.timeout(deadline_s):
            for start in range(0, len(told), RECORDS_AT_ONCE):
                records = [
                    writer.availability_record(*one[2:]) for one in told[start : start + RECORDS_AT_ONCE]
                ]
                for refusal in await self._publisher.publish(records, deadline_s):
                    log.error("Kafka refused a record for %s: %s", refusal.record.topic, refusal.reason)

    async def _catch_up(self) -> None:
        """What was published without the claim may have overtaken newer values: publish these in turn."""
        for _ in range(CATCH_UP_ROUNDS_MAX):
            if not self._due:
                return
            told = list(self._due.values())
            async with connection(self._pool) as db:
                rows = await db.fetch(
                    NEWER_READ,
                    [one.variant_no for one in told],
                    [one.channel_no for one in told],
                    [one.version for one in told],
                )
            newer = [Told(*row) for row in rows]
            await self._publish(newer)
            self._due = _by_key(newer)
        message = "availability keeps moving on while it is published"
        raise Transient(message)


def _by_key(told: Iterable[Told]) -> dict[tuple[int, int], Told]:
    return {(one.variant_no, one.channel_no): one for one in told}
