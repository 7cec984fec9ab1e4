"""Worker processes on a real Kafka and a real Postgres, with everything between them breaking.

After each: nothing lost, nothing twice, the audit clean; the last record of each level's key is the level.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import TopicPartition
from cloudevents.core.bindings import kafka
from cloudevents.core.v1.event import CloudEvent

from schemas.topics import Output
from tests.books import levels
from tests.installation import Installation, Sent, cloud_event, database_copy, installation
from tests.kafka_tools import BAD_NAME, commit_for, committed
from tests.providers import Kafka, Postgres
from tests.proxy import Api, is_commit, is_request, kafka_proxy, postgres_proxy
from worker.dev.listen import listener

ITEMS = 5
STOCK = 1000


@pytest.fixture
async def shop(
    kafka_server: Kafka, database_url: str, unique_name: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    """An installation with a small shop's events sent, and no worker yet."""
    async with installation(kafka_server.bootstrap, database_url, unique_name, tmp_path) as made:
        await made.send(*the_shop())
        yield made


def the_shop() -> list[Sent]:
    items = [f"v{n}" for n in range(ITEMS)]
    return [
        cloud_event("loc", "location.created", "A", location_id="A"),
        cloud_event("web", "sales_channel.updated", "web", sales_channel_id="web", location_ids=["A"]),
        *(cloud_event(f"made-{one}", "variant.created", one, variant_id=one, sku=one) for one in items),
        *(
            cloud_event(f"set-{one}", "stock.set", one, sku=one, location_id="A", quantity=STOCK)
            for one in items
        ),
    ]


def orders(first: int, count: int) -> list[Sent]:
    """Placements of two units over two items, every second one shipped at once."""
    told = []
    for number in range(first, first + count):
        order_id = f"o{number}"
        lines = [
            {"line_item_id": f"L{at}", "variant_id": f"v{(number + at) % ITEMS}", "quantity": 1}
            for at in (0, 1)
        ]
        placed = {"order_id": order_id, "sales_channel_id": "web", "lines": lines}
        told.append(cloud_event(f"placed-{order_id}", "order.placed", order_id, **placed))
        if number % 2:
            shipped = {"order_id": order_id, "fulfillment_id": "f1"}
            told.append(cloud_event(f"shipped-{order_id}", "order.fulfilled", order_id, **shipped))
    return told


def applied(*sent: Sent) -> dict[str, str]:
    """What `Installation.check` gives where all these events are applied."""
    return {dict(one.headers)["ce_id"].decode(): "applied" for one in sent}


async def events_in(url: str) -> int:
    """How many events the database has answered."""
    db = await asyncpg.connect(url)
    try:
        count: int = await db.fetchval("select count(*) from event where outcome < 100")
        return count
    finally:
        await db.close()


async def test_a_redelivery_of_everything_is_silent(shop: Installation) -> None:
    told = orders(0, 50)
    await shop.send(*told)
    async with shop.worker() as worker:
        await shop.settled()
        assert await worker.stop() == 0
    heard = await shop.heard()

    await commit_for(shop.bootstrap, shop.group, dict.fromkeys(shop.ends, 0))
    async with shop.worker("w2") as worker:
        await shop.settled()
        assert await worker.stop() == 0

    assert {output: len(records) for output, records in (await shop.heard()).items()} == {
        output: len(records) for output, records in heard.items()
    }
    assert await shop.check() == applied(*the_shop(), *told)


@pytest.mark.slow
async def test_workers_that_come_and_go_in_mid_stream_share_the_work(shop: Installation) -> None:
    told = orders(0, 600)
    async with shop.worker("w1") as first, shop.worker("w2") as second:
        await shop.send(*told[:300])
        async with shop.worker("w3") as third:
            await shop.send(*told[300:600])
            assert await first.stop() == 0
            await shop.send(*told[600:])
            await third.kill()
            await shop.forget_member("w3")
            await shop.settled()
        assert await second.stop() == 0

    assert await shop.check() == applied(*the_shop(), *told)


async def test_a_worker_killed_between_its_commit_and_that_of_its_offsets(shop: Installation) -> None:
    told = orders(0, 40)
    await shop.send(*told)
    async with kafka_proxy(shop.bootstrap) as (proxy, through):
        hold = proxy.hold(is_request(Api.OFFSET_COMMIT))
        async with shop.worker("w1", kafka_bootstrap=through) as worker:
            await hold.wait()
            await worker.kill()
            hold.cut()
    assert await events_in(shop.database_url) > 0
    assert await committed(shop.bootstrap, shop.group) == {}
    await shop.forget_member("w1")

    async with shop.worker("w2"):
        await shop.settled()
    assert await shop.check() == applied(*the_shop(), *told)


