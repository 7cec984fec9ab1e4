"""An installation of a test's own on the shared servers: topics, group, database, worker processes, and what
they said.
"""

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.protocol.group import LeaveGroupRequest

import sql
from schemas.topics import Output
from tests.books import contradictions
from tests.kafka_tools import admin, committed, producer, spoil_names
from worker.dev.listen import Listener, listener
from worker.inspect.state import levels as level_rows
from worker.runtime.topics import ensure_topics

DEADLINE_S = 60.0
LOOK_AGAIN_S = 0.05
PARTITIONS = 4
BATCH_BYTES_MAX = 500_000
PUBLISH_DEADLINE_S, PUBLISH_LEASE_S = 2, 4
"""So that what a dead worker left is taken over soon."""

Json = dict[str, Any]


class Sent(NamedTuple):
    """A record for one of the installation's two input topics."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def cloud_event(event_id: str, type_name: str, key: str, **data: Any) -> Sent:
    """A CloudEvent in binary mode, for the topic of its family."""
    attributes = {"specversion": "1.0", "type": type_name, "source": "/shop", "id": event_id}
    headers = tuple((f"ce_{name}", value.encode()) for name, value in attributes.items())
    topic = "orders" if type_name.startswith(("order", "cart", "reservation")) else "catalogue"
    return Sent(topic, key.encode(), json.dumps(data).encode(), headers)


class WorkerProcess:
    """`inventory-worker run` as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def log(self) -> str:
        """All that the process has said so far."""
        return self._log.read_text()

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def reads(self) -> None:
        """Returns when the worker has joined its group."""
        async with asyncio.timeout(DEADLINE_S):
            while " reads " not in self.log:
                assert self.is_running, self.log
                await asyncio.sleep(LOOK_AGAIN_S)

    async def kill(self) -> None:
        """Ends the process by SIGKILL."""
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """Ends the process by SIGTERM; gives its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def interrupted(self) -> int:
        """Ends the process by SIGINT, as Ctrl-C does; gives its exit code."""
        self._process.send_signal(signal.SIGINT)
        return await self.ended()

    async def ended(self) -> int:
        """Waits until the process has ended by itself; gives its exit code."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._process.wait()


