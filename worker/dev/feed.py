"""Feeds records to the worker's topics, and knows when all that came of them is judged.

Time is the events': what is due by the time of the next event to be sent is applied before it (rulings "Carts
and holds"), and nothing else, however late it is really.

Settled means: the record is answered, parked or a dead letter, and no parked event is left whose prerequisite
is there. Workers of this process say so as soon as it is so. Others of the group cannot: what they judged is
found in the database, which is asked now and then.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg
from aiokafka import AIOKafkaProducer, TopicPartition

import sql
from worker.dev.event_lines import LineRecord
from worker.dev.stage import Stage
from worker.runtime.errors import Fatal
from worker.runtime.records import partition_of

if TYPE_CHECKING:
    from aiokafka.structs import RecordMetadata

    from worker.runtime.database import Connection

DUE_BY = sql.query("due_by")
FEED_BEHIND, PARKED_READY_READ = sql.query("feed_behind"), sql.query("parked_ready_read")

TELLING_S = 0.03
"""How long workers of this process get to say that all is judged, before the database is asked."""
LOOK_AGAIN_S_MIN = 0.005
LOOK_AGAIN_S_MAX = 0.1
SETTLED_S_MAX = 120.0
"""After which a record is said to be stuck."""


class Feeder:
    """Sends records in order. Keeps where each one went."""

    def __init__(
        self, producer: AIOKafkaProducer, connection: "Connection", group: str, topics: Mapping[str, str]
    ) -> None:
        self._producer = producer
        self._connection = connection
        self._group = group
        self._topics = topics
        self._unsettled: dict[TopicPartition, int] = {}
        self._judged: dict[TopicPartition, int] = {}
        self._told = asyncio.Event()
        self.time: datetime | None = None
        """The present: the latest time of an event so far; None while none has told one."""
        self.line_nos: dict[tuple[str, int, int], int] = {}
        """Line by topic, partition and offset, of all that was sent."""

    async def send(self, records: Sequence[LineRecord]) -> None:
        """Put the records on their topics, those of a key in the order given."""
        sent = [await self._send(record) for record in records]
        for record, future in zip(records, sent, strict=True):
            stored = await future
            self.line_nos[stored.topic, stored.partition, stored.offset] = record.line_no
            partition = TopicPartition(stored.topic, stored.partition)
            self._unsettled[partition] = max(stored.offset + 1, self._unsettled.get(partition, 0))

    async def reached(self, time: datetime) -> None:
        """Let workers apply what is due by this time. Raises Fatal when that hangs."""
        if self.time is not None and time <= self.time:
            return
        self.time = time
        try:
            async with asyncio.timeout(SETTLED_S_MAX):
                while await self._connection.fetchval(DUE_BY, time):  # noqa: ASYNC110  # Postgres
                    await asyncio.sleep(LOOK_AGAIN_S_MIN)
        except TimeoutError:
            message = f"what is due by {time.isoformat()} is not applied after {SETTLED_S_MAX:g} s"
            raise Fatal(message) from None

    async def settled(self) -> None:
        """Wait until everything sent is judged, and what it released too. Raises Fatal when that hangs."""
        wait_s, look_again_s = TELLING_S, LOOK_AGAIN_S_MIN
        try:
            async with asyncio.timeout(SETTLED_S_MAX):
                while not (await self._is_told(wait_s) or await self._is_settled()):
                    wait_s, look_again_s = look_again_s, min(1.5 * look_again_s, LOOK_AGAIN_S_MAX)
        except TimeoutError:
            last = max(self.line_nos.values())
            message = f"what was sent up to line {last} is not judged after {SETTLED_S_MAX:g} s"
            raise Fatal(message) from None
        self._unsettled.clear()

    def judged(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """To be called by workers: how far partitions are judged, with what the events there released."""
        for partition, next_offset in next_offsets.items():
            self._judged[partition] = max(next_offset, self._judged.get(partition, 0))
        self._told.set()

    async def _is_told(self, wait_s: float) -> bool:
        """Whether workers say within this time that all is judged."""
        try:
            async with asyncio.timeout(wait_s):
                while not self._is_judged():
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            return False
        return True

    def _is_judged(self) -> bool:
        judged = self._judged
        return all(judged.get(partition, 0) >= wanted for partition, wanted in self._unsettled.items())

    async def _send(self, record: LineRecord) -> "asyncio.Future[RecordMetadata]":
        topic = self._topics[record.topic]
        count = len(await self._producer.partitions_for(topic))
        # A record needs a key or a value, says the client; Kafka itself does not.
        key = b"" if record.key is None and record.value is None else record.key
        future: asyncio.Future[RecordMetadata] = await self._producer.send(
            topic,
            record.value,
            key=key,
            partition=partition_of(key, count),
            headers=list(record.headers),
        )
        return future

    async def _is_settled(self) -> bool:
        partitions, next_offsets = list(self._unsettled), list(self._unsettled.values())
        behind = await self._connection.fetchval(
            FEED_BEHIND,
            self._group,
            [partition.topic for partition in partitions],
            [partition.partition for partition in partitions],
            next_offsets,
        )
        return behind == 0 and not await self._connection.fetch(PARKED_READY_READ, 1)


@asynccontextmanager
async def feeder(stage: Stage) -> AsyncIterator[Feeder]:
    """A feeder for the block. Raises what aiokafka and asyncpg raise when they cannot connect."""
    bootstrap = stage.settings.kafka_bootstrap
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, client_id="inventory-feeder", enable_idempotence=True, linger_ms=0
    )
    await producer.start()
    try:
        connection = await asyncpg.connect(stage.database_url)
        try:
            yield Feeder(producer, connection, stage.settings.consumer_group, stage.topics)
        finally:
            await connection.close()
    finally:
        await producer.stop()
