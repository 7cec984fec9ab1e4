"""The broker's side of a measurement: topics, orders laid ready, answers watched and read."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import Output
from worker.dev.bench.in_memory import answer_of
from worker.dev.bench.model import Answer
from worker.dev.bench.workload import Message
from worker.runtime.publish import Publisher, PublisherSettings
from worker.runtime.records import OutRecord
from worker.runtime.topics import describe_topics

PUBLISH_RECORDS = 10_000
WATCH_S = 0.02
STALL_S_MAX = 30.0
"""How long no answer may come before we wait for no more."""

DEADLINE_S = 30.0


async def lay_ready(bootstrap: str, topic: str, messages: Sequence[Message]) -> None:
    """Put the messages on the topic, as one producer that keeps their order by key.

    Their records are of now: the broker soon deletes what its topic's retention says is old.
    """
    timestamp_ms = round(time.time() * 1000)
    publisher = Publisher(PublisherSettings(bootstrap=bootstrap, client_id="bench"))
    await publisher.start(DEADLINE_S)
    try:
        for start in range(0, len(messages), PUBLISH_RECORDS):
            records = [
                OutRecord(topic, message.key, message.headers, message.value, timestamp_ms)
                for message in messages[start : start + PUBLISH_RECORDS]
            ]
            await publisher.publish(records, DEADLINE_S)
    finally:
        await publisher.stop(DEADLINE_S)


class Results:
    """The answers that come after this was made; counted by offsets while it matters, read afterwards."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._starts: dict[TopicPartition, int] = {}

    async def begin(self) -> None:
        """Count from here."""
        self._starts = await self._consumer.end_offsets(self._partitions)

    async def wait_for(self, count: int) -> bool:
        """Wait until so many answers are on Kafka; False where none comes any more before.

        Asks for offsets only: reading the records would take processor time from those who are measured.
        """
        loop = asyncio.get_running_loop()
        seen, moved_at = -1, loop.time()
        while (now := await self._count()) < count:
            if now > seen:
                seen, moved_at = now, loop.time()
            elif loop.time() - moved_at > STALL_S_MAX:
                return False
            await asyncio.sleep(WATCH_S)
        return True

    async def read(self) -> list[Answer]:
        """All answers until now."""
        ends = await self._consumer.end_offsets(self._partitions)
        left = {partition for partition in self._partitions if ends[partition] > self._starts[partition]}
        self._consumer.assign(left)
        for partition in left:
            self._consumer.seek(partition, self._starts[partition])
        found: list[Answer] = []
        async with asyncio.timeout(DEADLINE_S):
            while left:
                for partition, records in (await self._consumer.getmany(*left, timeout_ms=100)).items():
                    found += [answer_of(record.value) for record in records]
                    if records[-1].offset + 1 >= ends[partition]:
                        left.discard(partition)
        return found

    async def _count(self) -> int:
        ends = await self._consumer.end_offsets(self._partitions)
        return sum(ends[partition] - self._starts[partition] for partition in self._partitions)


@asynccontextmanager
async def results(bootstrap: str) -> AsyncIterator[Results]:
    """A watch on `inventory.results`."""
    topic = Output.RESULTS.topic
    states = await describe_topics(bootstrap, input_topics=())
    [partitions] = [state.partitions for state in states if state.name == topic]
    # Without an assignment until it reads: aiokafka fetches ahead what is assigned.
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, client_id="bench", enable_auto_commit=False)
    await consumer.start()
    try:
        watch = Results(consumer, [TopicPartition(topic, number) for number in range(partitions)])
        await watch.begin()
        yield watch
    finally:
        await consumer.stop()
