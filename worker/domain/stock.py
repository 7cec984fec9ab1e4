"""Stock events: counts, adjustments and receipts of levels (rulings "Stock", DESIGN §4 rule 10)."""

from decimal import Decimal
from typing import NamedTuple

from schemas.internal import StockImported
from schemas.outcome import Outcome
from schemas.quantity import SMALLEST_MAX, smallest, text
from schemas.stock import NamesItem, StockAdjusted, StockBucket, StockReceived, StockSet
from worker.domain.alerts import oversold
from worker.domain.answer import level_json
from worker.domain.books import Books
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.guards import NO_GUARD, guard_after, is_stale
from worker.domain.model import Bucket, Guard, Item, Level, Location, SetKey, WaitKind, WaitsFor
from worker.domain.verdict import Obstacle, Poison, Refusal, stopped

BUCKETS = {
    "stocked": Bucket.STOCKED,
    "incoming": Bucket.INCOMING,
    "damaged": Bucket.DAMAGED,
    "quarantined": Bucket.QUARANTINED,
}


CONFIGURED = ("low_stock_threshold", "safety_stock", "backorder_limit")
"""What a count may tell of a level beside its buckets."""

StockData = StockSet | StockAdjusted | StockReceived


class Place(NamedTuple):
    """What a stock event is about: an item at a location, with its level where there is one."""

    item: Item
    location: Location
    level: Level | None


class Receipt(NamedTuple):
    """What a receipt adds to stocked, and what of it was announced; smallest units."""

    arrived: int
    announced: int


def stock_set(books: Books, event: Event) -> Verdict:
    """A bucket was counted: it now holds this much. Makes the level where there is none.

    Never refused for reservations' sake: what of them then has no stock behind it is shortfall. `available`
    keeps commitments: what is promised is counted on top of it.
    """
    data = event.data
    assert isinstance(data, StockSet)
    answer = _subject(data, data.bucket)
    place = _place(books, data)
    if not isinstance(place, Place):
        return stopped(event, place, books.snapshot, answer)
    answer["inventory_item_id"] = place.item.inventory_item_id
    key = SetKey(place.item.item_no, place.location.location_no, data.bucket, event.source)
    guard = books.snapshot.set_guards.get(key, NO_GUARD)
    obstacle = _set_obstacle(event, data, place, guard)
    if obstacle is not None:
        answer["levels"] = [] if place.level is None else [level_json(place.level)]
        return stopped(event, obstacle, books.snapshot, answer)

    level = books.level_made(place.item, place.location)
    target = _units(place.item, data.quantity)
    if data.bucket is StockBucket.AVAILABLE:
        delta = target - level.available
        books.move(level, Bucket.STOCKED, delta)
    else:
        delta = target - _held(level, BUCKETS[data.bucket])
        books.move(level, BUCKETS[data.bucket], delta)
    _configure(books, level, data)
    _remember(books, key, guard, guard_after(event, data.version, guard))
    counted = data.bucket in (StockBucket.STOCKED, StockBucket.AVAILABLE)
    return _counted(books, event, level, answer, changed=counted and delta != 0)


def stock_adjusted(books: Books, event: Event) -> Verdict:
    """A bucket changed by a difference; it may fall below what is reserved, never below zero (rulings).

    With `to_bucket` what leaves one bucket enters another: returned goods that were looked at, breakage.
    Where no level is, a positive difference makes it from zero.
    """
    data = event.data
    assert isinstance(data, StockAdjusted)
    answer = _subject(data, data.bucket)
    place = _place(books, data)
    if not isinstance(place, Place):
        return stopped(event, place, books.snapshot, answer)
    answer["inventory_item_id"] = place.item.inventory_item_id
    obstacle = _adjust_obstacle(data, place)
    if obstacle is not None:
        answer["levels"] = [] if place.level is None else [level_json(place.level)]
        return stopped(event, obstacle, books.snapshot, answer)

    level = books.level_made(place.item, place.location)
    for bucket, change in _changes(data, _units(place.item, data.delta)).items():
        books.move(level, BUCKETS[bucket], change)
    return _counted(books, event, level, answer, changed=data.bucket is StockBucket.STOCKED)


