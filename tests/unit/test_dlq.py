"""The replay tool, without any server: what it reads in headers, and which dead letters are chosen."""

import json
import struct
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from schemas.topics import TYPES_BY_TOPIC
from worker.dlq.letter import Letter, Writer, read_letter
from worker.dlq.outbound import replay_headers
from worker.dlq.replay import in_lifecycle_order
from worker.dlq.selection import Selection
from worker.runtime.decode import Position
from worker.settings import SettingsError

Headers = tuple[tuple[str, bytes], ...]

ORDER = json.dumps({"order_id": "o1", "sales_channel_id": "web", "lines": []}).encode()
OURS: Headers = (
    ("ce_specversion", b"1.0"),
    ("ce_type", b"order.placed"),
    ("ce_source", b"shop"),
    ("ce_id", b"e1"),
    ("dlq-original-topic", b"orders"),
    ("dlq-original-partition", b"3"),
    ("dlq-original-offset", b"42"),
    ("dlq-original-timestamp", b"1790000000000"),
    ("dlq-reason", b"contract_violation"),
    ("dlq-error-class", b"too_short"),
    ("dlq-error-message", b"lines: too short"),
    ("dlq-attempts", b"2"),
    ("dlq-fingerprint", b"abcd"),
    ("dlq-replay-count", b"1"),
)
SPRING: Headers = (
    ("kafka_dlt-original-topic", b"orders"),
    ("kafka_dlt-original-partition", struct.pack(">i", 3)),
    ("kafka_dlt-original-offset", struct.pack(">q", 42)),
    ("kafka_dlt-original-timestamp", struct.pack(">q", 1_790_000_000_000)),
    ("kafka_dlt-exception-fqcn", b"java.lang.IllegalStateException"),
    ("kafka_dlt-exception-message", b"no"),
    ("x", b"\xff"),
)
CONNECT: Headers = (
    ("__connect.errors.topic", b"orders"),
    ("__connect.errors.partition", b"3"),
    ("__connect.errors.offset", b"42"),
    ("__connect.errors.exception.class.name", b"DataException"),
)
STREAMS: Headers = (
    ("__streams.errors.topic", b"orders"),
    ("__streams.errors.partition", b"3"),
    ("__streams.errors.offset", b"42"),
    ("__streams.errors.exception", b"SerializationException"),
)
SHARE_GROUP: Headers = (
    ("__dlq.errors.topic", b"orders"),
    ("__dlq.errors.partition", b"3"),
    ("__dlq.errors.offset", b"42"),
    ("__dlq.errors.group", b"pickers"),
    ("__dlq.errors.delivery.count", b"5"),
)


