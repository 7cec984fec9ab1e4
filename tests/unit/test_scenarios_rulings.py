"""The rulings, sentence by sentence, as rows: what was there, what happened, what is there then."""

import pytest

from tests.scenarios import Scenario
from tests.unit.telling import run

CATALOGUE = [
    Scenario(
        "an item id given by the producer is the id; a part named by an unknown id or sku is made",
        events="""
            variant mug                         -> applied, made of 1 mug
            variant pack = 6 #cup               -> applied, made of 6 cup
            variant tray = 2 #cup + 1 tea       -> applied, made of 2 cup
            set cup A 12 by=inventory_item_id   -> applied
            set tea A 1                         -> applied
            place o1: 1 pack, 1 tray            -> applied, L1 holds 6 cup A, L2 holds 2 cup A
        """,
    ),
    Scenario(
        "two variants with one sku share the item",
        events="""
            variant red sku=S                   -> applied, made of 1 red
            variant blue sku=S                  -> applied, made of 1 red
            set S A 3                           -> applied
            place o1: 2 red                     -> applied
            place o2: 2 blue                    -> insufficient_stock, short L1 red 2>1
        """,
    ),
    Scenario(
        "without a sku the item is reached by variant or item id alone",
        events="""
            variant red                         -> applied
            set red A 3                         -> parked, waits for sku red
            set red A 3 by=variant_id           -> applied
            set red B 3 by=inventory_item_id    -> applied
        """,
        after="red: A 3, B 3",
    ),
    Scenario(
        "an item that came as a part takes the sku of the variant made of it",
        events="""
            variant pack = 6 #cup               -> applied, made of 6 cup
            variant cup sku=C                   -> applied, made of 1 cup
            set C A 6                           -> applied, level cup A 6/0 v1
            place o1: 1 pack                    -> applied, L1 holds 6 cup A
        """,
    ),
    Scenario(
        "a part named twice, also once by id and once by sku, is refused, not added up",
        events="""
            variant red sku=S                   -> applied
            variant pack = 6 #red + 2 S         -> conflict
            variant pack = 6 #red + 2 #red      -> conflict
            variant tray = 1 S + 2 S            -> conflict
            variant jar = 1 tea + 2 tea         -> conflict
            variant box = 2 S                   -> applied, made of 2 red
        """,
    ),
    Scenario(
        "created twice: the same content was applied before, other content is a conflict",
        events="""
            variant mug sku=M                   -> applied
            variant mug sku=M                   -> already_applied
            variant mug sku=N                   -> conflict
            location D roles=ships              -> applied
            location D roles=ships              -> already_applied
            location D                          -> conflict
        """,
    ),
    Scenario(
        "a location updated or deleted before it is created waits for its creation",
        before="shirt: A 1",
        events="""
            location D updated roles=sells,ships version=2  -> parked, waits for location D
            location D deleted version=3                    -> parked, waits for location D
            location D version=1                -> applied, then e1 applied, then e2 applied
            location D updated version=2        -> stale
            location D deleted version=3        -> already_applied
        """,
    ),
    Scenario(
        "stock is counted in as many places as the item has; more are poison",
        before="cloth (2 places): A 1.50",
        events="""
            set cloth A 1.75                    -> applied
            set cloth A 1.755                   -> dead_lettered
            adjust cloth A -0.5                 -> applied
            place o1: 1.25 cloth                -> applied, L1 holds 1.25 cloth A
            place o2: 1.255 cloth               -> dead_lettered
            cart c1: 1.255 cloth                -> dead_lettered
        """,
        after="cloth: A 1.25/1.25",
    ),
    Scenario(
        "a line's quantity may have decimals if it fits every part",
        before="cup: A 9",
        events="""
            variant pair = 2 cup                -> applied
            place o1: 1.5 pair                  -> applied, L1 holds 3 cup A
            place o2: 1.25 pair                 -> dead_lettered
            cart c1: 0.5 pair                   -> applied, L1 has 3
            cart c2: 1 pair                     -> applied, L1 has 3
        """,
        after="cup: A 9/3",
    ),
    Scenario(
        "an unmanaged variant takes any quantity up to six places",
        before="gift: unmanaged",
        events="place o1: 0.000001 gift         -> applied",
    ),
    Scenario(
        "management switched on makes the item; orders of before stay unmanaged",
        before="gift: unmanaged",
        events="""
            place o1: 2 gift                    -> applied
            variant gift updated                -> applied, made of 1 gift
            place o2: 1 gift                    -> parked, waits for level gift
            set gift A 3 by=variant_id          -> applied, then e3 applied
            ship o1/f1                          -> applied
        """,
        after="gift: A 3/1",
    ),
    Scenario(
        "two variants disagree on the places of one item: a conflict",
        before="cloth (2 places): A 1",
        events="variant rag sku=cloth decimal_places=3 -> conflict",
    ),
    Scenario(
        "a location counts if it sells and ships",
        before="shirt: A 1, B 1, C 1",
        events="""
            location A updated roles=ships      -> applied
            location B updated roles=sells      -> applied
            cart c1: 3 shirt                    -> insufficient_stock, L1 has 1, at C 1
            place o1: 1 shirt                   -> applied, L1 holds 1 shirt C
        """,
    ),
    Scenario(
        "roles are a list: left out, a location has all of them; an empty list is none",
        before="shirt: A 0",
        events="""
            location D                          -> applied
            channel web: D                      -> applied
            set shirt D 5                       -> applied
            place o1: 1 shirt                   -> applied, L1 holds 1 shirt D
            ship o1/f1                          -> applied
            return o1/r1: L1 1                  -> applied, L1 restocks 1 shirt D
            location D updated roles=           -> applied
            cart c1: 1 shirt                    -> insufficient_stock, L1 has 0
            place o2: 1 shirt @D                -> insufficient_stock
            location D updated                  -> applied
            cart c1: 1 shirt                    -> applied, L1 has 5
        """,
        after="shirt: A 0, D 5",
    ),
    Scenario(
        "a location that does not sell is used by hand: moved to, shipped from",
        before="shirt: A 5, B 5",
        events="""
            location B updated roles=ships      -> applied
            place o1: 3 shirt                   -> applied
            move o1/L1: 2 A to B                -> applied
            ship o1/f1: L1 1 from B             -> applied, L1 ships 1 shirt B
        """,
        after="shirt: A 5/1, B 4/1",
    ),
    Scenario(
        "a location that does not ship is neither shipped from nor moved to",
        before="shirt: A 5, B 5",
        events="""
            location B updated roles=sells      -> applied
            place o1: 3 shirt                   -> applied
            move o1/L1: 2 A to B                -> location_not_allowed
            ship o1/f1: L1 1 from B             -> location_not_allowed
        """,
        after="shirt: A 5/3, B 5",
    ),
    Scenario(
        "a channel may name locations that are not created yet; they count from their creation",
        before="shirt: A 1",
        events="""
            channel web: D A                    -> applied
            set shirt D 4                       -> parked, waits for location D
            cart c1: 2 shirt                    -> insufficient_stock, L1 has 1
            location D                          -> applied, then e2 applied
            cart c1: 2 shirt                    -> applied, L1 has 5
            place o1: 2 shirt                   -> applied, L1 holds 2 shirt D
        """,
        after="shirt: A 1, D 4/2",
    ),
    Scenario(
        "a deleted location sells nothing from then on; its stock stays until counted",
        before="shirt: A 5, B 5",
        events="""
            place o1: 2 shirt                   -> applied
            location A deleted                  -> applied
            cart c1: 6 shirt                    -> insufficient_stock, L1 has 5
            place o2: 1 shirt                   -> applied, L1 holds 1 shirt B
            set shirt A 3                       -> applied
            move o2/L1: B to A                  -> location_not_allowed
            location A updated                  -> applied
            cart c1: 6 shirt                    -> insufficient_stock
        """,
        after="shirt: A 3/2, B 5/1",
    ),
    Scenario(
        "B31 · what is held at a deleted location is shipped, moved away, given up for another",
        before="shirt: A 5, B 5",
        events="""
            place o1: 3 shirt                   -> applied
            location A deleted                  -> applied
            ship o1/f1: L1 1                    -> applied, L1 ships 1 shirt A
            move o1/L1: 1 A to B                -> applied
            ship o1/f2: L1 2 from B             -> applied
        """,
        after="shirt: A 4, B 3",
    ),
    Scenario(
        "B31 · a deleted location accepts what is given up there, and what comes back",
        before="shirt: A 9, B 1",
        events="""
            place o1: 2 shirt                   -> applied
            place o2: 3 shirt                   -> applied
            place o3: 1 shirt                   -> applied
            cart c1: 1 shirt hold=60            -> applied
            location A deleted                  -> applied
            cancel o1                           -> applied, L1 releases 2 shirt A
            edit o2: 1 shirt                    -> applied, L1 holds 1 shirt A
            ship o3/f1                          -> applied, L1 ships 1 shirt A
            unship o3/f1                        -> applied, L1 restocks 1 shirt A, L1 holds 1 shirt A
            ship o2/f1                          -> applied
            return o2/r1: L1 1                  -> applied, L1 restocks 1 shirt A
            release c1                          -> applied, L1 releases 1 shirt A
        """,
        after="shirt: A 9/1, B 1",
    ),
    Scenario(
        "an empty location is deleted without more; what is counted there later is not for sale",
        before="shirt: A 1",
        events="""
            location D                          -> applied
            channel web: D A                    -> applied
            location D deleted                  -> applied, no alert, silence
            set shirt D 4                       -> applied
            cart c1: 1 shirt                    -> applied, L1 has 1
        """,
        after="shirt: A 1, D 4",
    ),
    Scenario(
        "levels of a deleted location are shown while anything but 0 is in them",
        before="""
            shirt: A 1, B 3
            mug: A 1, B 3
        """,
        events="""
            set mug B 2 damaged                 -> applied
            location B deleted                  -> applied
            adjust shirt B -3                   -> applied
            adjust mug B -3                     -> applied
        """,
        after="""
            shirt: A 1
            mug: A 1, B 0 damaged=2
        """,
    ),
]

