"""Variant events: what is sold, the items it is made of, and its end (rulings "Catalogue")."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from schemas.catalogue import ItemAttributes, VariantCreated, VariantDeleted, VariantUpdated
from schemas.catalogue import Part as ListedPart
from schemas.internal import VariantRemoved
from schemas.outcome import Outcome
from schemas.quantity import QUANTITY_PLACES_MAX, smallest, text
from worker.domain.books import Books
from worker.domain.decision import ItemPut, Json, VariantPut, Verdict
from worker.domain.event import Event
from worker.domain.guards import NO_GUARD, guard_after, is_stale
from worker.domain.model import Bucket, Item, Part, Recipe, Variant, WaitKind, WaitsFor
from worker.domain.needs import part_item_id
from worker.domain.verdict import Poison, Refusal, applied_before, stopped

ITEM_COLUMNS = tuple(
    name for name in ItemAttributes.model_fields if name not in ("decimal_places", "low_stock_threshold")
)
"""Attributes of an item that no rule reads."""


class Told(NamedTuple):
    """What an event makes of a variant: its backorder limit, its recipe, and the items changed for it."""

    backorder_limit: int | None
    recipe: Recipe | None
    items: list[ItemPut]


def variant_created(books: Books, event: Event) -> Verdict:
    """A variant is known from now on: with one item, with the listed parts, or unmanaged with none.

    Makes the items that are not there yet, never a level: unsellable until stock is set (DESIGN §3). One that
    was deleted is made anew.
    """
    data = event.data
    assert isinstance(data, VariantCreated)
    answer: Json = {"variant_id": data.variant_id}
    known = books.catalogue.variants.get(data.variant_id)
    if known is not None and not known.deleted:
        again = applied_before(event, known.content_hash, f"creation of variant {data.variant_id}")
        return stopped(event, again, books.snapshot, answer)
    told = _told(books, data, None)
    if not isinstance(told, Told):
        return stopped(event, told, books.snapshot, answer)
    variant = Variant(
        variant_no=books.catalogue.variant_nos[data.variant_id],
        variant_id=data.variant_id,
        sku=data.sku,
        allow_backorder=data.allow_backorder,
        backorder_limit=told.backorder_limit,
        ship_date=data.ship_date,
        recipe=told.recipe,
        content_hash=event.body_hash,
        guard=guard_after(event, data.version, NO_GUARD),
    )
    books.decision.provided[WaitsFor(WaitKind.VARIANT, data.variant_id)] = None
    return _kept(books, event, data, variant, told)


def variant_updated(books: Books, event: Event) -> Verdict:
    """A variant as it now stands; waits for its creation. Orders placed before keep their frozen recipe.

    Absolute: what is left out has its default, but for decimal places: unsaid they stay. The attributes are
    those of the item that the variant is made of alone.
    """
    data = event.data
    assert isinstance(data, VariantUpdated)
    answer: Json = {"variant_id": data.variant_id}
    known = _to_change(books, event, data)
    if not isinstance(known, Variant):
        return stopped(event, known, books.snapshot, answer)
    if known.deleted:
        gone = Refusal(Outcome.CONFLICT, f"variant {data.variant_id} was deleted: create it anew")
        return stopped(event, gone, books.snapshot, answer)
    told = _told(books, data, known)
    if not isinstance(told, Told):
        return stopped(event, told, books.snapshot, answer)
    if known.recipe is not None and told.recipe is not None and _same(known.recipe, told.recipe):
        told = told._replace(recipe=known.recipe)
    variant = replace(
        known,
        sku=data.sku,
        allow_backorder=data.allow_backorder,
        backorder_limit=told.backorder_limit,
        ship_date=data.ship_date,
        recipe=told.recipe,
        guard=guard_after(event, data.version, known.guard),
    )
    return _kept(books, event, data, variant, told)


def variant_deleted(books: Books, event: Event) -> Verdict:
    """Unsellable at once; what is reserved lives on and ships. Waits for the variant's creation.

    Its own item goes with its levels as soon as nothing of it is reserved: now, or with the last reservation.
    An item that another variant is made of stays, and so do the parts of a kit.
    """
    data = event.data
    assert isinstance(data, VariantDeleted)
    answer: Json = {"variant_id": data.variant_id}
    known = _to_change(books, event, data)
    if isinstance(known, Variant) and known.deleted:
        known = Refusal(Outcome.ALREADY_APPLIED, f"variant {data.variant_id} is deleted already")
    if not isinstance(known, Variant):
        return stopped(event, known, books.snapshot, answer)
    variant = replace(known, deleted=True, guard=guard_after(event, data.version, known.guard))
    books.catalogue.variants[data.variant_id] = variant
    own = _item_to_go(books, variant)
    if own is not None and not _is_reserved(books, own):
        variant = _without_item(books, variant, own)
    answer["removed_items"] = [] if own is None or variant.recipe else [own.inventory_item_id]
    books.catalogue.removals_pending |= variant.recipe is not None
    books.decision.variants_put.append(VariantPut(variant, None, recipe_is_new=False))
    return Verdict(event, Outcome.APPLIED, answer)


def variant_removed(books: Books, event: Event) -> Verdict:
    """The last reservation of a deleted variant ended: its own item goes with its levels. Looks again."""
    data = event.data
    assert isinstance(data, VariantRemoved)
    answer: Json = {"variant_id": data.variant_id}
    variant = books.catalogue.variants.get(data.variant_id)
    own = None if variant is None or not variant.deleted else _item_to_go(books, variant)
    if variant is None or own is None or _is_reserved(books, own):
        kept = Refusal(Outcome.STALE, f"the item of variant {data.variant_id} is still needed")
        return stopped(event, kept, books.snapshot, answer)
    went_before = own.inventory_item_id in books.catalogue.items_gone
    variant = _without_item(books, variant, own)
    books.decision.variants_put.append(VariantPut(variant, None, recipe_is_new=False))
    answer["removed_items"] = [] if went_before else [own.inventory_item_id]
    return Verdict(event, Outcome.APPLIED, answer)


def _to_change(
    books: Books, event: Event, data: VariantUpdated | VariantDeleted
) -> Variant | Refusal | WaitsFor:
    known = books.catalogue.variants.get(data.variant_id)
    if known is None:
        return WaitsFor(WaitKind.VARIANT, data.variant_id)
    if is_stale(event, data.version, known.guard):
        return Refusal(Outcome.STALE, f"variant {data.variant_id} was changed by a newer event")
    return known


def _kept(books: Books, event: Event, data: VariantCreated, variant: Variant, told: Told) -> Verdict:
    """The variant and its items are what the event says from now on; the answer tells the recipe."""
    for put in told.items:
        _keep_item(books, put)
    recipe = variant.recipe
    books.catalogue.variants[variant.variant_id] = variant
    is_new = recipe is not None and recipe.recipe_no is None
    books.decision.variants_put.append(VariantPut(variant, data.title, recipe_is_new=is_new))
    answer: Json = {"variant_id": variant.variant_id, "managed": recipe is not None}
    answer["inventory_items"] = [
        {
            "inventory_item_id": part.item.inventory_item_id,
            "sku": part.item.sku,
            "required_quantity": text(part.required, part.item.decimal_places),
        }
        for part in (() if recipe is None else recipe.parts)
    ]
    return Verdict(event, Outcome.APPLIED, answer)


# ── The recipe ────────────────────────────────────────────────────────────────────────────────────────


def _told(books: Books, data: VariantCreated, known: Variant | None) -> Told | Refusal | Poison:
    """What the event says of the variant, `known` as it was before; changes nothing yet."""
    backorder_limit = None
    if data.backorder_limit is not None:
        backorder_limit = smallest(data.backorder_limit, QUANTITY_PLACES_MAX)
        if backorder_limit is None:
            return Poison("backorder_limit is too large")
    items: list[ItemPut] = []
    recipe = _recipe(books, data, known, items)
    if isinstance(recipe, Refusal | Poison):
        return recipe
    return Told(backorder_limit, recipe, items)


def _recipe(
    books: Books, data: VariantCreated, known: Variant | None, items: list[ItemPut]
) -> Recipe | Refusal | Poison | None:
    """The variant's links; None where its stock is not managed. Adds items made or changed to `items`."""
    if not data.manage_inventory:
        return None
    if not data.inventory_items:
        own = _own_item(books, data, known, items)
        return Recipe(None, (Part(own, 10**own.decimal_places),)) if isinstance(own, Item) else own
    parts: list[Part] = []
    for listed in data.inventory_items:
        item = _listed_item(books, data, listed, items)
        if not isinstance(item, Item):
            return item
        required = smallest(listed.required_quantity, item.decimal_places)
        if required is None:
            return Poison(f"required_quantity has more places than item {item.inventory_item_id}")
        if any(part.item.item_no == item.item_no for part in parts):
            return Refusal(Outcome.CONFLICT, f"item {item.inventory_item_id} is listed twice in one recipe")
        parts.append(Part(item, required))
    return Recipe(None, tuple(parts))


