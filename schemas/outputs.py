"""Contracts of everything the worker says: results, insufficient stock, states as they stand, stock alerts.

A result answers one event (DESIGN §5); its shape follows from the `type` of that event, or from the outcome
where the event became a dead letter. Readers ignore fields they do not know.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas.contract import Array, Contract, Id, Word
from schemas.event_type import EventType
from schemas.orders import Disposition
from schemas.outcome import DeadReason, Outcome
from schemas.places import Day
from schemas.quantity import SpelledQuantity
from schemas.topics import Output

AwaitedKind = Literal["variant", "item", "sku", "location", "sales_channel", "order", "level", "transfer"]


class WaitsFor(Contract):
    """The one thing that a parked event waits for."""

    kind: AwaitedKind
    key: Id


class UnitsAtLocation(Contract):
    """Units of an item at a location: held, released, shipped or restocked."""

    inventory_item_id: Id
    location_id: Id
    quantity: SpelledQuantity


class AvailableAtLocation(Contract):
    """What one location has for a short line; below 0 after a count below what is reserved."""

    location_id: Id
    available: SpelledQuantity


class ShortLine(Contract):
    """An item that a line wants more of than is available, in units of the item."""

    line_item_id: Id
    variant_id: Id
    inventory_item_id: Id
    sku: Id | None
    wanted: SpelledQuantity
    available: SpelledQuantity
    locations: Array[AvailableAtLocation]


class LevelState(Contract):
    """An inventory level as it stands; `available` = stocked − reserved."""

    inventory_item_id: Id
    location_id: Id
    stocked: SpelledQuantity
    reserved: SpelledQuantity
    incoming: SpelledQuantity
    damaged: SpelledQuantity
    quarantined: SpelledQuantity
    shortfall: SpelledQuantity
    """How much of reserved has no stock behind it."""
    available: SpelledQuantity
    level_version: int = Field(ge=0)
    """Rises with each movement."""


class Answer(Contract):
    """What every result says: which event it answers, and how. One final result per event."""

    cause_id: Id
    cause_source: Id
    outcome: Word[Outcome]
    final: bool
    """False while another result may follow for the same event."""
    message: str | None = None
    """For people: why the event was refused."""
    waits_for: WaitsFor | None = None
    """What a parked event waits for."""
    until: AwareDatetime | None = None
    """When a parked event becomes a dead letter."""

    @model_validator(mode="after")
    def _final_as_the_outcome_says(self) -> Self:
        if self.final is not self.outcome.is_final:
            raise PydanticCustomError("final", "final must be what the outcome says")
        return self


class VariantPart(Contract):
    """One item of a variant's recipe."""

    inventory_item_id: Id
    sku: Id | None
    required_quantity: SpelledQuantity


class VariantResult(Answer):
    """Answers events about a variant."""

    type: Literal["variant.created", "variant.updated", "variant.deleted", "variant.removed"]
    variant_id: Id
    managed: bool | None = None
    inventory_items: Array[VariantPart] = ()
    removed_items: Array[Id] = ()
    """Items that went with the variant: none of them reserved, no other variant made of them."""


class LocationResult(Answer):
    """Answers events about a location."""

    type: Literal["location.created", "location.updated", "location.deleted"]
    location_id: Id


class SalesChannelResult(Answer):
    """Answers sales_channel.updated."""

    type: Literal["sales_channel.updated"]
    sales_channel_id: Id


class StockResult(Answer):
    """Answers counts, adjustments and receipts. The item is named as the event named it until it is known."""

    type: Literal["stock.set", "stock.adjusted", "stock.received"]
    inventory_item_id: Id | None = None
    sku: Id | None = None
    variant_id: Id | None = None
    location_id: Id
    bucket: str
    from_incoming: SpelledQuantity | None = None
    """How many of the units received were incoming; `stock.received` only."""
    levels: Array[LevelState] = ()


