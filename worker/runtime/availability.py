"""Finds out what of the availability told to storefronts has changed, and writes down what it is now.

What changed is read from the outbox: every batch's row tells the levels that it left behind. Batches commit
in another order than their numbers', so a number counts as passed only when every transaction that can have
drawn it is over (ADR 0010). The values themselves are always those of the levels as they stand when they are
read: a batch that is counted in twice does no harm.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import orjson

import sql
from schemas.event_type import EventType
from schemas.topics import Output
from worker.domain.books import Books
from worker.domain.model import Catalogue, Item, Level, Snapshot
from worker.domain.storefront import availability_of
from worker.runtime.catalogue import CatalogueCache
from worker.runtime.load import Usual
from worker.runtime.process import in_turns
from worker.runtime.records import glance

if TYPE_CHECKING:
    import asyncpg

    from worker.runtime.database import Connection

LOCK, ADVANCE = sql.query("availability_lock"), sql.query("availability_advance")
DRAWN, BATCHES = sql.query("availability_drawn"), sql.query("availability_batches")
BATCHES_READ = sql.query("batches_read")
CHANGES_READ = sql.query("catalogue_changes_read")
CATALOGUE_VERSION_READ = sql.query("availability_catalogue_read")
TOPOLOGY_CHANGED = sql.query("availability_topology_changed")
IS_COUNTED, DIFFERS = sql.query("availability_is_counted"), sql.query("availability_differs")
VARIANTS_READ = sql.query("availability_variants_read")
VARIANTS_NEXT = sql.query("availability_variants_next")
LEVELS_READ = sql.query("availability_levels_read")
PUT, UNPUBLISHED_READ = sql.query("availability_put"), sql.query("availability_unpublished_read")

BATCHES_MAX = 200
"""More than these that are not counted in: everything is counted anew, which costs less than to read them."""
FRAMES_AT_ONCE = 20
VARIANTS_AT_ONCE = 2000
CHANGED_MAX = 20_000
"""More changed variants than these: the whole catalogue is counted anew, in steps."""
PAUSE_MAX = timedelta(hours=1)
"""After a longer pause the outbox is not relied upon: it may have been cleared."""

SETS_STOCK = tuple(
    f'{{"type":"{sets_stock}"'.encode() for sets_stock in (EventType.STOCK_SET, EventType.STOCK_IMPORTED)
)
"""How the answer to a count begins: it may change safety stock, of which no level record tells."""


class _LevelTold(msgspec.Struct, gc=False):
    """What matters here of a level record: nothing else of it is even decoded."""

    inventory_item_id: str


_level_told = msgspec.json.Decoder(_LevelTold).decode


class Told(NamedTuple):
    """What storefronts are told of one variant in one sales channel; None is without end."""

    variant_no: int
    channel_no: int
    variant_id: str
    sales_channel_id: str
    available_micro: int | None
    sellable_micro: int | None
    version: int


class Pass(NamedTuple):
    """What is to be told after a pass."""

    number: int
    told: list[Told]


class Progress(NamedTuple):
    """How far availability is counted, as the claim's row keeps it."""

    batches_seen: int | None
    """Every batch up to this number is finished and counted in; None: everything is to be counted anew."""
    batches_drawn: int
    finished_before: int
    """Every batch up to `batches_drawn` is finished when no transaction older than this one is under way.

    It is that of the pass, which took its number after it had read the last one drawn.
    """
    catalogue_version: int
    variants_from: int | None
    """The variants after this number are still to be counted anew; None: none."""


