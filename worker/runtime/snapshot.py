"""Reads partitions up to where they ended at one moment; what comes after it is left alone."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from worker.runtime.errors import Transient

FETCH_WAIT_MS = 200
SILENCE_S_MAX = 30.0
"""How long Kafka may give nothing while there is something to read."""


async def records_between(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> AsyncIterator[tuple[TopicPartition, list[ConsumerRecord]]]:
    """The records of each partition from its start to before its end, in lots of one partition.

    `consumer` belongs to no group; its assignment is changed. Raises Transient where Kafka stays silent.
    """
    left = {partition for partition, end in ends.items() if end > starts[partition]}
    if not left:
        return
    consumer.assign(left)
    for partition in left:
        consumer.seek(partition, starts[partition])
    loop = asyncio.get_running_loop()
    heard_at_s = loop.time()
    while left:
        found = await consumer.getmany(timeout_ms=FETCH_WAIT_MS)
        for partition, records in found.items():
            heard_at_s = loop.time()
            yield partition, [record for record in records if record.offset < ends[partition]]
        # The last offsets may be those of a transaction's end, which is no record.
        for partition in list(left):
            if await consumer.position(partition) >= ends[partition]:
                consumer.pause(partition)
                left.discard(partition)
        if loop.time() - heard_at_s > SILENCE_S_MAX:
            message = f"Kafka gave no records of {next(iter(left)).topic} within {SILENCE_S_MAX:g} s"
            raise Transient(message)
