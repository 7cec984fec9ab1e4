"""What only shows where several events are judged in one batch."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from schemas.outcome import Outcome
from tests.scenarios import Scenario, Told, told
from tests.unit.telling import facts
from tests.unit.world import World, event_of
from worker.domain.decision import Verdict
from worker.domain.model import Recipe, WaitKind
from worker.domain.needs import item_ids_made, needs_of


def world(before: str) -> World:
    made = World()
    for one in Scenario("before", "", before).setup:
        made.tell(one)
    return made


def batch(*lines: str) -> list[Told]:
    return [told(line, f"e{number}") for number, line in enumerate(lines, 1)]


def outcomes(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    return [(verdict.event.event_id, verdict.outcome.value) for verdict in verdicts]


def alerts(verdicts: Sequence[Verdict]) -> list[str]:
    return [fact for fact in facts(verdicts, "") if fact.startswith(("alert", "uncovered"))]


def test_out_of_stock_and_back_within_one_batch_are_both_told() -> None:
    told_alerts = alerts(world("shirt: A 1").tell(*batch("place o1: 1 shirt", "adjust shirt A 1")))
    assert told_alerts == [
        "alert out_of_stock shirt A 0",
        "alert out_of_stock shirt web 0",
        "alert back_in_stock shirt A 1",
        "alert back_in_stock shirt web 1",
    ]


def test_a_fact_that_parks_and_is_released_in_one_batch_is_answered_as_in_two() -> None:
    events = batch("ship o1/f1: L1 2", "place o1: 2 shirt", "return o1/r1: L1 1")
    together, one_by_one = world("shirt: A 9"), world("shirt: A 9")
    answers = together.tell(*events)
    assert outcomes(answers) == [
        ("e1", "parked"),
        ("e2", "applied"),
        ("e1", "applied"),
        ("e3", "applied"),
    ]
    separate = [answer for event in events for answer in one_by_one.tell(event)]
    assert [one.answer for one in answers] == [one.answer for one in separate]
    assert not together.parked


def test_a_fact_that_then_waits_for_something_else_is_released_by_that() -> None:
    events = batch("ship o1/f1: L1 2 from D", "place o1: 2 shirt")
    for batches in ([events], [events[:1], events[1:]]):
        known = world("shirt: A 9")
        for one in batches:
            known.tell(*one)
        assert [row.waits_for.kind for row in known.parked.values()] == [WaitKind.LOCATION]
        answers = known.tell(*batch("location D id=d", "set shirt D 2 id=s"))
        assert outcomes(answers) == [("d", "applied"), ("s", "applied"), ("e1", "applied")]
        assert not known.parked


def test_an_oversold_alert_counts_what_the_batch_itself_reserved_shipped_and_moved() -> None:
    made = world("shirt: A 9, B 9")
    made.tell(*batch("place o1: 3 shirt id=a", "place o2: 3 shirt id=b", "place o3: 2 shirt id=c"))
    answers = made.tell(
        *batch(
            "ship o1/f1: L1 2",
            "move o3/L1: A to B",
            "place o4: 1 shirt",
            "set shirt A 2",
            "place o5: 1 shirt",
        )
    )
    assert alerts(answers) == [
        "alert oversold shirt A -3",
        "uncovered o4/L1 1",
        "uncovered o2/L1 2",
        "alert out_of_stock shirt A -3",
    ]


def test_a_second_placement_that_waits_is_answered_once_the_first_is_applied() -> None:
    made = world("shirt: A 9")
    made.tell(*batch("place o1: 1 shirt, 1 mug", "place o1: 1 shirt, 2 mug"))
    assert len(made.parked) == 2
    made.tell(*batch("variant mug sku=mug id=v"))
    answers = made.tell(*batch("set mug A 5 id=s", "ship o1/f1 id=f"))
    assert ("e1", "applied") in outcomes(answers)
    assert ("e2", "conflict") in outcomes(answers)


def test_a_waiting_placement_is_refused_by_one_that_another_event_id_brings() -> None:
    made = world("shirt: A 9")
    made.tell(*batch("place o1: 1 mug"))
    answers = made.tell(*batch("place o1: 1 shirt id=other"))
    assert outcomes(answers) == [("other", "applied"), ("e1", "conflict")]


def test_the_recipe_is_frozen_at_placement() -> None:
    """B18: variants change in a later issue; what an order was placed with must not follow."""
    made = world("part: A 10\nkit = 2 part")
    made.tell(*batch("place o1: 1 kit"))
    catalogue = made.state.catalogue
    kit = catalogue.variants["kit"]
    assert kit.recipe is not None
    (part,) = kit.recipe.parts
    catalogue.variants["kit"] = replace(kit, recipe=Recipe(None, (replace(part, required=3),)))
    made.tell(*batch("ship o1/f1 id=s"))
    (level,) = made.levels()
    assert (level.stocked, level.reserved) == (8, 0)


def test_needs_name_what_is_locked_and_what_is_only_read() -> None:
    events = [
        event_of(one)
        for one in batch(
            "place o1: 1 shirt, 1 mug @B",
            "cart c1: 1 cap",
            "ship o1/f1 from C",
            "set tea A 1",
            "adjust jam A 1 by=inventory_item_id",
            "variant box = 1 lid + 1 #base",
            "variant cup sku=C",
            "location D deleted",
            "channel pos: A",
        )
    ]
    needs = needs_of(events)
    assert [event.event_id for event in needs.orders["o1"]] == ["e1", "e3"]
    assert needs.variant_ids == {"shirt", "mug", "box", "cup"}
    assert needs.variant_ids_read == {"cap"}
    assert needs.skus == {"tea", "lid", "C"}
    assert needs.item_ids == {"jam", "base", "cup"}
    assert needs.location_ids == {"A", "B", "C", "D"}
    assert needs.channel_ids == {"web", "pos"}
    assert needs.variant_ids_made == {"box", "cup"}
    assert needs.location_ids_made == {"D"}
    assert needs.channel_ids_made == {"pos"}
    assert needs.sets_stock


def test_items_made_are_named_before_anything_is_locked() -> None:
    known = world("shirt: A 1").state.catalogue.items_by_sku
    for line, ids in {
        "variant cup": ("cup",),
        "variant cup sku=C": ("cup",),
        "variant cup sku=shirt": ("shirt",),
        "variant box = 1 shirt + 1 #base": ("shirt", "base"),
        "variant gift unmanaged": (),
        "set shirt A 1": (),
    }.items():
        assert item_ids_made(event_of(told(line, "e1")), known) == ids
    (made,) = item_ids_made(event_of(told("variant box = 1 lid", "e1")), known)
    assert UUID(made).version == 5


def test_dead_letters_of_the_rules_leave_no_trace() -> None:
    made = world("shirt: A 9")
    answers = made.tell(*batch("place o1: 0.5 shirt", "ship o1/f1", "place o1: 1 shirt"))
    assert [verdict.outcome for verdict in answers] == [
        Outcome.DEAD_LETTERED,
        Outcome.PARKED,
        Outcome.APPLIED,
        Outcome.APPLIED,
    ]
