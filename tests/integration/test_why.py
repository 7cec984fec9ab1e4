"""The question "why is it 47?" has one answer: the movements, their causes, and what was there after each."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.books import connected
from tests.in_process import Json, Topics, line, outcomes, worker_on
from worker.cli import main
from worker.inspect.why import Question, UnknownItemError, why
from worker.runtime.decode import RawRecord

if TYPE_CHECKING:
    from worker.runtime.database import Connection


def day(topics: Topics) -> list[list[RawRecord]]:
    """Batches: 50 shirts are counted at A and 5 at B; o1 takes 4 and ships 3; 1 comes back broken."""
    return [
        [
            topics.event("location.created", location_id="A"),
            topics.event("location.created", location_id="B"),
            topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A", "B"]),
            topics.event("variant.created", variant_id="shirt", sku="SHIRT"),
            topics.event("variant.created", variant_id="mug"),
        ],
        [
            topics.event("stock.set", sku="SHIRT", location_id="A", quantity=50, event_id="count"),
            topics.event("stock.set", sku="SHIRT", location_id="B", quantity=5, event_id="count-b"),
            topics.event("stock.set", variant_id="mug", location_id="A", quantity=1, event_id="count-mug"),
        ],
        [
            topics.event(
                "order.placed",
                order_id="o1",
                sales_channel_id="web",
                lines=[line("L1", "shirt", 4)],
                event_id="placed",
            )
        ],
        [
            topics.event(
                "order.fulfilled",
                order_id="o1",
                fulfillment_id="f1",
                lines=[{"line_item_id": "L1", "quantity": 3}],
                event_id="shipped",
            )
        ],
        [
            topics.event(
                "order.returned",
                order_id="o1",
                return_id="r1",
                lines=[{"line_item_id": "L1", "quantity": 1, "disposition": "damaged"}],
                event_id="returned",
            )
        ],
    ]


async def live_through_the_day(url: str) -> None:
    async with worker_on(url) as worker:
        for batch in day(Topics()):
            assert {outcome for _, outcome in outcomes(await worker.deliver(*batch))} == {"applied"}


@pytest.fixture
async def db(database_url: str) -> AsyncIterator["Connection"]:
    await live_through_the_day(database_url)
    connection = await connected(database_url)
    yield connection
    await connection.close()


def told(movements: Sequence[Json]) -> list[str]:
    """Movements as a shopkeeper notes them: where, why, for whom, what, and what was there then."""
    return [
        f"{row['location_id']}.{row['level_version']} {row['event_id']} ({row['type']})"
        f" {row['order_id'] or '-'}/{row['line_item_id'] or '-'}: {row['bucket']} {row['delta']:+}"
        f" -> {row['stocked']}/{row['reserved']} damaged {row['damaged']}"
        for row in movements
    ]


A_SHIRTS = [
    "A.1 count (stock.set) -/-: stocked +50 -> 50/0 damaged 0",
    "A.2 placed (order.placed) o1/L1: reserved +4 -> 50/4 damaged 0",
    "A.3 shipped (order.fulfilled) o1/L1: reserved -3 -> 50/1 damaged 0",
    "A.4 shipped (order.fulfilled) o1/L1: stocked -3 -> 47/1 damaged 0",
    "A.5 returned (order.returned) o1/L1: damaged +1 -> 47/1 damaged 1",
]
B_SHIRTS = ["B.1 count-b (stock.set) -/-: stocked +5 -> 5/0 damaged 0"]


@pytest.mark.parametrize("name", ["shirt", "SHIRT"])
async def test_every_movement_of_an_item_is_told_with_its_cause_and_balance(
    db: "Connection", name: str
) -> None:
    found = await why(db, Question(name))
    assert (found.inventory_item_id, found.sku) == ("shirt", "SHIRT")
    assert told(found.movements) == A_SHIRTS + B_SHIRTS
    assert [(row["location_id"], row["stocked"], row["available"]) for row in found.levels] == [
        ("A", 47, 46),
        ("B", 5, 5),
    ]


async def test_why_is_it_47_has_one_answer(db: "Connection") -> None:
    found = await why(db, Question("shirt", location_id="A"))
    assert told(found.movements) == A_SHIRTS
    by_cause = {row["type"]: row["delta"] for row in found.sums if row["bucket"] == "stocked"}
    assert by_cause == {"stock.set": 50, "order.fulfilled": -3}
    assert sum(by_cause.values()) == 47


async def test_an_orders_movements_are_told_with_the_balances_of_all(db: "Connection") -> None:
    assert told((await why(db, Question("shirt", order_id="o1"))).movements) == A_SHIRTS[1:]
    assert (await why(db, Question("shirt", order_id="nobody"))).movements == []


async def test_a_moment_of_before_is_told_as_it_was(db: "Connection") -> None:
    placed_at = await db.fetchval("select at from event where event_id = 'placed'")
    found = await why(db, Question("shirt", location_id="A", order_id="o1", at=placed_at))
    assert told(found.movements) == A_SHIRTS[1:2]
    assert [(row["stocked"], row["reserved"], row["level_version"]) for row in found.levels] == [(50, 4, 2)]

    long_ago = await why(db, Question("shirt", at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert (long_ago.movements, long_ago.levels) == ([], [])
    later = await why(db, Question("shirt", at=placed_at + timedelta(days=1)))
    assert told(later.movements) == A_SHIRTS + B_SHIRTS


async def test_units_of_an_item_with_decimals_are_exact(database_url: str) -> None:
    topics = Topics()
    async with worker_on(database_url) as worker:
        await worker.deliver(
            topics.event("location.created", location_id="A"),
            topics.event("variant.created", variant_id="cloth", decimal_places=2),
            topics.event("stock.set", variant_id="cloth", location_id="A", quantity="1.50"),
            topics.event("stock.adjusted", variant_id="cloth", location_id="A", delta="-0.25", reason="cut"),
        )
    connection = await connected(database_url)
    try:
        found = await why(connection, Question("cloth"))
    finally:
        await connection.close()
    assert [(row["delta"], row["stocked"]) for row in found.movements] == [("1.5", "1.5"), ("-0.25", "1.25")]


async def test_an_unknown_name_is_said_to_be_unknown(db: "Connection") -> None:
    with pytest.raises(UnknownItemError, match="shoe"):
        await why(db, Question("shoe"))


def test_the_command_prints_one_document_or_tables(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(live_through_the_day(database_url))

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["why", *arguments, "--database-url", database_url])
        assert ended.value.code == 0
        return capsys.readouterr().out

    found = json.loads(run("SHIRT", "--location", "A", "--order", "o1", "--json"))
    assert told(found["movements"]) == A_SHIRTS[1:]
    assert found["levels"][0]["stocked"] == 47
    assert "2020-01-01T00:00:00Z" in run("SHIRT", "--at", "2020-01-01", "--json")
    shown = run("SHIRT")
    assert "order.fulfilled" in shown
    assert "returned" in shown

    with pytest.raises(SystemExit) as ended:
        main(["why", "shoe", "--database-url", database_url])
    assert ended.value.code == 2
    assert "shoe" in capsys.readouterr().err


async def test_what_is_held_for_a_cart_is_explained_by_the_cart(database_url: str, db: "Connection") -> None:
    topics = Topics()
    async with worker_on(database_url) as worker:
        held: Json = {"cart_id": "c1", "sales_channel_id": "web", "lines": [line("L1", "shirt", 7)]}
        await worker.deliver(
            topics.event("cart.validated", event_id="hold", hold={"ttl_seconds": 600}, **held),
            topics.event("cart.released", event_id="release", cart_id="c1"),
        )
    found = await why(db, Question("SHIRT", location_id="A"))
    assert [
        (row["event_id"], row["bucket"], row["delta"], row["cart_id"], row["order_id"])
        for row in found.movements[-2:]
    ] == [
        ("hold", "reserved", 7, "c1", None),
        ("release", "reserved", -7, "c1", None),
    ]
