"""Write what was decided: rows in sets, the inbox keys last.

New rows go in by binary COPY, which costs asyncpg a fraction of array parameters and the server less log;
what changes rows has a statement each, asked for only when there is something to write (ADR 0009).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

import sql
from schemas.outcome import Outcome
from worker.domain.decision import Decision, Verdict
from worker.domain.event import Event
from worker.domain.model import Bucket, Level, Line, Order, Recipe, Reservation, Snapshot
from worker.runtime.catalogue import guard_columns, json_rows
from worker.runtime.codes import (
    DEAD_NO,
    NOT_FINAL_NO_MIN,
    OUTCOME_NOS,
    PLACES_PER_BATCH,
    POLICY_NOS,
    STRATEGY_NOS,
    TYPE_NOS,
)
from worker.runtime.exact_json import canonical
from worker.runtime.load import Loaded, OrderHead, RerunError
from worker.runtime.parked import pack_headers

if TYPE_CHECKING:
    from worker.runtime.database import Connection
    from worker.runtime.decode import RawRecord
    from worker.runtime.interned import Interned
    from worker.runtime.parked import ParkedRow

LEVELS_UPDATE = sql.query("levels_update")
LEVELS_INSERT, LEVELS_CONFIGURE = sql.query("levels_insert"), sql.query("levels_configure")
LEDGER_GAPS_INSERT = sql.query("ledger_gaps_insert")
RESERVATIONS_ORPHANED_DELETE = sql.query("reservations_orphaned_delete")
SET_GUARDS_PUT = sql.query("set_guards_put")
LEFT_BEHIND_PUT = sql.query("left_behind_put")
TRANSFERS_UPDATE, TRANSFER_LINES_PUT = sql.query("transfers_update"), sql.query("transfer_lines_put")
ORDERS_UPDATE = sql.query("orders_update")
ORDER_LINES_UPDATE = sql.query("order_lines_update")
RESERVATIONS_PUT, RESERVATIONS_DELETE = sql.query("reservations_put"), sql.query("reservations_delete")
FULFILLMENTS_INSERT = sql.query("fulfillments_insert")
FULFILLMENTS_CANCEL = sql.query("fulfillments_cancel")
FULFILLMENT_LINES_INSERT = sql.query("fulfillment_lines_insert")
FULFILLMENT_PARTS_INSERT = sql.query("fulfillment_parts_insert")
RETURNS_INSERT = sql.query("returns_insert")
RETURN_LINES_INSERT = sql.query("return_lines_insert")
RETURN_PARTS_INSERT = sql.query("return_parts_insert")
CATALOGUE_BUMP = sql.query("catalogue_bump")
ITEMS_PUT, ITEMS_REMOVE = sql.query("items_put"), sql.query("items_remove")
VARIANTS_PUT = sql.query("variants_put")
RECIPES_INSERT, RECIPE_PARTS_INSERT = sql.query("recipes_insert"), sql.query("recipe_parts_insert")
LOCATIONS_PUT, CHANNELS_PUT = sql.query("locations_put"), sql.query("sales_channels_put")
CARTS_UPDATE, HOLDS_DELETE = sql.query("carts_update"), sql.query("holds_delete")
INBOX_SETTLE, INBOX_DEAD_INSERT = sql.query("inbox_settle"), sql.query("inbox_dead_insert")
PARKED_INSERT, PARKED_DELETE = sql.query("parked_insert"), sql.query("parked_delete")
PARKED_WAIT_UPDATE = sql.query("parked_wait_update")

Row = tuple[Any, ...]
EventKey = tuple[str, str]
"""(source, event id)."""


class Origin(NamedTuple):
    """Where a judged event comes from: its record, and whether the inbox has a row of it."""

    record: "RawRecord"
    in_inbox: bool
    parked: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision together with what is needed to write it."""

    loaded: Loaded
    snapshot: Snapshot
    decision: Decision
    origins: Mapping[EventKey, Origin]
    places: Sequence[int | None]
    """Per verdict: the index of its result record in the batch's frames; None where it is told nothing."""


