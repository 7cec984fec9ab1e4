"""What all contracts share: the base model, the kinds of text, and their limits."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

ID_LENGTH_MAX = 255
LABEL_LENGTH_MAX = 1_000
PROSE_LENGTH_MAX = 20_000
LINES_MAX = 1_000
"""Most entries of any list in one event: lines of an order, parts of a recipe, locations of a channel."""

VERSION_MAX = 2**63 - 1

ID_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]+$"
"""No control characters: ids go into keys, headers, logs and terminals."""


class Contract(BaseModel):
    """Base of everything on the wire: frozen, no coercion between JSON types, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", use_attribute_docstrings=True)


Id = Annotated[str, Field(min_length=1, max_length=ID_LENGTH_MAX, pattern=ID_PATTERN)]
"""Identity given by a producer, compared character by character."""

Label = Annotated[str, Field(max_length=LABEL_LENGTH_MAX)]
"""Short free text: a name, a title, a code, an address of a picture."""

Prose = Annotated[str, Field(max_length=PROSE_LENGTH_MAX)]
"""Long free text."""

T = TypeVar("T")

Word = Annotated[T, Field(strict=False)]
"""A member of an enum, given as the text that is its value."""

Array = Annotated[tuple[T, ...], Field(strict=False)]
"""A JSON array of any length."""

Listed = Annotated[tuple[T, ...], Field(strict=False, max_length=LINES_MAX)]
"""A JSON array of any length up to `LINES_MAX`."""

Lines = Annotated[tuple[T, ...], Field(strict=False, min_length=1, max_length=LINES_MAX)]
"""A JSON array of at least one entry."""

Version = Annotated[int, Field(ge=1, le=VERSION_MAX)]
"""The producer's number of its own entity's state; an older one is answered `stale` (DESIGN §3)."""


@dataclass(frozen=True, slots=True)
class NullIs:
    """Pydantic annotation: an explicit JSON null means the same as leaving the field out."""

    value: Any

    def __get_pydantic_core_schema__(self, source: type[object], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda given: self.value if given is None else given,
            core_schema.nullable_schema(handler(source)),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        given = handler(schema)
        null = {"type": "null"}
        return given if null in given.get("anyOf", ()) else {"anyOf": [given, null]}


def refuse_doubled(values: Iterable[Hashable], what: str) -> None:
    """Raises the violation `doubled` where a value is there twice. `what` names the list."""
    seen = list(values)
    if len(set(seen)) != len(seen):
        raise PydanticCustomError("doubled", "{what} must not be listed twice", {"what": what})


def refuse_unless_one(contract: Contract, names: tuple[str, ...]) -> None:
    """Raises the violation `exactly_one` unless exactly one of the named fields carries a value."""
    if sum(getattr(contract, name) is not None for name in names) != 1:
        raise PydanticCustomError(
            "exactly_one", "Exactly one of {names} must be given", {"names": ", ".join(names)}
        )


def one_of(names: tuple[str, ...]) -> dict[str, JsonValue]:
    """JSON Schema of the rule of `refuse_unless_one`."""
    return {"oneOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in names]}
