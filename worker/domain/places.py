"""Where an order's goods are: which locations come first, and from which it gives up first what it holds."""

from collections.abc import Callable, Iterator

from schemas.places import Coordinates as ToldCoordinates
from worker.domain.books import Books
from worker.domain.model import Coordinates, Item, Level, Line, Location, Order


def point_of(told: ToldCoordinates | None) -> Coordinates | None:
    """The point that an event names, if it names one."""
    return None if told is None else Coordinates(told.latitude, told.longitude)


def preference(books: Books, order: Order) -> Callable[[Location], tuple[int, int, str]]:
    """Sort key of locations: the channel's order, then their own priority (rulings "priority")."""
    channel = books.catalogue.channels.get(order.sales_channel_id or "")
    places = {} if channel is None else {name: at for at, name in enumerate(channel.location_ids)}

    def key(location: Location) -> tuple[int, int, str]:
        priority = books.as_it_is_now(location).priority
        return places.get(location.location_id, len(places)), priority, location.location_id

    return key


def held_last(books: Books, order: Order, line: Line, item: Item, units: int) -> Iterator[tuple[Level, int]]:
    """So many units of an item, or all there are, where the line would be shipped from last."""
    key = preference(books, order)
    held = [one for one in line.reservations if one.quantity and one.level.item.item_no == item.item_no]
    for one in sorted(held, key=lambda one: key(one.level.location), reverse=True):
        given = min(one.quantity, units)
        if given:
            yield one.level, given
            units -= given
