"""What storefronts are told is what the next order placed alone gets: not less, and not one more."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenarios import Told
from tests.unit.world import NOW, UNTIL, World
from worker.domain.books import Books
from worker.domain.model import MICRO, Snapshot
from worker.domain.storefront import Availability, availability_of


def told(world: World, event_type: str, **data: Any) -> str:
    """Tells an event; gives its outcome."""
    number = len(world.answered) + len(world.parked)
    return world.tell(Told(event_type, f"e{number}", "shop", None, data))[0].outcome.value


def shop(variants: dict[str, dict[str, Any]], levels: dict[tuple[str, str], dict[str, Any]]) -> World:
    """Locations A and B sold from by channel web."""
    world = World()
    for location in "AB":
        told(world, "location.created", location_id=location)
    told(world, "sales_channel.updated", sales_channel_id="web", location_ids=["A", "B"])
    for variant_id, more in variants.items():
        told(world, "variant.created", variant_id=variant_id, **more)
    for (item, location), more in levels.items():
        told(world, "stock.set", sku=item, location_id=location, **more)
    return world


def keep_back(world: World, quantity: int) -> None:
    """The channel leaves so many units of each item to others."""
    told(
        world,
        "sales_channel.updated",
        sales_channel_id="web",
        location_ids=["A", "B"],
        safety_stock=quantity,
    )


def availability(world: World, variant_id: str) -> Availability:
    state = deepcopy(world.state)
    snapshot = Snapshot(NOW, UNTIL, state.catalogue, {}, state.levels, frozenset(), {}, {})
    channel, variant = state.catalogue.channels["web"], state.catalogue.variants[variant_id]
    return availability_of(Books(snapshot), channel, variant)


def ordered(world: World, order_id: str, variant_id: str, quantity: int) -> str:
    """What an order that names no policy gets."""
    line = {"line_item_id": "L1", "variant_id": variant_id, "quantity": quantity}
    return told(world, "order.placed", order_id=order_id, sales_channel_id="web", lines=[line])


WAITS = {"allow_backorder": True}
MANY = 5_000_000_000

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Any, Any]] = {
    "stock only": ({}, {}, 5, 5),
    "safety stock is kept back": ({}, {"safety_stock": 2}, 3, 3),
    "waits without end": (WAITS, {}, 5, None),
    "waits up to the variant's limit": ({**WAITS, "backorder_limit": 3}, {}, 5, 8),
    "waits up to the level's limit": (WAITS, {"backorder_limit": 4}, 5, 9),
}


@pytest.mark.parametrize(("variant", "level", "available", "sellable"), CASES.values(), ids=CASES.keys())
def test_of_five_in_stock(
    variant: dict[str, Any], level: dict[str, Any], available: int, sellable: int | None
) -> None:
    world = shop({"cup": {"sku": "cup", **variant}}, {("cup", "A"): {"quantity": 5, **level}})
    told = availability(world, "cup")
    assert told == (available * MICRO, None if sellable is None else sellable * MICRO)


def test_what_is_not_managed_has_no_end() -> None:
    assert availability(shop({"gift": {"manage_inventory": False}}, {}), "gift") == (None, None)


def test_a_deleted_variant_is_not_for_sale() -> None:
    world = shop({"cup": {"sku": "cup", **WAITS}}, {("cup", "A"): {"quantity": 5}})
    told(world, "variant.deleted", variant_id="cup")
    assert availability(world, "cup") == (0, 0)


def test_what_waits_is_sold_until_the_stock_is_counted_somewhere() -> None:
    world = shop({"cup": {"sku": "cup", **WAITS}}, {})
    assert availability(world, "cup") == (0, 0)
    assert ordered(world, "o1", "cup", 1) == "parked"


LIMITS = st.none() | st.integers(0, 6)
VARIANTS = st.fixed_dictionaries({"allow_backorder": st.booleans(), "backorder_limit": LIMITS})
LEVELS = st.none() | st.fixed_dictionaries(
    {"quantity": st.integers(0, 9), "safety_stock": st.integers(0, 3), "backorder_limit": LIMITS}
)


@given(
    variants=st.tuples(VARIANTS, VARIANTS, VARIANTS),
    levels=st.tuples(LEVELS, LEVELS, LEVELS, LEVELS),
    before=st.lists(st.tuples(st.sampled_from(("cup", "saucer", "set")), st.integers(1, 6)), max_size=4),
    required=st.integers(1, 3),
    asked=st.sampled_from(("cup", "saucer", "set")),
    kept_back=st.integers(0, 3),
)
def test_an_order_of_what_is_told_is_applied_and_of_one_more_is_not(
    variants: tuple[dict[str, Any], ...],
    levels: tuple[dict[str, Any] | None, ...],
    before: list[tuple[str, int]],
    required: int,
    asked: str,
    kept_back: int,
) -> None:
    cup, saucer, both = variants
    parts = [{"sku": "cup"}, {"sku": "saucer", "required_quantity": required}]
    places = [(item, location) for item in ("cup", "saucer") for location in "AB"]
    world = shop(
        {
            "cup": {"sku": "cup", **cup},
            "saucer": {"sku": "saucer", **saucer},
            "set": {"inventory_items": parts, **both},
        },
        {place: level for place, level in zip(places, levels, strict=True) if level is not None},
    )
    for number, (variant_id, quantity) in enumerate(before):
        ordered(world, f"b{number}", variant_id, quantity)
    keep_back(world, kept_back)
    sellable = availability(world, asked).sellable_micro
    if sellable is None:
        assert ordered(world, "o", asked, MANY) == "applied"
        return
    assert ordered(deepcopy(world), "more", asked, sellable // MICRO + 1) != "applied"
    if sellable:
        assert ordered(world, "o", asked, sellable // MICRO) == "applied"
