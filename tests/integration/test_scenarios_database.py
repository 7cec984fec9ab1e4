"""The scenario tables once more, by the real worker's pipeline on a real Postgres; and those that need it.

Each scenario's answers and levels are those that it has in memory. Afterwards everything is redelivered, and
nothing comes of it (I5).
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import asyncpg
import pytest

from schemas import EventData, EventType
from schemas.outcome import Outcome
from schemas.topics import Output
from tests.books import connected, contradictions, levels, rows_of, waiting_for_a_lock
from tests.in_process import (
    Gate,
    InProcessWorker,
    Json,
    Point,
    Topics,
    line,
    on,
    outcomes,
    value_of,
    worker_on,
)
from tests.scenarios import BUCKETS, Scenario, Told
from tests.unit.telling import check_step
from tests.unit.test_scenarios_holds import SCENARIOS as HOLDS
from tests.unit.test_scenarios_known_failures import SCENARIOS as KNOWN_FAILURES
from tests.unit.test_scenarios_orders import SCENARIOS as ORDERS
from tests.unit.test_scenarios_policies import SCENARIOS as POLICIES
from tests.unit.test_scenarios_rulings import SCENARIOS as RULINGS
from tests.unit.test_scenarios_stock import OWN as FOLLOW_UPS
from tests.unit.test_scenarios_stock import SCENARIOS as STOCK
from tests.unit.world import OWN
from worker.domain.decision import Verdict
from worker.domain.event import Event
from worker.inspect.state import levels as level_rows
from worker.runtime.decode import Arrival, RawRecord
from worker.runtime.internal import internal_arrival
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


class Teller:
    """Tells a scenario's events to a worker; one told before is redelivered as it was."""

    def __init__(self, worker: InProcessWorker) -> None:
        self.records: dict[tuple[str, str, str], RawRecord] = {}
        self._worker = worker
        self._topics = Topics()

    async def tell(self, *told: Told) -> list[OutRecord]:
        """What the worker says because of these events, as one batch; some it tells itself."""
        if any(one.type in OWN for one in told):
            (own,) = told
            return await self._worker.tell_itself(_told_itself(own))
        return await self._worker.deliver(*map(self._record, told))

    def _record(self, told: Told) -> RawRecord:
        identity = (told.source, told.id, json.dumps([told.type, told.data], sort_keys=True))
        if identity not in self.records:
            time = None if told.time is None else told.time.isoformat()
            self.records[identity] = self._topics.event(
                told.type, event_id=told.id, source=told.source, time=time, **told.data
            )
        return self.records[identity]


def _told_itself(told: Told) -> Arrival:
    """As the worker tells something itself, but under the scenario's id."""
    data = cast("EventData", OWN[told.type](**told.data))
    arrival = internal_arrival(EventType(told.type), data, told.id, "scenario", datetime.now(UTC))
    return arrival._replace(event=arrival.event._replace(source=told.source, event_id=told.id))


def verdicts(records: Sequence[OutRecord]) -> list[Verdict]:
    """Answers with the alerts of their events, in the form in which scenarios are compared."""
    alerts: dict[tuple[str, str], list[Json]] = {}
    for alert in map(value_of, on(Output.ALERTS, records)):
        alerts.setdefault((alert["cause_source"], alert["cause_id"]), []).append(alert)
    found = []
    for answer in map(value_of, on(Output.RESULTS, records)):
        key = answer["cause_source"], answer["cause_id"]
        nothing = cast("EventData", None)
        event = Event(*key, EventType(answer["type"]), None, nothing, b"")
        found.append(Verdict(event, Outcome(answer["outcome"]), answer, alerts=alerts.pop(key, [])))
    return found


async def check_levels(db: "Connection", scenario: Scenario) -> None:
    """Every item that the scenario names has exactly the levels it says."""
    expected = scenario.levels_after
    found = {
        (row["sku"] or row["inventory_item_id"], row["location_id"]): {b: str(row[b]) for b in BUCKETS}
        | {"v": str(row["level_version"])}
        for row in await level_rows(db)
    }
    items = {item for item, _ in expected}
    assert {
        place: {name: level[name] for name in expected.get(place, level)}
        for place, level in found.items()
        if place[0] in items
    } == {place: _trimmed(level) for place, level in expected.items()}


def _trimmed(level: dict[str, str]) -> dict[str, str]:
    """Quantities as the wire spells them: no zeros at the end of decimals."""
    return {name: text.rstrip("0").rstrip(".") if "." in text else text for name, text in level.items()}


TABLES = [
    *KNOWN_FAILURES,
    *RULINGS,
    *ORDERS,
    *HOLDS,
    *POLICIES,
    *STOCK,
    *FOLLOW_UPS,
]


