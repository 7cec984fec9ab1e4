"""What is handed out of fetched records, and what has to be read again; the client only notes calls."""

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from worker.runtime import assignment
from worker.runtime.assignment import Assignment, Gap

A, B = TopicPartition("orders", 0), TopicPartition("orders", 1)


class Client:
    """Stands in for aiokafka's consumer: positions as the test sets them, seeks and pauses noted."""

    def __init__(self) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self.on_kafka: dict[TopicPartition, int | None] = {}
        self.commits: list[dict[TopicPartition, int]] = []

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.paused -= set(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.positions[partition] = offset

    def highwater(self, partition: TopicPartition) -> int:
        return self.positions[partition] + 7

    def last_stable_offset(self, partition: TopicPartition) -> int:
        return self.positions[partition] + 5

    def last_poll_timestamp(self, _: TopicPartition) -> int:
        return 1

    async def committed(self, partition: TopicPartition) -> int | None:
        return self.on_kafka.get(partition)

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 3)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.commits.append(offsets)

    def fetched(self, partition: TopicPartition, first: int, last: int) -> tuple[ConsumerRecord, ...]:
        """Records as a fetch gives them: the position is behind them."""
        self.positions[partition] = last + 1
        return tuple(
            ConsumerRecord(*partition, offset, 0, 0, None, b"v", None, -1, 1, ())
            for offset in range(first, last + 1)
        )


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(
        assignment, "fetch_position", lambda client, partition: client.positions.get(partition)
    )
    return Client()


async def positioned(client: Client, *partitions: TopicPartition, **stored: int) -> Assignment:
    async def in_database(_: object) -> dict[TopicPartition, int]:
        return {TopicPartition("orders", int(name[1:])): offset for name, offset in stored.items()}

    held = Assignment(client, partitions, 1)
    await held.position(in_database)
    return held


async def test_partitions_are_paused_until_they_are_positioned(client: Client) -> None:
    held = Assignment(client, [A, B], 1)
    assert client.paused == {A, B}
    assert held.take(client.fetched(A, 5, 9))[0].records == []

    client.on_kafka = {A: 10}
    await positioned(client, A, B, p0=4, p1=9)

    assert client.positions == {A: 4, B: 3}
    assert client.paused == set()


async def test_what_is_held_stays_paused_when_it_is_positioned(client: Client) -> None:
    async def nothing(_: object) -> dict[TopicPartition, int]:
        return {}

    held = Assignment(client, [A], 1)
    held.hold()
    await held.position(nothing)
    assert client.paused == {A}
    held.release()
    assert client.paused == set()


async def test_a_batch_tells_where_its_partitions_go_on(client: Client) -> None:
    held = await positioned(client, A, B)
    batch, gaps = held.take(client.fetched(A, 3, 5) + client.fetched(B, 3, 4))

    assert [record.position for record in batch.records] == [
        ("orders", 0, 3),
        ("orders", 0, 4),
        ("orders", 0, 5),
        ("orders", 1, 3),
        ("orders", 1, 4),
    ]
    assert (batch.next_offsets, batch.end_offsets) == ({A: 6, B: 5}, {A: 13, B: 12})
    assert gaps == []


async def test_records_fetched_before_a_seek_are_dropped(client: Client) -> None:
    held = await positioned(client, A)
    stale = client.fetched(A, 3, 5)
    client.seek(A, 4)

    assert held.take(stale)[0].records == []


async def test_a_gap_is_read_again_and_believed_the_second_time(client: Client) -> None:
    held = await positioned(client, A)

    assert held.take(client.fetched(A, 8, 9)) == ((([], {}, {}, 1)), [])
    assert client.positions == {A: 3}
    batch, gaps = held.take(client.fetched(A, 8, 9))
    assert [record.position.offset for record in batch.records] == [8, 9]
    assert gaps == [Gap(A, 3, 8)]
    # The log begins at 3, so what is missing up to there is lost, and the rest held no records.
    assert await held.lost(Gap(A, 1, 8)) == 2
    assert await held.lost(Gap(A, 3, 8)) == 0


async def test_a_gap_that_the_client_made_is_closed_by_reading_again(client: Client) -> None:
    held = await positioned(client, A)
    held.take(client.fetched(A, 8, 9))

    batch, gaps = held.take(client.fetched(A, 3, 9))

    assert [record.position.offset for record in batch.records] == list(range(3, 10))
    assert gaps == []


async def test_a_topic_made_anew_is_read_and_committed_from_its_beginning(client: Client) -> None:
    held = await positioned(client, A)
    held.take(client.fetched(A, 3, 500))
    held.want_committed({A: 501})
    await held.commit(1.0)

    batch, gaps = held.take(client.fetched(A, 0, 4))
    held.want_committed(batch.next_offsets)
    await held.commit(1.0)

    assert ([record.position.offset for record in batch.records], gaps) == ([0, 1, 2, 3, 4], [])
    assert client.commits == [{A: 501}, {A: 5}]


async def test_only_what_is_held_and_done_is_committed_and_never_a_step_back(client: Client) -> None:
    held = await positioned(client, A)
    held.want_committed({A: 8, B: 8})
    assert not held.is_committed
    await held.commit(1.0)
    held.want_committed({A: 5})
    await held.commit(1.0)
    assert (client.commits, held.is_committed) == ([{A: 8}], True)

    held.want_committed({A: 9})
    held.end()
    await held.commit(1.0)
    assert (client.commits, held.is_committed) == ([{A: 8}], True)


async def test_the_lag_counts_what_can_be_read(client: Client) -> None:
    held = Assignment(client, [A], 1)
    assert held.lag() == {A: (None, None, None, None)}

    held = await positioned(client, A)
    held.take(client.fetched(A, 3, 5))

    assert held.lag() == {A: (6, 3, 11, 1)}
