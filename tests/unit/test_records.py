"""Records on their way out: frames keep every byte, partitions are librdkafka's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.runtime.records import OutRecord, pack, partition_of, unpack

RECORDS = st.lists(
    st.builds(
        OutRecord,
        topic=st.text(max_size=20),
        key=st.none() | st.binary(max_size=20),
        headers=st.lists(st.tuples(st.text(max_size=9), st.none() | st.binary(max_size=9)), max_size=4).map(
            tuple
        ),
        value=st.none() | st.binary(max_size=99),
        timestamp_ms=st.integers(0, 2**62),
    ),
    max_size=9,
)


@given(RECORDS)
def test_frames_give_back_what_went_in_and_are_stable(records: list[OutRecord]) -> None:
    frames = pack(records)

    assert unpack(frames) == records
    assert pack(unpack(frames)) == frames


@pytest.mark.parametrize("frames", [b"", b"not compressed", pack([])[:-3]])
def test_what_is_no_frames_is_a_value_error(frames: bytes) -> None:
    with pytest.raises(ValueError, match="frames"):
        unpack(frames)


def test_frames_of_another_version_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.runtime.records.FRAMES_VERSION", 2)
    frames = pack([])
    monkeypatch.undo()

    with pytest.raises(ValueError, match="version 2"):
        unpack(frames)


def test_the_frames_of_version_1_stay_readable() -> None:
    record = OutRecord(
        "inventory.results", b"o-1", (("ce_id", b"1"), ("none", None)), b"{}", 1_700_000_000_000
    )
    stored = bytes.fromhex(
        "28b52ffd203ad1010092019195b1696e76656e746f72792e726573756c7473c4036f2d319292a563"
        "655f6964c4013192a46e6f6e65c0c4027b7dcf0000018bcfe56800"
    )

    assert unpack(stored) == [record]


@pytest.mark.parametrize(
    ("key", "partition"),
    # From librdkafka's own tests of `consistent`: crc32 of the key, modulo 17.
    [
        (b"", 0),
        (b"23456", 0xB1B451D7 % 17),
        (b"this is another string with more length to it perhaps", 0xB0150DF7 % 17),
        (b"hejsan", 0xD077037E % 17),
    ],
)
def test_partitions_are_those_of_librdkafka(key: bytes, partition: int) -> None:
    assert partition_of(key, 17) == partition


def test_no_key_takes_the_first_partition() -> None:
    assert partition_of(None, 12) == 0
