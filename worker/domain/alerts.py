"""Stock alerts: thresholds crossed, and counts that leave promised goods without stock."""

from collections.abc import Iterable, Sequence

from schemas.quantity import text
from worker.domain.books import Books
from worker.domain.decision import Json
from worker.domain.event import Event
from worker.domain.model import Level, LevelReservation, Order


def crossings(books: Books, event: Event) -> list[Json]:
    """Alerts for the levels that an event touched, from what was available before it to what is now.

    Low is at the threshold or below: the level's own, else its item's. A level's first write crosses nothing.
    """
    alerts: list[Json] = []
    for level, before in books.touched.items():
        after = level.stocked - level.reserved
        if before is None or before == after:
            continue
        threshold = level.low_stock_threshold
        if threshold is None:
            threshold = level.item.low_stock_threshold
        if threshold is not None and before > threshold >= after:
            alerts.append({**_alert("low_stock", level, event), "threshold": _text(level, threshold)})
        if before > 0 >= after:
            alerts.append(_alert("out_of_stock", level, event))
        elif before <= 0 < after:
            alerts.append(_alert("back_in_stock", level, event))
    return alerts


def oversold(books: Books, level: Level, event: Event) -> Json | None:
    """The alert of a count that left reserved above stocked, with the uncovered lines, newest first.

    None where the level's reservations were not loaded: the decision is then made again with them.
    """
    lacking = uncovered(books, level)
    if level in books.lacking:
        return None
    return {
        **_alert("oversold", level, event),
        "shortfall": _text(level, level.shortfall),
        "uncovered": [
            {"order_id": one.order_id, "line_item_id": one.line_item_id, "quantity": _text(level, units)}
            for one, units in lacking
        ],
    }


def orphaned(level: Level, order: Order, held: Iterable[tuple[str, int]], event: Event) -> Json:
    """The alert of an order's lines that stay at a deleted location, with what each holds there."""
    return {
        **_alert("orphaned", level, event),
        "lines": [
            {"order_id": order.order_id, "line_item_id": line_item_id, "quantity": _text(level, units)}
            for line_item_id, units in held
        ],
    }


def uncovered(books: Books, level: Level) -> list[tuple[LevelReservation, int]]:
    """The newest reservations on a level, as far as its shortfall reaches, with what each lacks.

    None of them where they were not loaded: the decision is then made again with them (`books.lacking`).
    """
    reservations = _reservations(books, level)
    if reservations is None:
        books.lacking.add(level)
        return []
    shortfall, found = level.shortfall, []
    for one in reversed(reservations):
        units = min(one.quantity, shortfall)
        if not units:
            break
        shortfall -= units
        found.append((one, units))
    return found


def _reservations(books: Books, level: Level) -> list[LevelReservation] | None:
    """All reservations on a level, newest order last; those of the batch's orders as they now stand."""
    stored: Sequence[LevelReservation] = ()
    if level.level_no is not None:
        loaded = books.snapshot.reservations_by_level.get(level.level_no)
        if loaded is None:
            return None
        stored = loaded
    in_batch = {order.order_no for order in books.orders.values()}
    present = [one for one in stored if one.order_no not in in_batch]
    present += [
        LevelReservation(order.order_no, order.order_id, line.line_item_id, reservation.quantity)
        for order in books.orders.values()
        for line in order.lines
        for reservation in line.reservations
        if reservation.level is level and reservation.quantity
    ]
    return sorted(present, key=lambda one: one.order_no)


def _alert(kind: str, level: Level, event: Event) -> Json:
    return {
        "kind": kind,
        "inventory_item_id": level.item.inventory_item_id,
        "sku": level.item.sku,
        "location_id": level.location.location_id,
        "available": _text(level, level.available),
        "cause_id": event.event_id,
        "cause_source": event.source,
    }


def _text(level: Level, units: int) -> int | str:
    return text(units, level.item.decimal_places)
