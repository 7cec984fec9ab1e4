"""What an order's lines get out of stock, each under its policy (DESIGN §4 rules 1, 2; ADR 0013).

All lines are judged together, by their summed demand per item. A line that stock does not cover stops the
whole order, is served in part, or waits for stock: it holds then what is not there yet, and shortfall says so
(rulings "Availability and placement").
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.orders import Policy
from worker.domain.allocate import Missing, Route, Served, Taken, serve
from worker.domain.availability import (
    Demand,
    FreeUnits,
    Shortage,
    available_micro,
    serving_order,
    take,
    units_of,
)
from worker.domain.books import Books, Hold
from worker.domain.model import MICRO, Channel, Item, Line, Location, WaitKind, WaitsFor
from worker.domain.verdict import Short


class Asked(NamedTuple):
    """What a managed line asks of stock: all of it at a placement, what is new of it at an update."""

    line: Line
    demand: Demand


class Promise(NamedTuple):
    """Units of an item that a line waits for, smallest units; booked at a location, which they will leave."""

    line: Line
    item: Item
    location: Location
    units: int


class Granted(NamedTuple):
    """What lines get, each as its policy says; `keep` books it."""

    holds: list[Hold]
    """Units of stock that nobody held."""
    promises: list[Promise]
    shortages: list[Shortage]
    """What lines that are served in part do not get."""


def grant(books: Books, channel: Channel, asked: Sequence[Asked], route: Route) -> Granted | WaitsFor | Short:
    """From where the lines are taken, or why none of them is. Changes nothing.

    Waits for the first level of every item that is asked for.
    """
    demands = [one.demand for one in asked]
    unstocked = _unstocked(books, demands)
    if unstocked is not None:
        return unstocked
    portions = _portions(demands, books.free_units(demands, channel))
    if refused := [short for one in portions if _must_be_whole(one.demand) for short in one.shortages]:
        return Short(refused, channel.sales_channel_id)
    served_lines = [
        (one.line, portion.demand)
        for one, portion in zip(asked, portions, strict=True)
        if portion.demand.quantity_micro
    ]
    lines, served_demands = [line for line, _ in served_lines], [demand for _, demand in served_lines]
    served = serve(served_demands, books.free_units(served_demands, channel), route)
    promises = [_promise(books, lines[one.place], one) for one in served.missing]
    if beyond := _beyond_limits(books, served_demands, served, promises):
        return Short(beyond, channel.sales_channel_id)
    holds = [
        (lines[place], books.levels[item.item_no][location.location_no], units)
        for place, item, location, units in served.taken
    ]
    in_part = [short for one in portions if one.demand.policy is Policy.PARTIAL for short in one.shortages]
    if in_part and not holds and not promises:
        return Short(in_part, channel.sales_channel_id)
    return Granted(holds, promises, in_part)


def asked_of(
    books: Books,
    channel: Channel,
    line: Line,
    quantity_micro: int,
    policy: Policy | None,
    location_id: str | None,
) -> Asked:
    """What so much of a managed line asks for under the order's policy, if it names one.

    A line that names a location asks there, or nowhere where that is outside the channel.
    """
    locations: Sequence[Location] = books.sellable(channel)
    if location_id is not None:
        locations = [location for location in locations if location.location_id == location_id]
    return Asked(line, demand_of(books, line, quantity_micro, policy, locations))


def demand_of(
    books: Books, line: Line, quantity_micro: int, policy: Policy | None, locations: Sequence[Location]
) -> Demand:
    """So much of a managed line, wanted at these locations, in order of preference.

    Without a policy a variant that allows it waits; all other lines go by the installation's policy.
    """
    assert line.recipe is not None
    variant = books.catalogue.variants.get(line.variant_id)
    if policy is None:
        allowed = variant is not None and variant.allow_backorder
        policy = Policy.BACKORDER if allowed else books.snapshot.policy
    waiting_micro_max = None if variant is None else variant.backorder_limit
    return Demand(
        line.line_item_id, line.variant_id, line.recipe, quantity_micro, locations, policy, waiting_micro_max
    )


def keep(books: Books, granted: Granted, *, retaken: bool = False) -> None:
    """Book what was granted; `retaken` where some of it was given up for it (`Books.as_if_released`)."""
    if retaken:
        books.retake(granted.holds)
    else:
        books.reserve(granted.holds)
    for line, item, location, units in granted.promises:
        books.promise(line, books.level_made(item, location), units)


def _unstocked(books: Books, demands: Sequence[Demand]) -> WaitsFor | None:
    """The first item without a level anywhere: the stock to judge by has not been told yet."""
    for demand in demands:
        for part in demand.recipe.parts:
            if not books.levels.get(part.item.item_no):
                return WaitsFor(WaitKind.LEVEL, part.item.inventory_item_id)
    return None


class _Portion(NamedTuple):
    """How much of a line is served, and the items of which it wants more than is there."""

    demand: Demand
    shortages: list[Shortage]


def _portions(demands: Sequence[Demand], table: FreeUnits) -> list[_Portion]:
    """Each line's portion, in line order; a line counts as short by what lines served before it leave."""
    by_place = {place: _portion(demands[place], table) for place in serving_order(demands)}
    return [by_place[place] for place in range(len(demands))]