@pytest.mark.slow
async def test_storefronts_are_told_the_present_state_whoever_is_killed(shop: Installation) -> None:
    """Each time the worker that tells them is killed amid orders, another goes on."""
    told = orders(0, 300)
    names = ["w1", "w2", "w3"]
    async with AsyncExitStack() as stack:
        workers = {
            name: await stack.enter_async_context(shop.worker(name, availability_interval_ms=20))
            for name in names
        }
        for part in (0, 150):
            await shop.send(*told[part : part + 150])
            await shop.until("select holder = any($1) and pass > 3 from availability_state", names)
            holder = await shop.one_value("select holder from availability_state")
            await workers[holder].kill()
            await shop.forget_member(holder)
            names.remove(holder)
        await shop.send(*told[300:])
        await shop.settled()
        await shop.storefronts_told()

    assert await shop.check() == applied(*the_shop(), *told)
    last = {record.key: json.loads(record.value) for record in (await shop.heard())[Output.AVAILABILITY]}
    db = await asyncpg.connect(shop.database_url)
    try:
        free = {row["inventory_item_id"]: row["available"] for row in await db.fetch("select * from v_level")}
    finally:
        await db.close()
    assert {value["variant_id"]: value["available"] for value in last.values()} == free


# ── Everything told again ─────────────────────────────────────────────────────────────────────────────


async def check_storefronts(shop: Installation) -> None:
    """The last told of each variant is what is free of its item."""
    last = {record.key: json.loads(record.value) for record in (await shop.heard())[Output.AVAILABILITY]}
    db = await asyncpg.connect(shop.database_url)
    try:
        rows = await db.fetch("select inventory_item_id, available from v_level")
    finally:
        await db.close()
    assert {value["variant_id"]: value["available"] for value in last.values()} == dict(map(tuple, rows))


async def test_new_readers_get_everything_while_workers_go_on(shop: Installation) -> None:
    told = orders(0, 200)
    async with shop.worker("w1", availability_interval_ms=20) as worker:
        await shop.send(*told[:50])
        await shop.settled()
        await shop.storefronts_told()
        async with listener(shop.bootstrap, (Output.LEVELS, Output.AVAILABILITY)) as late:
            await shop.send(*told[50:])
            command = await shop.started("levels", "publish", "--json", name="command")
            assert await command.ended() == 0, command.log
            await shop.settled()
            await shop.storefronts_told()
            heard = {output: shop.ours(records) for output, records in (await late.heard()).items()}
        assert await worker.stop() == 0
    assert f'{{"levels": {ITEMS}, "availabilities": {ITEMS}}}' in command.log
    for output in (Output.LEVELS, Output.AVAILABILITY):
        assert len({record.key for record in heard[output]}) == ITEMS
    assert await shop.check() == applied(*the_shop(), *told)
    await check_storefronts(shop)


async def test_everything_is_told_again_where_no_worker_runs(shop: Installation) -> None:
    async with shop.worker("w1", availability_interval_ms=20) as worker:
        await shop.settled()
        await shop.storefronts_told()
        assert await worker.stop() == 0
    before = await shop.heard()
    command = await shop.started("levels", "publish", name="command")
    assert await command.ended() == 0, command.log
    assert f"told again: {ITEMS} levels, {ITEMS} availabilities" in command.log

    heard = await shop.heard()
    for output in (Output.LEVELS, Output.AVAILABILITY):
        again = heard[output][len(before[output]) :]
        assert len({record.key for record in again}) == len(again) == ITEMS
    assert await shop.check() == applied(*the_shop())
    await check_storefronts(shop)


async def test_a_telling_that_is_interrupted_leaves_nothing_undone(shop: Installation) -> None:
    async with shop.worker("w1", availability_interval_ms=20):
        await shop.settled()
        await shop.storefronts_told()
        batches = await shop.one_value("select count(*) from batch")
        command = await shop.started("levels", "publish", "--rate", "1", name="command")
        await shop.until("select count(*) > $1 from batch", batches)
        assert await command.interrupted() == 128 + signal.SIGINT
        await shop.settled()
        await shop.storefronts_told()
    assert await shop.check() == applied(*the_shop())
    await check_storefronts(shop)


async def test_a_worker_killed_between_its_commit_and_its_answers(shop: Installation) -> None:
    told = orders(0, 40)
    await shop.send(*told)
    async with kafka_proxy(shop.bootstrap) as (proxy, through):
        hold = proxy.hold(is_request(Api.PRODUCE))
        async with shop.worker("w1", kafka_bootstrap=through) as worker:
            await hold.wait()
            await worker.kill()
            hold.cut()
    assert await events_in(shop.database_url) > 0
    assert not any((await shop.heard()).values())
    await shop.forget_member("w1")

    async with shop.worker("w2"):
        await shop.settled()
    assert await shop.check() == applied(*the_shop(), *told)


