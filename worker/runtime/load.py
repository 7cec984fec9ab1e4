"""Lock what a batch changes, then read it: from the names in its events to the snapshot that rules decide on.

Kinds of locks, in this order and each sorted: catalogue rows, carts, transfers, orders, items (protocol §2.2;
ADR 0004). Which items an order's later events need is known from its frozen lines, so
functions/load_batch.sql locks them too.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import sql
from schemas.orders import Disposition, OrderPlaced, Policy, Strategy
from worker.domain.event import Event
from worker.domain.model import (
    PARKED_PER_ORDER_MAX,
    Bucket,
    Cart,
    CartHold,
    Catalogue,
    Coordinates,
    Fulfillment,
    Guard,
    Item,
    Ledger,
    LedgerLine,
    Level,
    LevelReservation,
    Line,
    LineQuantity,
    Order,
    Recipe,
    Reservation,
    Return,
    Returned,
    ReturnLine,
    SetKey,
    Shipped,
    Snapshot,
    Transfer,
    TransferLine,
    Traveling,
)
from worker.domain.needs import Needs, edited_variant_ids, item_ids_made, needs_of
from worker.runtime.catalogue import item_of, point
from worker.runtime.codes import POLICIES, STRATEGIES, STRATEGY_NOS
from worker.runtime.decode import Arrival
from worker.runtime.parked import ParkedRow, parked_rows

if TYPE_CHECKING:
    import asyncpg

    from worker.runtime.catalogue import CatalogueCache
    from worker.runtime.database import Connection
    from worker.runtime.interned import Interned

T = TypeVar("T")

LOAD_BATCH = sql.query("load_batch")
VARIANTS_LOCK = sql.query("variants_lock")
LOCATIONS_LOCK = sql.query("locations_lock")
CHANNELS_LOCK = sql.query("sales_channels_lock")
ITEMS_MAKE = sql.query("items_make")
ITEMS_MADE_READ, ITEM_LINKS_READ = sql.query("items_made_read"), sql.query("item_links_read")
ORDER_HEADS_READ = sql.query("order_heads_read")
ORDER_LINES_READ = sql.query("order_lines_read")
ORDER_RESERVATIONS_READ = sql.query("order_reservations_read")
ORDER_FULFILLMENTS_READ = sql.query("order_fulfillments_read")
ORDER_FULFILLMENT_PARTS_READ = sql.query("order_fulfillment_parts_read")
ORDER_RETURNS_READ = sql.query("order_returns_read")
ORDER_RETURN_PARTS_READ = sql.query("order_return_parts_read")
ORDER_PARKED_READ = sql.query("order_parked_read")
SET_GUARDS_READ = sql.query("set_guards_read")
CARTS_LOCK, CARTS_READ, HOLDS_READ = (sql.query(one) for one in ("carts_lock", "carts_read", "holds_read"))
TRANSFERS_LOCK, TRANSFER_LINES_READ = sql.query("transfers_lock"), sql.query("transfer_lines_read")
LEDGERS_READ, LEDGER_LINES_READ = sql.query("ledgers_read"), sql.query("ledger_lines_read")
LEVEL_RESERVATIONS_READ = sql.query("level_reservations_read")


Present = Callable[[], datetime | None]
"""A moment to take for the present, all being read up to it; None: the database's clock is right."""


def by_the_clock() -> datetime | None:
    """As the database's clock says."""
    return None


class RerunError(Exception):
    """Another worker changed what this batch is about: roll back and run the same batch again."""


class Usual(NamedTuple):
    """The installation's choices for orders that make none, and how many events may wait for each."""

    policy: Policy = Policy.ALL_OR_NOTHING
    strategy: Strategy = Strategy.PRIORITY
    parked_per_order_max: int = PARKED_PER_ORDER_MAX


