"""Another order in which the same events may arrive.

Events about orders, carts and reservations change places; catalogue and stock events stay where they are and
nothing passes them: a count before a shipment is not the same as after it, and an order placed before a
location was stocked may be served from elsewhere. Nor does anything pass a cart that takes or gives up a
hold, as others find less or more then. So the file is cut at those events, and each segment between them is
shuffled.

Some events of one order do not commute either, whatever the worker does. They keep their order among each
other: placements of the same order, news under one fulfilment, return or event id (the first one counts),
changes of an order without a version, shipments and moves of an order where one of them names a location, and
all of an order that is shipped and also changed, canceled or unshipped: a canceled order ships what nobody
holds then, what exceeds an order is refused until its change is there, what came back is not unshipped.
"""

import random
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import groupby

from schemas.event_type import EventType
from worker.dev.event_lines import LineRecord

MOVABLE = ("order.", "fulfillment.", "cart.", "reservation.")


ALTERING = (EventType.ORDER_UPDATED, EventType.ORDER_CANCELED, EventType.FULFILLMENT_CANCELED)


def is_movable(record: LineRecord) -> bool:
    """Whether the record changes places: an event about an order, a cart or a reservation, but for holds."""
    if record.type is None or record.type == EventType.CART_RELEASED or "hold" in record.data:
        return False
    return record.type.startswith(MOVABLE)


def segments(records: Iterable[LineRecord]) -> Iterator[list[LineRecord]]:
    """The file cut into runs of movable events and single other ones, each to be settled before the next."""
    for movable, run in groupby(records, is_movable):
        if movable:
            yield list(run)
        else:
            for record in run:
                yield [record]


def shuffled(segment: Sequence[LineRecord], seed: int) -> list[LineRecord]:
    """The segment's records in an order drawn by the seed, those that do not commute in their own."""
    places = list(range(len(segment)))
    random.Random(f"{seed} {segment[0].line_no if segment else 0}").shuffle(places)
    lanes = _lanes(segment)
    members: dict[int, list[int]] = {}
    for at in places:
        members.setdefault(lanes[at], []).append(at)
    in_order = {lane: iter(sorted(held)) for lane, held in members.items()}
    return [segment[next(in_order[lanes[at]])] for at in places]


def _lanes(segment: Sequence[LineRecord]) -> list[int]:
    """For each record the first of those that it keeps its order with."""
    told = {(record.type, _order(record)) for record in segment}
    altered = {order for name, order in told if name in ALTERING}
    altered &= {
        order for name, order in told if name in (EventType.ORDER_FULFILLED, EventType.RESERVATION_MOVED)
    }
    located = {
        _order(record)
        for record in segment
        if record.type == EventType.RESERVATION_MOVED
        or (record.type == EventType.ORDER_FULFILLED and "location_id" in record.data)
    }
    lanes = list(range(len(segment)))
    first: dict[Hashable, int] = {}
    for at, record in enumerate(segment):
        for key in _keys(record, located, altered):
            lanes[_root(lanes, at)] = _root(lanes, first.setdefault(key, at))
    return [_root(lanes, at) for at in range(len(segment))]


def _keys(record: LineRecord, located: set[str], altered: set[str]) -> Iterator[Hashable]:
    """What two records must have in common to keep their order."""
    order = _order(record)
    if record.event_id is not None:
        yield "event", record.source, record.event_id
    if order in altered:
        yield "altered", order
    match record.type:
        case EventType.ORDER_PLACED:
            yield "placed", order
        case EventType.ORDER_UPDATED if "version" not in record.data:
            yield "changed", order
        case EventType.ORDER_FULFILLED | EventType.RESERVATION_MOVED if order in located:
            yield "shipped", order
        case EventType.ORDER_FULFILLED:
            yield "fulfillment", order, str(record.data.get("fulfillment_id"))
        case EventType.ORDER_RETURNED:
            yield "return", order, str(record.data.get("return_id"))
        case _:
            pass


def _order(record: LineRecord) -> str:
    return str(record.data.get("order_id"))


def _root(lanes: list[int], at: int) -> int:
    while lanes[at] != at:
        at = lanes[at]
    return at
