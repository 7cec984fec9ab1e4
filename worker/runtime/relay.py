"""From the outbox to Kafka: right after the commit, and for what other workers left behind.

Nothing here happens inside a transaction. A row is closed only when all its records are acknowledged and no
level in it has a newer version than the last this worker is responsible for: a record that was overtaken on
its way would otherwise be the last of its key on the compacted topic (ADR 0006).

A row is published by the worker that has its claim. Claims are renewed long before they run out; what another
worker has taken over nevertheless is left to it, and no longer counted on.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import orjson

import sql
from schemas.dead_letter import DlqHeader
from schemas.topics import Output
from worker.runtime.answer import AnswerWriter
from worker.runtime.backoff import Backoff, persistently
from worker.runtime.database import connection
from worker.runtime.errors import Transient
from worker.runtime.process import Committed, LevelVersion
from worker.runtime.publish import Publisher, Refused
from worker.runtime.records import OutRecord, unpack

if TYPE_CHECKING:
    from worker.runtime.database import Pool

log = logging.getLogger(__name__)

BATCHES_CLAIM, BATCHES_RENEW = sql.query("batches_claim"), sql.query("batches_renew")
BATCHES_PUBLISHED = sql.query("batches_published")
LEVELS_NEWER_READ, LEVEL_NOS_READ = sql.query("levels_newer_read"), sql.query("level_nos_read")

CLAIM_BATCHES_MAX = 20
TRUNCATED_BYTES = 4096
HEADER_BYTES_KEPT = 4096
CATCH_UP_ROUNDS_MAX = 50
"""How often a level may move on while its present state is published before the sweep goes on with others."""


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """The limits of the relay, and the name it claims outbox rows by."""

    worker: str
    publish_deadline_s: float = 30.0
    publish_lease: timedelta = timedelta(seconds=60)
    """How long a claim lasts: twice the deadline at least, so that no publication outlives it."""
    publish_lease_renewed_after: timedelta = timedelta(seconds=20)
    """A third of the lease: what is left of it is longer than any publication."""
    queue_batches_max: int = 4
    sweep_interval_s: float = 5.0
    """Between looks at what others left unpublished, while nothing else is to be done."""
    sweep_interval_s_max: float = 30.0
    """The same under load: batches of this worker give way so often."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """An outbox row under way here."""

    levels: Sequence[LevelVersion]
    """What this worker will tell with it; nothing is counted on of a row that was taken over."""
    claimed_at_s: float
    """The loop's time of the claim, or before it."""


