"""The values that rules read and change: catalogue, levels, orders, and the snapshot of one batch.

Catalogue values are frozen and shared between batches. Levels, lines, reservations and orders are the
batch's own working copies: they are built from rows read under locks, changed by the rules through
`worker.domain.books`, and written back by `worker.runtime.store`.

Units: item quantities are integers in the item's smallest unit (10 ** -decimal_places); line quantities
end in `_micro` and are millionths of a unit (`schemas.quantity`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum
from typing import NamedTuple

from schemas.orders import Disposition, Policy, Strategy
from worker.domain.event import Event

MICRO = 1_000_000
PARKED_PER_ORDER_MAX = 10_000


class Bucket(IntEnum):
    """A counted quantity of a level; the number is what the ledger stores."""

    STOCKED = 1
    RESERVED = 2
    INCOMING = 3
    DAMAGED = 4
    QUARANTINED = 5
    SHORTFALL = 6
    DISCARDED = 7
    """Returned goods that were thrown away: a ledger row without effect on the level."""


class WaitKind(IntEnum):
    """What a parked event waits for; the number is stored with it."""

    VARIANT = 1
    ITEM = 2
    SKU = 3
    LOCATION = 4
    SALES_CHANNEL = 5
    ORDER = 6
    LEVEL = 7
    """The first level of an item, anywhere."""
    TRANSFER = 8
    """The shipment of a transfer."""


class WaitsFor(NamedTuple):
    """The one missing thing that a parked event waits for: its kind and the producer's id of it."""

    kind: WaitKind
    key: str


@dataclass(frozen=True, slots=True)
class Item:
    """An inventory item: what is stock-kept. Knows no quantity (seed, InventoryItem)."""

    item_no: int
    inventory_item_id: str
    sku: str | None
    decimal_places: int
    low_stock_threshold: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a recipe, with the quantity of it (smallest units) that one unit of the variant takes."""

    item: Item
    required: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """The immutable set of a variant's links; an order line points at the one it was placed with."""

    recipe_no: int | None
    """None until the store has written a recipe made in this batch."""
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Guard:
    """The last absolute event applied to an entity: older ones change nothing (rulings, Absolute events)."""

    version: int | None = None
    source: str | None = None
    time: datetime | None = None


class Coordinates(NamedTuple):
    """A point on earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Variant:
    """What is sold. `recipe` is None while inventory is not managed."""

    variant_no: int
    variant_id: str
    sku: str | None
    allow_backorder: bool
    backorder_limit: int | None
    recipe: Recipe | None
    content_hash: bytes
    """Body hash of the event that made it what it is: tells `already_applied` from `conflict`."""
    guard: Guard = Guard()
    deleted: bool = False
    """Not sold any more; what is reserved of it lives on."""
    ship_date: date | None = None
    """When what waits of it is to ship (preorder)."""


@dataclass(frozen=True, slots=True)
class Location:
    """A stock location with its roles. `deleted` is a mark: the row stays (DESIGN §3)."""

    location_no: int
    location_id: str
    name: str
    sells: bool
    ships: bool
    accepts_returns: bool
    priority: int
    deleted: bool
    content_hash: bytes
    guard: Guard = Guard()
    coordinates: Coordinates | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A sales channel and its ordered locations, also those not created yet."""

    channel_no: int
    sales_channel_id: str
    location_ids: tuple[str, ...]
    guard: Guard = Guard()
    safety_stock_micro: int = 0
    """Of each item, over all its locations, it leaves so much to others, in millionths of a unit."""
    low_stock_micro: int | None = None
    """An item over all its locations is low at so much or less; None: as the item says."""


@dataclass(slots=True)
class Catalogue:
    """What is known of variants, items, locations and channels that this batch names.

    Rules add to it what a catalogue event of the batch makes. `*_nos` give the numbers of rows that the
    store has locked for the catalogue events of the batch, known or not yet.
    """

    items_by_id: dict[str, Item] = field(default_factory=dict)
    items_by_sku: dict[str, Item] = field(default_factory=dict)
    variants: dict[str, Variant] = field(default_factory=dict)
    locations: dict[str, Location] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    items_gone: dict[str, Item] = field(default_factory=dict)
    """Items that went with their variants, of those that a catalogue event of the batch may make."""
    removals_pending: bool = False
    """Whether items of deleted variants may have to go."""
    item_nos: Mapping[str, int] = field(default_factory=dict)
    variant_nos: Mapping[str, int] = field(default_factory=dict)
    location_nos: Mapping[str, int] = field(default_factory=dict)
    channel_nos: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Level:
    """Item x location. Compared by identity: one object per level and batch."""

    level_no: int | None
    """None until the store has written a level made in this batch."""
    item: Item
    location: Location
    stocked: int = 0
    reserved: int = 0
    incoming: int = 0
    damaged: int = 0
    quarantined: int = 0
    shortfall: int = 0
    version: int = 0
    low_stock_threshold: int | None = None
    safety_stock: int | None = None
    backorder_limit: int | None = None

    @property
    def available(self) -> int:
        """Stocked less reserved, smallest units; negative after a count below what is reserved."""
        return self.stocked - self.reserved


