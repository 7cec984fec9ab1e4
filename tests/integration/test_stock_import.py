"""`stock import` and `stock export`: a count from a file, on the running installation."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from schemas.topics import Output
from tests.books import connected, contradictions, levels, rows_of
from tests.in_process import InProcessWorker, Json, Topics, line, on, value_of, worker_on
from worker.bulk.rows import Imported
from worker.bulk.stock import COLUMNS, export_stock, import_stock
from worker.cli import main
from worker.runtime.errors import Fatal
from worker.settings import load_settings

if TYPE_CHECKING:
    from worker.runtime.database import Connection

KAFKA = "not-needed:9092"


async def open_shop(worker: InProcessWorker) -> None:
    """Locations A, B, the closed X; shirts, mugs, cloth by the centimetre; 5 shirts at A, 3 of them sold."""
    topics = Topics()
    lines: list[Json] = [line("L1", "shirt", 3)]
    await worker.deliver(
        *(topics.event("location.created", location_id=location_id) for location_id in "ABX"),
        topics.event("location.deleted", location_id="X"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A", "B"]),
        topics.event("variant.created", variant_id="shirt", sku="S"),
        topics.event("variant.created", variant_id="mug", sku="M"),
        topics.event("variant.created", variant_id="cloth", decimal_places=2),
        topics.event("stock.set", sku="S", location_id="A", quantity=5),
        topics.event("order.placed", order_id="o1", sales_channel_id="web", lines=lines),
    )


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[InProcessWorker]:
    async with worker_on(database_url) as one:
        await open_shop(one)
        yield one


@pytest.fixture
async def db(worker: InProcessWorker, database_url: str) -> AsyncIterator["Connection"]:
    """The test's own session; at the end the books must be right."""
    connection = await connected(database_url, f"test beside {worker.name}")
    try:
        yield connection
        assert await contradictions(connection) == []
    finally:
        await connection.close()


async def imported(url: str, path: Path, text: str) -> Imported:
    path.write_text(text, encoding="utf-8")  # noqa: ASYNC240  # nobody else is at it
    settings = load_settings({"kafka_bootstrap": KAFKA, "database_url": url})
    return await import_stock(settings, path, lambda _done, _total: None)


async def exported(url: str) -> str:
    pieces: list[bytes] = []

    async def write(piece: bytes) -> None:
        pieces.append(piece)

    await export_stock(url, write)
    return b"".join(pieces).decode()


COUNT = """\
sku,location_id,stocked,damaged,low_stock_threshold
S,A,9,1,4
M,B,7,,
S,B,0,,
"""


async def test_a_count_sets_what_its_rows_say_and_leaves_the_rest(
    database_url: str, db: "Connection", tmp_path: Path
) -> None:
    found = await imported(database_url, tmp_path / "count.csv", COUNT)
    assert (found.rows, found.imported, found.already_there, found.bad_rows) == (3, 3, 0, [])
    assert await levels(db) == {"shirt@A": "9/3", "shirt@B": "0/0", "mug@B": "7/0"}
    assert await rows_of(db, "select damaged, low_stock_threshold from level where stocked = 9") == [(1, 4)]


async def test_the_same_file_again_changes_nothing_also_after_sales(
    database_url: str, worker: InProcessWorker, db: "Connection", tmp_path: Path
) -> None:
    await imported(database_url, tmp_path / "count.csv", COUNT)
    sold: Json = {"sku": "M", "location_id": "B", "delta": -2}
    await worker.deliver(Topics("till").event("stock.adjusted", **sold))
    found = await imported(database_url, tmp_path / "again.csv", COUNT)
    assert (found.imported, found.already_there, found.bad_rows) == (0, 3, [])
    assert (await levels(db))["mug@B"] == "5/0"


BAD_ROWS = """\
inventory_item_id,sku,location_id,stocked,safety_stock
,S,A,6,1
,nobody,A,1,
nothing,,A,1,
,S,nowhere,1,
,S,A,7,
,M,A,,
,M,A,-1,
,M,A,1e3,
cloth,,A,1.255,
cloth,,A,1.25,0.005
shirt,M,A,1,
,,A,1,
,M,,1,
,M,A
,M,A,4,
"""


async def test_each_bad_row_is_told_with_its_line_and_leaves_nothing_behind(
    database_url: str, db: "Connection", tmp_path: Path
) -> None:
    before = await levels(db)
    found = await imported(database_url, tmp_path / "count.csv", BAD_ROWS)
    assert [(row.line_no, row.reason) for row in found.bad_rows] == [
        (3, "sku nobody is not known"),
        (4, "item nothing is not known"),
        (5, "location nowhere is not known"),
        (6, "line 2 counts the same level"),
        (7, "no quantity is given"),
        (8, found.bad_rows[5].reason),
        (9, found.bad_rows[6].reason),
        (10, "stocked cannot be counted in 2 decimal places"),
        (11, "safety_stock cannot be counted in 2 decimal places"),
        (12, "sku M is another item's"),
        (13, "no item is named"),
        (14, "no location is named"),
        (15, "3 cells, but 5 columns"),
    ]
    assert all(reason.startswith("stocked: ") for _, _, reason in found.bad_rows[5:7])
    assert (found.rows, found.imported) == (15, 2)
    assert await levels(db) == before | {"shirt@A": "6/3", "mug@A": "4/0"}
    assert await rows_of(db, "select count(*) from dead_letter") == [(0,)]
    assert await rows_of(db, "select count(*) from parked") == [(0,)]

    # What was missing is there now: the same file brings in only what did not come in before.
    await imported(database_url, tmp_path / "other.csv", "sku,location_id,quantity\nM,A,9\n")
    found = await imported(database_url, tmp_path / "count.csv", BAD_ROWS)
    assert (found.imported, found.already_there, len(found.bad_rows)) == (0, 2, 13)
    assert (await levels(db))["mug@A"] == "9/0"


