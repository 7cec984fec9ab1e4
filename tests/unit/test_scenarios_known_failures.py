"""Known failures of other inventory systems, as they must come out here (the numbers are the reference's)."""

import pytest

from tests.scenarios import Scenario
from tests.unit.telling import run

SCENARIOS = [
    Scenario(
        "B1 · the last unit is sold once",
        before="shirt: A 1",
        events="""
            place o1: 1 shirt       -> applied
            place o2: 1 shirt       -> insufficient_stock, short L1 shirt 1>0
        """,
        after="shirt: A 1/1",
    ),
    Scenario(
        "B2 · one item twice in an order is judged on the sum",
        before="shirt: A 5",
        events="place o1: 5 shirt, 5 shirt -> insufficient_stock, short L2 shirt 5>0",
        after="shirt: A 5/0",
    ),
    Scenario(
        "B6 · two checkouts for the last units",
        before="shirt: A 6",
        events="""
            place o1: 4 shirt       -> applied
            place o2: 4 shirt       -> insufficient_stock, short L1 shirt 4>2, at A 2
        """,
        after="shirt: A 6/4",
    ),
    Scenario(
        "B9 · two sales make two",
        before="shirt: A 10",
        events="""
            place o1: 1 shirt       -> applied
            place o2: 1 shirt       -> applied
            ship o1/f1              -> applied
            ship o2/f1              -> applied
        """,
        after="shirt: A 8",
    ),
    Scenario(
        "B11 · two lines that share an item, at once",
        before="""
            cup: A 10
            set = 2 cup
        """,
        events="place o1: 1 set, 3 cup -> applied, L1 holds 2 cup A, L2 holds 3 cup A",
        after="cup: A 10/5",
    ),
    Scenario(
        "B15 · return of two variants that share an item gives back each one's parts",
        before="""
            tile: A 10
            one = 1 tile
            three = 3 tile
        """,
        events="""
            place o1: 1 one, 1 three      -> applied
            ship o1/f1                    -> applied
            return o1/r1: L1 1, L2 1 to A -> applied, L1 restocks 1 tile A, L2 restocks 3 tile A
        """,
        after="tile: A 10",
    ),
    Scenario(
        "B18 · the recipe is the one of the order's day, whether it asks for more or for less by now",
        before="""
            cup: A 10
            set = 2 cup
        """,
        events="""
            place o1: 1 set               -> applied
            variant set updated = 3 cup   -> applied
            ship o1/f1                    -> applied, L1 ships 2 cup A
            variant set updated = 2 cup   -> applied
            place o2: 1 set               -> applied
            variant set updated = 1 cup   -> applied
            ship o2/f1                    -> applied, L1 ships 2 cup A
        """,
        after="cup: A 6",
    ),
    Scenario(
        "B20 · every part of a kit leaves by its own quantity",
        before="""
            x: A 10
            y: A 10
            kit = 1 x + 4 y
        """,
        events="""
            place o1: 1 kit   -> applied, L1 holds 1 x A, L1 holds 4 y A
            ship o1/f1        -> applied, L1 ships 1 x A, L1 ships 4 y A
        """,
        after="""
            x: A 9
            y: A 6
        """,
    ),
    Scenario(
        "B22 · quarters of a unit are exact",
        before="cake (2 places): A 1",
        events="""
            variant slice = 0.25 cake  -> applied, made of 0.25 cake
            place o1: 4 slice          -> applied, L1 holds 1 cake A
            place o2: 1 slice          -> insufficient_stock, short L1 cake 0.25>0
        """,
        after="cake: A 1/1",
    ),
    Scenario(
        "B25 · no location has both, together they do: confirmed and split",
        before="shirt: A 1, B 1",
        events="""
            cart c1: 2 shirt  -> applied, L1 has 2
            place o1: 2 shirt -> applied, L1 holds 1 shirt A, L1 holds 1 shirt B
        """,
        after="shirt: A 1/1, B 1/1",
    ),
    Scenario(
        "B27 · reserved in the channel's locations only",
        before="shirt: A 10, B 10",
        events="""
            channel web: B    -> applied
            place o1: 2 shirt -> applied
        """,
        after="shirt: A 10, B 10/2",
    ),
    Scenario(
        "B28 · shipping from another location is refused where it has nothing",
        before="shirt: A 10, B 0",
        events="""
            place o1: 5 shirt       -> applied
            ship o1/f1: 2 from B    -> insufficient_stock, short L1 shirt 2>0, at B 0
        """,
        after="shirt: A 10/5, B 0/0",
    ),
    Scenario(
        "B28 · shipping from another location hands over as much as leaves",
        before="shirt: A 10, B 5",
        events="""
            place o1: 5 shirt       -> applied
            ship o1/f1: 2 from B    -> applied, L1 ships 2 shirt B
            ship o1/f2 from B       -> applied, L1 ships 3 shirt B
        """,
        after="shirt: A 10/0, B 0/0",
    ),
    Scenario(
        "B46 · shipping one line leaves the others alone",
        before="""
            x: A 5
            y: A 5
        """,
        events="""
            place o1: 1 x, 1 y      -> applied
            ship o1/f1: L1 1        -> applied, L1 ships 1 x A
        """,
        after="""
            x: A 4
            y: A 5/1
        """,
    ),
    Scenario(
        "B47 · the last units can be shipped to those who hold them",
        before="shirt: A 4",
        events="""
            place o1: 1 shirt  -> applied
            place o2: 1 shirt  -> applied
            place o3: 1 shirt  -> applied
            place o4: 1 shirt  -> applied
            ship o1/f1         -> applied
        """,
        after="shirt: A 3/3",
    ),
    Scenario(
        "B49 · sold, shipped without a location, returned: as before",
        before="shirt: A 10",
        events="""
            place o1: 1 shirt   -> applied
            ship o1/f1          -> applied, L1 ships 1 shirt A
            return o1/r1: L1 1  -> applied, L1 restocks 1 shirt A
        """,
        after="shirt: A 10",
    ),
    Scenario(
        "B49 · what is not managed is never counted down",
        before="gift: unmanaged",
        events="""
            place o1: 3 gift    -> applied
            ship o1/f1          -> applied
            return o1/r1: L1 3  -> applied
        """,
    ),
    Scenario(
        "B53 · one variant on two lines of a cart shares its stock",
        before="shirt: A 1",
        events="cart c1: 1 shirt, 1 shirt -> insufficient_stock, L1 has 1, L2 has 0, L2 short",
        after="shirt: A 1",
    ),
    Scenario(
        "B60 · a cart asking for more than there is is told so",
        before="shirt: A 3",
        events="""
            cart c1: 1 shirt   -> applied
            cart c1: 10 shirt  -> insufficient_stock, L1 has 3, short L1 shirt 10>3, at A 3
        """,
        after="shirt: A 3",
    ),
    Scenario(
        "B63 · the same event three times counts once",
        before="shirt: A 10",
        events="""
            place o1: 2 shirt id=once  -> applied
            place o1: 2 shirt id=once
            place o1: 2 shirt id=once
        """,
        after="shirt: A 10/2",
    ),
    Scenario(
        "B64 · fulfilled before placed",
        before="shirt: A 10",
        events="""
            ship o1/f1: L1 2    -> parked, waits for order o1, revision 1
            place o1: 2 shirt   -> applied, revision 2, then e1 applied, then e1 revision 3
        """,
        after="shirt: A 8",
    ),
    Scenario(
        "B64 · returned before fulfilled",
        before="shirt: A 10",
        events="""
            place o1: 2 shirt   -> applied
            return o1/r1: L1 1  -> parked, waits for order o1
            ship o1/f1: L1 2    -> applied, then e2 applied
        """,
        after="shirt: A 9",
    ),
    Scenario(
        "B64 · returned, fulfilled, placed: the wrong way round",
        before="shirt: A 10",
        events="""
            return o1/r1: L1 1  -> parked, waits for order o1
            ship o1/f1: L1 2    -> parked, waits for order o1
            place o1: 2 shirt   -> applied, then e2 applied, then e1 applied
        """,
        after="shirt: A 9",
    ),
    Scenario(
        "B65 · a count of what is available keeps commitments",
        before="shirt: A 10/10",
        events="set shirt A 0 available -> applied, no alert",
        after="shirt: A 10/10",
    ),
    Scenario(
        "B65 · a count of what is there may fall below what is promised",
        before="shirt: A 10/10",
        events="set shirt A 0 -> applied, alert oversold shirt A -10, uncovered earlier-shirt-A/L1 10",
        after="shirt: A 0/10 shortfall=10",
    ),
    Scenario(
        "B66 · back in stock is told once, of the level that is",
        before="shirt: A 5, B 5",
        events="""
            place o1: 5 shirt @A  -> applied, alert out_of_stock shirt A 0
            set shirt A 15        -> applied, alert back_in_stock shirt A 10
            set shirt A 16        -> applied, no alert
        """,
        after="shirt: A 16/5, B 5",
    ),
    Scenario(
        "B66 · of an order's items only the one that is gone is told",
        before="""
            shirt: A 5
            mug: A 5
        """,
        events="""
            place o1: 5 shirt, 4 mug  -> applied, alert out_of_stock shirt A 0,
                alert out_of_stock shirt web 0
        """,
    ),
    Scenario(
        "B74 · a managed variant gets exactly one item, also when told twice",
        events="""
            variant mug id=once  -> applied, made of 1 mug
            variant mug id=once
            variant mug          -> already_applied
            set mug A 1 by=variant_id -> applied
        """,
        after="mug: A 1",
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_known_failure(scenario: Scenario) -> None:
    run(scenario)