class Relay:
    """Publishes what this worker commits, in order, and rows whose worker let its lease run out."""

    def __init__(
        self,
        settings: RelaySettings,
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
        self._queue: asyncio.Queue[Committed] = asyncio.Queue(settings.queue_batches_max)
        self._answerable: dict[int, int] = {}
        """Level → the newest version that this worker has committed and will see through to the topic."""
        self._claims: dict[int, _Claim] = {}
        """By batch: rows that this worker has committed or taken over, and not closed yet."""
        self._swept_at_s = 0.0
        self._idle = asyncio.Event()
        self._idle.set()

    async def offer(self, committed: Committed) -> None:
        """Take over a committed batch's records; waits while too many batches are under way."""
        if committed.batch_id is None:
            return
        self._idle.clear()
        self._claims[committed.batch_id] = _Claim(committed.levels, committed.claimed_at_s)
        self._answer_for(committed.levels)
        await self._queue.put(committed)

    async def idle(self) -> None:
        """Wait until everything offered is on Kafka and closed."""
        await self._idle.wait()

    async def run(self) -> None:
        """Publish for ever. Raises what is neither transient nor foreseen: the process has to end then."""
        while True:
            batches = await self._next()
            if not batches:
                await self._retrying(self._sweep)
                continue
            await self._retrying(lambda: self._carry(batches))  # noqa: B023  # awaited before the next turn
            for batch_id in _ids(batches):
                self._claims.pop(batch_id, None)
            if self._queue.empty() and not self._claims:
                self._answerable.clear()
                self._idle.set()

    async def _next(self) -> list[Committed]:
        """The batches that wait; none when the time has come to look at what others left."""
        settings = self._settings
        if asyncio.get_running_loop().time() - self._swept_at_s > settings.sweep_interval_s_max:
            return []
        try:
            async with asyncio.timeout(settings.sweep_interval_s):
                batches = [await self._queue.get()]
        except TimeoutError:
            return []
        while not self._queue.empty():
            batches.append(self._queue.get_nowait())
        return batches

    async def sweep(self) -> int:
        """Publish rows whose lease ran out, once; how many were taken over."""
        return await self._sweep()

    async def _retrying(self, action: Callable[[], Awaitable[object]]) -> None:
        await persistently(action, self._backoff(), "publishing waits")

    async def _carry(self, batches: Sequence[Committed]) -> None:
        await self._keep_claims()
        own = [batch for batch in batches if batch.batch_id in self._claims]
        await self._publish([record for batch in own for record in batch.records])
        told: dict[int, int] = {}
        for batch in own:
            told.update(batch.levels)
        batch_ids = _ids(own)
        await self._catch_up(told, batch_ids)
        await self._close(batch_ids)

    async def _sweep(self) -> int:
        claimed_at_s = self._swept_at_s = asyncio.get_running_loop().time()
        settings = self._settings
        async with connection(self._pool) as db:
            rows = await db.fetch(BATCHES_CLAIM, settings.publish_lease, CLAIM_BATCHES_MAX, settings.worker)
        rows = [row for row in rows if row["batch_id"] not in self._claims]
        taken = {row["batch_id"]: _Claim((), claimed_at_s) for row in rows}
        self._claims |= taken
        try:
            for row in rows:
                await self._carry_of_another(row["batch_id"], unpack(row["frames"]))
        finally:
            for batch_id in taken:
                self._claims.pop(batch_id, None)
        return len(rows)

    async def _carry_of_another(self, batch_id: int, records: Sequence[OutRecord]) -> None:
        await self._keep_claims()
        if batch_id not in self._claims:
            return
        await self._publish(records)
        await self._catch_up(await self._versions_told(records), [batch_id])
        await self._close([batch_id])

    # ── Claims ────────────────────────────────────────────────────────────────────────────────────────

    def _answer_for(self, levels: Iterable[LevelVersion]) -> None:
        answerable = self._answerable
        for level_no, version in levels:
            if version > answerable.get(level_no, 0):
                answerable[level_no] = version

    async def _keep_claims(self) -> None:
        """Renew the claims once one of them is old; rows that others have taken over are given up.

        To be called before each publication, so that it ends under its claim, and after it, so that what is
        counted on is still to come: only this worker publishes it from here on.
        """
        now_s = asyncio.get_running_loop().time()
        settings = self._settings
        old_s = now_s - settings.publish_lease_renewed_after.total_seconds()
        if all(claim.claimed_at_s > old_s for claim in self._claims.values()):
            return
        asked = list(self._claims)
        async with connection(self._pool) as db:
            rows = await db.fetch(BATCHES_RENEW, settings.publish_lease, settings.worker, asked)
        kept = {row["batch_id"] for row in rows}
        for batch_id in asked:
            claim = self._claims.pop(batch_id)
            if batch_id in kept:
                self._claims[batch_id] = replace(claim, claimed_at_s=now_s)
        if len(kept) < len(asked):
            log.warning(
                "other workers took over %d batches that were not published in time", len(asked) - len(kept)
            )
            self._answerable.clear()
            for claim in self._claims.values():
                self._answer_for(claim.levels)

    async def _publish(self, records: Sequence[OutRecord]) -> None:
        refused = await self._publisher.publish(records, self._settings.publish_deadline_s)
        if not refused:
            return
        for refusal in refused:
            log.error("Kafka refused a record for %s: %s", refusal.record.topic, refusal.reason)
        truncated = [t for refusal in refused if (t := _truncated(refusal)) is not None]
        if truncated:
            await self._publisher.publish(truncated, self._settings.publish_deadline_s)

    async def _catch_up(self, told: Mapping[int, int], batch_ids: Collection[int]) -> None:
        """After the acknowledgements: publish levels that have moved on since `told`, until none has.

        Raises Transient where one of these batches is taken over meanwhile: its new worker does this then. A
        batch that was lost while its records were on their way has to be seen through here all the same.
        """
        await self._keep_claims()
        kept = self._claims.keys() & batch_ids
        for _ in range(CATCH_UP_ROUNDS_MAX):
            rows = await self._newer(told)
            if not rows:
                return
            await self._keep_claims()
            if not kept <= self._claims.keys():
                message = "another worker took over a batch that was not seen through in time"
                raise Transient(message)
            now = self._clock()
            await self._publish([present_state(self._writer, row, now) for row in rows])
            await self._keep_claims()
            told = {row["level_no"]: row["version"] for row in rows}
        message = "levels keep moving on while their state is published"
        raise Transient(message)

    async def _newer(self, told: Mapping[int, int]) -> list[asyncpg.Record]:
        """The levels as they stand that are newer than told, and than what this worker will tell anyway."""
        if not told:
            return []
        answerable = self._answerable
        versions = [max(version, answerable.get(level_no, 0)) for level_no, version in told.items()]
        async with connection(self._pool) as db:
            rows = await db.fetch(LEVELS_NEWER_READ, list(told), versions)
        return [row for row in rows if row["version"] > self._answerable.get(row["level_no"], 0)]

    async def _versions_told(self, records: Sequence[OutRecord]) -> dict[int, int]:
        """The levels and versions that level records of another worker's row tell of."""
        told = {}
        for record in records:
            if record.topic == Output.LEVELS.topic and record.value is not None:
                state = orjson.loads(record.value)
                told[state["inventory_item_id"], state["location_id"]] = state["level_version"]
        if not told:
            return {}
        async with connection(self._pool) as db:
            rows = await db.fetch(LEVEL_NOS_READ, [key[0] for key in told], [key[1] for key in told])
        return {row["level_no"]: told[row["item_id"], row["location_id"]] for row in rows}

    async def _close(self, batch_ids: Sequence[int]) -> None:
        async with connection(self._pool) as db:
            await db.execute(BATCHES_PUBLISHED, batch_ids, self._settings.worker)


def _ids(batches: Iterable[Committed]) -> list[int]:
    return [batch.batch_id for batch in batches if batch.batch_id is not None]


def present_state(writer: AnswerWriter, row: asyncpg.Record, now: datetime) -> OutRecord:
    """The record of a level as it stands, from a row of `levels_newer_read`."""
    quantities = [
        row[bucket] for bucket in ("stocked", "reserved", "incoming", "damaged", "quarantined", "shortfall")
    ]
    return writer.at(now).level_record(
        row["inventory_item_id"],
        row["sku"],
        row["decimal_places"],
        row["location_id"],
        quantities,
        row["version"],
    )


def _truncated(refusal: Refused) -> OutRecord | None:
    """What goes out for a dead letter that Kafka refuses for its size: its start, and a hash of it all."""
    record = refusal.record
    if record.topic != Output.DEAD_LETTERS.topic or record.value is None:
        return None
    digest = hashlib.sha256(record.value).hexdigest()
    headers = (
        *(
            (name, value)
            for name, value in record.headers
            if value is None or len(value) <= HEADER_BYTES_KEPT
        ),
        (DlqHeader.TRUNCATED_SHA256.value, digest.encode()),
        (DlqHeader.TRUNCATED_BYTES.value, str(len(record.value)).encode()),
    )
    return record._replace(value=record.value[:TRUNCATED_BYTES], headers=headers)
