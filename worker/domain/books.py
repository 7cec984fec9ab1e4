"""The books of one batch: the only hands that change levels and reservations, and the ledger they leave.

Every change of a bucket is one movement and one level version (DESIGN §2). Rules say what happens - an order
line reserves, ships, gives back - and the books keep these true after each step:

- a level's buckets are the sums of its movements;
- reserved is the sum of the reservations and holds on the level;
- 0 <= reserved <= stocked + shortfall, where shortfall is what of reserved has no stock behind it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import assert_never

from worker.domain.availability import Demand, FreeUnits, KeptBack, free_units, selling
from worker.domain.decision import Decision, Movement
from worker.domain.model import (
    Bucket,
    Cart,
    CartHold,
    Channel,
    Item,
    LedgerLine,
    Level,
    Line,
    Location,
    Reservation,
    Snapshot,
    WaitKind,
    WaitsFor,
)

Hold = tuple[Line, Level, int]
"""Units of a level that a line reserves: line, level, smallest units."""

RESERVED = Bucket.RESERVED
UNLOCKED = "the item of a changed level must be locked"

_movement = tuple.__new__
"""Makes a `Movement` without its constructor's Python frame."""


class Books:
    """A snapshot being changed and the decision being built, with the mechanics that rules share."""

    __slots__ = (
        "_levels_changed",
        "_movements",
        "_released",
        "_sellable",
        "_sold_by",
        "_verdicts",
        "_watched",
        "carts",
        "catalogue",
        "decision",
        "finer",
        "items_locked",
        "lacking",
        "levels",
        "orders",
        "snapshot",
        "touched",
    )

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.catalogue = snapshot.catalogue
        self.orders = snapshot.orders
        self.carts = snapshot.carts
        self.levels = snapshot.levels
        self.items_locked = snapshot.items_locked
        self.decision = Decision()
        self.lacking: set[Level] = set()
        """Levels whose reservations a rule had to name and found not loaded."""
        self.finer: dict[int, int] = {}
        """Items, by number, that have to be counted in so many decimal places before this can be decided."""
        self.touched: dict[Level, int | None] = {}
        """What was available before the present event; None for a level that it makes (no crossing)."""
        self._movements = self.decision.movements
        self._levels_changed = self.decision.levels_changed
        self._verdicts = self.decision.verdicts
        self._sellable: dict[str, tuple[Location, ...]] = {}
        self._released: dict[Level, int] = {}
        self._sold_by: dict[int, list[Channel]] | None = None
        self._watched = self._low_over_channels()

    # ── Places ─────────────────────────────────────────────────────────────────────────────────────

    def sellable(self, channel: Channel) -> tuple[Location, ...]:
        """The channel's locations that count for availability, found out once."""
        known = self._sellable.get(channel.sales_channel_id)
        if known is None:
            known = selling(channel, self.catalogue.locations)
            self._sellable[channel.sales_channel_id] = known
        return known

    def as_it_is_now(self, location: Location) -> Location:
        """A level's location as the events before this one left it: it may have changed in this batch."""
        return self.catalogue.locations.get(location.location_id, location)

    def topology_changed(self) -> None:
        """A location or channel is not what it was: what was derived from them is forgotten."""
        self._sellable.clear()
        self._sold_by = None
        self._watched = self._low_over_channels()

    def free_units(self, demands: Sequence[Demand], channel: Channel | None) -> FreeUnits:
        """What is free for these demands in a channel, less what the channel leaves to others.

        What is judged as released (`as_if_released`) is free, whoever waits for stock there or keeps it back.
        """
        kept_back = None
        if channel is not None and channel.safety_stock_micro:
            kept_back = KeptBack(channel.safety_stock_micro, self.sellable(channel))
        table = free_units(self.levels, demands, kept_back)
        for level, units in self._released.items():
            at, location_no = table.get(level.item.item_no, {}), level.location.location_no
            if location_no in at:
                at[location_no] = max(at[location_no], units)
        return table

    def sold_by(self, location: Location) -> Sequence[Channel]:
        """The channels that sell from a location, found out once for all locations."""
        if self._sold_by is None:
            self._sold_by = {}
            for channel in self.catalogue.channels.values():
                for one in self.sellable(channel):
                    self._sold_by.setdefault(one.location_no, []).append(channel)
        return self._sold_by.get(location.location_no, ())

    def _low_over_channels(self) -> bool:
        """Whether channels have thresholds of their own, which any reservation may cross."""
        return any(channel.low_stock_micro is not None for channel in self.catalogue.channels.values())

    def level_at(self, item: Item, location: Location) -> Level | None:
        """The level of an item at a location, if there is one."""
        return self.levels.get(item.item_no, {}).get(location.location_no)

    def level_made(self, item: Item, location: Location) -> Level:
        """The level of an item at a location, made at zero where there is none."""
        at = self.levels.setdefault(item.item_no, {})
        level = at.get(location.location_no)
        if level is None:
            level = Level(None, item, location)
            if not at:
                self.decision.provided[WaitsFor(WaitKind.LEVEL, item.inventory_item_id)] = None
            at[location.location_no] = level
            self.decision.levels_new.append(level)
            self.touched[level] = None
        return level

    @contextmanager
    def as_if_released(
        self, holds: Sequence[tuple[object, Level, int]], *, also_lacking: bool = False
    ) -> Iterator[None]:
        """For the block, what is free is judged as if these units were given up already; nothing is moved.

        Whoever gave them up may take them back (`retake`), before others who wait for stock there: as far as
        they are in stock, or all of them (`also_lacking`).
        """
        released = self._released
        for _, level, units in holds:
            level.reserved -= units
            mine = released.get(level, 0) + units
            released[level] = mine if also_lacking else min(mine, level.stocked)
        try:
            yield
        finally:
            for _, level, units in holds:
                level.reserved += units
            released.clear()

    # ── Movements ──────────────────────────────────────────────────────────────────────────────────

    def reserve(self, holds: Iterable[Hold]) -> None:
        """Lines hold units that are available at the levels. One loop: most movements are made here."""
        touched, changed, append = self.touched, self._levels_changed, self._movements.append
        verdict_no, watched = len(self._verdicts), self._watched
        for line, level, units in holds:
            available = level.stocked - level.reserved
            assert 0 < units <= available, "more is reserved than is available"
            item = level.item
            assert item.item_no in self.items_locked, UNLOCKED
            # A threshold can only be crossed here if there is one, or by the last unit.
            if units == available or level.low_stock_threshold or item.low_stock_threshold or watched:
                touched.setdefault(level, available)
            level.reserved += units
            level.version = version = level.version + 1
            row = (level, version, RESERVED, units, verdict_no, line.line_no)
            append(_movement(Movement, row))
            changed[level] = None
            for reservation in line.reservations:
                if reservation.level is level:
                    reservation.quantity += units
                    break
            else:
                line.reservations.append(Reservation(level, units))

    def retake(self, holds: Iterable[Hold]) -> None:
        """Lines hold units that were given up for it in the same event, and units that are available.

        What others lacked before at a level they lack again: shortfall is what it was.
        """
        for line, level, units in holds:
            there = min(units, max(0, level.available))
            if there:
                self.reserve([(line, level, there)])
            if units > there:
                self.promise(line, level, units - there)

    def promise(self, line: Line, level: Level, units: int) -> None:
        """The line holds units that are not there yet: what has no stock behind it is shortfall."""
        self._hold_more(line, level, units)
        self._settle(level)

    def hold(self, cart: Cart, holds: Sequence[CartHold]) -> None:
        """This is held for the cart from now on, instead of what was: only the difference moves."""
        changes: dict[Level, int] = {}
        for sign, some in ((-1, cart.holds), (1, holds)):
            for _, level, units in some:
                changes[level] = changes.get(level, 0) + sign * units
        for level, delta in changes.items():
            assert delta <= max(0, level.stocked - level.reserved), "more is held than is available"
            if delta:
                self.decision.movement_carts[len(self._movements)] = cart.cart_no
                self._post(level, RESERVED, delta, None)
                level.reserved += delta
                self._settle(level)
        cart.holds = list(holds)
        self.decision.carts_touched[cart] = None

    def release(self, line: Line, level: Level, units: int) -> None:
        """The line gives up units that it holds at the level."""
        self._unhold(line, level, units)
        self._settle(level)

    def consume(self, line: Line, level: Level, units: int) -> None:
        """Units that the line holds leave the level: reserved and stocked fall together."""
        self._unhold(line, level, units)
        self.move(level, Bucket.STOCKED, -units, line.line_no)

    def restore(self, line: Line, level: Level, units: int) -> None:
        """Units come back to the level that they left, and the line holds them again: `consume` undone.

        Both in one step: the line does not compete for what is its own.
        """
        self._hold_more(line, level, units)
        self.move(level, Bucket.STOCKED, units, line.line_no)

    def move(self, level: Level, bucket: Bucket, delta: int, line_no: int | None = None) -> None:
        """A counted bucket changes by `delta`; shortfall follows what stock then stands behind reserved.

        Reservations have their own verbs above: a bare move of `reserved` would leave them behind.
        """
        if delta == 0:
            return
        self._post(level, bucket, delta, line_no)
        match bucket:
            case Bucket.STOCKED:
                level.stocked += delta
                assert level.stocked >= 0, "more leaves than is in stock"
                self._settle(level)
            case Bucket.INCOMING:
                level.incoming += delta
            case Bucket.DAMAGED:
                level.damaged += delta
            case Bucket.QUARANTINED:
                level.quarantined += delta
            case Bucket.DISCARDED:
                pass
            case Bucket.RESERVED | Bucket.SHORTFALL:
                message = f"{bucket.name} is not moved by itself"
                raise AssertionError(message)
            case _:
                assert_never(bucket)

    def correct(
        self, level: Level, bucket: Bucket, told: int, target: int, lines: Iterable[LedgerLine] = ()
    ) -> None:
        """A bucket becomes `target`, and so does what its ledger comes to, now `told`: for repairs only.

        First each line's part of the difference. Where only the level was off, the ledger tells that too:
        what was found, and that it was taken back; no level changes without a version.
        """
        name, line_moved = bucket.name.lower(), False
        for line in lines:
            self.decision.movement_orders[len(self._movements)] = line.order_no
            self._post(level, bucket, line.held - line.ledger, line.line_no)
            told, line_moved = told + line.held - line.ledger, True
        found = getattr(level, name)
        if told == target != found and not line_moved:
            self._post(level, bucket, found - told, None)
            told = found
        if told != target:
            self._post(level, bucket, target - told, None)
        setattr(level, name, target)

    def _hold_more(self, line: Line, level: Level, units: int) -> None:
        """What `reserve` does in its loop, for units that are perhaps not there."""
        self._post(level, RESERVED, units, line.line_no)
        level.reserved += units
        for reservation in line.reservations:
            if reservation.level is level:
                reservation.quantity += units
                break
        else:
            line.reservations.append(Reservation(level, units))

    def _unhold(self, line: Line, level: Level, units: int) -> None:
        reservation = next(one for one in line.reservations if one.level is level)
        assert 0 < units <= reservation.quantity, "a line gives up what it does not hold"
        reservation.quantity -= units
        self._post(level, RESERVED, -units, line.line_no)
        level.reserved -= units

    def _settle(self, level: Level) -> None:
        """Shortfall is what of reserved has no stock behind it: only counts and promises raise it."""
        shortfall = max(0, level.reserved - level.stocked)
        if shortfall != level.shortfall:
            self._post(level, Bucket.SHORTFALL, shortfall - level.shortfall, None)
            level.shortfall = shortfall

    def _post(self, level: Level, bucket: Bucket, delta: int, line_no: int | None) -> None:
        """Write one ledger row, before the level changes."""
        assert level.item.item_no in self.items_locked, UNLOCKED
        if level not in self.touched:
            self.touched[level] = level.stocked - level.reserved
        level.version = version = level.version + 1
        self._movements.append(Movement(level, version, bucket, delta, len(self._verdicts), line_no))
        self._levels_changed[level] = None


def held_of(line: Line) -> list[Reservation]:
    """What a line holds, in one order however it came to hold it: answers do not depend on batches."""
    held = [one for one in line.reservations if one.quantity]
    if len(held) > 1:
        held.sort(key=lambda one: (one.level.item.item_no, one.level.location.location_no))
    return held


def held_at(line: Line, item: Item, location: Location) -> int:
    """What a line holds of an item at a location, smallest units."""
    return sum(
        one.quantity
        for one in line.reservations
        if one.level.item.item_no == item.item_no and one.level.location.location_no == location.location_no
    )


def held_units(line: Line, item: Item) -> int:
    """What a line holds of an item over all locations, smallest units."""
    return sum(one.quantity for one in line.reservations if one.level.item.item_no == item.item_no)
