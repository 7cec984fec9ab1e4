"""Lines of an events file as records for Kafka.

A line is an event, `{"type": …, "id": …, "source": …, "time": …, "data": {…}}`, whose data travels byte for
byte as it stands there (numbers keep their spelling), in CloudEvents' binary mode on the topic of its type.
Where the id is left out, the line's number and content make one; a source left out is `simulate`.

Or it is a record, `{"record": {"topic": …, "key": …, "value": …, "headers": {…}}}`, sent as it is, with
`value_base64` and `headers_base64` for what is no text. Or it is neither: then the line itself is sent, as an
order's placement that nobody can read, for the worker to say what is wrong with it.
"""

import hashlib
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.event_type import EventType
from schemas.topics import TYPES_BY_TOPIC

SOURCE = "simulate"
STRAY_TOPIC = EventType.ORDER_PLACED.value
"""Where lines go that name no topic of the worker's."""

_KEY_FIELDS = (
    "order_id",
    "cart_id",
    "transfer_id",
    "variant_id",
    "inventory_item_id",
    "sku",
    "location_id",
    "sales_channel_id",
)

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class LineError(ValueError):
    """A line that cannot be sent at all; the message names it."""


@dataclass(frozen=True, slots=True)
class LineRecord:
    """The record that a line makes, and what the line says of itself."""

    line_no: int
    topic: str
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None
    type: str | None = None
    event_id: str | None = None
    source: str | None = None
    time: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    """The event's data as far as it can be read, to find its subject; floats have lost their spelling."""


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    """A line's `record`."""

    topic: str
    key: str | None = None
    value: str | None = None
    value_base64: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    headers_base64: dict[str, str] = msgspec.field(default_factory=dict)


def read_lines(path: Path) -> list[LineRecord]:
    """The records of a file's lines, empty lines left out.

    Raises LineError for a `record` that is none, or is for a topic that the worker does not read.
    """
    return list(parse_lines(path.read_bytes().split(b"\n"), path.name))


def parse_lines(lines: Iterable[bytes], name: str) -> Iterator[LineRecord]:
    """The same for lines in memory; `name` tells them from other files' lines where they carry no id."""
    for line_no, line in enumerate(lines, 1):
        text = line.strip()
        if text:
            yield _line_record(line_no, text, name)


def _line_record(line_no: int, line: bytes, name: str) -> LineRecord:
    digest = hashlib.sha256(name.encode() + b"\n" + line).hexdigest()[:8]
    made_id = f"line-{line_no}-{digest}"
    try:
        members = _object.decode(line)
    except (msgspec.DecodeError, RecursionError):
        headers = _attributes(made_id, SOURCE, STRAY_TOPIC)
        return LineRecord(line_no, STRAY_TOPIC, None, headers, line, STRAY_TOPIC, made_id, SOURCE)
    if "record" in members:
        return _as_told(line_no, members["record"])
    return _event(line_no, members, line, made_id)


def _event(line_no: int, members: Mapping[str, msgspec.Raw], line: bytes, made_id: str) -> LineRecord:
    type_name = _text(members.get("type"))
    event_id = _text(members.get("id")) or made_id
    source = _text(members.get("source")) or SOURCE
    headers = _attributes(event_id, source, type_name)
    if type_name is None:
        return LineRecord(line_no, STRAY_TOPIC, None, headers, line, None, event_id, source)
    for name in ("time", "traceparent"):
        text = _text(members.get(name))
        if text is not None:
            headers += ((f"ce_{name}", text.encode()),)
    topic = type_name if type_name in TYPES_BY_TOPIC else STRAY_TOPIC
    raw = members.get("data")
    value = None if raw is None else bytes(raw)
    data = _object_of(raw)
    time = _time(_text(members.get("time")))
    return LineRecord(line_no, topic, _key(data), headers, value, type_name, event_id, source, time, data)


def _time(text: str | None) -> datetime | None:
    """The event's time, where the line tells one that can be read."""
    try:
        time = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None


def _as_told(line_no: int, raw: msgspec.Raw) -> LineRecord:
    try:
        told = msgspec.json.decode(raw, type=_Record)
        value = None if told.value is None else told.value.encode()
        if told.value_base64 is not None:
            value = b64decode(told.value_base64, validate=True)
        headers = tuple((name, text.encode()) for name, text in told.headers.items())
        headers += tuple((name, b64decode(text, validate=True)) for name, text in told.headers_base64.items())
    except ValueError as error:
        raise LineError(f"line {line_no}: no record can be made of it: {error}") from None
    if told.topic not in TYPES_BY_TOPIC:
        raise LineError(f"line {line_no}: the worker does not read a topic {told.topic!r}")
    return LineRecord(line_no, told.topic, None if told.key is None else told.key.encode(), headers, value)


def _attributes(event_id: str, source: str, type_name: str | None) -> tuple[tuple[str, bytes], ...]:
    attributes = {"specversion": "1.0", "id": event_id, "source": source, "type": type_name}
    return tuple((f"ce_{name}", value.encode()) for name, value in attributes.items() if value is not None)


def _text(raw: msgspec.Raw | None) -> str | None:
    """A member as text: a string's characters, another value as it is spelled; None where it is not there."""
    if raw is None or bytes(raw) == b"null":
        return None
    value = msgspec.json.decode(raw)
    return value if isinstance(value, str) else bytes(raw).decode()


def _object_of(raw: msgspec.Raw | None) -> Mapping[str, Any]:
    data = None if raw is None else msgspec.json.decode(raw)
    return data if isinstance(data, dict) else {}


def _key(data: Mapping[str, Any]) -> bytes | None:
    for name in _KEY_FIELDS:
        value = data.get(name)
        if isinstance(value, str):
            return value.encode()
    return None
