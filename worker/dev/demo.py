"""The sample day on real servers: fed hour by hour, as fast as it can be carried."""

from collections.abc import Callable, Sequence
from itertools import islice

from worker.dev.event_lines import parse_lines
from worker.dev.home import Servers
from worker.dev.sample_day import Phase
from worker.dev.simulate import Lots, Simulated, simulate
from worker.dev.stage import prepared_stage

DAY_FILE = "day.jsonl"
"""The sample day in the demo's folder, for `simulate`."""

WORKERS = 1

PhaseProgress = Callable[[str, int, int], None]
"""Called with the phase that comes next, how many records were fed, and how many there are in all."""


async def demo(servers: Servers, phases: Sequence[Phase], progress: PhaseProgress) -> Simulated:
    """Feed the day to a worker on the servers, phase by phase, and gather what came of it."""
    stage = await prepared_stage(
        servers.kafka_bootstrap, servers.database_url, {"worker_name": "demo", "sweep_interval_ms": 100}
    )
    lots = lots_of(phases)
    total = sum(map(len, lots))
    ends = [sum(map(len, lots[: number + 1])) for number in range(len(lots))]

    def show(fed: int, _total: int) -> None:
        following = sum(end <= fed for end in ends)
        progress(phases[following].name if following < len(phases) else "", fed, total)

    progress(phases[0].name, 0, total)
    return await simulate(stage, lots, WORKERS, show)


def lots_of(phases: Sequence[Phase]) -> Lots:
    """The records of each phase, lines numbered through."""
    records = iter(parse_lines((line.encode() for phase in phases for line in phase.lines), DAY_FILE))
    return [list(islice(records, len(phase.lines))) for phase in phases]
