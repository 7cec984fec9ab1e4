"""From verdicts to records: one answer per event, what shops listen to, and levels as they stand.

Everything here is frozen in the outbox with the effects it tells of: ids are made from the causing event,
times are the batch's, so a record sent again is the same record, byte for byte (DESIGN §5).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from schemas.outcome import DeadReason, Outcome
from schemas.quantity import text
from schemas.topics import Output
from worker.domain.decision import Verdict
from worker.domain.event import Event
from worker.domain.model import Level
from worker.runtime.cloudevents import event_uuid, output_headers
from worker.runtime.decode import Poison, RawRecord
from worker.runtime.records import OutRecord

DLQ_MESSAGE_LENGTH_MAX = 512


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be applied: what it was, why, and the identity it had, if any."""

    record: RawRecord
    reason: DeadReason
    error_class: str
    error_message: str
    source: str | None
    event_id: str | None
    type: str | None
    event: Event | None = None
    """Set where the event was well formed and the database refused it: the inbox then keeps it as dead."""

    @classmethod
    def of_poison(cls, poison: Poison) -> "DeadLetter":
        """The dead letter of a record that no event could be read from."""
        return cls(
            poison.record,
            poison.reason,
            poison.error_class,
            poison.error_message,
            poison.source,
            poison.event_id,
            poison.type,
        )


