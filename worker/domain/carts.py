"""Cart events: whether lines can be bought, and what is held for them meanwhile.

(rulings "Availability and placement", "Carts and holds")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from schemas.carts import CartLine, CartReleased, CartValidated
from schemas.internal import CartHoldExpired
from schemas.orders import Policy
from schemas.outcome import Outcome
from schemas.quantity import micro, text_micro
from worker.domain.allocate import Route
from worker.domain.answer import units_json
from worker.domain.availability import (
    Shortage,
    available_micro,
    fits,
    serving_order,
    take,
)
from worker.domain.books import Books
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import Cart, CartHold, Channel, Line
from worker.domain.placement import Asked, Granted, demand_of, grant
from worker.domain.verdict import Obstacle, Poison, Refusal, Short, stopped


@dataclass(slots=True)
class _Found:
    """What a cart's managed lines find, by line item id; unknown variants' lines are not among them."""

    asked: dict[str, Asked] = field(default_factory=dict)
    available: dict[str, int] = field(default_factory=dict)
    """For a line after those served before it, in millionths of a unit."""
    shortages: list[Shortage] = field(default_factory=list)
    """In line order; lines that may wait are not short for it."""
    granted: Granted | None = None
    """What an order of these lines would get, where that was asked."""


def cart_validated(books: Books, event: Event) -> Verdict:
    """Answers per line what its sales channel has of it, and holds it for the cart where asked to.

    What it confirms, the next order placed alone gets: lines are served as those of an order, and what the
    cart holds already counts as free for it. A hold replaces the one before, whole or not at all; a cart that
    an order was placed of holds nothing more. A variant that nobody has created, or that was deleted, is not
    for sale, and neither is anything in a channel that nobody has set.
    """
    data = event.data
    assert isinstance(data, CartValidated)
    answer: Json = {"cart_id": data.cart_id}
    cart = books.carts.get(data.cart_id)
    channel = books.catalogue.channels.get(data.sales_channel_id)
    unknown = _unknown(books, data)
    with books.as_if_released(() if cart is None else cart.units):
        found = _found(books, data, channel)
    if isinstance(found, Poison):
        return stopped(event, found, books.snapshot, answer)
    answer["lines"] = _lines(data, found, unknown)
    obstacle = _obstacle(data, found, unknown, channel)
    if obstacle is not None:
        if unknown:
            answer["unknown_variants"] = list(unknown)
        return stopped(event, obstacle, books.snapshot, answer)
    if data.hold is not None and cart is not None and cart.order_id is None and found.granted is not None:
        _hold(books, event, cart, found.granted, answer)
    return Verdict(event, Outcome.APPLIED, answer)


def cart_released(books: Books, event: Event) -> Verdict:
    """What is held for the cart is free again."""
    data = event.data
    assert isinstance(data, CartReleased)
    answer: Json = {"cart_id": data.cart_id}
    cart = books.carts[data.cart_id]
    if not cart.holds:
        nothing = Refusal(Outcome.ALREADY_APPLIED, f"nothing is held for cart {data.cart_id}")
        return stopped(event, nothing, books.snapshot, answer)
    answer["reason"] = "released"
    answer["lines"] = _given_up(books, cart)
    return Verdict(event, Outcome.APPLIED, answer)


def cart_hold_expired(books: Books, event: Event) -> Verdict:
    """The time of a hold is over: what it held is free again, unless the cart holds anew since."""
    data = event.data
    assert isinstance(data, CartHoldExpired)
    answer: Json = {"cart_id": data.cart_id}
    cart = books.carts[data.cart_id]
    if cart.expires_at is None or cart.generation != data.generation:
        renewed = Refusal(Outcome.STALE, f"hold {data.generation} of cart {data.cart_id} is not its last")
        return stopped(event, renewed, books.snapshot, answer)
    answer["reason"] = "expired"
    answer["lines"] = _given_up(books, cart)
    return Verdict(event, Outcome.APPLIED, answer)


# ── What the lines find ───────────────────────────────────────────────────────────────────────────────


def _unknown(books: Books, data: CartValidated) -> dict[str, None]:
    """Variants of the cart that are not for sale: nobody has created them, or they were deleted."""
    variants = books.catalogue.variants
    return {
        line.variant_id: None
        for line in data.lines
        if line.variant_id not in variants or variants[line.variant_id].deleted
    }


def _found(books: Books, data: CartValidated, channel: Channel | None) -> _Found | Poison:
    asked = _asked(books, data, channel)
    if isinstance(asked, Poison):
        return asked
    found = _Found({one.line.line_item_id: one for one in asked})
    demands = [one.demand for one in asked]
    table = books.free_units(demands, channel)
    short: dict[int, list[Shortage]] = {}
    for place in serving_order(demands):
        demand = demands[place]
        found.available[demand.line_item_id] = available_micro(demand, table)
        short[place] = take(demand, table)
    found.shortages = [
        one
        for place, demand in enumerate(demands)
        if demand.policy is not Policy.BACKORDER
        for one in short[place]
    ]
    if found.shortages or channel is None or (data.hold is None and not any(short.values())):
        return found
    match grant(books, channel, asked, Route(books.snapshot.strategy, data.cart_id)):
        case Granted() as granted:
            found.granted = granted
        case Short(shortages):
            found.shortages = list(shortages)
        case _:  # no stock was ever told of an item: an order would wait to be judged
            found.shortages = [one for place in range(len(demands)) for one in short[place]]
    return found


def _asked(books: Books, data: CartValidated, channel: Channel | None) -> list[Asked] | Poison:
    """What the managed lines ask for, as an order of them would that names no policy."""
    locations = () if channel is None else books.sellable(channel)
    asked = []
    for number, line in enumerate(data.lines, start=1):
        variant = books.catalogue.variants.get(line.variant_id)
        if variant is None or variant.deleted or variant.recipe is None:
            continue
        quantity_micro = micro(line.quantity)
        if not fits(quantity_micro, variant.recipe):
            return Poison(f"the quantity of line {line.line_item_id} is not countable in its items")
        wanted = Line(
            number, line.line_item_id, line.variant_id, variant.variant_no, variant.recipe, quantity_micro
        )
        asked.append(Asked(wanted, demand_of(books, wanted, quantity_micro, None, locations)))
    return asked


def _obstacle(
    data: CartValidated, found: _Found, unknown: Mapping[str, None], channel: Channel | None
) -> Obstacle | None:
    if unknown:
        return Refusal(Outcome.UNKNOWN_VARIANT, "variants of this cart are not known")
    if channel is None:
        return Refusal(Outcome.LOCATION_NOT_ALLOWED, f"sales channel {data.sales_channel_id} is not known")
    return Short(found.shortages, data.sales_channel_id) if found.shortages else None


def _lines(data: CartValidated, found: _Found, unknown: Mapping[str, None]) -> list[Json]:
    """Each line's answer, in order; null is endless: not managed."""
    short = {one.line_item_id for one in found.shortages}
    lines: list[Json] = []
    for line in data.lines:
        line_id = line.line_item_id
        if line_id in found.asked:
            available = text_micro(found.available[line_id])
            lines.append(_line(line, managed=True, available=available, short=line_id in short))
        elif line.variant_id in unknown:
            lines.append(_line(line, managed=True, available=0, short=True))
        else:
            lines.append(_line(line, managed=False, available=None, short=False))
    return lines


