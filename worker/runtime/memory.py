"""How the process keeps its memory: what one batch frees, the next one takes again.

A batch makes some megabytes of objects, and all of them die with it. The defaults of Python and of the C
library are made for programs that do not do the same again at once.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

GARBAGE_THRESHOLD = 200_000
"""Objects made and not freed before the youngest are looked through: a few batches' worth."""

KEPT_BYTES = 256 << 20
"""Free memory at the end of the heap goes back only beyond this."""
GROWTH_BYTES = 16 << 20
MAPPED_BYTES_MIN = 32 << 20
"""Blocks from this size on are mapped by themselves, and go back at once."""

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""Parameters of mallopt(3), as malloc.h numbers them."""


def keep_freed_memory() -> None:
    """Have the C library keep what is freed: else the end of its heap goes back and comes anew all the time.

    The first touch of a page costs as much as an answer does. Does nothing where the library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_TOP_PAD, GROWTH_BYTES)
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES_MIN)


def collect_garbage_rarely() -> None:
    """A batch's objects die with it and hold no cycles: looking through them costs a third of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 50)


@contextmanager
def garbage_collected_rarely() -> Iterator[None]:
    """As `collect_garbage_rarely`, for the block only."""
    thresholds = gc.get_threshold()
    collect_garbage_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
