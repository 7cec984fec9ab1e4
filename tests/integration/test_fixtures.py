"""The fixtures that every test on a database rests on."""

import asyncpg
import pytest

from worker.runtime.migrate import SchemaFit, schema_fit


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_each_test_has_a_migrated_database_of_its_own(database_url: str, turn: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await schema_fit(connection) is SchemaFit.FITS
        await connection.execute(f"CREATE TABLE only_mine AS SELECT '{turn}' AS turn")
    finally:
        await connection.close()


async def test_an_empty_database_has_no_schema(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await schema_fit(connection) is SchemaFit.OLDER
    finally:
        await connection.close()