def stock_received(books: Books, event: Event) -> Verdict:
    """Goods arrived: all of them are stocked, and what was announced of them is incoming no longer.

    A short receipt leaves the rest incoming, one over what was announced takes all of it (rulings). Makes the
    level where there is none. Stock that comes covers what is promised without stock first.
    """
    data = event.data
    assert isinstance(data, StockReceived)
    answer = _subject(data, StockBucket.STOCKED)
    place = _place(books, data)
    if not isinstance(place, Place):
        return stopped(event, place, books.snapshot, answer)
    answer["inventory_item_id"] = place.item.inventory_item_id
    receipt = _receipt(data, place)
    if not isinstance(receipt, Receipt):
        answer["levels"] = [] if place.level is None else [level_json(place.level)]
        return stopped(event, receipt, books.snapshot, answer)

    level = books.level_made(place.item, place.location)
    books.move(level, Bucket.INCOMING, -receipt.announced)
    books.move(level, Bucket.STOCKED, receipt.arrived)
    answer["from_incoming"] = text(receipt.announced, place.item.decimal_places)
    answer["levels"] = [level_json(level)]
    return Verdict(event, Outcome.APPLIED, answer)


def stock_imported(books: Books, event: Event) -> Verdict:
    """A row of a file counts a level: all that it says is set, or nothing. Makes the level where none is.

    As a count, it is never refused for reservations' sake.
    """
    data = event.data
    assert isinstance(data, StockImported)
    answer: Json = {"inventory_item_id": data.inventory_item_id, "location_id": data.location_id}
    item = books.catalogue.items_by_id.get(data.inventory_item_id)
    if item is None:
        unknown = WaitsFor(WaitKind.ITEM, data.inventory_item_id)
        return stopped(event, unknown, books.snapshot, answer)
    location = books.catalogue.locations.get(data.location_id)
    if location is None:
        return stopped(event, WaitsFor(WaitKind.LOCATION, data.location_id), books.snapshot, answer)
    told = (*(getattr(data, name) for name in BUCKETS), *(getattr(data, name) for name in CONFIGURED))
    if any(quantity is not None and smallest(quantity, item.decimal_places) is None for quantity in told):
        return stopped(event, uncountable(item), books.snapshot, answer)

    level = books.level_made(item, location)
    stocked = level.stocked
    for name, bucket in BUCKETS.items():
        quantity = getattr(data, name)
        if quantity is not None:
            books.move(level, bucket, _units(item, quantity) - _held(level, bucket))
    _configure(books, level, data)
    return _counted(books, event, level, answer, changed=level.stocked != stocked)


def _subject(data: StockData, bucket: StockBucket) -> Json:
    """What the answer is about, with the item as the event names it."""
    if data.inventory_item_id is not None:
        name: Json = {"inventory_item_id": data.inventory_item_id}
    elif data.sku is not None:
        name = {"sku": data.sku}
    else:
        name = {"variant_id": data.variant_id}
    return {**name, "location_id": data.location_id, "bucket": bucket.value}


def _place(books: Books, data: StockData) -> Place | Obstacle:
    item = named_item(books, data)
    if not isinstance(item, Item):
        return item
    location = books.catalogue.locations.get(data.location_id)
    if location is None:
        return WaitsFor(WaitKind.LOCATION, data.location_id)
    return Place(item, location, books.level_at(item, location))


def named_item(books: Books, data: NamesItem) -> Item | WaitsFor | Refusal:
    """The item that is named by id, by sku, or by a variant made of it alone (DESIGN §3)."""
    catalogue = books.catalogue
    if data.inventory_item_id is not None:
        by_id = catalogue.items_by_id.get(data.inventory_item_id)
        return by_id or WaitsFor(WaitKind.ITEM, data.inventory_item_id)
    if data.sku is not None:
        return catalogue.items_by_sku.get(data.sku) or WaitsFor(WaitKind.SKU, data.sku)
    assert data.variant_id is not None
    variant = catalogue.variants.get(data.variant_id)
    if variant is None:
        return WaitsFor(WaitKind.VARIANT, data.variant_id)
    if variant.recipe is None or len(variant.recipe.parts) != 1:
        return Refusal(
            Outcome.CONFLICT, f"variant {data.variant_id} is not made of one inventory item: name the item"
        )
    return variant.recipe.parts[0].item