class OrderHead(NamedTuple):
    """What an order's row says; compared after the decision to see which rows to rewrite."""

    revision: int
    placement_hash: bytes | None
    sales_channel_id: str | None
    strategy_no: int
    cart_id: str | None
    canceled: bool = False
    canceled_line_ids: frozenset[str] = frozenset()
    version: int | None = None
    edited: bool = False
    policy_no: int | None = None
    destination: Coordinates | None = None
    ship_date: date | None = None


class ItemNos(NamedTuple):
    """The items of a batch by number: to lock, and only to read."""

    locked: frozenset[int]
    read: frozenset[int]


@dataclass(slots=True)
class OrderRows:
    """The rows of those orders of the batch that were there before it."""

    lines: "list[asyncpg.Record]" = field(default_factory=list)
    recipes: dict[int, Recipe] = field(default_factory=dict)
    reservations: "list[asyncpg.Record]" = field(default_factory=list)
    fulfillments: "list[asyncpg.Record]" = field(default_factory=list)
    fulfillment_parts: "list[asyncpg.Record]" = field(default_factory=list)
    returns: "list[asyncpg.Record]" = field(default_factory=list)
    return_parts: "list[asyncpg.Record]" = field(default_factory=list)
    parked: list[ParkedRow] = field(default_factory=list)


@dataclass(slots=True)
class TransferRows:
    """The transfers that a batch names, and what those carry that were there before it."""

    heads: "list[asyncpg.Record]" = field(default_factory=list)
    lines: "list[asyncpg.Record]" = field(default_factory=list)

    @property
    def items(self) -> dict[int, Item]:
        """The items that travel, by number."""
        return {row["item_no"]: item_of(row) for row in self.lines}


@dataclass(slots=True)
class CartRows:
    """The carts that a batch names, and what is held for them."""

    heads: "list[asyncpg.Record]" = field(default_factory=list)
    holds: "list[asyncpg.Record]" = field(default_factory=list)
    locked: frozenset[int] = frozenset()
    """Numbers of the carts that may be changed."""

    @property
    def items(self) -> dict[int, Item]:
        """The items of what may be given up, by number."""
        return {row["item_no"]: item_of(row) for row in self.holds if row["cart_no"] in self.locked}


class Subjects(NamedTuple):
    """What a batch is about beside orders, locked before those."""

    carts: CartRows
    transfers: TransferRows

    @property
    def items(self) -> dict[int, Item]:
        """The items that they hold and carry, by number."""
        return self.carts.items | self.transfers.items


