"""The one verdict on what was seen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from worker.inspect.status import EXIT_CODES, Facts, Status, Verdict, judge

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
LEASE_S = 60

AT_REST = Facts(
    members=1,
    group_state="Stable",
    lag=0,
    read=0,
    came=0,
    seconds=1.0,
    parked=0,
    parked_oldest_at=None,
    dead_letters=0,
    batches_unpublished=0,
    batch_unpublished_oldest_at=None,
    batch_last_at=NOW,
    now=NOW,
)


@pytest.mark.parametrize(
    ("changes", "verdict", "message"),
    [
        ({}, Verdict.OK, "all is read"),
        ({"parked": 3, "dead_letters": 2}, Verdict.OK, "3 events parked, 2 dead letters"),
        ({"lag": 100, "read": 1000, "came": 500}, Verdict.OK, "done in 0 s"),
        ({"lag": 600_000, "read": 1500, "came": 500}, Verdict.DRAINING, "done in 10 minutes at 1,500/s"),
        ({"lag": 600_000, "read": 1500, "came": 1500}, Verdict.FALLING_BEHIND, "more come than are read"),
        ({"lag": 1, "seconds": 6.0}, Verdict.STUCK, "1 record wait and none was read in 6 s"),
        ({"lag": 1, "group_state": "PreparingRebalance"}, Verdict.DRAINING, "share the partitions anew"),
        ({"members": 0}, Verdict.NO_WORKER, "no worker runs"),
        ({"members": 0, "lag": 1200}, Verdict.NO_WORKER, "1,200 records wait"),
        (
            {"batches_unpublished": 2, "batch_unpublished_oldest_at": NOW - timedelta(seconds=30)},
            Verdict.OK,
            "all is read",
        ),
        (
            {"batches_unpublished": 2, "batch_unpublished_oldest_at": NOW - timedelta(seconds=130)},
            Verdict.STUCK,
            "2 batches of answers wait, the oldest for 130 s",
        ),
    ],
)
def test_the_verdict_follows_from_what_was_seen(
    changes: dict[str, object], verdict: Verdict, message: str
) -> None:
    found = judge(replace(AT_REST, **changes), LEASE_S)  # type: ignore[arg-type]  # fields by name
    assert found.verdict is verdict
    assert message in found.message


def test_every_verdict_has_an_exit_code_of_its_own() -> None:
    assert set(EXIT_CODES) == set(Verdict)
    assert len(set(EXIT_CODES.values())) == len(Verdict)
    assert [verdict for verdict, code in EXIT_CODES.items() if code == 0] == [Verdict.OK]


def test_the_document_holds_verdict_exit_code_and_figures() -> None:
    document = judge(replace(AT_REST, lag=600_000, read=1500, came=500), LEASE_S).as_json()
    expected = {"verdict": "draining", "exit_code": 10, "minutes_left": 10.0, "lag": 600_000}
    assert expected.items() <= document.items()
    assert document["now"] == NOW.isoformat()


def test_without_figures_the_document_says_why() -> None:
    document = Status(Verdict.KAFKA_AWAY, "Kafka does not answer").as_json()
    assert document["exit_code"] == 16
    assert document["message"] == "Kafka does not answer"