class Found(NamedTuple):
    """A record as a consumer gives it, as far as it is looked at."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def letter(headers: Headers, value: bytes | None = ORDER, key: bytes | None = b"k1") -> Letter:
    at_ms = 1_790_000_100_000
    return read_letter(Found("a.dlq", 0, 7, at_ms, key, value, headers), TYPES_BY_TOPIC)


@pytest.mark.parametrize(
    ("headers", "writer"),
    [
        (OURS, Writer.WORKER),
        (SPRING, Writer.SPRING),
        (CONNECT, Writer.CONNECT),
        (STREAMS, Writer.STREAMS),
        (SHARE_GROUP, Writer.SHARE_GROUP),
    ],
)
def test_dead_letters_of_each_writer_tell_where_their_record_stood(headers: Headers, writer: Writer) -> None:
    read = letter(headers)

    assert (read.writer, read.original) == (writer, Position("orders", 3, 42))
    assert [name for name, _ in read.headers] == [
        name for name, _ in headers if name == "x" or name.startswith("ce_")
    ]


def test_what_the_worker_wrote_is_read_back() -> None:
    read = letter(OURS)

    assert (read.reason, read.attempts, read.replay_count) == ("contract_violation", 2, 1)
    assert (read.type, read.identity, read.order_id) == ("order.placed", ("shop", "e1"), "o1")
    assert read.original_timestamp_ms == 1_790_000_000_000
    assert letter(SPRING).original_timestamp_ms == 1_790_000_000_000
    assert letter(SPRING).reason == "java.lang.IllegalStateException"


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("dlq-original-topic", b"\xff"), ("dlq-original-partition", b"x"), ("dlq-original-offset", b"-1")),
        (("kafka_dlt-original-topic", b"t"), ("kafka_dlt-original-partition", b"\xff\xff\xff\xff")),
    ],
)
def test_headers_that_tell_nothing_hurt_nobody(headers: Headers) -> None:
    assert letter(headers).original is None
    assert letter(headers, b"\xff").whole_json("open")["value"] == "base64:/w=="


def test_only_share_groups_and_truncated_letters_lack_their_bytes() -> None:
    assert letter(SHARE_GROUP, None, None).lacks_bytes
    assert letter((*OURS, ("dlq-truncated-sha256", b"00"))).lacks_bytes
    assert not letter(OURS, None, None).lacks_bytes


@pytest.mark.parametrize(
    ("chosen", "conditions"),
    [
        (True, {}),
        (False, {"state": "replayed"}),
        (True, {"state": None}),
        (True, {"reason": "contract_violation", "fingerprint": "abcd", "type": "order.placed", "key": "k1"}),
        (False, {"reason": "id_reuse"}),
        (True, {"topic": "orders", "partition": 3, "offset_min": 42, "offset_max": 42}),
        (False, {"offset_min": 43}),
        (False, {"offset_max": 41}),
        (True, {"order": "o1"}),
        (True, {"order": "k1"}),
        (False, {"order": "o2"}),
        (True, {"since": "2026-09-21T14:15:00Z", "until": "2026-09-21T14:15:01Z"}),
        (False, {"until": "2026-09-21T14:15:00"}),
        (True, {"where": "value.sales_channel_id == 'web' && attempts > `1`"}),
        (True, {"where": "value.lines[0].quantity || attempts"}),
        (False, {"where": "value.lines"}),
        (False, {"where": "length(attempts)"}),
    ],
)
def test_every_condition_given_has_to_hold(chosen: bool, conditions: dict[str, Any]) -> None:  # noqa: FBT001
    selection = Selection(**conditions)

    assert selection.has(letter(OURS), "open") is chosen
    assert Selection.of_json(selection.as_json()) == selection


@pytest.mark.parametrize("conditions", [{"where": "a ==="}, {"since": "yesterday"}, {"until": "2026"}])
def test_what_cannot_be_read_is_refused_at_once(conditions: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Selection(**conditions)


RUN = UUID(int=1)


def test_a_replay_tells_how_often_and_by_which_run() -> None:
    headers = replay_headers(letter(OURS), RUN)

    assert headers[:4] == OURS[:4]
    assert dict(headers[4:]) == {
        "dlq-replay-id": str(RUN).encode(),
        "dlq-replay-count": b"2",
        "dlq-attempts": b"2",
    }


def test_an_event_without_an_id_keeps_that_of_its_place_when_it_is_replayed() -> None:
    """At another place it would be another event: replayed twice, it would be applied twice."""
    at = {**dict(OURS), "dlq-original-topic": b"order.placed"}
    bare = tuple((name, value) for name, value in at.items() if not name.startswith("ce_"))
    headers = dict(replay_headers(letter(bare), RUN))

    assert headers["ce_id"] == b"3-42"
    assert headers["ce_source"] == b"kafka:order.placed"
    assert headers["ce_type"] == b"order.placed"

    named = json.dumps(
        {"specversion": "1.0", "type": "order.placed", "source": "kafka:order.placed", "id": "x", "data": {}}
    )
    assert "ce_id" not in dict(replay_headers(letter(bare, named.encode()), RUN))
    assert "ce_id" not in dict(replay_headers(letter(SPRING), RUN))


def test_the_dead_letters_of_an_order_go_as_its_life_went() -> None:
    types = ("order.returned", "order.placed", "no.such", "order.canceled", "order.fulfilled")
    letters = [
        letter((("ce_specversion", b"1.0"), ("ce_type", one.encode()), ("ce_source", b"s"), ("ce_id", b"e")))
        for one in types
    ]

    assert [one.type for one in in_lifecycle_order(letters)] == [
        "order.placed",
        "order.fulfilled",
        "order.returned",
        "order.canceled",
        "no.such",
    ]
