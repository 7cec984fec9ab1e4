"""Workers that run beside a tool, in its process."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from worker.runtime.app import OnJudged, Worker
from worker.runtime.errors import Fatal
from worker.runtime.load import Present, by_the_clock
from worker.settings import Settings

T = TypeVar("T")


class Crew:
    """Running workers. One that ends before it is told to ends what is done with them."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._runs = [asyncio.ensure_future(worker.run()) for worker in workers]

    async def unless_it_fails(self, work: Coroutine[Any, Any, T]) -> T:
        """The work's result. Raises what a worker ended with while it was under way."""
        working = asyncio.ensure_future(work)
        try:
            await asyncio.wait([working, *self._runs], return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await self.ended()
                raise Fatal("a worker ended before its work was done")
            return await working
        finally:
            working.cancel()
            await asyncio.wait([working])

    def stop(self) -> None:
        """Tell all workers to end."""
        for worker in self._workers:
            worker.stop()

    async def ended(self) -> None:
        """Wait for the first worker to end. Raises what it ended with."""
        done, _ = await asyncio.wait(self._runs, return_when=asyncio.FIRST_COMPLETED)
        for run in done:
            run.result()

    async def end(self) -> None:
        """Stop all workers and wait until they have ended, whatever they end with."""
        self.stop()
        await asyncio.wait(self._runs)


@asynccontextmanager
async def crew(
    settings: Settings, count: int, on_judged: OnJudged, present: Present = by_the_clock
) -> AsyncIterator[Crew]:
    """So many workers for the block, stopped in order at its end; `present` is their clock."""
    names = [f"{settings.worker_name or 'dev'}-{number}" for number in range(1, count + 1)]
    workers = Crew(
        [Worker(settings.model_copy(update={"worker_name": name}), on_judged, present) for name in names]
    )
    try:
        yield workers
    finally:
        await workers.end()
