"""What becomes of orders that stock does not cover: policies, their limits, where what waits is booked."""

import pytest

from tests.scenarios import Scenario
from tests.unit.telling import run

PARTIAL = [
    Scenario(
        "partial: lines are served in their order, whole units only",
        before="""
            cup: A 5, B 1
            tea: A 2
        """,
        events="""
            variant pack = 4 cup                -> applied
            place o1: 2 pack, 1 tea policy=partial -> partially_applied, L1 holds 4 cup A,
                short L1 cup 8>6, at A 5, at B 1, L2 holds 1 tea A
            place o2: 3 cup policy=partial      -> partially_applied, L1 holds 1 cup A, L1 holds 1 cup B
        """,
        after="""
            cup: A 5/5, B 1/1
            tea: A 2/1
        """,
    ),
    Scenario(
        "partial: whole units also of what is counted in parts of a unit",
        before="""
            cake (2 places): A 0.60
            cloth (2 places): A 1.50
        """,
        events="""
            variant slice = 0.25 cake           -> applied
            place o1: 4 slice policy=partial    -> partially_applied, L1 holds 0.5 cake A, short L1 cake 1>0.6
            place o2: 2 cloth policy=partial    -> partially_applied, L1 holds 1 cloth A
            place o3: 0.75 cloth policy=partial -> insufficient_stock, short L1 cloth 0.75>0.5
            place o4: 0.5 cloth policy=partial  -> applied, L1 holds 0.5 cloth A
        """,
        after="""
            cake: A 0.6/0.5
            cloth: A 1.5/1.5
        """,
    ),
    Scenario(
        "partial: nothing reserved is insufficient stock, and no order",
        before="shirt: A 2/2",
        events="""
            place o1: 1 shirt policy=partial    -> insufficient_stock, short L1 shirt 1>0
            ship o1/f1: L1 1                    -> parked
        """,
        after="shirt: A 2/2",
    ),
    Scenario(
        "partial: what was not reserved is not topped up later, but may be shipped from free stock",
        before="shirt: A 1",
        events="""
            place o1: 3 shirt policy=partial    -> partially_applied, L1 holds 1 shirt A
            set shirt A 5                       -> applied, level shirt A 5/1 v3
            ship o1/f1                          -> applied, L1 ships 1 shirt A
            ship o1/f2: L1 2 from A             -> applied, L1 ships 2 shirt A
        """,
        after="shirt: A 2/0",
    ),
    Scenario(
        "partial: lines bound to one location are served before the others",
        before="shirt: A 2, B 1",
        events="""
            place o1: 2 shirt, 2 shirt @A policy=partial -> partially_applied, L1 holds 1 shirt B,
                L2 holds 2 shirt A, short L1 shirt 2>1, at A 0
        """,
        after="shirt: A 2/2, B 1/1",
    ),
    Scenario(
        "partial: served whole, it is applied and nothing is short",
        before="shirt: A 2",
        events="place o1: 2 shirt policy=partial -> applied, L1 holds 2 shirt A",
        after="shirt: A 2/2",
    ),
]

