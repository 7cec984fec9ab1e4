"""Delivery at its worst, at random: a real Postgres, two workers, and topics that keep no promise but order.

Records come in any batches, again, from older offsets, to the other worker or to both at once; processes end
at named points; acknowledgements get lost. After every step, and at the end, what the protocol claims must
hold (protocol §6). FAULT_ROUNDS sets how many histories are tried.
"""

import asyncio
import contextlib
import json
import os
import random
import sys
import traceback
from collections import defaultdict
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import sql
from schemas.topics import TYPES_BY_TOPIC, Output
from tests import lifecycles
from tests.books import connected, contradictions, rows_of
from tests.in_process import (
    GROUP,
    Crash,
    InProcessWorker,
    Json,
    Point,
    Topics,
    crash_at,
    line,
    on,
    value_of,
)
from tests.scenarios import Scenario
from worker.inspect.state import levels as level_rows
from worker.runtime.database import open_pool
from worker.runtime.decode import RawRecord
from worker.runtime.errors import Transient
from worker.runtime.publish import Publisher, PublisherSettings, Refused
from worker.runtime.records import OutRecord

if TYPE_CHECKING:
    from worker.runtime.database import Pool

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "40"))
STEPS = 30
WORKERS = 2

SETTINGS = settings(
    max_examples=ROUNDS,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

T = TypeVar("T")


WRONG_LEVELS = """
    select v.* from level as v
    cross join lateral (
        select coalesce(sum(h.quantity), 0) as reserved from v_held as h where h.level_no = v.level_no
    ) as held
    cross join lateral (
        select count(*) as version,
            coalesce(sum(m.delta) filter (where m.bucket = 1), 0) as stocked,
            coalesce(sum(m.delta) filter (where m.bucket = 2), 0) as reserved,
            coalesce(sum(m.delta) filter (where m.bucket = 6), 0) as shortfall
        from movement as m where m.level_no = v.level_no
    ) as ledger
    where v.reserved > v.stocked + v.shortfall
        or v.reserved <> held.reserved
        or (v.version, v.stocked, v.reserved, v.shortfall)
            <> (ledger.version, ledger.stocked, ledger.reserved, ledger.shortfall)
"""
EFFECTS_OF_NO_EVENT = """
    select m.* from movement as m
    where (select count(*) from event as e where e.seq = m.event_seq and e.outcome in (1, 2)) <> 1
"""
ADJUSTMENTS = """
    select e.event_id, array_agg(units(m.delta, i.decimal_places)::int) from event as e
    join movement as m on m.event_seq = e.seq and m.bucket = 1
    join level as v on v.level_no = m.level_no join inventory_item as i on i.item_no = v.item_no
    where e.type = 9 and e.outcome = 1
    group by e.event_id, e.source_no
"""
EMPTIED = """
    truncate
        source, topic, inventory_item, variant, recipe, recipe_part, location, sales_channel, level,
        set_guard, orders, order_line, reservation, fulfillment, fulfillment_line, fulfillment_part,
        order_return, order_return_line, order_return_part, movement, event, parked, dead_letter, batch,
        consumer_progress, cart, hold, transfer, transfer_line, availability, ledger_gap
    restart identity;
    update catalogue_state set catalogue_version = 0;
    delete from availability_state;
    insert into availability_state default values
"""


LEVEL_FIGURES = ("stocked", "reserved", "incoming", "damaged", "quarantined", "shortfall", "level_version")


class Fate(Enum):
    """What becomes of records on their way to Kafka."""

    TAKEN = auto()
    LOST = auto()
    TAKEN_WITHOUT_A_WORD = auto()
    """They are there, but their acknowledgements are lost: they are sent again."""
    TAKEN_BY_A_DYING_PROCESS = auto()
    """They are there, and the process ends before it can note that."""


class Death(Enum):
    """Where a worker's process ends."""

    BEFORE_TRANSACTION = auto()
    UNDER_LOCKS = auto()
    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()
    """Before its answers go out, its offsets are told, and what it released is looked at."""
    BEFORE_OFFSETS = auto()
    """Its answers are out."""
    BEFORE_PUBLISHING = auto()
    """Its offsets are told."""


CRASHES = {
    Death.BEFORE_TRANSACTION: Point.BEFORE_TRANSACTION,
    Death.UNDER_LOCKS: Point.UNDER_LOCKS,
    Death.BEFORE_COMMIT: Point.BEFORE_COMMIT,
    Death.AFTER_COMMIT: Point.AFTER_COMMIT,
}


class SharedTopics(Publisher):
    """Output topics that all workers publish to; what becomes of the next publications is told beforehand."""

    def __init__(self, log: list[OutRecord]) -> None:
        super().__init__(PublisherSettings(bootstrap="nowhere:0"))
        self.fates: list[Fate] = []
        self._log = log

    async def publish(self, records: Sequence[OutRecord], deadline_s: float) -> list[Refused]:
        fate = self.fates.pop(0) if self.fates else Fate.TAKEN
        if fate is not Fate.LOST:
            self._log += records
        match fate:
            case Fate.LOST | Fate.TAKEN_WITHOUT_A_WORD:
                raise Transient("no acknowledgement came")
            case Fate.TAKEN_BY_A_DYING_PROCESS:
                raise Crash
            case Fate.TAKEN:
                return []


# ── Events ────────────────────────────────────────────────────────────────────────────────────────────

VARIANTS: dict[str, Json] = {
    "v1": {"variant_id": "v1", "sku": "S1"},
    "v2": {"variant_id": "v2", "sku": "S2", "decimal_places": 1},
    "kit": {"variant_id": "kit", "inventory_items": [{"sku": "S1", "required_quantity": 2}, {"sku": "S3"}]},
    "gift": {"variant_id": "gift", "manage_inventory": False},
}
variant_ids = st.sampled_from(sorted(VARIANTS))
location_ids = st.sampled_from(["A", "B"])
cart_ids = st.sampled_from(["c1", "c2"])
order_ids = st.sampled_from(["o1", "o2", "o3"])
skus = st.sampled_from(["S1", "S2", "S3"])
small = st.integers(1, 3)
ordered_lines = st.lists(st.tuples(variant_ids, small), min_size=1, max_size=2).map(
    lambda ordered: [line(f"L{n}", *one) for n, one in enumerate(ordered, 1)]
)
line_quantities = st.dictionaries(st.sampled_from(["L1", "L2"]), small, min_size=1).map(
    lambda lines: [{"line_item_id": name, "quantity": quantity} for name, quantity in lines.items()]
)


def event(type_name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Json]]:
    """An event of this type; fields that come out as None are left out."""
    return st.fixed_dictionaries(fields).map(
        lambda data: (type_name, {name: value for name, value in data.items() if value is not None})
    )


