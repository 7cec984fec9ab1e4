"""The consumer group as Kafka sees it, looked at from outside: no look of these joins it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from worker.runtime.topics import TopicState


@asynccontextmanager
async def clients(
    bootstrap: str, client_id: str
) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
    """What asks Kafka about groups, and what asks it about offsets. Raises KafkaError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id=client_id)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, client_id=client_id)
    try:
        await admin.start()
        await consumer.start()
        yield admin, consumer
    finally:
        await consumer.stop()
        await admin.close()


def partitions_of(topics: Iterable[TopicState]) -> list[TopicPartition]:
    """All partitions of these topics; missing topics have none."""
    return [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]


async def members_and_state(admin: AIOKafkaAdminClient, group: str) -> tuple[int, str]:
    """How many members the consumer group has, and its state by Kafka's name."""
    try:
        [answer] = await admin.describe_consumer_groups([group])
    except GroupCoordinatorNotAvailableError:
        return 0, "Dead"  # nobody ever committed an offset on this cluster
    _, _, group_state, _, _, members, *_ = answer.groups[0]
    return len(members), group_state


async def committed_offsets(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, int]:
    """The group's offsets as Kafka has them, of the partitions for which it has one."""
    try:
        found = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return {}  # the same
    return {partition: one.offset for partition, one in found.items() if one.offset >= 0}
