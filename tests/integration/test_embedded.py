"""The embedded servers themselves: started, restarted, crashed, reused, and ended with their starter."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from tests.providers import Kafka
from worker.dev.servers import (
    SHORT_LIVED,
    EmbeddedKafka,
    EmbeddedPostgres,
    ServerError,
    start_pair,
    start_postgres,
)

HEAP_MB = 256
DEADLINE_S = 60.0


@pytest.fixture
def folder(server_folder: Path, unique_name: str) -> Path:
    path = server_folder / unique_name
    path.mkdir()
    return path


async def execute(server: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(server.url)
    await connection.execute(statement)
    await connection.close()


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def produce(server: EmbeddedKafka, topic: str, record: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=server.bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(topic, record)
    finally:
        await producer.stop()


async def read(server: EmbeddedKafka, topic: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(bootstrap_servers=server.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def create_topic(server: EmbeddedKafka, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()


async def test_a_pair_keeps_its_data_over_a_crash_a_stop_and_a_new_start(folder: Path) -> None:
    pair = start_pair(folder, heap_mb=HEAP_MB, java_options=SHORT_LIVED)
    try:
        await execute(pair.postgres, "CREATE TABLE kept AS SELECT 1 AS number")
        await create_topic(pair.kafka, "kept")
        await produce(pair.kafka, "kept", b"before the crash")
        bootstrap, pid = pair.kafka.bootstrap, pair.kafka.pid
        pair.kafka.kill()
        pair.kafka.restart()
        assert pair.kafka.bootstrap == bootstrap
        assert pair.kafka.pid != pid
        await produce(pair.kafka, "kept", b"after it")
    finally:
        pair.stop()
    pair.stop()

    again = start_pair(folder, heap_mb=HEAP_MB, java_options=SHORT_LIVED)
    try:
        assert await value(again.postgres.url, "SELECT number FROM kept") == 1
        assert await read(again.kafka, "kept", 2) == [b"before the crash", b"after it"]
    finally:
        again.discard()


async def test_a_fresh_start_throws_the_data_away(folder: Path) -> None:
    server = start_postgres(folder)
    await execute(server, "CREATE TABLE kept AS SELECT 1 AS number")
    server.stop()

    server = start_postgres(folder, fresh=True)
    try:
        assert await value(server.url, "SELECT to_regclass('kept')") is None
    finally:
        server.stop(immediate=True)


async def test_postgres_keeps_port_and_data_over_every_kind_of_restart(folder: Path) -> None:
    server = start_postgres(folder)
    try:
        url, pids = server.url, [server.pid]
        await execute(server, "CREATE TABLE kept (number integer)")
        ends: tuple[Callable[[], None], ...] = (lambda: None, server.stop, server.kill)
        for end in ends:
            await execute(server, "INSERT INTO kept VALUES (1)")
            end()
            server.restart(immediate=True)
            assert server.url == url
            pids.append(server.pid)
        assert len(set(pids)) == 4
        assert await value(server.url, "SELECT count(*) FROM kept") == 3
    finally:
        server.stop(immediate=True)


async def test_postgres_is_durable_and_its_owner_is_no_superuser(folder: Path) -> None:
    server = start_postgres(folder, settings={"shared_buffers": "64MB"})
    try:
        assert await value(server.url, "SHOW fsync") == "on"
        assert await value(server.url, "SHOW shared_buffers") == "64MB"
        assert await value(server.url, "SHOW server_version_num") >= "180000"  # type: ignore[operator]
        superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        assert await value(server.url, superuser) is False
        assert await value(server.superuser_url, superuser) is True
        with pytest.raises(asyncpg.InvalidPasswordError):
            await value(server.url.replace("_owner:", "_owner:x"), "SELECT 1")
    finally:
        server.stop(immediate=True)


async def test_kafka_makes_no_topic_by_accident(kafka_server: Kafka, unique_name: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap, request_timeout_ms=1000)
    await producer.start()
    try:
        with pytest.raises(KafkaError):
            await producer.send(unique_name, b"one")
    finally:
        await producer.stop()


def test_a_port_in_use_is_named_with_the_end_of_the_log(folder: Path) -> None:
    server = start_postgres(folder)
    try:
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        other = folder / "other"
        with pytest.raises(ServerError, match="Address already in use"):
            start_postgres(other, port=port)
    finally:
        server.stop(immediate=True)


def test_the_servers_end_when_their_starter_is_killed(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from worker.dev.servers import start_postgres\n"
        "print(start_postgres(Path(sys.argv[1])).pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert alive(pid)
        starter.send_signal(signal.SIGKILL)
    wait_until(lambda: not alive(pid))
    # Ended in order: the next start has nothing to recover.
    assert "database system is shut down" in (folder / "postgres" / "log").read_text()
