"""`orders import`: the orders open on the day of installation, one JSON object a line.

Each becomes an event order.imported, judged under the same locks as any other; rows that cannot come in are
reported with their line number and leave nothing behind. The same file again changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import asyncpg
from pydantic import ValidationError

import sql
from schemas.event_type import EventType
from schemas.internal import OrderImported
from worker.domain.event import is_other_body
from worker.inspect.own_events import Judge, judge_on
from worker.inspect.rows import Json
from worker.runtime.decode import Arrival
from worker.runtime.exact_json import JsonError, read
from worker.runtime.internal import internal_arrival

if TYPE_CHECKING:
    from worker.runtime.database import Connection
    from worker.settings import Settings

ORDERS_PER_TRANSACTION = 100
"""What they lock, workers wait for."""

OnProgress = Callable[[int, int], None]
"""Told how many rows are done, of how many."""


class BadRow(NamedTuple):
    """A row that did not come in, and why."""

    line_no: int
    order_id: str | None
    reason: str


@dataclass(slots=True)
class Imported:
    """What came of a file."""

    rows: int = 0
    imported: int = 0
    already_there: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """As `orders import --json` prints it."""
        return {
            "rows": self.rows,
            "imported": self.imported,
            "already_there": self.already_there,
            "bad_rows": [
                {"line": row.line_no, "order_id": row.order_id, "reason": row.reason} for row in self.bad_rows
            ],
        }


class _Row(NamedTuple):
    line_no: int
    arrival: Arrival

    @property
    def order_id(self) -> str:
        data = self.arrival.event.data
        assert isinstance(data, OrderImported)
        return data.order_id


async def import_orders(settings: "Settings", path: Path, on_progress: OnProgress) -> Imported:
    """Bring the file's orders in. Raises OSError, Transient, and what asyncpg raises."""
    with path.open("rb") as file:
        rows_max = sum(1 for line in file if line.strip())
    found = Imported(rows=rows_max)
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        now: datetime = await connection.fetchval(sql.query("clock_read"))
        async with judge_on(settings, "orders import") as judge:
            done = 0
            for rows in _by(ORDERS_PER_TRANSACTION, _rows(path, now, found)):
                await _bring_in(connection, judge, rows, found)
                done += len(rows)
                on_progress(done + len(found.bad_rows), rows_max)
    finally:
        await connection.close()
    found.bad_rows.sort()
    return found


def _rows(path: Path, now: datetime, found: Imported) -> Iterator[_Row]:
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
                found.bad_rows.append(BadRow(line_no, None, _fault(error)))
            else:
                # Another run is another event: what was refused before may come in now.
                generation = f"{now.isoformat()}\n{line_no}"
                arrival = internal_arrival(EventType.ORDER_IMPORTED, data, data.order_id, generation, now)
                yield _Row(line_no, arrival)


async def _bring_in(connection: "Connection", judge: Judge, rows: Sequence[_Row], found: Imported) -> None:
    placed = {
        row["order_id"]: row["placement_hash"]
        for row in await connection.fetch(sql.query("orders_placed_read"), [row.order_id for row in rows])
    }
    new = []
    for row in rows:
        if row.order_id in placed and not is_other_body(placed[row.order_id], row.arrival.event):
            found.already_there += 1
        else:
            new.append(row)
    await _judge(judge, new, found)


async def _judge(judge: Judge, rows: Sequence[_Row], found: Imported) -> None:
    """Judge rows together; those that the database refuses are found by halves."""
    if not rows:
        return
    try:
        answers = await judge([row.arrival for row in rows])
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        if len(rows) == 1:
            reason = f"the database refuses it: {str(error).partition(chr(10))[0]}"
            found.bad_rows.append(BadRow(rows[0].line_no, rows[0].order_id, reason))
            return
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            await _judge(judge, half, found)
        return
    by_event = {row.arrival.event.event_id: row for row in rows}
    for answer in answers:
        row = by_event.get(answer["cause_id"])
        if row is None:
            continue  # an event that had waited for the order
        match answer["outcome"]:
            case "applied":
                found.imported += 1
            case "already_applied":
                found.already_there += 1
            case _:
                found.bad_rows.append(BadRow(row.line_no, row.order_id, answer["message"]))


def _fault(error: ValidationError) -> str:
    """The first violation: where, and which rule. What stood there may be private and is not told."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'the row'}: {fault['msg']}"


def _by(size: int, rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    some: list[_Row] = []
    for row in rows:
        some.append(row)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
