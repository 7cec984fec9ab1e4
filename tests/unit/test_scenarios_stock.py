"""Stock that travels: the rulings on transfers, sentence by sentence, as rows."""

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

SCENARIOS = [*TRANSFERS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_ruling(scenario: Scenario) -> None:
    run(scenario)
