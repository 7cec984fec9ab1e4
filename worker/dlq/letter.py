"""A dead letter as it is found on a topic, whoever wrote it there."""

import struct
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

import orjson
from aiokafka import ConsumerRecord

from schemas.dead_letter import DLQ_HEADER_PREFIX, DlqHeader
from worker.runtime.cloudevents import Headers
from worker.runtime.decode import Arrival, Poison, Position, RawRecord, decode

Json = Any
"""A value of a JSON document."""


class Writer(StrEnum):
    """Who wrote a dead letter, told by its headers."""

    WORKER = "worker"
    SPRING = "spring"
    CONNECT = "connect"
    STREAMS = "streams"
    SHARE_GROUP = "share_group"
    UNKNOWN = "unknown"


class _Names(NamedTuple):
    """Under which headers a writer tells what."""

    prefix: str
    topic: str
    partition: str
    offset: str
    timestamp: str | None
    error_class: str | None
    message: str | None
    group: str | None
    attempts: str | None


_WRITERS: Mapping[Writer, _Names] = {
    Writer.WORKER: _Names(
        DLQ_HEADER_PREFIX,
        DlqHeader.ORIGINAL_TOPIC.value,
        DlqHeader.ORIGINAL_PARTITION.value,
        DlqHeader.ORIGINAL_OFFSET.value,
        DlqHeader.ORIGINAL_TIMESTAMP.value,
        DlqHeader.ERROR_CLASS.value,
        DlqHeader.ERROR_MESSAGE.value,
        DlqHeader.CONSUMER_GROUP.value,
        DlqHeader.ATTEMPTS.value,
    ),
    Writer.SPRING: _Names(
        "kafka_dlt-",
        "kafka_dlt-original-topic",
        "kafka_dlt-original-partition",
        "kafka_dlt-original-offset",
        "kafka_dlt-original-timestamp",
        "kafka_dlt-exception-fqcn",
        "kafka_dlt-exception-message",
        "kafka_dlt-original-consumer-group",
        None,
    ),
    Writer.CONNECT: _Names(
        "__connect.errors.",
        "__connect.errors.topic",
        "__connect.errors.partition",
        "__connect.errors.offset",
        None,
        "__connect.errors.exception.class.name",
        "__connect.errors.exception.message",
        "__connect.errors.connector.name",
        None,
    ),
    Writer.STREAMS: _Names(
        "__streams.errors.",
        "__streams.errors.topic",
        "__streams.errors.partition",
        "__streams.errors.offset",
        None,
        "__streams.errors.exception",
        "__streams.errors.message",
        None,
        None,
    ),
    Writer.SHARE_GROUP: _Names(
        "__dlq.errors.",
        "__dlq.errors.topic",
        "__dlq.errors.partition",
        "__dlq.errors.offset",
        None,
        None,
        "__dlq.errors.message",
        "__dlq.errors.group",
        "__dlq.errors.delivery.count",
    ),
}

_BIG_ENDIAN = {4: ">i", 8: ">q"}
"""How Spring writes numbers, by length."""

DIGITS_MAX = 18

LIFECYCLE = (
    "cart.validated",
    "order.placed",
    "order.updated",
    "reservation.moved",
    "order.fulfilled",
    "fulfillment.canceled",
    "order.returned",
    "order.canceled",
)
"""In what order the events of one order are sent again."""


