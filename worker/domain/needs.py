"""What a batch of events names, found before anything is read: from it follows what to lock and to load."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from schemas.carts import CartReleased, CartValidated
from schemas.catalogue import (
    LocationCreated,
    LocationDeleted,
    LocationUpdated,
    Part,
    SalesChannelUpdated,
    VariantCreated,
    VariantDeleted,
    VariantUpdated,
)
from schemas.event_type import EventType
from schemas.internal import (
    AuditRepaired,
    CartHoldEvacuated,
    CartHoldExpired,
    LocationEvacuated,
    OrderImported,
    ReservationReallocated,
    StockImported,
    VariantRemoved,
)
from schemas.orders import (
    FulfillmentCanceled,
    OrderCanceled,
    OrderFulfilled,
    OrderPlaced,
    OrderReturned,
    OrderUpdated,
    ReservationMoved,
)
from schemas.stock import NamesItem, StockAdjusted, StockReceived, StockSet
from schemas.transfers import TransferReceived, TransferShipped
from worker.domain.event import Event
from worker.domain.model import Item

ITEM_NAMESPACE = UUID("5b1f3a52-6d0c-5b8e-9a3e-2f8d4c7e1a90")
"""Namespace of the ids of items that only a sku names."""


@dataclass(slots=True)
class Needs:
    """Ids that the events of a batch name, by what is done with what they stand for."""

    orders: dict[str, list[Event]] = field(default_factory=dict)
    """Orders with their events, in batch order. The items of their frozen lines are changed too."""
    cart_ids: set[str] = field(default_factory=set)
    """Carts that get, keep or lose a hold; the items of what they hold are changed too."""
    cart_ids_read: set[str] = field(default_factory=set)
    """Carts of which only what they hold is of interest."""
    transfer_ids: set[str] = field(default_factory=set)
    """Transfers; the items that they carry are changed too."""
    variant_ids: set[str] = field(default_factory=set)
    """Variants whose items' levels are changed, and so locked; likewise the items and skus below."""
    item_ids: set[str] = field(default_factory=set)
    skus: set[str] = field(default_factory=set)
    variant_ids_read: set[str] = field(default_factory=set)
    """Variants of carts: their levels are read, never locked."""
    location_ids: set[str] = field(default_factory=set)
    channel_ids: set[str] = field(default_factory=set)
    variant_ids_made: set[str] = field(default_factory=set)
    """Variants that a catalogue event makes or changes; likewise locations and channels."""
    location_ids_made: set[str] = field(default_factory=set)
    channel_ids_made: set[str] = field(default_factory=set)
    levels_audited: set[tuple[str, str]] = field(default_factory=set)
    """Item and location of levels whose whole ledger is read."""
    variant_ids_deleted: set[str] = field(default_factory=set)
    """Variants that go: who else is made of their items is read."""
    sets_stock: bool = False
    """Whether the guards of stock.set are read."""


def needs_of(events: Iterable[Event]) -> Needs:
    """What the events name. Ids that turn out to be unknown are named too: parking is the rules' matter."""
    needs = Needs()
    for event in events:
        _NEEDS[event.type](needs, event)
    return needs


def edited_variant_ids(event: Event) -> set[str]:
    """Variants that a change or a placement of an order names: who releases the event locks their items too.

    A placement is released by a cancel: its lines are frozen, hold nothing, and may be shipped all the same.
    """
    data = event.data
    return {line.variant_id for line in data.lines} if isinstance(data, OrderUpdated | OrderPlaced) else set()


def item_ids_made(event: Event, items_by_sku: Mapping[str, Item]) -> tuple[str, ...]:
    """Ids of the items that a variant created or updated may make or link: rows to upsert and lock.

    The rules look again under the locks (`worker.domain.variants`): an item made since is linked instead.
    """
    data = event.data
    if not isinstance(data, VariantCreated) or not data.manage_inventory:
        return ()
    if data.inventory_items:
        return tuple(part_item_id(part, items_by_sku) for part in data.inventory_items)
    known = None if data.sku is None else items_by_sku.get(data.sku)
    return (data.variant_id if known is None else known.inventory_item_id,)


def part_item_id(part: Part, items_by_sku: Mapping[str, Item]) -> str:
    """Id of the item that a listed part means: given, else found by sku, else made of the sku (DESIGN §2)."""
    if part.inventory_item_id is not None:
        return part.inventory_item_id
    assert part.sku is not None
    known = items_by_sku.get(part.sku)
    return str(uuid5(ITEM_NAMESPACE, part.sku)) if known is None else known.inventory_item_id


def _order_placed(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, OrderPlaced)
    _order(needs, data.order_id, event)
    needs.channel_ids.add(data.sales_channel_id)
    if data.cart_id is not None:
        needs.cart_ids.add(data.cart_id)
    variant_ids = needs.variant_ids
    for line in data.lines:
        variant_ids.add(line.variant_id)
        if line.location_id is not None:
            needs.location_ids.add(line.location_id)


def _order_updated(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, OrderUpdated)
    _order(needs, data.order_id, event)
    needs.variant_ids |= edited_variant_ids(event)
    needs.location_ids.update(line.location_id for line in data.lines if line.location_id is not None)


def _canceled(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, OrderCanceled | FulfillmentCanceled)
    _order(needs, data.order_id, event)


def _order_shipping(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, OrderFulfilled | OrderReturned)
    _order(needs, data.order_id, event)
    if data.location_id is not None:
        needs.location_ids.add(data.location_id)


