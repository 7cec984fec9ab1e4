"""What is asked of a measurement, what each part of it saw, what comes out: values and arithmetic only."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import NamedTuple

from schemas.outcome import Outcome
from worker.runtime.errors import Fatal

NAIVE_READY = "the naive worker reads"
"""In the line of its log that says that it begins."""


class BenchError(Fatal):
    """The measurement could not be made; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """How much is measured, and where."""

    orders: int = 50_000
    """Orders of a round; also of the limit."""
    naive_orders: int = 1_500
    rounds: int = 1
    """How often limit and worker take turns; the medians count."""
    warmup_orders: int = 5_000
    """Orders carried before anything counts: servers and worker at their working speed."""
    items: int = 10_000
    seed: int = 1
    kafka: str | None = None
    """Bootstrap servers; None starts an embedded broker."""
    database_url: str | None = None
    """A Postgres on which databases may be made (its own is not touched); None starts an embedded one."""
    state_dir: Path | None = None
    """Where embedded servers keep their data; None: a temporary folder. It should be on a real disk."""
    profile: bool = False
    """Also tell where the worker's time goes."""


class Case(StrEnum):
    """Who carries the orders."""

    WORKER = "worker"
    """The worker as it is installed, in a process of its own: from Kafka to the answer on Kafka."""
    LIMIT = "limit"
    """Its load, decide and write alone, on decoded batches in memory; answers stored, not published."""
    NAIVE = "naive"
    """A FastStream worker as a tutorial would write it: one message, one transaction, one ack."""
    LIFECYCLE = "lifecycle"
    """The worker again, on whole lifecycles: its `orders` are events."""


class Answer(NamedTuple):
    """What an answer on Kafka says."""

    cause_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the orders asked about."""

    lost: int
    """Orders without a final answer."""
    duplicated: int
    """Final answers beyond the first of an order, and answers to what was not asked."""
    refused: int
    """Orders whose first final answer is another than `applied`: the stock was there."""


def tally(asked: AbstractSet[str], answers: Iterable[Answer]) -> Tally:
    """Compare the answers with the event ids that were asked about."""
    finals: dict[str, Outcome] = {}
    counts: Counter[str] = Counter()
    for cause_id, outcome in answers:
        if outcome.is_final:
            finals.setdefault(cause_id, outcome)
            counts[cause_id] += 1
    answered = [finals[event_id] for event_id in asked if event_id in finals]
    return Tally(
        lost=len(asked) - len(answered),
        duplicated=counts.total() - len(answered),
        refused=sum(outcome is not Outcome.APPLIED for outcome in answered),
    )


class Cpu(NamedTuple):
    """Processor seconds, user and system, of each process tree; None where it could not be seen."""

    worker: float | None = None
    database: float | None = None
    broker: float | None = None

    def since(self, before: "Cpu") -> "Cpu":
        """What was used since `before`."""
        return Cpu(*(None if a is None or b is None else a - b for a, b in zip(self, before, strict=True)))


@dataclass(frozen=True, slots=True)
class Run:
    """One case, once."""

    case: Case
    orders: int
    seconds: float
    tally: Tally
    drift: int
    """Levels that differ from the sum of their movements or of their reservations."""
    cpu: Cpu

    @property
    def orders_per_s(self) -> float:
        """The rate."""
        return self.orders / self.seconds

    def us_per_order(self, seconds: float | None) -> float | None:
        """Microseconds an order of seconds in all."""
        return None if seconds is None else seconds / self.orders * 1e6


@dataclass(frozen=True, slots=True)
class BenchResult:
    """All that was measured in one run; medians of its rounds."""

    orders: int
    rounds: int
    orders_per_s: float
    naive_orders_per_s: float
    speedup_over_naive: float
    limit_orders_per_s: float
    ratio_to_limit: float
    """Median of the rounds' own ratios: machines change their speed from minute to minute."""
    worker_cpu_us_per_order: float | None
    database_cpu_us_per_order: float | None
    broker_cpu_us_per_order: float | None
    naive_worker_cpu_us_per_order: float | None
    naive_database_cpu_us_per_order: float | None
    limit_client_cpu_us_per_order: float | None
    limit_database_cpu_us_per_order: float | None
    lost: int
    duplicated: int
    refused: int
    drift: int
    runs: Sequence[Run] = field(repr=False)
    spans_us_per_order: Mapping[str, float] | None = None
    """With `profile`: the worker's processor time by stage, microseconds an order."""
    busiest_functions: str | None = field(default=None, repr=False)
    """With `profile`: a table of the functions that take most time for themselves."""

    @property
    def is_right(self) -> bool:
        """Whether every order was answered once, as it had to be, and the books agree."""
        return not (self.lost or self.duplicated or self.refused or self.drift)

    def json(self) -> str:
        """One line of JSON: the figures alone."""
        figures = asdict(self)
        del figures["runs"], figures["busiest_functions"]
        return json.dumps(figures)


