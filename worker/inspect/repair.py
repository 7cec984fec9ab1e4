"""`audit --repair`: what the audit finds is put right while the workers work, by events of its own kind.

Each repair is an event audit.repaired, judged under the locks of the level or order that it names: the rule
looks again, so what changed since the audit does no harm, and a second run finds nothing left to do.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import asyncpg

import sql
from schemas.event_type import EventType
from schemas.internal import AuditRepaired
from worker.inspect.audit import Audit, audit
from worker.inspect.own_events import judge_on
from worker.inspect.rows import Json
from worker.runtime.decode import Arrival
from worker.runtime.internal import internal_arrival

if TYPE_CHECKING:
    from worker.inspect.own_events import Judge
    from worker.runtime.database import Connection
    from worker.settings import Settings

LEVEL_QUERIES = ("audit_level_ledger", "audit_level_reserved", "audit_level_version", "orphaned_levels_read")
SUBJECTS_MAX = 1_000
"""Of each query, how many levels or orders one round puts right."""
ROUNDS_MAX = 1_000
TRANSACTION_MAX = 20
"""Levels put right in one transaction: what they lock, workers wait for."""


class Subject(NamedTuple):
    """A level (item, location) or an order that contradicts itself."""

    item_id: str | None
    location_id: str | None
    order_id: str | None


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was found, what was done about it, and what is found then."""

    before: Audit
    repairs: Sequence[dict[str, Json]]
    """Answers to the repairs that changed something."""
    after: Audit

    def as_json(self) -> dict[str, Json]:
        """As `audit --repair --json` prints it: the audit as it stands then, what it was, what was done."""
        return {**self.after.as_json(), "before": self.before.as_json(), "repairs": list(self.repairs)}


async def repair(settings: "Settings", batches_max: int | None) -> Repaired:
    """Audit, put right what can be, audit again. Raises Transient, and what asyncpg raises."""
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        before = await audit(connection, batches_max)
        repairs: list[dict[str, Json]] = []
        if before.is_clean:
            return Repaired(before, repairs, before)
        async with judge_on(settings, "audit") as judge:
            tried: set[Subject] = set()
            for _ in range(ROUNDS_MAX):
                subjects = [one for one in await _subjects(connection) if one not in tried]
                if not subjects:
                    break
                tried.update(subjects)
                repairs += await _repaired(connection, judge, subjects)
        return Repaired(before, repairs, await audit(connection, batches_max))
    finally:
        await connection.close()


async def _subjects(connection: "Connection") -> list[Subject]:
    """Levels first: an order gives back to a level that is right."""
    found: dict[Subject, None] = {}
    for name in LEVEL_QUERIES:
        for row in await connection.fetch(sql.query(name), SUBJECTS_MAX):
            found[Subject(row["inventory_item_id"], row["location_id"], None)] = None
    if not found:
        for row in await connection.fetch(sql.query("audit_line_exceeded"), SUBJECTS_MAX):
            found[Subject(None, None, row["order_id"])] = None
    return list(found)


async def _repaired(
    connection: "Connection", judge: "Judge", subjects: Sequence[Subject]
) -> list[dict[str, Json]]:
    now: datetime = await connection.fetchval(sql.query("clock_read"))
    answers: list[dict[str, Json]] = []
    for some in _by(TRANSACTION_MAX, subjects):
        answers += await judge([_event(subject, now) for subject in some])
    return [answer for answer in answers if answer["outcome"] == "applied"]


def _by(size: int, subjects: Sequence[Subject]) -> Iterator[Iterable[Subject]]:
    for start in range(0, len(subjects), size):
        yield subjects[start : start + size]


def _event(subject: Subject, now: datetime) -> Arrival:
    """The repair of a subject that this audit found; another audit's is another event."""
    data = AuditRepaired(
        inventory_item_id=subject.item_id, location_id=subject.location_id, order_id=subject.order_id
    )
    name = subject.order_id if subject.item_id is None else f"{subject.item_id}|{subject.location_id}"
    assert name is not None
    return internal_arrival(EventType.AUDIT_REPAIRED, data, name, now.isoformat(), now)
