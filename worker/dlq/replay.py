"""Sends dead letters again, or puts them away; each run is kept, and can be gone on with."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import TopicPartition

import sql
from worker.dlq import store
from worker.dlq.desk import Desk
from worker.dlq.letter import Json, Letter
from worker.dlq.outbound import REPLAYS_MAX, Obstacle, Outbound, Sender
from worker.dlq.store import Ended, Run, State
from worker.runtime.errors import Fatal
from worker.runtime.pace import Pace
from worker.runtime.publish import Publisher, PublisherSettings
from worker.runtime.records import OutRecord

PROGRESS_READ = sql.query("progress_read")

LOT_MAX = 100
"""Dead letters sent and marked together: what an interruption waits for."""
PUBLISH_S_MAX = 30.0
STOP_S_MAX = 5.0
OnTold = Callable[[int], None]
"""Called with how many dead letters are dealt with so far."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run holds back, and when it stops by itself."""

    records_per_s: int = 100
    replays_max: int = REPLAYS_MAX
    """Letters replayed so often stay where they are."""
    new_letters_max: int = 10
    """So many new dead letters on the topic end the run."""
    lag_max: int = 10_000
    """So many records waiting on the topics replayed to end the run."""


class Done(NamedTuple):
    """How a run ended, and what came of it."""

    run: Run
    ended: Ended
    counts: dict[str, int]
    """By `replayed` or `discarded`, and by obstacle."""

    @property
    def is_whole(self) -> bool:
        """Whether every dead letter chosen was dealt with."""
        return self.ended is Ended.DONE and not self.counts.keys() & set(Obstacle)

    def as_json(self) -> dict[str, Json]:
        """The document of `--json`."""
        return {"run_id": str(self.run.run_id), "ended": self.ended.value, "counts": self.counts}


class Replayer:
    """Carries one run."""

    def __init__(self, at: Desk, run: Run, limits: Limits, counts: dict[str, int], on_told: OnTold) -> None:
        self._at = at
        self._run = run
        self._limits = limits
        self._counts = Counter(counts)
        self._on_told = on_told
        self._pace = Pace(limits.records_per_s)
        self._sender = Sender(at.topic, run, limits.replays_max)
        self._partitions: dict[OutRecord, int] = {}
        self._publisher = Publisher(
            PublisherSettings(bootstrap=at.settings.kafka_bootstrap, client_id="inventory-dlq"),
            lambda record, _count: self._partitions[record],
        )
        self._ends = run.ends
        self._topics: set[str] = set()

    async def replay(self) -> Done:
        """Send every dead letter chosen, until a limit speaks. Interrupted, it can be gone on with."""
        self._ends = await self._at.topic.ends()
        try:
            async with _kept(self._at, self._run, self._counts):
                async for lot in self._lots():
                    await self._pace.turn(len(lot))
                    if await self._should_stop():
                        return await self._end(Ended.STOPPED)
                    await _uninterrupted(self._send(lot))
                return await self._end(Ended.DONE)
        finally:
            await self._publisher.stop(STOP_S_MAX)

    async def _lots(self) -> AsyncIterator[Sequence[Letter]]:
        lot_max = min(LOT_MAX, self._limits.records_per_s)
        chosen = self._at.chosen(self._run.selection, self._run.ends)
        if self._run.selection.order is not None:
            letters = [letter async for lot in chosen for letter, _ in lot]
            # One by one: they go to several topics, and each has to be there before the next.
            for letter in in_lifecycle_order(letters):
                yield [letter]
            return
        async for found in chosen:
            for start in range(0, len(found), lot_max):
                yield [letter for letter, _ in found[start : start + lot_max]]

    async def _send(self, letters: Sequence[Letter]) -> None:
        """Send first, mark then: what is sent twice is one event, and what is not sent stays open."""
        now_ms = int(time.time() * 1000)
        outbound: list[Outbound] = []
        for letter in letters:
            match await self._sender.outbound(letter, now_ms):
                case Obstacle() as obstacle:
                    self._counts[obstacle.value] += 1
                case Outbound() as one:
                    outbound.append(one)
        self._partitions = {one.record: one.partition for one in outbound}
        self._topics.update(one.record.topic for one in outbound)
        refused = await self._publisher.publish([one.record for one in outbound], PUBLISH_S_MAX)
        too_large = {refusal.record for refusal in refused}
        sent = [one.letter for one in outbound if one.record not in too_large]
        self._counts[Obstacle.TOO_LARGE.value] += len(outbound) - len(sent)
        self._counts[State.REPLAYED.value] += len(sent)
        await store.mark(self._at.db, self._run, sent, State.REPLAYED)
        await store.note(self._at.db, self._run, +self._counts)
        self._on_told(self._counts.total())

    async def _should_stop(self) -> bool:
        if not self._topics:
            return False
        ends = await self._at.topic.ends()
        if sum(ends.values()) - sum(self._ends.values()) >= self._limits.new_letters_max:
            return True
        rows = await self._at.db.fetch(PROGRESS_READ, self._at.settings.consumer_group)
        read = {
            TopicPartition(row["topic"], row["partition"]): row["next_offset"]
            for row in rows
            if row["topic"] in self._topics
        }
        return await self._at.topic.lag(read) > self._limits.lag_max

    async def _end(self, ended: Ended) -> Done:
        counts = dict(+self._counts)
        await store.note(self._at.db, self._run, counts, ended)
        return Done(self._run, ended, counts)


