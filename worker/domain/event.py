"""An event as the rules see it: what it says, and the identity under which it is answered once."""

from datetime import datetime
from typing import NamedTuple

from schemas import EventData, EventType


class Event(NamedTuple):
    """A decoded event that kept its contract; (source, event_id) is its identity (DESIGN §4 rule 7)."""

    source: str
    event_id: str
    type: EventType
    time: datetime | None
    """When it happened, by the producer's clock, with time zone; None where the record does not say."""
    data: EventData
    body_hash: bytes
    """16 bytes over type and data, the same for every spelling of the same JSON."""
