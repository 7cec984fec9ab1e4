"""Commands about how far is read: check, rewind."""

import json
from datetime import datetime
from typing import Annotated

import typer

from worker.cli.options import (
    DatabaseOption,
    JsonOption,
    KafkaOption,
    StateDirOption,
    moment,
    quiet_log,
    settings_from,
)

offsets = typer.Typer(no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(offsets, name="offsets")


@offsets.callback()
def _offsets() -> None:
    """How far is read, by Kafka and by the database: for after a restore or a failover.

    For example:

        inventory-worker offsets check
        inventory-worker offsets rewind
    """


@offsets.command("check")
def check(
    *,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare Kafka's offsets with the database's, partition by partition, and say what is missing.

    Changes nothing and joins no group; any time, beside the workers.

    | exit code | meaning |
    |---|---|
    | 0 | they agree, or workers catch up by themselves at the next assignment |
    | 20 | `inventory-worker offsets rewind` is called for, before workers run |
    | 21 | records or partitions are gone from Kafka: no rewind brings them back |
    | 22 | the database was restored under running workers: restart them |

    For example:

        inventory-worker offsets check --json
    """
    from worker.cli import loop, tables, terminal
    from worker.inspect.offsets import offsets as look

    quiet_log("ERROR")
    found = loop.run(look(settings_from(kafka, database_url, state_dir)))
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        terminal.show(tables.offsets(found))
    raise typer.Exit(found.exit_code)


@offsets.command("rewind")
def rewind(
    *,
    since: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=moment, help="Read everything again that came since then."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    kafka: KafkaOption = None,
    database_url: DatabaseOption = None,
    state_dir: StateDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let what the check finds skipped be read again; shows first what it would do, then asks.

    Goes only back, never on: what is read twice is known by its id and changes nothing. Only while no worker
    runs. With --json and without --yes it only shows the plan.

    | exit code | meaning |
    |---|---|
    | 0 | done, or nothing to do |
    | 1 | not wanted after all, or a server did not answer: the same command again goes on |
    | 20 | --json without --yes: this would be done |
    | 22 | the group has members: nothing was changed; stop the workers first |

    For example:

        inventory-worker offsets rewind
        inventory-worker offsets rewind --since 2026-05-04T12:30:00Z --yes
    """
    from worker.cli import loop, tables, terminal
    from worker.inspect.offsets import FITS, MEMBERS, REWIND
    from worker.inspect.offsets import offsets as look
    from worker.inspect.offsets import rewind as put_back

    quiet_log("CRITICAL")
    settings = settings_from(kafka, database_url, state_dir)
    found = loop.run(look(settings, since))
    if not as_json:
        terminal.show(tables.rewind(found))
    if not found.moves:
        code = FITS
    elif found.members:
        code = MEMBERS
    elif as_json and not yes:
        code = REWIND
    else:
        if not yes:
            typer.confirm("Rewind?", abort=True, err=True)
        code = FITS if loop.run(put_back(settings, found.moves)) else MEMBERS
    if as_json:
        typer.echo(json.dumps(found.rewind_json(is_done=code == FITS)))
    elif found.moves and code == FITS:
        typer.echo("done: start the workers")
    if code == MEMBERS:
        terminal.say(f"the group {found.group} has members: stop the workers first; nothing was changed")
    raise typer.Exit(code)
