"""From a Kafka record to an event or a poison: one record at a time, pure, never raising.

CloudEvents 1.0 in binary mode (attributes in headers `ce_*`), in structured mode (content type
`application/cloudevents`), or no CloudEvents at all: then the type comes from the topic and the identity from
the record's position, so that only redeliveries of that very record are recognized (DESIGN §3).
Headers are read leniently: one that is not needed, whatever is in it, never hurts (reliability §2.1).
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, TypeGuard

from pydantic import TypeAdapter, ValidationError

from schemas import INPUTS, EventData, EventType
from schemas.contract import ID_LENGTH_MAX
from schemas.outcome import DeadReason
from worker.domain.event import HASH_VERSION, Event
from worker.runtime.exact_json import JsonError, canonical, read

VALUE_BYTES_MAX = 1 << 20
"""Largest record value that is read: Kafka's own default limit of a message."""

ERROR_MESSAGE_LENGTH_MAX = 512
ERRORS_SHOWN_MAX = 5
BODY_HASH_BYTES = 16
PRODUCERS_REMEMBERED_MAX = 1024

_HASH_START = bytes([HASH_VERSION])

SPEC_VERSION = "1.0"
_STRUCTURED = b"application/cloudevents"


class Position(NamedTuple):
    """Where a record stands in Kafka."""

    topic: str
    partition: int
    offset: int


class RawRecord(NamedTuple):
    """A Kafka record as it was read, byte for byte. `timestamp_ms` is milliseconds since the epoch."""

    position: Position
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Arrival(NamedTuple):
    """An event that kept its contract, with the record it came in and the trace it belongs to."""

    event: Event
    record: RawRecord
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that no event can be read from; its identity as far as that could be read."""

    reason: DeadReason
    error_class: str
    """Stable short name of what is wrong, to group by."""
    error_message: str
    """For people; at most `ERROR_MESSAGE_LENGTH_MAX` characters, without any value from the record."""
    record: RawRecord
    source: str | None
    event_id: str | None
    type: str | None


class _Contract(NamedTuple):
    """What is known of an event type: its check of the data, and what its body hashes start with."""

    type: EventType
    validate: Callable[[object], EventData]
    hash_start: bytes


_CONTRACTS = {
    name: _Contract(EventType(name), TypeAdapter(model).validator.validate_python, name.encode() + b"\n")
    for name, model in INPUTS.items()
}


class _RefusedError(Exception):
    """Why a record cannot be read; leaves `decode` as a `Poison` only."""

    def __init__(self, reason: DeadReason, error_class: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.error_class = error_class
        self.message = message


_Envelope = tuple[_Contract, str, str, datetime | None]
"""The attributes of an event that are needed, checked: contract by type, source, id, time."""

_Identity = tuple[str | None, str | None, str | None]
"""Source, id and type."""

_Headers = Mapping[str, bytes | None]

_REQUIRED = frozenset(("specversion", "type", "source", "id"))
"""The attributes that every CloudEvent has."""

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# Years beyond these are nobody's event time, and overflow when shifted to another time zone.
_RFC3339 = re.compile(
    r"(19[789]\d|[2-8]\d{3})-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def decode(record: RawRecord, types_by_topic: Mapping[str, str]) -> Arrival | Poison:
    """The event in a record, or why there is none.

    `types_by_topic` gives the type of records that carry no CloudEvents attributes.
    """
    headers = dict(record.headers)
    try:
        if _is_structured(headers):
            return _structured(record, headers)
        if not _is_binary(headers):
            return _bare(record, headers, types_by_topic)
        envelope = _binary(headers)
        data, encoded = read(_sized(record.value))
        return _arrival(record, envelope, data, encoded, _traceparent(headers))
    except JsonError as error:
        refused = _RefusedError(DeadReason.MALFORMED_JSON, error.kind, str(error))
    except _RefusedError as error:
        refused = error
    source, event_id, type_name = _identity(record, headers, types_by_topic)
    return Poison(
        reason=refused.reason,
        error_class=refused.error_class,
        error_message=refused.message[:ERROR_MESSAGE_LENGTH_MAX],
        record=record,
        source=source,
        event_id=event_id,
        type=type_name,
    )


def beyond_retention(decoded: Arrival | Poison) -> Poison:
    """A record older than the inbox remembers, as what it then is: it may have been answered long ago."""
    if isinstance(decoded, Poison):
        return decoded
    event = decoded.event
    return Poison(
        DeadReason.BEYOND_RETENTION,
        "beyond_retention",
        "the record is older than answered events are remembered",
        decoded.record,
        event.source,
        event.event_id,
        event.type,
    )


def _is_structured(headers: _Headers) -> bool:
    content_type = headers.get("content-type")
    return content_type is not None and content_type[: len(_STRUCTURED)].lower() == _STRUCTURED


def _is_binary(headers: _Headers) -> bool:
    return "ce_specversion" in headers or "ce_id" in headers or "ce_type" in headers or "ce_source" in headers


def _binary(headers: _Headers) -> _Envelope:
    contract, source = _producer_of(
        headers.get("ce_specversion"), headers.get("ce_type"), headers.get("ce_source")
    )
    event_id = _identifying("id", _header("id", headers.get("ce_id")))
    return contract, source, event_id, _time(_header("time", headers.get("ce_time")))


@lru_cache(PRODUCERS_REMEMBERED_MAX)
def _producer_of(
    spec_version: bytes | None, type_name: bytes | None, source: bytes | None
) -> tuple[_Contract, str]:
    """What a producer's records of one type have in common: read once, one string kept for all."""
    return _producer(
        _header("specversion", spec_version), _header("type", type_name), _header("source", source)
    )