class StockImportedResult(Answer):
    """Answers a row of `stock import`."""

    type: Literal["stock.imported"]
    inventory_item_id: Id
    location_id: Id
    levels: Array[LevelState] = ()


class ShortItem(Contract):
    """An item of which more was to travel than nobody has reserved, in units of the item."""

    inventory_item_id: Id
    sku: Id | None
    wanted: SpelledQuantity
    available: SpelledQuantity


class TransferLineState(Contract):
    """What was sent and received of an item, over all receipts so far."""

    inventory_item_id: Id
    shipped: SpelledQuantity
    received: SpelledQuantity
    in_transit: SpelledQuantity
    missing: SpelledQuantity
    """Sent, not received, and no longer expected: the transfer is closed."""
    over: SpelledQuantity
    """Received beyond what was sent."""


class TransferResult(Answer):
    """Answers events about a transfer."""

    type: Literal["transfer.shipped", "transfer.received"]
    transfer_id: Id
    from_location_id: Id | None = None
    to_location_id: Id | None = None
    lines: Array[TransferLineState] = ()
    short_items: Array[ShortItem] = ()
    levels: Array[LevelState] = ()


class CartLineResult(Contract):
    """What the cart's sales channel has of a line, in units of the variant."""

    line_item_id: Id
    variant_id: Id
    quantity: SpelledQuantity
    managed: bool
    available: SpelledQuantity | None
    """None: not managed, and so without end."""
    short: bool
    held: Array[UnitsAtLocation] = ()
    """What is held for the line from now on, where the cart asked for that."""


class CartResult(Answer):
    """Answers cart.validated, line by line."""

    type: Literal["cart.validated"]
    cart_id: Id
    lines: Array[CartLineResult] = ()
    short_lines: Array[ShortLine] = ()
    unknown_variants: Array[Id] = ()
    held_until: AwareDatetime | None = None
    """When what this event holds for the cart is given up again."""


class ReleasedCartLine(Contract):
    """A cart's line with what was held for it."""

    line_item_id: Id
    released: Array[UnitsAtLocation]


class CartReleasedResult(Answer):
    """Answers cart.released, and tells that a hold's time was over."""

    type: Literal["cart.released", "cart.hold_expired"]
    cart_id: Id
    reason: Literal["released", "expired"] | None = None
    """Why the cart holds nothing more; None where it held nothing."""
    lines: Array[ReleasedCartLine] = ()


class OrderAnswer(Answer):
    """Answers an event about an order; the revision tells the newer of two such answers."""

    order_id: Id
    order_revision: int | None = None
    short_lines: Array[ShortLine] = ()


class WaitingUnits(UnitsAtLocation):
    """Units of an item that an order line waits for, and the location they will leave."""

    ship_date: Day | None = None
    """Of a preorder: when they are to ship, as the order says, else the variant."""


class PlacedLine(Contract):
    """An order line with what is reserved for it."""

    line_item_id: Id
    variant_id: Id
    quantity: SpelledQuantity
    managed: bool
    reservations: Array[UnitsAtLocation] = ()
    waiting: Array[WaitingUnits] = ()
    """What of the reservations is not in stock yet: the line waits for it."""


class OrderPlacedResult(OrderAnswer):
    """Answers order.placed."""

    type: Literal["order.placed"]
    lines: Array[PlacedLine] = ()
    unknown_variants: Array[Id] = ()


class OrderUpdatedResult(OrderAnswer):
    """Answers order.updated: every line of the order as it now is, removed ones with quantity 0.

    A short line wanted what it was to grow by.
    """

    type: Literal["order.updated"]
    lines: Array[PlacedLine] = ()


class ReleasedLine(Contract):
    """A canceled line with what it gave up."""

    line_item_id: Id
    released: Array[UnitsAtLocation] = ()


class OrderCanceledResult(OrderAnswer):
    """Answers order.canceled: the lines canceled by it, as far as the order is placed."""

    type: Literal["order.canceled"]
    lines: Array[ReleasedLine] = ()


