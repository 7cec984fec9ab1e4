"""What storefronts are told: how much of a variant a sales channel can sell, as it now stands."""

from typing import NamedTuple

from schemas.orders import Policy
from schemas.quantity import LINE_QUANTITY_MAX
from worker.domain.allocate import Route
from worker.domain.availability import available_micro, step_micro
from worker.domain.books import Books
from worker.domain.model import MICRO, Channel, Line, Variant
from worker.domain.placement import Asked, Granted, asked_of, grant


class Availability(NamedTuple):
    """What a channel has of a variant, in millionths of a unit; None is without end."""

    available_micro: int | None
    """From stock."""
    sellable_micro: int | None
    """The most that an order placed alone now gets, with what may wait for stock."""


NOTHING = Availability(0, 0)
UNMANAGED = Availability(None, None)


def availability_of(books: Books, channel: Channel, variant: Variant) -> Availability:
    """The availability of a variant in a channel, by the rule that carts and orders share; changes nothing.

    Kits, safety stock and what is reserved are counted there (DESIGN §4 rule 1); what may wait is what
    placement grants to an order that names neither policy nor strategy. All levels of its items are loaded.
    """
    if variant.deleted:
        return NOTHING
    if variant.recipe is None:
        return UNMANAGED
    line = Line(1, variant.variant_id, variant.variant_id, variant.variant_no, variant.recipe, MICRO)
    asked = asked_of(books, channel, line, MICRO, None, None)
    available = available_micro(asked.demand, books.free_units((asked.demand,), channel))
    if asked.demand.policy is not Policy.BACKORDER:
        return Availability(available, available)
    return Availability(available, _granted_micro(books, channel, asked, available))


def _granted_micro(books: Books, channel: Channel, asked: Asked, available: int) -> int | None:
    """The most that placement grants, found by asking it; None where a line may have all it can ask for."""
    step = step_micro(asked.demand)
    route = Route(books.snapshot.strategy, asked.line.variant_id)

    def is_granted(steps: int) -> bool:
        demand = asked.demand._replace(quantity_micro=steps * step)
        one = Asked(asked.line, demand)
        return isinstance(grant(books, channel, [one], route), Granted)

    granted, refused = available // step, LINE_QUANTITY_MAX * MICRO // step
    if is_granted(refused):
        return None
    while refused - granted > 1:
        middle = (granted + refused) // 2
        if is_granted(middle):
            granted = middle
        else:
            refused = middle
    return granted * step
