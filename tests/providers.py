"""Where the tests' Postgres and Kafka come from; one interface for all three sources.

In this order: servers given by INVENTORY_DATABASE_URL and INVENTORY_KAFKA_BOOTSTRAP, containers where a
Docker engine answers and has the images (POSTGRES_IMAGE, KAFKA_IMAGE), the embedded servers.
"""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg
import pytest

from tests import skips
from worker.dev.servers import SHORT_LIVED, start_kafka, start_postgres
from worker.dev.servers.kafka import SETTINGS as KAFKA_SETTINGS
from worker.dev.servers.kafka import broker_answers
from worker.dev.servers.postgres import DATABASE, OWNER, SUPERUSER
from worker.dev.servers.process import LOOPBACK, free_ports

T = TypeVar("T")

KAFKA_HEAP_MB = 384
CONTAINER_DEADLINE_S = 90.0


class Postgres(Protocol):
    """A running Postgres; its user may create databases and roles."""

    @property
    def url(self) -> str: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self, *, immediate: bool = False) -> None: ...


class Kafka(Protocol):
    """A running broker."""

    @property
    def bootstrap(self) -> str: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """The tests' Postgres for the block; an embedded one keeps its data in `folder`."""
    url = os.environ.get("INVENTORY_DATABASE_URL")
    if url:
        yield GivenPostgres(url)
        return
    image = postgres_image()
    if images_present(image):
        container = ContainerPostgres(image)
        with contextlib.closing(container):
            yield container
        return
    server = start_postgres(folder, fresh=True)
    try:
        yield server
    finally:
        server.stop(immediate=True)


@contextlib.contextmanager
def kafka(folder: Path) -> Iterator[Kafka]:
    """The tests' broker for the block; an embedded one keeps its data in `folder`."""
    bootstrap = os.environ.get("INVENTORY_KAFKA_BOOTSTRAP")
    if bootstrap:
        yield GivenKafka(bootstrap)
        return
    image = kafka_image()
    if images_present(image):
        container = ContainerKafka(image)
        with contextlib.closing(container):
            yield container
        return
    server = start_kafka(folder, heap_mb=KAFKA_HEAP_MB, java_options=SHORT_LIVED, fresh=True)
    try:
        yield server
    finally:
        server.kill()


def postgres_image() -> str:
    return os.environ.get("POSTGRES_IMAGE", "postgres:18")


def kafka_image() -> str:
    return os.environ.get("KAFKA_IMAGE", "apache/kafka:4.4.0")


@lru_cache
def images_present(*images: str) -> bool:
    """Whether a Docker engine answers and has these images; nothing is pulled."""
    import docker

    if not _engine_answers():
        return False
    try:
        client = docker.from_env(timeout=5)
    except docker.errors.DockerException:
        return False
    try:
        for image in images:
            client.images.get(image)
    except docker.errors.DockerException:
        return False
    finally:
        client.close()
    return True


def _engine_answers() -> bool:
    """Whether the engine's socket can be connected to: Docker's client leaks one when it cannot."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(host.removeprefix("unix://")) == 0


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine to its end from synchronous code, in a thread: pytest has a loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


class GivenPostgres:
    """A server that someone else runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def stop(self) -> None:
        pytest.skip(skips.SERVERS_GIVEN)

    def kill(self) -> None:
        pytest.skip(skips.SERVERS_GIVEN)

    def restart(self, *, immediate: bool = False) -> None:
        pytest.skip(skips.SERVERS_GIVEN)


class GivenKafka:
    """A broker that someone else runs."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def stop(self) -> None:
        pytest.skip(skips.SERVERS_GIVEN)

    def kill(self) -> None:
        pytest.skip(skips.SERVERS_GIVEN)

    def restart(self) -> None:
        pytest.skip(skips.SERVERS_GIVEN)


class _Container:
    """A container with one port published on loopback, at a number that stays the same over restarts."""

    def __init__(self, image: str, inner_port: int, port: int, environment: dict[str, str]) -> None:
        from testcontainers.core.config import testcontainers_config
        from testcontainers.core.container import DockerContainer

        # The reaper is an image too, and may not be there; the block that starts a container ends it.
        testcontainers_config.ryuk_disabled = True
        self.port = port
        self._container = DockerContainer(image, env=environment)
        self._container.ports[str(inner_port)] = (LOOPBACK, port)  # type: ignore[assignment]
        self._container.start()

    def stop(self) -> None:
        self._container.get_wrapped_container().stop()

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def start(self) -> None:
        self._container.get_wrapped_container().start()

    def close(self) -> None:
        self._container.stop()

    def wait_until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + CONTAINER_DEADLINE_S
        while not ready():
            if time.monotonic() > deadline:
                logs = self._container.get_wrapped_container().logs(tail=25).decode(errors="replace")
                self.close()
                raise TimeoutError(f"{self._container.image} did not get ready:\n{logs}")
            time.sleep(0.1)


class ContainerPostgres:
    """A Postgres from an image of the official one's shape."""

    def __init__(self, image: str) -> None:
        self._password = secrets.token_urlsafe(18)
        environment = {
            "POSTGRES_USER": SUPERUSER,
            "POSTGRES_PASSWORD": self._password,
            "POSTGRES_DB": DATABASE,
        }
        self._container = _Container(image, 5432, next(free_ports()), environment)
        self._container.wait_until(self._answers)
        run(self._create_owner)

    @property
    def url(self) -> str:
        return self._url(OWNER)

    def stop(self) -> None:
        self._container.stop()

    def kill(self) -> None:
        self._container.kill()

    def close(self) -> None:
        """Ends and removes the container."""
        self._container.close()

    def restart(self, *, immediate: bool = False) -> None:
        if immediate:
            self.kill()
        else:
            self.stop()
        self._container.start()
        self._container.wait_until(self._answers)

    def _url(self, user: str) -> str:
        return f"postgresql://{user}:{self._password}@{LOOPBACK}:{self._container.port}/{DATABASE}"

    def _answers(self) -> bool:
        async def connect() -> bool:
            try:
                connection = await asyncpg.connect(self._url(SUPERUSER), timeout=2)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                return False
            await connection.close()
            return True

        return run(connect)

    async def _create_owner(self) -> None:
        connection = await asyncpg.connect(self._url(SUPERUSER))
        await connection.execute(
            f"CREATE ROLE {OWNER} LOGIN CREATEDB CREATEROLE PASSWORD '{self._password}';"
            f"ALTER DATABASE {DATABASE} OWNER TO {OWNER}"
        )
        await connection.close()


class ContainerKafka:
    """A broker from an image of the official one's shape."""

    def __init__(self, image: str) -> None:
        port = next(free_ports())
        settings = {
            **KAFKA_SETTINGS,
            "listeners": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
            "controller.quorum.voters": "1@127.0.0.1:9093",
        }
        environment = {
            f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()
        } | {"KAFKA_HEAP_OPTS": f"-Xmx{KAFKA_HEAP_MB}m"}
        self._container = _Container(image, 9092, port, environment)
        self._container.wait_until(self._answers)

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self._container.port}"

    def stop(self) -> None:
        self._container.stop()

    def kill(self) -> None:
        self._container.kill()

    def close(self) -> None:
        """Ends and removes the container."""
        self._container.close()

    def restart(self) -> None:
        self._container.stop()
        self._container.start()
        self._container.wait_until(self._answers)

    def _answers(self) -> bool:
        return broker_answers(self._container.port)
