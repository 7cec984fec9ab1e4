"""A repair puts right what contradicts itself, in the ledger, beside working workers, and only once."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from schemas.topics import Output
from tests.books import connected, contradictions, dead, levels, rows_of
from tests.in_process import InProcessWorker, Json, Topics, answers, line, on, outcomes, value_of, worker_on
from worker.cli import main
from worker.inspect.audit import FindingKind, audit
from worker.inspect.repair import repair
from worker.inspect.why import Question, why
from worker.runtime.decode import RawRecord
from worker.settings import Settings, load_settings

if TYPE_CHECKING:
    from worker.runtime.database import Connection


def settings(database_url: str) -> Settings:
    return load_settings({"kafka_bootstrap": "nowhere:9092", "database_url": database_url})


async def open_shop(worker: InProcessWorker, topics: Topics) -> None:
    """10 shirts at A and none at B; o1 holds 2, o2 holds 2 of 3 and has 1 shipped: 9/4."""
    await worker.deliver(
        topics.event("location.created", location_id="A"),
        topics.event("location.created", location_id="B"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A", "B"]),
        topics.event("variant.created", variant_id="shirt"),
        topics.event("variant.created", variant_id="mug"),
    )
    for record in (
        topics.event("stock.set", variant_id="shirt", location_id="A", quantity=10, event_id="count"),
        placed(topics, "o1", 2),
        placed(topics, "o2", 3),
        topics.event(
            "order.fulfilled",
            order_id="o2",
            fulfillment_id="f1",
            lines=[{"line_item_id": "L1", "quantity": 1}],
            event_id="ship-o2",
        ),
    ):
        assert [outcome for _, outcome in outcomes(await worker.deliver(record))] == ["applied"]


def placed(topics: Topics, order_id: str, quantity: int) -> RawRecord:
    return topics.event(
        "order.placed",
        order_id=order_id,
        sales_channel_id="web",
        lines=[line("L1", "shirt", quantity)],
        event_id=f"place-{order_id}",
    )


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[InProcessWorker]:
    async with worker_on(database_url) as one:
        await open_shop(one, Topics())
        yield one


@pytest.fixture
async def db(worker: InProcessWorker, database_url: str) -> AsyncIterator["Connection"]:
    connection = await connected(database_url, f"test beside {worker.name}")
    yield connection
    await connection.close()


async def repairs_of(db: "Connection") -> list[str]:
    """The movements that repairs made, as: order/line bucket change."""
    return [
        f"{row['order_id'] or '-'}/{row['line_item_id'] or '-'} {row['bucket']} {row['delta']:+}"
        for row in (await why(db, Question("shirt"))).movements
        if row["type"] == "audit.repaired"
    ]


async def written(db: "Connection") -> list[tuple[object, ...]]:
    """How many rows there are of what a repair could write."""
    return await rows_of(
        db,
        "select (select count(*) from event), (select count(*) from movement), (select count(*) from batch),"
        " (select count(*) from ledger_gap), (select sum(version) from level)",
    )


CHANGED = "the level was changed without an event after this one"
DEPARTS = "the ledger departs from what this event told"

CORRUPTIONS = [
    # what somebody did, what stands then, what the ledger says of it, and what explains it
    ("update level set stocked = 12", "12/4", ["-/- stocked +3"], (CHANGED, "ship-o2")),
    ("update level set damaged = 1", "9/4", ["-/- damaged +1"], (CHANGED, "ship-o2")),
    ("update level set reserved = 1", "9/4", ["-/- reserved -3", "-/- reserved +3"], (CHANGED, "ship-o2")),
    (
        "update reservation set quantity = 1 where order_no = 1",
        "9/3",
        ["o1/L1 reserved -1"],
        ("this order line holds 1, the ledger says 2", "place-o1"),
    ),
    (
        "delete from reservation where order_no = 2",
        "9/2",
        ["o2/L1 reserved -2"],
        ("this order line holds 0, the ledger says 2", "ship-o2"),
    ),
    (
        "delete from movement where version = 2",
        "9/4",
        ["o1/L1 reserved +2"],
        ("this order line holds 2, the ledger says 0", None),
    ),
    ("delete from movement where version = 1", "9/4", ["-/- stocked +10"], (DEPARTS, "count")),
    ("update movement set delta = -2 where version = 5", "9/4", ["-/- stocked +1"], (DEPARTS, "ship-o2")),
    ("delete from movement where version = 5", "9/4", ["-/- stocked -1"], (DEPARTS, "ship-o2")),
    ("update level set version = 8", "9/4", [], (CHANGED, "ship-o2")),
    ("update level set version = 4", "9/4", [], None),
    (
        "insert into reservation select 999, 1, level_no, 3 from level",
        "9/4",
        [],
        None,
    ),
    (
        "update order_line set quantity_micro = 1000000 where order_no = 1",
        "9/3",
        ["o1/L1 reserved -1"],
        None,
    ),
    ("insert into hold select 999, 'L1', level_no, 3 from level", "9/4", [], None),
    ("update orders set canceled = true where order_id = 'o2'", "9/2", ["o2/L1 reserved -2"], None),
]


@pytest.mark.parametrize(
    ("corruption", "then", "ledger", "explained"), CORRUPTIONS, ids=[one[0] for one in CORRUPTIONS]
)
async def test_what_contradicts_itself_is_explained_and_put_right_once(
    db: "Connection",
    database_url: str,
    corruption: str,
    then: str,
    ledger: list[str],
    explained: tuple[str, str | None] | None,
) -> None:
    await db.execute(corruption)
    found = await repair(settings(database_url), None)

    assert not found.before.is_clean
    assert found.after.findings == ()
    assert (await levels(db))["shirt@A"] == then
    assert await repairs_of(db) == ledger
    if explained is not None:
        told = [one for finding in found.before.findings for one in finding.explained_by]
        assert explained in [(one["reason"], one["event_id"]) for one in told]

    rows = await written(db)
    again = await repair(settings(database_url), None)
    assert (again.before.is_clean, again.repairs) == (True, [])
    assert await written(db) == rows


async def test_a_repair_is_answered_and_its_level_told_by_the_workers(
    worker: InProcessWorker, db: "Connection", database_url: str
) -> None:
    await db.execute("update level set stocked = 4")
    await repair(settings(database_url), None)
    told = await worker.sweep()
    [answer] = answers(told)
    assert (answer["type"], answer["outcome"]) == ("audit.repaired", "applied")
    assert answer["corrections"] == [{"bucket": "stocked", "level": 4, "ledger": 9, "corrected": 4}]
    [level] = map(value_of, on(Output.LEVELS, told))
    assert (level["stocked"], level["reserved"], level["level_version"]) == (4, 4, 6)


async def test_levels_are_put_right_beside_working_workers(
    worker: InProcessWorker, db: "Connection", database_url: str
) -> None:
    topics = Topics("other-shop")
    await worker.deliver(
        topics.event("stock.set", variant_id="shirt", location_id="A", quantity=1000, event_id="much")
    )

    async def buy(numbers: range) -> None:
        for n in numbers:
            await worker.deliver(placed(topics, f"busy{n}", 1))

    buying = asyncio.ensure_future(buy(range(40)))
    for _ in range(5):
        await db.execute("update level set incoming = incoming + 1")
        await repair(settings(database_url), None)
    await buying
    assert await contradictions(db) == []
    assert await levels(db) == {"shirt@A": "1000/44"}


async def test_whatever_is_broken_by_hand_is_put_right(
    worker: InProcessWorker, db: "Connection", database_url: str
) -> None:
    chance = random.Random(16)
    topics = Topics("more")
    for n in range(6):
        await worker.deliver(placed(topics, f"more{n}", 1))
    breaks = [
        "update level set {bucket} = {bucket} + {units}",
        "update level set reserved = greatest(0, reserved - {units})",
        "update level set version = greatest(0, version + {units} - 2)",
        "update movement set delta = coalesce(nullif(delta + {units}, 0), 5) where version = {version}",
        "delete from movement where version = {version}",
        "update movement set bucket = 3 where version = {version}",
        "delete from reservation where order_no = {order}",
        "update reservation set quantity = quantity + {units} where order_no = {order}",
        "insert into reservation select {order} + 1000, 1, level_no, {units} from level",
        "update orders set canceled = true where order_no = {order}",
        "update order_line set quantity_micro = 0 where order_no = {order}",
    ]
    for _ in range(40):
        for broken in chance.sample(breaks, chance.randint(1, 3)):
            names = {"bucket": chance.choice(["stocked", "incoming", "damaged", "quarantined"])}
            numbers = {"units": chance.randint(1, 3), "version": chance.randint(1, 12)}
            await db.execute(broken.format(**names, **numbers, order=chance.randint(1, 8)))
        found = await repair(settings(database_url), None)
        kinds = {one.kind for one in found.after.findings}
        assert kinds <= {FindingKind.LINE_EXCEEDED, FindingKind.LINE_RETURNED}, found.after.findings
        rows = await written(db)
        assert (await repair(settings(database_url), None)).repairs == []
        assert await written(db) == rows or kinds


async def test_what_has_no_truth_to_go_by_stays_a_finding(db: "Connection", database_url: str) -> None:
    await db.execute("update fulfillment_part set quantity = 2")
    rows = await written(db)
    found = await repair(settings(database_url), None)
    assert [one.kind for one in found.after.findings] == [FindingKind.LINE_EXCEEDED, FindingKind.LINE_UNITS]
    [told, *_] = found.before.findings[-1].explained_by
    assert (told["reason"], told["event_id"]) == ("this event made fulfillment f1", "ship-o2")
    assert (await rows_of(db, "select count(*) from movement"))[0][0] == rows[0][1]


@pytest.mark.parametrize(
    ("corruption", "stored", "told"),
    [
        (
            "update source set source = '/elsewhere'",
            {"source": "/elsewhere", "event_id": "count"},
            {"source": "shop"},
        ),
        (
            "update event set type = 9 where event_id = 'count'",
            {"type": "stock.adjusted"},
            {"type": "stock.set", "event_id": "count"},
        ),
        (
            "update orders set order_id = 'o3' where order_id = 'o2'",
            {"order_id": "o3"},
            {"order_id": "o2", "event_id": "place-o2"},
        ),
    ],
)
async def test_a_number_that_stands_for_another_text_is_found(
    db: "Connection", corruption: str, stored: Json, told: Json
) -> None:
    assert (await audit(db)).is_clean
    await db.execute(corruption)
    found = [dict(one.figures) for one in (await audit(db)).findings if one.kind is FindingKind.INTERNED]
    assert any(
        stored.items() <= one["stored"].items() and told.items() <= one["told"].items() for one in found
    )


async def test_an_item_that_took_another_one_s_name_is_found(db: "Connection") -> None:
    await db.execute("update inventory_item set inventory_item_id = 'coat' where inventory_item_id = 'shirt'")
    found = [one.figures for one in (await audit(db)).findings if one.kind is FindingKind.INTERNED]
    assert {"inventory_item_id": "shirt", "location_id": "A", "level_version": 5} in [
        one["told"] for one in found
    ]


async def test_nobody_else_can_tell_of_a_repair(worker: InProcessWorker, db: "Connection") -> None:
    topics = Topics("stranger")
    record = topics.record(
        "stock.set",
        b'{"inventory_item_id": "shirt", "location_id": "A"}',
        tuple(
            (f"ce_{name}", value)
            for name, value in {
                "specversion": b"1.0",
                "type": b"audit.repaired",
                "source": b"stranger",
                "id": b"x1",
            }.items()
        ),
    )
    await worker.deliver(record)
    assert await dead(db) == [("x1", "unknown_type")]


def test_the_command_tells_what_it_did(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def prepare() -> None:
        async with worker_on(database_url) as one:
            await open_shop(one, Topics())
        db = await connected(database_url)
        await db.execute("update level set stocked = 12")
        await db.close()

    def run(*arguments: str) -> tuple[int | str | None, str]:
        with pytest.raises(SystemExit) as ended:
            main(["audit", *arguments, "--database-url", database_url])
        return ended.value.code, capsys.readouterr().out

    asyncio.run(prepare())
    assert run()[0] == 1
    code, printed = run("--repair", "--json")
    document = json.loads(printed)
    assert (code, document["drift"], document["before"]["drift"]) == (0, 0, 1)
    assert document["repairs"][0]["corrections"][0]["corrected"] == 12
    assert run("--repair")[0] == 0
    assert run("--deep")[0] == 0