@pytest.mark.parametrize("scenario", TABLES, ids=lambda scenario: scenario.name)
async def test_scenario(scenario: Scenario, worker: InProcessWorker, db: "Connection") -> None:
    teller = Teller(worker)
    assert {outcome for _, outcome in outcomes(await teller.tell(*scenario.setup))} <= {Outcome.APPLIED}
    for step in scenario.steps:
        check_step(step, verdicts(await teller.tell(step.told)))
    await check_levels(db, scenario)

    assert await worker.deliver(*teller.records.values()) == []
    await check_levels(db, scenario)


# ── What needs several at once ────────────────────────────────────────────────────────────────────────


def shop(topics: Topics, **stock: int) -> list[RawRecord]:
    """Location A, a channel of it, and items with variants of the same names and so much stock."""
    return [
        topics.event("location.created", location_id="A"),
        topics.event("sales_channel.updated", sales_channel_id="web", location_ids=["A"]),
        *(topics.event("variant.created", variant_id=name) for name in stock),
        *(
            topics.event("stock.set", variant_id=name, location_id="A", quantity=quantity)
            for name, quantity in stock.items()
        ),
    ]


def place(topics: Topics, order_id: str, *wanted: tuple[str, int], event_id: str) -> RawRecord:
    lines = [line(f"L{n}", variant, quantity) for n, (variant, quantity) in enumerate(wanted, 1)]
    return topics.event(
        "order.placed", order_id=order_id, sales_channel_id="web", lines=lines, event_id=event_id
    )


async def at_once(
    db: "Connection", url: str, worker: InProcessWorker, *records: RawRecord
) -> list[list[OutRecord]]:
    """Each record on a worker of its own: the first stands under its locks until all others wait for them."""
    async with AsyncExitStack() as workers:
        gate = worker.processor.at = Gate(Point.UNDER_LOCKS)
        told = [asyncio.ensure_future(worker.deliver(records[0]))]
        await gate.reached()
        for number, record in enumerate(records[1:], 2):
            another = await workers.enter_async_context(worker_on(url, f"w{number}"))
            told.append(asyncio.ensure_future(another.deliver(record)))
            await waiting_for_a_lock(db, f"w{number}")
        gate.open()
        return [await one for one in told]


async def test_b1_two_orders_at_once_for_the_last_unit_make_one_reservation(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics, shirt=1))
    orders = [place(topics, f"o{n}", ("shirt", 1), event_id=f"o{n}") for n in (1, 2)]

    told = await at_once(db, database_url, worker, *orders)

    assert [outcomes(one) for one in told] == [[("o1", "applied")], [("o2", "insufficient_stock")]]
    assert await levels(db) == {"shirt@A": "1/1"}
    assert await rows_of(db, "select quantity from reservation") == [(1,)]


async def test_b6_two_checkouts_at_once_for_the_last_units(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics, shirt=6))
    orders = [place(topics, f"o{n}", ("shirt", 4), event_id=f"o{n}") for n in (1, 2)]

    told = await at_once(db, database_url, worker, *orders)

    assert [outcomes(one) for one in told] == [[("o1", "applied")], [("o2", "insufficient_stock")]]
    [short] = on(Output.INSUFFICIENT, told[1])
    assert value_of(short)["short_lines"][0]["available"] == 2
    assert await levels(db) == {"shirt@A": "6/4"}


async def test_b9_three_sales_at_once_are_three(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics, shirt=10))
    sold: Json = {"variant_id": "shirt", "location_id": "A", "delta": -1}

    await at_once(db, database_url, worker, *(topics.event("stock.adjusted", **sold) for _ in range(3)))

    assert await levels(db) == {"shirt@A": "7/0"}


