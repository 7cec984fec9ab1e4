"""Ends a worker that looks alive and does nothing, so that its supervisor starts a fresh one.

aiokafka can stay for ever between two assignments, or fetch nothing after its group task died, without any
error reaching us (reliability §2.4). Waiting for the database is no such thing: the pipeline holds the
intake then, and says so.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from aiokafka import TopicPartition

from worker.runtime.assignment import PartitionLag
from worker.runtime.errors import Fatal

Clock = Callable[[], float]
"""Seconds that only go forward, from anywhere."""


class Watched(Protocol):
    """What the watchdog asks the intake."""

    def lag(self) -> dict[TopicPartition, PartitionLag]:
        """How far each partition is read."""

    def is_waiting(self) -> bool:
        """Whether the pipeline takes nothing at the moment."""

    def group_failure(self) -> BaseException | None:
        """Why the membership has ended for good, if it has."""

    def is_rejoin_pending(self) -> bool:
        """Whether the worker is between two assignments."""


@dataclass(frozen=True, kw_only=True)
class WatchdogSettings:
    """How long is too long."""

    stuck_s_max: float = 300.0
    """A partition with records to read whose position stays; or no answer to any fetch."""
    rejoin_s_max: float = 120.0
    """Between two assignments; more than twice the rebalance timeout."""
    check_s: float = 5.0


class _Since(NamedTuple):
    state: object
    since: float


class Watchdog:
    """Knows since when each thing has been as it is."""

    def __init__(self, settings: WatchdogSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._seen: dict[object, _Since] = {}
        self._loops: dict[str, float] = {}
        self._beats: dict[str, float] = {}

    def loop(self, name: str, silent_s_max: float) -> Callable[[], None]:
        """Registers a loop; it has to call what it is given at least that often, from now on."""
        self._loops[name] = silent_s_max

        def beat() -> None:
            self._beats[name] = self._clock()

        beat()
        return beat

    def forget(self, name: str) -> None:
        """A loop has ended in order."""
        del self._loops[name]

    async def run(self, watched: Watched) -> None:
        """Checks every few seconds; never returns, raises Fatal."""
        while True:
            self.check(watched)
            await asyncio.sleep(self._settings.check_s)

    def check(self, watched: Watched) -> None:
        """Raises Fatal when something has stood still too long."""
        if (failure := watched.group_failure()) is not None:
            raise Fatal(f"the membership in the consumer group has ended: {failure!r}") from failure
        self._check_loops()
        self._check_rejoin(is_pending=watched.is_rejoin_pending())
        self._check_partitions({} if watched.is_waiting() else watched.lag())

    def _check_loops(self) -> None:
        now = self._clock()
        for name, silent_s_max in self._loops.items():
            if (silent_s := now - self._beats[name]) > silent_s_max:
                raise Fatal(f"the loop {name!r} has not moved for {silent_s:.0f} s")

    def _check_rejoin(self, *, is_pending: bool) -> None:
        pending_s = self._unchanged_s("rejoin", is_pending)
        if is_pending and pending_s > self._settings.rejoin_s_max:
            raise Fatal(f"joining the consumer group has taken {pending_s:.0f} s")

    def _check_partitions(self, lags: dict[TopicPartition, PartitionLag]) -> None:
        readable = {partition: lag for partition, lag in lags.items() if lag.next_offset is not None}
        for gone in [key for key in self._seen if isinstance(key, TopicPartition) and key not in readable]:
            del self._seen[gone]
        for partition, lag in readable.items():
            unread = 0 if lag.end_offset is None else lag.end_offset - (lag.next_offset or 0)
            # A partition that is read to its end starts anew when the next record comes.
            unchanged_s = self._unchanged_s(partition, lag.next_offset if unread > 0 else object())
            if unchanged_s > self._settings.stuck_s_max:
                raise Fatal(f"{partition} has {unread} records to read and none was, for {unchanged_s:.0f} s")
        polled = max((lag.polled_at_ms or 0 for lag in readable.values()), default=None)
        silent_s = self._unchanged_s("fetch", object() if polled is None else polled)
        if silent_s > self._settings.stuck_s_max:
            raise Fatal(f"Kafka has not answered a fetch for {silent_s:.0f} s")

    def _unchanged_s(self, key: object, state: object) -> float:
        now = self._clock()
        before = self._seen.get(key)
        if before is None or before.state != state:
            self._seen[key] = before = _Since(state, now)
        return now - before.since
