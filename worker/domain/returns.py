"""Returns: goods of an order come back to a location (DESIGN §3; rulings "Orders")."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.orders import Disposition, OrderReturned, ReturnedLine
from schemas.outcome import Outcome
from schemas.quantity import micro, text_micro
from worker.domain.answer import units_json
from worker.domain.availability import fits, units_of
from worker.domain.books import Books
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import (
    Bucket,
    Item,
    Level,
    Line,
    Location,
    Order,
    Return,
    Returned,
    ReturnLine,
    WaitKind,
    WaitsFor,
)
from worker.domain.verdict import Obstacle, Poison, Refusal, applied_before, stopped

BUCKETS = {
    Disposition.SELLABLE: Bucket.STOCKED,
    Disposition.DAMAGED: Bucket.DAMAGED,
    Disposition.QUARANTINED: Bucket.QUARANTINED,
    Disposition.DISCARDED: Bucket.DISCARDED,
}


class Coming(NamedTuple):
    """How much of a line comes back, millionths of a unit, in which state."""

    line: Line
    quantity_micro: int
    disposition: Disposition


class Restocking(NamedTuple):
    """Units of one item of a line that go to one location, smallest units."""

    coming: Coming
    item: Item
    location: Location
    units: int


class Acceptance(NamedTuple):
    """What a return that can be applied comes to."""

    comings: list[Coming]
    restockings: list[Restocking]


def order_returned(books: Books, event: Event) -> Verdict:
    """Puts goods back by the frozen recipe, all or none: what was shipped and has not come back yet.

    Waits while a fulfilment still to come could cover it. Without a location the units go back to where they
    left, first shipment first. Discarded goods move nothing, but stand in the ledger and count as returned.
    """
    data = event.data
    assert isinstance(data, OrderReturned)
    order = books.orders[data.order_id]
    answer: Json = {
        "order_id": data.order_id,
        "order_revision": order.revision + 1,
        "return_id": data.return_id,
    }
    acceptance = _judge(books, order, event, data)
    if not isinstance(acceptance, Acceptance):
        return stopped(event, acceptance, books.snapshot, answer, order)

    returned = []
    for coming, item, location, units in acceptance.restockings:
        level = books.level_made(item, location)
        books.move(level, BUCKETS[coming.disposition], units, coming.line.line_no)
        returned.append(Returned(coming.line.line_no, level, units, coming.disposition))
    for line, quantity_micro, _ in acceptance.comings:
        line.returned_micro += quantity_micro
    applied = Return(
        return_no=len(order.returns) + 1,
        return_id=data.return_id,
        body_hash=event.body_hash,
        lines=tuple(
            ReturnLine(line.line_no, quantity_micro, disposition)
            for line, quantity_micro, disposition in acceptance.comings
        ),
        returned=tuple(returned),
    )
    order.returns[data.return_id] = applied
    books.decision.orders_touched[order] = None
    books.decision.returns_new.append((order, applied, len(books.decision.verdicts)))
    answer["lines"] = [_returned_line(coming, applied) for coming in acceptance.comings]
    return Verdict(event, Outcome.APPLIED, answer, order)


def _judge(books: Books, order: Order, event: Event, data: OrderReturned) -> Acceptance | Obstacle:
    """What comes back and where it goes, or why it cannot."""
    if not order.lines:
        return WaitsFor(WaitKind.ORDER, order.order_id)
    before = order.returns.get(data.return_id)
    if before is not None:
        return applied_before(event, before.body_hash, f"return {data.return_id}")
    comings = _comings(order, data.lines)
    if not isinstance(comings, list):
        return comings
    location = None
    if data.location_id is not None:
        location = books.catalogue.locations.get(data.location_id)
        if location is None:
            return WaitsFor(WaitKind.LOCATION, data.location_id)
    restockings = [one for coming in comings for one in _restockings(books, order, coming, location)]
    for used in [one.location for one in restockings] if location is None else [location]:
        if not used.accepts_returns:
            return Refusal(Outcome.LOCATION_NOT_ALLOWED, f"location {used.location_id} accepts no returns")
    return Acceptance(comings, restockings)


def _comings(order: Order, told: Iterable[ReturnedLine]) -> list[Coming] | Obstacle:
    """The lines that come back. More than ordered never can; more than shipped may still be shipped.

    Of a line that was edited below what had left, all that left may come back.
    """
    lines = {line.line_item_id: line for line in order.lines}
    comings = []
    for one in told:
        line, quantity_micro = lines.get(one.line_item_id), micro(one.quantity)
        if line is None:
            return Refusal(Outcome.EXCEEDS_SHIPPED, f"order {order.order_id} has no line {one.line_item_id}")
        if line.recipe is not None and not fits(quantity_micro, line.recipe):
            return Poison(f"the quantity of line {one.line_item_id} is not countable in its items")
        most = max(line.quantity_micro, line.shipped_micro) - line.returned_micro
        if quantity_micro > most:
            return Refusal(
                Outcome.EXCEEDS_SHIPPED,
                f"of line {one.line_item_id} at most {text_micro(most)} can still come back,"
                f" not {text_micro(quantity_micro)}",
            )
        comings.append(Coming(line, quantity_micro, one.disposition))
    if any(one.quantity_micro > one.line.shipped_micro - one.line.returned_micro for one in comings):
        return WaitsFor(WaitKind.ORDER, order.order_id)
    return comings


def _restockings(
    books: Books, order: Order, coming: Coming, location: Location | None
) -> Iterator[Restocking]:
    """Where a line's units go: to the named location, else to where they left."""
    recipe = coming.line.recipe
    for part in () if recipe is None else recipe.parts:
        units = units_of(coming.quantity_micro, part.required)
        if location is not None:
            yield Restocking(coming, part.item, location, units)
            continue
        for level, left in _still_out(order, coming.line, part.item):
            back = min(units, left)
            if back:
                yield Restocking(coming, part.item, books.as_it_is_now(level.location), back)
                units -= back


def _still_out(order: Order, line: Line, item: Item) -> Iterator[tuple[Level, int]]:
    """What left which level and has not come back, first shipment first, as earlier returns took it."""
    back = sum(
        one.quantity
        for applied in order.returns.values()
        for one in applied.returned
        if one.line_no == line.line_no and one.level.item.item_no == item.item_no
    )
    shipments = (one for one in order.fulfillments.values() if not one.canceled)
    for fulfillment in sorted(shipments, key=lambda one: one.fulfillment_no):
        for line_no, level, units in fulfillment.shipped:
            if line_no == line.line_no and level.item.item_no == item.item_no:
                out = max(0, units - back)
                back -= units - out
                yield level, out


def _returned_line(coming: Coming, applied: Return) -> Json:
    return {
        "line_item_id": coming.line.line_item_id,
        "quantity": text_micro(coming.quantity_micro),
        "disposition": coming.disposition.value,
        "restocked": [
            units_json(one.level.item, one.level.location, one.quantity)
            for one in applied.returned
            if one.line_no == coming.line.line_no and one.disposition is not Disposition.DISCARDED
        ],
    }
