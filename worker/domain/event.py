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
    """`HASH_VERSION` and 15 bytes over type and data, the same for every spelling of the same JSON."""


HASH_VERSION = 1
"""Raised when the canonical form changes; hashes of different versions say nothing about each other."""


def is_other_body(body_hash: bytes | None, event: Event) -> bool:
    """Whether a stored hash shows that an event says something else than the one it was taken of."""
    return body_hash is None or (body_hash != event.body_hash and body_hash[0] == event.body_hash[0])