def _portion(demand: Demand, table: FreeUnits) -> _Portion:
    """Takes the portion out of the table; a line served in part takes whole units only (rulings)."""
    if demand.policy is not Policy.PARTIAL:
        return _Portion(demand, take(demand, table))
    short = take(demand, {part.item.item_no: dict(table[part.item.item_no]) for part in demand.recipe.parts})
    if short:
        demand = demand._replace(quantity_micro=available_micro(demand, table) // MICRO * MICRO)
    take(demand, table)
    return _Portion(demand, short)


def _must_be_whole(demand: Demand) -> bool:
    """Nowhere is no place to wait at either."""
    return demand.policy is Policy.ALL_OR_NOTHING or not demand.locations


def _promise(books: Books, line: Line, missing: Missing) -> Promise:
    """Booked where the line looked first and the item has a level; else at the channel's first location."""
    tried = (one for one in missing.tried if books.level_at(missing.item, one) is not None)
    return Promise(line, missing.item, next(tried, missing.tried[0]), missing.units)


def _beyond_limits(
    books: Books, demands: Sequence[Demand], served: Served, promises: Sequence[Promise]
) -> list[Shortage]:
    """Lines that wait for more than may wait: of a level as it says, of an item as the variant says.

    What waits of an item counts whoever waits for it, so that variants of one item share its room.
    """
    reserved: defaultdict[tuple[int, int], int] = defaultdict(int)
    waiting: defaultdict[int, int] = defaultdict(int)
    for one in served.taken:
        reserved[one.item.item_no, one.location.location_no] += one.units
    short = []
    for missing, promise in zip(served.missing, promises, strict=True):
        demand, item, units = demands[missing.place], promise.item, promise.units
        place = item.item_no, promise.location.location_no
        reserved[place] += units
        waiting[item.item_no] += units
        level = books.level_at(item, promise.location)
        limits = []
        if level is not None and level.backorder_limit is not None:
            limits.append((level.reserved + reserved[place] - level.stocked, level.backorder_limit))
        if demand.waiting_micro_max is not None:
            required = next(part.required for part in demand.recipe.parts if part.item is item)
            before = sum(one.shortfall for one in books.levels[item.item_no].values())
            limits.append((before + waiting[item.item_no], units_of(demand.waiting_micro_max, required)))
        if any(there > limit for there, limit in limits):
            short.append(_shortage(books, demand, missing, served.taken))
    return short


def _shortage(books: Books, demand: Demand, missing: Missing, taken: Iterable[Taken]) -> Shortage:
    """What is free for the line is what it would take."""
    here = {
        one.location.location_no: one.units
        for one in taken
        if one.place == missing.place and one.item is missing.item
    }
    found = tuple(
        (location, here.get(location.location_no, 0))
        for location in demand.locations
        if books.level_at(missing.item, location) is not None
    )
    wanted = missing.units + sum(here.values())
    return Shortage(demand.line_item_id, demand.variant_id, missing.item, wanted, found)
