"""Cancellation of an order, of lines of it, or of a shipment (DESIGN §3, §4 rule 6; rulings "Orders")."""

from dataclasses import replace

from schemas.orders import FulfillmentCanceled, OrderCanceled
from schemas.outcome import Outcome
from schemas.quantity import text_micro
from worker.domain.answer import units_json
from worker.domain.availability import units_of
from worker.domain.books import Books, held_of, held_units
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import Bucket, Fulfillment, Item, Line, LineQuantity, Order, WaitKind, WaitsFor
from worker.domain.verdict import Obstacle, Refusal, stopped


def order_canceled(books: Books, event: Event) -> Verdict:
    """Gives up what the order, or the named lines of it, still hold; never waits.

    It leaves a mark, on an order that is not placed yet too: what is canceled never reserves again. Facts go
    on: what left stays shipped, what leaves all the same is shipped, and both may come back.
    """
    data = event.data
    assert isinstance(data, OrderCanceled)
    order = books.orders[data.order_id]
    answer: Json = {"order_id": data.order_id, "order_revision": order.revision + 1}
    if _is_canceled(order, data):
        again = Refusal(Outcome.ALREADY_APPLIED, f"this was canceled of order {data.order_id} before")
        return stopped(event, again, books.snapshot, answer, order)

    canceled = [
        line
        for line in order.lines
        if not order.is_canceled(line.line_item_id)
        and (data.line_item_ids is None or line.line_item_id in data.line_item_ids)
    ]
    answer["lines"] = [
        {"line_item_id": line.line_item_id, "released": _given_up(books, line)} for line in canceled
    ]
    if data.line_item_ids is None:
        order.canceled = True
    else:
        order.canceled_line_ids |= frozenset(data.line_item_ids)
    books.decision.orders_touched[order] = None
    books.decision.orders_put[order] = None
    return Verdict(event, Outcome.APPLIED, answer, order)


def _is_canceled(order: Order, data: OrderCanceled) -> bool:
    """Whether all that is to be canceled is canceled already."""
    return order.canceled or (
        data.line_item_ids is not None and order.canceled_line_ids.issuperset(data.line_item_ids)
    )


def _given_up(books: Books, line: Line) -> list[Json]:
    """Release all that a line holds; what that was, as the answer tells it."""
    released = []
    for level, units in [(one.level, one.quantity) for one in held_of(line)]:
        books.release(line, level, units)
        released.append(units_json(level.item, level.location, units))
    return released


def fulfillment_canceled(books: Books, event: Event) -> Verdict:
    """Puts the goods of a shipment back where they left, and the order holds them again.

    Each line holds as much as it still wants, at the level where the units are; of a canceled order only the
    stock comes back. Waits for the shipment; refused once units of it were returned.
    """
    data = event.data
    assert isinstance(data, FulfillmentCanceled)
    order = books.orders[data.order_id]
    answer: Json = {
        "order_id": data.order_id,
        "order_revision": order.revision + 1,
        "fulfillment_id": data.fulfillment_id,
    }
    fulfillment = _undone(order, data.fulfillment_id)
    if not isinstance(fulfillment, Fulfillment):
        return stopped(event, fulfillment, books.snapshot, answer, order)

    lines = {line.line_no: line for line in order.lines}
    for line_no, quantity_micro in fulfillment.lines:
        lines[line_no].shipped_micro -= quantity_micro
    answer["lines"] = [
        _unshipped(books, order, lines[one.line_no], one, fulfillment) for one in fulfillment.lines
    ]
    order.fulfillments[data.fulfillment_id] = replace(fulfillment, canceled=True)
    books.decision.orders_touched[order] = None
    books.decision.fulfillments_canceled.append((order, fulfillment, len(books.decision.verdicts)))
    return Verdict(event, Outcome.APPLIED, answer, order)


def _undone(order: Order, fulfillment_id: str) -> Fulfillment | Obstacle:
    """The shipment to undo, or why it cannot be."""
    fulfillment = order.fulfillments.get(fulfillment_id)
    if fulfillment is None:
        return WaitsFor(WaitKind.ORDER, order.order_id)
    if fulfillment.canceled:
        return Refusal(Outcome.ALREADY_APPLIED, f"fulfillment {fulfillment_id} was canceled before")
    if _is_returned(order, fulfillment):
        return Refusal(Outcome.EXCEEDS_SHIPPED, f"units of fulfillment {fulfillment_id} were returned")
    return fulfillment


def _is_returned(order: Order, fulfillment: Fulfillment) -> bool:
    """Whether any of it came back: what is returned of a line is of its first shipments."""
    shipped_before: dict[int, int] = {}
    for earlier in order.fulfillments.values():
        if earlier.fulfillment_no < fulfillment.fulfillment_no and not earlier.canceled:
            for line_no, quantity_micro in earlier.lines:
                shipped_before[line_no] = shipped_before.get(line_no, 0) + quantity_micro
    shipped = {one.line_no for one in fulfillment.lines}
    return any(
        line.returned_micro > shipped_before.get(line.line_no, 0)
        for line in order.lines
        if line.line_no in shipped
    )


def _unshipped(
    books: Books, order: Order, line: Line, shipped: LineQuantity, fulfillment: Fulfillment
) -> Json:
    """Put back what left for a line; what that was and what the line holds of it, as the answer tells it."""
    restocked, held = list[Json](), list[Json]()
    for line_no, level, units in fulfillment.shipped:
        if line_no != line.line_no:
            continue
        wanted = min(units, _wanted(order, line, level.item))
        if wanted:
            books.restore(line, level, wanted)
            held.append(units_json(level.item, level.location, wanted))
        books.move(level, Bucket.STOCKED, units - wanted, line_no)
        restocked.append(units_json(level.item, level.location, units))
    return {
        "line_item_id": line.line_item_id,
        "quantity": text_micro(shipped.quantity_micro),
        "restocked": restocked,
        "reservations": held,
    }


def _wanted(order: Order, line: Line, item: Item) -> int:
    """Units of an item that the line has still to ship and does not hold."""
    parts = () if line.recipe is None else line.recipe.parts
    required = next(part.required for part in parts if part.item.item_no == item.item_no)
    return max(0, units_of(order.open_micro(line), required) - held_units(line, item))
