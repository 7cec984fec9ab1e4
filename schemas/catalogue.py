"""Contracts of catalogue events: variants with their recipes, locations, sales channels."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.contract import (
    Contract,
    Id,
    Label,
    Listed,
    NullIs,
    Prose,
    Version,
    Word,
    one_of,
    refuse_doubled,
    refuse_unless_one,
)
from schemas.places import Coordinates, Day
from schemas.quantity import QUANTITY_PLACES_MAX, AnyItemQuantity, LineQuantity, StockQuantity

PRIORITY_MAX = 2**31 - 1

_PART_NAMES = ("inventory_item_id", "sku")


class Role(StrEnum):
    """What a location may be used for."""

    SELLS = "sells"
    SHIPS = "ships"
    ACCEPTS_RETURNS = "accepts_returns"


class Part(Contract):
    """One inventory item of a variant's recipe, named by id or by sku; an unknown one is made."""

    model_config = ConfigDict(json_schema_extra=one_of(_PART_NAMES))

    inventory_item_id: Id | None = None
    sku: Id | None = None
    required_quantity: Annotated[LineQuantity, NullIs(1)] = 1
    """Units of the item that one unit of the variant takes."""

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        refuse_unless_one(self, _PART_NAMES)
        return self


class ItemAttributes(Contract):
    """What may be told of the inventory item that a variant is made with; nothing here is a stock."""

    title: Label | None = None
    description: Prose | None = None
    thumbnail: Label | None = None
    origin_country: Label | None = None
    hs_code: Label | None = None
    mid_code: Label | None = None
    material: Label | None = None
    weight: StockQuantity | None = None
    length: StockQuantity | None = None
    height: StockQuantity | None = None
    width: StockQuantity | None = None
    requires_shipping: Annotated[bool, NullIs(value=True)] = True
    unit_of_measure: Label | None = None
    decimal_places: Annotated[int, Field(ge=0, le=QUANTITY_PLACES_MAX), NullIs(0)] = 0
    """The item is counted in units of 10^-decimal_places."""
    low_stock_threshold: StockQuantity | None = None
    metadata: dict[str, Any] | None = None


class VariantCreated(ItemAttributes):
    """A product variant came to be. Managed: one item and link are made, unless parts are listed."""

    variant_id: Id
    sku: Id | None = None
    manage_inventory: Annotated[bool, NullIs(value=True)] = True
    """False: always available, never reserved, never moved."""
    allow_backorder: Annotated[bool, NullIs(value=False)] = False
    backorder_limit: StockQuantity | None = None
    ship_date: Day | None = None
    """When what waits of it is to ship: with `allow_backorder` it is sold as a preorder."""
    inventory_items: Annotated[Listed[Part], NullIs(())] = ()
    """The recipe; a part must not be listed twice."""
    version: Version | None = None


class VariantUpdated(VariantCreated):
    """A product variant as it now stands: absolute, what is left out has its default.

    Decimal places that are left out stay; they may be raised, not lowered. Placed orders are not touched.
    """


class VariantDeleted(Contract):
    """A product variant is not sold any more; what is reserved of it is still shipped."""

    variant_id: Id
    version: Version | None = None


class LocationCreated(Contract):
    """A stock location came to be."""

    location_id: Id
    name: Label | None = None
    roles: Annotated[Listed[Word[Role]], NullIs(tuple(Role))] = tuple(Role)
    """Absent: all of them. Sold from where it `sells` and `ships`; else used by hand only."""
    priority: Annotated[int, Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX), NullIs(0)] = 0
    """Breaks ties between locations; the smaller comes first."""
    coordinates: Coordinates | None = None
    """Where it is, for orders that are taken from the nearest location."""
    version: Version | None = None


class LocationUpdated(LocationCreated):
    """A stock location as it now stands: absolute, what is left out has its default."""


class LocationDeleted(Contract):
    """A stock location sells nothing from now on."""

    location_id: Id
    version: Version | None = None


class SalesChannelUpdated(Contract):
    """The locations a sales channel sells from, in order of preference, and how: absolute."""

    sales_channel_id: Id
    location_ids: Annotated[Listed[Id], Field(json_schema_extra={"uniqueItems": True})]
    """May name locations that are not created yet."""
    safety_stock: AnyItemQuantity | None = None
    """Units of each item, over all these locations, that this channel leaves to others."""
    low_stock_threshold: AnyItemQuantity | None = None
    """An item over all these locations is low at so many units or fewer; absent: as the item says."""
    version: Version | None = None

    @model_validator(mode="after")
    def _locations_once(self) -> Self:
        refuse_doubled(self.location_ids, "location_ids")
        return self
