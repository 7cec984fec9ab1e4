"""Reading from a real broker: nothing skipped, nothing too early, no membership lost by waiting."""

import asyncio
from collections.abc import Collection, Mapping

import pytest
from aiokafka import TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import CorruptRecordException

from tests.kafka_tools import (
    DEADLINE_S,
    Collector,
    admin,
    commit_for,
    committed,
    make_topic,
    produce,
    produce_badly_named,
    producer,
    running,
)
from tests.providers import Kafka
from worker.runtime.assignment import Batch
from worker.runtime.consume import IntakeSettings
from worker.runtime.decode import Position
from worker.runtime.errors import Transient


def settings(kafka: Kafka, *topics: str, batch_records_max: int = 1000) -> IntakeSettings:
    return IntakeSettings(
        bootstrap=kafka.bootstrap,
        group=topics[0],
        topics=topics,
        batch_records_max=batch_records_max,
        session_timeout_s=6.0,
        rebalance_timeout_s=15.0,
        revoke_s_max=10.0,
    )


def values(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % n for n in range(start, start + count)]


async def test_records_come_byte_for_byte_and_are_committed(kafka_server: Kafka, unique_name: str) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    headers = [("ce_id", b"\xff\xfe\x00"), ("none", None), ("ce_id", b"twice"), ("ключ", b"")]
    async with producer(kafka_server.bootstrap) as client:
        await (await client.send(topic, b"value", key=b"k", headers=headers, timestamp_ms=123))
        await (await client.send(topic, None, key=b"tombstone", timestamp_ms=124))

    async with running(Collector(settings(kafka_server, topic))) as collector:
        first, second = await collector.wait_for(2)

    assert (first.position, first.timestamp_ms) == ((topic, 0, 0), 123)
    assert (first.key, first.value, first.headers) == (b"k", b"value", tuple(headers))
    assert (second.key, second.value, second.headers) == (b"tombstone", None, ())
    assert await committed(kafka_server.bootstrap, topic) == {TopicPartition(topic, 0): 2}


async def test_a_bad_header_leaves_a_batch_of_500_whole(kafka_server: Kafka, unique_name: str) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    async with producer(kafka_server.bootstrap) as client:
        builder = client.create_batch()
        for place, value in enumerate(values(500)):
            headers = [("ce_type", b"\xfe\xff\x80")] if place == 250 else []
            builder.append(timestamp=None, key=None, value=value, headers=headers)
        await (await client.send_batch(builder, topic, partition=0))

    async with running(Collector(settings(kafka_server, topic))) as collector:
        records = await collector.wait_for(500)

    assert [record.value for record in records] == values(500)
    assert records[250].headers == (("ce_type", b"\xfe\xff\x80"),)


async def test_a_header_name_that_is_not_utf_8_stops_nothing(kafka_server: Kafka, unique_name: str) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    await produce_badly_named(kafka_server.bootstrap, topic, values(500), bad=250)
    await produce(kafka_server.bootstrap, topic, values(10, 500))

    async with running(Collector(settings(kafka_server, topic, batch_records_max=300))) as collector:
        records = await collector.wait_for(510)

    assert [record.value for record in records] == values(510)
    assert records[250].headers == (("\\xff\\xfebad@@", b"x"),)


