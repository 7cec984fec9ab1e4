"""Databases of a measurement's own, each on the same start: migrated, with catalogue and stock."""

import secrets
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

import asyncpg

import sql
from worker.dev.bench.servers import Servers
from worker.dev.scratch import scratch_database

WAL_WRITE, CHECKPOINT = sql.query("bench_wal_write"), sql.query("bench_checkpoint")

WAL_SEGMENTS = 40
"""Of 16 MiB: more than a default run fills."""


def database(servers: Servers, template_url: str | None = None) -> AbstractAsyncContextManager[str]:
    """The URL of a new database for the block: empty, or a copy of one that nobody is connected to."""
    name = f"inventory_bench_{secrets.token_hex(6)}"
    if template_url is None:
        return scratch_database(servers.database_url, name)
    return scratch_database(servers.database_url, name, urlsplit(template_url).path.removeprefix("/"))


async def prepare_log(servers: Servers) -> None:
    """Make the write-ahead log's segments, where we may: else every run pays for those it is first to use."""
    if servers.superuser_url is None:
        return
    superuser = await asyncpg.connect(servers.superuser_url)
    try:
        await superuser.execute(WAL_WRITE, WAL_SEGMENTS)
        await superuser.execute(CHECKPOINT)
    finally:
        await superuser.close()
