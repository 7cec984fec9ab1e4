"""Cut-over: orders of the system before come in as they stood there, and live on like any other."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.books import connected, contradictions, levels, parked, rows_of
from tests.in_process import InProcessWorker, Json, Topics, answers, outcomes, worker_on
from worker.bulk.orders import import_orders
from worker.bulk.rows import BadRow, Imported
from worker.cli import main
from worker.inspect.state import reservations
from worker.inspect.why import Question, why
from worker.settings import load_settings

if TYPE_CHECKING:
    from worker.runtime.database import Connection


async def open_shop(worker: InProcessWorker, topics: Topics) -> None:
    """10 shirts at A, 2 at B; a set of a cup and two saucers; cloth by the half; a gift, not managed."""
    told = await worker.deliver(
        topics.event("location.created", location_id="A"),
        topics.event("location.created", location_id="B"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A", "B"]),
        topics.event("variant.created", variant_id="shirt"),
        topics.event("variant.created", variant_id="cloth", decimal_places=1),
        topics.event("variant.created", variant_id="gift", manage_inventory=False),
        topics.event(
            "variant.created",
            variant_id="set",
            inventory_items=[
                {"inventory_item_id": "cup", "required_quantity": 1},
                {"inventory_item_id": "saucer", "required_quantity": 2},
            ],
        ),
        topics.event("stock.set", variant_id="shirt", location_id="A", quantity=10),
        topics.event("stock.set", variant_id="shirt", location_id="B", quantity=2),
        topics.event("stock.set", inventory_item_id="cup", location_id="A", quantity=5),
        topics.event("stock.set", inventory_item_id="saucer", location_id="A", quantity=9),
    )
    assert {outcome for _, outcome in outcomes(told)} == {"applied"}


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[InProcessWorker]:
    async with worker_on(database_url) as one:
        await open_shop(one, Topics())
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


def order(order_id: str, *lines: Json, **more: object) -> Json:
    return {"order_id": order_id, "sales_channel_id": "web", "lines": lines, **more}


def line(line_item_id: str, variant_id: str, quantity: int | str, **more: object) -> Json:
    return {"line_item_id": line_item_id, "variant_id": variant_id, "quantity": quantity, "held": [], **more}


def at(location_id: str, quantity: int | str, **more: object) -> list[Json]:
    return [{"location_id": location_id, "quantity": quantity, **more}]


O1 = order(
    "o1",
    line(
        "L1",
        "shirt",
        6,
        held=at("A", 2) + at("B", 1),
        shipped=at("A", 3, fulfillment_id="f1"),
        returned=at("A", 1, return_id="r1", disposition="damaged"),
    ),
    line("L2", "set", 2, held=at("A", 2)),
    line("L3", "gift", 1),
    cart_id="c1",
    version=7,
)


def written(tmp_path: Path, *rows: Json | str) -> Path:
    file = tmp_path / "orders.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return file


async def bring_in(url: str, file: Path) -> Imported:
    settings = load_settings({"kafka_bootstrap": "nowhere:9092", "database_url": url})
    return await import_orders(settings, file, lambda _done, _total: None)


async def counts(db: "Connection") -> Sequence[tuple[object, ...]]:
    return await rows_of(db, "select (select count(*) from event), (select count(*) from movement)")


async def test_an_order_comes_in_as_it_stood_and_moves_no_stock(
    worker: InProcessWorker, db: "Connection", database_url: str, tmp_path: Path
) -> None:
    found = await bring_in(database_url, written(tmp_path, O1))
    assert (found.rows, found.imported, found.bad_rows) == (1, 1, [])
    assert await levels(db) == {"shirt@A": "10/2", "shirt@B": "2/1", "cup@A": "5/2", "saucer@A": "9/4"}
    held = [
        (one["line_item_id"], one["inventory_item_id"], one["quantity"]) for one in await reservations(db)
    ]
    assert held == [("L1", "shirt", 2), ("L1", "shirt", 1), ("L2", "cup", 2), ("L2", "saucer", 4)]
    [answer] = answers(await worker.sweep())
    assert (answer["type"], answer["outcome"], answer["order_id"]) == ("order.imported", "applied", "o1")
    [movement, *_] = (await why(db, Question("shirt", order_id="o1"))).movements
    assert (movement["type"], movement["bucket"], movement["delta"]) == ("order.imported", "reserved", 2)


async def test_its_later_events_apply(
    worker: InProcessWorker, db: "Connection", database_url: str, tmp_path: Path
) -> None:
    topics = Topics("later")

    async def tell(type_name: str, **data: Any) -> str:
        [(_, outcome)] = outcomes(await worker.deliver(topics.event(type_name, order_id="o1", **data)))
        return outcome

    await bring_in(database_url, written(tmp_path, O1))
    await worker.publish()
    same = [{"line_item_id": "L1", "variant_id": "shirt", "quantity": 6}]
    same.append({"line_item_id": "L2", "variant_id": "set", "quantity": 2})
    assert await tell("order.updated", version=7, lines=same) == "stale"
    some = [{"line_item_id": "L1", "quantity": 2}]
    assert await tell("order.returned", return_id="r2", lines=[{"line_item_id": "L1", "quantity": 2}]) == (
        "applied"
    )
    assert await tell("order.fulfilled", fulfillment_id="f2", lines=some) == "applied"
    assert await tell("order.fulfilled", fulfillment_id="f1", lines=some) == "conflict"
    assert await tell("order.fulfilled", fulfillment_id="f3", lines=some) == "exceeds_ordered"
    assert await tell("order.canceled") == "applied"
    assert await levels(db) == {"shirt@A": "10/0", "shirt@B": "2/0", "cup@A": "5/0", "saucer@A": "9/0"}


async def test_a_fact_that_came_before_the_import_waited_for_it(
    worker: InProcessWorker, db: "Connection", database_url: str, tmp_path: Path
) -> None:
    shipped = Topics().event(
        "order.fulfilled",
        order_id="o1",
        fulfillment_id="f9",
        lines=[{"line_item_id": "L1", "quantity": 1}],
        event_id="early",
        source="warehouse",
    )
    assert outcomes(await worker.deliver(shipped)) == [("early", "parked")]
    found = await bring_in(database_url, written(tmp_path, O1))
    assert (found.imported, found.bad_rows) == (1, [])
    assert await parked(db) == {}
    assert (await levels(db))["shirt@A"] == "9/1"


async def test_the_same_file_again_changes_nothing(
    db: "Connection", database_url: str, tmp_path: Path
) -> None:
    file = written(tmp_path, O1, order("o2", line("L1", "shirt", 1, held=at("A", 1))))
    assert (await bring_in(database_url, file)).imported == 2
    before = await counts(db), await levels(db)
    again = await bring_in(database_url, file)
    assert (again.imported, again.already_there, again.bad_rows) == (0, 2, [])
    assert (await counts(db), await levels(db)) == before


async def test_what_is_held_without_stock_is_shortfall(
    db: "Connection", database_url: str, tmp_path: Path
) -> None:
    rows = [
        order("o1", line("L1", "shirt", 5, held=at("B", 5))),
        order("o2", line("L1", "cloth", "1.5", held=at("B", "1.5"))),
        order("o3", line("L1", "set", 1, held=at("B", 1, inventory_item_id="saucer"))),
    ]
    assert (await bring_in(database_url, written(tmp_path, *rows))).imported == 3
    short = await rows_of(
        db, "select inventory_item_id, reserved, shortfall from v_level where shortfall > 0 order by 1"
    )
    assert [(item, float(reserved), float(missing)) for item, reserved, missing in short] == [
        ("cloth", 1.5, 1.5),
        ("saucer", 1, 1),
        ("shirt", 5, 3),
    ]


async def test_an_order_ends_what_was_held_for_its_cart(
    worker: InProcessWorker, db: "Connection", database_url: str, tmp_path: Path
) -> None:
    held: Json = {"lines": [{"line_item_id": "L1", "variant_id": "shirt", "quantity": 4}]}
    held |= {"cart_id": "c1", "sales_channel_id": "web", "hold": {"ttl_seconds": 600}}
    assert outcomes(await worker.deliver(Topics("web").event("cart.validated", event_id="h", **held))) == [
        ("h", "applied")
    ]
    assert (await levels(db))["shirt@A"] == "10/4"
    assert (await bring_in(database_url, written(tmp_path, O1))).imported == 1
    assert (await levels(db))["shirt@A"] == "10/2"


BAD_ROWS: list[tuple[Json | str, str | None, str]] = [
    ("not json", None, "no JSON: "),
    ('{"order_id": "x"}', None, "sales_channel_id: Field required"),
    (order("x"), None, "lines: "),
    (order("x", {"line_item_id": "L1", "variant_id": "shirt", "quantity": 1}), None, "lines.0.held: "),
    (order("x", line("L1", "shirt", 1), line("L1", "shirt", 1)), None, "the row: "),
    (order("x", line("L1", "shirt", "1.5")), "x", "the quantity of line L1 is not countable"),
    (order("x", line("L1", "hat", 1)), "x", "variant hat is not known"),
    (order("x", line("L1", "shirt", 1, held=at("C", 1))), "x", "location C is not known"),
    (order("x", line("L1", "shirt", 1), sales_channel_id="tv"), "x", "sales channel tv is not known"),
    (
        order("x", line("L1", "shirt", 3, held=at("A", 2), shipped=at("A", 2))),
        "x",
        "line L1 holds 1 of shirt more than it has left to ship",
    ),
    (order("x", line("L1", "shirt", 1, shipped=at("A", 2))), "x", "of line L1 2 are shipped, 1 ordered"),
    (
        order("x", line("L1", "shirt", 2, shipped=at("A", 1), returned=at("A", 2))),
        "x",
        "of line L1 2 came back, 1 were shipped",
    ),
    (
        order("x", line("L1", "shirt", 2, held=at("A", 1, inventory_item_id="cup"))),
        "x",
        "line L1 is not made of what it is said to hold",
    ),
    (order("x", line("L1", "gift", 2, held=at("A", 1))), "x", "line L1 is not made of what"),
]


async def test_bad_rows_are_told_by_line_and_leave_nothing_behind(
    db: "Connection", database_url: str, tmp_path: Path
) -> None:
    good = order("good", line("L1", "shirt", 1, held=at("A", 1)))
    other = order("good", line("L1", "shirt", 2, held=at("A", 2)))
    found = await bring_in(database_url, written(tmp_path, good, *(row for row, _, _ in BAD_ROWS), "", other))
    assert found.imported == 1
    assert [(row.line_no, row.subject) for row in found.bad_rows] == [
        *((number, order_id) for number, (_, order_id, _) in enumerate(BAD_ROWS, 2)),
        (len(BAD_ROWS) + 3, "good"),
    ]
    for row, (_, _, reason) in zip(found.bad_rows, BAD_ROWS, strict=False):
        assert row.reason.startswith(reason)
    assert await levels(db) == {"shirt@A": "10/1", "shirt@B": "2/0", "cup@A": "5/0", "saucer@A": "9/0"}
    assert await rows_of(db, "select count(*) from order_line") == [(1,)]

    mended = order("x", line("L1", "shirt", 1, held=at("A", 1)))
    assert (await bring_in(database_url, written(tmp_path, mended))).imported == 1


async def test_an_order_that_the_database_refuses_does_not_stop_its_neighbours(
    db: "Connection", database_url: str, tmp_path: Path
) -> None:
    rows = [order(f"o{n}", line("L1", "shirt", 1, held=at("A", 1))) for n in range(8)]
    await db.execute("alter table orders add constraint no_five check (order_id <> 'o5')")
    found = await bring_in(database_url, written(tmp_path, *rows))
    assert found.imported == 7
    [bad] = found.bad_rows
    assert isinstance(bad, BadRow)
    assert (bad.line_no, bad.subject) == (6, "o5")
    assert (await levels(db))["shirt@A"] == "10/7"


def test_the_command_tells_what_came_in(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def prepare() -> None:
        async with worker_on(database_url) as one:
            await open_shop(one, Topics())

    def run(*arguments: str) -> tuple[int | str | None, str]:
        with pytest.raises(SystemExit) as ended:
            main(["orders", "import", *arguments, "--database-url", database_url])
        return ended.value.code, capsys.readouterr().out

    asyncio.run(prepare())
    file = str(written(tmp_path, O1, "nonsense"))
    code, printed = run(file, "--json")
    assert code == 1
    assert json.loads(printed)["bad_rows"][0]["line"] == 2
    assert json.loads(printed)["imported"] == 1
    code, printed = run(file)
    assert "1 were there already" in printed
    assert run(str(written(tmp_path, O1)))[0] == 0
