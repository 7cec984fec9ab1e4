"""Records in, events or poisons out: what is read, what is refused and why, and that nothing ever raises."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import INPUTS, EventType
from schemas.carts import CartValidated
from schemas.orders import OrderFulfilled, OrderPlaced, Policy, Strategy
from schemas.outcome import DeadReason
from schemas.stock import StockBucket, StockSet
from schemas.topics import TYPES_BY_TOPIC
from worker.domain.event import Event
from worker.runtime.decode import (
    ERROR_MESSAGE_LENGTH_MAX,
    VALUE_BYTES_MAX,
    Arrival,
    Poison,
    Position,
    RawRecord,
    decode,
)

Headers = dict[str, bytes | None]

TRACEPARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BINARY: Headers = {
    "ce_specversion": b"1.0",
    "ce_type": b"order.placed",
    "ce_source": b"/shop",
    "ce_id": b"event-1",
    "ce_time": b"2026-03-02T09:15:00Z",
    "content-type": b"application/json",
    "traceparent": TRACEPARENT,
}
STRUCTURED: Headers = {"content-type": b"application/cloudevents+json; charset=utf-8"}
LINE = {"line_item_id": "line-1", "variant_id": "variant-1", "quantity": 2}
ORDER = {"order_id": "order-1", "sales_channel_id": "channel-1", "lines": [LINE]}
ENVELOPE = {"specversion": "1.0", "type": "order.placed", "source": "/shop", "id": "event-1", "data": ORDER}


def _record(
    value: bytes | None, headers: Headers | None = None, topic: str = "order.placed", offset: int = 11
) -> RawRecord:
    return RawRecord(
        Position(topic, 3, offset), 1_772_442_900_000, b"key", value, tuple((headers or {}).items())
    )


def _decode(data: object, **headers: bytes | None) -> Arrival | Poison:
    """Decodes a record in binary mode with other headers than the usual ones."""
    value = data if isinstance(data, bytes) else json.dumps(data).encode()
    return decode(
        _record(value, {**BINARY, **{_header(name): raw for name, raw in headers.items()}}), TYPES_BY_TOPIC
    )


def _header(name: str) -> str:
    return name if name.startswith("ce_") else name.replace("_", "-")


def _structured(**members: object) -> Arrival | Poison:
    document = {name: value for name, value in {**ENVELOPE, **members}.items() if value is not ...}
    return decode(_record(json.dumps(document).encode(), STRUCTURED), TYPES_BY_TOPIC)


def _event(decoded: Arrival | Poison) -> Event:
    assert isinstance(decoded, Arrival), decoded
    return decoded.event


def _poison(decoded: Arrival | Poison) -> Poison:
    assert isinstance(decoded, Poison), decoded
    return decoded


# What is read


def test_binary_mode() -> None:
    record = _record(json.dumps(ORDER).encode(), BINARY)
    arrival = decode(record, TYPES_BY_TOPIC)
    assert isinstance(arrival, Arrival)
    assert arrival.record is record
    assert arrival.traceparent == TRACEPARENT.decode()
    event = arrival.event
    assert (event.source, event.event_id, event.type) == ("/shop", "event-1", EventType.ORDER_PLACED)
    assert event.time == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
    assert event.data == OrderPlaced.model_validate(ORDER)
    assert len(event.body_hash) == 16


def test_structured_mode() -> None:
    decoded = _structured(time="2026-03-02T09:15:00Z", traceparent=TRACEPARENT.decode())
    assert isinstance(decoded, Arrival)
    assert decoded.event == _event(_decode(ORDER))
    assert decoded.traceparent == TRACEPARENT.decode()


def test_structured_mode_with_data_in_base64() -> None:
    encoded = b64encode(json.dumps(ORDER).encode()).decode()
    event = _event(_structured(data=..., data_base64=encoded))
    assert event.data == OrderPlaced.model_validate(ORDER)
    assert event.body_hash == _event(_decode(ORDER)).body_hash


def test_without_cloudevents_the_topic_gives_the_type_and_the_position_the_id() -> None:
    decoded = decode(_record(json.dumps(ORDER).encode(), {"traceparent": TRACEPARENT}), TYPES_BY_TOPIC)
    event = _event(decoded)
    assert (event.source, event.event_id, event.type, event.time) == (
        "kafka:order.placed",
        "3-11",
        EventType.ORDER_PLACED,
        None,
    )
    assert event.body_hash == _event(_decode(ORDER)).body_hash


def test_a_structured_event_is_known_by_its_members_where_no_header_tells() -> None:
    bare: list[Headers] = [{}, {"content-type": b"application/json"}]
    for headers in bare:
        value = json.dumps({**ENVELOPE, "traceparent": TRACEPARENT.decode()}).encode()
        decoded = decode(_record(value, headers), TYPES_BY_TOPIC)
        assert _event(decoded)._replace(time=None) == _event(_decode(ORDER, ce_time=None))
        poison = _poison(
            decode(_record(json.dumps({**ENVELOPE, "data": {}}).encode(), headers), TYPES_BY_TOPIC)
        )
        assert (poison.source, poison.event_id, poison.type) == ("/shop", "event-1", "order.placed")


def test_the_type_of_a_cloudevent_does_not_depend_on_its_topic() -> None:
    record = _record(json.dumps(ORDER).encode(), BINARY, topic="everything")
    assert _event(decode(record, {})).type is EventType.ORDER_PLACED


@pytest.mark.parametrize(
    ("time", "instant"),
    [
        (b"2026-03-02T09:15:00Z", datetime(2026, 3, 2, 9, 15, tzinfo=UTC)),
        (b"2026-03-02t09:15:00z", datetime(2026, 3, 2, 9, 15, tzinfo=UTC)),
        (b"2026-03-02T10:15:00+01:00", datetime(2026, 3, 2, 9, 15, tzinfo=UTC)),
        (b"2026-03-02T09:15:00.5Z", datetime(2026, 3, 2, 9, 15, 0, 500_000, tzinfo=UTC)),
        (b"2026-03-02T09:15:00.123456789Z", datetime(2026, 3, 2, 9, 15, 0, 123_456, tzinfo=UTC)),
        (b"2026-03-02T09:15:00-00:00", datetime(2026, 3, 2, 9, 15, tzinfo=UTC)),
        (None, None),
    ],
)
def test_time(time: bytes | None, instant: datetime | None) -> None:
    told = _event(_decode(ORDER, ce_time=time)).time
    assert told == instant
    assert told is None or told.utcoffset() is not None


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        b"",
        b"nothing",
        b"\xff",
        TRACEPARENT.upper(),
        TRACEPARENT[:-1],
        TRACEPARENT + b"-",
        TRACEPARENT + b"\n",
        b"ff" + TRACEPARENT[2:],
        b"00-" + b"0" * 32 + TRACEPARENT[35:],
        TRACEPARENT[:36] + b"0" * 16 + b"-01",
    ],
)
def test_a_trace_context_that_is_not_well_formed_is_dropped(traceparent: bytes | None) -> None:
    decoded = _decode(ORDER, traceparent=traceparent)
    assert isinstance(decoded, Arrival)
    assert decoded.traceparent is None


def test_the_trace_context_of_the_cloudevents_extension_is_taken_too() -> None:
    decoded = _decode(ORDER, traceparent=None, ce_traceparent=TRACEPARENT)
    assert isinstance(decoded, Arrival)
    assert decoded.traceparent == TRACEPARENT.decode()


@pytest.mark.parametrize(
    "header",
    [
        ("other", b"\xff\xfe"),
        ("other", None),
        ("", b""),
        ("ce_subject", b"\xff"),
        ("ce_subject", None),
        ("ce_dataschema", b"\x00"),
        ("dlq-reason", b"malformed_json"),
        ("reply_to", b"anywhere"),
        ("content-type", None),
        ("content-type", b"\xff"),
        ("content-type", b"text/plain"),
        ("тема", "значение".encode()),
    ],
)
def test_a_header_that_is_not_needed_never_hurts(header: tuple[str, bytes | None]) -> None:
    name, raw = header
    _event(decode(_record(json.dumps(ORDER).encode(), {**BINARY, name: raw}), TYPES_BY_TOPIC))
    bare = _record(json.dumps(ORDER).encode(), {name: raw})
    _event(decode(bare, TYPES_BY_TOPIC))


@pytest.mark.parametrize(
    "text", ["a", "ü", "日本", "a b", "a|b", "a\u00a0b", "\u202e", "😀", "x" * 255, "😀" * 255]
)
def test_ids_may_be_any_text_without_control_characters(text: str) -> None:
    data = {**ORDER, "order_id": text, "lines": [{**LINE, "line_item_id": text}]}
    event = _event(_decode(data, ce_id=text.encode(), ce_source=text.encode()))
    assert (event.event_id, event.source) == (text, text)
    assert isinstance(event.data, OrderPlaced)
    assert event.data.order_id == event.data.lines[0].line_item_id == text


def test_unknown_fields_are_ignored_but_belong_to_the_body() -> None:
    plain, more = _event(_decode(ORDER)), _event(_decode({**ORDER, "currency": "eur"}))
    assert plain.data == more.data
    assert plain.body_hash != more.body_hash


def test_enums_and_defaults() -> None:
    placed = _event(_decode({**ORDER, "policy": "all_or_nothing", "strategy": "random"})).data
    assert isinstance(placed, OrderPlaced)
    assert (placed.policy, placed.strategy) == (Policy.ALL_OR_NOTHING, Strategy.RANDOM)
    counted = _event(_decode({"sku": "s", "location_id": "l", "quantity": 0}, ce_type=b"stock.set")).data
    assert isinstance(counted, StockSet)
    assert counted.bucket is StockBucket.STOCKED
    shipped = _event(_decode({"order_id": "o", "fulfillment_id": "f"}, ce_type=b"order.fulfilled")).data
    assert isinstance(shipped, OrderFulfilled)
    assert shipped.lines is None


@pytest.mark.parametrize("quantity", ["1234567890123456.123456", '"1234567890123456.123456"'])
def test_a_quantity_beyond_what_floats_hold_is_exact(quantity: str) -> None:
    value = f'{{"sku": "s", "location_id": "l", "quantity": {quantity}}}'.encode()
    counted = _event(_decode(value, ce_type=b"stock.set")).data
    assert isinstance(counted, StockSet)
    assert counted.quantity == Decimal("1234567890123456.123456")


def test_a_thousand_lines_are_read() -> None:
    lines = [{**LINE, "line_item_id": f"line-{number}"} for number in range(1000)]
    data = _event(
        _decode({"cart_id": "c", "sales_channel_id": "s", "lines": lines}, ce_type=b"cart.validated")
    ).data
    assert isinstance(data, CartValidated)
    assert len(data.lines) == 1000


# The body hash


def _turned(value: Any) -> Any:
    """The same JSON value with the keys of every object in reverse order."""
    match value:
        case dict():
            return {key: _turned(inner) for key, inner in reversed(value.items())}
        case list():
            return [_turned(inner) for inner in value]
        case _:
            return value


@pytest.mark.parametrize("data", [ORDER, _turned(ORDER)])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("quantity", ["2", "2.0", "2.00"])
def test_the_hash_does_not_depend_on_the_spelling(data: Any, indent: int | None, quantity: str) -> None:
    value = json.dumps(data, indent=indent).replace('"quantity": 2', f'"quantity": {quantity}')
    assert _event(_decode(value.encode())).body_hash == _event(_decode(ORDER)).body_hash


def test_the_hash_knows_numbers_of_unknown_fields_by_value() -> None:
    hashes = {
        _event(_decode(json.dumps(ORDER).replace("}]}", f'}}], "total": {total}}}').encode())).body_hash
        for total in ("100", "100.0", "1e2", "1.0E+2", "1000e-1")
    }
    assert len(hashes) == 1


def test_the_hash_does_not_depend_on_mode_time_or_identity() -> None:
    usual = _event(_decode(ORDER)).body_hash
    assert _event(_decode(ORDER, ce_id=b"other", ce_source=b"other", ce_time=None)).body_hash == usual
    assert _event(_structured(id="other", time="2020-01-01T00:00:00Z", subject="s")).body_hash == usual


@pytest.mark.parametrize(
    "other",
    [
        {**ORDER, "order_id": "order-2"},
        {**ORDER, "cart_id": None},
        {**ORDER, "lines": [{**LINE, "quantity": 3}]},
        {**ORDER, "lines": [{**LINE, "quantity": "2"}]},
        {**ORDER, "lines": [LINE, {**LINE, "line_item_id": "line-2"}]},
    ],
)
def test_another_body_has_another_hash(other: dict[str, object]) -> None:
    assert _event(_decode(other)).body_hash != _event(_decode(ORDER)).body_hash


def test_the_same_data_under_another_type_has_another_hash() -> None:
    location = {"location_id": "l", "name": "L"}
    hashes = {
        _event(_decode(location, ce_type=f"location.{what}".encode())).body_hash
        for what in ("created", "updated", "deleted")
    }
    assert len(hashes) == 3


def test_the_hash_stays_the_same_for_ever() -> None:
    """Hashes are kept in the database: another way of taking them would turn retries into `id_reuse`."""
    canonical = (
        b'{"lines":[{"line_item_id":"line-1","quantity":2,"variant_id":"variant-1"}],'
        b'"order_id":"order-1","sales_channel_id":"channel-1"}'
    )
    assert _event(_decode(ORDER)).body_hash == b"\x01" + sha256(b"order.placed\n" + canonical).digest()[:15]


# What is refused

ENVELOPE_REFUSED = DeadReason.MALFORMED_ENVELOPE
JSON_REFUSED = DeadReason.MALFORMED_JSON
CONTRACT = DeadReason.CONTRACT_VIOLATION


@pytest.mark.parametrize(
    ("headers", "reason", "error_class"),
    [
        ({"ce_specversion": None}, ENVELOPE_REFUSED, "attribute_missing"),
        ({"ce_specversion": b""}, DeadReason.UNSUPPORTED_VERSION, "specversion_unsupported"),
        ({"ce_specversion": b"0.3"}, DeadReason.UNSUPPORTED_VERSION, "specversion_unsupported"),
        ({"ce_specversion": b"1.1"}, DeadReason.UNSUPPORTED_VERSION, "specversion_unsupported"),
        ({"ce_specversion": b"2.0"}, DeadReason.UNSUPPORTED_VERSION, "specversion_unsupported"),
        ({"ce_specversion": b"1.0 "}, DeadReason.UNSUPPORTED_VERSION, "specversion_unsupported"),
        ({"ce_specversion": b"\xff"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_type": None}, ENVELOPE_REFUSED, "attribute_missing"),
        ({"ce_type": b""}, DeadReason.UNKNOWN_TYPE, "type_unknown"),
        ({"ce_type": b"order.exploded"}, DeadReason.UNKNOWN_TYPE, "type_unknown"),
        ({"ce_type": b"ORDER.PLACED"}, DeadReason.UNKNOWN_TYPE, "type_unknown"),
        ({"ce_type": b"inventory.result"}, DeadReason.UNKNOWN_TYPE, "type_unknown"),
        ({"ce_type": b"\xff"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_source": None}, ENVELOPE_REFUSED, "attribute_missing"),
        ({"ce_source": b""}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_source": b"s" * 256}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_source": b"a\nb"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_source": b"\xff"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_id": None}, ENVELOPE_REFUSED, "attribute_missing"),
        ({"ce_id": b""}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_id": b"i" * 256}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_id": b"a\x00b"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_id": b"a\x1bb"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_id": b"a\x7fb"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_id": "a\x85b".encode()}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_id": b"\xff"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b""}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"yesterday"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"2026-03-02"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"2026-03-02T09:15:00"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"2026-03-02 09:15:00Z"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"2026-03-02T09:15Z"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"2026-02-30T09:15:00Z"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"2026-03-02T25:15:00Z"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"2026-03-02T09:15:00+25:00"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"20260302T091500Z"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"1772442900"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"0001-01-01T00:00:00+23:00"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"9999-12-31T23:59:59-23:00"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": "٢٠٢٦-03-02T09:15:00Z".encode()}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"2026-03-02T09:15:00Z\n"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"ce_time": b"\xff"}, ENVELOPE_REFUSED, "attribute_invalid"),
    ],
)
def test_bad_attributes(headers: Headers, reason: DeadReason, error_class: str) -> None:
    present: Headers = {name: raw for name, raw in {**BINARY, **headers}.items() if raw is not None}
    for given_headers in (present, {**BINARY, **headers}):
        poison = _poison(decode(_record(json.dumps(ORDER).encode(), given_headers), TYPES_BY_TOPIC))
        assert (poison.reason, poison.error_class) == (reason, error_class)


@pytest.mark.parametrize(
    ("value", "reason", "error_class"),
    [
        (None, JSON_REFUSED, "value_missing"),
        (b"", JSON_REFUSED, "json_syntax"),
        (b"order", JSON_REFUSED, "json_syntax"),
        (b'{"order_id": "o"', JSON_REFUSED, "json_syntax"),
        (b'{"order_id": NaN}', JSON_REFUSED, "json_syntax"),
        (b'{"order_id": Infinity}', JSON_REFUSED, "json_syntax"),
        (b'{"order_id": "\\ud800 alone"}', JSON_REFUSED, "json_syntax"),
        (b'{"order_id": "\xff"}', JSON_REFUSED, "json_encoding"),
        (b'{"order_id": "a\\u0000b"}', JSON_REFUSED, "json_null_character"),
        (b'{"metadata": {"a": ["\\u0000"]}}', JSON_REFUSED, "json_null_character"),
        (b'{"order_id": "a", "order_id": "b"}', JSON_REFUSED, "json_doubled_key"),
        (b"[" * 5000 + b"]" * 5000, JSON_REFUSED, "json_depth"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, JSON_REFUSED, "json_depth"),
        (b'{"total": 1e999}', JSON_REFUSED, "json_number"),
        (b'{"total": ' + b"9" * 101 + b"}", JSON_REFUSED, "json_number"),
        (b'"' + b"x" * VALUE_BYTES_MAX + b'"', DeadReason.OVERSIZED, "value_oversized"),
        (b"\x00" * (VALUE_BYTES_MAX + 1), DeadReason.OVERSIZED, "value_oversized"),
        (b"null", CONTRACT, "model_type"),
        (b"[]", CONTRACT, "model_type"),
        (b'"text"', CONTRACT, "model_type"),
        (b"1", CONTRACT, "model_type"),
        (b"1e5", CONTRACT, "model_type"),
        (b"{}", CONTRACT, "missing"),
    ],
)
def test_bad_values(value: bytes | None, reason: DeadReason, error_class: str) -> None:
    poison = _poison(decode(_record(value, BINARY), TYPES_BY_TOPIC))
    assert (poison.reason, poison.error_class) == (reason, error_class)
    assert (poison.source, poison.event_id, poison.type) == ("/shop", "event-1", "order.placed")


def _lines(**fields: object) -> dict[str, object]:
    return {**ORDER, "lines": [{**LINE, **fields}]}


@pytest.mark.parametrize(
    ("event_type", "data", "where"),
    [
        ("order.placed", {**ORDER, "lines": None}, "lines"),
        ("order.placed", {**ORDER, "lines": []}, "lines"),
        ("order.placed", {**ORDER, "lines": {}}, "lines"),
        ("order.placed", {**ORDER, "lines": "line"}, "lines"),
        ("order.placed", {**ORDER, "lines": [None]}, "lines.0"),
        ("order.placed", {**ORDER, "lines": [LINE, LINE]}, "data"),
        (
            "order.placed",
            {**ORDER, "lines": [{**LINE, "line_item_id": str(n)} for n in range(1001)]},
            "lines",
        ),
        ("order.placed", {**ORDER, "order_id": None}, "order_id"),
        ("order.placed", {**ORDER, "order_id": ""}, "order_id"),
        ("order.placed", {**ORDER, "order_id": 1}, "order_id"),
        ("order.placed", {**ORDER, "order_id": ["o"]}, "order_id"),
        ("order.placed", {**ORDER, "order_id": "o" * 256}, "order_id"),
        ("order.placed", {**ORDER, "order_id": "a\u0001"}, "order_id"),
        ("order.placed", {**ORDER, "order_id": "a\u007f"}, "order_id"),
        ("order.placed", {**ORDER, "order_id": "a\u009f"}, "order_id"),
        ("order.placed", {**ORDER, "order_id": "a\r\nb"}, "order_id"),
        ("order.placed", {**ORDER, "cart_id": 7}, "cart_id"),
        ("order.placed", {**ORDER, "policy": "whatever"}, "policy"),
        ("order.placed", {**ORDER, "strategy": "furthest"}, "strategy"),
        ("order.placed", {**ORDER, "destination": {"latitude": 91, "longitude": 0}}, "destination.latitude"),
        (
            "order.placed",
            {**ORDER, "destination": {"latitude": "48", "longitude": 0}},
            "destination.latitude",
        ),
        (
            "order.placed",
            {**ORDER, "destination": {"latitude": True, "longitude": 0}},
            "destination.latitude",
        ),
        ("order.placed", {**ORDER, "destination": {"latitude": 48.2}}, "destination.longitude"),
        ("order.placed", {**ORDER, "ship_date": "2026-02-30"}, "ship_date"),
        ("order.placed", {**ORDER, "ship_date": "20260501"}, "ship_date"),
        ("order.placed", {**ORDER, "ship_date": 1777593600}, "ship_date"),
        ("order.placed", _lines(quantity=0), "lines.0.quantity"),
        ("order.placed", _lines(quantity=-1), "lines.0.quantity"),
        ("order.placed", _lines(quantity="0"), "lines.0.quantity"),
        ("order.placed", _lines(quantity="-0.5"), "lines.0.quantity"),
        ("order.placed", _lines(quantity="one"), "lines.0.quantity"),
        ("order.placed", _lines(quantity="1e3"), "lines.0.quantity"),
        ("order.placed", _lines(quantity="+1"), "lines.0.quantity"),
        ("order.placed", _lines(quantity="1_0"), "lines.0.quantity"),
        ("order.placed", _lines(quantity="٣"), "lines.0.quantity"),
        ("order.placed", _lines(quantity="1.0000001"), "lines.0.quantity"),
        ("order.placed", _lines(quantity=0.0000001), "lines.0.quantity"),
        ("order.placed", _lines(quantity=1e22), "lines.0.quantity"),
        ("order.placed", _lines(quantity=9_000_000_001), "lines.0.quantity"),
        ("order.placed", _lines(quantity=2**70), "lines.0.quantity"),
        ("order.placed", _lines(quantity=True), "lines.0.quantity"),
        ("order.placed", _lines(quantity=None), "lines.0.quantity"),
        ("order.placed", _lines(quantity=[1]), "lines.0.quantity"),
        ("order.placed", _lines(variant_id=None), "lines.0.variant_id"),
        ("order.placed", _lines(location_id=""), "lines.0.location_id"),
        ("cart.validated", {"cart_id": "c", "sales_channel_id": "s", "lines": []}, "lines"),
        ("cart.validated", {"cart_id": "c", "sales_channel_id": "s", "lines": [LINE, LINE]}, "data"),
        ("cart.validated", {"cart_id": "c", "lines": [LINE]}, "sales_channel_id"),
        ("order.fulfilled", {"order_id": "o"}, "fulfillment_id"),
        ("order.fulfilled", {"order_id": "o", "fulfillment_id": "f", "lines": []}, "lines"),
        ("order.fulfilled", {"order_id": "o", "fulfillment_id": "f", "lines": [LINE, LINE]}, "data"),
        ("order.canceled", {"order_id": "o", "line_item_ids": ["l", "l"]}, "data"),
        ("order.updated", {"order_id": "o", "lines": [LINE, LINE]}, "data"),
        ("order.returned", {"order_id": "o", "return_id": "r"}, "lines"),
        ("order.returned", {"order_id": "o", "return_id": "r", "lines": [LINE, LINE]}, "data"),
        (
            "order.returned",
            {"order_id": "o", "return_id": "r", "lines": [{**LINE, "disposition": "lost"}]},
            "lines.0.disposition",
        ),
        (
            "reservation.moved",
            {"order_id": "o", "line_item_id": "l", "from_location_id": "a"},
            "to_location_id",
        ),
        (
            "reservation.moved",
            {
                "order_id": "o",
                "line_item_id": "l",
                "from_location_id": "a",
                "to_location_id": "b",
                "quantity": 0,
            },
            "quantity",
        ),
        ("stock.set", {"location_id": "l", "quantity": 1}, "data"),
        ("stock.set", {"sku": "s", "inventory_item_id": "i", "location_id": "l", "quantity": 1}, "data"),
        ("stock.set", {"sku": "s", "location_id": "l"}, "quantity"),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": -1}, "quantity"),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": 2**63}, "quantity"),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": 1, "bucket": "reserved"}, "bucket"),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": 1, "version": 0}, "version"),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": 1, "version": "1"}, "version"),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": 1, "version": 1.5}, "version"),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": 1, "version": 2**63}, "version"),
        (
            "stock.set",
            {"sku": "s", "location_id": "l", "quantity": 1, "expected_level_version": -1},
            "expected_level_version",
        ),
        ("stock.adjusted", {"sku": "s", "location_id": "l", "delta": 0}, "delta"),
        ("stock.adjusted", {"sku": "s", "location_id": "l", "delta": 1, "bucket": "reserved"}, "bucket"),
        ("stock.adjusted", {"sku": "s", "location_id": "l", "delta": 1, "to_bucket": "damaged"}, "data"),
        (
            "stock.adjusted",
            {"sku": "s", "location_id": "l", "delta": -1, "to_bucket": "stocked"},
            "data",
        ),
        ("stock.adjusted", {"sku": "s", "location_id": "l"}, "delta"),
        ("variant.created", {"variant_id": "v", "manage_inventory": 1}, "manage_inventory"),
        ("variant.created", {"variant_id": "v", "allow_backorder": "no"}, "allow_backorder"),
        ("variant.created", {"variant_id": "v", "decimal_places": 7}, "decimal_places"),
        ("variant.created", {"variant_id": "v", "decimal_places": -1}, "decimal_places"),
        ("variant.created", {"variant_id": "v", "title": "t" * 1001}, "title"),
        ("variant.created", {"variant_id": "v", "metadata": []}, "metadata"),
        ("variant.created", {"variant_id": "v", "weight": -1}, "weight"),
        ("variant.created", {"variant_id": "v", "inventory_items": [{}]}, "inventory_items.0"),
        (
            "variant.created",
            {"variant_id": "v", "inventory_items": [{"sku": "a", "inventory_item_id": "b"}]},
            "inventory_items.0",
        ),
        (
            "variant.created",
            {"variant_id": "v", "inventory_items": [{"sku": "a", "required_quantity": 0}]},
            "inventory_items.0.required_quantity",
        ),
        ("location.created", {"name": "L"}, "location_id"),
        ("location.created", {"location_id": "l", "roles": ["cooks"]}, "roles.0"),
        ("location.created", {"location_id": "l", "roles": "sells"}, "roles"),
        ("location.created", {"location_id": "l", "priority": "1"}, "priority"),
        ("location.updated", {"location_id": "l", "version": -1}, "version"),
        ("location.deleted", {}, "location_id"),
        ("sales_channel.updated", {"sales_channel_id": "c"}, "location_ids"),
        ("sales_channel.updated", {"sales_channel_id": "c", "location_ids": ["a", "a"]}, "data"),
        ("sales_channel.updated", {"sales_channel_id": "c", "location_ids": [1]}, "location_ids.0"),
    ],
)
def test_contract_violations(event_type: str, data: dict[str, object], where: str) -> None:
    for decoded in (_decode(data, ce_type=event_type.encode()), _structured(type=event_type, data=data)):
        poison = _poison(decoded)
        assert poison.reason is CONTRACT
        assert poison.error_message.startswith(f"{where}: ")
        assert (poison.source, poison.event_id, poison.type) == ("/shop", "event-1", event_type)


@pytest.mark.parametrize(
    ("members", "reason", "error_class"),
    [
        ({"specversion": ...}, ENVELOPE_REFUSED, "attribute_missing"),
        ({"specversion": 1.0}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"specversion": "0.3"}, DeadReason.UNSUPPORTED_VERSION, "specversion_unsupported"),
        ({"type": ...}, ENVELOPE_REFUSED, "attribute_missing"),
        ({"type": ["order.placed"]}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"type": "order.exploded"}, DeadReason.UNKNOWN_TYPE, "type_unknown"),
        ({"source": None}, ENVELOPE_REFUSED, "attribute_missing"),
        ({"source": ""}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"id": ...}, ENVELOPE_REFUSED, "attribute_missing"),
        ({"id": 5}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"id": "a\nb"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"time": 1772442900}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"time": "now"}, ENVELOPE_REFUSED, "attribute_invalid"),
        ({"data_base64": "e30="}, ENVELOPE_REFUSED, "data_base64"),
        ({"data": ..., "data_base64": 1}, ENVELOPE_REFUSED, "data_base64"),
        ({"data": ..., "data_base64": "e30"}, ENVELOPE_REFUSED, "data_base64"),
        ({"data": ..., "data_base64": "é"}, ENVELOPE_REFUSED, "data_base64"),
        ({"data": ..., "data_base64": "ey4="}, JSON_REFUSED, "json_syntax"),
        ({"data": ..., "data_base64": "e30="}, CONTRACT, "missing"),
        ({"data": ...}, CONTRACT, "model_type"),
        ({"data": None}, CONTRACT, "model_type"),
        ({"data": json.dumps(ORDER)}, CONTRACT, "model_type"),
    ],
)
def test_bad_structured_events(members: dict[str, object], reason: DeadReason, error_class: str) -> None:
    poison = _poison(_structured(**members))
    assert (poison.reason, poison.error_class) == (reason, error_class)


@pytest.mark.parametrize(
    ("value", "content_type", "reason", "error_class"),
    [
        (None, b"application/cloudevents+json", JSON_REFUSED, "value_missing"),
        (b"{", b"application/cloudevents+json", JSON_REFUSED, "json_syntax"),
        (b"[]", b"application/cloudevents+json", ENVELOPE_REFUSED, "envelope_type"),
        (b"null", b"APPLICATION/CLOUDEVENTS+JSON", ENVELOPE_REFUSED, "envelope_type"),
        (b"[]", b"application/cloudevents-batch+json", ENVELOPE_REFUSED, "content_type"),
        (b"{}", b"application/cloudevents+avro", ENVELOPE_REFUSED, "content_type"),
        (b"x" * (VALUE_BYTES_MAX + 1), b"application/cloudevents", DeadReason.OVERSIZED, "value_oversized"),
    ],
)
def test_bad_structured_values(
    value: bytes | None, content_type: bytes, reason: DeadReason, error_class: str
) -> None:
    poison = _poison(decode(_record(value, {"content-type": content_type}), TYPES_BY_TOPIC))
    assert (poison.reason, poison.error_class) == (reason, error_class)
    assert (poison.source, poison.event_id, poison.type) == (None, None, None)


def test_without_cloudevents_on_an_unknown_topic() -> None:
    poison = _poison(decode(_record(json.dumps(ORDER).encode(), topic="elsewhere"), TYPES_BY_TOPIC))
    assert (poison.reason, poison.source, poison.event_id) == (
        DeadReason.UNKNOWN_TYPE,
        "kafka:elsewhere",
        "3-11",
    )
    assert poison.type is None


def test_without_cloudevents_a_bad_value_is_known_by_its_position() -> None:
    poison = _poison(decode(_record(b"{"), TYPES_BY_TOPIC))
    assert poison.reason is JSON_REFUSED
    assert (poison.source, poison.event_id, poison.type) == ("kafka:order.placed", "3-11", "order.placed")


@pytest.mark.parametrize(
    ("headers", "identity"),
    [
        ({"ce_id": b"\xff"}, ("/shop", None, "order.placed")),
        ({"ce_id": b"i" * 256}, ("/shop", None, "order.placed")),
        ({"ce_source": b"a\nb"}, (None, "event-1", "order.placed")),
        ({"ce_type": b"unheard.of"}, ("/shop", "event-1", "unheard.of")),
        ({"ce_type": b"\xff"}, ("/shop", "event-1", None)),
        ({"ce_specversion": b"9"}, ("/shop", "event-1", "order.placed")),
    ],
)
def test_a_poison_tells_what_can_be_read_of_its_identity(
    headers: Headers, identity: tuple[str | None, str | None, str | None]
) -> None:
    record = _record(json.dumps(ORDER).encode(), {**BINARY, **headers})
    poison = _poison(decode(record, TYPES_BY_TOPIC))
    assert (poison.source, poison.event_id, poison.type) == identity
    assert poison.record is record


def test_messages_are_short_and_tell_nothing_of_the_values() -> None:
    secret = "someone@example.com"
    lines = [
        {"line_item_id": secret + "\n", "variant_id": secret * 20, "quantity": secret} for _ in range(50)
    ]
    data = {"order_id": [secret], "sales_channel_id": "c", "lines": lines, "policy": secret, secret: secret}
    poison = _poison(_decode(data))
    assert secret not in poison.error_message
    assert len(poison.error_message) <= ERROR_MESSAGE_LENGTH_MAX
    assert "more" in poison.error_message


# Nothing raises

headers_of_any_kind = st.lists(
    st.tuples(
        st.sampled_from([*BINARY, "ce_traceparent", "other"]) | st.text(max_size=5),
        st.none()
        | st.binary(max_size=30)
        | st.sampled_from([raw for raw in BINARY.values() if raw is not None]),
    ),
    max_size=8,
).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def _check(record: RawRecord) -> None:
    decoded = decode(record, TYPES_BY_TOPIC)
    assert decoded.record is record
    if isinstance(decoded, Poison):
        assert len(decoded.error_message) <= ERROR_MESSAGE_LENGTH_MAX
    else:
        assert decoded == decode(record, TYPES_BY_TOPIC)


@given(st.none() | st.binary(max_size=200), headers_of_any_kind, st.sampled_from([*TYPES_BY_TOPIC, "other"]))
def test_no_record_of_any_bytes_raises(
    value: bytes | None, headers: tuple[tuple[str, bytes | None], ...], topic: str
) -> None:
    _check(RawRecord(Position(topic, 0, 1), 0, None, value, headers))


@given(st.sampled_from(sorted(INPUTS)), json_values, st.sampled_from([BINARY, STRUCTURED, {}]))
def test_no_json_raises(event_type: str, data: object, headers: Headers) -> None:
    document = {**ENVELOPE, "type": event_type, "data": data} if headers is STRUCTURED else data
    _check(_record(json.dumps(document).encode("utf-8", "surrogatepass"), headers, topic=event_type))


def _mutations() -> st.SearchStrategy[Callable[[bytes], bytes]]:
    at = st.integers(0, 400)
    return st.one_of(
        st.builds(
            lambda where, byte: lambda text: text[:where] + byte + text[where + 1 :],
            at,
            st.binary(max_size=2),
        ),
        st.builds(lambda where: lambda text: text[:where], at),
        st.builds(lambda first, last: lambda text: text[:first] + text[last:], at, at),
    )


@given(st.lists(_mutations(), min_size=1, max_size=3), st.sampled_from([BINARY, STRUCTURED]))
def test_no_damaged_event_raises(mutations: list[Callable[[bytes], bytes]], headers: Headers) -> None:
    value = json.dumps(ENVELOPE if headers is STRUCTURED else ORDER).encode()
    for mutation in mutations:
        value = mutation(value)
    _check(_record(value, headers))


@given(st.datetimes(datetime(1970, 1, 2), datetime(8999, 12, 30)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_every_rfc_3339_time_is_read(moment: datetime, offset_minutes: int) -> None:
    sign, (hours, minutes) = "-" if offset_minutes < 0 else "+", divmod(abs(offset_minutes), 60)
    time = f"{moment.isoformat()}{sign}{hours:02}:{minutes:02}"
    told = _event(_decode(ORDER, ce_time=time.encode())).time
    assert told is not None
    assert told.astimezone(UTC) == moment.replace(tzinfo=UTC) - timedelta(minutes=offset_minutes)