class AvailabilityCounter:
    """Counts availability, pass by pass; for the one worker that holds the claim."""

    def __init__(self, usual: Usual) -> None:
        self._usual = usual
        self._cache = CatalogueCache()
        self._counted: frozenset[int] = frozenset()
        """Batches beyond `batches_seen` that are counted in."""

    async def count(self, db: "Connection", generation: int, lease: timedelta) -> Pass | None:
        """One pass, in a transaction of its own; None where the claim is lost.

        To be told are the values that changed, and those of earlier passes that nobody noted as published.
        """
        async with db.transaction():
            # Before the lock, which gives this transaction its number: see `Progress`.
            drawn: int = await db.fetchval(DRAWN)
            state = await db.fetchrow(LOCK, generation, PAUSE_MAX)
            if state is None:
                return None
            before = Progress(
                state["batches_seen"],
                state["batches_drawn"],
                state["finished_before"],
                state["catalogue_version"],
                state["variants_from"],
            )
            news = await db.fetchrow(
                BATCHES, before.batches_seen, before.finished_before, list(self._counted), BATCHES_MAX + 1
            )
            assert news is not None
            after, counted = _advanced(before, drawn, news, self._counted)
            variant_ids, after = await self._changed(db, news, before, after)
            told = []
            if state["published_pass"] < state["pass"]:
                told += [Told(*row) for row in await db.fetch(UNPUBLISHED_READ)]
            told += await self._told(db, variant_ids, state["pass"] + 1)
            if after.variants_from is not None:
                rows = await db.fetch(VARIANTS_NEXT, after.variants_from, VARIANTS_AT_ONCE)
                told += await self._told(db, [row["variant_id"] for row in rows], state["pass"] + 1)
                last = rows[-1]["variant_no"] if len(rows) == VARIANTS_AT_ONCE else None
                after = after._replace(variants_from=last)
            await db.execute(ADVANCE, generation, state["pass"] + 1, *after, bool(told), lease)
        self._counted = counted
        return Pass(state["pass"] + 1, told)

    async def differing(self, db: "Connection") -> "AsyncIterator[asyncpg.Record]":
        """What was told last and is not what is available; nothing while not all is counted in.

        To be called in a transaction that sees one moment.
        """
        if not await db.fetchval(IS_COUNTED):
            return
        await self._cache.refresh(db)
        after = 0
        while rows := await db.fetch(VARIANTS_NEXT, after, VARIANTS_AT_ONCE):
            after = rows[-1]["variant_no"]
            snapshot = await self._snapshot(db, [row["variant_id"] for row in rows])
            variant_nos, channel_nos, available, _ = await _values(Books(snapshot))
            for row in await db.fetch(DIFFERS, variant_nos, channel_nos, available):
                yield row

    async def _changed(
        self, db: "Connection", news: "asyncpg.Record", before: Progress, after: Progress
    ) -> tuple[list[str], Progress]:
        """The variants whose availability may have changed; too many or all: counted anew, in steps."""
        item_ids: set[str] = set()
        if after.batches_seen is not None:
            item_ids = await _items_told(db, news["batch_ids"])
        variant_ids: set[str] = set()
        item_nos: set[int] = set()
        if after.catalogue_version != before.catalogue_version:
            for row in await db.fetch(CHANGES_READ, before.catalogue_version):
                if row["item_no"] is None:
                    variant_ids.add(row["variant_id"])
                else:
                    item_nos.add(row["item_no"])
            if await db.fetchval(TOPOLOGY_CHANGED, before.catalogue_version):
                after = after._replace(variants_from=0)
        if self._cache.version != after.catalogue_version:
            await self._cache.refresh(db)
        if item_ids or item_nos:
            rows = await db.fetch(VARIANTS_READ, list(item_ids), list(item_nos))
            variant_ids.update(row["variant_id"] for row in rows)
        if len(variant_ids) > CHANGED_MAX:
            return [], after._replace(variants_from=0)
        return sorted(variant_ids), after

    async def _told(self, db: "Connection", variant_ids: Sequence[str], pass_no: int) -> list[Told]:
        """Count these variants in every channel; the values that are not what was told last."""
        told: list[Told] = []
        for start in range(0, len(variant_ids), VARIANTS_AT_ONCE):
            snapshot = await self._snapshot(db, variant_ids[start : start + VARIANTS_AT_ONCE])
            catalogue = snapshot.catalogue
            values = await _values(Books(snapshot))
            names = {variant.variant_no: variant.variant_id for variant in catalogue.variants.values()}
            channels = {
                channel.channel_no: channel.sales_channel_id for channel in catalogue.channels.values()
            }
            for variant_no, channel_no, available, sellable, version in await db.fetch(PUT, *values, pass_no):
                ids = names[variant_no], channels[channel_no]
                told.append(Told(variant_no, channel_no, *ids, available, sellable, version))
        return told

    async def _snapshot(self, db: "Connection", variant_ids: Sequence[str]) -> Snapshot:
        """These variants and the levels of their items, of one version of the catalogue."""
        while True:
            await self._cache.know(db, variant_ids, (), ())
            catalogue = self._cache.view(variant_ids, (), ())
            levels = await self._levels(db, catalogue)
            state = await db.fetchrow(CATALOGUE_VERSION_READ)
            assert state is not None
            if state["catalogue_version"] == self._cache.version:
                break
            # An item may be counted in other units by now.
            await self._cache.refresh(db)
        return Snapshot(
            now=state["now"],
            parked_deadline=state["now"],
            catalogue=catalogue,
            orders={},
            levels=levels,
            items_locked=frozenset(),
            set_guards={},
            reservations_by_level={},
            policy=self._usual.policy,
            strategy=self._usual.strategy,
        )

    async def _levels(self, db: "Connection", catalogue: Catalogue) -> dict[int, dict[int, Level]]:
        items: dict[int, Item] = {
            part.item.item_no: part.item
            for variant in catalogue.variants.values()
            if variant.recipe is not None
            for part in variant.recipe.parts
        }
        levels: dict[int, dict[int, Level]] = {item_no: {} for item_no in items}
        for row in await db.fetch(LEVELS_READ, list(items)):
            location = self._cache.locations_by_no.get(row["location_no"])
            if location is None:
                continue  # made since the catalogue was read, which is about to be noticed
            levels[row["item_no"]][row["location_no"]] = Level(
                row["level_no"],
                items[row["item_no"]],
                location,
                row["stocked"],
                row["reserved"],
                shortfall=row["shortfall"],
                safety_stock=row["safety_stock"],
                backorder_limit=row["backorder_limit"],
            )
        return levels


