"""What is said of a partition whose offsets Kafka and the database tell differently, and where it begins."""

import pytest

from worker.inspect.offsets import (
    FITS,
    LOST,
    MEMBERS,
    REWIND,
    Bounds,
    Kind,
    Move,
    Offsets,
    PartitionOffsets,
)

OTHERS = False
NOTHING = True
"""The database knows other partitions of the group, or none at all."""


def partition(
    kafka: int | None,
    database: int | None,
    bounds: tuple[int, int] | None = (10, 100),
    *,
    knows: bool = OTHERS,
    since: int | None = None,
) -> PartitionOffsets:
    given = None if bounds is None else Bounds(*bounds, since)
    return PartitionOffsets("orders", 0, kafka, database, given, knows)


def group(*partitions: PartitionOffsets, members: int = 0) -> Offsets:
    return Offsets("group", members, "Stable" if members else "Empty", partitions)


@pytest.mark.parametrize(
    ("found", "findings", "starts_at", "rewind_to"),
    [
        # both agree
        (partition(50, 50), [], 50, None),
        (partition(100, 100), [], 100, None),
        # a restored database: what it lacks is read again by itself
        (partition(50, 30), [(Kind.DATABASE_BEHIND, 20)], 30, None),
        # Kafka's offset was not committed, or expired: read again, and known
        (partition(30, 50), [(Kind.DATABASE_AHEAD, 20)], 30, None),
        (partition(None, 50), [(Kind.DATABASE_AHEAD, 40)], 10, None),
        (partition(None, 10), [], 10, None),
        # retention was faster than the worker, or than the restore
        (partition(4, 4), [(Kind.DELETED, 6)], 10, None),
        (partition(50, 4), [(Kind.DELETED, 6), (Kind.DATABASE_BEHIND, 40)], 10, None),
        (partition(4, 50), [(Kind.DATABASE_AHEAD, 40)], 10, None),
        # a database that was restored to before it first read this partition; a partition nobody has read yet
        (partition(50, None), [(Kind.DELETED, 10), (Kind.NOT_IN_DATABASE, 90)], 10, None),
        (partition(50, None, (0, 100)), [(Kind.NOT_IN_DATABASE, 100)], 0, None),
        (partition(None, None), [(Kind.NOT_IN_DATABASE, 90)], 10, None),
        (partition(None, None, (0, 0)), [], 0, None),
        # a database made anew: Kafka's offset stands, so that what is before it is skipped
        (partition(50, None, knows=NOTHING), [(Kind.NOTHING_IN_DATABASE, 40)], 50, 10),
        (partition(None, None, knows=NOTHING), [], 10, None),
        (partition(4, None, knows=NOTHING), [(Kind.DELETED, 6)], 10, None),
        # a topic made anew or truncated
        (partition(120, 120), [(Kind.BEYOND_END, 20)], 10, 10),
        (partition(None, 120), [(Kind.BEYOND_END, 20)], 10, 10),
        (partition(120, 50), [(Kind.BEYOND_END, 20)], 50, 10),
        (partition(50, 120), [(Kind.BEYOND_END, 20)], 50, 10),
        (partition(50, 50, (0, 0)), [(Kind.BEYOND_END, 50)], 0, 0),
        # not there
        (partition(50, 50, None), [(Kind.NOT_ON_KAFKA, 0)], None, None),
        # since a moment: only back, and to no offset that is not there
        (partition(50, 50, since=20), [], 50, 20),
        (partition(50, 50, since=0), [], 50, 10),
        (partition(50, 50, since=50), [], 50, None),
        (partition(50, 50, since=100), [], 50, None),
        (partition(50, None, knows=NOTHING, since=20), [(Kind.NOTHING_IN_DATABASE, 40)], 50, 10),
        (partition(50, 50, None, since=20), [(Kind.NOT_ON_KAFKA, 0)], None, None),
    ],
)
def test_what_is_found_and_what_a_rewind_does(
    found: PartitionOffsets, findings: list[tuple[Kind, int]], starts_at: int | None, rewind_to: int | None
) -> None:
    assert found.findings == findings
    assert (found.starts_at, found.rewind_to) == (starts_at, rewind_to)


@pytest.mark.parametrize(
    ("found", "exit_code", "said"),
    [
        (group(), FITS, "agree"),
        (group(partition(50, 30)), FITS, "by themselves"),
        (group(partition(50, 30), members=1), MEMBERS, "restart the workers"),
        (group(partition(4, 4)), LOST, "sent again"),
        (group(partition(4, 4), partition(50, 30), members=1), MEMBERS, "restart the workers"),
        (group(partition(4, 4), partition(120, 120), members=1), REWIND, "offsets rewind"),
    ],
)
def test_the_most_urgent_is_said_first(found: Offsets, exit_code: int, said: str) -> None:
    assert found.exit_code == found.as_json()["exit_code"] == exit_code
    assert said in found.message


def test_only_what_calls_for_it_is_moved() -> None:
    found = group(partition(50, 30), partition(120, 120), partition(4, 4), partition(50, 50, None))
    assert found.moves == [Move("orders", 0, 10, 10, 100)]
    assert found.rewind_json(is_done=False)["moves"] == [
        {"topic": "orders", "partition": 0, "starts_at": 10, "rewind_to": 10, "end": 100}
    ]


@pytest.mark.parametrize("kind", Kind)
def test_every_finding_has_its_words(kind: Kind) -> None:
    found = {
        Kind.DATABASE_BEHIND: partition(50, 30),
        Kind.DATABASE_AHEAD: partition(30, 50),
        Kind.NOT_IN_DATABASE: partition(50, None, (0, 100)),
        Kind.NOTHING_IN_DATABASE: partition(50, None, knows=NOTHING),
        Kind.BEYOND_END: partition(120, 120),
        Kind.DELETED: partition(4, 4),
        Kind.NOT_ON_KAFKA: partition(50, 50, None),
    }[kind]
    [told] = found.as_json()["findings"]
    assert told["kind"] == kind
    assert "{" not in told["message"]
