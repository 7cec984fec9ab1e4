"""Order placement: every managed line is reserved as its policy says (DESIGN §4 rules 2, 3, 5, 8, 11)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.internal import OrderImported
from schemas.orders import EditedLine, OrderLine, OrderPlaced, Policy, Strategy
from schemas.outcome import Outcome
from schemas.quantity import micro, text, text_micro
from worker.domain.allocate import Route
from worker.domain.answer import units_json
from worker.domain.availability import fits, free
from worker.domain.books import Books, Hold, held_of
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import MICRO, Cart, Channel, Level, Line, Order, WaitKind, WaitsFor
from worker.domain.placement import Granted, Promise, asked_of, grant, keep
from worker.domain.places import point_of
from worker.domain.verdict import Poison, Refusal, Short, applied_before, insufficient_json, stopped

PRIORITY = Strategy.PRIORITY


def order_placed(books: Books, event: Event) -> Verdict:
    """Reserves the order's managed lines and freezes their recipes; where stock is short, by its policy.

    Refused whole unless that lets lines be served in part or wait for stock (`worker.domain.placement`).
    Waits for the channel, the variants and the locations it names, and for the first level of every item it
    demands. What is held for its cart is the order's to take. A refused order keeps no lines: facts about it
    wait for a placement that is applied. What was canceled before is not reserved.
    """
    data = event.data
    assert isinstance(data, OrderPlaced)
    order = books.orders[data.order_id]
    answer: Json = {"order_id": data.order_id, "order_revision": order.revision + 1}
    if order.canceled:
        return _placed_too_late(books, event, data, order, answer)
    if order.lines:
        again = applied_before(event, order.placement_hash, f"placement of order {data.order_id}")
        return stopped(event, again, books.snapshot, answer, order)
    channel = books.catalogue.channels.get(data.sales_channel_id)
    if channel is None:
        unknown = WaitsFor(WaitKind.SALES_CHANNEL, data.sales_channel_id)
        return stopped(event, unknown, books.snapshot, answer, order)
    terms = _LineTerms({}, set())
    lines = frozen_lines(books, data.lines, terms)
    if not isinstance(lines, list):
        if isinstance(lines, Refusal):
            answer["unknown_variants"] = sold_no_more(books, data.lines)
        return stopped(event, lines, books.snapshot, answer, order)
    wanted = lines
    if order.canceled_line_ids:
        wanted = [line for line in lines if line.line_item_id not in order.canceled_line_ids]
    cart = None if data.cart_id is None else books.carts.get(data.cart_id)
    granted = (
        _granted_to_holder(books, cart, channel, data, wanted, terms)
        if cart is not None and cart.holds
        else _granted(books, channel, data, wanted, terms)
    )
    if not isinstance(granted, Granted):
        return stopped(event, granted, books.snapshot, answer, order)

    holds_before = cart is not None and bool(cart.holds)
    if cart is not None:
        take_over(books, cart, order)
    keep(books, granted, retaken=holds_before)
    keep_placed(books, order, data, lines)
    order.placement_hash = event.body_hash
    answer["lines"] = [placed_line(line) for line in lines]
    return as_granted(books, event, order, granted, answer)


def take_over(books: Books, cart: Cart, order: Order) -> None:
    """The order has what was held for its cart, and what it does not need of that is free (rulings).

    Only the first order placed of a cart does; nothing is held for the cart from then on.
    """
    if cart.order_id is None:
        books.hold(cart, ())
        cart.expires_at = None
        cart.order_id = order.order_id


def as_granted(books: Books, event: Event, order: Order, granted: Granted, answer: Json) -> Verdict:
    """The verdict on an order whose lines got this; the answer tells what waits, and what was not served."""
    verdict = Verdict(event, Outcome.APPLIED, answer, order)
    if granted.promises:
        _tell_waiting(books, order, answer["lines"], granted.promises)
    if granted.shortages:
        verdict.outcome = Outcome.PARTIALLY_APPLIED
        short = Short(granted.shortages, order.sales_channel_id)
        verdict.insufficient = insufficient_json(event, short, answer)
    return verdict


def _placed_too_late(books: Books, event: Event, data: OrderPlaced, order: Order, answer: Json) -> Verdict:
    """The order is canceled: nothing is reserved, but its lines are frozen.

    So what left all the same, or comes back, has a recipe (DESIGN §4 rule 6). What was held for its cart is
    free, as it would be had the cancel come second.
    """
    if order.lines and order.placement_hash is not None:
        again = applied_before(event, order.placement_hash, f"placement of order {data.order_id}")
        return stopped(event, again, books.snapshot, answer, order)
    if not order.lines:
        lines = frozen_lines(books, data.lines, None)
        if not isinstance(lines, list):
            return stopped(event, lines, books.snapshot, answer, order)
        if data.cart_id is not None:
            if data.cart_id not in books.carts:
                return _once_more(books, event, order, answer)
            take_over(books, books.carts[data.cart_id], order)
        keep_placed(books, order, data, lines)
        order.placement_hash = None
        books.decision.orders_put[order] = None
    refusal = Refusal(Outcome.ORDER_CANCELED, f"order {data.order_id} was canceled before it was placed")
    return stopped(event, refusal, books.snapshot, answer, order)


def _once_more(books: Books, event: Event, order: Order, answer: Json) -> Verdict:
    """A parked placement comes to its end with an event that did not lock its cart: a later batch does."""
    later = WaitsFor(WaitKind.ORDER, order.order_id)
    books.decision.provided[later] = None
    return stopped(event, later, books.snapshot, answer, order)


def sold_no_more(books: Books, ordered: Iterable[OrderLine | EditedLine]) -> list[str]:
    """The variants that lines name although they are sold no more."""
    variants = books.catalogue.variants
    named = dict.fromkeys(line.variant_id for line in ordered)
    return [one for one in named if one in variants and variants[one].deleted]


def keep_placed(books: Books, order: Order, data: OrderPlaced | OrderImported, lines: list[Line]) -> None:
    """The order says from now on what its placement said."""
    order.lines = lines
    order.sales_channel_id = data.sales_channel_id
    order.strategy = data.strategy or books.snapshot.strategy
    policy = policy_of(data)
    if policy is not None or data.destination is not None:
        order.policy, order.ship_date = policy, data.ship_date
        order.destination = point_of(data.destination)
        books.decision.orders_put[order] = None
    order.cart_id = data.cart_id
    books.decision.orders_touched[order] = None
    books.decision.lines_new += [(order, line) for line in lines]


def policy_of(data: OrderPlaced | OrderImported) -> Policy | None:
    """The policy that a placement names; one with a ship date may wait for stock (preorder)."""
    return data.policy or (None if data.ship_date is None else Policy.BACKORDER)


class _LineTerms(NamedTuple):
    """What lines say beside what they order, by line number."""

    firm: dict[int, str]
    """The location of each line that names one."""
    patient: set[int]
    """Lines of managed variants that allow to wait for stock."""


def frozen_lines(
    books: Books, ordered: Iterable[OrderLine], terms: _LineTerms | None
) -> list[Line] | WaitsFor | Refusal | Poison:
    """The order's lines with their recipes as they now are; later changes of a recipe never touch them.

    Fills the terms; None: none matters, as nothing is to be reserved.
    """
    variants = books.catalogue.variants
    lines: list[Line] = []
    for line_no, one in enumerate(ordered, start=1):
        variant_id, location_id, quantity = one.variant_id, one.location_id, one.quantity
        variant = variants.get(variant_id)
        if variant is None or (variant.deleted and terms is not None):
            return _not_for_sale(books, ordered, reserving=terms is not None)
        if location_id is not None and terms is not None:
            if location_id not in books.catalogue.locations:
                return WaitsFor(WaitKind.LOCATION, location_id)
            terms.firm[line_no] = location_id
        recipe, line_item_id = variant.recipe, one.line_item_id
        if variant.allow_backorder and recipe is not None and terms is not None:
            terms.patient.add(line_no)
        if type(quantity) is int:
            quantity_micro = quantity * MICRO
        else:
            quantity_micro = micro(quantity)
            if recipe is not None and not fits(quantity_micro, recipe):
                return Poison(f"the quantity of line {line_item_id} is not countable in its items")
        lines.append(Line(line_no, line_item_id, variant_id, variant.variant_no, recipe, quantity_micro))
    return lines


def _not_for_sale(books: Books, ordered: Iterable[OrderLine], *, reserving: bool) -> WaitsFor | Refusal:
    """Why not all lines are sold: a variant that was deleted refuses them, whatever else still comes."""
    variants = books.catalogue.variants
    deleted = sold_no_more(books, ordered)
    if reserving and deleted:
        return Refusal(Outcome.UNKNOWN_VARIANT, f"variant {deleted[0]} was deleted")
    return WaitsFor(
        WaitKind.VARIANT, next(one.variant_id for one in ordered if one.variant_id not in variants)
    )


def _granted_to_holder(
    books: Books, cart: Cart, channel: Channel, data: OrderPlaced, lines: Sequence[Line], terms: _LineTerms
) -> Granted | WaitsFor | Short:
    """What the lines get where the order's cart holds something: that is free for them."""
    with books.as_if_released(cart.units):
        return _granted(books, channel, data, lines, terms)


