"""Cut-over: an order that was open in the system before comes in as it stood there (issue B, Cut-over)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from schemas.internal import HeldUnits, ImportedLine, OrderImported, ReturnedUnits, ShippedUnits
from schemas.outcome import Outcome
from schemas.quantity import SMALLEST_MAX, micro, smallest, text_micro
from worker.domain.answer import units_text
from worker.domain.availability import fits, units_of
from worker.domain.books import Books
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import (
    Fulfillment,
    Item,
    Level,
    Line,
    LineQuantity,
    Location,
    Order,
    Part,
    Return,
    Returned,
    ReturnLine,
    Shipped,
    WaitsFor,
)
from worker.domain.orders import frozen_lines, keep_placed, placed_line, take_over
from worker.domain.verdict import Poison, Refusal, applied_before, stopped


class Holding(NamedTuple):
    """Units of an item that a line holds at a location, smallest units."""

    line: Line
    item: Item
    location: Location
    units: int


def order_imported(books: Books, event: Event) -> Verdict:
    """Makes the order's lines, reservations, shipments and returns, so that its later events apply.

    What it holds is a fact and never refused for lack of stock: that is shortfall then. What it shipped and
    got back moved stock before the first count, and moves nothing here. Nothing waits: a name that is not
    known yet is refused, for the operator to see.
    """
    data = event.data
    assert isinstance(data, OrderImported)
    order = books.orders[data.order_id]
    answer: Json = {"order_id": data.order_id, "order_revision": order.revision + 1}
    refusal = _refusal(books, event, order, data)
    lines = refusal or _lines(books, data)
    if isinstance(lines, Refusal):
        return stopped(event, lines, books.snapshot, answer, order)
    holdings = _holdings(books, lines, data.lines)
    if isinstance(holdings, Refusal):
        return stopped(event, holdings, books.snapshot, answer, order)

    for line, item, location, units in holdings:
        books.promise(line, books.level_made(item, location), units)
    _ship(books, event, order, lines, data.lines)
    _take_back(books, event, order, lines, data.lines)
    keep_placed(books, order, data, lines)
    order.placement_hash = event.body_hash
    cart = None if data.cart_id is None else books.carts.get(data.cart_id)
    if cart is not None:
        take_over(books, cart, order)
    order.version = data.version
    books.decision.orders_put[order] = None
    answer["lines"] = [placed_line(line) for line in lines]
    return Verdict(event, Outcome.APPLIED, answer, order)


def _refusal(books: Books, event: Event, order: Order, data: OrderImported) -> Refusal | None:
    """Why the order cannot come in, whatever its lines say."""
    if order.lines:
        return applied_before(event, order.placement_hash, f"order {data.order_id}")
    if order.canceled or order.canceled_line_ids:
        return Refusal(Outcome.ORDER_CANCELED, f"order {data.order_id} was canceled already")
    if data.sales_channel_id not in books.catalogue.channels:
        return Refusal(Outcome.CONFLICT, f"sales channel {data.sales_channel_id} is not known")
    places = {one.location_id for line in data.lines for one in line.held}
    places |= {one.location_id for line in data.lines for one in _left_or_came(line)}
    unknown = sorted(places - books.catalogue.locations.keys())
    return Refusal(Outcome.CONFLICT, f"location {unknown[0]} is not known") if unknown else None


def _left_or_came(line: ImportedLine) -> Iterator[ShippedUnits | ReturnedUnits]:
    yield from line.shipped
    yield from line.returned


def _lines(books: Books, data: OrderImported) -> list[Line] | Refusal:
    """The lines with today's recipes, and how much of each is out: no more than was ordered."""
    lines = frozen_lines(books, data.lines, None)
    match lines:
        case WaitsFor(_, key):
            return Refusal(Outcome.UNKNOWN_VARIANT, f"variant {key} is not known")
        case Poison(message):
            return Refusal(Outcome.CONFLICT, message)
        case Refusal():
            return lines
        case list():
            pass
    for line, told in zip(lines, data.lines, strict=True):
        refusal = _out(line, told)
        if refusal is not None:
            return refusal
    return lines


def _out(line: Line, told: ImportedLine) -> Refusal | None:
    """Note how much of a line is out; a refusal where that cannot be."""
    if line.recipe is not None and not all(
        fits(micro(one.quantity), line.recipe) for one in _left_or_came(told)
    ):
        return _uncountable(line)
    line.shipped_micro = sum(micro(one.quantity) for one in told.shipped)
    line.returned_micro = sum(micro(one.quantity) for one in told.returned)
    ordered, shipped, returned = map(
        text_micro, (line.quantity_micro, line.shipped_micro, line.returned_micro)
    )
    if line.shipped_micro > line.quantity_micro:
        message = f"of line {line.line_item_id} {shipped} are shipped, {ordered} ordered"
        return Refusal(Outcome.EXCEEDS_ORDERED, message)
    if line.returned_micro > line.shipped_micro:
        message = f"of line {line.line_item_id} {returned} came back, {shipped} were shipped"
        return Refusal(Outcome.EXCEEDS_SHIPPED, message)
    return None