@pytest.mark.parametrize(
    ("on_kafka", "in_database", "begins"),
    [(200, 50, 50), (50, 200, 50), (None, 200, 0), (200, None, 200), (None, None, 0)],
)
async def test_a_partition_begins_at_the_smaller_offset(
    kafka_server: Kafka, unique_name: str, on_kafka: int | None, in_database: int | None, begins: int
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    partition = TopicPartition(topic, 0)
    await produce(kafka_server.bootstrap, topic, values(300))
    if on_kafka is not None:
        await commit_for(kafka_server.bootstrap, topic, {partition: on_kafka})
    stored = {} if in_database is None else {partition: in_database}

    async with running(Collector(settings(kafka_server, topic), stored)) as collector:
        await collector.wait_for(300 - begins)

    assert collector.offsets() == list(range(begins, 300))


class Hesitant(Collector):
    """Its database fails twice, then answers when the test says so."""

    def __init__(self, settings: IntakeSettings, stored: Mapping[TopicPartition, int]) -> None:
        super().__init__(settings, stored)
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self._failures = iter([Transient("the database is away"), TimeoutError()])

    async def positions(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        for failure in self._failures:
            raise failure
        self.is_asked.set()
        await self.may_answer.wait()
        return await super().positions(partitions)


async def test_nothing_is_handed_out_before_the_database_has_said_where_to_begin(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name, partitions=2)
    stored = {TopicPartition(topic, 0): 50}
    await produce(kafka_server.bootstrap, topic, values(300), partition=0)
    await commit_for(kafka_server.bootstrap, topic, {TopicPartition(topic, 0): 200})

    async with running(Hesitant(settings(kafka_server, topic), stored)) as collector:
        async with asyncio.timeout(DEADLINE_S):
            await collector.is_asked.wait()
        # The committed offset lies before these, so they would be read first if anything were.
        await produce(kafka_server.bootstrap, topic, values(100, 300), partition=0)
        await produce(kafka_server.bootstrap, topic, values(100), partition=1)
        assert collector.records == []
        assert {lag.next_offset for lag in collector.intake.lag().values()} == {None}
        collector.may_answer.set()
        await collector.wait_for(450)

    assert collector.offsets(0) == list(range(50, 400))
    assert collector.offsets(1) == list(range(100))


class Blocking(Collector):
    """Takes batches only while the test lets it."""

    def __init__(self, settings: IntakeSettings) -> None:
        super().__init__(settings)
        self.is_offered, self.may_take = asyncio.Event(), asyncio.Event()
        self.offered: list[Batch] = []

    async def on_batch(self, batch: Batch) -> None:
        self.offered.append(batch)
        self.is_offered.set()
        await self.may_take.wait()
        if self.intake.is_current(batch):
            await super().on_batch(batch)


async def test_waiting_longer_than_the_poll_interval_keeps_the_membership(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    await produce(kafka_server.bootstrap, topic, values(10))
    poll_s = 1.0
    limits = IntakeSettings(
        bootstrap=kafka_server.bootstrap,
        group=topic,
        topics=(topic,),
        keep_alive_s=0.2,
        poll_interval_s_max=poll_s,
        session_timeout_s=6.0,
    )

    async with running(Blocking(limits)) as collector:
        async with asyncio.timeout(DEADLINE_S):
            await collector.is_offered.wait()
            # Here the time itself is what is tested: three intervals without a poll of FastStream's.
            await asyncio.sleep(3 * poll_s)
        assert collector.intake.is_waiting()
        await produce(kafka_server.bootstrap, topic, values(10, 10))
        collector.may_take.set()
        await collector.wait_for(20)
        assert not collector.intake.is_waiting()

    assert collector.revoked == []
    assert collector.offsets() == list(range(20))
    assert await committed(kafka_server.bootstrap, topic) == {TopicPartition(topic, 0): 20}


async def test_halting_takes_back_a_batch_that_was_not_taken(kafka_server: Kafka, unique_name: str) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    await produce(kafka_server.bootstrap, topic, values(10))

    async with running(Blocking(settings(kafka_server, topic))) as collector:
        async with asyncio.timeout(DEADLINE_S):
            await collector.is_offered.wait()
            await collector.intake.halt()
        collector.may_take.set()
        # The membership stays, so that what is done can be committed.
        await collector.intake.commit({TopicPartition(topic, 0): 3})

    assert collector.records == []
    assert await committed(kafka_server.bootstrap, topic) == {TopicPartition(topic, 0): 3}


class Slow(Collector):
    """Lets its partitions go only when the test says so."""

    def __init__(self, settings: IntakeSettings, changed: asyncio.Condition) -> None:
        super().__init__(settings, changed=changed)
        self.is_revoking, self.may_go = asyncio.Event(), asyncio.Event()

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        await super().on_revoked(partitions)
        self.is_revoking.set()
        await self.may_go.wait()


async def shared_out(*members: Collector, of: set[TopicPartition]) -> list[frozenset[TopicPartition]]:
    """What each member holds, once all of it is held by one: each learns of its share by itself."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            shares = [member.intake.assignment() for member in members]
            if sum(map(len, shares)) == len(of) and frozenset[TopicPartition]().union(*shares) == of:
                return shares
            await asyncio.sleep(0.02)


async def test_two_members_share_the_partitions_once_the_first_has_let_go(
    kafka_server: Kafka, unique_name: str
) -> None:
    topics = [await make_topic(kafka_server.bootstrap, unique_name + end, partitions=4) for end in "ab"]
    limits = settings(kafka_server, *topics, batch_records_max=50)
    partitions = [TopicPartition(topic, number) for topic in topics for number in range(4)]
    changed = asyncio.Condition()
    first, second = Slow(limits, changed), Collector(limits, changed=changed)

    async def produce_all() -> None:
        for start in range(0, 200, 20):
            for topic, number in partitions:
                await produce(kafka_server.bootstrap, topic, values(20, start), partition=number)

    def read_by_both() -> set[Position]:
        return {record.position for record in first.records + second.records}

    async with running(first):
        producing = asyncio.ensure_future(produce_all())
        await first.wait_for(300)
        joining = asyncio.ensure_future(second.intake.start(DEADLINE_S))
        async with asyncio.timeout(DEADLINE_S):
            await first.is_revoking.wait()
        # What the running batch has done is still committed; nobody else has the partitions yet.
        last = first.batches[-1]
        assert not first.intake.is_current(last)
        await first.intake.commit(last.next_offsets)
        assert not joining.done()
        first.may_go.set()
        async with asyncio.timeout(DEADLINE_S):
            await joining
            await producing
        try:
            await first.wait_until(lambda: len(read_by_both()) == 200 * len(partitions))
            shares = await shared_out(first, second, of=set(partitions))
        finally:
            await second.intake.stop()

    assert first.revoked[0] == set(partitions)
    assert {number for _, number in shares[0]}.isdisjoint(number for _, number in shares[1])
    assert shares[0] | shares[1] == set(partitions)
    assert await committed(kafka_server.bootstrap, topics[0]) == dict.fromkeys(partitions, 200)


async def test_an_error_of_the_pipeline_ends_the_run_and_commits_nothing(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    await produce(kafka_server.bootstrap, topic, values(100))

    class Broken(Collector):
        async def on_batch(self, batch: Batch) -> None:
            self.batches.append(batch)
            raise LookupError("a bug")

    async with running(Broken(settings(kafka_server, topic, batch_records_max=10))) as collector:
        with pytest.raises(LookupError):
            async with asyncio.timeout(DEADLINE_S):
                await collector.intake.run_until_stopped()

    assert len(collector.batches) == 1
    assert await committed(kafka_server.bootstrap, topic) == {}


async def test_records_deleted_before_they_were_read_are_counted_as_lost(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    partition = TopicPartition(topic, 0)
    await produce(kafka_server.bootstrap, topic, values(100))
    await commit_for(kafka_server.bootstrap, topic, {partition: 10})
    async with admin(kafka_server.bootstrap) as client:
        await client.delete_records({partition: RecordsToDelete(before_offset=60)})

    async with running(Collector(settings(kafka_server, topic))) as collector:
        await collector.wait_for(40)
        await collector.explained()

    assert collector.offsets() == list(range(60, 100))
    assert collector.intake.offsets_lost == 50


async def test_control_records_and_aborted_ones_are_no_loss_and_no_lag(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    async with producer(kafka_server.bootstrap, transactional_id=unique_name) as client:
        for n in range(5):
            await client.begin_transaction()
            await (await client.send(topic, b"%d" % n, partition=0))
            await client.commit_transaction()
            await client.begin_transaction()
            await (await client.send(topic, b"aborted", partition=0))
            await client.abort_transaction()

    async with running(Collector(settings(kafka_server, topic, batch_records_max=2))) as collector:
        records = await collector.wait_for(5)
        await collector.explained()
        await collector.read_to_the_end()

    assert [record.value for record in records] == values(5)
    assert collector.intake.offsets_lost == 0


async def test_a_group_task_that_died_is_seen_and_does_not_keep_a_stop_from_ending(
    kafka_server: Kafka, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)

    async def dies(*_: object) -> None:
        raise LookupError("a bug in the client")

    async with running(Collector(settings(kafka_server, topic))) as collector:
        assert collector.intake.group_failure() is None
        consumer = collector.intake._consumer
        assert consumer is not None
        coordinator = consumer._coordinator
        monkeypatch.setattr(coordinator, "ensure_active_group", dies)
        coordinator.request_rejoin()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait({coordinator._coordination_task})
        assert "a bug in the client" in str(collector.intake.group_failure())


@pytest.mark.slow
async def test_records_that_the_client_loses_by_an_error_are_read_again(
    kafka_server: Kafka, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    await produce(kafka_server.bootstrap, topic, values(200))
    fetched_records = Fetcher.fetched_records
    is_whole = iter([True, False])

    async def interrupted(self: Fetcher, *args: object, **options: object) -> object:
        drained = await fetched_records(self, *args, **options)
        if drained and not next(is_whole, True):
            raise CorruptRecordException("as aiokafka does: what it drained is gone")
        return drained

    monkeypatch.setattr(Fetcher, "fetched_records", interrupted)
    async with running(Collector(settings(kafka_server, topic, batch_records_max=20))) as collector:
        await collector.wait_for(200)

    assert collector.offsets() == list(range(200))
    assert collector.intake.offsets_lost == 0


async def test_a_missing_topic_is_transient_at_the_start(kafka_server: Kafka, unique_name: str) -> None:
    intake = Collector(settings(kafka_server, unique_name)).intake

    with pytest.raises(Transient):
        await intake.start(1.0)
    await intake.stop()


async def test_nobody_listening_is_transient_at_the_start() -> None:
    limits = IntakeSettings(bootstrap="127.0.0.1:1", group="g", topics=("t",))
    intake = Collector(limits).intake

    with pytest.raises(Transient):
        await intake.start(DEADLINE_S)
    await intake.stop()


@pytest.mark.slow
async def test_the_broker_may_go_and_come_back(kafka_server: Kafka, unique_name: str) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    await produce(kafka_server.bootstrap, topic, values(10))

    async with running(Collector(settings(kafka_server, topic))) as collector:
        await collector.wait_for(10)
        kafka_server.stop()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await collector.intake.commit({TopicPartition(topic, 0): 10})
        finally:
            kafka_server.restart()
        await produce(kafka_server.bootstrap, topic, values(10, 10))
        await collector.wait_for(20)

    assert collector.offsets() == list(range(20))


@pytest.mark.slow
async def test_stopping_without_a_broker_has_an_end(kafka_server: Kafka, unique_name: str) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    await produce(kafka_server.bootstrap, topic, values(10))
    collector = Collector(settings(kafka_server, topic))
    await collector.intake.start(DEADLINE_S)
    await collector.wait_for(10)
    kafka_server.stop()
    try:
        async with asyncio.timeout(DEADLINE_S):
            await collector.intake.stop()
    finally:
        kafka_server.restart()
