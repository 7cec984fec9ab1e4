"""What the state of things makes due: events that the worker tells itself, found by looking (protocol P4).

A location was deleted and orders or carts hold something there; stock came to one place and is missing at
another; a deleted variant's last reservation ended. None of them is a signal that could be lost: each is a
query, and what it finds is judged as an event of its own, one subject at a time. The same finding gives the
same event id, so that two workers that find it at once apply it once.
"""

from typing import TYPE_CHECKING

import sql
from schemas.event_type import EventType
from schemas.internal import CartHoldEvacuated, LocationEvacuated, ReservationReallocated, VariantRemoved
from worker.runtime.internal import internal_arrival

if TYPE_CHECKING:
    from worker.runtime.database import Connection
    from worker.runtime.decode import Arrival

CLOCK_READ = sql.query("clock_read")
EVACUATIONS_DUE, REALLOCATIONS_DUE = sql.query("evacuations_due"), sql.query("reallocations_due")
HOLDS_EVACUATIONS_DUE = sql.query("holds_evacuations_due")
VARIANT_REMOVALS_DUE = sql.query("variant_removals_due")


async def follow_ups(connection: "Connection", events_max: int) -> "list[Arrival]":
    """The events that are due, at most so many of each kind."""
    now = await connection.fetchval(CLOCK_READ)
    arrivals = []
    for row in await connection.fetch(EVACUATIONS_DUE, events_max):
        order_id, location_id = row["order_id"], row["location_id"]
        evacuated = LocationEvacuated(order_id=order_id, location_id=location_id)
        generation = f"{location_id}\n{row['revision']}"
        arrivals.append(internal_arrival(EventType.LOCATION_EVACUATED, evacuated, order_id, generation, now))
    for row in await connection.fetch(HOLDS_EVACUATIONS_DUE, events_max):
        cart_id, location_id = row["cart_id"], row["location_id"]
        left = CartHoldEvacuated(cart_id=cart_id, location_id=location_id)
        generation = f"{location_id}\n{row['generation']}"
        arrivals.append(internal_arrival(EventType.CART_HOLD_EVACUATED, left, cart_id, generation, now))
    for row in await connection.fetch(REALLOCATIONS_DUE, events_max):
        order_id, generation = row["order_id"], str(row["generation"])
        reallocated = ReservationReallocated(order_id=order_id)
        arrivals.append(
            internal_arrival(EventType.RESERVATION_REALLOCATED, reallocated, order_id, generation, now)
        )
    for row in await connection.fetch(VARIANT_REMOVALS_DUE, events_max):
        variant_id, generation = row["variant_id"], str(row["generation"])
        removed = VariantRemoved(variant_id=variant_id)
        arrivals.append(internal_arrival(EventType.VARIANT_REMOVED, removed, variant_id, generation, now))
    return arrivals
