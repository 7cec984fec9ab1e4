"""What `simulate` tells, through a real Kafka and a real Postgres."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.providers import Kafka, Postgres
from worker.dev.crew import crew
from worker.dev.event_lines import LineRecord, parse_lines
from worker.dev.feed import feeder
from worker.dev.sample_day import sample_day
from worker.dev.simulate import Lots, Simulated, in_another_order, in_order, simulate
from worker.dev.stage import kept_stage, scratch_stage
from worker.inspect import state

Json = dict[str, Any]
Event = tuple[str, Json]

SHOP: Sequence[Event] = (
    ("location.created", {"location_id": "north"}),
    ("location.created", {"location_id": "south"}),
    ("sales_channel.updated", {"sales_channel_id": "web", "location_ids": ["north", "south"]}),
    ("variant.created", {"variant_id": "cloth", "sku": "CLOTH", "decimal_places": 2}),
    ("variant.created", {"variant_id": "zip", "sku": "ZIP"}),
    (
        "variant.created",
        {
            "variant_id": "kit",
            "inventory_items": [
                {"sku": "CLOTH", "required_quantity": "1.5"},
                {"sku": "ZIP", "required_quantity": 2},
            ],
        },
    ),
    ("stock.set", {"sku": "CLOTH", "location_id": "north", "quantity": "100"}),
    ("stock.set", {"sku": "ZIP", "location_id": "north", "quantity": 50}),
    ("stock.set", {"sku": "ZIP", "location_id": "south", "quantity": 50}),
)


def placed(order_id: str, variant_id: str, quantity: object, **more: object) -> Event:
    line = {"line_item_id": f"{order_id}-1", "variant_id": variant_id, "quantity": quantity}
    return "order.placed", {"order_id": order_id, "sales_channel_id": "web", "lines": [line], **more}


def fulfilled(order_id: str, **more: object) -> Event:
    return "order.fulfilled", {"order_id": order_id, "fulfillment_id": f"{order_id}-f", **more}


def returned(order_id: str, quantity: object) -> Event:
    lines = [{"line_item_id": f"{order_id}-1", "quantity": quantity}]
    return "order.returned", {"order_id": order_id, "return_id": f"{order_id}-r", "lines": lines}


def lines(*events: Event) -> list[bytes]:
    return [
        json.dumps({"type": type_name, "id": f"e{number}", "source": "/shop", "data": data}).encode()
        for number, (type_name, data) in enumerate(events, 1)
    ]


def records(*events: Event) -> list[LineRecord]:
    return list(parse_lines(lines(*events), "events"))


async def simulated(kafka: Kafka, postgres: Postgres, lots: Lots, workers: int = 1) -> Simulated:
    async with scratch_stage(kafka.bootstrap, postgres.url, workers) as stage:
        result = await simulate(stage, lots, workers, lambda _fed, _total: None)
    assert result.audit.is_clean, result.audit.findings
    return result


def outcomes(result: Simulated, *cause_ids: str) -> list[str]:
    """The outcomes answered, of these events or of all, in the order in which they were answered."""
    return [one["outcome"] for one in result.answers if not cause_ids or one["cause_id"] in cause_ids]


def stocked(result: Simulated) -> Mapping[tuple[str, str], tuple[object, object]]:
    """Stocked and reserved by item and location."""
    return {
        (one["inventory_item_id"], one["location_id"]): (one["stocked"], one["reserved"])
        for one in result.levels
    }


async def test_events_are_answered_in_the_order_of_the_file(
    kafka_server: Kafka, postgres_server: Postgres
) -> None:
    told = records(
        *SHOP,
        placed("o1", "kit", 2),
        fulfilled("o2"),
        ("stock.set", {"sku": "LATER", "location_id": "south", "quantity": 4}),
        placed("o2", "later", 3),
        ("variant.created", {"variant_id": "later", "sku": "LATER"}),
        ("stock.adjusted", {"sku": "ZIP", "location_id": "south", "delta": -51}),
        fulfilled("o1"),
        placed("o3", "cloth", "200.5"),
    )
    result = await simulated(kafka_server, postgres_server, in_order(told))
    last = [(one["cause_id"], one["outcome"]) for one in result.answers[9:]]
    assert last == [
        ("e10", "applied"),
        ("e11", "parked"),
        ("e12", "parked"),
        ("e13", "parked"),
        ("e14", "applied"),
        ("e12", "applied"),
        ("e13", "applied"),
        ("e11", "applied"),
        ("e15", "below_zero"),
        ("e16", "applied"),
        ("e17", "insufficient_stock"),
    ]
    assert result.parked == []
    assert stocked(result) == {
        ("cloth", "north"): (97, 0),
        ("zip", "north"): (46, 0),
        ("zip", "south"): (50, 0),
        ("later", "south"): (1, 0),
    }


async def test_the_document_has_its_shape(kafka_server: Kafka, postgres_server: Postgres) -> None:
    told = records(
        *SHOP,
        placed("o1", "cloth", "12.25"),
        ("stock.set", {"sku": "CLOTH", "location_id": "north", "quantity": 10}),
        fulfilled("nobody"),
        ("no.such", {"order_id": "o9"}),
    )
    document = (await simulated(kafka_server, postgres_server, in_order(told))).as_json()
    assert json.loads(json.dumps(document)) == document
    answer = next(one for one in document["answers"] if one["cause_id"] == "e10")
    assert (answer["type"], answer["outcome"], answer["final"]) == ("order.placed", "applied", True)
    assert answer["data"]["lines"][0]["quantity"] == "12.25"
    assert document["levels"][0] == {
        "inventory_item_id": "cloth",
        "sku": "CLOTH",
        "location_id": "north",
        "stocked": 10,
        "reserved": "12.25",
        "incoming": 0,
        "damaged": 0,
        "quarantined": 0,
        "shortfall": "2.25",
        "available": "-2.25",
        "level_version": 4,
    }
    assert document["reservations"] == [
        {
            "order_id": "o1",
            "cart_id": None,
            "line_item_id": "o1-1",
            "inventory_item_id": "cloth",
            "location_id": "north",
            "quantity": "12.25",
        }
    ]
    [parked] = document["parked"]
    assert (parked["cause_id"], parked["waits_for"]) == ("e12", {"kind": "order", "key": "nobody"})
    [letter] = document["dead_letters"]
    expected = {"reason": "unknown_type", "topic": "order.placed", "cause_id": "e13", "line": 13}
    assert expected.items() <= letter.items()
    [alert] = [one for one in document["alerts"] if one["kind"] == "oversold"]
    assert alert["uncovered"] == [{"order_id": "o1", "line_item_id": "o1-1", "quantity": "2.25"}]
    assert document["audit"]["drift"] == 0


async def test_another_order_ends_in_the_same_levels(kafka_server: Kafka, postgres_server: Postgres) -> None:
    orders = [
        event
        for number in range(8)
        for event in (
            ("cart.validated", {**placed(f"o{number}", "kit", 1)[1], "cart_id": f"c{number}"}),
            placed(f"o{number}", ("kit", "zip", "cloth")[number % 3], 2 + number % 2),
            *([fulfilled(f"o{number}")] if number % 4 else []),
            *([returned(f"o{number}", 1)] if number % 4 > 1 else []),
        )
    ]
    move = {"order_id": "o0", "line_item_id": "o0-1", "from_location_id": "north", "to_location_id": "south"}
    told = records(
        *SHOP,
        ("stock.set", {"sku": "CLOTH", "location_id": "south", "quantity": 30}),
        *orders[:12],
        ("reservation.moved", move),
        ("stock.set", {"sku": "ZIP", "location_id": "north", "quantity": 40}),
        *orders[12:],
        *(("order.updated", {**placed("o4", "zip", n)[1], "version": n}) for n in (5, 3)),
        ("fulfillment.canceled", {"order_id": "o1", "fulfillment_id": "o1-f"}),
        placed("o8", "zip", 4),
        ("order.canceled", {"order_id": "o8"}),
    )
    ordered = await simulated(kafka_server, postgres_server, in_order(told))
    shuffled = await simulated(kafka_server, postgres_server, in_another_order(told, 3, copies=1), workers=2)
    assert outcomes(shuffled).count("parked") > 0
    assert stocked(shuffled) == stocked(ordered)
    assert [one["quantity"] for one in shuffled.reservations] != []
    final = [one for one in shuffled.answers if one["final"]]
    assert len({one["cause_id"] for one in final}) == len(told)


async def test_copies_get_the_same_answer_and_change_nothing(
    kafka_server: Kafka, postgres_server: Postgres
) -> None:
    told = records(*SHOP, fulfilled("o1"), placed("o1", "zip", 5))
    once = await simulated(kafka_server, postgres_server, in_order(told))
    thrice = await simulated(kafka_server, postgres_server, in_order(told, copies=2))
    assert stocked(thrice) == stocked(once)
    assert outcomes(thrice, "e11") == ["applied"] * 3
    assert outcomes(thrice, "e10") == ["parked", "applied"]
    assert thrice.records == 3 * once.records


async def test_what_is_no_event_is_a_dead_letter_and_stops_nobody(
    kafka_server: Kafka, postgres_server: Postgres
) -> None:
    bad = [
        b"nonsense",
        b'{"id": "x1", "source": "/shop", "data": {}}',
        b'{"type": "order.placed", "id": "x2", "source": "/shop"}',
        b'{"type": "order.placed", "id": "x3", "source": "/shop", "data": {"order_id": "o"}}',
        b'{"record": {"topic": "order.placed", "value": "{}", "headers_base64": {"ce_id": "/w=="}}}',
    ]
    good = lines(*SHOP, placed("o1", "zip", 1))
    told = list(parse_lines([*good[:4], *bad, *good[4:]], "events"))
    result = await simulated(kafka_server, postgres_server, in_order(told))
    assert [(one["line"], one["reason"], one["cause_id"] is None) for one in result.dead_letters] == [
        (5, "malformed_json", False),
        (6, "malformed_envelope", False),
        (7, "malformed_json", False),
        (8, "contract_violation", False),
        (9, "malformed_envelope", True),
    ]
    assert outcomes(result).count("applied") == len(good)
    assert stocked(result)["zip", "north"] == (50, 1)


async def test_files_follow_each_other_on_servers_that_are_kept(
    kafka_server: Kafka, database_url: str, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = {
        f"{unique_name}.{name}": name for name in {type_name for type_name, _ in SHOP} | {"order.placed"}
    }
    monkeypatch.setenv("INVENTORY_TOPIC_TYPES", json.dumps(types))
    monkeypatch.setenv("INVENTORY_CONSUMER_GROUP", unique_name)

    async def followed(told: list[LineRecord]) -> Simulated:
        async with kept_stage(kafka_server.bootstrap, database_url) as stage:
            return await simulate(stage, in_order(told), 1, lambda _fed, _total: None)

    first = await followed(records(*SHOP))
    second = await followed(records(*SHOP, placed("o1", "zip", 3))[-1:])
    assert (len(first.answers), len(second.answers)) == (len(SHOP), 1)
    assert stocked(second)["zip", "north"] == (50, 3)


async def test_what_workers_elsewhere_judge_is_found_in_the_database(
    kafka_server: Kafka, postgres_server: Postgres
) -> None:
    told = records(*SHOP, fulfilled("o1"), placed("o1", "later", 1))
    async with (
        scratch_stage(kafka_server.bootstrap, postgres_server.url, 1) as stage,
        feeder(stage) as feeding,
        crew(stage.settings, 1, lambda _next_offsets: None),
    ):
        for lot in in_order(told):
            await feeding.send(lot)
            await feeding.settled()
        connection = await asyncpg.connect(stage.database_url)
        try:
            assert [one["cause_id"] for one in await state.parked(connection)] == ["e10", "e11"]
            assert len(await state.levels(connection)) == 3
        finally:
            await connection.close()


@pytest.mark.slow
def test_the_command_brings_its_servers_and_prints_one_document(tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    morning = [line for phase in sample_day()[:2] for line in phase.lines][-40:]
    file.write_text("\n".join(morning))
    done = subprocess.run(
        [sys.executable, "-m", "worker", "simulate", str(file), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert len(document["answers"]) == len(morning)
    assert document["audit"]["drift"] == 0
    assert "Traceback" not in done.stderr
