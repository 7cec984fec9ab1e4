"""Runs events through `decide` in memory: the smallest store that keeps what a decision gives back.

It stands in for the database where the rules themselves are tested: catalogue, levels, orders, inbox and
parked events are kept as the objects that rules read, and a batch sees no more of them than it named. After
every batch it checks what must always hold (I1-I4): reserved is the sum of reservations, levels are the sums
of their movements, one movement a version, nothing is oversold; and that all that is told keeps its contract.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
from pydantic import TypeAdapter

from schemas import INPUTS, EventType
from schemas.contract import Contract
from schemas.internal import (
    CartHoldEvacuated,
    CartHoldExpired,
    LocationEvacuated,
    ReservationReallocated,
    VariantRemoved,
)
from schemas.orders import OrderPlaced, Policy, Strategy
from schemas.outcome import Outcome
from schemas.outputs import OUTPUTS
from schemas.stock import StockAdjusted, StockSet
from schemas.topics import Output
from tests.scenarios import Told
from worker.domain.decide import decide
from worker.domain.decision import Decision, Finer, Lacking, Verdict
from worker.domain.event import HASH_VERSION, Event
from worker.domain.model import (
    Bucket,
    Cart,
    Catalogue,
    Guard,
    Level,
    LevelReservation,
    Order,
    ParkedEvent,
    SetKey,
    Snapshot,
    Transfer,
    Variant,
    WaitKind,
)
from worker.domain.needs import Needs, edited_variant_ids, item_ids_made, needs_of

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(days=7)
OWN: dict[str, type[Contract]] = {
    "cart.hold_expired": CartHoldExpired,
    "cart.hold_evacuated": CartHoldEvacuated,
    "location.evacuated": LocationEvacuated,
    "reservation.reallocated": ReservationReallocated,
    "variant.removed": VariantRemoved,
}
"""Events that the worker tells itself: here they are told in its place."""
ADAPTERS = {event_type: TypeAdapter[Any](contract) for event_type, contract in {**INPUTS, **OWN}.items()}

MOVING = (Outcome.APPLIED, Outcome.PARTIALLY_APPLIED, Outcome.ORDER_CANCELED)
"""A canceled order's placement ends its cart's hold."""
SHORT = (Outcome.PARTIALLY_APPLIED, Outcome.INSUFFICIENT_STOCK)

Key = tuple[str, str]
"""Source and id of an event."""


@dataclass
class State:
    """What rules read and change, as the database would hold it."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    levels: dict[int, dict[int, Level]] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    set_guards: dict[SetKey, Guard] = field(default_factory=dict)
    transfers: dict[str, Transfer] = field(default_factory=dict)
    carts: dict[str, Cart] = field(default_factory=dict)


