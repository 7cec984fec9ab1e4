"""Lines of an events file as records."""

from pathlib import Path

import pytest

from worker.dev.event_lines import LineError, LineRecord, parse_lines, read_lines


def parsed(line: str | bytes, name: str = "f.jsonl") -> LineRecord:
    [record] = parse_lines([line if isinstance(line, bytes) else line.encode()], name)
    return record


def test_an_event_travels_in_binary_mode_on_the_topic_of_its_type() -> None:
    record = parsed(
        '{"type": "order.placed", "id": "e1", "source": "/s", "time": "2026-03-14T06:00:00Z",'
        ' "traceparent": "00-1-2-00", "data": {"order_id": "o1"}}'
    )
    assert record.topic == "order.placed"
    assert record.key == b"o1"
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e1",
        "ce_source": b"/s",
        "ce_type": b"order.placed",
        "ce_time": b"2026-03-14T06:00:00Z",
        "ce_traceparent": b"00-1-2-00",
    }


def test_data_keeps_its_spelling() -> None:
    data = '{"sku":"x",  "quantity": 1234567890123456.1234560, "delta":1e2}'
    assert parsed(f'{{"type": "stock.set", "data": {data}}}').value == data.encode()


@pytest.mark.parametrize(
    ("type_name", "data", "key"),
    [
        ("order.placed", '{"sales_channel_id": "c", "order_id": "o", "cart_id": "k"}', b"o"),
        ("cart.validated", '{"cart_id": "k", "sales_channel_id": "c"}', b"k"),
        ("variant.created", '{"variant_id": "v", "sku": "s"}', b"v"),
        ("stock.set", '{"sku": "s", "location_id": "l"}', b"s"),
        ("stock.adjusted", '{"inventory_item_id": "i", "location_id": "l"}', b"i"),
        ("location.created", '{"location_id": "l"}', b"l"),
        ("sales_channel.updated", '{"sales_channel_id": "c", "location_ids": []}', b"c"),
        ("order.placed", '{"order_id": 5}', None),
        ("order.placed", "[]", None),
    ],
)
def test_the_key_is_what_the_event_is_about(type_name: str, data: str, key: bytes | None) -> None:
    assert parsed(f'{{"type": "{type_name}", "data": {data}}}').key == key


def test_an_id_is_made_where_there_is_none_and_is_the_same_the_next_time() -> None:
    line = '{"type": "order.placed", "data": {}}'
    record = parsed(line)
    assert record.event_id is not None
    assert record.event_id.startswith("line-1-")
    assert record.source == "simulate"
    assert parsed(line).event_id == record.event_id
    assert parsed(line, "other.jsonl").event_id != record.event_id


def test_what_is_no_json_is_sent_as_it_is_for_the_worker_to_judge() -> None:
    record = parsed(b"\xff{nonsense")
    assert (record.topic, record.value) == ("order.placed", b"\xff{nonsense")
    assert dict(record.headers)["ce_id"] == (record.event_id or "").encode()


@pytest.mark.parametrize("line", ["[1]", "5", "[" * 100_000, '{"type": "order.placed", "data": {"q": 1}'])
def test_what_is_no_object_is_sent_as_it_is(line: str) -> None:
    assert parsed(line).value == line.encode()


def test_without_a_type_the_line_is_sent_without_one() -> None:
    record = parsed('{"id": "e1", "data": {}}')
    assert record.type is None
    assert "ce_type" not in dict(record.headers)
    assert record.value == b'{"id": "e1", "data": {}}'


def test_an_unknown_type_goes_to_a_topic_that_is_there() -> None:
    record = parsed('{"type": "order.exploded", "data": {"order_id": "o"}}')
    assert (record.topic, record.type) == ("order.placed", "order.exploded")
    assert dict(record.headers)["ce_type"] == b"order.exploded"


def test_without_data_there_is_no_value() -> None:
    assert parsed('{"type": "order.placed", "id": "e1"}').value is None


def test_a_record_is_sent_as_told() -> None:
    record = parsed(
        '{"record": {"topic": "stock.set", "key": "k", "value_base64": "/w==", "headers": {"a": "b"},'
        ' "headers_base64": {"c": "/w=="}}}'
    )
    assert record == LineRecord(1, "stock.set", b"k", (("a", b"b"), ("c", b"\xff")), b"\xff")


@pytest.mark.parametrize(
    "record",
    [
        '{"topic": "elsewhere", "value": ""}',
        '{"value": ""}',
        '{"topic": "stock.set", "value_base64": "%"}',
        '{"topic": "stock.set", "valeu": ""}',
        "5",
    ],
)
def test_a_record_that_cannot_be_sent_names_its_line(record: str) -> None:
    with pytest.raises(LineError, match="line 3"):
        list(parse_lines([b"", b"  ", f'{{"record": {record}}}'.encode()], "f"))


def test_empty_lines_count_but_are_not_sent(tmp_path: Path) -> None:

    path = tmp_path / "f.jsonl"
    path.write_text('\n\n{"type": "order.placed"}\r\n\n')
    assert [record.line_no for record in read_lines(path)] == [3]