@dataclass(slots=True, eq=False)
class Reservation:
    """What an order line still holds of one level, smallest units; 0 in `stored`: no row."""

    level: Level
    quantity: int
    stored: int = 0


@dataclass(slots=True, eq=False)
class Line:
    """An order line with its frozen recipe (None = unmanaged when placed)."""

    line_no: int
    line_item_id: str
    variant_id: str
    variant_no: int
    recipe: Recipe | None
    quantity_micro: int
    shipped_micro: int = 0
    returned_micro: int = 0
    reservations: list[Reservation] = field(default_factory=list)


class Shipped(NamedTuple):
    """Units of one line that left one level with one fulfilment, smallest units."""

    line_no: int
    level: Level
    quantity: int


class LineQuantity(NamedTuple):
    """How much of a line (millionths of a unit) a fulfilment shipped."""

    line_no: int
    quantity_micro: int


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """An applied order.fulfilled. Ids are unique per order only (rulings, Orders)."""

    fulfillment_no: int
    fulfillment_id: str
    body_hash: bytes
    lines: tuple[LineQuantity, ...]
    shipped: tuple[Shipped, ...]
    canceled: bool = False
    """Undone: it counts for nothing any more, but its id is used up."""


class ReturnLine(NamedTuple):
    """How much of a line came back (millionths of a unit), in which state."""

    line_no: int
    quantity_micro: int
    disposition: Disposition


class Returned(NamedTuple):
    """Units that came back onto a level, smallest units; `discarded` ones too (they move nothing)."""

    line_no: int
    level: Level
    quantity: int
    disposition: Disposition


@dataclass(frozen=True, slots=True)
class Return:
    """An applied order.returned."""

    return_no: int
    return_id: str
    body_hash: bytes
    lines: tuple[ReturnLine, ...]
    returned: tuple[Returned, ...]


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """An event of this order that waits; `arrival` orders those that wait for the same thing."""

    event: Event
    arrival: int
    waits_for: WaitsFor
    until: datetime


@dataclass(slots=True, eq=False)
class Order:
    """The order row, its lines and everything applied to it. Placed means: it has lines."""

    order_no: int
    order_id: str
    revision: int
    """As it stood before this batch; each event judged on the order raises it by one."""
    sales_channel_id: str | None = None
    strategy: Strategy = Strategy.PRIORITY
    policy: Policy | None = None
    """As the placement named it; None: by each variant, else the installation's."""
    cart_id: str | None = None
    placement_hash: bytes | None = None
    """Body hash of the placement that was applied (or, before that, last judged).

    None of an order that was canceled before it was placed.
    """
    canceled: bool = False
    """Whole: it holds nothing, and never will, even where it is placed only now (DESIGN §4 rule 6)."""
    canceled_line_ids: frozenset[str] = frozenset()
    """Lines canceled one by one, also those that no placement has named yet."""
    version: int | None = None
    """The producer's, of the last order.updated applied that had one."""
    edited: bool = False
    """An order.updated was applied: of a line more may have been shipped than is ordered now."""
    destination: Coordinates | None = None
    """Where it is sent; like the ship date, as the placement named it."""
    ship_date: date | None = None
    """When what waits of it is to ship (preorder)."""
    lines: list[Line] = field(default_factory=list)
    fulfillments: dict[str, Fulfillment] = field(default_factory=dict)
    returns: dict[str, Return] = field(default_factory=dict)
    parked: list[ParkedEvent] = field(default_factory=list)

    def is_canceled(self, line_item_id: str) -> bool:
        """Whether a line holds nothing any more, whatever is ordered of it."""
        return self.canceled or line_item_id in self.canceled_line_ids

    def open_micro(self, line: Line) -> int:
        """How much of a line is still to be shipped, millionths of a unit; nothing of a canceled one."""
        if self.is_canceled(line.line_item_id):
            return 0
        return max(0, line.quantity_micro - line.shipped_micro)