@dataclass(slots=True)
class Loaded:
    """What was read under the locks of one batch. `snapshot` makes fresh working copies of it."""

    row: "asyncpg.Record"
    needs: Needs
    item_nos: ItemNos
    cache: "CatalogueCache"
    made: Catalogue
    """Only its `*_nos` and `items_gone`: the catalogue rows locked for this batch's catalogue events."""
    heads: dict[str, OrderHead]
    events_counted: dict[str, int]
    """By how much the lock raised each order's revision."""
    order_nos: dict[str, int]
    usual: Usual
    present: datetime
    """What holds and deadlines are counted from: `now`, but for tools with a clock of their own."""
    parked_for: timedelta
    subjects: Subjects
    orders: OrderRows = field(default_factory=OrderRows)
    links: "list[asyncpg.Record]" = field(default_factory=list)
    """Which variants are made of the items of variants that the batch deletes."""
    set_guards: "list[asyncpg.Record]" = field(default_factory=list)
    reservations_by_level: dict[int, list[LevelReservation]] = field(default_factory=dict)
    ledgers: dict[int, Ledger] = field(default_factory=dict)

    @property
    def batch_id(self) -> int:
        """The number of this batch."""
        return self.row["batch_id"]  # type: ignore[no-any-return]  # records are untyped

    @property
    def now(self) -> datetime:
        """The database's clock, read after the locks."""
        return self.row["now"]  # type: ignore[no-any-return]  # records are untyped

    def revision_before(self, order_id: str) -> int:
        """The order's revision without the events of this batch."""
        return self.heads[order_id].revision - self.events_counted[order_id]

    def snapshot(self) -> Snapshot:
        """The batch's working copies, as the locks found them."""
        needs = self.needs
        catalogue = self.cache.view([*needs.variant_ids, *needs.variant_ids_read], needs.item_ids, needs.skus)
        catalogue.item_nos = self.made.item_nos
        catalogue.items_gone = dict(self.made.items_gone)
        catalogue.variant_nos = self.made.variant_nos
        catalogue.location_nos = self.made.location_nos
        catalogue.channel_nos = self.made.channel_nos
        items = _items_by_no(catalogue, self.orders.recipes) | self.subjects.items
        levels, levels_by_no = self._levels(items)
        return Snapshot(
            now=self.present,
            parked_deadline=self.present + self.parked_for,
            catalogue=catalogue,
            orders=self._orders(levels_by_no),
            levels=levels,
            items_locked=frozenset(self.row["items_locked"] or ()),
            set_guards=self._set_guards(levels_by_no),
            reservations_by_level=self.reservations_by_level,
            policy=self.usual.policy,
            strategy=self.usual.strategy,
            parked_per_order_max=self.usual.parked_per_order_max,
            carts=self._carts(levels_by_no),
            transfers=self._transfers(),
            ledgers=self.ledgers,
            links=self._links(),
        )

    def _levels(self, items: Mapping[int, Item]) -> tuple[dict[int, dict[int, Level]], dict[int, Level]]:
        row, locations = self.row, self.cache.locations_by_no
        levels: dict[int, dict[int, Level]] = {
            item_no: {} for item_no in (*(row["items_locked"] or ()), *self.item_nos.read)
        }
        by_no: dict[int, Level] = {}
        if row["level_nos"] is None:
            return levels, by_no
        for level_no, item_no, location_no, stocked, reserved, version in zip(
            row["level_nos"],
            row["level_items"],
            row["level_locations"],
            row["stocked"],
            row["reserved"],
            row["versions"],
            strict=True,
        ):
            item = items.get(item_no)
            if item is None:
                continue  # locked for a recipe that another worker has changed since: no event names it now
            level = Level(level_no, item, locations[location_no], stocked, reserved, version=version)
            by_no[level_no] = level
            levels[item_no][location_no] = level
        if row["detail_level_nos"] is not None:
            self._detail(by_no)
        return levels, by_no

    def _detail(self, levels_by_no: Mapping[int, Level]) -> None:
        """The columns that most levels leave at their defaults."""
        row = self.row
        for at, level_no in enumerate(row["detail_level_nos"]):
            level = levels_by_no.get(level_no)
            if level is None:
                continue  # made by another worker since the levels were read, of an item only read for a cart
            level.incoming = row["incoming"][at]
            level.damaged = row["damaged"][at]
            level.quarantined = row["quarantined"][at]
            level.shortfall = row["shortfall"][at]
            level.low_stock_threshold = row["low_stock_thresholds"][at]
            level.safety_stock = row["safety_stocks"][at]
            level.backorder_limit = row["backorder_limits"][at]

    def _orders(self, levels: Mapping[int, Level]) -> dict[str, Order]:
        orders: dict[str, Order] = {}
        for order_id, order_no in self.order_nos.items():
            head = self.heads[order_id]
            orders[order_id] = Order(
                order_no,
                order_id,
                self.revision_before(order_id),
                head.sales_channel_id,
                STRATEGIES[head.strategy_no],
                POLICIES[head.policy_no],
                head.cart_id,
                head.placement_hash,
                head.canceled,
                head.canceled_line_ids,
                head.version,
                head.edited,
                head.destination,
                head.ship_date,
            )
        if self.orders.lines or self.orders.parked:
            _fill({order.order_no: order for order in orders.values()}, self.orders, levels)
        return orders

    def _carts(self, levels: Mapping[int, Level]) -> dict[str, Cart]:
        rows = self.subjects.carts
        carts = {
            row["cart_no"]: Cart(
                row["cart_no"],
                row["cart_id"],
                row["generation"],
                row["expires_at"],
                row["order_id"],
                row["sales_channel_id"],
            )
            for row in rows.heads
        }
        for row in rows.holds:
            level = levels.get(row["level_no"])
            if level is not None:  # of a cart that is only read, what its lines do not name
                hold = CartHold(row["line_item_id"], level, row["quantity"])
                cart = carts[row["cart_no"]]
                cart.holds.append(hold)
                cart.is_stored = True
        return {cart.cart_id: cart for cart in carts.values()}

    def _transfers(self) -> dict[str, Transfer]:
        transfers: dict[int, Transfer] = {}
        for row in self.subjects.transfers.heads:
            transfer = Transfer(row["transfer_no"], row["transfer_id"], closed=row["closed"])
            transfers[transfer.transfer_no] = transfer
            if row["body_hash"] is not None:
                locations = self.cache.locations_by_no
                source, target = locations[row["from_location_no"]], locations[row["to_location_no"]]
                transfer.shipment = Traveling(source, target, row["body_hash"])
        for row in self.subjects.transfers.lines:
            line = TransferLine(item_of(row), row["shipped"], row["received"])
            transfers[row["transfer_no"]].lines[line.item.item_no] = line
        return {transfer.transfer_id: transfer for transfer in transfers.values()}

    def _links(self) -> dict[int, set[str]]:
        links: dict[int, set[str]] = {}
        for row in self.links:
            links.setdefault(row["item_no"], set()).add(row["variant_id"])
        return links

    def _set_guards(self, levels_by_no: Mapping[int, Level]) -> dict[SetKey, Guard]:
        guards = {}
        for row in self.set_guards:
            level = levels_by_no.get(row["level_no"])
            if level is None:
                continue
            key = SetKey(level.item.item_no, level.location.location_no, row["bucket"], row["source"])
            guards[key] = Guard(row["version"], row["source"], row["time"])
        return guards


