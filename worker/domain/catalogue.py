"""Catalogue events: variants with items and recipes, locations, sales channels (rulings "Catalogue")."""

from dataclasses import replace

from schemas.catalogue import (
    ItemAttributes,
    LocationCreated,
    LocationDeleted,
    LocationUpdated,
    Role,
    SalesChannelUpdated,
    VariantCreated,
)
from schemas.catalogue import Part as ListedPart
from schemas.outcome import Outcome
from schemas.quantity import QUANTITY_PLACES_MAX, smallest, text
from worker.domain.books import Books
from worker.domain.decision import ItemPut, Json, VariantPut, Verdict
from worker.domain.event import Event
from worker.domain.guards import NO_GUARD, guard_after, is_stale
from worker.domain.model import Channel, Item, Location, Part, Recipe, Variant, WaitKind, WaitsFor
from worker.domain.needs import part_item_id
from worker.domain.verdict import Poison, Refusal, applied_before, stopped

ITEM_COLUMNS = tuple(
    name for name in ItemAttributes.model_fields if name not in ("decimal_places", "low_stock_threshold")
)
"""Attributes of an item that no rule reads."""


def variant_created(books: Books, event: Event) -> Verdict:
    """A variant is known from now on: with one item, with the listed parts, or unmanaged with none.

    Makes the items that are not there yet, never a level: unsellable until stock is set (DESIGN §3).
    """
    data = event.data
    assert isinstance(data, VariantCreated)
    answer: Json = {"variant_id": data.variant_id}
    known = books.catalogue.variants.get(data.variant_id)
    if known is not None:
        again = applied_before(event, known.content_hash, f"creation of variant {data.variant_id}")
        return stopped(event, again, books.snapshot, answer)
    backorder_limit = None
    if data.backorder_limit is not None:
        backorder_limit = smallest(data.backorder_limit, QUANTITY_PLACES_MAX)
        if backorder_limit is None:
            return stopped(event, Poison("backorder_limit is too large"), books.snapshot, answer)
    items_made: list[ItemPut] = []
    recipe = _recipe(books, data, items_made)
    if isinstance(recipe, Refusal | Poison):
        return stopped(event, recipe, books.snapshot, answer)
    _keep_items(books, items_made)
    variant = Variant(
        variant_no=books.catalogue.variant_nos[data.variant_id],
        variant_id=data.variant_id,
        sku=data.sku,
        allow_backorder=data.allow_backorder,
        backorder_limit=backorder_limit,
        recipe=recipe,
        content_hash=event.body_hash,
        guard=guard_after(event, data.version, NO_GUARD),
    )
    books.catalogue.variants[data.variant_id] = variant
    books.decision.variants_put.append(VariantPut(variant, data.title, recipe_is_new=recipe is not None))
    books.decision.provided[WaitsFor(WaitKind.VARIANT, data.variant_id)] = None
    answer["managed"] = recipe is not None
    answer["inventory_items"] = [
        {
            "inventory_item_id": part.item.inventory_item_id,
            "sku": part.item.sku,
            "required_quantity": text(part.required, part.item.decimal_places),
        }
        for part in (() if recipe is None else recipe.parts)
    ]
    return Verdict(event, Outcome.APPLIED, answer)


def _recipe(
    books: Books, data: VariantCreated, items_made: list[ItemPut]
) -> Recipe | Refusal | Poison | None:
    """The variant's links; None where its stock is not managed. Adds what has to be made to `items_made`."""
    if not data.manage_inventory:
        return None
    if not data.inventory_items:
        own = _own_item(books, data, items_made)
        return Recipe(None, (Part(own, 10**own.decimal_places),)) if isinstance(own, Item) else own
    parts: list[Part] = []
    for listed in data.inventory_items:
        item = _listed_item(books, data, listed, items_made)
        if not isinstance(item, Item):
            return item
        required = smallest(listed.required_quantity, item.decimal_places)
        if required is None:
            return Poison(f"required_quantity has more places than item {item.inventory_item_id}")
        if any(part.item.item_no == item.item_no for part in parts):
            return Refusal(Outcome.CONFLICT, f"item {item.inventory_item_id} is listed twice in one recipe")
        parts.append(Part(item, required))
    return Recipe(None, tuple(parts))


