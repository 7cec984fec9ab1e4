"""Makes the topics that are not there, and tells how those that are differ from what the worker wants.

A topic that exists is never changed: its partitions and retention belong to whoever runs the cluster.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.topics import DAY_MS, INPUT_TOPICS, TYPES_BY_TOPIC, Output, TopicSettings
from worker.runtime.errors import Fatal, Transient

LEADERS_CHECK_S = 0.1
_NO_LEADER = -1


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic of the worker's as it stands on the cluster."""

    name: str
    partitions: int
    """0: the topic is missing."""
    replication: int
    """Replicas of the partition that has the fewest."""
    has_leaders: bool
    config: Mapping[str, str]
    """What stands on the cluster for each setting that the worker wants."""
    differences: tuple[str, ...]
    """How it differs from what `ensure_topics` would have made, for people."""


def kept_longer(topics: Iterable[TopicState], inputs: Collection[str], inbox_days: int) -> list[str]:
    """Input topics that keep records longer than the inbox remembers them (ADR 0017)."""
    return [
        topic.name
        for topic in topics
        if topic.name in inputs
        and (
            "compact" in topic.config.get("cleanup.policy", "")
            or not 0 <= int(topic.config.get("retention.ms", 0)) <= inbox_days * DAY_MS
        )
    ]


def wanted_topics(input_topics: Iterable[str] = TYPES_BY_TOPIC) -> dict[str, TopicSettings]:
    """Gives every topic that the worker reads or writes, with how it would be made."""
    known = {topic.name: topic.settings for topic in INPUT_TOPICS}
    inputs = {name: known.get(name, TopicSettings()) for name in input_topics}
    return inputs | {output.topic: output.settings for output in Output}


async def ensure_topics(
    bootstrap: str,
    partitions: int,
    replication: int,
    *,
    input_topics: Iterable[str] = TYPES_BY_TOPIC,
    deadline_s: float = 30.0,
) -> list[str]:
    """Makes the missing topics, waits until they can be written to, and gives their names.

    All get the same number of partitions, so that one worker reads what belongs together (ADR 0003).
    Raises Transient when Kafka does not answer in time, Fatal when it refuses.
    """
    wanted = wanted_topics(input_topics)
    async with _admin(bootstrap, deadline_s) as admin:
        there = {topic["topic"] for topic in await admin.describe_topics()}
        missing = [name for name in wanted if name not in there]
        if missing:
            new = [
                NewTopic(name, partitions, replication, topic_configs=wanted[name].config) for name in missing
            ]
            answer = await admin.create_topics(new)
            _require_created(answer.topic_errors)
            while not await _have_leaders(admin, missing):  # noqa: ASYNC110 - Kafka tells nobody
                await asyncio.sleep(LEADERS_CHECK_S)
        return missing


async def describe_topics(
    bootstrap: str, *, input_topics: Iterable[str] = TYPES_BY_TOPIC, deadline_s: float = 30.0
) -> list[TopicState]:
    """Gives how each topic stands.

    Raises Transient when Kafka does not answer in time, Fatal when it refuses.
    """
    wanted = wanted_topics(input_topics)
    async with _admin(bootstrap, deadline_s) as admin:
        return await _states(admin, wanted, list(wanted))


@asynccontextmanager
async def _admin(bootstrap: str, deadline_s: float) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="inventory-worker")
    try:
        async with asyncio.timeout(deadline_s):
            await admin.start()
            yield admin
    except TimeoutError as error:
        raise Transient(f"Kafka did not answer within {deadline_s:g} s") from error
    except KafkaError as error:
        raise (Transient if error.retriable else Fatal)(f"Kafka: {error}") from error
    finally:
        await admin.close()


def _require_created(topic_errors: Iterable[tuple[str, int, str]]) -> None:
    for name, code, message in topic_errors:
        error = for_code(code)
        # Another worker may have been first.
        if code and error is not TopicAlreadyExistsError:
            reason = message or error.description
            raise (Transient if error.retriable else Fatal)(f"Kafka does not make the topic {name}: {reason}")


async def _have_leaders(admin: AIOKafkaAdminClient, names: Collection[str]) -> bool:
    topics = [topic for topic in await admin.describe_topics() if topic["topic"] in names]
    return len(topics) == len(names) and all(_has_leaders(topic["partitions"]) for topic in topics)


def _has_leaders(partitions: Sequence[Mapping[str, int]]) -> bool:
    return bool(partitions) and all(partition["leader"] != _NO_LEADER for partition in partitions)


async def _states(
    admin: AIOKafkaAdminClient, wanted: Mapping[str, TopicSettings], names: list[str]
) -> list[TopicState]:
    # Asked for all topics and not by name: a name that is asked for may be made by the broker.
    described = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
    configs = await _configs(admin, wanted, [name for name in names if name in described])
    states = []
    for name in names:
        partitions = described.get(name, [])
        states.append(
            TopicState(
                name=name,
                partitions=len(partitions),
                replication=min((len(partition["replicas"]) for partition in partitions), default=0),
                has_leaders=_has_leaders(partitions),
                config=configs.get(name, {}),
                differences=_differences(len(partitions), configs.get(name, {}), wanted[name]),
            )
        )
    return states


async def _configs(
    admin: AIOKafkaAdminClient, wanted: Mapping[str, TopicSettings], names: list[str]
) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, wanted[name].config) for name in names]
    answers = await admin.describe_configs(resources) if resources else []
    return {
        name: {setting: value for setting, value, *_ in entries}
        for answer in answers
        for code, _, _, name, entries in answer.resources
        if code == 0
    }


def _differences(partitions: int, config: Mapping[str, str], wanted: TopicSettings) -> tuple[str, ...]:
    if partitions == 0:
        return ("missing",)
    return tuple(
        f"{setting} is {config[setting]}, wanted {value}"
        for setting, value in wanted.config.items()
        if setting in config and config[setting] != value
    )
