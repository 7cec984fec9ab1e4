"""A worker in the test's own process: its real pipeline and relay on a real Postgres; topics are lists."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from schemas.topics import TYPES_BY_TOPIC, Output
from worker.runtime.answer import AnswerWriter
from worker.runtime.assignment import Batch, CaughtUp
from worker.runtime.backoff import Backoff
from worker.runtime.catalogue import CatalogueCache
from worker.runtime.database import open_pool
from worker.runtime.decode import Arrival, Position, RawRecord
from worker.runtime.due import Due, DueSettings
from worker.runtime.interned import Interned
from worker.runtime.load import Loader, Usual
from worker.runtime.pipeline import Pipeline, PipelineSettings
from worker.runtime.process import Committed, Meanwhile, Processor, ProcessorSettings, Sorted, Work
from worker.runtime.publish import Publisher, PublisherSettings, Refused
from worker.runtime.records import OutRecord
from worker.runtime.relay import Relay, RelaySettings
from worker.runtime.write import Judged

if TYPE_CHECKING:
    from worker.runtime.database import Connection, Pool

DEADLINE_S = 30.0
GROUP = "test-group"
SOURCE = "/inventory-worker"
FIRST_RECORD_AT_MS = 1_790_000_000_000

Json = dict[str, Any]


class Topics:
    """Input topics of one partition each, as lists of records."""

    def __init__(self, source: str = "shop") -> None:
        self.source = source
        self.logs: dict[str, list[RawRecord]] = {topic: [] for topic in TYPES_BY_TOPIC}
        self._records = 0

    def event(
        self,
        type_name: str,
        /,
        *,
        event_id: str | None = None,
        source: str | None = None,
        time: str | None = None,
        **data: Any,
    ) -> RawRecord:
        """Appends a CloudEvent in binary mode to the topic of its type; ids are e1, e2, … unless given."""
        attributes = {
            "ce_specversion": "1.0",
            "ce_type": type_name,
            "ce_source": source or self.source,
            "ce_id": event_id or f"e{self._records + 1}",
        }
        if time is not None:
            attributes["ce_time"] = time
        headers = tuple((name, value.encode()) for name, value in attributes.items())
        return self.record(type_name, json.dumps(data).encode(), headers)

    def again(self, record: RawRecord) -> RawRecord:
        """Appends the same event once more: the producer asks again."""
        return self.record(record.position.topic, record.value, record.headers)

    def record(
        self,
        topic: str,
        value: bytes | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
        key: bytes | None = None,
    ) -> RawRecord:
        """Appends any record."""
        self._records += 1
        log = self.logs[topic]
        position = Position(topic, 0, len(log))
        record = RawRecord(position, FIRST_RECORD_AT_MS + self._records, key, value, headers)
        log.append(record)
        return record


class PublishedTopics(Publisher):
    """Output topics as one list, in the order of publication."""

    def __init__(self) -> None:
        super().__init__(PublisherSettings(bootstrap="nowhere:0"))
        self.records: list[OutRecord] = []

    async def publish(self, records: Sequence[OutRecord], deadline_s: float) -> list[Refused]:
        self.records += records
        return []


class Point(Enum):
    """Where in a transaction a test may look, wait, or let the process end."""

    BEFORE_TRANSACTION = auto()
    UNDER_LOCKS = auto()
    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()


At = Callable[[Point], Awaitable[None]]


async def nothing(_: Point) -> None:
    """Goes on."""


class Crash(Exception):  # noqa: N818  it is what happens, and no error of the program's
    """The process ends here."""


class WatchedProcessor(Processor):
    """The processor, with a look at each point of a transaction."""

    at: At = staticmethod(nothing)

    async def process(self, connection: "Connection", work: Work, meanwhile: Meanwhile) -> Committed:
        await self.at(Point.BEFORE_TRANSACTION)
        committed = await super().process(connection, work, meanwhile)
        await self.at(Point.AFTER_COMMIT)
        return committed

    async def _write_judged(
        self,
        connection: "Connection",
        work: Work,
        sorted_out: Sorted,
        judged: Judged,
        meanwhile: Meanwhile,
    ) -> Committed:
        await self.at(Point.UNDER_LOCKS)
        return await super()._write_judged(connection, work, sorted_out, judged, meanwhile)

    async def _write_outbox(
        self, connection: "Connection", work: Work, batch_id: int, now: datetime, records: list[OutRecord]
    ) -> None:
        await super()._write_outbox(connection, work, batch_id, now, records)
        await self.at(Point.BEFORE_COMMIT)


class Gate:
    """Stops the first transaction that comes to a point, until it is opened."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._reached = asyncio.Event()
        self._open = asyncio.Event()

    async def __call__(self, point: Point) -> None:
        if point is self._point:
            self._reached.set()
            await self._open.wait()

    async def reached(self) -> None:
        """Returns when a transaction stands at the gate."""
        async with asyncio.timeout(DEADLINE_S):
            await self._reached.wait()

    def open(self) -> None:
        """Lets everything pass from now on."""
        self._open.set()


def crash_at(point: Point) -> At:
    """Ends the process at this point."""

    async def at(reached: Point) -> None:
        if reached is point:
            raise Crash

    return at


class SweepingPipeline(Pipeline):
    """Leaves what a batch makes due to the sweep, so that a test says when it is done."""

    async def _judge(self, work: Work) -> None:
        await self._judge_released(work)


