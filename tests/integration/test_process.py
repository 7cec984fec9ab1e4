"""One batch after the other on a real Postgres: told once, told the same, nothing lost when workers meet."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from aiokafka import TopicPartition

from schemas.topics import Output
from tests.books import blockers, connected, contradictions, dead, levels, parked, rows_of, waiting_for_a_lock
from tests.in_process import (
    DEADLINE_S,
    Crash,
    Gate,
    InProcessWorker,
    Json,
    Point,
    PublishedTopics,
    Topics,
    answers,
    batch_of,
    crash_at,
    line,
    on,
    outcomes,
    value_of,
    worker_on,
)
from tests.proxy import is_commit, is_commit_reply, postgres_proxy
from worker.domain.decide import RELEASING_VERDICTS_MAX
from worker.runtime.codes import PLACES_PER_BATCH
from worker.runtime.database import WORKER_ROLE
from worker.runtime.decode import RawRecord
from worker.runtime.publish import Refused
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


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[InProcessWorker]:
    """A second worker, with a session, caches and a relay of its own."""
    async with worker_on(database_url, "w2") as one:
        yield one


@pytest.fixture
def topics() -> Topics:
    return Topics()


def shop(topics: Topics, *, stock: int = 10) -> list[RawRecord]:
    """Locations A and B, a channel of both, variants v1 and v2 with stock at A."""
    return [
        topics.event("location.created", location_id="A"),
        topics.event("location.created", location_id="B"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A", "B"]),
        topics.event("variant.created", variant_id="v1", sku="S1"),
        topics.event("variant.created", variant_id="v2", sku="S2"),
        topics.event("stock.set", sku="S1", location_id="A", quantity=stock),
        topics.event("stock.set", sku="S2", location_id="A", quantity=stock),
    ]


def order(topics: Topics, order_id: str, *variants: str, quantity: int = 2, **envelope: str) -> RawRecord:
    lines = [line(f"l{at}", variant, quantity) for at, variant in enumerate(variants or ("v1",), start=1)]
    return topics.event("order.placed", order_id=order_id, sales_channel_id="web", lines=lines, **envelope)


# ── The same event again ──────────────────────────────────────────────────────────────────────────────


async def test_a_redelivery_at_the_same_position_is_silent(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    placed = order(topics, "o1")
    assert outcomes(await worker.deliver(placed)) == [("e8", "applied")]

    assert await worker.deliver(placed) == []
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


async def test_an_event_asked_again_elsewhere_gets_the_same_answer_byte_for_byte(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    placed = order(topics, "o1")
    first = on(Output.RESULTS, await worker.deliver(placed))

    assert await worker.deliver(topics.again(placed)) == first
    assert await other.deliver(topics.again(placed)) == first
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


async def test_a_parked_event_asked_again_is_told_once_and_answered_once(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    placed = order(topics, "o1")
    assert outcomes(await worker.deliver(placed)) == [("e1", "parked")]
    assert await worker.deliver(topics.again(placed), placed) == []

    told = outcomes(await worker.deliver(*shop(topics)))
    assert [outcome for cause, outcome in told if cause == "e1"] == ["applied"]
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


async def test_the_same_id_with_another_body_is_a_dead_letter_and_changes_nothing(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    first = on(Output.RESULTS, await worker.deliver(order(topics, "o1", event_id="p1")))
    reuse = order(topics, "o1", event_id="p1", quantity=3)

    told = await worker.deliver(reuse, order(topics, "o2"))

    assert [(a["cause_id"], a["outcome"], a.get("reason")) for a in answers(told)] == [
        ("e10", "applied", None),
        ("p1", "dead_lettered", "id_reuse"),
    ]
    [letter] = on(Output.DEAD_LETTERS, told)
    assert (letter.value, letter.headers[:4]) == (reuse.value, reuse.headers)
    assert await worker.deliver(reuse) == []
    assert on(Output.RESULTS, await worker.deliver(topics.again(topics.logs["order.placed"][0]))) == first
    assert await dead(db) == [("p1", "id_reuse")]
    assert await levels(db) == {"v1@A": "10/4", "v2@A": "10/0"}


async def test_the_same_body_spelled_otherwise_is_the_same_event(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    first = topics.event("stock.adjusted", sku="S1", location_id="A", delta=-1, reason="x", event_id="a1")
    told = await worker.deliver(first)
    spelled = b'{ "reason":"x",  "delta":-1.0, "location_id":"A", "sku":"S1" }'

    assert await worker.deliver(topics.record("stock.adjusted", spelled, first.headers)) == on(
        Output.RESULTS, told
    )
    assert await levels(db) == {"v1@A": "9/0", "v2@A": "10/0"}


async def test_copies_within_one_batch_are_answered_from_the_first(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    sold = topics.event("stock.adjusted", sku="S1", location_id="A", delta=-3, event_id="a1")
    copies = [topics.again(sold), topics.again(sold)]
    other_body = topics.event("stock.adjusted", sku="S1", location_id="A", delta=-4, event_id="a1")

    told = on(Output.RESULTS, await worker.deliver(sold, *copies, other_body, order(topics, "o1")))

    assert [(value_of(r)["cause_id"], value_of(r)["outcome"]) for r in told] == [
        ("a1", "applied"),
        ("e12", "applied"),
        ("a1", "applied"),
        ("a1", "applied"),
        ("a1", "dead_lettered"),
    ]
    assert told[0] == told[2] == told[3]
    assert await levels(db) == {"v1@A": "7/2", "v2@A": "10/0"}


async def test_one_id_of_two_sources_is_two_events(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    sold: Json = {"sku": "S1", "location_id": "A", "delta": -1}
    await worker.deliver(
        topics.event("stock.adjusted", event_id="a1", source="till-1", **sold),
        topics.event("stock.adjusted", event_id="a1", source="till-2", **sold),
    )
    assert await levels(db) == {"v1@A": "8/0", "v2@A": "10/0"}


async def test_a_record_without_cloudevents_is_known_by_its_position(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    bare = topics.record("stock.adjusted", b'{"sku":"S1","location_id":"A","delta":-1}')

    assert [a["outcome"] for a in answers(await worker.deliver(bare))] == ["applied"]
    assert await worker.deliver(bare) == []
    await worker.deliver(topics.again(bare))
    assert await levels(db) == {"v1@A": "8/0", "v2@A": "10/0"}


async def test_bad_records_leave_their_neighbours_whole(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics, stock=1000))
    records = [order(topics, f"o{n}", quantity=1) for n in range(5)]
    envelope = records[0].headers[:3]
    records.insert(1, topics.record("order.placed", b"{not json", (*envelope, ("ce_id", b"bad1"))))
    records.insert(3, topics.record("order.placed", b'{"order_id":"x"}', (*envelope, ("ce_id", b"bad2"))))
    records.insert(4, topics.record("order.placed", b"{}", (*envelope, ("ce_id", b"\xff\xfe"))))
    records.insert(5, topics.record("order.placed", None, (("ce_type", b"no.such"), ("x", None))))

    told = await worker.deliver(*records)

    assert [outcome for _, outcome in outcomes(told)] == ["applied"] * 5 + ["dead_lettered"] * 2
    letters = on(Output.DEAD_LETTERS, told)
    assert [letter.value for letter in letters] == [b"{not json", b'{"order_id":"x"}', b"{}", None]
    for letter, bad in zip(letters, [records[at] for at in (1, 3, 4, 5)], strict=True):
        assert letter.headers[: len(bad.headers)] == bad.headers
    assert await levels(db) == {"v1@A": "1000/5", "v2@A": "1000/0"}
    assert await worker.deliver(*records) == []
    assert len(await dead(db)) == 4


# ── Parked, and released ──────────────────────────────────────────────────────────────────────────────


async def test_an_order_waits_for_its_channel_its_variant_and_the_first_level(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    location = topics.event("location.created", location_id="A")
    placed = order(topics, "o1", event_id="p1")
    told = await worker.deliver(location, placed)
    assert outcomes(told) == [("e1", "applied"), ("p1", "parked")]
    assert answers(told)[1]["waits_for"] == {"kind": "sales_channel", "key": "web"}

    channel = topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A"])
    assert ("p1", "parked") not in outcomes(await worker.deliver(channel))
    assert await parked(db) == {"p1": "variant v1"}
    await worker.deliver(topics.event("variant.created", variant_id="v1", sku="S1"))
    assert await parked(db) == {"p1": "level v1"}

    told = await worker.deliver(topics.event("stock.set", sku="S1", location_id="A", quantity=5))

    assert outcomes(told) == [("e5", "applied"), ("p1", "applied")]
    assert await parked(db) == {}
    assert await levels(db) == {"v1@A": "5/2"}


async def test_counts_wait_for_their_item_by_id_by_sku_by_variant_and_for_their_location(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    counted: Json = {"location_id": "A", "quantity": 4}
    await worker.deliver(
        topics.event("stock.set", event_id="i", inventory_item_id="v1", **counted),
        topics.event("stock.set", event_id="s", sku="S2", **counted),
        topics.event("stock.set", event_id="v", variant_id="v3", **counted),
    )
    assert await parked(db) == {"i": "item v1", "s": "sku S2", "v": "variant v3"}

    for variant, sku in (("v1", "S1"), ("v2", "S2"), ("v3", "S3")):
        await worker.deliver(topics.event("variant.created", variant_id=variant, sku=sku))
    assert await parked(db) == dict.fromkeys("isv", "location A")

    told = await worker.deliver(topics.event("location.created", location_id="A"))
    assert sorted(outcomes(told)[1:]) == [("i", "applied"), ("s", "applied"), ("v", "applied")]
    assert await levels(db) == {"v1@A": "4/0", "v2@A": "4/0", "v3@A": "4/0"}


async def test_facts_wait_for_their_order_and_are_judged_with_it_in_one_batch(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    moved = topics.event(
        "reservation.moved", order_id="o1", line_item_id="l1", from_location_id="A", to_location_id="B"
    )
    returned = topics.event(
        "order.returned", order_id="o1", return_id="r1", lines=[{"line_item_id": "l1", "quantity": 1}]
    )
    fulfilled = topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1")
    for early in (returned, fulfilled):
        assert [outcome for _, outcome in outcomes(await worker.deliver(early))] == ["parked"]

    told = await worker.deliver(order(topics, "o1"), moved)

    assert outcomes(told) == [
        ("e11", "applied"),
        ("e10", "applied"),
        ("e9", "applied"),
        ("e8", "exceeds_ordered"),
    ]
    assert [a["order_revision"] for a in answers(told)] == [3, 4, 5, 6]
    assert await levels(db) == {"v1@A": "9/0", "v2@A": "10/0"}


async def test_a_refused_order_lets_its_facts_wait_for_a_new_placement(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics, stock=1))
    fulfilled = topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1", event_id="f1")
    told = await worker.deliver(order(topics, "o1", event_id="p1"), fulfilled)
    assert outcomes(told) == [("p1", "insufficient_stock"), ("f1", "parked")]
    assert [value_of(r)["short_lines"][0]["available"] for r in on(Output.INSUFFICIENT, told)] == [1]

    await worker.deliver(topics.event("stock.set", sku="S1", location_id="A", quantity=5))
    told = await worker.deliver(order(topics, "o1", event_id="p2"))
    assert outcomes(told) == [("p2", "applied"), ("f1", "applied")]
    assert await levels(db) == {"v1@A": "3/0", "v2@A": "1/0"}


async def test_no_two_answers_of_an_order_carry_the_same_revision(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    told = await worker.deliver(order(topics, "o1", event_id="p1"))
    told += await worker.deliver(*shop(topics, stock=1))  # releases p1, which is refused
    told += await worker.deliver(order(topics, "o1", quantity=1, event_id="p2"))
    told += await worker.deliver(order(topics, "o1", quantity=1, event_id="p3"))

    of_order = [a for a in answers(told) if a.get("order_id") == "o1"]
    assert [(a["cause_id"], a["outcome"], a["order_revision"]) for a in of_order] == [
        ("p1", "parked", 1),
        ("p1", "insufficient_stock", 2),
        ("p2", "applied", 3),
        ("p3", "already_applied", 4),
    ]
    assert await levels(db) == {"v1@A": "1/1", "v2@A": "1/0"}


async def test_an_order_releases_any_number_of_facts_in_several_batches(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """A batch has places for so many answers: each has one of its own, and is told again when asked for."""
    assert RELEASING_VERDICTS_MAX + BATCH_RECORDS_MOST <= PLACES_PER_BATCH
    await worker.deliver(*shop(topics, stock=10_000))
    shipped: Json = {"order_id": "o1", "lines": [{"line_item_id": "l1", "quantity": 1}]}
    facts = [
        topics.event("order.fulfilled", fulfillment_id=f"f{n}", event_id=f"f{n}", **shipped)
        for n in range(RELEASING_VERDICTS_MAX + 100)
    ]
    for start in range(0, len(facts), 2000):
        await worker.deliver(*facts[start : start + 2000])

    told = await worker.deliver(order(topics, "o1", quantity=10_000, event_id="p1"))
    assert set(outcomes(told)) == {("p1", "applied"), *((f"f{n}", "applied") for n in range(len(facts)))}
    again = await worker.deliver(topics.again(facts[-1]))
    assert again == [on(Output.RESULTS, told)[-1]]
    assert await rows_of(db, "select count(answer) = count(distinct answer) from event") == [(True,)]
    assert (await levels(db))["v1@A"] == f"{10_000 - len(facts)}/{10_000 - len(facts)}"


async def test_what_a_crash_left_parked_is_found_by_the_sweeper_of_another_worker(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    location, *rest = shop(topics)
    count = topics.event("stock.set", sku="S9", location_id="A", quantity=5, event_id="s1")
    placed = order(topics, "o1", "v9", event_id="p1")
    fulfilled = topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1", event_id="f1")
    await worker.deliver(*rest, count, fulfilled)
    await worker.deliver(location, placed)
    assert await parked(db) == {"s1": "sku S9", "f1": "order o1", "p1": "variant v9"}
    worker.processor.at = crash_at(Point.AFTER_COMMIT)
    with pytest.raises(Crash):
        await worker.judge(topics.event("variant.created", variant_id="v9", sku="S9", event_id="v9"))
    assert len(await parked(db)) == 3

    told = outcomes(await other.sweep())

    assert sorted(told) == [("f1", "applied"), ("p1", "applied"), ("s1", "applied"), ("v9", "applied")]
    assert await levels(db) == {"v1@A": "10/0", "v2@A": "10/0", "v9@A": "3/0"}
    assert await other.sweep() == []


async def test_an_order_parked_while_its_variant_is_made_elsewhere_is_found_by_its_own_second_look(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    await worker.deliver(topics.event("variant.created", variant_id="v3", inventory_items=[{"sku": "S1"}]))
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    parking = asyncio.ensure_future(worker.deliver(order(topics, "o1", "v9", event_id="p1")))
    await gate.reached()
    made = topics.event("variant.created", variant_id="v9", inventory_items=[{"sku": "S1"}], event_id="v9")
    assert outcomes(await other.deliver(made)) == [("v9", "applied")]
    gate.open()

    assert outcomes(await parking) == [("p1", "parked"), ("p1", "applied")]
    assert await parked(db) == {}
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


async def test_what_a_crash_left_is_found_however_many_batches_wait(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    await worker.deliver(order(topics, "o1", "v9", event_id="p1"))
    worker.processor.at = crash_at(Point.AFTER_COMMIT)
    with pytest.raises(Crash):
        await worker.judge(topics.event("variant.created", variant_id="v9", inventory_items=[{"sku": "S1"}]))
    busy = InProcessWorker(worker.pool, "w2", sweep_interval_s_max=0.05)
    running = [asyncio.ensure_future(loop) for loop in (busy.pipeline.run(), busy.relay.run())]
    wanted = {("p1", "applied"), ("e9", "applied")}
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not wanted <= set(outcomes(busy.published.records)):
                asked = topics.event(
                    "cart.validated", cart_id="c", sales_channel_id="web", lines=[line("l1", "v1", 1)]
                )
                await busy.pipeline.offer(batch_of([asked]))
    finally:
        for loop in running:
            loop.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    await busy.sweep()

    assert await parked(db) == {}
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


# ── Two workers at once ───────────────────────────────────────────────────────────────────────────────


async def test_one_order_on_two_workers_at_once_is_applied_once_and_answered_alike(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    placed = order(topics, "o1")
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(worker.deliver(placed))
    await gate.reached()
    second = asyncio.ensure_future(other.deliver(topics.again(placed)))
    await waiting_for_a_lock(db, "w2")
    gate.open()

    assert on(Output.RESULTS, await first) == await second
    assert outcomes(await first) == [("e8", "applied")]
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


async def test_one_cart_on_two_workers_at_once_is_answered_once(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """A cart locks nothing before its inbox key: the key alone tells the second worker that it is late."""
    await worker.deliver(*shop(topics))
    asked = topics.event(
        "cart.validated", cart_id="c1", sales_channel_id="web", lines=[line("l1", "v1", 2)], event_id="c1"
    )
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(worker.deliver(asked))
    await gate.reached()
    second = asyncio.ensure_future(other.deliver(topics.again(asked)))
    await waiting_for_a_lock(db, "w2")
    gate.open()

    assert outcomes(await first) == [("c1", "applied")]
    assert await second == await first
    assert await rows_of(db, "select count(*) from event where event_id = 'c1'") == [(1,)]


async def test_one_difference_of_stock_on_two_workers_at_once_counts_once(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    sold = topics.event("stock.adjusted", sku="S1", location_id="A", delta=-3)
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(worker.deliver(sold))
    await gate.reached()
    second = asyncio.ensure_future(other.deliver(sold))
    await waiting_for_a_lock(db, "w2")
    gate.open()

    assert outcomes(await first) == [("e8", "applied")]
    assert await second == []
    assert await levels(db) == {"v1@A": "7/0", "v2@A": "10/0"}


async def test_two_sales_at_once_are_both_counted(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """The item's lock: the second reads the level only when the first has written it."""
    await worker.deliver(*shop(topics))
    gate = worker.processor.at = Gate(Point.UNDER_LOCKS)
    first = asyncio.ensure_future(
        worker.deliver(topics.event("stock.adjusted", sku="S1", location_id="A", delta=-1))
    )
    await gate.reached()
    second = asyncio.ensure_future(
        other.deliver(topics.event("stock.adjusted", sku="S1", location_id="A", delta=-1))
    )
    await waiting_for_a_lock(db, "w2")
    gate.open()
    await first
    await second

    assert await levels(db) == {"v1@A": "8/0", "v2@A": "10/0"}


