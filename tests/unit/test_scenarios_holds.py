"""Carts with holds: last units are kept for their holder, for as long as the hold lasts."""

import pytest

from tests.scenarios import BEGIN, Scenario
from tests.unit.telling import run
from tests.unit.world import NOW

HELD = [
    Scenario(
        "a hold reserves the cart's lines until its time is over",
        before="shirt: A 2, B 1",
        events="""
            cart c1: 3 shirt hold=600 time=0    -> applied, L1 has 3, L1 has held 2 shirt A,
                L1 has held 1 shirt B, held until 600
            place o1: 1 shirt                   -> insufficient_stock, short L1 shirt 1>0
            expire c1 generation=1              -> applied, L1 releases 2 shirt A, L1 releases 1 shirt B,
                because it expired
            place o2: 1 shirt                   -> applied, L1 holds 1 shirt A
        """,
        after="shirt: A 2/1, B 1/0",
    ),
    Scenario(
        "a hold ends at the event's time and its seconds, whenever it was read",
        before="shirt: A 5",
        events="cart c1: 1 shirt hold=60 time=30 -> applied, held until 90",
        after="shirt: A 5/1",
    ),
    Scenario(
        "B61 · a hold is replaced, never added",
        before="shirt: A 3",
        events="""
            cart c1: 2 shirt hold=60            -> applied, L1 has held 2 shirt A
            cart c1: 3 shirt hold=60            -> applied, L1 has 3, L1 has held 3 shirt A
            cart c1: 1 shirt hold=60            -> applied, L1 has 3, L1 has held 1 shirt A
        """,
        after="shirt: A 3/1 v=4",
    ),
    Scenario(
        "what is held is its holder's, also where others or a count took what a channel or level keeps back",
        before="shirt: A 6",
        events="""
            channel web: A safety_stock=4       -> applied
            channel shop: A                     -> applied
            cart c1: 2 shirt hold=60            -> applied, L1 has held 2 shirt A
            place o1: 4 shirt sales_channel_id=shop -> applied, L1 holds 4 shirt A
            cart c2: 1 shirt                    -> insufficient_stock, L1 has 0
            cart c1: 2 shirt hold=60            -> applied, L1 has 2
            set shirt A 6 safety_stock=6        -> applied
            cart c1: 3 shirt                    -> insufficient_stock, L1 has 2
            place o2: 2 shirt cart_id=c1        -> applied, L1 holds 2 shirt A
            edit o2: 0 shirt, 2 shirt           -> applied, L2 holds 2 shirt A
        """,
        after="shirt: A 6/6",
    ),
    Scenario(
        "what is held is its holder's, also where an order waits for stock behind it",
        before="shirt: A 2",
        events="""
            cart c1: 2 shirt hold=60            -> applied
            place o1: 1 shirt policy=backorder  -> applied, L1 waits for 1 shirt A
            cart c1: 2 shirt                    -> applied, L1 has 2
            cart c1: 2 shirt hold=60            -> applied, L1 has held 2 shirt A
            place o2: 2 shirt cart_id=c1        -> applied, L1 holds 2 shirt A, no alert
            ship o1/f1                          -> applied
        """,
        after="shirt: A 1/2 shortfall=1",
    ),
    Scenario(
        "what is held is no more than is there",
        before="shirt: A 6",
        events="""
            channel web: A safety_stock=4       -> applied
            cart c1: 2 shirt hold=60            -> applied
            set shirt A 1                       -> applied
            place o1: 2 shirt cart_id=c1        -> insufficient_stock, short L1 shirt 2>1
            place o2: 1 shirt cart_id=c1        -> applied
        """,
        after="shirt: A 1/1",
    ),
    Scenario(
        "a hold that stays as it is moves nothing, and lasts longer",
        before="shirt: A 3",
        events="""
            cart c1: 2 shirt hold=60 time=0     -> applied, held until 60
            cart c1: 2 shirt hold=60 time=30    -> applied, held until 90
            expire c1 generation=1              -> stale
        """,
        after="shirt: A 3/2 v=2",
    ),
    Scenario(
        "without a hold asked for, the one there is stays, and counts as free for its cart alone",
        before="shirt: A 3",
        events="""
            cart c1: 3 shirt hold=60            -> applied, L1 has held 3 shirt A
            cart c1: 3 shirt                    -> applied, L1 has 3
            cart c2: 1 shirt                    -> insufficient_stock, L1 has 0
            cart c1: 4 shirt                    -> insufficient_stock, L1 has 3
        """,
        after="shirt: A 3/3",
    ),
    Scenario(
        "a hold that cannot be had whole keeps the one before unchanged",
        before="""
            shirt: A 3
            mug: A 0
        """,
        events="""
            cart c1: 2 shirt hold=60 time=0     -> applied, held until 60
            cart c1: 4 shirt hold=60 time=30    -> insufficient_stock, L1 has 3, short L1 shirt 4>3
            cart c1: 1 shirt, 1 mug hold=60 time=30 -> insufficient_stock, short L2 mug 1>0
            cart c1: 1 nothing hold=60          -> unknown_variant
            expire c1 generation=1              -> applied, L1 releases 2 shirt A
        """,
        after="""
            shirt: A 3
            mug: A 0
        """,
    ),
    Scenario(
        "a hold covers managed lines only",
        before="""
            shirt: A 3
            gift: unmanaged
        """,
        events="""
            cart c1: 2 gift hold=60             -> applied, L1 endless
            cart c1: 1 shirt, 2 gift hold=60    -> applied, L1 has held 1 shirt A
        """,
        after="shirt: A 3/1",
    ),
    Scenario(
        "a hold takes a kit apart like an order does",
        before="""
            cup: A 5
            tea (2 places): A 1.50
            set = 2 cup + 0.25 tea
        """,
        events="cart c1: 2 set hold=60          -> applied, L1 has held 4 cup A, L1 has held 0.5 tea A",
        after="""
            cup: A 5/4
            tea: A 1.5/0.5
        """,
    ),
    Scenario(
        "a hold counts until its end is applied, for others and for its own order",
        before="shirt: A 2",
        events="""
            cart c1: 2 shirt hold=60 time=0     -> applied, held until 60
            place o1: 1 shirt time=100          -> insufficient_stock
            place o2: 2 shirt cart_id=c1 time=100 -> applied, L1 holds 2 shirt A
        """,
        after="shirt: A 2/2",
    ),
    Scenario(
        "released by its cart, everything is free again; a second time there is nothing to do",
        before="shirt: A 3",
        events="""
            cart c1: 2 shirt hold=60            -> applied
            release c1                          -> applied, L1 releases 2 shirt A, because it was released
            release c1                          -> already_applied
            release c2                          -> already_applied
            expire c1 generation=1              -> stale
        """,
        after="shirt: A 3",
    ),
    Scenario(
        "an expired hold that is renewed competes again",
        before="shirt: A 2",
        events="""
            cart c1: 2 shirt hold=60            -> applied
            expire c1 generation=1              -> applied
            place o1: 1 shirt                   -> applied
            cart c1: 2 shirt hold=60            -> insufficient_stock, short L1 shirt 2>1
            cart c1: 1 shirt hold=60            -> applied, L1 has held 1 shirt A
            expire c1 generation=1              -> stale
            expire c1 generation=2              -> applied
        """,
        after="shirt: A 2/1",
    ),
]

