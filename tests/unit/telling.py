"""Runs a scenario in memory and compares answers and levels with what it expects."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from schemas.outcome import Outcome
from schemas.quantity import text
from tests.scenarios import BEGIN, BUCKETS, Scenario, Step
from tests.unit.world import World
from worker.domain.decision import Json, Verdict

LINE_UNITS = {
    "reservations": "holds",
    "waiting": "waits for",
    "held": "has held",
    "released": "releases",
    "shipments": "ships",
    "restocked": "restocks",
}
"""Units at locations that an answer tells of a line, and the verb of their facts."""


REASONS = {"released": "was released", "expired": "expired"}


def run(scenario: Scenario) -> World:
    """Tell the scenario's events one by one; each answer, and the levels at the end, must be as it says."""
    world = World()
    for told in scenario.setup:
        answers = world.tell(told)
        assert [one.outcome for one in answers] == [Outcome.APPLIED], f"{told}: {answers[0].answer}"
    for step in scenario.steps:
        check_step(step, world.tell(step.told))
    check_levels(world, scenario)
    return world


def check_step(step: Step, told: Sequence[Verdict]) -> None:
    """The event's own answer comes first, then those of the events it releases."""
    if not step.expected:
        return
    found = list(facts(told, step.told.id))
    outcome, *expected = step.expected
    assert found[:1] == [outcome], f"{step.text}\n{found}\n{[one.answer for one in told]}"
    if "silence" in expected:
        expected.remove("silence")
        assert len(told) == 1
    missing = [fact for fact in expected if fact not in found and fact != "no alert"]
    assert not missing, f"{step.text}\nmissing {missing} in\n{found}"
    if any("alert" in fact for fact in expected):
        alerts = [fact for fact in found if fact.startswith("alert")]
        assert alerts == [fact for fact in expected if fact.startswith("alert")], step.text


def facts(told: Sequence[Verdict], event_id: str) -> Iterator[str]:
    """What the answers say, in the words of scenarios; the outcome of the event itself first."""
    for verdict in told:
        own = verdict.event.event_id == event_id
        yield verdict.outcome.value if own else f"then {verdict.event.event_id} {verdict.outcome.value}"
        for fact in _facts_of(verdict.answer):
            yield fact if own else f"then {verdict.event.event_id} {fact}"
        yield from _alerts(verdict)


def _facts_of(answer: Json) -> Iterator[str]:
    yield from _hold_facts(answer)
    if "waits_for" in answer:
        yield "waits for {kind} {key}".format(**answer["waits_for"])
    for variant_id in answer.get("unknown_variants", ()):
        yield f"unknown {variant_id}"
    for short in answer.get("short_lines", ()):
        yield "short {line_item_id} {inventory_item_id} {wanted}>{available}".format(**short)
        for place in short["locations"]:
            yield "at {location_id} {available}".format(**place)
    for line in answer.get("lines", ()):
        yield from _line_facts(line)
    for part in answer.get("inventory_items", ()):
        yield "made of {required_quantity} {inventory_item_id}".format(**part)
    for level in answer.get("levels", ()):
        yield "level {inventory_item_id} {location_id} {stocked}/{reserved} v{level_version}".format(**level)
    if "removed_items" in answer:
        yield from (f"{item} goes" for item in answer["removed_items"] or ("nothing",))
    for short in answer.get("short_items", ()):
        yield "short {inventory_item_id} {wanted}>{available}".format(**short)
    if "from_incoming" in answer:
        yield f"{answer['from_incoming']} were incoming"
    if "order_revision" in answer:
        yield f"revision {answer['order_revision']}"


def _hold_facts(answer: Json) -> Iterator[str]:
    if "held_until" in answer:
        seconds = (datetime.fromisoformat(answer["held_until"]) - BEGIN).total_seconds()
        yield f"held until {seconds:g}"
    if answer.get("reason") in REASONS:
        yield f"because it {REASONS[answer['reason']]}"


def _line_facts(line: Json) -> Iterator[str]:
    if "in_transit" in line:
        for state in ("in_transit", "missing", "over"):
            if line[state]:
                yield f"{line['inventory_item_id']} {line[state]} {state}"
        return
    line_id = line["line_item_id"]
    for one in line.get("moved", ()):
        yield (
            f"{line_id} moves "
            + "{quantity} {inventory_item_id} {from_location_id}>{to_location_id}".format(**one)
        )
    for one in line.get("left", ()):
        yield f"{line_id} leaves " + "{quantity} {inventory_item_id} {location_id}".format(**one)
    if "available" in line:
        has = "endless" if line["available"] is None else f"has {line['available']}"
        yield f"{line_id} {has}"
        if line["short"]:
            yield f"{line_id} short"
    for one in line.get("waiting", ()):
        if "ship_date" in one:
            yield f"{line_id} ships on {one['ship_date']}"
    for name, verb in LINE_UNITS.items():
        for one in line.get(name, ()):
            yield f"{line_id} {verb} " + "{quantity} {inventory_item_id} {location_id}".format(**one)


def _alerts(verdict: Verdict) -> Iterator[str]:
    for alert in verdict.alerts:
        scope = alert["location_id"] or alert["sales_channel_id"]
        yield "alert {kind} {inventory_item_id} {scope} {available}".format(scope=scope, **alert)
        for line in alert.get("lines", ()):
            yield "orphaned {order_id}/{line_item_id} {quantity}".format(**line)
        for line in alert.get("uncovered", ()):
            holder = line.get("order_id") or line["cart_id"]
            yield "uncovered {0}/{line_item_id} {quantity}".format(holder, **line)


def check_levels(world: World, scenario: Scenario) -> None:
    """Every item that the scenario names has exactly the levels it says; what is empty where a location was
    deleted is not shown.
    """
    expected = scenario.levels_after
    deleted = {one.location_id for one in world.state.catalogue.locations.values() if one.deleted}
    items = {item for item, _ in expected}
    found = {
        (level.item.sku or level.item.inventory_item_id, level.location.location_id): {
            bucket: str(text(getattr(level, bucket), level.item.decimal_places)) for bucket in BUCKETS
        }
        | {"v": str(level.version)}
        for level in world.levels()
        if level.location.location_id not in deleted or any(getattr(level, bucket) for bucket in BUCKETS)
    }
    for place, level in expected.items():
        assert place in found, f"no level of {place}"
        assert {name: found[place][name] for name in level} == level, f"{place} in {scenario.name}"
    assert {place for place in found if place[0] in items} == set(expected), "levels nobody spoke of"