ABSOLUTE = [
    Scenario(
        "an older absolute event is stale by version",
        events="""
            channel web: A version=5            -> applied
            channel web: B version=4            -> stale
            channel web: B version=5            -> applied
            channel web: A version=6            -> applied
        """,
    ),
    Scenario(
        "without versions an older one is stale by its time, from the same source only",
        before="shirt: A 1",
        events="""
            set shirt A 7 time=20               -> applied
            set shirt A 6 time=10               -> stale, level shirt A 7/0 v2
            set shirt A 5 time=10 source=erp    -> applied
            set shirt A 4 time=20               -> applied
        """,
        after="shirt: A 4",
    ),
    Scenario(
        "times of different sources are not compared",
        before="shirt: A 1, B 1",
        events="""
            channel web: A time=20              -> applied
            channel web: B time=10 source=erp   -> applied
            channel web: A time=5 source=erp    -> stale
            place o1: 1 shirt                   -> applied, L1 holds 1 shirt B
        """,
    ),
    Scenario(
        "without version and time the last to arrive wins",
        before="shirt: A 1",
        events="""
            set shirt A 7                       -> applied
            set shirt A 6 time=10               -> applied
            set shirt A 5                       -> applied
        """,
        after="shirt: A 5",
    ),
    Scenario(
        "a version is not forgotten over an event without one",
        before="shirt: A 1",
        events="""
            set shirt A 7 version=3             -> applied
            set shirt A 6                       -> applied
            set shirt A 5 version=2             -> stale
        """,
        after="shirt: A 6",
    ),
    Scenario(
        "every variant and location has its own guard; a deletion may be too old as well",
        before="shirt: A 1",
        events="""
            variant mug sku=M time=10                   -> applied
            variant mug updated sku=N time=5            -> stale
            variant mug updated sku=N time=5 source=erp -> applied
            variant mug deleted time=4 source=erp       -> stale
            variant cup sku=C time=5                    -> applied
            location D time=20                          -> applied
            location D updated time=10                  -> stale
            location D deleted time=15                  -> stale
            location A updated time=15                  -> applied
            location D deleted time=15 source=erp       -> applied
        """,
    ),
    Scenario(
        "stock.set is guarded per level, bucket and source",
        before="shirt: A 1, B 1",
        events="""
            set shirt A 7 version=3             -> applied
            set shirt B 6 version=2             -> applied
            set shirt A 1 damaged version=2     -> applied
            set shirt A 5 version=2 source=erp  -> applied
            set shirt A 4 version=2             -> stale
        """,
        after="shirt: A 5 damaged=1, B 6",
    ),
]

