"""`offsets check` and `rewind` on a real Kafka and a real Postgres, after what they are for has happened."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete

from tests.installation import (
    DEADLINE_S,
    LOOK_AGAIN_S,
    PARTITIONS,
    Installation,
    Sent,
    cloud_event,
    database_copy,
    installation,
)
from tests.kafka_tools import admin, commit_for, committed
from tests.providers import Kafka, Postgres
from worker.inspect.group import members_and_state
from worker.inspect.offsets import FITS, LOST, MEMBERS, REWIND, Move, rewind
from worker.runtime.topics import ensure_topics
from worker.settings import load_settings

COMMAND_NO = itertools.count()


@pytest.fixture
async def shop(
    kafka_server: Kafka, database_url: str, unique_name: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    """An installation that has read locations on every partition; no worker runs."""
    async with installation(kafka_server.bootstrap, database_url, unique_name, tmp_path) as made:
        await made.send(*locations(0, 40))
        await worked(made)
        yield made


def locations(first: int, count: int) -> list[Sent]:
    return [
        cloud_event(f"made-{number}", "location.created", f"{number}", location_id=f"{number}")
        for number in range(first, first + count)
    ]


async def worked(shop: Installation, database_url: str | None = None) -> None:
    """A worker comes, judges all there is, and goes."""
    url = database_url or shop.database_url
    async with shop.worker(database_url=url) as worker:
        await shop.settled(url)
        assert await worker.stop() == 0


async def told(shop: Installation, *arguments: str, database_url: str | None = None) -> tuple[int, str]:
    """The exit code of a command about offsets, and what it says."""
    command = await shop.started(
        "offsets",
        *arguments,
        name=f"command{next(COMMAND_NO)}",
        database_url=database_url or shop.database_url,
    )
    return await command.ended(), command.log


async def checked(
    shop: Installation, database_url: str | None = None
) -> tuple[int, dict[str, int], dict[str, Any]]:
    """The exit code of a check, how many offsets each kind is about in all, and the whole document."""
    code, said = await told(shop, "check", "--json", database_url=database_url)
    document = json.loads(said)
    assert document["exit_code"] == code
    kinds: dict[str, int] = {}
    for partition in document["partitions"]:
        for finding in partition["findings"]:
            kinds[finding["kind"]] = kinds.get(finding["kind"], 0) + finding["offsets"]
    return code, kinds, document


async def joined(shop: Installation) -> None:
    """Returns when a worker has its partitions."""
    async with asyncio.timeout(DEADLINE_S), admin(shop.bootstrap) as client:
        while await members_and_state(client, shop.group) != (1, "Stable"):  # noqa: ASYNC110 - Kafka tells nobody
            await asyncio.sleep(LOOK_AGAIN_S)


async def events_in(url: str) -> int:
    db = await asyncpg.connect(url)
    try:
        count: int = await db.fetchval("select count(*) from event")
        return count
    finally:
        await db.close()


async def read_in(url: str) -> dict[TopicPartition, int]:
    """How far the database has read, of the partitions in which there is anything."""
    db = await asyncpg.connect(url)
    try:
        rows = await db.fetch("select topic, partition, next_offset from consumer_progress")
        return {TopicPartition(topic, partition): offset for topic, partition, offset in rows if offset}
    finally:
        await db.close()


async def test_after_a_quiet_day_there_is_nothing_to_say(shop: Installation) -> None:
    code, kinds, document = await checked(shop)
    assert (code, kinds) == (FITS, {})
    assert len(document["partitions"]) == 2 * PARTITIONS
    assert sum(partition["kafka"] or 0 for partition in document["partitions"]) == 40
    code, said = await told(shop, "check")
    assert code == FITS
    assert "Kafka and the database agree" in said
    code, said = await told(shop, "rewind")
    assert code == FITS
    assert "nothing to rewind" in said


async def test_a_restored_database_catches_up_by_itself_and_the_check_says_so(
    shop: Installation, postgres_server: Postgres
) -> None:
    async with database_copy(postgres_server.url, shop.database_url) as restored:
        await shop.send(*locations(40, 25))
        await worked(shop)
        code, kinds, _ = await checked(shop, restored)
        assert (code, kinds) == (FITS, {"database_behind": 25})
        assert "nothing to rewind" in (await told(shop, "rewind", "--yes", database_url=restored))[1]

        await worked(shop, restored)
        assert await events_in(restored) == 65
        assert (await checked(shop, restored))[:2] == (FITS, {})


async def test_a_database_made_anew_reads_everything_after_a_rewind(
    shop: Installation, empty_database_url: str
) -> None:
    migrated = await shop.started("migrate", name="migrate", database_url=empty_database_url)
    assert await migrated.ended() == 0, migrated.log
    assert (await checked(shop, empty_database_url))[:2] == (REWIND, {"nothing_in_database": 40})

    # Nothing moves while a worker of the group runs, nor unless it is wanted.
    async with shop.worker() as worker:
        await joined(shop)
        code, said = await told(shop, "rewind", "--yes", database_url=empty_database_url)
        assert code == MEMBERS
        assert "stop the workers first" in said
        assert await worker.stop() == 0
    code, said = await told(shop, "rewind", database_url=empty_database_url)
    assert code == 1
    assert "would begin at" in said
    code, said = await told(shop, "rewind", "--json", database_url=empty_database_url)
    assert (code, json.loads(said)["done"]) == (REWIND, False)
    assert await committed(shop.bootstrap, shop.group) == shop.ends

    code, said = await told(shop, "rewind", "--yes", database_url=empty_database_url)
    assert code == FITS, said
    assert set((await committed(shop.bootstrap, shop.group)).values()) == {0}
    assert (await checked(shop, empty_database_url))[:2] == (FITS, {})
    await worked(shop, empty_database_url)
    assert await events_in(empty_database_url) == 40


async def test_kafka_refuses_a_rewind_beside_a_worker_that_came_meanwhile(shop: Installation) -> None:
    before = await read_in(shop.database_url)
    settings = load_settings(
        {"kafka_bootstrap": shop.bootstrap, "database_url": shop.database_url, "consumer_group": shop.group}
    )
    moves = [Move(one.topic, one.partition, end, 0, end) for one, end in shop.ends.items()]
    async with shop.worker() as worker:
        await joined(shop)
        assert not await rewind(settings, moves)
        assert await worker.stop() == 0
    assert await read_in(shop.database_url) == before == await committed(shop.bootstrap, shop.group)


async def test_a_topic_made_anew_is_read_from_its_beginning(shop: Installation) -> None:
    topic = f"{shop.name}.catalogue"
    async with admin(shop.bootstrap) as client:
        await client.delete_topics([topic])
        async with asyncio.timeout(DEADLINE_S):
            while topic in await client.list_topics():  # noqa: ASYNC110 - Kafka tells nobody
                await asyncio.sleep(LOOK_AGAIN_S)
    code, kinds, _ = await checked(shop)
    assert (code, set(kinds)) == (LOST, {"not_on_kafka"})

    await ensure_topics(shop.bootstrap, PARTITIONS, 1, input_topics=shop.topic_types)
    assert (await checked(shop))[:2] == (REWIND, {"beyond_end": 40})
    shop.ends.clear()
    await shop.send(*locations(40, 8))
    code, said = await told(shop, "rewind", "--yes")
    assert code == FITS, said
    assert await read_in(shop.database_url) == {}
    assert await shop.one_value("select count(*) from consumer_progress where caught_up_at is null") > 0

    await worked(shop)
    assert await events_in(shop.database_url) == 48
    assert (await checked(shop))[:2] == (FITS, {})


async def test_what_retention_took_before_it_was_read_is_counted(shop: Installation) -> None:
    before = dict(shop.ends)
    await shop.send(*locations(40, 30))
    partition, end = max(shop.ends.items(), key=lambda item: item[1] - before.get(item[0], 0))
    lost = end - before.get(partition, 0)
    async with admin(shop.bootstrap) as client:
        await client.delete_records({partition: RecordsToDelete(end)})
    code, kinds, _ = await checked(shop)
    assert (code, kinds) == (LOST, {"deleted": lost})
    assert f"{lost} were deleted by retention" in (await told(shop, "check"))[1]


async def test_offsets_that_kafka_lost_are_read_again_and_known(shop: Installation) -> None:
    await commit_for(shop.bootstrap, shop.group, dict.fromkeys(shop.ends, 0))
    assert (await checked(shop))[:2] == (FITS, {"database_ahead": 40})


async def test_a_rewind_to_a_moment_changes_nothing_that_is_known(shop: Installation) -> None:
    heard = {output: len(records) for output, records in (await shop.heard()).items()}
    code, said = await told(shop, "rewind", "--since", "2020-01-01", "--yes", "--json")
    document = json.loads(said)
    assert (code, document["done"]) == (FITS, True)
    assert sum(move["starts_at"] - move["rewind_to"] for move in document["moves"]) == 40
    assert set((await committed(shop.bootstrap, shop.group)).values()) == {0}
    assert await read_in(shop.database_url) == {}

    await worked(shop)
    assert {output: len(records) for output, records in (await shop.heard()).items()} == heard
    assert await events_in(shop.database_url) == 40
    assert set((await shop.check()).values()) == {"applied"}
