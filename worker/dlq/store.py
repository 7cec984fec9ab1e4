"""The state of dead letters, and the runs of the replay tool, in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

import sql
from worker.dlq.letter import Json, Letter
from worker.dlq.selection import Selection
from worker.dlq.topic import Ends
from worker.inspect.rows import wire_row

if TYPE_CHECKING:
    from worker.runtime.database import Connection

STATES_READ, HANDLED_PUT = sql.query("dlq_states_read"), sql.query("dlq_handled_put")
LETTERS_MARK = sql.query("dead_letters_mark")
RUN_INSERT, RUN_UPDATE = sql.query("dlq_run_insert"), sql.query("dlq_run_update")
RUNS_READ = sql.query("dlq_runs_read")

ALL_RUNS = 1000


class State(StrEnum):
    """What became of a dead letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class Kind(StrEnum):
    """What a run does."""

    REPLAY = "replay"
    DISCARD = "discard"


class Ended(StrEnum):
    """How a run ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Run:
    """One run over some dead letters of a topic, up to where it ended when the run began."""

    run_id: UUID
    kind: Kind
    who: str
    dlq_topic: str
    selection: Selection
    ends: Ends
    to_topic: str | None = None
    reason: str | None = None


async def states(connection: "Connection", letters: Sequence[Letter]) -> list[str]:
    """The state of each of these dead letters of one topic, in order."""
    if not letters:
        return []
    originals = [letter.original for letter in letters]
    rows = await connection.fetch(
        STATES_READ,
        letters[0].place.topic,
        [letter.place.partition for letter in letters],
        [letter.place.offset for letter in letters],
        [letter.timestamp_ms for letter in letters],
        [original.topic if original else None for original in originals],
        [original.partition if original else None for original in originals],
        [original.offset if original else None for original in originals],
        [letter.original_timestamp_ms for letter in letters],
    )
    return [row["state"] for row in rows]


async def mark(connection: "Connection", run: Run, letters: Sequence[Letter], state: State) -> None:
    """Keep what became of these dead letters, in one transaction."""
    if not letters:
        return
    letters = sorted(letters, key=lambda letter: letter.place)
    known = [
        (letter.original, letter.original_timestamp_ms)
        for letter in letters
        if letter.original is not None and letter.original_timestamp_ms is not None
    ]
    async with connection.transaction():
        await connection.execute(
            HANDLED_PUT,
            run.dlq_topic,
            [letter.place.partition for letter in letters],
            [letter.place.offset for letter in letters],
            [letter.timestamp_ms for letter in letters],
            state.value,
            run.run_id,
        )
        await connection.execute(
            LETTERS_MARK,
            [original.topic for original, _ in known],
            [original.partition for original, _ in known],
            [original.offset for original, _ in known],
            [timestamp_ms for _, timestamp_ms in known],
            state.value,
        )


async def begin(connection: "Connection", run: Run) -> None:
    """Keep that a run begins."""
    await connection.execute(
        RUN_INSERT,
        run.run_id,
        run.kind.value,
        run.who,
        run.dlq_topic,
        _json(run.selection.as_json()),
        _json({str(partition): end for partition, end in run.ends.items()}),
        run.to_topic,
        run.reason,
    )


async def note(
    connection: "Connection", run: Run, counts: Mapping[str, int], ended: Ended | None = None
) -> None:
    """Keep how far a run has come, and how it ended."""
    await connection.execute(RUN_UPDATE, run.run_id, _json(counts), ended.value if ended else None)


async def read_run(connection: "Connection", run_id: UUID) -> tuple[Run, dict[str, int]] | None:
    """A run with its counts so far, to go on with; None where there is none."""
    row = await connection.fetchrow(RUNS_READ, run_id, 1)
    if row is None:
        return None
    run = Run(
        run_id=row["run_id"],
        kind=Kind(row["kind"]),
        who=row["who"],
        dlq_topic=row["dlq_topic"],
        selection=Selection.of_json(orjson.loads(row["selection"])),
        ends={int(partition): end for partition, end in orjson.loads(row["ends"]).items()},
        to_topic=row["to_topic"],
        reason=row["reason"],
    )
    return run, orjson.loads(row["counts"])


async def history(connection: "Connection", runs_max: int = ALL_RUNS) -> list[dict[str, Json]]:
    """The runs, the newest first: who, when, which dead letters, and what came of it."""
    rows = await connection.fetch(RUNS_READ, None, runs_max)
    documents = ("selection", "ends", "counts")
    return [
        {
            **wire_row(row),
            "run_id": str(row["run_id"]),
            **{name: orjson.loads(row[name]) for name in documents},
        }
        for row in rows
    ]


def _json(value: Json) -> str:
    return orjson.dumps(value).decode()
