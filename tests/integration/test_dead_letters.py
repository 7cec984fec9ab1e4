"""Dead letters of the worker: what it writes about them when they die, and when they die again."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from schemas.topics import Output
from tests.books import connected, contradictions
from tests.in_process import InProcessWorker, Topics, on, worker_on

if TYPE_CHECKING:
    from worker.runtime.database import Connection


@pytest.fixture
async def db(database_url: str) -> AsyncIterator["Connection"]:
    """The test's own session; at the end the books must be right."""
    connection = await connected(database_url)
    try:
        yield connection
        assert await contradictions(connection) == []
    finally:
        await connection.close()


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[InProcessWorker]:
    async with worker_on(database_url) as one:
        yield one


async def test_a_replayed_record_that_dies_again_keeps_when_it_failed_first(
    worker: InProcessWorker, db: "Connection"
) -> None:
    topics = Topics()
    [first] = on(Output.DEAD_LETTERS, await worker.deliver(topics.record("order.placed", b"{not json")))
    headers = dict(first.headers)
    assert headers["dlq-attempts"] == b"1"
    assert headers["dlq-first-failed-at"] == headers["dlq-failed-at"]

    history = {
        "dlq-replay-id": b"run-1",
        "dlq-replay-count": b"1",
        "dlq-attempts": headers["dlq-attempts"],
        "dlq-first-failed-at": headers["dlq-first-failed-at"],
    }
    again = topics.record("order.placed", b"{not json", tuple(history.items()))
    [second] = on(Output.DEAD_LETTERS, await worker.deliver(again))

    told = dict(second.headers)
    assert told["dlq-attempts"] == b"2"
    assert told["dlq-replay-id"] == b"run-1"
    assert told["dlq-first-failed-at"] == headers["dlq-first-failed-at"]
    assert told["dlq-original-offset"] == b"1"
    assert told["dlq-fingerprint"] == headers["dlq-fingerprint"]
    assert await db.fetchval("select count(*) from dead_letter where state = 'open'") == 2
