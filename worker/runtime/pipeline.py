"""The batch loop: one transaction after the other, with the next batch decoded while the database writes.

    offer ─▶ [queue] ─▶ decode ─▶ process ─▶ relay, offsets ─▶ look again
                          ▲                       │
                          └── while it writes ────┘

One scheduled loop rather than free-running stages: they would share one Python thread and only queue for
it. A batch that cannot be written now is tried again as it is; one that the database refuses is halved until
the event at fault stands alone (ADR 0004).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import asyncpg
from aiokafka import TopicPartition

import sql
from schemas.outcome import DeadReason
from worker.domain.event import Event
from worker.domain.model import WaitsFor
from worker.runtime.assignment import Batch
from worker.runtime.backoff import Backoff
from worker.runtime.database import Failure, connection, failure_of
from worker.runtime.dead_letter import DeadLetter
from worker.runtime.decode import Arrival, Poison, RawRecord, beyond_retention, decode
from worker.runtime.due import Due
from worker.runtime.followups import follow_ups
from worker.runtime.load import RerunError
from worker.runtime.parked import ParkedRow, as_dead, parked_rows
from worker.runtime.process import (
    Committed,
    CommitUnknownError,
    EarlierFirstError,
    Processor,
    Progress,
    Work,
    in_turns,
)
from worker.runtime.relay import Relay

if TYPE_CHECKING:
    from worker.runtime.database import Connection, Pool

log = logging.getLogger(__name__)

T = TypeVar("T")

CommitOffsets = Callable[[Mapping[TopicPartition, int]], Awaitable[None]]
IsCurrent = Callable[[Batch], bool]

PARKED_WAITING_READ, PARKED_READY_READ = sql.query("parked_waiting_read"), sql.query("parked_ready_read")
BATCH_EXISTS = sql.query("batch_exists")

FOLLOW_UPS_AT_ONCE = 500
"""Events that became due and are judged in one transaction."""

CATALOGUE_RANK, STOCK_RANK, OTHER_RANK = 0, 1, 2
"""Within a batch, where no partition order speaks: catalogue before stock before the rest."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """The limits of the batch loop."""

    batch_records_max: int = 2000
    sweep_interval_s: float = 1.0
    """Between looks at what is parked, while nothing else is to be done."""
    sweep_interval_s_max: float = 15.0
    """The same under load: a batch that waits gives way so often."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch as decoded, with what is to be noted once it is done."""

    batch: Batch
    arrivals: list[Arrival]
    poisons: list[Poison]


class _PoisonError(Exception):
    """The database refuses a row of the work: one of its events cannot be written."""


