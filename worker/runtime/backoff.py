"""Exponential back-off with full jitter: how long to wait before the same thing is tried again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from worker.runtime.database import Failure, failure_of
from worker.runtime.errors import Transient

T = TypeVar("T")

log = logging.getLogger(__name__)


class Backoff:
    """One series of attempts at one thing.

    `jitter` gives numbers from 0 to 1 (the composition root's randomness); `alive` is called at the start and
    after each wait, so that a watchdog tells a loop that tries from one that hangs.
    """

    def __init__(
        self,
        jitter: Callable[[], float],
        alive: Callable[[], None],
        *,
        delay_s_min: float = 0.1,
        delay_s_max: float = 10.0,
    ) -> None:
        self._jitter = jitter
        self._alive = alive
        self._delay_s = delay_s_min
        self._delay_s_max = delay_s_max
        alive()

    async def wait(self) -> None:
        """Wait before the next attempt; each time up to twice as long, up to the cap."""
        await asyncio.sleep(self._delay_s * (0.5 + self._jitter() / 2))
        self._delay_s = min(self._delay_s * 2, self._delay_s_max)
        self._alive()


async def until_deadline(
    action: Callable[[float], Awaitable[T]], deadline_s: float, jitter: Callable[[], float]
) -> T:
    """Try until it works; the action is given the seconds left. Raises its Transient once none are left."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + deadline_s
    backoff = Backoff(jitter, lambda: None)
    while True:
        try:
            return await action(max(ends_at - loop.time(), 0.1))
        except Transient as error:
            if loop.time() >= ends_at:
                raise
            log.warning("%s; trying again", error)
        await backoff.wait()


async def persistently(action: Callable[[], Awaitable[object]], backoff: Backoff, complaint: str) -> None:
    """Try until it works: a broker or database that is away is waited for.

    Raises what is neither transient nor foreseen.
    """
    while True:
        try:
            await action()
        except (Transient, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not isinstance(error, Transient) and failure_of(error) is Failure.FATAL:
                raise
            log.warning("%s: %s", complaint, error)
            await backoff.wait()
        else:
            return
