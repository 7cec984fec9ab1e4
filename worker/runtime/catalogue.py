"""What this process remembers of the catalogue, and how it notices that others changed it.

Locations and channels are few and held whole; variants, items and recipes are read when first named.
The database's catalogue version is read under the item locks of every batch (functions/load_batch.sql): while
it stands, everything here is what the database says.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import sql
from worker.domain.model import Catalogue, Channel, Coordinates, Guard, Item, Location, Part, Recipe, Variant
from worker.runtime.exact_json import canonical

if TYPE_CHECKING:
    import asyncpg

    from worker.runtime.database import Connection

ITEMS_READ, VARIANTS_READ, RECIPES_READ = (
    sql.query(name) for name in ("items_read", "variants_read", "recipes_read")
)
LOCATIONS_READ, CHANNELS_READ = sql.query("locations_read"), sql.query("channels_read")
REMOVALS_PENDING = sql.query("removals_pending")
VERSION_READ, CHANGES_READ = sql.query("catalogue_version_read"), sql.query("catalogue_changes_read")

ENTRIES_MAX = 200_000
"""Variants, items or recipes remembered before all of that kind are forgotten: bounds the memory."""


class CatalogueCache:
    """The catalogue as of `version`. One per process; only the batch loop uses it."""

    def __init__(self) -> None:
        self.version = -1
        self.locations: dict[str, Location] = {}
        self.locations_by_no: dict[int, Location] = {}
        self.channels: dict[str, Channel] = {}
        self.removals_pending = False
        self._variants: dict[str, Variant] = {}
        self._items_by_id: dict[str, Item] = {}
        self._items_by_sku: dict[str, Item] = {}
        self._recipes: dict[int, Recipe] = {}

    async def know(
        self,
        connection: "Connection",
        variant_ids: Iterable[str],
        item_ids: Iterable[str],
        skus: Iterable[str],
    ) -> None:
        """Read what of these is not remembered. What nobody knows is asked for again each time."""
        self._bound()
        new_variants = [v for v in variant_ids if v not in self._variants]
        new_items = [i for i in item_ids if i not in self._items_by_id]
        new_skus = [s for s in skus if s not in self._items_by_sku]
        if new_variants:
            await self._read_variants(connection, new_variants)
        if new_items or new_skus:
            for row in await connection.fetch(ITEMS_READ, new_items, new_skus):
                self._keep_item(item_of(row))

    async def recipes(self, connection: "Connection", recipe_nos: Collection[int]) -> dict[int, Recipe]:
        """These recipes. They never change, but their items may have."""
        await self._know_recipes(connection, [n for n in recipe_nos if n not in self._recipes])
        return {number: self._recipes[number] for number in recipe_nos}

    async def refresh(self, connection: "Connection") -> None:
        """Forget what changed since `version`, and read locations and channels again."""
        version = await connection.fetchval(VERSION_READ)
        if self.version >= 0:
            self._forget(await connection.fetch(CHANGES_READ, self.version))
        self.locations = {
            row["location_id"]: _location(row) for row in await connection.fetch(LOCATIONS_READ)
        }
        self.locations_by_no = {location.location_no: location for location in self.locations.values()}
        self.channels = {
            row["sales_channel_id"]: _channel(row) for row in await connection.fetch(CHANNELS_READ)
        }
        self.removals_pending = await connection.fetchval(REMOVALS_PENDING)
        self.version = version

    def view(self, variant_ids: Iterable[str], item_ids: Iterable[str], skus: Iterable[str]) -> Catalogue:
        """The catalogue of one batch: what it names, as far as it is known. The rules may add to it."""
        variants, by_id, by_sku = self._variants, self._items_by_id, self._items_by_sku
        return Catalogue(
            items_by_id={i: by_id[i] for i in item_ids if i in by_id},
            items_by_sku={s: by_sku[s] for s in skus if s in by_sku},
            variants={v: variants[v] for v in variant_ids if v in variants},
            locations=dict(self.locations),
            channels=dict(self.channels),
            removals_pending=self.removals_pending,
        )

    async def _read_variants(self, connection: "Connection", variant_ids: list[str]) -> None:
        rows = await connection.fetch(VARIANTS_READ, variant_ids)
        recipe_nos = {row["recipe_no"] for row in rows if row["recipe_no"] is not None}
        await self._know_recipes(connection, [n for n in recipe_nos if n not in self._recipes])
        for row in rows:
            recipe = None if row["recipe_no"] is None else self._recipes[row["recipe_no"]]
            self._variants[row["variant_id"]] = _variant(row, recipe)

    async def _know_recipes(self, connection: "Connection", recipe_nos: list[int]) -> None:
        if not recipe_nos:
            return
        parts: dict[int, list[Part]] = {}
        for row in await connection.fetch(RECIPES_READ, recipe_nos):
            parts.setdefault(row["recipe_no"], []).append(Part(item_of(row), row["required"]))
        for recipe_no, its_parts in parts.items():
            self._recipes[recipe_no] = Recipe(recipe_no, tuple(its_parts))

    def _bound(self) -> None:
        """Start afresh with what has grown too large; only before a batch's names are looked up."""
        for entries in (self._variants, self._items_by_id, self._items_by_sku, self._recipes):
            if len(entries) > ENTRIES_MAX:
                entries.clear()

    def _keep_item(self, item: Item) -> None:
        self._items_by_id[item.inventory_item_id] = item
        if item.sku is not None:
            self._items_by_sku[item.sku] = item

    def _forget(self, changes: "list[asyncpg.Record]") -> None:
        variant_ids = {row["variant_id"] for row in changes}
        item_nos = {row["item_no"] for row in changes}
        self._variants = {
            v.variant_id: v
            for v in self._variants.values()
            if v.variant_id not in variant_ids and not _names_any(v.recipe, item_nos)
        }
        self._recipes = {n: r for n, r in self._recipes.items() if not _names_any(r, item_nos)}
        self._items_by_id = {k: i for k, i in self._items_by_id.items() if i.item_no not in item_nos}
        self._items_by_sku = {k: i for k, i in self._items_by_sku.items() if i.item_no not in item_nos}