class Loader:
    """Locks and loads batches, one after the other, with what the process remembers between them."""

    def __init__(
        self,
        cache: "CatalogueCache",
        interned: "Interned",
        types_by_topic: Mapping[str, str],
        parked_deadline: timedelta,
        usual: "Usual | None" = None,
        present: Present = by_the_clock,
    ) -> None:
        self.cache = cache
        self.interned = interned
        self.types_by_topic = types_by_topic
        self.parked_deadline = parked_deadline
        self._edited_variants: dict[str, set[str]] = {}
        """By order, what its parked edits and placements name, found too late to be locked: for the rerun."""
        self.present = present
        self.usual = self._usual_with_room = usual or Usual()

    def park(self, *, full: bool) -> None:
        """Whether there is no room for further parked events at all; found out from time to time."""
        usual = self._usual_with_room
        self.usual = usual._replace(parked_per_order_max=0) if full else usual

    async def load(
        self, connection: "Connection", events: Sequence[Event], redriven: Collection[tuple[str, str]] = ()
    ) -> Loaded:
        """Take the batch's locks inside the caller's transaction, and read what they guard.

        `redriven` names those of the events that were counted in their order's revision when they parked.

        Raises RerunError where an item is needed that is not locked: the catalogue moved, or an edit of one
        of the orders is parked, which these events may release.
        """
        needs = self._needs(events)
        await self._know(connection, needs)
        made = await self._lock_catalogue(connection, needs, events)
        subjects = await self._lock_subjects(connection, needs)
        item_nos = self._item_nos(needs, made, subjects)
        order_ids = sorted(needs.orders)
        heads = [_head_of_new(needs.orders[order_id], redriven, self.usual) for order_id in order_ids]
        row = await connection.fetchrow(
            LOAD_BATCH,
            order_ids,
            _unless_usual([head.revision for head in heads], 1),
            [head.placement_hash for head in heads],
            [head.sales_channel_id for head in heads],
            _unless_usual([head.strategy_no for head in heads], STRATEGY_NOS[Strategy.PRIORITY]),
            _unless_usual([head.cart_id for head in heads], None),
            sorted(item_nos.locked),
            sorted(item_nos.read),
        )
        if row is None or len(row["order_nos"] or ()) != len(order_ids):
            message = "not every order of the batch could be locked"
            raise RerunError(message)
        if row["catalogue_version"] != self.cache.version:
            subjects = await self._refresh(connection, needs, events, item_nos, made)
        loaded = Loaded(
            row=row,
            needs=needs,
            item_nos=item_nos,
            cache=self.cache,
            made=made,
            heads={
                order_id: head._replace(revision=revision)
                for order_id, head, revision in zip(order_ids, heads, row["revisions"] or (), strict=True)
            },
            events_counted={order_id: head.revision for order_id, head in zip(order_ids, heads, strict=True)},
            order_nos=dict(zip(order_ids, row["order_nos"] or (), strict=True)),
            usual=self.usual,
            present=self.present() or row["now"],
            parked_for=self.parked_deadline,
            subjects=subjects,
        )
        await self._read_orders(connection, loaded)
        if needs.variant_ids_deleted:
            loaded.links = await connection.fetch(ITEM_LINKS_READ, sorted(needs.variant_ids_deleted))
        if needs.sets_stock and row["level_nos"] is not None:
            loaded.set_guards = await connection.fetch(SET_GUARDS_READ, row["level_nos"])
        if needs.levels_audited:
            loaded.ledgers = await self._ledgers(connection, loaded)
        return loaded

    async def _ledgers(self, connection: "Connection", loaded: Loaded) -> dict[int, Ledger]:
        """What the ledgers of the levels to be repaired come to."""
        items = self.cache.view((), loaded.needs.item_ids, ()).items_by_id
        places = {
            (items[item_id].item_no, self.cache.locations[location_id].location_no)
            for item_id, location_id in loaded.needs.levels_audited
            if item_id in items and location_id in self.cache.locations
        }
        row = loaded.row
        level_nos = [
            level_no
            for level_no, *place in zip(
                row["level_nos"] or (), row["level_items"] or (), row["level_locations"] or (), strict=True
            )
            if tuple(place) in places
        ]
        lines: dict[int, list[LedgerLine]] = {}
        for level_no, *line in await connection.fetch(LEDGER_LINES_READ, level_nos):
            lines.setdefault(level_no, []).append(LedgerLine(*line))
        return {
            one["level_no"]: Ledger(
                {bucket: one[bucket.name.lower()] for bucket in Bucket if bucket is not Bucket.DISCARDED},
                one["held"],
                one["version_last"],
                tuple(one["versions_lost"]),
                tuple(lines.get(one["level_no"], ())),
                one["orphans"],
            )
            for one in await connection.fetch(LEDGERS_READ, level_nos)
        }

    async def load_reservations(
        self, connection: "Connection", loaded: Loaded, levels: Collection[Level]
    ) -> None:
        """Read the reservations of these levels too, under the locks that are held already."""
        level_nos = [level.level_no for level in levels if level.level_no is not None]
        for level_no in level_nos:
            loaded.reservations_by_level[level_no] = []
        for row in await connection.fetch(LEVEL_RESERVATIONS_READ, level_nos):
            loaded.reservations_by_level[row["level_no"]].append(
                LevelReservation(
                    row["order_no"], row["order_id"], row["line_item_id"], row["quantity"], row["cart_id"]
                )
            )

    def _needs(self, events: Sequence[Event]) -> Needs:
        """What the events name, and what parked edits and placements name that made this batch run again."""
        needs = needs_of(events)
        for order_id in self._edited_variants.keys() & needs.orders.keys():
            needs.variant_ids |= self._edited_variants[order_id]
        return needs

    async def _know(self, connection: "Connection", needs: Needs) -> None:
        await self.cache.know(
            connection, (*needs.variant_ids, *needs.variant_ids_read), needs.item_ids, needs.skus
        )

    async def _refresh(
        self,
        connection: "Connection",
        needs: Needs,
        events: Iterable[Event],
        item_nos: ItemNos,
        made: Catalogue,
    ) -> Subjects:
        """Follow the catalogue to its present version; the locks taken must still be enough.

        What was read before the items were locked is read again: an item may have gone, or be counted finer.
        """
        await self.cache.refresh(connection)
        await self._know(connection, needs)
        if needs.variant_ids_made:
            await self._make_items(connection, needs, events, made)
        subjects = await self._lock_subjects(connection, needs)
        wanted = self._item_nos(needs, made, subjects)
        if not wanted.locked <= item_nos.locked or not wanted.read <= item_nos.locked | item_nos.read:
            message = "a recipe changed to items that are not locked"
            raise RerunError(message)
        return subjects

    async def _lock_catalogue(
        self, connection: "Connection", needs: Needs, events: Iterable[Event]
    ) -> Catalogue:
        """Lock the rows that catalogue events are about, made where absent; their numbers by id."""
        made = Catalogue()
        if needs.channel_ids_made:
            made.channel_nos = await _lock(connection, CHANNELS_LOCK, needs.channel_ids_made)
        if needs.location_ids_made:
            made.location_nos = await _lock(connection, LOCATIONS_LOCK, needs.location_ids_made)
        if needs.variant_ids_made:
            made.variant_nos = await _lock(connection, VARIANTS_LOCK, needs.variant_ids_made)
            await self._make_items(connection, needs, events, made)
        return made

    async def _make_items(
        self, connection: "Connection", needs: Needs, events: Iterable[Event], made: Catalogue
    ) -> None:
        """Rows for items that the events may make; the numbers of those, and which of them had gone."""
        named = self.cache.view((), needs.item_ids, needs.skus)
        item_ids = sorted(
            {item_id for event in events for item_id in item_ids_made(event, named.items_by_sku)}
        )
        await connection.execute(ITEMS_MAKE, item_ids)
        rows = await connection.fetch(ITEMS_MADE_READ, item_ids)
        made.item_nos = {row["inventory_item_id"]: row["item_no"] for row in rows}
        made.items_gone = {row["inventory_item_id"]: item_of(row) for row in rows if row["gone"]}

    async def _lock_subjects(self, connection: "Connection", needs: Needs) -> Subjects:
        """Lock carts and transfers of the batch, made where absent; then read what they hold and carry."""
        carts, transfers = CartRows(), TransferRows()
        if needs.cart_ids:
            carts.heads = await connection.fetch(CARTS_LOCK, sorted(needs.cart_ids))
            carts.locked = frozenset(row["cart_no"] for row in carts.heads)
        if only_read := needs.cart_ids_read - needs.cart_ids:
            carts.heads += await connection.fetch(CARTS_READ, list(only_read))
        if holding := [row["cart_no"] for row in carts.heads if row["expires_at"] is not None]:
            carts.holds = await connection.fetch(HOLDS_READ, holding)
        if needs.transfer_ids:
            transfers.heads = await connection.fetch(TRANSFERS_LOCK, sorted(needs.transfer_ids))
            transfers.lines = await connection.fetch(
                TRANSFER_LINES_READ, [row["transfer_no"] for row in transfers.heads]
            )
        return Subjects(carts, transfers)

    def _item_nos(self, needs: Needs, made: Catalogue, subjects: Subjects) -> ItemNos:
        named = self.cache.view((*needs.variant_ids, *needs.variant_ids_read), needs.item_ids, needs.skus)
        locked = {item.item_no for item in named.items_by_id.values()}
        locked.update(item.item_no for item in named.items_by_sku.values())
        locked.update(made.item_nos.values())
        locked.update(subjects.items)
        locked.update(_recipe_items(named, needs.variant_ids))
        return ItemNos(frozenset(locked), frozenset(_recipe_items(named, needs.variant_ids_read)) - locked)

    async def _read_orders(self, connection: "Connection", loaded: Loaded) -> None:
        """Rows of the orders that an earlier batch has met; on a batch of new orders this asks nothing."""
        met = [
            loaded.order_nos[order_id]
            for order_id, head in loaded.heads.items()
            if head.revision > loaded.events_counted[order_id]
        ]
        if not met:
            return
        ids = {order_no: order_id for order_id, order_no in loaded.order_nos.items()}
        for head in await connection.fetch(ORDER_HEADS_READ, met):
            order_id = ids[head["order_no"]]
            loaded.heads[order_id] = OrderHead(
                loaded.heads[order_id].revision,
                head["placement_hash"],
                head["sales_channel_id"],
                head["strategy"],
                head["cart_id"],
                head["canceled"],
                frozenset(head["canceled_line_ids"] or ()),
                head["version"],
                head["edited"],
                head["policy"],
                point(head["destination_latitude"], head["destination_longitude"]),
                head["ship_date"],
            )
        rows = loaded.orders
        parked = await connection.fetch(ORDER_PARKED_READ, met)
        rows.parked = await parked_rows(connection, parked, self.interned, self.types_by_topic)
        self._need_edited(rows.parked, ids, loaded.needs)
        rows.lines = await connection.fetch(ORDER_LINES_READ, met)
        placed = sorted({line["order_no"] for line in rows.lines})
        if not placed:
            return
        recipe_nos = {line["recipe_no"] for line in rows.lines if line["recipe_no"] is not None}
        rows.recipes = await self.cache.recipes(connection, recipe_nos)
        rows.reservations = await connection.fetch(ORDER_RESERVATIONS_READ, placed)
        rows.fulfillments = await connection.fetch(ORDER_FULFILLMENTS_READ, placed)
        rows.fulfillment_parts = await connection.fetch(ORDER_FULFILLMENT_PARTS_READ, placed)
        rows.returns = await connection.fetch(ORDER_RETURNS_READ, placed)
        rows.return_parts = await connection.fetch(ORDER_RETURN_PARTS_READ, placed)

    def _need_edited(self, parked: Iterable[ParkedRow], ids: Mapping[int, str], needs: Needs) -> None:
        """Parked edits and placements may be released: raises RerunError where what they name is not locked.

        Their lock order does not allow to lock it now; the rerun will know of it from the start.
        """
        self._edited_variants = {}
        for row in parked:
            if isinstance(row.decoded, Arrival) and row.order_no is not None:
                named = edited_variant_ids(row.decoded.event)
                self._edited_variants.setdefault(ids[row.order_no], set()).update(named)
        if not needs.variant_ids.issuperset(set().union(*self._edited_variants.values())):
            message = "a parked edit or placement names variants that are not locked"
            raise RerunError(message)


