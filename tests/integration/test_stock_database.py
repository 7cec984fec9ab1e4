"""Stock, transfers and variants on a real Postgres: what needs the database to show."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from tests.books import connected, contradictions, levels, rows_of
from tests.in_process import InProcessWorker, Json, Topics, outcomes, value_of, worker_on
from worker.runtime.decode import RawRecord

if TYPE_CHECKING:
    from worker.runtime.database import Connection


@pytest.fixture
async def db(database_url: str) -> AsyncIterator["Connection"]:
    """The test's own session; at the end the books must be right."""
    connection = await connected(database_url)
    try:
        yield connection
        assert await contradictions(connection) == []
    finally:
        await connection.close()


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[InProcessWorker]:
    async with worker_on(database_url) as one:
        yield one


def shop(topics: Topics) -> list[RawRecord]:
    """Locations A and B, a channel of both, and cloth by the metre: 10 at A."""
    return [
        *(topics.event("location.created", location_id=one) for one in "AB"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A", "B"]),
        topics.event("variant.created", variant_id="cloth", sku="C", low_stock_threshold=2),
        topics.event(
            "variant.created", variant_id="set", inventory_items=[{"sku": "C", "required_quantity": 2}]
        ),
        topics.event("stock.set", sku="C", location_id="A", quantity=10, safety_stock=1),
    ]


def place(topics: Topics, order_id: str, variant_id: str, quantity: int | str) -> RawRecord:
    lines: list[Json] = [{"line_item_id": "L1", "variant_id": variant_id, "quantity": quantity}]
    return topics.event("order.placed", order_id=order_id, sales_channel_id="web", lines=lines)


async def test_raising_decimal_places_changes_no_quantity_anywhere(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics), place(topics, "o1", "cloth", 3), place(topics, "o2", "set", 1))
    await worker.deliver(
        topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1", lines=[line_of("L1", 2)]),
        topics.event("order.returned", order_id="o1", return_id="r1", lines=[line_of("L1", 1)]),
        topics.event(
            "transfer.shipped",
            transfer_id="t1",
            from_location_id="A",
            to_location_id="B",
            lines=[{"sku": "C", "quantity": 3}],
        ),
    )
    ledger = "select level_version, bucket, delta from v_movement order by event_seq, level_no, level_version"
    before = await levels(db), await rows_of(db, ledger)
    finer: Json = {"variant_id": "cloth", "sku": "C", "low_stock_threshold": 2, "decimal_places": 2}

    async with worker_on(database_url, "other") as other:
        await other.deliver(place(topics, "o3", "cloth", 1))
        before = await levels(db), await rows_of(db, ledger)
        told = await worker.deliver(
            topics.event("variant.updated", **finer),
            topics.event("stock.adjusted", sku="C", location_id="A", delta="0.25"),
        )
        assert [outcome for _, outcome in outcomes(told)] == ["applied", "applied"]
        assert await levels(db) == before[0] | {"cloth@A": "6.25/4"}
        assert (await rows_of(db, ledger))[: len(before[1])] == before[1]
        told = await other.deliver(
            place(topics, "o4", "set", "0.125"),
            topics.event("order.fulfilled", order_id="o2", fulfillment_id="f2"),
            topics.event("order.returned", order_id="o1", return_id="r2", lines=[line_of("L1", 1)]),
            topics.event("transfer.received", transfer_id="t1", lines=[{"sku": "C", "quantity": "1.5"}]),
        )
    assert [outcome for _, outcome in outcomes(told)] == ["applied"] * 4
    assert await levels(db) == {"cloth@A": "5.25/2.25", "cloth@B": "1.5/0"}


def line_of(line_item_id: str, quantity: int) -> Json:
    return {"line_item_id": line_item_id, "quantity": quantity}


async def test_b73_a_variant_is_deleted_while_another_worker_sells_it(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics))
    await worker.deliver(topics.event("variant.deleted", variant_id="set"))
    async with worker_on(database_url, "other") as other:
        await other.deliver(place(topics, "o1", "cloth", 3))
        told = await worker.deliver(topics.event("variant.deleted", variant_id="cloth"))
        assert [value_of(one)["removed_items"] for one in told if one.topic == "inventory.results"] == [[]]
        sold = await other.deliver(place(topics, "o2", "cloth", 1))
    assert [outcome for _, outcome in outcomes(sold)] == ["unknown_variant"]
    assert await levels(db) == {"cloth@A": "10/3"}


async def test_what_is_reserved_of_a_level_is_found_through_its_ledger(
    database_url: str, worker: InProcessWorker
) -> None:
    """More movements than are read at once, on two levels, and lines that gave up a part or all they held."""
    topics = Topics()
    await worker.deliver(*shop(topics))
    await worker.deliver(topics.event("stock.set", sku="C", location_id="A", quantity=4000))
    await worker.deliver(topics.event("stock.set", sku="C", location_id="B", quantity=4000))
    await worker.deliver(*(place(topics, f"o{n}", "cloth", 2) for n in range(600)))
    await worker.deliver(
        *(
            topics.event(
                "order.fulfilled", order_id=f"o{n}", fulfillment_id="f", lines=[line_of("L1", 1 + n % 2)]
            )
            for n in range(0, 600, 2)
        ),
        *(
            topics.event(
                "reservation.moved",
                order_id=f"o{n}",
                line_item_id="L1",
                from_location_id="A",
                to_location_id="B",
                quantity=1,
            )
            for n in range(1, 600, 3)
        ),
    )
    adjusted = [topics.event("stock.adjusted", sku="C", location_id="A", delta=1) for _ in range(1200)]
    await worker.deliver(*adjusted[:900])
    await worker.deliver(*adjusted[900:])
    own = await connected(database_url)
    scan = "select level_no, order_no, line_no, quantity from reservation order by 1, 2, 3"
    walk = "select * from level_reservations_v1(array(select level_no from level)) order by 1, 2, 3"
    scanned = await rows_of(own, scan)
    assert len(scanned) > 600
    assert await rows_of(own, walk) == scanned

    # A ledger that does not reach back as far as the reservations (an archive took the rest).
    await own.execute("delete from movement where version < 1000")
    assert await rows_of(own, walk) == scanned
    await own.close()
