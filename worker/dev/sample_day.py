"""A believable day of a shop, made from a seed: the events that its systems send, with all that goes wrong.

From six in the morning to ten at night: the catalogue and the morning count, then carts, orders, shipments,
returns, moves and counts by the hour, a run on limited prints, and the troubles of every bus: duplicates, ids
used twice, facts before their orders, stale news, and records that are no events at all.

The events stand in order of arrival. What came late says in its time when it happened.
"""

import json
import random
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from worker.dev.sample_shop import (
    CENTRAL,
    CHANNELS,
    CUSTOMERS_AT,
    DESK,
    KEPT_BACK,
    MARKETPLACE,
    NORTH,
    NORTH_TILL,
    OUTLET,
    PLACES,
    SOUTH,
    SOUTH_TILL,
    STUDIO,
    WEB,
    Good,
    Json,
    Kind,
    goods,
    morning_stock,
    recipe_free_skus,
    variant_data,
)

SEED = 2026
OPENING = datetime(2026, 3, 14, 6, tzinfo=UTC)
TRADING_FROM, TRADING_TO = 120, 840
"""Minutes after the opening between which orders come."""
CLOSING = 955
"""What would come later comes just before."""

ORDERS = 420
HOLDING, HOLD_S = 0.25, 900
"""How many of the carts that are left hold their lines, and for how long."""
CARTS_LEFT = 150
RUN_ORDERS = 70
"""Orders in the run on the limited prints."""

SHOP, TILLS, WAREHOUSE, CATALOGUE = "/shop/web", "/shop/tills", "/warehouse", "/catalogue"
_SOURCES = {WEB: SHOP, MARKETPLACE: "/marketplace", NORTH_TILL: TILLS, SOUTH_TILL: TILLS}


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the day: its name, and its lines in the form that `simulate` reads."""

    name: str
    lines: tuple[str, ...]


@dataclass(slots=True)
class _Order:
    """An order as its shop knows it: where it was placed, when, and the lines with their quantities."""

    order_id: str
    channel: str
    minute: float
    lines: list[tuple[str, Good, float]]
    shipped_minute: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    """A line and the minute of its arrival; `number` keeps those of one minute as they were made."""

    arrival: float
    number: int
    line: str = field(compare=False)


def sample_day(seed: int = SEED) -> list[Phase]:
    """The day's phases in order: catalogue, kits, count, then hour by hour. The same seed, the same bytes."""
    return _Day(seed).phases()


def write_sample_day(path: Path, phases: Sequence[Phase]) -> int:
    """Writes a day as a file for `simulate`; how many lines it has."""
    lines = [line for phase in phases for line in phase.lines]
    path.write_text("".join(f"{line}\n" for line in lines))
    return len(lines)


