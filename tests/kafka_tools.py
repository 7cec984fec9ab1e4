"""What tests on a real broker need: topics, records in and out, a pipeline that only collects."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

from worker.runtime.assignment import Batch, PartitionLag
from worker.runtime.consume import Intake, IntakeSettings
from worker.runtime.decode import RawRecord

DEADLINE_S = 30.0
"""For anything that has to happen at all; reached only when it does not."""

BAD_NAME = "@@bad@@"
"""Stands for the name of a header until the record batch is closed."""

_CRC_AT, _CRC_START = 17, 21
"""In a record batch: where its checksum stands, and where what it covers begins."""


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def make_topic(bootstrap: str, name: str, *, partitions: int = 1, **config: str) -> str:
    """A new topic; config names with _ for the dots."""
    settings = {key.replace("_", "."): value for key, value in config.items()}
    async with admin(bootstrap) as client:
        answer = await client.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
    assert [error[1] for error in answer.topic_errors] == [0], answer
    return name


@asynccontextmanager
async def producer(bootstrap: str, **options: object) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=bootstrap, **options)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def produce(bootstrap: str, topic: str, values: Sequence[bytes], *, partition: int = 0) -> None:
    """Writes records with these values, in order."""
    async with producer(bootstrap) as client:
        for sent in [await client.send(topic, value, partition=partition) for value in values]:
            await sent


async def produce_badly_named(
    bootstrap: str, topic: str, values: Sequence[bytes], *, bad: int, partition: int = 0
) -> None:
    """The same in one record batch; the record at place `bad` has a header whose name is not UTF-8."""
    async with producer(bootstrap) as client:
        builder = client.create_batch()
        for place, value in enumerate(values):
            headers = [(BAD_NAME, b"x")] if place == bad else []
            builder.append(timestamp=None, key=None, value=value, headers=headers)
        spoil_names(builder)
        await (await client.send_batch(builder, topic, partition=partition))


def spoil_names(builder: BatchBuilder) -> None:
    """Closes a record batch and makes what is named BAD_NAME in it something that is not UTF-8."""
    data = bytearray(bytes(builder._build()).replace(BAD_NAME.encode(), b"\xff\xfebad@@"))
    data[_CRC_AT:_CRC_START] = calc_crc32c(bytes(data[_CRC_START:])).to_bytes(4, "big")
    builder._buffer = data


async def read(bootstrap: str, topic: str, count: int, **options: object) -> list[ConsumerRecord]:
    """The first `count` records of the topic."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False, **options
    )
    await consumer.start()
    records: list[ConsumerRecord] = []
    try:
        async with asyncio.timeout(DEADLINE_S):
            while len(records) < count:
                for fetched in (await consumer.getmany(timeout_ms=100)).values():
                    records += fetched
    finally:
        await consumer.stop()
    return records


async def commit_for(bootstrap: str, group: str, offsets: Mapping[TopicPartition, int]) -> None:
    """Sets the committed offsets of a group without members."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await consumer.commit(dict(offsets))
    finally:
        await consumer.stop()


async def committed(bootstrap: str, group: str) -> dict[TopicPartition, int]:
    """The committed offsets of a group."""
    async with admin(bootstrap) as client:
        offsets = await client.list_consumer_group_offsets(group)
    return {partition: found.offset for partition, found in offsets.items() if found.offset >= 0}


class Collector:
    """A pipeline that takes every batch at once, keeps its records, commits it; and the intake before it."""

    def __init__(
        self,
        settings: IntakeSettings,
        stored: Mapping[TopicPartition, int] | None = None,
        changed: asyncio.Condition | None = None,
    ) -> None:
        self.intake = Intake(settings, self.on_batch, self.positions, self.on_revoked)
        self.records: list[RawRecord] = []
        self.batches: list[Batch] = []
        self.revoked: list[frozenset[TopicPartition]] = []
        self._stored = stored or {}
        self._changed = changed or asyncio.Condition()

    async def on_batch(self, batch: Batch) -> None:
        await self.intake.commit(batch.next_offsets)
        async with self._changed:
            self.batches.append(batch)
            self.records += batch.records
            self._changed.notify_all()

    async def positions(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {partition: offset for partition, offset in self._stored.items() if partition in partitions}

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        self.revoked.append(frozenset(partitions))

    async def wait_for(self, count: int) -> list[RawRecord]:
        """The records, as soon as there are so many."""
        await self.wait_until(lambda: len(self.records) >= count)
        return self.records

    async def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Waits for what batches bring about, of this collector or of those that share its condition."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(is_so)

    async def explained(self) -> None:
        """Waits until the intake knows why offsets were missing."""
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*self.intake._tasks)

    async def read_to_the_end(self) -> None:
        """Waits until the intake says that nothing is left to read in any partition."""
        async with asyncio.timeout(DEADLINE_S):
            while any(  # noqa: ASYNC110 - the client tells nobody when it has polled
                lag.end_offset is None or lag.next_offset != lag.end_offset for lag in self.lags()
            ):
                await asyncio.sleep(0.01)

    def lags(self) -> Collection[PartitionLag]:
        """How far each partition is read."""
        return self.intake.lag().values()

    def offsets(self, partition: int = 0) -> list[int]:
        """The offsets read of a partition number, in the order they came."""
        return [record.position.offset for record in self.records if record.position.partition == partition]


C = TypeVar("C", bound=Collector)


@asynccontextmanager
async def running(collector: C) -> AsyncIterator[C]:
    """The collector with its intake started, and stopped at the end."""
    await collector.intake.start(DEADLINE_S)
    try:
        yield collector
    finally:
        await collector.intake.stop()
