"""Retention: what is old leaves the hot tables in small steps, beside the work (ADR 0017).

    announce a horizon ─▶ wait until every worker knows it ─▶ archive what is older ─▶ announce the next

Exactly once per event id holds as long as the inbox remembers. So a record from before the horizon is not
taken any more, but told as a dead letter `beyond_retention`: the guarantee has no silent end. A database that
has not forgotten anything yet has no horizon, however old the records are that it reads.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import sql
from worker.runtime.backoff import Backoff, persistently
from worker.runtime.database import connection

if TYPE_CHECKING:
    from worker.runtime.database import Pool

log = logging.getLogger(__name__)

READ, ANNOUNCE = sql.query("retention_read"), sql.query("retention_announce")
ARCHIVE_INBOX, ARCHIVE_LEDGER = sql.query("archive_inbox"), sql.query("archive_ledger")
ARCHIVE_ORDERS, ARCHIVE_CARTS = sql.query("archive_orders"), sql.query("archive_carts")
ARCHIVE_DROP = sql.query("archive_drop")


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long what is kept, and in which steps it goes."""

    inbox: timedelta
    orders: timedelta
    ledger: timedelta
    archive: timedelta | None
    """None: for ever."""
    interval_s: float = 60.0
    """Between two looks: so soon every worker knows of a new horizon."""
    announced_for: timedelta = timedelta(minutes=10)
    """How long a horizon stands before anything is removed: longer than a worker may stand still."""
    clocks_apart: timedelta = timedelta(days=1)
    """How far the clocks of producers, brokers and the database may differ."""
    orders_pass_s: float = 24 * 3600.0
    """Between two looks through all orders."""
    orders_first_s: float = 900.0
    """From the start to the first such look: a worker that starts has better things to do."""
    batches_at_once: int = 20
    orders_at_once: int = 500


class Done(NamedTuple):
    """What one round moved to the archives, and months dropped there."""

    batches: int = 0
    ledger_batches: int = 0
    orders: int = 0
    carts: int = 0
    """Forgotten: nothing of them is worth an archive."""
    months_dropped: int = 0


class Retention:
    """Tells the horizon to whoever reads records, and moves what is old to the archives."""

    def __init__(
        self,
        settings: RetentionSettings,
        pool: "Pool",
        on_horizon: Callable[[datetime], None],
        backoff: Callable[[], Backoff],
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._on_horizon = on_horizon
        self._backoff = backoff
        self._orders_due_at_s = 0.0

    async def run(self) -> None:
        """Keep to the settings for ever. Raises what is neither transient nor foreseen."""
        self._orders_due_at_s = asyncio.get_running_loop().time() + self._settings.orders_first_s
        while True:
            await persistently(self.round, self._backoff(), "retention waits")
            await asyncio.sleep(self._settings.interval_s)

    async def look(self) -> datetime | None:
        """Read the horizon and tell it: before the first record is read, and then again and again."""
        async with connection(self._pool) as db:
            row = await db.fetchrow(READ)
        assert row is not None
        horizon: datetime | None = row["inbox_horizon"]
        if horizon is not None:
            self._on_horizon(horizon)
        return horizon

    async def round(self) -> Done:
        """One look at everything: all that is due now goes, step by step."""
        settings = self._settings
        await self.look()
        async with connection(self._pool) as db:
            row = await db.fetchrow(READ)
            assert row is not None
            now: datetime = row["now"]
        horizon, announced_at = row["inbox_horizon"], row["announced_at"]
        batches = ledger_batches = 0
        if horizon is not None and announced_at <= now - settings.announced_for:
            before = horizon - settings.clocks_apart
            batches = await self._in_steps(lambda: self._moved(ARCHIVE_INBOX, before))
        if horizon is None or announced_at <= now - settings.announced_for:
            async with connection(self._pool) as db:
                await db.execute(ANNOUNCE, now - settings.inbox)
            await self.look()
        ledger_batches = await self._in_steps(lambda: self._moved(ARCHIVE_LEDGER, now - settings.ledger))
        orders, carts = await self._orders_and_carts((now - settings.orders).date())
        months_dropped = 0
        if settings.archive is not None:
            months_dropped = await self._dropped(now - settings.archive)
        done = Done(batches, ledger_batches, orders, carts, months_dropped)
        if any(done):
            log.info(
                "archived %d batches, the movements of %d, %d orders; forgot %d carts; dropped %d months",
                *done,
            )
        return done

    async def _moved(self, statement: str, before: datetime) -> int:
        async with connection(self._pool) as db:
            moved: int = await db.fetchval(statement, before, self._settings.batches_at_once)
        return moved

    async def _orders_and_carts(self, before: date) -> tuple[int, int]:
        """One look through all orders, then all carts, oldest first, when it is due."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._orders_due_at_s:
            return 0, 0
        moved = 0

        async def step() -> int:
            nonlocal moved
            async with connection(self._pool) as db:
                row = await db.fetchrow(ARCHIVE_ORDERS, before, self._settings.orders_at_once)
            assert row is not None
            moved += row["moved"]
            looked: int = row["looked"]
            return looked

        async def carts_step() -> int:
            async with connection(self._pool) as db:
                forgotten: int = await db.fetchval(ARCHIVE_CARTS, before, self._settings.orders_at_once)
            return forgotten

        await self._in_steps(step)
        carts = await self._in_steps(carts_step)
        self._orders_due_at_s = loop.time() + self._settings.orders_pass_s
        return moved, carts

    async def _dropped(self, before: datetime) -> int:
        async with connection(self._pool) as db:
            dropped: int = await db.fetchval(ARCHIVE_DROP, before)
        return dropped

    async def _in_steps(self, step: Callable[[], Awaitable[int]]) -> int:
        """Steps until one finds nothing, each followed by a rest as long as it took: work goes before."""
        loop = asyncio.get_running_loop()
        total = 0
        while True:
            began_s = loop.time()
            moved = await step()
            if not moved:
                return total
            total += moved
            await asyncio.sleep(loop.time() - began_s)
