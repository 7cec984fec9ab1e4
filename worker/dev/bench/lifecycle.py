"""Whole lifecycles of the orders to measure with: what becomes of each, as a shop sees it over time."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from schemas import EventType
from worker.dev.bench.workload import LOCATION_IDS, ORDER_INTERVAL, START, Message, Workload

Json = dict[str, Any]

LAG_SHARE = 4
"""A parcel leaves when this share of all orders has come since its order."""

CHANGED, MOVED, CANCELED, SHIPPED_IN_PARTS, UNSHIPPED, RETURNED, COUNTED = (
    0.1,
    0.03,
    0.07,
    0.2,
    0.03,
    0.15,
    0.1,
)
"""Of how many orders this is told, and to how many a count of stock comes."""


class _Told(NamedTuple):
    at: datetime
    type: EventType
    data: Json


def lifecycles(workload: Workload, count: int, seed: int) -> list[Message]:
    """All events of so many orders, in the order of their times; those of one order on one partition.

    Each order's cart is validated, then it is placed. Some are changed, moved or canceled; the others are
    shipped, some in parts, some not after all, and some come back. Every event can be applied.
    """
    chance = random.Random(f"lifecycles {seed}")
    lag = ORDER_INTERVAL * max(1, count // LAG_SHARE)
    events: list[tuple[datetime, Message]] = []
    for number, placed in enumerate(workload.orders(count, seed)):
        at = START + number * ORDER_INTERVAL
        order = orjson.loads(placed.value)
        first, *others = _lifecycle(order, at, lag, chance)
        key = order["order_id"]
        events += [(first.at, workload.event(first.type, key, first.data, first.at, chance)), (at, placed)]
        events += [(one.at, workload.event(one.type, key, one.data, one.at, chance)) for one in others]
    return [message for _, message in sorted(events, key=lambda event: event[0])]


def _lifecycle(order: Json, at: datetime, lag: timedelta, chance: random.Random) -> Iterator[_Told]:
    """The order's events but for its placement, which comes after the first."""
    order_id, lines = order["order_id"], [dict(line) for line in order["lines"]]
    cart = {"cart_id": f"cart_{order_id}", "sales_channel_id": order["sales_channel_id"], "lines": lines}
    yield _Told(at, EventType.CART_VALIDATED, cart)
    if chance.random() < COUNTED:
        found = {
            "variant_id": lines[0]["variant_id"],
            "location_id": LOCATION_IDS[-1],
            "delta": 1,
            "reason": "found",
        }
        yield _Told(at, EventType.STOCK_ADJUSTED, found)
    if chance.random() < CHANGED:
        lines[0]["quantity"] += 1
        changed = {"order_id": order_id, "version": 2, "lines": [dict(line) for line in lines]}
        yield _Told(at + lag / 4, EventType.ORDER_UPDATED, changed)
    if chance.random() < MOVED:
        route = {"from_location_id": LOCATION_IDS[0], "to_location_id": LOCATION_IDS[1]}
        moved = {"order_id": order_id, "line_item_id": lines[0]["line_item_id"], **route}
        yield _Told(at + lag / 2, EventType.RESERVATION_MOVED, moved)
    if chance.random() < CANCELED:
        yield _Told(at + lag, EventType.ORDER_CANCELED, {"order_id": order_id})
        return
    yield from _shipments(order_id, lines, at + lag, lag, chance)
    if chance.random() < RETURNED:
        back = [{"line_item_id": lines[0]["line_item_id"], "quantity": 1}]
        returned = {"order_id": order_id, "return_id": "r1", "lines": back}
        yield _Told(at + 2 * lag, EventType.ORDER_RETURNED, returned)


def _shipments(
    order_id: str, lines: list[Json], at: datetime, lag: timedelta, chance: random.Random
) -> Iterator[_Told]:
    if chance.random() < SHIPPED_IN_PARTS:
        for number, line in enumerate(lines, 1):
            part = [{"line_item_id": line["line_item_id"], "quantity": line["quantity"]}]
            data = {"order_id": order_id, "fulfillment_id": f"f{number}", "lines": part}
            yield _Told(at + number * lag / 8, EventType.ORDER_FULFILLED, data)
        return
    yield _Told(at, EventType.ORDER_FULFILLED, {"order_id": order_id, "fulfillment_id": "f1"})
    if chance.random() < UNSHIPPED:
        undone = {"order_id": order_id, "fulfillment_id": "f1"}
        yield _Told(at + lag / 4, EventType.FULFILLMENT_CANCELED, undone)
        yield _Told(at + lag / 2, EventType.ORDER_FULFILLED, {"order_id": order_id, "fulfillment_id": "f2"})