async def write(connection: "Connection", judged: Judged, interned: "Interned") -> None:
    """Write the decision inside the caller's transaction.

    Raises RerunError where another worker answered or released one of the events first.
    """
    decision = judged.decision
    recipe_nos = await _write_catalogue(connection, decision)
    await _make_levels(connection, decision, judged.snapshot.levels)
    await _write_levels(connection, judged)
    if decision.levels_repaired:
        await _write_repairs(connection, judged)
    await _write_orders(connection, judged, recipe_nos)
    if decision.carts_touched:
        await _write_carts(connection, decision)
    await _write_transfers(connection, judged.decision)
    await _write_inbox(connection, judged, interned)
    await _settle(connection, judged, interned)
    await _park(connection, judged, interned)


# ── Levels and ledger ─────────────────────────────────────────────────────────────────────────────────

OFTEN_MOVED = frozenset((Bucket.STOCKED, Bucket.RESERVED))

HOLD_COLUMNS = ("cart_no", "line_item_id", "level_no", "quantity")
MOVEMENT_COLUMNS = ("level_no", "version", "event_seq", "bucket", "delta", "order_no", "line_no")


async def _write_levels(connection: "Connection", judged: Judged) -> None:
    """The states that levels end in, and every movement on the way."""
    decision = judged.decision
    if not decision.levels_changed:
        return
    changed = decision.levels_changed
    others: list[list[int] | None] = [None] * 4
    if not OFTEN_MOVED.issuperset(movement.bucket for movement in decision.movements):
        others = [
            [level.incoming for level in changed],
            [level.damaged for level in changed],
            [level.quarantined for level in changed],
            [level.shortfall for level in changed],
        ]
    await _counted(
        connection,
        LEVELS_UPDATE,
        len(changed),
        [level.level_no for level in changed],
        [level.stocked for level in changed],
        [level.reserved for level in changed],
        *others,
        [level.version for level in changed],
    )
    first_place = judged.loaded.batch_id * PLACES_PER_BATCH
    order_nos = [None if v.order is None else v.order.order_no for v in decision.verdicts]
    movements = [
        (level.level_no, version, first_place + verdict_no, bucket, delta, order_nos[verdict_no], line_no)
        for level, version, bucket, delta, verdict_no, line_no in decision.movements
    ]
    for at, order_no in decision.movement_orders.items():
        movements[at] = (*movements[at][:5], order_no, movements[at][6])
    if decision.movement_carts:
        of_carts = [(*movements[at][:5], cart_no) for at, cart_no in decision.movement_carts.items()]
        columns = (*MOVEMENT_COLUMNS[:5], "cart_no")
        await connection.copy_records_to_table("movement", records=of_carts, columns=columns)
        movements = [row for at, row in enumerate(movements) if at not in decision.movement_carts]
    # By level and version, as their key: what is close in its index is written together.
    movements.sort()
    await connection.copy_records_to_table("movement", records=movements, columns=MOVEMENT_COLUMNS)


async def _write_carts(connection: "Connection", decision: Decision) -> None:
    """What carts hold in the end, instead of what they held."""
    carts = list(decision.carts_touched)
    rows = [
        (one.cart_no, one.generation, one.expires_at, one.order_id, one.sales_channel_id) for one in carts
    ]
    await connection.execute(CARTS_UPDATE, *_columns(rows, 5))
    stored = [one.cart_no for one in carts if one.is_stored]
    if stored:
        await connection.execute(HOLDS_DELETE, stored)
    holds = [
        (one.cart_no, held.line_item_id, held.level.level_no, held.quantity)
        for one in carts
        for held in one.holds
    ]
    if holds:
        await connection.copy_records_to_table("hold", records=holds, columns=HOLD_COLUMNS)


async def _write_repairs(connection: "Connection", judged: Judged) -> None:
    """What a repair leaves beside movements: versions noted as lost, reservations of no line removed."""
    first_place = judged.loaded.batch_id * PLACES_PER_BATCH
    repaired = judged.decision.levels_repaired
    lost = [(level.level_no, one, first_place) for level, versions in repaired.items() for one in versions]
    await connection.execute(LEDGER_GAPS_INSERT, *_columns(lost, 3))
    await connection.execute(RESERVATIONS_ORPHANED_DELETE, [level.level_no for level in repaired])


