"""What holds of stock whatever happens to it: transfers, variants that change, locations that go.

The world checks the books after every event (I1-I4, I8), as in tests.unit.test_invariants.
"""

from hypothesis import given
from hypothesis import strategies as st

from schemas.outcome import Outcome
from tests.scenarios import Told, told
from tests.unit.test_invariants import counts, event_lines, one_of, orders, prepared, quantities
from tests.unit.world import World
from worker.domain.availability import free
from worker.domain.model import Line

BEFORE = """
    cup: A 9, B 5, C 0
    tea (2 places): A 3.50, C 2
    pack = 3 cup
    box = 1 cup + 0.25 tea
    gift: unmanaged
"""


def world() -> World:
    return prepared(BEFORE)


# ── Random events ──────────────────────────────────────────────────────────────────────────────────────

transfers = one_of("t1", "t1", "t2", "t3")
routes = one_of("A to B", "B to A", "A to C", "C to B")
carried = st.builds("{} cup".format, quantities) | one_of(
    "0.75 tea", "2 tea", "1 cup, 1.25 tea", "2 cup, 1 cup"
)
closed = one_of("", "", "closed=true")

shipped = st.builds("transfer {}: {} from {}".format, transfers, carried, routes)
arrived = st.builds("arrive {}: {} {}".format, transfers, carried, closed)
arrived_whole = st.builds("arrive {} {}".format, transfers, closed)
nothing_arrived = st.builds("arrive {}: nothing closed=true".format, transfers)
transfer_lines = st.one_of(shipped, shipped, arrived, arrived, arrived_whole, nothing_arrived)

variant_lines = one_of(
    "variant pack updated = 2 cup",
    "variant pack updated = 1 cup + 0.5 tea",
    "variant cup updated sku=cup low_stock_threshold=3",
    "variant cup updated sku=cup manage_inventory=false",
    "variant box deleted",
    "variant cup deleted",
    "variant cup sku=cup",
    "remove cup",
)
location_lines = one_of("location B deleted", "location C updated roles=ships", "location C updated")
own_lines = st.builds("evacuate {} from B".format, orders) | st.builds("reallocate {}".format, orders)
count_lines = st.builds("set cup {} {}".format, one_of(*"ABC"), counts)

all_lines = st.one_of(
    event_lines, event_lines, transfer_lines, variant_lines, location_lines, own_lines, own_lines, count_lines
)


def events_of(lines: st.SearchStrategy[str], first: str = "") -> st.SearchStrategy[list[Told]]:
    texts = st.lists(lines, min_size=4, max_size=16)
    return texts.map(
        lambda more: [told(text, f"e{n}") for n, text in enumerate(filter(None, [first, *more]), 1)]
    )


# ── What holds ─────────────────────────────────────────────────────────────────────────────────────────


@given(events_of(all_lines, "place o1: 4 cup, 2 box"))
def test_every_event_leaves_the_books_true(events: list[Told]) -> None:
    made = world()
    for event in events:
        made.tell(event)
    assert {event.id for event in events} <= {one for _, one in made.answered.keys() | made.parked.keys()}


@given(events_of(transfer_lines))
def test_goods_that_travel_are_neither_lost_nor_made(events: list[Told]) -> None:
    """Stocked and on its way is what there was, more what came over, less what is missing for good."""
    made = world()
    before = _units(made)
    for event in events:
        made.tell(event)
    over, missing, on_the_way = 0, 0, 0
    for transfer in made.state.transfers.values():
        for line in transfer.lines.values():
            over += max(0, line.received - line.shipped)
            missing += max(0, line.shipped - line.received) if transfer.closed else 0
            on_the_way += transfer.in_transit(line)
    assert _units(made) == before + over - missing
    assert sum(level.incoming for level in made.levels()) == on_the_way


@given(
    st.lists(arrived.map(lambda text: text.replace("t2", "t1").replace("t3", "t1")), max_size=5), st.data()
)
def test_a_shipment_and_its_receipts_end_alike_in_every_order(parts: list[str], data: st.DataObject) -> None:
    """But for those that say "all that is left": it is what is left by then."""
    texts = ["transfer t1: 4 cup, 2 tea from A to B", *parts]
    ends = []
    for order in (range(len(texts)), data.draw(st.permutations(range(len(texts))))):
        made = world()
        for number in order:
            made.tell(told(texts[number], f"e{number}"))
        lines = made.state.transfers["t1"].lines
        ends.append(
            (
                sorted((level.item.item_no, level.stocked, level.incoming) for level in made.levels()),
                sorted((item_no, line.shipped, line.received) for item_no, line in lines.items()),
                made.state.transfers["t1"].closed,
            )
        )
    assert ends[0] == ends[1]


@given(events_of(event_lines, "place o1: 4 cup, 2 box"))
def test_an_evacuated_order_holds_as_much_as_before_and_nothing_where_there_was_room_elsewhere(
    events: list[Told],
) -> None:
    made = world()
    made.tell(*events)
    made.tell(told("location A deleted", "deleted"))
    for number, order in enumerate(made.state.orders.values()):
        held = {(line.line_no, item) for line in order.lines for item in _held(line)}
        answer, *released = made.tell(told(f"evacuate {order.order_id} from A", f"own{number}"))
        if released or answer.outcome is not Outcome.APPLIED:
            continue
        assert {(line.line_no, item) for line in order.lines for item in _held(line)} == held
        for line in order.lines:
            for one in line.reservations:
                if one.level.location.location_id == "A" and one.quantity:
                    there = made.state.levels[one.level.item.item_no].values()
                    assert not any(free(level) for level in there if level.location.location_id != "A")


def _units(made: World) -> int:
    """All that is stocked and on its way, of all items."""
    return sum(level.stocked + level.incoming for level in made.levels())


def _held(line: Line) -> list[tuple[int, int]]:
    """What a line holds of each item, over all locations."""
    held: dict[int, int] = {}
    for one in line.reservations:
        held[one.level.item.item_no] = held.get(one.level.item.item_no, 0) + one.quantity
    return list(held.items())
