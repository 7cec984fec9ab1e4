"""The one place that touches what aiokafka keeps to itself; its version is pinned, a test holds the names.

Each function says why the public interface does not do.
"""

# ruff: noqa: SLF001

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors


class InvalidRecordError(errors.BrokerResponseError):  # type: ignore[misc]
    """The broker's verdict INVALID_RECORD: one record breaks a rule of its topic (KIP-467)."""

    errno = 87
    message = "INVALID_RECORD"
    description = "The record breaks a rule of its topic."


# aiokafka knows no code 87 and calls it an unknown error, which cannot be told from a passing one.
errors.kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)


def group_failure(consumer: AIOKafkaConsumer) -> BaseException | None:
    """Gives why the task that keeps the membership has ended, if it has: nothing will ever be assigned again.

    `getmany` raises it too, but FastStream logs that and tries again for ever.
    """
    coordinator = consumer._coordinator
    if coordinator is None or not coordinator._coordination_task.done():
        return None
    failure: BaseException | None = coordinator._coordination_task.exception()
    return failure or errors.ConsumerStoppedError()


def is_rejoin_pending(consumer: AIOKafkaConsumer) -> bool:
    """Tells whether the group has to be joined (again); if for long, it is stuck (aiokafka #1154)."""
    coordinator = consumer._coordinator
    return coordinator is not None and coordinator._rejoin_needed_fut.done()


def fetch_position(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    """Gives the next offset to hand out, None while there is none; `consumer.position` would wait for one."""
    subscription = consumer._subscription.subscription
    if subscription is None or subscription.assignment is None:
        return None
    state = subscription.assignment.state_value(partition)
    return None if state is None else state._position


async def abandon_producer(producer: AIOKafkaProducer, deadline_s: float) -> None:
    """Ends a producer without waiting for what it holds: `stop` waits for acks, which may never come.

    What was under way has an unknown outcome. The sender ends first, so that nothing goes out afterwards.
    """
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.sleep(0)
    if (sender := producer._sender.sender_task) is not None:
        sender.cancel()
    with suppress(errors.KafkaError, OSError):
        await producer.client.close()
    # A sender that was cancelled still waits for its requests, which have just lost their connections.
    if sender is not None:
        await asyncio.wait({sender}, timeout=deadline_s)
    _fail_what_is_held(producer)
    await asyncio.wait({stopping}, timeout=deadline_s)
    stopping.cancel()


def _fail_what_is_held(producer: AIOKafkaProducer) -> None:
    """Ends the futures that `stop` waits for, and looks at them, as nobody else will."""
    accumulator = producer._message_accumulator
    held = {batch for batches in accumulator._batches.values() for batch in batches}
    held |= accumulator._pending_batches
    accumulator.fail_all(errors.ProducerClosed())
    for batch in held:
        batch.future.exception()
        batch._drain_waiter.exception()
