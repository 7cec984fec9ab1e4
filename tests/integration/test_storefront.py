"""What storefronts are told: the present state in the end, whoever counts, dies, or comes too late."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.orders import Policy
from schemas.outputs import OUTPUTS
from schemas.topics import Output
from tests.books import connected, contradictions
from tests.in_process import (
    DEADLINE_S,
    GROUP,
    SOURCE,
    Gate,
    InProcessWorker,
    Json,
    Point,
    PublishedTopics,
    Topics,
    answers,
    backoff,
    line,
    on,
    pool_of,
    value_of,
    worker_on,
)
from worker.runtime import availability
from worker.runtime.answer import AnswerWriter
from worker.runtime.decode import RawRecord
from worker.runtime.errors import Transient
from worker.runtime.load import Usual
from worker.runtime.publish import Refused
from worker.runtime.records import OutRecord
from worker.runtime.republish import AVAILABILITY_TELL_AGAIN
from worker.runtime.storefront import Storefront, StorefrontSettings

if TYPE_CHECKING:
    from worker.runtime.database import Connection, Pool


class Window(Storefront):
    """A storefront loop of a worker on this database, whose turns a test takes; topics are a list."""

    def __init__(self, pool: "Pool", topic: PublishedTopics, name: str, policy: Policy) -> None:
        super().__init__(
            StorefrontSettings(name, Usual(policy)),
            pool,
            topic,
            AnswerWriter(SOURCE, GROUP, "0"),
            backoff,
            lambda: datetime.now(UTC),
        )
        self.topic = topic

    async def told(self) -> dict[str, tuple[object, object]]:
        """Takes a turn; gives what was told in it: key → available and sellable."""
        before = len(self.topic.records)
        async with asyncio.timeout(DEADLINE_S):
            await self.turn()
        return last_of(self.topic.records[before:])


@asynccontextmanager
async def window_on(
    url: str,
    topic: PublishedTopics | None = None,
    name: str = "s1",
    policy: Policy = Policy.ALL_OR_NOTHING,
) -> AsyncIterator[Window]:
    async with pool_of(url, name) as pool:
        yield Window(pool, topic or PublishedTopics(), name, policy)


@pytest.fixture(autouse=True)
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
async def window(database_url: str) -> AsyncIterator[Window]:
    async with window_on(database_url) as one:
        yield one


@pytest.fixture
def topics() -> Topics:
    return Topics()


def last_of(records: Sequence[OutRecord]) -> dict[str, tuple[object, object]]:
    """What compaction keeps of the records, and that each is what its contract says."""
    last: dict[str, Json] = {}
    for record in on(Output.AVAILABILITY, records):
        value = value_of(record)
        OUTPUTS[Output.AVAILABILITY.event_type].validate_json(record.value or b"")
        key = f"{value['variant_id']}|{value['sales_channel_id']}"
        assert record.key == key.encode()
        last[key] = value
    return {key: (value["available"], value["sellable"]) for key, value in last.items()}


def stocks(count: int | str) -> tuple[object, object]:
    """What is told of a variant that does not wait for stock."""
    return count, count


def shop(topics: Topics) -> list[RawRecord]:
    """Locations A, B, C; channel web sells from A and B, pos from C; cup and saucer, and a set of 1 and 2."""
    parts = [{"sku": "cup", "required_quantity": 1}, {"sku": "saucer", "required_quantity": 2}]
    return [
        *(topics.event("location.created", location_id=location) for location in "ABC"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A", "B"]),
        topics.event("sales_channel.updated", sales_channel_id="pos", location_ids=["C"]),
        topics.event("variant.created", variant_id="cup", sku="cup"),
        topics.event("variant.created", variant_id="saucer", sku="saucer"),
        topics.event("variant.created", variant_id="set", inventory_items=parts),
        topics.event("variant.created", variant_id="gift", manage_inventory=False),
        stock(topics, "cup", "A", 3),
        stock(topics, "cup", "B", 2),
        stock(topics, "saucer", "A", 9),
        stock(topics, "saucer", "C", 1),
    ]


def stock(topics: Topics, sku: str, location: str, quantity: int, **more: int) -> RawRecord:
    counted: Json = more
    return topics.event("stock.set", sku=sku, location_id=location, quantity=quantity, **counted)


def order(topics: Topics, order_id: str, variant_id: str, quantity: int, **envelope: str) -> RawRecord:
    lines = [line("L1", variant_id, quantity)]
    return topics.event("order.placed", order_id=order_id, sales_channel_id="web", lines=lines, **envelope)


async def as_carts_say(
    worker: InProcessWorker, topics: Topics, variants: Sequence[str], channels: Sequence[str]
) -> dict[str, tuple[object, object]]:
    """What a cart of each variant alone is answered in each channel."""
    said = {}
    for channel in channels:
        for variant in variants:
            cart = topics.event(
                "cart.validated", cart_id="c", sales_channel_id=channel, lines=[line("L1", variant, 1)]
            )
            [answer] = answers(await worker.deliver(cart))
            said[f"{variant}|{channel}"] = stocks(answer["lines"][0]["available"])
    return said


# ── What is told ──────────────────────────────────────────────────────────────────────────────────────


async def test_every_variant_is_told_of_in_every_channel_as_a_cart_would_be_answered(
    worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    told = await window.told()
    assert told == {
        "cup|web": (5, 5),
        "cup|pos": (0, 0),
        "saucer|web": (9, 9),
        "saucer|pos": (1, 1),
        "set|web": (4, 4),
        "set|pos": (0, 0),
        "gift|web": (None, None),
        "gift|pos": (None, None),
    }
    assert told == await as_carts_say(worker, topics, ("cup", "saucer", "set", "gift"), ("web", "pos"))


async def test_only_what_changed_is_told_again(
    worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    await window.told()
    assert await window.told() == {}

    await worker.deliver(order(topics, "o1", "saucer", 1))
    assert await window.told() == {"saucer|web": stocks(8)}
    await worker.deliver(
        topics.event("stock.adjusted", sku="cup", location_id="C", delta=1, bucket="damaged")
    )
    assert await window.told() == {}
    await worker.deliver(order(topics, "o2", "cup", 2), order(topics, "o3", "set", 1))
    assert await window.told() == {"cup|web": stocks(2), "saucer|web": stocks(6), "set|web": stocks(2)}


async def test_changes_that_cancel_out_between_two_looks_are_not_told(
    worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    await window.told()
    await worker.deliver(stock(topics, "cup", "A", 0))
    await worker.deliver(stock(topics, "cup", "A", 3))
    assert await window.told() == {}


async def test_safety_stock_alone_changes_what_is_told(
    worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    await window.told()
    assert await window.told() == {}
    await worker.deliver(stock(topics, "cup", "A", 3, safety_stock=2))
    assert await window.told() == {"cup|web": stocks(3), "set|web": stocks(3)}


async def test_locations_and_channels_change_what_is_told(
    worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    await window.told()
    await worker.deliver(topics.event("location.updated", location_id="B", roles=["ships"]))
    assert await window.told() == {"cup|web": stocks(3), "set|web": stocks(3)}
    await worker.deliver(
        topics.event("sales_channel.updated", sales_channel_id="pos", location_ids=["C", "A"])
    )
    assert await window.told() == {"cup|pos": stocks(3), "saucer|pos": stocks(10), "set|pos": stocks(3)}
    await worker.deliver(topics.event("location.deleted", location_id="C"))
    assert await window.told() == {"saucer|pos": stocks(9)}


async def test_the_version_rises_with_each_value_told(
    worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    for left in (5, 4, 3):
        await window.told()
        [version] = [
            value_of(record)["availability_version"]
            for record in on(Output.AVAILABILITY, window.topic.records)
            if (value_of(record)["variant_id"], value_of(record)["available"]) == ("cup", left)
            and value_of(record)["sales_channel_id"] == "web"
        ]
        assert version == 6 - left
        await worker.deliver(order(topics, f"o{left}", "cup", 1))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("cup", "saucer")), st.sampled_from("ABC"), st.integers(0, 9), st.integers(0, 3)
    )
    | st.tuples(st.just("order"), st.sampled_from(("cup", "saucer", "set")), st.integers(1, 3))
    | st.tuples(st.just("channel"), st.permutations("ABC"), st.integers(0, 3), st.integers(0, 4))
    | st.just(("look",)),
    max_size=12,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_whatever_happened_the_last_told_is_what_a_cart_is_answered(
    worker: InProcessWorker, window: Window, topics: Topics, steps: list[tuple[object, ...]]
) -> None:
    if not topics.logs["location.created"]:
        await worker.deliver(*shop(topics))
    for step in steps:
        match step:
            case ("look",):
                await window.told()
            case ("order", str(variant), int(quantity)):
                number = len(topics.logs["order.placed"])
                await worker.deliver(order(topics, f"o{number}", variant, quantity))
            case ("channel", list(locations), int(count), int(kept)):
                await worker.deliver(
                    topics.event(
                        "sales_channel.updated",
                        sales_channel_id="web",
                        location_ids=locations[:count],
                        safety_stock=kept,
                    )
                )
            case (str(sku), str(location), int(quantity), int(kept)):
                await worker.deliver(stock(topics, sku, location, quantity, safety_stock=kept))
            case _:
                raise AssertionError(step)
    await window.told()
    assert last_of(window.topic.records) == await as_carts_say(
        worker, topics, ("cup", "saucer", "set", "gift"), ("web", "pos")
    )


async def test_what_may_wait_is_told_as_sellable(
    worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    await window.told()
    await worker.deliver(topics.event("variant.updated", variant_id="cup", sku="cup", allow_backorder=True))
    assert await window.told() == {"cup|web": (5, None), "cup|pos": (0, None)}
    await worker.deliver(
        topics.event("variant.updated", variant_id="cup", sku="cup", allow_backorder=True, backorder_limit=3)
    )
    assert await window.told() == {"cup|web": (5, 8), "cup|pos": (0, 3)}
    await worker.deliver(order(topics, "o1", "cup", 7))
    assert await window.told() == {"cup|web": (0, 1), "cup|pos": (0, 1), "set|web": stocks(0)}
    await worker.deliver(topics.event("variant.deleted", variant_id="cup"))
    assert await window.told() == {"cup|web": stocks(0), "cup|pos": stocks(0)}


async def test_a_new_holder_of_the_claim_counts_by_its_own_settings(
    database_url: str, worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    await window.told()
    await window.release()
    async with window_on(database_url, name="s2", policy=Policy.BACKORDER) as other:
        told = await other.told()
    assert (told["cup|web"], told["set|web"], "gift|web" in told) == ((5, None), (4, None), False)


# ── Batches that are late, and too many ───────────────────────────────────────────────────────────────


async def test_a_batch_that_commits_after_a_later_one_is_counted_in(
    database_url: str, worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    await window.told()
    async with worker_on(database_url, "w2") as late:
        # It has its number and its locks; the row of its partition's progress would keep the others waiting.
        late.processor.at = gate = Gate(Point.UNDER_LOCKS)
        judging = asyncio.ensure_future(late.judge(order(topics, "o1", "cup", 1)))
        await gate.reached()
        for _ in range(3):  # while nothing that began after it has ended
            assert await window.told() == {}
        for number in range(3):
            await worker.deliver(order(topics, f"p{number}", "saucer", 1))
            assert (await window.told())["saucer|web"] == stocks(8 - number)
        gate.open()
        await judging
        await late.publish()
    assert await window.told() == {"cup|web": stocks(4)}


async def test_batches_are_read_once_and_forgotten_when_all_before_them_are_over(
    worker: InProcessWorker, window: Window, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    for number in range(5):
        await worker.deliver(order(topics, f"o{number}", "saucer", 1))
        await window.told()
    for _ in range(2):
        await window.told()
    assert window._counter._counted == frozenset()
    assert await db.fetchval(
        "select batches_seen = (select max(batch_id) from batch) from availability_state"
    )


async def test_more_batches_than_are_worth_reading_are_counted_by_counting_everything(
    worker: InProcessWorker,
    window: Window,
    topics: Topics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(availability, "BATCHES_MAX", 2)
    monkeypatch.setattr(availability, "VARIANTS_AT_ONCE", 1)
    await worker.deliver(*shop(topics))
    for number in range(4):
        await worker.deliver(order(topics, f"o{number}", "cup", 1))
    told: dict[str, tuple[object, object]] = {}
    for _ in range(12):
        told |= await window.told()
    assert (told["cup|web"], told["set|web"], len(told)) == (stocks(1), stocks(1), 8)
    for number in range(5, 9):
        await worker.deliver(order(topics, f"o{number}", "saucer", 1))
    told = {}
    for _ in range(12):
        told |= await window.told()
    assert told == {"saucer|web": stocks(5)}


# ── Those who publish die, or come too late ───────────────────────────────────────────────────────────


class Away(PublishedTopics):
    """Kafka takes nothing."""

    async def publish(self, records: Sequence[OutRecord], deadline_s: float) -> list[Refused]:
        raise Transient("away")


class Slow(PublishedTopics):
    """What one publishes arrives when it is let through, on a topic that others write to as well."""

    def __init__(self, others: PublishedTopics) -> None:
        super().__init__()
        self.records = others.records
        self.sending, self.may_arrive = asyncio.Event(), asyncio.Event()

    async def publish(self, records: Sequence[OutRecord], deadline_s: float) -> list[Refused]:
        self.sending.set()
        await self.may_arrive.wait()
        return await super().publish(records, deadline_s)


async def claim_runs_out(db: "Connection") -> None:
    await db.execute("update availability_state set held_until = '-infinity'")


async def test_one_counts_and_the_others_wait_until_it_ends(
    database_url: str, worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    async with window_on(database_url, window.topic, "s2") as other:
        assert len(await window.told()) == 8
        await worker.deliver(order(topics, "o1", "cup", 1))
        assert await other.told() == {}
        running = asyncio.ensure_future(window.run())
        await window.end()
        await running
        assert last_of(window.topic.records)["cup|web"] == stocks(4)
        await worker.deliver(order(topics, "o2", "cup", 1))
        assert await other.told() == {"cup|web": stocks(3), "set|web": stocks(3)}


async def test_what_a_dead_holder_counted_and_did_not_publish_its_successor_publishes(
    database_url: str, worker: InProcessWorker, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    async with window_on(database_url, Away()) as dying, window_on(database_url, name="s2") as successor:
        with pytest.raises(Transient):
            await dying.turn()
        assert await db.fetchval("select count(*) from availability") == 8
        assert await successor.told() == {}
        await claim_runs_out(db)
        assert len(await successor.told()) == 8
        assert await successor.told() == {}


async def test_a_holder_whose_commit_was_not_confirmed_publishes_what_it_counted(
    worker: InProcessWorker, window: Window, topics: Topics
) -> None:
    await worker.deliver(*shop(topics))
    publish_due, window._publish_due = window._publish_due, never  # type: ignore[method-assign]
    await window.turn()
    window._due = {}
    window._publish_due = publish_due  # type: ignore[method-assign]
    await worker.deliver(order(topics, "o1", "saucer", 1))
    told = await window.told()
    assert (len(told), told["saucer|web"]) == (8, stocks(8))


async def test_values_marked_while_others_are_published_are_told_again(
    worker: InProcessWorker, window: Window, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    publish = window.topic.publish

    async def marked_meanwhile(records: Sequence[OutRecord], deadline_s: float) -> list[Refused]:
        rows = await db.fetch("select variant_no, channel_no from availability limit 3")
        await db.fetchval(AVAILABILITY_TELL_AGAIN, *([row[at] for row in rows] for at in (0, 1)))
        window.topic.publish = publish  # type: ignore[method-assign]
        return await publish(records, deadline_s)

    window.topic.publish = marked_meanwhile  # type: ignore[method-assign]
    assert len(await window.told()) == 8
    assert len(await window.told()) == 3
    assert await window.told() == {}


async def test_the_audit_finds_a_value_that_is_not_what_is_available(
    worker: InProcessWorker, window: Window, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    for _ in range(3):
        await window.told()
    assert await contradictions(db) == []
    await db.execute("update availability set available_micro = 4000000 where available_micro = 5000000")
    [found] = await contradictions(db)
    assert all(figure in found for figure in ("'variant_id': 'cup'", "'told': 4", "'available': 5")), found
    await db.execute("update availability set available_micro = 5000000 where sellable_micro = 5000000")


async def never() -> bool:
    return False


async def test_a_holder_that_publishes_too_late_does_not_leave_the_topic_on_an_older_value(
    database_url: str, worker: InProcessWorker, window: Window, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    slow = Slow(window.topic)
    async with window_on(database_url, slow, "s2") as late:
        turn = asyncio.ensure_future(late.turn())
        async with asyncio.timeout(DEADLINE_S):
            await slow.sending.wait()
        await claim_runs_out(db)
        await worker.deliver(order(topics, "o1", "cup", 1))
        assert (await window.told())["cup|web"] == stocks(4)
        slow.may_arrive.set()
        await turn
    told = [value_of(r)["available"] for r in window.topic.records if r.key == b"cup|web"]
    assert told[-1] == 4
    assert 5 in told


async def test_the_audit_finds_values_that_nobody_publishes(
    database_url: str, worker: InProcessWorker, window: Window, topics: Topics, db: "Connection"
) -> None:
    await worker.deliver(*shop(topics))
    async with window_on(database_url, Away(), "s2") as dying:
        with pytest.raises(Transient):
            await dying.turn()
    assert await contradictions(db) == []
    await claim_runs_out(db)
    assert len(await contradictions(db)) == 8
    await window.told()