async def _lock(connection: "Connection", statement: str, ids: Iterable[str]) -> dict[str, int]:
    return {row["id"]: row["no"] for row in await connection.fetch(statement, sorted(ids))}


def _head_of_new(events: Sequence[Event], redriven: Collection[tuple[str, str]], usual: Usual) -> OrderHead:
    """What a new order's row will say: its first placement in the batch, so that one write is enough."""
    counted = len(events)
    if redriven:
        counted -= sum((event.source, event.event_id) in redriven for event in events)
    for event in events:
        placed = event.data
        if isinstance(placed, OrderPlaced):
            strategy = placed.strategy or usual.strategy
            return OrderHead(
                counted, event.body_hash, placed.sales_channel_id, STRATEGY_NOS[strategy], placed.cart_id
            )
    return OrderHead(counted, None, None, STRATEGY_NOS[usual.strategy], None)


def _unless_usual(values: list[T], usual: T) -> list[T] | None:
    """An array parameter; None where all its values are the usual one: asyncpg is slow with each."""
    return None if values.count(usual) == len(values) else values


def _recipe_items(catalogue: Catalogue, variant_ids: Iterable[str]) -> set[int]:
    item_nos = set()
    variants = catalogue.variants
    for variant_id in variant_ids:
        variant = variants.get(variant_id)
        if variant is not None and variant.recipe is not None:
            for part in variant.recipe.parts:
                item_nos.add(part.item.item_no)
    return item_nos


