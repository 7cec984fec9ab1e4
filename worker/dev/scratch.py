"""Places of a tool's own on servers that others use too: a database, a consumer group, input topics."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

import sql
from worker.runtime.errors import Fatal

DATABASE_CREATE, DATABASE_DROP = sql.query("bench_database_create"), sql.query("bench_database_drop")


def scratch_name() -> str:
    """A name that nobody else uses."""
    return f"simulate-{secrets.token_hex(4)}"


@asynccontextmanager
async def scratch_database(url: str, name: str, template: str = "template1") -> AsyncIterator[str]:
    """The URL of a new database for the block, on the given one's server: empty, or a copy of `template`.

    Nobody may be connected to the one that is copied. Raises Fatal if refused.
    """
    maker = await asyncpg.connect(url)
    try:
        try:
            await maker.execute(await maker.fetchval(DATABASE_CREATE, name, template))
        except asyncpg.InsufficientPrivilegeError:
            message = (
                "the database's user may not make a database for this; `simulate --keep` uses the one given"
            )
            raise Fatal(message) from None
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            await maker.execute(await maker.fetchval(DATABASE_DROP, name))
    finally:
        await maker.close()


@asynccontextmanager
async def scratch_topics(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[None]:
    """Takes the topics away at the end of the block."""
    try:
        yield
    finally:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            await admin.start()
            await admin.delete_topics(list(topics))
        finally:
            await admin.close()