# ── Inbox ─────────────────────────────────────────────────────────────────────────────────────────────

EVENT_COLUMNS = (
    "event_id",
    "source_no",
    "seq",
    "body_hash",
    "type",
    "outcome",
    "answer",
    "order_no",
    "topic_no",
    "partition",
    "record_offset",
    "at",
)


async def _write_inbox(connection: "Connection", judged: Judged, interned: "Interned") -> None:
    """Rows of events that have none yet, sorted by key: the last locks that batches meet at."""
    rows = _event_rows(judged, interned)
    if not rows:
        return
    try:
        await connection.copy_records_to_table("event", records=rows, columns=EVENT_COLUMNS)
    except asyncpg.UniqueViolationError as error:
        message = "another worker took one of the events first"
        raise RerunError(message) from error


def _event_rows(judged: Judged, interned: "Interned") -> list[Row]:
    rows: list[Row] = []
    source_nos, topic_nos = interned.source_nos, interned.topic_nos
    at, first_place = judged.loaded.now, judged.loaded.batch_id * PLACES_PER_BATCH
    origins, places = judged.origins, judged.places
    for verdict_no, verdict in enumerate(judged.decision.verdicts):
        event = verdict.event
        origin = origins[event.source, event.event_id]
        if origin.in_inbox or verdict.superseded:
            continue
        topic, partition, offset = origin.record.position
        outcome_no, place = OUTCOME_NOS[verdict.outcome], places[verdict_no]
        rows.append(
            (
                event.event_id,
                source_nos[event.source],
                first_place + verdict_no,
                event.body_hash,
                TYPE_NOS[event.type],
                outcome_no,
                first_place + place if place is not None and outcome_no < NOT_FINAL_NO_MIN else None,
                None if verdict.order is None else verdict.order.order_no,
                topic_nos[topic],
                partition,
                offset,
                at,
            )
        )
    rows.sort(key=_inbox_key)
    return rows


def _inbox_key(row: Row) -> tuple[str, int]:
    return row[0], row[1]


# ── Catalogue and levels ──────────────────────────────────────────────────────────────────────────────


async def _write_catalogue(connection: "Connection", decision: Decision) -> dict[int, int]:
    """Catalogue rows; gives the numbers of the recipes made, by the identity of their objects."""
    if not (decision.items_put or decision.variants_put or decision.locations_put or decision.channels_put):
        return {}
    version = await connection.fetchval(CATALOGUE_BUMP)
    if decision.items_put:
        items = [
            {
                **put.attributes,
                "item_no": put.item.item_no,
                "sku": put.item.sku,
                "decimal_places": put.item.decimal_places,
                "low_stock_threshold": put.item.low_stock_threshold,
            }
            for put in decision.items_put
        ]
        await connection.execute(ITEMS_PUT, json_rows(items), version)
    recipe_nos = await _write_recipes(connection, decision)
    if decision.items_removed:
        await connection.execute(ITEMS_REMOVE, [item.item_no for item in decision.items_removed], version)
    if decision.variants_put:
        await connection.execute(VARIANTS_PUT, json_rows(_variant_rows(decision, recipe_nos)), version)
    if decision.locations_put:
        locations = [
            {
                "location_no": location.location_no,
                "name": location.name,
                "sells": location.sells,
                "ships": location.ships,
                "accepts_returns": location.accepts_returns,
                "priority": location.priority,
                "latitude": None if location.coordinates is None else location.coordinates.latitude,
                "longitude": None if location.coordinates is None else location.coordinates.longitude,
                "deleted": location.deleted,
                "content_hash": location.content_hash.hex(),
                **guard_columns(location.guard),
            }
            for location in {put.location_no: put for put in decision.locations_put}.values()
        ]
        await connection.execute(LOCATIONS_PUT, json_rows(locations), version)
    if decision.channels_put:
        channels = [
            {
                "channel_no": channel.channel_no,
                "location_ids": list(channel.location_ids),
                "safety_stock_micro": channel.safety_stock_micro,
                "low_stock_micro": channel.low_stock_micro,
                **guard_columns(channel.guard),
            }
            for channel in {put.channel_no: put for put in decision.channels_put}.values()
        ]
        await connection.execute(CHANNELS_PUT, json_rows(channels), version)
    return recipe_nos


