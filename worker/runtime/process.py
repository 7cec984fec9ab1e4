"""One batch, from decoded records to the commit: read all, decide purely, write all.

    inbox read ─▶ locks and load ─▶ decide ─▶ write sets ─▶ inbox keys ─▶ outbox row, progress ─▶ commit

What each step locks and why in this order: protocol §2.2, ADR 0004. The caller decides what to do when a step
fails; nothing here retries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import asyncpg
from asyncpg.transaction import Transaction

import sql
from schemas.outcome import DeadReason, Outcome
from worker.domain.decide import RELEASING_VERDICTS_MAX, decide
from worker.domain.decision import Decision, Finer, Lacking, Verdict
from worker.domain.event import Event, is_other_body
from worker.domain.model import ParkedEvent, Snapshot, WaitKind, WaitsFor
from worker.runtime.answer import AnswerWriter
from worker.runtime.codes import DEAD_NO, PARKED_NO, PLACES_PER_BATCH
from worker.runtime.dead_letter import DeadLetter
from worker.runtime.decode import Arrival, Poison, RawRecord
from worker.runtime.load import Loaded, Loader, RerunError
from worker.runtime.parked import ParkedRow
from worker.runtime.records import OutRecord, pack, unpack
from worker.runtime.write import EventKey, Judged, Origin, write, write_dead, write_withdrawn

if TYPE_CHECKING:
    from worker.runtime.database import Connection
    from worker.runtime.interned import Interned

INBOX_READ = sql.query("inbox_read")
BATCHES_READ = sql.query("batches_read")
COUNT_FINER = sql.query("count_finer")
BATCH_INSERT, BATCH_NUMBER = sql.query("batch_insert"), sql.query("batch_number")
DEAD_LETTERS_READ, DEAD_LETTERS_INSERT = sql.query("dead_letters_read"), sql.query("dead_letters_insert")


T = TypeVar("T")

Meanwhile = Callable[[], Awaitable[None]]
"""Work that the caller wants done while the database is busy; it gives way to the event loop in turns."""

TURN_LENGTH = 100


class Progress(NamedTuple):
    """How far a partition is read once this work is committed."""

    topic: str
    partition: int
    next_offset: int
    record_time: datetime
    caught_up: bool


@dataclass(frozen=True, slots=True)
class Work:
    """What one transaction judges, each event id once; only a batch's last part has `progress`."""

    arrivals: Sequence[Arrival] = ()
    poisons: Sequence[Poison] = ()
    redriven: Sequence[ParkedRow] = ()
    dead: Sequence[DeadLetter] = ()
    """Records already found to be dead letters: poison in the database (bisecting)."""
    progress: Sequence[Progress] = ()
    releasing_max: int = RELEASING_VERDICTS_MAX
    """0: parked events of the orders concerned stay parked, to be judged by themselves (bisecting)."""


class LevelVersion(NamedTuple):
    """A level and the version of it that a batch tells of."""

    level_no: int
    version: int


@dataclass(frozen=True, slots=True)
class Committed:
    """What a committed batch leaves to do: records to publish, and what to look at again."""

    batch_id: int | None
    """None where nothing is to be told: there is no outbox row then."""
    records: list[OutRecord]
    levels: list[LevelVersion]
    look_again: list[WaitsFor]
    """What this batch provided, or parked on: who waits for it may be judged now (protocol step 13)."""
    claimed_at_s: float
    """The loop's time just before this worker claimed the outbox row."""
    follow_up: bool = False
    """Whether something may have become due by the state that this batch left."""


class CommitUnknownError(Exception):
    """The connection was lost while committing: the batch may be committed or not."""

    def __init__(self, committed: Committed) -> None:
        super().__init__("the reply to COMMIT was lost")
        self.committed = committed


class EarlierFirstError(Exception):
    """An event changes how the events behind it are judged: those before it are to be committed first."""

    def __init__(self, event: Event) -> None:
        super().__init__("events before this one are committed first")
        self.event = event


class _FinerError(Exception):
    """Items have to be counted in more decimal places before the batch can be decided."""

    def __init__(self, decimal_places: Mapping[int, int]) -> None:
        super().__init__("items have to be counted in more decimal places")
        self.decimal_places = decimal_places