@dataclass(frozen=True)
class Letter:
    """A dead letter: where it stands, what it was, and why it died as far as its writer tells."""

    place: Position
    """On the dead-letter topic."""
    timestamp_ms: int
    """When it was written there; milliseconds since 1970."""
    writer: Writer
    original: Position | None
    """None where no header tells it."""
    original_timestamp_ms: int | None
    reason: str | None
    error_class: str | None
    error_message: str | None
    consumer_group: str | None
    attempts: int
    first_failed_at: str | None
    fingerprint: str | None
    worker_version: str | None
    replay_id: str | None
    replay_count: int
    truncated_sha256: str | None
    """Of the whole value, where only its start stands here."""
    key: bytes | None
    value: bytes | None
    headers: Headers
    """The original ones, without the writer's."""
    decoded: Arrival | Poison = field(repr=False)

    @property
    def lacks_bytes(self) -> bool:
        """Whether key and value have to be fetched from where the record stood."""
        if self.truncated_sha256 is not None:
            return True
        return self.writer is Writer.SHARE_GROUP and self.key is None and self.value is None

    @property
    def type(self) -> str | None:
        """Type of the event, as far as it can be read."""
        return self.decoded.event.type if isinstance(self.decoded, Arrival) else self.decoded.type

    @property
    def identity(self) -> tuple[str | None, str | None]:
        """Source and id of the event, as far as they can be read."""
        if isinstance(self.decoded, Arrival):
            return self.decoded.event.source, self.decoded.event.event_id
        return self.decoded.source, self.decoded.event_id

    @cached_property
    def body(self) -> Json:
        """The value as JSON; None where it is none."""
        try:
            return orjson.loads(self.value or b"")
        except orjson.JSONDecodeError:
            return None

    @property
    def order_id(self) -> str | None:
        """The order that the event is about."""
        body = self.body
        if isinstance(body, dict) and isinstance(body.get("data"), dict):
            body = body["data"]
        found = body.get("order_id") if isinstance(body, dict) else None
        return found if isinstance(found, str) else None

    @property
    def lifecycle_place(self) -> int:
        """Where in an order's life the event has its place."""
        return LIFECYCLE.index(self.type) if self.type in LIFECYCLE else len(LIFECYCLE)

    def with_bytes(
        self, key: bytes | None, value: bytes | None, headers: Headers, types_by_topic: Mapping[str, str]
    ) -> "Letter":
        """The letter with the bytes fetched from where its record stood."""
        assert self.original is not None  # there they were fetched
        record = RawRecord(self.original, self.timestamp_ms, key, value, headers)
        return replace(
            self,
            key=key,
            value=value,
            headers=headers,
            truncated_sha256=None,
            decoded=decode(record, types_by_topic),
        )

    def as_json(self, state: str) -> dict[str, Json]:
        """What lists tell of it."""
        source, event_id = self.identity
        return {
            "dead_letter": f"{self.place.partition}/{self.place.offset}",
            "state": state,
            "at": _moment(self.timestamp_ms),
            "reason": self.reason,
            "error_class": self.error_class,
            "error_message": self.error_message,
            "fingerprint": self.fingerprint,
            "attempts": self.attempts,
            "first_failed_at": self.first_failed_at,
            "replay_id": self.replay_id,
            "replay_count": self.replay_count,
            "writer": self.writer.value,
            "worker_version": self.worker_version,
            "consumer_group": self.consumer_group,
            "topic": self.original.topic if self.original else None,
            "partition": self.original.partition if self.original else None,
            "offset": self.original.offset if self.original else None,
            "timestamp": None if self.original_timestamp_ms is None else _moment(self.original_timestamp_ms),
            "type": self.type,
            "source": source,
            "id": event_id,
            "order_id": self.order_id,
            "key": _text(self.key),
            "bytes": len(self.value or b""),
            "lacks_bytes": self.lacks_bytes,
        }

    def whole_json(self, state: str) -> dict[str, Json]:
        """The same with headers and value, which is text or base64 where it is no JSON."""
        value = self.body
        if value is None:
            value = _text(self.value)
        headers = [{"name": name, "value": _text(raw)} for name, raw in self.headers]
        return {**self.as_json(state), "headers": headers, "value": value}


def read_letter(record: ConsumerRecord, types_by_topic: Mapping[str, str]) -> Letter:
    """The dead letter in a record of a dead-letter topic. Never raises: what is not told stays None."""
    headers: dict[str, bytes | None] = dict(record.headers)  # the last of a name is the newest
    writer = next((one for one, names in _WRITERS.items() if names.topic in headers), Writer.UNKNOWN)
    names = _WRITERS.get(writer)
    place = Position(record.topic, record.partition, record.offset)
    own = tuple(
        (name, value) for name, value in record.headers if names is None or not name.startswith(names.prefix)
    )
    original = None if names is None else _original(headers, names)
    raw = RawRecord(original or place, record.timestamp, record.key, record.value, own)

    def text(name: str | None) -> str | None:
        value = headers.get(name) if name is not None else None
        return None if value is None else value.decode(errors="replace")

    def number(name: str | None) -> int | None:
        return _number(headers.get(name)) if name is not None else None

    error_class = text(names.error_class) if names else None
    return Letter(
        place=place,
        timestamp_ms=record.timestamp,
        writer=writer,
        original=original,
        original_timestamp_ms=number(names.timestamp) if names else None,
        reason=text(DlqHeader.REASON.value) or error_class,
        error_class=error_class,
        error_message=text(names.message) if names else None,
        consumer_group=text(names.group) if names else None,
        attempts=(number(names.attempts) if names else None) or 1,
        first_failed_at=text(DlqHeader.FIRST_FAILED_AT.value),
        fingerprint=text(DlqHeader.FINGERPRINT.value),
        worker_version=text(DlqHeader.WORKER_VERSION.value),
        replay_id=text(DlqHeader.REPLAY_ID.value),
        replay_count=number(DlqHeader.REPLAY_COUNT.value) or 0,
        truncated_sha256=text(DlqHeader.TRUNCATED_SHA256.value),
        key=record.key,
        value=record.value,
        headers=own,
        decoded=decode(raw, types_by_topic),
    )


def _original(headers: Mapping[str, bytes | None], names: _Names) -> Position | None:
    topic = headers.get(names.topic)
    partition, offset = _number(headers.get(names.partition)), _number(headers.get(names.offset))
    if topic is None or partition is None or offset is None:
        return None
    return Position(topic.decode(errors="replace"), partition, offset)


def _number(raw: bytes | None) -> int | None:
    """A number as text, or as Spring writes it. Not negative, as none of these is."""
    if raw is None:
        return None
    if raw.isdigit():  # a number whose bytes are digits would be beyond all of these
        return int(raw[:DIGITS_MAX])
    if len(raw) not in _BIG_ENDIAN:
        return None
    (found,) = struct.unpack(_BIG_ENDIAN[len(raw)], raw)
    return int(found) if found >= 0 else None


def _text(raw: bytes | None) -> str | None:
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return f"base64:{b64encode(raw).decode()}"


def _moment(timestamp_ms: int) -> str:
    return datetime.fromtimestamp(max(timestamp_ms, 0) / 1000, UTC).isoformat().replace("+00:00", "Z")