ORDERED = [
    Scenario(
        "last units that are held are never refused to their holder",
        before="shirt: A 2",
        events="""
            cart c1: 2 shirt hold=60            -> applied
            place o1: 2 shirt                   -> insufficient_stock
            place o2: 2 shirt cart_id=c1        -> applied, L1 holds 2 shirt A
            expire c1 generation=1              -> stale
        """,
        after="shirt: A 2/2",
    ),
    Scenario(
        "an order smaller than its cart's hold frees the rest",
        before="""
            shirt: A 5
            mug: A 1
        """,
        events="""
            cart c1: 4 shirt, 1 mug hold=60     -> applied
            place o1: 1 shirt cart_id=c1        -> applied, L1 holds 1 shirt A
        """,
        after="""
            shirt: A 5/1
            mug: A 1
        """,
    ),
    Scenario(
        "an order larger than its cart's hold takes the rest from what is free, or is refused",
        before="shirt: A 5",
        events="""
            cart c1: 2 shirt hold=60            -> applied
            cart c2: 2 shirt hold=60            -> applied
            place o1: 4 shirt cart_id=c1        -> insufficient_stock, short L1 shirt 4>3
            place o2: 3 shirt cart_id=c1        -> applied
        """,
        after="shirt: A 5/5",
    ),
    Scenario(
        "a refused order leaves its cart's hold standing",
        before="""
            shirt: A 2
            mug: A 0
        """,
        events="""
            cart c1: 2 shirt hold=60            -> applied
            place o1: 2 shirt, 1 mug cart_id=c1 -> insufficient_stock
            place o2: 1 shirt                   -> insufficient_stock
            cart c1: 1 shirt hold=60            -> applied, L1 has held 1 shirt A
            place o3: 1 shirt cart_id=c1        -> applied
        """,
        after="""
            shirt: A 2/1
            mug: A 0
        """,
    ),
    Scenario(
        "once an order was placed of a cart, nothing is held for it, also where the hold is told late",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt cart_id=c1        -> applied
            cart c1: 2 shirt hold=60            -> applied, L1 has 3
            release c1                          -> already_applied
            place o2: 1 shirt cart_id=c1        -> applied
        """,
        after="shirt: A 5/3",
    ),
    Scenario(
        "an order that is placed after its cancel ends its cart's hold, as it would have before",
        before="""
            shirt: A 2
            mug: A 1
        """,
        events="""
            cart c1: 2 shirt, 1 mug hold=60     -> applied
            cancel o1                           -> applied
            place o1: 2 shirt cart_id=c1        -> order_canceled
            cart c1: 2 shirt hold=60            -> applied, L1 has 2
            place o2: 2 shirt, 1 mug            -> applied
            release c1                          -> already_applied
            cart c3: 1 shirt hold=60            -> insufficient_stock
        """,
        after="""
            shirt: A 2/2
            mug: A 1/1
        """,
    ),
    Scenario(
        "an order that waits and is canceled meanwhile ends its cart's hold too",
        before="shirt: A 2",
        events="""
            cart c1: 2 shirt hold=60            -> applied
            place o1: 2 shirt, 1 mug cart_id=c1 -> parked, waits for variant mug
            place o2: 2 shirt cart_id=c1 sales_channel_id=pos -> parked, waits for sales_channel pos
            cancel o2                           -> applied, then e3 order_canceled
            place o3: 2 shirt                   -> applied
            cancel o1                           -> applied, silence
            variant mug                         -> applied, then e2 order_canceled
        """,
        after="shirt: A 2/2",
    ),
    Scenario(
        "what an order takes over from its cart crosses no threshold a second time",
        before="shirt: A 2",
        events="""
            cart c1: 2 shirt hold=60            -> applied, alert out_of_stock shirt A 0,
                alert out_of_stock shirt web 0
            place o1: 2 shirt cart_id=c1        -> applied, no alert
            cart c2: 1 shirt hold=60            -> insufficient_stock, no alert
            cancel o1   -> applied, alert back_in_stock shirt A 2, alert back_in_stock shirt web 2
            cart c2: 2 shirt hold=60            -> applied
            expire c2 generation=1 -> applied, alert back_in_stock shirt A 2, alert back_in_stock shirt web 2
        """,
        after="shirt: A 2",
    ),
    Scenario(
        "an expired hold is no hold",
        before="shirt: A 2",
        events="""
            cart c1: 2 shirt hold=60            -> applied
            expire c1 generation=1              -> applied
            place o1: 2 shirt                   -> applied
            place o2: 2 shirt cart_id=c1        -> insufficient_stock
        """,
        after="shirt: A 2/2",
    ),
    Scenario(
        "an order that may wait takes what was held, and waits for the rest",
        before="shirt: A 2",
        events="""
            cart c1: 2 shirt hold=60            -> applied
            place o1: 3 shirt cart_id=c1 policy=backorder -> applied, L1 holds 3 shirt A,
                L1 waits for 1 shirt A
        """,
        after="shirt: A 2/3 shortfall=1",
    ),
    Scenario(
        "a count below what is held names carts, before the newest orders",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt                   -> applied
            cart c1: 2 shirt hold=60            -> applied
            set shirt A 1                       -> applied, alert oversold shirt A -3,
                alert out_of_stock shirt A -3, alert out_of_stock shirt web 0,
                uncovered c1/L1 2, uncovered o1/L1 1
            expire c1 generation=1              -> applied
        """,
        after="shirt: A 1/2 shortfall=1",
    ),
]