class Installation:
    """Workers of one group on one database, with what they are told and what they say."""

    def __init__(
        self, bootstrap: str, database_url: str, name: str, folder: Path, client: AIOKafkaProducer
    ) -> None:
        self.bootstrap = bootstrap
        self.database_url = database_url
        self.name = name
        self.folder = folder
        self.ends: dict[TopicPartition, int] = defaultdict(int)
        self._client = client
        self._listener: Listener | None = None

    @property
    def group(self) -> str:
        return f"{self.name}.group"

    @property
    def topic_types(self) -> dict[str, str]:
        return {f"{self.name}.catalogue": "variant.created", f"{self.name}.orders": "order.placed"}

    def environment(self, **settings: str | int) -> dict[str, str]:
        """The environment of a command of this installation; settings by their lower-case names."""
        values = {
            "kafka_bootstrap": self.bootstrap,
            "database_url": self.database_url,
            "consumer_group": self.group,
            "topic_types": json.dumps(self.topic_types),
            "cloudevents_source": f"/{self.name}",
            "publish_deadline_s": PUBLISH_DEADLINE_S,
            "publish_lease_s": PUBLISH_LEASE_S,
            **settings,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("INVENTORY_")}
        return kept | {f"INVENTORY_{name.upper()}": str(value) for name, value in values.items()}

    async def started(self, *arguments: str, name: str = "w1", **settings: str | int) -> WorkerProcess:
        """A command of the worker, started: `run` unless other arguments are given."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "worker",
                *(arguments or ("run",)),
                env=self.environment(worker_name=name, **settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return WorkerProcess(process, log)

    @asynccontextmanager
    async def worker(self, name: str = "w1", **settings: str | int) -> AsyncIterator[WorkerProcess]:
        """A worker that reads; ended at the end of the block if it has not ended before."""
        worker = await self.started(name=name, **settings)
        try:
            await worker.reads()
            yield worker
        finally:
            if worker.is_running:
                await worker.kill()

    # ── What it is told ────────────────────────────────────────────────────────────────────────────

    async def send(self, *records: Sent) -> None:
        """Appends the records to their topics, in order."""
        acks = [
            await self._client.send(f"{self.name}.{topic}", value, key=key, headers=list(headers))
            for topic, key, value, headers in records
        ]
        for ack in acks:
            metadata = await ack
            partition = TopicPartition(metadata.topic, metadata.partition)
            self.ends[partition] = max(self.ends[partition], metadata.offset + 1)

    async def send_as_one_batch(self, records: Sequence[Sent]) -> None:
        """Appends records of one topic to its first partition as one record batch."""
        builder = self._client.create_batch()
        for _, key, value, headers in records:
            fits = builder.append(timestamp=None, key=key, value=value, headers=list(headers))
            assert fits is not None
        spoil_names(builder)
        topic = f"{self.name}.{records[0].topic}"
        await (await self._client.send_batch(builder, topic, partition=0))
        self.ends[TopicPartition(topic, 0)] += len(records)

    async def until(self, condition: str, *arguments: object) -> None:
        """Returns when a statement gives true."""
        db = await asyncpg.connect(self.database_url)
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    if await db.fetchval(condition, *arguments):
                        return
                    await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            await db.close()

    async def until_judged(self, count: int) -> None:
        """Returns when so many events have a row in the inbox."""
        await self.until("select count(*) >= $1 from event", count)

    async def settled(self, database_url: str | None = None) -> None:
        """Returns when all that was sent is judged and answered, and Kafka knows it."""
        db = await asyncpg.connect(database_url or self.database_url)
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    if await self._is_settled(db):
                        return
                    await asyncio.sleep(LOOK_AGAIN_S)
        finally:
            await db.close()

    async def _is_settled(self, db: "asyncpg.Connection[asyncpg.Record]") -> bool:
        rows = await db.fetch(sql.query("progress_read"), self.group)
        read = {
            TopicPartition(row["topic"], row["partition"]): row["next_offset"]
            for row in rows
            if row["next_offset"]
        }
        if read != self.ends or await db.fetchval(
            "select exists (select from batch where published_at is null)"
        ):
            return False
        return await committed(self.bootstrap, self.group) == self.ends

    async def one_value(self, statement: str) -> Any:
        """What a statement gives."""
        db = await asyncpg.connect(self.database_url)
        try:
            return await db.fetchval(statement)
        finally:
            await db.close()

    async def storefronts_told(self) -> None:
        """Returns when every batch is counted into what storefronts are told, and they are told."""
        await self.until(
            "select published_pass = pass and variants_from is null"
            " and batches_seen >= (select max(batch_id) from batch) from availability_state"
        )

    async def forget_member(self, worker: str) -> None:
        """Tells the group that a worker is gone, as the end of its session would after a while."""
        async with admin(self.bootstrap) as client:
            coordinator = await client.find_coordinator(self.group)
            [answer] = await client.describe_consumer_groups([self.group])
            [(_, _, _, _, _, members, *_)] = answer.groups
            for member_id, client_id, *_ in members:
                if client_id == worker:
                    await client._send_request(LeaveGroupRequest(self.group, member_id), coordinator)

    # ── What it says ───────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        async with listener(self.bootstrap, Output) as self._listener:
            yield

    async def heard(self) -> dict[Output, list[ConsumerRecord]]:
        """All that this installation's workers have said."""
        assert self._listener is not None
        return {output: self.ours(records) for output, records in (await self._listener.heard()).items()}

    def ours(self, records: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
        """Those of the records that this installation's workers have said."""
        return [record for record in records if self._is_ours(record)]

    def _is_ours(self, record: ConsumerRecord) -> bool:
        headers = dict(record.headers)
        return f"/{self.name}".encode() == headers.get("ce_source") or self.group.encode() == headers.get(
            "dlq-consumer-group"
        )

    async def check(self, database_url: str | None = None) -> dict[str, str]:
        """Nothing twice, nothing unsaid, audit clean; gives the final outcome of each event by its id."""
        db = await asyncpg.connect(database_url or self.database_url)
        try:
            assert await contradictions(db) == []
            heard = await self.heard()
            finals = final_answers(heard[Output.RESULTS])
            rows = await db.fetch("select event_id, outcome from v_event where final")
            assert finals == {row["event_id"]: row["outcome"] for row in rows}
            await _check_levels(db, heard[Output.LEVELS])
        finally:
            await db.close()
        return finals


def final_answers(records: Sequence[ConsumerRecord]) -> dict[str, str]:
    """The outcome that each event was answered with; said several times, it must be the same bytes."""
    answers: dict[str, tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]] = {}
    outcomes = {}
    for record in records:
        answer = json.loads(record.value)
        if answer["final"]:
            said = record.key, record.value, tuple(record.headers)
            assert answers.setdefault(answer["cause_id"], said) == said
            outcomes[answer["cause_id"]] = answer["outcome"]
    return outcomes


async def _check_levels(db: "asyncpg.Connection[asyncpg.Record]", records: Sequence[ConsumerRecord]) -> None:
    """The last record of each key is what compaction keeps: it must be the level as it stands."""
    last = {}
    for record in records:
        value = json.loads(record.value)
        assert record.key == f"{value['inventory_item_id']}|{value['location_id']}".encode()
        last[record.key] = value
    assert {tuple(sorted(value.items())) for value in last.values()} == {
        tuple(sorted(row.items())) for row in await level_rows(db) if row["level_version"]
    }


@asynccontextmanager
async def installation(
    bootstrap: str, database_url: str, name: str, folder: Path
) -> AsyncIterator[Installation]:
    """An installation with its topics made, being listened to."""
    async with producer(bootstrap, max_batch_size=BATCH_BYTES_MAX) as client:
        made = Installation(bootstrap, database_url, name, folder, client)
        await ensure_topics(bootstrap, PARTITIONS, 1, input_topics=made.topic_types)
        async with made.listening():
            yield made


@asynccontextmanager
async def database_copy(server_url: str, url: str) -> AsyncIterator[str]:
    """A copy of a database that nobody uses, as it now stands."""
    name = urlsplit(url).path.removeprefix("/")
    server = await asyncpg.connect(server_url)
    try:
        await server.execute(f'create database "{name}_copy" template "{name}"')
        yield f"{url}_copy"
        await server.execute(f'drop database "{name}_copy" with (force)')
    finally:
        await server.close()
