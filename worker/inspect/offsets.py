"""How far a consumer group has read, by Kafka and by the database, and what to do where the two disagree.

After a restore or a failover they do. A partition begins at the smaller of both offsets when it is assigned
(`worker.runtime.assignment`, ADR 0004), which catches up most of it by itself; what it cannot see is told
here and put right by `rewind`, which only goes back: what is read twice is known, what is skipped is lost.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, assert_never

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, UnknownMemberIdError

import sql
from schemas.topics import TYPES_BY_TOPIC
from worker.inspect.group import clients, committed_offsets, members_and_state, partitions_of
from worker.inspect.rows import Json
from worker.runtime.database import connection, open_pool
from worker.runtime.errors import Transient
from worker.runtime.migrate import require_fitting_schema
from worker.runtime.topics import describe_topics

if TYPE_CHECKING:
    from worker.runtime.database import Connection
    from worker.settings import Settings

CONNECT_S_MAX = 10.0
COMMIT_S_MAX = 30.0

FITS, REWIND, LOST, MEMBERS = 0, 20, 21, 22
"""What `offsets check` exits with; `offsets rewind` refuses with the last."""


class Kind(StrEnum):
    """What is found of a partition."""

    DATABASE_BEHIND = "database_behind"
    """Kafka's offset is ahead: the database was restored."""
    DATABASE_AHEAD = "database_ahead"
    """The database has read further than Kafka knows: its offset is old, or was lost."""
    NOT_IN_DATABASE = "not_in_database"
    """The database knows others of the group's partitions, and not this one."""
    NOTHING_IN_DATABASE = "nothing_in_database"
    """The database knows none of the group's partitions, and Kafka's offset is not at the beginning."""
    BEYOND_END = "beyond_end"
    """Kafka's or the database's offset is none that the partition has yet."""
    DELETED = "deleted"
    """Records went by retention before the database had them."""
    NOT_ON_KAFKA = "not_on_kafka"
    """The partition was read once, and is not there."""


class Finding(NamedTuple):
    """What is found, and how many offsets it is about; those of control records are counted too."""

    kind: Kind
    offsets: int

    @property
    def exit_code(self) -> int:
        """What the finding calls for: nothing, a rewind, or what no tool can bring back."""
        match self.kind:
            case Kind.DATABASE_BEHIND | Kind.DATABASE_AHEAD | Kind.NOT_IN_DATABASE:
                return FITS
            case Kind.BEYOND_END | Kind.NOTHING_IN_DATABASE:
                return REWIND
            case Kind.DELETED | Kind.NOT_ON_KAFKA:
                return LOST
            case _:
                assert_never(self.kind)

    @property
    def message(self) -> str:
        """The finding for people."""
        return _MESSAGES[self.kind].format(self.offsets)


_MESSAGES: Mapping[Kind, str] = {
    Kind.DATABASE_BEHIND: "{:,} are missing in the database: read again at the next assignment",
    Kind.DATABASE_AHEAD: "{:,} are read again at the next assignment, and known",
    Kind.NOT_IN_DATABASE: "unknown to the database: all {:,} are read at the next assignment",
    Kind.NOTHING_IN_DATABASE: "the database has read nothing: {:,} are skipped without a rewind",
    Kind.BEYOND_END: "{:,} beyond the end: made anew or truncated; rewind before it grows past",
    Kind.DELETED: "{:,} were deleted by retention before they were read: lost",
    Kind.NOT_ON_KAFKA: "not on Kafka: `inventory-worker topics` makes topics that are missing",
}