async def _write_recipes(connection: "Connection", decision: Decision) -> dict[int, int]:
    new: list[tuple[int, Recipe]] = [
        (put.variant.variant_no, put.variant.recipe)
        for put in decision.variants_put
        if put.recipe_is_new and put.variant.recipe is not None
    ]
    if not new:
        return {}
    rows = await connection.fetch(RECIPES_INSERT, [variant_no for variant_no, _ in new])
    numbers = {row["variant_no"]: row["recipe_no"] for row in rows}
    parts = [
        (numbers[variant_no], part.item.item_no, part.required)
        for variant_no, recipe in new
        for part in recipe.parts
    ]
    await connection.execute(RECIPE_PARTS_INSERT, *_columns(parts, 3))
    return {id(recipe): numbers[variant_no] for variant_no, recipe in new}


def _variant_rows(decision: Decision, recipe_nos: Mapping[int, int]) -> list[dict[str, object]]:
    rows: dict[int, dict[str, object]] = {}
    for put in decision.variants_put:
        variant, recipe = put.variant, put.variant.recipe
        recipe_no = None if recipe is None else recipe.recipe_no or recipe_nos[id(recipe)]
        rows[variant.variant_no] = {
            "variant_no": variant.variant_no,
            "sku": variant.sku,
            "title": put.title,
            "allow_backorder": variant.allow_backorder,
            "backorder_limit": variant.backorder_limit,
            "ship_date": None if variant.ship_date is None else variant.ship_date.isoformat(),
            "recipe_no": recipe_no,
            "deleted": variant.deleted,
            "content_hash": variant.content_hash.hex(),
            **guard_columns(variant.guard),
        }
    return list(rows.values())


async def _make_levels(
    connection: "Connection", decision: Decision, levels: Mapping[int, Mapping[int, Level]]
) -> None:
    """Create the rows of new levels and number their objects; then thresholds and guards of stock.set."""
    if decision.levels_new:
        new = {(v.item.item_no, v.location.location_no): v for v in decision.levels_new}
        rows = await connection.fetch(LEVELS_INSERT, *_columns(list(new), 2))
        for row in rows:
            new[row["item_no"], row["location_no"]].level_no = row["level_no"]
    if decision.levels_reconfigured:
        configured = [
            (v.level_no, v.low_stock_threshold, v.safety_stock, v.backorder_limit)
            for v in decision.levels_reconfigured
        ]
        await connection.execute(LEVELS_CONFIGURE, *_columns(configured, 4))
    if decision.set_guards_put:
        guards = [
            (
                levels[key.item_no][key.location_no].level_no,
                key.bucket,
                key.source,
                guard.version,
                guard.time,
            )
            for key, guard in decision.set_guards_put.items()
        ]
        await connection.execute(SET_GUARDS_PUT, *_columns(guards, 5))


# ── Orders ────────────────────────────────────────────────────────────────────────────────────────────


HEAD_WIDTH = 14
NOWHERE = (None, None)
LINE_COLUMNS = ("order_no", "line_no", "line_item_id", "variant_no", "recipe_no", "quantity_micro")
RESERVATION_COLUMNS = ("order_no", "line_no", "level_no", "quantity")


