"""Writes what others read of the contracts: `schemas/json/*.schema.json` and `schemas/asyncapi.json`.

Run as `python -m schemas.export`; a test fails where the committed files are not what this writes.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from schemas import INPUTS
from schemas.asyncapi import document
from schemas.outputs import OUTPUTS

FOLDER = Path(__file__).parent
JSON_FOLDER = FOLDER / "json"
ASYNCAPI_FILE = FOLDER / "asyncapi.json"

Json = dict[str, Any]


def files() -> Mapping[Path, str]:
    """Every generated file with what it must contain."""
    schemas = {JSON_FOLDER / f"{name}.schema.json": _text(schema) for name, schema in json_schemas()}
    return {**schemas, ASYNCAPI_FILE: _text(document())}


def json_schemas() -> Iterator[tuple[str, Json]]:
    """The JSON Schema (2020-12) of the data of each event, in and out, by event type."""
    contracts: dict[str, TypeAdapter[Any]] = {
        **{name: TypeAdapter(model) for name, model in INPUTS.items()},
        **OUTPUTS,
    }
    for name, contract in contracts.items():
        yield (
            name,
            {
                "$schema": GenerateJsonSchema.schema_dialect,
                "$id": f"urn:inventory-worker:{name}",
                **contract.json_schema(),
            },
        )


def _text(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes the generated files, and removes those that nothing generates any more."""
    JSON_FOLDER.mkdir(exist_ok=True)
    generated = files()
    for stale in set(JSON_FOLDER.iterdir()) - set(generated):
        stale.unlink()
    for path, text in generated.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