def _own_item(books: Books, data: VariantCreated, items_made: list[ItemPut]) -> Item | Refusal | Poison:
    """The one item of a variant without listed parts: found by its sku, else by the variant's id."""
    by_sku = None if data.sku is None else books.catalogue.items_by_sku.get(data.sku)
    if by_sku is not None:
        return _shared(by_sku, data)
    by_id = books.catalogue.items_by_id.get(data.variant_id)
    if by_id is None:
        return _made(books, data, data.variant_id, data.sku, items_made)
    if data.sku is None:
        return _shared(by_id, data)
    if by_id.sku is not None:
        return Refusal(Outcome.CONFLICT, f"item {data.variant_id} has another sku")
    shared = _shared(by_id, data)
    if isinstance(shared, Item):
        shared = replace(shared, sku=data.sku)
        items_made.append(ItemPut(shared, _attributes(data)))
    return shared


def _listed_item(
    books: Books, data: VariantCreated, listed: ListedPart, items_made: list[ItemPut]
) -> Item | Refusal | Poison:
    """The item that a listed part means; made where its id or sku is unknown."""
    catalogue = books.catalogue
    item_id = part_item_id(listed, catalogue.items_by_sku)
    if listed.sku is not None and listed.sku in catalogue.items_by_sku:
        return catalogue.items_by_sku[listed.sku]
    if item_id in catalogue.items_by_id:
        return catalogue.items_by_id[item_id]
    return _made(books, data, item_id, listed.sku, items_made)


def _shared(item: Item, data: VariantCreated) -> Item | Refusal:
    """An item that is there keeps its attributes; told other decimal places, another one was meant."""
    if "decimal_places" in data.model_fields_set and data.decimal_places != item.decimal_places:
        return Refusal(
            Outcome.CONFLICT, f"item {item.inventory_item_id} counts {item.decimal_places} decimal places"
        )
    return item


def _made(
    books: Books, data: VariantCreated, item_id: str, sku: str | None, items_made: list[ItemPut]
) -> Item | Poison:
    """A new item. What the event tells of an item is told of it where the variant is made of it alone."""
    alone = len(data.inventory_items) <= 1
    threshold = None
    if alone and data.low_stock_threshold is not None:
        threshold = smallest(data.low_stock_threshold, data.decimal_places)
        if threshold is None:
            return Poison(f"low_stock_threshold cannot be counted in {data.decimal_places} decimal places")
    item = Item(books.catalogue.item_nos[item_id], item_id, sku, data.decimal_places, threshold)
    items_made.append(ItemPut(item, _attributes(data) if alone else dict.fromkeys(ITEM_COLUMNS)))
    return item


def _attributes(data: VariantCreated) -> Json:
    return {name: getattr(data, name) for name in ITEM_COLUMNS}


def _keep_items(books: Books, items_made: list[ItemPut]) -> None:
    for put in items_made:
        item = put.item
        books.decision.items_put.append(put)
        books.levels.setdefault(item.item_no, {})
        books.catalogue.items_by_id[item.inventory_item_id] = item
        books.decision.provided[WaitsFor(WaitKind.ITEM, item.inventory_item_id)] = None
        if item.sku is not None:
            books.catalogue.items_by_sku[item.sku] = item
            books.decision.provided[WaitsFor(WaitKind.SKU, item.sku)] = None


def location_created(books: Books, event: Event) -> Verdict:
    """A location is known from now on; channels that named it before count it from now on (rulings)."""
    data = event.data
    assert isinstance(data, LocationCreated)
    answer: Json = {"location_id": data.location_id}
    known = books.catalogue.locations.get(data.location_id)
    if known is not None:
        again = applied_before(event, known.content_hash, f"creation of location {data.location_id}")
        return stopped(event, again, books.snapshot, answer)
    _keep_location(
        books,
        Location(
            location_no=books.catalogue.location_nos[data.location_id],
            location_id=data.location_id,
            name=data.name or "",
            sells=Role.SELLS in data.roles,
            ships=Role.SHIPS in data.roles,
            accepts_returns=Role.ACCEPTS_RETURNS in data.roles,
            priority=data.priority,
            deleted=False,
            content_hash=event.body_hash,
            guard=guard_after(event, data.version, NO_GUARD),
        ),
    )
    books.decision.provided[WaitsFor(WaitKind.LOCATION, data.location_id)] = None
    return Verdict(event, Outcome.APPLIED, answer)


