"""What changes places when a file is shuffled, and what keeps its order."""

import json
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from worker.dev.event_lines import LineRecord, parse_lines
from worker.dev.shuffle import segments, shuffled

PLACED, UPDATED, CANCELED = "order.placed", "order.updated", "order.canceled"
FULFILLED, RETURNED, MOVED = "order.fulfilled", "order.returned", "reservation.moved"


def records(*events: tuple[str, Mapping[str, object]]) -> list[LineRecord]:
    lines = [json.dumps({"type": type_name, "data": data}).encode() for type_name, data in events]
    return list(parse_lines(lines, "f"))


def order(records: list[LineRecord]) -> list[int]:
    return [record.line_no for record in records]


def test_segments_end_at_catalogue_and_stock_events() -> None:
    told = records(
        ("variant.created", {}),
        ("stock.set", {}),
        (PLACED, {"order_id": "1"}),
        ("cart.validated", {"cart_id": "1"}),
        ("stock.adjusted", {}),
        (FULFILLED, {"order_id": "1"}),
        ("no.such", {}),
    )
    assert [order(segment) for segment in segments(told)] == [[1], [2], [3, 4], [5], [6], [7]]


def test_the_same_seed_gives_the_same_order_and_another_another() -> None:
    told = records(*[(PLACED, {"order_id": str(n)}) for n in range(30)])
    assert order(shuffled(told, 5)) == order(shuffled(told, 5))
    assert order(shuffled(told, 5)) != order(shuffled(told, 6))
    assert sorted(order(shuffled(told, 5))) == order(told)
    assert order(shuffled(told, 5)) != order(told)


def test_facts_may_come_before_their_order() -> None:
    told = records(
        (PLACED, {"order_id": "1"}),
        (FULFILLED, {"order_id": "1", "fulfillment_id": "f"}),
        (RETURNED, {"order_id": "1", "return_id": "r"}),
    )
    assert {tuple(order(shuffled(told, seed))) for seed in range(60)} == {
        (1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1),
    }  # fmt: skip


def kept(seed: int, *events: tuple[str, Mapping[str, object]]) -> bool:
    """Whether the first two of the events keep their order among many others."""
    others = [(PLACED, {"order_id": f"other-{n}"}) for n in range(5)]
    places = order(shuffled(records(*events, *others), seed))
    return places.index(1) < places.index(2)


@given(st.integers())
def test_moves_and_shipments_of_an_order_keep_their_order(seed: int) -> None:
    move = (MOVED, {"order_id": "1"})
    assert kept(seed, move, (FULFILLED, {"order_id": "1", "fulfillment_id": "f"}))
    assert kept(seed, move, move)
    assert kept(
        seed,
        (FULFILLED, {"order_id": "1", "fulfillment_id": "f"}),
        (FULFILLED, {"order_id": "1", "fulfillment_id": "g", "location_id": "l"}),
    )


@given(st.integers())
def test_what_leaves_in_spite_of_a_cancel_keeps_its_order(seed: int) -> None:
    cancel, shipped = (CANCELED, {"order_id": "1"}), (FULFILLED, {"order_id": "1", "fulfillment_id": "f"})
    assert kept(seed, shipped, cancel)
    assert kept(seed, cancel, shipped)
    assert kept(seed, (PLACED, {"order_id": "1"}), cancel, shipped)


@given(st.integers())
def test_what_an_order_is_changed_to_keeps_its_order_where_it_matters(seed: int) -> None:
    changed, shipped = (UPDATED, {"order_id": "1", "version": 2}), (FULFILLED, {"order_id": "1"})
    assert kept(seed, changed, shipped)
    assert kept(seed, shipped, ("fulfillment.canceled", {"order_id": "1", "fulfillment_id": "f"}))
    assert kept(seed, (UPDATED, {"order_id": "1"}), (UPDATED, {"order_id": "1"}))


def test_changes_with_a_version_may_come_in_any_order() -> None:
    told = records(*((UPDATED, {"order_id": "1", "version": version}) for version in (2, 3)))
    assert {tuple(order(shuffled(told, seed))) for seed in range(30)} == {(1, 2), (2, 1)}


def test_a_cancel_may_come_before_its_order() -> None:
    told = records((PLACED, {"order_id": "1"}), (CANCELED, {"order_id": "1"}))
    assert {tuple(order(shuffled(told, seed))) for seed in range(30)} == {(1, 2), (2, 1)}


@given(st.integers())
def test_what_counts_once_keeps_its_order(seed: int) -> None:
    assert kept(seed, (PLACED, {"order_id": "1"}), (PLACED, {"order_id": "1", "cart_id": "c"}))
    fulfillment, back = {"order_id": "1", "fulfillment_id": "f"}, {"order_id": "1", "return_id": "r"}
    assert kept(seed, (FULFILLED, fulfillment), (FULFILLED, fulfillment | {"lines": []}))
    assert kept(seed, (RETURNED, back), (RETURNED, back | {"lines": []}))


@given(st.integers())
def test_news_under_one_id_keeps_its_order(seed: int) -> None:
    lines = [
        json.dumps({"type": PLACED, "id": event_id, "data": {"order_id": str(n)}}).encode()
        for n, event_id in enumerate(["e1", "e1", "e2", "e3"])
    ]
    places = order(shuffled(list(parse_lines(lines, "f")), seed))
    assert places.index(1) < places.index(2)
