"""What a dead letter is sent again as, and what keeps one from being sent."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from schemas.dead_letter import DlqHeader
from schemas.outcome import DeadReason
from worker.dlq.letter import Letter
from worker.dlq.store import Run
from worker.dlq.topic import LetterTopic
from worker.runtime.cloudevents import Headers
from worker.runtime.decode import SPEC_VERSION
from worker.runtime.records import OutRecord, partition_of

REPLAYS_MAX = 3


class Obstacle(StrEnum):
    """Why a dead letter that is chosen stays where it is."""

    REPLAYED_TOO_OFTEN = "replayed_too_often"
    BEYOND_RETENTION = "beyond_retention"
    """It may have been applied before what the inbox remembers: only where this reason is asked for."""
    BYTES_GONE = "bytes_gone"
    NO_TOPIC = "no_topic"
    TOO_LARGE = "too_large"


class Outbound(NamedTuple):
    """A dead letter, ready to be sent again."""

    letter: Letter
    record: OutRecord
    partition: int


@dataclass(frozen=True, slots=True)
class Sender:
    """Makes of dead letters what one run sends."""

    topic: LetterTopic
    run: Run
    replays_max: int = REPLAYS_MAX

    async def outbound(self, letter: Letter, now_ms: int) -> Outbound | Obstacle:
        """The record to send, to the partition where it stood before as far as that is there."""
        if letter.replay_count >= self.replays_max:
            return Obstacle.REPLAYED_TOO_OFTEN
        beyond = DeadReason.BEYOND_RETENTION.value
        if letter.reason == beyond and self.run.selection.reason != beyond:
            return Obstacle.BEYOND_RETENTION
        original = letter.original
        to_topic = self.run.to_topic or (original.topic if original is not None else None)
        partitions = await self.topic.partitions_of(to_topic) if to_topic is not None else 0
        if to_topic is None or not partitions:
            return Obstacle.NO_TOPIC
        whole = await self.topic.whole(letter)
        if whole is None:
            return Obstacle.BYTES_GONE
        headers = replay_headers(whole, self.run.run_id)
        record = OutRecord(to_topic, whole.key, headers, whole.value, now_ms)
        if original is not None and to_topic == original.topic and original.partition < partitions:
            return Outbound(whole, record, original.partition)
        return Outbound(whole, record, partition_of(whole.key, partitions))


def replay_headers(letter: Letter, run_id: UUID) -> Headers:
    """The original headers, the identity that the record had by its place, and what became of it so far."""
    ours = {
        DlqHeader.REPLAY_ID: str(run_id),
        DlqHeader.REPLAY_COUNT: str(letter.replay_count + 1),
        DlqHeader.ATTEMPTS: str(letter.attempts),
    }
    if letter.first_failed_at is not None:
        ours[DlqHeader.FIRST_FAILED_AT] = letter.first_failed_at
    return (
        *letter.headers,
        *_identity_by_place(letter),
        *((name.value, value.encode()) for name, value in ours.items()),
    )


def _identity_by_place(letter: Letter) -> Headers:
    """CloudEvents attributes for an event that had its id from where it stood: elsewhere it would be another.

    Sent twice, it is the same event all the same.
    """
    source, event_id = letter.identity
    if letter.original is None or source != f"kafka:{letter.original.topic}":
        return ()
    is_envelope = isinstance(letter.body, dict) and "specversion" in letter.body
    if is_envelope or letter.type is None or event_id is None:
        return ()
    if any(name.startswith("ce_") for name, _ in letter.headers):
        return ()
    return (
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_type", letter.type.encode()),
        ("ce_source", source.encode()),
        ("ce_id", event_id.encode()),
    )
