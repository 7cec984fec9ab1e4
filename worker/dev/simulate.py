"""What would happen if: feeds events through a real Kafka to real workers, and tells all that came of them.

In the order given each event is sent once the one before is settled; shuffled, each segment is sent at once
(worker/dev/shuffle.py says what may change places). In the end everything is at rest: all is judged and told.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
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


Lots = Sequence[Sequence[LineRecord]]
"""Records that are sent at once, each lot when all before it is settled."""


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


def lots_of(records: Sequence[LineRecord], shuffle_seed: int | None, copies: int) -> Lots:
    """The records in the order given, or shuffled by a seed; each with so many copies."""
    if shuffle_seed is None:
        return in_order(records, copies)
    return in_another_order(records, shuffle_seed, copies)


def in_order(records: Sequence[LineRecord], copies: int = 0) -> Lots:
    """Each record by itself, and so many copies of it right behind."""
    return [[record] for record in records for _ in range(copies + 1)]


def in_another_order(records: Sequence[LineRecord], seed: int, copies: int = 0) -> Lots:
    """Segments shuffled by the seed, copies among them (worker/dev/shuffle.py)."""
    return [
        shuffled([record for record in segment for _ in range(copies + 1)], seed)
        for segment in segments(records)
    ]


async def simulate(stage: Stage, lots: Lots, workers: int, progress: Progress) -> Simulated:
    """Feed the lots to so many workers on the stage, wait until all is at rest, and gather what came of it.

    Raises Fatal when a record is not settled in time, and whatever a worker fails with.
    """
    settings, database_url = stage.settings, stage.database_url
    async with (
        listener(settings.kafka_bootstrap, (Output.RESULTS, Output.ALERTS, Output.DEAD_LETTERS)) as listening,
        feeder(stage) as feeding,
        crew(settings, workers, feeding.judged, lambda: feeding.time) as working,
    ):
        started = perf_counter()
        await working.unless_it_fails(_fed(feeding, lots, progress))
        await working.unless_it_fails(published(database_url))
        seconds = perf_counter() - started
        return await _gathered(stage, feeding, listening, seconds)


async def _fed(feeding: Feeder, lots: Lots, progress: Progress) -> None:
    total = sum(map(len, lots))
    times: list[datetime] = []
    for lot in lots:
        times = [record.time for record in lot if record.time is not None]
        if times:
            await feeding.reached(min(times))
        await feeding.send(lot)
        await feeding.settled()
        progress(len(feeding.line_nos), total)
    if times:
        await feeding.reached(max(times))


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


async def _gathered(stage: Stage, feeding: Feeder, listening: Listener, seconds: float) -> Simulated:
    heard = await listening.heard()
    connection = await asyncpg.connect(stage.database_url)
    try:
        return Simulated(
            answers=[_answer(record) for record in heard[Output.RESULTS]],
            alerts=[orjson.loads(record.value) for record in heard[Output.ALERTS]],
            dead_letters=await _dead_letters(connection, stage, feeding, heard[Output.DEAD_LETTERS]),
            levels=await state.levels(connection),
            reservations=await state.reservations(connection),
            parked=await state.parked(connection),
            audit=await audit(connection),
            records=len(feeding.line_nos),
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
    feeding: Feeder,
    records: Sequence[ConsumerRecord],
) -> list[Json]:
    """What was dead-lettered of the records fed: from Kafka, with the identity that the worker read."""
    known = {
        (letter["topic"], letter["partition"], letter["offset"]): letter
        for letter in await state.dead_letters(connection)
    }
    names = {topic: name for name, topic in stage.topics.items()}
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
        if place in feeding.line_nos:
            letters.append(
                {
                    "reason": headers["dlq-reason"],
                    "topic": names[place[0]],
                    "partition": place[1],
                    "offset": place[2],
                    "cause_id": letter.get("cause_id"),
                    "cause_source": letter.get("cause_source"),
                    "error_class": headers["dlq-error-class"],
                    "message": headers["dlq-error-message"],
                    "line": feeding.line_nos[place],
                }
            )
    return letters
