"""Fulfilment: goods of an order leave a location (DESIGN §3, §4 rules 6, 10; rulings "Orders")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.orders import FulfilledLine, OrderFulfilled
from schemas.outcome import Outcome
from schemas.quantity import micro, text_micro
from worker.domain.allocate import STRATEGIES, route_of, spread
from worker.domain.answer import units_json
from worker.domain.availability import Demand, FreeUnits, Shortage, fits, take, units_of
from worker.domain.books import Books, held_at, held_units
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import (
    MICRO,
    Bucket,
    Fulfillment,
    Item,
    Level,
    Line,
    LineQuantity,
    Location,
    Order,
    Shipped,
    WaitKind,
    WaitsFor,
)
from worker.domain.places import held_last, preference
from worker.domain.verdict import Obstacle, Poison, Refusal, Short, applied_before, stopped


class Shipping(NamedTuple):
    """How much of a line leaves, millionths of a unit."""

    line: Line
    quantity_micro: int


class Shipment(NamedTuple):
    """Units of one item of a line that leave one level, smallest units."""

    line: Line
    level: Level
    units: int


def order_fulfilled(books: Books, event: Event) -> Verdict:
    """Ships from what the order holds, else from what nobody holds; all of it or nothing.

    Without lines: all that is held now. Without a location: from where it is held, then from the channel's
    locations in the order's strategy. Another location than the one that holds the goods is a checked
    hand-over: free units there leave, and as many are released here. A fact: never refused for a
    cancellation's sake, only for going beyond what was ordered or what is in stock.
    """
    data = event.data
    assert isinstance(data, OrderFulfilled)
    order = books.orders[data.order_id]
    answer: Json = {
        "order_id": data.order_id,
        "order_revision": order.revision + 1,
        "fulfillment_id": data.fulfillment_id,
    }
    shipping = _shipping(books, order, event, data)
    if not isinstance(shipping, list):
        return stopped(event, shipping, books.snapshot, answer, order)
    if data.location_id is None:
        shipments = _from_where_held(books, order, shipping)
    else:
        shipments = _from_location(books, order, shipping, books.catalogue.locations[data.location_id])
    if not isinstance(shipments, list):
        return stopped(event, shipments, books.snapshot, answer, order)

    shipped = []
    for line, level, units in shipments:
        _ship(books, order, line, level, units)
        shipped.append(Shipped(line.line_no, level, units))
    for line, quantity_micro in shipping:
        line.shipped_micro += quantity_micro
    fulfillment = Fulfillment(
        fulfillment_no=len(order.fulfillments) + 1,
        fulfillment_id=data.fulfillment_id,
        body_hash=event.body_hash,
        lines=tuple(LineQuantity(line.line_no, quantity_micro) for line, quantity_micro in shipping),
        shipped=tuple(shipped),
    )
    order.fulfillments[data.fulfillment_id] = fulfillment
    books.decision.orders_touched[order] = None
    books.decision.fulfillments_new.append((order, fulfillment, len(books.decision.verdicts)))
    answer["lines"] = [_shipped_line(one, fulfillment) for one in shipping]
    return Verdict(event, Outcome.APPLIED, answer, order)


def _shipping(books: Books, order: Order, event: Event, data: OrderFulfilled) -> list[Shipping] | Obstacle:
    """What leaves of which lines, before any stock is looked at."""
    if not order.lines:
        return WaitsFor(WaitKind.ORDER, order.order_id)
    before = order.fulfillments.get(data.fulfillment_id)
    if before is not None:
        return applied_before(event, before.body_hash, f"fulfillment {data.fulfillment_id}")
    shipping = _wanted(order, data)
    if not isinstance(shipping, list) or data.location_id is None:
        return shipping
    location = books.catalogue.locations.get(data.location_id)
    if location is None:
        return WaitsFor(WaitKind.LOCATION, data.location_id)
    if not location.ships:
        return Refusal(Outcome.LOCATION_NOT_ALLOWED, f"location {data.location_id} does not ship")
    return shipping


def _wanted(order: Order, data: OrderFulfilled) -> list[Shipping] | Obstacle:
    """The lines that the event names, else all that is held; waits for a newer order that it was made by."""
    shipping = _held_now(order) if data.lines is None else _asked(order, data.lines)
    may_grow = (
        data.order_version is not None and data.order_version > (order.version or 0) and not order.canceled
    )
    if isinstance(shipping, Refusal) and may_grow:
        return WaitsFor(WaitKind.ORDER, order.order_id)
    return shipping


def _held_now(order: Order) -> list[Shipping] | Refusal:
    """Every line with what it holds now; unmanaged lines hold all that has not left yet."""
    shipping = [Shipping(line, held) for line in order.lines if (held := _held_micro(order, line))]
    if shipping:
        return shipping
    outcome = Outcome.ORDER_CANCELED if order.canceled else Outcome.EXCEEDS_ORDERED
    return Refusal(outcome, f"order {order.order_id} holds nothing to ship")


def _held_micro(order: Order, line: Line) -> int:
    if line.recipe is None:
        return order.open_micro(line)
    return min(held_units(line, part.item) * MICRO // part.required for part in line.recipe.parts)


def _asked(order: Order, asked: Iterable[FulfilledLine]) -> list[Shipping] | Refusal | Poison:
    """The lines that the event names, with as much as it says of each; ordered less shipped at most."""
    lines = {line.line_item_id: line for line in order.lines}
    shipping = []
    for one in asked:
        line, quantity_micro = lines.get(one.line_item_id), micro(one.quantity)
        if line is None:
            return Refusal(Outcome.EXCEEDS_ORDERED, f"order {order.order_id} has no line {one.line_item_id}")
        if line.recipe is not None and not fits(quantity_micro, line.recipe):
            return Poison(f"the quantity of line {one.line_item_id} is not countable in its items")
        left = max(0, line.quantity_micro - line.shipped_micro)
        if quantity_micro > left:
            return Refusal(
                Outcome.EXCEEDS_ORDERED,
                f"of line {one.line_item_id} {text_micro(left)} are left to ship,"
                f" not {text_micro(quantity_micro)}",
            )
        shipping.append(Shipping(line, quantity_micro))
    return shipping


@dataclass(slots=True)
class _Leaving:
    """What the shipments chosen so far take from levels: of what is in stock, and of what nobody holds."""

    gone: dict[Level, int] = field(default_factory=dict)
    gone_free: dict[Level, int] = field(default_factory=dict)

    def held(self, line: Line, level: Level) -> int:
        """Units that the line holds at the level, as far as they are in stock."""
        return min(held_at(line, level.item, level.location), level.stocked - self.gone.get(level, 0))

    def there(self, line: Line, level: Level) -> int:
        """Units that the line holds at the level or that nobody holds there, as far as they are in stock."""
        free = max(0, level.available - self.gone_free.get(level, 0))
        held = held_at(line, level.item, level.location)
        return min(level.stocked - self.gone.get(level, 0), held + free)

    def take(self, line: Line, level: Level, units: int) -> Shipment:
        """These units leave: first what the line holds, then what nobody holds."""
        held = held_at(line, level.item, level.location)
        self.gone[level] = self.gone.get(level, 0) + units
        self.gone_free[level] = self.gone_free.get(level, 0) + max(0, units - held)
        return Shipment(line, level, units)


def _from_where_held(
    books: Books, order: Order, shipping: Sequence[Shipping]
) -> list[Shipment] | Short | WaitsFor:
    """Each line from what it holds; what it does not hold, from what nobody holds in the channel."""
    channel = books.catalogue.channels.get(order.sales_channel_id or "")
    leaving = _Leaving()
    shipments: list[Shipment] = []
    short: list[Shortage] = []
    for line, quantity_micro in shipping:
        if line.recipe is None:
            continue
        parts = line.recipe.parts
        where = (books.as_it_is_now(one.level.location) for one in line.reservations if one.quantity)
        at = {location.location_no: location for location in where}
        held = sorted(at.values(), key=preference(books, order))
        is_held = all(
            units_of(quantity_micro, part.required) <= held_units(line, part.item) for part in parts
        )
        if is_held:
            others, units_there = list[Location](), leaving.held
        elif channel is None:
            return WaitsFor(WaitKind.SALES_CHANNEL, order.sales_channel_id or "")
        else:
            others = [one for one in books.sellable(channel) if one.location_no not in at]
            units_there = leaving.there
        table: FreeUnits = {
            part.item.item_no: {
                location.location_no: units_there(line, level)
                for location in (*held, *others)
                if (level := books.level_at(part.item, location)) is not None
            }
            for part in parts
        }
        demand = Demand(line.line_item_id, line.variant_id, line.recipe, quantity_micro, [*held, *others])
        missing = take(demand, {item_no: dict(units) for item_no, units in table.items()})
        if missing:
            short += missing
            continue
        tried = [*_ranked(order, demand, held, table), *_ranked(order, demand, others, table)]
        for _, item, location, units in spread(0, demand, tried, table):
            shipments.append(leaving.take(line, books.level_made(item, location), units))
    return Short(short, order.sales_channel_id) if short else shipments


def _ranked(
    order: Order, demand: Demand, locations: Sequence[Location], table: FreeUnits
) -> Sequence[Location]:
    """Locations in the order in which the order's strategy tries them."""
    return STRATEGIES[order.strategy]([demand._replace(locations=locations)], table, route_of(order))