@dataclass
class World:
    """A store in memory, batch after batch."""

    state: State = field(default_factory=State)
    answered: dict[Key, Verdict] = field(default_factory=dict)
    parked: dict[Key, ParkedEvent] = field(default_factory=dict)
    ledger: defaultdict[tuple[int, int], list[tuple[Bucket, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Every movement of a level, in the order of its versions."""
    nos: dict[tuple[str, str], int] = field(default_factory=dict)

    def tell(self, *told: Told) -> list[Verdict]:
        """Judge events as one batch, then all that it releases; gives what is told, in order."""
        return self.judge([event_of(one) for one in told])

    def judge(self, events: Sequence[Event]) -> list[Verdict]:
        """The same for decoded events. Those answered or parked before are redeliveries: nothing happens."""
        once = {key_of(event): event for event in events}
        batch = [event for key, event in once.items() if key not in self.answered and key not in self.parked]
        told: list[Verdict] = []
        while batch:
            decision = self._decided(batch)
            told += self._kept(decision)
            self._check()
            look_again = decision.provided | {
                verdict.waits_for: None
                for verdict in decision.verdicts
                if verdict.waits_for is not None and verdict.waits_for.kind is not WaitKind.ORDER
            }
            batch = [row.event for row in self.parked.values() if row.waits_for in look_again]
        return told

    # ── Locks and loads ────────────────────────────────────────────────────────────────────────────

    def _decided(self, batch: Sequence[Event]) -> Decision:
        needs = needs_of(batch)
        for order_id in needs.orders:
            needs.variant_ids.update(*(edited_variant_ids(row.event) for row in self._parked_of(order_id)))
        self._make_rows(batch, needs)
        redriven = {key: self.parked[key] for key in map(key_of, batch) if key in self.parked}
        reservations: dict[int, list[LevelReservation]] = {}
        counts = any(
            isinstance(event.data, StockSet | StockAdjusted | ReservationReallocated) for event in batch
        )
        for _ in range(2):
            # Only counts may find something lacking, and spoil what they decided on.
            state = deepcopy(self.state) if counts else self.state
            snapshot = self._snapshot(state, needs, reservations)
            decision = decide(batch, snapshot, redriven)
            if isinstance(decision, Lacking):
                reservations = {self._level_no(level): self._reservations(level) for level in decision.levels}
                continue
            assert not isinstance(decision, Finer), "shown on the database only"
            self._adopt(state, snapshot.catalogue)
            return decision
        raise AssertionError("what was lacking was given")

    def _make_rows(self, batch: Sequence[Event], needs: Needs) -> None:
        """Rows that the store creates and locks before it reads."""
        catalogue = self.state.catalogue
        catalogue.variant_nos = {one: self._no("variant", one) for one in needs.variant_ids_made}
        catalogue.location_nos = {one: self._no("location", one) for one in needs.location_ids_made}
        catalogue.channel_nos = {one: self._no("channel", one) for one in needs.channel_ids_made}
        made = (one for event in batch for one in item_ids_made(event, catalogue.items_by_sku))
        catalogue.item_nos = {one: self._no("item", one) for one in made}
        for cart_id in needs.cart_ids:
            self.state.carts.setdefault(cart_id, Cart(self._no("cart", cart_id), cart_id))
        for transfer_id in needs.transfer_ids:
            transfer = Transfer(self._no("transfer", transfer_id), transfer_id)
            self.state.transfers.setdefault(transfer_id, transfer)
        for order_id, events in needs.orders.items():
            if order_id not in self.state.orders:
                self.state.orders[order_id] = self._new_order(order_id, events)

    def _new_order(self, order_id: str, events: Sequence[Event]) -> Order:
        """A new order's row already says what its first placement says, applied or not."""
        order = Order(self._no("order", order_id), order_id, 0)
        for event in events:
            if isinstance(event.data, OrderPlaced):
                order.placement_hash = event.body_hash
                order.sales_channel_id = event.data.sales_channel_id
                order.strategy = event.data.strategy or Strategy.PRIORITY
                break
        return order

    def _snapshot(
        self, state: State, needs: Needs, reservations: dict[int, list[LevelReservation]]
    ) -> Snapshot:
        """No more of the state than the batch names."""
        whole = state.catalogue
        named = needs.variant_ids | needs.variant_ids_read
        view = Catalogue(
            items_by_id={one: item for one, item in whole.items_by_id.items() if one in needs.item_ids},
            items_by_sku={one: item for one, item in whole.items_by_sku.items() if one in needs.skus},
            variants={one: variant for one, variant in whole.variants.items() if one in named},
            locations=dict(whole.locations),
            channels=dict(whole.channels),
            items_gone={
                one: item
                for one, item in whole.items_gone.items()
                if one in whole.item_nos and one not in whole.items_by_id
            },
            item_nos=whole.item_nos,
            variant_nos=whole.variant_nos,
            location_nos=whole.location_nos,
            channel_nos=whole.channel_nos,
        )
        orders = {order_id: state.orders[order_id] for order_id in needs.orders}
        for order in orders.values():
            order.parked = self._parked_of(order.order_id)
        locked = {item.item_no for item in (*view.items_by_id.values(), *view.items_by_sku.values())}
        locked |= set(view.item_nos.values())
        carts = {
            one: cart for one, cart in state.carts.items() if one in needs.cart_ids | needs.cart_ids_read
        }
        locked |= {held.level.item.item_no for one in needs.cart_ids for held in carts[one].holds}
        transfers = {one: state.transfers[one] for one in needs.transfer_ids}
        locked |= {item_no for transfer in transfers.values() for item_no in transfer.lines}
        locked |= _items_of(view, needs.variant_ids)
        for order in orders.values():
            for line in order.lines:
                locked |= {part.item.item_no for part in line.recipe.parts} if line.recipe else set()
        read = locked | _items_of(view, needs.variant_ids_read)
        links = {
            item_no: {one.variant_id for one in whole.variants.values() if item_no in _items_of_one(one)}
            for item_no in _items_of(whole, needs.variant_ids_deleted)
        }
        return Snapshot(
            now=NOW,
            parked_deadline=UNTIL,
            catalogue=view,
            orders=orders,
            levels={item_no: state.levels.get(item_no, {}) for item_no in read},
            items_locked=frozenset(locked),
            set_guards=state.set_guards,
            reservations_by_level=reservations,
            carts=carts,
            transfers=transfers,
            links=links,
        )

    def _parked_of(self, order_id: str) -> list[ParkedEvent]:
        return [row for row in self.parked.values() if getattr(row.event.data, "order_id", None) == order_id]

    def _reservations(self, level: Level) -> list[LevelReservation]:
        """Newest order last, as the store reads them."""
        found = [
            LevelReservation(order.order_no, order.order_id, line.line_item_id, one.quantity)
            for order in self.state.orders.values()
            for line in order.lines
            for one in line.reservations
            if one.level.level_no == level.level_no and one.quantity
        ]
        found.sort(key=lambda one: one.order_no or 0)
        return found + [
            LevelReservation(None, None, held.line_item_id, held.quantity, cart.cart_id)
            for cart in self.state.carts.values()
            for held in cart.holds
            if held.level.level_no == level.level_no
        ]

    # ── Writes ─────────────────────────────────────────────────────────────────────────────────────

    def _adopt(self, state: State, view: Catalogue) -> None:
        """Keep what the rules changed in the working copies."""
        whole = state.catalogue
        for item_id in view.items_gone.keys() - view.items_by_id.keys():
            whole.items_by_id.pop(item_id, None)
        for name in ("items_gone", "items_by_id", "variants", "locations", "channels"):
            getattr(whole, name).update(getattr(view, name))
        whole.items_by_sku = {item.sku: item for item in whole.items_by_id.values() if item.sku}
        self.state = state

    def _kept(self, decision: Decision) -> list[Verdict]:
        """Write the decision; gives the verdicts that are told."""
        told = []
        for level in decision.levels_new:
            self.state.levels.setdefault(level.item.item_no, {})[level.location.location_no] = level
            level.level_no = self._level_no(level)
        for movement in decision.movements:
            ledger = self.ledger[_place(movement.level)]
            ledger.append((movement.bucket, movement.delta))
            assert movement.version == len(ledger), "one movement a version"
            assert decision.verdicts[movement.verdict_no].outcome in MOVING
            assert movement.level in decision.levels_changed
        for verdict in decision.verdicts:
            if self._settled(verdict):
                told.append(verdict)
                check_contract(verdict)
        for order in self.state.orders.values():
            for line in order.lines:
                line.reservations = [one for one in line.reservations if one.quantity]
                for one in line.reservations:
                    one.stored = one.quantity
        return told

    def _settled(self, verdict: Verdict) -> bool:
        """Write an event's inbox and parked rows; whether its verdict is told."""
        key = key_of(verdict.event)
        assert key not in self.answered, "one final answer an event"
        assert verdict.released == (key in self.parked)
        if verdict.waits_for is not None and verdict.superseded:
            return not verdict.released
        if verdict.waits_for is not None:
            arrival = self.parked[key].arrival if verdict.released else self._no("parked", str(key))
            assert verdict.until == UNTIL
            self.parked[key] = ParkedEvent(verdict.event, arrival, verdict.waits_for, UNTIL)
            return not verdict.released
        self.parked.pop(key, None)
        self.answered[key] = verdict
        return True

    def _no(self, kind: str, name: str) -> int:
        """The number of a row, given once and in order."""
        return self.nos.setdefault((kind, name), len(self.nos) + 1)

    def _level_no(self, level: Level) -> int:
        return self._no("level", f"{level.item.item_no} {level.location.location_no}")

    # ── What must hold ─────────────────────────────────────────────────────────────────────────────

    def levels(self) -> Iterator[Level]:
        """All levels."""
        for at in self.state.levels.values():
            yield from at.values()

    def _check(self) -> None:
        held: defaultdict[tuple[int, int], int] = defaultdict(int)
        for order in self.state.orders.values():
            for line in order.lines:
                self._check_line(order, line.line_item_id)
                for one in line.reservations:
                    assert one.quantity > 0
                    held[_place(one.level)] += one.quantity
        for cart in self.state.carts.values():
            assert bool(cart.holds) == (cart.expires_at is not None)
            assert not (cart.holds and cart.order_id)
            for hold in cart.holds:
                assert hold.quantity > 0
                held[_place(hold.level)] += hold.quantity
        for level in self.levels():
            assert level.reserved == held[_place(level)], "I1: reserved is the sum of reservations and holds"
            assert min(level.stocked, level.reserved, level.incoming, level.damaged, level.quarantined) >= 0
            assert level.reserved <= level.stocked + level.shortfall, "I2: nothing is oversold"
            assert level.shortfall == max(0, level.reserved - level.stocked)
            ledger = self.ledger[_place(level)]
            assert level.version == len(ledger)
            for bucket in Bucket:
                total = sum(delta for its_bucket, delta in ledger if its_bucket is bucket)
                if bucket is not Bucket.DISCARDED:
                    assert total == getattr(level, bucket.name.lower()), "I4: the ledger is the level"

    def _check_line(self, order: Order, line_item_id: str) -> None:
        """I3, I8: what a line holds and shipped is what was ordered of the frozen recipe."""
        line = next(one for one in order.lines if one.line_item_id == line_item_id)
        assert 0 <= line.returned_micro <= line.shipped_micro
        assert order.edited or line.shipped_micro <= line.quantity_micro
        for part in line.recipe.parts if line.recipe else ():
            held = sum(
                one.quantity for one in line.reservations if one.level.item.item_no == part.item.item_no
            )
            wanted = order.open_micro(line) * part.required
            assert held * 1_000_000 <= wanted, "a line holds no more than has not been shipped"
            if order.policy is not Policy.PARTIAL:
                assert held * 1_000_000 == wanted, "a line holds what has not been shipped"


def key_of(event: Event) -> Key:
    return event.source, event.event_id


def event_of(told: Told) -> Event:
    """The event as a decoder gives it."""
    body_hash = sha256(told.type.encode() + orjson.dumps(told.data, option=orjson.OPT_SORT_KEYS)).digest()
    data = ADAPTERS[told.type].validate_python(told.data)
    versioned = bytes([HASH_VERSION]) + body_hash[:15]
    return Event(told.source, told.id, EventType(told.type), told.time, data, versioned)


def check_contract(verdict: Verdict) -> None:
    """All that is told keeps its published contract, and can be encoded."""
    event = verdict.event
    answer = {
        "type": event.type.value,
        "cause_id": event.event_id,
        "cause_source": event.source,
        "outcome": verdict.outcome.value,
        "final": verdict.outcome.is_final,
        **({"reason": verdict.reason.value} if verdict.reason else {}),
        **verdict.answer,
    }
    told = [(Output.RESULTS, answer), *((Output.ALERTS, alert) for alert in verdict.alerts)]
    told += [(Output.INSUFFICIENT, verdict.insufficient)] if verdict.insufficient else []
    for output, value in told:
        OUTPUTS[output.event_type].validate_json(orjson.dumps(value))
    if "transfer_id" not in verdict.answer:
        assert (verdict.insufficient is not None) == (verdict.outcome in SHORT)
    assert (verdict.reason is not None) == (verdict.outcome is Outcome.DEAD_LETTERED)
    assert (verdict.waits_for is not None) == (verdict.outcome is Outcome.PARKED)


def _place(level: Level) -> tuple[int, int]:
    return level.item.item_no, level.location.location_no


def _items_of(catalogue: Catalogue, variant_ids: set[str]) -> set[int]:
    known = [catalogue.variants[one] for one in variant_ids if one in catalogue.variants]
    return {item_no for variant in known for item_no in _items_of_one(variant)}


def _items_of_one(variant: Variant) -> set[int]:
    return {part.item.item_no for part in variant.recipe.parts} if variant.recipe else set()
