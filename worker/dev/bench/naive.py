"""The yardstick: an honest FastStream worker as a tutorial would write it. Not for any other use.

One message at a time, one transaction each, one ack each; FastStream decodes, pydantic checks. It keeps the
worker's rules for the orders that are measured, on the same tables, row by row: inbox, row locks in one
order, all or nothing, the channel's order of locations, splits, ledger, outbox. It answers on the same
topics. What would cost it more it leaves out: parking, dead letters, alerts, answers asked for again, orders
placed twice, a relay for what a crash leaves behind.
"""

import asyncio
import logging
import signal
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import orjson
import uvloop
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

import sql
from schemas import EventType
from schemas.orders import OrderLine, OrderPlaced
from schemas.outcome import Outcome
from schemas.quantity import micro
from schemas.topics import Output
from worker.dev.bench.model import NAIVE_READY
from worker.domain.model import MICRO, Bucket
from worker.runtime.codes import OUTCOME_NOS, PLACES_PER_BATCH, TYPE_NOS
from worker.runtime.database import connection, open_pool
from worker.runtime.interned import Interned
from worker.runtime.logs import LogStyle, configure_logging
from worker.runtime.records import OutRecord, pack
from worker.settings import Settings, load_settings

if TYPE_CHECKING:
    import asyncpg

    from worker.runtime.database import Connection, Pool

SOURCE = "/bench/naive"

log = logging.getLogger(__name__)

Json = dict[str, Any]

BATCH_NUMBER = sql.query("batch_number")
EVENT_READ, EVENT_INSERT = sql.query("naive_event_read"), sql.query("naive_event_insert")
CHANNEL_READ, VARIANT_READ = sql.query("naive_channel_read"), sql.query("naive_variant_read")
ITEM_LOCK, LEVELS_READ = sql.query("naive_item_lock"), sql.query("naive_levels_read")
LEVEL_RESERVE, MOVEMENT_INSERT = sql.query("naive_level_reserve"), sql.query("naive_movement_insert")
ORDER_INSERT, LINE_INSERT = sql.query("naive_order_insert"), sql.query("naive_line_insert")
RESERVATION_INSERT = sql.query("naive_reservation_insert")
BATCH_INSERT, BATCH_PUBLISHED = sql.query("naive_batch_insert"), sql.query("naive_batch_published")


class ShortError(Exception):
    """A line cannot be covered: nothing of the order is kept."""