class ShippedLine(Contract):
    """An order line with what left for it, and from where."""

    line_item_id: Id
    quantity: SpelledQuantity
    shipments: Array[UnitsAtLocation] = ()


class OrderFulfilledResult(OrderAnswer):
    """Answers order.fulfilled."""

    type: Literal["order.fulfilled"]
    fulfillment_id: Id
    lines: Array[ShippedLine] = ()


class UnshippedLine(Contract):
    """An order line of a canceled fulfilment: what is back, and how much of it the line holds again."""

    line_item_id: Id
    quantity: SpelledQuantity
    restocked: Array[UnitsAtLocation] = ()
    reservations: Array[UnitsAtLocation] = ()


class FulfillmentCanceledResult(OrderAnswer):
    """Answers fulfillment.canceled."""

    type: Literal["fulfillment.canceled"]
    fulfillment_id: Id
    lines: Array[UnshippedLine] = ()


class RestockedLine(Contract):
    """An order line with what came back for it, and to where; `discarded` goods moved nothing."""

    line_item_id: Id
    quantity: SpelledQuantity
    disposition: Word[Disposition]
    restocked: Array[UnitsAtLocation] = ()


class OrderReturnedResult(OrderAnswer):
    """Answers order.returned."""

    type: Literal["order.returned"]
    return_id: Id
    lines: Array[RestockedLine] = ()


class ReservationMovedResult(OrderAnswer):
    """Answers reservation.moved."""

    type: Literal["reservation.moved"]
    levels: Array[LevelState] = ()


class Correction(Contract):
    """A bucket that was off: what the level and its ledger said, and what both say now."""

    bucket: str
    level: SpelledQuantity
    ledger: SpelledQuantity
    corrected: SpelledQuantity


class AuditRepairedResult(Answer):
    """Tells that an audit put a level or an order right."""

    type: Literal["audit.repaired"]
    inventory_item_id: Id | None = None
    location_id: Id | None = None
    order_id: Id | None = None
    order_revision: int | None = None
    levels: Array[LevelState] = ()
    corrections: Array[Correction] = ()
    versions_lost: Array[int] = ()
    """Versions of the level whose movement is lost."""
    released: Array[ReleasedLine] = ()
    """What lines of the order held without a claim to it."""


class OrderImportedResult(OrderAnswer):
    """Answers an order brought in from the system before, line by line."""

    type: Literal["order.imported"]
    lines: Array[PlacedLine] = ()


class UnitsMoved(Contract):
    """Units of an item that are held at another location from now on."""

    inventory_item_id: Id
    from_location_id: Id
    to_location_id: Id
    quantity: SpelledQuantity


class RelocatedLine(Contract):
    """A line of an order or cart with what of it is held elsewhere now, and what found no other place."""

    line_item_id: Id
    moved: Array[UnitsMoved] = ()
    left: Array[UnitsAtLocation] = ()


class LocationEvacuatedResult(OrderAnswer):
    """Tells what became of an order's reservations at a location that was deleted."""

    type: Literal["location.evacuated"]
    location_id: Id
    lines: Array[RelocatedLine] = ()


class CartHoldEvacuatedResult(Answer):
    """Tells what became of what was held for a cart at a location that was deleted."""

    type: Literal["cart.hold_evacuated"]
    cart_id: Id
    location_id: Id
    lines: Array[RelocatedLine] = ()


class ReservationReallocatedResult(OrderAnswer):
    """Tells that what an order held without stock is held where stock came."""

    type: Literal["reservation.reallocated"]
    lines: Array[RelocatedLine] = ()


class DeadLetterResult(Answer):
    """Tells of an event that became a dead letter; not final: replayed, it is judged afresh."""

    type: str | None
    """As the record said; None where that could not be read."""
    outcome: Literal[Outcome.DEAD_LETTERED]
    reason: Word[DeadReason]


