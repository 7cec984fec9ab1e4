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

SCENARIOS = [*CANCELED]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_order(scenario: Scenario) -> None:
    run(scenario)
