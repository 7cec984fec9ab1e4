r"""Reads records whose header names are not UTF-8; aiokafka raises there, at the same record for ever.

Kafka demands UTF-8 there but checks nothing, so one careless producer could stop a partition. As long as
all is well, aiokafka's own reader does the work. Bytes that are not UTF-8 become `\xNN` in the name;
values are never touched.
"""

# ruff: noqa: SLF001

from collections.abc import Iterator
from itertools import islice
from struct import Struct
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH = Struct(">i")
_LENGTH_AT = 8
"""After the base offset, in all versions of the format."""
_LENGTH_END = _LENGTH_AT + _LENGTH.size


def read_leniently() -> None:
    """From now on consumers of this process read any header name. Does nothing the second time."""
    fetcher.MemoryRecords = LenientRecords


class LenientRecords:
    """aiokafka's MemoryRecords: the record batches of one partition in a fetch response."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._start = 0
        self._batches = MemoryRecords(data)

    def size_in_bytes(self) -> int:
        """Gives the size of all batches."""
        return len(self._data)

    def has_next(self) -> bool:
        """Tells whether another whole batch is there."""
        return bool(self._batches.has_next())

    def next_batch(self) -> "_Batch":
        """Gives the next batch."""
        batch = self._batches.next_batch()
        start = self._start
        self._start = start + _LENGTH_END + _LENGTH.unpack_from(self._data, start + _LENGTH_AT)[0]
        return _Batch(batch, memoryview(self._data)[start : self._start])


class _Batch:
    """A batch of aiokafka's, with another way to read its records when the first one fails."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                yield record
                read += 1
        except UnicodeDecodeError:
            yield from islice(_leniently(self._data), read, None)


def _leniently(data: memoryview) -> Iterator[Any]:
    batch = _DefaultRecordBatchPy(data)
    batch._maybe_uncompress()
    batch._buffer = _LenientBytes(batch._buffer)
    return iter(batch)


class _LenientBytes(bytearray):
    """Bytes whose slices decode without error: only header names are decoded."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _LenientBytes(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002 - as bytes have it
        return super().decode(encoding, "backslashreplace")