def guard_columns(guard: Guard) -> dict[str, object]:
    """A guard as the columns that store it."""
    return {
        "guard_version": guard.version,
        "guard_source": guard.source,
        "guard_time": None if guard.time is None else guard.time.isoformat(),
    }


def json_rows(rows: list[dict[str, object]]) -> str:
    """Rows as the JSON parameter of a catalogue statement."""
    return canonical(rows).decode()


def _names_any(recipe: Recipe | None, item_nos: set[int]) -> bool:
    return recipe is not None and any(part.item.item_no in item_nos for part in recipe.parts)


def item_of(row: "asyncpg.Record") -> Item:
    """The item that a row names by its columns."""
    return Item(
        row["item_no"],
        row["inventory_item_id"],
        row["sku"],
        row["decimal_places"],
        row["low_stock_threshold"],
    )


def _guard(row: "asyncpg.Record") -> Guard:
    return Guard(row["guard_version"], row["guard_source"], row["guard_time"])


def _variant(row: "asyncpg.Record", recipe: Recipe | None) -> Variant:
    return Variant(
        row["variant_no"],
        row["variant_id"],
        row["sku"],
        row["allow_backorder"],
        row["backorder_limit"],
        recipe,
        row["content_hash"],
        _guard(row),
        row["deleted"],
        row["ship_date"],
    )


def _location(row: "asyncpg.Record") -> Location:
    return Location(
        location_no=row["location_no"],
        location_id=row["location_id"],
        name=row["name"],
        sells=row["sells"],
        ships=row["ships"],
        accepts_returns=row["accepts_returns"],
        priority=row["priority"],
        deleted=row["deleted"],
        content_hash=row["content_hash"],
        guard=_guard(row),
        coordinates=point(row["latitude"], row["longitude"]),
    )


def point(latitude: float | None, longitude: float | None) -> Coordinates | None:
    """The point of two columns that are null together."""
    return None if latitude is None or longitude is None else Coordinates(latitude, longitude)


def _channel(row: "asyncpg.Record") -> Channel:
    return Channel(
        row["channel_no"],
        row["sales_channel_id"],
        tuple(row["location_ids"]),
        _guard(row),
        row["safety_stock_micro"],
        row["low_stock_micro"],
    )