def _granted(
    books: Books, channel: Channel, data: OrderPlaced, lines: Sequence[Line], terms: _LineTerms
) -> Granted | WaitsFor | Short:
    """What the lines get. Stock for all of them at hand is given without looking at each one's policy."""
    strategy, policy = data.strategy or books.snapshot.strategy, policy_of(data)
    alike = policy is not None or not terms.patient
    if strategy is PRIORITY and alike and not (terms.firm or channel.safety_stock_micro):
        holds = _holds_undivided(books, channel, lines)
        if holds is not None:
            return Granted(holds, [], [])
    asked = [
        asked_of(books, channel, line, line.quantity_micro, policy, terms.firm.get(line.line_no))
        for line in lines
        if line.recipe is not None
    ]
    return grant(books, channel, asked, Route(strategy, data.order_id, point_of(data.destination)))


def _holds_undivided(books: Books, channel: Channel, lines: Iterable[Line]) -> list[Hold] | None:
    """The common case, made quick: each line one item, whole at the first location that has a unit of it.

    None where an order is not of that kind or not coverable like that: then it is judged with all care, and
    what is judged here comes out the same there.
    """
    levels, locations = books.levels, books.sellable(channel)
    holds: list[Hold] = []
    held: dict[Level, int] = {}
    for line in lines:
        recipe = line.recipe
        if recipe is None:
            continue
        if len(recipe.parts) > 1:
            return None
        part = recipe.parts[0]
        required = part.required
        units = line.quantity_micro * required // MICRO
        at = levels[part.item.item_no]
        for location in locations:
            level = at.get(location.location_no)
            if level is None:
                continue
            left = free(level)
            if level in held:
                left -= held[level]
            if left >= units:
                held[level] = held.get(level, 0) + units
                holds.append((line, level, units))
                break
            if left >= required:
                return None
        else:
            return None
    return holds


def placed_line(line: Line) -> Json:
    """A line and what it holds, as answers tell it."""
    quantity_micro = line.quantity_micro
    reservations = []
    for reservation in held_of(line):
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


def _tell_waiting(books: Books, order: Order, lines: Sequence[Json], promises: Iterable[Promise]) -> None:
    """Say of lines that wait what of their reservations is not there yet, and when it is to ship."""
    by_id = {line["line_item_id"]: line for line in lines}
    for line, item, location, units in promises:
        waiting = units_json(item, location, units)
        variant = books.catalogue.variants.get(line.variant_id)
        ship_date = order.ship_date or (None if variant is None else variant.ship_date)
        if ship_date is not None:
            waiting["ship_date"] = ship_date.isoformat()
        by_id[line.line_item_id].setdefault("waiting", []).append(waiting)
