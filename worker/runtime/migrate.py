"""Forward-only migrations: apply them under an advisory lock, and tell whether a database fits this code.

A small runner of our own because what it has to do fits one page (ADR 0005). Functions are versioned by
name, so old and new workers can run side by side on an expanded schema.
"""

import hashlib
from enum import Enum, auto
from typing import TYPE_CHECKING

import asyncpg

import sql
from worker.runtime.errors import Fatal

if TYPE_CHECKING:
    from worker.runtime.database import Connection

ADVISORY_LOCK_KEY = 0x1A7E_57A7
FUNCTIONS_NUMBER = 0
"""The row of schema_migration that stands for all database functions together."""


class SchemaFit(Enum):
    """How a database's schema relates to the one this code was written for."""

    FITS = auto()
    OLDER = auto()
    NEWER = auto()


class SchemaMismatch(Fatal):
    """The database's schema is not the one that this version of the worker needs."""


async def migrate(url: str) -> list[str]:
    """Bring the database to this code's schema; the names of what was applied. Safe to run at once by many.

    Raises SchemaMismatch where the database is newer, or an applied migration was changed afterwards.
    """
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(sql.query("migration_lock"), ADVISORY_LOCK_KEY)
        await connection.execute(sql.query("migration_table"))
        return await _apply_missing(connection)
    finally:
        await connection.close()


async def schema_fit(connection: "Connection") -> SchemaFit:
    """Compare the database's schema with this code's."""
    try:
        applied = await _applied(connection)
    except asyncpg.UndefinedTableError:
        return SchemaFit.OLDER
    wanted = _wanted()
    if applied == wanted:
        return SchemaFit.FITS
    return SchemaFit.NEWER if max(applied, default=0) > max(wanted) else SchemaFit.OLDER


async def require_fitting_schema(connection: "Connection") -> None:
    """Refuse to go on with a schema that is older or newer. Raises SchemaMismatch with the way out."""
    match await schema_fit(connection):
        case SchemaFit.FITS:
            return
        case SchemaFit.OLDER:
            message = "the database schema is older than this worker: run `inventory-worker migrate`"
            raise SchemaMismatch(message)
        case SchemaFit.NEWER:
            message = "the database schema is newer than this worker: install the version that migrated it"
            raise SchemaMismatch(message)


async def _apply_missing(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    applied, wanted = await _applied(connection), _wanted()
    for number, checksum in applied.items():
        if number == FUNCTIONS_NUMBER:
            continue
        if number not in wanted:
            message = "the database schema is newer than this worker: install the version that migrated it"
            raise SchemaMismatch(message)
        if checksum != wanted[number]:
            message = f"migration {number} was applied in another form than this worker has it"
            raise SchemaMismatch(message)
    names = []
    for migration in sql.migrations():
        if migration.number not in applied:
            await _run(connection, migration.number, migration.name, [migration.script])
            names.append(migration.name)
    if applied.get(FUNCTIONS_NUMBER) != wanted[FUNCTIONS_NUMBER]:
        await _run(connection, FUNCTIONS_NUMBER, "functions", list(sql.functions().values()))
        names.append("functions")
    return names


async def _run(
    connection: "asyncpg.Connection[asyncpg.Record]", number: int, name: str, scripts: list[str]
) -> None:
    async with connection.transaction():
        await connection.execute(sql.query("migration_patience"))
        for script in scripts:
            await connection.execute(script)
        await connection.execute(sql.query("migration_insert"), number, name, _wanted()[number])


async def _applied(connection: "Connection") -> dict[int, str]:
    return {row["number"]: row["checksum"] for row in await connection.fetch(sql.query("migrations_read"))}


def _wanted() -> dict[int, str]:
    wanted = {m.number: _checksum(m.script) for m in sql.migrations()}
    return {FUNCTIONS_NUMBER: _checksum(*sql.functions().values()), **wanted}


def _checksum(*scripts: str) -> str:
    return hashlib.sha256("\0".join(scripts).encode()).hexdigest()