def _bare(record: RawRecord, headers: _Headers, types_by_topic: Mapping[str, str]) -> Arrival:
    data, encoded = read(_sized(record.value))
    if _is_envelope(data):
        return _document(record, headers, data)
    contract = _CONTRACTS.get(types_by_topic.get(record.position.topic, ""))
    if contract is None:
        raise _RefusedError(
            DeadReason.UNKNOWN_TYPE, "type_unknown", "no CloudEvents type, and none set for this topic"
        )
    source, event_id = _identity_by_position(record.position)
    return _arrival(record, (contract, source, event_id, None), data, encoded, _traceparent(headers))


def _is_envelope(value: object) -> TypeGuard[dict[str, object]]:
    """Whether a value is a CloudEvent, though no header says so, as the first SDK for Python writes them."""
    return isinstance(value, dict) and value.keys() >= _REQUIRED


def _structured(record: RawRecord, headers: _Headers) -> Arrival:
    if not _is_single_json(headers):
        raise _RefusedError(
            DeadReason.MALFORMED_ENVELOPE,
            "content_type",
            "of structured CloudEvents only single JSON ones are read",
        )
    document, _ = read(_sized(record.value))
    if not isinstance(document, dict):
        raise _RefusedError(
            DeadReason.MALFORMED_ENVELOPE, "envelope_type", "a CloudEvent must be a JSON object"
        )
    return _document(record, headers, document)


def _document(record: RawRecord, headers: _Headers, document: Mapping[str, object]) -> Arrival:
    contract, source = _producer(
        _member("specversion", document), _member("type", document), _member("source", document)
    )
    event_id = _identifying("id", _member("id", document))
    envelope = contract, source, event_id, _time(_member("time", document))
    data, encoded = _structured_data(document)
    return _arrival(record, envelope, data, encoded, _traceparent(headers) or _traceparent_member(document))


def _structured_data(document: Mapping[str, object]) -> tuple[object, bytes]:
    """The data of a structured CloudEvent and its canonical form, also where it travels as base64 of JSON."""
    encoded = document.get("data_base64")
    if encoded is None:
        data = document.get("data")
        return data, canonical(data)
    if not isinstance(encoded, str) or "data" in document:
        raise _RefusedError(
            DeadReason.MALFORMED_ENVELOPE, "data_base64", "data_base64 must be text, and alone"
        )
    try:
        return read(b64decode(encoded, validate=True))
    except ValueError as error:
        if isinstance(error, JsonError):
            raise
        raise _RefusedError(
            DeadReason.MALFORMED_ENVELOPE, "data_base64", "data_base64 is not base64"
        ) from None


def _is_single_json(headers: _Headers) -> bool:
    media_type = (headers.get("content-type") or b"").partition(b";")[0].strip().lower()
    return media_type in (_STRUCTURED, _STRUCTURED + b"+json")


def _sized(value: bytes | None) -> bytes:
    if value is None:
        raise _RefusedError(DeadReason.MALFORMED_JSON, "value_missing", "the record has no value")
    if len(value) > VALUE_BYTES_MAX:
        raise _RefusedError(
            DeadReason.OVERSIZED, "value_oversized", f"value of more than {VALUE_BYTES_MAX} bytes"
        )
    return value


