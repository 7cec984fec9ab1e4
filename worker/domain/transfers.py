"""Transfers: goods travel from one location to another (DESIGN §3; rulings "Transfers")."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.outcome import Outcome
from schemas.quantity import SMALLEST_MAX, smallest, text
from schemas.transfers import TransferLine as ToldLine
from schemas.transfers import TransferReceived, TransferShipped
from worker.domain.answer import level_json
from worker.domain.books import Books
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import (
    Bucket,
    Item,
    Level,
    Location,
    Transfer,
    TransferLine,
    Traveling,
    WaitKind,
    WaitsFor,
)
from worker.domain.stock import named_item, uncountable
from worker.domain.verdict import Obstacle, Poison, Refusal, applied_before, stopped

Cargo = dict[Item, int]
"""Units of each item that leave or arrive, smallest units."""


class Route(NamedTuple):
    """The two locations of a transfer."""

    source: Location
    target: Location


def transfer_shipped(books: Books, event: Event) -> Verdict:
    """Goods leave one location and are incoming at the other, all lines or none.

    Only what nobody has reserved travels: it is taken from what is available, safety stock or not. A location
    needs no role for it, and a deleted one is emptied like this.
    """
    data = event.data
    assert isinstance(data, TransferShipped)
    transfer = books.snapshot.transfers[data.transfer_id]
    answer: Json = {
        "transfer_id": data.transfer_id,
        "from_location_id": data.from_location_id,
        "to_location_id": data.to_location_id,
    }
    if transfer.shipment is not None:
        again = applied_before(event, transfer.shipment.body_hash, f"shipment of transfer {data.transfer_id}")
        return stopped(event, again, books.snapshot, answer)
    route, cargo = _route(books, data), _cargo(books, data.lines)
    if not isinstance(route, Route):
        return stopped(event, route, books.snapshot, answer)
    if not isinstance(cargo, dict):
        return stopped(event, cargo, books.snapshot, answer)
    obstacle = _shipping_obstacle(books, route, cargo, answer)
    if obstacle is not None:
        return stopped(event, obstacle, books.snapshot, answer)

    levels: list[Level] = []
    for item, units in cargo.items():
        leaving, arriving = books.level_made(item, route.source), books.level_made(item, route.target)
        books.move(leaving, Bucket.STOCKED, -units)
        books.move(arriving, Bucket.INCOMING, units)
        levels += leaving, arriving
        transfer.lines[item.item_no] = TransferLine(item, units)
    transfer.shipment = Traveling(route.source, route.target, event.body_hash)
    books.decision.transfers_touched[transfer] = None
    books.decision.provided[WaitsFor(WaitKind.TRANSFER, data.transfer_id)] = None
    answer["lines"] = _lines(transfer)
    answer["levels"] = [level_json(level) for level in levels]
    return Verdict(event, Outcome.APPLIED, answer)


def transfer_received(books: Books, event: Event) -> Verdict:
    """Goods of a transfer arrive: incoming no longer as far as they were sent, and stocked all of them.

    Waits for the shipment. What is short stays incoming until a receipt closes the transfer; what comes
    beyond it, or after it was closed, is stocked all the same: it is there.
    """
    data = event.data
    assert isinstance(data, TransferReceived)
    transfer = books.snapshot.transfers[data.transfer_id]
    answer: Json = {"transfer_id": data.transfer_id}
    shipment = transfer.shipment
    if shipment is None:
        unknown = WaitsFor(WaitKind.TRANSFER, data.transfer_id)
        return stopped(event, unknown, books.snapshot, answer)
    cargo = _on_its_way(transfer) if data.lines is None else _cargo(books, data.lines)
    if not isinstance(cargo, dict):
        return stopped(event, cargo, books.snapshot, answer)
    obstacle = _receipt_obstacle(books, transfer, shipment, cargo, data)
    if obstacle is not None:
        answer["lines"] = _lines(transfer)
        return stopped(event, obstacle, books.snapshot, answer)

    levels: dict[Level, None] = {}
    for item, units in cargo.items():
        level = books.level_made(item, shipment.target)
        line = transfer.lines.setdefault(item.item_no, TransferLine(item, 0))
        _arrive(books, level, min(units, transfer.in_transit(line)))
        books.move(level, Bucket.STOCKED, units)
        line.received += units
        levels[level] = None
    if data.closed:
        for line in transfer.lines.values():
            level = books.level_made(line.item, shipment.target)
            if _arrive(books, level, transfer.in_transit(line)):
                levels[level] = None
        transfer.closed = True
    books.decision.transfers_touched[transfer] = None
    answer["lines"] = _lines(transfer)
    answer["levels"] = [level_json(level) for level in levels]
    return Verdict(event, Outcome.APPLIED, answer)


def _route(books: Books, data: TransferShipped) -> Route | WaitsFor:
    locations = books.catalogue.locations
    for location_id in (data.from_location_id, data.to_location_id):
        if location_id not in locations:
            return WaitsFor(WaitKind.LOCATION, location_id)
    return Route(locations[data.from_location_id], locations[data.to_location_id])


def _cargo(books: Books, lines: Iterable[ToldLine]) -> Cargo | Obstacle:
    """The items of the lines, each with the sum of its lines."""
    cargo: Cargo = {}
    for line in lines:
        item = named_item(books, line)
        if not isinstance(item, Item):
            return item
        units = smallest(line.quantity, item.decimal_places)
        if units is None or cargo.get(item, 0) + units > SMALLEST_MAX:
            return uncountable(item)
        cargo[item] = cargo.get(item, 0) + units
    return cargo


def _on_its_way(transfer: Transfer) -> Cargo:
    """All that has been sent and not received."""
    return {line.item: units for line in transfer.lines.values() if (units := transfer.in_transit(line))}


def _shipping_obstacle(
    books: Books, route: Route, cargo: Mapping[Item, int], answer: Json
) -> Refusal | Poison | None:
    """Names in the answer every item of which too little is available."""
    short: list[Json] = []
    for item, units in cargo.items():
        leaving, arriving = books.level_at(item, route.source), books.level_at(item, route.target)
        available = 0 if leaving is None else leaving.available
        if units > available:
            short.append(
                {
                    "inventory_item_id": item.inventory_item_id,
                    "sku": item.sku,
                    "wanted": text(units, item.decimal_places),
                    "available": text(available, item.decimal_places),
                }
            )
        if arriving is not None and arriving.incoming + units > SMALLEST_MAX:
            return uncountable(item)
    if not short:
        return None
    answer["short_items"] = short
    message = (
        f"location {route.source.location_id} has too little of {len(short)} items that nobody has reserved"
    )
    return Refusal(Outcome.INSUFFICIENT_STOCK, message)


def _receipt_obstacle(
    books: Books,
    transfer: Transfer,
    shipment: Traveling,
    cargo: Mapping[Item, int],
    data: TransferReceived,
) -> Refusal | Poison | None:
    if not cargo and (transfer.closed or not data.closed):
        return Refusal(Outcome.ALREADY_APPLIED, f"nothing of transfer {data.transfer_id} is on its way")
    for item, units in cargo.items():
        level = books.level_at(item, shipment.target)
        if level is not None and level.stocked + units > SMALLEST_MAX:
            return uncountable(item)
    return None


def _arrive(books: Books, level: Level, units: int) -> int:
    """Units are on their way no longer; a count may have said before that fewer are. Gives how many were."""
    announced = min(units, level.incoming)
    books.move(level, Bucket.INCOMING, -announced)
    return announced


def _lines(transfer: Transfer) -> list[Json]:
    """What was sent and received of each item, and how the two differ."""
    lines: list[Json] = []
    for line in transfer.lines.values():
        places = line.item.decimal_places
        left = line.shipped - line.received
        lines.append(
            {
                "inventory_item_id": line.item.inventory_item_id,
                "shipped": text(line.shipped, places),
                "received": text(line.received, places),
                "in_transit": text(transfer.in_transit(line), places),
                "missing": text(max(0, left) if transfer.closed else 0, places),
                "over": text(max(0, -left), places),
            }
        )
    return lines
