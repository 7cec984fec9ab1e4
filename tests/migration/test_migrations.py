"""The schema comes about once, by whoever is first, and everything that speaks of it agrees with it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

import sql
from worker.dev.schema import SCHEMA_FILE, describe
from worker.domain.model import Bucket
from worker.runtime.codes import OUTCOME_NOS, TYPE_NOS
from worker.runtime.database import WORKER_ROLE
from worker.runtime.migrate import SchemaFit, SchemaMismatch, migrate, require_fitting_schema, schema_fit

QUERY_NAMES = sorted(file.stem for file in (Path(sql.__file__).parent / "queries").glob("*.sql"))
FUNCTION_NAMES = sorted(sql.functions())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to a migrated database, as its owner."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to a migrated database, as a worker has it."""
    connection = await asyncpg.connect(database_url, server_settings={"role": WORKER_ROLE})
    yield connection
    await connection.close()


async def test_migrating_at_once_from_many_processes_applies_each_migration_once(
    empty_database_url: str,
) -> None:
    applied = await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    expected = [*(migration.name for migration in sql.migrations()), "functions"]
    assert sorted(applied, key=len) == [[], [], [], expected]


async def test_schema_file_equals_the_migrated_schema(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    written = SCHEMA_FILE.read_text("utf-8")
    assert await describe(database) == written, "run `python -m worker.dev.schema`"


async def test_every_query_fits_the_schema_and_the_worker_s_rights(
    worker: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    unfit = {}
    for name in QUERY_NAMES:
        if name.startswith(("migration", "bench_")):
            continue  # run by the schema's owner
        try:
            await worker.prepare(sql.query(name))
        except asyncpg.PostgresError as error:
            unfit[name] = str(error)
    assert not unfit


def test_every_query_says_its_purpose_parameters_and_locks() -> None:
    silent = []
    for name in QUERY_NAMES:
        header = " ".join(line for line in sql.query(name).splitlines() if line.startswith("--"))
        if "Parameters:" not in header or "Locks:" not in header:
            silent.append(name)
    assert silent == []


def test_no_sql_file_is_unused() -> None:
    root = Path(sql.__file__).parent.parent
    sources = [*(root / "worker").rglob("*.py"), *(root / "sql" / "queries").glob("*.sql")]
    text = "\n".join(source.read_text("utf-8") for source in sources)
    # The audit names its queries by the kind of finding.
    unused = [
        name
        for name in QUERY_NAMES
        if f'"{name}"' not in text and f'"{name.removeprefix("audit_")}"' not in text
    ]
    text += "\n".join(sql.functions().values())
    unused += [name for name in FUNCTION_NAMES if not re.search(rf"(?<!function ){name}_v1\(", text)]
    assert unused == []


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("select type, type_no from event_type", {t.value: n for t, n in TYPE_NOS.items()}),
        ("select outcome, outcome_no from outcome", {o.value: n for o, n in OUTCOME_NOS.items()}),
        ("select bucket, bucket_no from bucket", {b.name.lower(): b.value for b in Bucket}),
    ],
    ids=["event types", "outcomes", "buckets"],
)
async def test_codes_are_the_numbers_of_the_lookup_tables(
    database: "asyncpg.Connection[asyncpg.Record]", query: str, numbers: dict[str, int]
) -> None:
    assert {row[0]: row[1] for row in await database.fetch(query)} == numbers


async def test_finality_in_the_database_is_that_of_the_contract(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    rows = await database.fetch("select outcome, final from outcome")
    assert {row[0]: row[1] for row in rows} == {o.value: o.is_final for o in OUTCOME_NOS}


async def test_an_empty_database_is_older_and_the_message_says_what_mends_it(
    empty_database_url: str,
) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        assert await schema_fit(connection) is SchemaFit.OLDER
        with pytest.raises(SchemaMismatch, match="inventory-worker migrate"):
            await require_fitting_schema(connection)
    finally:
        await connection.close()


async def test_a_newer_schema_is_refused_by_worker_and_migration(
    database: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    await database.execute(sql.query("migration_insert"), 9999, "9999_from_the_future", "x")
    assert await schema_fit(database) is SchemaFit.NEWER
    with pytest.raises(SchemaMismatch, match="newer"):
        await require_fitting_schema(database)
    with pytest.raises(SchemaMismatch, match="newer"):
        await migrate(database_url)


async def test_an_applied_migration_that_was_edited_is_refused(
    database: "asyncpg.Connection[asyncpg.Record]", database_url: str
) -> None:
    await database.execute("update schema_migration set checksum = 'other' where number = 1")
    with pytest.raises(SchemaMismatch, match="another form"):
        await migrate(database_url)


FORBIDDEN = (
    "create table mine (a int)",
    "alter table level add column mine int",
    "drop table movement",
    "truncate movement",
    "update movement set delta = 1",
    "delete from movement",
    "delete from event",
    "delete from batch",
    "update batch set frames = ''",
    "delete from order_line",
)


async def test_the_worker_changes_neither_the_schema_nor_what_is_written_for_good(
    worker: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    for statement in FORBIDDEN:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(statement)


BUCKETS = ("stocked", "reserved", "incoming", "damaged", "quarantined", "shortfall")


async def test_no_bucket_goes_below_zero(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    await _level(database)
    for bucket in BUCKETS:
        with pytest.raises(asyncpg.CheckViolationError):
            await database.execute(f"update level set {bucket} = -1")  # noqa: S608  # names of this test


async def test_nothing_is_reserved_beyond_stock_and_shortfall(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await _level(database)
    await database.execute("update level set stocked = 2, reserved = 3, shortfall = 1")
    with pytest.raises(asyncpg.CheckViolationError, match="level_not_oversold"):
        await database.execute("update level set reserved = 4")


async def test_a_level_has_one_movement_per_version(
    database: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    movement = "insert into movement (level_no, version, event_seq, bucket, delta) values (1, 1, 1, 1, 5)"
    await database.execute(movement)
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute(movement)


async def _level(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    await database.execute("insert into inventory_item (inventory_item_id, known) values ('i', true)")
    await database.execute(
        "insert into location (location_id, known, content_hash)"
        " values ('A', true, decode(repeat('00', 16), 'hex'))"
    )
    await database.execute(
        "insert into level (item_no, location_no) select i.item_no, l.location_no"
        " from inventory_item as i cross join location as l"
    )