STOCK = [
    Scenario(
        "the buckets are disjoint; incoming is never available",
        before="shirt: A 1",
        events="""
            set shirt A 2 incoming              -> applied
            adjust shirt A +3 damaged           -> applied
            adjust shirt A 4 quarantined        -> applied
            set shirt A 1 damaged               -> applied
            cart c1: 2 shirt                    -> insufficient_stock, L1 has 1
        """,
        after="shirt: A 1 incoming=2 damaged=1 quarantined=4",
    ),
    Scenario(
        "available counts on top of what is promised",
        before="shirt: A 9/4",
        events="set shirt A 3 available         -> applied",
        after="shirt: A 7/4",
    ),
    Scenario(
        "below_zero means the named bucket itself",
        before="shirt: A 10/8",
        events="""
            adjust shirt A -11                  -> below_zero, level shirt A 10/8 v2
            adjust shirt A -1 damaged           -> below_zero
            adjust shirt A +1 available         -> conflict, level shirt A 10/8 v2
            adjust shirt A -5  -> applied, alert oversold shirt A -3, alert out_of_stock shirt A -3,
                alert out_of_stock shirt web 0
        """,
        after="shirt: A 5/8 shortfall=3",
    ),
    Scenario(
        "a receipt takes what was announced out of incoming; a short one leaves the rest, one over takes all",
        before="shirt: A 1",
        events="""
            set shirt A 10 incoming             -> applied
            receive shirt A 4                   -> applied, 4 were incoming, level shirt A 5/0 v4
            receive shirt A 8                   -> applied, 6 were incoming
            receive shirt A 1                   -> applied, 0 were incoming
        """,
        after="shirt: A 14",
    ),
    Scenario(
        "from_incoming: a number takes so many, also if other than came; false takes none",
        before="shirt: A 1",
        events="""
            set shirt A 10 incoming             -> applied
            receive shirt A 4 from_incoming=6   -> applied, 6 were incoming
            receive shirt A 2 from_incoming=false -> applied, 0 were incoming
            receive shirt A 9 from_incoming=5   -> below_zero, level shirt A 7/0 v5
            receive shirt A 9 from_incoming=0   -> applied
        """,
        after="shirt: A 16 incoming=4",
    ),
    Scenario(
        "a receipt makes the level, and releases the order that waited for the first stock",
        before="set: unmanaged",
        events="""
            variant mug sku=mug                 -> applied
            place o1: 2 mug                     -> parked, waits for level mug
            receive mug B 3 -> applied, 0 were incoming, then e2 applied, then e2 L1 holds 2 mug B
        """,
        after="mug: B 3/2",
    ),
    Scenario(
        "a receipt of what nobody knows yet waits; more places than the item has are poison",
        before="cloth (2 places): A 1.50",
        events="""
            receive mug A 3                     -> parked, waits for sku mug
            receive cloth D 1.25                -> parked, waits for location D
            receive cloth A 1.255               -> dead_lettered
            receive cloth A 1.25 from_incoming=true -> applied, 0 were incoming
        """,
        after="cloth: A 2.75",
    ),
    Scenario(
        "goods received cover what is promised without stock",
        before="shirt: A 10/8",
        events="""
            set shirt A 3                       -> applied
            receive shirt A 4 -> applied, level shirt A 7/8 v6, no alert
            receive shirt A 3     -> applied, alert back_in_stock shirt A 2, alert back_in_stock shirt web 2
        """,
        after="shirt: A 10/8",
    ),
    Scenario(
        "stock.adjusted moves between buckets: what leaves one enters the other, both or neither",
        before="shirt: A 10/2",
        events="""
            adjust shirt A -3 to_bucket=damaged             -> applied, level shirt A 7/2 v4
            adjust shirt A -2 damaged to_bucket=quarantined -> applied
            adjust shirt A -2 quarantined to_bucket=stocked -> applied
            adjust shirt A -2 damaged to_bucket=stocked     -> below_zero, level shirt A 9/2 v8
            adjust shirt A -1 to_bucket=available           -> conflict
            adjust shirt B -1 damaged to_bucket=stocked     -> below_zero
        """,
        after="shirt: A 9/2 damaged=1",
    ),
    Scenario(
        "breakage that leaves less than is promised is told, as a count would be",
        before="shirt: A 10/8",
        events="""
            adjust shirt A -5 to_bucket=damaged -> applied, uncovered earlier-shirt-A/L1 3
        """,
        after="shirt: A 5/8 damaged=5 shortfall=3",
    ),
    Scenario(
        "adjusting where no level is: positive makes the level, negative is refused",
        before="shirt: A 1",
        events="""
            adjust shirt B -1                   -> below_zero
            adjust shirt B 4                    -> applied, level shirt B 4/0 v1
            adjust shirt C 2 incoming           -> applied
        """,
        after="shirt: A 1, B 4, C 0 incoming=2",
    ),
    Scenario(
        "expected_level_version: 0 = no level yet; reservations count, a set to the same value does not",
        before="shirt: A 5",
        events="""
            set shirt B 1 expected_level_version=1  -> version_mismatch
            set shirt B 1 expected_level_version=0  -> applied, level shirt B 1/0 v1
            set shirt A 5                           -> applied, level shirt A 5/0 v1
            place o1: 1 shirt                       -> applied
            set shirt A 5 expected_level_version=1  -> version_mismatch, level shirt A 5/1 v2
            set shirt A 6 expected_level_version=2  -> applied, level shirt A 6/1 v3
        """,
        after="shirt: A 6/1, B 1",
    ),
    Scenario(
        "what is not known yet parks a count: its item, its sku, its variant, its location",
        events="""
            set mug A 1                         -> parked, waits for sku mug
            set mug A 2 by=inventory_item_id    -> parked, waits for item mug
            set mug A 3 by=variant_id           -> parked, waits for variant mug
            set mug D 4                         -> parked, waits for sku mug
            variant mug sku=mug                 -> applied, then e1 applied, then e2 applied, then e3 applied
            location D                          -> applied, then e4 applied
        """,
        after="mug: A 3, D 4",
    ),
    Scenario(
        "a kit and an unmanaged variant name no item to count",
        before="""
            cup: A 1
            set = 2 cup
            pair = 1 cup + 1 tea
            gift: unmanaged
        """,
        events="""
            set set A 4 by=variant_id           -> applied, level cup A 4/0 v2
            set pair A 4 by=variant_id          -> conflict
            adjust gift A 4 by=variant_id       -> conflict
        """,
        after="cup: A 4",
    ),
    Scenario(
        "shortfall follows counts, and goes as stock comes or reserved falls",
        before="shirt: A 10, B 10",
        events="""
            place o1: 6 shirt                   -> applied
            set shirt A 2                       -> applied, level shirt A 2/6 v4
            adjust shirt A 1                    -> applied
            move o1/L1: 2 A to B                -> applied
            ship o1/f1: L1 1 from B             -> applied
        """,
        after="shirt: A 3/4 shortfall=1, B 9/1",
    ),
    Scenario(
        "an oversold count names the uncovered lines, newest order first",
        before="shirt: A 10",
        events="""
            place o1: 3 shirt, 2 shirt          -> applied
            place o2: 4 shirt                   -> applied
            set shirt A 4       -> applied, alert oversold shirt A -5, alert out_of_stock shirt A -5,
                alert out_of_stock shirt web 0
            set shirt A 4       -> applied, no alert
            adjust shirt A -1  -> applied, alert oversold shirt A -6, uncovered o2/L1 4, uncovered o1/L2 2
        """,
        after="shirt: A 3/9 shortfall=6",
    ),
    Scenario(
        "alerts: the first write of a level is no crossing, the next is",
        before="shirt: A 0",
        events="""
            adjust shirt A 3      -> applied, alert back_in_stock shirt A 3, alert back_in_stock shirt web 3
            adjust shirt B 3                    -> applied, no alert
            adjust shirt A -3                   -> applied, alert out_of_stock shirt A 0
        """,
    ),
    Scenario(
        "alerts: low once per crossing, at the level's threshold",
        before="shirt: A 5",
        events="""
            set shirt A 5 low_stock_threshold=3 -> applied, no alert
            place o1: 1 shirt                   -> applied, no alert
            place o2: 1 shirt                   -> applied, alert low_stock shirt A 3
            place o3: 1 shirt                   -> applied, no alert
            set shirt A 9                       -> applied, no alert
            adjust shirt A -6  -> applied, alert low_stock shirt A 0, alert out_of_stock shirt A 0,
                alert out_of_stock shirt web 0
        """,
    ),
    Scenario(
        "alerts: over a channel each item is low, out and back once per crossing of the sum of its locations",
        before="shirt: A 4, B 4",
        events="""
            channel web: A B low_stock_threshold=5 -> applied, no alert
            place o1: 2 shirt                   -> applied, no alert
            place o2: 1 shirt                   -> applied, alert low_stock shirt web 5
            move o1/L1: A to B                  -> applied, no alert
            place o3: 3 shirt @A                -> applied, alert out_of_stock shirt A 0
            set shirt B 1                       -> applied, alert oversold shirt B -1,
                alert out_of_stock shirt B -1, alert out_of_stock shirt web 0
            adjust shirt A 1      -> applied, alert back_in_stock shirt A 1, alert back_in_stock shirt web 1
            adjust shirt C 9                    -> applied, no alert
        """,
    ),
    Scenario(
        "alerts: a location with less than nothing takes nothing from the others of its channel",
        before="shirt: A 4, B 4",
        events="""
            place o1: 4 shirt @A                -> applied, alert out_of_stock shirt A 0
            set shirt A 1                       -> applied, alert oversold shirt A -3
            place o2: 3 shirt                   -> applied, no alert
            place o3: 1 shirt   -> applied, alert out_of_stock shirt B 0, alert out_of_stock shirt web 0
        """,
    ),
    Scenario(
        "alerts: the first stock of an item in a channel is no crossing, a further location's is",
        before="shirt: C 0",
        events="""
            channel web: A B                    -> applied
            set shirt A 3                       -> applied, no alert
            place o1: 3 shirt   -> applied, alert out_of_stock shirt A 0, alert out_of_stock shirt web 0
            set shirt B 2                       -> applied, alert back_in_stock shirt web 2
        """,
    ),
    Scenario(
        "alerts: every channel that sells from the location is told of, in its own terms",
        before="shirt: A 2, B 2",
        events="""
            channel shop: A                     -> applied
            place o1: 2 shirt @A  -> applied, alert out_of_stock shirt A 0, alert out_of_stock shirt shop 0
        """,
    ),
    Scenario(
        "alerts: the item's threshold serves a level without one",
        events="""
            variant mug low_stock_threshold=2   -> applied
            set mug A 5 by=variant_id           -> applied, no alert
            place o1: 3 mug                -> applied, alert low_stock mug A 2, alert low_stock mug web 2
        """,
    ),
    Scenario(
        "a channel leaves its safety stock of each item to others, where it would sell it last",
        before="""
            shirt: A 3, B 3
            set = 1 shirt
        """,
        events="""
            channel web: A B safety_stock=4     -> applied
            channel shop: B                     -> applied
            cart c1: 3 shirt                    -> insufficient_stock, L1 has 2
            cart c2: 1 set, 2 shirt             -> insufficient_stock, L2 has 1
            place o1: 1 shirt @B    -> insufficient_stock, short L1 shirt 1>0, at B 0
            place o2: 3 shirt                   -> insufficient_stock, short L1 shirt 3>2, at A 2, at B 0
            place o3: 2 shirt                   -> applied, L1 holds 2 shirt A
            place o4: 1 shirt                   -> insufficient_stock, short L1 shirt 1>0
            place o5: 3 shirt sales_channel_id=shop -> applied, L1 holds 3 shirt B
        """,
        after="shirt: A 3/2, B 3/3",
    ),
    Scenario(
        "what a channel leaves to others no strategy takes",
        before="shirt: A 3, B 5",
        events="""
            channel web: A B safety_stock=4     -> applied
            place o1: 3 shirt strategy=most_available -> applied, L1 holds 3 shirt A
            place o2: 1 shirt strategy=most_available -> applied, L1 holds 1 shirt B
        """,
        after="shirt: A 3/3, B 5/1",
    ),
    Scenario(
        "safety stock of a channel is counted in each item's own places",
        before="""
            cloth (2 places): A 1.50
            shirt: A 2
        """,
        events="""
            channel web: A safety_stock=0.25    -> applied
            cart c1: 2 cloth                    -> insufficient_stock, L1 has 1.25
            cart c2: 2 shirt                    -> insufficient_stock, L1 has 1
        """,
    ),
    Scenario(
        "safety stock is kept from carts and orders",
        before="shirt: A 5",
        events="""
            set shirt A 5 safety_stock=2        -> applied
            cart c1: 4 shirt                    -> insufficient_stock, L1 has 3
            place o1: 4 shirt                   -> insufficient_stock, short L1 shirt 4>3
            place o2: 3 shirt                   -> applied
        """,
        after="shirt: A 5/3",
    ),
]

