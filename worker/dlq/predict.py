"""What would become of dead letters if they were replayed: decoded and decided for real, and rolled back."""

import time
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, assert_never

import asyncpg
import orjson

import sql
from schemas.outcome import Outcome
from schemas.topics import Output
from worker.dlq.desk import Desk
from worker.dlq.letter import Json, Letter
from worker.dlq.outbound import Obstacle, Outbound, Sender
from worker.dlq.replay import in_lifecycle_order
from worker.runtime.app import answer_writer, processor
from worker.runtime.codes import DEAD_NO, PARKED_NO
from worker.runtime.database import Failure, failure_of
from worker.runtime.decode import Arrival, Poison, Position, RawRecord, decode
from worker.runtime.errors import Transient
from worker.runtime.load import RerunError
from worker.runtime.process import Processor, Work

if TYPE_CHECKING:
    from worker.runtime.database import Connection

INBOX_READ = sql.query("inbox_read")

NOWHERE = 1 << 62
"""An offset that no record has: each event is judged as read anew."""
RERUNS_MAX = 10


class Expected(StrEnum):
    """What would become of a dead letter."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    """Answered already: nothing happens, the same answer is told again."""
    STALE = "stale"
    PARKED = "parked"
    REFUSED = "refused"
    STILL_FAILING = "still_failing"
    KEPT_BACK = "kept_back"
    """It would not even be sent."""


class Prediction(NamedTuple):
    """What would become of one dead letter."""

    letter: Letter
    expected: Expected
    why: str | None
    """The outcome, the reason or the obstacle."""
    message: str | None = None

    def as_json(self) -> dict[str, Json]:
        """One entry of `dlq replay --dry-run --json`."""
        told = self.letter.as_json("open")
        return {
            **{name: told[name] for name in ("dead_letter", "id", "source", "type", "order_id")},
            "expected": self.expected.value,
            "why": self.why,
            "message": self.message,
        }


async def predicted(at: Desk, sender: Sender, letters: Sequence[Letter]) -> list[Prediction]:
    """What would become of each, those of one order after one another, as if all were sent now."""
    groups: dict[object, list[Letter]] = {}
    for letter in letters:
        groups.setdefault(letter.order_id or letter.place, []).append(letter)
    return [
        one for group in groups.values() for one in await _of_group(at, sender, in_lifecycle_order(group))
    ]


async def _of_group(at: Desk, sender: Sender, letters: Sequence[Letter]) -> list[Prediction]:
    """Judge the letters on one another's effects, in a transaction that never commits."""
    # Caches of its own: they learn what is rolled back.
    judging = processor(at.settings, "inventory-dlq", answer_writer(at.settings), publish_lease=timedelta(0))
    await _name(at.db, sender, judging, letters)
    transaction = at.db.transaction()
    await transaction.start()
    try:
        return [await _of_letter(at, sender, judging, letter, place) for place, letter in enumerate(letters)]
    finally:
        await transaction.rollback()


async def _name(db: "Connection", sender: Sender, judging: Processor, letters: Sequence[Letter]) -> None:
    """Number the sources and topics, for good: a rolled-back number is used up, and workers wait for it."""
    originals = [letter.original for letter in letters if letter.original is not None]
    to_topic = sender.run.to_topic
    topics = {original.topic for original in originals} if to_topic is None else {to_topic}
    sources = {letter.decoded.event.source for letter in letters if isinstance(letter.decoded, Arrival)}
    await judging.interned.know_topics(db, topics)
    await judging.interned.know_sources(db, sources)


async def _of_letter(at: Desk, sender: Sender, judging: Processor, letter: Letter, place: int) -> Prediction:
    outbound = await sender.outbound(letter, int(time.time() * 1000))
    if isinstance(outbound, Obstacle):
        return Prediction(letter, Expected.KEPT_BACK, outbound.value)
    decoded = decode(_as_read(outbound, place), at.types_by_topic)
    if isinstance(decoded, Poison):
        return Prediction(letter, Expected.STILL_FAILING, decoded.reason, decoded.error_message)
    was_answered = await _was_answered(at.db, judging, decoded)
    try:
        answer = await _answer(at.db, judging, decoded)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if failure_of(error) is Failure.POISON:
            return Prediction(letter, Expected.STILL_FAILING, "invariant_violation", type(error).__name__)
        raise
    if answer is None:
        return Prediction(letter, Expected.PARKED, "it waits already")
    outcome = Outcome(answer["outcome"])
    expected = _expected(outcome)
    if was_answered and expected is not Expected.STILL_FAILING:
        expected = Expected.DUPLICATE
    return Prediction(letter, expected, answer.get("reason") or outcome, answer.get("message"))


def _as_read(outbound: Outbound, place: int) -> RawRecord:
    record = outbound.record
    position = Position(record.topic, outbound.partition, NOWHERE + place)
    return RawRecord(position, record.timestamp_ms, record.key, record.value, record.headers)


async def _was_answered(db: "Connection", judging: Processor, arrival: Arrival) -> bool:
    """Whether the event has its final answer already."""
    source = arrival.event.source
    await judging.interned.know_sources(db, [source])  # that of a letter whose bytes were fetched is new
    row = await db.fetchrow(INBOX_READ, [arrival.event.event_id], [judging.interned.source_nos[source]])
    return row is not None and row["outcome"] not in (DEAD_NO, PARKED_NO)


async def _answer(db: "Connection", judging: Processor, arrival: Arrival) -> Json:
    """The answer that the event would get; None where it would get none now."""
    for _ in range(RERUNS_MAX):
        try:
            committed = await judging.process(db, Work(arrivals=[arrival]), _nothing)
        except RerunError:
            continue
        answers = (
            orjson.loads(one.value or b"{}") for one in committed.records if one.topic == Output.RESULTS.topic
        )
        cause = (arrival.event.source, arrival.event.event_id)
        return next((one for one in answers if (one["cause_source"], one["cause_id"]) == cause), None)
    message = "workers were in the way each time: try again"
    raise Transient(message)


async def _nothing() -> None:
    """Done meanwhile."""


def _expected(outcome: Outcome) -> Expected:  # one line an answer
    match outcome:
        case Outcome.APPLIED | Outcome.PARTIALLY_APPLIED:
            return Expected.APPLIED
        case Outcome.ALREADY_APPLIED:
            return Expected.DUPLICATE
        case Outcome.STALE:
            return Expected.STALE
        case Outcome.PARKED:
            return Expected.PARKED
        case Outcome.DEAD_LETTERED:
            return Expected.STILL_FAILING
        case (
            Outcome.CONFLICT
            | Outcome.ORDER_CANCELED
            | Outcome.UNKNOWN_VARIANT
            | Outcome.LOCATION_NOT_ALLOWED
            | Outcome.VERSION_MISMATCH
            | Outcome.EXCEEDS_ORDERED
            | Outcome.EXCEEDS_SHIPPED
            | Outcome.BELOW_ZERO
            | Outcome.INSUFFICIENT_STOCK
        ):
            return Expected.REFUSED
        case _:
            assert_never(outcome)