async def _write_orders(connection: "Connection", judged: Judged, recipe_nos: Mapping[int, int]) -> None:
    decision, loaded = judged.decision, judged.loaded
    if decision.lines_new:
        await _write_lines(connection, decision, recipe_nos)
    orders = judged.snapshot.orders.values()
    put = decision.orders_put
    changed = [
        head
        for order in orders
        if (head := _head_to_write(order, loaded.heads[order.order_id], order in put))
    ]
    if changed:
        await connection.execute(ORDERS_UPDATE, *_columns(changed, HEAD_WIDTH))
    new_lines = {id(line) for _, line in decision.lines_new}
    edited = {
        (order.order_no, line.line_no): line.quantity_micro
        for order, line in decision.lines_changed
        if id(line) not in new_lines
    }
    if edited:
        rows = [(*key, quantity_micro) for key, quantity_micro in edited.items()]
        await connection.execute(ORDER_LINES_UPDATE, *_columns(rows, 3))
    kept, gone = _reservation_changes(decision.orders_touched, new_lines)
    if kept:
        await connection.execute(RESERVATIONS_PUT, *_columns(kept, 4))
    if gone:
        await connection.execute(RESERVATIONS_DELETE, *_columns(gone, 3))
    if decision.left_behind:
        left = [
            (order.order_no, place.location_no, order.revision, loaded.revision_before(order.order_id))
            for order, place in decision.left_behind
        ]
        await connection.execute(LEFT_BEHIND_PUT, *_columns(left, 4))
    if decision.fulfillments_new:
        await _write_fulfillments(connection, judged)
    if decision.fulfillments_canceled:
        first_place = loaded.batch_id * PLACES_PER_BATCH
        undone = [
            (order.order_no, fulfillment.fulfillment_no, first_place + verdict_no)
            for order, fulfillment, verdict_no in decision.fulfillments_canceled
        ]
        await connection.execute(FULFILLMENTS_CANCEL, *_columns(undone, 3))
    if decision.returns_new:
        await _write_returns(connection, judged)


async def _write_lines(connection: "Connection", decision: Decision, recipe_nos: Mapping[int, int]) -> None:
    """Lines of new placements, with what they reserve."""
    lines: list[Row] = []
    held: list[Row] = []
    for order, line in decision.lines_new:
        order_no, line_no, recipe = order.order_no, line.line_no, line.recipe
        recipe_no = None if recipe is None else recipe.recipe_no or recipe_nos[id(recipe)]
        lines.append((order_no, line_no, line.line_item_id, line.variant_no, recipe_no, line.quantity_micro))
        for reservation in line.reservations:
            if reservation.quantity:
                held.append((order_no, line_no, reservation.level.level_no, reservation.quantity))  # noqa: PERF401  # one pass
    await connection.copy_records_to_table("order_line", records=lines, columns=LINE_COLUMNS)
    if held:
        await connection.copy_records_to_table("reservation", records=held, columns=RESERVATION_COLUMNS)


def _head_to_write(order: Order, stored: OrderHead, put: bool) -> Row | None:  # noqa: FBT001  # of the decision
    """The order's row where it has to say something else than it does since the locks were taken.

    Its revision rose by an event parked before, another placement than the stored one was applied, or a rule
    put it (`Decision.orders_put`).
    """
    if (
        not put
        and order.revision <= stored.revision
        and order.placement_hash in (None, stored.placement_hash)
    ):
        return None
    revision = max(order.revision, stored.revision)
    line_ids = order.canceled_line_ids
    put_later = (
        order.canceled,
        canonical(sorted(line_ids)).decode() if line_ids else None,
        order.version,
        order.edited,
    )
    if not order.lines:
        said = stored.policy_no, *(stored.destination or NOWHERE), stored.ship_date
        return order.order_no, revision, *stored[1:5], *put_later, *said
    strategy_no = STRATEGY_NOS[order.strategy]
    head = revision, order.placement_hash, order.sales_channel_id, strategy_no, order.cart_id
    said = POLICY_NOS[order.policy], *(order.destination or NOWHERE), order.ship_date
    return order.order_no, *head, *put_later, *said


def _reservation_changes(orders: Iterable[Order], new_lines: set[int]) -> tuple[list[Row], list[Row]]:
    """Reservations of lines known before this batch: those to set, and those to remove."""
    kept: list[Row] = []
    gone: list[Row] = []
    for order in orders:
        for line in order.lines:
            if id(line) in new_lines:
                continue
            for held in line.reservations:
                _reservation_change(order, line, held, kept, gone)
    return kept, gone