async def test_a_worker_killed_while_it_commits(shop: Installation) -> None:
    """The COMMIT never arrives: the server rolls back, and another worker begins anew."""
    told = orders(0, 40)
    await shop.send(*told)
    async with postgres_proxy(shop.database_url) as (proxy, through):
        hold = proxy.hold(is_commit)
        async with shop.worker("w1", database_url=through) as worker:
            await hold.wait()
            await worker.kill()
            hold.cut()
    assert await events_in(shop.database_url) == 0
    await shop.forget_member("w1")

    async with shop.worker("w2"):
        await shop.settled()
    assert await shop.check() == applied(*the_shop(), *told)


async def test_an_event_waits_until_its_deadline_and_everything_is_read_past_it(shop: Installation) -> None:
    """Most partitions never get a record: that they are read to their end is noted all the same."""
    await shop.send(cloud_event("early", "order.fulfilled", "o1", order_id="o1", fulfillment_id="f1"))
    async with shop.worker(parked_deadline_s=1) as worker:
        await shop.until("select count(*) = 1 from dead_letter where reason = 'prerequisite_timeout'")
        await shop.settled()
        assert await worker.stop() == 0

    [letter] = (await shop.heard())[Output.DEAD_LETTERS]
    assert dict(letter.headers)["dlq-reason"] == b"prerequisite_timeout"
    assert await shop.check() == applied(*the_shop())


async def test_a_stop_under_load_leaves_nothing_half_done(shop: Installation) -> None:
    told = orders(0, 600)
    async with shop.worker() as worker:
        sending = asyncio.ensure_future(shop.send(*told))
        await shop.until_judged(100)
        assert await worker.stop() == 0
        await sending
    db = await asyncpg.connect(shop.database_url)
    assert await db.fetchval("select count(*) from batch where published_at is null") == 0
    rows = await db.fetch("select topic, partition, next_offset from consumer_progress")
    await db.close()
    read = {TopicPartition(topic, partition): offset for topic, partition, offset in rows}
    assert await committed(shop.bootstrap, shop.group) == read

    async with shop.worker("w2"):
        await shop.settled()
    assert await shop.check() == applied(*the_shop(), *told)


async def test_a_postgres_that_crashes_in_mid_stream_is_waited_for(
    shop: Installation, postgres_server: Postgres
) -> None:
    told = orders(0, 300)
    async with shop.worker() as worker:
        sending = asyncio.ensure_future(shop.send(*told))
        await shop.until_judged(50)
        await asyncio.to_thread(postgres_server.restart, immediate=True)
        await sending
        await shop.settled()
        assert await worker.stop() == 0
    assert await shop.check() == applied(*the_shop(), *told)


async def test_a_broker_that_restarts_in_mid_stream_is_waited_for(
    shop: Installation, kafka_server: Kafka
) -> None:
    told = orders(0, 300)
    async with shop.worker() as worker:
        await shop.send(*told[:200])
        await shop.until_judged(50)
        await asyncio.to_thread(kafka_server.restart)
        await shop.send(*told[200:])
        await shop.settled()
        assert await worker.stop() == 0
    assert await shop.check() == applied(*the_shop(), *told)


async def test_a_restored_database_is_caught_up_from_kafka(
    shop: Installation, postgres_server: Postgres
) -> None:
    """Kafka's offsets are ahead of it: what it has not seen is read again, and comes out the same."""
    before, after = orders(0, 40), orders(40, 40)
    await shop.send(*before)
    async with shop.worker() as worker:
        await shop.settled()
        assert await worker.stop() == 0
    async with database_copy(postgres_server.url, shop.database_url) as restored:
        await shop.send(*after)
        async with shop.worker() as worker:
            await shop.settled()
            assert await worker.stop() == 0
        levels = await levels_in(shop.database_url)
        assert await levels_in(restored) != levels

        async with shop.worker("w2", database_url=restored):
            await shop.settled(restored)
        assert await levels_in(restored) == levels
        assert await events_in(restored) == len([*the_shop(), *before, *after])


async def levels_in(url: str) -> dict[str, str]:
    db = await asyncpg.connect(url)
    try:
        return await levels(db)
    finally:
        await db.close()


