"""What storefronts are told: how much of a variant a sales channel can sell, as it now stands."""

from collections.abc import Sequence
from typing import NamedTuple

from worker.domain.availability import Demand, Levels, available_micro, free_units
from worker.domain.model import MICRO, Location, Variant


class Availability(NamedTuple):
    """What a channel has of a variant, in millionths of a unit; None is without end."""

    available_micro: int | None
    """From stock."""
    sellable_micro: int | None
    """What an order placed alone now gets, with what may wait for stock."""


UNMANAGED = Availability(None, None)
GONE = Availability(0, 0)


def availability_of(variant: Variant, locations: Sequence[Location], levels: Levels) -> Availability:
    """The availability of a variant at a channel's selling locations.

    By the rule that carts and orders share (DESIGN §4 rule 1): kits, safety stock and all.
    """
    recipe = variant.recipe
    if variant.deleted:
        return GONE
    if recipe is None:
        return UNMANAGED
    demand = Demand("", variant.variant_id, recipe, MICRO, locations)
    available = available_micro(demand, free_units(levels, (demand,)))
    return Availability(available, available)
