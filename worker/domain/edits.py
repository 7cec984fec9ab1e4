"""A placed order is changed: only the difference counts (DESIGN §3; rulings "Orders"; ADR 12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.orders import EditedLine, OrderUpdated, Policy
from schemas.outcome import Outcome
from schemas.quantity import micro
from worker.domain.allocate import route_of
from worker.domain.availability import fits, units_of
from worker.domain.books import Books, Hold, held_units
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import Line, Order, WaitKind, WaitsFor
from worker.domain.orders import as_granted, placed_line, sold_no_more
from worker.domain.placement import Granted, asked_of, grant, keep
from worker.domain.places import held_last
from worker.domain.verdict import Obstacle, Poison, Refusal, Short, stopped


class Change(NamedTuple):
    """How much of a line is ordered from now on, and by how much more to ship; millionths of a unit."""

    line: Line
    quantity_micro: int
    grows_micro: int
    """Negative where it shrinks: what has left already cannot be unordered, only returned."""


@dataclass(frozen=True, slots=True)
class Edit:
    """An update that fits the order: every line with its change."""

    changes: Sequence[Change]
    firm: dict[int, str]
    """The location of each line that names one, by line number."""


def order_updated(books: Books, event: Event) -> Verdict:
    """Reserves what the order grew by, by its policy, and gives up what it shrank by: all of it or nothing.

    Judged as a whole: what one line gives up another may take. What is reserved and stays ordered is not
    touched, nor is what has left. Waits for the order, and for what its new lines name; a version not above
    the applied one is stale. A canceled order is not changed any more, and a canceled line holds nothing.
    """
    data = event.data
    assert isinstance(data, OrderUpdated)
    order = books.orders[data.order_id]
    answer: Json = {"order_id": data.order_id, "order_revision": order.revision + 1}
    edit = _barred(order, data) or _edit(books, order, data)
    if not isinstance(edit, Edit):
        if isinstance(edit, Refusal) and edit.outcome is Outcome.UNKNOWN_VARIANT:
            before = {line.line_item_id for line in order.lines}
            new = [one for one in data.lines if one.line_item_id not in before and one.quantity]
            answer["unknown_variants"] = sold_no_more(books, new)
        return stopped(event, edit, books.snapshot, answer, order)
    released = _released(books, order, edit)
    granted = _granted(books, order, edit, released)
    if not isinstance(granted, Granted):
        return stopped(event, granted, books.snapshot, answer, order)

    for line, level, units in released:
        books.release(line, level, units)
    keep(books, granted, retaken=bool(released))
    for line, quantity_micro, _ in edit.changes:
        if line.line_no > len(order.lines):
            order.lines.append(line)
            books.decision.lines_new.append((order, line))
        elif quantity_micro != line.quantity_micro:
            books.decision.lines_changed.append((order, line))
        line.quantity_micro = quantity_micro
    order.version = data.version or order.version
    order.edited = True
    books.decision.orders_touched[order] = None
    books.decision.orders_put[order] = None
    answer["lines"] = [placed_line(line) for line in order.lines]
    return as_granted(books, event, order, granted, answer)


def _barred(order: Order, data: OrderUpdated) -> Refusal | WaitsFor | None:
    """Why the order takes no change, or not this one, whatever it says; None where it may."""
    if order.canceled:
        return Refusal(Outcome.ORDER_CANCELED, f"order {order.order_id} is canceled")
    if not order.lines:
        return WaitsFor(WaitKind.ORDER, order.order_id)
    if data.version is not None and order.version is not None and data.version <= order.version:
        return Refusal(Outcome.STALE, f"order {order.order_id} is at version {order.version} already")
    return None


def _edit(books: Books, order: Order, data: OrderUpdated) -> Edit | Obstacle:
    """What changes of which line, or why nothing can: it waits only where nothing in it is impossible."""
    known = {line.line_item_id: line for line in order.lines}
    changes: list[Change] = []
    firm: dict[int, str] = {}
    unknown: list[WaitsFor] = []
    line_no = len(order.lines)
    for told in data.lines:
        line: Line | WaitsFor | Refusal | None = known.pop(told.line_item_id, None)
        if line is None and not told.quantity:
            continue
        if line is None:
            line_no += 1
            line = _new_line(books, line_no, told)
        if isinstance(line, WaitsFor):
            unknown.append(line)
            continue
        change = line if isinstance(line, Refusal) else _change(order, line, told)
        if not isinstance(change, Change):
            return change
        if told.location_id is not None and change.grows_micro > 0:
            if told.location_id not in books.catalogue.locations:
                unknown.append(WaitsFor(WaitKind.LOCATION, told.location_id))
            firm[change.line.line_no] = told.location_id
        changes.append(change)
    if unknown:
        return unknown[0]
    changes += [Change(line, 0, -order.open_micro(line)) for line in known.values()]
    return Edit(changes, firm)


def _new_line(books: Books, line_no: int, told: EditedLine) -> Line | WaitsFor | Refusal:
    """A line that the order did not have, with the recipe as it now is; nothing of it is ordered yet."""
    variant = books.catalogue.variants.get(told.variant_id)
    if variant is None:
        return WaitsFor(WaitKind.VARIANT, told.variant_id)
    if variant.deleted:
        return Refusal(Outcome.UNKNOWN_VARIANT, f"variant {told.variant_id} was deleted")
    return Line(line_no, told.line_item_id, told.variant_id, variant.variant_no, variant.recipe, 0)


def _change(order: Order, line: Line, told: EditedLine) -> Change | Refusal | Poison:
    """What an edit says of one line; an existing one keeps its variant and its frozen recipe."""
    if line.variant_id != told.variant_id:
        return Refusal(Outcome.CONFLICT, f"line {line.line_item_id} is of variant {line.variant_id}")
    quantity_micro = micro(told.quantity)
    if line.recipe is not None and not fits(quantity_micro, line.recipe):
        return Poison(f"the quantity of line {line.line_item_id} is not countable in its items")
    if order.is_canceled(line.line_item_id):
        return Change(line, quantity_micro, 0)
    still_open = max(0, quantity_micro - line.shipped_micro)
    return Change(line, quantity_micro, still_open - order.open_micro(line))


def _released(books: Books, order: Order, edit: Edit) -> list[Hold]:
    """What shrinking lines hold beyond what they still want, where they would be shipped from last."""
    released = []
    for line, _, grows_micro in edit.changes:
        if grows_micro >= 0 or line.recipe is None:
            continue
        wanted_micro = order.open_micro(line) + grows_micro
        for part in line.recipe.parts:
            excess = held_units(line, part.item) - units_of(wanted_micro, part.required)
            if excess > 0:
                given = held_last(books, order, line, part.item, excess)
                released += [(line, level, units) for level, units in given]
    return released


def _granted(books: Books, order: Order, edit: Edit, released: Sequence[Hold]) -> Granted | WaitsFor | Short:
    """What growing lines get, judged together as a placement of just that would be."""
    grown = [change for change in edit.changes if change.grows_micro > 0]
    if not grown:
        return Granted([], [], [])
    channel = books.catalogue.channels.get(order.sales_channel_id or "")
    if channel is None:
        return WaitsFor(WaitKind.SALES_CHANNEL, order.sales_channel_id or "")
    asked = [
        asked_of(books, channel, line, grows_micro, order.policy, edit.firm.get(line.line_no))
        for line, _, grows_micro in grown
        if line.recipe is not None
    ]
    with books.as_if_released(released, also_lacking=order.policy is not Policy.BACKORDER):
        return grant(books, channel, asked, route_of(order))
