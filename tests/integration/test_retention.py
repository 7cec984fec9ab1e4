"""What is old goes to the archives in small steps; books, explanations and promises stay right."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.books import connected, contradictions, dead, levels, rows_of
from tests.in_process import InProcessWorker, Json, Topics, line, outcomes, worker_on
from worker.cli import main
from worker.inspect.repair import repair
from worker.inspect.why import Question, why
from worker.runtime.backoff import Backoff
from worker.runtime.decode import RawRecord
from worker.runtime.retention import Done, Retention, RetentionSettings
from worker.settings import load_settings

if TYPE_CHECKING:
    from worker.runtime.database import Connection

KEPT = RetentionSettings(
    inbox=timedelta(days=30),
    orders=timedelta(days=400),
    ledger=timedelta(days=730),
    archive=None,
    announced_for=timedelta(0),
    batches_at_once=2,
    orders_at_once=2,
)
NOTHING = Done()


def retention(worker: InProcessWorker, settings: RetentionSettings = KEPT) -> Retention:
    return Retention(
        settings, worker.pool, worker.pipeline.forget_before, lambda: Backoff(lambda: 0.0, lambda: None)
    )


async def keep(worker: InProcessWorker, settings: RetentionSettings = KEPT) -> Done:
    """Two rounds, what both did: the first announces, the second removes what was answered."""
    first = await retention(worker, settings).round()
    second = await retention(worker, settings).round()
    return Done(*(sum(both) for both in zip(first, second, strict=True)))


async def age(db: "Connection", days: int) -> None:
    """Everything happened so many days earlier."""
    await db.execute("update batch set at = at - $1::interval", timedelta(days=days))
    await db.execute("update event set at = at - $1::interval", timedelta(days=days))
    await db.execute("update orders set touched = touched - $1::int", days)
    await db.execute("update cart set touched = touched - $1::int", days)


def placed(topics: Topics, order_id: str, quantity: int = 1, **more: Any) -> RawRecord:
    lines = [line("L1", "shirt", quantity)]
    return topics.event("order.placed", order_id=order_id, sales_channel_id="web", lines=lines, **more)


def of_today(record: RawRecord) -> RawRecord:
    return record._replace(timestamp_ms=int(datetime.now(UTC).timestamp() * 1000))


async def tell(worker: InProcessWorker, *records: RawRecord) -> set[str]:
    """Outcomes of records that are written just now."""
    records = tuple(map(of_today, records))
    return {outcome for _, outcome in outcomes(await worker.deliver(*records))}


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
async def worker(database_url: str, topics: Topics) -> AsyncIterator[InProcessWorker]:
    """10 shirts at A; o1 holds 2, o2 was shipped whole, one event waits, one is a dead letter: 7/2."""
    async with worker_on(database_url) as one:
        assert await tell(
            one,
            topics.event("location.created", location_id="A"),
            topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A"]),
            topics.event("variant.created", variant_id="shirt"),
            topics.event("stock.set", variant_id="shirt", location_id="A", quantity=10, event_id="count"),
        ) == {"applied"}
        assert await tell(one, placed(topics, "o1", 2), placed(topics, "o2", 3)) == {"applied"}
        shipped = topics.event("order.fulfilled", order_id="o2", fulfillment_id="f1", event_id="ship")
        assert await tell(one, shipped) == {"applied"}
        assert await tell(one, topics.event("stock.set", sku="HAT", location_id="A", quantity=1)) == {
            "parked"
        }
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


async def count(db: "Connection", table: str) -> int:
    [(rows,)] = await rows_of(db, f"select count(*)::int from {table}")  # noqa: S608  names of this file
    return int(rows)


def in_short(movements: Any) -> list[Json]:
    """Movements as `why` tells them."""
    return [dict(row) for row in movements]


async def test_nothing_goes_before_its_time(worker: InProcessWorker, db: "Connection") -> None:
    await age(db, 29)
    assert await keep(worker) == NOTHING
    assert await rows_of(db, "select inbox_horizon from retention") == [(None,)]


async def test_old_answers_and_inbox_rows_go_to_the_archive_and_what_waits_stays(
    worker: InProcessWorker, db: "Connection"
) -> None:
    before = in_short((await why(db, Question("shirt"))).movements)
    await age(db, 40)
    assert await keep(worker) == Done(batches=4)
    assert await rows_of(db, "select event_id from event where outcome <> 100") == []
    assert (await count(db, "event"), await count(db, "batch")) == (1, 0)
    assert await rows_of(
        db, "select event_id, source, type, outcome, order_id from event_archive where event_id = 'ship'"
    ) == [("ship", "shop", "order.fulfilled", "applied", "o2")]

    after = in_short((await why(db, Question("shirt"))).movements)
    assert [{**row, "at": None} for row in after] == [{**row, "at": None} for row in before]

    hat = Topics("late").event("variant.created", variant_id="hat", sku="HAT")
    await worker.deliver(of_today(hat))
    assert (await levels(db))["hat@A"] == "1/0"
    assert await keep(worker) == NOTHING


async def test_records_older_than_the_inbox_remembers_are_dead_letters(
    worker: InProcessWorker, db: "Connection", topics: Topics
) -> None:
    await age(db, 40)
    [(now,)] = await rows_of(db, "select clock_timestamp()")

    def at(days_ago: int, event_id: str) -> RawRecord:
        moment = now - timedelta(days=days_ago)
        record = placed(topics, event_id, event_id=event_id)
        return record._replace(timestamp_ms=int(moment.timestamp() * 1000))

    assert outcomes(await worker.deliver(at(31, "old1"))) == [("old1", "applied")], "nothing is forgotten yet"
    await keep(worker)
    told = outcomes(await worker.deliver(at(31, "old2"), at(29, "new")))
    assert told == [("new", "applied"), ("old2", "dead_lettered")]
    assert await dead(db) == [("old2", "beyond_retention")]
    assert (await levels(db))["shirt@A"] == "7/4"


async def test_a_horizon_is_announced_before_anything_is_removed(
    worker: InProcessWorker, db: "Connection"
) -> None:
    await age(db, 40)
    patient = RetentionSettings(timedelta(30), timedelta(400), timedelta(730), None)
    assert await keep(worker, patient) == NOTHING
    assert await rows_of(db, "select inbox_horizon is not null from retention") == [(True,)]
    await db.execute("update retention set announced_at = announced_at - interval '10 minutes'")
    assert (await retention(worker, patient).round()).batches == 4


async def test_answers_with_open_dead_letters_stay_for_their_replay(
    worker: InProcessWorker, db: "Connection", topics: Topics
) -> None:
    await worker.deliver(topics.record("order.placed", b"nonsense"))
    await age(db, 40)
    assert (await keep(worker)).batches == 4
    assert await count(db, "batch") == 1
    await db.execute("update dead_letter set state = 'discarded'")
    assert (await retention(worker).round()).batches == 1


async def test_the_ledger_goes_on_from_what_is_archived(
    worker: InProcessWorker, db: "Connection", database_url: str
) -> None:
    before = in_short((await why(db, Question("shirt"))).movements)
    await age(db, 800)
    done = await keep(worker)
    assert (done.batches, done.ledger_batches > 0) == (4, True)
    assert (await count(db, "movement"), await count(db, "movement_archive")) == (0, 5)
    assert await contradictions(db) == []

    after = in_short((await why(db, Question("shirt"))).movements)
    assert [{**row, "at": None} for row in after] == [{**row, "at": None} for row in before]

    late = Topics("late")
    assert await tell(
        worker,
        late.event("order.fulfilled", order_id="o1", fulfillment_id="f1"),
        late.event("stock.adjusted", variant_id="shirt", location_id="A", delta=1),
        placed(late, "o3", 4),
    ) == {"applied"}
    assert (await levels(db))["shirt@A"] == "6/4"
    [*_, last] = (await why(db, Question("shirt"))).movements
    assert (last["stocked"], last["reserved"]) == (6, 4)
    settings = load_settings({"kafka_bootstrap": "nowhere:1", "database_url": database_url})
    assert (await repair(settings, None)).before.is_clean


async def test_a_level_is_put_right_by_its_whole_ledger(
    worker: InProcessWorker, db: "Connection", database_url: str
) -> None:
    await age(db, 800)
    await keep(worker)
    await db.execute("update level set stocked = 20")
    settings = load_settings({"kafka_bootstrap": "nowhere:1", "database_url": database_url})
    found = await repair(settings, None)
    assert found.after.is_clean
    assert found.repairs[0]["corrections"] == [
        {"bucket": "stocked", "level": 20, "ledger": 7, "corrected": 20}
    ]
    assert (await levels(db))["shirt@A"] == "20/2"


async def test_items_counted_finer_keep_what_is_archived(worker: InProcessWorker, db: "Connection") -> None:
    await age(db, 800)
    await keep(worker)
    await db.execute("select count_finer_v1(item_no, 2::smallint) from inventory_item where sku is null")
    assert await contradictions(db) == []
    [*_, last] = (await why(db, Question("shirt"))).movements
    assert (last["stocked"], last["reserved"]) == (7, 2)


async def test_finished_orders_go_and_open_ones_stay(
    worker: InProcessWorker, db: "Connection", topics: Topics
) -> None:
    await age(db, 401)
    done = await keep(worker)
    assert done.orders == 1
    assert await rows_of(db, "select order_id from orders") == [("o1",)]
    [(document,)] = await rows_of(db, "select document from order_archive where order_id = 'o2'")
    document = json.loads(document)
    assert [one["variant_id"] for one in document["lines"]] == ["shirt"]
    assert [one["fulfillment_id"] for one in document["fulfillments"]] == ["f1"]
    told = [row["line_item_id"] for row in (await why(db, Question("shirt", order_id="o2"))).movements]
    assert told == ["L1", "L1", "L1"]

    back = topics.event(
        "order.returned", order_id="o2", return_id="r1", lines=[{"line_item_id": "L1", "quantity": 1}]
    )
    assert await tell(worker, back) == {"parked"}
    shipped = topics.event("order.fulfilled", order_id="o1", fulfillment_id="f1")
    assert await tell(worker, shipped) == {"applied"}
    assert (await keep(worker)).orders == 0, "something happened to them today"


async def test_carts_nobody_hears_of_are_forgotten_and_holds_explained_as_long_as_the_ledger(
    worker: InProcessWorker, db: "Connection", topics: Topics
) -> None:
    lines = [line("L1", "shirt", 1)]
    for cart_id in ("c1", "c2"):
        hold = topics.event(
            "cart.validated", cart_id=cart_id, sales_channel_id="web", lines=lines, hold={"ttl_seconds": 600}
        )
        assert await tell(worker, hold) == {"applied"}
    assert await tell(worker, topics.event("cart.released", cart_id="c1")) == {"applied"}
    before = [row["cart_id"] for row in (await why(db, Question("shirt"))).movements]
    assert before[-3:] == ["c1", "c2", "c1"]
    await age(db, 800)
    done = await keep(worker)
    assert done.carts == 1
    assert await rows_of(db, "select cart_id from cart") == [("c2",)]
    assert [row["cart_id"] for row in (await why(db, Question("shirt"))).movements] == before
    assert (await levels(db))["shirt@A"] == "7/3"


async def test_months_of_the_archives_are_dropped_and_balances_stay(
    worker: InProcessWorker, db: "Connection", topics: Topics
) -> None:
    await age(db, 800)
    await keep(worker)
    assert await count(db, "movement_archive") == 5
    dropping = RetentionSettings(
        timedelta(30), timedelta(400), timedelta(730), timedelta(760), announced_for=timedelta(0)
    )
    done = await retention(worker, dropping).round()
    assert done.months_dropped >= 4
    assert await count(db, "movement_archive") == 0
    assert await tell(worker, placed(topics, "o9", 1)) == {"applied"}
    [last] = (await why(db, Question("shirt"))).movements
    assert (last["stocked"], last["reserved"]) == (7, 3)


async def test_archiving_goes_on_beside_working_workers(
    worker: InProcessWorker, db: "Connection", database_url: str, topics: Topics
) -> None:
    many = topics.event("stock.set", variant_id="shirt", location_id="A", quantity=1000)
    assert await tell(worker, many) == {"applied"}
    quick = RetentionSettings(
        timedelta(0), timedelta(0), timedelta(0), None, announced_for=timedelta(0), clocks_apart=timedelta(0)
    )

    async def buy(one: InProcessWorker, name: str) -> None:
        mine = Topics(name)
        for n in range(25):
            order_id = f"{name}-{n}"
            assert await tell(one, placed(mine, order_id, 2)) == {"applied"}
            shipping = mine.event("order.fulfilled", order_id=order_id, fulfillment_id="f")
            assert await tell(one, shipping) == {"applied"}

    async with worker_on(database_url, "w2") as second, worker_on(database_url, "w3") as third:
        working = asyncio.gather(buy(worker, "a"), buy(second, "b"))
        while not working.done():
            await Retention(
                quick, third.pool, lambda _horizon: None, lambda: Backoff(lambda: 0.0, lambda: None)
            ).round()
            await asyncio.sleep(0.01)
        await working
    assert await levels(db) == {"shirt@A": "900/2"}


def test_the_command_tells_how_far_back_everything_goes(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["retention", *arguments, "--database-url", database_url])
        assert ended.value.code == 0
        return capsys.readouterr().out

    found = json.loads(run("--json"))
    assert (found["inbox_horizon"], found["archives"], found["done"]) == (None, [], None)
    assert json.loads(run("--now", "--json"))["done"]["batches"] == 0
    assert "inbox horizon" in run()
