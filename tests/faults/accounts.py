"""The full check after faults: where every input went, and whether what was said and what stands agree."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import asyncpg
from aiokafka import ConsumerRecord

import sql
from schemas.outcome import DeadReason
from schemas.topics import Output
from tests.installation import Installation
from tests.kafka_tools import read
from worker.domain.model import WaitKind
from worker.inspect import state
from worker.inspect.rows import Json

STRUCTURED = b"application/cloudevents+json"

Place = tuple[str, int, int]
"""Topic, partition and offset."""


class Fate(StrEnum):
    """What became of an input."""

    ANSWERED = "answered"
    PARKED = "parked"
    DEAD = "dead letter"


class Identity(NamedTuple):
    """By what the inbox knows an event."""

    source: str
    event_id: str


async def check_everything(shop: Installation) -> Counter[Fate]:
    """Holds the installation, at rest, to all that is promised; gives how many inputs met which fate."""
    await shop.check()
    heard = await shop.heard()
    inputs = [
        record
        for topic in shop.topic_types
        for record in await read(shop.bootstrap, topic, sum(_ends(shop, topic)))
    ]
    db = await asyncpg.connect(shop.database_url)
    try:
        fates = await _fates(db, inputs)
        await _check_letters(db, inputs, heard[Output.DEAD_LETTERS])
        await _check_storefronts(db, heard[Output.AVAILABILITY])
        await _check_waiting(db)
    finally:
        await db.close()
    return fates


async def at_rest(shop: Installation) -> None:
    """Returns when all has drained: read, answered, nothing left that could be done, storefronts told."""
    await shop.settled()
    await shop.until(f"select not exists ({sql.query('parked_ready_read')})", 1)
    await shop.until("select not exists (select from batch where published_at is null)")
    await shop.storefronts_told()


def _ends(shop: Installation, topic: str) -> Iterable[int]:
    return (end for partition, end in shop.ends.items() if partition.topic == topic)


async def _fates(db: "asyncpg.Connection[asyncpg.Record]", inputs: Sequence[ConsumerRecord]) -> Counter[Fate]:
    """Every input is in exactly one of answered, parked, dead letters.

    A copy shares the fate of its event. Another body under a used id is a dead letter, whatever became of the
    first one.
    """
    known: dict[Identity | Place, list[Fate]] = defaultdict(list)
    for row in await db.fetch("select * from v_event where final"):
        known[Identity(row["source"], row["event_id"])].append(Fate.ANSWERED)
        known[row["topic"], row["partition"], row["record_offset"]].append(Fate.ANSWERED)
    for row in await db.fetch("select * from v_parked"):
        known[Identity(row["source"], row["event_id"])].append(Fate.PARKED)
        known[row["topic"], row["partition"], row["record_offset"]].append(Fate.PARKED)
    dead = {
        (letter["topic"], letter["partition"], letter["offset"]): letter["reason"]
        for letter in await state.dead_letters(db)
    }
    fates: Counter[Fate] = Counter()
    for record in inputs:
        place = record.topic, record.partition, record.offset
        found = known.get(identity_of(record) or place, [])
        if place in dead:
            found = [Fate.DEAD] if dead[place] == DeadReason.ID_REUSE else [*found, Fate.DEAD]
        assert len(found) == 1, (place, identity_of(record), found, dead.get(place))
        fates[found[0]] += 1
    return fates


def identity_of(record: ConsumerRecord) -> Identity | None:
    """The identity that a record carries; None where its place is all there is."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    if headers.get("content-type", "").encode().startswith(STRUCTURED):
        whole = json.loads(record.value)
        return Identity(whole["source"], whole["id"])
    if "ce_id" in headers and "ce_source" in headers:
        return Identity(headers["ce_source"], headers["ce_id"])
    return None


async def _check_letters(
    db: "asyncpg.Connection[asyncpg.Record]",
    inputs: Sequence[ConsumerRecord],
    letters: Sequence[ConsumerRecord],
) -> None:
    """Each dead letter is told, always in the same bytes, with those of its input."""
    by_place = {(record.topic, record.partition, record.offset): record for record in inputs}
    told: dict[Place, ConsumerRecord] = {}
    for letter in letters:
        headers = {name: value.decode(errors="replace") for name, value in letter.headers}
        topic, partition, offset = (
            headers[f"dlq-original-{part}"] for part in ("topic", "partition", "offset")
        )
        first = told.setdefault((topic, int(partition), int(offset)), letter)
        assert (first.key, first.value, first.headers) == (letter.key, letter.value, letter.headers)
    rows = await state.dead_letters(db)
    assert told.keys() == {(row["topic"], row["partition"], row["offset"]) for row in rows}
    for place, letter in told.items():
        original = by_place[place]
        assert (letter.key, letter.value) == (original.key, original.value)
        assert letter.headers[: len(original.headers)] == original.headers


async def _check_storefronts(
    db: "asyncpg.Connection[asyncpg.Record]", records: Sequence[ConsumerRecord]
) -> None:
    """The last record of each key is what compaction keeps: it must be the value as it stands."""
    last = {}
    for record in records:
        value = json.loads(record.value)
        last[record.key.decode()] = value["availability_version"]
    rows = await db.fetch(
        "select variant_id || '|' || sales_channel_id as key, version from availability"
        " join variant using (variant_no) join sales_channel using (channel_no)"
    )
    assert last == {row["key"]: row["version"] for row in rows}


async def _check_waiting(db: "asyncpg.Connection[asyncpg.Record]") -> None:
    """No shipment waits for an order that was placed, unless for a later version of it.

    Others may: a move for what it moves, the end of a shipment for that shipment.
    """
    waiting = await db.fetch(
        "select p.event_id, p.value from parked as p"
        " join v_event as told on told.event_id = p.event_id and told.type = 'order.fulfilled'"
        " join v_event as placed on placed.order_id = p.waits_key and placed.type = 'order.placed'"
        " where p.waits_kind = $1 and placed.outcome in ('applied', 'partially_applied')",
        WaitKind.ORDER,
    )
    assert [row["event_id"] for row in waiting if b'"order_version"' not in row["value"]] == []


async def levels(shop: Installation) -> list[dict[str, Json]]:
    """Every level as it stands."""
    db = await asyncpg.connect(shop.database_url)
    try:
        return await state.levels(db)
    finally:
        await db.close()
