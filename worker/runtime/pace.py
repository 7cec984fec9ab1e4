"""Keeps to a rate."""

import asyncio


class Pace:
    """So many records a second at the most."""

    def __init__(self, records_per_s: int) -> None:
        self.records_per_s = records_per_s
        self._next_at_s = 0.0

    async def turn(self, count: int) -> float:
        """Wait until so many records more keep to the rate; gives the loop's time then."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._next_at_s - loop.time())
        now_s = loop.time()
        self._next_at_s = now_s + count / self.records_per_s
        return now_s