def _from_location(
    books: Books, order: Order, shipping: Sequence[Shipping], location: Location
) -> list[Shipment] | Short:
    """Each line from one location: from what it holds there, else from what nobody holds there."""
    leaving = _Leaving()
    shipments: list[Shipment] = []
    short: list[Shortage] = []
    for line, quantity_micro in shipping:
        for part in () if line.recipe is None else line.recipe.parts:
            wanted = units_of(quantity_micro, part.required)
            level = books.level_at(part.item, location)
            there = 0 if level is None else leaving.there(line, level)
            if level is None or wanted > there:
                short.append(_shortage(line, part.item, wanted, location, there))
            else:
                shipments.append(leaving.take(line, level, wanted))
    return Short(short, order.sales_channel_id) if short else shipments


def _shortage(line: Line, item: Item, wanted: int, location: Location, there: int) -> Shortage:
    return Shortage(line.line_item_id, line.variant_id, item, wanted, ((location, there),))


def _ship(books: Books, order: Order, line: Line, level: Level, units: int) -> None:
    """Units leave a level: first what the line holds there, then free ones.

    For those it gives up as many elsewhere, where the order would have shipped from last.
    """
    held = min(units, held_at(line, level.item, level.location))
    if held:
        books.consume(line, level, held)
    free_units = units - held
    if free_units:
        books.move(level, Bucket.STOCKED, -free_units, line.line_no)
        for elsewhere, released in list(held_last(books, order, line, level.item, free_units)):
            books.release(line, elsewhere, released)


def _shipped_line(one: Shipping, fulfillment: Fulfillment) -> Json:
    return {
        "line_item_id": one.line.line_item_id,
        "quantity": text_micro(one.quantity_micro),
        "shipments": [
            units_json(shipped.level.item, shipped.level.location, shipped.quantity)
            for shipped in fulfillment.shipped
            if shipped.line_no == one.line.line_no
        ],
    }
