"""What would happen if: feeds events through a real Kafka to real workers, and tells all that came of them.

In the order given each event is sent once the one before is settled; shuffled, each segment is sent at once
(worker/dev/shuffle.py says what may change places). In the end everything is at rest: all is judged and told.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import asyncpg
import orjson
from aiokafka import ConsumerRecord

import sql
from schemas.topics import Output
from worker.dev.crew import crew
from worker.dev.event_lines import LineRecord
from worker.dev.feed import Feeder, feeder
from worker.dev.listen import Listener, listener
from worker.dev.shuffle import segments, shuffled
from worker.dev.stage import Stage
from worker.inspect import state
from worker.inspect.audit import Audit, audit
from worker.inspect.rows import Json
from worker.runtime.errors import Fatal

UNPUBLISHED_LOOK_AGAIN_S = 0.02
PUBLISHED_S_MAX = 60.0

Progress = Callable[[int, int], None]
"""Called with how many records were fed, and how many there are in all."""


@dataclass(frozen=True, slots=True)
class Feeding:
    """How records are fed."""

    shuffle_seed: int | None = None
    """None: in the order given, each once the one before is settled."""
    copies: int = 0
    """How many more times each record is sent."""
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Simulated:
    """What was said, and what stands in the end."""

    answers: list[Json]
    alerts: list[Json]
    dead_letters: list[Json]
    levels: list[Json]
    reservations: list[Json]
    parked: list[Json]
    audit: Audit
    records: int
    """How many records were fed, copies included."""
    seconds: float
    """From the first record sent until the last answer was published."""

    def as_json(self) -> dict[str, Json]:
        """The document of `simulate --json` (issue 9)."""
        return {
            "answers": self.answers,
            "levels": self.levels,
            "reservations": self.reservations,
            "parked": self.parked,
            "dead_letters": self.dead_letters,
            "alerts": self.alerts,
            "audit": self.audit.as_json(),
            "records": self.records,
            "seconds": round(self.seconds, 3),
        }


async def simulate(
    stage: Stage, records: Sequence[LineRecord], feeding: Feeding, progress: Progress
) -> Simulated:
    """Feed the records to workers on the stage, wait until all is at rest, and gather what came of it.

    Raises Fatal when a record is not settled in time, and whatever a worker fails with.
    """
    settings = stage.settings
    outputs = (Output.RESULTS, Output.ALERTS, Output.DEAD_LETTERS)
    async with (
        listener(settings.kafka_bootstrap, outputs) as listening,
        feeder(
            settings.kafka_bootstrap, stage.database_url, settings.consumer_group, stage.topic_prefix
        ) as feeding_on,
        crew(settings, feeding.workers, feeding_on.judged) as workers,
    ):
        started = perf_counter()
        await workers.unless_it_fails(_fed_and_published(stage, feeding_on, records, feeding, progress))
        seconds = perf_counter() - started
        return await _gathered(stage, feeding_on, listening, seconds)


async def _fed_and_published(
    stage: Stage, feeding_on: Feeder, records: Sequence[LineRecord], feeding: Feeding, progress: Progress
) -> None:
    total = len(records) * (feeding.copies + 1)
    for lot in _lots(records, feeding):
        await feeding_on.send(lot)
        await feeding_on.settled()
        progress(len(feeding_on.line_nos), total)
    await published(stage.database_url)


def _lots(records: Sequence[LineRecord], feeding: Feeding) -> Iterator[list[LineRecord]]:
    """What is sent at once: single records in order, or shuffled segments."""
    copies = feeding.copies + 1
    if feeding.shuffle_seed is None:
        for record in records:
            for _ in range(copies):
                yield [record]
        return
    for segment in segments(records):
        yield shuffled([record for record in segment for _ in range(copies)], feeding.shuffle_seed)


async def published(database_url: str) -> None:
    """Wait until no batch waits to be published any more. Raises Fatal when that does not come."""
    connection = await asyncpg.connect(database_url)
    try:
        async with asyncio.timeout(PUBLISHED_S_MAX):
            while await connection.fetchval(sql.query("batches_unpublished")):  # noqa: ASYNC110  # Postgres
                await asyncio.sleep(UNPUBLISHED_LOOK_AGAIN_S)
    except TimeoutError:
        raise Fatal(f"answers are still not published after {PUBLISHED_S_MAX:g} s") from None
    finally:
        await connection.close()


async def _gathered(stage: Stage, feeding_on: Feeder, listening: Listener, seconds: float) -> Simulated:
    heard = await listening.heard()
    connection = await asyncpg.connect(stage.database_url)
    try:
        return Simulated(
            answers=[_answer(record) for record in heard[Output.RESULTS]],
            alerts=[orjson.loads(record.value) for record in heard[Output.ALERTS]],
            dead_letters=await _dead_letters(connection, stage, feeding_on, heard[Output.DEAD_LETTERS]),
            levels=await state.levels(connection),
            reservations=await state.reservations(connection),
            parked=await state.parked(connection),
            audit=await audit(connection),
            records=len(feeding_on.line_nos),
            seconds=seconds,
        )
    finally:
        await connection.close()


def _answer(record: ConsumerRecord) -> Json:
    data = orjson.loads(record.value)
    told = {name: data.get(name) for name in ("cause_id", "cause_source", "type", "outcome", "final")}
    return {**told, "data": data}


async def _dead_letters(
    connection: "asyncpg.Connection[asyncpg.Record]",
    stage: Stage,
    feeding_on: Feeder,
    records: Sequence[ConsumerRecord],
) -> list[Json]:
    """What was dead-lettered of the records fed: from Kafka, with the identity that the worker read."""
    known = {
        (letter["topic"], letter["partition"], letter["offset"]): letter
        for letter in await state.dead_letters(connection)
    }
    letters = []
    for record in records:
        headers = {
            name: value.decode(errors="replace") for name, value in record.headers if value is not None
        }
        place = (
            headers["dlq-original-topic"],
            int(headers["dlq-original-partition"]),
            int(headers["dlq-original-offset"]),
        )
        letter = known.get(place, {})
        if place in feeding_on.line_nos:
            letters.append(
                {
                    "reason": headers["dlq-reason"],
                    "topic": place[0].removeprefix(stage.topic_prefix),
                    "partition": place[1],
                    "offset": place[2],
                    "cause_id": letter.get("cause_id"),
                    "cause_source": letter.get("cause_source"),
                    "error_class": headers["dlq-error-class"],
                    "message": headers["dlq-error-message"],
                    "line": feeding_on.line_nos[place],
                }
            )
    return letters