BACKORDER = [
    Scenario(
        "backorder: what is not there is promised where the strategy looked first and the item has a level",
        before="shirt: B 1, C 1",
        events="""
            place o1: 5 shirt policy=backorder  -> applied, L1 holds 4 shirt B, L1 holds 1 shirt C,
                L1 waits for 3 shirt B
        """,
        after="shirt: B 1/4 shortfall=3, C 1/1",
    ),
    Scenario(
        "backorder: another strategy looks elsewhere first; a firm line waits at its own location",
        before="shirt: A 1, B 3",
        events="""
            place o1: 6 shirt policy=backorder strategy=most_available -> applied, L1 holds 1 shirt A,
                L1 holds 5 shirt B, L1 waits for 2 shirt B
            place o2: 1 shirt @C policy=backorder -> applied, L1 waits for 1 shirt C
        """,
        after="shirt: A 1/1, B 3/5 shortfall=2, C 0/1 shortfall=1",
    ),
    Scenario(
        "backorder: goods that are somewhere else are sent there, or moved there by hand, and ship",
        before="shirt: A 0, B 3",
        events="""
            channel web: A                      -> applied
            place o1: 3 shirt policy=backorder  -> applied, L1 waits for 3 shirt A
            transfer t1: 1 shirt from B to A    -> applied
            arrive t1                           -> applied
            move o1/L1: 2 A to B                -> applied
            ship o1/f1                          -> applied, L1 ships 1 shirt A, L1 ships 2 shirt B
        """,
        after="shirt: A 0, B 0",
    ),
    Scenario(
        "backorder: an item with no level in the channel is promised at its first location",
        before="shirt: C 4",
        events="""
            channel web: A B                    -> applied
            place o1: 2 shirt policy=backorder  -> applied, L1 holds 2 shirt A, L1 waits for 2 shirt A
        """,
        after="shirt: A 0/2 shortfall=2, C 4",
    ),
    Scenario(
        "backorder: no location in the channel is no place to wait at",
        before="shirt: C 4",
        events="""
            channel web:                        -> applied
            place o1: 2 shirt policy=backorder  -> insufficient_stock, short L1 shirt 2>0
            place o2: 2 shirt @C policy=backorder -> insufficient_stock, short L1 shirt 2>0
        """,
        after="shirt: C 4",
    ),
    Scenario(
        "backorder: stock that comes is behind what waits for it, and is shipped then",
        before="shirt: A 0",
        events="""
            place o1: 2 shirt policy=backorder  -> applied, L1 waits for 2 shirt A
            ship o1/f1                          -> insufficient_stock, short L1 shirt 2>0
            receive shirt A 1                   -> applied, level shirt A 1/2 v4
            ship o1/f2                          -> insufficient_stock, short L1 shirt 2>1
            ship o1/f3: L1 1                    -> applied, L1 ships 1 shirt A
            receive shirt A 5                   -> applied
            ship o1/f4                          -> applied, L1 ships 1 shirt A
        """,
        after="shirt: A 4/0",
    ),
    Scenario(
        "backorder: a cancellation takes back the promise",
        before="shirt: A 1",
        events="""
            place o1: 3 shirt policy=backorder  -> applied, L1 holds 3 shirt A, L1 waits for 2 shirt A
            cancel o1                           -> applied
            place o2: 1 shirt                   -> applied, L1 holds 1 shirt A
        """,
        after="shirt: A 1/1",
    ),
    Scenario(
        "backorder: what waits moves only to a place that has it free",
        before="shirt: A 0, B 1",
        events="""
            place o1: 2 shirt @A policy=backorder -> applied, L1 waits for 2 shirt A
            move o1/L1: 2 A to B                -> insufficient_stock, short L1 shirt 2>1
            move o1/L1: 1 A to B                -> applied
        """,
        after="shirt: A 0/1 shortfall=1, B 1/1",
    ),
    Scenario(
        "a variant that allows it waits; an order's own policy beats that, both ways",
        before="mug: A 1",
        events="""
            variant preorder sku=mug allow_backorder=true -> applied
            place o1: 2 preorder                -> applied, L1 waits for 1 mug A
            place o2: 2 preorder policy=all_or_nothing -> insufficient_stock, short L1 mug 2>0
            place o3: 1 preorder policy=partial -> insufficient_stock, short L1 mug 1>0
            place o4: 1 mug                     -> insufficient_stock, short L1 mug 1>0
            place o5: 1 mug policy=backorder    -> applied, L1 waits for 1 mug A
        """,
        after="mug: A 1/3 shortfall=2",
    ),
    Scenario(
        "firm lines are judged and served before those of the same item that may wait",
        before="mug: A 3",
        events="""
            variant preorder sku=mug allow_backorder=true -> applied
            place o1: 3 preorder, 2 mug         -> applied, L1 holds 3 mug A, L1 waits for 2 mug A,
                L2 holds 2 mug A
        """,
        after="mug: A 3/5 shortfall=2",
    ),
    Scenario(
        "one firm line that is short refuses the whole order, also what could wait",
        before="""
            mug: A 0
            tea: A 0
        """,
        events="""
            variant preorder sku=mug allow_backorder=true -> applied
            place o1: 3 preorder, 1 tea         -> insufficient_stock, short L2 tea 1>0
        """,
        after="""
            mug: A 0
            tea: A 0
        """,
    ),
    Scenario(
        "a variant's limit is what of its items may wait in all",
        before="mug: A 1, B 0",
        events="""
            variant preorder sku=mug allow_backorder=true backorder_limit=3 -> applied
            place o1: 3 preorder                -> applied, L1 waits for 2 mug A
            place o2: 2 preorder                -> insufficient_stock, short L1 mug 2>0, at A 0, at B 0
            place o3: 1 preorder                -> applied, L1 waits for 1 mug A
            receive mug B 1                     -> applied
            place o4: 2 preorder                -> insufficient_stock, short L1 mug 2>1, at B 1
            place o5: 1 preorder                -> applied, L1 holds 1 mug B
        """,
        after="mug: A 1/4 shortfall=3, B 1/1",
    ),
    Scenario(
        "a level's limit is what may wait there",
        before="mug: A 1",
        events="""
            set mug A 1 backorder_limit=2       -> applied
            place o1: 4 mug policy=backorder    -> insufficient_stock, short L1 mug 4>1, at A 1
            place o2: 3 mug policy=backorder    -> applied, L1 waits for 2 mug A
            place o3: 1 mug policy=backorder    -> insufficient_stock, short L1 mug 1>0
        """,
        after="mug: A 1/3 shortfall=2",
    ),
    Scenario(
        "a kit waits part by part",
        before="""
            cup: A 5
            saucer: A 1
            pair = 2 cup + 1 saucer
        """,
        events="""
            place o1: 2 pair policy=backorder   -> applied, L1 holds 4 cup A, L1 holds 2 saucer A,
                L1 waits for 1 saucer A
        """,
        after="""
            cup: A 5/4
            saucer: A 1/2 shortfall=1
        """,
    ),
    Scenario(
        "B45 · a backordered line ships when its stock is there; undone, it is held for the line again",
        before="shirt: A 0",
        events="""
            place o1: 2 shirt policy=backorder  -> applied, L1 holds 2 shirt A, L1 waits for 2 shirt A
            ship o1/f1: L1 2                    -> insufficient_stock, short L1 shirt 2>0
            receive shirt A 2                   -> applied, no alert
            ship o1/f2: L1 2                    -> applied, L1 ships 2 shirt A
            unship o1/f2                        -> applied, L1 holds 2 shirt A
            place o2: 1 shirt                   -> insufficient_stock, short L1 shirt 1>0
            ship o1/f3                          -> applied, L1 ships 2 shirt A
        """,
        after="shirt: A 0",
    ),
    Scenario(
        "B45 · undone while goods are short again, the backordered line keeps its claim",
        before="shirt: A 0",
        events="""
            place o1: 2 shirt policy=backorder  -> applied, L1 waits for 2 shirt A
            receive shirt A 2                   -> applied
            ship o1/f1                          -> applied, L1 ships 2 shirt A
            place o2: 2 shirt policy=backorder  -> applied, L1 waits for 2 shirt A
            unship o1/f1                        -> applied, L1 holds 2 shirt A
        """,
        after="shirt: A 2/4 shortfall=2",
    ),
    Scenario(
        "backorder: stock that comes covers the oldest order first; a count tells what others lack",
        before="shirt: A 0",
        events="""
            place o1: 2 shirt policy=backorder  -> applied, L1 waits for 2 shirt A
            place o2: 2 shirt policy=backorder  -> applied, L1 waits for 2 shirt A
            receive shirt A 3                   -> applied, no alert
            set shirt A 2                       -> applied, alert oversold shirt A -2, uncovered o2/L1 2
            receive shirt A 3                   -> applied, alert back_in_stock shirt A 1,
                alert back_in_stock shirt web 1
        """,
        after="shirt: A 5/4",
    ),
    Scenario(
        "backorder: of what waits nothing is out of stock twice",
        before="shirt: A 1",
        events="""
            place o1: 2 shirt policy=backorder  -> applied, alert out_of_stock shirt A -1,
                alert out_of_stock shirt web 0
            place o2: 2 shirt policy=backorder  -> applied, no alert
            cancel o2                           -> applied, no alert
            receive shirt A 1                   -> applied, no alert
            cancel o1   -> applied, alert back_in_stock shirt A 2, alert back_in_stock shirt web 2
        """,
        after="shirt: A 2",
    ),
    Scenario(
        "backorder: what a channel leaves to others is not given, but stands behind what waits",
        before="shirt: A 3",
        events="""
            channel web: A safety_stock=2       -> applied
            place o1: 2 shirt policy=backorder  -> applied, L1 holds 2 shirt A, L1 waits for 1 shirt A
        """,
        after="shirt: A 3/2",
    ),
]

