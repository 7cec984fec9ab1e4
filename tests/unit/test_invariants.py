"""What holds after every event, whatever the events (reference I1-I10), shown on random sequences.

The world checks I1-I4 and I8 after every batch: reserved is the sum of reservations, nothing is oversold, a
line holds exactly what it has not shipped, the ledger is the level.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.orders import OrderPlaced, Policy, Strategy
from schemas.outcome import Outcome
from tests import lifecycles
from tests.lifecycles import histories
from tests.scenarios import BUCKETS, Scenario, Told, told
from tests.unit.world import NOW, UNTIL, World, event_of
from worker.domain.allocate import Route
from worker.domain.books import Books
from worker.domain.decision import Verdict
from worker.domain.model import Snapshot
from worker.domain.orders import _holds_undivided, _LineTerms, frozen_lines
from worker.domain.placement import Granted, asked_of, grant

BEFORE = """
    cup: A 6, B 5
    tea (2 places): A 3.50, C 2
    pack = 3 cup
    box = 1 cup + 0.25 tea
    gift: unmanaged
"""
"""Every item has a level: what waits for the catalogue is released between batches, not within them."""


@cache
def _prepared(before: str) -> World:
    made = World()
    for one in Scenario("before", "", before).setup:
        made.tell(one)
    made.answered.clear()  # nobody asks again, and copies are quicker without
    return made


def prepared(before: str) -> World:
    return deepcopy(_prepared(before))


def world() -> World:
    return prepared(BEFORE)


# ── Random events ──────────────────────────────────────────────────────────────────────────────────────


def one_of(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words)


orders = one_of("o1", "o1", "o2")
quantities = one_of("1", "1", "2", "3")
managed = st.builds("{} {}".format, quantities, one_of("cup", "pack", "box"))
others = one_of("0.5 tea", "1.25 tea", "2 tea", "1 gift")
firm = st.builds("{}{}".format, managed | others, one_of("", "", "", " @A", " @B"))
carried = st.lists(managed | others, min_size=1, max_size=2).map(", ".join)
ordered = st.lists(firm, min_size=1, max_size=2).map(", ".join)
shipped = st.builds("{} {}".format, one_of("L1", "L1", "L2"), quantities)
returned = st.builds("{} {}".format, shipped, one_of("", "", "damaged", "quarantined", "discarded"))
counts = st.integers(0, 8)
differences = st.integers(-4, 4).filter(bool)
guards = one_of("", "", "version=1", "version=2", "time=1", "time=2")
strategies = one_of("priority", "most_available", "fewest_splits", "random", "nearest")
facts = one_of("f1", "f2", "f3")
moved = one_of("", "1", "2 of cup")

policies = one_of("", "", " policy=partial", " policy=backorder")
carts = one_of("c1", "c2")
of_carts = one_of("", "", " cart_id=c1", " cart_id=c2")
sent = one_of("", " destination=1,1")
placed_events = st.builds(
    "place {}: {} strategy={}{}{}{}".format, orders, ordered, strategies, policies, of_carts, sent
)
shipped_events = st.builds("ship {}/{}: {} {}".format, orders, facts, shipped, one_of("", "from A", "from B"))
shipped_whole_events = st.builds("ship {}/{} {}".format, orders, facts, one_of("", "from A", "from B"))
returned_events = st.builds("return {}/{}: {} {}".format, orders, facts, returned, one_of("", "to A", "to C"))
edited = st.lists(
    st.builds(
        "{} {}{}".format, one_of("0", "1", "2", "3"), one_of("cup", "pack", "box"), one_of("", "", " @B")
    ),
    min_size=1,
    max_size=3,
).map(", ".join)
edited_events = st.builds(
    "edit {}: {} {}".format, orders, edited, one_of("", "version=1", "version=2", "version=3")
)
unshipped_events = st.builds("unship {}/{}".format, orders, facts)
canceled_events = st.builds("cancel {}{}".format, orders, one_of("", ": L1", ": L2", ": L1 L2"))
moved_events = st.builds(
    "move {}/{}: {} {} to {}".format, orders, one_of("L1", "L1", "L2"), moved, one_of(*"AAB"), one_of(*"ABC")
)
set_events = st.builds(
    "set cup {} {} {} {}".format,
    one_of(*"AB"),
    counts,
    one_of("stocked", "available", "damaged", "incoming"),
    guards,
)
adjusted_events = st.builds("adjust cup {} {}".format, one_of(*"ABC"), differences)
broken_events = st.builds(
    "adjust cup A -{} {} to_bucket={}".format, quantities, one_of("stocked", "damaged"), one_of("quarantined")
)
received_events = st.builds(
    "receive cup {} {} {}".format,
    one_of(*"ABC"),
    quantities,
    one_of("", "from_incoming=1", "from_incoming=false"),
)
cart_events = st.builds("cart {}: {}{}".format, carts, carried, one_of("", " hold=60", " hold=60"))
ended_events = st.builds("release {}".format, carts) | st.builds(
    "expire {} generation={}".format, carts, one_of("1", "1", "2")
)
channel_events = st.builds(
    "channel web: {} {}".format,
    one_of("A B C", "C B A"),
    one_of("", "safety_stock=1.5", "low_stock_threshold=3"),
)
location_events = st.builds(
    "location {} updated at={},1 priority={}".format, one_of(*"ABC"), one_of("0", "1", "2"), one_of("0", "1")
)

event_lines = st.one_of(
    placed_events,
    shipped_events,
    shipped_events,
    shipped_whole_events,
    returned_events,
    returned_events,
    moved_events,
    moved_events,
    canceled_events,
    unshipped_events,
    unshipped_events,
    edited_events,
    edited_events,
    set_events,
    adjusted_events,
    broken_events,
    received_events,
    cart_events,
    cart_events,
    ended_events,
    channel_events,
    location_events,
)


@st.composite
def event_lists(draw: st.DrawFn) -> list[Told]:
    """A few events, most of them about an order that is placed first."""
    first = draw(
        one_of("place o1: 4 cup, 2 box", "place o1: 8 cup", "place o1: 3 pack", "cart c1: 9 cup hold=60")
    )
    texts = [first, *draw(st.lists(event_lines, min_size=6, max_size=16))]
    return [told(text, f"e{number}") for number, text in enumerate(texts, 1)]


def answers(verdicts: Sequence[Verdict]) -> list[Any]:
    return [(verdict.event.event_id, verdict.outcome, verdict.answer, verdict.alerts) for verdict in verdicts]


# ── What holds ─────────────────────────────────────────────────────────────────────────────────────────


@given(event_lists())
def test_every_event_leaves_the_books_true(events: list[Told]) -> None:
    made = world()
    for event in events:
        made.tell(event)
    assert {event.id for event in events} <= {one for _, one in made.answered.keys() | made.parked.keys()}


@given(event_lists(), st.data())
def test_batches_answer_as_single_events_do(events: list[Told], data: st.DataObject) -> None:
    one_by_one, in_batches = world(), world()
    separate = [answer for event in events for answer in one_by_one.tell(event)]
    together: list[Verdict] = []
    while events:
        size = data.draw(st.integers(1, len(events)))
        together += in_batches.tell(*events[:size])
        events = events[size:]
    assert answers(together) == answers(separate)
    assert in_batches.ledger == one_by_one.ledger


@given(event_lists())
def test_any_event_again_changes_nothing(events: list[Told]) -> None:
    """I5: the same id is a redelivery; placement, fulfilment, return under a new id were applied before."""
    made = world()
    made.tell(*events)
    ledger = deepcopy(made.ledger)
    assert made.tell(*events) == []
    for number, event in enumerate(events):
        first = made.answered.get((event.source, event.id))
        once_only = event.type in ("order.placed", "order.fulfilled", "order.returned")
        if first is not None and first.outcome is Outcome.APPLIED and once_only:
            (again,) = made.tell(replace(event, id=f"again-{number}"))
            assert again.outcome is Outcome.ALREADY_APPLIED
    assert made.ledger == ledger


@given(event_lists(), carried)
def test_what_a_cart_confirms_the_next_order_gets(events: list[Told], wanted: str) -> None:
    """I10, both ways."""
    made = world()
    made.tell(*events)
    (cart,) = made.tell(told(f"cart ask: {wanted}", "ask"))
    (placed,) = made.tell(told(f"place asked: {wanted}", "asked"))
    assert placed.outcome == cart.outcome
    if cart.outcome is Outcome.INSUFFICIENT_STOCK:
        assert cart.answer["short_lines"] == placed.answer["short_lines"]


rivals = st.lists(
    st.one_of(
        placed_events,
        placed_events,
        cart_events,
        ended_events,
        shipped_events,
        returned_events,
        moved_events,
        canceled_events,
        unshipped_events,
        edited_events,
    ),
    max_size=8,
)
"""What others do that takes away no stock but their own."""


@given(event_lists(), carried, rivals)
def test_what_is_held_for_a_cart_its_order_gets(events: list[Told], wanted: str, others: list[str]) -> None:
    """Unless the goods left: orders ship what they hold, also where others hold what is there."""
    made = world()
    made.tell(*events)
    (cart,) = made.tell(told(f"cart mine: {wanted} hold=60", "mine"))
    made.tell(*(told(text, f"r{number}") for number, text in enumerate(others)))
    held = made.state.carts["mine"].holds
    are_there = all(
        sum(one.quantity for one in held if one.level is level) <= level.stocked for _, level, _ in held
    )
    if cart.outcome is Outcome.APPLIED and are_there:
        (placed, *_) = made.tell(told(f"place own: {wanted} cart_id=mine", "own"))
        assert placed.outcome is Outcome.APPLIED


@given(event_lists(), ordered)
def test_an_order_is_reserved_whole_or_not_at_all(events: list[Told], wanted: str) -> None:
    """I6."""
    made = world()
    made.tell(*events)
    before = sum(level.reserved for level in made.levels())
    (placed, *_) = made.tell(told(f"place asked: {wanted}", "asked"))
    reserved = sum(level.reserved for level in made.levels()) - before
    (order,) = (order for order in made.state.orders.values() if order.order_id == "asked")
    demanded = sum(
        line.quantity_micro * part.required // 1_000_000
        for line in order.lines
        for part in (line.recipe.parts if line.recipe else ())
    )
    assert reserved == demanded
    assert bool(order.lines) == (placed.outcome is Outcome.APPLIED)


@given(event_lists(), ordered, st.sampled_from(Policy))
def test_the_quick_way_places_as_the_careful_way_does(
    events: list[Told], wanted: str, policy: Policy
) -> None:
    made = world()
    made.tell(*events)
    placed, state = event_of(told(f"place asked: {wanted}", "asked")).data, made.state
    assert isinstance(placed, OrderPlaced)
    locked = frozenset(state.levels)
    books = Books(Snapshot(NOW, UNTIL, state.catalogue, {}, state.levels, locked, {}, {}))
    terms = _LineTerms({}, set())
    lines = frozen_lines(books, placed.lines, terms)
    assert isinstance(lines, list)
    channel = state.catalogue.channels["web"]
    quick = None if terms.firm or channel.safety_stock_micro else _holds_undivided(books, channel, lines)
    if quick is not None:
        asked = [
            asked_of(books, channel, line, line.quantity_micro, policy, None) for line in lines if line.recipe
        ]
        assert grant(books, channel, asked, Route(Strategy.PRIORITY, "asked")) == Granted(quick, [], [])


# ── Any order of arrival ───────────────────────────────────────────────────────────────────────────────

LIFECYCLES = {
    "one location": [
        "place o1: 3 cup, 2 box",
        "ship o1/f1: L1 2, L2 1",
        "ship o1/f2: L1 1",
        "return o1/r1: L1 2",
        "return o1/r2: L2 1 damaged",
    ],
    "two locations, each fact naming its own": [
        "place o1: 3 cup, 2 gift",
        "ship o1/f1: L1 2, L2 1 from B",
        "ship o1/f2: L1 1 from A",
        "return o1/r1: L1 3, L2 1 to C",
        "move o1/L1: 1 B to A",
    ],
    "moves": [
        "place o1: 3 cup",
        "move o1/L1: 2 A to B",
        "move o1/L1: 1 B to C",
        "set cup C 4",
    ],
    "canceled, what had not left": [
        "place o1: 3 cup, 2 box",
        "ship o1/f1: L1 2, L2 1",
        "return o1/r1: L1 1",
        "cancel o1: L2",
        "cancel o1",
    ],
    "edited, and shipped by the edits": [
        "place o1: 1 cup, 1 box",
        "edit o1: 2 cup, 1 box, 1 gift version=2",
        "edit o1: 2 cup, 2 box, 0 gift version=3",
        "ship o1/f1: L1 2, L2 2 order_version=3",
        "return o1/r1: L1 1",
    ],
    "edited, and canceled by lines": [
        "place o1: 3 cup, 1 box",
        "edit o1: 2 cup, 2 box version=2",
        "edit o1: 1 cup, 2 box, 1 cup version=3",
        "cancel o1: L2",
        "ship o1/f1: L1 1",
    ],
    "shipments undone": [
        "place o1: 3 cup, 1 box",
        "ship o1/f1: L1 2",
        "unship o1/f1",
        "ship o1/f2: L2 1",
        "return o1/r1: L2 1",
    ],
    "shipments undone, and canceled": [
        "place o1: 3 cup",
        "ship o1/f1: L1 2",
        "unship o1/f1",
        "cancel o1",
        "ship o1/f2: L1 1",
    ],
    "waiting for stock": [
        "place o1: 17 cup ship_date=2026-05-01",
        "edit o1: 19 cup version=2",
        "ship o1/f1: L1 4 from A",
        "return o1/r1: L1 1",
        "cancel o1",
    ],
    "waiting for stock, undone": [
        "place o1: 16 cup, 1 box policy=backorder",
        "ship o1/f1: L1 2 from B",
        "unship o1/f1",
        "cancel o1: L2",
    ],
    "served in part": [
        "place o1: 20 cup, 1 gift policy=partial",
        "ship o1/f1: L1 3, L2 1 from B",
        "return o1/r1: L1 2 to B",
        "edit o1: 12 cup, 1 gift version=2",
    ],
    "told twice, and more than there is": [
        "place o1: 2 cup",
        "place o1: 2 cup",
        "ship o1/f1: L1 2",
        "return o1/r1: L1 1",
        "return o1/r2: L1 1",
    ],
}


@pytest.mark.parametrize("lifecycle", LIFECYCLES)
def test_every_order_of_arrival_ends_alike(lifecycle: str) -> None:
    ends = set()
    for order in permutations(LIFECYCLES[lifecycle]):
        made = world()
        made.tell(told("set cup C 4", "stock"))
        for text in order:
            made.tell(told(text, text))
        ends.add(
            tuple(
                sorted(
                    (level.item.inventory_item_id, level.location.location_id, level.stocked, level.reserved)
                    for level in made.levels()
                )
            )
        )
        assert not made.parked
    assert len(ends) == 1


@given(histories(), st.data())
def test_whole_lifecycles_end_alike_in_every_order_of_arrival(
    told_in_order: list[Told], data: st.DataObject
) -> None:
    in_order, shuffled = prepared(lifecycles.BEFORE), prepared(lifecycles.BEFORE)
    for event in told_in_order:
        in_order.tell(event)
    mixed = data.draw(st.permutations(told_in_order))
    while mixed:
        size = data.draw(st.integers(1, len(mixed)))
        shuffled.tell(*mixed[:size])
        mixed = mixed[size:]
    assert not in_order.parked
    assert not shuffled.parked
    refused = {one.outcome for one in in_order.answered.values()}
    assert refused <= {Outcome.APPLIED, Outcome.ALREADY_APPLIED}
    assert end_of(shuffled) == end_of(in_order)


def end_of(made: World) -> tuple[Any, ...]:
    """What is there in the end: levels without their versions, and what every line holds and had."""
    levels = sorted(
        (one.item.inventory_item_id, one.location.location_id, *(getattr(one, name) for name in BUCKETS))
        for one in made.levels()
    )
    lines = sorted(
        (
            order.order_id,
            line.line_item_id,
            line.shipped_micro,
            line.returned_micro,
            sorted((one.level.item.inventory_item_id, one.quantity) for one in line.reservations),
        )
        for order in made.state.orders.values()
        for line in order.lines
        if line.shipped_micro or line.reservations
    )
    return levels, lines
