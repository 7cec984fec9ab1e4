"""Order placement: every managed line is reserved, all or nothing (DESIGN §4 rules 2, 3, 5, 8, 11)."""

from collections.abc import Iterable, Mapping, Sequence

from schemas.internal import OrderImported
from schemas.orders import OrderLine, OrderPlaced, Strategy
from schemas.outcome import Outcome
from schemas.quantity import micro, text, text_micro
from worker.domain.allocate import serve
from worker.domain.availability import Demand, fits, free, free_units, shortages
from worker.domain.books import Books, Hold
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import MICRO, Channel, Level, Line, Location, Order, WaitKind, WaitsFor
from worker.domain.verdict import Poison, Refusal, Short, applied_before, stopped

PRIORITY = Strategy.PRIORITY


def order_placed(books: Books, event: Event) -> Verdict:
    """Reserves the order's managed lines and freezes their recipes; refused whole where stock is short.

    Waits for the channel, the variants and the locations it names, and for the first level of every item it
    demands. A refused order keeps no lines: facts about it wait for a placement that is applied. What was
    canceled before is not reserved.
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
    firm: dict[int, str] = {}
    lines = _frozen_lines(books, data.lines, firm)
    if not isinstance(lines, list):
        if isinstance(lines, Refusal):
            answer["unknown_variants"] = _deleted(books, data)
        return stopped(event, lines, books.snapshot, answer, order)
    strategy = data.strategy or PRIORITY
    wanted = lines
    if order.canceled_line_ids:
        wanted = [line for line in lines if line.line_item_id not in order.canceled_line_ids]
    holds: list[Hold] | WaitsFor | Short | None = None
    if strategy is PRIORITY and not firm:
        holds = _holds_undivided(books, channel, wanted)
    if holds is None:
        holds = holds_judged(books, channel, wanted, firm, strategy, data.order_id)
    if not isinstance(holds, list):
        return stopped(event, holds, books.snapshot, answer, order)

    books.reserve(holds)
    _keep_placed(books, order, data, lines)
    order.placement_hash = event.body_hash
    answer["lines"] = [placed_line(line) for line in lines]
    return Verdict(event, Outcome.APPLIED, answer, order)


def _placed_too_late(books: Books, event: Event, data: OrderPlaced, order: Order, answer: Json) -> Verdict:
    """The order is canceled: nothing is reserved, but its lines are frozen.

    So what left all the same, or comes back, has a recipe (DESIGN §4 rule 6).
    """
    if order.lines and order.placement_hash is not None:
        again = applied_before(event, order.placement_hash, f"placement of order {data.order_id}")
        return stopped(event, again, books.snapshot, answer, order)
    if not order.lines:
        lines = _frozen_lines(books, data.lines, None)
        if not isinstance(lines, list):
            return stopped(event, lines, books.snapshot, answer, order)
        _keep_placed(books, order, data, lines)
        order.placement_hash = None
        books.decision.orders_put[order] = None
    refusal = Refusal(Outcome.ORDER_CANCELED, f"order {data.order_id} was canceled before it was placed")
    return stopped(event, refusal, books.snapshot, answer, order)


def _deleted(books: Books, data: OrderPlaced) -> list[str]:
    """The variants that the order names although they are sold no more."""
    variants = books.catalogue.variants
    named = dict.fromkeys(line.variant_id for line in data.lines)
    return [one for one in named if one in variants and variants[one].deleted]


def _keep_placed(books: Books, order: Order, data: OrderPlaced | OrderImported, lines: list[Line]) -> None:
    """The order says from now on what its placement said."""
    order.lines = lines
    order.sales_channel_id = data.sales_channel_id
    order.strategy = data.strategy or PRIORITY
    order.cart_id = data.cart_id
    books.decision.orders_touched[order] = None
    books.decision.lines_new += [(order, line) for line in lines]


def _frozen_lines(
    books: Books, ordered: Iterable[OrderLine], firm: dict[int, str] | None
) -> list[Line] | WaitsFor | Refusal | Poison:
    """The order's lines with their recipes as they now are; later changes of a recipe never touch them.

    Fills `firm` with the location of each line that names one, by line number; None: no location matters.
    """
    variants = books.catalogue.variants
    lines: list[Line] = []
    for line_no, one in enumerate(ordered, start=1):
        variant_id, location_id, quantity = one.variant_id, one.location_id, one.quantity
        variant = variants.get(variant_id)
        if variant is None:
            return WaitsFor(WaitKind.VARIANT, variant_id)
        if variant.deleted and firm is not None:
            return Refusal(Outcome.UNKNOWN_VARIANT, f"variant {variant_id} was deleted")
        if location_id is not None and firm is not None:
            if location_id not in books.catalogue.locations:
                return WaitsFor(WaitKind.LOCATION, location_id)
            firm[line_no] = location_id
        recipe, line_item_id = variant.recipe, one.line_item_id
        if type(quantity) is int:
            quantity_micro = quantity * MICRO
        else:
            quantity_micro = micro(quantity)
            if recipe is not None and not fits(quantity_micro, recipe):
                return Poison(f"the quantity of line {line_item_id} is not countable in its items")
        lines.append(Line(line_no, line_item_id, variant_id, variant.variant_no, recipe, quantity_micro))
    return lines


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


def holds_judged(
    books: Books,
    channel: Channel,
    lines: Sequence[Line],
    firm: Mapping[int, str],
    strategy: Strategy,
    seed: str,
) -> list[Hold] | WaitsFor | Short:
    """All lines together, by their summed demand per item, from where the strategy takes them."""
    demands = _demands(lines, books.sellable(channel), firm)
    unstocked = _unstocked(books, demands)
    if unstocked is not None:
        return unstocked
    short = shortages(demands, free_units(books.levels, demands))
    if short:
        return Short(short, channel.sales_channel_id)
    managed = [line for line in lines if line.recipe is not None]
    return [
        (managed[place], books.levels[item.item_no][location.location_no], units)
        for place, item, location, units in serve(demands, free_units(books.levels, demands), strategy, seed)
    ]


def _demands(lines: Iterable[Line], locations: Sequence[Location], firm: Mapping[int, str]) -> list[Demand]:
    """What managed lines ask for; a firm line asks at its one location, or nowhere outside the channel."""
    demands = []
    for line in lines:
        if line.recipe is None:
            continue
        firm_id = firm.get(line.line_no)
        allowed = (
            locations
            if firm_id is None
            else [location for location in locations if location.location_id == firm_id]
        )
        demands.append(Demand(line.line_item_id, line.variant_id, line.recipe, line.quantity_micro, allowed))
    return demands


def _unstocked(books: Books, demands: Sequence[Demand]) -> WaitsFor | None:
    """The first item without a level anywhere: the stock to judge by has not been told yet."""
    for demand in demands:
        for part in demand.recipe.parts:
            if not books.levels.get(part.item.item_no):
                return WaitsFor(WaitKind.LEVEL, part.item.inventory_item_id)
    return None


def placed_line(line: Line) -> Json:
    """A line and what it holds, as answers tell it."""
    quantity_micro = line.quantity_micro
    reservations = []
    for reservation in line.reservations:
        if not reservation.quantity:
            continue
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