def in_lifecycle_order(letters: Sequence[Letter]) -> list[Letter]:
    """The dead letters of one order as its life goes, of equals the one that died first."""
    return sorted(letters, key=lambda one: (one.lifecycle_place, one.timestamp_ms, one.place))


async def resumed(at: Desk, run: Run, counts: dict[str, int], limits: Limits, on_told: OnTold) -> Done:
    """Go on with a run where it was left: the letters it began with that are still open.

    Raises Fatal where it cannot be told which those are.
    """
    if (
        run.kind is not store.Kind.REPLAY
        or run.selection.state != State.OPEN
        or run.dlq_topic != at.topic.name
    ):
        raise Fatal("only a replay of open dead letters of the same topic can be gone on with")
    kept = {name: count for name, count in counts.items() if name not in set(Obstacle)}
    return await Replayer(at, run, limits, kept, on_told).replay()


async def begun(at: Desk, run: Run, limits: Limits, on_told: OnTold) -> Done:
    """Begin a run of replay."""
    await store.begin(at.db, run)
    return await Replayer(at, run, limits, {}, on_told).replay()


async def discarded(at: Desk, run: Run, on_told: OnTold) -> Done:
    """Put the dead letters chosen away: they are not open any more, and stay on their topic."""
    await store.begin(at.db, run)
    counts: Counter[str] = Counter()
    async with _kept(at, run, counts):
        async for lot in at.chosen(run.selection, run.ends):
            letters = [letter for letter, _ in lot]
            await _uninterrupted(store.mark(at.db, run, letters, State.DISCARDED))
            counts[State.DISCARDED.value] += len(letters)
            on_told(counts.total())
        await store.note(at.db, run, +counts, Ended.DONE)
    return Done(run, Ended.DONE, dict(+counts))


@asynccontextmanager
async def _kept(at: Desk, run: Run, counts: Counter[str]) -> AsyncIterator[None]:
    """Keep with the run what ended the block early."""
    try:
        yield
    except asyncio.CancelledError:
        await store.note(at.db, run, +counts, Ended.INTERRUPTED)
        raise
    except Exception:
        await store.note(at.db, run, +counts, Ended.FAILED)
        raise


async def _uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Let what is begun end, also where Ctrl-C comes meanwhile, which counts then."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
