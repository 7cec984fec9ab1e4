"""What becomes of an order after its placement, or before: canceled, edited, shipped in parts."""

import pytest

from tests.scenarios import Scenario
from tests.unit.telling import run

CANCELED = [
    Scenario(
        "B51 · a cancel gives up what the order holds, and no more",
        before="shirt: A 10, B 5",
        events="""
            place o1: 12 shirt                  -> applied
            ship o1/f1: L1 3                    -> applied
            cancel o1                           -> applied, L1 releases 7 shirt A, L1 releases 2 shirt B
            cancel o1                           -> already_applied
        """,
        after="shirt: A 7, B 5",
    ),
    Scenario(
        "B55 · ordered 5, shipped 5, canceled: nothing comes back by that",
        before="shirt: A 100",
        events="""
            place o1: 5 shirt                   -> applied
            ship o1/f1                          -> applied
            cancel o1                           -> applied
        """,
        after="shirt: A 95",
    ),
    Scenario(
        "B55 · ordered 10, shipped 10, all of it back: as before, once",
        before="shirt: A 100",
        events="""
            place o1: 10 shirt                  -> applied
            ship o1/f1                          -> applied
            return o1/r1: L1 10                 -> applied
            cancel o1                           -> applied
        """,
        after="shirt: A 100",
    ),
    Scenario(
        "B55 · ordered 10, shipped 3, those 3 back, canceled: as before",
        before="shirt: A 100",
        events="""
            place o1: 10 shirt                  -> applied
            ship o1/f1: L1 3                    -> applied
            return o1/r1: L1 3                  -> applied
            cancel o1                           -> applied, L1 releases 7 shirt A
        """,
        after="shirt: A 100",
    ),
    Scenario(
        "B61 · paid another way: the order is placed anew under another id, what it held is free again",
        before="shirt: A 1",
        events="""
            place o1: 1 shirt                   -> applied
            cancel o1                           -> applied
            place o2: 1 shirt                   -> applied
        """,
        after="shirt: A 1/1",
    ),
    Scenario(
        "B64 · canceled before placed never reserves, and frees nothing of others",
        before="shirt: A 10/3",
        events="""
            cancel o1                           -> applied, revision 1
            place o1: 2 shirt                   -> order_canceled, revision 2
            place o1: 2 shirt                   -> order_canceled
            cancel o1                           -> already_applied
        """,
        after="shirt: A 10/3",
    ),
    Scenario(
        "lines canceled one by one; the rest of the order goes on",
        before="""
            shirt: A 9
            mug: A 9
        """,
        events="""
            place o1: 2 shirt, 3 mug            -> applied
            cancel o1: L2                       -> applied, L2 releases 3 mug A
            cancel o1: L2                       -> already_applied
            ship o1/f1                          -> applied, L1 ships 2 shirt A
            cancel o1: L1 L2                    -> applied
            cancel o1                           -> applied
        """,
        after="""
            shirt: A 7
            mug: A 9
        """,
    ),
    Scenario(
        "lines canceled before the order is placed: only the others are judged and reserved",
        before="""
            shirt: A 9
            mug: A 0
        """,
        events="""
            cancel o1: L2                       -> applied
            place o1: 2 shirt, 3 mug            -> applied, L1 holds 2 shirt A
        """,
        after="""
            shirt: A 9/2
            mug: A 0
        """,
    ),
    Scenario(
        "goods that leave in spite of the cancel are shipped, from what nobody holds",
        before="shirt: A 2, B 5",
        events="""
            place o1: 2 shirt                   -> applied
            cancel o1                           -> applied
            place o2: 1 shirt                   -> applied
            ship o1/f1: L1 2                    -> applied, L1 ships 1 shirt A, L1 ships 1 shirt B
            ship o1/f2: L1 1                    -> exceeds_ordered
            return o1/r1: L1 1                  -> applied, L1 restocks 1 shirt A
        """,
        after="shirt: A 2/1, B 4",
    ),
    Scenario(
        "a canceled line ships beside one that is not, never what others hold",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt, 2 shirt          -> applied
            cancel o1: L1                       -> applied
            place o2: 2 shirt                   -> applied
            ship o1/f1: L1 2, L2 2              -> insufficient_stock, short L1 shirt 2>1
            ship o1/f1: L1 1, L2 2              -> applied
        """,
        after="shirt: A 2/2",
    ),
    Scenario(
        "after a cancel nothing is held: no shipment of all that is, no move",
        before="""
            shirt: A 5, B 5
            gift: unmanaged
        """,
        events="""
            place o1: 2 shirt, 1 gift           -> applied
            cancel o1                           -> applied
            ship o1/f1                          -> order_canceled
            move o1/L1: A to B                  -> order_canceled
            place o1: 2 shirt, 1 gift           -> already_applied
            place o1: 3 shirt, 1 gift           -> conflict
        """,
        after="shirt: A 5, B 5",
    ),
    Scenario(
        "shipped, returned and canceled before it is placed: the facts count, the order reserves nothing",
        before="shirt: A 10",
        events="""
            return o1/r1: L1 1                  -> parked, waits for order o1
            ship o1/f1: L1 2                    -> parked, waits for order o1
            cancel o1                           -> applied
            place o1: 3 shirt                   -> order_canceled, then e2 applied, then e1 applied
        """,
        after="shirt: A 9",
    ),
    Scenario(
        "a placement that waits is refused by a cancel as soon as its variants are known",
        before="shirt: A 5",
        events="""
            place o1: 1 shirt sales_channel_id=pos  -> parked, waits for sales_channel pos
            place o2: 1 shirt, 1 mug            -> parked, waits for variant mug
            cancel o1                           -> applied, then e1 order_canceled
            cancel o2                           -> applied, silence
            variant mug                         -> applied, then e2 order_canceled
            ship o2/f1: L1 1                    -> applied
        """,
        after="shirt: A 4",
    ),
    Scenario(
        "an order that holds nothing is canceled too",
        before="gift: unmanaged",
        events="""
            place o1: 2 gift                    -> applied
            cancel o1                           -> applied
            cancel o1                           -> already_applied
        """,
    ),
    Scenario(
        "a refused order that is canceled stays canceled",
        before="shirt: A 1",
        events="""
            place o1: 2 shirt                   -> insufficient_stock
            cancel o1                           -> applied
            set shirt A 5                       -> applied
            place o1: 2 shirt                   -> order_canceled
        """,
        after="shirt: A 5",
    ),
    Scenario(
        "a cancel covers a shortfall of others",
        before="shirt: A 6",
        events="""
            place o1: 2 shirt                   -> applied
            place o2: 4 shirt                   -> applied
            set shirt A 3                       -> applied, alert oversold shirt A -3
            cancel o1                           -> applied
        """,
        after="shirt: A 3/4 shortfall=1",
    ),
]

EDITED = [
    Scenario(
        "B38 · a price-only change of a shipped line moves nothing",
        before="shirt: A 7",
        events="""
            place o1: 5 shirt                   -> applied
            ship o1/f1                          -> applied
            edit o1: 5 shirt                    -> applied
        """,
        after="shirt: A 2 v=4",
    ),
    Scenario(
        "B40 · one line changed: the others keep what they hold",
        before="shirt: A 10",
        events="""
            place o1: 2 shirt, 3 shirt          -> applied
            edit o1: 1 shirt, 3 shirt           -> applied, L1 holds 1 shirt A, L2 holds 3 shirt A
        """,
        after="shirt: A 10/4 v=4",
    ),
    Scenario(
        "B53 · one variant on two lines: a change of one is judged with the other",
        before="shirt: A 2",
        events="""
            place o1: 1 shirt, 1 shirt          -> applied
            edit o1: 2 shirt, 1 shirt           -> insufficient_stock, short L1 shirt 1>0
        """,
        after="shirt: A 2/2",
    ),
    Scenario(
        "B60 · a change beyond what there is is refused whole, and can be told again",
        before="""
            shirt: A 3
            mug: A 3
        """,
        events="""
            place o1: 1 shirt, 2 mug            -> applied
            edit o1: 10 shirt, 1 mug version=2  -> insufficient_stock, short L1 shirt 9>2, at A 2
            edit o1: 3 shirt, 1 mug version=2   -> applied, L1 holds 3 shirt A, L2 holds 1 mug A
        """,
        after="""
            shirt: A 3/3
            mug: A 3/1
        """,
    ),
    Scenario(
        "a return that waits is refused as soon as the order is changed to less than it",
        before="shirt: A 9",
        events="""
            place o1: 3 shirt                   -> applied
            ship o1/f1: L1 1                    -> applied
            return o1/r1: L1 2                  -> parked, waits for order o1
            edit o1: 1 shirt                    -> applied, then e3 exceeds_shipped
        """,
        after="shirt: A 8",
    ),
    Scenario(
        "a variant that was deleted takes no new lines; those of it that are there may grow",
        before="""
            shirt: A 9
            mug: A 9
        """,
        events="""
            place o1: 1 shirt                   -> applied
            variant shirt deleted               -> applied, nothing goes
            edit o1: 2 shirt                    -> applied, L1 holds 2 shirt A
            place o2: 1 mug                     -> applied
            edit o2: 1 mug, 1 shirt             -> unknown_variant, unknown shirt
        """,
        after="""
            shirt: A 9/2
            mug: A 9/1
        """,
    ),
    Scenario(
        "B47 · six in stock, five of them the order's own: it may have the sixth",
        before="shirt: A 6",
        events="""
            place o1: 5 shirt                   -> applied
            edit o1: 6 shirt                    -> applied, L1 holds 6 shirt A
        """,
        after="shirt: A 6/6",
    ),
    Scenario(
        "moving the last three from one line to another passes",
        before="shirt: A 3",
        events="""
            place o1: 3 shirt                   -> applied
            edit o1: 0 shirt, 3 shirt           -> applied, L2 holds 3 shirt A
            edit o1: 2 shirt, 1 shirt           -> applied, L1 holds 2 shirt A, L2 holds 1 shirt A
        """,
        after="shirt: A 3/3",
    ),
    Scenario(
        "an order that wants no more than before has it, though others wait, though a count found less",
        before="shirt: A 3, B 1",
        events="""
            place o1: 3 shirt                   -> applied
            place o2: 1 shirt @A policy=backorder -> applied, L1 waits for 1 shirt A
            edit o1: 0 shirt, 3 shirt           -> applied, L2 holds 3 shirt A, no alert
            set shirt A 2                       -> applied
            edit o1: 3 shirt, 0 shirt           -> applied, L1 holds 3 shirt A, no alert
            edit o1: 3 shirt, 2 shirt           -> insufficient_stock, short L2 shirt 2>1, at B 1
            edit o1: 2 shirt, 2 shirt           -> applied, L1 holds 2 shirt A, L2 holds 1 shirt A,
                L2 holds 1 shirt B
        """,
        after="shirt: A 2/4 shortfall=2, B 1/1",
    ),
    Scenario(
        "a line left out is removed, as one with quantity 0 is; it may come back",
        before="""
            shirt: A 9
            mug: A 9
            cup: A 9
        """,
        events="""
            place o1: 2 shirt, 2 mug, 2 cup     -> applied
            edit o1: 1 shirt, 0 mug             -> applied, L1 holds 1 shirt A
            ship o1/f1: L2 1                    -> exceeds_ordered
            ship o1/f1: L3 1                    -> exceeds_ordered
            edit o1: 0 shirt, 0 mug, 1 cup      -> applied, L3 holds 1 cup A
        """,
        after="""
            shirt: A 9
            mug: A 9
            cup: A 9/1
        """,
    ),
    Scenario(
        "what shrinks is given up where it would be shipped from last; what grows comes by the strategy",
        before="shirt: A 4, B 4, C 4",
        events="""
            place o1: 6 shirt                   -> applied, L1 holds 4 shirt A, L1 holds 2 shirt B
            edit o1: 3 shirt                    -> applied, L1 holds 3 shirt A
            edit o1: 9 shirt                    -> applied
        """,
        after="shirt: A 4/4, B 4/4, C 4/1",
    ),
    Scenario(
        "edited below what has shipped: held becomes 0, what shipped stays out until returned",
        before="shirt: A 9",
        events="""
            place o1: 5 shirt                   -> applied
            ship o1/f1: L1 3                    -> applied
            edit o1: 1 shirt                    -> applied
            ship o1/f2                          -> exceeds_ordered
            ship o1/f2: L1 1                    -> exceeds_ordered
            return o1/r1: L1 4                  -> exceeds_shipped
            return o1/r1: L1 3                  -> applied
        """,
        after="shirt: A 9",
    ),
    Scenario(
        "an existing line grows by its frozen recipe; another variant under its id is refused",
        before="""
            cup: A 20
            set = 2 cup
        """,
        events="""
            place o1: 1 set                     -> applied, L1 holds 2 cup A
            edit o1: 3 set                      -> applied, L1 holds 6 cup A
            edit o1: 3 cup                      -> conflict
            edit o1: L2 1 mug, L1 3 cup         -> conflict
            edit o1: 0 set, L2 1 cup            -> applied, L2 holds 1 cup A
            edit o1: 1 cup                      -> conflict
        """,
        after="cup: A 20/1",
    ),
    Scenario(
        "a version not above the applied one is stale; without one the last to arrive counts",
        before="shirt: A 9",
        events="""
            place o1: 1 shirt                   -> applied
            edit o1: 4 shirt version=3          -> applied
            edit o1: 2 shirt version=2          -> stale
            edit o1: 5 shirt version=3          -> stale
            edit o1: 6 shirt                    -> applied
            edit o1: 3 shirt version=4          -> applied
        """,
        after="shirt: A 9/3",
    ),
    Scenario(
        "of parked changes the highest version counts",
        before="shirt: A 9",
        events="""
            edit o1: 5 shirt version=2          -> parked, waits for order o1
            edit o1: 3 shirt version=3          -> parked, waits for order o1
            place o1: 1 shirt                   -> applied, then e2 applied, then e1 stale
        """,
        after="shirt: A 9/3 v=3",
    ),
    Scenario(
        "a new line with an unknown variant parks the whole change; later versions overtake it",
        before="shirt: A 9",
        events="""
            place o1: 1 shirt                   -> applied
            edit o1: 2 shirt, 1 mug version=2   -> parked, waits for variant mug
            edit o1: 3 shirt version=3          -> applied, then e2 stale
            edit o1: 4 shirt, 1 mug version=4   -> parked, waits for variant mug
            variant mug sku=mug                 -> applied, silence
            set mug B 1                         -> applied, then e4 applied, then e4 L2 holds 1 mug B
        """,
        after="""
            shirt: A 9/4
            mug: B 1/1
        """,
    ),
    Scenario(
        "a new line may be firm; its location is waited for",
        before="shirt: A 9, B 1",
        events="""
            place o1: 1 shirt                   -> applied
            edit o1: 1 shirt, 2 shirt @B        -> insufficient_stock, short L2 shirt 2>1, at B 1
            edit o1: 1 shirt, 1 shirt @B        -> applied, L2 holds 1 shirt B
            edit o1: 1 shirt, 1 shirt, 1 shirt @D -> parked, waits for location D
            location D                          -> applied, then e4 insufficient_stock
        """,
        after="shirt: A 9/1, B 1/1",
    ),
    Scenario(
        "a canceled order is not changed any more; a canceled line holds nothing whatever is ordered of it",
        before="shirt: A 9",
        events="""
            edit o2: 1 shirt                    -> parked, waits for order o2
            cancel o2                           -> applied, then e1 order_canceled
            place o1: 2 shirt, 2 shirt          -> applied
            cancel o1: L2 L3                    -> applied, L2 releases 2 shirt A
            edit o1: 3 shirt, 5 shirt, 1 shirt  -> applied, L1 holds 3 shirt A
            cancel o1                           -> applied
            edit o1: 1 shirt                    -> order_canceled
        """,
        after="shirt: A 9/0",
    ),
    Scenario(
        "a shipment by a newer version of the order waits for it; by none it is refused",
        before="""
            shirt: A 9
            mug: A 9
        """,
        events="""
            place o1: 1 shirt                           -> applied
            ship o1/f1: L1 2, L2 1 order_version=2      -> parked, waits for order o1
            ship o1/f2: L1 2                            -> exceeds_ordered
            edit o1: 2 shirt, 1 mug version=2           -> applied, then e2 applied
            ship o1/f3: L1 1 order_version=2            -> exceeds_ordered
            ship o1/f3: L1 1 order_version=3            -> parked, waits for order o1
            cancel o1                                   -> applied, then e6 exceeds_ordered
        """,
        after="""
            shirt: A 7
            mug: A 8
        """,
    ),
    Scenario(
        "the whole story before the order: its change first, then what was shipped by it",
        before="""
            shirt: A 9
            mug: A 9
        """,
        events="""
            ship o1/f1: L1 1, L2 2              -> parked, waits for order o1
            return o1/r1: L2 1                  -> parked, waits for order o1
            edit o1: 1 shirt, 2 mug             -> parked, waits for order o1
            place o1: 1 shirt                   -> applied, then e3 applied, then e1 applied, then e2 applied
        """,
        after="""
            shirt: A 8
            mug: A 8
        """,
    ),
    Scenario(
        "a parked change is judged before a parked shipment, whatever it names",
        before="""
            shirt: A 9
            mug: A 9
        """,
        events="""
            ship o1/f1: L1 2                    -> parked, waits for order o1
            edit o1: 1 shirt, 1 mug             -> parked, waits for order o1
            place o1: 2 shirt                   -> applied, then e2 applied, then e1 exceeds_ordered
        """,
        after="""
            shirt: A 9/1
            mug: A 9/1
        """,
    ),
    Scenario(
        "a shipment is not refused while a change waits that may yet cover it",
        before="shirt: A 9",
        events="""
            ship o1/f1: L1 1, L2 2              -> parked, waits for order o1
            return o1/r1: L2 1                  -> parked, waits for order o1
            edit o1: 1 shirt, 2 mug             -> parked, waits for order o1
            place o1: 1 shirt                   -> applied, silence
            variant mug sku=mug                 -> applied, silence
            set mug A 5                         -> applied, then e3 applied, then e1 applied, then e2 applied
        """,
        after="""
            shirt: A 8
            mug: A 4
        """,
    ),
    Scenario(
        "an exchange: goods come back, another line takes their place and is reserved like an order",
        before="""
            shirt: A 9
            mug: A 2
        """,
        events="""
            place o1: 1 shirt                   -> applied
            ship o1/f1                          -> applied
            return o1/r1: L1 1                  -> applied
            edit o1: 1 shirt, 3 mug             -> insufficient_stock, short L2 mug 3>2
            edit o1: 1 shirt, 1 mug             -> applied, L2 holds 1 mug A
            ship o1/f2                          -> applied, L2 ships 1 mug A
        """,
        after="""
            shirt: A 9
            mug: A 1
        """,
    ),
    Scenario(
        "a claim: the replacement is an order of its own, or a line more",
        before="mug: A 3",
        events="""
            place o1: 1 mug                     -> applied
            ship o1/f1                          -> applied
            return o1/r1: L1 1 damaged          -> applied
            place o1-claim: 1 mug               -> applied, L1 holds 1 mug A
            edit o1: 1 mug, 1 mug               -> applied, L2 holds 1 mug A
        """,
        after="mug: A 2/2 damaged=1",
    ),
    Scenario(
        "unmanaged lines are changed too",
        before="gift: unmanaged",
        events="""
            place o1: 2 gift                    -> applied
            edit o1: 1 gift                     -> applied
            ship o1/f1: L1 2                    -> exceeds_ordered
            ship o1/f1                          -> applied
            edit o1: 0 gift                     -> applied
            ship o1/f2                          -> exceeds_ordered
        """,
    ),
]

PARTS = [
    Scenario(
        "an order ships in any number of parts, of lines and of places",
        before="""
            shirt: A 4, B 4
            mug: A 9
        """,
        events="""
            place o1: 6 shirt, 2 mug            -> applied
            ship o1/f1: L1 1                    -> applied, L1 ships 1 shirt A
            ship o1/f2: L2 1                    -> applied, L2 ships 1 mug A
            ship o1/f3: L1 4                    -> applied, L1 ships 3 shirt A, L1 ships 1 shirt B
            ship o1/f4: L1 1, L2 1              -> applied, L1 ships 1 shirt B, L2 ships 1 mug A
            ship o1/f5: L1 1                    -> exceeds_ordered
        """,
        after="""
            shirt: A 0, B 2
            mug: A 7
        """,
    ),
    Scenario(
        "parts of a unit are exact from the order to the return",
        before="cloth (2 places): A 2.50, B 1.00",
        events="""
            place o1: 2.75 cloth                -> applied, L1 holds 2 cloth A, L1 holds 0.75 cloth B
            edit o1: 2.25 cloth                 -> applied, L1 holds 2 cloth A, L1 holds 0.25 cloth B
            move o1/L1: 0.75 A to B             -> applied
            ship o1/f1: L1 1.25                 -> applied, L1 ships 1.25 cloth A
            return o1/r1: L1 0.5 damaged        -> applied, L1 restocks 0.5 cloth A
            ship o1/f2                          -> applied, L1 ships 1 cloth B
            unship o1/f2                        -> applied, L1 holds 1 cloth B
            receive cloth A 0.05                -> applied
            adjust cloth A -0.01                -> applied
            place o2: 2 cloth policy=backorder  -> applied, L1 holds 2 cloth A, L1 waits for 0.71 cloth A
            cart c1: 0.01 cloth                 -> insufficient_stock, L1 has 0
            cancel o2                           -> applied, L1 releases 2 cloth A
            cart c1: 0.01 cloth                 -> applied, L1 has 1.29
        """,
        after="cloth: A 1.29 damaged=0.5, B 1/1",
    ),
    Scenario(
        "two lines of one item ship no more than is in stock, however much both hold",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt, 2 shirt          -> applied
            set shirt A 3                       -> applied
            ship o1/f1                          -> insufficient_stock, short L2 shirt 2>1
            ship o1/f1 from A                   -> insufficient_stock, short L2 shirt 2>1
            ship o1/f1: L1 2, L2 1              -> applied
        """,
        after="shirt: A 0/1 shortfall=1",
    ),
]

