"""The audit: looks in the database for whatever contradicts itself.

What the schema's constraints cannot hold is looked for here, read-only, in one snapshot and without stopping
anybody: levels against their ledger and their reservations, order lines against what was held, shipped and
returned for them, parked events and answers against the inbox, references that no foreign key keeps
(invariants I1–I4 of the scenarios; DESIGN §4, §7).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

import asyncpg

import sql
from worker.inspect import explain
from worker.inspect.archive import mistaken_names
from worker.inspect.rows import Json, wire_row
from worker.runtime.availability import AvailabilityCounter
from worker.runtime.load import Usual

if TYPE_CHECKING:
    from worker.runtime.database import Connection

FINDINGS_MAX = 100
"""Of each kind, how many are told one by one; all are counted."""
EXPLAINED_MAX = 50
"""How many findings are explained: each explanation reads a ledger."""
BATCHES_MAX = 50
"""How many of the newest batches the names in the archive are compared for, unless told otherwise."""


class FindingKind(StrEnum):
    """What contradicts what; the value names its query, sql/queries/audit_*.sql."""

    LEVEL_LEDGER = "level_ledger"
    """A level's bucket is not the sum of its movements."""
    LEVEL_RESERVED = "level_reserved"
    """A level's reserved quantity is not the sum of its reservations."""
    LEVEL_VERSION = "level_version"
    """A level's ledger lacks a version, or goes past the level's."""
    LINE_EXCEEDED = "line_exceeded"
    """More is held and shipped for a part of an order line than its frozen recipe takes."""
    LINE_UNITS = "line_units"
    """The units of a line that moved are not what its shipments or returns come to."""
    LINE_RETURNED = "line_returned"
    """More of a line was shipped than ordered, or came back than was shipped."""
    PARKED = "parked"
    """The inbox has an event as parked that is not, or the reverse."""
    ANSWER = "answer"
    """An event's final answer is not in the archive."""
    REFERENCE = "reference"
    """A row names another that is not there."""
    PUBLICATION = "publication"
    """A batch's answers were not published, and its worker's claim to do so ran out."""
    AVAILABILITY = "availability"
    """A value for storefronts was not published, and nobody is about to."""
    AVAILABILITY_VALUE = "availability_value"
    """Storefronts were told something else than is available (no query: counted by the worker's own rule)."""
    INTERNED = "interned"
    """An event or a level was told by another name than its number now stands for (no query: the archive)."""


WITHOUT_QUERY = frozenset((FindingKind.INTERNED, FindingKind.AVAILABILITY_VALUE))


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction: its kind, and the ids and figures that show it, quantities as on the wire."""

    kind: FindingKind
    figures: Mapping[str, Json]
    explained_by: Sequence[Mapping[str, Json]] = ()
    """The orders and events to look at, each with the reason; none where nothing tells."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found."""

    drift: int
    """Contradictions in all; 0 is clean."""
    findings: tuple[Finding, ...]
    """The contradictions one by one, at most `FINDINGS_MAX` of each kind."""
    levels: int
    movements: int
    reservations: int
    events: int
    """How many rows of each were looked at."""
    batches_unpublished: int
    """Batches whose answers are still on their way: no contradiction."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing contradicts anything."""
        return self.drift == 0

    def as_json(self) -> dict[str, Json]:
        """The audit as `simulate --json` and `audit --json` print it."""
        return {
            "drift": self.drift,
            "findings": [
                {
                    "kind": finding.kind.value,
                    **finding.figures,
                    "explained_by": list(finding.explained_by),
                }
                for finding in self.findings
            ],
            "checked": {
                "levels": self.levels,
                "movements": self.movements,
                "reservations": self.reservations,
                "events": self.events,
            },
            "batches_unpublished": self.batches_unpublished,
        }


async def audit(connection: "Connection", batches_max: int | None = BATCHES_MAX) -> Audit:
    """Look at the whole database as of one moment; reads only, and blocks nobody.

    The names in the archive are compared for so many of the newest batches (None: for all).
    Raises what asyncpg raises.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        counted = await connection.fetchrow(sql.query("audit_counts"))
        assert counted is not None
        drift = 0
        findings: list[Finding] = []
        for kind in FindingKind:
            if kind in WITHOUT_QUERY:
                continue
            rows = await connection.fetch(sql.query(f"audit_{kind}"), FINDINGS_MAX)
            if rows:
                drift += rows[0]["total"]
                findings += [Finding(kind, _figures(row)) for row in rows]
        mistaken = [one async for one in mistaken_names(connection, batches_max)]
        drift += len(mistaken)
        findings += [Finding(FindingKind.INTERNED, one) for one in mistaken[:FINDINGS_MAX]]
        wrong = [wire_row(row) async for row in AvailabilityCounter(Usual()).differing(connection)]
        drift += len(wrong)
        findings += [Finding(FindingKind.AVAILABILITY_VALUE, one) for one in wrong[:FINDINGS_MAX]]
        findings = await _explained(connection, findings)
    return Audit(drift=drift, findings=tuple(findings), **counted)


async def _explained(connection: "Connection", findings: Sequence[Finding]) -> list[Finding]:
    """The findings, the first few of them with the orders and events that explain them."""
    return [
        replace(finding, explained_by=await _explanation(connection, finding))
        if at < EXPLAINED_MAX
        else finding
        for at, finding in enumerate(findings)
    ]


async def _explanation(connection: "Connection", finding: Finding) -> Sequence[Mapping[str, Json]]:
    figures = finding.figures
    match finding.kind:
        case FindingKind.LEVEL_LEDGER | FindingKind.LEVEL_RESERVED | FindingKind.LEVEL_VERSION:
            place = figures["inventory_item_id"], figures["location_id"]
            lines: list[dict[str, Json]] = []
            if figures.get("bucket", "reserved") == "reserved":
                lines = await explain.order_lines_off(connection, *place)
            return lines or await explain.first_departure(connection, *place)
        case FindingKind.LINE_EXCEEDED | FindingKind.LINE_UNITS | FindingKind.LINE_RETURNED:
            return await explain.shipments(connection, figures["order_id"], figures["line_item_id"])
        case (
            FindingKind.PARKED
            | FindingKind.ANSWER
            | FindingKind.REFERENCE
            | FindingKind.PUBLICATION
            | FindingKind.AVAILABILITY
            | FindingKind.AVAILABILITY_VALUE
            | FindingKind.INTERNED
        ):
            return ()
        case _:
            assert_never(finding.kind)


async def audit_of(database_url: str, batches_max: int | None = BATCHES_MAX) -> Audit:
    """The same of the database at a URL. Raises what asyncpg raises."""
    connection = await asyncpg.connect(database_url)
    try:
        return await audit(connection, batches_max)
    finally:
        await connection.close()


def _figures(row: "asyncpg.Record") -> dict[str, Json]:
    figures = wire_row(row)
    del figures["total"]
    return figures
