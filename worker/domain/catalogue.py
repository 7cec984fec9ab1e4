"""Catalogue events of places: locations and sales channels (rulings "Catalogue")."""

from dataclasses import replace

from schemas.catalogue import (
    LocationCreated,
    LocationDeleted,
    LocationUpdated,
    Role,
    SalesChannelUpdated,
)
from schemas.outcome import Outcome
from schemas.quantity import micro
from worker.domain.books import Books
from worker.domain.decision import Json, Verdict
from worker.domain.event import Event
from worker.domain.guards import NO_GUARD, guard_after, is_stale
from worker.domain.model import Channel, Location, WaitKind, WaitsFor
from worker.domain.places import point_of
from worker.domain.verdict import Refusal, applied_before, stopped


def location_created(books: Books, event: Event) -> Verdict:
    """A location is known from now on; channels that named it before count it from now on (rulings)."""
    data = event.data
    assert isinstance(data, LocationCreated)
    answer: Json = {"location_id": data.location_id}
    known = books.catalogue.locations.get(data.location_id)
    if known is not None:
        again = applied_before(event, known.content_hash, f"creation of location {data.location_id}")
        return stopped(event, again, books.snapshot, answer)
    _keep_location(
        books,
        Location(
            location_no=books.catalogue.location_nos[data.location_id],
            location_id=data.location_id,
            name=data.name or "",
            sells=Role.SELLS in data.roles,
            ships=Role.SHIPS in data.roles,
            accepts_returns=Role.ACCEPTS_RETURNS in data.roles,
            priority=data.priority,
            deleted=False,
            content_hash=event.body_hash,
            guard=guard_after(event, data.version, NO_GUARD),
            coordinates=point_of(data.coordinates),
        ),
    )
    books.decision.provided[WaitsFor(WaitKind.LOCATION, data.location_id)] = None
    return Verdict(event, Outcome.APPLIED, answer)


def location_updated(books: Books, event: Event) -> Verdict:
    """A location as it now stands, roles and all; a deleted one stays deleted. Waits for its creation."""
    data = event.data
    assert isinstance(data, LocationUpdated)
    answer: Json = {"location_id": data.location_id}
    known = _location_to_change(books, event, data)
    if not isinstance(known, Location):
        return stopped(event, known, books.snapshot, answer)
    changed = replace(
        known,
        name=data.name or "",
        sells=Role.SELLS in data.roles,
        ships=Role.SHIPS in data.roles,
        accepts_returns=Role.ACCEPTS_RETURNS in data.roles,
        priority=data.priority,
        coordinates=point_of(data.coordinates),
        guard=guard_after(event, data.version, known.guard),
    )
    _keep_location(books, changed)
    return Verdict(event, Outcome.APPLIED, answer)


def location_deleted(books: Books, event: Event) -> Verdict:
    """A mark: the location sells nothing from then on; its levels and reservations stay (rulings).

    Stock there is still counted, shipped, released and moved away by hand.
    """
    data = event.data
    assert isinstance(data, LocationDeleted)
    answer: Json = {"location_id": data.location_id}
    known = _location_to_change(books, event, data)
    if isinstance(known, Location) and known.deleted:
        known = Refusal(Outcome.ALREADY_APPLIED, f"location {data.location_id} is deleted already")
    if not isinstance(known, Location):
        return stopped(event, known, books.snapshot, answer)
    _keep_location(books, replace(known, deleted=True, guard=guard_after(event, data.version, known.guard)))
    return Verdict(event, Outcome.APPLIED, answer)


def _location_to_change(
    books: Books, event: Event, data: LocationUpdated | LocationDeleted
) -> Location | Refusal | WaitsFor:
    known = books.catalogue.locations.get(data.location_id)
    if known is None:
        return WaitsFor(WaitKind.LOCATION, data.location_id)
    if is_stale(event, data.version, known.guard):
        return Refusal(Outcome.STALE, f"location {data.location_id} was changed by a newer event")
    return known


def _keep_location(books: Books, location: Location) -> None:
    books.catalogue.locations[location.location_id] = location
    books.decision.follow_up = True
    books.topology_changed()
    puts = books.decision.locations_put
    puts[:] = [put for put in puts if put.location_no != location.location_no] + [location]


def sales_channel_updated(books: Books, event: Event) -> Verdict:
    """A channel sells from these locations, in this order, so much of it; the first such event makes it."""
    data = event.data
    assert isinstance(data, SalesChannelUpdated)
    answer: Json = {"sales_channel_id": data.sales_channel_id}
    known = books.catalogue.channels.get(data.sales_channel_id)
    guard = NO_GUARD if known is None else known.guard
    if is_stale(event, data.version, guard):
        stale = Refusal(Outcome.STALE, f"sales channel {data.sales_channel_id} was set by a newer event")
        return stopped(event, stale, books.snapshot, answer)
    channel = Channel(
        channel_no=books.catalogue.channel_nos[data.sales_channel_id],
        sales_channel_id=data.sales_channel_id,
        location_ids=data.location_ids,
        guard=guard_after(event, data.version, guard),
        safety_stock_micro=micro(data.safety_stock or 0),
        low_stock_micro=None if data.low_stock_threshold is None else micro(data.low_stock_threshold),
    )
    books.catalogue.channels[data.sales_channel_id] = channel
    books.decision.follow_up = True
    books.topology_changed()
    puts = books.decision.channels_put
    puts[:] = [put for put in puts if put.channel_no != channel.channel_no] + [channel]
    if known is None:
        books.decision.provided[WaitsFor(WaitKind.SALES_CHANNEL, data.sales_channel_id)] = None
    return Verdict(event, Outcome.APPLIED, answer)
