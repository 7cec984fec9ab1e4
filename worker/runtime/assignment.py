"""The partitions held between two rebalances: where each begins, how far it is read and committed.

A partition hands out nothing until it is positioned at the smaller of Kafka's committed offset and the
database's, so that a restored or failed-over database is caught up by itself (protocol §2.6). It is paused
before aiokafka can know where to read, and records of a partition that is not positioned are dropped, to be
read again.

aiokafka can lose records when an error interrupts it in the middle of a fetch: positions then move past
records that were never returned. So a gap is read once more; only what the broker leaves out twice is not
there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from worker.runtime.aiokafka_private import fetch_position
from worker.runtime.decode import Position, RawRecord
from worker.runtime.errors import Transient

log = logging.getLogger(__name__)

POSITIONING_S_MAX = 30.0
POSITIONING_RETRY_S = 0.5
POSITIONING_RETRY_S_MAX = 5.0

Positions = Callable[[Collection[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]
"""Gives the next offset that the database expects, of each of the partitions that it knows."""


class Batch(NamedTuple):
    """Records in the order of their partitions, with what is to be committed once they are done."""

    records: list[RawRecord]
    next_offsets: dict[TopicPartition, int]
    end_offsets: dict[TopicPartition, int | None]
    """Per partition of the batch, the offset after its newest record when last fetched."""
    generation: int


class PartitionLag(NamedTuple):
    """How far a partition has been read."""

    next_offset: int | None
    """The next offset to hand out; None while the partition is not positioned."""
    committed: int | None
    """The next offset as this worker committed it, or where it began."""
    end_offset: int | None
    """The offset after the newest record that can be read now; None until the first fetch."""
    polled_at_ms: int | None
    """When `end_offset` was learnt, milliseconds since 1970."""


class CaughtUp(NamedTuple):
    """A partition whose every record is judged."""

    next_offset: int
    seen_s: float
    """How long ago its end was seen."""


class Gap(NamedTuple):
    """Offsets that the broker left out twice: control records, aborted, compacted or deleted ones."""

    partition: TopicPartition
    expected: int
    found: int


@dataclass(slots=True)
class _Track:
    """How far one positioned partition has been read and committed: next offsets."""

    next_offset: int
    committed: int
    done: int
    """What `committed` should be: asked for, perhaps not yet reached."""
    suspect: Gap | None = None
    """A gap met once and being read again."""


class Assignment:
    """One generation's partitions, from the listener's first statement to their revocation."""

    def __init__(
        self, consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], generation: int
    ) -> None:
        # First of all: while paused, nothing is fetched or handed out.
        consumer.pause(*partitions)
        self.partitions = frozenset(partitions)
        self.generation = generation
        self._consumer = consumer
        self._tracks: dict[TopicPartition, _Track] = {}
        self._is_held = False

    async def position(self, stored: Positions) -> None:
        """Finds where each partition begins and lets it be read; tries until Kafka and the database answer.

        Has to be cancelled when the partitions are revoked. Raises what `stored` raises beside Transient.
        """
        delay_s = POSITIONING_RETRY_S
        while (starts := await self._starts_or_none(stored)) is None:
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, POSITIONING_RETRY_S_MAX)
        # No await from here on: what was found still holds.
        for partition, start in starts.items():
            self._consumer.seek(partition, start)
            self._tracks[partition] = _Track(start, start, start)
        self._resume()

    async def _starts_or_none(self, stored: Positions) -> dict[TopicPartition, int] | None:
        try:
            async with asyncio.timeout(POSITIONING_S_MAX):
                return await self._starts(stored)
        except (KafkaError, Transient, TimeoutError) as error:
            log.warning("cannot position the partitions yet: %r", error)
            return None

    async def _starts(self, stored: Positions) -> dict[TopicPartition, int]:
        consumer, partitions = self._consumer, sorted(self.partitions)
        committed = dict(
            zip(partitions, await asyncio.gather(*map(consumer.committed, partitions)), strict=True)
        )
        expected = await stored(partitions)
        new = [partition for partition, offset in committed.items() if offset is None]
        earliest = await consumer.beginning_offsets(new) if new else {}
        starts = {**committed, **earliest}
        return {partition: min(start, expected.get(partition, start)) for partition, start in starts.items()}

    def hold(self) -> None:
        """Pauses all partitions until `release`."""
        self._is_held = True
        self._consumer.pause(*self.partitions)

    def release(self) -> None:
        """Lets the positioned partitions be read again."""
        self._is_held = False
        self._resume()

    def _resume(self) -> None:
        if not self._is_held:
            self._consumer.resume(*self._tracks)

    def take(self, records: Sequence[ConsumerRecord]) -> tuple[Batch, list[Gap]]:
        """Makes a batch of what was fetched, less what has to be read again; gives also the real gaps."""
        batch = Batch([], {}, {}, self.generation)
        gaps: list[Gap] = []
        for partition, run in _runs(records):
            track = self._tracks.get(partition)
            position = fetch_position(self._consumer, partition)
            last = run[-1].offset
            # A position before the last record: a seek came after these were fetched, so they come again.
            if track is None or (position is not None and position <= last):
                continue
            if run[0].offset > track.next_offset:
                gap = Gap(partition, track.next_offset, run[0].offset)
                if track.suspect != gap:
                    track.suspect = gap
                    self._consumer.seek(partition, track.next_offset)
                    continue
                gaps.append(gap)
            elif run[0].offset < track.next_offset:
                log.warning(
                    "%s: offsets begin anew at %d; was the topic made anew?", partition, run[0].offset
                )
                track.done = track.committed = run[0].offset
            track.suspect = None
            # The position is also past control records and such, so that the lag of a read partition is 0.
            track.next_offset = batch.next_offsets[partition] = position or last + 1
            batch.end_offsets[partition] = self._consumer.highwater(partition)
            topic, number = partition
            batch.records.extend(
                [
                    RawRecord(Position(topic, number, r.offset), r.timestamp, r.key, r.value, r.headers)
                    for r in run
                ]
            )
        return batch, gaps

    async def lost(self, gap: Gap) -> int:
        """Gives how many offsets of a gap were deleted before they were read; the rest held no records."""
        earliest: int = (await self._consumer.beginning_offsets([gap.partition]))[gap.partition]
        return max(0, min(gap.found, earliest) - gap.expected)

    def want_committed(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Notes what is done; partitions that went away, and steps back, are left out."""
        for partition, offset in next_offsets.items():
            if (track := self._tracks.get(partition)) is not None:
                track.done = max(track.done, offset)

    @property
    def is_committed(self) -> bool:
        """Whether Kafka knows all that is done."""
        return all(track.committed >= track.done for track in self._tracks.values())

    async def commit(self, deadline_s: float) -> None:
        """Tells Kafka what is done. Raises KafkaError or TimeoutError; then it is still to be told."""
        wanted = {
            partition: track.done for partition, track in self._tracks.items() if track.done > track.committed
        }
        if not wanted:
            return
        async with asyncio.timeout(deadline_s):
            await self._consumer.commit(wanted)
        for partition, offset in wanted.items():
            if (track := self._tracks.get(partition)) is not None:
                track.committed = offset

    def end(self) -> None:
        """The partitions are gone: nothing of them is handed out or committed any more."""
        self._tracks.clear()

    def lag(self) -> dict[TopicPartition, PartitionLag]:
        """Gives how far each partition is read."""
        return {partition: self._lag(partition) for partition in sorted(self.partitions)}

    def _lag(self, partition: TopicPartition) -> PartitionLag:
        track = self._tracks.get(partition)
        if track is None:
            return PartitionLag(None, None, None, None)
        consumer = self._consumer
        # Beyond the last stable offset stand open transactions, which nobody may read yet.
        ends = [consumer.highwater(partition), consumer.last_stable_offset(partition)]
        known = [end for end in ends if end is not None and end >= 0]
        return PartitionLag(
            fetch_position(consumer, partition) or track.next_offset,
            track.committed,
            min(known, default=None),
            consumer.last_poll_timestamp(partition),
        )


def _runs(records: Sequence[ConsumerRecord]) -> Iterator[tuple[TopicPartition, Sequence[ConsumerRecord]]]:
    """The records of each partition; they come grouped."""
    start, topic, number = 0, records[0].topic, records[0].partition
    for place, record in enumerate(records):
        if record.partition != number or record.topic != topic:
            yield TopicPartition(topic, number), records[start:place]
            start, topic, number = place, record.topic, record.partition
    yield TopicPartition(topic, number), records[start:]