class Bounds(NamedTuple):
    """What a partition has: its first offset, the one after its last record, and the first since a moment."""

    begin: int
    end: int
    since: int | None = None


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """A partition of the group's: next offsets by Kafka and by the database; None where there is none."""

    topic: str
    partition: int
    committed: int | None
    next_offset: int | None
    bounds: Bounds | None
    """None: the partition is not on Kafka."""
    is_database_new: bool = False
    """The database knows no partition of the group: Kafka's offset stands then."""

    @property
    def starts_at(self) -> int | None:
        """Where a worker begins to read that gets the partition now."""
        if self.bounds is None:
            return None
        begin, end, _ = self.bounds
        known = [begin if self.committed is None else self.committed]
        if self.next_offset is not None:
            known.append(self.next_offset)
        elif not self.is_database_new:
            known.append(begin)
        return max(begin, start) if (start := min(known)) <= end else begin

    @property
    def findings(self) -> list[Finding]:
        """All that is to be said of it, worst first; nothing when both agree."""
        if self.bounds is None:
            return [Finding(Kind.NOT_ON_KAFKA, 0)]
        begin, end, _ = self.bounds
        beyond = max(self.committed or 0, self.next_offset or 0) - end
        if beyond > 0:
            return [Finding(Kind.BEYOND_END, beyond)]
        return [finding for finding in self._gaps(begin, end) if finding.offsets > 0]

    def _gaps(self, begin: int, end: int) -> Iterator[Finding]:
        committed, read = self.committed, self.next_offset
        if read is not None:
            yield Finding(Kind.DELETED, begin - read)
            if committed is not None and committed > read:
                yield Finding(Kind.DATABASE_BEHIND, committed - max(read, begin))
            else:
                yield Finding(Kind.DATABASE_AHEAD, read - max(committed or 0, begin))
        elif self.is_database_new:
            if committed is not None:
                yield Finding(Kind.DELETED, begin - committed)
                yield Finding(Kind.NOTHING_IN_DATABASE, committed - begin)
        else:
            # Nobody has missed what went before the group first read the partition.
            yield Finding(Kind.DELETED, 0 if committed is None else begin)
            yield Finding(Kind.NOT_IN_DATABASE, end - begin)

    @property
    def rewind_to(self) -> int | None:
        """Where to read again from; None where nothing calls for it."""
        if self.bounds is None or (start := self.starts_at) is None:
            return None
        begin, end, since = self.bounds
        if any(finding.exit_code == REWIND for finding in self.findings):
            return begin
        if since is None or (target := max(begin, min(since, end))) >= start:
            return None
        return target

    def as_json(self) -> dict[str, Json]:
        """The partition as `offsets check --json` lists it."""
        bounds = self.bounds
        return {
            "topic": self.topic,
            "partition": self.partition,
            "kafka": self.committed,
            "database": self.next_offset,
            "begin": None if bounds is None else bounds.begin,
            "end": None if bounds is None else bounds.end,
            "starts_at": self.starts_at,
            "findings": [
                {"kind": kind.value, "offsets": offsets, "message": Finding(kind, offsets).message}
                for kind, offsets in self.findings
            ],
        }


class Move(NamedTuple):
    """A partition to be read again: where it would begin now, where it shall, and up to where that goes."""

    topic: str
    partition: int
    starts_at: int
    rewind_to: int
    end: int


@dataclass(frozen=True, slots=True)
class Offsets:
    """What was found of a group."""

    group: str
    members: int
    group_state: str
    partitions: Sequence[PartitionOffsets]

    @property
    def moves(self) -> list[Move]:
        """What a rewind would do."""
        return [
            Move(one.topic, one.partition, one.starts_at, one.rewind_to, one.bounds.end)
            for one in self.partitions
            if one.rewind_to is not None and one.starts_at is not None and one.bounds is not None
        ]

    @property
    def exit_code(self) -> int:
        """The most urgent: a rewind, then workers to be started anew, then what is lost."""
        found = {finding.exit_code for one in self.partitions for finding in one.findings}
        if REWIND in found:
            return REWIND
        if self.needs_restart:
            return MEMBERS
        return max(found, default=FITS)

    @property
    def needs_restart(self) -> bool:
        """Workers read on although the database was restored: they look only at an assignment."""
        kinds = {finding.kind for one in self.partitions for finding in one.findings}
        return self.members > 0 and Kind.DATABASE_BEHIND in kinds

    @property
    def message(self) -> str:
        """All of it in a sentence."""
        if self.exit_code == REWIND:
            return "run `inventory-worker offsets rewind` while no worker runs"
        if self.needs_restart:
            return "restart the workers: the database was restored under them"
        if self.exit_code == LOST:
            return "what is missing on Kafka has to be sent again by those who have it"
        if any(one.findings for one in self.partitions):
            return "nothing to do: workers catch up by themselves"
        return "Kafka and the database agree"

    def as_json(self) -> dict[str, Json]:
        """The document of `offsets check --json`."""
        return {
            "group": self.group,
            "members": self.members,
            "group_state": self.group_state,
            "exit_code": self.exit_code,
            "message": self.message,
            "partitions": [one.as_json() for one in self.partitions],
        }

    def rewind_json(self, *, is_done: bool) -> dict[str, Json]:
        """The document of `offsets rewind --json`."""
        return {**self.as_json(), "moves": [move._asdict() for move in self.moves], "done": is_done}


