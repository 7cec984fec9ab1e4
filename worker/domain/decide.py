"""The decision on a batch: each event judged by the rule named after it; nothing is read, nothing written.

After each event on an order, that order's parked events are judged again, in the order in which they
arrived, until none of them becomes final (protocol §2.2 step 8).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from schemas.event_type import EventType
from schemas.orders import FulfillmentCanceled, OrderUpdated
from schemas.outcome import Outcome
from worker.domain.alerts import crossings
from worker.domain.audit import audit_repaired
from worker.domain.books import Books
from worker.domain.cancellations import fulfillment_canceled, order_canceled
from worker.domain.carts import cart_hold_expired, cart_released, cart_validated
from worker.domain.catalogue import (
    location_created,
    location_deleted,
    location_updated,
    sales_channel_updated,
)
from worker.domain.decision import Decision, Finer, Lacking, Verdict
from worker.domain.edits import order_updated
from worker.domain.event import Event
from worker.domain.fulfillments import order_fulfilled
from worker.domain.imports import order_imported
from worker.domain.model import Order, ParkedEvent, Snapshot, WaitKind, WaitsFor
from worker.domain.orders import order_placed
from worker.domain.relocation import (
    cart_hold_evacuated,
    location_evacuated,
    makes_due,
    reservation_reallocated,
)
from worker.domain.reservations import reservation_moved
from worker.domain.returns import order_returned
from worker.domain.stock import stock_adjusted, stock_imported, stock_received, stock_set
from worker.domain.transfers import transfer_received, transfer_shipped
from worker.domain.variants import variant_created, variant_deleted, variant_removed, variant_updated
from worker.domain.verdict import too_many_parked

Rule = Callable[[Books, Event], Verdict]
"""Judges one event on the books as the events before it left them."""

RULES: Mapping[EventType, Rule] = {
    EventType.VARIANT_CREATED: variant_created,
    EventType.VARIANT_UPDATED: variant_updated,
    EventType.VARIANT_DELETED: variant_deleted,
    EventType.LOCATION_CREATED: location_created,
    EventType.LOCATION_UPDATED: location_updated,
    EventType.LOCATION_DELETED: location_deleted,
    EventType.SALES_CHANNEL_UPDATED: sales_channel_updated,
    EventType.STOCK_SET: stock_set,
    EventType.STOCK_ADJUSTED: stock_adjusted,
    EventType.STOCK_RECEIVED: stock_received,
    EventType.TRANSFER_SHIPPED: transfer_shipped,
    EventType.TRANSFER_RECEIVED: transfer_received,
    EventType.CART_VALIDATED: cart_validated,
    EventType.CART_RELEASED: cart_released,
    EventType.ORDER_PLACED: order_placed,
    EventType.ORDER_UPDATED: order_updated,
    EventType.ORDER_CANCELED: order_canceled,
    EventType.ORDER_FULFILLED: order_fulfilled,
    EventType.FULFILLMENT_CANCELED: fulfillment_canceled,
    EventType.ORDER_RETURNED: order_returned,
    EventType.RESERVATION_MOVED: reservation_moved,
    EventType.CART_HOLD_EXPIRED: cart_hold_expired,
    EventType.CART_HOLD_EVACUATED: cart_hold_evacuated,
    EventType.AUDIT_REPAIRED: audit_repaired,
    EventType.STOCK_IMPORTED: stock_imported,
    EventType.RESERVATION_REALLOCATED: reservation_reallocated,
    EventType.VARIANT_REMOVED: variant_removed,
    EventType.LOCATION_EVACUATED: location_evacuated,
    EventType.ORDER_IMPORTED: order_imported,
}

RELEASING_VERDICTS_MAX = 4096
"""A batch with so many verdicts releases no more: an order may have any number of parked events."""

EXCEEDING = (Outcome.EXCEEDS_ORDERED, Outcome.EXCEEDS_SHIPPED)

Redriven = Mapping[tuple[str, str], ParkedEvent]
"""(source, event id) -> the parked row of an event that this batch judges again."""


_ARRIVAL_FRESH = 2**63
"""Events parked by this batch come after those parked before it."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A parked event of an order: parked before this batch (it has a row), in it (a verdict), or both."""

    event: Event
    row: ParkedEvent | None
    verdict: Verdict | None = None

    @property
    def arrival(self) -> int:
        return _ARRIVAL_FRESH if self.row is None else self.row.arrival

    @property
    def waits_for(self) -> WaitsFor | None:
        if self.verdict is not None:
            return self.verdict.waits_for
        return None if self.row is None else self.row.waits_for


