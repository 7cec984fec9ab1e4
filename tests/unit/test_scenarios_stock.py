"""Stock that travels, and goods that change and go: their rulings, sentence by sentence, as rows."""

import pytest

from tests.scenarios import Scenario
from tests.unit.telling import run

TRANSFERS = [
    Scenario(
        "what is promised does not travel, and all lines travel or none",
        before="""
            shirt: A 10/8
            mug: A 5
        """,
        events="""
            transfer t1: 3 mug, 3 shirt from A to B -> insufficient_stock, short shirt 3>2
            transfer t1: 3 mug, 2 shirt from A to B -> applied, mug 3 in_transit, shirt 2 in_transit
        """,
        after="""
            shirt: A 8/8, B 0 incoming=2
            mug: A 2, B 0 incoming=3
        """,
    ),
    Scenario(
        "what a cart holds does not travel; safety stock does",
        before="shirt: A 5",
        events="""
            set shirt A 5 safety_stock=2        -> applied
            cart c1: 3 shirt hold=60            -> applied
            transfer t1: 3 shirt from A to B    -> insufficient_stock, short shirt 3>2
            transfer t1: 2 shirt from A to B    -> applied
        """,
        after="shirt: A 3/3, B 0 incoming=2",
    ),
    Scenario(
        "in transit it is nobody's to sell; a transfer is received in parts",
        before="shirt: A 10",
        events="""
            transfer t1: 6 shirt from A to B    -> applied
            cart c1: 5 shirt                    -> insufficient_stock, L1 has 4
            arrive t1: 2 shirt                  -> applied, shirt 4 in_transit, level shirt B 2/0 v3
            arrive t1                           -> applied, level shirt B 6/0 v5
            arrive t1                           -> already_applied
            cart c2: 10 shirt                   -> applied
        """,
        after="shirt: A 4, B 6",
    ),
    Scenario(
        "a shortage stays incoming until a receipt closes the transfer; what is found later is stocked",
        before="shirt: A 10",
        events="""
            transfer t1: 6 shirt from A to B    -> applied
            arrive t1: 4 shirt                  -> applied, shirt 2 in_transit
            arrive t1: nothing closed=true      -> applied, shirt 2 missing, level shirt B 4/0 v4
            arrive t1: nothing closed=true      -> already_applied, shirt 2 missing
            arrive t1: 1 shirt                  -> applied, shirt 1 missing
        """,
        after="shirt: A 4, B 5",
    ),
    Scenario(
        "over-receipt raises stocked, also of what was never sent",
        before="""
            shirt: A 10, B 0
            mug: A 1
        """,
        events="""
            transfer t1: 6 shirt from A to B    -> applied
            arrive t1: 7 shirt, 1 mug -> applied, shirt 1 over, mug 1 over, alert back_in_stock shirt B 7
        """,
        after="""
            shirt: A 4, B 7
            mug: A 1, B 1
        """,
    ),
    Scenario(
        "a receipt closes what it leaves missing; lines of one item are added up",
        before="shirt: A 10",
        events="""
            transfer t1: 4 shirt, 2 shirt from A to B -> applied, shirt 6 in_transit
            arrive t1: 3 shirt, 2 shirt closed=true   -> applied, shirt 1 missing
        """,
        after="shirt: A 4, B 5",
    ),
    Scenario(
        "a receipt before its shipment waits for it; both wait for what they name",
        before="shirt: A 10",
        events="""
            arrive t1: 2 shirt                  -> parked, waits for transfer t1
            transfer t1: 3 shirt from A to D    -> parked, waits for location D
            location D                          -> applied, then e2 applied, then e1 applied
            transfer t2: 1 mug from A to B      -> parked, waits for sku mug
        """,
        after="shirt: A 7, D 2 incoming=1",
    ),
    Scenario(
        "shipped again under another event: the same was applied before, another load is a conflict",
        before="shirt: A 10",
        events="""
            transfer t1: 3 shirt from A to B    -> applied
            transfer t1: 3 shirt from A to B    -> already_applied
            transfer t1: 4 shirt from A to B    -> conflict
        """,
        after="shirt: A 7, B 0 incoming=3",
    ),
    Scenario(
        "a count of what is incoming is kept: a receipt takes no more of it than is there",
        before="shirt: A 10",
        events="""
            transfer t1: 6 shirt from A to B    -> applied
            set shirt B 2 incoming              -> applied
            arrive t1                           -> applied, level shirt B 6/0 v4
        """,
        after="shirt: A 4, B 6",
    ),
    Scenario(
        "a deleted location is emptied by transfers; goods on their way to one arrive",
        before="shirt: A 10, B 3",
        events="""
            transfer t1: 2 shirt from A to B    -> applied
            location B deleted                  -> applied
            arrive t1                           -> applied
            transfer t2: 4 shirt from B to A    -> applied
            arrive t2                           -> applied
        """,
        after="shirt: A 12, B 1",
    ),
    Scenario(
        "what travels is counted in as many places as its item has",
        before="cloth (2 places): A 1.50",
        events="""
            transfer t1: 1.255 cloth from A to B -> dead_lettered
            transfer t1: 1.25 cloth from A to B -> applied, cloth 1.25 in_transit
            arrive t1: 0.75 cloth               -> applied, cloth 0.5 in_transit
        """,
        after="cloth: A 0.25, B 0.75 incoming=0.5",
    ),
]

