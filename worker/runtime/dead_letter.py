"""A record that could not be applied, and the headers that say so beside its own (ADR 0018)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from schemas.dead_letter import DLQ_HEADER_PREFIX, DlqHeader
from schemas.outcome import DeadReason
from worker.domain.event import Event
from worker.runtime.cloudevents import Headers
from worker.runtime.decode import Poison, RawRecord

MESSAGE_LENGTH_MAX = 512
FINGERPRINT_DIGITS = 16

_COUNT = re.compile(rb"\d{1,9}")
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_REPLAY_ID = re.compile(rb"[0-9A-Za-z_.:-]{1,64}")
_FIELD = re.compile(r"\w+(\.\w+)*(?=: )", re.ASCII)
_INDEX = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be applied: what it was, why, and the identity it had, if any."""

    record: RawRecord
    reason: DeadReason
    error_class: str
    error_message: str
    source: str | None
    event_id: str | None
    type: str | None
    event: Event | None = None
    """Set where the event was well formed and the database refused it: the inbox then keeps it as dead."""

    @classmethod
    def of_poison(cls, poison: Poison) -> "DeadLetter":
        """The dead letter of a record that no event could be read from."""
        return cls(
            poison.record,
            poison.reason,
            poison.error_class,
            poison.error_message,
            poison.source,
            poison.event_id,
            poison.type,
        )

    @property
    def fingerprint(self) -> str:
        """The same for letters that died of the same: reason, error class, type, and the field at fault."""
        found = _FIELD.match(self.error_message)
        field = _INDEX.sub("*", found[0]) if found else ""
        told = f"{self.reason}\n{self.error_class}\n{self.type or ''}\n{field}"
        return sha256(told.encode()).hexdigest()[:FINGERPRINT_DIGITS]


class History(NamedTuple):
    """What became of a record before, as the replay tool tells it in the record's headers."""

    attempts: int = 0
    first_failed_at: str | None = None
    """RFC 3339."""
    replay_id: str | None = None
    replay_count: int = 0


def history_of(headers: Mapping[str, bytes | None]) -> History:
    """What the headers of a replayed record tell; nothing where it is none. Nonsense in them is passed over.

    Anybody who may produce can write such headers, so nothing is decided by them.
    """
    replay_id = _matched(headers, DlqHeader.REPLAY_ID, _REPLAY_ID)
    if replay_id is None:
        return History()
    return History(
        attempts=int(_matched(headers, DlqHeader.ATTEMPTS, _COUNT) or 0),
        first_failed_at=_matched(headers, DlqHeader.FIRST_FAILED_AT, _TIME),
        replay_id=replay_id,
        replay_count=int(_matched(headers, DlqHeader.REPLAY_COUNT, _COUNT) or 0),
    )


def dead_letter_headers(
    letter: DeadLetter, consumer_group: str, worker_version: str, failed_at: str
) -> Headers:
    """The original headers byte for byte, and ours behind them. `failed_at` is RFC 3339 text."""
    original = letter.record
    history = history_of(dict(original.headers))
    ours = {
        DlqHeader.ORIGINAL_TOPIC: original.position.topic,
        DlqHeader.ORIGINAL_PARTITION: str(original.position.partition),
        DlqHeader.ORIGINAL_OFFSET: str(original.position.offset),
        DlqHeader.ORIGINAL_TIMESTAMP: str(original.timestamp_ms),
        DlqHeader.CONSUMER_GROUP: consumer_group,
        DlqHeader.REASON: letter.reason.value,
        DlqHeader.ERROR_CLASS: letter.error_class,
        DlqHeader.ERROR_MESSAGE: letter.error_message[:MESSAGE_LENGTH_MAX],
        DlqHeader.ATTEMPTS: str(history.attempts + 1),
        DlqHeader.FIRST_FAILED_AT: history.first_failed_at or failed_at,
        DlqHeader.FAILED_AT: failed_at,
        DlqHeader.WORKER_VERSION: worker_version,
        DlqHeader.FINGERPRINT: letter.fingerprint,
        DlqHeader.REPLAY_COUNT: str(history.replay_count),
    }
    if history.replay_id is not None:
        ours[DlqHeader.REPLAY_ID] = history.replay_id
    return (
        *own_headers(original.headers),
        *((name.value, value.encode()) for name, value in ours.items()),
    )


def own_headers(headers: Headers) -> Headers:
    """The headers that the producer gave, without those of dead letters."""
    return tuple(header for header in headers if not header[0].startswith(DLQ_HEADER_PREFIX))


def _matched(headers: Mapping[str, bytes | None], name: DlqHeader, pattern: re.Pattern[bytes]) -> str | None:
    raw = headers.get(name.value)
    return raw.decode() if raw is not None and pattern.fullmatch(raw) else None
