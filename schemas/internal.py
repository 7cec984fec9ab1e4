"""Contracts of events that the worker tells itself; their answers and movements are like any other's."""

from typing import Annotated, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from schemas.contract import Contract, Id, Lines, Listed, NullIs, Version, Word, refuse_doubled
from schemas.orders import Disposition, OrderLine, Policy, Strategy
from schemas.places import Coordinates, Day
from schemas.quantity import LineQuantity, StockQuantity


class CartHoldExpired(Contract):
    """The time of a cart's hold is over."""

    cart_id: Id
    generation: int
    """Which of the cart's holds it was."""


class CartHoldEvacuated(Contract):
    """A location was deleted: what is held for a cart is to leave it."""

    cart_id: Id
    location_id: Id


class AuditRepaired(Contract):
    """An audit found a level or an order that contradicts itself: it is put right."""

    inventory_item_id: Id | None = None
    location_id: Id | None = None
    order_id: Id | None = None

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        level = self.inventory_item_id is not None and self.location_id is not None
        if level == (self.order_id is not None):
            raise PydanticCustomError("subject", "Either a level or an order must be named")
        return self


IMPORTED_ID = "imported"
"""Id of shipments and returns that an import does not name."""


class HeldUnits(Contract):
    """What a line holds at a location."""

    location_id: Id
    quantity: LineQuantity
    """Units of the line; of the named item, where one is named."""
    inventory_item_id: Id | None = None


class ShippedUnits(Contract):
    """What left for a line."""

    location_id: Id
    quantity: LineQuantity
    fulfillment_id: Annotated[Id, NullIs(IMPORTED_ID)] = IMPORTED_ID


class ReturnedUnits(Contract):
    """What came back of a line."""

    location_id: Id
    quantity: LineQuantity
    return_id: Annotated[Id, NullIs(IMPORTED_ID)] = IMPORTED_ID
    disposition: Annotated[Word[Disposition], NullIs(Disposition.SELLABLE)] = Disposition.SELLABLE


class ImportedLine(OrderLine):
    """An order line with how far it got. Its recipe is the variant's of today."""

    held: Listed[HeldUnits]
    shipped: Annotated[Listed[ShippedUnits], NullIs(())] = ()
    returned: Annotated[Listed[ReturnedUnits], NullIs(())] = ()


class LocationEvacuated(Contract):
    """A location was deleted: an order's reservations are to leave it."""

    order_id: Id
    location_id: Id


class ReservationReallocated(Contract):
    """An order holds what is not there, and stock came elsewhere."""

    order_id: Id


class VariantRemoved(Contract):
    """The last reservation of a deleted variant ended: its item goes."""

    variant_id: Id


class StockImported(Contract):
    """A level as a file counts it; what is left out stays as it is."""

    inventory_item_id: Id
    location_id: Id
    stocked: StockQuantity | None = None
    incoming: StockQuantity | None = None
    damaged: StockQuantity | None = None
    quarantined: StockQuantity | None = None
    low_stock_threshold: StockQuantity | None = None
    safety_stock: StockQuantity | None = None
    backorder_limit: StockQuantity | None = None


class OrderImported(Contract):
    """An order that was open when the worker was installed, as the system before it left it."""

    order_id: Id
    sales_channel_id: Id
    cart_id: Id | None = None
    lines: Lines[ImportedLine]
    policy: Word[Policy] | None = None
    strategy: Word[Strategy] | None = None
    destination: Coordinates | None = None
    ship_date: Day | None = None
    version: Version | None = None
    """The producer's number of this state of the order: edits up to it are stale."""

    @model_validator(mode="after")
    def _lines_once(self) -> Self:
        refuse_doubled((line.line_item_id for line in self.lines), "line_item_id")
        return self