@dataclass(slots=True)
class TransferLine:
    """Units of an item that were sent, and that arrived, smallest units; 0 sent: they came unannounced."""

    item: Item
    shipped: int
    received: int = 0


class Traveling(NamedTuple):
    """The applied shipment of a transfer: between which locations, and the body hash of its event."""

    source: Location
    target: Location
    body_hash: bytes


@dataclass(slots=True, eq=False)
class Transfer:
    """Goods on their way; without a shipment only named so far."""

    transfer_no: int
    transfer_id: str
    shipment: Traveling | None = None
    closed: bool = False
    """Nothing more is expected of it."""
    lines: dict[int, TransferLine] = field(default_factory=dict)
    """By item number."""

    def in_transit(self, line: TransferLine) -> int:
        """What of a line is still on its way, smallest units."""
        return 0 if self.closed else max(0, line.shipped - line.received)


class CartHold(NamedTuple):
    """Units of one level that are held for a cart's line, smallest units."""

    line_item_id: str
    level: Level
    quantity: int


@dataclass(slots=True, eq=False)
class Cart:
    """What is held for a cart, and how long."""

    cart_no: int
    cart_id: str
    generation: int = 0
    """Rises with each hold: says which one an expiry ends."""
    expires_at: datetime | None = None
    """None: nothing is held."""
    order_id: str | None = None
    """The order that was placed of it: from then on nothing is held for the cart."""
    sales_channel_id: str | None = None
    """Where its hold may be taken from."""
    holds: list[CartHold] = field(default_factory=list)
    is_stored: bool = False
    """Whether there are rows of what it held before this batch."""

    @property
    def units(self) -> list[tuple["Cart", Level, int]]:
        """What is held for it, in the form in which books judge it as released."""
        return [(self, one.level, one.quantity) for one in self.holds]


class SetKey(NamedTuple):
    """The entity that guards stock.set: level x bucket x source (rulings, Absolute events)."""

    item_no: int
    location_no: int
    bucket: str
    source: str


@dataclass(slots=True)
class Snapshot:
    """All that a decision may read, as it stands under the batch's locks."""

    now: datetime
    """The database's clock, read after the locks."""
    parked_deadline: datetime
    """Until when an event parked by this batch may wait."""
    catalogue: Catalogue
    orders: dict[str, Order]
    levels: dict[int, dict[int, Level]]
    """item_no -> location_no -> level; an item without any level has an empty dict."""
    items_locked: frozenset[int]
    """Items whose levels may be changed; others in `levels` may only be read (carts)."""
    set_guards: dict[SetKey, Guard]
    reservations_by_level: Mapping[int, Sequence["LevelReservation"]]
    """level_no -> all its reservations, for levels whose uncovered lines had to be loaded."""
    policy: Policy = Policy.ALL_OR_NOTHING
    """The installation's: of lines whose order names none and whose variant does not wait."""
    strategy: Strategy = Strategy.PRIORITY
    """The installation's: of orders that name none."""
    parked_per_order_max: int = PARKED_PER_ORDER_MAX
    """How many events of one order may wait at a time; 0: none may be parked at all."""
    carts: Mapping[str, Cart] = field(default_factory=dict)
    """Carts that events of the batch are about."""
    transfers: Mapping[str, Transfer] = field(default_factory=dict)
    links: Mapping[int, Collection[str]] = field(default_factory=dict)
    """item_no -> ids of the variants made of it, for items of variants that the batch deletes."""
    ledgers: Mapping[int, "Ledger"] = field(default_factory=dict)
    """level_no -> what its ledger comes to, for levels to be repaired."""


class LedgerLine(NamedTuple):
    """An order line that reserves something else of a level than the ledger says, smallest units."""

    order_no: int
    line_no: int
    ledger: int
    held: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the movements and reservations of a level come to, smallest units: read for repairs only."""

    sums: Mapping[Bucket, int]
    held: int
    """What order lines hold of the level."""
    version_last: int
    versions_lost: tuple[int, ...]
    """Versions up to the newest that have no movement."""
    lines: tuple[LedgerLine, ...]
    orphans: int
    """Reservations of the level that belong to no order line."""


class LevelReservation(NamedTuple):
    """What is held of a level, for `oversold` alerts: newest order last, then what is held for carts."""

    order_no: int | None
    order_id: str | None
    line_item_id: str
    quantity: int
    cart_id: str | None = None
    """Set where a cart holds it, and no order."""
