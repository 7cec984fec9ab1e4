"""How far back an installation remembers, and what of it is archived."""

from typing import TYPE_CHECKING

import asyncpg

import sql
from worker.inspect.rows import Json, wire_row
from worker.runtime.app import retention_settings
from worker.runtime.backoff import Backoff
from worker.runtime.database import open_pool
from worker.runtime.retention import Done, Retention

if TYPE_CHECKING:
    from worker.settings import Settings


async def state(settings: "Settings") -> dict[str, Json]:
    """The horizon, the oldest of each kind, and the months in the archives. Raises what asyncpg raises."""
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        row = await connection.fetchrow(sql.query("retention_state"))
        assert row is not None
        return wire_row(row)
    finally:
        await connection.close()


async def archive_now(settings: "Settings") -> Done:
    """What the workers do once a minute, once and at once. Raises what asyncpg raises."""
    pool = await open_pool(
        settings.database_url.get_secret_value(),
        application_name="inventory-worker (retention)",
        connections_max=1,
        role=settings.database_role,
    )
    try:
        retention = Retention(
            retention_settings(settings),
            pool,
            lambda _horizon: None,
            lambda: Backoff(lambda: 1.0, lambda: None),
        )
        return await retention.round()
    finally:
        pool.terminate()