class _Day:
    """The day in the making: every method adds events of one kind."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._goods = goods()
        self._entries: list[_Entry] = []
        self._numbers: dict[str, int] = {}
        self._orders: list[_Order] = []

    def phases(self) -> list[Phase]:
        """Make everything, in a fixed order, and cut it into phases."""
        self._catalogue()
        catalogue = self._phase("catalogue")
        self._kits()
        kits = self._phase("kits")
        self._morning_count()
        count = self._phase("morning count")
        self._trade()
        self._run_on_prints()
        self._ship()
        self._bring_back()
        self._move()
        self._cancel()
        self._edit()
        self._unship()
        self._count_again()
        self._adjust()
        self._change_the_map()
        self._come_out_of_order()
        self._err()
        self._say_nonsense()
        self._receive()
        self._transfer()
        self._change_goods()
        self._repeat()
        return [catalogue, kits, count, *self._hours()]

    # ── How events are made ──────────────────────────────────────────────────────────────────────────

    def _add(self, type_name: str, source: str, minute: float, data: Json, *, late: float = 0.0) -> Json:
        """An event that happened at a minute and arrives `late` minutes after it. Gives the event."""
        number = self._numbers[source] = self._numbers.get(source, 0) + 1
        event = {
            "type": type_name,
            "id": f"{source.strip('/').replace('/', '-')}-{number:05d}",
            "source": source,
            "time": _time(minute),
            "data": data,
        }
        self._line(event, minute + late)
        return event

    def _line(self, line: Json, arrival: float) -> None:
        text = json.dumps(line, ensure_ascii=False)
        self._entries.append(_Entry(round(min(arrival, CLOSING), 3), len(self._entries), text))

    def _record(
        self,
        minute: float,
        topic: str,
        value: str,
        headers: dict[str, str] | None = None,
        headers_base64: dict[str, str] | None = None,
    ) -> None:
        """A record that is sent as it is, whatever it is worth."""
        record: Json = {"topic": topic, "value": value}
        if headers:
            record["headers"] = headers
        if headers_base64:
            record["headers_base64"] = headers_base64
        self._line({"record": record}, minute)

    def _phase(self, name: str) -> Phase:
        lines = tuple(entry.line for entry in sorted(self._entries))
        self._entries.clear()
        return Phase(name, lines)

    def _hours(self) -> list[Phase]:
        hours: dict[int, list[str]] = {}
        for entry in sorted(self._entries):
            hours.setdefault(int(entry.arrival // 60), []).append(entry.line)
        return [Phase(f"{6 + hour:02d}:00", tuple(lines)) for hour, lines in sorted(hours.items())]

    def _pick(self, *kinds: Kind) -> Good:
        return self._random.choice([good for good in self._goods if good.kind in kinds])

    def _quantity(self, good: Good) -> float:
        if good.kind in (Kind.FABRIC, Kind.LIMITED):
            return self._random.randint(2, 60) / 20
        return self._random.choice((1, 1, 1, 2, 2, 3))

    def _minute(self, earliest: float = TRADING_FROM, latest: float = TRADING_TO) -> float:
        return self._random.uniform(earliest, latest)

    # ── Morning ──────────────────────────────────────────────────────────────────────────────────────

    def _catalogue(self) -> None:
        for place in PLACES:
            data = {
                "location_id": place.location_id,
                "name": place.name,
                "roles": list(place.roles),
                "priority": place.priority,
                "coordinates": _point(place.coordinates),
                "version": 1,
            }
            self._add("location.created", CATALOGUE, 0, data)
        for channel, places in CHANNELS.items():
            data = {"sales_channel_id": channel, "location_ids": list(places), "version": 2}
            if channel in KEPT_BACK:
                data["safety_stock"] = KEPT_BACK[channel]
            self._add("sales_channel.updated", CATALOGUE, 1, data)
        for good in self._goods:
            if good.kind is not Kind.KIT:
                self._add("variant.created", CATALOGUE, 2, variant_data(good))

    def _kits(self) -> None:
        for good in self._goods:
            if good.kind is Kind.KIT:
                self._add("variant.created", CATALOGUE, 10, variant_data(good))

    def _morning_count(self) -> None:
        for place in PLACES:
            for good in self._goods:
                units = morning_stock(good, place)
                if units:
                    self._count(20, {"sku": good.sku}, place.location_id, units)
        for sku in recipe_free_skus():
            self._count(21, {"sku": sku}, CENTRAL, 300)
            self._count(21, {"sku": sku}, NORTH, 60)

    def _count(
        self, minute: float, item: Json, location_id: str, quantity: float | str, **more: object
    ) -> Json:
        data = {**item, "location_id": location_id, "quantity": quantity, **more}
        return self._add("stock.set", WAREHOUSE, minute, data)

    # ── Trade ────────────────────────────────────────────────────────────────────────────────────────

    def _trade(self) -> None:
        for _ in range(CARTS_LEFT):
            self._leave_cart(self._minute())
        for number in range(1, ORDERS + 1):
            order_id = f"order-{number:04d}"
            order = _Order(order_id, self._channel(), self._minute(), self._lines(order_id))
            self._cart(order.minute - 4, order.channel, order.lines, f"cart-{order_id}")
            self._place(order)
            self._orders.append(order)
        self._orders.sort(key=lambda order: order.minute)

    def _leave_cart(self, minute: float) -> None:
        """A cart that becomes no order. Every fourth holds its lines, until it is emptied or for too long."""
        cart_id = self._cart(minute, self._channel(), self._lines("left"))
        chance = self._random.random()
        if chance < HOLDING:
            good = self._pick(Kind.PIECE)
            self._cart(minute + 1, WEB, [("left-l1", good, 1)], cart_id, hold={"ttl_seconds": HOLD_S})
        if chance < HOLDING / 2:
            self._add("cart.released", _SOURCES[WEB], minute + 6, {"cart_id": cart_id})

    def _channel(self) -> str:
        return self._random.choices(list(CHANNELS), (6, 3, 2, 1))[0]

    def _lines(self, prefix: str) -> list[tuple[str, Good, float]]:
        kinds = (Kind.FABRIC, Kind.PIECE, Kind.PIECE, Kind.KIT, Kind.UNCOUNTED)
        weights = (5, 5, 3, 2, 1)
        lines = []
        for number in range(1, self._random.choice((1, 1, 2, 2, 3, 4)) + 1):
            good = self._pick(self._random.choices(kinds, weights)[0])
            lines.append((f"{prefix}-l{number}", good, self._quantity(good)))
        return lines

    def _cart(
        self,
        minute: float,
        channel: str,
        lines: Sequence[tuple[str, Good, float]],
        cart_id: str | None = None,
        **more: object,
    ) -> str:
        if cart_id is None:
            number = self._numbers["carts"] = self._numbers.get("carts", 0) + 1
            cart_id = f"cart-left-{number:04d}"
        lines_data = [_line(*line) for line in lines]
        data = {"cart_id": cart_id, "sales_channel_id": channel, "lines": lines_data, **more}
        self._add("cart.validated", _SOURCES[channel], minute, data)
        return cart_id

    def _place(self, order: _Order, *, late: float = 0.0, **more: object) -> Json:
        data = {
            "order_id": order.order_id,
            "sales_channel_id": order.channel,
            "lines": [_line(*line) for line in order.lines],
            **more,
        }
        strategy = self._random.choice((None, None, "most_available", "fewest_splits", "random"))
        if strategy and order.channel == MARKETPLACE:
            data["strategy"] = strategy
        if order.channel == WEB:
            data["cart_id"] = f"cart-{order.order_id}"
            if strategy == "random":
                data |= {"strategy": "nearest", "destination": _point(self._random.choice(CUSTOMERS_AT))}
        return self._add("order.placed", _SOURCES[order.channel], order.minute, data, late=late)

    def _run_on_prints(self) -> None:
        """At ten the limited prints go on sale: more is asked for than there is.

        Some take what they can get, some wait for the next print run.
        """
        for number in range(1, RUN_ORDERS + 1):
            order_id = f"print-{number:03d}"
            minute = 240 + self._random.expovariate(1 / 40)
            good = self._pick(Kind.LIMITED)
            channel = self._random.choice((WEB, WEB, MARKETPLACE))
            lines = [(f"{order_id}-l1", good, self._random.choice((1, 1.5, 2, 2.5)))]
            self._cart(minute - 1, channel, lines, f"cart-{order_id}")
            policy: Json = self._random.choice(({}, {}, {"policy": "partial"}, {"ship_date": "2026-04-20"}))
            self._place(_Order(order_id, channel, minute, lines), **policy)

    # ── Facts about orders ───────────────────────────────────────────────────────────────────────────

    def _ship(self) -> None:
        """Four of five orders leave the house today: whole, line by line, in parts, or from another store."""
        for order in self._orders:
            if self._random.random() < 0.2:
                continue
            order.shipped_minute = order.minute + self._random.uniform(25, 150)
            way = self._random.random()
            if way < 0.6:
                self._fulfill(order, 1, order.shipped_minute)
            elif way < 0.8:
                self._ship_by_lines(order)
            elif way < 0.93:
                self._ship_in_parts(order)
            else:
                self._fulfill(order, 1, order.shipped_minute, location_id=NORTH)

    def _fulfill(
        self, order: _Order, number: int, minute: float, *, late: float = 0.0, **more: object
    ) -> Json:
        data = {"order_id": order.order_id, "fulfillment_id": f"{order.order_id}-f{number}", **more}
        return self._add("order.fulfilled", WAREHOUSE, minute, data, late=late)

    def _ship_by_lines(self, order: _Order) -> None:
        for number, (line_id, _, quantity) in enumerate(order.lines, 1):
            lines = [{"line_item_id": line_id, "quantity": quantity}]
            self._fulfill(order, number, order.shipped_minute + number, lines=lines)

    def _ship_in_parts(self, order: _Order) -> None:
        """The first line goes in two parts where it can; the rest with the second."""
        line_id, _, quantity = order.lines[0]
        part = int(quantity) // 2
        if part:
            lines = [{"line_item_id": line_id, "quantity": part}]
            self._fulfill(order, 1, order.shipped_minute, lines=lines)
        self._fulfill(order, 2, order.shipped_minute + 35)

    def _bring_back(self) -> None:
        """One of six shipped orders comes back in part, in one state or another."""
        for order in self._orders:
            if not order.shipped_minute or self._random.random() > 0.17:
                continue
            line_id, _, quantity = self._random.choice(order.lines)
            back = quantity if quantity < 2 else int(quantity) - 1
            disposition = self._random.choice((None, None, "sellable", "damaged", "quarantined", "discarded"))
            line: Json = {"line_item_id": line_id, "quantity": back}
            if disposition:
                line["disposition"] = disposition
            where = self._random.choice((None, NORTH, SOUTH, DESK))
            self._return(order, order.shipped_minute + 90, [line], where)

    def _return(
        self, order: _Order, minute: float, lines: list[Json], where: str | None, late: float = 0
    ) -> Json:
        data: Json = {"order_id": order.order_id, "return_id": f"{order.order_id}-r1", "lines": lines}
        if where:
            data["location_id"] = where
        return self._add("order.returned", WAREHOUSE, minute, data, late=late)

    def _move(self) -> None:
        """Someone at the desk changes from where orders will be shipped, mostly where it can be."""
        for order in self._unshipped()[:34]:
            line_id, good, _ = order.lines[0]
            if order.channel == MARKETPLACE or good.kind not in (Kind.FABRIC, Kind.PIECE):
                continue
            held = NORTH if order.channel == NORTH_TILL else SOUTH if order.channel == SOUTH_TILL else CENTRAL
            target = self._random.choice((NORTH, SOUTH, CENTRAL, STUDIO))
            data = {
                "order_id": order.order_id,
                "line_item_id": line_id,
                "from_location_id": held,
                "to_location_id": target,
            }
            self._add("reservation.moved", "/admin", order.minute + 12, data)

    def _cancel(self) -> None:
        """Customers think again: of an order, of a line, before the order is told of, after goods left."""
        for number, order in enumerate(self._unshipped()[34:54]):
            lines = order.lines[-1:] if number % 3 == 2 else None
            self._call_off(order, order.minute + 30, lines)
        for number in range(1, 5):
            order_id = f"regret-{number:03d}"
            order = _Order(order_id, WEB, 300 + 40 * number, [(f"{order_id}-l1", self._goods[number], 1)])
            self._place(order, late=20)
            self._call_off(order, order.minute + 2)
        for order in [order for order in self._orders if order.shipped_minute][60:66]:
            self._call_off(order, order.shipped_minute + 10)

    def _call_off(
        self, order: _Order, minute: float, lines: Sequence[tuple[str, Good, float]] | None = None
    ) -> Json:
        data: Json = {"order_id": order.order_id}
        if lines is not None:
            data["line_item_ids"] = [line_id for line_id, _, _ in lines]
        return self._add("order.canceled", _SOURCES[order.channel], minute, data)

    def _edit(self) -> None:
        """Orders are changed before they are shipped: more of a line, another line, late news."""
        for number, order in enumerate(self._unshipped()[54:74]):
            line_id, good, quantity = order.lines[0]
            minute = order.minute + 15
            more = [(line_id, good, quantity + 1), *order.lines[1:]]
            self._change(order, minute, 2, more, late=20 if number % 5 == 0 else 0)
            if number % 3 == 0:
                extra = (f"{order.order_id}-x", self._by_sku("THREAD-WHITE"), 2)
                self._change(order, minute + 5, 3, [*order.lines, extra])
                self._fulfill(order, 1, minute + 30, order_version=3)
        for number in range(1, 5):
            order_id = f"change-{number:03d}"
            order = _Order(order_id, WEB, 320 + 40 * number, [(f"{order_id}-l1", self._goods[number], 1)])
            self._place(order, late=25)
            line_id, good, _ = order.lines[0]
            self._change(order, order.minute + 3, 2, [(line_id, good, 2)])
            lines = [{"line_item_id": line_id, "quantity": 2}]
            self._fulfill(order, 1, order.minute + 20, lines=lines, order_version=2)

    def _change(
        self,
        order: _Order,
        minute: float,
        version: int,
        lines: Sequence[tuple[str, Good, float]],
        late: float = 0,
    ) -> Json:
        data = {"order_id": order.order_id, "version": version, "lines": [_line(*line) for line in lines]}
        return self._add("order.updated", _SOURCES[order.channel], minute, data, late=late)

    def _unship(self) -> None:
        """Parcels that never left: found at the gate, packed again, or told of before they should leave."""
        shipped = [order for order in self._orders if order.shipped_minute]
        for number, order in enumerate(shipped[80:92]):
            self._undo(order, 1, order.shipped_minute + 8)
            if number % 2:
                self._fulfill(order, 7, order.shipped_minute + 40)
        for order in shipped[100:104]:
            self._undo(order, 1, order.shipped_minute - 1)
        for order in shipped[110:113]:
            self._undo(order, 1, order.shipped_minute + 300)

    def _undo(self, order: _Order, number: int, minute: float) -> Json:
        data = {"order_id": order.order_id, "fulfillment_id": f"{order.order_id}-f{number}"}
        return self._add("fulfillment.canceled", WAREHOUSE, minute, data)

    def _unshipped(self) -> list[_Order]:
        return [order for order in self._orders if not order.shipped_minute]

    # ── Stock ────────────────────────────────────────────────────────────────────────────────────────

    def _count_again(self) -> None:
        """Counts during the day: the shelf has its own truth, also below what is promised."""
        for _ in range(40):
            good, place = self._pick(Kind.FABRIC, Kind.PIECE), self._random.choice(PLACES[:4])
            expected = morning_stock(good, place)
            quantity = max(0, expected - self._random.randint(0, expected // 3))
            self._count(self._minute(), {"sku": good.sku}, place.location_id, quantity)
        for order in self._unshipped()[-8:]:
            if order.channel == WEB:
                good = order.lines[0][1]
                if good.kind in (Kind.FABRIC, Kind.PIECE):
                    self._count(order.minute + 45, {"variant_id": good.variant_id}, CENTRAL, 0)
        for good in self._goods[:6]:
            self._count(300, {"sku": good.sku}, SOUTH, "37.25", bucket="available")
            self._count(301, {"sku": good.sku}, CENTRAL, 200, bucket="incoming")

    def _adjust(self) -> None:
        """Breakage, finds, samples cut off; deliveries on their way; and more taken than there was."""
        for _ in range(70):
            good, place = self._pick(Kind.FABRIC, Kind.PIECE), self._random.choice(PLACES[:4])
            delta: float | str = self._random.choice((-1, -2, -3, 1, 5))
            if good.kind is Kind.FABRIC and self._random.random() < 0.5:
                delta = self._random.choice(("-0.35", "-1.5", "2.25"))
            self._adjustment(self._minute(), good, place.location_id, delta, "shelf check")
        for _ in range(20):
            self._adjustment(
                self._minute(), self._pick(Kind.PIECE), CENTRAL, 48, "ordered", bucket="incoming"
            )
        for _ in range(4):
            self._adjustment(self._minute(), self._pick(Kind.PIECE), OUTLET, -5000, "typing error")

    def _adjustment(
        self, minute: float, good: Good, location_id: str, delta: float | str, reason: str, **more: object
    ) -> Json:
        data = {"sku": good.sku, "location_id": location_id, "delta": delta, "reason": reason, **more}
        return self._add("stock.adjusted", WAREHOUSE, minute, data)

    def _receive(self) -> None:
        """The noon delivery: as announced, short, over and unannounced; and what a look at returns found."""
        pieces = [good for good in self._goods if good.kind is Kind.PIECE][:4]
        deliveries = ((48, True), (40, 48), (60, True), (12, False))
        for good, (quantity, from_incoming) in zip(pieces, deliveries, strict=True):
            self._adjustment(305, good, CENTRAL, 48, "ordered", bucket="incoming")
            data = {"sku": good.sku, "location_id": CENTRAL, "quantity": quantity}
            self._add("stock.received", WAREHOUSE, 360, data | {"from_incoming": from_incoming})
        looked_at = {"bucket": "quarantined", "to_bucket": "stocked"}
        self._adjustment(700, pieces[0], CENTRAL, 3, "came back", bucket="quarantined")
        self._adjustment(720, pieces[0], CENTRAL, -2, "like new", **looked_at)

    def _transfer(self) -> None:
        """Vans between warehouses: one unloaded in two parts, one short, one over, one asked for too much."""
        pieces = [good for good in self._goods if good.kind is Kind.PIECE][:3]
        for number, (sent, arrived) in enumerate(((6, (4, 2)), (6, (5,)), (2, (3,)), (90_000, ())), 1):
            van = {"transfer_id": f"van-{number}"}
            lines = [{"sku": good.sku, "quantity": sent} for good in pieces]
            route = {"from_location_id": CENTRAL, "to_location_id": NORTH}
            left = 400 + 10 * number
            self._add("transfer.shipped", WAREHOUSE, left, van | route | {"lines": lines})
            for part, units in enumerate(arrived):
                lines = [{"sku": good.sku, "quantity": units} for good in pieces]
                self._add("transfer.received", WAREHOUSE, left + 60 + 5 * part, van | {"lines": lines})
        self._add("transfer.received", WAREHOUSE, 560, {"transfer_id": "van-2", "lines": [], "closed": True})

    def _change_goods(self) -> None:
        """Titles mended, one of them late; a good taken out of sale and one that nobody ever had."""
        pieces = [good for good in self._goods if good.kind is Kind.PIECE]
        for good in pieces[-3:]:
            data = variant_data(good) | {"title": f"{good.variant_id} (new label)", "version": 3}
            self._add("variant.updated", CATALOGUE, 415, data)
        self._add("variant.updated", CATALOGUE, 410, variant_data(pieces[-1]) | {"version": 2}, late=30)
        self._add("variant.deleted", CATALOGUE, 800, {"variant_id": pieces[-2].variant_id, "version": 4})

    def _change_the_map(self) -> None:
        """A pop-up store opens at noon and closes in the evening; its till's channel is told of too late."""
        popup = {"location_id": "popup", "name": "Pop-up store", "version": 1}
        self._count(350, {"sku": "THREAD-WHITE"}, "popup", 40)
        order = _Order("popup-001", "popup-till", 365, [("popup-001-l1", self._by_sku("THREAD-WHITE"), 2)])
        self._add("order.placed", TILLS, order.minute, self._order_data(order))
        self._add("location.created", CATALOGUE, 360, popup, late=10)
        channel = {"sales_channel_id": "popup-till", "location_ids": ["popup"], "version": 1}
        self._add("sales_channel.updated", CATALOGUE, 361, channel, late=25)
        self._fulfill(order, 1, 400)
        self._add("location.updated", CATALOGUE, 500, popup | {"name": "Pop-up (last days)", "version": 2})
        self._add("location.updated", CATALOGUE, 480, popup | {"name": "Pop-up", "version": 1}, late=45)
        self._add("location.deleted", CATALOGUE, 800, {"location_id": "popup", "version": 3})
        old = {"sales_channel_id": WEB, "location_ids": [CENTRAL], "version": 1}
        self._add("sales_channel.updated", CATALOGUE, 30, old, late=200)

    # ── Out of order, wrong, nonsense ────────────────────────────────────────────────────────────────

    def _come_out_of_order(self) -> None:
        """Facts that overtake their orders, and orders that overtake what they are about."""
        for number in range(1, 26):
            order_id = f"late-{number:03d}"
            minute = self._minute(latest=700)
            order = _Order(order_id, WEB, minute, self._lines(order_id))
            self._place(order, late=60)
            self._fulfill(order, 1, minute + 20)
            if number % 3 == 0:
                line_id, _, quantity = order.lines[0]
                line = {"line_item_id": line_id, "quantity": quantity}
                self._return(order, minute + 40, [line], CENTRAL, late=-25)
        for number in range(1, 7):
            self._new_arrival(number, self._minute(earliest=300, latest=700))
        for number in range(1, 4):
            stranger = _Order(f"yesterday-{number}", WEB, 0, [])
            self._fulfill(stranger, 1, self._minute())

    def _new_arrival(self, number: int, minute: float) -> None:
        """Ordered, counted, then created: everything the wrong way round."""
        good = Good(f"var_new_{number}", f"NEW-{number}", f"New arrival {number}", Kind.PIECE)
        order = _Order(f"new-{number:03d}", WEB, minute, [(f"new-{number:03d}-l1", good, 2)])
        self._place(order)
        self._count(minute + 5, {"sku": good.sku}, CENTRAL, 25)
        self._add("variant.created", CATALOGUE, minute - 30, variant_data(good), late=50)
        self._fulfill(order, 1, minute + 40)

    def _err(self) -> None:
        """What is well said and cannot be done."""
        shipped = [order for order in self._orders if order.shipped_minute]
        for order in shipped[10:15]:
            line_id, _, quantity = order.lines[0]
            lines = [{"line_item_id": line_id, "quantity": quantity + 20}]
            self._fulfill(order, 9, order.shipped_minute + 120, lines=lines)
            self._return(order, order.shipped_minute + 200, lines, CENTRAL)
        for order in shipped[20:23]:
            lines = [{"line_item_id": order.lines[0][0], "quantity": 1}]
            self._return(order, order.shipped_minute + 240, lines, OUTLET)
        for number in range(4):
            unknown = Good(f"var_unknown_{number}", "", "", Kind.PIECE)
            self._cart(self._minute(), WEB, [("l1", unknown, 1), ("l2", self._pick(Kind.PIECE), 1)])
        for _ in range(3):
            good = self._pick(Kind.PIECE)
            self._count(self._minute(), {"sku": good.sku}, SOUTH, 100, expected_level_version=77)
        for order in self._orders[40:45]:
            self._place(order, late=100)
        for order in self._orders[60:63]:
            changed = _Order(order.order_id, order.channel, order.minute + 70, order.lines[:1])
            self._place(changed, cart_id="another-cart")
        for _ in range(6):
            good = self._pick(Kind.PIECE)
            self._count_late(good)

    def _count_late(self, good: Good) -> None:
        """A count that another one overtook: the older is stale."""
        self._count(600, {"sku": good.sku}, OUTLET, 70)
        data = {"sku": good.sku, "location_id": OUTLET, "quantity": 75}
        self._add("stock.set", WAREHOUSE, 590, data, late=40)

    def _say_nonsense(self) -> None:
        """Records that are no events, events that keep no contract, and some only spelled otherwise."""
        line = {"line_item_id": "l1", "variant_id": "var_thread_white", "quantity": 1}
        order = {"order_id": "odd-1", "sales_channel_id": WEB, "lines": [line]}
        attributes = {"ce_specversion": "1.0", "ce_source": SHOP, "ce_type": "order.placed"}
        whole = json.dumps(order)
        for minute, broken in ((200, '{"order_id": "odd-1", "lines": ['), (330, "not JSON"), (610, "")):
            self._record(minute, "order.placed", broken, attributes | {"ce_id": f"odd-json-{minute}"})
        latin1 = {"ce_id": b64encode("odd-ü".encode("latin-1")).decode()}
        self._record(260, "order.placed", whole, attributes, latin1)
        self._record(270, "order.placed", whole, {"ce_type": "order.placed", "ce_id": "odd-header"})
        self._record(
            280, "order.placed", whole, attributes | {"ce_specversion": "0.3", "ce_id": "odd-version"}
        )
        for minute, quantity in ((410, 0), (420, -2), (430, "1e3"), (440, "2.5")):
            data = {**order, "order_id": f"odd-{minute}", "lines": [{**line, "quantity": quantity}]}
            self._add("order.placed", SHOP, minute, data)
        self._add("order.placed", SHOP, 450, {**order, "lines": [line, line]})
        self._add("order.exploded", SHOP, 460, order)
        self._add("customer.created", "/crm", 470, {"customer_id": "c-1"})
        for number in range(5):
            bare = {"sku": "CHALK-WHITE", "location_id": NORTH, "delta": -1, "reason": f"till {number}"}
            self._record(500 + number, "stock.adjusted", json.dumps(bare))
        for number in range(5):
            document = {
                "specversion": "1.0",
                "id": f"structured-{number}",
                "source": "/pos",
                "type": "cart.validated",
                "time": _time(520),
                "data": {"cart_id": f"pos-{number}", "sales_channel_id": NORTH_TILL, "lines": [line]},
            }
            headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
            self._record(520 + number, "cart.validated", json.dumps(document), headers)

    def _repeat(self) -> None:
        """One in thirty arrives again, some spelled otherwise; and a few ids are used for something else."""
        events = [entry for entry in self._entries if '"record"' not in entry.line]
        for number, entry in enumerate(self._random.sample(events, len(events) // 30)):
            event = json.loads(entry.line)
            if number % 2:
                event["data"] = dict(sorted(event["data"].items(), reverse=True))
            self._line(event, entry.arrival + self._random.choice((0.5, 5, 90)))
        adjustments = [entry for entry in events if '"shelf check"' in entry.line]
        for entry in self._random.sample(adjustments, 5):
            event = json.loads(entry.line)
            event["data"]["delta"] = -7
            self._line(event, entry.arrival + 30)

    def _by_sku(self, sku: str) -> Good:
        return next(good for good in self._goods if good.sku == sku)

    @staticmethod
    def _order_data(order: _Order) -> Json:
        lines = [_line(*line) for line in order.lines]
        return {"order_id": order.order_id, "sales_channel_id": order.channel, "lines": lines}


def _point(coordinates: tuple[float, float]) -> Json:
    latitude, longitude = coordinates
    return {"latitude": latitude, "longitude": longitude}


def _line(line_item_id: str, good: Good, quantity: float) -> Json:
    return {"line_item_id": line_item_id, "variant_id": good.variant_id, "quantity": quantity}


def _time(minute: float) -> str:
    return (OPENING + timedelta(minutes=minute)).isoformat(timespec="seconds").replace("+00:00", "Z")
