"""`stock import` and `stock export`: levels as rows of a CSV file, the same columns in and out.

Each row becomes an event stock.imported, judged under the same locks as any other: all that it counts is
applied, or nothing of it. A file is one count: the same file again changes nothing, a corrected one is
another count. So rows are known by the file's content and their line.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import asyncpg
from pydantic import ValidationError

import sql
from schemas.event_type import EventType
from schemas.internal import StockImported
from schemas.quantity import smallest
from worker.bulk.rows import BadRow, Imported, OnProgress, Row, fault_of, in_pieces, judge_rows
from worker.domain.model import Item
from worker.inspect.own_events import judge_on
from worker.runtime.catalogue import item_of
from worker.runtime.errors import Fatal
from worker.runtime.internal import internal_arrival

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from worker.runtime.database import Connection
    from worker.settings import Settings

LEVELS_PER_TRANSACTION = 500
"""What they lock, workers wait for."""

NAMES = ("inventory_item_id", "sku", "location_id")
QUANTITIES = tuple(name for name in StockImported.model_fields if name not in NAMES)
COLUMNS = (*NAMES, *QUANTITIES)
ALIASES = {"quantity": "stocked"}
"""What other systems call a column."""


class _Line(NamedTuple):
    line_no: int
    cells: dict[str, str]

    @property
    def subject(self) -> str:
        return (
            f"{self.cells.get('inventory_item_id') or self.cells.get('sku')}|{self.cells.get('location_id')}"
        )


async def import_stock(settings: "Settings", path: Path, on_progress: OnProgress) -> Imported:
    """Set the levels that the file counts. Raises OSError, Fatal, Transient, and what asyncpg raises."""
    count, lines_max = _known(path)
    found = Imported("level", rows=lines_max)
    seen: dict[tuple[str, str], int] = {}
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        now: datetime = await connection.fetchval(sql.query("clock_read"))
        rows = await connection.fetch(sql.query("locations_read"))
        locations = frozenset(row["location_id"] for row in rows)
        async with judge_on(settings, "stock import") as judge:
            done = 0
            for lines in in_pieces(LEVELS_PER_TRANSACTION, _lines(path, found)):
                events = []
                items = await _items(connection, lines)
                for line in lines:
                    data = _told(line, items, locations, seen)
                    if isinstance(data, StockImported):
                        arrival = internal_arrival(
                            EventType.STOCK_IMPORTED, data, line.subject, f"{count}\n{line.line_no}", now
                        )
                        events.append(Row(line.line_no, line.subject, arrival))
                    else:
                        found.bad_rows.append(BadRow(line.line_no, line.subject, data))
                await judge_rows(judge, events, found)
                done += len(lines)
                on_progress(done, lines_max)
    finally:
        await connection.close()
    found.bad_rows.sort()
    return found


async def export_stock(url: str, write: "Callable[[bytes], Coroutine[Any, Any, None]]") -> None:
    """Give all levels to `write`, row by row as the database reads them. Raises what asyncpg raises."""
    connection = await asyncpg.connect(url)
    try:
        await connection.copy_from_query(sql.query("stock_export"), output=write, format="csv", header=True)
    finally:
        await connection.close()


def _known(path: Path) -> tuple[str, int]:
    """What the file is known by, and how many rows it has. Raises Fatal where its columns are wrong."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    with _opened(path) as file:
        reader = csv.reader(file)
        header = next(reader, [])
        columns = _columns(header)
        unknown = [name for name in columns if name not in COLUMNS]
        if unknown:
            raise Fatal(f"{path.name}: unknown columns {', '.join(unknown)}; there are {', '.join(COLUMNS)}")
        if len(set(columns)) != len(columns):
            raise Fatal(f"{path.name}: a column stands there twice")
        if "location_id" not in columns or not {"inventory_item_id", "sku"} & set(columns):
            raise Fatal(f"{path.name}: the first line must name location_id, and inventory_item_id or sku")
        return digest.hexdigest(), sum(1 for row in reader if row)


def _opened(path: Path) -> TextIO:
    """As text; bytes that are none stay recognizable in their cells."""
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _columns(header: Sequence[str]) -> list[str]:
    names = [name.strip() for name in header]
    return [ALIASES.get(name, name) for name in names]


def _lines(path: Path, found: Imported) -> Iterator[_Line]:
    """The rows with as many cells as there are columns; empty cells say nothing."""
    with _opened(path) as file:
        reader = csv.reader(file)
        columns = _columns(next(reader))
        for row in reader:
            if not row:
                continue
            if len(row) != len(columns):
                reason = f"{len(row)} cells, but {len(columns)} columns"
                found.bad_rows.append(BadRow(reader.line_num, None, reason))
                continue
            cells = {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
            yield _Line(reader.line_num, {name: cell for name, cell in cells.items() if cell})


async def _items(connection: "Connection", lines: Sequence[_Line]) -> dict[tuple[str, str], Item]:
    """The items that the lines name, by ("inventory_item_id", id) and ("sku", sku)."""
    ids = [_storable(line.cells.get("inventory_item_id")) for line in lines]
    skus = [_storable(line.cells.get("sku")) for line in lines]
    items: dict[tuple[str, str], Item] = {}
    for row in await connection.fetch(sql.query("items_read"), ids, skus):
        item = item_of(row)
        items["inventory_item_id", item.inventory_item_id] = item
        if item.sku is not None:
            items["sku", item.sku] = item
    return items


def _storable(text: str | None) -> str | None:
    """Text that Postgres can be asked for; None for what no item can be called."""
    if text is None or "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return None
    return text


def _told(
    line: _Line,
    items: Mapping[tuple[str, str], Item],
    locations: frozenset[str],
    seen: dict[tuple[str, str], int],
) -> StockImported | str:
    """What a row says of a level, or what is wrong with it."""
    item = _item(line, items)
    if isinstance(item, str):
        return item
    location_id = line.cells.get("location_id")
    if location_id not in locations:
        return f"location {location_id} is not known" if location_id else "no location is named"
    quantities = {name: line.cells[name] for name in QUANTITIES if name in line.cells}
    if not quantities:
        return "no quantity is given"
    names = {"inventory_item_id": item.inventory_item_id, "location_id": location_id}
    try:
        data = StockImported.model_validate({**names, **quantities})
    except ValidationError as error:
        return fault_of(error)
    for name in quantities:
        if smallest(getattr(data, name), item.decimal_places) is None:
            return f"{name} cannot be counted in {item.decimal_places} decimal places"
    first = seen.setdefault((item.inventory_item_id, location_id), line.line_no)
    return data if first == line.line_no else f"line {first} counts the same level"


def _item(line: _Line, items: Mapping[tuple[str, str], Item]) -> Item | str:
    """The item that a row names; by its id and its sku it must be one."""
    named = [(name, line.cells[name]) for name in ("inventory_item_id", "sku") if name in line.cells]
    if not named:
        return "no item is named"
    found = [items.get(one) for one in named]
    for (name, text), item in zip(named, found, strict=True):
        if item is None:
            shown = text.encode("utf-8", "replace").decode()
            return f"{'sku' if name == 'sku' else 'item'} {shown} is not known"
    first = found[0]
    assert first is not None
    if any(item is not None and item.item_no != first.item_no for item in found):
        return f"sku {line.cells['sku']} is another item's"
    return first