def location_updated(books: Books, event: Event) -> Verdict:
    """A location as it now stands, roles and all; a deleted one stays deleted. Waits for its creation."""
    data = event.data
    assert isinstance(data, LocationUpdated)
    answer: Json = {"location_id": data.location_id}
    known = _location_to_change(books, event, data)
    if not isinstance(known, Location):
        return stopped(event, known, books.snapshot, answer)
    changed = replace(
        known,
        name=data.name or "",
        sells=Role.SELLS in data.roles,
        ships=Role.SHIPS in data.roles,
        accepts_returns=Role.ACCEPTS_RETURNS in data.roles,
        priority=data.priority,
        guard=guard_after(event, data.version, known.guard),
    )
    _keep_location(books, changed)
    return Verdict(event, Outcome.APPLIED, answer)


def location_deleted(books: Books, event: Event) -> Verdict:
    """A mark: the location sells nothing from then on; its levels and reservations stay (rulings).

    Stock there is still counted, shipped, released and moved away by hand.
    """
    data = event.data
    assert isinstance(data, LocationDeleted)
    answer: Json = {"location_id": data.location_id}
    known = _location_to_change(books, event, data)
    if isinstance(known, Location) and known.deleted:
        known = Refusal(Outcome.ALREADY_APPLIED, f"location {data.location_id} is deleted already")
    if not isinstance(known, Location):
        return stopped(event, known, books.snapshot, answer)
    _keep_location(books, replace(known, deleted=True, guard=guard_after(event, data.version, known.guard)))
    return Verdict(event, Outcome.APPLIED, answer)


def _location_to_change(
    books: Books, event: Event, data: LocationUpdated | LocationDeleted
) -> Location | Refusal | WaitsFor:
    known = books.catalogue.locations.get(data.location_id)
    if known is None:
        return WaitsFor(WaitKind.LOCATION, data.location_id)
    if is_stale(event, data.version, known.guard):
        return Refusal(Outcome.STALE, f"location {data.location_id} was changed by a newer event")
    return known


def _keep_location(books: Books, location: Location) -> None:
    books.catalogue.locations[location.location_id] = location
    books.topology_changed()
    puts = books.decision.locations_put
    puts[:] = [put for put in puts if put.location_no != location.location_no] + [location]


def sales_channel_updated(books: Books, event: Event) -> Verdict:
    """A channel sells from these locations, in this order; the first such event makes it."""
    data = event.data
    assert isinstance(data, SalesChannelUpdated)
    answer: Json = {"sales_channel_id": data.sales_channel_id}
    known = books.catalogue.channels.get(data.sales_channel_id)
    guard = NO_GUARD if known is None else known.guard
    if is_stale(event, data.version, guard):
        stale = Refusal(Outcome.STALE, f"sales channel {data.sales_channel_id} was set by a newer event")
        return stopped(event, stale, books.snapshot, answer)
    channel = Channel(
        channel_no=books.catalogue.channel_nos[data.sales_channel_id],
        sales_channel_id=data.sales_channel_id,
        location_ids=data.location_ids,
        guard=guard_after(event, data.version, guard),
    )
    books.catalogue.channels[data.sales_channel_id] = channel
    books.topology_changed()
    puts = books.decision.channels_put
    puts[:] = [put for put in puts if put.channel_no != channel.channel_no] + [channel]
    if known is None:
        books.decision.provided[WaitsFor(WaitKind.SALES_CHANNEL, data.sales_channel_id)] = None
    return Verdict(event, Outcome.APPLIED, answer)
