"""The audit finds each contradiction that the schema cannot keep out, and nothing where there is none."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import pytest

from worker.inspect.audit import FindingKind, audit
from worker.runtime.records import pack

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

CONSISTENT = """
insert into source (source) values ('/shop');
insert into topic (topic) values ('order.placed');
insert into inventory_item (inventory_item_id, known, sku, decimal_places) values ('cloth', true, 'CLOTH', 2);
insert into location (location_id, known, content_hash) values ('north', true, substr(sha256('x'), 1, 16));
insert into variant (variant_id, known, content_hash) values ('cloth', true, substr(sha256('x'), 1, 16));
insert into recipe (variant_no) values (1);
insert into recipe_part (recipe_no, item_no, required) values (1, 1, 100);
insert into level (item_no, location_no, stocked, reserved, damaged, version) values (1, 1, 850, 100, 25, 6);
insert into orders (order_id, revision) values ('o1', 3);
insert into order_line (order_no, line_no, line_item_id, variant_no, recipe_no, quantity_micro)
    values (1, 1, 'l1', 1, 1, 2500000);
insert into reservation (order_no, line_no, level_no, quantity) values (1, 1, 1, 100);
insert into movement (level_no, version, event_seq, bucket, delta, order_no, line_no) values
    (1, 1, 8192, 1, 1000, null, null), (1, 2, 8193, 2, 250, 1, 1), (1, 3, 8194, 1, -150, 1, 1),
    (1, 4, 8194, 2, -150, 1, 1), (1, 5, 8195, 4, 25, 1, 1), (1, 6, 8196, 7, 25, 1, 1);
insert into fulfillment (order_no, fulfillment_no, fulfillment_id, body_hash, event_seq)
    values (1, 1, 'f1', substr(sha256('x'), 1, 16), 8194);
insert into fulfillment_line (order_no, fulfillment_no, line_no, quantity_micro) values (1, 1, 1, 1500000);
insert into fulfillment_part (order_no, fulfillment_no, part_no, line_no, level_no, quantity)
    values (1, 1, 0, 1, 1, 150);
insert into order_return (order_no, return_no, return_id, body_hash, event_seq)
    values (1, 1, 'r1', substr(sha256('x'), 1, 16), 8195);
insert into order_return_line (order_no, return_no, place, line_no, quantity_micro, disposition)
    values (1, 1, 0, 1, 250000, 'damaged'), (1, 1, 1, 1, 250000, 'discarded');
insert into order_return_part (order_no, return_no, part_no, line_no, level_no, quantity, disposition)
    values (1, 1, 0, 1, 1, 25, 'damaged'), (1, 1, 1, 1, 1, 25, 'discarded');
insert into batch (batch_id, worker, at, published_at, claimed_until, frames)
    values (1, 'w', now(), now(), now(), decode('NOTHING TOLD', 'hex')),
    (2, 'w', now(), null, now() + '1 hour', decode('NOTHING TOLD', 'hex'));
insert into event (event_id, source_no, seq, body_hash, type, outcome, answer, order_no, topic_no, partition,
    record_offset, at)
select 'e' || n, 1, 8192 + n, substr(sha256('x'), 1, 16), 15, case when n = 4 then 100 else 1 end,
    case when n = 4 then null else 8192 + n end, 1, 1, 0, n, now()
from generate_series(0, 4) as n;
insert into parked (event_id, source_no, waits_kind, waits_key, until, parked_at, topic_no, partition,
    record_offset, timestamp_ms, headers)
    values ('e4', 1, 6, 'o2', now(), now(), 1, 0, 4, 0, 'x');
