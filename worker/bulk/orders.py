"""`orders import`: the orders open on the day of installation, one JSON object a line.

Each becomes an event order.imported, judged under the same locks as any other; rows that cannot come in are
reported with their line number and leave nothing behind. The same file again changes nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from pydantic import ValidationError

import sql
from schemas.event_type import EventType
from schemas.internal import OrderImported
from worker.bulk.rows import BadRow, Imported, OnProgress, Row, fault_of, in_pieces, judge_rows
from worker.domain.event import is_other_body
from worker.inspect.own_events import Judge, judge_on
from worker.runtime.exact_json import JsonError, read
from worker.runtime.internal import internal_arrival

if TYPE_CHECKING:
    from worker.runtime.database import Connection
    from worker.settings import Settings

ORDERS_PER_TRANSACTION = 100
"""What they lock, workers wait for."""


async def import_orders(settings: "Settings", path: Path, on_progress: OnProgress) -> Imported:
    """Bring the file's orders in. Raises OSError, Transient, and what asyncpg raises."""
    with path.open("rb") as file:
        rows_max = sum(1 for line in file if line.strip())
    found = Imported("order_id", rows=rows_max)
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        now: datetime = await connection.fetchval(sql.query("clock_read"))
        async with judge_on(settings, "orders import") as judge:
            done = 0
            for rows in in_pieces(ORDERS_PER_TRANSACTION, _rows(path, now, found)):
                await _bring_in(connection, judge, rows, found)
                done += len(rows)
                on_progress(done + len(found.bad_rows), rows_max)
    finally:
        await connection.close()
    found.bad_rows.sort()
    return found


def _rows(path: Path, now: datetime, found: Imported) -> Iterator[Row]:
    """The rows that keep the contract; the others are noted."""
    with path.open("rb") as file:
        for line_no, line in enumerate(file, 1):
            text = line.strip()
            if not text:
                continue
            try:
                data = OrderImported.model_validate(read(text)[0])
            except JsonError as error:
                found.bad_rows.append(BadRow(line_no, None, f"no JSON: {error}"))
            except ValidationError as error:
                found.bad_rows.append(BadRow(line_no, None, fault_of(error)))
            else:
                # Another run is another event: what was refused before may come in now.
                generation = f"{now.isoformat()}\n{line_no}"
                arrival = internal_arrival(EventType.ORDER_IMPORTED, data, data.order_id, generation, now)
                yield Row(line_no, data.order_id, arrival)


async def _bring_in(connection: "Connection", judge: Judge, rows: Sequence[Row], found: Imported) -> None:
    placed = {
        row["order_id"]: row["placement_hash"]
        for row in await connection.fetch(sql.query("orders_placed_read"), [row.subject for row in rows])
    }
    new = []
    for row in rows:
        if row.subject in placed and not is_other_body(placed[row.subject], row.arrival.event):
            found.already_there += 1
        else:
            new.append(row)
    await judge_rows(judge, new, found)