def _producer(spec_version: str | None, type_name: str | None, source: str | None) -> tuple[_Contract, str]:
    """The contract and the source that these attributes name. Raises unless all are there and known."""
    if spec_version is None:
        raise _attribute_missing("specversion")
    if spec_version != SPEC_VERSION:
        raise _RefusedError(
            DeadReason.UNSUPPORTED_VERSION,
            "specversion_unsupported",
            f"only CloudEvents {SPEC_VERSION} is read",
        )
    if type_name is None:
        raise _attribute_missing("type")
    contract = _CONTRACTS.get(type_name)
    if contract is None:
        raise _RefusedError(
            DeadReason.UNKNOWN_TYPE, "type_unknown", "no contract is known for this event type"
        )
    return contract, _identifying("source", source)


def _header(name: str, raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        raise _attribute_invalid(name, "is not UTF-8") from None


def _member(name: str, document: Mapping[str, object]) -> str | None:
    value = document.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _attribute_invalid(name, "must be text")


def _identifying(name: str, text: str | None) -> str:
    """The text of an attribute that identifies the event. Raises unless it can be a key."""
    if text is None:
        raise _attribute_missing(name)
    if not _is_key(text):
        raise _attribute_invalid(
            name, f"must have 1 to {ID_LENGTH_MAX} characters, none of them a control character"
        )
    return text


def _is_key(text: str) -> bool:
    return 0 < len(text) <= ID_LENGTH_MAX and (text.isprintable() or not _CONTROL_CHARACTER.search(text))


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        if _RFC3339.fullmatch(text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        pass
    raise _attribute_invalid("time", "is not an RFC 3339 time with time zone")


def _attribute_missing(name: str) -> _RefusedError:
    return _RefusedError(DeadReason.MALFORMED_ENVELOPE, "attribute_missing", f"attribute {name} is missing")


def _attribute_invalid(name: str, problem: str) -> _RefusedError:
    return _RefusedError(DeadReason.MALFORMED_ENVELOPE, "attribute_invalid", f"attribute {name} {problem}")


def _traceparent(headers: _Headers) -> str | None:
    """The W3C trace context that the record belongs to, None unless it is well formed."""
    raw = headers.get("traceparent") or headers.get("ce_traceparent")
    return raw.decode() if raw is not None and _TRACEPARENT.fullmatch(raw) else None


def _traceparent_member(document: Mapping[str, object]) -> str | None:
    text = document.get("traceparent")
    return text if isinstance(text, str) and _TRACEPARENT.fullmatch(text.encode()) else None


def _arrival(
    record: RawRecord, envelope: _Envelope, data: object, encoded: bytes, traceparent: str | None
) -> Arrival:
    contract, source, event_id, time = envelope
    try:
        checked = contract.validate(data)
    except ValidationError as error:
        raise _violation(error) from None
    body_hash = _HASH_START + sha256(contract.hash_start + encoded).digest()[: BODY_HASH_BYTES - 1]
    return Arrival(Event(source, event_id, contract.type, time, checked, body_hash), record, traceparent)


def _violation(error: ValidationError) -> _RefusedError:
    """The first few violations: where, and which rule. What stood there may be private and is not told."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{'.'.join(map(str, one['loc'])) or 'data'}: {one['msg']}" for one in errors[:ERRORS_SHOWN_MAX]]
    more = len(errors) - len(shown)
    if more > 0:
        shown.append(f"and {more} more")
    return _RefusedError(DeadReason.CONTRACT_VIOLATION, errors[0]["type"], "; ".join(shown))


def _identity(record: RawRecord, headers: _Headers, types_by_topic: Mapping[str, str]) -> _Identity:
    """What a refused record calls itself: each name where it can be read and used as a key, else None."""
    if _is_binary(headers) and not _is_structured(headers):
        return (
            _decoded(headers.get("ce_source")),
            _decoded(headers.get("ce_id")),
            _decoded(headers.get("ce_type")),
        )
    document = _document_of(record.value)
    if _is_structured(headers) or _is_envelope(document):
        return (
            _key_member("source", document),
            _key_member("id", document),
            _key_member("type", document),
        )
    return *_identity_by_position(record.position), types_by_topic.get(record.position.topic)


def _identity_by_position(position: Position) -> tuple[str, str]:
    return f"kafka:{position.topic}", f"{position.partition}-{position.offset}"


def _document_of(value: bytes | None) -> dict[str, object]:
    try:
        document, _ = read(_sized(value))
    except (JsonError, _RefusedError):
        return {}
    return document if isinstance(document, dict) else {}


def _key_member(name: str, document: Mapping[str, object]) -> str | None:
    text = document.get(name)
    return text if isinstance(text, str) and _is_key(text) else None


def _decoded(raw: bytes | None) -> str | None:
    try:
        text = "" if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None
    return text if _is_key(text) else None
