"""What imports have in common: rows of a file, each judged as an event, or reported with its line number."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import asyncpg
from pydantic import ValidationError

from worker.inspect.own_events import Judge
from worker.inspect.rows import Json
from worker.runtime.decode import Arrival

T = TypeVar("T")

OnProgress = Callable[[int, int], None]
"""Told how many rows are done, of how many."""


class Row(NamedTuple):
    """A row that keeps its contract, as the event that it becomes."""

    line_no: int
    subject: str
    arrival: Arrival


class BadRow(NamedTuple):
    """A row that did not come in, and why."""

    line_no: int
    subject: str | None
    reason: str


@dataclass(slots=True)
class Imported:
    """What came of a file."""

    subject: str
    """What a row is about, as JSON names it."""
    rows: int = 0
    imported: int = 0
    already_there: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """As an import's `--json` prints it."""
        return {
            "rows": self.rows,
            "imported": self.imported,
            "already_there": self.already_there,
            "bad_rows": [
                {"line": row.line_no, self.subject: row.subject, "reason": row.reason}
                for row in self.bad_rows
            ],
        }


async def judge_rows(judge: Judge, rows: Sequence[Row], found: Imported) -> None:
    """Judge rows together; those that the database refuses are found by halves."""
    if not rows:
        return
    try:
        answers = await judge([row.arrival for row in rows])
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        if len(rows) == 1:
            reason = f"the database refuses it: {str(error).partition(chr(10))[0]}"
            found.bad_rows.append(BadRow(rows[0].line_no, rows[0].subject, reason))
            return
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            await judge_rows(judge, half, found)
        return
    by_event = {row.arrival.event.event_id: row for row in rows}
    for answer in answers:
        row = by_event.pop(answer["cause_id"], None)
        if row is None:
            continue  # an event that had waited for what this row brought
        match answer["outcome"]:
            case "applied":
                found.imported += 1
            case "already_applied":
                found.already_there += 1
            case "parked":
                missing = answer["waits_for"]
                reason = f"waits for {missing['kind']} {missing['key']}"
                found.bad_rows.append(BadRow(row.line_no, row.subject, reason))
            case _:
                found.bad_rows.append(BadRow(row.line_no, row.subject, answer["message"]))
    found.already_there += len(by_event)


def fault_of(error: ValidationError) -> str:
    """The first violation: where, and which rule. What stood there may be private and is not told."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'the row'}: {fault['msg']}"


def in_pieces(size: int, rows: Iterable[T]) -> Iterator[list[T]]:
    """The rows in pieces of so many, the last perhaps smaller."""
    some: list[T] = []
    for row in rows:
        some.append(row)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
