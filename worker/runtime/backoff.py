"""Exponential back-off with full jitter: how long to wait before the same thing is tried again."""

import asyncio
from collections.abc import Callable


class Backoff:
    """One series of attempts. `jitter` gives numbers from 0 to 1 (the composition root's randomness)."""

    def __init__(
        self, jitter: Callable[[], float], *, delay_s_min: float = 0.1, delay_s_max: float = 10.0
    ) -> None:
        self._jitter = jitter
        self._delay_s = delay_s_min
        self._delay_s_max = delay_s_max
        self.attempts = 0

    async def wait(self) -> None:
        """Wait before the next attempt; each time up to twice as long, up to the cap."""
        self.attempts += 1
        await asyncio.sleep(self._delay_s * (0.5 + self._jitter() / 2))
        self._delay_s = min(self._delay_s * 2, self._delay_s_max)
