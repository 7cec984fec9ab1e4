"""What an order or cart holds is moved to where it can be shipped from: by the worker itself, order by order.

Two things call for it: a location that was deleted, and stock that came to another place than where it is
missing (rulings "location.deleted"; DESIGN §4 rules 10, 12; ADR 0015). Both take the way of a placement:
the order's strategy, over its channel's locations, as far as these have room.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from schemas.internal import CartHoldEvacuated, LocationEvacuated, ReservationReallocated
from schemas.orders import Policy
from schemas.outcome import Outcome
from schemas.quantity import text
from worker.domain.alerts import orphaned, uncovered
from worker.domain.allocate import Route, route_of, serve
from worker.domain.answer import units_json
from worker.domain.availability import Demand, free, free_units
from worker.domain.books import Books, held_of
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import MICRO, CartHold, Item, Level, Line, Order, Part, Recipe
from worker.domain.verdict import Refusal, stopped


class Leaving(NamedTuple):
    """Units that a line holds at a level and should hold elsewhere, smallest units."""

    line: Line
    level: Level
    units: int


class Moved(NamedTuple):
    """Units of a line that changed their level, smallest units."""

    line: Line
    source: Level
    target: Level
    units: int


def makes_due(books: Books) -> bool:
    """Whether the present event may have made an evacuation, a re-allocation or a removal due.

    Only what it touched is looked at; the sweep finds what this does not see.
    """
    for level, before in books.touched.items():
        others = books.levels[level.item.item_no].values()
        available = level.available
        if available > (before or 0) and free(level) and any(one.shortfall for one in others):
            return True
        if before is not None and available < min(before, 0) and any(map(free, others)):
            return True
        if level.reserved and level.location.deleted:
            return True
        if books.catalogue.removals_pending and not any(one.reserved for one in others):
            return True
    return False


def location_evacuated(books: Books, event: Event) -> Verdict:
    """An order's reservations leave a deleted location as far as others have room; the rest is told.

    What stays is held, and may still be shipped from there, moved by hand or given up.
    """
    data = event.data
    assert isinstance(data, LocationEvacuated)
    order = books.orders[data.order_id]
    answer: Json = {
        "order_id": data.order_id,
        "order_revision": order.revision + 1,
        "location_id": data.location_id,
    }
    location = books.catalogue.locations.get(data.location_id)
    leaving = [
        Leaving(line, one.level, one.quantity)
        for line in order.lines
        for one in held_of(line)
        if one.level.location.location_id == data.location_id
    ]
    if location is None or not location.deleted or not leaving:
        gone = Refusal(Outcome.STALE, f"order {data.order_id} has nothing to take away from there")
        return stopped(event, gone, books.snapshot, answer, order)
    moved = _moved(books, order, leaving)
    left = _left(leaving, moved)
    answer["lines"] = _lines(leaving, moved, left)
    verdict = Verdict(event, Outcome.APPLIED, answer, order)
    if left:
        books.decision.left_behind[order, location] = None
    for level in dict.fromkeys(one.level for one in left):
        held = [(one.line.line_item_id, one.units) for one in left if one.level is level]
        verdict.alerts.append(orphaned(level, order, held, event))
    return verdict


def cart_hold_evacuated(books: Books, event: Event) -> Verdict:
    """What is held for a cart leaves a deleted location as far as its channel's others have room.

    The rest stays held: the cart's order will find it gone from sale, and is judged on what there is.
    """
    data = event.data
    assert isinstance(data, CartHoldEvacuated)
    cart = books.carts[data.cart_id]
    answer: Json = {"cart_id": data.cart_id, "location_id": data.location_id}
    location = books.catalogue.locations.get(data.location_id)
    channel = books.catalogue.channels.get(cart.sales_channel_id or "")
    leaving = [one for one in cart.holds if one.level.location.location_id == data.location_id]
    if location is None or channel is None or not location.deleted or not leaving:
        gone = Refusal(Outcome.STALE, f"cart {data.cart_id} has nothing to take away from there")
        return stopped(event, gone, books.snapshot, answer)
    places = books.sellable(channel)
    demands = [
        Demand(
            one.line_item_id,
            "",
            Recipe(None, (Part(one.level.item, 1),)),
            one.quantity * MICRO,
            places,
            Policy.BACKORDER,
        )
        for one in leaving
    ]
    route = Route(books.snapshot.strategy, cart.cart_id)
    served = serve(demands, free_units(books.levels, demands, None), route)
    lines = [
        Line(number, one.line_item_id, "", 0, demand.recipe, demand.quantity_micro)
        for number, (one, demand) in enumerate(zip(leaving, demands, strict=True), 1)
    ]
    moved = [
        Moved(lines[place], leaving[place].level, books.levels[item.item_no][to.location_no], units)
        for place, item, to, units in served.taken
    ]
    everything = [Leaving(line, one.level, one.quantity) for line, one in zip(lines, leaving, strict=True)]
    left = _left(everything, moved)
    held: dict[tuple[str, Level], int] = {}
    for line_item_id, level, units in (
        *(one for one in cart.holds if one not in leaving),
        *((one.line.line_item_id, one.target, one.units) for one in moved),
        *((one.line.line_item_id, one.level, one.units) for one in left),
    ):
        held[line_item_id, level] = held.get((line_item_id, level), 0) + units
    books.hold(cart, [CartHold(line_item_id, level, units) for (line_item_id, level), units in held.items()])
    answer["lines"] = _lines(everything, moved, left)
    return Verdict(event, Outcome.APPLIED, answer)


def reservation_reallocated(books: Books, event: Event) -> Verdict:
    """What an order holds without stock behind it is held where stock is by now.

    Of the reservations on a level the newest are those without stock, as in its `oversold` alert.
    """
    data = event.data
    assert isinstance(data, ReservationReallocated)
    order = books.orders[data.order_id]
    answer: Json = {"order_id": data.order_id, "order_revision": order.revision + 1}
    leaving = _without_stock(books, order)
    moved = _moved(books, order, leaving)
    if not moved:
        covered = Refusal(Outcome.STALE, f"order {data.order_id} finds no stock elsewhere for what it lacks")
        return stopped(event, covered, books.snapshot, answer, order)
    answer["lines"] = _lines(leaving, moved, _left(leaving, moved))
    return Verdict(event, Outcome.APPLIED, answer, order)


def _without_stock(books: Books, order: Order) -> list[Leaving]:
    """What the order's lines hold of levels, and is not there."""
    leaving = []
    for line in order.lines:
        for one in held_of(line):
            lacking = uncovered(books, one.level) if one.level.shortfall else ()
            units = sum(
                units
                for other, units in lacking
                if other.order_no == order.order_no and other.line_item_id == line.line_item_id
            )
            if units:
                leaving.append(Leaving(line, one.level, units))
    return leaving