catalogue_events = st.one_of(
    variant_ids.map(lambda variant_id: ("variant.created", VARIANTS[variant_id])),
    event("location.created", location_id=location_ids),
    event(
        "location.updated",
        location_id=location_ids,
        roles=st.sampled_from([None, ["sells", "ships"], ["ships", "accepts_returns"]]),
    ),
    event("location.deleted", location_id=st.just("B")),
    event(
        "sales_channel.updated",
        sales_channel_id=st.just("web"),
        location_ids=st.sampled_from([["A", "B"], ["B", "A"], ["A"]]),
    ),
)
stock_events = st.one_of(
    event("stock.set", sku=skus, location_id=location_ids, quantity=st.integers(0, 6)),
    event("stock.adjusted", sku=skus, location_id=location_ids, delta=st.sampled_from([1, -1, 2, -2, 5])),
)
placements = event(
    "order.placed",
    order_id=order_ids,
    sales_channel_id=st.just("web"),
    lines=ordered_lines,
    strategy=st.sampled_from([None, "most_available", "random"]),
    policy=st.sampled_from([None, None, "partial", "backorder"]),
    cart_id=st.none() | cart_ids,
)
fulfilments = event(
    "order.fulfilled",
    order_id=order_ids,
    fulfillment_id=st.sampled_from(["f1", "f2"]),
    location_id=st.none() | location_ids,
    lines=st.none() | line_quantities,
)
order_events = st.one_of(
    placements,
    placements,
    fulfilments,
    fulfilments,
    event(
        "order.returned",
        order_id=order_ids,
        return_id=st.sampled_from(["r1", "r2"]),
        location_id=st.none() | location_ids,
        lines=line_quantities,
    ),
    event(
        "reservation.moved",
        order_id=order_ids,
        line_item_id=st.just("L1"),
        from_location_id=location_ids,
        to_location_id=location_ids,
        quantity=st.none() | small,
    ),
    event(
        "order.updated",
        order_id=order_ids,
        version=st.none() | small,
        lines=ordered_lines,
    ),
    event("order.canceled", order_id=order_ids, line_item_ids=st.sampled_from([None, None, ["L1"], ["L2"]])),
    event("fulfillment.canceled", order_id=order_ids, fulfillment_id=st.sampled_from(["f1", "f2"])),
    event(
        "cart.validated",
        cart_id=cart_ids,
        sales_channel_id=st.just("web"),
        lines=ordered_lines,
        hold=st.sampled_from([None, {"ttl_seconds": 60}]),
    ),
    event("cart.released", cart_id=cart_ids),
)
events = st.one_of(order_events, order_events, stock_events, catalogue_events)