def _reservation_change(
    order: Order, line: Line, held: Reservation, kept: list[Row], gone: list[Row]
) -> None:
    if held.quantity == held.stored:
        return
    key = (order.order_no, line.line_no, held.level.level_no)
    if held.quantity:
        kept.append((*key, held.quantity))
    else:
        gone.append(key)


async def _write_fulfillments(connection: "Connection", judged: Judged) -> None:
    heads: list[Row] = []
    lines: list[Row] = []
    parts: list[Row] = []
    for order, fulfillment, verdict_no in judged.decision.fulfillments_new:
        key = (order.order_no, fulfillment.fulfillment_no)
        seq = judged.loaded.batch_id * PLACES_PER_BATCH + verdict_no
        heads.append((*key, fulfillment.fulfillment_id, fulfillment.body_hash, seq))
        lines.extend((*key, line_no, quantity) for line_no, quantity in fulfillment.lines)
        parts.extend(
            (*key, at, shipped.line_no, shipped.level.level_no, shipped.quantity)
            for at, shipped in enumerate(fulfillment.shipped)
        )
    await connection.execute(FULFILLMENTS_INSERT, *_columns(heads, 5))
    await connection.execute(FULFILLMENT_LINES_INSERT, *_columns(lines, 4))
    await connection.execute(FULFILLMENT_PARTS_INSERT, *_columns(parts, 6))


async def _write_returns(connection: "Connection", judged: Judged) -> None:
    heads: list[Row] = []
    lines: list[Row] = []
    parts: list[Row] = []
    for order, back, verdict_no in judged.decision.returns_new:
        key = (order.order_no, back.return_no)
        seq = judged.loaded.batch_id * PLACES_PER_BATCH + verdict_no
        heads.append((*key, back.return_id, back.body_hash, seq))
        lines.extend((*key, at, *line) for at, line in enumerate(back.lines))
        parts.extend(
            (*key, at, returned.line_no, returned.level.level_no, returned.quantity, returned.disposition)
            for at, returned in enumerate(back.returned)
        )
    await connection.execute(RETURNS_INSERT, *_columns(heads, 5))
    await connection.execute(RETURN_LINES_INSERT, *_columns(lines, 6))
    await connection.execute(RETURN_PARTS_INSERT, *_columns(parts, 7))


async def _write_transfers(connection: "Connection", decision: Decision) -> None:
    """What transfers have come to, with all that they carry."""
    if not decision.transfers_touched:
        return
    heads: list[Row] = []
    lines: list[Row] = []
    for transfer in decision.transfers_touched:
        number, shipment = transfer.transfer_no, transfer.shipment
        assert shipment is not None, "a transfer is touched by its shipment first"
        source, target = shipment.source.location_no, shipment.target.location_no
        heads.append((number, shipment.body_hash, source, target, transfer.closed))
        lines += [(number, no, line.shipped, line.received) for no, line in transfer.lines.items()]
    await connection.execute(TRANSFERS_UPDATE, *_columns(heads, 5))
    await connection.execute(TRANSFER_LINES_PUT, *_columns(lines, 4))


# ── Inbox rows that existed before, and parked events ─────────────────────────────────────────────────


SETTLED_WIDTH = 11


async def _settle(connection: "Connection", judged: Judged, interned: "Interned") -> None:
    """Events that were parked or dead and now have another outcome; and what waits for something else now."""
    settled, waiting, released = [], [], []
    for at, verdict in enumerate(judged.decision.verdicts):
        origin = _origin(judged, verdict)
        if not origin.in_inbox or verdict.superseded:
            continue
        key = (verdict.event.event_id, interned.source_nos[verdict.event.source])
        if origin.parked and verdict.outcome is Outcome.PARKED:
            if verdict.waits_for is not None:
                waiting.append((*key, *verdict.waits_for))
            continue
        settled.append((*key, *_settlement(judged, at, origin, interned)))
        if origin.parked:
            released.append(key)
    if settled:
        settled.sort(key=_inbox_key)
        await _counted(
            connection, INBOX_SETTLE, len(settled), *_columns(settled, SETTLED_WIDTH), judged.loaded.now
        )
    if waiting:
        await _counted(connection, PARKED_WAIT_UPDATE, len(waiting), *_columns(waiting, 4))
    if released:
        await _counted(connection, PARKED_DELETE, len(released), *_columns(released, 2))