def decide(
    events: Sequence[Event],
    snapshot: Snapshot,
    redriven: Redriven = MappingProxyType({}),
    *,
    releasing_max: int = RELEASING_VERDICTS_MAX,
) -> Decision | Lacking | Finer:
    """Judge the events in order; gives everything that has to be written and told.

    Changes the snapshot's working copies. An event that parks here and becomes final here has two verdicts,
    the first `superseded`. Gives `Lacking` where an alert has to name reservations that were not loaded; the
    snapshot is then spent; likewise `Finer` where an item must be counted in more decimal places first. What
    stands before that event in the batch has to be judged by itself then, by what counted before. From
    `releasing_max` verdicts on, parked events of orders are left to be looked at again after the commit; 0
    tells an event that cannot be written from one that it would release (protocol §2.5).
    """
    books = Books(snapshot)
    waiting: dict[str, list[_Waiting]] = {}
    rules = RULES
    for event in events:
        row = redriven.get((event.source, event.event_id)) if redriven else None
        verdict = rules[event.type](books, event)
        order = verdict.order
        if verdict.waits_for is not None and (row is not None or _may_wait(books, order, waiting, redriven)):
            entry = _Waiting(event, row)
            _wait(books, entry, verdict)
            if order is not None:
                _queue(waiting, order, redriven).append(entry)
            continue
        if verdict.waits_for is not None:
            verdict = too_many_parked(verdict)
        verdict.released = row is not None
        _record(books, verdict)
        if order is not None and (order.parked or order.order_id in waiting):
            _judge_again(books, order, _queue(waiting, order, redriven), releasing_max)
        if books.finer:
            return Finer(books.finer, event)
    if books.lacking:
        return Lacking(frozenset(books.lacking))
    return books.decision


def _record(books: Books, verdict: Verdict) -> None:
    """Keep a verdict that is told: its alerts, its place, and one more revision of its order."""
    if books.touched:
        verdict.alerts += crossings(books, verdict.event)
        books.decision.follow_up = books.decision.follow_up or makes_due(books)
        books.touched.clear()
    books.decision.verdicts.append(verdict)
    if verdict.order is not None:
        verdict.order.revision += 1


def _wait(books: Books, entry: _Waiting, verdict: Verdict) -> None:
    """Note what a parked event waits for, where that is news. Only the first `parked` answer is told."""
    if entry.waits_for == verdict.waits_for:
        return
    if entry.verdict is not None:
        entry.verdict.waits_for = verdict.waits_for
        return
    entry.verdict = verdict
    if entry.row is None:
        _record(books, verdict)
    else:
        verdict.released = True
        verdict.until = entry.row.until
        books.decision.verdicts.append(verdict)


def _may_wait(
    books: Books, order: Order | None, waiting: dict[str, list[_Waiting]], redriven: Redriven
) -> bool:
    """Whether one more event may be parked: counted exactly per order, under its lock."""
    most = books.snapshot.parked_per_order_max
    return most > 0 and (order is None or len(_queue(waiting, order, redriven)) < most)


def _queue(waiting: dict[str, list[_Waiting]], order: Order, redriven: Redriven) -> list[_Waiting]:
    """The order's parked events but for those that this batch judges in their own place."""
    queue = waiting.get(order.order_id)
    if queue is None:
        queue = waiting[order.order_id] = [
            _Waiting(row.event, row)
            for row in order.parked
            if (row.event.source, row.event.event_id) not in redriven
        ]
    return queue


def _turn(entry: _Waiting) -> tuple[int, int, int]:
    """In which order an order's parked events are judged (rulings "Orders").

    Edits first, the highest version before the others; then undone shipments, so that nothing comes between
    them and their shipments; the rest as they arrived.
    """
    data = entry.event.data
    match data:
        case OrderUpdated():
            return 0, -(data.version or 0), entry.arrival
        case FulfillmentCanceled():
            return 1, 0, entry.arrival
        case _:
            return 2, 0, entry.arrival


def _is_edit(entry: _Waiting) -> bool:
    return entry.event.type is EventType.ORDER_UPDATED


def _judge_again(books: Books, order: Order, queue: list[_Waiting], releasing_max: int) -> None:
    """Judge the order's parked events again, in their turn, until none becomes final any more.

    What exceeds the order is not refused while an edit waits that may yet cover it (DESIGN §4 rule 5).
    A parked placement waits for the catalogue, which a re-drive brings; here it can only come second, or too
    late.
    """
    verdicts = books.decision.verdicts
    again = True
    while again:
        again = False
        for entry in sorted(queue, key=_turn):
            if len(verdicts) >= releasing_max:
                books.decision.provided[WaitsFor(WaitKind.ORDER, order.order_id)] = None
                return
            if entry.event.type is EventType.ORDER_PLACED and not (order.lines or order.canceled):
                continue
            verdict = RULES[entry.event.type](books, entry.event)
            if verdict.waits_for is not None:
                _wait(books, entry, verdict)
                continue
            if verdict.outcome in EXCEEDING and any(map(_is_edit, queue)):
                continue
            queue.remove(entry)
            verdict.released = entry.row is not None
            if entry.verdict is not None:
                entry.verdict.superseded = True
            _record(books, verdict)
            again = True
            if entry.event.type is EventType.ORDER_FULFILLED:
                break  # what undoes it comes right after it
