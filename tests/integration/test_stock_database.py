"""Stock, transfers and variants on a real Postgres: what needs the database to show."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import pytest

from tests.books import connected, contradictions, levels, rows_of, waiting_for_a_lock
from tests.in_process import (
    Gate,
    InProcessWorker,
    Json,
    Point,
    Topics,
    answers,
    outcomes,
    pool_of,
    value_of,
    worker_on,
)
from worker.runtime.decode import RawRecord
from worker.runtime.records import OutRecord

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


async def test_what_stands_before_a_raise_of_decimal_places_is_judged_by_the_places_there_were(
    worker: InProcessWorker, db: "Connection"
) -> None:
    """Alone as in a batch: half a piece is no piece, until pieces are counted in halves."""
    topics = Topics()
    await worker.deliver(topics.event("variant.created", variant_id="cloth", sku="C"))
    half = [{"sku": "C", "required_quantity": "0.5"}]

    told = await worker.deliver(
        topics.event("variant.created", event_id="early", variant_id="k1", inventory_items=half),
        topics.event("variant.updated", event_id="raise", variant_id="cloth", sku="C", decimal_places=2),
        topics.event("variant.updated", event_id="late", variant_id="k1", inventory_items=half),
        topics.event("variant.created", event_id="later", variant_id="k2", inventory_items=half),
    )

    assert outcomes(told) == [
        ("early", "dead_lettered"),
        ("raise", "applied"),
        ("late", "parked"),
        ("later", "applied"),
    ]
    assert await levels(db) == {}


def line_of(line_item_id: str, quantity: int) -> Json:
    return {"line_item_id": line_item_id, "quantity": quantity}


async def test_decimal_places_raised_while_a_batch_waits_for_the_item_count_for_what_is_held_and_travels(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    """What carts hold and transfers carry is read before the item is locked: it is read again then."""
    topics = Topics()
    held: Json = {"sales_channel_id": "web", "hold": {"ttl_seconds": 600}}
    held["lines"] = [{"line_item_id": "L1", "variant_id": "cloth", "quantity": 2}]
    await worker.deliver(*shop(topics))
    await worker.deliver(
        topics.event("cart.validated", cart_id="c1", **held),
        topics.event(
            "transfer.shipped",
            transfer_id="t1",
            from_location_id="A",
            to_location_id="B",
            lines=[{"sku": "C", "quantity": 3}],
        ),
    )
    assert await levels(db) == {"cloth@A": "7/2", "cloth@B": "0/0"}
    counting = await connected(database_url)
    try:
        async with counting.transaction():
            await counting.execute("select count_finer_v1(item_no, 2::smallint) from inventory_item")
            ended = asyncio.ensure_future(
                worker.deliver(
                    topics.event("cart.released", cart_id="c1"),
                    topics.event("transfer.received", transfer_id="t1"),
                )
            )
            await waiting_for_a_lock(db, "w1")
    finally:
        await counting.close()
    assert [outcome for _, outcome in outcomes(await ended)] == ["applied"] * 2
    assert await levels(db) == {"cloth@A": "7/0", "cloth@B": "3/0"}
    carried = await rows_of(db, "select shipped::int, received::int from v_transfer")
    assert carried == [(3, 3)]


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


# ── What the worker does by itself ────────────────────────────────────────────────────────────────────


def reports(told: Sequence[OutRecord], event_type: str) -> list[Json]:
    """Answers to the worker's own events of a type."""
    return [answer for answer in answers(told) if answer["type"] == event_type]


async def test_a_deleted_location_is_evacuated_order_by_order_with_a_report_per_line(
    worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics), topics.event("stock.set", sku="C", location_id="B", quantity=4))
    await worker.deliver(*(place(topics, f"o{n}", "cloth", 3) for n in (1, 2, 3)))
    assert await worker.sweep() == []
    await worker.deliver(topics.event("location.deleted", location_id="A"))

    told = await worker.sweep()

    found = reports(told, "location.evacuated")
    assert [(one["order_id"], one["outcome"]) for one in found] == [(f"o{n}", "applied") for n in (1, 2, 3)]
    moved = [[part["quantity"] for part in one["lines"][0]["moved"]] for one in found]
    left = [[part["quantity"] for part in one["lines"][0]["left"]] for one in found]
    assert (moved, left) == ([[3], [1], []], [[], [2], [3]])
    alerts = [value_of(one) for one in told if one.topic == "inventory.stock-alerts"]
    orphans = [line for one in alerts if one["kind"] == "orphaned" for line in one["lines"]]
    assert [(one["order_id"], one["line_item_id"], one["quantity"]) for one in orphans] == [
        ("o2", "L1", 2),
        ("o3", "L1", 3),
    ]
    assert await levels(db) == {"cloth@A": "10/5", "cloth@B": "4/4"}
    assert await worker.sweep() == []


