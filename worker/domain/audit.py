"""Repairs: what an audit found wrong is put right by movements that stand in the ledger like any other.

Of what contradicts itself, this is taken for true (ADR 0016): the counted buckets of a level as they stand,
since shops have sold by them; of `reserved` the reservations; of an order what its frozen lines take.
"""

from schemas.internal import AuditRepaired
from schemas.outcome import Outcome
from worker.domain.answer import level_json, units_json, units_text
from worker.domain.availability import units_of
from worker.domain.books import Books, held_of, held_units
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.model import Bucket, Item, Ledger, Level, Line, Order
from worker.domain.verdict import Refusal, stopped

COUNTED = (Bucket.STOCKED, Bucket.INCOMING, Bucket.DAMAGED, Bucket.QUARANTINED)


def audit_repaired(books: Books, event: Event) -> Verdict:
    """Puts a level or an order right. Looks again under the locks: what agrees by now is left alone."""
    data = event.data
    assert isinstance(data, AuditRepaired)
    if data.order_id is not None:
        return _order_repaired(books, event, books.orders[data.order_id])
    return _level_repaired(books, event, data)


def _level_repaired(books: Books, event: Event, data: AuditRepaired) -> Verdict:
    """The ledger catches up with the counted buckets; `reserved` becomes what is held, line by line."""
    answer: Json = {"inventory_item_id": data.inventory_item_id, "location_id": data.location_id}
    item = books.catalogue.items_by_id.get(data.inventory_item_id or "")
    location = books.catalogue.locations.get(data.location_id or "")
    level = None if item is None or location is None else books.level_at(item, location)
    if level is None:
        return stopped(event, _agrees("there is no such level"), books.snapshot, answer)
    assert level.level_no is not None, "a level made in this batch contradicts nothing"
    ledger = books.snapshot.ledgers[level.level_no]
    is_behind = level.version < ledger.version_last
    corrections = _corrections(books, level, ledger)
    answer["levels"] = [level_json(level)]
    if not (corrections or ledger.versions_lost or ledger.orphans or is_behind):
        return stopped(event, _agrees("the level is what its ledger says"), books.snapshot, answer)
    books.decision.levels_changed[level] = None
    books.decision.levels_repaired[level] = ledger.versions_lost
    answer["corrections"] = corrections
    answer["versions_lost"] = list(ledger.versions_lost)
    return Verdict(event, Outcome.APPLIED, answer)


def _corrections(books: Books, level: Level, ledger: Ledger) -> list[Json]:
    """Bring level and ledger to what is taken for true; gives what was off, bucket by bucket."""
    targets = {bucket: getattr(level, bucket.name.lower()) for bucket in COUNTED}
    targets[Bucket.RESERVED] = ledger.held
    targets[Bucket.SHORTFALL] = max(0, ledger.held - level.stocked)
    level.version = max(level.version, ledger.version_last)
    corrections: list[Json] = []
    for bucket, target in targets.items():
        found, told = getattr(level, bucket.name.lower()), ledger.sums[bucket]
        lines = ledger.lines if bucket is Bucket.RESERVED else ()
        if found == told == target and not lines:
            continue
        books.correct(level, bucket, told, target, lines)
        corrections.append(_correction(level.item, bucket, found, told, target))
    return corrections


def _correction(item: Item, bucket: Bucket, found: int, told: int, target: int) -> Json:
    return {
        "bucket": bucket.name.lower(),
        "level": units_text(item, found),
        "ledger": units_text(item, told),
        "corrected": units_text(item, target),
    }


def _order_repaired(books: Books, event: Event, order: Order) -> Verdict:
    """The order gives up what it holds beyond what its lines take and have not shipped."""
    answer: Json = {"order_id": order.order_id, "order_revision": order.revision + 1}
    released = [
        {"line_item_id": line.line_item_id, "released": units}
        for line in order.lines
        if (units := _released(books, order, line))
    ]
    if not released:
        return stopped(
            event, _agrees("the order holds no more than its lines take"), books.snapshot, answer, order
        )
    books.decision.orders_touched[order] = None
    answer["released"] = released
    return Verdict(event, Outcome.APPLIED, answer, order)


def _released(books: Books, order: Order, line: Line) -> list[Json]:
    """What a line gives up: the excess of each item, all where it is canceled or the item no part of it."""
    wanted = {
        part.item.item_no: units_of(order.open_micro(line), part.required)
        for part in (() if line.recipe is None else line.recipe.parts)
    }
    released: list[Json] = []
    for one in reversed(held_of(line)):
        item = one.level.item
        units = min(one.quantity, held_units(line, item) - wanted.get(item.item_no, 0))
        if units > 0:
            books.release(line, one.level, units)
            released.append(units_json(item, one.level.location, units))
    return released


def _agrees(message: str) -> Refusal:
    return Refusal(Outcome.ALREADY_APPLIED, message)