def _items_by_no(catalogue: Catalogue, recipes: Mapping[int, Recipe]) -> dict[int, Item]:
    items = {item.item_no: item for item in catalogue.items_gone.values()}
    items.update((item.item_no, item) for item in catalogue.items_by_id.values())
    items.update((item.item_no, item) for item in catalogue.items_by_sku.values())
    for variant in catalogue.variants.values():
        if variant.recipe is not None:
            items.update((part.item.item_no, part.item) for part in variant.recipe.parts)
    for recipe in recipes.values():
        items.update((part.item.item_no, part.item) for part in recipe.parts)
    return items


def _fill(orders: Mapping[int, Order], rows: OrderRows, levels: Mapping[int, Level]) -> None:
    """Put the rows of orders met before onto their working copies."""
    lines: dict[tuple[int, int], Line] = {}
    for row in rows.lines:
        recipe = None if row["recipe_no"] is None else rows.recipes[row["recipe_no"]]
        line = Line(
            row["line_no"],
            row["line_item_id"],
            row["variant_id"],
            row["variant_no"],
            recipe,
            row["quantity_micro"],
        )
        lines[row["order_no"], row["line_no"]] = line
        orders[row["order_no"]].lines.append(line)
    for row in rows.reservations:
        reservation = Reservation(levels[row["level_no"]], row["quantity"], row["quantity"])
        lines[row["order_no"], row["line_no"]].reservations.append(reservation)
    for fulfillment, order_no in _fulfillments(rows, levels):
        orders[order_no].fulfillments[fulfillment.fulfillment_id] = fulfillment
        for line_no, quantity_micro in () if fulfillment.canceled else fulfillment.lines:
            lines[order_no, line_no].shipped_micro += quantity_micro
    for back, order_no in _returns(rows, levels):
        orders[order_no].returns[back.return_id] = back
        for line_no, quantity_micro, _ in back.lines:
            lines[order_no, line_no].returned_micro += quantity_micro
    for parked in rows.parked:
        if isinstance(parked.decoded, Arrival) and parked.order_no is not None:
            orders[parked.order_no].parked.append(parked.parked)