class Placement:
    """One order in one transaction, and what it has to tell."""

    def __init__(
        self, db: "Connection", interned: Interned, order: OrderPlaced, message: KafkaMessage, batch_id: int
    ) -> None:
        self.db = db
        self.interned = interned
        self.order = order
        self.message = message
        record = message.raw_message
        assert not isinstance(record, tuple)  # messages come one by one
        self.position = record.topic, record.partition, record.offset
        self.timestamp_ms: int = record.timestamp
        self.event_id, self.source = message.headers["ce_id"], message.headers["ce_source"]
        self.body_hash = sha256(message.body).digest()[:16]
        self.batch_id = batch_id
        self.seq = batch_id * PLACES_PER_BATCH
        self.order_no = 0
        self.records: list[OutRecord] = []

    async def place(self) -> None:
        """Reserve every line and write all of it. Raises ShortError."""
        order, db = self.order, self.db
        locations = await db.fetch(CHANNEL_READ, order.sales_channel_id)
        location_nos = [location["location_no"] for location in locations]
        self.order_no = await db.fetchval(
            ORDER_INSERT, order.order_id, self.body_hash, order.sales_channel_id
        )
        variants = [await db.fetch(VARIANT_READ, line.variant_id) for line in order.lines]
        items = {part["item_no"] for variant in variants for part in variant if part["recipe_no"] is not None}
        for item_no in sorted(items):
            await db.execute(ITEM_LOCK, item_no)
        lines = [
            await self._place_line(line_no, line, variant, location_nos)
            for line_no, (line, variant) in enumerate(zip(order.lines, variants, strict=True), start=1)
        ]
        await self._answer(Outcome.APPLIED, {"lines": lines})

    async def refuse(self) -> None:
        """Write that the order is not placed."""
        self.order_no = await self._insert_order(None)
        self.records.clear()
        await self._answer(Outcome.INSUFFICIENT_STOCK, {})

    async def _insert_order(self, placement_hash: bytes | None) -> int:
        order = self.order
        order_no: int = await self.db.fetchval(
            ORDER_INSERT, order.order_id, placement_hash, order.sales_channel_id
        )
        return order_no

    async def _place_line(
        self, line_no: int, line: OrderLine, parts: "list[asyncpg.Record]", location_nos: list[int]
    ) -> Json:
        quantity_micro = micro(line.quantity)
        variant_no, recipe_no = parts[0]["variant_no"], parts[0]["recipe_no"]
        await self.db.execute(
            LINE_INSERT, self.order_no, line_no, line.line_item_id, variant_no, recipe_no, quantity_micro
        )
        reservations: list[Json] = []
        for part in parts:
            if recipe_no is not None:
                units = quantity_micro * part["required"] // MICRO
                reservations += await self._reserve(line_no, part, units, location_nos)
        return {
            "line_item_id": line.line_item_id,
            "variant_id": line.variant_id,
            "quantity": line.quantity,
            "managed": recipe_no is not None,
            "reservations": reservations,
        }

    async def _reserve(
        self, line_no: int, part: "asyncpg.Record", units: int, location_nos: list[int]
    ) -> list[Json]:
        """At the first location that has any, and on, until all is reserved."""
        db = self.db
        reservations: list[Json] = []
        for level in await db.fetch(LEVELS_READ, part["item_no"], location_nos):
            taken = min(units, level["available"])
            if taken <= 0:
                continue
            units -= taken
            level_no = level["level_no"]
            state = await db.fetchrow(LEVEL_RESERVE, level_no, taken)
            assert state is not None  # its item is locked, so it is still there
            await db.execute(RESERVATION_INSERT, self.order_no, line_no, level_no, taken)
            await db.execute(
                MOVEMENT_INSERT,
                level_no,
                state["level_version"],
                self.seq,
                Bucket.RESERVED,
                taken,
                self.order_no,
                line_no,
            )
            place = {"inventory_item_id": part["inventory_item_id"], "location_id": level["location_id"]}
            reservations.append({**place, "quantity": taken})
            self.records.append(self._level_record(place, part["sku"], state))
        if units:
            raise ShortError
        return reservations

    async def _answer(self, outcome: Outcome, more: Json) -> None:
        """Write the outbox row and the inbox row."""
        topic, partition, offset = self.position
        answer = {
            "type": EventType.ORDER_PLACED,
            "cause_id": self.event_id,
            "cause_source": self.source,
            "outcome": outcome,
            "final": outcome.is_final,
            "order_id": self.order.order_id,
            "order_revision": 1,
            **more,
        }
        name = f"{self.source}\n{self.event_id}\nresult"
        self.records.insert(0, self._record(Output.RESULTS, self.order.order_id, name, answer))
        await self.db.execute(BATCH_INSERT, self.batch_id, "naive", pack(self.records))
        await self.db.execute(
            EVENT_INSERT,
            self.event_id,
            self.interned.source_nos[self.source],
            self.seq,
            self.body_hash,
            TYPE_NOS[EventType.ORDER_PLACED],
            OUTCOME_NOS[outcome],
            self.order_no,
            self.interned.topic_nos[topic],
            partition,
            offset,
        )

    def _level_record(self, place: Json, sku: str | None, state: "asyncpg.Record") -> OutRecord:
        key = f"{place['inventory_item_id']}|{place['location_id']}"
        available = state["stocked"] - state["reserved"]
        level = {**place, "sku": sku, **state, "available": available}
        return self._record(Output.LEVELS, key, f"{key}\n{state['level_version']}", level)

    def _record(self, output: Output, key: str, name: str, value: Json) -> OutRecord:
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(uuid5(NAMESPACE_URL, name)),
            "ce_source": SOURCE,
            "ce_type": output.event_type,
            "ce_time": self.message.headers["ce_time"],
            "ce_causationid": self.event_id,
            "ce_causationsource": self.source,
            "content-type": "application/json",
        }
        raw = tuple((header, text.encode()) for header, text in headers.items())
        return OutRecord(output.topic, key.encode(), raw, orjson.dumps(value), self.timestamp_ms)


async def order_placed(
    pool: "Pool", interned: Interned, topics: list[str], order: OrderPlaced, message: KafkaMessage
) -> Placement | None:
    """Carry one order to its commit, and give what it has to tell; None where it was answered before."""
    source = message.headers["ce_source"]
    async with connection(pool) as db:
        await interned.know_sources(db, [source])
        await interned.know_topics(db, topics)
        if await db.fetchval(EVENT_READ, message.headers["ce_id"], interned.source_nos[source]) is not None:
            return None
        placement = Placement(db, interned, order, message, await db.fetchval(BATCH_NUMBER))
        try:
            async with db.transaction():
                await placement.place()
        except ShortError:
            async with db.transaction():
                await placement.refuse()
        return placement


def naive_broker(settings: Settings, pool: "Pool") -> KafkaBroker:
    """A broker with the one subscriber, and publishers for what it says."""
    broker = KafkaBroker(settings.kafka_bootstrap, logger=log, log_level=logging.DEBUG)
    publishers = {output.topic: broker.publisher(output.topic) for output in (Output.RESULTS, Output.LEVELS)}
    interned, topics = Interned(), list(settings.topic_types)

    @broker.subscriber(
        *topics,
        group_id=settings.consumer_group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def place(order: OrderPlaced, message: KafkaMessage) -> None:
        placement = await order_placed(pool, interned, topics, order, message)
        if placement is None:
            return
        for record in placement.records:
            headers = {name: value.decode() for name, value in record.headers if value is not None}
            await publishers[record.topic].publish(record.value, key=record.key, headers=headers)
        async with connection(pool) as db:
            await db.execute(BATCH_PUBLISHED, placement.batch_id)

    return broker


async def run(settings: Settings) -> None:
    """Work until told to stop."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    pool = await open_pool(
        settings.database_url.get_secret_value(),
        application_name="naive",
        connections_max=settings.database_connections_max,
        role=settings.database_role,
    )
    async with pool, naive_broker(settings, pool) as broker:
        await broker.start()
        log.info(NAIVE_READY)
        await stopping.wait()


if __name__ == "__main__":
    configure_logging(LogStyle.TEXT, "INFO")
    uvloop.run(run(load_settings()))
