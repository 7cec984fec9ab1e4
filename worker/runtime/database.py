"""The pool of Postgres connections, and what each kind of database failure means to the worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

WORKER_ROLE = "inventory_worker"
"""The role that every worker session takes: rows yes, schema no (sql/migrations/0001_initial.sql)."""

SESSION_SETTINGS = {
    "timezone": "UTC",
    "jit": "off",  # compiling a plan costs more than any of these statements runs
    "enable_seqscan": "off",  # all are look-ups by key; on a table that grew since its last analyze it scans
    "statement_timeout": "60s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "30s",  # a stopped worker's locks are freed
}


class Failure(Enum):
    """What to do about an error that came out of a database call (protocol §2.5)."""

    RERUN = auto()
    """Another worker was in the way: run the same batch again."""
    TRANSIENT = auto()
    """The database is away, full or read-only: the same batch again, with back-off."""
    POISON = auto()
    """The rows themselves are refused: find the event and dead-letter it."""
    FATAL = auto()
    """Schema, rights or a defect of this program: stop."""


async def open_pool(
    url: str, *, application_name: str, connections_max: int, role: str = WORKER_ROLE
) -> "Pool":
    """A pool whose sessions act as `role`. Raises what asyncpg raises when the database cannot be reached."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=connections_max,
        max_inactive_connection_lifetime=0,
        reset=_keep_session,
        statement_cache_size=256,
        server_settings={**SESSION_SETTINGS, "application_name": application_name, "role": role},
    )


async def _keep_session(_connection: "Connection") -> None:
    """Sessions carry no state from one user to the next, so nothing is sent to reset them."""


@asynccontextmanager
async def connection(pool: "Pool") -> "AsyncIterator[Connection]":
    """One connection of the pool for the time of the block."""
    async with pool.acquire() as held:
        yield held


def failure_of(error: BaseException) -> Failure:
    """The meaning of an error raised by asyncpg or by the network under it (reliability: asyncpg classes)."""
    match error:
        case asyncpg.DeadlockDetectedError() | asyncpg.SerializationError() | asyncpg.LockNotAvailableError():
            return Failure.RERUN
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.CannotConnectNowError()
            | asyncpg.AdminShutdownError()
            | asyncpg.CrashShutdownError()
            | asyncpg.TooManyConnectionsError()
            | asyncpg.QueryCanceledError()
            | asyncpg.IdleInTransactionSessionTimeoutError()
            | asyncpg.ReadOnlySQLTransactionError()
            | asyncpg.InsufficientResourcesError()
            | asyncpg.InterfaceError()
            | OSError()
            | TimeoutError()
            | asyncio.IncompleteReadError()
        ):
            return Failure.TRANSIENT
        case asyncpg.DataError() | asyncpg.IntegrityConstraintViolationError():
            return Failure.POISON
        case _:
            return Failure.FATAL