VARIANTS = [
    Scenario(
        "a recipe that changes touches future orders only",
        before="""
            x: A 10
            y: A 10
            kit = 1 x + 2 y
        """,
        events="""
            place o1: 1 kit                     -> applied, L1 holds 2 y A
            variant kit updated = 1 x + 1 y     -> applied, made of 1 y
            place o2: 1 kit                     -> applied, L1 holds 1 y A
            ship o1/f1                          -> applied, L1 ships 2 y A
        """,
        after="""
            x: A 9/1
            y: A 8/1
        """,
    ),
    Scenario(
        "B18 · a part that leaves the recipe is still shipped, and comes back, with the order it was sold in",
        before="""
            x: A 10
            y: A 10
            kit = 1 x + 2 y
        """,
        events="""
            place o1: 1 kit                     -> applied
            variant kit updated = 1 x           -> applied
            ship o1/f1                          -> applied
            return o1/r1: L1 1                  -> applied, L1 restocks 2 y A
        """,
        after="""
            x: A 10
            y: A 10
        """,
    ),
    Scenario(
        "an update waits for the creation; an older one is stale",
        events="""
            variant mug updated sku=N version=3 -> parked, waits for variant mug
            variant mug sku=M version=1         -> applied, then e1 applied
            variant mug updated sku=K version=2 -> stale
            set N A 4                           -> applied, level mug A 4/0 v1
            set M A 4                           -> parked, waits for sku M
        """,
    ),
    Scenario(
        "management switched off: what is reserved ships, new orders reserve nothing, the level stays",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt                   -> applied
            variant shirt updated sku=shirt manage_inventory=false -> applied
            place o2: 9 shirt                   -> applied
            ship o1/f1                          -> applied
            variant shirt updated sku=shirt     -> applied, made of 1 shirt
            place o3: 4 shirt                   -> insufficient_stock, short L1 shirt 4>3
        """,
        after="shirt: A 3",
    ),
    Scenario(
        "management switched off: carts have no end, lines of before keep their recipe, holds are free",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt                   -> applied
            cart c1: 2 shirt hold=60            -> applied
            variant shirt updated sku=shirt manage_inventory=false -> applied
            cart c2: 9 shirt                    -> applied, L1 endless
            edit o1: 3 shirt, 4 shirt           -> applied, L1 holds 3 shirt A
            place o2: 2 shirt cart_id=c1        -> applied
        """,
        after="shirt: A 5/3",
    ),
    Scenario(
        "an update tells the item's threshold; left out, there is none",
        before="shirt: A 5",
        events="""
            variant shirt updated sku=shirt low_stock_threshold=4 -> applied
            place o1: 1 shirt                   -> applied, alert low_stock shirt A 4,
                alert low_stock shirt web 4
            variant shirt updated sku=shirt     -> applied
            adjust shirt A 1                    -> applied
            place o2: 1 shirt                   -> applied, no alert
        """,
    ),
    Scenario(
        "lowering decimal places is refused; left out, they stay",
        before="cloth (2 places): A 1.50",
        events="""
            variant cloth updated sku=cloth decimal_places=1 -> conflict
            variant cloth updated sku=cloth                  -> applied
            place o1: 0.25 cloth                -> applied
        """,
        after="cloth: A 1.5/0.25",
    ),
    Scenario(
        "deleted: unsellable at once; its item and levels go where nothing is reserved",
        before="shirt: A 5, B 3",
        events="""
            set shirt B 2 incoming              -> applied
            variant shirt deleted               -> applied, shirt goes
            cart c1: 1 shirt                    -> unknown_variant, unknown shirt
            place o1: 1 shirt                   -> unknown_variant, unknown shirt
            set shirt A 4                       -> parked, waits for sku shirt
            set shirt A 4 by=variant_id         -> conflict
            variant shirt deleted               -> already_applied
            variant shirt updated               -> conflict
        """,
        after="shirt: A 0, B 0",
    ),
    Scenario(
        "B73 · deleted while reserved: reservations, shipments and returns go on",
        before="shirt: A 10",
        events="""
            place o1: 2 shirt                   -> applied
            variant shirt deleted               -> applied, nothing goes
            place o2: 1 shirt                   -> unknown_variant
            set shirt A 9                       -> applied
            ship o1/f1: L1 1                    -> applied
            return o1/r1: L1 1                  -> applied
        """,
        after="shirt: A 9/1",
    ),
    Scenario(
        "an item that another variant is made of stays, and so do the parts of a kit",
        before="""
            cup: A 3
            set = 2 cup
        """,
        events="""
            variant cup deleted                 -> applied, nothing goes
            place o1: 1 set                     -> applied
            variant set deleted                 -> applied, nothing goes
        """,
        after="cup: A 3/2",
    ),
    Scenario(
        "created again it is made anew, with its levels at nothing",
        before="shirt: A 5",
        events="""
            variant shirt deleted               -> applied, shirt goes
            variant shirt sku=shirt             -> applied, made of 1 shirt
            cart c1: 1 shirt                    -> insufficient_stock, L1 has 0
            set shirt A 2                       -> applied, level shirt A 2/0 v3
            place o1: 1 shirt                   -> applied
        """,
        after="shirt: A 2/1",
    ),
    Scenario(
        "deleted before it is created: waits, and then goes at once",
        events="""
            variant mug deleted                 -> parked, waits for variant mug
            variant mug sku=M                   -> applied, then e1 applied
            cart c1: 1 mug                      -> unknown_variant
        """,
    ),
]

