"""From verdicts to records: one answer per event, what shops listen to, and levels as they stand.

Everything here is frozen in the outbox with the effects it tells of: ids are made from the causing event,
times are the batch's, so a record sent again is the same record, byte for byte (DESIGN §5).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from schemas.outcome import Outcome
from schemas.quantity import text, text_micro
from schemas.topics import Output
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import Level
from worker.runtime.cloudevents import Headers, event_uuid, output_headers, shared_headers
from worker.runtime.dead_letter import DeadLetter, dead_letter_headers
from worker.runtime.records import OutRecord

Traces = Mapping[tuple[str, str], str]
"""(source, event id) of an event → the traceparent it came with."""


@dataclass(frozen=True, slots=True)
class AnswerWriter:
    """Makes records; constant for the life of a process."""

    source: str
    """CloudEvents source of everything this installation says."""
    consumer_group: str
    worker_version: str

    def at(self, now: datetime) -> "BatchWriter":
        """The writer of what is told at one moment: all records of a batch carry the batch's time."""
        return BatchWriter(self, now)


class BatchWriter:
    """Makes the records of one batch."""

    def __init__(self, writer: AnswerWriter, now: datetime) -> None:
        self._writer = writer
        self._time = _time(now)
        self._timestamp_ms = int(now.timestamp() * 1000)
        self._shared: dict[Output, Headers] = {
            output: shared_headers(writer.source, output.event_type, self._time)
            for output in Output
            if output is not Output.DEAD_LETTERS
        }

    def answers(self, verdicts: Iterable[Verdict], traces: Traces) -> list[OutRecord]:
        """The result record of each verdict, in order. The result's index is the answer's place."""
        return [
            self._record(
                Output.RESULTS, _key(verdict), KINDS[verdict.outcome], verdict.event, _answer(verdict), traces
            )
            for verdict in verdicts
        ]

    def side_records(self, verdicts: Iterable[Verdict], traces: Traces) -> list[OutRecord]:
        """Insufficient-stock events and stock alerts of the verdicts that have any."""
        records = []
        for verdict in verdicts:
            event = verdict.event
            if verdict.insufficient is not None:
                value = verdict.insufficient
                kind = "insufficient-stock"
                records.append(self._record(Output.INSUFFICIENT, _key(verdict), kind, event, value, traces))
            for alert in verdict.alerts:
                key = f"{alert['inventory_item_id']}|{alert['location_id'] or ''}"
                kind = f"{alert['kind']}\n{key}"
                if alert.get("sales_channel_id") is not None:
                    kind += f"\n{alert['sales_channel_id']}"
                records.append(self._record(Output.ALERTS, key, kind, event, alert, traces))
        return records

    def level_records(self, levels: Iterable[Level]) -> list[OutRecord]:
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
    ) -> OutRecord:
        """One level as it stands: stocked, reserved, incoming, damaged, quarantined, shortfall."""
        if decimal_places:
            spelled: Sequence[int | str] = [text(quantity, decimal_places) for quantity in quantities]
            available: int | str = text(quantities[0] - quantities[1], decimal_places)
        else:
            spelled, available = quantities, quantities[0] - quantities[1]
        stocked, reserved, incoming, damaged, quarantined, shortfall = spelled
        value = {
            "inventory_item_id": item_id,
            "sku": sku,
            "location_id": location_id,
            "stocked": stocked,
            "reserved": reserved,
            "incoming": incoming,
            "damaged": damaged,
            "quarantined": quarantined,
            "shortfall": shortfall,
            "available": available,
            "level_version": version,
        }
        event_id = event_uuid(f"{item_id}\n{location_id}\n{version}")
        headers = output_headers(self._shared[Output.LEVELS], event_id, None)
        key = f"{item_id}|{location_id}".encode()
        return OutRecord(Output.LEVELS.topic, key, headers, orjson.dumps(value), self._timestamp_ms)

    def availability_record(
        self,
        variant_id: str,
        sales_channel_id: str,
        available_micro: int | None,
        sellable_micro: int | None,
        version: int,
    ) -> OutRecord:
        """What a channel has of a variant, as it stands; millionths of a unit, None is without end."""
        value = {
            "variant_id": variant_id,
            "sales_channel_id": sales_channel_id,
            "available": None if available_micro is None else text_micro(available_micro),
            "sellable": None if sellable_micro is None else text_micro(sellable_micro),
            "availability_version": version,
        }
        event_id = event_uuid(f"{variant_id}\n{sales_channel_id}\n{version}\navailability")
        headers = output_headers(self._shared[Output.AVAILABILITY], event_id, None)
        key = f"{variant_id}|{sales_channel_id}".encode()
        return OutRecord(Output.AVAILABILITY.topic, key, headers, orjson.dumps(value), self._timestamp_ms)

    def dead_letter_records(self, letters: Iterable[DeadLetter]) -> list[OutRecord]:
        """The dead letters, byte for byte with their original headers and ours beside them."""
        records = []
        for letter in letters:
            original = letter.record
            headers = dead_letter_headers(
                letter, self._writer.consumer_group, self._writer.worker_version, self._time
            )
            records.append(
                OutRecord(
                    Output.DEAD_LETTERS.topic, original.key, headers, original.value, self._timestamp_ms
                )
            )
        return records

    def dead_letter_results(self, letters: Iterable[DeadLetter]) -> list[OutRecord]:
        """Tell the producers of dead letters that could be named. Not final: a replay is judged afresh."""
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
            event_id = event_uuid(
                f"{letter.source}\n{letter.event_id}\ndead-lettered\n{topic}\n{partition}\n{offset}"
            )
            headers = output_headers(self._shared[Output.RESULTS], event_id, (letter.source, letter.event_id))
            key = letter.record.key if letter.record.key is not None else letter.event_id.encode()
            records.append(
                OutRecord(Output.RESULTS.topic, key, headers, orjson.dumps(value), self._timestamp_ms)
            )
        return records

    def _record(
        self, output: Output, key: str, kind: str, event: Event, value: Json, traces: Traces
    ) -> OutRecord:
        cause = (event.source, event.event_id)
        event_id = event_uuid(f"{event.source}\n{event.event_id}\n{kind}")
        headers = output_headers(self._shared[output], event_id, cause)
        traceparent = traces.get(cause)
        if traceparent is not None:
            headers = (*headers, ("traceparent", traceparent.encode()))
        return OutRecord(output.topic, key.encode(), headers, orjson.dumps(value), self._timestamp_ms)


