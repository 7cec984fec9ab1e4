"""The one verdict: whether the work gets done, and if not, what is in the way.

Everything is asked of Kafka and Postgres, so it needs no running worker, and says so when there is none.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

import sql
from schemas.topics import TYPES_BY_TOPIC
from worker.inspect.group import clients, members_and_state, partitions_of
from worker.inspect.rows import Json
from worker.runtime.errors import Fatal, Transient
from worker.runtime.migrate import SchemaMismatch, require_fitting_schema
from worker.runtime.topics import describe_topics
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.runtime.database import Connection

CONNECT_S_MAX = 10.0
SAMPLE_S = 1.0
"""How long progress is watched; without any, watching goes on until `STANDSTILL_S_MAX`."""
STANDSTILL_S_MAX = 6.0
SLOW_S = 60.0
"""A backlog that takes longer than this makes the verdict `draining`."""


class Verdict(StrEnum):
    """How things stand, from good to bad."""

    OK = "ok"
    """All is read, or will be within a minute."""
    DRAINING = "draining"
    """Slow: the backlog takes longer, and shrinks."""
    FALLING_BEHIND = "falling_behind"
    """Slower than events come in."""
    STUCK = "stuck"
    """Nothing moves although there is work and somebody to do it, or answers do not get out."""
    NO_WORKER = "no_worker"
    """The consumer group has no members."""
    TOPICS_MISSING = "topics_missing"
    SCHEMA_MISMATCH = "schema_mismatch"
    KAFKA_AWAY = "kafka_away"
    DATABASE_AWAY = "database_away"


EXIT_CODES: Mapping[Verdict, int] = {
    Verdict.OK: 0,
    Verdict.DRAINING: 10,
    Verdict.FALLING_BEHIND: 11,
    Verdict.STUCK: 12,
    Verdict.NO_WORKER: 13,
    Verdict.TOPICS_MISSING: 14,
    Verdict.SCHEMA_MISMATCH: 15,
    Verdict.KAFKA_AWAY: 16,
    Verdict.DATABASE_AWAY: 17,
}
"""What `inventory-worker status` exits with."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen while watching."""

    members: int
    """Workers in the consumer group."""
    group_state: str
    lag: int
    """Records not read yet, at the end of the watch."""
    read: int
    """Records read during the watch."""
    came: int
    """Records that came during the watch."""
    seconds: float
    """How long was watched."""
    parked: int
    parked_oldest_at: datetime | None
    dead_letters: int
    """Open ones."""
    batches_unpublished: int
    batch_unpublished_oldest_at: datetime | None
    batch_last_at: datetime | None
    now: datetime

    @property
    def seconds_left(self) -> float | None:
        """How long the backlog takes at the present rate; None while it does not shrink."""
        shrinks = (self.read - self.came) / self.seconds
        return self.lag / shrinks if shrinks > 0 else None


@dataclass(frozen=True, slots=True)
class Status:
    """The verdict, a sentence for people, and what it rests on where that could be seen."""

    verdict: Verdict
    message: str
    facts: Facts | None = None

    @property
    def exit_code(self) -> int:
        """What `inventory-worker status` exits with."""
        return EXIT_CODES[self.verdict]

    def as_json(self) -> dict[str, Json]:
        """The document of `status --json`."""
        facts = {} if self.facts is None else asdict(self.facts)
        seconds_left = None if self.facts is None else self.facts.seconds_left
        return {
            "verdict": self.verdict.value,
            "message": self.message,
            "exit_code": self.exit_code,
            "minutes_left": None if seconds_left is None else round(seconds_left / 60, 1),
            **{
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in facts.items()
            },
        }


async def status(settings: Settings) -> Status:
    """Look at database, Kafka and consumer group, watch the work for a second, and judge."""
    try:
        connection = await asyncpg.connect(settings.database_url.get_secret_value(), timeout=CONNECT_S_MAX)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return Status(Verdict.DATABASE_AWAY, f"Postgres does not let us in: {_short(error)}")
    try:
        await require_fitting_schema(connection)
        return await _status_of_kafka(settings, connection)
    except SchemaMismatch as error:
        return Status(Verdict.SCHEMA_MISMATCH, str(error))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return Status(Verdict.DATABASE_AWAY, f"Postgres does not answer: {_short(error)}")
    finally:
        connection.terminate()