async def test_a_count_below_what_is_reserved_is_told_as_oversold(
    database_url: str, worker: InProcessWorker, db: "Connection", tmp_path: Path
) -> None:
    await imported(database_url, tmp_path / "count.csv", "sku,location_id,stocked\nS,A,1\n")
    assert await levels(db) == {"shirt@A": "1/3"}
    alerts = map(value_of, on(Output.ALERTS, await worker.sweep()))
    [alert] = [one for one in alerts if one["kind"] == "oversold"]
    assert [(one["order_id"], one["quantity"]) for one in alert["uncovered"]] == [("o1", 2)]


async def test_what_is_exported_comes_in_again_and_changes_nothing(
    database_url: str, worker: InProcessWorker, db: "Connection", tmp_path: Path
) -> None:
    topics = Topics("erp")
    await worker.deliver(
        topics.event(
            "stock.set", inventory_item_id="cloth", location_id="B", quantity="1.50", safety_stock="0.25"
        ),
        topics.event("stock.set", sku="S", location_id="A", quantity=4, bucket="incoming"),
        topics.event("stock.set", sku="S", location_id="X", quantity=2),
        topics.event("stock.set", sku="M", location_id="X", quantity=0),
    )
    text = await exported(database_url)
    assert text.splitlines() == [
        ",".join(COLUMNS),
        "cloth,,B,1.5,0,0,0,,0.25,",
        "shirt,S,A,5,4,0,0,,,",
        "shirt,S,X,2,0,0,0,,,",
    ]
    ledger = "select count(*) from movement"
    before = await rows_of(db, ledger)
    found = await imported(database_url, tmp_path / "levels.csv", text)
    assert (found.imported, found.bad_rows) == (3, [])
    assert await rows_of(db, ledger) == before
    assert await exported(database_url) == text


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("sku,stocked", "must name location_id"),
        ("location_id,stocked", "must name location_id"),
        ("sku,location_id,stockd", "unknown columns stockd"),
        ("sku,location_id,stocked,quantity", "stands there twice"),
        ("", "must name location_id"),
    ],
)
async def test_a_file_with_other_columns_is_refused_whole(
    database_url: str, tmp_path: Path, header: str, complaint: str
) -> None:
    with pytest.raises(Fatal, match=complaint):
        await imported(database_url, tmp_path / "count.csv", f"{header}\n")


async def test_a_file_as_spreadsheets_write_it(database_url: str, db: "Connection", tmp_path: Path) -> None:
    text = '\ufeff sku , location_id ,quantity\r\n "M" ,B, 7 \r\n"S","A","8"\r\n\r\n'
    found = await imported(database_url, tmp_path / "count.csv", text.replace(' "M" ', "M"))
    assert (found.rows, found.imported) == (2, 2)
    assert await levels(db) == {"shirt@A": "8/3", "mug@B": "7/0"}
    (tmp_path / "latin.csv").write_bytes(b"sku,location_id,quantity\nM\xfc,A,1\nM,A,1\n")
    settings = load_settings({"kafka_bootstrap": KAFKA, "database_url": database_url})
    found = await import_stock(settings, tmp_path / "latin.csv", lambda _done, _total: None)
    assert [(row.line_no, row.reason) for row in found.bad_rows] == [(2, "sku M? is not known")]
    assert found.imported == 1


def test_the_commands(database_url: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    async def prepare() -> None:
        async with worker_on(database_url) as one:
            await open_shop(one)

    def run(*arguments: str) -> tuple[int | str | None, bytes]:
        with pytest.raises(SystemExit) as ended:
            main(["stock", *arguments, "--database-url", database_url])
        return ended.value.code, capfdbinary.readouterr().out

    asyncio.run(prepare())
    count = tmp_path / "count.csv"
    count.write_text("sku,location_id,quantity\nM,B,7\nM,nowhere,1\n")
    code, said = run("import", str(count), "--json")
    assert code == 1
    assert json.loads(said) == {
        "rows": 2,
        "imported": 1,
        "already_there": 0,
        "bad_rows": [{"line": 3, "level": "M|nowhere", "reason": "location nowhere is not known"}],
    }
    code, said = run("export")
    assert (code, said.count(b"\n")) == (0, 3)
    assert b"\nmug,M,B,7,0,0,0,,,\n" in said
    file = str(tmp_path / "levels.csv")
    assert run("export", file) == (0, b"")
    code, said = run("import", file)
    assert code == 0
    assert b"2 levels imported" in said
