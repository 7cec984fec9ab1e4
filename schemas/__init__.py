"""Contracts of every event in and out, as frozen models."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.carts import CartReleased, CartValidated
from schemas.catalogue import (
    LocationCreated,
    LocationDeleted,
    LocationUpdated,
    SalesChannelUpdated,
    VariantCreated,
    VariantDeleted,
    VariantUpdated,
)
from schemas.contract import Contract
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
from schemas.stock import StockAdjusted, StockReceived, StockSet
from schemas.transfers import TransferReceived, TransferShipped

__all__ = ["INPUTS", "EventData", "EventType"]

EventData = (
    VariantCreated
    | VariantUpdated
    | VariantDeleted
    | LocationCreated
    | LocationUpdated
    | LocationDeleted
    | SalesChannelUpdated
    | StockSet
    | StockAdjusted
    | StockReceived
    | TransferShipped
    | TransferReceived
    | CartValidated
    | CartReleased
    | OrderPlaced
    | OrderUpdated
    | OrderCanceled
    | OrderFulfilled
    | FulfillmentCanceled
    | OrderReturned
    | ReservationMoved
    | CartHoldExpired
    | CartHoldEvacuated
    | AuditRepaired
    | OrderImported
    | StockImported
    | LocationEvacuated
    | ReservationReallocated
    | VariantRemoved
)
"""Data of an event that kept its contract."""

INPUTS: Final[Mapping[str, type[Contract]]] = MappingProxyType(
    {
        EventType.VARIANT_CREATED: VariantCreated,
        EventType.VARIANT_UPDATED: VariantUpdated,
        EventType.VARIANT_DELETED: VariantDeleted,
        EventType.LOCATION_CREATED: LocationCreated,
        EventType.LOCATION_UPDATED: LocationUpdated,
        EventType.LOCATION_DELETED: LocationDeleted,
        EventType.SALES_CHANNEL_UPDATED: SalesChannelUpdated,
        EventType.STOCK_SET: StockSet,
        EventType.STOCK_ADJUSTED: StockAdjusted,
        EventType.STOCK_RECEIVED: StockReceived,
        EventType.TRANSFER_SHIPPED: TransferShipped,
        EventType.TRANSFER_RECEIVED: TransferReceived,
        EventType.CART_VALIDATED: CartValidated,
        EventType.CART_RELEASED: CartReleased,
        EventType.ORDER_PLACED: OrderPlaced,
        EventType.ORDER_UPDATED: OrderUpdated,
        EventType.ORDER_CANCELED: OrderCanceled,
        EventType.ORDER_FULFILLED: OrderFulfilled,
        EventType.FULFILLMENT_CANCELED: FulfillmentCanceled,
        EventType.ORDER_RETURNED: OrderReturned,
        EventType.RESERVATION_MOVED: ReservationMoved,
    }
)
"""The contract of each input event's data, by event type."""
