"""Making and describing topics on a real broker."""

import pytest

from schemas.topics import INPUT_TOPICS, Output
from tests.kafka_tools import make_topic, read
from tests.providers import Kafka
from worker.runtime.errors import Fatal, Transient
from worker.runtime.publish import Publisher, PublisherSettings
from worker.runtime.records import OutRecord
from worker.runtime.topics import describe_topics, ensure_topics, wanted_topics

INPUTS = [topic.name for topic in INPUT_TOPICS]
OUTPUTS = [output.topic for output in Output]


async def test_missing_topics_are_made_once_and_can_be_written_at_once(
    kafka_server: Kafka, unique_name: str
) -> None:
    bootstrap = kafka_server.bootstrap
    made = await ensure_topics(bootstrap, 3, 1, input_topics=[*INPUTS, unique_name])

    assert unique_name in made
    assert set(made) <= {*INPUTS, *OUTPUTS, unique_name}
    assert await ensure_topics(bootstrap, 3, 1, input_topics=[*INPUTS, unique_name]) == []
    publisher = Publisher(PublisherSettings(bootstrap=bootstrap))
    assert await publisher.publish([OutRecord(unique_name, b"k", (), b"v", 1)], 30.0) == []
    await publisher.stop(5.0)
    assert [r.value for r in await read(bootstrap, unique_name, 1)] == [b"v"]


async def test_topics_are_described_with_what_differs(kafka_server: Kafka, unique_name: str) -> None:
    bootstrap = kafka_server.bootstrap
    other = await make_topic(bootstrap, unique_name, partitions=2, retention_ms="60000")
    await ensure_topics(bootstrap, 3, 1)

    states = {
        state.name: state for state in await describe_topics(bootstrap, input_topics=[other, f"{other}.gone"])
    }

    assert set(states) == {other, f"{other}.gone", *OUTPUTS}
    found = states[other]
    assert (found.partitions, found.replication, found.has_leaders) == (2, 1, True)
    assert found.differences == ("retention.ms is 60000, wanted 1209600000",)
    assert states[f"{other}.gone"].differences == ("missing",)
    assert states[Output.LEVELS.topic].config == {"cleanup.policy": "compact"}
    assert states[Output.RESULTS.topic].differences == ()


async def test_a_refusal_is_fatal_and_silence_is_transient(kafka_server: Kafka, unique_name: str) -> None:
    with pytest.raises(Fatal, match="replication factor"):
        await ensure_topics(kafka_server.bootstrap, 1, 3, input_topics=[unique_name])
    with pytest.raises(Transient):
        await describe_topics("127.0.0.1:1", deadline_s=2.0)


def test_what_is_wanted_covers_inputs_and_outputs() -> None:
    assert set(wanted_topics()) == {*INPUTS, *OUTPUTS}