def _holdings(books: Books, lines: Sequence[Line], told: Sequence[ImportedLine]) -> list[Holding] | Refusal:
    """What the lines hold, part by part: at most what is ordered and not shipped, and countable."""
    holdings: list[Holding] = []
    at_levels: dict[tuple[int, int], int] = {}
    for line, its in zip(lines, told, strict=True):
        found = _line_holdings(books, line, its.held)
        if isinstance(found, Refusal):
            return found
        for holding in found:
            place = holding.item.item_no, holding.location.location_no
            at_levels[place] = at_levels.get(place, 0) + holding.units
            level = books.level_at(holding.item, holding.location)
            if at_levels[place] + (0 if level is None else level.reserved) > SMALLEST_MAX:
                return _uncountable(line)
        holdings += found
    return holdings


def _line_holdings(books: Books, line: Line, told: Iterable[HeldUnits]) -> list[Holding] | Refusal:
    parts = () if line.recipe is None else line.recipe.parts
    open_micro = line.quantity_micro - line.shipped_micro
    left = {part.item.item_no: units_of(open_micro, part.required) for part in parts}
    holdings: list[Holding] = []
    for one in told:
        location = books.catalogue.locations[one.location_id]
        named = [part for part in parts if one.inventory_item_id in (None, part.item.inventory_item_id)]
        if not named:
            message = f"line {line.line_item_id} is not made of what it is said to hold"
            return Refusal(Outcome.CONFLICT, message)
        for part in named:
            units = _held(one, line, part)
            if units is None:
                return _uncountable(line)
            left[part.item.item_no] -= units
            if left[part.item.item_no] < 0:
                beyond = units_text(part.item, -left[part.item.item_no])
                return Refusal(
                    Outcome.EXCEEDS_ORDERED,
                    f"line {line.line_item_id} holds {beyond} of {part.item.inventory_item_id} more than it"
                    " has left to ship",
                )
            holdings.append(Holding(line, part.item, location, units))
    return holdings


def _held(one: HeldUnits, line: Line, part: Part) -> int | None:
    """Smallest units of a part that are held; None where they cannot be counted."""
    if one.inventory_item_id is not None:
        return smallest(one.quantity, part.item.decimal_places)
    if line.recipe is None or not fits(micro(one.quantity), line.recipe):
        return None
    return units_of(micro(one.quantity), part.required)


def _uncountable(line: Line) -> Refusal:
    return Refusal(Outcome.CONFLICT, f"a quantity of line {line.line_item_id} is not countable in its items")


def _ship(
    books: Books, event: Event, order: Order, lines: Iterable[Line], told: Iterable[ImportedLine]
) -> None:
    """The shipments there were, by their ids; nothing moves."""
    quantities: dict[str, dict[int, int]] = {}
    shipped: dict[str, list[Shipped]] = {}
    for line, its in zip(lines, told, strict=True):
        for one in its.shipped:
            of_line = quantities.setdefault(one.fulfillment_id, {})
            of_line[line.line_no] = of_line.get(line.line_no, 0) + micro(one.quantity)
            shipped.setdefault(one.fulfillment_id, []).extend(
                Shipped(line.line_no, level, units)
                for level, units in _parts(books, line, one.location_id, micro(one.quantity))
            )
    for number, (name, of_lines) in enumerate(quantities.items(), 1):
        parts = tuple(shipped[name])
        made = Fulfillment(
            number,
            name,
            event.body_hash,
            tuple(map(LineQuantity, *zip(*of_lines.items(), strict=True))),
            parts,
        )
        order.fulfillments[name] = made
        books.decision.fulfillments_new.append((order, made, len(books.decision.verdicts)))


def _take_back(
    books: Books, event: Event, order: Order, lines: Iterable[Line], told: Iterable[ImportedLine]
) -> None:
    """The returns there were, by their ids; nothing moves."""
    came: dict[str, list[ReturnLine]] = {}
    returned: dict[str, list[Returned]] = {}
    for line, its in zip(lines, told, strict=True):
        for one in its.returned:
            quantity_micro = micro(one.quantity)
            came.setdefault(one.return_id, []).append(
                ReturnLine(line.line_no, quantity_micro, one.disposition)
            )
            returned.setdefault(one.return_id, []).extend(
                Returned(line.line_no, level, units, one.disposition)
                for level, units in _parts(books, line, one.location_id, quantity_micro)
            )
    for number, (name, its_lines) in enumerate(came.items(), 1):
        made = Return(number, name, event.body_hash, tuple(its_lines), tuple(returned[name]))
        order.returns[name] = made
        books.decision.returns_new.append((order, made, len(books.decision.verdicts)))


def _parts(books: Books, line: Line, location_id: str, quantity_micro: int) -> list[tuple[Level, int]]:
    """The units of a line's parts at a location, with their levels, made where there are none."""
    location = books.catalogue.locations[location_id]
    return [
        (books.level_made(part.item, location), units_of(quantity_micro, part.required))
        for part in (() if line.recipe is None else line.recipe.parts)
    ]
