"""The numbers that stand in the database for event types, outcomes, buckets and strategies.

The migrations hold the same numbers in lookup tables; a test compares both. A number is never reused.
"""

from schemas.event_type import EventType
from schemas.orders import Policy, Strategy
from schemas.outcome import Outcome

TYPE_NOS: dict[EventType, int] = {
    EventType.VARIANT_CREATED: 1,
    EventType.VARIANT_UPDATED: 2,
    EventType.VARIANT_DELETED: 3,
    EventType.LOCATION_CREATED: 4,
    EventType.LOCATION_UPDATED: 5,
    EventType.LOCATION_DELETED: 6,
    EventType.SALES_CHANNEL_UPDATED: 7,
    EventType.STOCK_SET: 8,
    EventType.STOCK_ADJUSTED: 9,
    EventType.STOCK_RECEIVED: 10,
    EventType.TRANSFER_SHIPPED: 11,
    EventType.TRANSFER_RECEIVED: 12,
    EventType.CART_VALIDATED: 13,
    EventType.CART_RELEASED: 14,
    EventType.ORDER_PLACED: 15,
    EventType.ORDER_UPDATED: 16,
    EventType.ORDER_CANCELED: 17,
    EventType.ORDER_FULFILLED: 18,
    EventType.FULFILLMENT_CANCELED: 19,
    EventType.ORDER_RETURNED: 20,
    EventType.RESERVATION_MOVED: 21,
    EventType.CART_HOLD_EXPIRED: 30,
    EventType.AUDIT_REPAIRED: 35,
    EventType.CART_HOLD_EVACUATED: 38,
    EventType.ORDER_IMPORTED: 36,
    EventType.STOCK_IMPORTED: 37,
    EventType.RESERVATION_REALLOCATED: 31,
    EventType.VARIANT_REMOVED: 32,
    EventType.LOCATION_EVACUATED: 34,
}

OUTCOME_NOS: dict[Outcome, int] = {
    Outcome.APPLIED: 1,
    Outcome.PARTIALLY_APPLIED: 2,
    Outcome.ALREADY_APPLIED: 3,
    Outcome.STALE: 4,
    Outcome.INSUFFICIENT_STOCK: 5,
    Outcome.UNKNOWN_VARIANT: 6,
    Outcome.BELOW_ZERO: 7,
    Outcome.EXCEEDS_ORDERED: 8,
    Outcome.EXCEEDS_SHIPPED: 9,
    Outcome.ORDER_CANCELED: 10,
    Outcome.LOCATION_NOT_ALLOWED: 11,
    Outcome.VERSION_MISMATCH: 12,
    Outcome.CONFLICT: 13,
    Outcome.PARKED: 100,
    Outcome.DEAD_LETTERED: 101,
}

NOT_FINAL_NO_MIN = 100
"""From this number on, outcomes are not final (sql/migrations: event_final_is_answered)."""

PARKED_NO = OUTCOME_NOS[Outcome.PARKED]
DEAD_NO = OUTCOME_NOS[Outcome.DEAD_LETTERED]

STRATEGY_NOS: dict[Strategy, int] = {
    Strategy.PRIORITY: 0,
    Strategy.MOST_AVAILABLE: 1,
    Strategy.FEWEST_SPLITS: 2,
    Strategy.RANDOM: 3,
    Strategy.NEAREST: 4,
}
POLICY_NOS: dict[Policy | None, int | None] = {
    None: None,
    Policy.ALL_OR_NOTHING: 0,
    Policy.PARTIAL: 1,
    Policy.BACKORDER: 2,
}
POLICIES: dict[int | None, Policy | None] = {number: policy for policy, number in POLICY_NOS.items()}
"""An order's policy; None where its placement named none."""

STRATEGIES: dict[int, Strategy] = {number: strategy for strategy, number in STRATEGY_NOS.items()}

PLACES_PER_BATCH = 8192
"""A place in the archive is batch_id * PLACES_PER_BATCH + the record's index in the batch."""
