"""The AsyncAPI 3.0 document: channels, operations and messages, made from topics, contracts and examples."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from schemas import INPUTS
from schemas.contract import ID_LENGTH_MAX
from schemas.dead_letter import DlqHeader
from schemas.outputs import OUTPUTS
from schemas.topics import INPUT_TOPICS, InputTopic, Output, TopicSettings

CONTRACTS_VERSION = "1.0.0"
"""Version of the published language: a new field is a minor step, another meaning a major one."""

EXAMPLES_FOLDER = Path(__file__).parent / "examples"

KAFKA_BINDING_VERSION = "0.5.0"

Json = dict[str, Any]

_COMPONENT = "#/components/schemas/{model}"

_ATTRIBUTES: dict[str, tuple[str, bool]] = {
    "specversion": ("Version of CloudEvents: 1.0", True),
    "type": ("What happened", True),
    "source": ("Where it happened; with the id it tells one event from all others", True),
    "id": ("The same for every sending of the same event; time-ordered ids cost the database least", True),
    "time": (
        "When it happened (RFC 3339); of two absolute events without version the later one counts",
        False,
    ),
}

_CAUSE: dict[str, tuple[str, bool]] = {
    "causationid": ("Id of the event that this one follows from", False),
    "causationsource": ("Source of the event that this one follows from", False),
}


def document() -> Json:
    """The whole document. It names no server: where the brokers are is each installation's matter."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Inventory worker",
            "version": CONTRACTS_VERSION,
            "description": (
                "Keeps stock and reservations, driven by commerce events. Each event gets one final result."
                " Events are CloudEvents 1.0, in binary or structured mode; the worker writes binary mode."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {**_input_channels(), **_output_channels()},
        "operations": {**_input_operations(), **_output_operations()},
        "components": {
            "messages": {**_input_messages(), **_output_messages(), "dead-letter": _dead_letter_message()},
            "schemas": _component_schemas(),
        },
    }


def _input_channels() -> Json:
    return {
        topic.name: _channel(
            topic.name, f"Events {topic.event_type} for the worker", topic.event_type, topic.settings
        )
        for topic in INPUT_TOPICS
    }


def _output_channels() -> Json:
    return {
        output.topic: _channel(output.topic, _purpose(output), _message_name(output), output.settings)
        for output in Output
    }


def _channel(address: str, description: str, message: str, settings: TopicSettings) -> Json:
    config: Json = {"cleanup.policy": ["compact" if settings.compacted else "delete"]}
    if not settings.compacted:
        config["retention.ms"] = settings.retention_ms
    if settings.message_bytes_max is not None:
        config["max.message.bytes"] = settings.message_bytes_max
    return {
        "address": address,
        "description": description,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "kafka": {
                "topic": address,
                "partitions": settings.partitions,
                "topicConfiguration": config,
                "bindingVersion": KAFKA_BINDING_VERSION,
            }
        },
    }


def _purpose(output: Output) -> str:
    match output:
        case Output.RESULTS:
            return "The answer to each event"
        case Output.INSUFFICIENT:
            return "Carts and orders that want more than is available"
        case Output.LEVELS:
            return "Inventory levels as they stand; the newest record of a key is the present state"
        case Output.AVAILABILITY:
            return "What each sales channel can sell of each variant; the newest record of a key counts"
        case Output.ALERTS:
            return "Stock that crossed a threshold or was promised twice"
        case Output.DEAD_LETTERS:
            return "Records that could not be applied, byte for byte, with the reason beside them"


def _message_name(output: Output) -> str:
    return "dead-letter" if output is Output.DEAD_LETTERS else output.event_type


def _input_operations() -> Json:
    return {
        f"receive.{topic.name}": _operation("receive", topic.name, topic.event_type) for topic in INPUT_TOPICS
    }


def _output_operations() -> Json:
    return {
        f"send.{output.topic}": _operation("send", output.topic, _message_name(output)) for output in Output
    }


def _operation(action: str, channel: str, message: str) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


def _input_messages() -> Json:
    return {topic.event_type.value: _input_message(topic) for topic in INPUT_TOPICS}


def _input_message(topic: InputTopic) -> Json:
    model = INPUTS[topic.event_type]
    return _message(
        topic.event_type, model.__doc__ or "", topic.key, _attributes_schema(topic.event_type, _ATTRIBUTES)
    )


