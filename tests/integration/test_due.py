"""What time alone brings about: deadlines of parked events, and never before everything is read past them."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from unittest.mock import ANY

import pytest
from aiokafka import TopicPartition

from schemas.topics import TYPES_BY_TOPIC, Output
from tests.books import connected, contradictions, dead, levels, parked, rows_of, waiting_for_a_lock
from tests.in_process import (
    DEADLINE_S,
    Gate,
    InProcessWorker,
    Json,
    Point,
    Topics,
    answers,
    line,
    on,
    outcomes,
    pool_of,
    worker_on,
)
from worker.runtime.assignment import CaughtUp
from worker.runtime.decode import RawRecord
from worker.runtime.load import Usual

if TYPE_CHECKING:
    from worker.runtime.database import Connection


LONG_AGO = "2026-01-05T08:00:00Z"


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


@pytest.fixture
def topics() -> Topics:
    return Topics()


def shop(topics: Topics) -> list[RawRecord]:
    return [
        topics.event("location.created", location_id="A"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A"]),
        topics.event("variant.created", variant_id="v1", sku="S1"),
        topics.event("stock.set", sku="S1", location_id="A", quantity=10),
    ]


def placed(topics: Topics, order_id: str = "o1") -> RawRecord:
    return topics.event(
        "order.placed",
        event_id=f"placed-{order_id}",
        order_id=order_id,
        sales_channel_id="web",
        lines=[line("L1", "v1", 2)],
    )


def shipped(topics: Topics, fulfillment_id: str = "f1", order_id: str = "o1") -> RawRecord:
    return topics.event(
        "order.fulfilled",
        event_id=f"shipped-{fulfillment_id}",
        order_id=order_id,
        fulfillment_id=fulfillment_id,
        lines=[{"line_item_id": "L1", "quantity": 1}],
    )


def read_everywhere(topics: Topics) -> dict[TopicPartition, CaughtUp]:
    """Every input topic, read to its end just now."""
    return {TopicPartition(topic, 0): CaughtUp(len(log), 0.0) for topic, log in topics.logs.items()}


async def pass_deadlines(db: "Connection") -> None:
    """The deadlines of all that is parked were a minute ago."""
    await db.execute("update parked set until = clock_timestamp() - interval '1 minute'")


async def test_an_event_that_waited_too_long_ends_as_a_dead_letter_with_its_bytes(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    fact = shipped(topics)
    await worker.deliver(*shop(topics), fact)
    worker.caught_up = read_everywhere(topics)
    assert await worker.sweep() == []
    await pass_deadlines(db)

    told = await worker.sweep()
    [letter] = on(Output.DEAD_LETTERS, told)
    assert (letter.key, letter.value) == (fact.key, fact.value)
    headers = dict(letter.headers)
    assert headers["dlq-reason"] == b"prerequisite_timeout"
    assert (headers["dlq-error-message"] or b"").startswith(b"waited for order o1 until ")
    [answer] = answers(told)
    assert (answer["cause_id"], answer["outcome"], answer["reason"], answer["final"]) == (
        "shipped-f1",
        "dead_lettered",
        "prerequisite_timeout",
        False,
    )
    assert await parked(db) == {}
    assert await worker.sweep() == []


async def test_a_deadline_that_comes_near_is_warned_of_once(
    worker: InProcessWorker, topics: Topics, db: "Connection", caplog: pytest.LogCaptureFixture
) -> None:
    await worker.deliver(*shop(topics), shipped(topics), shipped(topics, "f2"), shipped(topics, "f3", "o2"))
    await db.execute("update parked set until = until - interval '23 hours'")
    await db.execute("update parked set until = until - interval '2 hours' where waits_key = 'o1'")
    for _ in range(2):
        await worker.sweep()
        assert [message.partition("; the first")[0] for message in caplog.messages] == [
            "order o1 is missing: events that wait for it: 2"
        ]


async def test_a_cart_that_was_forgotten_and_holds_again_gives_up_in_time_again(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    held: Json = {"cart_id": "c1", "sales_channel_id": "web", "lines": [line("L1", "v1", 7)]}
    for _ in range(2):
        await worker.deliver(topics.event("cart.validated", hold={"ttl_seconds": 1}, time=LONG_AGO, **held))
        worker.caught_up = read_everywhere(topics)
        await worker.sweep()
        assert await levels(db) == {"v1@A": "10/0"}
        await db.execute("delete from cart")


async def test_a_dead_letter_of_a_deadline_is_judged_afresh_when_it_is_replayed(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    fact = shipped(topics)
    await worker.deliver(*shop(topics), fact)
    worker.caught_up = read_everywhere(topics)
    await pass_deadlines(db)
    await worker.sweep()

    assert await worker.deliver(fact) == []
    assert outcomes(await worker.deliver(topics.again(fact))) == [("shipped-f1", "parked")]
    await pass_deadlines(db)
    worker.caught_up = read_everywhere(topics)
    assert outcomes(await worker.sweep()) == [("shipped-f1", "dead_lettered")]
    assert outcomes(await worker.deliver(topics.again(fact), placed(topics))) == [
        ("shipped-f1", "parked"),
        ("placed-o1", "applied"),
        ("shipped-f1", "applied"),
    ]
    assert await levels(db) == {"v1@A": "9/1"}


async def test_a_backlog_kills_no_events(worker: InProcessWorker, topics: Topics, db: "Connection") -> None:
    """The placement may still be unread: a partition that nobody has read past the deadline holds it up."""
    await worker.deliver(*shop(topics), shipped(topics))
    await pass_deadlines(db)
    behind, unread = TopicPartition("order.placed", 0), TopicPartition("order.placed", 1)
    everywhere = read_everywhere(topics)

    worker.caught_up = {one: seen for one, seen in everywhere.items() if one != behind}
    assert await worker.sweep() == []
    worker.caught_up = everywhere | {behind: CaughtUp(0, seen_s=90.0)}
    assert await worker.sweep() == []
    await db.execute(
        "insert into consumer_progress (consumer_group, topic, partition, next_offset)"
        " values ('test-group', $1, $2, 5)",
        *unread,
    )
    worker.caught_up = everywhere
    assert await worker.sweep() == []
    worker.caught_up = everywhere | {unread: CaughtUp(5, 0.0)}
    assert outcomes(await worker.sweep()) == [("shipped-f1", "dead_lettered")]


async def test_a_deadline_and_what_the_event_waited_for_at_once_give_one_end(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics), shipped(topics))
    await pass_deadlines(db)
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    async with worker_on(database_url, "w2") as other:
        other.caught_up = read_everywhere(topics)
        placing = asyncio.ensure_future(worker.deliver(placed(topics)))
        await gate.reached()
        overdue = asyncio.ensure_future(other.sweep())
        await waiting_for_a_lock(db, "w2")
        gate.open()
        assert outcomes(await placing) == [("placed-o1", "applied"), ("shipped-f1", "applied")]
        assert on(Output.DEAD_LETTERS, await overdue) == []
    assert await dead(db) == []
    assert await levels(db) == {"v1@A": "9/1"}


async def test_a_hold_whose_time_is_over_is_given_up_by_the_worker_itself(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    held: Json = {"sales_channel_id": "web", "lines": [line("L1", "v1", 7)]}
    for number in (1, 2):
        told = await worker.deliver(
            topics.event("cart.validated", cart_id="c1", hold={"ttl_seconds": 1}, time=LONG_AGO, **held)
        )
        assert [answer["outcome"] for answer in answers(told)] == ["applied"]
        assert await levels(db) == {"v1@A": "10/7"}
        worker.caught_up = {}
        await db.execute("update consumer_progress set caught_up_at = null")
        assert await worker.sweep() == []
        worker.caught_up = read_everywhere(topics)

        told = await worker.sweep()
        [answer] = answers(told)
        assert (answer["type"], answer["cart_id"], answer["reason"]) == ("cart.hold_expired", "c1", "expired")
        assert [one.key for one in on(Output.RESULTS, told)] == [b"c1"]
        assert await levels(db) == {"v1@A": "10/0"}
        assert await worker.sweep() == []
        answered = await rows_of(db, "select count(*) from v_event where type = 'cart.hold_expired'")
        assert answered == [(number,)]


async def test_a_hold_that_the_database_refuses_to_give_up_holds_nothing_else_up(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """A level that was changed by hand: its expiry is a dead letter, and the sweep goes on without it."""
    held: Json = {"sales_channel_id": "web", "hold": {"ttl_seconds": 1}, "time": LONG_AGO}
    held["lines"] = [line("L1", "v1", 7)]
    await worker.deliver(*shop(topics), topics.event("cart.validated", cart_id="c1", **held))
    await db.execute("update level set reserved = 0")
    worker.caught_up = read_everywhere(topics)
    async with asyncio.timeout(DEADLINE_S):
        assert outcomes(await worker.sweep()) == [(ANY, "dead_lettered")]
        assert await worker.sweep() == []
    await db.execute("update level set reserved = 7")


async def test_a_hold_leaves_a_deleted_location_by_itself_when_others_have_room(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    held: Json = {"sales_channel_id": "web", "lines": [line("L1", "v1", 7)]}
    await worker.deliver(
        *shop(topics),
        topics.event("location.created", location_id="B"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A", "B"]),
        topics.event("stock.set", sku="S1", location_id="B", quantity=0),
        topics.event("cart.validated", cart_id="c1", hold={"ttl_seconds": 600}, **held),
    )
    await worker.deliver(topics.event("location.deleted", location_id="A"))
    assert await worker.sweep() == []
    for stock, there in ((4, "4/4"), (9, "9/7")):
        await worker.deliver(topics.event("stock.set", sku="S1", location_id="B", quantity=stock))
        await worker.sweep()
        assert (await levels(db))["v1@B"] == there
        assert await worker.sweep() == []
    assert (await levels(db))["v1@A"] == "10/0"


async def test_an_expiry_read_from_kafka_is_no_event(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    headers = {"ce_specversion": "1.0", "ce_type": "cart.hold_expired", "ce_source": "x", "ce_id": "1"}
    forged = topics.record(
        "cart.validated",
        b'{"cart_id": "c1", "generation": 1}',
        tuple((name, value.encode()) for name, value in headers.items()),
    )
    await worker.deliver(forged)
    assert [reason for _, reason in await dead(db)] == ["unknown_type"]


@pytest.mark.parametrize("first", ["order", "expiry"])
async def test_an_order_and_the_end_of_its_carts_hold_at_once(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection", first: str
) -> None:
    """Whoever has the cart's row first; the holder is never refused its last units by its own hold."""
    await worker.deliver(*shop(topics))
    held: Json = {"sales_channel_id": "web", "lines": [line("L1", "v1", 10)]}
    await worker.deliver(
        topics.event("cart.validated", cart_id="c1", hold={"ttl_seconds": 1}, time=LONG_AGO, **held)
    )
    order = topics.event("order.placed", event_id="o", order_id="o1", cart_id="c1", **held)
    async with worker_on(database_url, "w2") as other:
        sweeping, placing = (other, worker) if first == "order" else (worker, other)
        sweeping.caught_up = read_everywhere(topics)
        await db.execute("update consumer_progress set caught_up_at = clock_timestamp()")
        leader, follower = (placing, sweeping) if first == "order" else (sweeping, placing)
        gate = leader.processor.at = Gate(Point.UNDER_LOCKS)
        acts = {placing: lambda: placing.deliver(order), sweeping: sweeping.sweep}
        leading = asyncio.ensure_future(acts[leader]())
        await gate.reached()
        following = asyncio.ensure_future(acts[follower]())
        await waiting_for_a_lock(db, follower.name)
        gate.open()
        told = [*await leading, *await following]
    expired = "stale" if first == "order" else "applied"
    assert {answer["type"]: answer["outcome"] for answer in answers(told)} == {
        "order.placed": "applied",
        "cart.hold_expired": expired,
    }
    assert await levels(db) == {"v1@A": "10/10"}
    assert await rows_of(db, "select count(*) from hold") == [(0,)]


