"""The types of the events that the worker reads, by the names they carry in `ce_type`."""

from enum import StrEnum


class EventType(StrEnum):
    """Type of an event as written on the wire; by default also the name of its topic (DESIGN §3)."""

    VARIANT_CREATED = "variant.created"
    VARIANT_UPDATED = "variant.updated"
    VARIANT_DELETED = "variant.deleted"
    LOCATION_CREATED = "location.created"
    LOCATION_UPDATED = "location.updated"
    LOCATION_DELETED = "location.deleted"
    SALES_CHANNEL_UPDATED = "sales_channel.updated"
    STOCK_SET = "stock.set"
    STOCK_ADJUSTED = "stock.adjusted"
    STOCK_RECEIVED = "stock.received"
    TRANSFER_SHIPPED = "transfer.shipped"
    TRANSFER_RECEIVED = "transfer.received"
    CART_VALIDATED = "cart.validated"
    CART_RELEASED = "cart.released"
    ORDER_PLACED = "order.placed"
    ORDER_UPDATED = "order.updated"
    ORDER_CANCELED = "order.canceled"
    ORDER_FULFILLED = "order.fulfilled"
    FULFILLMENT_CANCELED = "fulfillment.canceled"
    ORDER_RETURNED = "order.returned"
    RESERVATION_MOVED = "reservation.moved"
    CART_HOLD_EXPIRED = "cart.hold_expired"
    CART_HOLD_EVACUATED = "cart.hold_evacuated"
    AUDIT_REPAIRED = "audit.repaired"
    ORDER_IMPORTED = "order.imported"
    STOCK_IMPORTED = "stock.imported"
    RESERVATION_REALLOCATED = "reservation.reallocated"
    VARIANT_REMOVED = "variant.removed"
    LOCATION_EVACUATED = "location.evacuated"

    @property
    def is_internal(self) -> bool:
        """Whether only the worker itself tells it: read from Kafka it is an unknown type."""
        return self in _INTERNAL


_INTERNAL = frozenset(
    (
        EventType.CART_HOLD_EXPIRED,
        EventType.CART_HOLD_EVACUATED,
        EventType.AUDIT_REPAIRED,
        EventType.ORDER_IMPORTED,
        EventType.STOCK_IMPORTED,
        EventType.RESERVATION_REALLOCATED,
        EventType.VARIANT_REMOVED,
        EventType.LOCATION_EVACUATED,
    )
)