def _answer(verdict: Verdict) -> Json:
    event, outcome = verdict.event, verdict.outcome
    value: Json = {
        "type": event.type,
        "cause_id": event.event_id,
        "cause_source": event.source,
        "outcome": outcome,
        "final": FINAL[outcome],
        **verdict.answer,
    }
    if verdict.reason is not None:
        value["reason"] = verdict.reason
    return value


FINAL = {outcome: outcome.is_final for outcome in Outcome}

KINDS = dict.fromkeys(Outcome, "result") | {
    Outcome.PARKED: "parked",
    Outcome.DEAD_LETTERED: "dead-lettered",
}
"""What an answer is, in the name that its id is made of: an event has one result, perhaps parked before."""


SUBJECT_FIELDS = (
    "inventory_item_id",
    "transfer_id",
    "cart_id",
    "variant_id",
    "location_id",
    "sales_channel_id",
)
"""Where an answer that is not about an order names its subject."""


def _key(verdict: Verdict) -> str:
    """The key of an answer: the order, cart, transfer, variant or item it is about (DESIGN §5)."""
    if verdict.order is not None:
        return verdict.order.order_id
    answer = verdict.answer
    for name in SUBJECT_FIELDS:
        subject = answer.get(name)
        if subject is not None:
            return str(subject)
    return verdict.event.event_id


def _time(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