def _line(line: CartLine, *, managed: bool, available: int | str | None, short: bool) -> Json:
    return {
        "line_item_id": line.line_item_id,
        "variant_id": line.variant_id,
        "quantity": text_micro(micro(line.quantity)),
        "managed": managed,
        "available": available,
        "short": short,
    }


# ── Holds ─────────────────────────────────────────────────────────────────────────────────────────────


def _hold(books: Books, event: Event, cart: Cart, granted: Granted, answer: Json) -> None:
    """Hold what is in stock for the lines; what they would wait for is not held (rulings)."""
    data = event.data
    assert isinstance(data, CartValidated)
    assert data.hold is not None
    holds = [CartHold(line.line_item_id, level, units) for line, level, units in granted.holds]
    books.hold(cart, holds)
    cart.generation += 1
    cart.sales_channel_id = data.sales_channel_id
    cart.expires_at = None
    if not holds:
        return
    now = books.snapshot.now
    begin = now if event.time is None else min(event.time, now)
    cart.expires_at = begin + timedelta(seconds=data.hold.ttl_seconds)
    answer["held_until"] = cart.expires_at.isoformat().replace("+00:00", "Z")
    by_line = _by_line(holds)
    for line in answer["lines"]:
        if line["line_item_id"] in by_line:
            line["held"] = by_line[line["line_item_id"]]


def _given_up(books: Books, cart: Cart) -> list[Json]:
    """Free all that the cart holds; what that was, as the answer tells it."""
    lines = [{"line_item_id": name, "released": units} for name, units in _by_line(cart.holds).items()]
    books.hold(cart, ())
    cart.expires_at = None
    return lines


def _by_line(holds: Sequence[CartHold]) -> dict[str, list[Json]]:
    by_line: dict[str, list[Json]] = {}
    for line_item_id, level, units in holds:
        by_line.setdefault(line_item_id, []).append(units_json(level.item, level.location, units))
    return by_line
