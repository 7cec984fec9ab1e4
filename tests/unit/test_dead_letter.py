"""Dead letters: what their headers tell, and what becomes of a replayed record's."""

import pytest

from schemas.dead_letter import DlqHeader
from schemas.outcome import DeadReason
from worker.runtime.dead_letter import DeadLetter, History, dead_letter_headers, history_of
from worker.runtime.decode import Position, RawRecord

FAILED_AT = "2026-05-04T12:00:00.000000Z"
REPLAYED = (
    ("dlq-replay-id", b"run-1"),
    ("dlq-replay-count", b"2"),
    ("dlq-attempts", b"3"),
    ("dlq-first-failed-at", b"2026-05-01T08:00:00Z"),
)


def letter(
    *headers: tuple[str, bytes | None],
    message: str = "lines.0.quantity: Field required",
    error_class: str = "missing",
    reason: DeadReason = DeadReason.CONTRACT_VIOLATION,
) -> DeadLetter:
    record = RawRecord(Position("orders", 3, 42), 1_790_000_000_000, b"o1", b"{}", headers)
    return DeadLetter(record, reason, error_class, message, "shop", "e1", "order.placed")


def test_a_dead_letter_has_every_header_that_all_have() -> None:
    headers = dict(dead_letter_headers(letter(("ce_id", b"\xff"), ("x", None)), "group", "1.2", FAILED_AT))

    assert {name for name in headers if name.startswith("dlq-")} == {
        header.value for header in DlqHeader if header.is_always_there
    }
    assert headers["ce_id"] == b"\xff"
    assert headers["x"] is None
    assert headers["dlq-original-offset"] == b"42"
    assert headers["dlq-attempts"] == b"1"
    assert headers["dlq-replay-count"] == b"0"
    assert headers["dlq-first-failed-at"] == headers["dlq-failed-at"] == FAILED_AT.encode()


def test_what_was_replayed_keeps_its_history() -> None:
    headers = dict(dead_letter_headers(letter(*REPLAYED), "group", "1.2", FAILED_AT))

    assert headers["dlq-attempts"] == b"4"
    assert headers["dlq-replay-id"] == b"run-1"
    assert headers["dlq-replay-count"] == b"2"
    assert headers["dlq-first-failed-at"] == b"2026-05-01T08:00:00Z"
    assert headers["dlq-failed-at"] == FAILED_AT.encode()


@pytest.mark.parametrize(
    ("headers", "history"),
    [
        ({}, History()),
        ({"dlq-attempts": b"7"}, History()),
        ({"dlq-replay-id": b"x" * 65, "dlq-attempts": b"7"}, History()),
        ({"dlq-replay-id": b"\xff"}, History()),
        (
            {
                "dlq-replay-id": b"r",
                "dlq-attempts": b"-1",
                "dlq-replay-count": b"9" * 10,
                "dlq-first-failed-at": b"now",
            },
            History(replay_id="r"),
        ),
        ({"dlq-replay-id": b"r", "dlq-replay-count": None}, History(replay_id="r")),
    ],
)
def test_nonsense_in_the_headers_is_passed_over(headers: dict[str, bytes | None], history: History) -> None:
    assert history_of(headers) == history


def test_letters_that_died_of_the_same_have_one_fingerprint() -> None:
    same = [letter(), letter(message="lines.17.quantity: Field required; and 3 more")]
    others = [
        letter(message="lines.0.variant_id: Field required"),
        letter(error_class="string_type"),
        letter(reason=DeadReason.ID_REUSE),
    ]
    assert len({one.fingerprint for one in same}) == 1
    assert len({one.fingerprint for one in [*same, *others]}) == 4
    assert letter(message="waited for order o1 until").fingerprint == (
        letter(message="waited for order o2 until").fingerprint
    )
