"""The closed vocabularies of answers: outcomes and the reasons of dead letters."""

from enum import StrEnum
from typing import assert_never


class Outcome(StrEnum):
    """How an event was answered. Refusals stand in their order of precedence (DESIGN §5, rulings)."""

    APPLIED = "applied"
    PARTIALLY_APPLIED = "partially_applied"
    ALREADY_APPLIED = "already_applied"
    STALE = "stale"
    CONFLICT = "conflict"
    ORDER_CANCELED = "order_canceled"
    UNKNOWN_VARIANT = "unknown_variant"
    LOCATION_NOT_ALLOWED = "location_not_allowed"
    VERSION_MISMATCH = "version_mismatch"
    EXCEEDS_ORDERED = "exceeds_ordered"
    EXCEEDS_SHIPPED = "exceeds_shipped"
    BELOW_ZERO = "below_zero"
    INSUFFICIENT_STOCK = "insufficient_stock"
    PARKED = "parked"
    DEAD_LETTERED = "dead_lettered"

    @property
    def is_final(self) -> bool:
        """Whether no other answer follows for the same event id (DESIGN §5)."""
        match self:
            case Outcome.PARKED | Outcome.DEAD_LETTERED:
                return False
            case (
                Outcome.APPLIED
                | Outcome.PARTIALLY_APPLIED
                | Outcome.ALREADY_APPLIED
                | Outcome.STALE
                | Outcome.CONFLICT
                | Outcome.ORDER_CANCELED
                | Outcome.UNKNOWN_VARIANT
                | Outcome.LOCATION_NOT_ALLOWED
                | Outcome.VERSION_MISMATCH
                | Outcome.EXCEEDS_ORDERED
                | Outcome.EXCEEDS_SHIPPED
                | Outcome.BELOW_ZERO
                | Outcome.INSUFFICIENT_STOCK
            ):
                return True
            case _:
                assert_never(self)


class DeadReason(StrEnum):
    """Why a record or an event became a dead letter; the value of the header `dlq-reason` (DESIGN §4, §6)."""

    MALFORMED_JSON = "malformed_json"
    MALFORMED_ENVELOPE = "malformed_envelope"
    CONTRACT_VIOLATION = "contract_violation"
    UNKNOWN_TYPE = "unknown_type"
    UNSUPPORTED_VERSION = "unsupported_version"
    OVERSIZED = "oversized"
    ID_REUSE = "id_reuse"
    PREREQUISITE_TIMEOUT = "prerequisite_timeout"
    PARKED_LIMIT = "parked_limit"
    INVARIANT_VIOLATION = "invariant_violation"
    BEYOND_RETENTION = "beyond_retention"