def _same(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes take as much of the same items."""
    return {(part.item.item_no, part.required) for part in one.parts} == {
        (part.item.item_no, part.required) for part in other.parts
    }


def _own_item(
    books: Books, data: VariantCreated, known: Variant | None, items: list[ItemPut]
) -> Item | Refusal | Poison:
    """The one item of a variant without listed parts: by its sku, else the one it has, else by its id."""
    catalogue = books.catalogue
    by_sku = None if data.sku is None else catalogue.items_by_sku.get(data.sku)
    if by_sku is not None:
        return _shared(books, data, by_sku, items)
    by_id = catalogue.items_by_id.get(data.variant_id)
    if by_id is None and data.sku is None and known is not None:
        by_id = _only_item(known)
    if by_id is None:
        return _made(books, data, data.variant_id, data.sku, items)
    if data.sku is None:
        return _shared(books, data, by_id, items)
    if by_id.sku is not None and known is None:
        return Refusal(Outcome.CONFLICT, f"item {data.variant_id} has another sku")
    return _shared(books, data, by_id, items, sku=data.sku)


def _only_item(variant: Variant) -> Item | None:
    """The item that a variant is made of alone, if it is."""
    parts = () if variant.recipe is None else variant.recipe.parts
    return parts[0].item if len(parts) == 1 else None


def _listed_item(
    books: Books, data: VariantCreated, listed: ListedPart, items: list[ItemPut]
) -> Item | Refusal | Poison:
    """The item that a listed part means; made where its id or sku is unknown."""
    catalogue = books.catalogue
    item_id = part_item_id(listed, catalogue.items_by_sku)
    if listed.sku is not None and listed.sku in catalogue.items_by_sku:
        return catalogue.items_by_sku[listed.sku]
    if item_id in catalogue.items_by_id:
        return catalogue.items_by_id[item_id]
    return _made(books, data, item_id, listed.sku, items)


# ── Items ─────────────────────────────────────────────────────────────────────────────────────────────


def _shared(
    books: Books, data: VariantCreated, item: Item, items: list[ItemPut], sku: str | None = None
) -> Item | Refusal | Poison:
    """An item that is there: a creation leaves its attributes, an update of the variant named so sets them.

    `sku`: the one it takes. Told other decimal places, a creation meant another item; an update raises them.
    """
    updated = isinstance(data, VariantUpdated)
    if "decimal_places" in data.model_fields_set and data.decimal_places != item.decimal_places:
        if not updated or data.decimal_places < item.decimal_places:
            places = item.decimal_places
            return Refusal(Outcome.CONFLICT, f"item {item.inventory_item_id} counts {places} decimal places")
        books.finer[item.item_no] = data.decimal_places
    if updated and item.inventory_item_id == data.variant_id:
        threshold = _threshold(data, item.decimal_places)
        if isinstance(threshold, Poison):
            return threshold
        item = replace(item, sku=sku or item.sku, low_stock_threshold=threshold)
        items.append(ItemPut(item, _attributes(data)))
    elif sku is not None:
        item = replace(item, sku=sku)
        items.append(ItemPut(item, _attributes(data)))
    return item


def _made(
    books: Books, data: VariantCreated, item_id: str, sku: str | None, items: list[ItemPut]
) -> Item | Refusal | Poison:
    """A new item. What the event tells of an item is told of it where the variant is made of it alone.

    One that went with its variant comes back with its empty levels, counted as finely as before or finer.
    """
    alone = len(data.inventory_items) <= 1
    threshold = _threshold(data, data.decimal_places) if alone else None
    if isinstance(threshold, Poison):
        return threshold
    item = Item(books.catalogue.item_nos[item_id], item_id, sku, data.decimal_places, threshold)
    gone = books.catalogue.items_gone.get(item_id)
    if gone is not None and gone.decimal_places != item.decimal_places:
        if gone.decimal_places > item.decimal_places:
            return Refusal(Outcome.CONFLICT, f"item {item_id} counted {gone.decimal_places} decimal places")
        books.finer[item.item_no] = item.decimal_places
    items.append(ItemPut(item, _attributes(data) if alone else dict.fromkeys(ITEM_COLUMNS)))
    return item


def _threshold(data: VariantCreated, decimal_places: int) -> int | Poison | None:
    if data.low_stock_threshold is None:
        return None
    threshold = smallest(data.low_stock_threshold, decimal_places)
    if threshold is None:
        return Poison(f"low_stock_threshold cannot be counted in {decimal_places} decimal places")
    return threshold


def _attributes(data: VariantCreated) -> Json:
    return {name: getattr(data, name) for name in ITEM_COLUMNS}


def _keep_item(books: Books, put: ItemPut) -> None:
    """The item is as told from now on, also for the levels and events of this batch."""
    item, catalogue = put.item, books.catalogue
    books.decision.items_put.append(put)
    for level in books.levels.setdefault(item.item_no, {}).values():
        level.item = item
    before = catalogue.items_by_id.get(item.inventory_item_id)
    if before is not None and before.sku is not None and before.sku != item.sku:
        catalogue.items_by_sku.pop(before.sku, None)
    catalogue.items_by_id[item.inventory_item_id] = item
    books.decision.provided[WaitsFor(WaitKind.ITEM, item.inventory_item_id)] = None
    if item.sku is not None:
        catalogue.items_by_sku[item.sku] = item
        books.decision.provided[WaitsFor(WaitKind.SKU, item.sku)] = None


def _item_to_go(books: Books, variant: Variant) -> Item | None:
    """The item that goes with a deleted variant: the one it is made of alone, if no other variant is."""
    own = _only_item(variant)
    if own is None:
        return None
    catalogue = books.catalogue.variants
    linked = set(books.snapshot.links.get(own.item_no, ()))
    others = {one for one in linked if one not in catalogue} | {
        one.variant_id for one in catalogue.values() if _names(one, own)
    }
    return None if others - {variant.variant_id} else own


def _names(variant: Variant, item: Item) -> bool:
    parts: Iterable[Part] = () if variant.deleted or variant.recipe is None else variant.recipe.parts
    return any(part.item.item_no == item.item_no for part in parts)


def _is_reserved(books: Books, item: Item) -> bool:
    return any(level.reserved for level in books.levels[item.item_no].values())


def _without_item(books: Books, variant: Variant, item: Item) -> Variant:
    """The variant after its item went; what its levels held leaves them, as the ledger tells."""
    for level in books.levels[item.item_no].values():
        books.move(level, Bucket.STOCKED, -level.stocked)
        books.move(level, Bucket.INCOMING, -level.incoming)
        books.move(level, Bucket.DAMAGED, -level.damaged)
        books.move(level, Bucket.QUARANTINED, -level.quarantined)
    catalogue = books.catalogue
    catalogue.items_by_id.pop(item.inventory_item_id, None)
    if item.sku is not None:
        catalogue.items_by_sku.pop(item.sku, None)
    catalogue.items_gone[item.inventory_item_id] = item
    books.decision.items_removed.append(item)
    changed = replace(variant, recipe=None)
    catalogue.variants[variant.variant_id] = changed
    return changed
