"""How much can be sold: the one rule that carts, orders and displays share (DESIGN §4 rule 1).

`free` is that rule for one level. Everything else here sums it over the locations of a sales channel and
takes lines out of the sum, one after the other, so that lines of one cart or order share their stock
(DESIGN §4 rule 2, rulings "Availability and placement").
"""

from collections.abc import Iterable, Mapping, Sequence
from math import gcd, lcm
from typing import NamedTuple

from schemas.orders import Policy
from schemas.quantity import SMALLEST_MAX
from worker.domain.model import MICRO, Channel, Item, Level, Location, Recipe

Levels = Mapping[int, Mapping[int, Level]]
"""item_no -> location_no -> level."""

FreeUnits = dict[int, dict[int, int]]
"""item_no -> location_no -> units still free, smallest units: working copy of one judgement."""


class Demand(NamedTuple):
    """What one managed line asks of stock."""

    line_item_id: str
    variant_id: str
    recipe: Recipe
    quantity_micro: int
    locations: Sequence[Location]
    """Where it may come from, in order of preference: the channel's, or the one it is firm at."""
    policy: Policy = Policy.ALL_OR_NOTHING
    """What becomes of it where stock does not cover it."""
    waiting_micro_max: int | None = None
    """Of its items, as much may wait for stock in all, in millionths of the variant; None: without end."""


class KeptBack(NamedTuple):
    """What a sales channel leaves to others of each item."""

    micro: int
    """Over all its locations together, in millionths of a unit."""
    locations: Sequence[Location]


class Shortage(NamedTuple):
    """A line that asks for more of an item than is free for it, smallest units of the item."""

    line_item_id: str
    variant_id: str
    item: Item
    wanted: int
    locations: tuple[tuple[Location, int], ...]
    """Where the item has a level, with what is free there for this line, after the lines before it."""

    @property
    def available(self) -> int:
        """What is free for this line over all its locations."""
        return sum(units for _, units in self.locations)


def selling(channel: Channel, locations: Mapping[str, Location]) -> tuple[Location, ...]:
    """The channel's locations that count for availability, in its order: known, selling and shipping."""
    named = (locations.get(location_id) for location_id in channel.location_ids)
    return tuple(
        location
        for location in named
        if location is not None and location.sells and location.ships and not location.deleted
    )


def free(level: Level) -> int:
    """Units of a level that an order or cart may take: never negative, so that no level lowers another's."""
    units = level.stocked - level.reserved
    if level.safety_stock:
        units -= level.safety_stock
    return units if units > 0 else 0  # noqa: FURB136  # of all calls this is the most frequent one


def units_of(quantity_micro: int, required: int) -> int:
    """Smallest units of a part in a line's quantity; exact, as `fits` made sure before."""
    return quantity_micro * required // MICRO


def fits(quantity_micro: int, recipe: Recipe) -> bool:
    """Whether a line's quantity is a countable number of units of every part (rulings "Catalogue")."""
    if quantity_micro % MICRO == 0:
        return True
    return all(quantity_micro * part.required % MICRO == 0 for part in recipe.parts)


def free_units(levels: Levels, demands: Iterable[Demand], kept_back: KeptBack | None) -> FreeUnits:
    """What is free of every item demanded, where a demand may take it.

    What the channel keeps back is kept where it would be taken from last.
    """
    table: FreeUnits = {}
    items: dict[int, Item] = {}
    for demand in demands:
        for part in demand.recipe.parts:
            item_no = part.item.item_no
            items[item_no] = part.item
            at = levels.get(item_no, {})
            units = table.setdefault(item_no, {})
            for location in demand.locations:
                level = at.get(location.location_no)
                if level is not None and location.location_no not in units:
                    units[location.location_no] = free(level)
    if kept_back is not None:
        for item in items.values():
            _keep_back(kept_back, item, levels.get(item.item_no, {}), table[item.item_no])
    return table


def _keep_back(kept_back: KeptBack, item: Item, at: Mapping[int, Level], units: dict[int, int]) -> None:
    """Take what is kept back of an item out of the table, also where no demand may take it from."""
    left = -(-kept_back.micro * 10**item.decimal_places // MICRO)
    for location in reversed(kept_back.locations):
        level, location_no = at.get(location.location_no), location.location_no
        there = units.get(location_no, 0 if level is None else free(level))
        kept = min(left, there)
        left -= kept
        if location_no in units:
            units[location_no] = there - kept


def take(demand: Demand, table: FreeUnits) -> list[Shortage]:
    """Take a line's units out of the table, or what is left of them; gives the items that fall short."""
    short = []
    for part in demand.recipe.parts:
        at = table[part.item.item_no]
        wanted = missing = units_of(demand.quantity_micro, part.required)
        found = tuple(
            (location, at[location.location_no])
            for location in demand.locations
            if location.location_no in at
        )
        for location, units in found:
            taken = min(units, missing)
            at[location.location_no] = units - taken
            missing -= taken
        if missing:
            short.append(Shortage(demand.line_item_id, demand.variant_id, part.item, wanted, found))
    return short


def serving_order(demands: Sequence[Demand]) -> list[int]:
    """Places of the lines in the order in which they are served.

    Those that may wait come last, those bound to one location first (rulings "Availability and placement").
    """

    def turn(place: int) -> tuple[bool, bool]:
        demand = demands[place]
        return demand.policy is Policy.BACKORDER, len(demand.locations) > 1

    return sorted(range(len(demands)), key=turn)


def available_micro(demand: Demand, table: FreeUnits) -> int:
    """Most of a variant, in millionths, that an order of this line alone could get from the table."""
    parts = demand.recipe.parts
    most = min(
        sum(table[part.item.item_no].get(location.location_no, 0) for location in demand.locations)
        * MICRO
        // part.required
        for part in parts
    )
    step = step_micro(demand)
    return min(most // step * step, SMALLEST_MAX * MICRO)


def step_micro(demand: Demand) -> int:
    """The least of a variant that can be counted in its items, in millionths.

    A whole unit where the line asks for whole units and no part is counted in decimals.
    """
    parts = demand.recipe.parts
    if demand.quantity_micro % MICRO == 0 and not any(part.item.decimal_places for part in parts):
        return MICRO
    return lcm(*(MICRO // gcd(MICRO, part.required) for part in parts))