OWN = [
    Scenario(
        "each orphan of a deleted location is moved as far as others have room; the rest stays",
        before="shirt: A 10, B 2, C 1",
        events="""
            place o1: 5 shirt                   -> applied, L1 holds 5 shirt A
            location A deleted                  -> applied
            evacuate o1 from A  -> applied, L1 moves 2 shirt A>B, L1 moves 1 shirt A>C, orphaned o1/L1 2
            evacuate o1 from A                  -> applied, L1 leaves 2 shirt A
            ship o1/f1                          -> applied, L1 ships 2 shirt A, L1 ships 2 shirt B
            evacuate o1 from A                  -> stale
        """,
        after="shirt: A 8, B 0, C 0",
    ),
    Scenario(
        "a kit leaves a deleted location whole where another has all of it; a strategy says which",
        before="""
            x: A 3, B 1, C 3
            y: A 3, B 1, C 3
            kit = 1 x + 1 y
        """,
        events="""
            place o1: 2 kit strategy=fewest_splits -> applied, L1 holds 2 x A
            location A deleted                  -> applied
            evacuate o1 from A                  -> applied, L1 moves 2 x A>C, L1 moves 2 y A>C
        """,
        after="""
            x: A 3, B 1, C 3/2
            y: A 3, B 1, C 3/2
        """,
    ),
    Scenario(
        "nothing is taken away from a location that stands, nor to places beyond safety stock",
        before="shirt: A 10, B 3",
        events="""
            set shirt B 3 safety_stock=2        -> applied
            place o1: 3 shirt                   -> applied
            evacuate o1 from A                  -> stale
            location A deleted                  -> applied
            evacuate o1 from A                  -> applied, L1 moves 1 shirt A>B, L1 leaves 2 shirt A
        """,
        after="shirt: A 10/2, B 3/1",
    ),
    Scenario(
        "what is held without stock is held where stock comes; the newest orders are those that lack it",
        before="shirt: A 10",
        events="""
            place o1: 4 shirt                   -> applied
            place o2: 6 shirt                   -> applied
            set shirt A 7                       -> applied, uncovered o2/L1 3
            reallocate o2                       -> stale
            set shirt B 2                       -> applied
            reallocate o1                       -> stale
            reallocate o2                       -> applied, L1 moves 2 shirt A>B, L1 leaves 1 shirt A
        """,
        after="shirt: A 7/8 shortfall=1, B 2/2",
    ),
    Scenario(
        "what an order waits for is taken where it comes, by its channel's locations only",
        before="shirt: A 1, B 0, C 0",
        events="""
            channel web: A B                    -> applied
            place o1: 3 shirt policy=backorder  -> applied, L1 holds 3 shirt A
            set shirt C 9                       -> applied
            reallocate o1                       -> stale
            receive shirt B 5                   -> applied
            reallocate o1                       -> applied, L1 moves 2 shirt A>B
        """,
        after="shirt: A 1/1, B 5/2, C 9",
    ),
    Scenario(
        "the item of a deleted variant goes with the last reservation",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt                   -> applied
            variant shirt deleted               -> applied, nothing goes
            remove shirt                        -> stale
            ship o1/f1                          -> applied
            remove shirt                        -> applied, shirt goes
            remove shirt                        -> stale
            return o1/r1: L1 1                  -> applied
            set shirt A 4                       -> parked
        """,
        after="shirt: A 1",
    ),
]
"""Told here in the worker's place; on the database it finds out itself (tests/integration)."""

SCENARIOS = [*TRANSFERS, *VARIANTS]


@pytest.mark.parametrize("scenario", [*SCENARIOS, *OWN], ids=lambda scenario: scenario.name)
def test_ruling(scenario: Scenario) -> None:
    run(scenario)
