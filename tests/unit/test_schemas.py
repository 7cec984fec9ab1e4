"""The published language: generated files do not drift, examples keep the contracts, parsers read them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from schemas import INPUTS, EventType
from schemas.asyncapi import EXAMPLES_FOLDER, document
from schemas.export import JSON_FOLDER, files, json_schemas
from schemas.outcome import DeadReason, Outcome
from schemas.outputs import OUTPUTS
from schemas.stock import NamesItem
from schemas.topics import INPUT_TOPICS, TYPES_BY_TOPIC, Output
from tests import skips
from worker.runtime.decode import Arrival, Position, RawRecord, decode
from worker.runtime.exact_json import canonical, read

ASYNCAPI_CHECK = Path(__file__).parents[1] / "asyncapi"
NPM_UNREACHABLE = re.compile(r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|network")

EXAMPLES = {path.stem: json.loads(path.read_bytes()) for path in sorted(EXAMPLES_FOLDER.glob("*.json"))}
TOLD_BY_OTHERS = [event_type for event_type in EventType if not event_type.is_internal]
SCHEMAS = dict(json_schemas())
LINE: dict[str, object] = {"line_item_id": "l", "variant_id": "v", "quantity": 1}


def test_generated_files_are_what_the_contracts_say() -> None:
    drifted = [path.name for path, text in files().items() if not path.exists() or path.read_text() != text]
    assert drifted == [], "run: python -m schemas.export"
    assert set(JSON_FOLDER.iterdir()) <= set(files())


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_keeps_its_contract(name: str) -> None:
    example = EXAMPLES[name]
    assert name.startswith(example["type"])
    jsonschema.Draft202012Validator(SCHEMAS[example["type"]]).validate(example["data"])
    text = json.dumps(example["data"]).encode()
    if example["type"] in INPUTS:
        INPUTS[example["type"]].model_validate(read(text)[0])
    else:
        OUTPUTS[example["type"]].validate_json(text)


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if example["type"] in INPUTS])
def test_every_example_of_an_input_is_read(name: str) -> None:
    example = EXAMPLES[name]
    value = (EXAMPLES_FOLDER / f"{name}.json").read_bytes()
    headers: tuple[tuple[str, bytes | None], ...] = (("content-type", b"application/cloudevents+json"),)
    arrival = decode(RawRecord(Position("anywhere", 0, 0), 0, None, value, headers), {})
    assert isinstance(arrival, Arrival), arrival
    assert arrival.event.type == example["type"]
    assert (arrival.event.source, arrival.event.event_id) == (example["source"], example["id"])
    assert arrival.traceparent == example.get("traceparent")


@pytest.mark.parametrize("event_type", TOLD_BY_OTHERS)
def test_an_example_shows_every_field_of_an_input(event_type: EventType) -> None:
    model = INPUTS[event_type]
    shown: set[str] = set()
    for example in EXAMPLES.values():
        if example["type"] == event_type:
            shown |= set(_paths(example["data"]))
    alternatives = {f".{name}" for name in NamesItem.model_fields} if issubclass(model, NamesItem) else set()
    assert set(_fields(model.model_json_schema())) - alternatives <= shown
    assert not alternatives or alternatives & shown


def _paths(value: Any, start: str = "") -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                yield f"{start}.{key}"
                yield from _paths(inner, f"{start}.{key}")
        case list():
            for inner in value:
                yield from _paths(inner, start)
        case _:
            pass


def _fields(schema: Any, start: str = "", root: Any = None) -> Iterator[str]:
    root = root or schema
    if "$ref" in schema:
        yield from _fields(root["$defs"][schema["$ref"].rpartition("/")[2]], start, root)
    for name, inner in schema.get("properties", {}).items():
        yield f"{start}.{name}"
        yield from _fields(inner, f"{start}.{name}", root)
    for inner in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])):
        yield from _fields(inner, start, root)


def test_every_answer_has_an_example() -> None:
    results = [example["data"] for example in EXAMPLES.values() if example["type"] == "inventory.result"]
    assert {result["type"] for result in results} == set(EventType)
    assert {Outcome.APPLIED, Outcome.PARKED, Outcome.DEAD_LETTERED} <= {
        result["outcome"] for result in results
    }
    assert set(OUTPUTS) <= {example["type"] for example in EXAMPLES.values()}
    alerts = {e["data"]["kind"] for e in EXAMPLES.values() if e["type"] == "inventory.stock-alert"}
    assert "oversold" in alerts


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("order.placed", {}),
        ("order.placed", []),
        ("order.placed", {"order_id": "o", "sales_channel_id": "c"}),
        ("order.placed", {"order_id": "o", "sales_channel_id": "c", "lines": []}),
        ("order.placed", {"order_id": 1, "sales_channel_id": "c", "lines": [LINE]}),
        ("order.placed", {"order_id": "", "sales_channel_id": "c", "lines": [LINE]}),
        ("order.placed", {"order_id": "o" * 256, "sales_channel_id": "c", "lines": [LINE]}),
        ("order.placed", {"order_id": "a\tb", "sales_channel_id": "c", "lines": [LINE]}),
        ("order.placed", {"order_id": "o", "sales_channel_id": "c", "lines": [{**LINE, "quantity": 0}]}),
        ("order.placed", {"order_id": "o", "sales_channel_id": "c", "lines": [{**LINE, "quantity": "1e3"}]}),
        ("order.placed", {"order_id": "o", "sales_channel_id": "c", "lines": [LINE], "policy": "some"}),
        ("order.placed", {"order_id": "o", "sales_channel_id": "c", "lines": [LINE], "strategy": 1}),
        ("order.placed", {"order_id": "o", "sales_channel_id": "c", "lines": LINE}),
        ("stock.set", {"location_id": "l", "quantity": 1}),
        ("stock.set", {"sku": "s", "variant_id": "v", "location_id": "l", "quantity": 1}),
        ("stock.set", {"sku": None, "location_id": "l", "quantity": 1}),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": -1}),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": 1, "bucket": "reserved"}),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": 1, "version": 0}),
        ("stock.set", {"sku": "s", "location_id": "l", "quantity": 1, "expected_level_version": -1}),
        ("stock.adjusted", {"sku": "s", "location_id": "l", "delta": 0}),
        ("stock.adjusted", {"sku": "s", "location_id": "l", "delta": 1, "bucket": "reserved"}),
        ("stock.received", {"sku": "s", "location_id": "l", "quantity": 0}),
        ("stock.received", {"sku": "s", "location_id": "l", "quantity": 1, "from_incoming": -1}),
        ("stock.received", {"sku": "s", "location_id": "l", "quantity": 1, "from_incoming": "all"}),
        ("variant.created", {"variant_id": "v", "manage_inventory": "yes"}),
        ("variant.created", {"variant_id": "v", "decimal_places": 7}),
        ("variant.created", {"variant_id": "v", "inventory_items": [{}]}),
        ("variant.created", {"variant_id": "v", "inventory_items": [{"sku": "a", "inventory_item_id": "b"}]}),
        ("variant.created", {"variant_id": "v", "inventory_items": [{"sku": "a", "required_quantity": 0}]}),
        ("location.created", {"location_id": "l", "roles": ["cooks"]}),
        ("sales_channel.updated", {"sales_channel_id": "c", "location_ids": ["a", "a"]}),
        ("order.fulfilled", {"order_id": "o", "fulfillment_id": "f", "lines": []}),
        ("order.canceled", {"order_id": "o", "line_item_ids": []}),
        ("order.updated", {"order_id": "o", "lines": []}),
        ("order.updated", {"order_id": "o", "lines": [{**LINE, "quantity": -1}]}),
        ("order.updated", {"order_id": "o", "version": 0, "lines": [LINE]}),
        ("order.returned", {"order_id": "o", "return_id": "r"}),
        (
            "order.returned",
            {
                "order_id": "o",
                "return_id": "r",
                "lines": [{"line_item_id": "l", "quantity": 1, "disposition": "lost"}],
            },
        ),
        ("reservation.moved", {"order_id": "o", "line_item_id": "l", "from_location_id": "a"}),
    ],
)
def test_model_and_json_schema_refuse_the_same(event_type: str, data: object) -> None:
    assert not jsonschema.Draft202012Validator(SCHEMAS[event_type]).is_valid(data)
    with pytest.raises(ValidationError):
        INPUTS[event_type].model_validate(data)


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("stock.set", {"sku": "s", "variant_id": None, "location_id": "l", "quantity": 0, "bucket": None}),
        ("stock.received", {"sku": "s", "location_id": "l", "quantity": 1, "from_incoming": None}),
        (
            "variant.created",
            {"variant_id": "v", "manage_inventory": None, "inventory_items": None, "title": None},
        ),
        ("variant.created", {"variant_id": "v", "inventory_items": []}),
        ("location.created", {"location_id": "l", "roles": None, "priority": None}),
        ("location.created", {"location_id": "l", "roles": []}),
        ("sales_channel.updated", {"sales_channel_id": "c", "location_ids": []}),
        ("order.fulfilled", {"order_id": "o", "fulfillment_id": "f", "lines": None, "unknown": [1]}),
        (
            "order.returned",
            {
                "order_id": "o",
                "return_id": "r",
                "lines": [{"line_item_id": "l", "quantity": 1, "disposition": None}],
            },
        ),
    ],
)
def test_null_means_absent_and_unknown_fields_are_ignored(event_type: str, data: dict[str, object]) -> None:
    jsonschema.Draft202012Validator(SCHEMAS[event_type]).validate(data)
    told = INPUTS[event_type].model_validate(data)
    bare = {
        name: value for name, value in data.items() if value is not None and name in told.model_fields_set
    }
    assert told == INPUTS[event_type].model_validate(bare)


def test_absent_roles_are_all_of_them() -> None:
    told = INPUTS["location.created"].model_validate({"location_id": "l"})
    assert told.model_dump()["roles"] == ("sells", "ships", "accepts_returns")


def test_contracts_cannot_be_changed_after_reading() -> None:
    told = INPUTS["location.deleted"].model_validate({"location_id": "l"})
    with pytest.raises(ValidationError):
        told.location_id = "other"  # type: ignore[attr-defined]


def test_every_input_has_a_contract_and_a_topic() -> None:
    assert set(INPUTS) == set(TOLD_BY_OTHERS)
    assert {topic.event_type for topic in INPUT_TOPICS} == set(TOLD_BY_OTHERS)
    assert len(TYPES_BY_TOPIC) == len(INPUT_TOPICS)
    assert TYPES_BY_TOPIC.keys().isdisjoint(output.topic for output in Output)


def test_only_the_present_state_is_compacted() -> None:
    compacted = [output.topic for output in Output if output.settings.config["cleanup.policy"] == "compact"]
    assert compacted == ["inventory.level-changed", "inventory.availability-changed"]


def test_dead_letters_have_no_type_in_common() -> None:
    with pytest.raises(ValueError, match="no type in common"):
        _ = Output.DEAD_LETTERS.event_type


@pytest.mark.parametrize("outcome", Outcome)
def test_a_result_says_whether_it_is_final(outcome: Outcome) -> None:
    said: dict[str, object] = {
        "type": "location.created",
        "location_id": "l",
        "cause_id": "i",
        "cause_source": "s",
        "outcome": outcome.value,
        "reason": DeadReason.ID_REUSE.value,
    }
    OUTPUTS["inventory.result"].validate_json(canonical({**said, "final": outcome.is_final}))
    with pytest.raises(ValidationError):
        OUTPUTS["inventory.result"].validate_json(canonical({**said, "final": not outcome.is_final}))


def test_only_parked_and_dead_letters_are_not_final() -> None:
    assert {outcome for outcome in Outcome if not outcome.is_final} == {Outcome.PARKED, Outcome.DEAD_LETTERED}


def test_the_asyncapi_document_has_a_channel_for_every_topic_and_names_no_server() -> None:
    said = document()
    topics = {topic.name: "receive" for topic in INPUT_TOPICS} | {output.topic: "send" for output in Output}
    assert {channel["address"] for channel in said["channels"].values()} == set(topics)
    for operation in said["operations"].values():
        assert operation["action"] == topics[operation["channel"]["$ref"].removeprefix("#/channels/")]
    assert "servers" not in said
    assert "://" not in json.dumps(said)


def test_the_official_parser_accepts_the_asyncapi_document() -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip(skips.NO_NPM)
    if not (ASYNCAPI_CHECK / "node_modules" / ".package-lock.json").exists():
        _install(npm)
    checked = subprocess.run(
        [node, "check.mjs", str(JSON_FOLDER.parent / "asyncapi.json")],
        cwd=ASYNCAPI_CHECK,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    errors_and_warnings = [found for found in json.loads(checked.stdout) if found["severity"] <= 1]
    assert errors_and_warnings == []


def _install(npm: str) -> None:
    installed = subprocess.run(
        [npm, "ci", "--fetch-retries=1", "--fetch-timeout=30000"],
        cwd=ASYNCAPI_CHECK,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    if installed.returncode != 0 and NPM_UNREACHABLE.search(installed.stderr):
        pytest.skip(skips.NO_NPM_PACKAGES)
    assert installed.returncode == 0, installed.stderr
