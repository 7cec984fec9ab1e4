"""A dead-letter topic, read without a consumer group: the worker's is never touched."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256

from aiokafka import AIOKafkaConsumer, TopicPartition

from worker.dlq.letter import Letter, read_letter
from worker.runtime.errors import Fatal
from worker.runtime.lenient_records import read_leniently
from worker.runtime.snapshot import records_between
from worker.runtime.topics import describe_topics

Ends = Mapping[int, int]
"""By partition: the offset after its last record at one moment."""


class LetterTopic:
    """One dead-letter topic, and the topics that its records came from."""

    def __init__(
        self,
        bootstrap: str,
        name: str,
        partitions: int,
        consumers: tuple[AIOKafkaConsumer, AIOKafkaConsumer],
        types_by_topic: Mapping[str, str],
    ) -> None:
        self.name = name
        self._bootstrap = bootstrap
        self._partitions = [TopicPartition(name, number) for number in range(partitions)]
        self._consumer, self._fetcher = consumers
        self._types_by_topic = types_by_topic
        self._partition_counts: dict[str, int] = {}

    async def ends(self) -> Ends:
        """Where its partitions end now."""
        found = await self._fetcher.end_offsets(self._partitions)
        return {partition.partition: end for partition, end in found.items()}

    async def letters(self, ends: Ends) -> AsyncIterator[list[Letter]]:
        """All dead letters before these ends, in lots of one partition, each partition's in order."""
        starts = await self._consumer.beginning_offsets(self._partitions)
        until = {partition: ends.get(partition.partition, 0) for partition in self._partitions}
        async for _, records in records_between(self._consumer, starts, until):
            yield [read_letter(record, self._types_by_topic) for record in records]

    async def letter(self, partition: int, offset: int) -> Letter | None:
        """The dead letter at a place; None where there is none."""
        place = TopicPartition(self.name, partition)
        if place not in self._partitions:
            return None
        starts = await self._consumer.beginning_offsets([place])
        ends = await self._consumer.end_offsets([place])
        if not starts[place] <= offset < ends[place]:
            return None
        async for _, records in records_between(self._consumer, {place: offset}, {place: offset + 1}):
            for record in records:
                return read_letter(record, self._types_by_topic)
        return None

    async def whole(self, letter: Letter) -> Letter | None:
        """The letter with all its bytes, fetched from where its record stood; None where they are gone."""
        if not letter.lacks_bytes:
            return letter
        if letter.original is None or not await self.partitions_of(letter.original.topic):
            return None
        place = TopicPartition(letter.original.topic, letter.original.partition)
        starts = await self._fetcher.beginning_offsets([place])
        ends = await self._fetcher.end_offsets([place])
        offset = letter.original.offset
        if not starts[place] <= offset < ends[place]:
            return None
        async for _, records in records_between(self._fetcher, {place: offset}, {place: offset + 1}):
            for record in records:
                is_other = letter.truncated_sha256 not in (None, sha256(record.value or b"").hexdigest())
                if record.offset != offset or is_other:
                    return None
                headers = tuple(record.headers)
                return letter.with_bytes(record.key, record.value, headers, self._types_by_topic)
        return None

    async def partitions_of(self, topic: str) -> int:
        """How many partitions a topic has; 0 where there is none."""
        if topic not in self._partition_counts:
            self._partition_counts[topic] = await _partition_count(self._bootstrap, topic)
        return self._partition_counts[topic]

    async def lag(self, read: Mapping[TopicPartition, int]) -> int:
        """Records that wait in these partitions, by up to where they are read."""
        ends = await self._fetcher.end_offsets(list(read)) if read else {}
        return sum(max(0, end - read[partition]) for partition, end in ends.items())


@asynccontextmanager
async def letter_topic(
    bootstrap: str, name: str, types_by_topic: Mapping[str, str]
) -> AsyncIterator[LetterTopic]:
    """The dead-letter topic of that name, for the block. Raises Fatal where there is none."""
    read_leniently()
    count = await _partition_count(bootstrap, name)
    if not count:
        raise Fatal(f"there is no topic {name}")
    reading, fetching = (
        AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            client_id="inventory-dlq",
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        for _ in range(2)
    )
    await reading.start()
    try:
        await fetching.start()
        try:
            yield LetterTopic(bootstrap, name, count, (reading, fetching), types_by_topic)
        finally:
            await fetching.stop()
    finally:
        await reading.stop()


async def _partition_count(bootstrap: str, name: str) -> int:
    described = await describe_topics(bootstrap, input_topics=(name,))
    return next((topic.partitions for topic in described if topic.name == name), 0)
