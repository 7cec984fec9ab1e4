"""The ways in which the judgement of an event ends: applied, refused, parked, or poison."""

from collections.abc import Sequence
from typing import NamedTuple, assert_never

from schemas.outcome import DeadReason, Outcome
from worker.domain.answer import shortages_json
from worker.domain.availability import Shortage
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event, is_other_body
from worker.domain.model import Order, Snapshot, WaitsFor


class Refusal(NamedTuple):
    """A well-formed impossibility: a final answer without effect."""

    outcome: Outcome
    message: str
    """For people: ids and figures only."""


class Poison(NamedTuple):
    """The event breaks its contract in a way that only the catalogue shows: a dead letter (DESIGN §2)."""

    message: str


class Short(NamedTuple):
    """Stock does not cover what is asked: a refusal that names every short line (DESIGN §4 rule 8)."""

    shortages: Sequence[Shortage]
    sales_channel_id: str | None


Obstacle = WaitsFor | Refusal | Short | Poison
"""Why an event is not applied: it names what is not known yet, it cannot be, or it must not be."""


def stopped(
    event: Event, obstacle: Obstacle, snapshot: Snapshot, answer: Json, order: Order | None = None
) -> Verdict:
    """The verdict on an event that is not applied; `answer` already says what the event is about."""
    match obstacle:
        case WaitsFor(kind, key):
            until = snapshot.parked_deadline
            answer["waits_for"] = {"kind": kind.name.lower(), "key": key}
            answer["until"] = until.isoformat().replace("+00:00", "Z")
            return Verdict(event, Outcome.PARKED, answer, order, waits_for=obstacle, until=until)
        case Refusal(outcome, message):
            answer["message"] = message
            return Verdict(event, outcome, answer, order)
        case Short():
            return _insufficient(event, obstacle, answer, order)
        case Poison(message):
            answer["message"] = message
            return Verdict(event, Outcome.DEAD_LETTERED, answer, order, reason=DeadReason.CONTRACT_VIOLATION)
        case _:
            assert_never(obstacle)


def too_many_parked(verdict: Verdict) -> Verdict:
    """The verdict on an event that would wait, where no more may: a dead letter, to be replayed later."""
    waits_for = verdict.waits_for
    assert waits_for is not None
    answer = {name: value for name, value in verdict.answer.items() if name not in ("waits_for", "until")}
    answer["message"] = (
        f"too many events are parked to wait for {waits_for.kind.name.lower()} {waits_for.key}"
    )
    reason = DeadReason.PARKED_LIMIT
    return Verdict(verdict.event, Outcome.DEAD_LETTERED, answer, verdict.order, reason=reason)


def applied_before(event: Event, body_hash: bytes | None, what: str) -> Refusal:
    """A new event about something applied under another one: the same data, or other data (DESIGN §4 rule 7).

    `body_hash` is that of the applied event, `what` names its subject for people.
    """
    if not is_other_body(body_hash, event):
        return Refusal(Outcome.ALREADY_APPLIED, f"{what} was applied before")
    return Refusal(Outcome.CONFLICT, f"{what} was applied before with other data")


def _insufficient(event: Event, short: Short, answer: Json, order: Order | None) -> Verdict:
    insufficient = insufficient_json(event, short, answer)
    return Verdict(event, Outcome.INSUFFICIENT_STOCK, answer, order, insufficient=insufficient)


def insufficient_json(event: Event, short: Short, answer: Json) -> Json:
    """The insufficient-stock event that shops listen to; the answer tells the same short lines."""
    subject: Json = {name: answer[name] for name in ("order_id", "cart_id") if name in answer}
    short_lines = shortages_json(short.shortages)
    line_ids = {shortage.line_item_id for shortage in short.shortages}
    answer["short_lines"] = short_lines
    answer["message"] = f"stock does not cover {len(line_ids)} of the lines"
    return {
        "cause_type": event.type.value,
        "cause_id": event.event_id,
        "cause_source": event.source,
        **subject,
        "sales_channel_id": short.sales_channel_id,
        "short_lines": short_lines,
    }