UPDATED = [
    Scenario(
        "an order that may wait grows without stock, and shrinks by what it waits for first",
        before="shirt: A 1",
        events="""
            place o1: 2 shirt policy=backorder  -> applied, L1 waits for 1 shirt A
            edit o1: 4 shirt                  -> applied, L1 holds 4 shirt A, L1 waits for 2 shirt A
            edit o1: 1 shirt                  -> applied, L1 holds 1 shirt A
        """,
        after="shirt: A 1/1",
    ),
    Scenario(
        "an order served in part grows by what there is",
        before="shirt: A 1",
        events="""
            place o1: 2 shirt policy=partial    -> partially_applied, L1 holds 1 shirt A
            set shirt A 2                       -> applied
            edit o1: 5 shirt                  -> partially_applied, L1 holds 2 shirt A, short L1 shirt 3>1
            edit o1: 6 shirt                  -> insufficient_stock, short L1 shirt 1>0
        """,
        after="shirt: A 2/2",
    ),
]

PREORDER = [
    Scenario(
        "preorder: what waits of a variant with a ship date says when it ships",
        before="mug: A 1",
        events="""
            variant new sku=mug allow_backorder=true ship_date=2026-05-01 -> applied
            place o1: 1 new                     -> applied, L1 holds 1 mug A
            place o2: 2 new         -> applied, L1 waits for 2 mug A, L1 ships on 2026-05-01
            receive mug A 2                     -> applied
            ship o2/f1                          -> applied, L1 ships 2 mug A
        """,
        after="mug: A 1/1",
    ),
    Scenario(
        "preorder: an order with a ship date may wait, and says its own, also of what it grows by",
        before="mug: A 0",
        events="""
            variant new sku=mug allow_backorder=true ship_date=2026-05-01 -> applied
            place o1: 1 new ship_date=2026-06-15 -> applied, L1 waits for 1 mug A, L1 ships on 2026-06-15
            place o2: 1 mug ship_date=2026-06-15 -> applied, L1 waits for 1 mug A, L1 ships on 2026-06-15
            edit o2: 3 mug          -> applied, L1 waits for 2 mug A, L1 ships on 2026-06-15
        """,
        after="mug: A 0/4 shortfall=4",
    ),
    Scenario(
        "preorder: the policy that the order names beats its ship date",
        before="mug: A 0",
        events="""
            place o1: 1 mug ship_date=2026-06-15 policy=all_or_nothing -> insufficient_stock
            place o2: 1 mug ship_date=2026-06-15 policy=partial -> insufficient_stock
        """,
        after="mug: A 0",
    ),
]

