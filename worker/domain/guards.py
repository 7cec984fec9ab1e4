"""Absolute events: which of two is the older one (rulings "Absolute events")."""

from worker.domain.event import Event
from worker.domain.model import Guard

NO_GUARD = Guard()


def is_stale(event: Event, version: int | None, guard: Guard) -> bool:
    """Whether a newer event was applied: by version, else by event time from the same source."""
    if version is not None and guard.version is not None:
        return version < guard.version
    if event.time is not None and guard.time is not None and event.source == guard.source:
        return event.time < guard.time
    return False


def guard_after(event: Event, version: int | None, guard: Guard) -> Guard:
    """What later events are compared with once this one is applied; what it does not say stays as it was."""
    return Guard(
        version=guard.version if version is None else version,
        source=guard.source if event.time is None else event.source,
        time=guard.time if event.time is None else event.time,
    )