def _settlement(judged: Judged, at: int, origin: Origin, interned: "Interned") -> Row:
    first_place = judged.loaded.batch_id * PLACES_PER_BATCH
    verdict, place = judged.decision.verdicts[at], judged.places[at]
    event, outcome_no = verdict.event, OUTCOME_NOS[verdict.outcome]
    answer = None if place is None or outcome_no >= NOT_FINAL_NO_MIN else first_place + place
    topic, partition, offset = origin.record.position
    order_no = None if verdict.order is None else verdict.order.order_no
    position = interned.topic_nos[topic], partition, offset
    return first_place + at, outcome_no, answer, *position, event.body_hash, TYPE_NOS[event.type], order_no


async def write_dead(
    connection: "Connection",
    events: Sequence[tuple[Event, "RawRecord", int]],
    now: datetime,
    interned: "Interned",
) -> None:
    """Inbox rows of events that the database refused, with the places of their dead letters."""
    rows: list[Row] = []
    for event, record, place in events:
        topic, partition, offset = record.position
        rows.append(
            (
                event.event_id,
                interned.source_nos[event.source],
                place,
                event.body_hash,
                TYPE_NOS[event.type],
                interned.topic_nos[topic],
                partition,
                offset,
            )
        )
    ids, sources, places, hashes, types, *positions = _columns(rows, 8)
    await connection.execute(INBOX_DEAD_INSERT, ids, sources, places, hashes, types, DEAD_NO, *positions, now)


async def write_withdrawn(
    connection: "Connection",
    withdrawn: Sequence["ParkedRow"],
    places: Sequence[int],
    now: datetime,
    interned: "Interned",
) -> None:
    """Parked events that end as dead letters: `places` are those of their records in the archive.

    Raises RerunError where another worker released one of them first.
    """
    settled, gone = [], []
    for row, place in zip(withdrawn, places, strict=True):
        key = (row.event_id, interned.source_nos[row.source])
        topic, partition, offset = row.decoded.record.position
        position = interned.topic_nos[topic], partition, offset
        settled.append((*key, place, DEAD_NO, None, *position, None, None, None))
        gone.append(key)
    settled.sort(key=_inbox_key)
    await _counted(connection, INBOX_SETTLE, len(settled), *_columns(settled, SETTLED_WIDTH), now)
    await _counted(connection, PARKED_DELETE, len(gone), *_columns(gone, 2))


async def _park(connection: "Connection", judged: Judged, interned: "Interned") -> None:
    rows = []
    for verdict in judged.decision.verdicts:
        origin = _origin(judged, verdict)
        if verdict.waits_for is None or verdict.superseded or origin.parked:
            continue
        record = origin.record
        topic, partition, offset = record.position
        rows.append(
            (
                verdict.event.event_id,
                interned.source_nos[verdict.event.source],
                *verdict.waits_for,
                None if verdict.order is None else verdict.order.order_no,
                verdict.until,
                interned.topic_nos[topic],
                partition,
                offset,
                record.timestamp_ms,
                record.key,
                record.value,
                pack_headers(record.headers),
            )
        )
    if rows:
        await connection.execute(PARKED_INSERT, *_columns(rows, 13), judged.loaded.now)


async def _counted(connection: "Connection", statement: str, count: int, *arguments: object) -> None:
    """Run a guarded statement. Raises RerunError unless it found every row it was given."""
    status = await connection.execute(statement, *arguments)
    if int(status.rpartition(" ")[2]) != count:
        message = "another worker changed one of the rows first"
        raise RerunError(message)


def _origin(judged: Judged, verdict: Verdict) -> Origin:
    return judged.origins[verdict.event.source, verdict.event.event_id]


def _columns(rows: Sequence[Row], width: int) -> list[list[Any]]:
    """Rows turned into the arrays of a set-based statement."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