# ── Looking ─────────────────────────────────────────────────────────────────────────────────────────


async def offsets(settings: "Settings", since: datetime | None = None) -> Offsets:
    """Look at a group's offsets, and those of the first records since a moment; changes nothing.

    Raises Transient and Fatal, KafkaError, and what asyncpg raises.
    """
    topics = settings.topic_types or TYPES_BY_TOPIC
    group = settings.consumer_group
    async with _database(settings) as db:
        await require_fitting_schema(db)
        described = await describe_topics(
            settings.kafka_bootstrap, input_topics=topics, deadline_s=CONNECT_S_MAX
        )
        there = partitions_of(topic for topic in described if topic.name in topics)
        async with clients(settings.kafka_bootstrap, "inventory-offsets") as (admin, consumer):
            members, group_state = await members_and_state(admin, group)
            # In this order, workers at work never look like a restored database or a truncated topic.
            committed = await committed_offsets(admin, group)
            rows = await db.fetch(sql.query("progress_read"), group)
            bounds = await _bounds(consumer, there, since)
    read = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
    ours = {partition for partition in (*there, *read, *committed) if partition.topic in topics}
    return Offsets(
        group,
        members,
        group_state,
        [
            PartitionOffsets(
                one.topic, one.partition, committed.get(one), read.get(one), bounds.get(one), not read
            )
            for one in sorted(ours)
        ],
    )


async def _bounds(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], since: datetime | None
) -> Mapping[TopicPartition, Bounds]:
    if not partitions:
        return {}
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    if since is None:
        return {one: Bounds(begins[one], ends[one]) for one in partitions}
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, max(0, int(since.timestamp() * 1000))))
    firsts = {one: ends[one] if (first := found.get(one)) is None else first.offset for one in partitions}
    return {one: Bounds(begins[one], ends[one], firsts[one]) for one in partitions}


@asynccontextmanager
async def _database(settings: "Settings") -> "AsyncIterator[Connection]":
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            pool = await open_pool(
                settings.database_url.get_secret_value(),
                application_name="inventory-worker offsets",
                connections_max=1,
                role=settings.database_role,
            )
    except (OSError, asyncpg.CannotConnectNowError) as error:
        raise Transient(f"cannot reach Postgres: {error}") from error
    try:
        async with connection(pool) as db:
            yield db
    finally:
        pool.terminate()


# ── Rewinding ───────────────────────────────────────────────────────────────────────────────────────


async def rewind(settings: "Settings", moves: Sequence[Move]) -> bool:
    """Let partitions be read again; False, and nothing is changed, when the group has members.

    Kafka comes first: it refuses in one step while anybody is in the group. From then on everybody begins at
    the smaller offset, also when this ends halfway. Raises KafkaError, and what asyncpg raises.
    """
    targets = {TopicPartition(move.topic, move.partition): move.rewind_to for move in moves}
    async with _database(settings) as db:
        if not await _commit(settings, targets):
            return False
        await db.execute(
            sql.query("progress_rewind"),
            settings.consumer_group,
            [move.topic for move in moves],
            [move.partition for move in moves],
            [move.rewind_to for move in moves],
        )
    return True


async def _commit(settings: "Settings", targets: Mapping[TopicPartition, int]) -> bool:
    """Sets the group's offsets on Kafka without joining it; False when it has members."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id="inventory-offsets",
        group_id=settings.consumer_group,
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        consumer.assign(list(targets))
        async with asyncio.timeout(COMMIT_S_MAX):
            await consumer.commit(dict(targets))
    except (CommitFailedError, UnknownMemberIdError, IllegalGenerationError):
        return False
    except TimeoutError as error:
        raise Transient(f"Kafka did not take the offsets within {COMMIT_S_MAX:g} s") from error
    finally:
        await consumer.stop()
    return True
