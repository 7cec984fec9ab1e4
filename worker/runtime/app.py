"""The composition root: builds the worker from its settings, starts and stops it in order.

The only module that reads the clock, draws random numbers and knows everybody.
"""

import asyncio
import logging
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import asyncpg
from aiokafka import TopicPartition

import sql
from schemas.topics import TYPES_BY_TOPIC
from worker.runtime.answer import AnswerWriter
from worker.runtime.backoff import Backoff, until_deadline
from worker.runtime.catalogue import CatalogueCache
from worker.runtime.consume import Intake, IntakeSettings
from worker.runtime.database import connection, open_pool
from worker.runtime.due import Due, DueSettings
from worker.runtime.errors import Fatal, Transient
from worker.runtime.interned import Interned
from worker.runtime.load import Loader, Present, Usual, by_the_clock
from worker.runtime.memory import collect_garbage_rarely, keep_freed_memory
from worker.runtime.migrate import require_fitting_schema
from worker.runtime.pipeline import Pipeline, PipelineSettings
from worker.runtime.process import Processor, ProcessorSettings
from worker.runtime.publish import Publisher, PublisherSettings
from worker.runtime.relay import Relay, RelaySettings
from worker.runtime.republish import OnTold, Republished, Republisher, RepublishSettings
from worker.runtime.retention import Retention, RetentionSettings
from worker.runtime.storefront import Storefront, StorefrontSettings
from worker.runtime.topics import describe_topics, kept_longer
from worker.runtime.watchdog import Watchdog, WatchdogSettings
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.runtime.database import Pool

log = logging.getLogger(__name__)

T = TypeVar("T")

TOPICS_DESCRIBED_S_MAX = 5.0

PROGRESS_READ = sql.query("progress_read")


OnJudged = Callable[[Mapping[TopicPartition, int]], None]
"""Told how far partitions are judged, by next offset, with all that the events there released."""


def _told_nobody(_next_offsets: Mapping[TopicPartition, int]) -> None:
    """For workers that nobody waits for."""


class _Parts(NamedTuple):
    relay: Relay
    retention: Retention
    storefront: Storefront | None
    """None where storefronts are told nothing."""
    pipeline: Pipeline
    intake: Intake
    watchdog: Watchdog