PLACEMENT = [
    Scenario(
        "a negative location lowers no other",
        before="shirt: A 5/5, B 2",
        events="""
            set shirt A 1                       -> applied
            cart c1: 2 shirt                    -> applied, L1 has 2
            place o1: 2 shirt                   -> applied, L1 holds 2 shirt B
        """,
        after="shirt: A 1/5 shortfall=4, B 2/2",
    ),
    Scenario(
        "priority is the channel's order of locations",
        before="shirt: A 5, B 5, C 5",
        events="""
            channel web: C A B                  -> applied
            place o1: 7 shirt                   -> applied, L1 holds 5 shirt C, L1 holds 2 shirt A
        """,
        after="shirt: A 5/2, B 5, C 5/5",
    ),
    Scenario(
        "outside the channel's order a location's own priority counts, the smaller first",
        before="shirt: A 4, B 4, C 4",
        events="""
            channel web: A                      -> applied
            location B updated priority=2       -> applied
            location C updated priority=1       -> applied
            place o1: 4 shirt                   -> applied
            move o1/L1: 2 A to B                -> applied
            move o1/L1: 2 A to C                -> applied
            ship o1/f1: L1 1                    -> applied, L1 ships 1 shirt C
            edit o1: 2 shirt                    -> applied, L1 holds 1 shirt C
        """,
        after="shirt: A 4, B 4, C 3/1",
    ),
    Scenario(
        "whole kits per location first; the rest may be split even inside one unit",
        before="""
            x: A 3, B 2
            y: A 2, B 4
            kit = 1 x + 1 y
        """,
        events="""
            cart c1: 5 kit                      -> applied, L1 has 5
            place o1: 5 kit                     -> applied
        """,
        after="""
            x: A 3/3, B 2/2
            y: A 2/2, B 4/3
        """,
    ),
    Scenario(
        "a unit of several pieces is split: 2 of them here, 1 there",
        before="""
            tile: A 4, B 2
            box = 3 tile
        """,
        events="""
            cart c1: 2 box                      -> applied, L1 has 2
            place o1: 2 box                     -> applied, L1 holds 4 tile A, L1 holds 2 tile B
        """,
        after="tile: A 4/4, B 2/2",
    ),
    Scenario(
        "a location without a whole unit is left alone while another has them all",
        before="""
            tile: A 2, B 6
            box = 3 tile
        """,
        events="place o1: 2 box                 -> applied, L1 holds 6 tile B",
        after="tile: A 2, B 6/6",
    ),
    Scenario(
        "most_available takes where most is; fewest_splits where all is",
        before="""
            shirt: A 5, B 9, C 7
            mug: A 5, C 5
        """,
        events="""
            place o1: 2 shirt strategy=most_available         -> applied, L1 holds 2 shirt B
            place o2: 4 shirt, 4 mug strategy=fewest_splits   -> applied, L1 holds 4 shirt A, L2 holds 4 mug A
            place o3: 6 shirt strategy=fewest_splits          -> applied, L1 holds 6 shirt B
        """,
        after="""
            shirt: A 5/4, B 9/8, C 7
            mug: A 5/4, C 5
        """,
    ),
    Scenario(
        "random is the same whenever the same order is judged, and stays in the channel",
        before="shirt: A 9, B 9, C 9",
        events="""
            place o1: 3 shirt strategy=random   -> applied, L1 holds 3 shirt A
            place o2: 3 shirt strategy=random   -> applied, L1 holds 3 shirt B
        """,
    ),
    Scenario(
        "a line's location is firm: judged there only, and served first",
        before="shirt: A 5, B 5",
        events="""
            place o1: 6 shirt @A                -> insufficient_stock, short L1 shirt 6>5, at A 5
            place o2: 5 shirt, 5 shirt @A       -> applied, L1 holds 5 shirt B, L2 holds 5 shirt A
        """,
        after="shirt: A 5/5, B 5/5",
    ),
    Scenario(
        "firm outside the channel is insufficient; at a location not known yet it waits",
        before="shirt: A 5, B 5",
        events="""
            channel web: A                      -> applied
            place o1: 1 shirt @B                -> insufficient_stock, short L1 shirt 1>0
            place o2: 1 shirt @D                -> parked, waits for location D
            location D                          -> applied, then e3 insufficient_stock
        """,
        after="shirt: A 5, B 5",
    ),
    Scenario(
        "an unknown variant parks an order, and refuses a cart before its shortness does",
        before="shirt: A 1",
        events="""
            cart c1: 2 shirt, 1 mug  -> unknown_variant, unknown mug, L1 has 1, L1 short, L2 short
            place o1: 1 shirt, 1 mug            -> parked, waits for variant mug
            variant mug sku=mug                 -> applied
            set mug A 4                         -> applied, then e2 applied
        """,
        after="""
            shirt: A 1/1
            mug: A 4/1
        """,
    ),
    Scenario(
        "a deleted variant refuses an order, whatever else it is short of or still waits for",
        before="""
            shirt: A 5
            mug: A 1
        """,
        events="""
            variant shirt deleted               -> applied
            place o1: 9 mug, 1 shirt            -> unknown_variant, unknown shirt
            place o2: 1 tea, 1 shirt            -> unknown_variant, unknown shirt
            place o3: 1 mug, 1 tea              -> parked, waits for variant tea
            cart c1: 9 mug, 1 shirt             -> unknown_variant, unknown shirt
        """,
    ),
    Scenario(
        "a channel nobody has set: an order parks, a cart is refused",
        before="shirt: A 1",
        events="""
            cart c1: 1 shirt sales_channel_id=pos   -> location_not_allowed, L1 has 0
            place o1: 1 shirt sales_channel_id=pos  -> parked, waits for sales_channel pos
            channel pos: A                          -> applied, then e2 applied
        """,
        after="shirt: A 1/1",
    ),
    Scenario(
        "an order waits for the first level of each item it demands, then is judged",
        before="shirt: A 5",
        events="""
            variant mug sku=mug                 -> applied
            place o1: 1 shirt, 3 mug            -> parked, waits for level mug
            set mug A 2                         -> applied, then e2 short L2 mug 3>2
        """,
        after="""
            shirt: A 5
            mug: A 2
        """,
    ),
    Scenario(
        "unmanaged lines are placed beside managed ones, held nowhere",
        before="""
            shirt: A 1
            gift: unmanaged
        """,
        events="""
            cart c1: 1 shirt, 99 gift           -> applied, L1 has 1, L2 endless
            place o1: 1 shirt, 99 gift          -> applied, L1 holds 1 shirt A
        """,
        after="shirt: A 1/1",
    ),
    Scenario(
        "a multi-line order is all or nothing",
        before="""
            shirt: A 9
            mug: A 1
        """,
        events="place o1: 1 shirt, 2 mug        -> insufficient_stock, short L2 mug 2>1",
        after="""
            shirt: A 9
            mug: A 1
        """,
    ),
    Scenario(
        "two placements of one order: the same data was applied before, another cart is a conflict",
        before="shirt: A 9",
        events="""
            place o1: 1 shirt cart_id=c1        -> applied
            place o1: 1 shirt cart_id=c1        -> already_applied, revision 2
            place o1: 1 shirt cart_id=c2        -> conflict
            place o1: 1 shirt cart_id=c1 policy=backorder  -> conflict
        """,
        after="shirt: A 9/1",
    ),
    Scenario(
        "a refused order keeps no lines: facts wait for a placement under a new event id",
        before="shirt: A 1",
        events="""
            place o1: 2 shirt                   -> insufficient_stock
            ship o1/f1                          -> parked, waits for order o1
            place o1: 2 shirt                   -> insufficient_stock, silence
            set shirt A 2                       -> applied, silence
            place o1: 2 shirt                   -> applied, then e2 applied
        """,
        after="shirt: A 0",
    ),
]