def _advanced(
    before: Progress, drawn: int, news: "asyncpg.Record", counted: frozenset[int]
) -> tuple[Progress, frozenset[int]]:
    """How far availability is counted once what is new is counted in, and which batches are beyond that."""
    horizon = before._replace(
        batches_drawn=drawn,
        finished_before=news["finished_before"],
        catalogue_version=news["catalogue_version"],
    )
    batch_ids: Sequence[int] = news["batch_ids"]
    if len(batch_ids) > BATCHES_MAX:
        return horizon._replace(batches_seen=None), frozenset()
    if before.batches_seen is None:
        if before.variants_from or not news["is_finished"]:
            return before._replace(catalogue_version=news["catalogue_version"]), frozenset()
        return horizon._replace(batches_seen=before.batches_drawn, variants_from=0), frozenset()
    counted = counted.union(batch_ids)
    if not news["is_finished"]:
        return before._replace(catalogue_version=news["catalogue_version"]), counted
    seen = before.batches_drawn
    return horizon._replace(batches_seen=seen), frozenset(one for one in counted if one > seen)


async def _items_told(db: "Connection", batch_ids: Sequence[int]) -> set[str]:
    """The items of whose levels these batches tell."""
    item_ids: set[str] = set()
    for start in range(0, len(batch_ids), FRAMES_AT_ONCE):
        for row in await db.fetch(BATCHES_READ, batch_ids[start : start + FRAMES_AT_ONCE]):
            for topic, value in glance(row["frames"]):
                if value is None:
                    continue
                if topic == Output.LEVELS.topic:
                    item_ids.add(_level_told(value).inventory_item_id)
                elif topic == Output.RESULTS.topic and value.startswith(SETS_STOCK):
                    item_ids.update(_items_answered(value))
            await asyncio.sleep(0)
    return item_ids


def _items_answered(answer: bytes) -> Iterable[str]:
    return (level["inventory_item_id"] for level in orjson.loads(answer).get("levels", ()))


Columns = tuple[list[int], list[int], list[int | None], list[int | None]]
"""Variant numbers, channel numbers, available, sellable."""


async def _values(books: Books) -> Columns:
    """What each channel has of each variant of the snapshot."""
    catalogue = books.catalogue
    columns: Columns = ([], [], [], [])
    for some in in_turns(list(catalogue.variants.values())):
        for variant in some:
            for channel in catalogue.channels.values():
                available, sellable = availability_of(books, channel, variant)
                columns[0].append(variant.variant_no)
                columns[1].append(channel.channel_no)
                columns[2].append(available)
                columns[3].append(sellable)
        await asyncio.sleep(0)
    return columns
