"""The sample day: the same from the same seed, and with something of everything in it."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from schemas.event_type import EventType
from worker.dev.event_lines import parse_lines
from worker.dev.sample_day import sample_day, write_sample_day
from worker.dev.sample_shop import PLACES, Kind, goods

LINES = [line for phase in sample_day() for line in phase.lines]
EVENTS = [line for line in map(json.loads, LINES) if "record" not in line]
RECORDS = [line["record"] for line in map(json.loads, LINES) if "record" in line]


def test_the_same_seed_makes_the_same_day() -> None:
    assert sample_day(7) == sample_day(7)


def test_another_seed_makes_another_day() -> None:
    assert sample_day(7) != sample_day(8)


def test_a_day_is_long_and_has_every_type() -> None:
    assert len(LINES) >= 2000
    assert {one for one in EventType if not one.is_internal} <= {event["type"] for event in EVENTS}


def test_a_shop_has_a_hundred_goods_of_all_kinds_in_several_places() -> None:
    kinds = Counter(good.kind for good in goods())
    assert sum(kinds.values()) >= 100
    assert set(kinds) == set(Kind)
    assert len(PLACES) >= 4
    assert len({place.roles for place in PLACES}) >= 4


def test_phases_come_in_order_catalogue_first() -> None:
    names = [phase.name for phase in sample_day()]
    assert names[:3] == ["catalogue", "kits", "morning count"]
    assert names[3:] == sorted(names[3:])


def test_some_events_come_twice_and_some_ids_are_used_for_something_else() -> None:
    bodies: dict[tuple[str, str], list[object]] = {}
    for event in EVENTS:
        bodies.setdefault((event["source"], event["id"]), []).append(event["data"])
    again = [told for told in bodies.values() if len(told) > 1]
    other = [told for told in again if told[0] != told[1]]
    assert len(again) >= 50
    assert 0 < len(other) < 10


def test_some_facts_overtake_their_orders() -> None:
    first_seen: dict[str, str] = {}
    for event in EVENTS:
        if event["type"] in (EventType.ORDER_PLACED, EventType.ORDER_FULFILLED):
            first_seen.setdefault(event["data"]["order_id"], event["type"])
    overtaking = [order for order, type_name in first_seen.items() if type_name == EventType.ORDER_FULFILLED]
    assert len(overtaking) >= 20


def test_some_events_are_late() -> None:
    times = [event["time"] for event in EVENTS]
    assert sum(later < earlier for earlier, later in pairwise(times)) >= 50


def test_records_that_are_no_events_are_there_too() -> None:
    assert any("headers_base64" in record for record in RECORDS)
    assert any(not record.get("headers") for record in RECORDS)
    assert any(record["value"] == "not JSON" for record in RECORDS)


def test_every_line_can_be_sent() -> None:
    records = list(parse_lines((line.encode() for line in LINES), "day"))
    assert [record.line_no for record in records] == list(range(1, len(LINES) + 1))


def test_a_day_is_written_line_by_line(tmp_path: Path) -> None:

    path = tmp_path / "day.jsonl"
    assert write_sample_day(path, sample_day()) == len(LINES)
    assert path.read_text().splitlines() == LINES
