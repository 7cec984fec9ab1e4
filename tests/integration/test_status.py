"""Verdicts on real servers, from nothing there to all read."""

import asyncio
from collections.abc import Awaitable, Callable

from tests.providers import Kafka
from worker.dev.crew import crew
from worker.inspect.status import Facts, Status, Verdict, status
from worker.runtime.topics import ensure_topics
from worker.settings import Settings, load_settings

DEADLINE_S = 60.0
NOBODY = "127.0.0.1:1"


def settings(kafka: str, database_url: str, name: str) -> Settings:
    """Settings with a group and input topics of the test's own."""
    types = {f"{name}.order.placed": "order.placed", f"{name}.stock.set": "stock.set"}
    return load_settings(
        {
            "kafka_bootstrap": kafka,
            "database_url": database_url,
            "consumer_group": name,
            "topic_types": types,
        }
    )


async def seen(look: Callable[[], Awaitable[Status]], is_so: Callable[[Facts], bool]) -> Status:
    """The first status with such facts."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = await look()
            if found.facts is not None and is_so(found.facts):
                return found


async def test_a_database_that_is_away_is_named_first(unique_name: str) -> None:
    found = await status(settings(NOBODY, f"postgresql://u@{NOBODY}/d", unique_name))
    assert (found.verdict, found.exit_code) == (Verdict.DATABASE_AWAY, 17)


async def test_a_schema_that_does_not_fit_says_what_mends_it(
    empty_database_url: str, unique_name: str
) -> None:
    found = await status(settings(NOBODY, empty_database_url, unique_name))
    assert found.verdict is Verdict.SCHEMA_MISMATCH
    assert "inventory-worker migrate" in found.message


async def test_a_broker_that_is_away_is_told(database_url: str, unique_name: str) -> None:
    found = await status(settings(NOBODY, database_url, unique_name))
    assert found.verdict is Verdict.KAFKA_AWAY


async def test_from_missing_topics_to_a_worker_that_has_read_all(
    kafka_server: Kafka, database_url: str, unique_name: str
) -> None:
    given = settings(kafka_server.bootstrap, database_url, unique_name)

    async def look() -> Status:
        return await status(given)

    missing = await look()
    assert missing.verdict is Verdict.TOPICS_MISSING
    assert f"{unique_name}.stock.set" in missing.message

    await ensure_topics(given.kafka_bootstrap, 1, 1, input_topics=given.topic_types)
    assert (await look()).verdict is Verdict.NO_WORKER

    async with crew(given, 1, lambda _next_offsets: None):
        found = await seen(look, lambda facts: facts.members == 1 and facts.group_state == "Stable")
    assert (found.verdict, found.exit_code) == (Verdict.OK, 0)