def judge(facts: Facts, publish_lease_s: float) -> Status:
    """The verdict on what was seen; answers unpublished for longer than the lease are stuck."""
    if facts.members == 0:
        return Status(Verdict.NO_WORKER, f"no worker runs; {_records(facts.lag)} wait", facts)
    oldest_at = facts.batch_unpublished_oldest_at
    if oldest_at is not None and (facts.now - oldest_at).total_seconds() > 2 * publish_lease_s:
        waiting_s = (facts.now - oldest_at).total_seconds()
        message = f"{facts.batches_unpublished} batches of answers wait, the oldest for {waiting_s:.0f} s"
        return Status(Verdict.STUCK, message, facts)
    if facts.lag == 0:
        return Status(Verdict.OK, f"all is read; {_aside(facts)}", facts)
    return _moving(facts) if facts.read else _standing_still(facts)


def _moving(facts: Facts) -> Status:
    left_s = facts.seconds_left
    if left_s is None:
        message = f"{_records(facts.lag)} wait, and more come than are read"
        return Status(Verdict.FALLING_BEHIND, message, facts)
    rate = facts.read / facts.seconds
    if left_s > SLOW_S:
        message = f"{_records(facts.lag)} wait, done in {left_s / 60:.0f} minutes at {rate:,.0f}/s"
        return Status(Verdict.DRAINING, message, facts)
    message = f"{_records(facts.lag)} wait, done in {left_s:.0f} s; {_aside(facts)}"
    return Status(Verdict.OK, message, facts)


def _standing_still(facts: Facts) -> Status:
    if facts.group_state != "Stable":
        message = f"{_records(facts.lag)} wait while the workers share the partitions anew"
        return Status(Verdict.DRAINING, message, facts)
    message = f"{_records(facts.lag)} wait and none was read in {facts.seconds:.0f} s"
    return Status(Verdict.STUCK, message, facts)


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _aside(facts: Facts) -> str:
    return f"{facts.parked} events parked, {facts.dead_letters} dead letters open"


def _short(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


# ── Looking ─────────────────────────────────────────────────────────────────────────────────────────


async def _status_of_kafka(settings: Settings, connection: "Connection") -> Status:
    topics = settings.topic_types or TYPES_BY_TOPIC
    try:
        described = await describe_topics(
            settings.kafka_bootstrap, input_topics=topics, deadline_s=CONNECT_S_MAX
        )
        missing = [topic.name for topic in described if topic.partitions == 0]
        if missing:
            message = f"topics are missing ({', '.join(missing)}): run `inventory-worker topics create`"
            return Status(Verdict.TOPICS_MISSING, message)
        partitions = partitions_of(topic for topic in described if topic.name in topics)
        async with clients(settings.kafka_bootstrap, "inventory-status") as (admin, consumer):
            watch = _Watch(settings.consumer_group, connection, admin, consumer, partitions)
            return judge(await watch.facts(), settings.publish_lease_s)
    except (KafkaError, Transient, Fatal) as error:
        return Status(Verdict.KAFKA_AWAY, f"Kafka does not answer: {_short(error)}")


class _Watch:
    """Looks at positions and ends again and again."""

    def __init__(
        self,
        group: str,
        connection: "Connection",
        admin: AIOKafkaAdminClient,
        consumer: AIOKafkaConsumer,
        partitions: list[TopicPartition],
    ) -> None:
        self._group = group
        self._connection = connection
        self._admin = admin
        self._consumer = consumer
        self._partitions = partitions

    async def facts(self) -> Facts:
        """Watch until something is read or nothing is left to read, a second at least, a few at most."""
        started = monotonic()
        members, group_state = await members_and_state(self._admin, self._group)
        read_before, end_before = await self._totals()
        while True:
            await asyncio.sleep(SAMPLE_S)
            read_now, end_now = await self._totals()
            seconds = monotonic() - started
            if end_now == read_now or read_now > read_before or seconds > STANDSTILL_S_MAX or not members:
                break
        row = await self._connection.fetchrow(sql.query("status_read"))
        assert row is not None
        return Facts(
            members=members,
            group_state=group_state,
            lag=end_now - read_now,
            read=read_now - read_before,
            came=end_now - end_before,
            seconds=seconds,
            **row,
        )

    async def _totals(self) -> tuple[int, int]:
        """Sums over the partitions: up to where they are read, and where they end."""
        beginnings = await self._consumer.beginning_offsets(self._partitions)
        rows = await self._connection.fetch(sql.query("progress_read"), self._group)
        ends = await self._consumer.end_offsets(self._partitions)
        read = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        positions = (
            min(max(read.get(partition, 0), beginnings[partition]), ends[partition])
            for partition in self._partitions
        )
        return sum(positions), sum(ends.values())