class Pipeline:
    """Carries each batch to its commit, and has its answers published and its offsets committed."""

    def __init__(
        self,
        settings: PipelineSettings,
        pool: "Pool",
        processor: Processor,
        relay: Relay,
        due: Due,
        commit_offsets: CommitOffsets,
        is_current: IsCurrent,
        backoff: Callable[[], Backoff],
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._processor = processor
        self._relay = relay
        self._due = due
        types_by_topic = self._types_by_topic = processor.loader.types_by_topic
        self._ranks = {topic: _rank(type_name) for topic, type_name in types_by_topic.items()}
        self._commit_offsets = commit_offsets
        self._is_current = is_current
        self._backoff = backoff
        self._waiting: asyncio.Queue[Batch] = asyncio.Queue(1)
        self._decoded: deque[Decoded] = deque()
        self._done: dict[TopicPartition, int] = {}
        self._offsets_due = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._swept_at_s = 0.0
        self._follow_up_due = False
        self._horizon_ms = 0

    def forget_before(self, horizon: datetime) -> None:
        """Take no records from before this moment any more: their answers may be forgotten."""
        self._horizon_ms = int(horizon.timestamp() * 1000)

    async def offer(self, batch: Batch) -> None:
        """Hand a batch over; returns when the next one may come."""
        await self._waiting.put(batch)

    async def drain(self) -> None:
        """Drop what is not begun, let the running batch end, and tell Kafka what is done."""
        self._drop_waiting()
        await self._at_rest.wait()
        self._drop_waiting()
        await self._tell_offsets()

    async def run(self) -> None:
        """Carry batches for ever. Raises what trying again cannot mend: the process has to end then."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._batches())
            tasks.create_task(self._offsets())

    async def _batches(self) -> None:
        while True:
            decoded = await self._next()
            self._at_rest.clear()
            try:
                if decoded is None:
                    await self._sweep()
                elif self._is_current(decoded.batch):
                    await self._carry(decoded)
            finally:
                self._at_rest.set()

    async def _next(self) -> Decoded | None:
        """The next batch; None when the time has come to look at what is parked."""
        if asyncio.get_running_loop().time() - self._swept_at_s > self._settings.sweep_interval_s_max:
            return None
        if self._decoded:
            return self._decoded.popleft()
        try:
            async with asyncio.timeout(self._settings.sweep_interval_s):
                batch = await self._waiting.get()
        except TimeoutError:
            return None
        return await self._decode(batch)

    async def _decode_ahead(self) -> None:
        """Decode the batch that waits, if one does: called while the database is writing."""
        if not self._decoded and not self._waiting.empty():
            self._decoded.append(await self._decode(self._waiting.get_nowait()))

    async def _decode(self, batch: Batch) -> Decoded:
        arrivals: list[Arrival] = []
        poisons: list[Poison] = []
        types_by_topic, horizon_ms = self._types_by_topic, self._horizon_ms
        for records in in_turns(self._in_rank_order(batch.records)):
            for record in records:
                result = decode(record, types_by_topic)
                if 0 <= record.timestamp_ms < horizon_ms:
                    result = beyond_retention(result)
                if isinstance(result, Arrival):
                    arrivals.append(result)
                else:
                    poisons.append(result)
            await asyncio.sleep(0)
        return Decoded(batch, arrivals, poisons)

    def _in_rank_order(self, records: list[RawRecord]) -> list[RawRecord]:
        ranks = self._ranks
        if len({ranks[record.position.topic] for record in records}) > 1:
            return sorted(records, key=lambda record: ranks[record.position.topic])
        return records

    def _drop_waiting(self) -> None:
        self._decoded.clear()
        while not self._waiting.empty():
            self._waiting.get_nowait()

    # ── One batch ─────────────────────────────────────────────────────────────────────────────────────

    async def _carry(self, decoded: Decoded) -> None:
        """All of a batch, part by part, each followed by what it released; offsets only after the last."""
        *parts, last = _parts(decoded.arrivals)
        for part in parts:
            await self._judge(Work(arrivals=part))
        await self._judge(Work(arrivals=last, poisons=decoded.poisons, progress=_progress(decoded.batch)))
        self._done |= decoded.batch.next_offsets
        self._offsets_due.set()

    async def _judge(self, work: Work) -> None:
        """Commit the work, then judge what it may have released and what it made due, until nothing comes."""
        await self._judge_released(work)
        if self._follow_up_due:
            await self._follow_up()

    async def _judge_released(self, work: Work) -> None:
        due = deque(await self._commit(work))
        while due:
            waits = list(dict.fromkeys(due))
            due.clear()
            due.extend(await self._redrive(waits))

    async def _redrive(self, waits: Sequence[WaitsFor]) -> list[WaitsFor]:
        """Judge the parked events that wait for any of these; what that makes possible in turn."""
        kinds, keys = [wait.kind for wait in waits], [wait.key for wait in waits]
        further: list[WaitsFor] = []
        last_arrival = 0
        while True:
            rows = await self._read(
                PARKED_WAITING_READ, kinds, keys, self._settings.batch_records_max, last_arrival
            )
            if not rows:
                return further
            last_arrival = rows[-1]["arrival"]
            further += await self._commit_parked(rows)

    async def _sweep(self) -> None:
        """Look at what is parked: what a crash or a race left unreleased, then what has waited too long."""
        self._swept_at_s = asyncio.get_running_loop().time()
        rows = await self._read(PARKED_READY_READ, self._settings.batch_records_max)
        if rows:
            further = await self._commit_parked(rows)
            while further:
                further = await self._redrive(further)
        await self._on_database(self._due.note)
        for look in (self._due.overdue, self._due.ended):
            seen: set[str] = set()
            # What was judged and is found again cannot be ended: a dead letter tells of it.
            while (work := await self._on_database(look)) and not (ids := _event_ids(work)) <= seen:
                seen |= ids
                await self._judge(work)
        await self._follow_up()

    async def _follow_up(self) -> None:
        """Judge what the state of things makes due, each subject once; more of it is the next sweep's."""
        events_max = self._settings.batch_records_max
        seen: set[tuple[str, bytes | None]] = set()
        while True:
            due = await self._on_database(lambda db: follow_ups(db, events_max))
            arrivals = [one for one in due if (one.event.type, one.record.key) not in seen]
            if not arrivals:
                self._follow_up_due = False
                return
            seen.update((one.event.type, one.record.key) for one in arrivals)
            # Few at a time: each may look at all that is held of a level, and deciding does not give way.
            for start in range(0, len(arrivals), FOLLOW_UPS_AT_ONCE):
                await self._judge_released(Work(arrivals=arrivals[start : start + FOLLOW_UPS_AT_ONCE]))

    async def _commit_parked(self, rows: Sequence[asyncpg.Record]) -> list[WaitsFor]:
        async def read(db: "Connection") -> Work:
            loader = self._processor.loader
            return Work(redriven=await parked_rows(db, rows, loader.interned, loader.types_by_topic))

        return await self._commit(await self._on_database(read))

    # ── One transaction, until it is committed ────────────────────────────────────────────────────────

    async def _commit(self, work: Work) -> list[WaitsFor]:
        """Commit the work, in halves where the database refuses an event in it; what to look at again."""
        while True:
            try:
                committed = await self._on_database(lambda db: self._process(db, work))
            except CommitUnknownError as unknown:
                if not await self._is_there(unknown.committed):
                    continue
                committed = unknown.committed
            except EarlierFirstError as error:
                return await self._in_two_parts(work, error.event)
            except _PoisonError as error:
                return await self._bisect(work, error)
            await self._relay.offer(committed)
            self._follow_up_due = self._follow_up_due or committed.follow_up
            return committed.look_again

    async def _process(self, db: "Connection", work: Work) -> Committed:
        try:
            return await self._processor.process(db, work, self._decode_ahead)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if failure_of(error) is Failure.POISON:
                raise _PoisonError(type(error).__name__) from error
            raise

    async def _in_two_parts(self, work: Work, event: Event) -> list[WaitsFor]:
        """Commit what stands before an event, then that and the rest."""
        arrivals = list(work.arrivals)
        at = next((n for n, one in enumerate(arrivals) if one.event is event), None)
        if at is not None:
            before, rest = Work(arrivals=arrivals[:at]), replace(work, arrivals=arrivals[at:])
        else:
            redriven = list(work.redriven)
            at = next(n for n, row in enumerate(redriven) if _is_of(row, event))
            before = Work(arrivals=arrivals, redriven=redriven[:at])
            rest = replace(work, arrivals=(), redriven=redriven[at:])
        return await self._commit(before) + await self._commit(rest)

    async def _bisect(self, work: Work, error: "_PoisonError") -> list[WaitsFor]:
        """Halve the work until the event at fault stands alone; it becomes a dead letter (protocol §2.5)."""
        arrivals, redriven = list(work.arrivals), list(work.redriven)
        if len(arrivals) + len(redriven) == 1:
            return await self._alone(work, error)
        rest = replace(work, arrivals=(), redriven=())
        if arrivals and redriven:
            halves = [Work(redriven=redriven), Work(arrivals=arrivals)]
        elif arrivals:
            middle = len(arrivals) // 2
            halves = [Work(arrivals=arrivals[:middle]), Work(arrivals=arrivals[middle:])]
        elif redriven:
            middle = len(redriven) // 2
            halves = [Work(redriven=redriven[:middle]), Work(redriven=redriven[middle:])]
        else:
            raise error
        look_again = [wait for half in halves for wait in await self._commit(half)]
        return look_again + await self._commit(rest)

    async def _alone(self, work: Work, error: "_PoisonError") -> list[WaitsFor]:
        """Judge the one event that the database refuses once more, without what it releases.

        What is refused then is refused for its own sake and becomes a dead letter. Otherwise an event that it
        releases is at fault, and is found when they are looked at again; or another worker was in the way of
        a unique key, and this time its row was seen.
        """
        if work.releasing_max:
            return await self._commit(replace(work, releasing_max=0))
        log.error("an event broke an invariant of the database and is dead-lettered: %s", error)
        return await self._commit(_as_dead(work, error))

    async def _read(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        async def read(db: "Connection") -> list[asyncpg.Record]:
            return await db.fetch(statement, *arguments)

        return await self._on_database(read)

    async def _on_database(self, action: "Callable[[Connection], Awaitable[T]]") -> T:
        """The action's result, however often it has to be tried. Raises what trying again cannot mend."""
        backoff = self._backoff()
        while True:
            try:
                async with connection(self._pool) as db:
                    result = await action(db)
            except RerunError as error:
                log.info("running the batch again: %s", error)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                match failure_of(error):
                    case Failure.RERUN:
                        log.info("running the batch again: %s", error)
                    case Failure.TRANSIENT:
                        log.warning("the database cannot take the batch now: %s", error)
                    case Failure.POISON | Failure.FATAL:
                        raise
            else:
                return result
            await backoff.wait()

    async def _is_there(self, committed: Committed) -> bool:
        """Whether a batch whose COMMIT went unanswered is committed; one that tells nothing may run again."""
        if committed.batch_id is None:
            return False
        rows = await self._read(BATCH_EXISTS, committed.batch_id)
        return bool(rows[0]["exists"])

    # ── Offsets ───────────────────────────────────────────────────────────────────────────────────────

    async def _offsets(self) -> None:
        """The one committer: in batch order, behind the database, never ahead of it."""
        while True:
            await self._offsets_due.wait()
            await self._tell_offsets()

    async def _tell_offsets(self) -> None:
        self._offsets_due.clear()
        done, self._done = self._done, {}
        if done:
            await self._commit_offsets(done)


def _is_of(row: ParkedRow, event: Event) -> bool:
    return (row.source, row.event_id) == (event.source, event.event_id)


def _rank(type_name: str) -> int:
    match type_name.partition(".")[0]:
        case "variant" | "location" | "sales_channel":
            return CATALOGUE_RANK
        case "stock" | "transfer":
            return STOCK_RANK
        case _:
            return OTHER_RANK


def _event_ids(work: Work) -> set[str]:
    return {one.event.event_id for one in work.arrivals} | {one.event_id for one in work.redriven}


def _parts(arrivals: Sequence[Arrival]) -> list[list[Arrival]]:
    """The arrivals in parts with each event id once: a second copy is answered from the first's result."""
    parts: list[list[Arrival]] = [[]]
    copies: dict[tuple[str, str], int] = {}
    for arrival in arrivals:
        key = (arrival.event.source, arrival.event.event_id)
        copy = copies.get(key, 0)
        copies[key] = copy + 1
        if copy == len(parts):
            parts.append([])
        parts[copy].append(arrival)
    return parts


def _progress(batch: Batch) -> list[Progress]:
    record_times: dict[tuple[str, int], int] = {}
    for record in batch.records:
        topic, partition, _ = record.position
        record_times[topic, partition] = record.timestamp_ms
    return [
        Progress(
            partition.topic,
            partition.partition,
            next_offset,
            datetime.fromtimestamp(record_times[partition.topic, partition.partition] / 1000, UTC),
            batch.end_offsets.get(partition) == next_offset,
        )
        for partition, next_offset in batch.next_offsets.items()
    ]


def _as_dead(work: Work, error: _PoisonError) -> Work:
    """The work with its only event turned into a dead letter."""
    if work.redriven:
        (row,) = work.redriven
        return replace(
            work, redriven=[as_dead(row, DeadReason.INVARIANT_VIOLATION, str(error), _BROKEN_MESSAGE)]
        )
    (arrival,) = work.arrivals
    event = arrival.event
    letter = DeadLetter(
        arrival.record,
        DeadReason.INVARIANT_VIOLATION,
        str(error),
        _BROKEN_MESSAGE,
        event.source,
        event.event_id,
        event.type,
        event,
    )
    return replace(work, arrivals=[], dead=[*work.dead, letter])


_BROKEN_MESSAGE = "applying this event would break an invariant that the database keeps"