UNSHIPPED = [
    Scenario(
        "B44 · a canceled shipment is back where it left, held by its line again, and ships again",
        before="shirt: A 10",
        events="""
            place o1: 2 shirt                   -> applied
            ship o1/f1                          -> applied
            unship o1/f1                        -> applied, L1 restocks 2 shirt A, L1 holds 2 shirt A
            unship o1/f1                        -> already_applied
            ship o1/f1: L1 2                    -> conflict
            ship o1/f2                          -> applied, L1 ships 2 shirt A
        """,
        after="shirt: A 8",
    ),
    Scenario(
        "B45 · a backordered line ships once stock is there; undone, it waits with its goods",
        before="shirt: A 0",
        events="""
            place o1: 2 shirt policy=backorder  -> applied
            ship o1/f1                          -> insufficient_stock
            set shirt A 2                       -> applied
            ship o1/f1                          -> applied
            unship o1/f1                        -> applied, L1 holds 2 shirt A
            ship o1/f2                          -> applied
            set shirt A 0                       -> applied
            unship o1/f2                        -> applied, L1 holds 2 shirt A
        """,
        after="shirt: A 2/2",
    ),
    Scenario(
        "B45 · a line whose goods are short gets its own back all the same: it does not compete for them",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt                   -> applied
            place o2: 3 shirt                   -> applied
            ship o1/f1                          -> applied
            set shirt A 0                       -> applied, alert oversold shirt A -3
            unship o1/f1                        -> applied, L1 holds 2 shirt A
        """,
        after="shirt: A 2/5 shortfall=3",
    ),
    Scenario(
        "goods of another location come back there, and are held there",
        before="shirt: A 5, B 5",
        events="""
            place o1: 3 shirt                   -> applied
            ship o1/f1: L1 2 from B             -> applied
            unship o1/f1                        -> applied, L1 restocks 2 shirt B, L1 holds 2 shirt B
        """,
        after="shirt: A 5/1, B 5/2",
    ),
    Scenario(
        "after a cancel, and of what is ordered no more, only the stock comes back",
        before="""
            shirt: A 9
            mug: A 9
        """,
        events="""
            place o1: 3 shirt, 2 mug            -> applied
            ship o1/f1                          -> applied
            edit o1: 1 shirt, 2 mug             -> applied
            cancel o1: L2                       -> applied
            unship o1/f1                        -> applied, L1 restocks 3 shirt A, L1 holds 1 shirt A
        """,
        after="""
            shirt: A 9/1
            mug: A 9
        """,
    ),
    Scenario(
        "partly returned already is refused; what is returned is of the first shipment",
        before="shirt: A 9",
        events="""
            place o1: 5 shirt                   -> applied
            ship o1/f1: L1 2                    -> applied
            ship o1/f2: L1 3                    -> applied
            return o1/r1: L1 1                  -> applied
            unship o1/f1                        -> exceeds_shipped
            unship o1/f2                        -> applied, L1 holds 3 shirt A
            return o1/r2: L1 2                  -> parked, waits for order o1
            ship o1/f3: L1 1                    -> applied, then e7 applied
        """,
        after="shirt: A 9/2",
    ),
    Scenario(
        "what is returned is of the shipments that were not undone, and goes back to where they left",
        before="shirt: A 9, B 9",
        events="""
            place o1: 2 shirt                   -> applied
            ship o1/f1: L1 2                    -> applied, L1 ships 2 shirt A
            unship o1/f1                        -> applied
            ship o1/f2: L1 2 from B             -> applied
            return o1/r1: L1 1                  -> applied, L1 restocks 1 shirt B
            unship o1/f2                        -> exceeds_shipped
        """,
        after="shirt: A 9, B 8",
    ),
    Scenario(
        "before its shipment it waits, and is applied right after it, before a return that waits too",
        before="shirt: A 9",
        events="""
            return o1/r1: L1 1                  -> parked, waits for order o1
            place o1: 2 shirt                   -> applied, silence
            unship o1/f1                        -> parked, waits for order o1
            ship o1/f1                          -> applied, then e3 applied, then e3 L1 holds 2 shirt A
            ship o1/f2: L1 1                    -> applied, then e1 applied
        """,
        after="shirt: A 9/1",
    ),
    Scenario(
        "undone before it ships and after the cancel: its goods come back, and are nobody's",
        before="shirt: A 9",
        events="""
            place o1: 3 shirt                   -> applied
            unship o1/f1                        -> parked, waits for order o1
            cancel o1                           -> applied, silence
            ship o1/f1: L1 2                    -> applied, then e2 applied, then e2 L1 restocks 2 shirt A
        """,
        after="shirt: A 9",
    ),
    Scenario(
        "the whole story before the order: shipped, undone, shipped again",
        before="shirt: A 9",
        events="""
            unship o1/f1                        -> parked, waits for order o1
            return o1/r1: L1 1                  -> parked, waits for order o1
            ship o1/f1: L1 2                    -> parked, waits for order o1
            ship o1/f2: L1 1                    -> parked, waits for order o1
            place o1: 2 shirt                   -> applied, then e3 applied, then e1 applied, then e4 applied
        """,
        after="shirt: A 9/1",
    ),
    Scenario(
        "kits come back whole, unmanaged lines count too",
        before="""
            cup: A 9
            tea (2 places): A 5
            box = 1 cup + 0.25 tea
            gift: unmanaged
        """,
        events="""
            place o1: 2 box, 3 gift             -> applied
            ship o1/f1: L1 1, L2 3              -> applied
            ship o1/f2: L1 1                    -> applied
            unship o1/f1                        -> applied, L1 holds 1 cup A, L1 holds 0.25 tea A
            ship o1/f3: L1 1, L2 3              -> applied
        """,
        after="""
            cup: A 7
            tea: A 4.5
        """,
    ),
]

SCENARIOS = [*CANCELED, *EDITED, *PARTS, *UNSHIPPED]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_order(scenario: Scenario) -> None:
    run(scenario)
