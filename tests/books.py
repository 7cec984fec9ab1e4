"""What stands in the database, in the short notation of the scenarios: item@location, stocked/reserved."""

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg

from tests.in_process import DEADLINE_S
from worker.inspect.audit import FindingKind, audit
from worker.inspect.state import levels as level_rows
from worker.inspect.state import parked as parked_rows

if TYPE_CHECKING:
    from worker.runtime.database import Connection

LOOK_AGAIN_S = 0.005


async def levels(db: "Connection") -> dict[str, str]:
    """Each level's `stocked/reserved`, by `item@location`."""
    return {
        f"{row['inventory_item_id']}@{row['location_id']}": f"{row['stocked']}/{row['reserved']}"
        for row in await level_rows(db)
    }


async def parked(db: "Connection") -> dict[str, str]:
    """What each parked event waits for, as `kind key`, by its id."""
    return {
        row["cause_id"]: f"{row['waits_for']['kind']} {row['waits_for']['key']}"
        for row in await parked_rows(db)
    }


async def dead(db: "Connection") -> list[tuple[str | None, str]]:
    """Event id and reason of each dead letter, in the order of their places in the archive."""
    rows = await db.fetch("select event_id, reason from dead_letter order by place")
    return [(row["event_id"], row["reason"]) for row in rows]


async def rows_of(db: "Connection", statement: str, *arguments: object) -> list[tuple[Any, ...]]:
    """The rows of a statement as tuples."""
    return [tuple(row.values()) for row in await db.fetch(statement, *arguments)]


async def contradictions(db: "Connection", *, but: frozenset[FindingKind] = frozenset()) -> list[str]:
    """What the audit finds, and levels that break I2; empty where the books are right."""
    found = await audit(db)
    oversold = await db.fetch("select * from level where reserved > stocked + shortfall or stocked < 0")
    return [f"{one.kind}: {one.figures}" for one in found.findings if one.kind not in but] + [
        f"oversold: {dict(row)}" for row in oversold
    ]


async def waiting_for_a_lock(db: "Connection", worker: str) -> None:
    """Returns when a session of this worker waits for a lock that another session holds."""
    waiting = (
        "select exists (select from pg_stat_activity"
        " where application_name = $1 and wait_event_type = 'Lock')"
    )
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if await db.fetchval(waiting, worker):
                return
            await asyncio.sleep(LOOK_AGAIN_S)


async def blockers(db: "Connection", worker: str) -> set[str]:
    """Names of the sessions that this worker's session waits for; returns when it waits for any."""
    await waiting_for_a_lock(db, worker)
    rows = await db.fetch(
        "select b.application_name from pg_stat_activity as a"
        " join pg_stat_activity as b on b.pid = any(pg_blocking_pids(a.pid))"
        " where a.application_name = $1 and a.wait_event_type = 'Lock'",
        worker,
    )
    return {row["application_name"] for row in rows}


async def connected(url: str, name: str = "test") -> "asyncpg.Connection[asyncpg.Record]":
    """A session of the test's own, as the database's owner."""
    return await asyncpg.connect(url, server_settings={"application_name": name})
