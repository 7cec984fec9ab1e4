"""The orders to measure with, and the catalogue and stock behind them: the same for the same seed.

Two lines an order over many items with a Pareto 80/20 skew: the best seller has more than a quarter of all
lines, so batches meet on its levels as they would in a shop. Ids are time-ordered, as they should be.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import log
from typing import NamedTuple

import orjson

from schemas import EventType

SKEW = log(0.2) / log(0.8)
"""Exponent of the power law in which a fifth of the items has four fifths of the lines."""

STOCKED = 1_000_000_000
"""Units at every level: no order of a measurement is ever short."""

CHANNEL_ID = "web"
LOCATION_IDS = ("warehouse-1", "warehouse-2", "store-1")
START = datetime(2026, 1, 1, tzinfo=UTC)
ORDER_INTERVAL = timedelta(milliseconds=1)

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGIT_PAIRS = [high + low for high in _CROCKFORD for low in _CROCKFORD]


class Message(NamedTuple):
    """An event as it goes to Kafka: binary CloudEvents, its attributes in the headers."""

    event_id: str
    type: EventType
    key: bytes
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes


@dataclass(frozen=True, slots=True)
class Workload:
    """What a measurement orders from: `items` variants of one item each, at all of LOCATION_IDS."""

    items: int = 10_000
    source: str = "/bench/shop"

    def catalogue(self) -> Iterator[Message]:
        """Locations, the sales channel and the variants, in the order in which they need each other."""
        for location_id in LOCATION_IDS:
            yield self._catalogue_event(EventType.LOCATION_CREATED, location_id, {"location_id": location_id})
        channel = {"sales_channel_id": CHANNEL_ID, "location_ids": LOCATION_IDS}
        yield self._catalogue_event(EventType.SALES_CHANNEL_UPDATED, CHANNEL_ID, channel)
        for number in range(self.items):
            variant_id = variant_id_of(number)
            variant = {"variant_id": variant_id, "sku": f"SKU-{number:06d}", "title": f"Article {number}"}
            yield self._catalogue_event(EventType.VARIANT_CREATED, variant_id, variant)

    def stock(self) -> Iterator[Message]:
        """The first count of every level."""
        for number in range(self.items):
            variant_id = variant_id_of(number)
            for location_id in LOCATION_IDS:
                counted = {"variant_id": variant_id, "location_id": location_id, "quantity": STOCKED}
                name = f"{variant_id}-{location_id}"
                yield self._catalogue_event(EventType.STOCK_SET, name, counted, key=variant_id)

    def orders(self, count: int, seed: int) -> Iterator[Message]:
        """Orders of two lines. Another seed gives other orders, none with an id of these."""
        chance = random.Random(seed)
        for number in range(count):
            yield self._order(START + number * ORDER_INTERVAL, chance)

    def _order(self, at: datetime, chance: random.Random) -> Message:
        timestamp_ms = round(at.timestamp() * 1000)
        order_id = f"order_{_ulid(timestamp_ms, chance)}"
        lines = [self._line(timestamp_ms, chance) for _ in range(2)]
        data = {
            "order_id": order_id,
            "sales_channel_id": CHANNEL_ID,
            "lines": lines,
            "currency_code": "eur",
            "email": f"customer{chance.randrange(1_000_000):06d}@example.com",
            "shipping_address": {
                "first_name": "Robin",
                "last_name": "Example",
                "address_1": f"{chance.randrange(1, 200)} Long Street",
                "postal_code": f"{chance.randrange(10_000, 99_999)}",
                "city": "Springfield",
                "country_code": "de",
                "phone": "+49 30 5550000",
            },
            "display_id": chance.randrange(100_000, 1_000_000),
        }
        return self.event(EventType.ORDER_PLACED, order_id, data, at, chance)

    def event(self, type_: EventType, key: str, data: object, at: datetime, chance: random.Random) -> Message:
        """An event that happened then, with an id that sorts by time."""
        event_id = _ulid(round(at.timestamp() * 1000), chance)
        return self._message(event_id, type_, key, data, at, chance.getrandbits(128))

    def _line(self, timestamp_ms: int, chance: random.Random) -> dict[str, object]:
        number = skewed(chance.random(), self.items)
        return {
            "line_item_id": f"line_{_ulid(timestamp_ms, chance)}",
            "variant_id": variant_id_of(number),
            "quantity": chance.randint(1, 3),
            "title": f"Article {number}",
            "unit_price": chance.randrange(100, 20_000),
        }

    def _catalogue_event(
        self, type_: EventType, name: str, data: object, *, key: str | None = None
    ) -> Message:
        return self._message(f"{type_}-{name}", type_, key or name, data, START, trace=1)

    def _message(
        self, event_id: str, type_: EventType, key: str, data: object, at: datetime, trace: int
    ) -> Message:
        headers: tuple[tuple[str, bytes | None], ...] = (
            ("ce_specversion", b"1.0"),
            ("ce_id", event_id.encode()),
            ("ce_source", self.source.encode()),
            ("ce_type", type_.encode()),
            ("ce_time", at.isoformat().encode()),
            ("content-type", b"application/json"),
            ("traceparent", f"00-{trace or 1:032x}-{(trace >> 64) or 1:016x}-01".encode()),
        )
        return Message(event_id, type_, key.encode(), headers, orjson.dumps(data))


def variant_id_of(number: int) -> str:
    """The id of the variant with this number, 0 for the best seller."""
    return f"variant_{number:06d}"


def skewed(share: float, items: int) -> int:
    """The item, 0 to items − 1, at this share, 0 to below 1, of all lines put in the order of their items."""
    return int(items * share**SKEW)


def event_ids(messages: Sequence[Message]) -> set[str]:
    """The ids that answers to these have to name as their cause."""
    return {message.event_id for message in messages}


def _ulid(timestamp_ms: int, chance: random.Random) -> str:
    """26 characters that sort by time: 48 bits of milliseconds, then 80 bits of chance."""
    return _base32(timestamp_ms)[-10:] + _base32(chance.getrandbits(80))


def _base32(number: int) -> str:
    """The 16 digits of a number of 80 bits; their order as text is the order of the numbers."""
    return "".join([_DIGIT_PAIRS[number >> shift & 1023] for shift in range(70, -1, -10)])
