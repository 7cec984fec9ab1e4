"""From Kafka: one FastStream batch subscriber over all input topics, which hands raw records to the pipeline.

Offsets are committed explicitly and in batch order by the pipeline (protocol §2.2 step 12); FastStream
acknowledges nothing here. What it does for us and what is bypassed stands in ADR 0002.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber

from worker.runtime.aiokafka_private import group_failure, is_rejoin_pending
from worker.runtime.assignment import Assignment, Batch, CaughtUp, Gap, PartitionLag, Positions
from worker.runtime.errors import Transient
from worker.runtime.lenient_records import read_leniently

log = logging.getLogger(__name__)

COMMIT_RETRY_S = 1.0
GRACE_S = 1.0
"""What FastStream waits for the handler when it stops; ours has ended before."""

_NOWHERE = TopicPartition("", 0)
"""A partition nobody has: asking for its records counts as a poll and can take none."""

OnBatch = Callable[[Batch], Awaitable[None]]
OnRevoked = Callable[[Collection[TopicPartition]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class IntakeSettings:
    """How to reach Kafka for reading, and the limits kept."""

    bootstrap: str
    group: str
    topics: tuple[str, ...]
    client_id: str = "inventory-worker"
    batch_records_max: int = 2000
    idle_wait_ms: int = 20
    """Twice this is what a record waits at most when nothing else comes (reliability §2.2)."""
    keep_alive_s: float = 3.0
    """A batch not taken for this long pauses the partitions; from then on we poll so often, to stay."""
    poll_interval_s_max: float = 300.0
    session_timeout_s: float = 15.0
    rebalance_timeout_s: float = 45.0
    revoke_s_max: float = 30.0
    """How long a running batch may take to end when its partitions are revoked; less than the one above."""
    commit_s_max: float = 5.0
    stop_s_max: float = 10.0


class Intake:
    """Reads the input topics as one member of the consumer group and hands batches to the pipeline.

    `on_batch` takes a batch and returns when the next may come; while it does not, nothing is handed out. A
    batch that is not current any more must not be begun: its records are handed out again, here or
    elsewhere. `positions` gives the next offset that the database expects, of each partition it knows; when
    it raises Transient, it is asked again. `on_revoked` is told of partitions that go away and returns when
    the batch under way has ended. Any other exception of theirs ends `run_until_stopped`.
    """

    def __init__(
        self, settings: IntakeSettings, on_batch: OnBatch, positions: Positions, on_revoked: OnRevoked
    ) -> None:
        self._settings = settings
        self._on_batch = on_batch
        self._positions = positions
        self._on_revoked = on_revoked
        self._broker: KafkaBroker | None = None
        self._subscriber: BatchSubscriber | None = None
        self._assignment: Assignment | None = None
        self._is_halted = False
        self._waiting = False
        self._handing: asyncio.Task[None] | None = None
        self._polling: asyncio.Task[None] | None = None
        self._recommitting: asyncio.Task[None] | None = None
        self._positioning: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._committing = asyncio.Lock()
        self._ended = asyncio.Event()
        self._failure: BaseException | None = None
        self.generation = 0
        """Rises whenever partitions are revoked or assigned."""
        self.commits_failed = 0
        self.offsets_lost = 0
        """Offsets that Kafka deleted before they were read."""

    async def start(self, deadline_s: float) -> None:
        """Joins the group and waits for the first assignment.

        Raises Transient when Kafka does not answer in time or a topic is missing; may then be called again.
        """
        self._broker, self._subscriber = self._edge()
        try:
            async with asyncio.timeout(deadline_s):
                await self._broker.start()
        except (KafkaError, TimeoutError) as error:
            await self._close()
            raise Transient(
                f"could not join the consumer group within {deadline_s:g} s: {error!r}"
            ) from error

    async def run_until_stopped(self) -> None:
        """Returns after `stop`; raises what went wrong in a callback."""
        await self._ended.wait()
        if self._failure is not None:
            raise self._failure

    async def halt(self) -> None:
        """Hands out nothing more, and takes back a batch that `on_batch` has not taken yet.

        The membership stays, so that what is under way can still be committed; `stop` ends it.
        """
        self._is_halted = True
        if self._assignment is not None:
            self._assignment.hold()
        if self._handing is not None:
            self._handing.cancel()
            await asyncio.wait({self._handing})

    async def stop(self) -> None:
        """Halts and leaves the group, within `stop_s_max` and a second."""
        await self.halt()
        await self._close()
        self._ended.set()

    def is_current(self, batch: Batch) -> bool:
        """Tells whether the batch may be begun: no rebalance came since it was handed out."""
        return batch.generation == self.generation

    async def commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Tells Kafka what is done, of the partitions still held here; never raises for Kafka's sake.

        What Kafka does not take in time is told again by the next call, or in the background.
        """
        if (assignment := self._assignment) is None:
            return
        assignment.want_committed(next_offsets)
        if not await self._committed(assignment) and (
            self._recommitting is None or self._recommitting.done()
        ):
            self._recommitting = self._spawn(self._commit_later(assignment))

    def assignment(self) -> frozenset[TopicPartition]:
        """Gives the partitions held now."""
        return frozenset() if self._assignment is None else self._assignment.partitions

    def lag(self) -> dict[TopicPartition, PartitionLag]:
        """Gives how far each partition held is read."""
        return {} if self._assignment is None else self._assignment.lag()

    def caught_up(self) -> dict[TopicPartition, CaughtUp]:
        """Gives the partitions held whose every record is judged, by the last look at their ends."""
        now_ms = time.time() * 1000
        return {
            partition: CaughtUp(lag.committed, max(0.0, (now_ms - lag.polled_at_ms) / 1000))
            for partition, lag in self.lag().items()
            if lag.committed is not None and lag.committed == lag.end_offset and lag.polled_at_ms
        }

    def is_waiting(self) -> bool:
        """Tells whether a batch has not been taken for `keep_alive_s`, so that the partitions are paused."""
        return self._waiting

    def group_failure(self) -> BaseException | None:
        """Gives why the membership has ended for good inside the client, if it has."""
        consumer = self._consumer
        return None if consumer is None else group_failure(consumer)

    def is_rejoin_pending(self) -> bool:
        """Tells whether the worker is between two assignments."""
        consumer = self._consumer
        return consumer is not None and is_rejoin_pending(consumer)

    @property
    def _consumer(self) -> AIOKafkaConsumer | None:
        return None if self._subscriber is None else self._subscriber.consumer

    def _edge(self) -> tuple[KafkaBroker, BatchSubscriber]:
        settings = self._settings
        read_leniently()
        broker = KafkaBroker(
            settings.bootstrap,
            client_id=settings.client_id,
            # A join is answered when all members have come, so a request may take as long as a rebalance.
            request_timeout_ms=_ms(settings.rebalance_timeout_s + 5),
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            parser=_envelope,
            decoder=_raw_records,
            graceful_timeout=GRACE_S,
            logger=_faststream_log(),
            log_level=logging.DEBUG,
        )
        subscriber = broker.subscriber(
            *settings.topics,
            group_id=settings.group,
            batch=True,
            max_records=settings.batch_records_max,
            batch_timeout_ms=settings.idle_wait_ms,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            partition_assignment_strategy=(RangePartitionAssignor,),
            max_poll_interval_ms=_ms(settings.poll_interval_s_max),
            session_timeout_ms=_ms(settings.session_timeout_s),
            heartbeat_interval_ms=_ms(settings.session_timeout_s / 5),
            rebalance_timeout_ms=_ms(settings.rebalance_timeout_s),
            listener=_Listener(self._assigned, self._revoked),
            include_in_schema=False,
        )
        subscriber(self._receive)
        return broker, subscriber

    async def _close(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._assignment is not None:
            self._assignment.end()
        self._assignment = None
        if self._broker is None:
            return
        try:
            async with asyncio.timeout(self._settings.stop_s_max):
                await self._broker.stop()
        except TimeoutError:
            log.warning("left the consumer group without a word: Kafka did not answer")
        except ExceptionGroup as errors:
            log.warning("left the consumer group without a word: %r", errors.exceptions[0])
        self._broker = self._subscriber = None

    def _fail(self, error: BaseException) -> None:
        """Stops handing out and lets `run_until_stopped` raise: FastStream would swallow it and read on."""
        self._is_halted = True
        if self._assignment is not None:
            self._assignment.hold()
        self._failure = self._failure or error
        self._ended.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Assignment: called by aiokafka's group task.

    def _assigned(self, partitions: Collection[TopicPartition]) -> None:
        self.generation += 1
        assignment = self._assignment = Assignment(self._consumer, partitions, self.generation)
        if self._is_halted or self._waiting:
            assignment.hold()
        if partitions:
            self._positioning = self._spawn(self._position(assignment))

    async def _position(self, assignment: Assignment) -> None:
        try:
            await assignment.position(self._positions)
        except Exception as error:  # noqa: BLE001 - whatever the callback raised ends the run
            self._fail(error)

    async def _revoked(self, partitions: Collection[TopicPartition]) -> None:
        self.generation += 1
        if self._positioning is not None:
            self._positioning.cancel()
        if partitions:
            try:
                async with asyncio.timeout(self._settings.revoke_s_max):
                    await self._on_revoked(partitions)
            except TimeoutError:
                log.warning("gave up partitions while a batch of theirs was still running")
            except Exception as error:  # noqa: BLE001 - aiokafka would log it and go on
                self._fail(error)
        if self._assignment is not None:
            self._assignment.end()

    # Handing over: called by FastStream's loop.

    async def _receive(self, records: tuple[ConsumerRecord, ...]) -> None:
        if self._is_halted or self._assignment is None:
            return
        batch, gaps = self._assignment.take(records)
        for gap in gaps:
            self._spawn(self._explain(self._assignment, gap))
        if batch.records:
            await self._hand_over(batch)

    async def _hand_over(self, batch: Batch) -> None:
        handing = self._handing = asyncio.get_running_loop().create_task(self._take(batch))
        await asyncio.wait({handing}, timeout=self._settings.keep_alive_s)
        if handing.done():
            return
        self._waiting = True
        if self._assignment is not None:
            self._assignment.hold()
        while not handing.done():
            self._beat()
            await asyncio.wait({handing}, timeout=self._settings.keep_alive_s)
        self._waiting = False
        if self._assignment is not None and not self._is_halted:
            self._assignment.release()

    async def _take(self, batch: Batch) -> None:
        try:
            await self._on_batch(batch)
        except Exception as error:  # noqa: BLE001 - FastStream would log it and read on
            self._fail(error)

    def _beat(self) -> None:
        """Polls, takes nothing; never twice at once, as a poll waits while partitions are being assigned."""
        if self._polling is None or self._polling.done():
            self._polling = self._spawn(self._poll())

    async def _poll(self) -> None:
        if (consumer := self._consumer) is not None:
            with suppress(KafkaError, ConsumerStoppedError):
                await consumer.getmany(_NOWHERE, timeout_ms=0)

    async def _explain(self, assignment: Assignment, gap: Gap) -> None:
        try:
            lost = await assignment.lost(gap)
        except KafkaError as error:
            log.warning("%s: no records between %d and %d: %r", gap.partition, gap.expected, gap.found, error)
            return
        if lost:
            self.offsets_lost += lost
            log.error(
                "%s: %d offsets from %d on were deleted on Kafka before they were read",
                gap.partition,
                lost,
                gap.expected,
            )

    # Committing.

    async def _committed(self, assignment: Assignment) -> bool:
        async with self._committing:
            try:
                await assignment.commit(self._settings.commit_s_max)
            except (KafkaError, TimeoutError) as error:
                self.commits_failed += 1
                log.warning("offsets not committed yet: %r", error)
        return assignment.is_committed

    async def _commit_later(self, assignment: Assignment) -> None:
        while not assignment.is_committed:
            await asyncio.sleep(COMMIT_RETRY_S)
            await self._committed(assignment)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    def __init__(
        self,
        assigned: Callable[[Collection[TopicPartition]], None],
        revoked: Callable[[Collection[TopicPartition]], Awaitable[None]],
    ) -> None:
        self._assigned = assigned
        self._revoked = revoked

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._revoked(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._assigned(assigned)


def _faststream_log() -> logging.Logger:
    """FastStream's log, without its advice to make sure of the topics: `start` says when one is missing."""
    logger = logging.getLogger(f"{__name__}.faststream")
    logger.filters = [lambda entry: not entry.getMessage().startswith("Auto create topics is disabled")]
    return logger


async def _envelope(records: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    """FastStream's parser decodes each header and skips the whole batch where it cannot; this reads none."""
    return KafkaMessage(records, b"", consumer=FAKE_CONSUMER, correlation_id="batch")


async def _raw_records(message: KafkaMessage) -> object:
    return message.raw_message


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
