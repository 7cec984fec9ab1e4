"""A tool's own events, judged on the running installation as a worker judges those of Kafka.

They take the same locks, are answered, and stand in the inbox and the ledger. Their answers wait in the
outbox for the workers that publish.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import orjson

from schemas.topics import Output
from worker.inspect.rows import Json
from worker.runtime.app import answer_writer, processor
from worker.runtime.database import Failure, connection, failure_of, open_pool
from worker.runtime.errors import Transient
from worker.runtime.load import RerunError
from worker.runtime.process import CommitUnknownError, Work

if TYPE_CHECKING:
    from worker.runtime.decode import Arrival
    from worker.settings import Settings

RERUNS_MAX = 50
"""How often another worker may be in the way of one transaction."""

Judge = Callable[[Sequence["Arrival"]], Awaitable[list[dict[str, Json]]]]
"""Judges events in one transaction; gives their answers, but for those that were answered before."""


@asynccontextmanager
async def judge_on(settings: "Settings", name: str) -> AsyncIterator[Judge]:
    """What judges a tool's events on the settings' database, in its name. Raises what asyncpg raises."""
    carrier = processor(settings, f"({name})", answer_writer(settings), publish_lease=timedelta(0))
    pool = await open_pool(
        settings.database_url.get_secret_value(),
        application_name=f"inventory-worker {name}",
        connections_max=1,
        role=settings.database_role,
    )

    async def judge(arrivals: Sequence["Arrival"]) -> list[dict[str, Json]]:
        async with connection(pool) as db:
            for _ in range(RERUNS_MAX):
                try:
                    committed = await carrier.process(db, Work(arrivals=arrivals), _nothing)
                except CommitUnknownError as error:
                    message = "the database went away while committing: run the same command again"
                    raise Transient(message) from error
                except (RerunError, asyncpg.PostgresError) as error:
                    if not isinstance(error, RerunError) and failure_of(error) is not Failure.RERUN:
                        raise
                else:
                    return [
                        orjson.loads(record.value)
                        for record in committed.records
                        if record.topic == Output.RESULTS.topic and record.value is not None
                    ]
        message = "others were in the way too often: run the same command again"
        raise Transient(message)

    try:
        yield judge
    finally:
        pool.terminate()


async def _nothing() -> None:
    """There is nothing else to be done meanwhile."""