@dataclass(frozen=True, slots=True)
class MixResult:
    """What was measured of whole lifecycles; medians of the rounds."""

    events: int
    rounds: int
    events_per_s: float
    orders_per_s: float
    """Of placements alone, on the same servers and stock."""
    ratio_to_orders: float
    """Median of the rounds' own ratios, per event."""
    worker_cpu_us_per_event: float | None
    database_cpu_us_per_event: float | None
    lost: int
    duplicated: int
    refused: int
    drift: int
    runs: Sequence[Run] = field(repr=False)

    @property
    def is_right(self) -> bool:
        """Whether every event was applied once, and the books agree."""
        return not (self.lost or self.duplicated or self.refused or self.drift)

    def json(self) -> str:
        """One line of JSON: the figures alone."""
        figures = asdict(self)
        del figures["runs"]
        return json.dumps(figures)


def mix_summary(runs: Sequence[Run]) -> MixResult:
    """The figures of these runs; orders and lifecycles have to be there equally often."""
    orders, events = ([run for run in runs if run.case is case] for case in (Case.WORKER, Case.LIFECYCLE))
    ratios = [
        of_events.orders_per_s / alone.orders_per_s for of_events, alone in zip(events, orders, strict=True)
    ]
    return MixResult(
        events=events[0].orders,
        rounds=len(events),
        events_per_s=round(median(run.orders_per_s for run in events), 1),
        orders_per_s=round(median(run.orders_per_s for run in orders), 1),
        ratio_to_orders=round(median(ratios), 3),
        worker_cpu_us_per_event=_median(run.us_per_order(run.cpu.worker) for run in events),
        database_cpu_us_per_event=_median(run.us_per_order(run.cpu.database) for run in events),
        lost=sum(run.tally.lost for run in runs),
        duplicated=sum(run.tally.duplicated for run in runs),
        refused=sum(run.tally.refused for run in runs),
        drift=sum(run.drift for run in runs),
        runs=tuple(runs),
    )


def summary(
    runs: Sequence[Run],
    spans_us_per_order: Mapping[str, float] | None = None,
    busiest_functions: str | None = None,
) -> BenchResult:
    """The figures of these runs; each case has to be there, worker and limit equally often."""
    worker, limit, naive = (
        [run for run in runs if run.case is case] for case in (Case.WORKER, Case.LIMIT, Case.NAIVE)
    )
    orders_per_s, limit_orders_per_s, naive_orders_per_s = (
        median(run.orders_per_s for run in of_case) for of_case in (worker, limit, naive)
    )
    ratios = [run.orders_per_s / bound.orders_per_s for run, bound in zip(worker, limit, strict=True)]
    return BenchResult(
        orders=worker[0].orders,
        rounds=len(worker),
        orders_per_s=round(orders_per_s, 1),
        naive_orders_per_s=round(naive_orders_per_s, 1),
        speedup_over_naive=round(orders_per_s / naive_orders_per_s, 1),
        limit_orders_per_s=round(limit_orders_per_s, 1),
        ratio_to_limit=round(median(ratios), 3),
        worker_cpu_us_per_order=_median(run.us_per_order(run.cpu.worker) for run in worker),
        database_cpu_us_per_order=_median(run.us_per_order(run.cpu.database) for run in worker),
        broker_cpu_us_per_order=_median(run.us_per_order(run.cpu.broker) for run in worker),
        naive_worker_cpu_us_per_order=_median(run.us_per_order(run.cpu.worker) for run in naive),
        naive_database_cpu_us_per_order=_median(run.us_per_order(run.cpu.database) for run in naive),
        limit_client_cpu_us_per_order=_median(run.us_per_order(run.cpu.worker) for run in limit),
        limit_database_cpu_us_per_order=_median(run.us_per_order(run.cpu.database) for run in limit),
        lost=sum(run.tally.lost for run in runs),
        duplicated=sum(run.tally.duplicated for run in runs),
        refused=sum(run.tally.refused for run in runs),
        drift=sum(run.drift for run in runs),
        runs=tuple(runs),
        spans_us_per_order=spans_us_per_order,
        busiest_functions=busiest_functions,
    )


def _median(figures: Iterable[float | None]) -> float | None:
    seen = [figure for figure in figures if figure is not None]
    return round(median(seen), 1) if seen else None