async def test_what_stayed_at_a_deleted_location_is_asked_again_when_the_order_has_changed(
    worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics), place(topics, "o1", "cloth", 3))
    await worker.deliver(topics.event("location.deleted", location_id="A"))
    assert len(reports(await worker.sweep(), "location.evacuated")) == 1
    await worker.deliver(
        topics.event("stock.set", sku="C", location_id="B", quantity=9),
        topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1", lines=[line_of("L1", 1)]),
    )
    [again] = reports(await worker.sweep(), "location.evacuated")
    assert [part["quantity"] for part in again["lines"][0]["moved"]] == [2]
    assert await levels(db) == {"cloth@A": "9/0", "cloth@B": "9/2"}
    assert await worker.sweep() == []


async def test_b31_a_release_at_a_deleted_location_is_accepted(
    worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics), place(topics, "o1", "cloth", 3))
    await worker.deliver(topics.event("location.deleted", location_id="A"))
    await worker.sweep()
    assert (await levels(db))["cloth@A"] == "10/3"
    told = await worker.deliver(topics.event("order.canceled", order_id="o1"))
    assert [outcome for _, outcome in outcomes(told)] == ["applied"]
    assert (await levels(db))["cloth@A"] == "10/0"
    assert await worker.sweep() == []


async def test_an_order_that_read_the_old_map_is_evacuated_too(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics), topics.event("stock.set", sku="C", location_id="B", quantity=9))
    gate = worker.processor.at = Gate(Point.UNDER_LOCKS)
    placing = asyncio.ensure_future(worker.deliver(place(topics, "o1", "cloth", 3)))
    await gate.reached()
    async with worker_on(database_url, "other") as other:
        await other.deliver(topics.event("location.deleted", location_id="A"))
        assert await other.sweep() == []
        gate.open()
        await placing
        assert await levels(db) == {"cloth@A": "10/3", "cloth@B": "9/0"}
        assert len(reports(await other.sweep(), "location.evacuated")) == 1
    assert await levels(db) == {"cloth@A": "10/0", "cloth@B": "9/3"}


async def test_two_workers_that_see_the_same_evacuation_do_it_once(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics), topics.event("stock.set", sku="C", location_id="B", quantity=9))
    await worker.deliver(*(place(topics, f"o{n}", "cloth", 1) for n in range(9)))
    await worker.deliver(topics.event("location.deleted", location_id="A"))
    async with worker_on(database_url, "other") as other:
        told = await asyncio.gather(worker.sweep(), other.sweep())
        for one in (worker, other):
            assert reports(await one.sweep(), "location.evacuated") == []
    found = {json["cause_id"] for records in told for json in reports(records, "location.evacuated")}
    assert len(found) == 9
    assert await levels(db) == {"cloth@A": "10/0", "cloth@B": "9/9"}
    assert await rows_of(db, "select count(*) from event as e where e.type = 34") == [(9,)]


async def test_what_stays_at_two_deleted_locations_is_told_once_for_each(
    worker: InProcessWorker, db: "Connection"
) -> None:
    """An evacuation raises its order's revision; that alone is no reason to ask for another one again."""
    topics = Topics()
    lines: list[Json] = [
        {"line_item_id": f"L{number}", "variant_id": "cloth", "quantity": 2, "location_id": place}
        for number, place in enumerate("AB", 1)
    ]
    await worker.deliver(
        *shop(topics),
        topics.event("stock.set", sku="C", location_id="B", quantity=2),
        topics.event("order.placed", order_id="o1", sales_channel_id="web", lines=lines),
    )
    for place in "AB":
        await worker.deliver(topics.event("stock.set", sku="C", location_id=place, quantity=2))
    for place in "AB":
        await worker.deliver(topics.event("location.deleted", location_id=place))
        assert len(reports(await worker.sweep(), "location.evacuated")) == 1
    assert [reports(await worker.sweep(), "location.evacuated") for _ in range(3)] == [[]] * 3
    await worker.deliver(topics.event("location.created", location_id="D"))
    await worker.deliver(
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A", "B", "D"]),
        topics.event("stock.set", sku="C", location_id="D", quantity=1),
        topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1", lines=[line_of("L1", 1)]),
    )
    assert len(reports(await worker.sweep(), "location.evacuated")) == 2
    assert await worker.sweep() == []
    assert await rows_of(db, "select count(*) from event as e where e.type = 34") == [(4,)]


