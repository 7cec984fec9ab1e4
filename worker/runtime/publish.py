"""To Kafka: record batches of our own through one idempotent producer, each publication under a deadline.

An idempotent aiokafka producer retries for ever and cannot be stopped while a broker is away (reliability
§2.5). So every wait here has an end, and a producer whose state is unknown is given up for a new one. What
it had under way may still arrive and is sent again by the caller: records out are idempotent for their
readers (DESIGN §5).
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from worker.runtime.aiokafka_private import InvalidRecordError, abandon_producer
from worker.runtime.errors import Transient
from worker.runtime.records import OutRecord, partition_of

ABANDON_S = 2.0
"""How long an abandoned producer gets to end its requests."""

_REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError, InvalidTimestampError)
"""Answers of the broker about the records themselves; all others are about the moment."""


@dataclass(frozen=True, kw_only=True)
class PublisherSettings:
    """How to reach Kafka for writing, and the sizes kept."""

    bootstrap: str
    client_id: str = "inventory-worker"
    record_bytes_max: int = 4 << 20
    """Key and value of one record, as large as any topic takes; larger ones are refused without asking."""
    batch_bytes_max: int = 512 * 1024
    """A record batch before compression; well under the broker's `message.max.bytes`."""
    request_timeout_ms: int = 10_000


Place = Callable[[OutRecord, int], int]
"""The partition of a record, by how many its topic has; where none is given, that of its key (ADR 0003)."""


class Refused(NamedTuple):
    """A record that Kafka never takes as it is."""

    record: OutRecord
    reason: str
    """Short name of why, for `dlq-error-class` and metrics."""


class _Lot(NamedTuple):
    """Records for one partition, in order; they may fill several record batches."""

    topic: str
    partition: int
    records: Sequence[OutRecord]


class _Parcel(NamedTuple):
    """One record batch, ready to be sent."""

    lot: _Lot
    turn: int
    """0 for the first batch of its lot, 1 for the next, …"""
    builder: BatchBuilder


class _Verdict(NamedTuple):
    """What became of a sent parcel: None for acknowledged."""

    lot: _Lot
    error: BaseException | None