""".replace("NOTHING TOLD", pack([]).hex())

CORRUPTIONS = [
    (
        FindingKind.LEVEL_LEDGER,
        "update level set stocked = 851",
        {"bucket": "stocked", "level": "8.51", "ledger": "8.5"},
    ),
    (
        FindingKind.LEVEL_LEDGER,
        "update level set incoming = 1",
        {"bucket": "incoming", "level": "0.01", "ledger": 0},
    ),
    (
        FindingKind.LEVEL_LEDGER,
        "update movement set delta = 26 where version = 5",
        {"bucket": "damaged", "ledger": "0.26"},
    ),
    (
        FindingKind.LEVEL_RESERVED,
        "update reservation set quantity = 99",
        {"level": 1, "reservations": "0.99"},
    ),
    (FindingKind.LEVEL_RESERVED, "delete from reservation", {"reservations": 0}),
    (FindingKind.LEVEL_VERSION, "update level set version = 7", {"level_version": 7, "movements": 6}),
    (
        FindingKind.LEVEL_VERSION,
        "delete from movement where version = 6",
        {"movements": 5, "version_last": 5},
    ),
    (FindingKind.LEVEL_VERSION, "update movement set version = 0 where version = 1", {"version_first": 0}),
    (
        FindingKind.LINE_EXCEEDED,
        "update reservation set quantity = 101",
        {"ordered": "2.5", "held": "1.01", "shipped": "1.5"},
    ),
    (FindingKind.LINE_EXCEEDED, "update order_line set recipe_no = null", {"ordered": 0}),
    (
        FindingKind.LINE_UNITS,
        "update fulfillment_part set quantity = 149",
        {"direction": "shipped", "of_lines": "1.5", "of_units": "1.49"},
    ),
    (
        FindingKind.LINE_UNITS,
        "delete from order_return_part where part_no = 1",
        {"direction": "returned", "of_units": "0.25"},
    ),
    (
        FindingKind.LINE_RETURNED,
        "update fulfillment_line set quantity_micro = 2500001",
        {"ordered": "2.5", "shipped": "2.500001"},
    ),
    (
        FindingKind.LINE_RETURNED,
        "update order_return_line set quantity_micro = 900000",
        {"shipped": "1.5", "returned": "1.8"},
    ),
    (FindingKind.PARKED, "delete from parked", {"event_id": "e4", "lack": "no parked record"}),
    (
        FindingKind.PARKED,
        "update event set outcome = 1, answer = 8200 where event_id = 'e4'",
        {"lack": "not parked in the inbox", "outcome": "applied"},
    ),
    (
        FindingKind.PARKED,
        "delete from event where event_id = 'e4'",
        {"event_id": "e4", "source": "/shop", "outcome": None},
    ),
    (
        FindingKind.ANSWER,
        "delete from batch where batch_id = 1",
        {"event_id": "e0", "batch_id": 1, "place": 0},
    ),
    (FindingKind.ANSWER, "update event set answer = 8193 where event_id = 'e0'", {"events_at_place": 2}),
    (
        FindingKind.REFERENCE,
        "update reservation set line_no = 2",
        {"child": "reservation", "parent": "order_line", "example": "1 line 2"},
    ),
    (
        FindingKind.REFERENCE,
        "update reservation set level_no = 9",
        {"child": "reservation", "parent": "level", "rows": 1},
    ),
    (
        FindingKind.REFERENCE,
        "update event set source_no = 9 where outcome < 100",
        {"child": "event", "parent": "source", "rows": 4},
    ),
    (
        FindingKind.PUBLICATION,
        "update batch set claimed_until = now() - interval '1 s'",
        {"batch_id": 2, "worker": "w"},
    ),
]


@pytest.fixture
async def connection(database_url: str) -> "AsyncIterator[Connection]":
    connection = await asyncpg.connect(database_url)
    await connection.execute(CONSISTENT)
    yield connection
    await connection.close()


async def test_finds_nothing_in_a_consistent_database(
    connection: "Connection",
) -> None:
    found = await audit(connection)
    assert (found.drift, found.findings, found.is_clean) == (0, (), True)
    assert (found.levels, found.movements, found.reservations, found.events) == (1, 6, 1, 5)
    assert found.batches_unpublished == 1


@pytest.mark.parametrize(("kind", "corruption", "figures"), CORRUPTIONS)
async def test_finds_the_contradiction(
    connection: "Connection",
    kind: FindingKind,
    corruption: str,
    figures: dict[str, object],
) -> None:
    await connection.execute(corruption)
    found = await audit(connection)
    assert not found.is_clean
    told = [dict(finding.figures) for finding in found.findings if finding.kind is kind]
    assert any(figures.items() <= one.items() for one in told), found.findings


async def test_counts_what_it_does_not_list(connection: "Connection") -> None:
    await connection.execute(
        "insert into event (event_id, source_no, seq, body_hash, type, outcome, answer, topic_no, partition,"
        " record_offset, at) select 'lost' || n, 1, n, substr(sha256('x'), 1, 16), 15, 1, 90000 + n, 1, 0, n,"
        " now()"
        " from generate_series(1, 150) as n"
    )
    found = await audit(connection)
    assert found.drift == 150
    assert len(found.findings) == 100
