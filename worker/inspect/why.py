"""Why a level is what it is: every movement of an item, with its cause and what was there after it.

A bucket is the sum of its movements (DESIGN §2), so the movements are the whole answer to "why is it 47?".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import asyncpg

import sql
from worker.inspect.rows import Json, wire_number, wire_rows

if TYPE_CHECKING:
    from worker.runtime.database import Connection

BUCKETS = ("stocked", "reserved", "incoming", "damaged", "quarantined", "shortfall")


class UnknownItemError(LookupError):
    """No item, sku or variant of a single item has this name."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: an item by its id, sku or single-item variant, and what to leave out."""

    item: str
    location_id: str | None = None
    order_id: str | None = None
    at: datetime | None = None
    """Up to when; None: until now."""


@dataclass(frozen=True, slots=True)
class Why:
    """The movements that were asked for, and where they lead."""

    inventory_item_id: str
    sku: str | None
    question: Question
    movements: Sequence[dict[str, Json]]
    """By location and level version; quantities as on the wire, balances as after the movement."""
    levels: Sequence[dict[str, Json]]
    """Each level as it stood when asked for, now or at the question's moment; none yet: not there."""

    @property
    def sums(self) -> list[dict[str, Json]]:
        """What each kind of event did to each bucket, over the movements shown: `stocked` by `stock.set`."""
        totals: dict[tuple[str, str, str | None], Decimal] = {}
        for row in self.movements:
            key = (row["location_id"], row["bucket"], row["type"])
            totals[key] = totals.get(key, Decimal(0)) + Decimal(str(row["delta"]))
        return [
            {"location_id": location_id, "bucket": bucket, "type": type_name, "delta": wire_number(total)}
            for (location_id, bucket, type_name), total in totals.items()
        ]

    def as_json(self) -> dict[str, Json]:
        """The answer as `why --json` prints it."""
        at = self.question.at
        return {
            "inventory_item_id": self.inventory_item_id,
            "sku": self.sku,
            "location_id": self.question.location_id,
            "order_id": self.question.order_id,
            "at": None if at is None else at.isoformat().replace("+00:00", "Z"),
            "levels": list(self.levels),
            "sums": self.sums,
            "movements": list(self.movements),
        }


async def why(connection: "Connection", question: Question) -> Why:
    """Read the movements as of one moment; reads only, and blocks nobody.

    Raises UnknownItemError, and what asyncpg raises.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        item = await connection.fetchrow(sql.query("why_item"), question.item)
        if item is None:
            raise UnknownItemError(f"no item, sku or single-item variant is named {question.item!r}")
        asked = (item["item_no"], question.location_id)
        rows = await connection.fetch(sql.query("why_movements"), *asked, question.order_id, question.at)
        movements = wire_rows(rows)
        if question.at is None:
            levels = wire_rows(await connection.fetch(sql.query("why_levels"), *asked))
        else:
            every = rows
            if question.order_id is not None:
                every = await connection.fetch(sql.query("why_movements"), *asked, None, question.at)
            levels = _levels_then(wire_rows(every))
    return Why(item["inventory_item_id"], item["sku"], question, movements, levels)


async def why_of(database_url: str, question: Question) -> Why:
    """The same of the database at a URL. Raises UnknownItemError, and what asyncpg raises."""
    connection = await asyncpg.connect(database_url)
    try:
        return await why(connection, question)
    finally:
        await connection.close()


def _levels_then(movements: Iterable[dict[str, Json]]) -> list[dict[str, Json]]:
    """The levels as the last of these movements left them."""
    last = {row["location_id"]: row for row in movements}
    columns = ("location_id", *BUCKETS, "available", "level_version")
    return [{column: row[column] for column in columns} for row in last.values()]
