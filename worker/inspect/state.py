"""What stands in the database, as lists of JSON values: levels, reservations, parked events, dead letters."""

from typing import TYPE_CHECKING

import sql
from worker.domain.model import WaitKind
from worker.inspect.rows import Json, wire_rows

if TYPE_CHECKING:
    from worker.runtime.database import Connection


async def levels(connection: "Connection") -> list[dict[str, Json]]:
    """Every level, by item and location; at a deleted location while anything but 0 is in it (rulings)."""
    return wire_rows(await connection.fetch(sql.query("state_levels")))


async def reservations(connection: "Connection") -> list[dict[str, Json]]:
    """Every reservation, oldest order first: of an order line, or (with `cart_id`) the hold of a cart's."""
    rows = wire_rows(await connection.fetch(sql.query("state_reservations")))
    return [
        {
            "order_id": row["order_id"],
            "cart_id": row["cart_id"],
            "line_item_id": row["line_item_id"],
            "inventory_item_id": row["inventory_item_id"],
            "location_id": row["location_id"],
            "quantity": row["quantity"],
        }
        for row in rows
    ]


async def parked(connection: "Connection") -> list[dict[str, Json]]:
    """Every parked event, in order of arrival, with what it waits for and until when."""
    rows = wire_rows(await connection.fetch(sql.query("state_parked")))
    return [
        {
            "cause_id": row["event_id"],
            "cause_source": row["source"],
            "type": row["type"],
            "order_id": row["order_id"],
            "waits_for": {"kind": WaitKind(row["waits_kind"]).name.lower(), "key": row["waits_key"]},
            "until": row["until"],
            "parked_at": row["parked_at"],
        }
        for row in rows
    ]


async def dead_letters(connection: "Connection") -> list[dict[str, Json]]:
    """Every dead letter, in the order they died: why, where it was read, and its identity, if any."""
    rows = wire_rows(await connection.fetch(sql.query("state_dead_letters")))
    return [
        {
            "reason": row["reason"],
            "state": row["state"],
            "topic": row["topic"],
            "partition": row["partition"],
            "offset": row["record_offset"],
            "cause_id": row["event_id"],
            "cause_source": row["source"],
            "at": row["at"],
        }
        for row in rows
    ]
