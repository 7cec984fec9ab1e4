"""The admin's change of location: reserved goods are to be shipped from elsewhere (rulings "Orders")."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.orders import ReservationMoved
from schemas.outcome import Outcome
from schemas.quantity import micro, smallest
from worker.domain.answer import level_json
from worker.domain.availability import Shortage, fits, units_of
from worker.domain.books import Books, held_at, held_units
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import Item, Level, Line, Location, Order, Part, WaitKind, WaitsFor
from worker.domain.verdict import Obstacle, Poison, Refusal, Short, stopped


class Route(NamedTuple):
    """A line's reservations between two locations."""

    line: Line
    source: Location
    target: Location


class Move(NamedTuple):
    """Units of one item that change their location, smallest units."""

    item: Item
    units: int


def reservation_moved(books: Books, event: Event) -> Verdict:
    """Moves what a line holds at one location to another that has it free: of one item, or of all parts.

    Waits for the order, and for as long as what is to be moved is held elsewhere: another move may bring it.
    """
    data = event.data
    assert isinstance(data, ReservationMoved)
    order = books.orders[data.order_id]
    answer: Json = {
        "order_id": data.order_id,
        "order_revision": order.revision + 1,
        "line_item_id": data.line_item_id,
    }
    route = _route(books, order, data)
    if not isinstance(route, Route):
        return stopped(event, route, books.snapshot, answer, order)
    parts = _parts(order, route.line, data)
    if not isinstance(parts, list):
        return stopped(event, parts, books.snapshot, answer, order)
    moves = _moves(books, order, route, parts, data)
    if not isinstance(moves, list):
        return stopped(event, moves, books.snapshot, answer, order)

    for item, units in moves:
        books.release(route.line, books.level_made(item, route.source), units)
        books.reserve([(route.line, books.level_made(item, route.target), units)])
    if moves:
        books.decision.orders_touched[order] = None
    levels = (
        books.level_at(part.item, location)
        for part in parts
        for location in dict.fromkeys((route.source, route.target))
    )
    answer["levels"] = [level_json(level) for level in levels if level is not None]
    return Verdict(event, Outcome.APPLIED, answer, order)


def _route(books: Books, order: Order, data: ReservationMoved) -> Route | Obstacle:
    """Which line, from where to where. The target need not be in the order's channel, but must ship."""
    if not order.lines:
        return WaitsFor(WaitKind.ORDER, order.order_id)
    line = next((one for one in order.lines if one.line_item_id == data.line_item_id), None)
    if line is None:
        return Refusal(Outcome.EXCEEDS_ORDERED, f"order {order.order_id} has no line {data.line_item_id}")
    locations = books.catalogue.locations
    source, target = locations.get(data.from_location_id), locations.get(data.to_location_id)
    if source is None:
        return WaitsFor(WaitKind.LOCATION, data.from_location_id)
    if target is None:
        return WaitsFor(WaitKind.LOCATION, data.to_location_id)
    if source is not target and (target.deleted or not target.ships):
        return Refusal(Outcome.LOCATION_NOT_ALLOWED, f"location {target.location_id} does not ship")
    return Route(line, source, target)


def _parts(order: Order, line: Line, data: ReservationMoved) -> list[Part] | Refusal:
    """The parts of the line that the event is about; a canceled line has none to move."""
    if order.is_canceled(line.line_item_id):
        return Refusal(Outcome.ORDER_CANCELED, f"line {line.line_item_id} is canceled and holds nothing")
    parts = [
        part
        for part in (() if line.recipe is None else line.recipe.parts)
        if data.inventory_item_id in (None, part.item.inventory_item_id)
    ]
    return parts or Refusal(Outcome.EXCEEDS_ORDERED, f"line {data.line_item_id} holds no such item")


def _moves(
    books: Books, order: Order, route: Route, parts: Sequence[Part], data: ReservationMoved
) -> list[Move] | Obstacle:
    """What changes its location: nothing where target and source are the same."""
    if route.source is route.target:
        return []
    wanted = _wanted(route, parts, data)
    if isinstance(wanted, Poison):
        return wanted
    line, source, target = route
    if not wanted or any(units > held_at(line, item, source) for item, units in wanted):
        elsewhere = wanted or [Move(part.item, 1) for part in parts]
        if all(units <= held_units(line, item) for item, units in elsewhere):
            return WaitsFor(WaitKind.ORDER, order.order_id)
        return Refusal(Outcome.EXCEEDS_ORDERED, f"line {line.line_item_id} does not hold that much to move")
    short = [
        Shortage(line.line_item_id, line.variant_id, item, units, ((target, there),))
        for item, units in wanted
        if units > (there := _available(books.level_at(item, target)))
    ]
    return Short(short, order.sales_channel_id) if short else wanted


def _wanted(route: Route, parts: Sequence[Part], data: ReservationMoved) -> list[Move] | Poison:
    """Units to move of each part: of the named item, else of the line; all that is held at the source."""
    line, source, _ = route
    if data.quantity is None:
        held = (Move(part.item, held_at(line, part.item, source)) for part in parts)
        return [move for move in held if move.units]
    if data.inventory_item_id is not None:
        item = parts[0].item
        units = smallest(data.quantity, item.decimal_places)
        if units is None:
            return Poison(f"the quantity is not countable in item {item.inventory_item_id}")
        return [Move(item, units)]
    quantity_micro = micro(data.quantity)
    if line.recipe is None or not fits(quantity_micro, line.recipe):
        return Poison(f"the quantity is not countable in the items of line {line.line_item_id}")
    return [Move(part.item, units_of(quantity_micro, part.required)) for part in parts]


def _available(level: Level | None) -> int:
    """What nobody holds at a level; negative ones have nothing."""
    return 0 if level is None else max(0, level.available)
