"""The shop of the sample day: what it sells, from where, and what lies on the shelves in the morning.

Fabrics by the metre, haberdashery by the piece, kits made of both, a few limited prints that everybody wants,
and things nobody counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Any

Json = dict[str, Any]


class Kind(Enum):
    """How a good is counted and sold."""

    FABRIC = "fabric"
    """By the metre, in steps of 5 cm."""
    PIECE = "piece"
    KIT = "kit"
    """Made of other goods' items."""
    LIMITED = "limited"
    """Too little of it for a day."""
    UNCOUNTED = "uncounted"
    """Not managed: vouchers, downloads."""


@dataclass(frozen=True, slots=True)
class Good:
    """Something sold: one variant."""

    variant_id: str
    sku: str
    title: str
    kind: Kind
    parts: tuple[tuple[str, str | int], ...] = ()
    """Of a kit: skus, and how much of each."""


@dataclass(frozen=True, slots=True)
class Place:
    """A location and how much of everything it holds in the morning, against the others."""

    location_id: str
    name: str
    roles: tuple[str, ...]
    priority: int
    share: float
    coordinates: tuple[float, float]
    """Latitude and longitude."""


ALL_ROLES = ("sells", "ships", "accepts_returns")

CENTRAL, NORTH, SOUTH = "central", "north-store", "south-store"
OUTLET, STUDIO, DESK = "outlet", "studio", "returns-desk"

PLACES = (
    Place(CENTRAL, "Central warehouse", ALL_ROLES, 0, 1.0, (53.55, 9.99)),
    Place(NORTH, "North store", ALL_ROLES, 1, 0.25, (54.32, 10.14)),
    Place(SOUTH, "South store", ALL_ROLES, 2, 0.2, (48.14, 11.58)),
    Place(OUTLET, "Outlet", ("sells", "ships"), 3, 0.1, (51.05, 13.74)),
    Place(STUDIO, "Studio", ("ships",), 4, 0.0, (53.56, 9.96)),
    Place(DESK, "Returns desk", ("accepts_returns",), 5, 0.0, (53.55, 9.99)),
)

WEB, MARKETPLACE, NORTH_TILL, SOUTH_TILL = "web", "marketplace", "north-till", "south-till"

CHANNELS = {
    WEB: (CENTRAL, NORTH, SOUTH),
    MARKETPLACE: (CENTRAL, OUTLET),
    NORTH_TILL: (NORTH, CENTRAL),
    SOUTH_TILL: (SOUTH, CENTRAL),
}
"""Each with the locations it sells from, the preferred one first."""

KEPT_BACK = {MARKETPLACE: 2}
"""What a channel leaves of every good to the others."""

CUSTOMERS_AT = ((48.21, 16.37), (52.52, 13.4), (53.08, 8.8), (47.38, 8.54))
"""Latitude and longitude of where most parcels go."""

_MATERIALS = ("Linen", "Poplin", "Felt", "Denim", "Canvas", "Jersey")
_COLOURS = ("natural", "indigo", "moss", "rust", "charcoal", "cream")
_PIECES = ("Buttons", "Zip", "Thread", "Ribbon", "Needles", "Clasp", "Bias tape", "Chalk")
_SIZES = ("small", "medium", "large", "white", "black", "brass")
_PRINTS = ("Heron", "Fern", "Comet", "Lighthouse", "Otter", "Magnolia", "Kelp", "Cricket", "Sparrow", "Dune")
_KITS = (
    ("Tote bag", "Canvas", "1.5"),
    ("Apron", "Linen", "1.2"),
    ("Pouch", "Denim", "0.3"),
    ("Cushion", "Poplin", "0.75"),
    ("Slippers", "Felt", "0.4"),
    ("Baby romper", "Jersey", "0.8"),
)
_UNCOUNTED = ("Gift voucher", "Pattern download", "Gift wrap", "Sewing course", "Donation")


def goods() -> list[Good]:
    """Everything the shop sells, in the order in which it was listed."""
    return [*_fabrics(), *_pieces(), *_limited(), *_kits(), *_uncounted()]


def recipe_free_skus() -> list[str]:
    """Items that only kits name: the patterns printed for them."""
    return [f"PATTERN-{_code(name)}" for name, _, _ in _KITS]


def variant_data(good: Good) -> Json:
    """Data of the variant.created event of a good."""
    data: Json = {"variant_id": good.variant_id, "title": good.title, "manage_inventory": True}
    match good.kind:
        case Kind.FABRIC | Kind.LIMITED:
            data |= {"sku": good.sku, "decimal_places": 2, "unit_of_measure": "m", "low_stock_threshold": 5}
        case Kind.PIECE:
            data |= {"sku": good.sku, "low_stock_threshold": 10, "hs_code": "9606.21", "material": "mixed"}
        case Kind.KIT:
            data["inventory_items"] = [
                {"sku": sku, "required_quantity": quantity} for sku, quantity in good.parts
            ]
        case Kind.UNCOUNTED:
            data["manage_inventory"] = False
    return data


def morning_stock(good: Good, place: Place) -> int:
    """Units of the good's own item that lie at a place in the morning; 0 for what is not counted there."""
    match good.kind:
        case Kind.FABRIC:
            return round(1200 * place.share)
        case Kind.PIECE:
            return round(800 * place.share)
        case Kind.LIMITED:
            return round(6 * place.share)
        case Kind.KIT | Kind.UNCOUNTED:
            return 0


def _fabrics() -> Iterator[Good]:
    for material, colour in product(_MATERIALS, _COLOURS):
        yield _good(f"{material} {colour}", Kind.FABRIC)


def _pieces() -> Iterator[Good]:
    for piece, size in product(_PIECES, _SIZES):
        yield _good(f"{piece} {size}", Kind.PIECE)


def _limited() -> Iterator[Good]:
    for name in _PRINTS:
        yield _good(f"Print {name}", Kind.LIMITED)


def _kits() -> Iterator[Good]:
    for (name, material, metres), colour in product(_KITS, _COLOURS[:2]):
        parts: tuple[tuple[str, str | int], ...] = (
            (_code(f"{material} {colour}"), metres),
            (_code("Thread white"), 1),
            (f"PATTERN-{_code(name)}", 1),
        )
        good = _good(f"{name} kit {colour}", Kind.KIT)
        yield Good(good.variant_id, good.sku, good.title, good.kind, parts)


def _uncounted() -> Iterator[Good]:
    for name in _UNCOUNTED:
        yield _good(name, Kind.UNCOUNTED)


def _good(title: str, kind: Kind) -> Good:
    return Good(f"var_{title.lower().replace(' ', '_')}", _code(title), title, kind)


def _code(title: str) -> str:
    return title.upper().replace(" ", "-")