NEAREST = [
    Scenario(
        "nearest: by the distance to the destination; locations without coordinates come last",
        before="shirt: A 2, B 2, C 2",
        events="""
            channel web: C A B                  -> applied
            location A updated at=53.5,10.0     -> applied
            location B updated at=48.2,16.4     -> applied
            place o1: 5 shirt strategy=nearest destination=47.8,13.0 -> applied, L1 holds 2 shirt B,
                L1 holds 2 shirt A, L1 holds 1 shirt C
            cancel o1                           -> applied
            place o2: 3 shirt strategy=nearest destination=55.7,12.6 -> applied, L1 holds 2 shirt A,
                L1 holds 1 shirt B
        """,
        after="shirt: A 2/2, B 2/1, C 2",
    ),
    Scenario(
        "nearest: without a destination the channel's order counts",
        before="shirt: A 2, B 2",
        events="""
            location B updated at=48.2,16.4     -> applied
            place o1: 1 shirt strategy=nearest  -> applied, L1 holds 1 shirt A
        """,
        after="shirt: A 2/1, B 2",
    ),
    Scenario(
        "nearest: the way across the date line is short, and what the order grows by takes it too",
        before="shirt: A 2, B 2",
        events="""
            location A updated at=0,150         -> applied
            location B updated at=0,-175        -> applied
            place o1: 1 shirt strategy=nearest destination=0,175 -> applied, L1 holds 1 shirt B
            edit o1: 2 shirt                    -> applied, L1 holds 2 shirt B
        """,
        after="shirt: A 2, B 2/2",
    ),
    Scenario(
        "nearest: a kit is taken whole from the nearest location that has one",
        before="""
            cup: A 2, B 1
            saucer: A 2, B 0
            pair = 1 cup + 1 saucer
        """,
        events="""
            location A updated at=53.5,10.0     -> applied
            location B updated at=48.2,16.4     -> applied
            place o1: 1 pair strategy=nearest destination=48.2,16.4 -> applied, L1 holds 1 cup A,
                L1 holds 1 saucer A
        """,
        after="""
            cup: A 2/1, B 1
            saucer: A 2/1, B 0
        """,
    ),
]

SCENARIOS = [*PARTIAL, *BACKORDER, *UPDATED, *PREORDER, *NEAREST]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    run(scenario)
