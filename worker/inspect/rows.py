"""Database rows as JSON values, spelled as on the wire."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg

Json = Any
"""A value of a JSON document."""


def wire_row(row: "asyncpg.Record") -> dict[str, Json]:
    """The row's columns by name: quantities as ints or decimal strings, moments in RFC 3339."""
    return {name: _wire(value) for name, value in row.items()}


def wire_rows(rows: "Iterable[asyncpg.Record]") -> list[dict[str, Json]]:
    """The same for several rows."""
    return [wire_row(row) for row in rows]


def moment_of(text: str) -> datetime:
    """The moment that a person names, RFC 3339 or a date; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def wire_number(value: Decimal) -> int | str:
    """A quantity as the wire spells it: an int where whole, else a decimal string."""
    return int(value) if value == value.to_integral_value() else f"{value.normalize():f}"


def _wire(value: object) -> Json:
    match value:
        case Decimal():
            return wire_number(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return value
