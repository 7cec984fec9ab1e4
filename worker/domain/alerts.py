"""Stock alerts: thresholds crossed, and counts that leave promised goods without stock."""

from collections.abc import Iterable, Iterator, Sequence

from schemas.quantity import text, text_micro
from worker.domain.answer import units_text
from worker.domain.books import Books
from worker.domain.decision import Json
from worker.domain.event import Event
from worker.domain.model import MICRO, Channel, Item, Level, LevelReservation, Order


def crossings(books: Books, event: Event) -> list[Json]:
    """Alerts for the levels that an event touched, from what was available before it to what is now.

    First those of the levels, then those over the sales channels that sell from there. Low is at the
    threshold or below: the level's own, or the channel's own, else the item's. The first write of a level
    crosses nothing, nor does the first one of an item in a channel.
    """
    alerts: list[Json] = []
    sold: dict[tuple[int, int], tuple[Item, Channel]] = {}
    for level, before in books.touched.items():
        if before == level.available:
            continue
        for channel in books.sold_by(level.location):
            sold[level.item.item_no, channel.channel_no] = level.item, channel
        if before is None:
            continue
        threshold = level.low_stock_threshold
        if threshold is None:
            threshold = level.item.low_stock_threshold
        for kind in _crossed(before, level.available, threshold):
            alert = _alert(kind, level, event)
            if kind == LOW:
                assert threshold is not None
                alert["threshold"] = _text(level, threshold)
            alerts.append(alert)
    for item, channel in sold.values():
        alerts += _over_channel(books, item, channel, event)
    return alerts


LOW = "low_stock"


def _crossed(before: int, after: int, threshold: int | None) -> Iterator[str]:
    """The thresholds between what was available before and what is after."""
    if threshold is not None and before > threshold >= after:
        yield LOW
    if before > 0 >= after:
        yield "out_of_stock"
    elif before <= 0 < after:
        yield "back_in_stock"


def _over_channel(books: Books, item: Item, channel: Channel, event: Event) -> Iterator[Json]:
    """Alerts of an item over a channel's locations; less than nothing at one of them counts as nothing."""
    before = after = 0
    told_before = False
    for location in books.sellable(channel):
        level = books.level_at(item, location)
        if level is None:
            continue
        was = books.touched.get(level, level.available)
        told_before |= was is not None
        before += max(0, was or 0)
        after += max(0, level.available)
    if not told_before:
        return
    threshold, low_micro = item.low_stock_threshold, channel.low_stock_micro
    if low_micro is not None:
        threshold = low_micro * 10**item.decimal_places // MICRO
    for kind in _crossed(before, after, threshold):
        alert: Json = {
            "kind": kind,
            "inventory_item_id": item.inventory_item_id,
            "sku": item.sku,
            "location_id": None,
            "sales_channel_id": channel.sales_channel_id,
            "available": units_text(item, after),
            "cause_id": event.event_id,
            "cause_source": event.source,
        }
        if kind == LOW:
            assert threshold is not None
            alert["threshold"] = units_text(item, threshold) if low_micro is None else text_micro(low_micro)
        yield alert


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
            {**_holder(one), "line_item_id": one.line_item_id, "quantity": _text(level, units)}
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
    orders, carts = {order.order_no for order in books.orders.values()}, books.carts.keys()
    present = [one for one in stored if one.order_no not in orders and one.cart_id not in carts]
    present += [
        LevelReservation(order.order_no, order.order_id, line.line_item_id, reservation.quantity)
        for order in books.orders.values()
        for line in order.lines
        for reservation in line.reservations
        if reservation.level is level and reservation.quantity
    ]
    present += [
        LevelReservation(None, None, held.line_item_id, held.quantity, cart.cart_id)
        for cart in books.carts.values()
        for held in cart.holds
        if held.level is level
    ]
    return sorted(present, key=lambda one: (one.order_no is None, one.order_no or 0, one.cart_id or ""))


def _holder(one: LevelReservation) -> Json:
    return {"order_id": one.order_id} if one.cart_id is None else {"cart_id": one.cart_id}


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