def _output_messages() -> Json:
    return {
        output.event_type: _message(
            output.event_type,
            _purpose(output),
            output.key,
            _attributes_schema(output.event_type, {**_ATTRIBUTES, **_CAUSE}),
        )
        for output in Output
        if output is not Output.DEAD_LETTERS
    }


def _message(event_type: str, summary: str, key: str, headers: Json) -> Json:
    return {
        "name": event_type,
        "title": event_type,
        "summary": summary,
        "contentType": "application/json",
        "headers": headers,
        "payload": {"$ref": f"#/components/schemas/{event_type}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"By {key}"},
                "bindingVersion": KAFKA_BINDING_VERSION,
            }
        },
        "examples": [_example(path) for path in example_paths(event_type)],
    }


def _dead_letter_message() -> Json:
    return {
        "name": "dead-letter",
        "title": "Dead letter",
        "summary": "A record as it came: its key, value and headers, and headers that say why it stands here",
        "headers": {
            "type": "object",
            "properties": {
                header.value: {"type": "string", "description": header.description} for header in DlqHeader
            },
            "required": sorted(header.value for header in DlqHeader if header.is_always_there),
        },
        "payload": {"description": "The value of the original record, whatever it is"},
        "bindings": {
            "kafka": {
                "key": {"description": f"By {Output.DEAD_LETTERS.key}"},
                "bindingVersion": KAFKA_BINDING_VERSION,
            }
        },
    }


def _attributes_schema(event_type: str, attributes: dict[str, tuple[str, bool]]) -> Json:
    """Headers of the binary mode of CloudEvents over Kafka."""
    properties: Json = {
        f"ce_{name}": {"type": "string", "description": words, "minLength": 1, "maxLength": ID_LENGTH_MAX}
        for name, (words, _) in attributes.items()
    }
    properties["ce_specversion"]["const"] = "1.0"
    properties["ce_type"]["const"] = event_type
    properties["content-type"] = {"type": "string", "description": "Media type of the value"}
    properties["traceparent"] = {
        "type": "string",
        "description": "W3C trace context, passed on from cause to answer",
    }
    return {
        "type": "object",
        "properties": properties,
        "required": [f"ce_{name}" for name, (_, required) in attributes.items() if required],
    }


def example_paths(event_type: str) -> list[Path]:
    """The example files of an event type: `<type>.json` and `<type>.<what is special>.json`."""
    return [
        path
        for path in sorted(EXAMPLES_FOLDER.glob("*.json"))
        if json.loads(path.read_bytes())["type"] == event_type
    ]


def _example(path: Path) -> Json:
    """An example file, which is a CloudEvent in structured mode, as a message in binary mode."""
    event = json.loads(path.read_bytes())
    payload = event.pop("data")
    headers = {"content-type": event.pop("datacontenttype")}
    if "traceparent" in event:
        headers["traceparent"] = event.pop("traceparent")
    headers |= {f"ce_{name}": value for name, value in event.items()}
    return {"name": path.stem, "headers": headers, "payload": payload}


def _component_schemas() -> Json:
    """Schemas of the data: of whole messages by event type, of what is in them by class name."""
    contracts: list[tuple[str, Literal["validation"], TypeAdapter[Any]]] = [
        *((name, "validation", TypeAdapter(model)) for name, model in INPUTS.items()),
        *((name, "validation", contract) for name, contract in OUTPUTS.items()),
    ]
    by_type, shared = TypeAdapter.json_schemas(contracts, ref_template=_COMPONENT)
    components = {**shared["$defs"], **{name: schema for (name, _), schema in by_type.items()}}
    return {name: _without_mappings(components[name]) for name in sorted(components)}


def _without_mappings(schema: Any) -> Any:
    """A schema without `discriminator` objects: what they say stands in the constants already."""
    match schema:
        case dict():
            return {
                key: _without_mappings(value) for key, value in schema.items() if not _is_mapping(key, value)
            }
        case list():
            return [_without_mappings(value) for value in schema]
        case _:
            return schema


def _is_mapping(key: str, value: object) -> bool:
    return key == "discriminator" and isinstance(value, dict)