async def test_two_orders_for_the_last_unit_at_once_have_one_winner(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics, stock=1))
    gate = worker.processor.at = Gate(Point.UNDER_LOCKS)
    first = asyncio.ensure_future(worker.deliver(order(topics, "o1", quantity=1)))
    await gate.reached()
    second = asyncio.ensure_future(other.deliver(order(topics, "o2", quantity=1)))
    await waiting_for_a_lock(db, "w2")
    gate.open()

    assert outcomes(await first) == [("e8", "applied")]
    assert outcomes(await second) == [("e9", "insufficient_stock")]
    assert await levels(db) == {"v1@A": "1/1", "v2@A": "1/0"}


@pytest.mark.parametrize("fulfilled_first", [True, False])
async def test_an_order_and_its_fulfilment_at_once_meet_at_the_order(
    worker: InProcessWorker,
    other: InProcessWorker,
    topics: Topics,
    db: "Connection",
    fulfilled_first: bool,  # noqa: FBT001  a parametrized test gets it so
) -> None:
    await worker.deliver(*shop(topics))
    placed = order(topics, "o1", event_id="p1")
    fulfilled = topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1", event_id="f1")
    one, two = (fulfilled, placed) if fulfilled_first else (placed, fulfilled)
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(worker.deliver(one))
    await gate.reached()
    second = asyncio.ensure_future(other.deliver(two))
    await waiting_for_a_lock(db, "w2")
    gate.open()
    told = outcomes(await first) + outcomes(await second)

    early = [("f1", "parked")] if fulfilled_first else []
    assert sorted(told) == sorted([*early, ("p1", "applied"), ("f1", "applied")])
    assert await parked(db) == {}
    assert await levels(db) == {"v1@A": "8/0", "v2@A": "10/0"}


