"""Publishing to a real broker: nothing changed, nothing lost, nothing waited for without an end."""

import asyncio
import os

import pytest
from aiokafka import AIOKafkaProducer

from tests.kafka_tools import DEADLINE_S, make_topic, read
from tests.providers import Kafka
from worker.runtime.errors import Transient
from worker.runtime.publish import Publisher, PublisherSettings
from worker.runtime.records import OutRecord, partition_of

STOP_S = 5.0


def record(topic: str, key: bytes | None, value: bytes | None = b"{}") -> OutRecord:
    return OutRecord(topic, key, (("ce_id", b"1"),), value, 1_700_000_000_000)


async def started(
    kafka: Kafka,
    *,
    record_bytes_max: int = 1_000_000,
    batch_bytes_max: int = 100_000,
    request_timeout_ms: int = 10_000,
) -> Publisher:
    settings = PublisherSettings(
        bootstrap=kafka.bootstrap,
        record_bytes_max=record_bytes_max,
        batch_bytes_max=batch_bytes_max,
        request_timeout_ms=request_timeout_ms,
    )
    publisher = Publisher(settings)
    await publisher.start(DEADLINE_S)
    return publisher


async def test_records_arrive_byte_for_byte_in_the_partition_of_their_key(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name, partitions=3)
    odd = (("ce_id", b"\xff\xfe\x00"), ("empty", b""), ("none", None), ("ce_id", b"again"), ("ключ", b"\n"))
    records = [
        OutRecord(topic, b"k%d" % n, odd, bytes([n]) * n, 1_700_000_000_000 + n) for n in range(1, 60)
    ] + [OutRecord(topic, None, (), b"no key", 5), OutRecord(topic, b"gone", odd, None, 6)]
    publisher = await started(kafka_server)

    assert await publisher.publish(records, DEADLINE_S) == []
    await publisher.stop(STOP_S)

    found = await read(kafka_server.bootstrap, topic, len(records))
    assert sorted((r.partition, r.key, r.headers, r.value, r.timestamp) for r in found if r.key) == sorted(
        (partition_of(r.key, 3), r.key, r.headers, r.value, r.timestamp_ms) for r in records if r.key
    )
    assert [(r.partition, r.value) for r in found if r.key is None] == [(0, b"no key")]


async def test_many_records_of_a_partition_travel_in_several_batches_and_keep_their_order(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    publisher = await started(kafka_server, batch_bytes_max=2000)
    records = [record(topic, b"k", b"%06d" % n) for n in range(1000)]

    assert await publisher.publish(records, DEADLINE_S) == []
    await publisher.stop(STOP_S)

    found = await read(kafka_server.bootstrap, topic, len(records))
    assert [r.value for r in found] == [r.value for r in records]


async def test_a_record_over_the_limit_is_refused_without_asking(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    publisher = await started(kafka_server, record_bytes_max=1000)
    large = record(topic, b"k", b"x" * 1001)

    refused = await publisher.publish([record(topic, b"a"), large, record(topic, b"b")], DEADLINE_S)
    await publisher.stop(STOP_S)

    assert [r.record for r in refused] == [large]
    assert [r.key for r in await read(kafka_server.bootstrap, topic, 2)] == [b"a", b"b"]
    assert publisher.producers_started == 1


async def test_records_that_the_broker_refuses_leave_their_neighbours_delivered(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name, max_message_bytes="3000")
    publisher = await started(kafka_server)
    records = [record(topic, b"k", b"%d" % n) for n in range(20)]
    records[7] = record(topic, b"k", os.urandom(4000))
    records[13] = record(topic, b"k", os.urandom(4000))

    refused = await publisher.publish(records, DEADLINE_S)

    assert [r.record for r in refused] == [records[7], records[13]]
    assert "MessageSizeTooLarge" in refused[0].reason
    assert publisher.producers_started > 1
    # The new producer goes on where the old one was refused.
    assert await publisher.publish([record(topic, b"k", b"20")], DEADLINE_S) == []
    await publisher.stop(STOP_S)
    expected = [b"%d" % n for n in range(21) if n not in {7, 13}]
    assert [r.value for r in await read(kafka_server.bootstrap, topic, 19)] == expected


async def test_a_record_without_a_key_is_refused_by_a_compacted_topic(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name, cleanup_policy="compact")
    publisher = await started(kafka_server)

    refused = await publisher.publish([record(topic, b"a"), record(topic, None)], DEADLINE_S)
    await publisher.stop(STOP_S)

    assert [r.record.key for r in refused] == [None]
    assert [r.key for r in await read(kafka_server.bootstrap, topic, 1)] == [b"a"]


async def test_a_missing_topic_is_transient(kafka_server: Kafka, unique_name: str) -> None:
    publisher = await started(kafka_server, request_timeout_ms=1000)

    with pytest.raises(Transient):
        await publisher.publish([record(unique_name, b"k")], 2.0)
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    assert await publisher.publish([record(topic, b"k")], DEADLINE_S) == []
    await publisher.stop(STOP_S)


async def test_nobody_listening_is_transient() -> None:
    publisher = Publisher(PublisherSettings(bootstrap="127.0.0.1:1"))

    with pytest.raises(Transient):
        await publisher.start(DEADLINE_S)
    with pytest.raises(Transient):
        await publisher.publish([record("t", b"k")], DEADLINE_S)
    await publisher.stop(STOP_S)


@pytest.mark.slow
async def test_a_broker_that_is_away_costs_the_deadline_and_no_more(
    kafka_server: Kafka, unique_name: str
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    publisher, second = await started(kafka_server), await started(kafka_server)
    assert await publisher.publish([record(topic, b"k", b"before")], DEADLINE_S) == []
    assert await second.publish([record(topic, b"k", b"before")], DEADLINE_S) == []
    kafka_server.stop()
    try:
        async with asyncio.timeout(DEADLINE_S):
            for _ in range(2):
                with pytest.raises(Transient):
                    await publisher.publish([record(topic, b"k", b"lost?")], 1.0)
            # One with something under way, one that is idle: both end.
            publication = asyncio.ensure_future(second.publish([record(topic, b"k", b"lost?")], 60.0))
            await asyncio.sleep(0)
            await second.stop(0.5)
            with pytest.raises(Transient):
                await publication
    finally:
        kafka_server.restart()

    assert await publisher.publish([record(topic, b"k", b"after")], DEADLINE_S) == []
    await publisher.stop(STOP_S)
    values = [r.value for r in await read(kafka_server.bootstrap, topic, 3)]
    assert values[:2] == [b"before", b"before"]
    assert values[-1] in {b"after", b"lost?"}


async def test_a_cancelled_publication_leaves_the_publisher_usable(
    kafka_server: Kafka, unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await make_topic(kafka_server.bootstrap, unique_name)
    publisher = await started(kafka_server)
    is_sent, forever = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def never(*_: object, **__: object) -> asyncio.Future[None]:
        is_sent.set()
        return forever

    with monkeypatch.context() as patched:
        patched.setattr(AIOKafkaProducer, "send_batch", never)
        publication = asyncio.ensure_future(publisher.publish([record(topic, b"k")], DEADLINE_S))
        async with asyncio.timeout(DEADLINE_S):
            await is_sent.wait()
    publication.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publication

    assert await publisher.publish([record(topic, b"k", b"after")], DEADLINE_S) == []
    assert publisher.producers_started == 2
    await publisher.stop(STOP_S)