async def test_last_units_that_are_held_are_their_holders_whoever_asks_at_the_same_moment(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    held: Json = {"sales_channel_id": "web", "lines": [line("L1", "v1", 10)]}
    await worker.deliver(topics.event("cart.validated", cart_id="c1", hold={"ttl_seconds": 600}, **held))
    own = topics.event("order.placed", event_id="own", order_id="o1", cart_id="c1", **held)
    strange = topics.event("order.placed", event_id="strange", order_id="o2", **held)
    async with worker_on(database_url, "w2") as other:
        told = await asyncio.gather(worker.deliver(own), other.deliver(strange))
    assert [outcomes(one) for one in told] == [[("own", "applied")], [("strange", "insufficient_stock")]]
    assert await levels(db) == {"v1@A": "10/10"}


async def test_partitions_without_records_are_noted_as_read_and_never_moved(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    worker.caught_up = read_everywhere(topics) | {
        TopicPartition("stock.set", 0): CaughtUp(0, 0.0),
        TopicPartition("stock.set", 7): CaughtUp(42, 0.0),
    }
    await worker.sweep()
    noted = await rows_of(
        db, "select topic, partition, next_offset, caught_up_at is not null from consumer_progress"
    )
    assert {(topic, 0, len(topics.logs[topic]), True) for topic in TYPES_BY_TOPIC} | {
        ("stock.set", 7, 42, True)
    } == set(noted)


async def test_more_events_of_one_order_than_may_wait_are_dead_letters(
    database_url: str, topics: Topics, db: "Connection"
) -> None:
    async with pool_of(database_url) as pool:
        worker = InProcessWorker(pool, usual=Usual(parked_per_order_max=2))
        facts = [shipped(topics, f"f{n}") for n in range(4)]
        told = await worker.deliver(*shop(topics), *facts[:3])
        assert outcomes(told)[4:] == [
            ("shipped-f0", "parked"),
            ("shipped-f1", "parked"),
            ("shipped-f2", "dead_lettered"),
        ]
        assert outcomes(await worker.deliver(facts[3])) == [("shipped-f3", "dead_lettered")]
        assert await dead(db) == [("shipped-f2", "parked_limit"), ("shipped-f3", "parked_limit")]
        assert outcomes(await worker.deliver(shipped(topics, "g", "o2"))) == [("shipped-g", "parked")]
        assert outcomes(await worker.deliver(placed(topics)))[:1] == [("placed-o1", "applied")]


async def test_more_events_than_may_wait_in_all_are_dead_letters(
    database_url: str, topics: Topics, db: "Connection"
) -> None:
    async with pool_of(database_url) as pool:
        worker = InProcessWorker(pool, parked_max=2)
        await worker.deliver(shipped(topics, "f1", "o1"), shipped(topics, "f2", "o2"))
        await worker.sweep()
        waiting: Json = {"variant_id": "unknown"}
        told = await worker.deliver(
            topics.event("stock.set", event_id="s1", location_id="A", quantity=1, **waiting)
        )
        assert outcomes(told) == [("s1", "dead_lettered")]
        assert await dead(db) == [("s1", "parked_limit")]

        await db.execute("delete from parked where event_id = 'shipped-f1'")
        await db.execute("delete from event where event_id = 'shipped-f1'")
        await worker.sweep()
        assert outcomes(await worker.deliver(shipped(topics, "f3", "o3"))) == [("shipped-f3", "parked")]
