"""From which locations an order's lines are taken: strategies, whole kits first, the rest split.

A strategy gives the order in which a line tries its locations; `serve` then walks it (rulings "Availability
and placement": whole kits per location first, what is left may be split even inside one unit). To add a
strategy, write its function and name it in `STRATEGIES` and `schemas.orders.Strategy`.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from math import cos, inf, radians, sin
from typing import NamedTuple

from schemas.orders import Policy, Strategy
from worker.domain.availability import Demand, FreeUnits, serving_order, units_of
from worker.domain.model import MICRO, Coordinates, Item, Location, Order


class Taken(NamedTuple):
    """Units of one item that a line takes from one location, smallest units."""

    place: int
    """The line's place among the demands."""
    item: Item
    location: Location
    units: int


class Missing(NamedTuple):
    """Units of one item that a line finds nowhere, smallest units; it may wait for them."""

    place: int
    item: Item
    tried: Sequence[Location]
    """The line's locations in the order in which it tried them."""
    units: int


class Served(NamedTuple):
    """From where all lines of an order are taken, and what those that may wait did not find."""

    taken: list[Taken]
    missing: list[Missing]


class Route(NamedTuple):
    """By what the locations of an order are chosen."""

    strategy: Strategy
    order_id: str
    """Seeds chance."""
    destination: Coordinates | None = None


Rank = Callable[[Sequence[Demand], FreeUnits, Route], Sequence[Location]]
"""Of the demands not served yet, the first one's locations in the order to try."""


def by_priority(demands: Sequence[Demand], _table: FreeUnits, _route: Route) -> Sequence[Location]:
    """The sales channel's own order of locations: the default."""
    return demands[0].locations


def by_most_available(demands: Sequence[Demand], table: FreeUnits, _route: Route) -> Sequence[Location]:
    """Where most units of the line are; among equals the channel's order."""
    parts = demands[0].recipe.parts

    def most_micro(location: Location) -> int:
        return min(_free(table, part.item, location) * MICRO // part.required for part in parts)

    return sorted(demands[0].locations, key=most_micro, reverse=True)


def by_fewest_splits(demands: Sequence[Demand], table: FreeUnits, _route: Route) -> Sequence[Location]:
    """The first location that has all the order still asks for; while none has, the one with most of it."""
    left: dict[int, int] = {}
    for demand in demands:
        for part in demand.recipe.parts:
            item_no = part.item.item_no
            left[item_no] = left.get(item_no, 0) + units_of(demand.quantity_micro, part.required)
    untried, ranked = list(demands[0].locations), list[Location]()

    def share(location: Location) -> tuple[int, int]:
        """How many items it has in full, then how many units; the greatest of equals stands first."""
        at = [(units, table[item_no].get(location.location_no, 0)) for item_no, units in left.items()]
        return sum(units <= there for units, there in at), sum(min(pair) for pair in at)

    while untried:
        best = max(untried, key=share)
        untried.remove(best)
        ranked.append(best)
        left = {
            item_no: units - min(units, table[item_no].get(best.location_no, 0))
            for item_no, units in left.items()
        }
    return ranked


def by_chance(demands: Sequence[Demand], _table: FreeUnits, route: Route) -> Sequence[Location]:
    """An order that looks random, and is the same whenever the same order is judged (DESIGN §3)."""

    def lot(location: Location) -> bytes:
        return sha256(f"{route.order_id}\n{location.location_id}".encode()).digest()

    return sorted(demands[0].locations, key=lot)


def by_distance(demands: Sequence[Demand], _table: FreeUnits, route: Route) -> Sequence[Location]:
    """The nearest to the order's destination first, then those without coordinates in the channel's order.

    Without a destination it is the channel's order alone.
    """
    destination = route.destination
    if destination is None:
        return demands[0].locations

    def way(location: Location) -> float:
        return inf if location.coordinates is None else _apart(destination, location.coordinates)

    return sorted(demands[0].locations, key=way)


def _apart(one: Coordinates, other: Coordinates) -> float:
    """How far two points on a sphere are apart, from 0 to 1: grows with the distance (haversine)."""
    north, south = radians(one.latitude), radians(other.latitude)
    turn = radians(other.longitude - one.longitude)
    return sin((south - north) / 2) ** 2 + cos(north) * cos(south) * sin(turn / 2) ** 2


STRATEGIES: Mapping[Strategy, Rank] = {
    Strategy.PRIORITY: by_priority,
    Strategy.MOST_AVAILABLE: by_most_available,
    Strategy.FEWEST_SPLITS: by_fewest_splits,
    Strategy.RANDOM: by_chance,
    Strategy.NEAREST: by_distance,
}


def route_of(order: Order) -> Route:
    """By what the locations of a placed order are chosen."""
    return Route(order.strategy, order.order_id, order.destination)


def serve(demands: Sequence[Demand], table: FreeUnits, route: Route) -> Served:
    """Take every line's units out of the table, which has all that lines ask for that may not wait."""
    rank = STRATEGIES[route.strategy]
    places = serving_order(demands)
    served = Served([], [])
    for turn, place in enumerate(places):
        demand = demands[place]
        tried = rank([demands[later] for later in places[turn:]], table, route)
        taken = spread(place, demand, tried, table)
        served.taken.extend(taken)
        for part in demand.recipe.parts:
            found = sum(one.units for one in taken if one.item is part.item)
            units = units_of(demand.quantity_micro, part.required) - found
            if units:
                assert demand.policy is Policy.BACKORDER, f"{units} of {part.item} are not there"
                served.missing.append(Missing(place, part.item, tried, units))
    return served


def spread(place: int, demand: Demand, locations: Sequence[Location], table: FreeUnits) -> list[Taken]:
    """Take one line's units out of the table: per location as many whole units as it has, then the parts."""
    parts = demand.recipe.parts
    missing = [units_of(demand.quantity_micro, part.required) for part in parts]
    taken: dict[tuple[int, int], int] = {}

    def take(at: int, location: Location, units: int) -> None:
        table[parts[at].item.item_no][location.location_no] -= units
        missing[at] -= units
        key = (at, location.location_no)
        taken[key] = taken.get(key, 0) + units

    for location in locations:
        there = [_free(table, part.item, location) for part in parts]
        if all(units >= wanted for units, wanted in zip(there, missing, strict=True)):
            kits = None
        else:
            kits = min(units // part.required for units, part in zip(there, parts, strict=True))
            kits = min(kits, *(wanted // part.required for wanted, part in zip(missing, parts, strict=True)))
        for at, part in enumerate(parts):
            units = missing[at] if kits is None else kits * part.required
            if units:
                take(at, location, units)
    for at, part in enumerate(parts):
        for location in locations:
            units = min(missing[at], _free(table, part.item, location))
            if units:
                take(at, location, units)
    by_no = {location.location_no: location for location in locations}
    return [
        Taken(place, parts[at].item, by_no[location_no], units) for (at, location_no), units in taken.items()
    ]


def _free(table: FreeUnits, item: Item, location: Location) -> int:
    return table[item.item_no].get(location.location_no, 0)
