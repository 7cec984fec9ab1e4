"""Contracts of order events, from the placement to the return, and of the admin's move of a reservation."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import model_validator

from schemas.contract import Contract, Id, Lines, NullIs, Version, Word, refuse_doubled
from schemas.places import Coordinates, Day
from schemas.quantity import EditedQuantity, LineQuantity


class Policy(StrEnum):
    """What happens to an order that stock does not cover whole."""

    ALL_OR_NOTHING = "all_or_nothing"
    PARTIAL = "partial"
    BACKORDER = "backorder"


class Strategy(StrEnum):
    """Which locations an order's reservations are taken from, among those with stock."""

    PRIORITY = "priority"
    MOST_AVAILABLE = "most_available"
    FEWEST_SPLITS = "fewest_splits"
    RANDOM = "random"
    NEAREST = "nearest"


class Disposition(StrEnum):
    """In which state returned goods came back, and so into which bucket they go."""

    SELLABLE = "sellable"
    DAMAGED = "damaged"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"


class OrderLine(Contract):
    """A line of an order to place."""

    line_item_id: Id
    variant_id: Id
    quantity: LineQuantity
    location_id: Id | None = None
    """Firm: the line is reserved there or nowhere."""


class OrderPlaced(Contract):
    """An order was placed: every managed line is reserved, from one location or several."""

    order_id: Id
    sales_channel_id: Id
    cart_id: Id | None = None
    lines: Lines[OrderLine]
    policy: Word[Policy] | None = None
    strategy: Word[Strategy] | None = None
    destination: Coordinates | None = None
    """Where it is sent, for the strategy `nearest`."""
    ship_date: Day | None = None
    """A preorder: what is not in stock waits until then, unless the policy says otherwise."""

    @model_validator(mode="after")
    def _lines_once(self) -> Self:
        # The busiest contract by far: the common case is told here, without a call.
        if len({line.line_item_id for line in self.lines}) != len(self.lines):
            refuse_doubled((line.line_item_id for line in self.lines), "line_item_id")
        return self


class EditedLine(Contract):
    """A line of an order as it now is."""

    line_item_id: Id
    variant_id: Id
    """Of an existing line the one it was ordered with."""
    quantity: EditedQuantity
    """0: removed."""
    location_id: Id | None = None
    """Firm: what the line grows by is reserved there or nowhere."""


class OrderUpdated(Contract):
    """The lines of an order as they now are, all of them: one that is left out is removed.

    Only the difference to what was ordered before is reserved or given up: all of it, or the order stays as
    it was.
    """

    order_id: Id
    version: Version | None = None
    """The producer's number of the order's state; absent: the last one to arrive counts."""
    lines: Lines[EditedLine]

    @model_validator(mode="after")
    def _lines_once(self) -> Self:
        refuse_doubled((line.line_item_id for line in self.lines), "line_item_id")
        return self


class OrderCanceled(Contract):
    """An order, or some of its lines, are wanted no more: what it still holds is given up.

    What left before, or leaves all the same, stays shipped until it is returned. Told before the order is
    placed, it keeps the order, or those lines of it, from ever reserving anything.
    """

    order_id: Id
    line_item_ids: Lines[Id] | None = None
    """Absent: the whole order."""

    @model_validator(mode="after")
    def _lines_once(self) -> Self:
        refuse_doubled(self.line_item_ids or (), "line_item_id")
        return self


class FulfilledLine(Contract):
    """How much of an order line was shipped."""

    line_item_id: Id
    quantity: LineQuantity


class OrderFulfilled(Contract):
    """Goods of an order left a location. Without lines: all that the order now holds."""

    order_id: Id
    fulfillment_id: Id
    location_id: Id | None = None
    """Absent: from where the order's reservations are."""
    lines: Lines[FulfilledLine] | None = None
    order_version: Version | None = None
    """The order.updated that this was shipped by: while that one is on its way, more than ordered waits."""

    @model_validator(mode="after")
    def _lines_once(self) -> Self:
        refuse_doubled((line.line_item_id for line in self.lines or ()), "line_item_id")
        return self


class FulfillmentCanceled(Contract):
    """A shipment did not leave after all: its goods are where they were, and reserved for the order again."""

    order_id: Id
    fulfillment_id: Id


class ReturnedLine(Contract):
    """How much of an order line came back, and in which state."""

    line_item_id: Id
    quantity: LineQuantity
    disposition: Annotated[Word[Disposition], NullIs(Disposition.SELLABLE)] = Disposition.SELLABLE


class OrderReturned(Contract):
    """Goods of an order came back to a location."""

    order_id: Id
    return_id: Id
    location_id: Id | None = None
    """Absent: to where the units left."""
    lines: Lines[ReturnedLine]

    @model_validator(mode="after")
    def _lines_once(self) -> Self:
        refuse_doubled((line.line_item_id for line in self.lines), "line_item_id")
        return self


class ReservationMoved(Contract):
    """An admin changed from where reserved goods will be shipped."""

    order_id: Id
    line_item_id: Id
    inventory_item_id: Id | None = None
    """Absent: all parts of the line, or none."""
    from_location_id: Id
    to_location_id: Id
    quantity: LineQuantity | None = None
    """Units of the named item, else of the line; absent: all that is held there."""