def _set_obstacle(event: Event, data: StockSet, place: Place, guard: Guard) -> Obstacle | None:
    item, level = place.item, place.level
    told = (data.quantity, data.low_stock_threshold, data.safety_stock, data.backorder_limit)
    if any(quantity is not None and smallest(quantity, item.decimal_places) is None for quantity in told):
        return uncountable(item)
    if is_stale(event, data.version, guard):
        return Refusal(Outcome.STALE, "a newer count of this bucket was applied")
    version = 0 if level is None else level.version
    if data.expected_level_version not in (None, version):
        return Refusal(
            Outcome.VERSION_MISMATCH,
            f"the level stands at version {version}, not {data.expected_level_version}",
        )
    promised = level.reserved if level is not None and data.bucket is StockBucket.AVAILABLE else 0
    if _units(item, data.quantity) + promised > SMALLEST_MAX:
        return uncountable(item)
    return None


def _adjust_obstacle(data: StockAdjusted, place: Place) -> Obstacle | None:
    if StockBucket.AVAILABLE in (data.bucket, data.to_bucket):
        return Refusal(
            Outcome.CONFLICT, "what is available follows from stock and reservations: adjust stocked"
        )
    delta = smallest(data.delta, place.item.decimal_places)
    if delta is None:
        return uncountable(place.item)
    for bucket, change in _changes(data, delta).items():
        held = 0 if place.level is None else _held(place.level, BUCKETS[bucket])
        if held + change < 0:
            there = text(held, place.item.decimal_places)
            return Refusal(Outcome.BELOW_ZERO, f"{bucket.value} is {there}, too little for this difference")
        if held + change > SMALLEST_MAX:
            return uncountable(place.item)
    return None


def _changes(data: StockAdjusted, delta: int) -> dict[StockBucket, int]:
    """The buckets that change, in this order: what leaves one may enter another."""
    return {data.bucket: delta} | ({} if data.to_bucket is None else {data.to_bucket: -delta})


def _receipt(data: StockReceived, place: Place) -> Receipt | Obstacle:
    item, level = place.item, place.level
    arrived = smallest(data.quantity, item.decimal_places)
    stocked, incoming = (0, 0) if level is None else (level.stocked, level.incoming)
    if arrived is None or stocked + arrived > SMALLEST_MAX:
        return uncountable(item)
    if isinstance(data.from_incoming, bool):
        return Receipt(arrived, min(arrived, incoming) if data.from_incoming else 0)
    announced = smallest(data.from_incoming, item.decimal_places)
    if announced is None:
        return uncountable(item)
    if announced > incoming:
        there = text(incoming, item.decimal_places)
        return Refusal(Outcome.BELOW_ZERO, f"incoming is {there}, too little for this receipt")
    return Receipt(arrived, announced)


def uncountable(item: Item) -> Poison:
    """A quantity that the item's units cannot say, or that no bucket holds."""
    return Poison(
        f"a quantity cannot be counted in the {item.decimal_places} decimal places of"
        f" item {item.inventory_item_id}"
    )


def _units(item: Item, quantity: int | Decimal) -> int:
    """Smallest units in a quantity that is known to be countable."""
    units = smallest(quantity, item.decimal_places)
    assert units is not None
    return units


def _held(level: Level, bucket: Bucket) -> int:
    held = {
        Bucket.STOCKED: level.stocked,
        Bucket.INCOMING: level.incoming,
        Bucket.DAMAGED: level.damaged,
        Bucket.QUARANTINED: level.quarantined,
    }
    return held[bucket]


def _configure(books: Books, level: Level, data: StockSet | StockImported) -> None:
    """Thresholds of the level that the count tells along; those it does not tell stay."""
    told = {
        name: _units(level.item, quantity)
        for name in CONFIGURED
        if (quantity := getattr(data, name)) is not None
    }
    for name, units in told.items():
        setattr(level, name, units)
    if told:
        books.decision.levels_reconfigured[level] = None


def _remember(books: Books, key: SetKey, before: Guard, after: Guard) -> None:
    if after != before:
        books.snapshot.set_guards[key] = after
        books.decision.set_guards_put[key] = after


def _counted(books: Books, event: Event, level: Level, answer: Json, *, changed: bool) -> Verdict:
    """The answer to an applied count; it tells the oversold lines where it leaves any (rulings, B65).

    `changed`: whether stocked did.
    """
    answer["levels"] = [level_json(level)]
    verdict = Verdict(event, Outcome.APPLIED, answer)
    if changed and level.shortfall:
        alert = oversold(books, level, event)
        if alert is not None:
            verdict.alerts.append(alert)
    return verdict