SHOP: list[tuple[str, Json]] = [
    *(("variant.created", data) for data in VARIANTS.values()),
    *(("location.created", {"location_id": location_id}) for location_id in "AB"),
    *(
        ("stock.set", {"sku": sku, "location_id": location_id, "quantity": 4})
        for location_id in "AB"
        for sku in ("S1", "S2", "S3")
    ),
    ("sales_channel.updated", {"sales_channel_id": "web", "location_ids": ["A", "B"]}),
]


class Delivery(RuleBasedStateMachine):
    """Two workers, their group's offsets, and all that was ever said by them."""

    bench: "Bench"

    def __init__(self) -> None:
        super().__init__()
        self.bench.empty()
        self.topics = Topics()
        self.published: list[OutRecord] = []
        self.committed = dict.fromkeys(TYPES_BY_TOPIC, 0)
        self.positions = dict(self.committed)
        self.assigned = {topic: at % WORKERS for at, topic in enumerate(TYPES_BY_TOPIC)}
        self.processes = 0
        self.workers = [self._process(number) for number in range(WORKERS)]
        self.late: list[tuple[str, Json]] = []
        self.checked = 0
        self.final_answers: dict[tuple[str, str], OutRecord] = {}
        self.parked_answers: dict[tuple[str, str], OutRecord] = {}

    # ── Producers ──────────────────────────────────────────────────────────────────────────────────

    @initialize(missing=st.none() | st.integers(0, len(SHOP) - 1))
    def open_the_shop(self, missing: int | None) -> None:
        """So that most histories get to orders that can be applied; one thing may be told late."""
        self.late = [] if missing is None else [SHOP[missing]]
        for type_name, data in SHOP:
            if (type_name, data) not in self.late:
                self.topics.event(type_name, **data)

    @rule()
    def tell_the_late_thing(self) -> None:
        while self.late:
            type_name, data = self.late.pop()
            self.topics.event(type_name, **data)

    @rule(told=st.lists(events, min_size=2, max_size=8))
    def produce(self, told: list[tuple[str, Json]]) -> None:
        for type_name, data in told:
            self.topics.event(type_name, **data)

    @rule(told=st.lists(order_events, min_size=2, max_size=8))
    def produce_for_orders(self, told: list[tuple[str, Json]]) -> None:
        self.produce(told)

    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        if records := self._records():
            self.topics.again(data.draw(st.sampled_from(records)))

    @rule(data=st.data(), told=events)
    def reuse_an_id(self, data: st.DataObject, told: tuple[str, Json]) -> None:
        if records := [record for record in self._records() if record.headers]:
            used = dict(data.draw(st.sampled_from(records)).headers)["ce_id"]
            assert used is not None
            type_name, body = told
            self.topics.event(type_name, event_id=used.decode(), **body)

    @rule(topic=st.sampled_from(sorted(TYPES_BY_TOPIC)), value=st.sampled_from([None, b"", b"{", b"[]"]))
    def produce_rubbish(self, topic: str, value: bytes | None) -> None:
        self.topics.record(topic, value)

    # ── Workers ────────────────────────────────────────────────────────────────────────────────────

    @rule(number=st.integers(0, WORKERS - 1), count=st.integers(1, 30))
    def deliver(self, number: int, count: int) -> None:
        self.bench.await_(self._deliver(number, self._next(number, count)))

    @rule(counts=st.tuples(st.integers(1, 20), st.integers(1, 20)))
    def deliver_to_both(self, counts: tuple[int, int]) -> None:
        batches = [self._next(number, count) for number, count in enumerate(counts)]
        self.bench.await_(self._at_once([(n, batch) for n, batch in enumerate(batches)]))

    @rule(count=st.integers(1, 20), reverse=st.booleans())
    def deliver_the_same_to_both(self, count: int, reverse: bool) -> None:  # noqa: FBT001  Hypothesis passes by name
        """A worker that lost its partitions is still at work on what the other one now reads."""
        batch = self._next(0, count)
        other = list(reversed(batch)) if reverse else batch
        self.bench.await_(self._at_once([(0, batch), (1, other)]))

    @rule(number=st.integers(0, WORKERS - 1), count=st.integers(1, 20), death=st.sampled_from(Death))
    def die_while_delivering(self, number: int, count: int, death: Death) -> None:
        self.bench.await_(self._die(number, self._next(number, count), death))

    @rule(number=st.integers(0, WORKERS - 1), fates=st.lists(st.sampled_from(Fate), max_size=3))
    def publish(self, number: int, fates: list[Fate]) -> None:
        self.bench.await_(self._publish(number, fates))

    @rule(number=st.integers(0, WORKERS - 1))
    def look_at_what_is_parked(self, number: int) -> None:
        self.bench.await_(self.workers[number].pipeline._sweep())

    @rule()
    def look_at_what_is_parked_both_at_once(self) -> None:
        self.bench.await_(self._sweep_both())

    @rule(number=st.integers(0, WORKERS - 1))
    def holds_end(self, number: int) -> None:
        self.bench.await_(self._end_holds(number))

    @rule(number=st.integers(0, WORKERS - 1))
    def publish_what_others_left(self, number: int) -> None:
        self.bench.await_(self.workers[number].relay.sweep())

    @rule(number=st.integers(0, WORKERS - 1))
    def leases_end_and_another_publishes(self, number: int) -> None:
        """The others stood still for longer than their leases last, and do not know it yet."""
        self.bench.await_(self._take_over(number))

    @rule(
        number=st.integers(0, WORKERS - 1),
        counts=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    )
    def stand_still_while_another_goes_on(self, number: int, counts: tuple[int, int]) -> None:
        self.bench.await_(self._stand_still(number, *counts))

    @rule(
        owners=st.lists(
            st.integers(0, WORKERS - 1), min_size=len(TYPES_BY_TOPIC), max_size=len(TYPES_BY_TOPIC)
        )
    )
    def rebalance(self, owners: list[int]) -> None:
        self.assigned = dict(zip(TYPES_BY_TOPIC, owners, strict=True))
        self.bench.await_(self._seek(TYPES_BY_TOPIC))

    @rule(topic=st.sampled_from(sorted(TYPES_BY_TOPIC)), back=st.integers(1, 5))
    def reset_offsets(self, topic: str, back: int) -> None:
        self.committed[topic] = max(0, self.committed[topic] - back)
        self.positions[topic] = self.committed[topic]

    # ── What must hold ─────────────────────────────────────────────────────────────────────────────

    @invariant()
    def the_books_are_right(self) -> None:
        assert self.bench.await_(rows_of(self.bench.db, WRONG_LEVELS)) == []

    @invariant()
    def every_event_is_answered_once_with_stable_bytes(self) -> None:
        for record in on(Output.RESULTS, self.published[self.checked :]):
            answer = value_of(record)
            key = answer["cause_source"], answer["cause_id"]
            if answer["final"]:
                assert self.final_answers.setdefault(key, record) == record
            elif answer["outcome"] == "parked":
                assert self.parked_answers.setdefault(key, record) == record
        self.checked = len(self.published)

    def teardown(self) -> None:
        """Everything is delivered and published without any more faults; then the claims are checked."""
        if sys.exception() is not None:
            return  # a step has failed already, or Hypothesis gave this history up
        self.bench.await_(self._settle())
        self.every_event_is_answered_once_with_stable_bytes()
        self.bench.await_(self._check_the_end())
        self.every_event_is_answered_once_with_stable_bytes()

    async def _settle(self) -> None:
        self.workers = [self._process(number) for number in range(WORKERS)]
        await self._end_leases()
        self.assigned = dict.fromkeys(TYPES_BY_TOPIC, 0)
        await self._seek(TYPES_BY_TOPIC)
        while batch := self._next(0, 1000):
            await self._deliver(0, batch)
        worker = self.workers[0]
        await worker.pipeline._sweep()
        await self._publish(0, [])
        while await worker.relay.sweep():
            pass

    async def _check_the_end(self) -> None:
        db = self.bench.db
        assert await contradictions(db) == []
        ends = {topic: len(log) for topic, log in self.topics.logs.items()}
        assert self.committed == ends
        assert {topic: end for topic, end in ends.items() if end} == await self.bench.progress()
        assert await rows_of(db, "select batch_id from batch where published_at is null") == []
        assert await rows_of(db, EFFECTS_OF_NO_EVENT) == []
        await self._check_every_adjustment_counts_once()
        await self._check_every_event_has_its_end()
        await self._check_the_last_level_records()
        await self._check_nothing_parked_could_be_applied()
        await self._check_a_redelivery_of_everything_changes_nothing()

    async def _check_every_adjustment_counts_once(self) -> None:
        said = defaultdict(set)
        for record in self.topics.logs["stock.adjusted"]:
            if record.headers:
                said[dict(record.headers)["ce_id"]].add(json.loads(record.value or b"")["delta"])
        for event_id, deltas in await rows_of(self.bench.db, ADJUSTMENTS):
            [delta] = deltas
            assert delta in said[event_id.encode()], event_id

    async def _check_every_event_has_its_end(self) -> None:
        inbox = await rows_of(self.bench.db, "select source, event_id, outcome, final from v_event")
        finals = {(source, event_id) for source, event_id, _, final in inbox if final}
        parked = {(source, event_id) for source, event_id, outcome, _ in inbox if outcome == "parked"}
        dead = {
            (headers["dlq-original-topic"], headers["dlq-original-offset"])
            for headers in (dict(record.headers) for record in on(Output.DEAD_LETTERS, self.published))
        }
        assert self.final_answers.keys() == finals
        assert (
            parked <= self.parked_answers.keys() <= {(source, event_id) for source, event_id, _, _ in inbox}
        )
        for record in self._records():
            headers = dict(record.headers)
            identity = headers.get("ce_source"), headers.get("ce_id")
            key = tuple(None if one is None else one.decode() for one in identity)
            position = record.position.topic.encode(), b"%d" % record.position.offset
            assert key in finals or key in parked or position in dead, record

    async def _check_the_last_level_records(self) -> None:
        told = {}
        for record in on(Output.LEVELS, self.published):
            value = value_of(record)
            told[value["inventory_item_id"], value["location_id"]] = [
                Decimal(value[name]) for name in LEVEL_FIGURES
            ]
        rows = await self.bench.db.fetch("select * from v_level where level_version > 0")
        assert told == {
            (row["inventory_item_id"], row["location_id"]): [row[name] for name in LEVEL_FIGURES]
            for row in rows
        }

    async def _check_nothing_parked_could_be_applied(self) -> None:
        before = len(self.published)
        worker, db = self.workers[0], self.bench.db
        assert await db.fetch(sql.query("parked_ready_read"), 1000) == []
        rows = await db.fetch("select * from parked order by arrival")
        await worker.pipeline._commit_parked(rows)
        await self._publish(0, [])
        assert self.published[before:] == []
        assert await db.fetch("select * from parked order by arrival") == rows

    async def _check_a_redelivery_of_everything_changes_nothing(self) -> None:
        """What was asked for again elsewhere is answered again; nothing else is said."""
        before, levels = len(self.published), await level_rows(self.bench.db)
        await self._deliver(0, self._records())
        await self._publish(0, [])
        assert {record.topic for record in self.published[before:]} <= {Output.RESULTS.topic}
        assert await level_rows(self.bench.db) == levels

    # ── The stand-in for Kafka's delivery ──────────────────────────────────────────────────────────

    def _process(self, number: int) -> InProcessWorker:
        """A worker process just started: no caches, nothing under way."""
        self.processes += 1
        return InProcessWorker(
            self.bench.pools[number],
            f"w{self.processes}",
            publisher=SharedTopics(self.published),
            publish_lease=timedelta(hours=1),
        )

    def _records(self) -> list[RawRecord]:
        return [record for log in self.topics.logs.values() for record in log]

    def _next(self, number: int, count: int) -> list[RawRecord]:
        """The next records of the topics that a worker has."""
        unread = [
            record
            for topic, owner in self.assigned.items()
            if owner == number
            for record in self.topics.logs[topic][self.positions[topic] :]
        ]
        return unread[:count]

    async def _deliver(self, number: int, batch: Sequence[RawRecord]) -> None:
        worker = self.workers[number]
        await worker.judge(*batch)
        for record in batch:
            topic, _, offset = record.position
            self.positions[topic] = max(self.positions[topic], offset + 1)
        await self._commit_offsets(worker)

    async def _commit_offsets(self, worker: InProcessWorker) -> None:
        await worker.pipeline.drain()
        self._note_offsets(worker)

    def _note_offsets(self, worker: InProcessWorker) -> None:
        """What Kafka was told."""
        for (topic, _), offset in worker.committed_offsets.items():
            self.committed[topic] = max(self.committed[topic], offset)
        worker.committed_offsets.clear()

    async def _at_once(self, batches: Iterable[tuple[int, Sequence[RawRecord]]]) -> None:
        await asyncio.gather(*(self._deliver(number, batch) for number, batch in batches))

    async def _sweep_both(self) -> None:
        await asyncio.gather(*(worker.pipeline._sweep() for worker in self.workers))

    async def _die(self, number: int, batch: Sequence[RawRecord], death: Death) -> None:
        worker = self.workers[number]
        if death in CRASHES:
            worker.processor.at = crash_at(CRASHES[death])
            with contextlib.suppress(Crash):
                await worker.judge(*batch)
            self._note_offsets(worker)
        else:
            await worker.judge(*batch)
            if death is Death.BEFORE_PUBLISHING:
                await self._commit_offsets(worker)
            else:
                await self._publish(number, [])
        await self._restart(number)

    async def _publish(self, number: int, fates: Collection[Fate]) -> None:
        worker = self.workers[number]
        publisher = worker.relay._publisher
        assert isinstance(publisher, SharedTopics)
        publisher.fates = list(fates)
        try:
            await worker.publish()
        except Crash:
            await self._restart(number)
        publisher.fates = []

    async def _restart(self, number: int) -> None:
        self.workers[number] = self._process(number)
        await self._end_leases_of_the_dead()
        await self._seek(topic for topic, owner in self.assigned.items() if owner == number)

    async def _stand_still(self, number: int, count: int, count_of_other: int) -> None:
        """Between its commit and its publication; it ends before it can see that it told an old state."""
        other = (number + 1) % WORKERS
        await self._deliver(number, self._next(number, count))
        await self._take_over(other)
        await self._deliver(other, self._next(other, count_of_other))
        await self._publish(other, [])
        await self._publish(number, [Fate.TAKEN_BY_A_DYING_PROCESS])

    async def _end_holds(self, number: int) -> None:
        """An hour passes: longer than any hold lasts, too short for deadlines."""
        worker = self.workers[number]
        worker.present = datetime.now(UTC) + timedelta(hours=1)
        await worker.pipeline._sweep()
        worker.present = None

    async def _take_over(self, number: int) -> None:
        await self._end_leases()
        await self.workers[number].relay.sweep()

    async def _end_leases(self) -> None:
        await self.bench.db.execute("update batch set claimed_until = '-infinity' where published_at is null")

    async def _end_leases_of_the_dead(self) -> None:
        ended = (
            "update batch set claimed_until = '-infinity' where published_at is null and worker <> all($1)"
        )
        await self.bench.db.execute(ended, [worker.name for worker in self.workers])

    async def _seek(self, topics: Iterable[str]) -> None:
        """Where a worker begins to read: the smaller of Kafka's offset and the database's."""
        progress = await self.bench.progress()
        for topic in topics:
            self.positions[topic] = min(self.committed[topic], progress.get(topic, 0))