class InProcessWorker:
    """One worker of the group: what `worker.runtime.app` builds, less Kafka."""

    def __init__(
        self,
        pool: "Pool",
        name: str = "w1",
        *,
        publisher: Publisher | None = None,
        publish_lease: timedelta = timedelta(0),
        sweep_interval_s_max: float = inf,
        usual: Usual | None = None,
        parked_max: int = 1_000_000,
        follows_up_at_once: bool = False,
    ) -> None:
        self.caught_up: dict[TopicPartition, CaughtUp] = {}
        """Partitions that are said to be read to their end, beside those of the batches."""
        self.present: datetime | None = None
        """Taken for the present; None: as the clock says."""
        self.name = name
        self.pool = pool
        self.committed_offsets: dict[TopicPartition, int] = {}
        self.published = PublishedTopics()
        interned = Interned()
        writer = AnswerWriter(SOURCE, GROUP, "0")
        self.processor = WatchedProcessor(
            ProcessorSettings(worker=name, consumer_group=GROUP, publish_lease=publish_lease),
            Loader(
                CatalogueCache(), interned, TYPES_BY_TOPIC, timedelta(days=7), usual, lambda: self.present
            ),
            interned,
            writer,
        )
        self.relay = Relay(
            RelaySettings(
                name,
                publish_lease=publish_lease,
                publish_lease_renewed_after=timedelta(0),
                queue_batches_max=0,
                sweep_interval_s_max=sweep_interval_s_max,
            ),
            pool,
            publisher or self.published,
            writer,
            backoff,
            lambda: datetime.now(UTC),
        )
        pipeline = Pipeline if follows_up_at_once else SweepingPipeline
        self.pipeline = pipeline(
            PipelineSettings(sweep_interval_s_max=sweep_interval_s_max),
            pool,
            self.processor,
            self.relay,
            Due(
                DueSettings(GROUP, tuple(TYPES_BY_TOPIC), parked_max, note_interval_s=0),
                self.processor.loader,
                lambda: self.caught_up,
            ),
            self._commit_offsets,
            lambda _batch: True,
            backoff,
        )

    async def deliver(self, *records: RawRecord) -> list[OutRecord]:
        """Carries one batch to its end, its offsets committed; what was published because of it."""
        await self.judge(*records)
        told = await self.publish()
        await self.pipeline.drain()
        return told

    async def tell_itself(self, *arrivals: Arrival) -> list[OutRecord]:
        """Carries events of its own to their end; what was published because of them."""
        await self.pipeline._judge(Work(arrivals=arrivals))
        return await self.publish()

    async def judge(self, *records: RawRecord) -> None:
        """Carries one batch to its commits, and publishes nothing."""
        await self.pipeline._carry(await self.pipeline._decode(batch_of(records)))

    async def publish(self) -> list[OutRecord]:
        """Publishes what was committed here."""
        before = len(self.published.records)
        running = asyncio.ensure_future(self.relay.run())
        idle = asyncio.ensure_future(self.relay.idle())
        try:
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.wait([running, idle], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        finally:
            running.cancel()
            idle.cancel()
            await asyncio.gather(running, idle, return_exceptions=True)
        return self.published.records[before:]

    async def sweep(self) -> list[OutRecord]:
        """Looks at what is parked, and at what others left unpublished; what was published because of it."""
        before = len(self.published.records)
        await self.pipeline._sweep()
        await self.publish()
        while await self.relay.sweep():
            pass
        return self.published.records[before:]

    async def _commit_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.committed_offsets.update(offsets)


def batch_of(records: Collection[RawRecord]) -> Batch:
    """The records as one batch that the intake handed over."""
    next_offsets: dict[TopicPartition, int] = {}
    for topic, partition, offset in (record.position for record in records):
        key = TopicPartition(topic, partition)
        next_offsets[key] = max(next_offsets.get(key, 0), offset + 1)
    return Batch(list(records), next_offsets, dict(next_offsets), 0)


@asynccontextmanager
async def pool_of(url: str, name: str = "w1", *, connections_max: int = 2) -> "AsyncIterator[Pool]":
    """Sessions as a worker has them, in Postgres by the worker's name."""
    pool = await open_pool(url, application_name=name, connections_max=connections_max)
    try:
        yield pool
    finally:
        pool.terminate()


@asynccontextmanager
async def worker_on(url: str, name: str = "w1") -> AsyncIterator[InProcessWorker]:
    """A worker on this database."""
    async with pool_of(url, name) as pool:
        yield InProcessWorker(pool, name)


def line(line_item_id: str, variant_id: str, quantity: int | str, **more: Any) -> Json:
    """A line of a cart or an order."""
    return {"line_item_id": line_item_id, "variant_id": variant_id, "quantity": quantity, **more}


def value_of(record: OutRecord) -> Json:
    """The data of a record out."""
    assert record.value is not None
    value: Json = json.loads(record.value)
    return value


def on(output: Output, records: Sequence[OutRecord]) -> list[OutRecord]:
    """Those of the records that are on this topic."""
    return [record for record in records if record.topic == output.topic]


def answers(records: Sequence[OutRecord]) -> list[Json]:
    """The results among the records."""
    return [value_of(record) for record in on(Output.RESULTS, records)]


def outcomes(records: Sequence[OutRecord]) -> list[tuple[str, str]]:
    """Cause id and outcome of each result among the records."""
    return [(answer["cause_id"], answer["outcome"]) for answer in answers(records)]


def backoff() -> Backoff:
    """Tries again at once, or nearly."""
    return Backoff(lambda: 0.0, lambda: None, delay_s_min=0.001, delay_s_max=0.02)