def _fulfillments(rows: OrderRows, levels: Mapping[int, Level]) -> Iterable[tuple[Fulfillment, int]]:
    parts: dict[tuple[int, int], list[Shipped]] = {}
    for row in rows.fulfillment_parts:
        shipped = Shipped(row["line_no"], levels[row["level_no"]], row["quantity"])
        parts.setdefault((row["order_no"], row["fulfillment_no"]), []).append(shipped)
    for row in rows.fulfillments:
        order_no, number = row["order_no"], row["fulfillment_no"]
        its_lines = tuple(map(LineQuantity, row["line_nos"], row["quantities"]))
        its_parts = tuple(parts.get((order_no, number), ()))
        fulfillment = Fulfillment(
            number, row["fulfillment_id"], row["body_hash"], its_lines, its_parts, row["canceled"]
        )
        yield fulfillment, order_no


def _returns(rows: OrderRows, levels: Mapping[int, Level]) -> Iterable[tuple[Return, int]]:
    parts: dict[tuple[int, int], list[Returned]] = {}
    for row in rows.return_parts:
        returned = Returned(
            row["line_no"], levels[row["level_no"]], row["quantity"], Disposition(row["disposition"])
        )
        parts.setdefault((row["order_no"], row["return_no"]), []).append(returned)
    for row in rows.returns:
        order_no, number = row["order_no"], row["return_no"]
        dispositions = map(Disposition, row["dispositions"])
        its_lines = tuple(map(ReturnLine, row["line_nos"], row["quantities"], dispositions))
        its_parts = tuple(parts.get((order_no, number), ()))
        yield Return(number, row["return_id"], row["body_hash"], its_lines, its_parts), order_no
