"""What holds of policies, of what is kept back, and of thresholds, whatever happened before.

The world checks the books after every event (I1-I4, I8), as in tests.unit.test_invariants.
"""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from schemas.outcome import Outcome
from tests.scenarios import Told, told
from tests.unit.test_invariants import counts, event_lines, one_of, prepared, quantities
from tests.unit.world import World
from worker.domain.books import held_units
from worker.domain.decision import Json, Verdict
from worker.domain.model import Line

BEFORE = """
    cup: A 6, B 5
    tea (2 places): A 3.50, C 2
    pack = 3 cup
    box = 1 cup + 0.25 tea
    gift: unmanaged
"""
PATIENT = (
    "variant late sku=cup allow_backorder=true",
    "variant some sku=cup allow_backorder=true backorder_limit=2",
)


def world() -> World:
    made = prepared(BEFORE)
    for number, text in enumerate(PATIENT):
        made.tell(told(text, f"patient{number}"))
    return made


level_lines = st.builds(
    "set cup {} {} {}".format, one_of(*"AB"), counts, one_of("safety_stock=2", "backorder_limit=1", "")
)
events = st.lists(event_lines | level_lines, min_size=1, max_size=12).map(
    lambda texts: [told(text, f"e{number}") for number, text in enumerate(texts)]
)
carried = st.lists(
    st.builds("{} {}".format, quantities, one_of("cup", "pack", "box", "late", "some", "late", "some")),
    min_size=1,
    max_size=3,
).map(", ".join)


@given(events, carried)
def test_what_a_cart_confirms_the_next_order_gets_also_where_lines_may_wait(
    happened: list[Told], wanted: str
) -> None:
    """I10, both ways: with safety stock of levels and channels, and with what may wait up to its limits."""
    made = world()
    made.tell(*happened)
    (cart,) = made.tell(told(f"cart ask: {wanted}", "ask"))
    (placed,) = made.tell(told(f"place asked: {wanted}", "asked"))
    assert placed.outcome == cart.outcome
    assert cart.answer.get("short_lines") == placed.answer.get("short_lines")


@given(events, st.integers(1, 9), one_of("cup", "pack", "box"))
def test_an_order_served_in_part_gets_what_a_cart_is_told_and_leaves_nothing(
    happened: list[Told], wanted: int, variant: str
) -> None:
    made = world()
    made.tell(*happened)
    (cart,) = made.tell(told(f"cart ask: {wanted} {variant}", "ask"))
    confirmed = cart.answer["lines"][0]["available"]
    (placed,) = made.tell(told(f"place asked: {wanted} {variant} policy=partial", "asked"))
    assert sum(map(_kits_held, made.state.orders["asked"].lines)) == min(wanted, confirmed)
    if placed.outcome is not Outcome.APPLIED:
        more, *_ = made.tell(told(f"place more: 1 {variant} policy=partial", "more"))
        assert more.outcome is Outcome.INSUFFICIENT_STOCK


def _kits_held(line: Line) -> int:
    """How many whole units of its variant a line holds: of every part as many as they take."""
    assert line.recipe is not None
    kits = {held_units(line, part.item) / part.required for part in line.recipe.parts}
    assert len(kits) == 1
    return int(kits.pop())


@given(st.lists(event_lines, max_size=12), st.integers(1, 9))
def test_an_order_that_may_wait_gets_all_and_waits_for_what_a_cart_is_not_told(
    texts: list[str], wanted: int
) -> None:
    made = world()
    made.tell(*(told(text, f"e{number}") for number, text in enumerate(texts)))
    (cart,) = made.tell(told(f"cart ask: {wanted} cup", "ask"))
    confirmed = cart.answer["lines"][0]["available"]
    (placed,) = made.tell(told(f"place asked: {wanted} cup policy=backorder", "asked"))
    assert placed.outcome is Outcome.APPLIED
    (line,) = placed.answer["lines"]
    assert _units(line["reservations"]) == wanted
    assert _units(line.get("waiting", ())) == max(0, wanted - confirmed)


def _units(places: Iterable[Json]) -> int:
    return sum(one["quantity"] for one in places)


@given(events)
def test_out_of_stock_and_back_in_stock_are_told_in_turn_and_end_on_what_is(happened: list[Told]) -> None:
    """Once per crossing, at every level that was there and over the channel (DESIGN §4 rule 9)."""
    made = world()
    before = _in_stock(made)
    verdicts = made.tell(*happened)
    after = _in_stock(made)
    for place, was in before.items():
        there = was
        for kind in _crossings(verdicts, *place):
            assert there is (kind == "out_of_stock"), f"{place}: told {kind} twice"
            there = not there
        assert there is after[place]


def _in_stock(made: World) -> dict[tuple[str, str], bool]:
    """(item, location or channel) -> whether anything is available; the channel sells from everywhere."""
    found: dict[tuple[str, str], bool] = {}
    for level in made.levels():
        item = level.item.inventory_item_id
        found[item, level.location.location_id] = level.available > 0
        found[item, "web"] = found.get((item, "web"), False) or level.available > 0
    return found


def _crossings(verdicts: Iterable[Verdict], item: str, place: str) -> list[str]:
    return [
        alert["kind"]
        for verdict in verdicts
        for alert in verdict.alerts
        if alert["inventory_item_id"] == item
        and alert["kind"] in ("out_of_stock", "back_in_stock")
        and place == (alert["location_id"] or alert["sales_channel_id"])
    ]
