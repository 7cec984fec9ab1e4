"""Records on their way out: what one is, how a batch of them is stored, which partition each takes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar
from zlib import crc32

import cramjam
import msgspec

T = TypeVar("T")

FRAMES_VERSION = 1
"""First element of packed frames; raised when their shape changes, so that old rows stay readable."""

ZSTD_LEVEL = 1
"""Fixed, so that the same records give the same bytes."""


class OutRecord(NamedTuple):
    """One record as it will stand on Kafka, frozen when the batch that caused it commits (DESIGN §5)."""

    topic: str
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None
    timestamp_ms: int
    """Milliseconds since 1970."""


class _Frames(NamedTuple):
    version: int
    records: msgspec.Raw
    """Left undecoded until the version says how."""


class _Glance(NamedTuple):
    """An `OutRecord` of which only topic and value are of interest."""

    topic: str
    key: msgspec.Raw
    headers: msgspec.Raw
    value: bytes | None
    timestamp_ms: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_frames = msgspec.msgpack.Decoder(_Frames)
_records = msgspec.msgpack.Decoder(list[OutRecord])
_glances = msgspec.msgpack.Decoder(list[_Glance])


def pack(records: Sequence[OutRecord]) -> bytes:
    """Gives the outbox row of a batch: its records in order, compressed. Same records, same bytes."""
    return bytes(cramjam.zstd.compress(_encoder.encode((FRAMES_VERSION, records)), ZSTD_LEVEL))


def unpack(frames: bytes) -> list[OutRecord]:
    """Gives the records that `pack` was given, byte for byte. Raises ValueError on anything else."""
    return _decoded(frames, _records)


def _decoded(frames: bytes, decoder: msgspec.msgpack.Decoder[list[T]]) -> list[T]:
    try:
        version, records = _frames.decode(memoryview(cramjam.zstd.decompress(frames)))
        if version != FRAMES_VERSION:
            raise ValueError(f"frames of version {version}; this worker reads version {FRAMES_VERSION}")
        return decoder.decode(records)
    except (cramjam.DecompressionError, msgspec.DecodeError) as error:
        raise ValueError(f"not the frames of a batch: {error}") from error


def glance(frames: bytes) -> Iterator[tuple[str, bytes | None]]:
    """Topic and value of each record of packed frames; the rest is not even decoded. Raises as `unpack`."""
    return ((record.topic, record.value) for record in _decoded(frames, _glances))


def partition_of(key: bytes | None, count: int) -> int:
    """Gives the partition, 0 to count − 1, of a key: crc32, as librdkafka's `consistent` does (ADR 0003)."""
    return crc32(key or b"") % count