FULFILLMENT = [
    Scenario(
        "beyond what is in stock at its location is refused whole, and can be told again",
        before="shirt: A 5",
        events="""
            place o1: 4 shirt                   -> applied
            set shirt A 3                       -> applied
            ship o1/f1                          -> insufficient_stock, short L1 shirt 4>3
            set shirt A 4                       -> applied
            ship o1/f1                          -> applied
        """,
        after="shirt: A 0",
    ),
    Scenario(
        "what an order does not hold there comes only from what nobody holds",
        before="shirt: A 5, B 5/4",
        events="""
            place o1: 3 shirt                   -> applied
            ship o1/f1: L1 2 from B             -> insufficient_stock, short L1 shirt 2>1, at B 1
            ship o1/f1: L1 1 from B             -> applied
        """,
        after="shirt: A 5/2, B 4/4",
    ),
    Scenario(
        "a split line is shipped in the order of the strategy, whole kits first",
        before="""
            x: A 2, B 2
            y: A 1, B 9
            kit = 1 x + 1 y
        """,
        events="""
            place o1: 4 kit                     -> applied
            ship o1/f1: L1 1                    -> applied, L1 ships 1 x A, L1 ships 1 y A
            ship o1/f2: L1 2                    -> applied, L1 ships 2 x B, L1 ships 2 y B
            ship o1/f3: L1 1                    -> applied, L1 ships 1 x A, L1 ships 1 y B
        """,
        after="""
            x: A 0, B 0
            y: A 0, B 6
        """,
    ),
    Scenario(
        "a split line ships first from where its strategy looks first, not from where most of it is held",
        before="shirt: A 5, B 2",
        events="""
            location A updated at=53.5,10.0     -> applied
            location B updated at=48.2,16.4     -> applied
            place o1: 5 shirt strategy=nearest destination=47.8,13.0 -> applied, L1 holds 2 shirt B,
                L1 holds 3 shirt A
            ship o1/f1: L1 3                    -> applied, L1 ships 2 shirt B, L1 ships 1 shirt A
        """,
        after="shirt: A 4/2, B 0",
    ),
    Scenario(
        "no lines: all that is held now; nothing left is refused",
        before="shirt: A 5, B 5",
        events="""
            place o1: 7 shirt                   -> applied
            ship o1/f1: L1 1                    -> applied
            ship o1/f2                          -> applied, L1 ships 4 shirt A, L1 ships 2 shirt B
            ship o1/f3                          -> exceeds_ordered
        """,
        after="shirt: A 0, B 3",
    ),
    Scenario(
        "more than ordered, and lines never ordered, are refused",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt                   -> applied
            ship o1/f1: L1 3                    -> exceeds_ordered
            ship o1/f1: L1 1                    -> applied
            ship o1/f2: L1 2                    -> exceeds_ordered
            ship o1/f2: L9 1                    -> exceeds_ordered
            ship o1/f2: L1 0.5                  -> dead_lettered
        """,
        after="shirt: A 4/1",
    ),
    Scenario(
        "the location of a shipment need not be in the channel; an unknown one is waited for",
        before="shirt: A 5, C 5",
        events="""
            channel web: A                      -> applied
            place o1: 3 shirt                   -> applied
            ship o1/f1: L1 1 from C             -> applied
            ship o1/f2: L1 1 from D             -> parked, waits for location D
            location D                          -> applied, then e4 insufficient_stock
        """,
        after="shirt: A 5/2, C 4",
    ),
    Scenario(
        "what is handed over is given up where the order would have shipped from last",
        before="shirt: A 2, B 2, C 5",
        events="""
            place o1: 4 shirt                   -> applied
            ship o1/f1: L1 1 from C             -> applied
        """,
        after="shirt: A 2/2, B 2/1, C 4",
    ),
    Scenario(
        "two lines of one item ship together from what one location has",
        before="shirt: A 5, B 3",
        events="""
            place o1: 2 shirt, 2 shirt          -> applied
            ship o1/f1: L1 2, L2 2 from B       -> insufficient_stock, short L2 shirt 2>1, at B 1
            ship o1/f1: L1 2, L2 1 from B       -> applied
        """,
        after="shirt: A 5/1, B 0",
    ),
    Scenario(
        "two lines of one item share what nobody holds at a location",
        before="shirt: A 5, B 5/4",
        events="""
            place o1: 2 shirt @A, 2 shirt @A    -> applied
            ship o1/f1: L1 1, L2 1 from B       -> insufficient_stock, short L2 shirt 1>0, at B 0
        """,
        after="shirt: A 5/4, B 5/4",
    ),
    Scenario(
        "fulfillment ids are unique per order; told again it was applied before, or conflicts",
        before="shirt: A 9",
        events="""
            place o1: 2 shirt                   -> applied
            place o2: 2 shirt                   -> applied
            ship o1/f1: L1 1                    -> applied
            ship o2/f1: L1 1                    -> applied
            ship o1/f1: L1 1                    -> already_applied
            ship o1/f1: L1 1 from A             -> conflict
        """,
        after="shirt: A 7/2",
    ),
]

RETURNS = [
    Scenario(
        "more than shipped waits while a fulfilment could cover it, and is refused once none can",
        before="shirt: A 9",
        events="""
            place o1: 3 shirt                   -> applied
            return o1/r1: L1 2                  -> parked, waits for order o1
            return o1/r2: L1 2                  -> parked, waits for order o1
            return o1/r3: L1 4                  -> exceeds_shipped
            ship o1/f1: L1 1                    -> applied, silence
            ship o1/f2: L1 1                    -> applied, then e2 applied, then e3 exceeds_shipped
        """,
        after="shirt: A 9/1",
    ),
    Scenario(
        "one line too many refuses the whole return",
        before="""
            shirt: A 9
            mug: A 9
        """,
        events="""
            place o1: 1 shirt, 1 mug            -> applied
            ship o1/f1                          -> applied
            return o1/r1: L1 1, L2 2            -> exceeds_shipped
            return o1/r1: L1 1, L9 1            -> exceeds_shipped
        """,
        after="""
            shirt: A 8
            mug: A 8
        """,
    ),
    Scenario(
        "without a location units go back to where they left, first shipment first",
        before="shirt: A 2, B 9",
        events="""
            place o1: 4 shirt                   -> applied
            ship o1/f1: L1 1 from B             -> applied
            ship o1/f2                          -> applied, L1 ships 2 shirt A, L1 ships 1 shirt B
            return o1/r1: L1 2                  -> applied, L1 restocks 1 shirt B, L1 restocks 1 shirt A
            return o1/r2: L1 2                  -> applied, L1 restocks 1 shirt A, L1 restocks 1 shirt B
        """,
        after="shirt: A 2, B 9",
    ),
    Scenario(
        "a location without a level gets one; it need not be in the channel",
        before="shirt: A 9",
        events="""
            channel web: A                      -> applied
            place o1: 1 shirt                   -> applied
            ship o1/f1                          -> applied
            return o1/r1: L1 1 to C             -> applied, L1 restocks 1 shirt C
        """,
        after="shirt: A 8, C 1",
    ),
    Scenario(
        "a location without the role accepts no returns, named or not; an unknown one is waited for",
        before="shirt: A 9",
        events="""
            place o1: 2 shirt                   -> applied
            ship o1/f1                          -> applied
            location A updated roles=sells,ships -> applied
            return o1/r1: L1 1 to A             -> location_not_allowed
            return o1/r1: L1 1                  -> location_not_allowed
            return o1/r1: L1 1 to D             -> parked, waits for location D
            location D                          -> applied, then e6 applied
        """,
        after="shirt: A 7, D 1",
    ),
    Scenario(
        "no disposition is sellable; the others go to their buckets; discarded counts as returned",
        before="shirt: A 9",
        events="""
            place o1: 4 shirt                   -> applied
            ship o1/f1                          -> applied
            return o1/r1: L1 1                  -> applied
            return o1/r2: L1 1 damaged          -> applied
            return o1/r3: L1 1 quarantined      -> applied
            return o1/r4: L1 1 discarded        -> applied
            return o1/r5: L1 1                  -> exceeds_shipped
        """,
        after="shirt: A 6 damaged=1 quarantined=1 v=8",
    ),
    Scenario(
        "returns cover a shortfall",
        before="shirt: A 5",
        events="""
            place o1: 2 shirt                   -> applied
            ship o1/f1                          -> applied
            place o2: 3 shirt                   -> applied
            set shirt A 1                       -> applied
            return o1/r1: L1 2                  -> applied
        """,
        after="shirt: A 3/3",
    ),
    Scenario(
        "a return id told again was applied before, or conflicts",
        before="shirt: A 9",
        events="""
            place o1: 2 shirt                   -> applied
            ship o1/f1                          -> applied
            return o1/r1: L1 1                  -> applied
            return o1/r1: L1 1                  -> already_applied
            return o1/r1: L1 1 damaged          -> conflict
        """,
        after="shirt: A 8",
    ),
    Scenario(
        "return ids are unique per order",
        before="shirt: A 9",
        events="""
            place o1: 1 shirt                   -> applied
            place o2: 1 shirt                   -> applied
            ship o1/f1                          -> applied
            ship o2/f1                          -> applied
            return o1/r1: L1 1                  -> applied
            return o2/r1: L1 1                  -> applied
            return o1/r2: L1 1                  -> exceeds_shipped
        """,
        after="shirt: A 9",
    ),
]

MOVES = [
    Scenario(
        "without quantity all that is held there moves, checked at the target, both sides adjusted",
        before="shirt: A 5, B 4",
        events="""
            place o1: 5 shirt                   -> applied
            move o1/L1: A to B                  -> insufficient_stock, short L1 shirt 5>4, at B 4
            move o1/L1: 3 A to B                -> applied, level shirt A 5/2 v3, level shirt B 4/3 v2
            move o1/L1: A to C                  -> insufficient_stock, short L1 shirt 2>0
        """,
        after="shirt: A 5/2, B 4/3",
    ),
    Scenario(
        "a quantity counts the line's units, all parts or none, or the named item's",
        before="""
            x: A 9, B 9
            y: A 9, B 3
            kit = 1 x + 2 y
        """,
        events="""
            place o1: 3 kit                     -> applied
            move o1/L1: 2 A to B                -> insufficient_stock, short L1 y 4>3
            move o1/L1: 1 A to B                -> applied
            move o1/L1: 2 of x A to B           -> applied
            move o1/L1: 2 of z A to B           -> exceeds_ordered
        """,
        after="""
            x: A 9/0, B 9/3
            y: A 9/4, B 3/2
        """,
    ),
    Scenario(
        "to where it is held already: applied without change",
        before="shirt: A 5",
        events="""
            place o1: 5 shirt                   -> applied
            move o1/L1: A to A                  -> applied, level shirt A 5/5 v2
        """,
        after="shirt: A 5/5",
    ),
    Scenario(
        "more than the line holds, and lines that hold nothing, are refused",
        before="""
            shirt: A 5, B 5
            gift: unmanaged
        """,
        events="""
            place o1: 2 shirt, 1 gift           -> applied
            move o1/L1: 3 A to B                -> exceeds_ordered
            move o1/L9: A to B                  -> exceeds_ordered
            move o1/L2: A to B                  -> exceeds_ordered
            move o1/L1: 0.5 A to B              -> dead_lettered
            ship o1/f1                          -> applied
            move o1/L1: A to B                  -> exceeds_ordered
        """,
        after="shirt: A 3, B 5",
    ),
    Scenario(
        "moves may arrive in any order: what is held elsewhere may still come",
        before="shirt: A 5, B 5, C 5",
        events="""
            move o1/L1: 2 B to C                -> parked, waits for order o1
            place o1: 3 shirt                   -> applied, silence
            move o1/L1: 2 A to B                -> applied, then e1 applied
        """,
        after="shirt: A 5/1, B 5, C 5/2",
    ),
    Scenario(
        "an unknown location is waited for; the target need not be in the channel",
        before="shirt: A 5, C 5",
        events="""
            channel web: A                      -> applied
            place o1: 2 shirt                   -> applied
            move o1/L1: 1 A to C                -> applied
            move o1/L1: A to D                  -> parked, waits for location D
            location D                          -> applied, then e4 insufficient_stock
        """,
        after="shirt: A 5/1, C 5/1",
    ),
]

SCENARIOS = [*CATALOGUE, *ABSOLUTE, *STOCK, *PLACEMENT, *FULFILLMENT, *RETURNS, *MOVES]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_ruling(scenario: Scenario) -> None:
    run(scenario)
