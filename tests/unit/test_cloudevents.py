"""Interoperability with the official CloudEvents SDK, as producer of events and as reader of answers."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid5

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.http import CloudEvent as OldCloudEvent
from cloudevents.v1.kafka import to_binary as old_to_binary
from cloudevents.v1.kafka import to_structured as old_to_structured
from hypothesis import given
from hypothesis import strategies as st

from schemas.orders import OrderPlaced
from schemas.topics import Output
from worker.runtime.cloudevents import NAMESPACE, event_uuid, output_headers, shared_headers
from worker.runtime.decode import Arrival, Poison, Position, RawRecord, decode

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ATTRIBUTES = {
    "type": "order.placed",
    "source": "/shop/münchen",
    "id": "01JNB5T7Q0-ü",
    "datacontenttype": "application/json",
    "subject": "order-1",
    "traceparent": TRACEPARENT,
    "partitionkey": "order-1",
}
DATA: dict[str, Any] = {
    "order_id": "order-1",
    "sales_channel_id": "channel-1",
    "lines": [{"line_item_id": "line-1", "variant_id": "variant-é", "quantity": 1.5}],
    "note": "für später",
}
TIMES = [
    datetime(2026, 3, 2, 9, 15, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 15, 0, 123_456, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 15, tzinfo=timezone(timedelta(hours=5, minutes=30))),
]


def _decoded(message: Any) -> Arrival | Poison:
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return decode(
        RawRecord(Position("orders", 0, 7), 0, key, message.value, tuple(message.headers.items())), {}
    )


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("write", [kafka.to_binary_event, kafka.to_structured_event])
def test_what_the_sdk_writes_is_read(write: Any, time: datetime) -> None:
    arrival = _decoded(write(CloudEvent(attributes={**ATTRIBUTES, "time": time}, data=DATA)))
    assert isinstance(arrival, Arrival), arrival
    event = arrival.event
    assert (event.source, event.event_id, event.type) == ("/shop/münchen", "01JNB5T7Q0-ü", "order.placed")
    assert event.time == time
    assert isinstance(event.data, OrderPlaced)
    assert event.data.lines[0].variant_id == "variant-é"
    assert arrival.traceparent == TRACEPARENT
    assert arrival.record.key == b"order-1"


def test_data_that_the_sdk_writes_as_base64_is_read() -> None:
    event = CloudEvent(attributes=dict(ATTRIBUTES), data=json.dumps(DATA).encode())
    arrival = _decoded(kafka.to_structured_event(event))
    assert isinstance(arrival, Arrival), arrival


def test_both_modes_of_the_sdk_are_the_same_event() -> None:
    event = CloudEvent(attributes={**ATTRIBUTES, "time": TIMES[0]}, data=DATA)
    binary, structured = (
        _decoded(write(event)) for write in (kafka.to_binary_event, kafka.to_structured_event)
    )
    assert isinstance(binary, Arrival)
    assert isinstance(structured, Arrival)
    assert binary.event == structured.event


@pytest.mark.parametrize("write", [old_to_binary, old_to_structured])
def test_what_the_sdk_wrote_before_its_second_version_is_read(write: Any) -> None:
    arrival = _decoded(write(OldCloudEvent({**ATTRIBUTES, "time": "2026-03-02T09:15:00Z"}, DATA)))
    assert isinstance(arrival, Arrival), arrival
    assert arrival.event.event_id == "01JNB5T7Q0-ü"


def _answer() -> kafka.KafkaMessage:
    """A record as the worker writes it."""
    headers = output_headers(
        shared_headers("inventory-worker", Output.RESULTS.event_type, "2026-03-02T09:15:00.213000Z"),
        event_uuid("/shop/münchen\n01JNB5T7Q0-ü\nresult"),
        ("/shop/münchen", "01JNB5T7Q0-ü"),
    )
    value = json.dumps({"type": "order.placed", "outcome": "applied", "order_id": "order-é"}).encode()
    return kafka.KafkaMessage(
        headers={name: raw for name, raw in headers if raw is not None}, key=b"order-1", value=value
    )


@pytest.mark.parametrize("read", [kafka.from_kafka_event, kafka.from_binary_event])
def test_what_the_worker_writes_is_read_by_the_sdk(read: Any) -> None:
    event = read(_answer())
    assert event.get_type() == "inventory.result"
    assert event.get_source() == "inventory-worker"
    assert event.get_id() == event_uuid("/shop/münchen\n01JNB5T7Q0-ü\nresult")
    assert event.get_specversion() == "1.0"
    assert event.get_time() == datetime(2026, 3, 2, 9, 15, 0, 213_000, tzinfo=UTC)
    assert event.get_datacontenttype() == "application/json"
    assert event.get_extension("causationid") == "01JNB5T7Q0-ü"
    assert event.get_extension("causationsource") == "/shop/münchen"
    assert event.get_data() == {"type": "order.placed", "outcome": "applied", "order_id": "order-é"}


def test_what_nothing_caused_names_no_cause() -> None:
    shared = shared_headers("inventory-worker", "inventory.level-changed", "2026-03-02T09:15:00Z")
    headers = output_headers(shared, "id", None)
    assert {name for name, _ in headers} == {
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_time",
        "content-type",
    }


def test_the_namespace_never_changes() -> None:
    assert UUID("56dc0218-5a0d-5346-9146-2dac6c99a9fe") == NAMESPACE


@given(st.text())
def test_ids_are_version_5_uuids(name: str) -> None:
    try:
        expected = uuid5(NAMESPACE, name)
    except UnicodeEncodeError:
        return
    assert event_uuid(name) == str(expected)
