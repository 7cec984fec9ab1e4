"""When a worker that looks alive is ended; time is what the test says."""

from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition

from worker.runtime.assignment import PartitionLag
from worker.runtime.errors import Fatal
from worker.runtime.watchdog import Watchdog, WatchdogSettings

A, B = TopicPartition("orders", 0), TopicPartition("orders", 1)
LIMITS = WatchdogSettings(stuck_s_max=60.0, rejoin_s_max=30.0)


@dataclass
class Intake:
    lags: dict[TopicPartition, PartitionLag] = field(default_factory=dict)
    waiting: bool = False
    failure: Exception | None = None
    rejoining: bool = False

    def lag(self) -> dict[TopicPartition, PartitionLag]:
        return self.lags

    def is_waiting(self) -> bool:
        return self.waiting

    def group_failure(self) -> Exception | None:
        return self.failure

    def is_rejoin_pending(self) -> bool:
        return self.rejoining

    def at(self, next_offset: int | None, end: int | None, polled_at_ms: int = 0) -> None:
        self.lags[A] = PartitionLag(next_offset, next_offset, end, polled_at_ms)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> Watchdog:
    return Watchdog(LIMITS, clock)


def test_a_dead_group_task_ends_the_worker_at_once(watchdog: Watchdog) -> None:
    with pytest.raises(Fatal, match="has ended: LookupError"):
        watchdog.check(Intake(failure=LookupError()))


def test_a_partition_with_records_that_stays_ends_the_worker(watchdog: Watchdog, clock: Clock) -> None:
    intake = Intake()
    intake.at(5, 9, polled_at_ms=1)
    watchdog.check(intake)
    clock.now += 61
    # Fetches are answered all the while.
    intake.at(5, 9, polled_at_ms=2)

    with pytest.raises(Fatal, match="4 records to read"):
        watchdog.check(intake)


def test_progress_and_an_end_that_is_reached_are_fine(watchdog: Watchdog, clock: Clock) -> None:
    intake = Intake()
    for next_offset, end in [(5, 9), (6, 9), (9, 9), (9, 9), (9, 12), (12, 12)]:
        intake.at(next_offset, end, polled_at_ms=int(clock.now))
        watchdog.check(intake)
        clock.now += 50


def test_a_partition_read_to_its_end_starts_anew_with_the_next_record(
    watchdog: Watchdog, clock: Clock
) -> None:
    intake = Intake()
    for end in (9, 9, 12):
        intake.at(9, end, polled_at_ms=int(clock.now))
        watchdog.check(intake)
        clock.now += 59


def test_waiting_for_the_pipeline_or_for_a_position_is_no_standstill(
    watchdog: Watchdog, clock: Clock
) -> None:
    intake = Intake()
    intake.at(5, 9)
    watchdog.check(intake)
    intake.waiting = True
    clock.now += 100
    watchdog.check(intake)
    intake.waiting = False
    watchdog.check(intake)
    intake.at(None, None)
    clock.now += 100
    watchdog.check(intake)
    intake.at(5, 9)
    watchdog.check(intake)


def test_no_answer_to_any_fetch_ends_the_worker(watchdog: Watchdog, clock: Clock) -> None:
    intake = Intake()
    intake.at(9, 9, polled_at_ms=7)
    watchdog.check(intake)
    clock.now += 61

    with pytest.raises(Fatal, match="fetch"):
        watchdog.check(intake)


def test_one_partition_without_a_leader_does_not_end_the_others(watchdog: Watchdog, clock: Clock) -> None:
    intake = Intake(lags={B: PartitionLag(9, 9, 9, 0)})
    for _ in range(4):
        intake.at(9, 9, polled_at_ms=int(clock.now))
        watchdog.check(intake)
        clock.now += 50


def test_joining_too_long_ends_the_worker(watchdog: Watchdog, clock: Clock) -> None:
    intake = Intake(rejoining=True)
    watchdog.check(intake)
    clock.now += 20
    intake.rejoining = False
    watchdog.check(intake)
    intake.rejoining = True
    watchdog.check(intake)
    clock.now += 29
    watchdog.check(intake)
    clock.now += 2

    with pytest.raises(Fatal, match="joining"):
        watchdog.check(intake)


def test_a_silent_loop_ends_the_worker(watchdog: Watchdog, clock: Clock) -> None:
    beat = watchdog.loop("relay", 10.0)
    clock.now += 9
    beat()
    clock.now += 9
    watchdog.check(Intake())
    clock.now += 2

    with pytest.raises(Fatal, match="relay"):
        watchdog.check(Intake())
    watchdog.forget("relay")
    watchdog.check(Intake())


async def test_the_watch_goes_on_until_something_stands_still(clock: Clock) -> None:
    watchdog = Watchdog(WatchdogSettings(check_s=0.0), clock)

    class Dying(Intake):
        checks = 0

        def group_failure(self) -> Exception | None:
            self.checks += 1
            return LookupError() if self.checks == 3 else None

    with pytest.raises(Fatal):
        await watchdog.run(Dying())
