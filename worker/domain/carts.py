"""Cart events: can these lines be bought? (rulings "Availability and placement", "Carts and holds")."""

from collections.abc import Mapping

from schemas.carts import CartLine, CartValidated
from schemas.outcome import Outcome
from schemas.quantity import micro, text_micro
from worker.domain.availability import Demand, FreeUnits, Shortage, available_micro, fits, free_units, take
from worker.domain.books import Books
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.verdict import Poison, Refusal, Short, stopped


def cart_validated(books: Books, event: Event) -> Verdict:
    """Answers per line what its sales channel has of it; reserves nothing.

    What it confirms, the next order placed alone gets: the same lines are taken out of the same free units.
    Lines share their stock in their order. A variant that nobody has created, or that was deleted, is not for
    sale, and neither is anything in a channel that nobody has set.
    """
    data = event.data
    assert isinstance(data, CartValidated)
    answer: Json = {"cart_id": data.cart_id}
    variants, channel = books.catalogue.variants, books.catalogue.channels.get(data.sales_channel_id)
    locations = () if channel is None else books.sellable(channel)
    demands: dict[str, Demand] = {}
    for line in data.lines:
        variant = variants.get(line.variant_id)
        if variant is None or variant.deleted or variant.recipe is None:
            continue
        quantity_micro = micro(line.quantity)
        if not fits(quantity_micro, variant.recipe):
            misfit = Poison(f"the quantity of line {line.line_item_id} is not countable in its items")
            return stopped(event, misfit, books.snapshot, answer)
        demands[line.line_item_id] = Demand(
            line.line_item_id, line.variant_id, variant.recipe, quantity_micro, locations
        )
    unknown = {
        line.variant_id: None
        for line in data.lines
        if line.variant_id not in variants or variants[line.variant_id].deleted
    }
    kept_back = None if channel is None else books.kept_back(channel)
    table = free_units(books.levels, demands.values(), kept_back)
    answer["lines"], shortages = _lines(data, demands, unknown, table)
    if unknown:
        answer["unknown_variants"] = list(unknown)
        refusal = Refusal(Outcome.UNKNOWN_VARIANT, "variants of this cart are not known")
        return stopped(event, refusal, books.snapshot, answer)
    if channel is None:
        refusal = Refusal(Outcome.LOCATION_NOT_ALLOWED, f"sales channel {data.sales_channel_id} is not known")
        return stopped(event, refusal, books.snapshot, answer)
    if shortages:
        return stopped(event, Short(shortages, data.sales_channel_id), books.snapshot, answer)
    return Verdict(event, Outcome.APPLIED, answer)


def _lines(
    data: CartValidated, demands: Mapping[str, Demand], unknown: Mapping[str, None], table: FreeUnits
) -> tuple[list[Json], list[Shortage]]:
    """Each line's answer, in order, and the items that fall short; null is endless: not managed."""
    lines: list[Json] = []
    shortages: list[Shortage] = []
    for line in data.lines:
        demand = demands.get(line.line_item_id)
        if demand is not None:
            available = text_micro(available_micro(demand, table))
            short = take(demand, table)
            shortages += short
            lines.append(_line(line, managed=True, available=available, short=bool(short)))
        elif line.variant_id in unknown:
            lines.append(_line(line, managed=True, available=0, short=True))
        else:
            lines.append(_line(line, managed=False, available=None, short=False))
    return lines, shortages


def _line(line: CartLine, *, managed: bool, available: int | str | None, short: bool) -> Json:
    return {
        "line_item_id": line.line_item_id,
        "variant_id": line.variant_id,
        "quantity": text_micro(micro(line.quantity)),
        "managed": managed,
        "available": available,
        "short": short,
    }
