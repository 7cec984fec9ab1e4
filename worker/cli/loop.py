"""Runs a command's coroutine on a fast event loop."""

import asyncio
import random
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """The coroutine's result. SIGINT and SIGTERM cancel it, so that what it started is ended in order.

    Raises SystemExit with 128 and the signal's number then.
    """
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_cancelled_by_sigterm(work))
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None


def run_patiently(server: str, work: Callable[[], Coroutine[Any, Any, T]], deadline_s: float) -> T:
    """The result of work on a server that may not be there yet: tried again with back-off until the deadline.

    Raises Transient with the server's name once the deadline has passed.
    """
    return run(_until_deadline(server, work, deadline_s))


async def _until_deadline(server: str, work: Callable[[], Coroutine[Any, Any, T]], deadline_s: float) -> T:
    import asyncpg
    from aiokafka.errors import KafkaConnectionError

    from worker.runtime.backoff import until_deadline
    from worker.runtime.errors import Transient

    async def attempt(_left_s: float) -> T:
        try:
            return await work()
        except (OSError, asyncpg.CannotConnectNowError, KafkaConnectionError, Transient) as error:
            reason = f": {error}" if isinstance(error, OSError) else ""
            raise Transient(f"cannot reach {server}{reason}") from error

    return await until_deadline(attempt, deadline_s, random.random)


async def _cancelled_by_sigterm(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
