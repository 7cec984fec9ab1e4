"""What every command of the replay tool works with: a dead-letter topic, the database, the settings."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from schemas.topics import TYPES_BY_TOPIC, Output
from worker.dlq import store
from worker.dlq.letter import Json, Letter
from worker.dlq.selection import Selection
from worker.dlq.topic import Ends, LetterTopic, letter_topic
from worker.runtime.database import open_pool
from worker.runtime.errors import Transient
from worker.runtime.migrate import require_fitting_schema
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.runtime.database import Connection

LISTED_MAX = 100
STATES_AT_ONCE_MAX = 500


@dataclass(frozen=True, slots=True)
class Desk:
    """One dead-letter topic, open to be worked on."""

    settings: Settings
    db: "Connection"
    topic: LetterTopic

    @property
    def types_by_topic(self) -> Mapping[str, str]:
        """The type of events that carry none."""
        return self.settings.topic_types or TYPES_BY_TOPIC

    async def chosen(self, selection: Selection, ends: Ends) -> AsyncIterator[list[tuple[Letter, str]]]:
        """The dead letters chosen among those before these ends, with their states, in lots."""
        async for letters in self.topic.letters(ends):
            for start in range(0, len(letters), STATES_AT_ONCE_MAX):
                some = letters[start : start + STATES_AT_ONCE_MAX]
                states = await store.states(self.db, some)
                yield [one for one in zip(some, states, strict=True) if selection.has(*one)]


@asynccontextmanager
async def desk(settings: Settings, dlq_topic: str = Output.DEAD_LETTERS.topic) -> AsyncIterator[Desk]:
    """The desk for a dead-letter topic. Raises Transient where a server is away, Fatal without the topic."""
    async with database(settings) as db:
        types = settings.topic_types or TYPES_BY_TOPIC
        async with letter_topic(settings.kafka_bootstrap, dlq_topic, types) as topic:
            yield Desk(settings, db, topic)


@asynccontextmanager
async def database(settings: Settings) -> "AsyncIterator[Connection]":
    """A session as the worker's role has it. Raises Transient where the database is away."""
    try:
        pool = await open_pool(
            settings.database_url.get_secret_value(),
            application_name="inventory-dlq",
            connections_max=1,
            role=settings.database_role,
        )
    except (OSError, asyncpg.CannotConnectNowError) as error:
        raise Transient(f"cannot reach Postgres: {error}") from error
    try:
        async with pool.acquire() as db:
            await require_fitting_schema(db)
            yield db
    finally:
        pool.terminate()


async def listed(at: Desk, selection: Selection, letters_max: int = LISTED_MAX) -> list[dict[str, Json]]:
    """The newest of the dead letters chosen, the oldest first."""
    kept: list[tuple[Letter, str]] = []
    async for lot in at.chosen(selection, await at.topic.ends()):
        kept = sorted([*kept, *lot], key=lambda one: (one[0].timestamp_ms, one[0].place))[-letters_max:]
    return [letter.as_json(state) for letter, state in kept]


async def shown(at: Desk, partition: int, offset: int) -> dict[str, Json] | None:
    """All of one dead letter, fetched from where its record stood where its bytes are not here."""
    letter = await at.topic.letter(partition, offset)
    if letter is None:
        return None
    [state] = await store.states(at.db, [letter])
    return (await at.topic.whole(letter) or letter).whole_json(state)


@dataclass(frozen=True, slots=True)
class Stats:
    """How many dead letters there are, by what they have in common."""

    total: int
    by: Mapping[str, Mapping[str, int]]
    """By reason, fingerprint, topic and hour, the most frequent first; hours in their order."""

    def as_json(self) -> dict[str, Json]:
        """The document of `dlq stats --json`."""
        return {"total": self.total, **{f"by_{name}": dict(counts) for name, counts in self.by.items()}}


async def stats(at: Desk, selection: Selection) -> Stats:
    """Count the dead letters chosen."""
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("reason", "fingerprint", "topic", "hour", "state")
    }
    total = 0
    async for lot in at.chosen(selection, await at.topic.ends()):
        total += len(lot)
        for letter, state in lot:
            told = letter.as_json(state)
            for name in ("reason", "fingerprint", "topic", "state"):
                counts[name][str(told[name] or "")] += 1
            counts["hour"][f"{told['at'][:13]}:00Z"] += 1
    hours = counts.pop("hour")
    by = {name: dict(counter.most_common()) for name, counter in counts.items()}
    return Stats(total, {**by, "hour": dict(sorted(hours.items()))})
