"""Cancellation: an order, or lines of it, are wanted no more (DESIGN §3, §4 rule 6; rulings "Orders")."""

from schemas.orders import OrderCanceled
from schemas.outcome import Outcome
from worker.domain.answer import units_json
from worker.domain.books import Books
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import Line, Order
from worker.domain.verdict import Refusal, stopped


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
    for level, units in [(one.level, one.quantity) for one in line.reservations if one.quantity]:
        books.release(line, level, units)
        released.append(units_json(level.item, level.location, units))
    return released
