"""The archive as a witness: what was told of events and levels, in the words of the answers themselves.

Answers carry texts where the tables carry numbers. So a number that stands for another text than it did when
an event was answered shows here, and nowhere else.
"""

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

import orjson

import sql
from schemas.topics import Output
from worker.inspect.rows import Json, wire_rows
from worker.runtime.records import OutRecord, unpack

if TYPE_CHECKING:
    from worker.runtime.database import Connection

TOLD = ("event_id", "source", "type", "outcome", "order_id")
ANSWER_FIELDS = ("cause_id", "cause_source", "type", "outcome", "order_id")
"""The same in an answer."""


async def mistaken_names(connection: "Connection", batches_max: int | None) -> AsyncIterator[dict[str, Json]]:
    """Events and levels that the newest batches told by other names than the tables now have for them.

    `batches_max` None: all batches there are. Raises what asyncpg raises.
    """
    for newest in await connection.fetch(sql.query("batches_newest"), batches_max):
        batch_id = newest["batch_id"]
        [batch] = await connection.fetch(sql.query("batches_read"), [batch_id])
        records = unpack(batch["frames"])
        events = wire_rows(await connection.fetch(sql.query("archive_events"), batch_id))
        for event in events:
            told = _answer_at(records, event["place"])
            stored = {name: event[name] for name in TOLD}
            if told is not None and told != {**stored, "order_id": stored["order_id"] or told["order_id"]}:
                yield {"batch_id": batch_id, "stored": stored, "told": told}
        for level in await _levels_not_found(connection, records, batch_id):
            yield {"batch_id": batch_id, "stored": None, "told": level}


def level_told(records: Iterable[OutRecord], item_id: str, location_id: str) -> dict[str, Json] | None:
    """The level as these records of a batch tell it, if they do."""
    key = f"{item_id}|{location_id}".encode()
    for record in records:
        if record.topic == Output.LEVELS.topic and record.key == key and record.value is not None:
            told: dict[str, Json] = orjson.loads(record.value)
            return told
    return None


def _answer_at(records: list[OutRecord], place: int) -> dict[str, Json] | None:
    """The names in the answer at a place; None where there is none, which the audit finds by itself."""
    if place >= len(records) or records[place].topic != Output.RESULTS.topic:
        return None
    answer = orjson.loads(records[place].value or b"{}")
    return {name: answer.get(field) for name, field in zip(TOLD, ANSWER_FIELDS, strict=True)}


async def _levels_not_found(
    connection: "Connection", records: Iterable[OutRecord], batch_id: int
) -> list[dict[str, Json]]:
    told = [
        orjson.loads(record.value)
        for record in records
        if record.topic == Output.LEVELS.topic and record.value is not None
    ]
    columns = [[one[name] for one in told] for name in ("inventory_item_id", "location_id", "level_version")]
    return wire_rows(await connection.fetch(sql.query("archive_levels"), *columns, batch_id))
