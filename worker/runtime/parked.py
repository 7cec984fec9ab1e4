"""Parked events as rows: the record they came in, byte for byte, and what they wait for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from schemas.outcome import DeadReason
from worker.domain.model import ParkedEvent, WaitKind, WaitsFor
from worker.runtime.decode import Arrival, Poison, Position, RawRecord, decode

if TYPE_CHECKING:
    import asyncpg

    from worker.runtime.database import Connection
    from worker.runtime.interned import Interned

_headers_encoder = msgspec.msgpack.Encoder()
_headers_decoder = msgspec.msgpack.Decoder(tuple[tuple[str, bytes | None], ...])


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A parked event read back: decoded again, or poison where the contract has changed since."""

    decoded: Arrival | Poison
    source: str
    event_id: str
    order_no: int | None
    arrival: int
    waits_for: WaitsFor
    until: datetime

    @property
    def parked(self) -> ParkedEvent:
        """The event as the rules see it. Only for rows that decoded."""
        assert isinstance(self.decoded, Arrival)  # callers look at `decoded` first
        return ParkedEvent(self.decoded.event, self.arrival, self.waits_for, self.until)


def as_dead(row: ParkedRow, reason: DeadReason, error_class: str, message: str) -> ParkedRow:
    """The row with its event turned into a dead letter, whatever could be read of it."""
    read = row.decoded
    type_name = read.event.type if isinstance(read, Arrival) else read.type
    poison = Poison(reason, error_class, message, read.record, row.source, row.event_id, type_name)
    return replace(row, decoded=poison)


def pack_headers(headers: tuple[tuple[str, bytes | None], ...]) -> bytes:
    """Record headers as the parked row keeps them."""
    return _headers_encoder.encode(headers)


async def parked_rows(
    connection: "Connection",
    rows: "Iterable[asyncpg.Record]",
    interned: "Interned",
    types_by_topic: Mapping[str, str],
) -> list[ParkedRow]:
    """Rows of `parked` with their sources and topics named and their records decoded."""
    rows = list(rows)
    await interned.know_source_nos(connection, (row["source_no"] for row in rows))
    if any(row["topic_no"] not in interned.topics for row in rows):
        await interned.read_topics(connection)
    return [_parked_row(row, interned, types_by_topic) for row in rows]


def _parked_row(row: "asyncpg.Record", interned: "Interned", types_by_topic: Mapping[str, str]) -> ParkedRow:
    record = RawRecord(
        position=Position(interned.topics[row["topic_no"]], row["partition"], row["record_offset"]),
        timestamp_ms=row["timestamp_ms"],
        key=row["key"],
        value=row["value"],
        headers=_headers_decoder.decode(row["headers"]),
    )
    return ParkedRow(
        decoded=decode(record, types_by_topic),
        source=interned.sources[row["source_no"]],
        event_id=row["event_id"],
        order_no=row["order_no"],
        arrival=row["arrival"],
        waits_for=WaitsFor(WaitKind(row["waits_kind"]), row["waits_key"]),
        until=row["until"],
    )
