"""The worker's load, decide and write on decoded batches in memory: fills databases, and is the limit.

One connection, no Kafka. Answers are encoded and stored as always, and not published.
"""

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import asyncpg
import orjson

import sql
from schemas.outcome import Outcome
from schemas.topics import TYPES_BY_TOPIC, Output
from worker.dev.bench.model import Answer, BenchError
from worker.dev.bench.workload import Message
from worker.runtime.answer import AnswerWriter
from worker.runtime.availability import AvailabilityCounter
from worker.runtime.catalogue import CatalogueCache
from worker.runtime.database import WORKER_ROLE, connection, open_pool
from worker.runtime.decode import Arrival, Position, RawRecord, decode
from worker.runtime.interned import Interned
from worker.runtime.load import Loader, Usual
from worker.runtime.process import Committed, Processor, ProcessorSettings, Work
from worker.runtime.records import OutRecord
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.runtime.database import Connection

BATCH_RECORDS: int = Settings.model_fields["batch_records_max"].default
NAME = "bench"
LEASE = timedelta(hours=1)

BATCHES_PUBLISHED, SETTLE = sql.query("batches_published"), sql.query("bench_settle")
CLAIM, PUBLISHED = sql.query("availability_claim"), sql.query("availability_published")
RELEASE = sql.query("availability_release")


@dataclass(frozen=True, slots=True)
class Judge:
    """A processor on its one connection."""

    connection: "Connection"
    processor: Processor

    async def judge(self, batch: Sequence[Arrival]) -> Committed:
        """Carry a batch to its commit."""
        return await self.processor.process(self.connection, Work(arrivals=batch), _nothing)


@asynccontextmanager
async def judge(url: str, processor_type: type[Processor] = Processor) -> AsyncIterator[Judge]:
    """A processor as the worker's composition root makes it, on a migrated database."""
    pool = await open_pool(url, application_name=NAME, connections_max=1, role=WORKER_ROLE)
    interned = Interned()
    processor = processor_type(
        ProcessorSettings(NAME, NAME, LEASE),
        Loader(CatalogueCache(), interned, TYPES_BY_TOPIC, timedelta(days=1)),
        interned,
        AnswerWriter("/bench/worker", NAME, "bench"),
    )
    try:
        async with connection(pool) as held:
            yield Judge(held, processor)
    finally:
        await pool.close()


async def fill(url: str, parts: Sequence[Iterable[Message]]) -> None:
    """Apply these events, part after part, as a worker would have long ago: told, published, settled.

    Raises BenchError when one of them is refused.
    """
    async with judge(url) as one:
        for part in parts:
            for batch in batches(arrivals(part)):
                committed = await one.judge(batch)
                await one.connection.execute(BATCHES_PUBLISHED, [committed.batch_id], NAME)
                applied = sum(answer.outcome is Outcome.APPLIED for answer in answers(committed.records))
                if applied != len(batch):
                    raise BenchError(f"only {applied} of {len(batch)} events of catalogue and stock apply")
        await _count_availability(one.connection)
    owner = await asyncpg.connect(url)
    try:
        await owner.execute(SETTLE)
    finally:
        await owner.close()


async def _count_availability(connection: "Connection") -> None:
    """Count what storefronts were told long ago: the first count of a catalogue is no cost of orders."""
    counter = AvailabilityCounter(Usual())
    generation = await connection.fetchval(CLAIM, NAME, LEASE)
    while (counted := await counter.count(connection, generation, LEASE)) and counted.told:
        await connection.execute(PUBLISHED, generation, LEASE, counted.number)
    await connection.execute(RELEASE, generation)


def arrivals(messages: Iterable[Message]) -> Iterator[Arrival]:
    """The messages as the worker decodes them, read from partition 0 of the topic of their type.

    Raises BenchError when one breaks its contract.
    """
    timestamp_ms = round(time.time() * 1000)
    for offset, message in enumerate(messages):
        position = Position(message.type.value, 0, offset)
        record = RawRecord(position, timestamp_ms, message.key, message.value, message.headers)
        arrival = decode(record, TYPES_BY_TOPIC)
        if not isinstance(arrival, Arrival):
            raise BenchError(f"the workload breaks its contract: {arrival.error_message}")
        yield arrival


def batches(arrivals: Iterable[Arrival]) -> Iterator[list[Arrival]]:
    """In the largest batches that the worker makes by default."""
    left = iter(arrivals)
    while batch := list(islice(left, BATCH_RECORDS)):
        yield batch


def answers(records: Iterable[OutRecord]) -> Iterator[Answer]:
    """The answers among records on their way out."""
    for record in records:
        if record.topic == Output.RESULTS.topic and record.value is not None:
            yield answer_of(record.value)


def answer_of(value: bytes) -> Answer:
    """What the value of a record on `inventory.results` says."""
    said = orjson.loads(value)
    return Answer(said["cause_id"], Outcome(said["outcome"]))


async def _nothing() -> None:
    """Nothing else is to be done while the database writes."""