async def test_b14_a_hundred_orders_of_the_same_items_in_any_order_all_succeed(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics, chance = Topics(), random.Random(14)
    items = [f"i{n}" for n in range(8)]
    await worker.deliver(*shop(topics, **dict.fromkeys(items, 1000)))
    orders = [
        place(topics, f"o{n}", *((item, 1) for item in chance.sample(items, 5)), event_id=f"o{n}")
        for n in range(100)
    ]

    async def buy(one: InProcessWorker, share: Sequence[RawRecord]) -> list[str]:
        told = [outcome for record in share for _, outcome in outcomes(await one.deliver(record))]
        assert len(told) == len(share)
        return told

    async with worker_on(database_url, "w2") as second, worker_on(database_url, "w3") as third:
        told = await asyncio.gather(
            buy(worker, orders[::3]), buy(second, orders[1::3]), buy(third, orders[2::3])
        )

    assert {outcome for share in told for outcome in share} == {"applied"}
    assert await rows_of(db, "select count(*), sum(quantity)::int from reservation") == [(500, 500)]


async def test_two_parts_of_a_transfer_received_at_once_are_both_stocked(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    lines: list[Json] = [{"variant_id": "shirt", "quantity": 6}]
    route: Json = {"transfer_id": "t1", "from_location_id": "A", "to_location_id": "B"}
    await worker.deliver(*shop(topics, shirt=10), topics.event("location.created", location_id="B"))
    await worker.deliver(topics.event("transfer.shipped", **route, lines=lines))
    parts = [
        topics.event(
            "transfer.received", transfer_id="t1", lines=[{"variant_id": "shirt", "quantity": units}]
        )
        for units in (4, 3)
    ]

    await at_once(db, database_url, worker, *parts)

    assert await levels(db) == {"shirt@A": "4/0", "shirt@B": "7/0"}
    transfers = "select shipped::int, received::int, from_location_id, to_location_id from v_transfer"
    assert await rows_of(db, transfers) == [(6, 7, "A", "B")]
    assert await rows_of(db, "select incoming from level where stocked = 7") == [(0,)]


async def test_b63_one_event_three_times_at_once_is_answered_three_times_alike(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics, shirt=10))
    placed = place(topics, "o1", ("shirt", 2), event_id="o1")

    told = await at_once(db, database_url, worker, placed, topics.again(placed), topics.again(placed))

    first, second, third = (on(Output.RESULTS, one) for one in told)
    assert outcomes(first) == [("o1", "applied")]
    assert first == second == third
    assert await levels(db) == {"shirt@A": "10/2"}


def shipped(topics: Topics, order_id: str, fulfillment_id: str, quantity: int) -> RawRecord:
    lines = [{"line_item_id": "L1", "quantity": quantity}]
    return topics.event("order.fulfilled", order_id=order_id, fulfillment_id=fulfillment_id, lines=lines)


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_b64_a_cancel_and_the_placement_at_once_leave_nothing_reserved(
    database_url: str, worker: InProcessWorker, db: "Connection", *, cancel_first: bool
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics, shirt=10))
    both = [place(topics, "o1", ("shirt", 2), event_id="o1"), topics.event("order.canceled", order_id="o1")]

    told = await at_once(db, database_url, worker, *(reversed(both) if cancel_first else both))

    answers = [outcome for one in told for _, outcome in outcomes(one)]
    assert answers == ["applied", "order_canceled" if cancel_first else "applied"]
    assert await levels(db) == {"shirt@A": "10/0"}


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_b51_a_cancel_and_a_shipment_at_once_count_what_left(
    database_url: str, worker: InProcessWorker, db: "Connection", *, cancel_first: bool
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics, shirt=10), place(topics, "o1", ("shirt", 3), event_id="o1"))
    both = [shipped(topics, "o1", "f1", 2), topics.event("order.canceled", order_id="o1")]

    told = await at_once(db, database_url, worker, *(reversed(both) if cancel_first else both))

    assert [outcome for one in told for _, outcome in outcomes(one)] == ["applied", "applied"]
    assert await levels(db) == {"shirt@A": "8/0"}


async def test_a_cancel_releases_a_parked_placement_and_what_is_shipped_of_it_leaves(
    worker: InProcessWorker, db: "Connection"
) -> None:
    """The placement waits for a coat; of the batch that ships and cancels only a cart names the shirt."""
    topics = Topics()
    await worker.deliver(
        *shop(topics, shirt=10), place(topics, "o1", ("shirt", 3), ("coat", 1), event_id="placed")
    )

    cart = [line("L1", "shirt", 1), line("L2", "coat", 1)]
    told = await worker.deliver(
        topics.event("variant.created", variant_id="coat"),
        topics.event("cart.validated", cart_id="c1", sales_channel_id="web", lines=cart),
        shipped(topics, "o1", "f1", 2),
        topics.event("order.canceled", order_id="o1"),
    )

    assert ("placed", "order_canceled") in outcomes(told)
    assert await levels(db) == {"shirt@A": "8/0"}


