"""Listens to what the worker says on Kafka from a moment on."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.topics import Output
from worker.runtime.errors import Transient
from worker.runtime.snapshot import records_between
from worker.runtime.topics import describe_topics

READ_S_MAX = 120.0


class Listener:
    """Reads the records that came onto some of the worker's topics since it was made."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions
        self._starts: dict[TopicPartition, int] = {}

    async def begin(self) -> None:
        """Listen from now on."""
        self._starts = await self._consumer.end_offsets(self._partitions)

    async def heard(self) -> dict[Output, list[ConsumerRecord]]:
        """All records from the beginning until now, by topic, as nearly as may be in the order they arose."""
        found = await self._read()
        return {
            output: list(_merged(run for partition, run in found.items() if partition.topic == output.topic))
            for output in Output
        }

    async def _read(self) -> dict[TopicPartition, list[ConsumerRecord]]:
        ends = await self._consumer.end_offsets(self._partitions)
        found: dict[TopicPartition, list[ConsumerRecord]] = {
            partition: [] for partition in self._partitions if ends[partition] > self._starts[partition]
        }
        try:
            async with asyncio.timeout(READ_S_MAX):
                async for partition, records in records_between(self._consumer, self._starts, ends):
                    found[partition] += records
        except TimeoutError:
            raise Transient(f"what was said could not be read from Kafka within {READ_S_MAX:g} s") from None
        return found


@asynccontextmanager
async def listener(bootstrap: str, outputs: Iterable[Output]) -> AsyncIterator[Listener]:
    """A listener to these topics for the block, from its start. Raises Transient where Kafka is away."""
    names = {output.topic for output in outputs}
    partitions = [
        TopicPartition(topic.name, number)
        for topic in await describe_topics(bootstrap, input_topics=())
        for number in range(topic.partitions if topic.name in names else 0)
    ]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, client_id="inventory-listener", enable_auto_commit=False
    )
    await consumer.start()
    try:
        listening = Listener(consumer, partitions)
        await listening.begin()
        yield listening
    finally:
        await consumer.stop()


def _merged(runs: Iterable[Sequence[ConsumerRecord]]) -> Iterator[ConsumerRecord]:
    """The partitions' records by time, each partition's in its own order.

    An answer given again carries its first time: it goes with what stands before it in its partition.
    """
    timed = []
    for run in runs:
        latest = 0
        for record in run:
            latest = max(latest, record.timestamp)
            timed.append((latest, record))
    return (record for _, record in sorted(timed, key=lambda pair: pair[0]))
