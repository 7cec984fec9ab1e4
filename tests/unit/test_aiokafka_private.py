"""What we use of aiokafka's inside is still there; its version is pinned for this reason."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors

from worker.runtime.aiokafka_private import (
    InvalidRecordError,
    abandon_producer,
    fetch_position,
    group_failure,
    is_rejoin_pending,
)

A = TopicPartition("t", 0)


def test_the_broker_s_verdict_on_a_single_record_has_a_name() -> None:
    assert errors.for_code(87) is InvalidRecordError


async def test_the_position_is_there_as_soon_as_it_is_known() -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1", group_id="g")
    assert fetch_position(consumer, A) is None
    consumer.assign([A])
    assert fetch_position(consumer, A) is None
    consumer._subscription.subscription.assignment.state_value(A).seek(7)
    assert fetch_position(consumer, A) == 7
    assert fetch_position(consumer, TopicPartition("t", 1)) is None
    assert group_failure(consumer) is None
    assert not is_rejoin_pending(consumer)
    await consumer.stop()


async def test_a_producer_that_never_started_is_abandoned_at_once() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", enable_idempotence=True)
    await abandon_producer(producer, 5.0)
    assert producer._closed