class Bench:
    """What outlives one history: sessions, and a loop to run them."""

    def __init__(
        self, runner: asyncio.Runner, db: "asyncpg.Connection[asyncpg.Record]", pools: "list[Pool]"
    ) -> None:
        self.db = db
        self.pools = pools
        self._runner = runner

    def await_(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end. Errors are shown: two workers may never meet again as they did."""
        try:
            return self._runner.run(work)
        except Exception:
            traceback.print_exc()
            raise

    def empty(self) -> None:
        """Leaves the database as it was migrated."""
        self.await_(self.db.execute(EMPTIED))

    async def progress(self) -> dict[str, int]:
        """How far the database has read each topic."""
        rows = await self.db.fetch(sql.query("progress_read"), GROUP)
        return {row["topic"]: row["next_offset"] for row in rows}


async def _opened(url: str) -> tuple["asyncpg.Connection[asyncpg.Record]", "list[Pool]"]:
    pools = [
        await open_pool(url, application_name=f"w{number}", connections_max=2) for number in range(WORKERS)
    ]
    return await connected(url), pools


async def _closed(bench: Bench) -> None:
    for pool in bench.pools:
        pool.terminate()
    await bench.db.close()


def hold_the_claims(database_url: str, model: type[Delivery], rounds: int) -> None:
    """Tries so many histories of a model."""
    seed_used = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
    with asyncio.Runner() as runner:
        bench = Bench(runner, *runner.run(_opened(database_url)))
        machine = seed(seed_used)(type(f"{model.__name__}Here", (model,), {"bench": bench}))
        try:
            run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=rounds))
        except BaseException:
            print(f"again: FAULT_SEED={seed_used} FAULT_ROUNDS={rounds} make test ARGS='-k model'")
            raise
        finally:
            runner.run(_closed(bench))


@pytest.mark.slow
def test_whatever_delivery_does_the_claims_hold(database_url: str) -> None:
    hold_the_claims(database_url, Delivery, ROUNDS)


# ── One end, whatever the order ───────────────────────────────────────────────────────────────────────

PART = {"line_item_id": "L1", "quantity": 1}


@st.composite
def order_histories(draw: st.DrawFn) -> list[tuple[str, Json]]:
    """A shop with enough of everything at one place, and orders with facts that fit, told in their order."""
    told: list[tuple[str, Json]] = [
        ("location.created", {"location_id": "A"}),
        ("sales_channel.updated", {"sales_channel_id": "web", "location_ids": ["A"]}),
        *(("variant.created", VARIANTS[one]) for one in VARIANTS),
        *(("stock.set", {"sku": sku, "location_id": "A", "quantity": 99}) for sku in ("S1", "S2", "S3")),
    ]
    for order_id in ("o1", "o2", "o3"):
        ordered = draw(st.lists(st.tuples(variant_ids, small), min_size=1, max_size=2))
        lines = [line(f"L{at}", *one) for at, one in enumerate(ordered, 1)]
        shipped = draw(st.integers(0, lines[0]["quantity"]))
        returned = draw(st.integers(0, shipped))
        told.append(("order.placed", {"order_id": order_id, "sales_channel_id": "web", "lines": lines}))
        told += [
            ("order.fulfilled", {"order_id": order_id, "fulfillment_id": f"f{at}", "lines": [PART]})
            for at in range(shipped)
        ]
        told += [
            ("order.returned", {"order_id": order_id, "return_id": f"r{at}", "lines": [PART]})
            for at in range(returned)
        ]
    return told


async def the_end_of(
    bench: Bench, told: Sequence[tuple[str, Json]], batches: Sequence[int], what: Mapping[str, str]
) -> list[object]:
    """What stands in the database once this was told in such batches to two workers in turn."""
    topics = Topics()
    records = [topics.event(type_name, **data) for type_name, data in told]
    workers = [InProcessWorker(pool, f"w{number}") for number, pool in enumerate(bench.pools)]
    for turn, size in enumerate([*batches, len(records)]):
        batch, records = records[:size], records[size:]
        await workers[turn % WORKERS].deliver(*batch)
    assert await contradictions(bench.db) == []
    assert await rows_of(bench.db, OUTCOMES_AMISS) == []
    return [
        await rows_of(bench.db, f"select {columns} from {table} order by {columns}")  # noqa: S608  from below
        for table, columns in what.items()
    ]


OUTCOMES_AMISS = """
    select type, outcome from v_event
    where outcome <> 'applied'
        and not (type = 'order.updated' and outcome in ('stale', 'order_canceled'))
        and not (type = 'order.placed' and outcome = 'order_canceled')
"""
"""A change may come too late for a newer one or a cancel, and a placement for a cancel; nothing else may."""


END_STATE = {
    "v_level": "sku, location_id, stocked, reserved, level_version",
    "v_reservation": "order_id, line_item_id, sku, location_id, quantity",
    "orders": "order_id, sales_channel_id, placement_hash",
    "fulfillment as f join orders as o using (order_no)": "o.order_id, f.fulfillment_id, f.body_hash",
    "order_return as r join orders as o using (order_no)": "o.order_id, r.return_id, r.body_hash",
}


END_OF_LIFECYCLES = {
    "v_level": "sku, location_id, stocked, reserved, damaged",
    "v_reservation": "order_id, line_item_id, sku, location_id, quantity",
    "orders": "order_id, canceled, canceled_line_ids",
    "fulfillment join orders using (order_no)": "order_id, fulfillment_id, canceled_seq is null",
    "order_return join orders using (order_no)": "order_id, return_id",
}
"""Not how many steps it took: of a canceled order that is placed late nothing is ever reserved."""


def everywhere_alike(
    database_url: str,
    histories: st.SearchStrategy[list[tuple[str, Json]]],
    before: Sequence[tuple[str, Json]],
    what: Mapping[str, str],
) -> None:
    """Each history, told in its order one by one, ends as it does told in any other, in any batches."""
    with asyncio.Runner() as runner:
        bench = Bench(runner, *runner.run(_opened(database_url)))

        @settings(SETTINGS, max_examples=ROUNDS)
        @given(told=histories, data=st.data())
        def in_any_order(told: list[tuple[str, Json]], data: st.DataObject) -> None:
            bench.empty()
            one_by_one = [1] * (len(before) + len(told))
            expected = bench.await_(the_end_of(bench, [*before, *told], one_by_one, what))
            mixed = data.draw(st.permutations(told))
            bench.empty()
            batches = [
                *([len(before)] if before else []),
                *data.draw(st.lists(st.integers(1, 9), max_size=6)),
            ]
            assert bench.await_(the_end_of(bench, [*before, *mixed], batches, what)) == expected

        try:
            in_any_order()
        finally:
            runner.run(_closed(bench))


@pytest.mark.slow
def test_the_end_of_orders_does_not_depend_on_the_order_of_their_events(database_url: str) -> None:
    """Catalogue and stock may come late as well: every order waits for what it needs."""
    everywhere_alike(database_url, order_histories(), [], END_STATE)


@pytest.mark.slow
def test_the_end_of_whole_lifecycles_does_not_depend_on_the_order_of_their_events(database_url: str) -> None:
    """Orders that are changed, canceled, shipped and unshipped, and come back (ADR 12)."""
    before = [(one.type, one.data) for one in Scenario("before", "", lifecycles.BEFORE).setup]
    histories = lifecycles.histories().map(lambda told: [(one.type, one.data) for one in told])
    everywhere_alike(database_url, histories, before, END_OF_LIFECYCLES)