@pytest.mark.parametrize("bad", ["value", "header", "name of a header"])
async def test_one_bad_record_in_a_batch_of_500_leaves_its_neighbours_whole(
    shop: Installation, bad: str
) -> None:
    sold = {"variant_id": "v0", "location_id": "A", "delta": -1}
    told = [cloud_event(f"sold{number}", "stock.adjusted", "v0", **sold) for number in range(500)]
    told[250] = spoilt = spoil(told[250], bad)
    await shop.send_as_one_batch(told)
    async with shop.worker():
        await shop.settled()

    good = told if bad == "name of a header" else [one for one in told if one is not spoilt]
    assert await shop.check() == applied(*the_shop(), *good)
    assert (await levels_in(shop.database_url))["v0@A"] == f"{STOCK - len(good)}/0"
    letters = (await shop.heard())[Output.DEAD_LETTERS]
    assert [letter.value for letter in letters] == [spoilt.value] * (500 - len(good))
    for letter in letters:
        assert letter.headers[: len(spoilt.headers)] == spoilt.headers


def spoil(sent: Sent, what: str) -> Sent:
    match what:
        case "value":
            return sent._replace(value=b'{"variant_id": "v0", ')
        case "header":
            return sent._replace(headers=(*sent.headers[:3], ("ce_id", b"\xff\xfe")))
        case _:
            return sent._replace(headers=((BAD_NAME, b"x"), *sent.headers))


# ── CloudEvents, whole ────────────────────────────────────────────────────────────────────────────────


async def test_events_are_read_in_every_mode_and_answered_as_cloudevents(shop: Installation) -> None:
    """The official SDK writes the events and reads the answers; a record without CloudEvents is read too."""
    sold = {"variant_id": "v0", "location_id": "A", "delta": -1}
    written = {"binary": kafka.to_binary_event, "structured": kafka.to_structured_event}
    for mode, write in written.items():
        attributes = {"id": mode, "source": "/shop", "type": "stock.adjusted", "partitionkey": "v0"}
        message = write(CloudEvent(attributes=attributes, data=sold))
        await shop.send(Sent("catalogue", b"v0", message.value, tuple(message.headers.items())))
    await shop.send(Sent("catalogue", b"bare", b'{"variant_id": "bare"}', ()))
    async with shop.worker():
        await shop.settled()
        await shop.storefronts_told()

    finals = await shop.check()
    bare = finals.keys() - applied(*the_shop()).keys() - written.keys()
    assert [finals[one] for one in (*written, *bare)] == ["applied"] * 3
    heard = await shop.heard()
    assert {output for output, records in heard.items() if records} == {
        Output.RESULTS,
        Output.LEVELS,
        Output.AVAILABILITY,
    }
    for output, records in heard.items():
        for record in records:
            said = kafka.from_binary_event(kafka.KafkaMessage(dict(record.headers), record.key, record.value))
            assert (said.get_type(), said.get_source()) == (output.event_type, f"/{shop.name}")
            assert said.get_data() == json.loads(record.value)


# ── What cannot work, said at the start ───────────────────────────────────────────────────────────────


async def ended(shop: Installation, *arguments: str, **settings: str | int) -> tuple[int, list[str]]:
    """The exit code of a command, and the lines it said."""
    command = await shop.started(*arguments, name="command", start_deadline_s=1, **settings)
    return await command.ended(), command.log.splitlines()


@pytest.mark.parametrize("missing", ["Kafka", "Postgres"])
async def test_a_server_that_is_not_there_is_named_after_the_deadline(
    shop: Installation, missing: str
) -> None:
    url = urlsplit(shop.database_url)._replace(netloc="nobody@127.0.0.1:1").geturl()
    away = {"Kafka": {"kafka_bootstrap": "127.0.0.1:1"}, "Postgres": {"database_url": url}}[missing]
    code, said = await ended(shop, **away)

    assert code == 1
    assert said[-1].startswith("inventory-worker: ")
    assert missing in said[-1]
    assert not any("Traceback" in line for line in said)


async def test_a_wrong_setting_is_named(shop: Installation) -> None:
    code, said = await ended(shop, batch_records_max="many")
    assert code == 2
    assert len(said) == 1
    assert "INVENTORY_BATCH_RECORDS_MAX" in said[0]


async def test_an_older_schema_is_refused_with_the_command_that_mends_it(
    shop: Installation, empty_database_url: str
) -> None:
    code, said = await ended(shop, database_url=empty_database_url)
    assert code == 1
    assert "inventory-worker migrate" in said[-1]

    assert (await ended(shop, "migrate", database_url=empty_database_url))[0] == 0
    async with shop.worker(database_url=empty_database_url):
        await shop.settled(empty_database_url)


async def test_a_newer_schema_is_refused(shop: Installation) -> None:
    db = await asyncpg.connect(shop.database_url)
    await db.execute(
        "insert into schema_migration select 9999, 'from the future', checksum from schema_migration limit 1"
    )
    await db.close()
    code, said = await ended(shop)
    assert code == 1
    assert "newer than this worker" in said[-1]