@dataclass(slots=True)
class Sorted:
    """The work after the inbox was read: what is to be judged, told again, or dead."""

    events: list[Event] = field(default_factory=list)
    origins: dict[EventKey, Origin] = field(default_factory=dict)
    traceparents: dict[EventKey, str] = field(default_factory=dict)
    redriven: dict[EventKey, ParkedEvent] = field(default_factory=dict)
    again: list[int] = field(default_factory=list)
    """Places of answers that are asked for again."""
    dead: list[DeadLetter] = field(default_factory=list)
    withdrawn: list[ParkedRow] = field(default_factory=list)
    """Parked rows whose records are no events any more, their dead letters last in `dead`."""


@dataclass(frozen=True, slots=True)
class ProcessorSettings:
    """What every batch is written with."""

    worker: str
    consumer_group: str
    publish_lease: timedelta


class Processor:
    """Carries work through one transaction on a given connection."""

    def __init__(
        self, settings: ProcessorSettings, loader: Loader, interned: "Interned", writer: AnswerWriter
    ) -> None:
        self.settings = settings
        self.loader = loader
        self.interned = interned
        self.writer = writer

    async def process(self, connection: "Connection", work: Work, meanwhile: Meanwhile) -> Committed:
        """Judge the work and commit it; `meanwhile` is called once while the database is writing.

        Raises RerunError (nothing is written; run the same work again), EarlierFirstError (nothing is
        written; run it in two parts), CommitUnknownError, and whatever asyncpg raises: then nothing is
        written either.
        """
        await self._intern(connection, work)
        transaction = connection.transaction()
        await transaction.start()
        try:
            committed = await self._write_all(connection, work, meanwhile)
        except _FinerError as error:
            await _roll_back(connection, transaction)
            await self._count_finer(connection, error.decimal_places)
            message = "items are counted in more decimal places from now on"
            raise RerunError(message) from error
        except BaseException:
            await _roll_back(connection, transaction)
            raise
        try:
            await transaction.commit()
        except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            if _is_lost(connection):
                raise CommitUnknownError(committed) from error
            raise
        return committed

    async def _count_finer(self, connection: "Connection", decimal_places: Mapping[int, int]) -> None:
        """Raise the decimal places of items, in a transaction of its own: no quantity changes by that."""
        async with connection.transaction():
            for item_no, places in sorted(decimal_places.items()):
                await connection.execute(COUNT_FINER, item_no, places)

    async def _intern(self, connection: "Connection", work: Work) -> None:
        interned = self.interned
        sources = {arrival.event.source for arrival in work.arrivals}
        sources.update(letter.event.source for letter in work.dead if letter.event is not None)
        sources.update(row.source for row in work.redriven)
        if not sources <= interned.source_nos.keys():
            await interned.know_sources(connection, sources)
        topics = {row.topic for row in work.progress}
        topics.update(arrival.record.position.topic for arrival in work.arrivals)
        topics.update(poison.record.position.topic for poison in work.poisons)
        topics.update(letter.record.position.topic for letter in work.dead)
        if not topics <= interned.topic_nos.keys():
            await interned.know_topics(connection, topics)

    async def _write_all(self, connection: "Connection", work: Work, meanwhile: Meanwhile) -> Committed:
        sorted_out = await self._read_inbox(connection, work)
        if sorted_out.events:
            judged = await self._judge(connection, sorted_out, work.releasing_max)
            return await self._write_judged(connection, work, sorted_out, judged, meanwhile)
        number = await connection.fetchrow(BATCH_NUMBER)
        assert number is not None  # a select without from always gives a row
        await meanwhile()
        batch_id, now = number["batch_id"], number["now"]
        records = await self._side_letters(connection, sorted_out, [], batch_id, now)
        claimed_at_s = asyncio.get_running_loop().time()
        await self._write_outbox(connection, work, batch_id, now, records)
        return Committed(batch_id if records else None, records, [], [], claimed_at_s)

    # ── Inbox ─────────────────────────────────────────────────────────────────────────────────────────

    async def _read_inbox(self, connection: "Connection", work: Work) -> Sorted:
        """Answered events leave here and lock nothing (DESIGN §4 rule 7)."""
        source_nos = self.interned.source_nos
        keys = [(arrival.event.event_id, source_nos[arrival.event.source]) for arrival in work.arrivals]
        keys += [(row.event_id, source_nos[row.source]) for row in work.redriven]
        known: dict[tuple[str, int], asyncpg.Record] = {}
        if keys:
            rows = await connection.fetch(INBOX_READ, [key[0] for key in keys], [key[1] for key in keys])
            known = {(row["event_id"], row["source_no"]): row for row in rows}
        result = Sorted()
        for arrival, key in zip(work.arrivals, keys, strict=False):
            self._sort_arrival(result, arrival, known.get(key))
        for parked, key in zip(work.redriven, keys[len(work.arrivals) :], strict=True):
            _sort_redriven(result, parked, known.get(key))
        result.dead[:0] = [*map(DeadLetter.of_poison, work.poisons), *work.dead]
        if result.dead:
            await self._drop_known_dead(connection, result)
        return result

    def _sort_arrival(self, result: Sorted, arrival: Arrival, row: asyncpg.Record | None) -> None:
        event = arrival.event
        if row is None:
            _take(result, arrival, Origin(arrival.record, in_inbox=False, parked=False))
            return
        same_place = self._is_position(row, arrival.record)
        if row["outcome"] == DEAD_NO:
            if not same_place:
                _take(result, arrival, Origin(arrival.record, in_inbox=True, parked=False))
        elif is_other_body(row["body_hash"], event):
            result.dead.append(_id_reuse(arrival))
        elif row["outcome"] != PARKED_NO and not same_place:
            result.again.append(row["answer"])

    def _is_position(self, row: "asyncpg.Record", record: RawRecord) -> bool:
        topic, partition, offset = record.position
        stored = (row["topic_no"], row["partition"], row["record_offset"])
        return stored == (self.interned.topic_nos[topic], partition, offset)

    async def _drop_known_dead(self, connection: "Connection", result: Sorted) -> None:
        """A redelivered record that is a dead letter already is not written again."""
        topic_nos = self.interned.topic_nos
        letters = [letter for letter in result.dead if letter.record.position.topic in topic_nos]
        rows = await connection.fetch(
            DEAD_LETTERS_READ,
            [topic_nos[letter.record.position.topic] for letter in letters],
            [letter.record.position.partition for letter in letters],
            [letter.record.position.offset for letter in letters],
            [letter.record.timestamp_ms for letter in letters],
        )
        known = {(row["topic_no"], row["partition"], row["record_offset"]) for row in rows}
        withdrawn = {row.decoded.record.position for row in result.withdrawn}
        result.dead = [
            letter
            for letter in result.dead
            if letter.record.position in withdrawn
            or (topic_nos[letter.record.position.topic], *letter.record.position[1:]) not in known
        ]

    # ── Judge ─────────────────────────────────────────────────────────────────────────────────────────

    async def _judge(self, connection: "Connection", sorted_out: Sorted, releasing_max: int) -> Judged:
        loaded = await self.loader.load(connection, sorted_out.events, sorted_out.redriven.keys())
        snapshot, decision = await self._decide(connection, sorted_out, loaded, releasing_max)
        origins = sorted_out.origins
        for row in loaded.orders.parked:
            key = (row.source, row.event_id)
            if key not in origins:
                origins[key] = Origin(row.decoded.record, in_inbox=True, parked=True)
                if isinstance(row.decoded, Arrival) and row.decoded.traceparent is not None:
                    sorted_out.traceparents[key] = row.decoded.traceparent
        return Judged(loaded, snapshot, decision, origins, _places(decision.verdicts, origins))

    async def _decide(
        self, connection: "Connection", sorted_out: Sorted, loaded: Loaded, releasing_max: int
    ) -> tuple[Snapshot, Decision]:
        """Decide; where rows are lacking, read them under the same locks and decide afresh."""
        while True:
            snapshot = loaded.snapshot()
            match decide(sorted_out.events, snapshot, sorted_out.redriven, releasing_max=releasing_max):
                case Decision() as decision:
                    return snapshot, decision
                case Finer(decimal_places=decimal_places, event=event):
                    if event is not sorted_out.events[0]:
                        raise EarlierFirstError(event)
                    raise _FinerError(decimal_places)
                case Lacking(levels=levels):
                    await self.loader.load_reservations(connection, loaded, levels)

    # ── Write ─────────────────────────────────────────────────────────────────────────────────────────

    async def _write_judged(
        self,
        connection: "Connection",
        work: Work,
        sorted_out: Sorted,
        judged: Judged,
        meanwhile: Meanwhile,
    ) -> Committed:
        """Write the decision; while the server works, encode the answers and let the caller use the time."""
        decision, loaded = judged.decision, judged.loaded
        writing = asyncio.ensure_future(write(connection, judged, self.interned))
        try:
            records = await self._records(sorted_out, judged)
            await meanwhile()
        finally:
            await writing
        records = await self._side_letters(connection, sorted_out, records, loaded.batch_id, loaded.now)
        claimed_at_s = asyncio.get_running_loop().time()
        await self._write_outbox(connection, work, loaded.batch_id, loaded.now, records)
        return Committed(
            loaded.batch_id if records else None,
            records,
            [
                LevelVersion(level.level_no, level.version)
                for level in decision.levels_changed
                if level.level_no is not None
            ],
            _look_again(decision),
            claimed_at_s,
            decision.follow_up,
        )

    async def _records(self, sorted_out: Sorted, judged: Judged) -> list[OutRecord]:
        """Everything the decision tells: results first, so that their index is the answer's place."""
        decision, now = judged.decision, judged.loaded.now
        told = [v for v, place in zip(decision.verdicts, judged.places, strict=True) if place is not None]
        records: list[OutRecord] = []
        writer = self.writer.at(now)
        for some in in_turns(told):
            records += writer.answers(some, sorted_out.traceparents)
            await asyncio.sleep(0)
        records += writer.side_records(told, sorted_out.traceparents)
        for levels in in_turns(list(decision.levels_changed)):
            records += writer.level_records(levels)
            await asyncio.sleep(0)
        sorted_out.dead += [
            _refused_by_rules(verdict, judged.origins)
            for verdict in told
            if verdict.outcome is Outcome.DEAD_LETTERED
        ]
        return records

    async def _side_letters(
        self,
        connection: "Connection",
        sorted_out: Sorted,
        records: list[OutRecord],
        batch_id: int,
        now: datetime,
    ) -> list[OutRecord]:
        """Answers asked for again and dead letters, behind the records there are."""
        if sorted_out.again:
            records = records + await self._again(connection, sorted_out.again)
        if sorted_out.dead:
            first_place = batch_id * PLACES_PER_BATCH + len(records)
            await self._write_dead(connection, sorted_out, first_place, now)
            judged, writer = sorted_out.origins.keys(), self.writer.at(now)
            results = [letter for letter in sorted_out.dead if (letter.source, letter.event_id) not in judged]
            records = (
                records + writer.dead_letter_records(sorted_out.dead) + writer.dead_letter_results(results)
            )
        return records

    async def _again(self, connection: "Connection", places: Sequence[int]) -> list[OutRecord]:
        """The answers at these places of the archive, byte for byte as they were first given."""
        batch_ids = sorted({place // PLACES_PER_BATCH for place in places})
        rows = await connection.fetch(BATCHES_READ, batch_ids)
        frames = {row["batch_id"]: unpack(row["frames"]) for row in rows}
        return [frames[place // PLACES_PER_BATCH][place % PLACES_PER_BATCH] for place in places]

    async def _write_dead(
        self, connection: "Connection", sorted_out: Sorted, first_place: int, now: datetime
    ) -> None:
        topic_nos = self.interned.topic_nos
        dead = sorted_out.dead
        await connection.execute(
            DEAD_LETTERS_INSERT,
            [topic_nos[letter.record.position.topic] for letter in dead],
            [letter.record.position.partition for letter in dead],
            [letter.record.position.offset for letter in dead],
            [letter.record.timestamp_ms for letter in dead],
            [letter.reason for letter in dead],
            [letter.event_id for letter in dead],
            [letter.source for letter in dead],
            [first_place + at for at in range(len(dead))],
            now,
        )
        refused = [
            (letter.event, letter.record, first_place + at)
            for at, letter in enumerate(dead)
            if letter.event is not None
        ]
        if refused:
            await write_dead(connection, refused, now, self.interned)
        if sorted_out.withdrawn:
            at = {letter.record.position: first_place + i for i, letter in enumerate(dead)}
            places = [at[row.decoded.record.position] for row in sorted_out.withdrawn]
            await write_withdrawn(connection, sorted_out.withdrawn, places, now, self.interned)

    async def _write_outbox(
        self, connection: "Connection", work: Work, batch_id: int, now: datetime, records: list[OutRecord]
    ) -> None:
        if not records and not work.progress:
            return
        progress = sorted(work.progress, key=lambda row: (row.topic, row.partition))
        await connection.execute(
            BATCH_INSERT,
            batch_id,
            self.settings.worker,
            now,
            self.settings.publish_lease,
            pack(records) if records else None,
            self.settings.consumer_group,
            [row.topic for row in progress],
            [row.partition for row in progress],
            [row.next_offset for row in progress],
            [row.record_time for row in progress],
            [row.caught_up for row in progress],
        )


def in_turns(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts of long work, small enough that what the server answers meanwhile is picked up between them."""
    for start in range(0, len(values), TURN_LENGTH):
        yield values[start : start + TURN_LENGTH]


async def _roll_back(connection: "Connection", transaction: Transaction) -> None:
    """Roll back. Where that fails, give the connection up: the server rolls back then."""
    if _is_lost(connection):
        return
    try:
        await transaction.rollback()
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError):
        connection.terminate()


def _is_lost(connection: "Connection") -> bool:
    """Whether the session has ended. Its pool takes a broken one back at once; it answers nothing then."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def _take(result: Sorted, arrival: Arrival, origin: Origin) -> None:
    event = arrival.event
    key = (event.source, event.event_id)
    result.events.append(event)
    result.origins[key] = origin
    if arrival.traceparent is not None:
        result.traceparents[key] = arrival.traceparent


def _sort_redriven(result: Sorted, row: ParkedRow, inbox: asyncpg.Record | None) -> None:
    if inbox is None or inbox["outcome"] != PARKED_NO:
        return
    match row.decoded:
        case Arrival() as arrival:
            _take(result, arrival, Origin(arrival.record, in_inbox=True, parked=True))
            result.redriven[row.source, row.event_id] = row.parked
        case Poison() as poison:
            result.withdrawn.append(row)
            result.dead.append(DeadLetter.of_poison(poison))


def _id_reuse(arrival: Arrival) -> DeadLetter:
    event = arrival.event
    return DeadLetter(
        arrival.record,
        DeadReason.ID_REUSE,
        "id_reuse",
        "the event id was used before with another body",
        event.source,
        event.event_id,
        event.type,
    )


def _refused_by_rules(verdict: Verdict, origins: Mapping[EventKey, Origin]) -> DeadLetter:
    """The dead letter of an event that no rule can apply (DESIGN §2: more places than the item has)."""
    event = verdict.event
    return DeadLetter(
        origins[event.source, event.event_id].record,
        verdict.reason or DeadReason.CONTRACT_VIOLATION,
        "rules",
        str(verdict.answer.get("message", "")),
        event.source,
        event.event_id,
        event.type,
    )


def _places(verdicts: Sequence[Verdict], origins: Mapping[EventKey, Origin]) -> list[int | None]:
    """The index of each verdict's result among the batch's records; None where nothing new is told."""
    places: list[int | None] = []
    at = 0
    for verdict in verdicts:
        event = verdict.event
        if verdict.outcome is Outcome.PARKED and origins[event.source, event.event_id].parked:
            places.append(None)
        else:
            places.append(at)
            at += 1
    return places


def _look_again(decision: Decision) -> list[WaitsFor]:
    waits = {
        verdict.waits_for: None
        for verdict in decision.verdicts
        # For an order there is no second look: its lock makes both sides meet.
        if verdict.waits_for is not None and verdict.waits_for.kind is not WaitKind.ORDER
    }
    return [*(waits | decision.provided)]