@dataclass(frozen=True, slots=True)
class AnswerWriter:
    """Makes a batch's records; constant for the life of a process."""

    source: str
    """CloudEvents source of everything this installation says."""
    consumer_group: str
    worker_version: str

    def answers(
        self,
        verdicts: Iterable[Verdict],
        traceparents: Mapping[tuple[str, str], str],
        now: datetime,
    ) -> list[OutRecord]:
        """The result record of each verdict, in order. The result's index is the answer's place."""
        time, timestamp_ms = _time(now), _timestamp_ms(now)
        records = []
        for verdict in verdicts:
            event, outcome = verdict.event, verdict.outcome
            value: dict[str, Any] = {
                "type": event.type,
                "cause_id": event.event_id,
                "cause_source": event.source,
                "outcome": outcome,
                "final": outcome.is_final,
            }
            value |= verdict.answer
            if verdict.reason is not None:
                value["reason"] = verdict.reason
            if verdict.waits_for is not None and verdict.until is not None:
                kind, key = verdict.waits_for
                value["waits_for"] = {"kind": kind.name.lower(), "key": key}
                value["until"] = _time(verdict.until)
            records.append(
                self._record(
                    Output.RESULTS,
                    _key(value, event),
                    _result_kind(outcome),
                    event,
                    value,
                    time,
                    timestamp_ms,
                    traceparents.get((event.source, event.event_id)),
                )
            )
        return records

    def side_records(
        self,
        verdicts: Iterable[Verdict],
        traceparents: Mapping[tuple[str, str], str],
        now: datetime,
    ) -> list[OutRecord]:
        """Insufficient-stock events and stock alerts of the verdicts that have any."""
        time, timestamp_ms = _time(now), _timestamp_ms(now)
        records = []
        for verdict in verdicts:
            if verdict.insufficient is None and not verdict.alerts:
                continue
            event = verdict.event
            trace = traceparents.get((event.source, event.event_id))
            if verdict.insufficient is not None:
                value = verdict.insufficient
                key = _key(value, event)
                kind = "insufficient-stock"
                records.append(
                    self._record(Output.INSUFFICIENT, key, kind, event, value, time, timestamp_ms, trace)
                )
            for alert in verdict.alerts:
                key = f"{alert['inventory_item_id']}|{alert['location_id'] or ''}"
                kind = f"{alert['kind']}\n{key}"
                records.append(
                    self._record(Output.ALERTS, key, kind, event, alert, time, timestamp_ms, trace)
                )
        return records

    def level_records(self, levels: Iterable[Level], now: datetime) -> list[OutRecord]:
        """The state of each level; compacted by its key, so only the newest version counts."""
        return [
            self.level_record(
                level.item.inventory_item_id,
                level.item.sku,
                level.item.decimal_places,
                level.location.location_id,
                (
                    level.stocked,
                    level.reserved,
                    level.incoming,
                    level.damaged,
                    level.quarantined,
                    level.shortfall,
                ),
                level.version,
                now,
            )
            for level in levels
        ]

    def level_record(
        self,
        item_id: str,
        sku: str | None,
        decimal_places: int,
        location_id: str,
        quantities: Sequence[int],
        version: int,
        now: datetime,
    ) -> OutRecord:
        """One level as it stands: stocked, reserved, incoming, damaged, quarantined, shortfall."""
        stocked, reserved, incoming, damaged, quarantined, shortfall = quantities
        value = {
            "inventory_item_id": item_id,
            "sku": sku,
            "location_id": location_id,
            "stocked": text(stocked, decimal_places),
            "reserved": text(reserved, decimal_places),
            "incoming": text(incoming, decimal_places),
            "damaged": text(damaged, decimal_places),
            "quarantined": text(quarantined, decimal_places),
            "shortfall": text(shortfall, decimal_places),
            "available": text(stocked - reserved, decimal_places),
            "level_version": version,
        }
        headers = output_headers(
            event_uuid(f"{item_id}\n{location_id}\n{version}"),
            self.source,
            Output.LEVELS.event_type,
            _time(now),
            None,
            None,
        )
        key = f"{item_id}|{location_id}".encode()
        return OutRecord(Output.LEVELS.topic, key, headers, orjson.dumps(value), _timestamp_ms(now))

    def dead_letter_records(self, letters: Iterable[DeadLetter], now: datetime) -> list[OutRecord]:
        """The dead letters, byte for byte with their original headers and ours beside them."""
        failed_at, timestamp_ms = _time(now), _timestamp_ms(now)
        records = []
        for letter in letters:
            original = letter.record
            ours = {
                "dlq-original-topic": original.position.topic,
                "dlq-original-partition": str(original.position.partition),
                "dlq-original-offset": str(original.position.offset),
                "dlq-original-timestamp": str(original.timestamp_ms),
                "dlq-consumer-group": self.consumer_group,
                "dlq-reason": letter.reason.value,
                "dlq-error-class": letter.error_class,
                "dlq-error-message": letter.error_message[:DLQ_MESSAGE_LENGTH_MAX],
                "dlq-failed-at": failed_at,
                "dlq-worker-version": self.worker_version,
            }
            kept = tuple(header for header in original.headers if not header[0].startswith("dlq-"))
            headers = (*kept, *((name, value.encode()) for name, value in ours.items()))
            records.append(
                OutRecord(Output.DEAD_LETTERS.topic, original.key, headers, original.value, timestamp_ms)
            )
        return records

    def dead_letter_results(self, letters: Iterable[DeadLetter], now: datetime) -> list[OutRecord]:
        """Tell the producers of dead letters that could be named. Not final: a replay is judged afresh."""
        time, timestamp_ms = _time(now), _timestamp_ms(now)
        records = []
        for letter in letters:
            if letter.source is None or letter.event_id is None:
                continue
            value = {
                "type": letter.type,
                "cause_id": letter.event_id,
                "cause_source": letter.source,
                "outcome": Outcome.DEAD_LETTERED,
                "final": False,
                "reason": letter.reason,
                "message": letter.error_message,
            }
            topic, partition, offset = letter.record.position
            name = f"{letter.source}\n{letter.event_id}\ndead-lettered\n{topic}\n{partition}\n{offset}"
            headers = output_headers(
                event_uuid(name), self.source, Output.RESULTS.event_type, time, letter.event_id, letter.source
            )
            key = letter.record.key if letter.record.key is not None else letter.event_id.encode()
            records.append(OutRecord(Output.RESULTS.topic, key, headers, orjson.dumps(value), timestamp_ms))
        return records

    def _record(
        self,
        output: Output,
        key: str,
        kind: str,
        event: Event,
        value: Mapping[str, Any],
        time: str,
        timestamp_ms: int,
        traceparent: str | None,
    ) -> OutRecord:
        headers = output_headers(
            event_uuid(f"{event.source}\n{event.event_id}\n{kind}"),
            self.source,
            output.event_type,
            time,
            event.event_id,
            event.source,
        )
        if traceparent is not None:
            headers = (*headers, ("traceparent", traceparent.encode()))
        return OutRecord(output.topic, key.encode(), headers, orjson.dumps(value), timestamp_ms)


def _result_kind(outcome: Outcome) -> str:
    match outcome:
        case Outcome.PARKED:
            return "parked"
        case Outcome.DEAD_LETTERED:
            return "dead-lettered"
        case _:
            return "result"


SUBJECT_FIELDS = ("order_id", "cart_id", "variant_id", "location_id", "sales_channel_id", "inventory_item_id")


def _key(value: Mapping[str, Any], event: Event) -> str:
    """The key of an answer: the order, cart, variant or item it is about (DESIGN §5)."""
    item_id = value.get("inventory_item_id")
    if item_id is not None:
        return str(item_id)
    for name in SUBJECT_FIELDS:
        subject = value.get(name)
        if subject is not None:
            return str(subject)
    return event.event_id


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _timestamp_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