class Worker:
    """One worker process: a member of the consumer group, with its connections and loops."""

    def __init__(
        self, settings: Settings, on_judged: OnJudged = _told_nobody, present: Present = by_the_clock
    ) -> None:
        self.settings = settings
        self._on_judged = on_judged
        self._present = present
        self.name = settings.worker_name or f"{socket.gethostname()}-{os.getpid()}"
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until told to stop. Raises Transient when a server is not there in time, Fatal otherwise."""
        async with self._connected() as (pool, publisher, for_storefronts):
            await self._compare_retention()
            await self._run_with(pool, publisher, for_storefronts)

    async def publish_levels(self, records_per_s: int, on_told: OnTold) -> Republished:
        """Tell every level and availability again as it stands, beside the workers; reads no events.

        Raises Transient when a server is not there in time, Fatal otherwise.
        """
        settings = self.settings
        writer = answer_writer(settings)
        watchdog = self._watchdog()
        async with self._connected() as (pool, publisher, for_storefronts):
            republisher = Republisher(
                RepublishSettings(
                    self.name,
                    settings.consumer_group,
                    timedelta(seconds=settings.publish_lease_s),
                    records_per_s,
                ),
                pool,
                self._relay(pool, publisher, writer, watchdog),
                self._storefront(pool, for_storefronts, writer, watchdog),
                writer,
                on_told,
            )
            return await republisher.run()

    @asynccontextmanager
    async def _connected(self) -> "AsyncIterator[tuple[Pool, Publisher, Publisher]]":
        """The database, Kafka for answers, and Kafka for storefronts."""
        settings = self.settings
        keep_freed_memory()
        pool = await self._reach_database()
        publisher = Publisher(PublisherSettings(bootstrap=settings.kafka_bootstrap, client_id=self.name))
        # Of its own, so that nothing about its topic can keep an answer waiting.
        for_storefronts = Publisher(
            PublisherSettings(bootstrap=settings.kafka_bootstrap, client_id=f"{self.name}-storefront")
        )
        try:
            await self._reach_kafka(publisher)
            yield pool, publisher, for_storefronts
        finally:
            await publisher.stop(settings.stop_deadline_s)
            await for_storefronts.stop(settings.stop_deadline_s)
            await _close(pool, settings.stop_deadline_s)

    def stop(self) -> None:
        """Ask the worker to end: it finishes the batch under way and leaves the group."""
        self._stopping.set()

    def stop_on_signals(self) -> None:
        """End in order on SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)

    async def _run_with(self, pool: "Pool", publisher: Publisher, for_storefronts: Publisher) -> None:
        parts = self._built(pool, publisher, for_storefronts)
        relay, retention, storefront, pipeline, intake, watchdog = parts
        loops = [asyncio.ensure_future(loop) for loop in (pipeline.run(), relay.run())]
        if storefront is not None:
            loops.append(asyncio.ensure_future(storefront.run()))
        try:
            await retention.look()
            loops.append(asyncio.ensure_future(retention.run()))
            await until_deadline(intake.start, self.settings.start_deadline_s, random.random)
            log.info("worker %s reads as %s", self.name, self.settings.consumer_group)
            collect_garbage_rarely()
            loops += [
                asyncio.ensure_future(intake.run_until_stopped()),
                asyncio.ensure_future(watchdog.run(intake)),
            ]
            stopping = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait([*loops, stopping], return_when=asyncio.FIRST_COMPLETED)
            for loop in loops:
                if loop.done():
                    loop.result()
            stopping.cancel()
            await self._end_in_order(parts)
        finally:
            await intake.stop()
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

    async def _end_in_order(self, parts: "_Parts") -> None:
        """Let what is under way end: no record is redelivered and no answer is late because of a stop."""
        log.info("worker %s ends", self.name)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.stop_deadline_s):
                await parts.intake.halt()
                await parts.pipeline.drain()
                await parts.relay.idle()
                if parts.storefront is not None:
                    await parts.storefront.end()

    def _built(self, pool: "Pool", publisher: Publisher, for_storefronts: Publisher) -> "_Parts":
        settings = self.settings
        topics = settings.topic_types or TYPES_BY_TOPIC
        writer = answer_writer(settings)
        watchdog = self._watchdog()
        batch_beat = watchdog.loop("batches", settings.stuck_after_s)
        relay = self._relay(pool, publisher, writer, watchdog)
        judging = processor(
            settings,
            self.name,
            writer,
            publish_lease=timedelta(seconds=settings.publish_lease_s),
            present=self._present,
        )
        pipeline = Pipeline(
            PipelineSettings(
                batch_records_max=settings.batch_records_max,
                sweep_interval_s=settings.sweep_interval_ms / 1000,
            ),
            pool,
            judging,
            relay,
            Due(
                DueSettings(
                    settings.consumer_group,
                    tuple(topics),
                    settings.parked_max,
                    warned_before=timedelta(seconds=settings.parked_deadline_s - settings.parked_warning_s),
                    records_max=settings.batch_records_max,
                ),
                judging.loader,
                lambda: intake.caught_up(),  # noqa: PLW0108  # intake is made from the pipeline
            ),
            lambda offsets: self._commit(intake, offsets),
            lambda batch: intake.is_current(batch),  # noqa: PLW0108  # intake is made from the pipeline
            lambda: Backoff(random.random, batch_beat),
        )
        intake = self._intake(pool, pipeline, topics)
        storefront = self._storefront(pool, for_storefronts, writer, watchdog)
        retention = Retention(
            retention_settings(settings),
            pool,
            pipeline.forget_before,
            lambda: Backoff(random.random, lambda: None),
        )
        return _Parts(relay, retention, storefront, pipeline, intake, watchdog)

    def _watchdog(self) -> Watchdog:
        return Watchdog(WatchdogSettings(stuck_s_max=self.settings.stuck_after_s), time.monotonic)

    def _relay(self, pool: "Pool", publisher: Publisher, writer: AnswerWriter, watchdog: Watchdog) -> Relay:
        settings = self.settings
        beat = watchdog.loop("relay", settings.stuck_after_s)
        return Relay(
            RelaySettings(
                worker=self.name,
                publish_deadline_s=settings.publish_deadline_s,
                publish_lease=timedelta(seconds=settings.publish_lease_s),
                publish_lease_renewed_after=timedelta(seconds=settings.publish_lease_s / 3),
            ),
            pool,
            publisher,
            writer,
            lambda: Backoff(random.random, beat),
            _clock,
        )

    def _storefront(
        self, pool: "Pool", publisher: Publisher, writer: AnswerWriter, watchdog: Watchdog
    ) -> Storefront | None:
        settings = self.settings
        if not settings.availability_interval_ms:
            return None
        beat = watchdog.loop("availability", settings.stuck_after_s)
        return Storefront(
            StorefrontSettings(
                worker=self.name,
                usual=usual(settings),
                interval_s=settings.availability_interval_ms / 1000,
                lease=timedelta(seconds=settings.publish_lease_s),
                publish_deadline_s=settings.publish_deadline_s,
            ),
            pool,
            publisher,
            writer,
            lambda: Backoff(random.random, beat),
            _clock,
        )

    def _intake(self, pool: "Pool", pipeline: Pipeline, topics: Mapping[str, str]) -> Intake:
        settings = self.settings
        return Intake(
            IntakeSettings(
                bootstrap=settings.kafka_bootstrap,
                group=settings.consumer_group,
                topics=tuple(topics),
                client_id=self.name,
                batch_records_max=settings.batch_records_max,
                idle_wait_ms=settings.idle_wait_ms,
            ),
            pipeline.offer,
            lambda partitions: self._positions(pool, partitions),
            lambda _partitions: pipeline.drain(),
        )

    async def _commit(self, intake: Intake, next_offsets: Mapping[TopicPartition, int]) -> None:
        self._on_judged(next_offsets)
        await intake.commit(next_offsets)

    async def _positions(
        self, pool: "Pool", partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """How far the database has read these partitions; a restored one is caught up from there."""
        try:
            async with connection(pool) as db:
                rows = await db.fetch(PROGRESS_READ, self.settings.consumer_group)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise Transient(f"the database does not answer: {error}") from error
        known = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        # A database that has read others of the group's partitions and not this one was restored to before it
        # did. One that has read none is new: then offsets that an operator set for the group stand.
        return {partition: known.get(partition, 0) for partition in partitions} if known else {}

    async def _reach_database(self) -> "Pool":
        """Raises Transient when the database is not there in time, SchemaMismatch when it does not fit."""
        settings = self.settings

        async def reach(deadline_s: float) -> "Pool":
            try:
                async with asyncio.timeout(deadline_s):
                    pool = await open_pool(
                        settings.database_url.get_secret_value(),
                        application_name=f"inventory-worker {self.name}",
                        connections_max=settings.database_connections_max,
                        role=settings.database_role,
                    )
            except asyncpg.InvalidParameterValueError as error:
                role = settings.database_role
                message = f"the database does not know the role {role}: run `inventory-worker migrate`"
                raise Fatal(message) from error
            except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
                raise Fatal(f"the database refuses the connection: {error}") from error
            except (asyncpg.PostgresError, OSError) as error:
                raise Transient(f"cannot reach Postgres: {error}") from error
            return pool

        pool = await until_deadline(reach, settings.start_deadline_s, random.random)
        async with connection(pool) as db:
            await require_fitting_schema(db)
        return pool

    async def _compare_retention(self) -> None:
        """Warn where a topic keeps records that the inbox will have forgotten."""
        settings = self.settings
        inputs = settings.topic_types or TYPES_BY_TOPIC
        with suppress(Transient, Fatal):  # who may not describe topics works all the same
            topics = await describe_topics(
                settings.kafka_bootstrap, input_topics=inputs, deadline_s=TOPICS_DESCRIBED_S_MAX
            )
            longer = kept_longer(topics, inputs, settings.inbox_retention_days)
            if longer:
                log.warning(
                    "kept longer than the inbox remembers (%d days): %s",
                    settings.inbox_retention_days,
                    ", ".join(longer),
                )

    async def _reach_kafka(self, publisher: Publisher) -> None:
        await until_deadline(publisher.start, self.settings.start_deadline_s, random.random)


def retention_settings(settings: Settings) -> RetentionSettings:
    """How long this installation keeps what."""
    return RetentionSettings(
        inbox=timedelta(days=settings.inbox_retention_days),
        orders=timedelta(days=settings.order_retention_days),
        ledger=timedelta(days=settings.ledger_retention_days),
        archive=timedelta(days=settings.archive_retention_days) if settings.archive_retention_days else None,
    )


def answer_writer(settings: Settings) -> AnswerWriter:
    """What makes this installation's records."""
    return AnswerWriter(settings.cloudevents_source, settings.consumer_group, version("inventory-worker"))


def usual(settings: Settings) -> Usual:
    """What this installation chooses for orders that do not."""
    return Usual(settings.order_policy, settings.order_strategy, settings.parked_per_order_max)


def processor(
    settings: Settings,
    name: str,
    writer: AnswerWriter,
    *,
    publish_lease: timedelta,
    present: Present = by_the_clock,
) -> Processor:
    """What carries a worker's batches, or a tool's own events, through their transactions.

    `name` is whose they are, `publish_lease` how long only that one publishes their answers.
    """
    interned = Interned()
    return Processor(
        ProcessorSettings(
            worker=name,
            consumer_group=settings.consumer_group,
            publish_lease=publish_lease,
        ),
        Loader(
            CatalogueCache(),
            interned,
            settings.topic_types or TYPES_BY_TOPIC,
            timedelta(seconds=settings.parked_deadline_s),
            usual(settings),
            present,
        ),
        interned,
        writer,
    )


async def _close(pool: "Pool", deadline_s: float) -> None:
    try:
        async with asyncio.timeout(deadline_s):
            await pool.close()
    except TimeoutError:
        pool.terminate()


def _clock() -> datetime:
    return datetime.now(UTC)
