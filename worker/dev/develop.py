"""Workers on the servers of a folder, for development: they stay up until they are told to end."""

import asyncio
import signal
from collections.abc import Callable

from worker.dev.crew import crew
from worker.dev.home import Servers
from worker.dev.stage import prepared_stage


async def develop(servers: Servers, workers: int, on_ready: Callable[[], None]) -> None:
    """Migrate, make topics, and run so many workers until SIGINT or SIGTERM; `on_ready` is called before.

    Raises whatever a worker fails with.
    """
    stage = await prepared_stage(servers.kafka_bootstrap, servers.database_url, {"worker_name": "dev"})
    on_ready()
    async with crew(stage.settings, workers, lambda _next_offsets: None) as working:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, working.stop)
        await working.ended()
