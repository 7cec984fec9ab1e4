"""Contracts of stock events: counts, adjustments and receipts of an item at a location."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.contract import (
    VERSION_MAX,
    Contract,
    Id,
    Label,
    NullIs,
    Version,
    Word,
    one_of,
    refuse_unless_one,
)
from schemas.quantity import Delta, SomeQuantity, StockQuantity

_ITEM_NAMES = ("inventory_item_id", "sku", "variant_id")


class StockBucket(StrEnum):
    """What stock.set and stock.adjusted may name.

    Setting `available` sets stocked so that commitments are kept; adjusting it is refused.
    """

    STOCKED = "stocked"
    INCOMING = "incoming"
    DAMAGED = "damaged"
    QUARANTINED = "quarantined"
    AVAILABLE = "available"


class NamesItem(Contract):
    """An inventory item named in exactly one way: by id, by sku, or by a variant made of that item alone."""

    model_config = ConfigDict(json_schema_extra=one_of(_ITEM_NAMES))

    inventory_item_id: Id | None = None
    sku: Id | None = None
    variant_id: Id | None = None

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        refuse_unless_one(self, _ITEM_NAMES)
        return self


class StockSet(NamesItem):
    """A bucket was counted: absolute for that bucket; makes the level where there is none."""

    location_id: Id
    bucket: Annotated[Word[StockBucket], NullIs(StockBucket.STOCKED)] = StockBucket.STOCKED
    quantity: StockQuantity
    low_stock_threshold: StockQuantity | None = None
    safety_stock: StockQuantity | None = None
    backorder_limit: StockQuantity | None = None
    version: Version | None = None
    expected_level_version: Annotated[int, Field(ge=0, le=VERSION_MAX)] | None = None
    """Refused as `version_mismatch` unless the level stands at it; 0 = no level yet."""


class StockAdjusted(NamesItem):
    """A bucket changed by a difference; refused as `below_zero` where the bucket would not bear it."""

    location_id: Id
    bucket: Annotated[Word[StockBucket], NullIs(StockBucket.STOCKED)] = StockBucket.STOCKED
    delta: Delta
    """Below 0 where `to_bucket` is given."""
    to_bucket: Word[StockBucket] | None = None
    """What leaves `bucket` enters this one of the same level, both or neither."""
    reason: Label | None = None

    @model_validator(mode="after")
    def _from_one_to_another(self) -> Self:
        if self.to_bucket is not None and (self.to_bucket is self.bucket or self.delta > 0):
            raise PydanticCustomError(
                "to_bucket",
                "With to_bucket, delta must be below 0 and bucket another one: it moves from there",
            )
        return self


class StockReceived(NamesItem):
    """Goods arrived: they are stocked, and no longer incoming as far as they were announced."""

    location_id: Id
    quantity: SomeQuantity
    from_incoming: Annotated[bool | StockQuantity, NullIs(value=True)] = True
    """True: as many of them as are incoming; false: none; a number: so many, also if other than came."""