async def test_oversold_lines_are_held_where_stock_comes_the_oldest_of_them_first(
    worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics), *(place(topics, f"o{n}", "cloth", 3) for n in (1, 2, 3)))
    await worker.deliver(topics.event("stock.set", sku="C", location_id="A", quantity=4))
    assert await worker.sweep() == []
    await worker.deliver(topics.event("stock.received", sku="C", location_id="B", quantity=3))

    told = reports(await worker.sweep(), "reservation.reallocated")

    moved = [(one["order_id"], one["lines"][0]["moved"][0]["quantity"]) for one in told]
    assert moved == [("o2", 2), ("o3", 1)]
    assert await levels(db) == {"cloth@A": "4/6", "cloth@B": "3/3"}
    assert await worker.sweep() == []
    await worker.deliver(topics.event("stock.received", sku="C", location_id="A", quantity=2))
    assert await worker.sweep() == []
    assert await rows_of(db, "select sum(shortfall) from level") == [(0,)]


async def test_what_is_due_at_once_is_judged_few_at_a_time_and_whole(
    worker: InProcessWorker, db: "Connection", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each re-allocation looks at all that is held of the level: together they would outlast the session."""
    monkeypatch.setattr("worker.runtime.pipeline.FOLLOW_UPS_AT_ONCE", 2)
    topics = Topics()
    await worker.deliver(*shop(topics), *(place(topics, f"o{n}", "cloth", 3) for n in (1, 2, 3)))
    await worker.deliver(
        topics.event("stock.set", sku="C", location_id="A", quantity=0),
        topics.event("stock.received", sku="C", location_id="B", quantity=9),
    )
    assert len(reports(await worker.sweep(), "reservation.reallocated")) == 3
    assert await levels(db) == {"cloth@A": "0/0", "cloth@B": "9/9"}
    together = "select count(*) from event as e where e.type = 31 group by e.seq / 8192 order by e.seq / 8192"
    assert await rows_of(db, together) == [(2,), (1,)]


async def test_b73_the_item_of_a_deleted_variant_goes_with_its_last_reservation(
    worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics), place(topics, "o1", "cloth", 3))
    await worker.deliver(
        topics.event("variant.deleted", variant_id="set"), topics.event("variant.deleted", variant_id="cloth")
    )
    assert await worker.sweep() == []
    told = await worker.deliver(topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1"))
    assert [outcome for _, outcome in outcomes(told)] == ["applied"]
    gone = reports(await worker.sweep(), "variant.removed")
    assert [(one["variant_id"], one["removed_items"]) for one in gone] == [("cloth", ["cloth"]), ("set", [])]
    assert await levels(db) == {"cloth@A": "0/0"}
    assert await worker.sweep() == []
    told = await worker.deliver(
        topics.event("order.returned", order_id="o1", return_id="r1", lines=[line_of("L1", 1)]),
        topics.event("variant.created", variant_id="cloth", sku="C"),
        topics.event("stock.adjusted", sku="C", location_id="A", delta=4),
    )
    assert [outcome for _, outcome in outcomes(told)] == ["applied"] * 3
    assert await levels(db) == {"cloth@A": "5/0"}


async def test_what_a_batch_makes_due_is_done_right_after_it(database_url: str, db: "Connection") -> None:
    """Each way in which something becomes due, with no sweep at all."""
    topics = Topics()
    async with pool_of(database_url) as pool:
        worker = InProcessWorker(pool, follows_up_at_once=True)

        async def own(*records: RawRecord) -> list[tuple[str, str]]:
            told = answers(await worker.deliver(*records))
            return [
                (one["type"], one["outcome"]) for one in told if one["cause_source"] == "inventory-worker"
            ]

        reallocated, evacuated = ("reservation.reallocated", "applied"), ("location.evacuated", "applied")
        placed = [place(topics, f"o{n}", "cloth", 3) for n in (1, 2, 3)]
        assert await own(*shop(topics), *placed, topics.event("location.created", location_id="X")) == []
        count: Json = {"sku": "C", "location_id": "A", "quantity": 4}
        assert await own(topics.event("stock.set", **count)) == []
        assert await own(topics.event("stock.received", sku="C", location_id="X", quantity=2)) == []
        channel: Json = {"sales_channel_id": "web", "location_ids": ["A", "B", "X"]}
        assert await own(topics.event("sales_channel.updated", **channel)) == [reallocated]
        assert await own(topics.event("stock.received", sku="C", location_id="B", quantity=1)) == [
            reallocated
        ]
        assert await levels(db) == {"cloth@A": "4/6", "cloth@B": "1/1", "cloth@X": "2/2"}
        assert await own(topics.event("order.canceled", order_id="o2")) == [reallocated]
        assert await own(topics.event("location.deleted", location_id="A")) == [evacuated] * 2
        gone = [topics.event("variant.deleted", variant_id=one) for one in ("set", "cloth")]
        assert await own(*gone) == []
        canceled = [topics.event("order.canceled", order_id=f"o{n}") for n in (1, 3)]
        assert await own(*canceled) == [("variant.removed", "applied")] * 2
        assert await worker.sweep() == []
    assert set((await levels(db)).values()) == {"0/0"}
