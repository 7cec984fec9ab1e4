"""Record batches with header names that are not UTF-8, in every compression."""

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from worker.runtime.lenient_records import LenientRecords, read_leniently

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def batch(first: int, count: int, codec: int = 0) -> bytearray:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 1 << 20)
    for place in range(count):
        number = first + place
        value = None if place == 1 else b"v%d" % number
        builder.append(place, 1000 + number, b"k%d" % number, value, [("none", None), ("@@@", b"\xff")])
    return bytearray(builder.build())


Read = tuple[int, bytes, bytes | None, list[tuple[str, bytes | None]]]


def everything(data: bytes) -> list[Read]:
    records = LenientRecords(data)
    assert records.size_in_bytes() == len(data)
    found: list[Read] = []
    while records.has_next():
        found += [(r.timestamp, r.key, r.value, list(r.headers)) for r in records.next_batch()]
    return found


def expected(number: int, name: str = "@@@", *, is_tombstone: bool = False) -> Read:
    value = None if is_tombstone else b"v%d" % number
    return (1000 + number, b"k%d" % number, value, [("none", None), (name, b"\xff")])


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_good_batches_are_read_as_ever(codec: int) -> None:
    data = bytes(batch(0, 5, codec) + batch(5, 1, codec))

    assert everything(data) == [expected(n, is_tombstone=n == 1) for n in range(6)]


def test_a_bad_name_is_shown_by_its_bytes_and_its_neighbours_stay() -> None:
    spoilt = bytes(batch(5, 4)).replace(b"@@@", b"\xff\xfe@", 3).replace(b"\xff\xfe@", b"@@@", 2)

    names = [headers[1][0] for *_, headers in everything(bytes(batch(0, 5)) + spoilt + bytes(batch(9, 2)))]

    assert names == ["@@@"] * 7 + ["\\xff\\xfe@"] + ["@@@"] * 3


def test_what_the_fetcher_asks_of_a_batch_is_answered() -> None:
    found = LenientRecords(bytes(batch(0, 3))).next_batch()

    assert found.validate_crc()
    assert (found.base_offset, found.next_offset, found.is_control_batch) == (0, 3, False)
    assert next(found).key == b"k0"


def test_the_fetcher_of_the_client_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)
    read_leniently()

    assert fetcher.MemoryRecords is LenientRecords
