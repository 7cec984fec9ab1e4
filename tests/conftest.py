"""What every test may ask for: servers started at the first use, a fresh database each."""

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import hypothesis
import pytest

from tests import providers, skips

MEMORY_FREE_BYTES_MIN = 4 * 1024**3

# Timings are never assertions; what is found on a developer's machine is replayed from the printed blob.
hypothesis.settings.register_profile("developer", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "developer")


DROP_DEADLINE_S = 30.0


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder for the servers' data that other users may pass through: Postgres may run as another one."""
    folder = Path(tempfile.mkdtemp(prefix="inventory-tests-", dir=_fast_folder()))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[providers.Postgres]:
    """The session's Postgres. Who stops it starts it again."""
    with providers.postgres(server_folder) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_server(server_folder: Path) -> Iterator[providers.Kafka]:
    """The session's broker. Who stops it starts it again; topics and groups need names of their own."""
    with providers.kafka(server_folder) as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres_server: providers.Postgres) -> Iterator[str]:
    """The name of a database with the migrated schema and no rows."""
    from worker.runtime.migrate import migrate

    with _database(postgres_server, f"inventory_template_{secrets.token_hex(4)}") as url:

        async def migrated() -> list[str]:
            return await migrate(url)

        providers.run(migrated)
        yield _name_of(url)


@pytest.fixture
def empty_database_url(postgres_server: providers.Postgres) -> Iterator[str]:
    """The URL of a database of this test's own, without any schema."""
    with _database(postgres_server, _fresh_name()) as url:
        yield url


@pytest.fixture
def database_url(postgres_server: providers.Postgres, template_database: str) -> Iterator[str]:
    """The URL of a database of this test's own, with the migrated schema and no rows."""
    with _database(postgres_server, _fresh_name(), template_database) as url:
        yield url


@pytest.fixture
def unique_name() -> str:
    """A name that no other test uses, for topics and consumer groups."""
    return f"t{secrets.token_hex(5)}"


def _fast_folder() -> Path | None:
    """Memory where there is enough of it: copying a database takes 25 ms there, and 350 ms on some disks."""
    memory = Path("/dev/shm")  # noqa: S108  what is made in it has a random name and is closed to others
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_FREE_BYTES_MIN:
        return memory
    return None


@contextlib.contextmanager
def _database(server: providers.Postgres, name: str, template: str = "template1") -> Iterator[str]:
    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(server.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    providers.run(lambda: execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    yield urlsplit(server.url)._replace(path=f"/{name}").geturl()
    providers.run(lambda: _dropped(server, name))


async def _dropped(server: providers.Postgres, name: str) -> None:
    """Drop a database with the sessions that tests left in it.

    Not WITH (FORCE): that may not end an autovacuum that happens to be at work there, a plain DROP does.
    """
    connection = await asyncpg.connect(server.url)
    try:
        async with asyncio.timeout(DROP_DEADLINE_S):
            while True:
                await connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = $1 and usename = current_user",
                    name,
                )
                with contextlib.suppress(asyncpg.ObjectInUseError):
                    await connection.execute(f'DROP DATABASE "{name}"')
                    return
    finally:
        await connection.close()


def _fresh_name() -> str:
    return f"inventory_test_{secrets.token_hex(6)}"


def _name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test that was skipped for a reason that is not on the list."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _fail_unless_allowed(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fails a whole module that was skipped for a reason that is not on the list."""
    report = yield
    if report.skipped:
        _fail_unless_allowed(report)
    return report


def _fail_unless_allowed(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(skips.ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"skipped for a reason that tests/skips.py does not list: {reason}"