class Publisher:
    """Publishes records and says which were refused for good; one publication at a time, others wait."""

    def __init__(self, settings: PublisherSettings, place: Place | None = None) -> None:
        self._settings = settings
        self._place = place
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self._is_stopped = False
        self.producers_started = 0
        """How many producers were needed so far: 1 while nothing went wrong."""

    async def start(self, deadline_s: float) -> None:
        """Connects. Raises Transient when Kafka does not answer in time; may then be called again."""
        try:
            async with asyncio.timeout(deadline_s), self._turn:
                await self._connected()
        except TimeoutError as error:
            raise Transient(f"Kafka did not answer a producer within {deadline_s:g} s") from error

    async def publish(self, records: Sequence[OutRecord], deadline_s: float) -> list[Refused]:
        """Sends the records and waits until all replicas have them; those of a partition in the order given.

        Gives the records that were refused for good; all others are on Kafka. Raises Transient when the
        deadline passes or Kafka cannot take them now: then the outcome of each is unknown, and all have to be
        sent again.
        """
        try:
            async with asyncio.timeout(deadline_s), self._turn:
                return await self._publish(records)
        except TimeoutError as error:
            raise Transient(f"publishing took longer than {deadline_s:g} s") from error

    async def stop(self, deadline_s: float) -> None:
        """Lets a publication under way end, until the deadline at most, and closes. Never hangs."""
        self._is_stopped = True
        try:
            async with asyncio.timeout(deadline_s), self._turn:
                if self._producer is not None:
                    await self._producer.stop()
                    self._producer = None
        except TimeoutError:
            self._give_up()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _publish(self, records: Sequence[OutRecord]) -> list[Refused]:
        refused = [self._too_large(record) for record in records if not self._fits(record)]
        fitting = [record for record in records if self._fits(record)] if refused else records
        lots = await self._lots(fitting) if fitting else []
        while lots:
            lots, refused_now = _judged(await self._sent(lots))
            refused += refused_now
            if lots or refused_now:
                # The broker counts the batches of a producer; after a refused one it takes no other.
                self._give_up()
        return refused

    def _fits(self, record: OutRecord) -> bool:
        return len(record.value or b"") + len(record.key or b"") <= self._settings.record_bytes_max

    def _too_large(self, record: OutRecord) -> Refused:
        bytes_ = len(record.value or b"") + len(record.key or b"")
        return Refused(record, f"{bytes_} bytes; the limit is {self._settings.record_bytes_max}")

    async def _lots(self, records: Sequence[OutRecord]) -> list[_Lot]:
        counts = await self._partition_counts({record.topic for record in records})
        slots: dict[tuple[str, int], list[OutRecord]] = {}
        place = self._place
        for record in records:
            topic = record.topic
            count = counts[topic]
            slot = (topic, partition_of(record.key, count) if place is None else place(record, count))
            if (lot := slots.get(slot)) is None:
                slots[slot] = [record]
            else:
                lot.append(record)
        return [_Lot(topic, partition, lot) for (topic, partition), lot in slots.items()]

    async def _partition_counts(self, topics: set[str]) -> dict[str, int]:
        """From the client's metadata: cached there, refreshed every few minutes and after each error."""
        producer = await self._connected()
        try:
            return {topic: len(await producer.partitions_for(topic)) for topic in topics}
        except KafkaError as error:
            raise Transient(f"no partitions known of the topics to publish to: {error}") from error

    async def _sent(self, lots: Sequence[_Lot]) -> list[_Verdict]:
        producer = await self._connected()
        acks: list[asyncio.Future[object]] = []
        try:
            parcels = [parcel for lot in lots for parcel in _parcels(producer, lot)]
            # A partition takes its next batch only when the one before is under way: others first.
            parcels.sort(key=lambda parcel: parcel.turn)
            for parcel in parcels:
                topic, partition, _ = parcel.lot
                acks.append(await producer.send_batch(parcel.builder, topic, partition=partition))
            await asyncio.wait(acks)
        except (KafkaError, asyncio.CancelledError) as error:
            for ack in acks:
                ack.cancel()
            self._give_up()
            if isinstance(error, KafkaError):
                raise Transient(f"Kafka takes no records: {error}") from error
            raise
        return self._verdicts(parcels, acks)

    def _verdicts(self, parcels: Sequence[_Parcel], acks: Sequence[asyncio.Future[object]]) -> list[_Verdict]:
        verdicts = [_Verdict(parcel.lot, ack.exception()) for parcel, ack in zip(parcels, acks, strict=True)]
        failures = [verdict.error for verdict in verdicts if verdict.error is not None]
        if failures and not any(isinstance(error, _REFUSALS) for error in failures):
            self._give_up()
            raise Transient(f"Kafka did not take all records: {failures[0]}") from failures[0]
        return verdicts

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            if self._is_stopped:
                raise Transient("the publisher is stopped")
            self._producer = await self._started()
        return self._producer

    async def _started(self) -> AIOKafkaProducer:
        settings = self._settings
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap,
            client_id=settings.client_id,
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=settings.batch_bytes_max,
            request_timeout_ms=settings.request_timeout_ms,
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise Transient(f"Kafka is not reachable: {error}") from error
        except asyncio.CancelledError:
            self._abandon(producer)
            raise
        self.producers_started += 1
        return producer

    def _give_up(self) -> None:
        """What the producer has under way keeps an unknown outcome; the next publication starts a new one."""
        if self._producer is not None:
            self._abandon(self._producer)
            self._producer = None

    def _abandon(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.get_running_loop().create_task(abandon_producer(producer, ABANDON_S))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _parcels(producer: AIOKafkaProducer, lot: _Lot) -> Iterator[_Parcel]:
    """Fills record batches; a batch that is full takes no more and gives way to the next."""
    topic, partition, records = lot
    start = turn = 0
    builder: BatchBuilder = producer.create_batch()
    for place, (_, key, headers, value, timestamp_ms) in enumerate(records):
        if builder.append(timestamp=timestamp_ms, key=key, value=value, headers=list(headers)) is None:
            yield _Parcel(_Lot(topic, partition, records[start:place]), turn, builder)
            start, turn, builder = place, turn + 1, producer.create_batch()
            # The first record of a batch is always taken, whatever its size.
            builder.append(timestamp=timestamp_ms, key=key, value=value, headers=list(headers))
    yield _Parcel(_Lot(topic, partition, records[start:]), turn, builder)


def _judged(verdicts: Sequence[_Verdict]) -> tuple[list[_Lot], list[Refused]]:
    """What has to be sent again, and what never can be: a refused batch is halved down to single records.

    A batch that failed otherwise was behind a refused one, and goes again as it is.
    """
    again: list[_Lot] = []
    refused: list[Refused] = []
    for lot, error in verdicts:
        if error is None:
            continue
        if not isinstance(error, _REFUSALS):
            again.append(lot)
        elif len(lot.records) == 1:
            refused.append(Refused(lot.records[0], f"{type(error).__name__} by the broker"))
        else:
            half = len(lot.records) // 2
            again.append(lot._replace(records=lot.records[:half]))
            again.append(lot._replace(records=lot.records[half:]))
    return again, refused