def _moved(books: Books, order: Order, leaving: Sequence[Leaving]) -> list[Moved]:
    """Move as much as the channel's locations have room for, by the order's strategy."""
    channel = books.catalogue.channels.get(order.sales_channel_id or "")
    if channel is None:
        return []
    lines = list(dict.fromkeys(one.line.line_no for one in leaving))
    by_line = [[one for one in leaving if one.line.line_no == line_no] for line_no in lines]
    demands: list[Demand] = []
    wanted: list[list[Leaving]] = []
    for its in by_line:
        for recipe, quantity_micro in _asked(its):
            line = its[0].line
            locations = [
                location
                for location in books.sellable(channel)
                if all(location.location_no != one.level.location.location_no for one in its)
            ]
            demand = Demand(line.line_item_id, line.variant_id, recipe, quantity_micro, locations)
            demands.append(demand._replace(policy=Policy.BACKORDER))
            wanted.append(its)
    # What a channel leaves to others stands in the way of new orders, not of goods promised already.
    served = serve(demands, free_units(books.levels, demands, None), route_of(order))
    moved: list[Moved] = []
    for place, item, location, units in served.taken:
        target = books.levels[item.item_no][location.location_no]
        moved += _move(books, wanted[place], item, target, units, moved)
    if moved:
        books.decision.orders_touched[order] = None
    return moved


def _asked(leaving: Sequence[Leaving]) -> list[tuple[Recipe, int]]:
    """What one line asks for elsewhere: whole kits where all its parts leave alike, else part by part."""
    units: dict[Item, int] = {}
    for one in leaving:
        units[one.level.item] = units.get(one.level.item, 0) + one.units
    recipe = leaving[0].line.recipe
    assert recipe is not None, "an unmanaged line holds nothing"
    by_no = {item.item_no: count for item, count in units.items()}
    first = recipe.parts[0]
    quantity_micro = by_no.get(first.item.item_no, 0) * MICRO // first.required
    if quantity_micro and _takes(recipe, quantity_micro, by_no):
        return [(recipe, quantity_micro)]
    return [(Recipe(None, (Part(item, 1),)), count * MICRO) for item, count in units.items()]


def _takes(recipe: Recipe, quantity_micro: int, units: Mapping[int, int]) -> bool:
    """Whether so much of a recipe takes exactly these units, by item number."""
    return all(
        quantity_micro * part.required == units.get(part.item.item_no, 0) * MICRO for part in recipe.parts
    )


def _move(
    books: Books, leaving: Iterable[Leaving], item: Item, target: Level, units: int, before: Sequence[Moved]
) -> list[Moved]:
    """Move units of an item of one line to a level, from wherever it still holds what should leave."""
    moved: list[Moved] = []
    for line, source, most in leaving:
        if source.item.item_no != item.item_no:
            continue
        gone = sum(one.units for one in (*before, *moved) if one.line is line and one.source is source)
        taken = min(units, most - gone)
        if taken > 0:
            books.release(line, source, taken)
            books.reserve([(line, target, taken)])
            moved.append(Moved(line, source, target, taken))
            units -= taken
    return moved


def _left(leaving: Iterable[Leaving], moved: Sequence[Moved]) -> list[Leaving]:
    """What found no other place."""
    left = []
    for line, level, units in leaving:
        rest = units - sum(one.units for one in moved if one.line is line and one.source is level)
        if rest:
            left.append(Leaving(line, level, rest))
    return left


def _lines(leaving: Iterable[Leaving], moved: Sequence[Moved], left: Sequence[Leaving]) -> list[Json]:
    """The report, line by line."""
    return [
        {
            "line_item_id": line.line_item_id,
            "moved": [
                {
                    "inventory_item_id": one.source.item.inventory_item_id,
                    "from_location_id": one.source.location.location_id,
                    "to_location_id": one.target.location.location_id,
                    "quantity": text(one.units, one.source.item.decimal_places),
                }
                for one in moved
                if one.line is line
            ],
            "left": [
                units_json(one.level.item, one.level.location, one.units) for one in left if one.line is line
            ],
        }
        for line in {one.line.line_no: one.line for one in leaving}.values()
    ]