async def test_the_first_level_of_an_item_counted_by_two_workers_at_once(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    location, _, _, variant, *_ = shop(topics)
    await worker.deliver(location, variant)
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(
        worker.deliver(topics.event("stock.set", sku="S1", location_id="A", quantity=3))
    )
    await gate.reached()
    second = asyncio.ensure_future(
        other.deliver(topics.event("stock.set", sku="S1", location_id="A", quantity=5))
    )
    await waiting_for_a_lock(db, "w2")
    gate.open()
    told = answers(await first) + answers(await second)

    assert [(a["outcome"], a["levels"][0]["stocked"], a["levels"][0]["level_version"]) for a in told] == [
        ("applied", 3, 1),
        ("applied", 5, 2),
    ]
    assert await levels(db) == {"v1@A": "5/0"}


async def test_a_level_made_while_an_order_waits_for_the_item_counts_for_the_order(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """No phantom: the lock is the item's, not that of the levels that were there."""
    await worker.deliver(*shop(topics, stock=1))
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(
        worker.deliver(topics.event("stock.set", sku="S1", location_id="B", quantity=10))
    )
    await gate.reached()
    second = asyncio.ensure_future(other.deliver(order(topics, "o1", quantity=8)))
    await waiting_for_a_lock(db, "w2")
    gate.open()
    await first

    assert outcomes(await second) == [("e9", "applied")]
    assert await levels(db) == {"v1@A": "1/1", "v1@B": "10/7", "v2@A": "1/0"}


async def test_a_parked_event_is_released_by_one_of_two_workers(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    await worker.deliver(order(topics, "o1", "v9", event_id="p1"))
    worker.processor.at = crash_at(Point.AFTER_COMMIT)
    with pytest.raises(Crash):
        await worker.judge(topics.event("variant.created", variant_id="v9", inventory_items=[{"sku": "S1"}]))
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(worker.sweep())
    await gate.reached()
    second = asyncio.ensure_future(other.sweep())
    await waiting_for_a_lock(db, "w2")
    gate.open()
    told = outcomes(await first) + outcomes(await second)

    assert [outcome for cause, outcome in told if cause == "p1"] == ["applied"]
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


@asynccontextmanager
async def held(url: str, statement: str, *arguments: object) -> AsyncIterator[None]:
    """A session that holds a lock in the middle of those that the workers want."""
    session = await connected(url, "holder")
    try:
        async with session.transaction():
            await session.execute(statement, *arguments)
            yield
    finally:
        await session.close()


BATCH_RECORDS_MOST = 4000
"""What settings allow."""

VARIANTS = [f"i{n}" for n in range(6)]


def wide_shop(topics: Topics) -> list[RawRecord]:
    """Six items with much stock at A."""
    return [
        topics.event("location.created", location_id="A"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A"]),
        *(topics.event("variant.created", variant_id=one, sku=one) for one in VARIANTS),
        *(topics.event("stock.set", sku=one, location_id="A", quantity=10_000) for one in VARIANTS),
    ]


async def test_items_are_locked_in_one_order_by_all(
    database_url: str, worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """The second worker waits for the first at the first item, and holds none that the first still wants."""
    free = "select inventory_item_id from inventory_item for no key update skip locked"
    await worker.deliver(*wide_shop(topics))
    lock = "select from inventory_item where inventory_item_id = $1 for no key update"
    one, two = order(topics, "o1", *VARIANTS), order(topics, "o2", *reversed(VARIANTS))
    async with held(database_url, lock, VARIANTS[3]):
        first = asyncio.ensure_future(worker.deliver(one))
        assert await blockers(db, "w1") == {"holder"}
        assert {row[0] for row in await rows_of(db, free)} == set(VARIANTS[4:])
        second = asyncio.ensure_future(other.deliver(two))
        assert await blockers(db, "w2") == {"w1"}

    assert [outcome for _, outcome in outcomes([*await first, *await second])] == ["applied"] * 2
    assert set((await levels(db)).values()) == {"10000/4"}


async def test_orders_are_locked_in_one_order_by_all(
    database_url: str, worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics, stock=100))
    ids = [f"o{n}" for n in range(6)]
    free = "select order_id from orders for no key update skip locked"
    await worker.deliver(*(order(topics, one) for one in ids))
    shipped = [
        topics.event(
            "order.fulfilled",
            order_id=one,
            fulfillment_id="f1",
            lines=[{"line_item_id": "l1", "quantity": 1}],
        )
        for one in ids
    ]
    again = [
        topics.event(
            "order.fulfilled",
            order_id=one,
            fulfillment_id="f2",
            lines=[{"line_item_id": "l1", "quantity": 1}],
        )
        for one in reversed(ids)
    ]
    async with held(database_url, "select from orders where order_id = $1 for no key update", ids[3]):
        first = asyncio.ensure_future(worker.deliver(*shipped))
        assert await blockers(db, "w1") == {"holder"}
        assert {row[0] for row in await rows_of(db, free)} == set(ids[4:])
        second = asyncio.ensure_future(other.deliver(*again))
        assert await blockers(db, "w2") == {"w1"}

    assert [outcome for _, outcome in outcomes([*await first, *await second])] == ["applied"] * 12
    assert (await levels(db))["v1@A"] == "88/0"


async def test_inbox_keys_are_taken_in_one_order_by_all(
    database_url: str, worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """Carts share no lock but these."""
    await worker.deliver(*shop(topics))
    asked = [
        topics.event(
            "cart.validated",
            cart_id="c",
            sales_channel_id="web",
            lines=[line("l1", "v1", 1)],
            event_id=f"c{n}",
        )
        for n in range(6)
    ]
    again = [topics.again(one) for one in reversed(asked)]
    taken = (
        "insert into event select 'c3', source_no, 1, body_hash, type, 100, null, null, topic_no, partition,"
        " record_offset, at from event limit 1"
    )
    session = await connected(database_url, "holder")
    transaction = session.transaction()
    await transaction.start()
    await session.execute(taken)
    first = asyncio.ensure_future(worker.deliver(*asked))
    assert await blockers(db, "w1") == {"holder"}
    second = asyncio.ensure_future(other.deliver(*again))
    assert await blockers(db, "w2") == {"w1"}
    await transaction.rollback()
    await session.close()

    told = on(Output.RESULTS, await first)
    assert [value_of(one)["cause_id"] for one in told] == [f"c{n}" for n in range(6)]
    assert await second == list(reversed(told))


ROUNDS = 25


async def test_batches_that_name_the_same_things_in_any_order_never_block_each_other(
    worker: InProcessWorker,
    other: InProcessWorker,
    topics: Topics,
    db: "Connection",
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Orders, items and inbox keys, each named in two orders by two workers at once."""
    caplog.set_level("INFO")
    await worker.deliver(*wide_shop(topics))
    chance = random.Random(20261124)
    for turn in range(ROUNDS):
        shared = [
            topics.event("stock.adjusted", sku=chance.choice(VARIANTS), location_id="A", delta=1)
            for _ in range(6)
        ]
        for at in range(8):
            order_id = f"o{turn}-{at}"
            shared.append(order(topics, order_id, *chance.sample(VARIANTS, 3), quantity=1))
            shared.append(topics.event("order.fulfilled", order_id=order_id, fulfillment_id="f1"))
        one, two = list(shared), list(reversed(shared))
        chance.shuffle(one)
        await asyncio.gather(worker.deliver(*one), other.deliver(*two))

    assert "deadlock" not in caplog.text
    assert await rows_of(db, "select count(*) from fulfillment") == [(8 * ROUNDS,)]
    assert await rows_of(db, "select count(*) from event where outcome >= 100") == [(0,)]
    assert await rows_of(db, "select sum(reserved)::int, sum(stocked)::int from level") == [
        (0, 60_000 + 6 * ROUNDS - 24 * ROUNDS)
    ]


# ── The catalogue changes under a running batch ───────────────────────────────────────────────────────


async def test_an_order_that_waited_for_its_items_sees_the_variant_made_meanwhile(
    worker: InProcessWorker,
    other: InProcessWorker,
    topics: Topics,
    db: "Connection",
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its recipe names an item that the batch had not locked: the batch runs again with it."""
    caplog.set_level("INFO")
    await worker.deliver(*shop(topics))
    await other.deliver(order(topics, "o0"))
    made = topics.event(
        "variant.created", variant_id="v9", inventory_items=[{"sku": "S1"}, {"sku": "S2"}], event_id="v9"
    )
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(worker.deliver(made))
    await gate.reached()
    second = asyncio.ensure_future(other.deliver(order(topics, "o1", "v1", "v9", event_id="p1")))
    await waiting_for_a_lock(db, "w2")
    gate.open()
    await first

    assert outcomes(await second) == [("p1", "applied")]
    assert "a recipe changed to items that are not locked" in caplog.text
    assert await levels(db) == {"v1@A": "10/6", "v2@A": "10/2"}


async def test_a_location_closed_while_an_order_waits_sells_it_nothing(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    await other.deliver(order(topics, "o0"))
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(
        worker.deliver(
            topics.event("location.deleted", location_id="A"),
            topics.event("stock.adjusted", sku="S1", location_id="A", delta=1),
        )
    )
    await gate.reached()
    second = asyncio.ensure_future(other.deliver(order(topics, "o1", event_id="p1")))
    await waiting_for_a_lock(db, "w2")
    gate.open()
    await first

    assert outcomes(await second) == [("p1", "insufficient_stock")]
    assert await levels(db) == {"v1@A": "11/2", "v2@A": "10/0"}


async def test_a_worker_follows_what_others_do_to_the_catalogue(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    await worker.deliver(topics.event("stock.set", sku="S1", location_id="B", quantity=10))
    await worker.deliver(order(topics, "o1"))
    await other.deliver(
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["B", "C"])
    )
    await worker.deliver(order(topics, "o2"))
    await other.deliver(
        topics.event("location.created", location_id="C"),
        topics.event("location.updated", location_id="B", roles=["ships"]),
        topics.event("stock.set", sku="S1", location_id="C", quantity=10),
    )
    await worker.deliver(order(topics, "o3"))

    assert await levels(db) == {"v1@A": "10/2", "v1@B": "10/2", "v1@C": "10/2", "v2@A": "10/0"}


async def test_a_rolled_back_catalogue_event_leaves_nothing_in_the_cache(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    made = topics.event("variant.created", variant_id="v9", sku="S9", event_id="v9")
    worker.processor.at = crash_at(Point.BEFORE_COMMIT)
    with pytest.raises(Crash):
        await worker.deliver(made, topics.event("location.deleted", location_id="A"))
    worker.processor.at = crash_at(Point.AFTER_COMMIT)
    with pytest.raises(Crash):
        await worker.deliver(
            order(topics, "o1", "v1", event_id="p1"), order(topics, "o2", "v9", event_id="p2")
        )
    del worker.processor.at
    assert outcomes(await worker.sweep()) == [("p1", "applied"), ("p2", "parked")]

    assert await parked(db) == {"p2": "variant v9"}
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}
    assert ("v9", "applied") in outcomes(await worker.deliver(made))


async def test_two_variants_that_bring_the_same_sku_at_once_share_one_item(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    gate = worker.processor.at = Gate(Point.BEFORE_COMMIT)
    first = asyncio.ensure_future(
        worker.deliver(topics.event("variant.created", variant_id="red", sku="S1", event_id="v1"))
    )
    await gate.reached()
    second = asyncio.ensure_future(
        other.deliver(topics.event("variant.created", variant_id="blue", sku="S1", event_id="v2"))
    )
    await waiting_for_a_lock(db, "w2")
    gate.open()

    assert outcomes(await first) + outcomes(await second) == [("v1", "applied"), ("v2", "applied")]
    assert await rows_of(db, "select inventory_item_id, sku from inventory_item where known") == [
        ("red", "S1")
    ]


async def test_starting_workers_uses_no_numbers_up(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """Topics have 32,767 of them: a worker that dies and starts again every ten seconds does so all day."""
    await worker.deliver(*shop(topics))
    for turn in range(3):
        async with worker_on(database_url, "w3") as started:
            await started.deliver(order(topics, f"o{turn}", quantity=1))
    await worker.deliver(topics.event("location.deleted", location_id="B", source="new"))

    assert await rows_of(db, "select max(topic_no) = count(*) from topic") == [(True,)]
    assert await rows_of(db, "select max(source_no) = count(*) from source") == [(True,)]


async def test_a_location_may_change_more_often_than_small_numbers_reach(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """Each event about a location uses up a number (an upsert asks for one before it looks)."""
    await db.execute("select setval('location_location_no_seq', 40000)")
    await worker.deliver(*shop(topics))
    await worker.deliver(order(topics, "o1"))
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


# ── COMMIT without a reply ────────────────────────────────────────────────────────────────────────────


async def test_a_commit_whose_reply_is_lost_is_looked_up_and_answered_once(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    placed = order(topics, "o1")
    async with postgres_proxy(database_url) as (proxy, url), worker_on(url, "w2") as behind:
        hold = proxy.hold(is_commit_reply)
        delivered = asyncio.ensure_future(behind.deliver(placed))
        await hold.wait()
        hold.cut()
        told = await delivered

    assert outcomes(told) == [("e8", "applied")]
    assert await rows_of(db, "select count(*) from batch where worker = 'w2'") == [(1,)]
    assert await worker.deliver(placed) == []
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


async def test_a_commit_that_never_came_is_made_again(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    async with postgres_proxy(database_url) as (proxy, url), worker_on(url, "w2") as behind:
        hold = proxy.hold(is_commit)
        delivered = asyncio.ensure_future(behind.deliver(order(topics, "o1")))
        await hold.wait()
        hold.cut()
        told = await delivered

    assert outcomes(told) == [("e8", "applied")]
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


async def test_a_commit_that_comes_late_is_met_at_the_locks(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """The worker has lost its session, the server has not: the batch runs again while the first is open."""
    await worker.deliver(*shop(topics))
    placed = order(topics, "o1")
    async with postgres_proxy(database_url) as (proxy, url), worker_on(url, "w2") as behind:
        hold = proxy.hold(is_commit)
        delivered = asyncio.ensure_future(behind.deliver(placed))
        await hold.wait()
        hold.lose_the_client()
        await waiting_for_a_lock(db, "w2")
        hold.release()
        told = await delivered
        assert outcomes(told) == []
        assert outcomes(await worker.sweep()) == [("e8", "applied")]

    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


async def test_a_batch_that_only_tells_again_survives_a_lost_reply(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    placed = order(topics, "o1")
    first = on(Output.RESULTS, await worker.deliver(placed))
    async with postgres_proxy(database_url) as (proxy, url), worker_on(url, "w2") as behind:
        hold = proxy.hold(is_commit_reply)
        delivered = asyncio.ensure_future(behind.deliver(topics.again(placed), placed))
        await hold.wait()
        hold.cut()
        assert await delivered == first
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


# ── An event that the database refuses ────────────────────────────────────────────────────────────────


async def at_most_reserved(db: "Connection", item_id: str, most: int) -> None:
    """A check of the test's own: more than this may not be reserved of an item, whatever the rules say."""
    item_no = await db.fetchval("select item_no from inventory_item where inventory_item_id = $1", item_id)
    await db.execute(
        f"alter table level add constraint of_the_test check (item_no <> {item_no} or reserved <= {most})"
    )


async def test_an_event_that_breaks_a_check_is_found_and_its_neighbours_are_applied(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    await at_most_reserved(db, "v2", 3)
    placed = [
        order(topics, "o1", "v1"),
        order(topics, "o2", "v2"),
        order(topics, "o3", "v2", "v1", event_id="bad"),
        order(topics, "o4", "v2", quantity=1),
        order(topics, "o5", "v1"),
    ]
    malformed = topics.record("order.placed", b"{", placed[0].headers)
    told = await worker.deliver(*placed, malformed)

    assert sorted(outcomes(told)) == [
        ("bad", "dead_lettered"),
        ("e11", "applied"),
        ("e12", "applied"),
        ("e8", "applied"),
        ("e8", "dead_lettered"),
        ("e9", "applied"),
    ]
    letters = {letter.value: dict(letter.headers) for letter in on(Output.DEAD_LETTERS, told)}
    assert letters.keys() == {placed[2].value, b"{"}
    assert letters[placed[2].value]["dlq-reason"] == b"invariant_violation"
    assert letters[placed[2].value]["dlq-error-class"] == b"CheckViolationError"
    assert await levels(db) == {"v1@A": "10/4", "v2@A": "10/3"}
    assert await rows_of(db, "select next_offset from consumer_progress where topic = 'order.placed'") == [
        (6,)
    ]
    assert worker.committed_offsets[TopicPartition("order.placed", 0)] == 6
    assert await worker.deliver(*placed) == []


async def test_a_parked_event_that_breaks_a_check_ends_as_a_dead_letter_when_it_is_released(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    *rest, count = shop(topics)
    await worker.deliver(*rest)
    bad = order(topics, "o1", "v2", quantity=4, event_id="bad")
    await worker.deliver(bad, order(topics, "o2", "v2", quantity=3, event_id="good"))
    assert await parked(db) == {"bad": "level v2", "good": "level v2"}
    await at_most_reserved(db, "v2", 3)

    told = await worker.deliver(count)

    assert sorted(outcomes(told)) == [("bad", "dead_lettered"), ("e7", "applied"), ("good", "applied")]
    assert [letter.value for letter in on(Output.DEAD_LETTERS, told)] == [bad.value]
    assert await dead(db) == [("bad", "invariant_violation")]
    assert await parked(db) == {}
    assert await levels(db) == {"v1@A": "10/0", "v2@A": "10/3"}


async def test_an_order_is_not_blamed_for_a_fact_that_its_placement_releases(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    await db.execute("alter table level add constraint of_the_test check (stocked >= 9)")
    bad = topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1", event_id="bad")
    good = topics.event(
        "order.fulfilled",
        order_id="o1",
        fulfillment_id="f2",
        event_id="good",
        lines=[{"line_item_id": "l1", "quantity": 1}],
    )
    await worker.deliver(bad, good)

    told = await worker.deliver(order(topics, "o1", event_id="p1"))

    assert sorted(outcomes(told)) == [("bad", "dead_lettered"), ("good", "applied"), ("p1", "applied")]
    assert await dead(db) == [("bad", "invariant_violation")]
    assert await parked(db) == {}
    assert await levels(db) == {"v1@A": "9/1", "v2@A": "10/0"}


async def test_a_dead_letter_is_judged_afresh_when_it_is_sent_again_and_only_then(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    await db.execute("alter table level add constraint of_the_test check (reserved <= 1)")
    bad = order(topics, "o1", event_id="bad")
    await worker.deliver(bad)
    assert await dead(db) == [("bad", "invariant_violation")]
    await db.execute("alter table level drop constraint of_the_test")

    assert await worker.deliver(bad) == []
    assert outcomes(await worker.deliver(topics.again(bad))) == [("bad", "applied")]
    assert await levels(db) == {"v1@A": "10/2", "v2@A": "10/0"}


async def test_an_event_that_no_rule_can_apply_is_judged_afresh_when_it_is_sent_again(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    location, _, _, variant, *_ = shop(topics)
    await worker.deliver(location, variant)
    uncountable = topics.event("stock.set", sku="S1", location_id="A", quantity="1.5", event_id="s1")
    told = await worker.deliver(uncountable)
    assert outcomes(told) == [("s1", "dead_lettered")]
    assert [letter.value for letter in on(Output.DEAD_LETTERS, told)] == [uncountable.value]
    assert await worker.deliver(uncountable) == []

    edited = topics.event("stock.set", sku="S1", location_id="A", quantity=2, event_id="s1")
    assert outcomes(await worker.deliver(edited)) == [("s1", "applied")]
    assert await levels(db) == {"v1@A": "2/0"}
    assert outcomes(await worker.deliver(topics.again(uncountable))) == [("s1", "dead_lettered")]
    assert await dead(db) == [("s1", "contract_violation"), ("s1", "id_reuse")]


# ── On their way to Kafka ─────────────────────────────────────────────────────────────────────────────


def told_levels(records: Sequence[OutRecord]) -> list[tuple[str, int, int]]:
    """Key, stocked and version of each level record."""
    found = []
    for record in on(Output.LEVELS, records):
        value = value_of(record)
        assert record.key is not None
        found.append((record.key.decode(), value["stocked"], value["level_version"]))
    return found


async def test_a_level_overtaken_on_its_way_is_told_again_as_it_stands(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """A compacted topic keeps the last record of a key: an old state that comes late must not be it."""
    await worker.deliver(*shop(topics))
    sold: Json = {"sku": "S1", "location_id": "A", "delta": -1}
    await worker.judge(topics.event("stock.adjusted", **sold))
    newer = await other.deliver(topics.event("stock.adjusted", **sold))
    assert told_levels(newer) == [("v1|A", 8, 3)]

    assert told_levels(await worker.publish()) == [("v1|A", 9, 2), ("v1|A", 8, 3)]
    assert await levels(db) == {"v1@A": "8/0", "v2@A": "10/0"}


async def test_a_level_that_this_worker_will_tell_anyway_is_not_told_in_between(
    worker: InProcessWorker, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    for _ in range(3):
        await worker.judge(topics.event("stock.adjusted", sku="S1", location_id="A", delta=-1))
    assert told_levels(await worker.publish()) == [("v1|A", 9, 2), ("v1|A", 8, 3), ("v1|A", 7, 4)]


async def test_what_a_dead_worker_left_is_published_by_another_as_it_was_frozen(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    async with worker_on(database_url, "w2") as dying:
        await dying.judge(order(topics, "o1"))
        told = await dying.publish()
        await db.execute("update batch set published_at = null where worker = 'w2'")

    assert await worker.sweep() == told
    assert await worker.sweep() == []
    assert await rows_of(db, "select count(*) from batch where published_at is null") == [(0,)]


async def test_a_row_whose_lease_runs_is_left_to_its_worker(
    worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    patient = InProcessWorker(worker.pool, "w2", publish_lease=timedelta(minutes=1))
    await patient.judge(*shop(topics))
    assert await worker.sweep() == []
    assert len(on(Output.RESULTS, await patient.publish())) == 7
    assert await rows_of(db, "select count(*) from batch where published_at is null") == [(0,)]


SOLD: Json = {"sku": "S1", "location_id": "A", "delta": -1}


async def test_a_batch_that_another_worker_took_over_is_left_to_it(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    """An old state told late would be the last of its level on the topic."""
    await worker.deliver(*shop(topics))
    for _ in range(2):
        await worker.judge(topics.event("stock.adjusted", **SOLD))
    assert told_levels(await other.sweep()) == [("v1|A", 9, 2), ("v1|A", 8, 3), ("v1|A", 8, 3)]

    assert await worker.publish() == []
    assert await rows_of(db, "select count(*) from batch where published_at is null") == [(0,)]


async def test_a_level_is_not_counted_on_once_its_batch_is_another_workers(
    worker: InProcessWorker, other: InProcessWorker, topics: Topics
) -> None:
    """Both are taken over while the first is on its way: it arrives behind what was told of the second."""
    await worker.deliver(*shop(topics))
    await worker.judge(topics.event("stock.adjusted", **SOLD))
    slow = OvertakenTopics(other, lambda: worker.judge(topics.event("stock.adjusted", **SOLD)))
    worker.published = worker.relay._publisher = slow

    told = await worker.publish()
    assert told_levels(told) == [("v1|A", 9, 2), ("v1|A", 8, 3)]
    assert outcomes(told) == [("e8", "applied")]


class OvertakenTopics(PublishedTopics):
    """While the first publication is on its way, something happens, and another worker takes it all over."""

    def __init__(self, other: InProcessWorker, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._other = other
        self._meanwhile: Callable[[], Awaitable[None]] | None = meanwhile

    async def publish(self, records: Sequence[OutRecord], deadline_s: float) -> list[Refused]:
        if self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()
            await self._other.sweep()
        return await super().publish(records, deadline_s)


# ── Rights ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "statement",
    [
        "create table t (n int)",
        "alter table level add column n int",
        "drop table movement",
        "create index on event (at)",
        "truncate movement",
        "create or replace function load_batch_v1() returns int language sql return 1",
        "update movement set delta = 1",
        "delete from movement",
        "delete from event",
        "delete from orders",
        "delete from order_line",
        "update order_line set variant_no = 1",
        "update order_line set recipe_no = null",
        "update fulfillment set event_seq = 1",
        "update recipe_part set required = 1",
        "update batch set frames = ''",
        "delete from batch",
        "insert into schema_migration select * from schema_migration",
        "alter role inventory_worker superuser",
    ],
)
async def test_a_worker_has_no_right_to(worker: InProcessWorker, topics: Topics, statement: str) -> None:
    await worker.deliver(*shop(topics))
    async with worker.pool.acquire() as session:
        assert await session.fetchval("select current_user") == WORKER_ROLE
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await session.execute(statement)