EventResult = Annotated[
    VariantResult
    | LocationResult
    | SalesChannelResult
    | StockResult
    | StockImportedResult
    | TransferResult
    | CartResult
    | CartReleasedResult
    | OrderPlacedResult
    | OrderUpdatedResult
    | OrderCanceledResult
    | OrderFulfilledResult
    | FulfillmentCanceledResult
    | OrderReturnedResult
    | ReservationMovedResult
    | LocationEvacuatedResult
    | CartHoldEvacuatedResult
    | ReservationReallocatedResult
    | AuditRepairedResult
    | OrderImportedResult,
    Field(discriminator="type"),
]
"""A result that says how an event was judged, or that it is parked."""

Result = Annotated[DeadLetterResult | EventResult, Field(union_mode="left_to_right")]
"""Data of `inventory.result`."""


class InsufficientStock(Contract):
    """Data of `inventory.insufficient-stock`: a cart or order event found too little of what it wants."""

    cause_type: Word[EventType]
    cause_id: Id
    cause_source: Id
    order_id: Id | None = None
    cart_id: Id | None = None
    sales_channel_id: Id | None = None
    short_lines: Annotated[Array[ShortLine], Field(min_length=1)]


class LevelChanged(LevelState):
    """Data of `inventory.level-changed`: a level as it stands; the highest `level_version` is the newest."""

    sku: Id | None


class AvailabilityChanged(Contract):
    """Data of `inventory.availability-changed`: what a sales channel has of a variant, in its units.

    The highest `availability_version` of a variant and channel is the newest.
    """

    variant_id: Id
    sales_channel_id: Id
    available: SpelledQuantity | None
    """From stock, less what is reserved or kept back. None: not managed, and so without end."""
    sellable: SpelledQuantity | None
    """What an order placed alone now gets, with what may wait for stock. None: without end."""
    availability_version: int = Field(ge=1)
    """Rises with each change."""


class Alert(Contract):
    """What every stock alert says: which stock, what is available of it, and because of which event."""

    inventory_item_id: Id
    sku: Id | None
    location_id: Id | None
    """None: over the locations of a sales channel."""
    available: SpelledQuantity
    cause_id: Id
    cause_source: Id


class ThresholdAlert(Alert):
    """Available stock crossed a threshold, at a location or over a sales channel; told once per crossing.

    Over a channel, what is available at its locations is added up; one with less than nothing counts as 0.
    """

    kind: Literal["low_stock", "out_of_stock", "back_in_stock"]
    sales_channel_id: Id | None = None
    """The channel over whose locations it was crossed; None: at one location."""
    threshold: SpelledQuantity | None = None
    """The one that was crossed; `low_stock` only."""


class UncoveredLine(Contract):
    """A line of an order or a cart that has reserved what is not there, or no longer sold from there."""

    order_id: Id | None = None
    cart_id: Id | None = None
    line_item_id: Id
    quantity: SpelledQuantity


class OversoldAlert(Alert):
    """A count left less stock than is reserved."""

    kind: Literal["oversold"]
    shortfall: SpelledQuantity
    uncovered: Array[UncoveredLine]
    """Newest order first, what is held for carts before all."""


class OrphanedAlert(Alert):
    """Order lines hold units at a deleted location, because no other has room for them."""

    kind: Literal["orphaned"]
    lines: Array[UncoveredLine]


StockAlert = Annotated[ThresholdAlert | OversoldAlert | OrphanedAlert, Field(discriminator="kind")]
"""Data of `inventory.stock-alert`."""

OUTPUTS: Final[Mapping[str, TypeAdapter[Any]]] = MappingProxyType(
    {
        Output.RESULTS.event_type: TypeAdapter(Result),
        Output.INSUFFICIENT.event_type: TypeAdapter(InsufficientStock),
        Output.LEVELS.event_type: TypeAdapter(LevelChanged),
        Output.AVAILABILITY.event_type: TypeAdapter(AvailabilityChanged),
        Output.ALERTS.event_type: TypeAdapter(StockAlert),
    }
)
"""The contract of each output event's data, by CloudEvents type."""
