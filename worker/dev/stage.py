"""Where a simulation takes place: servers, database, topics, and the settings of workers on them."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from schemas.topics import TYPES_BY_TOPIC
from worker.dev.scratch import scratch_database, scratch_name, scratch_topics
from worker.dev.servers import SHORT_LIVED, start_pair
from worker.runtime.errors import Transient
from worker.runtime.migrate import migrate
from worker.runtime.topics import ensure_topics
from worker.settings import Settings, load_settings

KAFKA_HEAP_MB = 384

UNSAFE: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For a server whose data is thrown away: a crash of it ends the simulation anyway."""

QUICK: Mapping[str, object] = {"worker_name": "simulate", "sweep_interval_ms": 100, "idle_wait_ms": 200}
"""Settings of workers that somebody feeds one record after the other: the next is there before they idle."""
COORDINATOR_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A migrated database, topics, and the settings that workers there need."""

    settings: Settings

    @property
    def topics(self) -> Mapping[str, str]:
        """The input topic of each event type."""
        return {
            type_name: topic for topic, type_name in (self.settings.topic_types or TYPES_BY_TOPIC).items()
        }

    @property
    def database_url(self) -> str:
        """As the database's owner."""
        return self.settings.database_url.get_secret_value()


@asynccontextmanager
async def embedded_stage(partitions: int) -> AsyncIterator[Stage]:
    """A fresh embedded pair, thrown away at the end. Raises ServerError."""
    with _folder() as folder:
        pair = await asyncio.to_thread(
            start_pair,
            folder,
            fresh=True,
            heap_mb=KAFKA_HEAP_MB,
            java_options=SHORT_LIVED,
            postgres_settings=UNSAFE,
        )
        try:
            yield await prepared_stage(pair.kafka.bootstrap, pair.postgres.url, QUICK, partitions)
        finally:
            pair.discard()


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for servers' data that goes with the block; Postgres, as another user, may pass through it."""
    folder = Path(tempfile.mkdtemp(prefix="inventory-simulate-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def scratch_stage(bootstrap: str, database_url: str, partitions: int) -> AsyncIterator[Stage]:
    """A database, a group and input topics of our own on given servers, taken away at the end."""
    name = scratch_name()
    types = {f"{name}.{topic}": type_name for topic, type_name in TYPES_BY_TOPIC.items()}
    more: dict[str, object] = {**QUICK, "consumer_group": name, "topic_types": types}
    async with scratch_database(database_url, name) as url, scratch_topics(bootstrap, list(types)):
        yield await prepared_stage(bootstrap, url, more, partitions)


@asynccontextmanager
async def kept_stage(bootstrap: str, database_url: str) -> AsyncIterator[Stage]:
    """Given servers as they are; what happens there stays."""
    yield await prepared_stage(bootstrap, database_url, QUICK)


async def prepared_stage(
    bootstrap: str, database_url: str, more: Mapping[str, object], partitions: int | None = None
) -> Stage:
    """Migrates, makes the missing topics, and gives the stage; `more` are settings beside the environment's.

    Raises SettingsError, SchemaMismatch, Transient, Fatal, and what asyncpg raises.
    """
    settings = load_settings({"kafka_bootstrap": bootstrap, "database_url": database_url, **more})
    await migrate(database_url)
    await ensure_topics(
        bootstrap,
        partitions or settings.topic_partitions,
        settings.topic_replication,
        input_topics=settings.topic_types or TYPES_BY_TOPIC,
    )
    await _coordinated(bootstrap, settings.consumer_group)
    return Stage(settings)


async def _coordinated(bootstrap: str, group: str) -> None:
    """Wait until the broker can look after the group: a fresh one makes a topic of its own for that first."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(COORDINATOR_S_MAX):
            while True:
                with suppress(GroupCoordinatorNotAvailableError):
                    await admin.find_coordinator(group)
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Transient(f"Kafka names no coordinator for the group {group}") from None
    finally:
        await admin.close()
