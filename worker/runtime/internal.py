"""Events that the worker tells itself, in the form in which it reads those of others.

They are judged, answered and kept like any event. Read from Kafka, their types are unknown.
"""

from datetime import datetime
from hashlib import sha256

from schemas import EventData, EventType
from worker.domain.event import HASH_VERSION, Event
from worker.runtime.cloudevents import event_uuid
from worker.runtime.decode import BODY_HASH_BYTES, Arrival, Position, RawRecord
from worker.runtime.exact_json import canonical

SOURCE = "inventory-worker"
TOPIC = "inventory-worker"
"""Where such events are said to have been read; it is no topic of Kafka's."""


def internal_arrival(
    type_: EventType,
    data: EventData,
    subject: str,
    generation: str,
    now: datetime,
) -> Arrival:
    """An event about a subject. The same subject, generation and type give the same event id for ever."""
    assert type_.is_internal
    encoded = canonical(data.model_dump(mode="json", exclude_defaults=True))
    event_id = event_uuid(f"{type_}\n{subject}\n{generation}")
    attributes = {"specversion": "1.0", "type": type_.value, "source": SOURCE, "id": event_id}
    record = RawRecord(
        Position(TOPIC, 0, 0),
        int(now.timestamp() * 1000),
        subject.encode(),
        encoded,
        tuple((f"ce_{name}", value.encode()) for name, value in attributes.items()),
    )
    body_hash = bytes([HASH_VERSION]) + sha256(type_.encode() + b"\n" + encoded).digest()
    return Arrival(Event(SOURCE, event_id, type_, now, data, body_hash[:BODY_HASH_BYTES]), record, None)