def _reservation_moved(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, ReservationMoved)
    _order(needs, data.order_id, event)
    needs.location_ids.add(data.from_location_id)
    needs.location_ids.add(data.to_location_id)


def _order(needs: Needs, order_id: str, event: Event) -> None:
    events = needs.orders.get(order_id)
    if events is None:
        needs.orders[order_id] = [event]
    else:
        events.append(event)


def _cart_validated(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, CartValidated)
    needs.channel_ids.add(data.sales_channel_id)
    variant_ids = (line.variant_id for line in data.lines)
    if data.hold is None:
        needs.cart_ids_read.add(data.cart_id)
        needs.variant_ids_read.update(variant_ids)
    else:
        needs.cart_ids.add(data.cart_id)
        needs.variant_ids.update(variant_ids)


def _cart_held(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, CartReleased | CartHoldExpired | CartHoldEvacuated)
    needs.cart_ids.add(data.cart_id)


def _stock(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, StockSet | StockAdjusted | StockReceived)
    needs.location_ids.add(data.location_id)
    _item(needs, data)
    needs.sets_stock |= isinstance(data, StockSet)


def _relocation(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, LocationEvacuated | ReservationReallocated)
    _order(needs, data.order_id, event)


def _stock_imported(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, StockImported)
    needs.item_ids.add(data.inventory_item_id)
    needs.location_ids.add(data.location_id)


def _item(needs: Needs, named: NamesItem) -> None:
    if named.inventory_item_id is not None:
        needs.item_ids.add(named.inventory_item_id)
    if named.sku is not None:
        needs.skus.add(named.sku)
    if named.variant_id is not None:
        needs.variant_ids.add(named.variant_id)


def _transfer_shipped(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, TransferShipped)
    needs.transfer_ids.add(data.transfer_id)
    needs.location_ids.update((data.from_location_id, data.to_location_id))
    for line in data.lines:
        _item(needs, line)


def _transfer_received(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, TransferReceived)
    needs.transfer_ids.add(data.transfer_id)
    for line in data.lines or ():
        _item(needs, line)


def _variant_told(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, VariantCreated | VariantUpdated)
    needs.variant_ids_made.add(data.variant_id)
    needs.variant_ids.add(data.variant_id)
    if not data.inventory_items:
        needs.item_ids.add(data.variant_id)
        if data.sku is not None:
            needs.skus.add(data.sku)
    for part in data.inventory_items:
        if part.inventory_item_id is not None:
            needs.item_ids.add(part.inventory_item_id)
        else:
            assert part.sku is not None
            needs.skus.add(part.sku)


def _variant_deleted(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, VariantDeleted | VariantRemoved)
    needs.variant_ids_made.add(data.variant_id)
    needs.variant_ids.add(data.variant_id)
    needs.variant_ids_deleted.add(data.variant_id)


def _location(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, LocationCreated | LocationUpdated | LocationDeleted)
    needs.location_ids_made.add(data.location_id)
    needs.location_ids.add(data.location_id)


def _sales_channel_updated(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, SalesChannelUpdated)
    needs.channel_ids_made.add(data.sales_channel_id)
    needs.channel_ids.add(data.sales_channel_id)


def _audit_repaired(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, AuditRepaired)
    if data.order_id is not None:
        _order(needs, data.order_id, event)
        return
    assert data.inventory_item_id is not None
    assert data.location_id is not None
    needs.item_ids.add(data.inventory_item_id)
    needs.levels_audited.add((data.inventory_item_id, data.location_id))


def _order_imported(needs: Needs, event: Event) -> None:
    data = event.data
    assert isinstance(data, OrderImported)
    _order(needs, data.order_id, event)
    if data.cart_id is not None:
        needs.cart_ids.add(data.cart_id)
    needs.variant_ids.update(line.variant_id for line in data.lines)


_NEEDS: Mapping[EventType, Callable[[Needs, Event], None]] = {
    EventType.VARIANT_CREATED: _variant_told,
    EventType.VARIANT_UPDATED: _variant_told,
    EventType.VARIANT_DELETED: _variant_deleted,
    EventType.LOCATION_CREATED: _location,
    EventType.LOCATION_UPDATED: _location,
    EventType.LOCATION_DELETED: _location,
    EventType.SALES_CHANNEL_UPDATED: _sales_channel_updated,
    EventType.STOCK_SET: _stock,
    EventType.STOCK_ADJUSTED: _stock,
    EventType.STOCK_RECEIVED: _stock,
    EventType.TRANSFER_SHIPPED: _transfer_shipped,
    EventType.TRANSFER_RECEIVED: _transfer_received,
    EventType.CART_VALIDATED: _cart_validated,
    EventType.CART_RELEASED: _cart_held,
    EventType.CART_HOLD_EXPIRED: _cart_held,
    EventType.CART_HOLD_EVACUATED: _cart_held,
    EventType.ORDER_PLACED: _order_placed,
    EventType.ORDER_UPDATED: _order_updated,
    EventType.ORDER_CANCELED: _canceled,
    EventType.ORDER_FULFILLED: _order_shipping,
    EventType.FULFILLMENT_CANCELED: _canceled,
    EventType.ORDER_RETURNED: _order_shipping,
    EventType.RESERVATION_MOVED: _reservation_moved,
    EventType.AUDIT_REPAIRED: _audit_repaired,
    EventType.STOCK_IMPORTED: _stock_imported,
    EventType.RESERVATION_REALLOCATED: _relocation,
    EventType.VARIANT_REMOVED: _variant_deleted,
    EventType.LOCATION_EVACUATED: _relocation,
    EventType.ORDER_IMPORTED: _order_imported,
}
