"""Sources and topics as small numbers: the hot tables store a number, a process asks for each text once."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sql

if TYPE_CHECKING:
    import asyncpg

    from worker.runtime.database import Connection

SOURCE_INTERN, SOURCE_READ, SOURCE_NAMES = (
    sql.query(name) for name in ("source_intern", "source_read", "source_names")
)
TOPIC_INTERN, TOPIC_READ = sql.query("topic_intern"), sql.query("topic_read")


SOURCES_MAX = 100_000


class Interned:
    """Numbers of the sources and topics this process has met. Rows are never changed or removed."""

    def __init__(self) -> None:
        self.source_nos: dict[str, int] = {}
        self.sources: dict[int, str] = {}
        self.topic_nos: dict[str, int] = {}
        self.topics: dict[int, str] = {}

    async def know_sources(self, connection: "Connection", sources: Iterable[str]) -> None:
        """Have a number for each of these sources. Outside a transaction: new ones count at once, for all."""
        self._bound()
        new = sorted({source for source in sources if source not in self.source_nos})
        if new:
            await connection.execute(SOURCE_INTERN, new)
            self._keep_sources(await connection.fetch(SOURCE_READ, new))

    def _bound(self) -> None:
        """Start afresh where somebody uses ever new sources: bounds the memory."""
        if len(self.source_nos) > SOURCES_MAX:
            self.source_nos.clear()
            self.sources.clear()

    async def know_source_nos(self, connection: "Connection", numbers: Iterable[int]) -> None:
        """Have the source of each of these numbers, which were read from the database."""
        new = sorted({number for number in numbers if number not in self.sources})
        if new:
            self._keep_sources(await connection.fetch(SOURCE_NAMES, new))

    async def know_topics(self, connection: "Connection", topics: Iterable[str]) -> None:
        """Have a number for each of these topics, and the text of every number there is."""
        new = sorted({topic for topic in topics if topic not in self.topic_nos})
        if new:
            await connection.execute(TOPIC_INTERN, new)
            await self.read_topics(connection)

    async def read_topics(self, connection: "Connection") -> None:
        """Read all topics again: another worker may have interned new ones."""
        for row in await connection.fetch(TOPIC_READ):
            self.topic_nos[row["topic"]] = row["topic_no"]
            self.topics[row["topic_no"]] = row["topic"]

    def _keep_sources(self, rows: "Iterable[asyncpg.Record]") -> None:
        for row in rows:
            self.source_nos[row["source"]] = row["source_no"]
            self.sources[row["source_no"]] = row["source"]
