"""Containers as the tests' servers: the same interface, the same promises."""

from collections.abc import Iterator

import asyncpg
import pytest

from tests import skips
from tests.kafka_tools import make_topic, produce, read
from tests.providers import ContainerKafka, ContainerPostgres, images_present, kafka_image, postgres_image

pytestmark = pytest.mark.docker


@pytest.fixture
def container_postgres() -> Iterator[ContainerPostgres]:
    if not images_present(postgres_image()):
        pytest.skip(skips.NO_DOCKER)
    container = ContainerPostgres(postgres_image())
    yield container
    container.close()


@pytest.fixture
def container_kafka() -> Iterator[ContainerKafka]:
    if not images_present(kafka_image()):
        pytest.skip(skips.NO_DOCKER)
    container = ContainerKafka(kafka_image())
    yield container
    container.close()


async def test_a_postgres_container_keeps_url_and_data_over_restarts(
    container_postgres: ContainerPostgres,
) -> None:
    url = container_postgres.url
    for immediate in (False, True):
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (number integer)")
        await connection.execute("INSERT INTO kept VALUES (1)")
        assert await connection.fetchval("SELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user")
        await connection.close()
        container_postgres.restart(immediate=immediate)
    assert container_postgres.url == url
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM kept") == 2
    await connection.close()


async def test_a_kafka_container_keeps_address_and_data_over_a_restart(
    container_kafka: ContainerKafka, unique_name: str
) -> None:
    bootstrap = container_kafka.bootstrap
    await make_topic(bootstrap, unique_name)
    await produce(bootstrap, unique_name, [b"one"])
    container_kafka.restart()
    assert container_kafka.bootstrap == bootstrap
    [record] = await read(bootstrap, unique_name, 1)
    assert record.value == b"one"
