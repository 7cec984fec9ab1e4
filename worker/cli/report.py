"""Commands that look and tell: status, audit, why, retention."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.options import (
    NOT_NEEDED_KAFKA,
    DatabaseOption,
    JsonOption,
    KafkaOption,
    StateDirOption,
    moment,
    quiet_log,
    settings_from,
)

if TYPE_CHECKING:
    from worker.inspect.rows import Json


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(status)
    app.command()(audit)
    app.command()(why)
    app.command()(retention)


def status(
    *,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in one verdict whether the work gets done; the exit code says the same.

    | exit code | verdict | meaning |
    |---|---|---|
    | 0 | ok | all is read, or will be within a minute |
    | 10 | draining | slow: the backlog shrinks, and takes so many minutes |
    | 11 | falling_behind | more comes than is read |
    | 12 | stuck | there is work and a worker, and nothing moves; or answers do not get out |
    | 13 | no_worker | nobody is in the consumer group |
    | 14 | topics_missing | `inventory-worker topics` makes them |
    | 15 | schema_mismatch | `inventory-worker migrate`, or another version of the worker |
    | 16 | kafka_away | |
    | 17 | database_away | |

    For example:

        inventory-worker status --json
    """
    from worker.cli import loop, tables, terminal
    from worker.inspect.status import status as look

    quiet_log("ERROR")
    found = loop.run(look(settings_from(kafka, database_url, state_dir)))
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        terminal.show(tables.status(found))
    raise typer.Exit(found.exit_code)


def audit(
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what can be, by movements in the ledger.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Compare the names in all answers ever given, not in the newest.")
    ] = False,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look in the database for whatever contradicts itself; exit code 1 when there is anything (left).

    Looks as of one moment, blocks nobody, and says which order or event explains what it finds. --repair puts
    levels and orders right while the workers work; what it did is in the ledger as `audit.repaired`. With
    --state-dir the database need not run. For example:

        inventory-worker audit --state-dir .state/demo
    """
    from worker.cli import tables, terminal
    from worker.cli.database import on_database
    from worker.inspect.audit import BATCHES_MAX, audit_of
    from worker.inspect.repair import repair as put_right

    batches_max = None if deep else BATCHES_MAX
    if repair:
        done = on_database(
            lambda url: put_right(settings_from(NOT_NEEDED_KAFKA, url), batches_max), database_url, state_dir
        )
        document, shown, found = done.as_json(), tables.repaired(done), done.after
    else:
        found = on_database(lambda url: audit_of(url, batches_max), database_url, state_dir)
        document, shown = found.as_json(), tables.audit(found)
    if as_json:
        typer.echo(json.dumps(document))
    else:
        terminal.show(shown)
    raise typer.Exit(0 if found.is_clean else 1)


def why(
    item: Annotated[
        str, typer.Argument(metavar="ITEM", help="An item's id or sku, or a variant made of it alone.")
    ],
    *,
    location: Annotated[str | None, typer.Option(metavar="L", help="Only this location.")] = None,
    order: Annotated[str | None, typer.Option(metavar="O", help="Only movements of this order.")] = None,
    at: Annotated[
        datetime | None, typer.Option(metavar="TIME", parser=moment, help="Only up to this moment.")
    ] = None,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell why an item's levels are what they are: every movement, its cause, and the balance after it.

    Balances count all movements, also those that the options leave out. Reads only, as of one moment, and
    blocks nobody. With --state-dir the database need not run. For example:

        inventory-worker why SHIRT-M --location berlin --at 2026-05-04T12:30:00Z
    """
    from worker.cli import tables, terminal
    from worker.cli.database import on_database
    from worker.inspect.why import Question, why_of

    question = Question(item, location, order, at)
    found = on_database(lambda url: why_of(url, question), database_url, state_dir)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        terminal.show(tables.why(found))


def retention(
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Archive what is due, as the workers do once a minute.")
    ] = False,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell how far back inbox, ledger and orders go, and which months are in the archives.

    Answers are removed ten minutes after their horizon was announced, at the earliest. For example:

        inventory-worker retention --now
    """
    from worker.cli import tables, terminal
    from worker.cli.database import on_database
    from worker.inspect.retention import archive_now, state

    async def work(url: str) -> "tuple[Json, Json]":
        settings = settings_from(NOT_NEEDED_KAFKA, url)
        done = (await archive_now(settings))._asdict() if now else None
        return await state(settings), done

    found, done = on_database(work, database_url, state_dir)
    if as_json:
        typer.echo(json.dumps({**found, "done": done}))
    else:
        terminal.show(tables.retention(found, done))
