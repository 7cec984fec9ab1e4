"""Which order or event explains a contradiction that the audit found.

Two witnesses are asked: order lines, whose reservations the ledger has line by line, and the archive, which
keeps every level as it was told with the event that changed it.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import orjson

import sql
from worker.inspect.archive import level_told
from worker.inspect.rows import Json, wire_row, wire_rows
from worker.inspect.why import BUCKETS
from worker.runtime.codes import PLACES_PER_BATCH
from worker.runtime.records import unpack

if TYPE_CHECKING:
    from worker.runtime.database import Connection

EXPLANATIONS_MAX = 10
MOVEMENTS_MAX = 2_000
"""How far back a level's ledger is compared with what was told."""
BATCHES_MAX = 200
"""How many batches are searched for an event whose movement is lost."""


async def order_lines_off(connection: "Connection", item_id: str, location_id: str) -> list[dict[str, Json]]:
    """Order lines that hold something else of a level than the ledger says, with their last event there."""
    rows = await connection.fetch(sql.query("explain_lines"), item_id, location_id, EXPLANATIONS_MAX)
    return [
        {
            "reason": f"this order line holds {row.pop('held')}, the ledger says {row.pop('ledger')}",
            **row,
        }
        for row in wire_rows(rows)
    ]


async def shipments(connection: "Connection", order_id: str, line_item_id: str) -> list[dict[str, Json]]:
    """The events that shipped of an order line or brought some of it back."""
    rows = await connection.fetch(sql.query("explain_shipments"), order_id, line_item_id)
    return [{"reason": f"this event made {row.pop('what')}", **row} for row in wire_rows(rows)]


async def first_departure(connection: "Connection", item_id: str, location_id: str) -> list[dict[str, Json]]:
    """Where a level's ledger departs from what was told of the level; nothing where the archive is silent.

    Goes back in the ledger to the last moment at which both agree, and forward from there to the first batch
    that told the level otherwise: its events about the item are the ones to look at.
    """
    rows = wire_rows(await connection.fetch(sql.query("explain_ledger"), item_id, location_id, MOVEMENTS_MAX))
    after: dict[int, Mapping[str, Json]] = {}
    for row in rows:
        after.setdefault(row["event_seq"] // PLACES_PER_BATCH, row)
    agreed, departed = 0, None
    for batch_id in list(after)[:BATCHES_MAX]:
        told = await _told(connection, batch_id, item_id, location_id)
        if told is not None and _same(told, after[batch_id]):
            agreed = batch_id
            break
        departed = batch_id
    found = await _told_otherwise(connection, (item_id, location_id), after, agreed, departed)
    if found is not None:
        return await _events_about(connection, found, item_id, "the ledger departs from what this event told")
    if agreed:
        last = await _events_about(
            connection, agreed, item_id, "the level was changed without an event after this one"
        )
        return last[-1:]
    return []


async def _told(
    connection: "Connection", batch_id: int, item_id: str, location_id: str
) -> Mapping[str, Json] | None:
    rows = await connection.fetch(sql.query("batches_read"), [batch_id])
    return level_told(unpack(rows[0]["frames"]), item_id, location_id) if rows else None


async def _told_otherwise(
    connection: "Connection",
    place: tuple[str, str],
    after: Mapping[int, Mapping[str, Json]],
    agreed: int,
    departed: int | None,
) -> int | None:
    """The first batch after the agreement that told the level, other than its ledger has it."""
    if not agreed and departed is None:
        return None
    for row in await connection.fetch(sql.query("batches_between"), agreed, departed, BATCHES_MAX):
        told = level_told(unpack(row["frames"]), *place)
        if told is not None:
            stored = after.get(row["batch_id"])
            if stored is None or not _same(told, stored):
                return int(row["batch_id"])
    return None


def _same(told: Mapping[str, Json], stored: Mapping[str, Json]) -> bool:
    return told["level_version"] == stored["version"] and all(
        Decimal(str(told[bucket])) == Decimal(str(stored[bucket])) for bucket in BUCKETS
    )


async def _events_about(
    connection: "Connection", batch_id: int, item_id: str, reason: str
) -> list[dict[str, Json]]:
    """The events of a batch whose answers name the item."""
    [batch] = await connection.fetch(sql.query("batches_read"), [batch_id])
    frames = unpack(batch["frames"])
    name = orjson.dumps(item_id)
    found: Sequence[dict[str, Json]] = [
        {"reason": reason, **wire_row(row)}
        for row in await connection.fetch(sql.query("explain_events"), batch_id)
        if row["place"] is not None and name in (frames[row["place"]].value or b"")
    ]
    for one in found:
        del one["place"]
    return list(found[:EXPLANATIONS_MAX])