async def test_b60_two_orders_grow_at_once_for_the_last_units(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    orders = [place(topics, f"o{n}", ("shirt", 1), event_id=f"o{n}") for n in (1, 2)]
    await worker.deliver(*shop(topics, shirt=4), *orders)
    grown = [
        topics.event("order.updated", order_id=f"o{n}", lines=[line("L1", "shirt", 3)], version=2)
        for n in (1, 2)
    ]

    told = await at_once(db, database_url, worker, *grown)

    assert [outcome for one in told for _, outcome in outcomes(one)] == ["applied", "insufficient_stock"]
    assert await levels(db) == {"shirt@A": "4/4"}


async def test_two_backorders_at_once_keep_to_the_limit_together(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    limit: Json = {"variant_id": "shirt", "location_id": "A", "quantity": 1, "backorder_limit": 2}
    await worker.deliver(*shop(topics, shirt=1), topics.event("stock.set", **limit))
    orders = [
        topics.event(
            "order.placed",
            order_id=f"o{n}",
            sales_channel_id="web",
            lines=[line("L1", "shirt", 2)],
            policy="backorder",
            event_id=f"o{n}",
        )
        for n in (1, 2)
    ]

    told = await at_once(db, database_url, worker, *orders)

    assert [outcomes(one) for one in told] == [[("o1", "applied")], [("o2", "insufficient_stock")]]
    assert await rows_of(db, "select stocked, reserved, shortfall from level") == [(1, 2, 1)]


async def test_b66_the_last_units_of_two_locations_sold_at_once_are_out_of_stock_once(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    both: Json = {"sales_channel_id": "web", "location_ids": ["A", "B"]}
    await worker.deliver(
        *shop(topics, shirt=1),
        topics.event("location.created", location_id="B"),
        topics.event("sales_channel.updated", **both),
        topics.event("stock.set", variant_id="shirt", location_id="B", quantity=1),
    )
    orders = [
        topics.event(
            "order.placed",
            order_id=f"o-{location}",
            sales_channel_id="web",
            lines=[{**line("L1", "shirt", 1), "location_id": location}],
        )
        for location in "AB"
    ]

    told = await at_once(db, database_url, worker, *orders)

    alerts = [value_of(alert) for one in told for alert in on(Output.ALERTS, one)]
    assert [(one["kind"], one["location_id"], one.get("sales_channel_id")) for one in alerts] == [
        ("out_of_stock", "A", None),
        ("out_of_stock", "B", None),
        ("out_of_stock", None, "web"),
    ]
    ids = {(record.topic, dict(record.headers)["ce_id"]) for one in told for record in on(Output.ALERTS, one)}
    assert len(ids) == len(alerts)


async def test_b40_the_newest_of_changes_at_once_is_what_the_order_holds(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics, shirt=9), place(topics, "o1", ("shirt", 1), event_id="o1"))
    changes = [
        topics.event("order.updated", order_id="o1", lines=[line("L1", "shirt", n)], version=n)
        for n in (3, 4, 2)
    ]

    told = await at_once(db, database_url, worker, *changes)

    assert sorted(outcome for one in told for _, outcome in outcomes(one)) in (
        ["applied", "applied", "stale"],
        ["applied", "stale", "stale"],
    )
    assert await levels(db) == {"shirt@A": "9/4"}


async def test_b44_a_shipment_undone_three_times_at_once_comes_back_once(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    await worker.deliver(
        *shop(topics, shirt=10),
        place(topics, "o1", ("shirt", 2), event_id="o1"),
        shipped(topics, "o1", "f1", 2),
    )
    undone = [topics.event("fulfillment.canceled", order_id="o1", fulfillment_id="f1") for _ in range(3)]

    told = await at_once(db, database_url, worker, *undone)

    answers = [outcome for one in told for _, outcome in outcomes(one)]
    assert answers == ["applied", "already_applied", "already_applied"]
    assert await levels(db) == {"shirt@A": "10/2"}
    assert await rows_of(db, "select order_no, line_no, quantity from reservation") == [(1, 1, 2)]


@pytest.mark.parametrize(
    "change",
    [
        "reserved = stocked + shortfall + 1",
        "stocked = -1",
        "reserved = -1",
        "stocked = reserved - 1",
        "incoming = -1",
        "damaged = -1",
        "quarantined = -1",
        "shortfall = -1",
    ],
)
async def test_b72_the_database_itself_keeps_levels_possible(
    worker: InProcessWorker, db: "Connection", change: str
) -> None:
    topics = Topics()
    await worker.deliver(*shop(topics, shirt=10), place(topics, "o1", ("shirt", 2), event_id="o1"))
    with pytest.raises(asyncpg.CheckViolationError):
        await db.execute(f"update level set {change}")  # noqa: S608  the text is this list's


async def test_b74_variants_created_in_bulk_and_again_have_one_item_and_link_each(
    database_url: str, worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    made = [topics.event("variant.created", variant_id=f"v{n}", sku=f"S{n}") for n in range(100)]
    async with worker_on(database_url, "w2") as second:
        await asyncio.gather(worker.deliver(*made), second.deliver(*reversed(made)))
        await second.deliver(*map(topics.again, made))

    links = "select count(distinct v.variant_id), count(distinct p.item_no), count(*) from variant as v"
    links += " join recipe_part as p on p.recipe_no = v.recipe_no"
    assert await rows_of(db, links) == [(100, 100, 100)]
    assert await rows_of(db, "select count(*) from inventory_item where known") == [(100,)]
    assert await rows_of(db, "select count(*) from recipe") == [(100,)]
