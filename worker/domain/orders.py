"""Order placement: every managed line is reserved, all or nothing (DESIGN §4 rules 2, 3, 5, 8, 11)."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.orders import OrderLine, OrderPlaced, Strategy
from schemas.outcome import Outcome
from schemas.quantity import micro, text, text_micro
from worker.domain.allocate import serve
from worker.domain.availability import Demand, fits, free, free_units, shortages
from worker.domain.books import Books
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import MICRO, Level, Line, Location, WaitKind, WaitsFor
from worker.domain.verdict import Obstacle, Poison, Short, applied_before, stopped


class Hold(NamedTuple):
    """Units that a line is about to reserve at a level."""

    line: Line
    level: Level
    units: int


class Placement(NamedTuple):
    """What an order that can be applied comes to."""

    lines: list[Line]
    holds: list[Hold]


def order_placed(books: Books, event: Event) -> Verdict:
    """Reserves the order's managed lines and freezes their recipes; refused whole where stock is short.

    Waits for the channel, the variants and the locations it names, and for the first level of every item it
    demands. A refused order keeps no lines: facts about it wait for a placement that is applied.
    """
    data = event.data
    assert isinstance(data, OrderPlaced)
    order = books.orders[data.order_id]
    answer: Json = {"order_id": data.order_id, "order_revision": order.revision + 1}
    if order.lines:
        again = applied_before(event, order.placement_hash, f"placement of order {data.order_id}")
        return stopped(event, again, books.snapshot, answer, order)
    placement = _judge(books, data)
    if not isinstance(placement, Placement):
        return stopped(event, placement, books.snapshot, answer, order)

    lines, holds = placement
    for line, level, units in holds:
        books.reserve(line, level, units)
    order.lines = lines
    order.placement_hash = event.body_hash
    order.sales_channel_id = data.sales_channel_id
    order.strategy = data.strategy or Strategy.PRIORITY
    order.cart_id = data.cart_id
    decision = books.decision
    decision.orders_touched[order] = None
    lines_new = decision.lines_new
    answers = answer["lines"] = []
    for line in lines:
        lines_new.append((order, line))
        answers.append(_placed_line(line))
    return Verdict(event, Outcome.APPLIED, answer, order)


def _judge(books: Books, data: OrderPlaced) -> Placement | Obstacle:
    """Lines and reservations of an order as one whole, or why it cannot be placed."""
    channel = books.catalogue.channels.get(data.sales_channel_id)
    if channel is None:
        return WaitsFor(WaitKind.SALES_CHANNEL, data.sales_channel_id)
    lines = _frozen_lines(books, data.lines)
    if not isinstance(lines, list):
        return lines
    locations = books.sellable(channel)
    if data.strategy is None or data.strategy is Strategy.PRIORITY:
        holds = _holds_undivided(books, data.lines, lines, locations)
        if holds is not None:
            return Placement(lines, holds)
    demands = _demands(data.lines, lines, locations)
    unstocked = _unstocked(books, demands)
    if unstocked is not None:
        return unstocked
    short = shortages(demands, free_units(books.levels, demands))
    if short:
        return Short(short, data.sales_channel_id)
    managed = [line for line in lines if line.recipe is not None]
    taken = serve(
        demands, free_units(books.levels, demands), data.strategy or Strategy.PRIORITY, data.order_id
    )
    return Placement(
        lines,
        [
            Hold(managed[place], books.levels[item.item_no][location.location_no], units)
            for place, item, location, units in taken
        ],
    )


def _frozen_lines(books: Books, ordered: Sequence[OrderLine]) -> list[Line] | WaitsFor | Poison:
    """The order's lines with their recipes as they now are; later changes of a recipe never touch them."""
    variants = books.catalogue.variants
    lines: list[Line] = []
    for line_no, one in enumerate(ordered, start=1):
        variant = variants.get(one.variant_id)
        if variant is None:
            return WaitsFor(WaitKind.VARIANT, one.variant_id)
        if one.location_id is not None and one.location_id not in books.catalogue.locations:
            return WaitsFor(WaitKind.LOCATION, one.location_id)
        recipe, quantity_micro = variant.recipe, micro(one.quantity)
        if recipe is not None and not fits(quantity_micro, recipe):
            return Poison(f"the quantity of line {one.line_item_id} is not countable in its items")
        lines.append(
            Line(line_no, one.line_item_id, one.variant_id, variant.variant_no, recipe, quantity_micro)
        )
    return lines


def _holds_undivided(
    books: Books, ordered: Sequence[OrderLine], lines: Sequence[Line], locations: Sequence[Location]
) -> list[Hold] | None:
    """The common case, made quick: each line of one item, whole at the first location that has a unit of it.

    None where an order is not of that kind or not coverable like that: then it is judged with all care, and
    what is judged here comes out the same there.
    """
    levels = books.levels
    holds: list[Hold] = []
    held: dict[Level, int] = {}
    for one, line in zip(ordered, lines, strict=True):
        recipe = line.recipe
        if recipe is None:
            continue
        if one.location_id is not None or len(recipe.parts) > 1:
            return None
        item, required = recipe.parts[0].item, recipe.parts[0].required
        units = line.quantity_micro * required // MICRO
        at = levels[item.item_no]
        for location in locations:
            level = at.get(location.location_no)
            if level is None:
                continue
            left = free(level) - held.get(level, 0)
            if left >= units:
                held[level] = held.get(level, 0) + units
                holds.append(Hold(line, level, units))
                break
            if left >= required:
                return None
        else:
            return None
    return holds


def _demands(
    ordered: Sequence[OrderLine], lines: Sequence[Line], locations: Sequence[Location]
) -> list[Demand]:
    """What managed lines ask for; a firm line asks at its one location, or nowhere outside the channel."""
    demands = []
    for one, line in zip(ordered, lines, strict=True):
        if line.recipe is None:
            continue
        allowed = locations
        if one.location_id is not None:
            allowed = [location for location in locations if location.location_id == one.location_id]
        demands.append(Demand(line.line_item_id, line.variant_id, line.recipe, line.quantity_micro, allowed))
    return demands


def _unstocked(books: Books, demands: Sequence[Demand]) -> WaitsFor | None:
    """The first item without a level anywhere: the stock to judge by has not been told yet."""
    for demand in demands:
        for part in demand.recipe.parts:
            if not books.levels.get(part.item.item_no):
                return WaitsFor(WaitKind.LEVEL, part.item.inventory_item_id)
    return None


def _placed_line(line: Line) -> Json:
    quantity_micro = line.quantity_micro
    reservations = []
    for reservation in line.reservations:
        level = reservation.level
        item = level.item
        places = item.decimal_places
        reservations.append(
            {
                "inventory_item_id": item.inventory_item_id,
                "location_id": level.location.location_id,
                "quantity": text(reservation.quantity, places) if places else reservation.quantity,
            }
        )
    return {
        "line_item_id": line.line_item_id,
        "variant_id": line.variant_id,
        "quantity": text_micro(quantity_micro) if quantity_micro % MICRO else quantity_micro // MICRO,
        "managed": line.recipe is not None,
        "reservations": reservations,
    }
