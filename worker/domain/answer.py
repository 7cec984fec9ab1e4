"""The pieces that answers, events and alerts are made of, as plain JSON objects (DESIGN §5)."""

from collections.abc import Iterable

from schemas.quantity import SMALLEST_MAX, text
from worker.domain.availability import Shortage
from worker.domain.decision import Json
from worker.domain.model import Item, Level, Location


def units_text(item: Item, units: int) -> int | str:
    """Units of an item as the wire spells them. A sum over many levels stops at what one level could hold."""
    return text(min(units, SMALLEST_MAX), item.decimal_places)


def level_json(level: Level) -> Json:
    """A level as it stands."""
    places = level.item.decimal_places
    return {
        "inventory_item_id": level.item.inventory_item_id,
        "location_id": level.location.location_id,
        "stocked": text(level.stocked, places),
        "reserved": text(level.reserved, places),
        "incoming": text(level.incoming, places),
        "damaged": text(level.damaged, places),
        "quarantined": text(level.quarantined, places),
        "shortfall": text(level.shortfall, places),
        "available": text(level.available, places),
        "level_version": level.version,
    }


def units_json(item: Item, location: Location, units: int) -> Json:
    """Units of an item at a location: a reservation, a shipment, a restocking."""
    return {
        "inventory_item_id": item.inventory_item_id,
        "location_id": location.location_id,
        "quantity": text(units, item.decimal_places),
    }


def shortage_json(shortage: Shortage) -> Json:
    """A short line: what it wanted of which item, and what was there for it (DESIGN §4 rule 8)."""
    item = shortage.item
    return {
        "line_item_id": shortage.line_item_id,
        "variant_id": shortage.variant_id,
        "inventory_item_id": item.inventory_item_id,
        "sku": item.sku,
        "wanted": units_text(item, shortage.wanted),
        "available": units_text(item, shortage.available),
        "locations": [
            {"location_id": location.location_id, "available": units_text(item, units)}
            for location, units in shortage.locations
        ],
    }


def shortages_json(shortages: Iterable[Shortage]) -> list[Json]:
    """All short lines of an answer."""
    return [shortage_json(shortage) for shortage in shortages]
