"""A day of a shop through workers, Kafka and Postgres that die at random, and then everything is counted.

Each day and all that happens to it come from a seed, which stands in the test's name and in the command that
repeats it. What the machine does in between is not drawn: another run meets the same
faults, not the same race.
"""

import asyncio
import os
import random
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from schemas.topics import Output
from tests.faults.accounts import Fate, at_rest, check_everything, levels
from tests.faults.crew import Crew, crew
from tests.installation import Installation, Sent, installation
from tests.providers import Kafka, Postgres
from worker.dev.event_lines import LineRecord, parse_lines
from worker.dev.sample_day import sample_day

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
SEEDS = (
    [int(os.environ["FAULT_SEED"])]
    if "FAULT_SEED" in os.environ
    else [secrets.randbelow(1_000_000) for _ in range(ROUNDS)]
)
KILLS = 3
TOLD_AGAIN = 200
CATALOGUE_PHASES = 2
CATALOGUE = ("variant.", "location.", "sales_channel.", "stock.", "transfer.")

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("seed", SEEDS, ids="seed_{}".format)]


@pytest.fixture(autouse=True)
def say_how_to_repeat(request: pytest.FixtureRequest, seed: int) -> None:
    name = request.node.name
    print(f"again: FAULT_SEED={seed} make test-faults ARGS=\"-k '{name.partition('[')[0]}'\"  # {name}")


@pytest.fixture
async def shop(
    kafka_server: Kafka, database_url: str, unique_name: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    """An installation that nobody has told anything, and no worker yet."""
    async with installation(kafka_server.bootstrap, database_url, unique_name, tmp_path) as made:
        yield made


@pytest.mark.parametrize("workers", [1, 3], ids=["1_worker", "3_workers"])
async def test_workers_killed_at_random_lose_nothing_and_repeat_nothing(
    shop: Installation, workers: int, seed: int
) -> None:
    chance = random.Random(seed)
    catalogue, day = a_day(seed)
    async with crew(shop, chance, workers) as at_work:
        await told_one_by_one(shop, catalogue)
        for part in parts(day, KILLS):
            async with asyncio.TaskGroup() as both:
                both.create_task(shop.send(*part))
                both.create_task(at_work.kill_one(len(part) // 2))
        await ends_well(shop, at_work, day, chance)


async def test_workers_and_servers_that_die_together_lose_nothing_and_repeat_nothing(
    shop: Installation, kafka_server: Kafka, postgres_server: Postgres, seed: int
) -> None:
    chance = random.Random(seed)
    catalogue, day = a_day(seed)

    def crash_postgres() -> None:
        postgres_server.restart(immediate=True)

    def crash_kafka() -> None:
        kafka_server.kill()
        kafka_server.restart()

    broker = chance.choice((kafka_server.restart, crash_kafka))
    restarts: list[Callable[[], None]] = [crash_postgres, broker]
    chance.shuffle(restarts)
    async with crew(shop, chance, 3) as at_work:
        await told_one_by_one(shop, catalogue)
        for part, restart in zip(parts(day, len(restarts)), restarts, strict=True):
            await shop.send(*part)
            await at_work.amid(len(part) // 3)
            await at_work.kill_one_while(restart)
        await ends_well(shop, at_work, day, chance)


async def ends_well(shop: Installation, at_work: Crew, day: Sequence[Sent], chance: random.Random) -> None:
    """All drains; everything is accounted for; told again, it is answered again and changes nothing."""
    await at_rest(shop)
    before = await levels(shop)
    answers = len((await shop.heard())[Output.RESULTS])
    await shop.send(*chance.sample([one for one in day if has_identity(one)], TOLD_AGAIN))
    await at_rest(shop)
    await at_work.go_home()

    fates = await check_everything(shop)
    assert fates.keys() == set(Fate), fates
    assert fates.total() >= len(day) + TOLD_AGAIN
    assert len((await shop.heard())[Output.RESULTS]) > answers
    assert await levels(shop) == before


# ── What is told ──────────────────────────────────────────────────────────────────────────────────────


def a_day(seed: int) -> tuple[list[list[Sent]], list[Sent]]:
    """The catalogue, in parts that build on each other; and all that happens then, in order of arrival."""
    day = [
        [sent(record) for record in parse_lines(map(str.encode, phase.lines), phase.name)]
        for phase in sample_day(seed)
    ]
    return day[:CATALOGUE_PHASES], [one for phase in day[CATALOGUE_PHASES:] for one in phase]


async def told_one_by_one(shop: Installation, phases: Sequence[Sequence[Sent]]) -> None:
    """Each is settled before the next: a kit that overtakes its fabrics would be a dead letter."""
    for phase in phases:
        await shop.send(*phase)
        await shop.settled()


def sent(record: LineRecord) -> Sent:
    """The record, for the topic of its family."""
    topic = "catalogue" if record.topic.startswith(CATALOGUE) else "orders"
    # A record needs a key or a value, says the client; Kafka itself does not.
    key = b"" if record.key is None and record.value is None else record.key
    return Sent(topic, key, record.value, record.headers)


def has_identity(one: Sent) -> bool:
    """Whether a copy of the record is known to be one."""
    return {"ce_id", "ce_source", "ce_type"} <= dict(one.headers).keys()


def parts(day: Sequence[Sent], count: int) -> list[Sequence[Sent]]:
    """The day in so many parts of about the same size."""
    size = -(-len(day) // count)
    return [day[start : start + size] for start in range(0, len(day), size)]