MOVED = [
    Scenario(
        "a hold leaves a deleted location as far as the others have room; the rest stays held",
        before="""
            shirt: A 5, B 2, C 1
            mug: A 3, B 3
        """,
        events="""
            cart c1: 4 shirt, 2 mug hold=60     -> applied, L1 has held 4 shirt A
            location A deleted                  -> applied
            evacuate c1 from A                  -> applied, L1 moves 2 shirt A>B, L1 moves 1 shirt A>C,
                L1 leaves 1 shirt A, L2 moves 2 mug A>B
            evacuate c1 from B                  -> stale
            place o1: 3 shirt, 2 mug cart_id=c1 -> applied, L1 holds 2 shirt B, L1 holds 1 shirt C
        """,
        after="""
            shirt: A 5, B 2/2, C 1/1
            mug: A 3, B 3/2
        """,
    ),
    Scenario(
        "a hold at a location that stays, or that ended, is not moved",
        before="shirt: A 5, B 2",
        events="""
            cart c1: 2 shirt hold=60            -> applied
            evacuate c1 from A                  -> stale
            release c1                          -> applied
            location A deleted                  -> applied
            evacuate c1 from A                  -> stale
        """,
        after="shirt: A 5, B 2",
    ),
]

WAITING = [
    Scenario(
        "a cart's line of a variant that may wait is not short, and holds what is in stock",
        before="mug: A 1",
        events="""
            variant preorder sku=mug allow_backorder=true backorder_limit=2 -> applied
            cart c1: 3 preorder                 -> applied, L1 has 1
            cart c1: 3 preorder hold=60         -> applied, L1 has 1, L1 has held 1 mug A
            cart c2: 4 preorder                 -> insufficient_stock, L1 short, short L1 mug 4>0
            place o1: 3 preorder cart_id=c1     -> applied, L1 waits for 2 mug A
            cart c3: 1 preorder                 -> insufficient_stock, short L1 mug 1>0
        """,
        after="mug: A 1/3 shortfall=2",
    ),
    Scenario(
        "firm lines of a cart are served before those of the same item that may wait",
        before="mug: A 2",
        events="""
            variant preorder sku=mug allow_backorder=true -> applied
            cart c1: 2 preorder, 2 mug          -> applied, L1 has 0, L2 has 2
            place o1: 2 preorder, 2 mug         -> applied, L1 waits for 2 mug A
        """,
        after="mug: A 2/4 shortfall=2",
    ),
    Scenario(
        "nobody has told any stock of it: a cart does not confirm what an order would wait to be judged for",
        events="""
            variant preorder sku=mug allow_backorder=true -> applied
            cart c1: 1 preorder                 -> insufficient_stock, short L1 preorder 1>0
            place o1: 1 preorder                -> parked, waits for level preorder
        """,
    ),
]

CLOCK = [
    Scenario(
        "a hold lasts no longer than its seconds from now, whatever time its event gives",
        before="shirt: A 2",
        events=f"cart c1: 2 shirt hold=60 time=99999 -> applied, held until {(NOW - BEGIN).seconds + 60}",
        after="shirt: A 2/2",
    ),
]
"""By the clock of the rows' own world; on the database another time is now."""

SCENARIOS = [*HELD, *ORDERED, *MOVED, *WAITING]


@pytest.mark.parametrize("scenario", [*SCENARIOS, *CLOCK], ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    run(scenario)
